"""A shard that follows an ordering policy (MTCH-060): who is picked off when everybody moves at once."""

from __future__ import annotations

import pytest

from tests.eventually import eventually_async
from tests.unit.matching.core.desk import ALICE, BOB
from tests.unit.matching.memory_shard import BUY, SECOND, SELL, Shard, WaitingBatch, order, running
from wavetank.matching.core import commands as packed
from wavetank.matching.core.ordering import Ordering, OrderingSettings
from wavetank.model.orders import OrderState
from wavetank.model.reason import Reason

pytestmark = pytest.mark.spec("MTCH-060")

BLOCK = SECOND // 10


class Clock:
    """Wall time that moves when a test says so."""

    def __init__(self) -> None:
        self.now_ns = SECOND

    def __call__(self) -> int:
        return self.now_ns


async def ready(shard: Shard) -> None:
    shard.open()
    await shard.price(1_000)
    shard.line(ALICE)
    shard.line(BOB)
    await shard.settled()


async def race(shard: Shard, clock: Clock) -> tuple[WaitingBatch, WaitingBatch]:
    """Let Alice rest, then Bob take and Alice cancel, in this order; return both when they are answered."""
    resting = order(ALICE, SELL, 100, 1_000)
    shard.service.submit(resting)
    await pass_a_block(clock, resting)
    assert resting.results is not None
    taker = order(BOB, BUY, 100, 1_000)
    cancel = WaitingBatch(packed.cancel(account_id=ALICE, order_id=resting.results[0].order_id), 1)
    shard.service.submit(taker)
    shard.service.submit(cancel)
    await pass_a_block(clock, taker)
    assert cancel.is_done()
    return taker, cancel


async def pass_a_block(clock: Clock, batch: WaitingBatch) -> None:
    """Let time pass until a batch is answered; the service's own timer must bring it about."""
    clock.now_ns += BLOCK
    await eventually_async(batch.is_done)


async def test_by_arrival_the_taker_who_came_first_trades() -> None:
    clock = Clock()
    async with running(wall_ns=clock) as shard:
        await ready(shard)
        taker, cancel = await race(shard, clock)
        assert taker.results is not None
        assert cancel.results is not None
        assert taker.results[0].state == OrderState.FILLED
        assert cancel.results[0].reason == Reason.ORDER_UNKNOWN


async def test_cancels_first_saves_the_maker_who_came_later() -> None:
    clock = Clock()
    ordering = OrderingSettings(policy=Ordering.CANCELS_FIRST, block_interval_ns=BLOCK)
    async with running(wall_ns=clock, ordering=ordering) as shard:
        await ready(shard)
        taker, cancel = await race(shard, clock)
        assert taker.results is not None
        assert cancel.results is not None
        assert cancel.results[0].state == OrderState.CANCELLED
        assert (taker.results[0].state, taker.results[0].filled_lots) == (OrderState.OPEN, 0)


async def test_nothing_runs_before_its_block_ends_and_all_of_it_when_the_shard_stops() -> None:
    clock = Clock()
    ordering = OrderingSettings(policy=Ordering.CANCELS_FIRST, block_interval_ns=BLOCK)
    async with running(wall_ns=clock, ordering=ordering) as shard:
        await ready(shard)
        waiting = order(ALICE, SELL, 100, 1_000)
        shard.service.submit(waiting)
        await shard.settled()
        assert not waiting.is_done()
        shard.service.stop()
        await shard.running
        assert waiting.is_done()
