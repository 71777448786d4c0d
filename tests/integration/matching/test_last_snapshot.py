"""A shard that stops in good order leaves a snapshot of its last state, whatever was being written then."""

import asyncio
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from tests.unit.matching.core.desk import INSTRUMENT
from tests.unit.matching.memory_shard import BUY, SECOND, WaitingBatch, order
from wavetank.matching.core.settings import EngineSettings
from wavetank.matching.metrics import StageMetrics
from wavetank.matching.recovery import Recovery
from wavetank.matching.service import MatchingService
from wavetank.runtime.clock import VenueClock
from wavetank.runtime.log_writer import LogWriter
from wavetank.runtime.snapshot_keeper import SnapshotKeeper
from wavetank.runtime.snapshots import SnapshotStore

if TYPE_CHECKING:
    import redis.asyncio


async def test_the_last_state_is_saved_when_its_snapshot_was_due_while_another_was_written(
    redis_url: str, redis_db: "redis.asyncio.Redis", log_name: str
) -> None:
    log = await LogWriter.open(redis_url, log_name)
    recovery = Recovery(0, EngineSettings(), None)
    recovery.list_instruments([INSTRUMENT])
    service = MatchingService(
        recovery.engine,
        log,
        VenueClock(start_ns=SECOND, origin_ns=SECOND, speed_milli=1_000, wall_ns=lambda: SECOND),
        cursors=recovery.cursors,
        sample_interval_ns=1_000 * SECOND,
        answer_timeout_seconds=5.0,
        metrics=StageMetrics(CollectorRegistry()),
        controls=recovery.controls,
    )
    keeper = SnapshotKeeper(redis_db, log)
    # Due with each cycle, so that every one comes while that of the first is being written.
    service.keep_snapshots(keeper, 1)
    running = asyncio.create_task(service.run())
    # Each is refused for want of a credit line, which is an event.
    batches: list[WaitingBatch] = [order(7, BUY, 1, 100) for _ in range(3)]
    for batch in batches:
        service.submit(batch)
        await service.ask(lambda _: None)
    assert all(batch.is_done() for batch in batches)
    service.stop()
    await running
    await keeper.close()
    latest = await SnapshotStore(redis_db, log_name).load_latest()
    assert latest is not None
    assert latest.position == log.position
    assert latest.position.seq >= len(batches)
    await log.close()
