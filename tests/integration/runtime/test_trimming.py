"""A log is trimmed only as far as nobody needs it any more, and only by its writer."""

import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio

from tests.eventually import eventually_async
from wavetank.runtime.log_entry import LogEntry, Position, id_key, log_key
from wavetank.runtime.log_reader import LogReader, LogTrimmed
from wavetank.runtime.log_writer import LogWriter
from wavetank.runtime.snapshot_keeper import SnapshotKeeper
from wavetank.runtime.snapshots import SnapshotStore, snapshots_key
from wavetank.runtime.trimming import LogTrimmer, consumers_key, marks_key, register_consumer

RECORD = bytes(range(128))
SECOND_NS = 1_000_000_000


@pytest.fixture
async def writer(redis_url: str, log_name: str) -> AsyncIterator[LogWriter]:
    writer = await LogWriter.open(redis_url, log_name)
    yield writer
    await writer.close()


async def append(writer: LogWriter, count: int) -> list[LogEntry]:
    """Append entries of one event, one venue second apart."""
    return [await writer.append(b"", RECORD, 1, writer.last_now_ns + SECOND_NS) for _ in range(count)]


async def first_id(client: redis.asyncio.Redis, log: str) -> str:
    rows: Any = await client.xrange(log_key(log), count=1)
    found: str = rows[0][0].decode()
    return found


async def length(client: redis.asyncio.Redis, log: str) -> int:
    found: int = await client.xlen(log_key(log))
    return found


