"""The liquidator: bids below the mark when somebody is closed, within its budget, unless it is out."""

from dataclasses import replace

import pytest

from tests.unit.storms.agents.scripted_view import DOLLAR, LISTED, SECOND_NS, SOL, ScriptedView, only_order, sol_market
from wavetank.model.orders import OrderFlag, Side, TimeInForce
from wavetank.storms.agents.agent import CancelAll, Label, LiquidationSeen, Order
from wavetank.storms.agents.liquidator import Liquidator, LiquidatorSettings
from wavetank.storms.dice import Dice

SETTINGS = LiquidatorSettings(
    instruments=("SOL",),
    budget_micros=50_000 * DOLLAR,
    discount_ppm=10_000,
    stand_ns=5 * SECOND_NS,
    unwind_ppm=1_000,
    interval_ns=SECOND_NS,
)


def liquidator(settings: LiquidatorSettings = SETTINGS) -> Liquidator:
    return Liquidator(settings, LISTED, Dice(1))


def closing_a(side: Side, view: ScriptedView | None = None) -> ScriptedView:
    """Return a market in which a liquidation order of a side has just traded."""
    view = view or sol_market()
    view.liquidations[SOL.instrument_id] = LiquidationSeen(view.now_ns, side, 995_000, 100)
    return view


def test_it_does_nothing_as_long_as_nobody_is_closed() -> None:
    keeper = liquidator()
    assert keeper.label is Label.LIQUIDATOR
    turn = keeper.wake(sol_market())
    assert (list(turn.intents), turn.wake_ns) == ([], 2 * SECOND_NS)


# A closed long sells: 1 % below $100 is $99. A closed short buys: $101. $50,000 at the mark are 50,000 lots.
@pytest.mark.parametrize(
    ("closed", "side", "price"), [(Side.SELL, Side.BUY, 990_000), (Side.BUY, Side.SELL, 1_010_000)]
)
def test_it_stands_at_a_discount_with_its_budget(closed: Side, side: Side, price: int) -> None:
    keeper, view = liquidator(), closing_a(closed)
    order = only_order(keeper.wake(view).intents)
    assert order == Order(3, side, 50_000, price, TimeInForce.GTC, OrderFlag.NONE)
    assert list(keeper.wake(view).intents) == []


def test_its_bid_moves_with_mark_and_position() -> None:
    keeper, view = liquidator(), closing_a(Side.SELL)
    keeper.wake(view)
    cancelled, order = keeper.wake(view.tell(980_000)).intents
    assert cancelled == CancelAll(SOL.instrument_id)
    assert isinstance(order, Order)
    # $98 less 1 % is $97.02; $50,000 at $98 are 51,020 lots.
    assert (order.price_ticks, order.size_lots) == (970_200, 51_020)
    _, smaller = keeper.wake(view.hold(20_000)).intents
    assert isinstance(smaller, Order)
    assert smaller.size_lots == 31_020


def test_its_budget_is_for_longs_and_shorts_and_then_spent() -> None:
    keeper, view = liquidator(), closing_a(Side.SELL)
    keeper.wake(view)
    assert list(keeper.wake(view.hold(50_000)).intents) == [CancelAll(SOL.instrument_id)]
    assert list(keeper.wake(view).intents) == []
    short = only_order(liquidator().wake(closing_a(Side.SELL).hold(-1_000)).intents)
    assert short.size_lots == 51_000


def test_it_withdraws_its_bid_when_the_last_liquidation_is_old_and_unwinds_near_the_mark() -> None:
    keeper, view = liquidator(), closing_a(Side.SELL)
    keeper.wake(view)
    view.hold(700)
    view.now_ns += 5 * SECOND_NS - 1
    keeper.wake(view)
    view.now_ns += 1
    cancelled, order = keeper.wake(view).intents
    assert cancelled == CancelAll(SOL.instrument_id)
    # $100 less 0.1 % is $99.90.
    assert order == Order(3, Side.SELL, 700, 999_000, TimeInForce.IOC, OrderFlag.REDUCE_ONLY)
    back = only_order(keeper.wake(view.hold(-700)).intents)
    assert back == Order(3, Side.BUY, 700, 1_001_000, TimeInForce.IOC, OrderFlag.REDUCE_ONLY)
    assert list(keeper.wake(view.tell(1_000_000, stale=True)).intents) == []


def test_a_new_liquidation_prolongs_its_stand() -> None:
    keeper, view = liquidator(), closing_a(Side.SELL)
    keeper.wake(view)
    view.now_ns += 5 * SECOND_NS
    assert list(keeper.wake(closing_a(Side.SELL, view)).intents) == []


def test_keepers_that_are_out_do_nothing() -> None:
    keeper, view = liquidator(replace(SETTINGS, offline_ppm=900_000)), closing_a(Side.SELL)
    stood = 0
    for _ in range(2_000):
        intents = keeper.wake(view).intents
        stood += bool(intents)
        # Each look finds another mark, so that there is something to do whenever it is in.
        view.tell(990_000 if view.told(3) == sol_market().told(3) else 1_000_000)
    # Nine looks of ten it is out: of 2,000 it acts at most at 200, deviation 13.4, and at least at most of them.
    assert 0 < stood < 200 + 4 * 13.4
    gone = liquidator(replace(SETTINGS, offline_ppm=1_000_000))
    assert list(gone.wake(view).intents) == []
