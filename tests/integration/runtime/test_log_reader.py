"""A reader counts every entry once and stops at whatever is missing: against a real Redis."""

import asyncio
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio

from tests.eventually import eventually_async
from wavetank.runtime.log_entry import FIELD, LogCorrupt, LogEntry, Position, encode_entry, log_key
from wavetank.runtime.log_reader import LogGap, LogReader, LogTrimmed, read_log
from wavetank.runtime.log_writer import LogWriter
from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.redis_server import start_redis

RECORD = bytes(range(128))


async def written(url: str, log: str, counts: list[int]) -> list[LogEntry]:
    """Open an epoch and append entries of so many events each; return them."""
    writer = await LogWriter.open(url, log)
    entries = [await writer.append(b"", RECORD * count, count, writer.last_now_ns) for count in counts]
    await writer.close()
    return entries


async def take(reader: LogReader, count: int) -> list[LogEntry]:
    """Return the next entries that a live reader yields."""
    found: list[LogEntry] = []
    async with asyncio.timeout(10), aclosing(reader.follow()) as following:
        async for entry in following:
            found.append(entry)
            if len(found) == count:
                break
    return found


async def test_a_reader_waits_for_a_log_that_does_not_exist_yet(
    redis_url: str, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    reader = LogReader(redis_db, log_name, block_ms=20)
    assert await reader.read_available() == []
    task = asyncio.create_task(take(reader, 3))
    sent = await written(redis_url, log_name, [2, 1])
    assert (await task)[1:] == sent
    assert reader.position == sent[-1].position


async def test_a_reader_goes_on_behind_its_position_and_through_epochs(
    redis_url: str, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    first = await written(redis_url, log_name, [2, 1])
    second = await written(redis_url, log_name, [4])
    reader = LogReader(redis_db, log_name, after=first[0].position)
    found = await take(reader, 3)
    assert [(entry.entry_id, entry.first_seq) for entry in found] == [("1-3", 3), ("2-0", 4), ("2-4", 4)]
    assert found[2] == second[0]
    assert reader.position == Position("2-4", 7, second[0].checksum)


async def test_available_entries_come_in_batches_until_the_end(
    redis_url: str, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    await written(redis_url, log_name, [1] * 5)
    reader = LogReader(redis_db, log_name, batch_entries=4)
    assert [len(await reader.read_available()) for _ in range(3)] == [4, 2, 0]


async def test_a_hole_is_seen_with_both_ids(redis_url: str, redis_db: redis.asyncio.Redis, log_name: str) -> None:
    await written(redis_url, log_name, [1, 1, 1])
    await redis_db.xdel(log_key(log_name), "1-2")
    reader = LogReader(redis_db, log_name)
    with pytest.raises(LogGap, match="1-3 does not follow 1-1") as caught:
        await take(reader, 4)
    assert (caught.value.after_id, caught.value.found_id) == ("1-1", "1-3")
    assert not isinstance(caught.value, LogTrimmed)
    # What stood before the hole was handed out, and counts.
    assert reader.position.entry_id == "1-1"


async def test_a_reader_behind_the_trim_stops_and_says_both_ids(
    redis_url: str, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    sent = await written(redis_url, log_name, [1, 1, 1, 1])
    await redis_db.xtrim(log_key(log_name), maxlen=2, approximate=False)
    with pytest.raises(LogTrimmed, match="1-3 does not follow 1-1") as caught:
        await take(LogReader(redis_db, log_name, after=sent[0].position), 1)
    assert (caught.value.after_id, caught.value.found_id) == ("1-1", "1-3")
    # A reader at the trim's edge goes on.
    assert await take(LogReader(redis_db, log_name, after=sent[1].position), 2) == sent[2:]


async def test_a_seq_that_skips_is_seen_though_the_chain_fits(
    redis_url: str, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    last = (await written(redis_url, log_name, [1]))[-1]
    data = encode_entry(epoch=1, first_seq=3, now_ns=0, prev=last.checksum, inputs=b"", records=RECORD)
    await redis_db.xadd(log_key(log_name), {FIELD: data}, id="1-3")
    with pytest.raises(LogGap, match="its first seq is 3, 2 was due"):
        await LogReader(redis_db, log_name).read_available()


async def test_damage_is_seen(redis_db: redis.asyncio.Redis, log_name: str) -> None:
    data = encode_entry(epoch=1, first_seq=1, now_ns=0, prev=0, inputs=b"", records=RECORD)
    key = log_key(log_name)
    damaged: list[tuple[str, dict[Any, Any]]] = [
        ("1-1", {FIELD: data[:60] + b"x" + data[61:]}),
        ("1-2", {FIELD: data}),
        ("1-3", {b"f": b""}),
    ]
    for entry_id, fields in damaged:
        await redis_db.delete(key)
        await redis_db.xadd(key, fields, id=entry_id)
        with pytest.raises(LogCorrupt):
            await LogReader(redis_db, log_name).read_available()


async def test_a_log_that_ends_before_the_position_is_noticed(
    redis_url: str, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    sent = await written(redis_url, log_name, [1, 1])
    # A Redis that kept nothing: a new writer begins again at epoch 1, below the reader's position.
    await redis_db.delete(log_key(log_name))
    await written(redis_url, log_name, [1])
    reader = LogReader(redis_db, log_name, after=sent[-1].position, block_ms=10, behind_seconds=0.05)
    with pytest.raises(LogGap, match="the log ends before the position"):
        await take(reader, 1)


async def test_a_reader_survives_a_restart_of_redis(tmp_path: Path) -> None:
    server = start_redis(tmp_path, durability="always")
    port = int(server.url.rpartition(":")[2].partition("/")[0])
    client = redis_client(server.url)
    reader = LogReader(client, "matching-0", block_ms=50)
    found: list[LogEntry] = []

    async def collect() -> None:
        async with aclosing(reader.follow()) as following:
            async for entry in following:
                found.append(entry)  # noqa: PERF401 - it never ends.

    task = asyncio.create_task(collect())
    try:
        sent = await written(server.url, "matching-0", [1, 2])
        await eventually_async(lambda: len(found) == 3)
        server.kill()
        server = start_redis(tmp_path, durability="always", port=port)
        sent += await written(server.url, "matching-0", [3])
        await eventually_async(lambda: len(found) == 5)
        assert [entry for entry in found if entry.count] == sent
    finally:
        task.cancel()
        await client.aclose()
        server.stop()


async def test_a_cancellation_that_the_client_swallows_ends_the_reader(
    redis_db: redis.asyncio.Redis, log_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With this it looks, when nothing comes, whether the log ends before its position.
    read, asked = redis_db.xrevrange, asyncio.Event()

    async def swallowing(*arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - as redis-py has it.
        asked.set()
        with suppress(asyncio.CancelledError):
            return await read(*arguments, **more)
        return []

    monkeypatch.setattr(redis_db, "xrevrange", swallowing)
    reading = asyncio.create_task(take(LogReader(redis_db, log_name, block_ms=10), 1))
    await asked.wait()
    reading.cancel()
    await asyncio.wait([reading], timeout=5.0)
    assert reading.cancelled()


async def test_the_plain_reader_reads_the_same(redis_url: str, redis_db: redis.asyncio.Redis, log_name: str) -> None:
    sent = await written(redis_url, log_name, [1, 2, 3])
    client = redis.Redis.from_url(redis_url)
    try:
        assert list(read_log(client, log_name, batch_entries=2))[1:] == sent
        assert list(read_log(client, log_name, after=sent[0].position)) == sent[1:]
        client.xdel(log_key(log_name), "1-2")
        with pytest.raises(LogGap, match="1-4 does not follow 1-1"):
            list(read_log(client, log_name))
        client.xtrim(log_key(log_name), maxlen=1, approximate=False)
        with pytest.raises(LogTrimmed, match="1-4 does not follow 0-0"):
            list(read_log(client, log_name))
    finally:
        client.close()
