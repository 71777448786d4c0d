"""Tickets: what is wished for becomes what the venue accepts, never worse than wished."""

from dataclasses import replace

import pytest

from tests.unit.storms.agents.scripted_view import DOLLAR, SOL, ScriptedView, sol_market
from wavetank.model.orders import OrderFlag, Side, TimeInForce
from wavetank.storms.agents.agent import Order
from wavetank.storms.agents.tickets import away_ticks, closing, mid_ticks_doubled, resting, taking, through_ticks


def test_an_order_that_takes_is_immediate_and_on_the_grid() -> None:
    # $100.0150 is off the grid of a cent: a buyer pays $100.01 at most, a seller wants $100.02 at least.
    buy = taking(sol_market(), SOL, Side.BUY, 500, 1_000_150)
    assert buy == Order(3, Side.BUY, 500, 1_000_100, TimeInForce.IOC, OrderFlag.NONE)
    sale = taking(sol_market(), SOL, Side.SELL, 500, 1_000_150)
    assert sale == Order(3, Side.SELL, 500, 1_000_200, TimeInForce.IOC, OrderFlag.NONE)


def test_an_order_that_rests_is_post_only_unless_it_may_take() -> None:
    bid = resting(sol_market(), SOL, Side.BUY, 500, 990_000)
    assert bid == Order(3, Side.BUY, 500, 990_000, TimeInForce.GTC, OrderFlag.POST_ONLY)
    either = resting(sol_market(), SOL, Side.BUY, 500, 990_000, only=False)
    assert either == Order(3, Side.BUY, 500, 990_000, TimeInForce.GTC, OrderFlag.NONE)


@pytest.mark.spec("MTCH-040")
def test_a_limit_stops_at_the_band_and_is_not_written_behind_it() -> None:
    # The band is 10 % around a mark of $100: $90 to $110.
    view = sol_market()
    for side, far, edge in ((Side.BUY, 1_200_000, 1_100_000), (Side.SELL, 800_000, 900_000)):
        order = taking(view, SOL, side, 500, far)
        assert order is not None
        assert order.price_ticks == edge
    assert resting(view, SOL, Side.BUY, 500, 899_999) is None
    assert resting(view, SOL, Side.SELL, 500, 1_100_001) is None
    assert resting(view, SOL, Side.BUY, 500, 900_000) is not None
    assert resting(view, SOL, Side.SELL, 500, 1_100_000) is not None


@pytest.mark.spec("UNIT-050")
def test_sizes_are_cut_to_the_largest_order_and_small_ones_not_written() -> None:
    view = sol_market()
    cut = taking(view, replace(SOL, max_order_lots=400), Side.BUY, 500, 1_000_000)
    assert cut is not None
    assert cut.size_lots == 400
    # $10 at least: 10 lots of a hundredth at $100 are $10, nine are $9.
    assert taking(view, SOL, Side.BUY, 10, 1_000_000) is not None
    assert taking(view, SOL, Side.BUY, 9, 1_000_000) is None
    assert taking(view, SOL, Side.BUY, 0, 1_000_000) is None
    assert taking(view, SOL, Side.BUY, -5, 1_000_000) is None
    assert SOL.min_notional_micros == 10 * DOLLAR


def test_what_only_reduces_may_be_a_lot_and_trades_on_a_stale_mark() -> None:
    stale = sol_market().tell(1_000_000, stale=True)
    order = taking(stale, SOL, Side.SELL, 1, 999_900, closes=True)
    assert order == Order(3, Side.SELL, 1, 999_900, TimeInForce.IOC, OrderFlag.REDUCE_ONLY)
    assert taking(stale, SOL, Side.SELL, 500, 999_900) is None


def test_without_a_mark_or_a_price_nothing_is_written() -> None:
    assert taking(ScriptedView().quote(999_900, 1_000_100), SOL, Side.BUY, 500, 1_000_100) is None
    assert taking(sol_market().tell(0, 1_000_000), SOL, Side.BUY, 500, 1_000_100) is None
    assert taking(sol_market(), SOL, Side.BUY, 500, 0) is None


def test_distances_are_rounded_away_from_the_trade() -> None:
    # 0.1 % of 1,000,001 is 1,000.001: 999,000.999 and 1,001,001.001.
    assert away_ticks(1_000_001, Side.BUY, 1_000) == 999_000
    assert away_ticks(1_000_001, Side.SELL, 1_000) == 1_001_002
    assert away_ticks(1_000_001, Side.BUY, -1_000) == 1_001_001
    assert away_ticks(1_000_001, Side.SELL, -1_000) == 999_001


def test_through_the_best_is_dearer_for_a_buyer_and_cheaper_for_a_seller() -> None:
    top = sol_market().top(3)
    # 0.2 % through $100.01 and $99.99: 1,002,100.2 and 997,900.2.
    assert through_ticks(top, Side.BUY, 2_000) == 1_002_100
    assert through_ticks(top, Side.SELL, 2_000) == 997_901
    assert through_ticks(ScriptedView().quote(999_900, 0).top(3), Side.BUY, 2_000) == 0
    assert through_ticks(ScriptedView().quote(0, 999_900).top(3), Side.SELL, 2_000) == 0


def test_a_mid_needs_both_sides() -> None:
    assert mid_ticks_doubled(sol_market().top(3)) == 2_000_000
    assert mid_ticks_doubled(ScriptedView().quote(999_900, 0).top(3)) == 0
    assert mid_ticks_doubled(ScriptedView().quote(0, 999_900).top(3)) == 0


def test_closing_sells_a_long_and_buys_back_a_short() -> None:
    sale = closing(sol_market().hold(70), SOL, 2_000)
    # 997,901 on the grid of six figures, ten ticks, rounded up.
    assert sale == Order(3, Side.SELL, 70, 997_910, TimeInForce.IOC, OrderFlag.REDUCE_ONLY)
    buy = closing(sol_market().hold(-70), SOL, 2_000)
    assert buy == Order(3, Side.BUY, 70, 1_002_100, TimeInForce.IOC, OrderFlag.REDUCE_ONLY)
    assert closing(sol_market(), SOL, 2_000) is None
