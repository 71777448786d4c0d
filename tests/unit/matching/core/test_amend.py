"""Amending: a smaller size keeps its place; a new price or a larger size goes to the end, and may trade."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, POST_ONLY, SELL, Desk
from wavetank.model.orders import OrderState
from wavetank.model.reason import Reason


@pytest.mark.spec("ORD-020")
def test_size_down_keeps_priority_and_size_up_loses_it(desk: Desk) -> None:
    first = desk.place(ALICE, BUY, 20, 1_000).order_id
    second = desk.place(BOB, BUY, 20, 1_000).order_id
    desk.amend(ALICE, first, size_lots=15)
    assert desk.engine.queue(1, BUY, 1_000) == [first, second]
    amended = next(desk.of_kind("OrderAmended"))
    assert (amended.previous_remaining_lots, amended.remaining_lots, amended.kept_priority) == (20, 15, 1)
    desk.amend(ALICE, first, size_lots=16)
    assert desk.engine.queue(1, BUY, 1_000) == [second, first]
    assert next(desk.of_kind("OrderAmended")).kept_priority == 0


@pytest.mark.spec("ORD-020", "MTCH-010")
def test_a_new_price_may_trade_and_the_rest_rests(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_010)
    order_id = desk.place(ALICE, BUY, 30, 1_000).order_id
    result = desk.amend(ALICE, order_id, price_ticks=1_010)
    assert (result.state, result.filled_lots, result.remaining_lots) == (OrderState.OPEN, 10, 20)
    assert desk.kinds() == ["OrderAmended", "Traded"]
    assert desk.engine.book(1, 5) == ([(1_010, 20, 1)], [])


def test_the_size_includes_what_has_been_filled(desk: Desk) -> None:
    order_id = desk.place(ALICE, BUY, 30, 1_000).order_id
    desk.place(BOB, SELL, 10, 1_000)
    refused = desk.amend(ALICE, order_id, size_lots=10)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.AMEND_BELOW_FILLED, 10, 10)
    assert desk.amend(ALICE, order_id, size_lots=11).remaining_lots == 1


def test_a_refused_amendment_leaves_the_order_as_it_was(desk: Desk) -> None:
    order_id = desk.place(ALICE, BUY, 30, 1_000, flags=POST_ONLY).order_id
    desk.place(BOB, SELL, 10, 1_010)
    before = desk.engine.committed(ALICE)
    assert desk.amend(ALICE, order_id, price_ticks=1_010).reason == Reason.POST_ONLY_WOULD_CROSS
    assert desk.amend(ALICE, order_id, price_ticks=1_005).reason == Reason.PRICE_OFF_GRID
    assert desk.amend(ALICE, order_id, size_lots=-1).reason == Reason.SIZE_OUT_OF_RANGE
    assert desk.amend(ALICE, order_id).reason == Reason.MALFORMED
    assert desk.amend(CAROL, order_id, size_lots=5).reason == Reason.ORDER_UNKNOWN
    assert desk.engine.queue(1, BUY, 1_000) == [order_id]
    assert desk.engine.committed(ALICE) == before


@pytest.mark.spec("MRGN-040")
def test_an_amendment_is_charged_as_the_order_it_becomes(desk: Desk) -> None:
    order_id = desk.place(ALICE, BUY, 100, 1_000).order_id
    # M(100 * 1000) at 10x is 10,000; the taker fee 45.
    assert desk.engine.committed(ALICE) == 10_045
    desk.line(ALICE, 20_089)
    refused = desk.amend(ALICE, order_id, size_lots=200)
    # 20,000 + 90, one more than the budget.
    assert (refused.reason, refused.was, refused.allowed) == (Reason.CREDIT_EXCEEDED, 20_090, 20_089)
    assert desk.amend(ALICE, order_id, size_lots=199).reason == 0
