"""Only newer snapshots replace older ones, two are kept, and a damaged one is not used."""

import pytest
import redis.asyncio

from wavetank.runtime.log_entry import Position
from wavetank.runtime.snapshots import Snapshot, SnapshotRefused, SnapshotStore, snapshots_key


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
    await redis_db.hset(snapshots_key(log_name), "latest", b"damaged")
    assert await store.load_latest() == Snapshot(1, at(1, 2), b"state 2")
    await redis_db.hset(snapshots_key(log_name), "previous", b"WTS1" + bytes(100))
    assert await store.load_latest() is None
