"""Reduce-only orders never increase or flip a position; resting ones shrink or expire, newest first."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, FOK, IOC, REDUCE_ONLY, SELL, Desk
from wavetank.model.orders import CancelReason, OrderState
from wavetank.model.reason import Reason


@pytest.mark.spec("MTCH-030")
def test_resting_reduce_only_orders_share_the_position(desk: Desk) -> None:
    desk.give(ALICE, 100)
    assert desk.place(ALICE, SELL, 60, 1_010, flags=REDUCE_ONLY).state == OrderState.OPEN
    refused = desk.place(ALICE, SELL, 41, 1_010, flags=REDUCE_ONLY)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.REDUCE_ONLY_WOULD_INCREASE, 41, 40)
    assert desk.place(ALICE, BUY, 1, 990, flags=REDUCE_ONLY).reason == Reason.REDUCE_ONLY_WOULD_INCREASE
    assert desk.place(ALICE, SELL, 40, 1_010, flags=REDUCE_ONLY).reason == 0


@pytest.mark.spec("MTCH-030")
def test_when_the_position_shrinks_the_newest_are_cancelled_or_shrunk(desk: Desk) -> None:
    desk.give(ALICE, 100)
    old = desk.place(ALICE, SELL, 60, 1_010, flags=REDUCE_ONLY).order_id
    new = desk.place(ALICE, SELL, 40, 1_020, flags=REDUCE_ONLY).order_id
    desk.place(BOB, BUY, 50, 1_000)
    # 50 lots are left: the newest 40 go, and of the older 60 ten more.
    desk.place(ALICE, SELL, 50, 1_000)
    assert desk.kinds() == ["OrderAccepted", "Traded", "OrderCancelled", "OrderAmended"]
    cancelled, amended = desk.events[2:]
    assert (cancelled.order_id, cancelled.reason) == (new, CancelReason.REDUCE_ONLY)  # type: ignore[attr-defined]
    assert (amended.order_id, amended.remaining_lots, amended.kept_priority) == (old, 50, 1)  # type: ignore[attr-defined]
    desk.place(BOB, BUY, 60, 1_000)
    desk.place(ALICE, SELL, 60, 1_000)
    # The position flipped to -10: nothing on the sell side reduces it.
    assert desk.engine.open_orders(ALICE) == []


@pytest.mark.spec("MTCH-030")
def test_a_maker_shrinks_before_the_taker_meets_its_next_order(desk: Desk) -> None:
    desk.give(ALICE, 100)
    desk.place(ALICE, SELL, 100, 1_000)
    desk.place(ALICE, SELL, 100, 1_010, flags=REDUCE_ONLY)
    result = desk.place(BOB, BUY, 150, 1_010)
    assert (result.filled_lots, desk.engine.position(ALICE, 1)) == (100, 0)
    assert desk.kinds() == ["OrderAccepted", "Traded", "OrderCancelled"]


@pytest.mark.spec("MTCH-030")
def test_fill_or_kill_counts_only_what_is_certain(desk: Desk) -> None:
    desk.give(ALICE, 100)
    desk.place(ALICE, SELL, 50, 1_000)
    desk.place(ALICE, SELL, 100, 1_010, flags=REDUCE_ONLY)
    assert desk.place(BOB, BUY, 51, 1_010, time_in_force=FOK).reason == Reason.FILL_OR_KILL_UNFILLED
    assert desk.place(BOB, BUY, 50, 1_010, time_in_force=FOK).state == OrderState.FILLED


@pytest.mark.spec("MRGN-040")
def test_beside_other_orders_reduce_only_lots_count_in_the_reach(desk: Desk) -> None:
    desk.give(ALICE, 100)
    desk.place(ALICE, SELL, 100, 1_010, flags=REDUCE_ONLY)
    # Alone: max(M(100), M(0)) = 10,000, and a fee of ceil(101,000 * 450 ppm = 45.45) = 46.
    assert desk.engine.committed(ALICE) == 10_046
    desk.place(ALICE, SELL, 200, 1_010)
    # All sells filled, the reduce-only first: 100 - 100 - 200 = -200, M = 20,000; fees 46 + ceil(90.9) = 137.
    assert desk.engine.committed(ALICE) == 20_137
    assert desk.place(ALICE, SELL, 1, 1_010, flags=REDUCE_ONLY, time_in_force=IOC).reason != 0
