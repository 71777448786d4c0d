"""Only newer snapshots replace older ones, two are kept, and a damaged one is not used."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio

from tests.eventually import eventually_async
from wavetank.runtime.forking import ForkFailed
from wavetank.runtime.log_entry import Position
from wavetank.runtime.snapshots import Snapshot, SnapshotRefused, SnapshotStore, snapshot_key, snapshots_key


def at(epoch: int, seq: int) -> Position:
    return Position(f"{epoch}-{seq}", seq, -seq)


@pytest.fixture
def store(redis_db: redis.asyncio.Redis, log_name: str) -> SnapshotStore:
    return SnapshotStore(redis_db, log_name)


async def test_a_log_without_snapshots_has_none(store: SnapshotStore) -> None:
    assert await store.load_latest() is None


async def test_the_latest_is_loaded_as_it_was_saved(store: SnapshotStore) -> None:
    await store.save(3, at(3, 10), b"ten")
    await store.save(3, at(3, 12), bytes(range(256)))
    assert await store.load_latest() == Snapshot(3, Position("3-12", 12, -12), bytes(range(256)))


@pytest.mark.parametrize(("epoch", "seq"), [(2, 20), (3, 9), (2, 9), (4, 9)])
async def test_an_older_epoch_or_seq_is_refused(store: SnapshotStore, epoch: int, seq: int) -> None:
    await store.save(3, at(3, 10), b"kept")
    with pytest.raises(SnapshotRefused, match="epoch 3, seq 10 is kept"):
        await store.save(epoch, at(epoch, seq), b"refused")
    assert await store.load_latest() == Snapshot(3, at(3, 10), b"kept")


async def test_numbers_are_compared_as_numbers(store: SnapshotStore) -> None:
    # As text, 9 would come after 10.
    await store.save(9, at(9, 9), b"nine")
    await store.save(10, at(10, 10), b"ten")
    # 2^53 - 1 and 2^53 - 2 are still told apart.
    await store.save(10, at(10, 9_007_199_254_740_991), b"largest")
    with pytest.raises(SnapshotRefused):
        await store.save(10, at(10, 9_007_199_254_740_990), b"one less")


async def test_the_one_before_is_used_when_the_latest_is_damaged(
    store: SnapshotStore, redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    for seq in (1, 2, 3):
        await store.save(1, at(1, seq), b"state %d" % seq)
    await store.save(1, at(1, 3), b"state 3 again")
    latest, previous = [snapshot_key(log_name, name.decode()) for name in await names(redis_db, log_name)]
    await redis_db.rpush(latest, b"damaged")
    assert await store.load_latest() == Snapshot(1, at(1, 2), b"state 2")
    await redis_db.delete(previous)
    await redis_db.rpush(previous, b"WTS1" + bytes(100))
    assert await store.load_latest() is None


async def test_a_large_one_is_kept_in_pieces_and_only_two_are_kept(
    redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    store = SnapshotStore(redis_db, log_name, chunk_bytes=100)
    for seq in (1, 2, 3):
        await store.save(1, at(1, seq), bytes([seq]) * 1_000)
    assert await store.load_all() == [
        Snapshot(1, at(1, 3), b"\3" * 1_000),
        Snapshot(1, at(1, 2), b"\2" * 1_000),
    ]
    assert await store.previous_id() == "1-2"
    # Header 32 bytes, entry id 3, data 1,000, checksum 8: 1,043 bytes in pieces of 100. The first snapshot is gone.
    assert sorted([await kept(redis_db, key) for key in await pieces(redis_db, log_name)]) == [11, 11]


async def test_one_that_was_never_finished_goes_with_the_next(redis_db: redis.asyncio.Redis, log_name: str) -> None:
    store = SnapshotStore(redis_db, log_name, chunk_bytes=100)
    await store.save(1, at(1, 1), b"one")

    async def breaks_off() -> AsyncIterator[bytes]:
        yield bytes(1_000)
        raise ForkFailed("the copy was killed")

    with pytest.raises(ForkFailed):
        await store.save_chunks(1, at(1, 2), breaks_off())
    assert len(await pieces(redis_db, log_name)) == 1

    # A process that was killed drops nothing.
    async def never_ends() -> AsyncIterator[bytes]:
        yield bytes(1_000)
        await asyncio.Event().wait()

    killed = asyncio.create_task(store.save_chunks(1, at(1, 3), never_ends()))

    async def has_begun() -> bool:
        return len(await pieces(redis_db, log_name)) == 2

    await eventually_async(has_begun)
    assert await store.load_latest() == Snapshot(1, at(1, 1), b"one")
    await store.save(2, at(2, 4), b"four")
    assert [snapshot.data for snapshot in await store.load_all()] == [b"four", b"one"]
    assert len(await pieces(redis_db, log_name)) == 2
    killed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await killed
    assert [snapshot.data for snapshot in await store.load_all()] == [b"four", b"one"]


async def test_two_writers_of_which_one_is_fenced_do_not_mix_their_pieces(
    redis_db: redis.asyncio.Redis, log_name: str
) -> None:
    old, new = (SnapshotStore(redis_db, log_name, chunk_bytes=10) for _ in range(2))
    gate = asyncio.Event()

    async def waits() -> AsyncIterator[bytes]:
        yield b"old" * 10
        await gate.wait()
        yield b"old" * 10

    saving = asyncio.create_task(old.save_chunks(1, at(1, 9), waits()))

    async def has_begun() -> bool:
        return bool(await pieces(redis_db, log_name))

    await eventually_async(has_begun)
    await new.save(2, at(2, 9), b"new")
    gate.set()
    with pytest.raises(SnapshotRefused):
        await saving
    assert [snapshot.data for snapshot in await new.load_all()] == [b"new"]


async def names(client: redis.asyncio.Redis, log: str) -> list[bytes]:
    """Return the names of the latest and the previous snapshot."""
    found: Any = await client.hmget(snapshots_key(log), ["latest", "previous"])
    return list(found)


async def pieces(client: redis.asyncio.Redis, log: str) -> list[bytes]:
    """Return the keys that hold pieces of snapshots."""
    return [key async for key in client.scan_iter(match=snapshot_key(log, "*"))]


async def kept(client: redis.asyncio.Redis, key: bytes) -> int:
    length: Any = await client.llen(key.decode())
    return int(length)
