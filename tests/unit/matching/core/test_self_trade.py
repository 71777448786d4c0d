"""Self-trade prevention: the resting order expires and the incoming one goes on, or it stops, or both end."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, FOK, SELL, Desk
from wavetank.model.events.matching import OrderCancelled
from wavetank.model.orders import CancelReason, OrderState
from wavetank.model.reason import Reason


@pytest.mark.spec("MTCH-020")
def test_the_own_resting_order_expires_before_the_taker_goes_on(desk: Desk) -> None:
    own = desk.place(ALICE, SELL, 10, 1_000).order_id
    desk.place(BOB, SELL, 10, 1_000)
    result = desk.place(ALICE, BUY, 10, 1_000)
    assert desk.kinds() == ["OrderAccepted", "OrderCancelled", "Traded"]
    cancelled = next(desk.of_kind("OrderCancelled"))
    assert (cancelled.order_id, cancelled.reason, cancelled.remaining_lots) == (own, CancelReason.SELF_TRADE, 10)
    assert result.filled_lots == 10
    assert desk.engine.position(ALICE, 1) == 10


@pytest.mark.spec("MTCH-020")
def test_no_fee_and_no_trade_when_only_the_own_order_is_met(desk: Desk) -> None:
    desk.place(ALICE, SELL, 10, 1_000)
    desk.place(ALICE, BUY, 4, 1_000)
    credit = desk.engine.credit(ALICE)
    assert credit is not None
    assert (credit.fees_micros, credit.value_micros, desk.engine.position(ALICE, 1)) == (0, 0, 0)
    assert desk.engine.book(1, 5) == ([(1_000, 4, 1)], [])


@pytest.mark.spec("MTCH-020")
def test_an_incoming_order_may_stop_itself_instead(desk: Desk) -> None:
    desk.place(BOB, SELL, 5, 990)
    own = desk.place(ALICE, SELL, 10, 1_000).order_id
    result = desk.place(ALICE, BUY, 20, 1_000, self_trade_prevention=2, client_order_id=b"one")
    assert desk.kinds() == ["OrderAccepted", "Traded", "OrderCancelled"]
    cancelled = desk.events[-1]
    assert isinstance(cancelled, OrderCancelled)
    assert (cancelled.order_id, cancelled.reason) == (result.order_id, CancelReason.SELF_TRADE)
    assert (result.state, result.filled_lots, result.remaining_lots) == (OrderState.CANCELLED, 5, 15)
    assert [order.order_id for order in desk.engine.open_orders(ALICE)] == [own]
    # The first answer told the end, and so does its repetition, also by a recovered shard.
    again = desk.place(ALICE, BUY, 20, 1_000, self_trade_prevention=2, client_order_id=b"one")
    assert (again.state, again.filled_lots, again.repeated) == (OrderState.CANCELLED, 5, True)


@pytest.mark.spec("MTCH-020")
def test_an_order_that_ended_later_was_answered_open(desk: Desk) -> None:
    desk.place(ALICE, SELL, 10, 1_000, client_order_id=b"one")
    desk.place(ALICE, BUY, 10, 1_000)
    assert [event.reason for event in desk.of_kind("OrderCancelled")] == [CancelReason.SELF_TRADE]
    assert desk.place(ALICE, SELL, 10, 1_000, client_order_id=b"one").state == OrderState.OPEN


@pytest.mark.spec("MTCH-020")
def test_or_both_end(desk: Desk) -> None:
    own = desk.place(ALICE, SELL, 10, 1_000).order_id
    result = desk.place(ALICE, BUY, 20, 1_000, self_trade_prevention=3)
    assert [event.order_id for event in desk.of_kind("OrderCancelled")] == [own, result.order_id]
    assert desk.engine.open_orders(ALICE) == []


@pytest.mark.spec("MTCH-020", "ORD-010")
def test_fill_or_kill_counts_up_to_the_order_that_would_stop_it(desk: Desk) -> None:
    desk.place(BOB, SELL, 5, 990)
    desk.place(ALICE, SELL, 10, 1_000)
    desk.place(BOB, SELL, 20, 1_010)
    for mode in (2, 3):
        result = desk.place(ALICE, BUY, 20, 1_010, time_in_force=FOK, self_trade_prevention=mode)
        assert (result.reason, result.was, result.allowed) == (Reason.FILL_OR_KILL_UNFILLED, 20, 5)
    assert desk.place(ALICE, BUY, 20, 1_010, time_in_force=FOK, self_trade_prevention=1).filled_lots == 20
    assert desk.place(ALICE, BUY, 20, 1_010, self_trade_prevention=4).reason == Reason.MALFORMED
