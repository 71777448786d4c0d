"""One writer per log, and nothing acknowledged is lost: against a real Redis, with a network that fails on command."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from tests.eventually import eventually_async
from tests.integration.runtime.cutting_proxy import CuttingProxy
from wavetank.runtime.durability import DurabilityMissing
from wavetank.runtime.errors import InvariantBroken
from wavetank.runtime.log_entry import EntryKind, LogEntry, log_key
from wavetank.runtime.log_reader import LogReader
from wavetank.runtime.log_tail import Fenced, LogLost
from wavetank.runtime.log_writer import LogUnavailable, LogWriter
from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.redis_server import RedisServer, start_redis
from wavetank.runtime.settings import Durability

RECORD = bytes(range(128))


@asynccontextmanager
async def opened(
    url: str, log: str, *, timeout: float = 2.0, retained_bytes: int = 1 << 20
) -> AsyncIterator[LogWriter]:
    writer = await LogWriter.open(url, log, append_timeout=timeout, retained_bytes=retained_bytes)
    try:
        yield writer
    finally:
        await writer.close()


async def append(writer: LogWriter, count: int = 1, inputs: bytes = b"") -> LogEntry:
    return await writer.append(inputs, RECORD * count, count, writer.last_now_ns + 1)


async def entries(url: str, log: str) -> list[LogEntry]:
    """Return the whole log, checked by a reader."""
    client = redis_client(url)
    try:
        return await LogReader(client, log).read_available()
    finally:
        await client.aclose()


def ids(found: list[LogEntry]) -> list[str]:
    return [entry.entry_id for entry in found]


async def test_entries_are_chained_and_their_ids_say_epoch_and_first_seq(redis_url: str, log_name: str) -> None:
    async with opened(redis_url, log_name) as writer:
        assert (writer.epoch, writer.last_seq, writer.available) == (1, 0, True)
        sent = [await append(writer, 3, b"one"), await append(writer, 1), await append(writer, 2)]
        assert writer.last_seq == 6
    found = await entries(redis_url, log_name)
    # Three events take seqs 1 to 3, one takes 4, two take 5 and 6.
    assert ids(found) == ["1-0", "1-1", "1-4", "1-5"]
    assert found[0].kind is EntryKind.EPOCH_STARTED
    assert found[1:] == sent


async def test_a_new_writer_fences_the_old_one(redis_url: str, log_name: str) -> None:
    async with opened(redis_url, log_name) as old:
        await append(old, 2)
        async with opened(redis_url, log_name) as new:
            assert (new.epoch, new.last_seq) == (2, 2)
            with pytest.raises(Fenced):
                await append(old)
            assert not old.available
            with pytest.raises(Fenced):
                await append(old)
            with pytest.raises(Fenced):
                await old.watch()
            await append(new)
    assert ids(await entries(redis_url, log_name)) == ["1-0", "1-1", "2-0", "2-3"]


async def test_a_fence_alone_stops_the_old_writer(redis_url: str, redis_db: redis.asyncio.Redis, log_name: str) -> None:
    # A new writer that died between raising its fence and writing its first entry.
    async with opened(redis_url, log_name) as old:
        await append(old)
        await execute(redis_db, "XSETID", log_key(log_name), f"1-{2**64 - 1}")
        with pytest.raises(Fenced):
            await append(old)
    async with opened(redis_url, log_name) as new:
        assert (new.epoch, new.last_seq) == (2, 1)
    assert ids(await entries(redis_url, log_name)) == ["1-0", "1-1", "2-0"]


async def test_writers_that_open_at_once_get_epochs_of_their_own(redis_url: str, log_name: str) -> None:
    writers = await asyncio.gather(*(LogWriter.open(redis_url, log_name) for _ in range(8)))
    assert sorted(writer.epoch for writer in writers) == [1, 2, 3, 4, 5, 6, 7, 8]
    last = max(writers, key=lambda writer: writer.epoch)
    outcomes = await asyncio.gather(*(append(writer) for writer in writers), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if not isinstance(outcome, LogEntry)] == [Fenced] * 7
    assert last.last_seq == 1
    for writer in writers:
        await writer.close()
    assert ids(await entries(redis_url, log_name))[-1] == "8-1"


async def test_a_new_writer_fences_one_that_appends_without_pause(redis_url: str, log_name: str) -> None:
    async with opened(redis_url, log_name) as old:
        acknowledged: list[LogEntry] = []

        async def append_until_fenced() -> None:
            while True:
                acknowledged.append(await append(old))

        task = asyncio.create_task(append_until_fenced())
        await eventually_async(lambda: len(acknowledged) >= 20)
        async with opened(redis_url, log_name) as new:
            with pytest.raises(Fenced):
                await task
            assert new.last_seq == old.last_seq == acknowledged[-1].last_seq
    found = await all_entries(redis_url, log_name)
    assert [entry for entry in found if entry.kind is EntryKind.BATCH] == acknowledged


async def test_an_answer_lost_after_the_append_is_found_committed(redis_server: RedisServer, log_name: str) -> None:
    async with CuttingProxy(redis_server.url) as proxy, opened(proxy.url, log_name) as writer:
        await append(writer)
        proxy.cut_after_forwarding(b"XADD")
        entry = await append(writer)
        assert proxy.cuts == 1
        assert (entry.entry_id, writer.available) == ("1-2", True)
        await append(writer)
    assert ids(await entries(redis_server.url, log_name)) == ["1-0", "1-1", "1-2", "1-3"]


async def test_an_append_lost_on_its_way_is_sent_again(redis_server: RedisServer, log_name: str) -> None:
    async with CuttingProxy(redis_server.url) as proxy, opened(proxy.url, log_name) as writer:
        await append(writer)
        proxy.cut_before_forwarding(b"XADD")
        entry = await append(writer)
        assert proxy.cuts == 1
        assert entry.entry_id == "1-2"
    assert ids(await entries(redis_server.url, log_name)) == ["1-0", "1-1", "1-2"]


async def test_no_answer_in_time_makes_the_log_unavailable_until_it_is_resolved(
    redis_server: RedisServer, log_name: str
) -> None:
    async with CuttingProxy(redis_server.url) as proxy, opened(proxy.url, log_name, timeout=0.2) as writer:
        proxy.swallow_answers()
        task = asyncio.create_task(append(writer))
        async with asyncio.timeout(5):
            await writer.until_unavailable()
        assert (writer.available, task.done()) == (False, False)
        proxy.pass_everything()
        assert (await task).entry_id == "1-1"
        assert writer.available
    assert ids(await entries(redis_server.url, log_name)) == ["1-0", "1-1"]


async def test_an_append_may_begin_while_the_log_is_away(redis_server: RedisServer, log_name: str) -> None:
    async with CuttingProxy(redis_server.url) as proxy, opened(proxy.url, log_name, timeout=0.2) as writer:
        await proxy.stop_accepting()
        await eventually_async(lambda: not writer.available)
        task = asyncio.create_task(append(writer))
        await proxy.accept_again()
        assert (await task).entry_id == "1-1"
    assert ids(await entries(redis_server.url, log_name)) == ["1-0", "1-1"]


async def test_a_writer_whose_answer_was_lost_and_that_was_then_fenced_says_so(
    redis_server: RedisServer, log_name: str
) -> None:
    async with CuttingProxy(redis_server.url) as proxy, opened(proxy.url, log_name, timeout=0.2) as writer:
        await append(writer)
        await proxy.stop_accepting()
        task = asyncio.create_task(append(writer))
        async with opened(redis_server.url, log_name) as new:
            await append(new)
            await proxy.accept_again()
            with pytest.raises(Fenced):
                await task
    assert ids(await entries(redis_server.url, log_name)) == ["1-0", "1-1", "2-0", "2-2"]


async def test_what_a_failover_lost_is_appended_again(redis_server: RedisServer, log_name: str) -> None:
    client = redis_client(redis_server.url)
    async with CuttingProxy(redis_server.url) as proxy, opened(proxy.url, log_name) as writer:
        before = [await append(writer, count) for count in (2, 1, 3)]
        await truncate(client, log_name, ["1-3", "1-4"], last_id="1-1")
        proxy.cut_before_forwarding(b"XADD")
        after = await append(writer)
        assert writer.last_seq == 7
    await client.aclose()
    assert (await entries(redis_server.url, log_name))[1:] == [*before, after]


async def test_a_log_that_was_lost_whole_is_appended_again_whole(
    redis_url: str, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    async with opened(redis_url, log_name) as writer:
        before = [await append(writer), await append(writer)]
        await redis_db.delete(log_key(log_name))
        # The append itself lands in an empty stream; only the chain would show it, so the connection is cut first.
        lost = asyncio.create_task(writer.until_unavailable())
        await execute(redis_db, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        await lost
        await writer.until_available()
        after = await append(writer)
    assert (await entries(redis_url, log_name))[1:] == [*before, after]


async def test_lost_entries_beyond_the_retained_tail_are_named(redis_server: RedisServer, log_name: str) -> None:
    client = redis_client(redis_server.url)
    async with CuttingProxy(redis_server.url) as proxy, opened(proxy.url, log_name, retained_bytes=300) as writer:
        # Each entry is 48 + 128 + 8 = 184 bytes, so the tail keeps only the last: seq 4.
        for _ in range(4):
            await append(writer)
        await truncate(client, log_name, ["1-2", "1-3", "1-4"], last_id="1-1")
        proxy.cut_before_forwarding(b"XADD")
        with pytest.raises(LogLost, match="acknowledged seqs 2 to 3 are lost"):
            await append(writer)
    await client.aclose()


def reached(acknowledged: list[LogEntry], enough: int) -> bool:
    return len(acknowledged) >= enough


async def execute(client: redis.asyncio.Redis, *command: str) -> None:
    """Send a command that redis-py has no word for."""
    await client.execute_command(*command)  # type: ignore[no-untyped-call]


async def truncate(client: redis.asyncio.Redis, log: str, lost: list[str], *, last_id: str) -> None:
    """Take entries off the end of a log, as a failover to a replica that lagged does."""
    key = log_key(log)
    await client.xdel(key, *lost)
    kept: Any = await client.xrange(key)
    await client.delete(key)
    for entry_id, fields in kept:
        await client.xadd(key, fields, id=entry_id)
    assert (await client.xinfo_stream(key))["last-generated-id"] == last_id.encode()


@pytest.mark.parametrize("durability", [Durability.EVERYSEC, Durability.ALWAYS])
async def test_killing_redis_during_appends_loses_nothing_acknowledged(tmp_path: Path, durability: Durability) -> None:
    server = start_redis(tmp_path / "redis", durability=durability.value)
    port = int(server.url.rpartition(":")[2].partition("/")[0])
    writer = await LogWriter.open(server.url, "matching-0", durability=durability, append_timeout=0.5)
    acknowledged: list[LogEntry] = []
    running = True

    async def append_all() -> None:
        while running:
            acknowledged.append(await append(writer))

    task = asyncio.create_task(append_all())
    try:
        for _ in range(3):
            enough = len(acknowledged) + 50
            await eventually_async(partial(reached, acknowledged, enough))
            server.kill()
            async with asyncio.timeout(5):
                await writer.until_unavailable()
            server = start_redis(tmp_path / "redis", durability=durability.value, port=port)
            async with asyncio.timeout(10):
                await writer.until_available()
        running = False
        await task
        found = [entry for entry in await all_entries(server.url, "matching-0") if entry.kind is EntryKind.BATCH]
        assert found == acknowledged
    finally:
        task.cancel()
        await writer.close()
        server.stop()


async def all_entries(url: str, log: str) -> list[LogEntry]:
    client = redis_client(url)
    reader = LogReader(client, log)
    found: list[LogEntry] = []
    while batch := await reader.read_available():
        found += batch
    await client.aclose()
    return found


async def test_a_log_may_be_written_over_a_socket(tmp_path_factory: pytest.TempPathFactory) -> None:
    with start_redis(tmp_path_factory.mktemp("r")) as server:
        assert server.unix_url is not None
        async with opened(server.unix_url, "matching-0") as writer:
            assert (await append(writer)).entry_id == "1-1"
        assert ids(await entries(server.unix_url, "matching-0")) == ["1-0", "1-1"]


async def test_a_second_append_in_flight_stops_the_process(redis_server: RedisServer, log_name: str) -> None:
    async with CuttingProxy(redis_server.url) as proxy, opened(proxy.url, log_name, timeout=0.2) as writer:
        proxy.swallow_answers()
        first = asyncio.create_task(append(writer))
        await asyncio.sleep(0)
        with pytest.raises(InvariantBroken, match="while 1-1 was in flight"):
            await append(writer)
        proxy.pass_everything()
        await first


async def test_a_committed_entry_is_told_to_a_callback_once(redis_server: RedisServer, log_name: str) -> None:
    told: list[int] = []
    async with CuttingProxy(redis_server.url) as proxy, opened(proxy.url, log_name) as writer:

        def commit_next(last_seq: int) -> None:
            # The next append begins where the one before ends, without a task in between.
            told.append(last_seq)
            assert writer.last_seq == last_seq
            if len(told) < 100:
                writer.commit(b"", RECORD, 1, last_seq + 1, commit_next)

        writer.commit(b"", RECORD, 1, 1, commit_next)
        await eventually_async(lambda: len(told) == 100)
        # Also when only the log itself can tell that it was committed.
        proxy.cut_after_forwarding(b"XADD")
        writer.commit(b"", RECORD, 1, 200, told.append)
        await eventually_async(lambda: len(told) == 101)
    logged = (await entries(redis_server.url, log_name))[1:]
    assert [entry.last_seq for entry in logged] == told == list(range(1, 102))
    assert [entry.now_ns for entry in logged] == [*range(1, 101), 200]
    assert {entry.records for entry in logged} == {RECORD}


async def test_an_entry_without_events_or_back_in_time_is_refused(redis_url: str, log_name: str) -> None:
    async with opened(redis_url, log_name) as writer:
        await writer.append(b"", RECORD, 1, 1_000)
        for records, count, now_ns in ((b"", 0, 1_000), (RECORD, 2, 1_000), (RECORD, 1, 999)):
            with pytest.raises(InvariantBroken):
                await writer.append(b"inputs", records, count, now_ns)
        assert (await writer.append(b"", RECORD, 1, 1_000)).entry_id == "1-2"


async def test_a_closed_writer_refuses(redis_url: str, log_name: str) -> None:
    async with opened(redis_url, log_name) as writer:
        pass
    with pytest.raises(LogUnavailable, match="was closed"):
        await append(writer)


async def test_a_redis_that_is_not_there_is_said_within_the_time(log_name: str) -> None:
    with pytest.raises(LogUnavailable, match=r"within 0\.3 s"):
        await LogWriter.open("redis://127.0.0.1:1/0", log_name, open_timeout=0.3)


@pytest.mark.parametrize(
    ("started_as", "setting", "promised", "advice"),
    [
        (
            "everysec",
            ("maxmemory-policy", "allkeys-lru"),
            Durability.EVERYSEC,
            "CONFIG SET maxmemory-policy noeviction",
        ),
        ("memory", None, Durability.EVERYSEC, "CONFIG SET appendonly yes"),
        ("everysec", None, Durability.ALWAYS, "CONFIG SET appendfsync always"),
    ],
)
async def test_a_redis_that_keeps_less_than_promised_is_refused(
    tmp_path: Path, started_as: str, setting: tuple[str, str] | None, promised: Durability, advice: str
) -> None:
    with start_redis(tmp_path, durability=started_as) as server:
        client = redis_client(server.url)
        if setting:
            await client.config_set(*setting)
        with pytest.raises(DurabilityMissing, match=advice):
            await LogWriter.open(server.url, "matching-0", durability=promised)
        assert await client.dbsize() == 0
        await client.aclose()


async def test_a_redis_that_forbids_config_is_trusted(tmp_path: Path) -> None:
    with start_redis(tmp_path) as server:
        client = redis_client(server.url)
        await execute(client, "ACL", "SETUSER", "venue", "on", ">pass", "~*", "+@all", "-config")
        await client.aclose()
        writer = await LogWriter.open(server.url.replace("//", "//venue:pass@"), "matching-0")
        assert (await append(writer)).entry_id == "1-1"
        await writer.close()
