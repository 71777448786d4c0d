"""A mass quote replaces an account's quotes; those asked for again keep their place (ORD-020)."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, POST_ONLY, SELL, Desk
from wavetank.matching.core import commands
from wavetank.matching.core.commands import CommandResult
from wavetank.model.orders import CancelReason, CommandKind, InstrumentState, OrderFlag, OrderState
from wavetank.model.reason import Reason

QUOTE = POST_ONLY | OrderFlag.QUOTE
pytestmark = pytest.mark.spec("ORD-020")


def quote(
    side: int, lots: int, price: int, *, account_id: int = ALICE, flags: int = QUOTE, display_lots: int = 0
) -> bytes:
    return commands.place(
        account_id=account_id,
        instrument_id=1,
        side=side,
        size_lots=lots,
        price_ticks=price,
        flags=flags,
        display_lots=display_lots,
    )


def send(desk: Desk, *quotes: bytes) -> list[CommandResult]:
    packed = commands.mass_quote(account_id=ALICE, instrument_id=1, quotes=list(quotes))
    return desk.send(*(packed[at : at + 128] for at in range(0, len(packed), 128)))


def test_what_is_asked_for_again_keeps_its_place(desk: Desk) -> None:
    _, bid, ask = send(desk, quote(BUY, 20, 990), quote(SELL, 20, 1_010))
    desk.place(BOB, BUY, 5, 990)
    head, kept, new = send(desk, quote(BUY, 15, 990), quote(SELL, 20, 1_020))
    assert desk.kinds() == ["OrderAmended", "OrderCancelled", "OrderAccepted"]
    replaced = next(desk.of_kind("OrderCancelled"))
    assert (replaced.order_id, replaced.reason) == (ask.order_id, CancelReason.REPLACED)
    assert head.cancelled_orders == 1
    assert (kept.order_id, kept.remaining_lots, kept.state) == (bid.order_id, 15, OrderState.OPEN)
    assert new.order_id not in (bid.order_id, ask.order_id)
    assert desk.engine.queue(1, BUY, 990)[0] == bid.order_id


def test_a_larger_quote_is_a_new_one(desk: Desk) -> None:
    _, bid = send(desk, quote(BUY, 20, 990))
    head, larger = send(desk, quote(BUY, 21, 990))
    assert (head.cancelled_orders, larger.remaining_lots) == (1, 21)
    assert larger.order_id != bid.order_id


def test_old_quotes_go_before_new_ones_come(desk: Desk) -> None:
    send(desk, quote(BUY, 20, 990), quote(SELL, 20, 1_010))
    # The new bid stands where the old ask stood.
    _, bid, _ = send(desk, quote(BUY, 20, 1_010), quote(SELL, 20, 1_020))
    assert (bid.reason, desk.engine.bbo(1)) == (0, (1_010, 20, 1_020, 20))


def test_each_new_quote_stands_for_itself(desk: Desk) -> None:
    desk.place(CAROL, SELL, 10, 1_010)
    slides = quote(BUY, 20, 1_010, flags=QUOTE | OrderFlag.POST_ONLY_SLIDE)
    head, crosses, slid = send(desk, quote(BUY, 20, 1_010), slides)
    assert (head.reason, crosses.reason, slid.reason) == (0, Reason.POST_ONLY_WOULD_CROSS, 0)
    assert desk.engine.bbo(1)[0] == 1_000


def test_none_at_all_cancels_and_other_orders_stay(desk: Desk) -> None:
    send(desk, quote(BUY, 20, 990), quote(SELL, 20, 1_010))
    other = desk.place(ALICE, BUY, 10, 980).order_id
    assert send(desk)[0].cancelled_orders == 2
    assert [order.order_id for order in desk.engine.open_orders(ALICE)] == [other]


def test_a_misshapen_one_changes_nothing(desk: Desk) -> None:
    send(desk, quote(BUY, 20, 990))
    for wrong in (
        quote(BUY, 20, 980, flags=POST_ONLY),
        quote(BUY, 20, 980, account_id=BOB),
        quote(BUY, 20, 980, display_lots=5),
        commands.cancel_all(account_id=ALICE),
    ):
        head, member, refused = send(desk, quote(SELL, 20, 1_010), wrong)
        assert head.reason == Reason.MALFORMED
        assert {member.reason, refused.reason} == {Reason.BATCH_REFUSED}
        assert [event.command for event in desk.of_kind("OrderRejected")] == [CommandKind.MASS_QUOTE]
    assert len(desk.engine.open_orders(ALICE)) == 1


def test_a_head_that_counts_too_far_stands_alone(desk: Desk) -> None:
    head = commands.pack(CommandKind.MASS_QUOTE, account_id=ALICE, instrument_id=1, count=3)
    plain = commands.place(account_id=BOB, instrument_id=1, side=BUY, size_lots=10, price_ticks=990)
    results = desk.send(head, quote(BUY, 20, 990), plain)
    # A quote outside a mass quote is not well formed.
    assert [result.reason for result in results] == [Reason.MALFORMED, Reason.MALFORMED, 0]


def test_no_more_than_two_hundred(desk: Desk) -> None:
    results = send(desk, *(quote(BUY, 20, 900 + at % 90) for at in range(201)))
    assert results[0].reason == Reason.MALFORMED
    assert len(results) == 202
    assert send(desk, *(quote(BUY, 20, 900 + at % 90) for at in range(200)))[200].reason == 0


def test_it_needs_a_book_that_takes_quotes(desk: Desk) -> None:
    send(desk, quote(BUY, 20, 990))
    desk.relist(state=InstrumentState.CANCEL_ONLY)
    head, member = send(desk, quote(BUY, 10, 990))
    assert (head.reason, head.was, head.allowed) == (
        Reason.INSTRUMENT_STATE,
        InstrumentState.CANCEL_ONLY,
        InstrumentState.TRADING,
    )
    assert member.reason == Reason.BATCH_REFUSED
    # None at all is a cancel.
    assert send(desk)[0].cancelled_orders == 1
