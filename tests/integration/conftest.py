"""What tests against a real Redis may ask for: one server for the run, and a log of its own for each test."""

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import redis.asyncio

from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.redis_server import RedisServer, start_redis


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Return a server that every test of the run shares; who kills a server starts another."""
    with start_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """Return the shared server's URL."""
    return redis_server.url


@pytest.fixture
async def redis_db(redis_url: str) -> AsyncIterator["redis.asyncio.Redis"]:
    """Return a client of the shared server."""
    client = redis_client(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def log_name(redis_db: "redis.asyncio.Redis") -> AsyncIterator[str]:
    """Return the name of a log that no other test has; its keys are deleted afterwards."""
    name = f"test-{uuid.uuid4().hex}"
    yield name
    keys = [key async for key in redis_db.scan_iter(match=f"wt:{{{name}*}}:*")]
    if keys:
        await redis_db.delete(*keys)
