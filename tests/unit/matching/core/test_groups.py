"""Groups (ORD-040): one cancels the other, take-profit and stop-loss of an order, and of a position."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, IOC, REDUCE_ONLY, SELL, Desk
from tests.unit.matching.core.test_triggers import stop, take
from wavetank.matching.core import commands
from wavetank.matching.core.commands import CommandResult
from wavetank.matching.core.engine import Engine
from wavetank.model.orders import CancelReason, GroupKind, OrderState
from wavetank.model.reason import Reason

pytestmark = pytest.mark.spec("ORD-040")


def order(side: int, size_lots: int, price_ticks: int, account_id: int = ALICE, **fields: Any) -> bytes:  # noqa: ANN401
    return commands.place(
        account_id=account_id, instrument_id=1, side=side, size_lots=size_lots, price_ticks=price_ticks, **fields
    )


def place(desk: Desk, kind: GroupKind, *orders: bytes) -> list[CommandResult]:
    """Send a group; return the result of the head, then those of its orders."""
    packed = commands.group(kind, list(orders))
    count = len(orders) + 1
    desk.events = []
    from wavetank.model.record import decode_all  # noqa: PLC0415 - only here.

    desk.events = list(decode_all(desk.engine.apply_commands(desk.now, packed, count)))
    return commands.unpack_results(desk.engine.results)


def bracket(size_lots: int = 50, **parent: Any) -> list[bytes]:  # noqa: ANN401
    """Return a buy at 1,000, with what takes its profit at 1,050 and stops its loss at 950."""
    return [
        order(BUY, size_lots, 1_000, **parent),
        order(SELL, size_lots, 1_050, flags=REDUCE_ONLY, **take(1_050)),
        order(SELL, size_lots, 940, flags=REDUCE_ONLY, **stop(950)),
    ]


def ended(desk: Desk) -> list[tuple[int, int]]:
    return [(event.order_id, event.reason) for event in desk.of_kind("OrderCancelled")]


def test_a_trade_of_one_cancels_the_others(desk: Desk) -> None:
    head, *members = place(
        desk,
        GroupKind.ONE_CANCELS_OTHER,
        order(BUY, 50, 990),
        order(BUY, 50, 980),
        order(BUY, 50, 1_050, **stop(1_040)),
    )
    assert (head.reason, [one.state for one in members]) == (
        0, [OrderState.OPEN, OrderState.OPEN, OrderState.UNTRIGGERED],
    )  # fmt: skip
    assert {event.group_id for event in desk.of_kind("OrderAccepted")} == {members[0].order_id}
    desk.place(BOB, SELL, 10, 990, time_in_force=IOC)
    assert desk.kinds() == ["OrderAccepted", "Traded", "OrderCancelled", "OrderCancelled"]
    assert ended(desk) == [(members[1].order_id, CancelReason.GROUP), (members[2].order_id, CancelReason.GROUP)]
    assert desk.engine.order(order_id=members[0].order_id).remaining_lots == 40  # type: ignore[union-attr]


def test_a_trigger_that_fires_cancels_the_others_before_it_runs(desk: Desk) -> None:
    desk.place(BOB, SELL, 50, 1_050)
    _, resting, waiting = place(
        desk, GroupKind.ONE_CANCELS_OTHER, order(BUY, 50, 990), order(BUY, 50, 1_050, **stop(1_040))
    )
    desk.mark(1_040)
    assert desk.kinds() == ["MarkApplied", "OrderTriggered", "OrderCancelled", "Traded"]
    assert ended(desk) == [(resting.order_id, CancelReason.GROUP)]
    assert desk.engine.order(order_id=waiting.order_id) is None


def test_all_are_accepted_before_the_first_runs(desk: Desk) -> None:
    desk.place(BOB, SELL, 20, 1_000)
    _, first, second = place(desk, GroupKind.ONE_CANCELS_OTHER, order(BUY, 50, 1_000), order(BUY, 50, 990))
    assert desk.kinds() == ["OrderAccepted", "OrderAccepted", "Traded", "OrderCancelled"]
    assert (first.state, first.filled_lots) == (OrderState.OPEN, 20)
    assert (second.state, second.remaining_lots) == (OrderState.CANCELLED, 50)


def test_being_cancelled_does_not_touch_the_others(desk: Desk) -> None:
    _, first, second = place(desk, GroupKind.ONE_CANCELS_OTHER, order(BUY, 50, 990), order(BUY, 50, 980))
    desk.cancel(ALICE, first.order_id)
    assert ended(desk) == [(first.order_id, CancelReason.REQUESTED)]
    assert desk.engine.order(order_id=second.order_id) is not None


def test_a_parent_that_fills_wakes_its_children(desk: Desk) -> None:
    _, parent, profit, loss = place(desk, GroupKind.PARENT, *bracket())
    assert [parent.state, profit.state, loss.state] == [OrderState.OPEN, OrderState.WAITING, OrderState.WAITING]
    desk.place(BOB, SELL, 20, 1_000, time_in_force=IOC)
    assert desk.kinds() == ["OrderAccepted", "Traded"]
    desk.place(BOB, SELL, 30, 1_000, time_in_force=IOC)
    assert desk.kinds() == ["OrderAccepted", "Traded", "OrderActivated", "OrderActivated"]
    desk.mark(1_050)
    # The profit is taken: the stop ends, and the sell rests at 1,050.
    assert desk.kinds() == ["MarkApplied", "OrderTriggered", "OrderCancelled"]
    assert ended(desk) == [(loss.order_id, CancelReason.GROUP)]


def test_a_parent_that_ends_otherwise_takes_its_children_along(desk: Desk) -> None:
    _, parent, profit, loss = place(desk, GroupKind.PARENT, *bracket())
    desk.place(BOB, SELL, 20, 1_000, time_in_force=IOC)
    desk.cancel(ALICE, parent.order_id)
    assert ended(desk) == [
        (parent.order_id, CancelReason.REQUESTED),
        (profit.order_id, CancelReason.PARENT),
        (loss.order_id, CancelReason.PARENT),
    ]


def test_an_immediate_parent_leaves_children_of_what_it_filled(desk: Desk) -> None:
    desk.place(BOB, SELL, 20, 1_000)
    _, parent, profit, loss = place(desk, GroupKind.PARENT, *bracket(time_in_force=IOC))
    assert desk.kinds() == [*["OrderAccepted"] * 3, "Traded", "OrderCancelled", *["OrderActivated"] * 2]
    assert parent.state == OrderState.CANCELLED
    assert [(one.state, one.remaining_lots) for one in (profit, loss)] == [(OrderState.UNTRIGGERED, 20)] * 2


def test_position_orders_close_the_whole_of_it_and_end_with_it(desk: Desk) -> None:
    refused = place(desk, GroupKind.POSITION, order(SELL, 0, 940, flags=REDUCE_ONLY, **stop(950)))
    assert refused[1].reason == Reason.REDUCE_ONLY_WOULD_INCREASE
    desk.give(ALICE, 40)
    pair = (
        order(SELL, 0, 940, flags=REDUCE_ONLY, **stop(950)),
        order(SELL, 10, 1_050, flags=REDUCE_ONLY, **take(1_050)),
    )
    _, loss, profit = place(desk, GroupKind.POSITION, *pair)
    desk.place(BOB, BUY, 100, 950)
    desk.mark(950)
    # It fires for the 40 that there are, and trades them at Bob's 950.
    assert desk.kinds() == ["MarkApplied", "OrderTriggered", "OrderCancelled", "Traded"]
    assert next(desk.of_kind("OrderTriggered")).size_lots == 40
    assert ended(desk) == [(profit.order_id, CancelReason.GROUP)]
    desk.mark(1_000)
    desk.give(ALICE, 40)
    _, loss, profit = place(desk, GroupKind.POSITION, *pair)
    desk.place(CAROL, BUY, 40, 1_000)
    desk.place(ALICE, SELL, 40, 1_000, time_in_force=IOC)
    assert ended(desk) == [(loss.order_id, CancelReason.REDUCE_ONLY), (profit.order_id, CancelReason.REDUCE_ONLY)]


def test_what_closes_a_whole_position_may_be_larger_than_the_largest_order(desk: Desk) -> None:
    # One order is at most 5,000 lots, a position at most 8,000.
    desk.give(ALICE, 5_000)
    desk.give(ALICE, 2_000)
    too_large = place(desk, GroupKind.POSITION, order(SELL, 7_000, 940, flags=REDUCE_ONLY, **stop(950)))
    assert (too_large[1].reason, too_large[1].was) == (Reason.ORDER_TOO_LARGE, 7_000)
    place(desk, GroupKind.POSITION, order(SELL, 0, 940, flags=REDUCE_ONLY, time_in_force=IOC, **stop(950)))
    desk.place(CAROL, BUY, 5_000, 950)
    desk.place(CAROL, BUY, 2_000, 940)
    desk.mark(950)
    assert desk.kinds() == ["MarkApplied", "OrderTriggered", "Traded", "Traded"]
    assert next(desk.of_kind("OrderTriggered")).size_lots == 7_000
    assert desk.engine.position(ALICE, 1) == 0


def test_one_that_is_refused_refuses_all(desk: Desk) -> None:
    head, *members = place(desk, GroupKind.ONE_CANCELS_OTHER, order(BUY, 50, 990), order(BUY, 50, 2_000))
    assert (head.reason, head.was) == (Reason.BATCH_REFUSED, 1)
    assert [(one.reason, one.was) for one in members] == [(Reason.BATCH_REFUSED, 1), (Reason.OUTSIDE_PRICE_BAND, 2_000)]
    assert desk.kinds() == ["OrderRejected", "OrderRejected"]
    assert desk.engine.open_orders(ALICE) == []


@pytest.mark.parametrize(
    ("kind", "orders", "offender"),
    [
        (GroupKind.ONE_CANCELS_OTHER, [order(BUY, 50, 990), order(BUY, 50, 990, time_in_force=IOC)], 1),
        (GroupKind.PARENT, [order(BUY, 50, 990, flags=REDUCE_ONLY), *bracket()[1:]], 0),
        (GroupKind.PARENT, [bracket()[0], bracket()[1], bracket()[1]], 2),
        (GroupKind.PARENT, [bracket()[0], order(SELL, 51, 1_050, flags=REDUCE_ONLY, **take(1_050))], 1),
        (GroupKind.PARENT, [bracket()[0], order(BUY, 50, 1_050, flags=REDUCE_ONLY, **stop(1_050))], 1),
        (GroupKind.POSITION, [order(SELL, 50, 990, **stop(950))], 0),
    ],
)
def test_members_must_be_what_the_kind_asks_for(
    desk: Desk, kind: GroupKind, orders: list[bytes], offender: int
) -> None:
    head, *members = place(desk, kind, *orders)
    assert (head.reason, head.was) == (Reason.BATCH_REFUSED, offender)
    assert members[offender].reason == Reason.ORDER_COMBINATION


def test_a_malformed_group_is_refused_by_its_head(desk: Desk) -> None:
    head, member = place(desk, GroupKind.ONE_CANCELS_OTHER, order(BUY, 50, 990))
    assert (head.reason, member.reason) == (Reason.MALFORMED, Reason.BATCH_REFUSED)
    assert desk.kinds() == ["OrderRejected"]
    head, *_ = place(desk, GroupKind.ONE_CANCELS_OTHER, order(BUY, 50, 990), order(BUY, 50, 990, account_id=BOB))
    assert head.reason == Reason.MALFORMED


@pytest.mark.spec("ORD-030")
def test_a_group_sent_again_is_answered_again(desk: Desk) -> None:
    orders = [order(BUY, 50, 990, client_order_id=b"1"), order(BUY, 50, 980, client_order_id=b"2")]
    _, *first = place(desk, GroupKind.ONE_CANCELS_OTHER, *orders)
    head, *again = place(desk, GroupKind.ONE_CANCELS_OTHER, *orders)
    assert (head.repeated, desk.events) == (True, [])
    assert [one.order_id for one in again] == [one.order_id for one in first]
    head, known, new = place(desk, GroupKind.ONE_CANCELS_OTHER, orders[0], order(BUY, 50, 970, client_order_id=b"3"))
    assert (head.reason, known.reason, new.reason) == (
        Reason.BATCH_REFUSED, Reason.CLIENT_ORDER_ID_REUSED, Reason.BATCH_REFUSED,
    )  # fmt: skip


@pytest.mark.spec("MTCH-090")
def test_replay_and_snapshot_keep_groups(desk: Desk) -> None:
    place(desk, GroupKind.PARENT, *bracket())
    restored = Engine.restore(desk.engine.snapshot(), desk.settings)
    replayed = Engine.restore(desk.engine.snapshot(), desk.settings)
    first_seq = desk.engine.next_seq
    desk.place(CAROL, SELL, 50, 1_000, time_in_force=IOC)
    taker = order(SELL, 50, 1_000, account_id=CAROL, time_in_force=IOC)
    restored.apply_credit(desk.now, desk_line(CAROL))
    restored.apply_commands(desk.now, taker, 1)
    assert restored.state_hash() == desk.engine.state_hash()
    events = restored.next_seq - first_seq
    # Accepted, traded, and both children woken.
    assert events == 4
    assert replayed.next_seq == first_seq


def desk_line(account_id: int) -> Any:  # noqa: ANN401
    from wavetank.matching.core.credit import CreditLine  # noqa: PLC0415 - only here.

    return CreditLine(account_id=account_id, line_epoch=9, line_number=1, as_of_seq=0, budget_micros=10**9)
