"""Failover to a real replica: what it lacks is appended again, or the writer stops and names what is lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.eventually import eventually_async
from tests.integration.runtime.cutting_proxy import CuttingProxy
from wavetank.runtime.durability import DurabilityMissing
from wavetank.runtime.log_entry import EntryKind, LogEntry
from wavetank.runtime.log_reader import LogReader
from wavetank.runtime.log_tail import LogLost
from wavetank.runtime.log_writer import LogWriter
from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.redis_server import RedisServer, start_redis

RECORD = bytes(range(128))
LOG = "matching-0"


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[RedisServer]:
    with start_redis(tmp_path / "primary") as server:
        yield server


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[RedisServer]:
    with start_redis(tmp_path / "replica") as server:
        yield server


async def command(server: RedisServer, *words: str) -> None:
    client = redis_client(server.url)
    try:
        await client.execute_command(*words)  # type: ignore[no-untyped-call]
    finally:
        await client.aclose()


async def follow(replica: RedisServer, primary: RedisServer) -> None:
    """Make one server the replica of another, and return once it has everything."""
    # By default a primary waits five seconds for more replicas before it sends the first one its data.
    await command(primary, "CONFIG", "SET", "repl-diskless-sync-delay", "0")
    await command(replica, "REPLICAOF", "127.0.0.1", primary.url.rpartition(":")[2].partition("/")[0])
    client = redis_client(primary.url)

    async def is_in_step() -> bool:
        told = await client.info("replication")
        return bool(told["connected_slaves"] == 1 and told["slave0"]["state"] == "online")

    await eventually_async(is_in_step, timeout=30.0)
    await client.aclose()


@asynccontextmanager
async def opened(url: str, *, retained_bytes: int = 1 << 20, replicas: int = 0) -> AsyncIterator[LogWriter]:
    writer = await LogWriter.open(url, LOG, append_timeout=0.4, retained_bytes=retained_bytes, replicas=replicas)
    try:
        yield writer
    finally:
        await writer.close()


async def append(writer: LogWriter) -> LogEntry:
    return await writer.append(b"", RECORD, 1, writer.last_now_ns + 1)


async def batches(server: RedisServer) -> list[LogEntry]:
    client = redis_client(server.url)
    try:
        return [entry for entry in await LogReader(client, LOG).read_available() if entry.kind is EntryKind.BATCH]
    finally:
        await client.aclose()


async def fail_over(proxy: CuttingProxy, primary: RedisServer, replica: RedisServer) -> None:
    """Let the primary die and its address lead to the replica."""
    await proxy.stop_accepting()
    primary.kill()
    proxy.lead_to(replica.url)
    await proxy.accept_again()


async def test_what_the_promoted_replica_lacks_is_appended_again(primary: RedisServer, replica: RedisServer) -> None:
    await follow(replica, primary)
    async with CuttingProxy(primary.url) as proxy, opened(proxy.url) as writer:
        sent = [await append(writer)]
        reader_client = redis_client(primary.url)
        reader = LogReader(reader_client, LOG)

        async def replica_has(count: int) -> bool:
            return len(await batches(replica)) == count

        await eventually_async(lambda: replica_has(1))
        # Cut off from its primary the replica misses two acknowledged entries, which a reader has counted already.
        await command(replica, "REPLICAOF", "NO", "ONE")
        sent += [await append(writer), await append(writer)]
        await reader.read_available()
        counted = reader.position
        await reader_client.aclose()
        await fail_over(proxy, primary, replica)
        sent.append(await append(writer))
        assert writer.last_seq == 4
        assert await batches(replica) == sent
        # The reader goes on behind what it had counted: the same entries stand there again.
        client = redis_client(replica.url)
        rest = await LogReader(client, LOG, counted).read_available()
        assert [entry.entry_id for entry in rest] == ["1-4"]
        await client.aclose()


async def test_seqs_that_nobody_holds_any_more_are_named(primary: RedisServer, replica: RedisServer) -> None:
    await follow(replica, primary)
    # An entry is 48 + 128 + 8 = 184 bytes, so the tail keeps only the last.
    async with CuttingProxy(primary.url) as proxy, opened(proxy.url, retained_bytes=300) as writer:
        await append(writer)

        async def replica_has_one() -> bool:
            return len(await batches(replica)) == 1

        await eventually_async(replica_has_one)
        await command(replica, "REPLICAOF", "NO", "ONE")
        for _ in range(3):
            await append(writer)
        await fail_over(proxy, primary, replica)
        # The replica ends with seq 1; held is seq 4, so 2 and 3 are gone.
        with pytest.raises(LogLost, match="acknowledged seqs 2 to 3 are lost"):
            await append(writer)
    assert [entry.entry_id for entry in await batches(replica)] == ["1-1"]


async def test_with_a_replica_wanted_nothing_is_committed_without_it(
    primary: RedisServer, replica: RedisServer
) -> None:
    await follow(replica, primary)
    await command(primary, "CONFIG", "SET", "min-replicas-to-write", "1")
    async with CuttingProxy(primary.url) as proxy, opened(proxy.url, replicas=1) as writer:
        sent = [await append(writer), await append(writer)]
        # What was acknowledged stands on the replica at once.
        assert await batches(replica) == sent
        await command(replica, "REPLICAOF", "NO", "ONE")
        unacknowledged = asyncio.create_task(append(writer))
        async with asyncio.timeout(5):
            await writer.until_unavailable()
        assert not unacknowledged.done()
        # After the failover it is appended to the new primary, and acknowledged once that has a replica of its own.
        await fail_over(proxy, primary, replica)
        with start_redis(primary.directory / "second") as second:
            await follow(second, replica)
            sent.append(await unacknowledged)
            assert await batches(replica) == sent
            assert await batches(second) == sent


async def test_a_redis_that_would_write_without_the_replica_is_refused(primary: RedisServer) -> None:
    with pytest.raises(DurabilityMissing, match="CONFIG SET min-replicas-to-write 1"):
        await LogWriter.open(primary.url, LOG, replicas=1)
