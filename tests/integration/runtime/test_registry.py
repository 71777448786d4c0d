"""The registry as a service runs it: behind clearing's log, from its beginning and on."""

import asyncio
import hashlib
from pathlib import Path

import pytest
import redis.asyncio

from tests.eventually import eventually_async
from wavetank.model.events.clearing import ApiKeyCreated, ApiKeyRevoked
from wavetank.model.instrument import default_instruments
from wavetank.model.record import Event, encode_all
from wavetank.runtime.errors import VenueError
from wavetank.runtime.log_reader import LogReader
from wavetank.runtime.log_writer import LogWriter
from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.redis_server import start_redis
from wavetank.runtime.registry import Registry


async def append(writer: LogWriter, *events: Event) -> None:
    await writer.append(b"", encode_all(events), len(events), 0)


async def test_the_registry_reads_what_was_and_follows_what_comes(
    redis_url: str, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    writer = await LogWriter.open(redis_url, log_name)
    instruments = default_instruments()
    await append(writer, *(event for instrument in instruments for event in instrument.listing()))
    registry = Registry(internal_key="key", patience=10.0)
    task = asyncio.create_task(registry.follow(LogReader(redis_db, log_name, block_ms=100)))
    async with asyncio.timeout(10):
        await registry.ready()
    assert tuple(registry.instruments.values()) == instruments
    # A client that was given its key this moment calls before the log has been read.
    call = asyncio.create_task(registry.identify("bot.secret"))
    await append(writer, ApiKeyCreated(0, 1_001, b"bot", hashlib.sha256(b"secret").digest(), 1))
    assert (await call).account_id == 1_001
    await append(writer, ApiKeyRevoked(0, 1_001, b"bot"))
    who = await call
    await eventually_async(lambda: not registry.is_valid(who))
    with pytest.raises(VenueError):
        registry.authenticate("bot.secret")
    task.cancel()
    await writer.close()


async def test_the_registry_waits_for_a_redis_that_is_not_there_yet(tmp_path: Path) -> None:
    with start_redis(tmp_path) as server:
        url, port = server.url, int(server.url.rpartition(":")[2].partition("/")[0])
    client = redis_client(url)
    registry = Registry(internal_key="key")
    task = asyncio.create_task(registry.follow(LogReader(client, "clearing", block_ms=100)))
    with pytest.raises(VenueError, match="has not read all keys yet"):
        registry.authenticate("bot.secret")
    with start_redis(tmp_path, port=port):
        async with asyncio.timeout(10):
            await registry.ready()
        # Clearing has never run, so nothing is listed; it is waited for.
        listed = asyncio.create_task(registry.listed())
        async with asyncio.timeout(10):
            writer = await LogWriter.open(url, "clearing")
            await append(writer, *default_instruments()[0].listing())
            await listed
        assert [known.symbol for known in registry.instruments.values()] == [default_instruments()[0].symbol]
        task.cancel()
        await writer.close()
        await client.aclose()
