"""Auctions (MTCH-050): the price of a crossed book, and the trades at it."""

from __future__ import annotations

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, REDUCE_ONLY, SELL, Desk
from wavetank.matching.core.engine import Engine
from wavetank.model.orders import CancelReason, InstrumentState

pytestmark = pytest.mark.spec("MTCH-050")


@pytest.fixture
def auction(desk: Desk) -> Desk:
    desk.move(InstrumentState.AUCTION)
    return desk


def uncross(desk: Desk) -> tuple[int, int, int, int]:
    """Return price, lots, surplus and reference of the first uncrossing."""
    desk.move(InstrumentState.TRADING)
    first = next(desk.of_kind("AuctionUncrossed"))
    return first.price_ticks, first.matched_lots, first.surplus_lots, first.reference_price_ticks


def trades(desk: Desk) -> list[tuple[int, int, int]]:
    return [(event.price_ticks, event.size_lots, event.taker_side) for event in desk.of_kind("Traded")]


def test_most_lots_decide_first(auction: Desk) -> None:
    # At 990: 60 buy, 10 sell. At 1,000: 60 and 50. At 1,010: 20 and 50.
    auction.place(ALICE, BUY, 20, 1_010)
    auction.place(ALICE, BUY, 40, 1_000)
    auction.place(BOB, SELL, 10, 990)
    auction.place(BOB, SELL, 40, 1_000)
    assert auction.engine.indicative(1) == (1_000, 50, 10)
    assert uncross(auction) == (1_000, 50, 10, 1_000)
    # 20 at 1,010 meet the 10 at 990 and 10 of the 40; the next 30 are from the second buy. The sells are newer.
    assert trades(auction) == [(1_000, 10, SELL), (1_000, 10, SELL), (1_000, 30, SELL)]
    assert auction.kinds()[:2] == ["InstrumentMoved", "AuctionUncrossed"]
    assert all(event.auction for event in auction.of_kind("Traded"))
    assert auction.engine.bbo(1) == (1_000, 10, 0, 0)
    assert auction.engine.indicative(1) == (0, 0, 0)


def test_then_the_smaller_surplus(auction: Desk) -> None:
    # 30 match at either limit; at 990 all 50 buy, at 1,010 only 30: nothing is left over there.
    auction.place(ALICE, BUY, 30, 1_010)
    auction.place(ALICE, BUY, 20, 990)
    auction.place(BOB, SELL, 30, 990)
    assert uncross(auction) == (1_010, 30, 0, 1_000)


@pytest.mark.parametrize(("mark", "price"), [(1_000, 990), (1_001, 1_010), (985, 990)])
def test_then_the_nearer_to_the_mark_and_then_the_lower(desk: Desk, mark: int, price: int) -> None:
    # 30 match and none are left at both limits, 990 and 1,010; 1,000 lies in the middle.
    desk.mark(mark)
    desk.move(InstrumentState.AUCTION)
    desk.place(ALICE, BUY, 30, 1_010)
    desk.place(BOB, SELL, 30, 990)
    assert uncross(desk) == (price, 30, 0, mark)


def test_the_newer_order_of_a_pair_is_the_taker(auction: Desk) -> None:
    auction.place(BOB, SELL, 100, 990)
    auction.place(ALICE, BUY, 100, 1_000)
    # Only 990 and 1,000 are limits; both match 100 and leave none, and 1,000 is the mark.
    auction.move(InstrumentState.TRADING)
    trade = next(auction.of_kind("Traded"))
    assert (trade.account_id, trade.maker_account_id, trade.taker_side, trade.price_ticks) == (ALICE, BOB, BUY, 1_000)
    # 100 lots at 1,000 ticks: 450 ppm of 100,000 for the taker, 150 ppm for the maker.
    assert (trade.taker_fee_micros, trade.maker_fee_micros) == (45, 15)
    assert (auction.engine.position(ALICE, 1), auction.engine.position(BOB, 1)) == (100, -100)


