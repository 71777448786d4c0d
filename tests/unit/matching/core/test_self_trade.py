"""Self-trade prevention: the resting order expires, and the incoming one goes on."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, SELL, Desk
from wavetank.model.orders import CancelReason


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
