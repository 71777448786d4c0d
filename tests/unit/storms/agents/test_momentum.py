"""The momentum follower: enters and leaves by averages that are worked out by hand."""

from dataclasses import replace

import pytest

from tests.unit.storms.agents.scripted_view import DOLLAR, LISTED, SECOND_NS, SOL, ScriptedView, only_order, sol_market
from wavetank.model.orders import OrderFlag, Side
from wavetank.storms.agents.agent import Intent, Label
from wavetank.storms.agents.momentum import MomentumFollower, MomentumSettings
from wavetank.storms.dice import Dice

# A sample a second; the fast average goes half the way to it, the slow one a quarter.
SETTINGS = MomentumSettings(
    instruments=("SOL",),
    size_micros=10_000 * DOLLAR,
    clip_micros=100_000 * DOLLAR,
    fast_ns=2 * SECOND_NS,
    slow_ns=4 * SECOND_NS,
    enter_ppm=500,
    stop_ppm=0,
    slippage_ppm=2_000,
    interval_ns=SECOND_NS,
)
# A twentieth and a fortieth.
SLUGGISH = replace(SETTINGS, fast_ns=20 * SECOND_NS, slow_ns=40 * SECOND_NS, stop_ppm=10_000)


class Scene:
    """A follower and the mids it is shown."""

    def __init__(self, settings: MomentumSettings = SETTINGS) -> None:
        self.follower = MomentumFollower(settings, LISTED, Dice(1))
        self.view: ScriptedView = sol_market()

    def show(self, mid_ticks: int) -> list[Intent]:
        """Show a mid; what is wanted comes to pass."""
        self.view.quote(mid_ticks - 100, mid_ticks + 100).tell(mid_ticks)
        turn = self.follower.wake(self.view)
        assert turn.wake_ns == self.view.now_ns + SECOND_NS
        self.view.now_ns = turn.wake_ns
        self.view.carry_out(turn.intents)
        return list(turn.intents)

    @property
    def position(self) -> int:
        return self.view.position_lots(SOL.instrument_id)


# From 1,000,000 by m: fast 1,000,000 + m/2, slow 1,000,000 + m/4, a lead of m/4. It exceeds 500 ppm of the slow one
# when m/4 · 999,500 > 5 · 10^8, m > 2,001.0005; downwards when m/4 · 1,000,500 > 5 · 10^8, m > 1,999.0005.
@pytest.mark.parametrize(
    ("moved", "side"), [(2_001, None), (2_002, Side.BUY), (-1_999, None), (-2_000, Side.SELL), (0, None)]
)
def test_it_enters_in_the_direction_of_a_move_beyond_the_threshold(moved: int, side: Side | None) -> None:
    scene = Scene()
    assert scene.follower.label is Label.MOMENTUM
    assert scene.show(1_000_000) == []
    assert [intent.side for intent in scene.show(1_000_000 + moved)] == ([] if side is None else [side])


def test_it_buys_its_size_through_the_best() -> None:
    scene = Scene()
    scene.show(1_000_000)
    order = only_order(scene.show(1_004_000))
    # $10,000 at $100.40 are 9,960 lots; $100.41 and 0.2 % is 1,006,108.2, to the cent below.
    assert (order.side, order.size_lots, order.price_ticks) == (Side.BUY, 9_960, 1_006_100)
    assert order.flags is OrderFlag.NONE
    assert scene.show(1_004_000) == []


def test_it_enters_in_clips() -> None:
    scene = Scene(replace(SETTINGS, clip_micros=4_000 * DOLLAR))
    scene.show(1_000_000)
    # $4,000 at the limit of 1,006,108: 3,975 lots, twice, and then the 2,010 that are left.
    assert [only_order(scene.show(1_004_000)).size_lots for _ in range(3)] == [3_975, 3_975, 2_010]
    assert scene.show(1_004_000) == []


def test_it_leaves_when_the_averages_cross() -> None:
    scene = Scene()
    scene.show(1_000_000)
    scene.show(1_004_000)  # fast 1,002,000, slow 1,001,000: enters
    assert scene.show(1_000_000) == []  # fast 1,001,000, slow 1,000,750
    order = only_order(scene.show(1_000_000))  # fast 1,000,500, slow 1,000,562.5
    assert (order.side, order.size_lots, order.flags) == (Side.SELL, 9_960, OrderFlag.REDUCE_ONLY)
    assert scene.position == 0


def test_a_short_is_its_mirror() -> None:
    scene = Scene()
    scene.show(1_000_000)
    entry = only_order(scene.show(996_000))
    # $10,000 at $99.60 are 10,040 lots.
    assert (entry.side, entry.size_lots) == (Side.SELL, 10_040)
    assert scene.show(1_000_000) == []
    leaving = only_order(scene.show(1_000_000))
    assert (leaving.side, leaving.size_lots, leaving.flags) == (Side.BUY, 10_040, OrderFlag.REDUCE_ONLY)


def test_it_stops_and_stays_out_until_the_move_is_over() -> None:
    scene = Scene(SLUGGISH)
    scene.show(1_000_000)
    assert len(scene.show(1_040_000)) == 1  # fast 1,002,000, slow 1,001,000: enters, the stop is below 1,029,600
    assert scene.show(1_029_600) == []  # exactly 1 %
    order = only_order(scene.show(1_029_599))  # the fast average still leads by more than the threshold
    assert (order.side, order.flags) == (Side.SELL, OrderFlag.REDUCE_ONLY)
    for _ in range(5):
        assert scene.show(1_030_000) == []
    # A fall makes the averages cross; only then may it enter again, and then short.
    seen = [intent.side for _ in range(40) for intent in scene.show(990_000)]
    assert seen == [Side.SELL]
    assert scene.position < 0


def test_what_it_did_not_choose_it_closes() -> None:
    scene = Scene()
    scene.view.hold(-300)
    order = only_order(scene.show(1_000_000))
    assert (order.side, order.size_lots, order.flags) == (Side.BUY, 300, OrderFlag.REDUCE_ONLY)


def test_a_book_with_one_side_is_no_sample() -> None:
    scene = Scene()
    scene.show(1_000_000)
    scene.view.quote(0, 1_050_000)
    assert scene.follower.wake(scene.view).intents == []
    assert scene.show(1_002_001) == []
