"""Cancelling: by either id, all by filter, and only one's own."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, SELL, Desk
from wavetank.matching.core import commands
from wavetank.model.orders import CancelReason, OrderState
from wavetank.model.reason import Reason


@pytest.mark.spec("ORD-020", "ORD-060")
def test_an_order_is_cancelled_once_by_either_id(desk: Desk) -> None:
    first = desk.place(ALICE, BUY, 10, 1_000, client_order_id=b"mine").order_id
    second = desk.place(ALICE, BUY, 20, 1_000).order_id
    assert desk.cancel(ALICE, client_order_id=b"mine").order_id == first
    result = desk.cancel(ALICE, second)
    assert (result.state, result.remaining_lots) == (OrderState.CANCELLED, 20)
    assert desk.cancel(ALICE, second).reason == Reason.ORDER_UNKNOWN
    assert desk.cancel(ALICE, client_order_id=b"mine").reason == Reason.ORDER_UNKNOWN
    assert desk.engine.book(1, 5) == ([], [])


def test_nobody_cancels_anothers_order(desk: Desk) -> None:
    order_id = desk.place(ALICE, BUY, 10, 1_000, client_order_id=b"mine").order_id
    assert desk.cancel(BOB, order_id).reason == Reason.ORDER_UNKNOWN
    assert desk.cancel(BOB, client_order_id=b"mine").reason == Reason.ORDER_UNKNOWN


def test_exactly_one_id_is_given(desk: Desk) -> None:
    order_id = desk.place(ALICE, BUY, 10, 1_000, client_order_id=b"mine").order_id
    assert desk.cancel(ALICE, order_id, b"mine").reason == Reason.MALFORMED
    assert desk.cancel(ALICE).reason == Reason.MALFORMED


@pytest.mark.spec("ORD-020")
def test_cancel_all_follows_its_filter_in_order_of_id(desk: Desk) -> None:
    bids = [desk.place(ALICE, BUY, 10, price).order_id for price in (990, 1_000, 980)]
    ask = desk.place(ALICE, SELL, 10, 1_010).order_id
    other = desk.place(BOB, BUY, 10, 990).order_id
    result = desk.send(commands.cancel_all(account_id=ALICE, side=BUY, cancel_reason=CancelReason.DISCONNECTED))[0]
    assert result.cancelled_orders == 3
    assert [(e.order_id, e.reason) for e in desk.of_kind("OrderCancelled")] == [(order_id, 6) for order_id in bids]
    assert desk.send(commands.cancel_all(account_id=ALICE, instrument_id=1))[0].cancelled_orders == 1
    assert desk.engine.order(ask) is None
    assert desk.engine.order(other) is not None
    refused = desk.send(commands.cancel_all(account_id=ALICE, instrument_id=9))[0]
    assert (refused.reason, refused.was) == (Reason.INSTRUMENT_UNKNOWN, 9)
