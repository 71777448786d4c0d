"""The table of own orders tells what plain message objects would tell, whatever events come."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.plain_orders import PlainOrders, order_message
from wavetank.matching.adapters.own_orders import OwnOrders, orders_answer
from wavetank.matching.adapters.wire_reader import read_session_request
from wavetank.matching.core import commands as packed
from wavetank.matching.core.queries import KnownOrder
from wavetank.model.events import matching as events
from wavetank.model.invariant import InvariantBroken
from wavetank.model.record import Event, encode_all
from wavetank.v1 import order_entry_pb2 as pb

ACCOUNTS = (1_000, 1_001, 1_002)
FOLLOWED = ACCOUNTS[:2]
# Zero bytes at the end are padding.
IDS = st.one_of(st.just(b""), st.binary(min_size=1, max_size=16).map(lambda text: text.rstrip(b"\0")))
LOTS = st.integers(0, 2**31 - 1)
PRICE = st.integers(1, 2**31 - 1)


def told_of(data: bytes) -> list[pb.OrderEvent]:
    return list(pb.SessionResponse.FromString(data).events)


@st.composite
def accepted(draw: st.DrawFn, order_id: int) -> events.OrderAccepted:
    triggered = draw(st.booleans())
    return events.OrderAccepted(
        instrument_id=draw(st.integers(1, 3)),
        account_id=draw(st.sampled_from(ACCOUNTS)),
        order_id=order_id,
        client_order_id=draw(IDS),
        price_ticks=draw(PRICE),
        size_lots=draw(LOTS),
        loss_micros=0,
        margin_price_ticks=0,
        slippage_cap_ppm=0,
        request_seq=0,
        expire_time_ns=draw(st.integers(0, 2**62)),
        group_id=draw(st.sampled_from([0, order_id, 77])),
        request_number=0,
        asked_price_ticks=0,
        display_lots=draw(LOTS),
        trigger_price_ticks=draw(PRICE) if triggered else 0,
        side=draw(st.integers(1, 2)),
        order_type=draw(st.integers(1, 2)),
        time_in_force=draw(st.integers(1, 4)),
        flags=draw(st.integers(0, 63)),
        self_trade_prevention=draw(st.integers(0, 3)),
        trigger_kind=draw(st.integers(1, 2)) if triggered else 0,
        trigger_source=draw(st.integers(1, 3)) if triggered else 0,
        group_kind=draw(st.integers(0, 3)),
    )


@st.composite
def histories(draw: st.DrawFn) -> list[list[Event]]:
    """Make cycles of events of orders that were accepted and have not ended."""
    numbers = itertools.count(1)
    live: list[events.OrderAccepted] = []

    def one() -> Event:
        kind = draw(st.integers(0, 7)) if live else 0
        if kind <= 1:
            live.append(draw(accepted(next(numbers))))
            return live[-1]
        order = draw(st.sampled_from(live))
        of: dict[str, Any] = {
            "instrument_id": order.instrument_id,
            "account_id": order.account_id,
            "order_id": order.order_id,
            "client_order_id": order.client_order_id,
            "side": order.side,
        }
        if kind == 2:
            live.remove(order)
            return events.OrderCancelled(
                **of, price_ticks=1, remaining_lots=draw(LOTS), reason=draw(st.integers(1, 14)), flags=0,
                refusal=draw(st.sampled_from([0, 212, 301])),
            )  # fmt: skip
        if kind == 3:
            return events.OrderAmended(
                **of, previous_price_ticks=1, price_ticks=draw(PRICE), previous_remaining_lots=1,
                remaining_lots=draw(LOTS), loss_micros=0, margin_price_ticks=0,
                trigger_price_ticks=draw(PRICE) if order.trigger_kind else 0, kept_priority=draw(st.integers(0, 1)),
            )  # fmt: skip
        if kind == 4:
            return events.OrderTriggered(
                **of, price_ticks=draw(PRICE), size_lots=draw(LOTS), loss_micros=0, margin_price_ticks=0,
                seen_price_ticks=draw(PRICE),
            )  # fmt: skip
        if kind == 5:
            return events.OrderActivated(**of, size_lots=draw(LOTS))
        if kind == 6:
            return events.DeadManMoved(
                0, order.account_id, deadline_ns=draw(st.sampled_from([0, 5])), fired=draw(st.integers(0, 1))
            )
        other = draw(st.sampled_from(live))
        if other is order:
            return events.GateMoved(0, 0, is_open=1)
        left = [draw(st.sampled_from([0, 1, 5])) for _ in range(2)]
        for ended, lots in zip((order, other), left, strict=True):
            if lots == 0:
                live.remove(ended)
        return events.Traded(
            instrument_id=order.instrument_id, account_id=order.account_id, trade_id=9,
            maker_account_id=other.account_id, maker_order_id=other.order_id, taker_order_id=order.order_id,
            price_ticks=draw(st.integers(1, 1_000)), size_lots=draw(st.integers(1, 1_000)),
            maker_fee_micros=draw(st.integers(-50, 50)), taker_fee_micros=3, maker_remaining_lots=left[1],
            taker_remaining_lots=left[0], taker_side=1, taker_flags=draw(st.sampled_from([0, 4])), auction=0,
        )  # fmt: skip

    return [[one() for _ in range(draw(st.integers(0, 6)))] for _ in range(draw(st.integers(1, 5)))]


@given(histories())
def test_the_table_tells_what_plain_messages_would_tell(cycles: list[list[Event]]) -> None:
    table, plain = OwnOrders(), PlainOrders()
    for account_id in FOLLOWED:
        table.follow(account_id, [])
        plain.orders[account_id] = {}
    seq = 1
    for now_ns, cycle in enumerate(cycles, start=10**18):
        told = table.committed(encode_all(cycle), seq, now_ns)
        wanted = plain.committed(list(cycle), seq, now_ns)
        assert {account_id: told_of(data) for account_id, data in told} == wanted
        assert [account_id for account_id, _ in told] == list(wanted)
        seq += len(cycle)


KNOWN = KnownOrder(
    order_id=7, client_order_id=b"me", account_id=1_000, instrument_id=2, side=1, order_type=1, time_in_force=4,
    flags=1, price_ticks=900, remaining_lots=4, filled_lots=1, filled_value_micros=900, state=1, cancel_reason=0,
    accepted_time_ns=5, display_lots=2, expire_time_ns=10, self_trade_prevention=2, trigger_kind=1, trigger_source=3,
    trigger_price_ticks=890, group_id=6, group_kind=2, refusal=0,
)  # fmt: skip


def cancelled(order: KnownOrder) -> bytes:
    return encode_all(
        [
            events.OrderCancelled(
                order.instrument_id, order.account_id, order.order_id, order.client_order_id, 900, 4, 1, 1, 0, 0
            )
        ]
    )


def test_who_follows_later_is_told_of_orders_from_before() -> None:
    table = OwnOrders()
    table.follow(1_000, [KNOWN])
    ((account_id, data),) = table.committed(cancelled(KNOWN), 9, 11)
    (event,) = told_of(data)
    wanted = order_message(KNOWN)
    wanted.state, wanted.cancel_reason = pb.ORDER_STATE_CANCELLED, pb.CANCEL_REASON_REQUESTED
    assert (account_id, event.cancelled.order, event.seq, event.event_time_ns) == (1_000, wanted, 9, 11)
    # It has ended; nobody may tell more of it.
    with pytest.raises(InvariantBroken, match="order 7 of account 1000 was never accepted"):
        table.committed(cancelled(KNOWN), 10, 12)


def test_an_account_that_is_not_followed_is_told_nothing() -> None:
    table = OwnOrders()
    assert table.committed(cancelled(KNOWN), 1, 1) == []
    table.follow(1_000, [KNOWN])
    assert table.follows(1_000)
    table.forget(1_000)
    assert not table.follows(1_000)
    assert table.committed(cancelled(KNOWN), 1, 1) == []


def test_a_session_owns_what_it_placed_until_it_ends() -> None:
    table = OwnOrders()
    table.follow(1_000, [KNOWN])
    place = pb.Command(place=pb.PlaceOrder(side=1, order_type=pb.ORDER_TYPE_MARKET))  # type: ignore[arg-type] # A number.
    amend = pb.Command(amend=pb.AmendOrder(order_id=9))
    request = read_session_request(pb.SessionRequest(commands=[place, amend, place]).SerializeToString(), 10)
    results = b"".join(packed._RESULT.pack(number, 0, 0, 0, 0, 0, 0, 0, 1, 0, b"") for number in (7, 9, 8))
    table.adopt(1_000, 3, request, results)
    assert table.owned(1_000, 3) == [7]
    assert table.owned(1_000, 4) == []
    assert table.owned(1_001, 3) == []
    table.committed(cancelled(KNOWN), 1, 1)
    assert table.owned(1_000, 3) == []


def test_orders_are_told_as_the_engine_knows_them() -> None:
    other = KnownOrder(8, b"", 1_000, 2, 2, 2, 2, 0, 900, 0, 5, 4_500, 2, 0, 5)
    answer = pb.ListOpenOrdersResponse.FromString(orders_answer([KNOWN, other], 12))
    assert answer == pb.ListOpenOrdersResponse(orders=[order_message(KNOWN), order_message(other)], seq=12)
    assert pb.GetOrderResponse.FromString(orders_answer([other], 0)).order == order_message(other)


def test_what_one_message_could_not_hold_is_told_in_several() -> None:
    table, plain = OwnOrders(), PlainOrders()
    table.follow(1_000, [KNOWN])
    plain.orders[1_000] = {7: order_message(KNOWN)}
    amended = events.OrderAmended(2, 1_000, 7, b"me", 900, 901, 4, 3, 0, 0, 890, 1, 1)
    cycle: list[Event] = [amended] * 20_000
    told = table.committed(encode_all(cycle), 1, 1)
    assert [account_id for account_id, _ in told] == [1_000] * 2
    assert max(len(data) for _, data in told) <= 1_048_576
    found = [event for _, data in told for event in told_of(data)]
    assert found == plain.committed(list(cycle), 1, 1)[1_000]
