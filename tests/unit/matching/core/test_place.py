"""Placing: limit and market, GTC, IOC and FOK, post-only; price first, then time."""

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, FIRST_ID, FOK, IOC, POST_ONLY, SELL, Desk
from wavetank.model.orders import CancelReason, OrderState
from wavetank.model.reason import Reason


@pytest.mark.spec("MTCH-010", "ORD-010")
def test_better_price_trades_first_and_then_the_older_order(desk: Desk) -> None:
    desk.place(ALICE, SELL, 10, 1_010)
    desk.place(BOB, SELL, 10, 1_000)
    desk.place(ALICE, SELL, 10, 1_000)
    result = desk.place(CAROL, BUY, 25, 1_010)
    trades = [(t.maker_order_id - FIRST_ID, t.price_ticks, t.size_lots) for t in desk.of_kind("Traded")]
    assert trades == [(2, 1_000, 10), (3, 1_000, 10), (1, 1_010, 5)]
    # 20 * 1000 + 5 * 1010
    assert (result.state, result.filled_lots, result.filled_value_micros) == (OrderState.FILLED, 25, 25_050)
    assert desk.engine.book(1, 5) == ([], [(1_010, 5, 1)])
    assert desk.engine.last_price(1) == 1_010


@pytest.mark.spec("MTCH-010")
def test_what_does_not_trade_rests_and_the_book_is_not_crossed(desk: Desk) -> None:
    desk.place(ALICE, SELL, 10, 1_000)
    result = desk.place(BOB, BUY, 30, 1_000)
    assert (result.state, result.filled_lots, result.remaining_lots) == (OrderState.OPEN, 10, 20)
    assert desk.engine.bbo(1) == (1_000, 20, 0, 0)
    assert desk.kinds() == ["OrderAccepted", "Traded"]


@pytest.mark.spec("ORD-010")
def test_immediate_or_cancel_cancels_its_rest(desk: Desk) -> None:
    desk.place(ALICE, SELL, 10, 1_000)
    result = desk.place(BOB, BUY, 30, 1_000, time_in_force=IOC)
    assert (result.state, result.filled_lots, result.remaining_lots) == (OrderState.CANCELLED, 10, 20)
    assert desk.events[-1].reason == CancelReason.IMMEDIATE_REMAINDER  # type: ignore[attr-defined]
    assert desk.engine.book(1, 5) == ([], [])


@pytest.mark.spec("ORD-010")
def test_fill_or_kill_trades_whole_or_is_refused(desk: Desk) -> None:
    desk.place(ALICE, SELL, 10, 1_000)
    desk.place(CAROL, SELL, 10, 1_010)
    refused = desk.place(BOB, BUY, 21, 1_010, time_in_force=FOK)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.FILL_OR_KILL_UNFILLED, 21, 20)
    assert desk.kinds() == ["OrderRejected"]
    assert desk.place(BOB, BUY, 20, 1_010, time_in_force=FOK).state == OrderState.FILLED


@pytest.mark.spec("ORD-010", "MTCH-020")
def test_fill_or_kill_does_not_count_its_own_accounts_orders(desk: Desk) -> None:
    desk.place(ALICE, SELL, 10, 1_000)
    desk.place(BOB, SELL, 10, 1_000)
    assert desk.place(BOB, BUY, 11, 1_000, time_in_force=FOK).reason == Reason.FILL_OR_KILL_UNFILLED


@pytest.mark.spec("ORD-010")
def test_post_only_that_would_cross_is_refused(desk: Desk) -> None:
    desk.place(ALICE, SELL, 10, 1_000)
    refused = desk.place(BOB, BUY, 10, 1_000, flags=POST_ONLY)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.POST_ONLY_WOULD_CROSS, 1_000, 1_000)
    assert desk.place(BOB, BUY, 10, 999, flags=POST_ONLY).state == OrderState.OPEN


@pytest.mark.spec("MTCH-040")
def test_a_market_order_stops_at_its_cap(desk: Desk) -> None:
    desk.place(ALICE, SELL, 10, 1_010)
    desk.place(ALICE, SELL, 10, 1_020)
    # The cap of 15,000 ppm is 1015 ticks; on the grid of three figures, rounded inside, 1010.
    result = desk.market(BOB, BUY, 20, slippage_cap_ppm=15_000)
    assert (result.state, result.filled_lots, result.remaining_lots) == (OrderState.CANCELLED, 10, 10)
    assert next(desk.of_kind("OrderAccepted")).price_ticks == 1_010


@pytest.mark.spec("MTCH-040")
def test_a_market_order_without_a_cap_takes_the_instruments_band(desk: Desk) -> None:
    desk.market(BOB, BUY, 20)
    assert next(desk.of_kind("OrderAccepted")).price_ticks == 1_100
    desk.market(BOB, SELL, 20, slippage_cap_ppm=500_000)
    # The band of 100,000 ppm is the nearer bound: 900.
    assert next(desk.of_kind("OrderAccepted")).price_ticks == 900


def test_open_interest_is_the_long_side(desk: Desk) -> None:
    desk.give(ALICE, 50)
    desk.give(BOB, -20)
    # Alice +50, Bob -20, Carol -50 + 20 = -30.
    assert desk.engine.open_interest(1) == 50
    assert [desk.engine.position(account_id, 1) for account_id in (ALICE, BOB, CAROL)] == [50, -20, -30]
