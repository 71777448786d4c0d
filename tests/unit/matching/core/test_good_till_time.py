"""A GTT order rests like a GTC one and ends before the first input at or after its time (ORD-010)."""

from typing import Any

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, IOC, SELL, Desk
from wavetank.matching.core import commands
from wavetank.matching.core.engine import Engine
from wavetank.model.orders import CancelReason, OrderState
from wavetank.model.reason import Reason

GTT = 4
SECOND_NS = 10**9
pytestmark = pytest.mark.spec("ORD-010")


def test_it_is_gone_before_the_input_of_its_time_does_anything(desk: Desk) -> None:
    order_id = desk.place(ALICE, SELL, 10, 1_000, time_in_force=GTT, expire_time_ns=2_000).order_id
    desk.now = 1_999
    assert desk.place(BOB, BUY, 4, 1_000, time_in_force=IOC).filled_lots == 4
    desk.now = 2_000
    assert desk.place(BOB, BUY, 4, 1_000, time_in_force=IOC).filled_lots == 0
    assert desk.kinds() == ["OrderCancelled", "OrderAccepted", "OrderCancelled"]
    expired = next(desk.of_kind("OrderCancelled"))
    assert (expired.order_id, expired.reason, expired.remaining_lots) == (order_id, CancelReason.EXPIRED, 6)
    assert list(desk.engine.command_ends) == [3]


def test_time_alone_ends_it_whatever_the_gate(desk: Desk) -> None:
    desk.place(ALICE, SELL, 10, 1_000, time_in_force=GTT, expire_time_ns=2_000)
    desk.place(ALICE, SELL, 10, 1_010, time_in_force=GTT, expire_time_ns=1_500)
    desk.engine.set_gate(desk.now, is_open=False)
    desk.drain()
    assert desk.engine.next_deadline_ns == 1_500
    desk.engine.advance(5_000)
    desk.drain()
    assert [event.price_ticks for event in desk.of_kind("OrderCancelled")] == [1_010, 1_000]
    assert desk.engine.next_deadline_ns == 0


def test_one_that_ended_otherwise_has_no_deadline_left(desk: Desk) -> None:
    order_id = desk.place(ALICE, SELL, 10, 1_000, time_in_force=GTT, expire_time_ns=2_000).order_id
    desk.cancel(ALICE, order_id)
    assert desk.engine.next_deadline_ns == 0


def test_a_recovered_shard_knows_the_deadline(desk: Desk) -> None:
    fields: dict[str, Any] = {"time_in_force": GTT, "expire_time_ns": 2_000, "client_order_id": b"one"}
    desk.place(ALICE, SELL, 10, 1_000, **fields)
    restored = Engine.restore(desk.engine.snapshot(), desk.settings)
    assert restored.next_deadline_ns == 2_000
    known = restored.order(account_id=ALICE, client_order_id=b"one")
    assert known is not None
    assert (known.expire_time_ns, known.state) == (2_000, OrderState.OPEN)
    # Ended, it is remembered, and due no more.
    desk.now = 2_000
    desk.engine.advance(desk.now)
    desk.drain()
    assert Engine.restore(desk.engine.snapshot(), desk.settings).next_deadline_ns == 0
    assert desk.place(ALICE, SELL, 10, 1_000, **fields).repeated


def test_its_time_must_be_to_come(desk: Desk) -> None:
    result = desk.place(ALICE, SELL, 10, 1_000, time_in_force=GTT, expire_time_ns=desk.now)
    assert (result.reason, result.was, result.allowed) == (Reason.EXPIRY_PASSED, 1_000, 1_000)


def test_a_time_goes_with_gtt_only(desk: Desk) -> None:
    assert desk.place(ALICE, SELL, 10, 1_000, time_in_force=GTT).reason == Reason.ORDER_COMBINATION
    assert desk.place(ALICE, SELL, 10, 1_000, expire_time_ns=2_000).reason == Reason.ORDER_COMBINATION
    result = desk.place(ALICE, SELL, 10, 1_000, time_in_force=GTT, expire_time_ns=-1)
    assert result.reason == Reason.MALFORMED
    assert desk.market(ALICE, SELL, 10, expire_time_ns=2_000).reason == Reason.ORDER_COMBINATION


def test_of_one_moment_orders_expire_before_switches_fire(desk: Desk) -> None:
    at = desk.now + SECOND_NS
    stays = desk.place(ALICE, SELL, 10, 1_000).order_id
    expires = desk.place(ALICE, SELL, 10, 1_010, time_in_force=GTT, expire_time_ns=at).order_id
    desk.send(commands.cancel_all_after(account_id=ALICE, timeout_ns=SECOND_NS))
    desk.engine.advance(at)
    desk.drain()
    assert desk.kinds() == ["OrderCancelled", "DeadManMoved", "OrderCancelled"]
    assert [(event.order_id, event.reason) for event in desk.of_kind("OrderCancelled")] == [
        (expires, CancelReason.EXPIRED),
        (stays, CancelReason.DEAD_MAN),
    ]
