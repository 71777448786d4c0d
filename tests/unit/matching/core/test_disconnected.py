"""What was to end with its session ends when no session can be left: after a restart (ORD-020)."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, SELL, Desk
from wavetank.matching.core import commands
from wavetank.model.orders import CancelReason, OrderFlag

LEAVES = OrderFlag.CANCEL_ON_DISCONNECT


@pytest.mark.spec("ORD-020")
def test_marked_orders_of_all_accounts_end_by_order_id(desk: Desk) -> None:
    first = desk.place(BOB, BUY, 10, 980, flags=LEAVES).order_id
    stays = desk.place(ALICE, SELL, 10, 1_010).order_id
    second = desk.place(ALICE, BUY, 10, 990, flags=LEAVES, client_order_id=b"one").order_id
    third = desk.place(BOB, SELL, 10, 1_020, flags=LEAVES).order_id
    result = desk.send(commands.cancel_disconnected())[0]
    assert result.cancelled_orders == 3
    assert [(event.order_id, event.reason) for event in desk.of_kind("OrderCancelled")] == [
        (order_id, CancelReason.DISCONNECTED) for order_id in (first, second, third)
    ]
    assert [order.order_id for order in desk.engine.open_orders(ALICE)] == [stays]
    # The remembered one is not open any more.
    assert desk.send(commands.cancel_disconnected())[0].cancelled_orders == 0