async def test_without_a_retention_nothing_is_trimmed(
    writer: LogWriter, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    keeper = SnapshotKeeper(redis_db, writer)
    for _ in range(3):
        await append(writer, 300)
        await keeper.save(b"state")
    # 900 entries and the start of the epoch.
    assert await length(redis_db, log_name) == 901


async def test_the_log_is_trimmed_to_the_snapshot_before_the_last(
    writer: LogWriter, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    keeper = SnapshotKeeper(redis_db, writer, retention_ns=SECOND_NS)
    for _ in range(2):
        await append(writer, 300)
        await keeper.save(b"state")
    # With two snapshots, the previous one stands at seq 300; Redis removes whole blocks of entries, hence some more
    # stay than must: 184 bytes each in blocks of 4,096, so 22 at most.
    assert 279 <= id_key(await first_id(redis_db, log_name))[1] <= 300
    # Either snapshot and what stands behind it is the whole state.
    for snapshot in await SnapshotStore(redis_db, log_name).load_all():
        reader = LogReader(redis_db, log_name, snapshot.position)
        while reader.position != writer.position:
            assert await reader.read_available()
    # A reader that registered nowhere and comes too late stops, and says both ids.
    with pytest.raises(LogTrimmed, match=r"1-\d+ does not follow 1-5") as stopped:
        await LogReader(redis_db, log_name, Position("1-5", 5, 77)).read_available()
    assert stopped.value.after_id == "1-5"
    assert stopped.value.found_id == await first_id(redis_db, log_name)


async def test_a_registered_consumer_holds_the_log(
    writer: LogWriter, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    entries = await append(writer, 600)
    consumed = entries[99].position
    await register_consumer(redis_db, log_name, "clearing", consumed)
    keeper = SnapshotKeeper(redis_db, writer, retention_ns=SECOND_NS)
    await keeper.save(b"state")
    await append(writer, 300)
    await keeper.save(b"state")
    # The snapshots stand at 600 and 900, the consumer at 100.
    assert 79 <= id_key(await first_id(redis_db, log_name))[1] <= 100
    assert (await LogReader(redis_db, log_name, consumed).read_available())[0] == entries[100]
    # It comes further, and so does the trim with the next snapshot: to 900 by the snapshots, to 500 by the consumer.
    await register_consumer(redis_db, log_name, "clearing", entries[499].position)
    await append(writer, 100)
    await keeper.save(b"state")
    assert 479 <= id_key(await first_id(redis_db, log_name))[1] <= 500


async def test_retention_holds_the_log(writer: LogWriter, redis_db: redis.asyncio.Redis, log_name: str) -> None:
    keeper = SnapshotKeeper(redis_db, writer, retention_ns=700 * SECOND_NS)
    for _ in range(9):
        await append(writer, 100)
        await keeper.save(b"state")
    # The log ends at 900 s. Snapshots at 100, 200, … are the places that retention goes by: 200 is 700 s old.
    assert 179 <= id_key(await first_id(redis_db, log_name))[1] <= 200
    marks: Any = await redis_db.lrange(marks_key(log_name), 0, -1)
    assert [mark.decode().split()[0] for mark in marks] == [f"1-{seq}" for seq in range(200, 901, 100)]


async def test_a_consumer_is_registered_with_what_its_older_snapshot_needs(
    redis_url: str, redis_db: redis.asyncio.Redis, writer: LogWriter, log_name: str
) -> None:
    # A consumer's log of its own, and the log that it consumes.
    counted = [entry.position for entry in await append(writer, 3)]
    consumer = await LogWriter.open(redis_url, f"{log_name}-consumer")
    keeper = SnapshotKeeper(redis_db, consumer)

    async def registered() -> Any:  # noqa: ANN401 - as Redis tells it.
        return await redis_db.hgetall(consumers_key(log_name))

    await keeper.register({log_name: counted[0]})
    assert await registered() == {consumer.log.encode(): b"1-1"}
    for position in counted[1:]:
        await append(consumer, 1)
        await keeper.save(b"state", {log_name: position})
    # The latest snapshot counted seq 3, the one before it seq 2; were the latest damaged, 3 would be read again.
    assert await registered() == {consumer.log.encode(): b"1-2"}
    # After a restart it is not registered anew: what it said holds until its own next snapshots.
    await SnapshotKeeper(redis_db, consumer).register({log_name: counted[2]})
    assert await registered() == {consumer.log.encode(): b"1-2"}
    await consumer.close()
    await redis_db.delete(log_key(consumer.log))


async def test_a_writer_that_was_fenced_cannot_trim(
    redis_url: str, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    old = await LogWriter.open(redis_url, log_name)
    keeper = SnapshotKeeper(redis_db, old, retention_ns=SECOND_NS)
    for _ in range(2):
        await append(old, 300)
        await SnapshotStore(redis_db, log_name).save(old.epoch, old.position, b"state")
        await LogTrimmer(redis_db, log_name, epoch=old.epoch, retention_ns=1).mark(
            old.position.entry_id, old.last_now_ns
        )
    new = await LogWriter.open(redis_url, log_name)
    trimmer = LogTrimmer(redis_db, log_name, epoch=old.epoch, retention_ns=SECOND_NS)
    trimmed = await trimmer.trim(old.last_now_ns + 5 * SECOND_NS)
    assert trimmed is not None
    assert trimmed.entries == 0
    # 600 entries and the starts of two epochs.
    assert await length(redis_db, log_name) == 602
    trimmed = await LogTrimmer(redis_db, log_name, epoch=new.epoch, retention_ns=SECOND_NS).trim(
        old.last_now_ns + 5 * SECOND_NS
    )
    assert trimmed is not None
    assert trimmed.entries >= 279
    assert (trimmed.first_id, trimmed.held_by) == ("1-300", "previous snapshot")
    await keeper.close()
    await old.close()
    await new.close()


async def test_a_snapshot_of_a_copy_trims_as_well(
    writer: LogWriter, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    keeper = SnapshotKeeper(redis_db, writer, retention_ns=SECOND_NS)
    state = bytearray(b"first" * 100_000)
    await append(writer, 300)
    assert keeper.start(lambda: bytes(state))
    # One at a time.
    assert not keeper.start(lambda: b"another")
    state[:] = b"second" * 100_000
    # Appends go on meanwhile; the snapshot is of what was committed when it began.
    await append(writer, 300)
    await keeper.settle()
    assert keeper.start(lambda: bytes(state))
    await keeper.settle()
    latest, previous = await SnapshotStore(redis_db, log_name).load_all()
    assert (latest.position.entry_id, latest.data) == ("1-600", b"second" * 100_000)
    assert (previous.position.entry_id, previous.data) == ("1-300", b"first" * 100_000)
    assert 279 <= id_key(await first_id(redis_db, log_name))[1] <= 300


async def test_a_copy_that_fails_leaves_the_last_snapshots_as_they_were(
    writer: LogWriter, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    keeper = SnapshotKeeper(redis_db, writer)

    def fails() -> bytes:
        raise MemoryError

    await append(writer, 1)
    await keeper.save(b"kept")
    await append(writer, 1)
    assert keeper.start(fails)
    await keeper.settle()
    assert [snapshot.data for snapshot in await SnapshotStore(redis_db, log_name).load_all()] == [b"kept"]

    # A keeper that ends meanwhile leaves neither a copy nor half a snapshot.
    def hangs() -> bytes:
        signal.pause()
        return b""

    assert keeper.start(hangs)

    async def has_begun() -> bool:
        return bool(await redis_db.hexists(snapshots_key(log_name), "staging"))

    await eventually_async(has_begun)
    await keeper.close()
    assert not await has_begun()
    assert [snapshot.data for snapshot in await SnapshotStore(redis_db, log_name).load_all()] == [b"kept"]


async def test_a_state_that_was_written_is_not_written_again(
    writer: LogWriter, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    keeper = SnapshotKeeper(redis_db, writer)
    await append(writer, 1)
    await keeper.save(b"before")
    await append(writer, 1)
    assert keeper.start(lambda: b"last")
    # It waits for the copy, and finds that this was the last state.
    await keeper.save(b"last again")
    assert [snapshot.data for snapshot in await SnapshotStore(redis_db, log_name).load_all()] == [b"last", b"before"]

    def fails() -> bytes:
        raise MemoryError

    # A copy that came to nothing leaves it to be done.
    await append(writer, 1)
    assert keeper.start(fails)
    await keeper.save(b"in place")
    assert [snapshot.data for snapshot in await SnapshotStore(redis_db, log_name).load_all()] == [b"in place", b"last"]
