"""The informed trader: takes exactly where the index to come proves a quote wrong by more than its costs."""

import pytest

from tests.unit.storms.agents.scripted_view import DOLLAR, LISTED, SECOND_NS, SOL, ScriptedView, only_order, sol_market
from wavetank.model.orders import OrderFlag, Side, TimeInForce
from wavetank.storms.agents.agent import Label
from wavetank.storms.agents.informed import InformedSettings, InformedTrader
from wavetank.storms.dice import Dice

SETTINGS = InformedSettings(
    instruments=("SOL",),
    clip_micros=1_000 * DOLLAR,
    max_position_micros=5_000 * DOLLAR,
    threshold_ppm=200,
    hold_ns=2 * SECOND_NS,
    interval_ns=SECOND_NS // 5,
)


def trader() -> InformedTrader:
    return InformedTrader(SETTINGS, LISTED, Dice(1))


def foreseeing(index_ticks: int, position_lots: int = 0) -> ScriptedView:
    view = sol_market().hold(position_lots)
    view.foreseen[SOL.instrument_id] = index_ticks
    return view


# The fees of going in and out are twice 450 ppm, with the threshold 1,100. The ask is 1,000,100:
# 1,000,100 · 1.0011 = 1,001,200.11, so the first index that pays is 1,001,201. The bid is 999,900:
# 999,900 · 0.9989 = 998,800.11, so the first that pays is 998,800.
@pytest.mark.parametrize(
    ("index_ticks", "side"),
    [(1_001_200, None), (1_001_201, Side.BUY), (998_801, None), (998_800, Side.SELL), (0, None)],
)
def test_it_takes_when_the_edge_exceeds_threshold_and_fees(index_ticks: int, side: Side | None) -> None:
    assert trader().label is Label.INFORMED
    intents = trader().wake(foreseeing(index_ticks)).intents
    assert [intent.side for intent in intents] == ([] if side is None else [side])


def test_it_takes_its_clip_at_every_price_that_pays() -> None:
    order = only_order(trader().wake(foreseeing(1_010_000)).intents)
    # 1,010,000 / 1.0011 = 1,008,890.2: to the cent, $100.88. $1,000 at $101 are 990 lots.
    assert (order.side, order.price_ticks, order.size_lots) == (Side.BUY, 1_008_800, 990)
    assert (order.time_in_force, order.flags) == (TimeInForce.IOC, OrderFlag.NONE)


def test_it_fills_its_position_and_no_more() -> None:
    # $5,000 at $101 are 4,950 lots.
    assert only_order(trader().wake(foreseeing(1_010_000, 4_000)).intents).size_lots == 950
    assert trader().wake(foreseeing(1_010_000, -200)).intents[0].side is Side.BUY


def test_it_closes_after_it_has_held_long_enough() -> None:
    informed, view = trader(), foreseeing(1_010_000)
    view.carry_out(informed.wake(view).intents)
    # The market has come to where the index was foreseen.
    view.quote(1_009_900, 1_010_100).tell(1_010_000)
    view.now_ns += 2 * SECOND_NS - 1
    assert informed.wake(view).intents == []
    view.now_ns += 1
    order = only_order(informed.wake(view).intents)
    # 1,009,900 less 0.2 % is 1,007,880.2, up to the cent.
    assert (order.side, order.size_lots, order.price_ticks) == (Side.SELL, 990, 1_007_900)
    assert order.flags is OrderFlag.REDUCE_ONLY
    view.carry_out([order])
    assert informed.wake(view).intents == []


def test_what_it_is_left_with_it_closes_at_once() -> None:
    order = only_order(trader().wake(foreseeing(1_000_000, -70)).intents)
    assert (order.side, order.size_lots, order.flags) == (Side.BUY, 70, OrderFlag.REDUCE_ONLY)


def test_it_looks_at_its_interval() -> None:
    assert trader().wake(foreseeing(1_000_000)).wake_ns == SECOND_NS + SECOND_NS // 5