def test_a_book_that_stays_crossed_is_priced_again(auction: Desk) -> None:
    # At 980 Alice's 50 and her own 50 match and none are left; at 1,000 and 1,010 10 too many sell.
    auction.place(ALICE, SELL, 50, 980)
    auction.place(ALICE, BUY, 50, 1_010)
    auction.place(BOB, SELL, 10, 1_000)
    assert uncross(auction) == (980, 50, 0, 1_000)
    # Her older order goes. Then 10 match at 1,000 and at 1,010, and 40 too many buy; 1,000 is the mark.
    assert auction.kinds() == [
        "InstrumentMoved", "AuctionUncrossed", "OrderCancelled", "AuctionUncrossed", "Traded"
    ]  # fmt: skip
    assert next(auction.of_kind("OrderCancelled")).reason == CancelReason.SELF_TRADE
    second = list(auction.of_kind("AuctionUncrossed"))[1]
    assert (second.price_ticks, second.matched_lots, second.surplus_lots) == (1_000, 10, 40)
    assert trades(auction) == [(1_000, 10, SELL)]


def test_an_own_order_goes_and_the_auction_goes_on(auction: Desk) -> None:
    auction.place(ALICE, BUY, 50, 1_020)
    auction.place(BOB, BUY, 30, 1_000)
    auction.place(CAROL, SELL, 30, 1_000)
    auction.place(ALICE, SELL, 50, 1_000)
    auction.move(InstrumentState.TRADING)
    # At 1,000 80 match and none are left; at 1,020 50. Alice's buy takes Carol's 30, then meets Alice's own sell and
    # goes, for it is the older; Bob's 30 take 30 of that.
    assert auction.kinds() == ["InstrumentMoved", "AuctionUncrossed", "Traded", "OrderCancelled", "Traded"]
    assert trades(auction) == [(1_000, 30, SELL), (1_000, 30, SELL)]


def test_reduce_only_orders_shrink_between_the_trades(desk: Desk) -> None:
    desk.give(ALICE, 10)
    desk.move(InstrumentState.AUCTION)
    desk.place(ALICE, SELL, 10, 990)
    desk.place(ALICE, SELL, 10, 991, flags=REDUCE_ONLY)
    desk.place(BOB, BUY, 20, 1_000)
    desk.move(InstrumentState.TRADING)
    # The first sell closes the position, so nothing is left for the second to reduce.
    assert desk.kinds() == ["InstrumentMoved", "AuctionUncrossed", "Traded", "OrderCancelled"]
    assert next(desk.of_kind("OrderCancelled")).reason == CancelReason.REDUCE_ONLY


def test_a_crossed_book_waits_through_a_halt(auction: Desk) -> None:
    auction.place(ALICE, BUY, 10, 1_010)
    auction.place(BOB, SELL, 10, 990)
    auction.move(InstrumentState.HALTED)
    assert auction.kinds() == ["InstrumentMoved"]
    auction.move(InstrumentState.POST_ONLY)
    assert auction.kinds() == ["InstrumentMoved", "AuctionUncrossed", "Traded"]


@pytest.mark.spec("MTCH-090")
def test_replay_and_snapshot_keep_a_crossed_book(auction: Desk) -> None:
    auction.place(ALICE, BUY, 30, 1_010, client_order_id=b"a")
    auction.place(BOB, SELL, 20, 990)
    restored = Engine.restore(auction.engine.snapshot(), auction.settings)
    assert restored.state_hash() == auction.engine.state_hash()
    replayed = Engine.restore(auction.engine.snapshot(), auction.settings)
    first_seq = auction.engine.next_seq
    auction.engine.set_instrument_state(auction.now, 1, InstrumentState.TRADING)
    events = auction.engine.drain_events()
    restored.set_instrument_state(auction.now, 1, InstrumentState.TRADING)
    assert restored.drain_events() == events
    replayed.replay(events, first_seq, auction.now)
    assert replayed.state_hash() == restored.state_hash() == auction.engine.state_hash()
    # What an auction fills is not part of the first answer.
    again = auction.place(ALICE, BUY, 30, 1_010, client_order_id=b"a")
    assert (again.repeated, again.filled_lots, again.remaining_lots) == (True, 0, 30)
