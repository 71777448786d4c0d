"""The latency arbitrageur: picks off what the index has left behind, and is flat when the book has caught up."""

import pytest

from tests.unit.storms.agents.scripted_view import DOLLAR, LISTED, SECOND_NS, ScriptedView, only_order, sol_market
from wavetank.model.orders import OrderFlag, Side
from wavetank.storms.agents.agent import Label
from wavetank.storms.agents.arbitrageur import Arbitrageur, ArbitrageurSettings
from wavetank.storms.dice import Dice

SETTINGS = ArbitrageurSettings(
    instruments=("SOL",),
    clip_micros=1_000 * DOLLAR,
    max_position_micros=5_000 * DOLLAR,
    threshold_ppm=100,
    flat_ppm=50,
    slippage_ppm=1_000,
)


def arbitrageur() -> Arbitrageur:
    return Arbitrageur(SETTINGS, LISTED, Dice(1))


# With 900 ppm of fees an edge must exceed 1,000 ppm: 1,000,100 · 1.001 = 1,001,100.1 and 999,900 · 0.999 = 998,900.1.
@pytest.mark.parametrize(
    ("index_ticks", "side"), [(1_001_100, None), (1_001_101, Side.BUY), (998_901, None), (998_900, Side.SELL)]
)
def test_it_takes_quotes_that_are_stale_by_more_than_its_costs(index_ticks: int, side: Side | None) -> None:
    assert arbitrageur().label is Label.ARBITRAGEUR
    intents = arbitrageur().wake(sol_market().tell(1_000_000, index_ticks)).intents
    assert [intent.side for intent in intents] == ([] if side is None else [side])


def test_it_takes_nothing_on_a_stale_index_or_none() -> None:
    assert arbitrageur().wake(sol_market().tell(1_000_000, 1_020_000, stale=True)).intents == []
    assert arbitrageur().wake(sol_market().tell(1_000_000, 0)).intents == []
    # Nor does it know then whether the book has caught up.
    held = sol_market().hold(500).quote(1_000_000, 1_000_200)
    assert len(arbitrageur().wake(held).intents) == 1
    assert arbitrageur().wake(held.tell(1_000_000, stale=True)).intents == []
    assert arbitrageur().wake(ScriptedView().quote(999_900, 1_000_100)).intents == []


# Long, it sells at the bid once that is within 50 ppm of the index: of 1,000,000 that is 50 ticks.
@pytest.mark.parametrize(("bid_ticks", "closes"), [(999_949, False), (999_950, True), (1_000_500, True), (0, False)])
def test_a_long_is_flat_when_the_bid_has_caught_up(bid_ticks: int, closes: bool) -> None:
    view = sol_market().hold(500).quote(bid_ticks, 1_001_000)
    intents = arbitrageur().wake(view).intents
    assert len(intents) == closes
    if closes:
        order = only_order(intents)
        assert (order.side, order.size_lots, order.flags) == (Side.SELL, 500, OrderFlag.REDUCE_ONLY)


@pytest.mark.parametrize(("ask_ticks", "closes"), [(1_000_051, False), (1_000_050, True), (999_500, True), (0, False)])
def test_a_short_is_flat_when_the_ask_has_caught_up(ask_ticks: int, closes: bool) -> None:
    view = sol_market().hold(-500).quote(999_000, ask_ticks)
    intents = arbitrageur().wake(view).intents
    assert len(intents) == closes
    if closes:
        order = only_order(intents)
        assert (order.side, order.size_lots, order.flags) == (Side.BUY, 500, OrderFlag.REDUCE_ONLY)


def test_it_holds_while_the_book_lags_and_takes_more_up_to_its_position() -> None:
    view = sol_market().tell(1_000_000, 1_010_000).hold(4_500)
    # $5,000 at $101 are 4,950 lots.
    order = only_order(arbitrageur().wake(view).intents)
    assert (order.side, order.size_lots) == (Side.BUY, 450)
    assert arbitrageur().wake(view.hold(4_950)).intents == []


def test_it_looks_at_its_interval() -> None:
    assert arbitrageur().wake(sol_market()).wake_ns == SECOND_NS + 50_000_000
