"""Atomic batches (ORD-020): places, cancels and amends that are accepted together, or not at all."""

from __future__ import annotations

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, FOK, IOC, POST_ONLY, SELL, Desk
from tests.unit.matching.core.test_groups import order
from wavetank.matching.core import commands
from wavetank.matching.core.commands import CommandResult
from wavetank.model.orders import CancelReason, CommandKind, OrderState
from wavetank.model.reason import Reason
from wavetank.model.record import decode_all

pytestmark = pytest.mark.spec("ORD-020")


def send(desk: Desk, *packed: bytes) -> list[CommandResult]:
    """Send a batch; return the result of the head, then those of its commands."""
    data = commands.atomic(list(packed))
    desk.events = list(decode_all(desk.engine.apply_commands(desk.now, data, len(packed) + 1)))
    return commands.unpack_results(desk.engine.results)


def cancel(order_id: int = 0, client_order_id: bytes = b"") -> bytes:
    return commands.cancel(account_id=ALICE, order_id=order_id, client_order_id=client_order_id)


def test_all_are_carried_out_in_order(desk: Desk) -> None:
    old = desk.place(ALICE, BUY, 10, 990).order_id
    head, *results = send(desk, cancel(old), order(BUY, 20, 995), order(SELL, 20, 1_010))
    assert (head.reason, [one.reason for one in results]) == (0, [0, 0, 0])
    assert desk.kinds() == ["OrderCancelled", "OrderAccepted", "OrderAccepted"]
    assert desk.engine.bbo(1) == (995, 20, 1_010, 20)


def test_one_refusal_leaves_everything_as_it_was(desk: Desk) -> None:
    old = desk.place(ALICE, BUY, 10, 990).order_id
    other = desk.place(ALICE, BUY, 30, 990).order_id
    before, committed = desk.engine.state_hash(), desk.engine.committed(ALICE)
    head, *results = send(
        desk, cancel(old), commands.amend(account_id=ALICE, order_id=other, price_ticks=980),
        order(BUY, 20, 995, client_order_id=b"n"), order(BUY, 20, 2_000),
    )  # fmt: skip
    assert (head.reason, head.was) == (Reason.BATCH_REFUSED, 3)
    assert [one.reason for one in results] == [*[Reason.BATCH_REFUSED] * 3, Reason.OUTSIDE_PRICE_BAND]
    assert desk.kinds() == ["OrderRejected"] * 4
    assert desk.engine.queue(1, BUY, 990) == [old, other]
    assert desk.engine.committed(ALICE) == committed
    # Only the four refusals are in the log; but for their seqs the state is the same.
    assert desk.engine.next_seq > 4
    assert desk.engine.state_hash() != before
    assert desk.engine.order(account_id=ALICE, client_order_id=b"n") is None
    assert desk.place(ALICE, BUY, 10, 995).order_id == other + 1


def test_credit_is_checked_for_all_of_them_together(desk: Desk) -> None:
    # 100 lots at 1,000 ticks are 100,000 micro-dollars; at ten times leverage 10,000, and 45 for the taker fee.
    desk.line(ALICE, 15_000)
    assert desk.place(ALICE, BUY, 100, 1_000).reason == 0
    desk.send(commands.cancel_all(account_id=ALICE))
    head, first, second = send(desk, order(BUY, 100, 1_000), order(BUY, 100, 1_000))
    assert (head.was, first.reason, second.reason) == (1, Reason.BATCH_REFUSED, Reason.CREDIT_EXCEEDED)
    # A cancel before it makes room.
    old = desk.place(ALICE, BUY, 100, 1_000).order_id
    assert send(desk, cancel(old), order(BUY, 100, 990))[0].reason == 0


def test_what_an_earlier_one_leaves_the_book_is_out_of_the_way(desk: Desk) -> None:
    ask = desk.place(ALICE, SELL, 10, 1_000).order_id
    assert send(desk, order(BUY, 10, 1_000, flags=POST_ONLY))[1].reason == Reason.POST_ONLY_WOULD_CROSS
    assert send(desk, cancel(ask), order(BUY, 10, 1_000, flags=POST_ONLY))[0].reason == 0


def test_what_trades_took_is_overtaken(desk: Desk) -> None:
    desk.place(BOB, SELL, 10, 1_000)
    head, first, second = send(
        desk, order(BUY, 10, 1_000, time_in_force=IOC), order(BUY, 10, 1_000, time_in_force=FOK, client_order_id=b"f")
    )
    assert (head.reason, first.state, second.reason, second.state) == (0, OrderState.FILLED, 0, OrderState.CANCELLED)
    assert desk.kinds() == ["OrderAccepted", "Traded", "OrderAccepted", "OrderCancelled"]
    event = next(desk.of_kind("OrderCancelled"))
    assert (event.reason, event.refusal) == (CancelReason.OVERTAKEN, Reason.FILL_OR_KILL_UNFILLED)
    assert desk.place(ALICE, BUY, 10, 1_000, time_in_force=FOK, client_order_id=b"f").state == OrderState.CANCELLED


def test_an_order_of_the_batch_can_be_named_by_a_later_command(desk: Desk) -> None:
    head, placed, cancelled = send(desk, order(BUY, 10, 990, client_order_id=b"q"), cancel(client_order_id=b"q"))
    assert (head.reason, placed.state, cancelled.state) == (0, OrderState.OPEN, OrderState.CANCELLED)
    desk.place(BOB, SELL, 10, 1_000)
    # In the trial nothing trades, so it is there; in its turn it has filled.
    head, placed, cancelled = send(desk, order(BUY, 10, 1_000, client_order_id=b"r"), cancel(client_order_id=b"r"))
    assert (head.reason, placed.state, cancelled.reason) == (0, OrderState.FILLED, Reason.ORDER_UNKNOWN)


def test_other_commands_and_accounts_are_malformed(desk: Desk) -> None:
    head, member = send(desk, commands.cancel_all(account_id=ALICE))
    assert (head.reason, member.reason) == (Reason.MALFORMED, Reason.BATCH_REFUSED)
    assert send(desk, order(BUY, 10, 990), order(BUY, 10, 990, account_id=BOB))[0].reason == Reason.MALFORMED
    packed = commands.pack(CommandKind.ATOMIC, count=2) + order(BUY, 10, 990)
    # It names more than there are: these stand for themselves.
    desk.engine.apply_commands(desk.now, packed, 2)
    head, alone = commands.unpack_results(desk.engine.results)
    assert (head.reason, alone.state) == (Reason.MALFORMED, OrderState.OPEN)
