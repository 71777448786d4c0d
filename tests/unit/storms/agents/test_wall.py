"""The spoofed wall: stands where it was told, moves with the price, and is gone before it is met."""

from dataclasses import replace

import pytest

from tests.unit.storms.agents.scripted_view import DOLLAR, LISTED, SECOND_NS, SOL, ScriptedView, sol_market
from wavetank.model.orders import OrderFlag, Side, TimeInForce
from wavetank.storms.agents.agent import NEVER_NS, CancelAll, Label, Order, Turn
from wavetank.storms.agents.wall import SpoofedWall, WallSettings
from wavetank.storms.dice import Dice

BIDS = WallSettings(
    instrument="SOL",
    side="buy",
    notional_micros=20_000_000 * DOLLAR,
    distance_ppm=10_000,
    renew_ppm=2_000,
    interval_ns=SECOND_NS,
)
ASKS = replace(BIDS, side="sell")


def wake(wall: SpoofedWall, view: ScriptedView, mid_ticks: int | None = None) -> Turn:
    """Show a mid, if one is given, let come to pass what is wanted, and go on by a second."""
    if mid_ticks is not None:
        view.quote(mid_ticks - 100, mid_ticks + 100).tell(mid_ticks)
    turn = wall.wake(view)
    view.carry_out(turn.intents)
    view.now_ns += SECOND_NS
    return turn


def wall_of(settings: WallSettings) -> SpoofedWall:
    return SpoofedWall(settings, LISTED, Dice(1))


def cancel(side: Side) -> CancelAll:
    return CancelAll(SOL.instrument_id, side)


# 1 % from $100: $99 and $101. $20 million are 20,202,020 and 19,801,980 lots.
@pytest.mark.parametrize(
    ("settings", "order"),
    [
        (BIDS, Order(3, Side.BUY, 20_202_020, 990_000, TimeInForce.GTC, OrderFlag.POST_ONLY)),
        (ASKS, Order(3, Side.SELL, 19_801_980, 1_010_000, TimeInForce.GTC, OrderFlag.POST_ONLY)),
    ],
)
def test_it_stands_at_its_distance_with_its_notional(settings: WallSettings, order: Order) -> None:
    wall, view = wall_of(settings), sol_market()
    assert wall.label is Label.WALL
    turn = wake(wall, view)
    assert turn == Turn([cancel(order.side), order], 2 * SECOND_NS)
    assert list(wake(wall, view).intents) == []


def test_a_wall_larger_than_an_order_is_several() -> None:
    listed = {"SOL": replace(SOL, max_order_lots=9_000_000)}
    turn = SpoofedWall(BIDS, listed, Dice(1)).wake(sol_market())
    assert [order.size_lots for order in turn.intents if isinstance(order, Order)] == [9_000_000, 9_000_000, 2_202_020]


# 2,000 ppm of 1,000,000 are 2,000 ticks.
@pytest.mark.parametrize(("settings", "near", "beyond"), [(BIDS, 1_002_000, 1_002_001), (ASKS, 998_000, 997_999)])
def test_it_follows_a_price_that_leaves_it(settings: WallSettings, near: int, beyond: int) -> None:
    wall, view = wall_of(settings), sol_market()
    wake(wall, view)
    assert list(wake(wall, view, near).intents) == []
    cancelled, order = wake(wall, view, beyond).intents
    assert cancelled == cancel(Side.BUY if settings is BIDS else Side.SELL)
    assert isinstance(order, Order)
    # 1,002,001 less 1 % is 991,980.99, on the grid of ten ticks 991,980; 997,999 and 1 % is 1,007,978.99, a cent's
    # multiple above is 1,008,000.
    assert order.price_ticks == (991_980 if settings is BIDS else 1_008_000)
    # From there the distance is counted anew.
    assert list(wake(wall, view, near).intents) == []


@pytest.mark.parametrize(("settings", "nearer"), [(BIDS, 995_000), (ASKS, 1_005_000)])
def test_it_waits_for_a_price_that_comes_unless_told_to_retreat(settings: WallSettings, nearer: int) -> None:
    wall, view = wall_of(settings), sol_market()
    wake(wall, view)
    assert list(wake(wall, view, nearer).intents) == []
    shy, view = wall_of(replace(settings, retreats=True)), sol_market()
    wake(shy, view)
    # 995,000 less 1 % is 985,050; 1,005,000 and 1 % is 1,015,050, up to the cent.
    prices = [order.price_ticks for order in wake(shy, view, nearer).intents if isinstance(order, Order)]
    assert prices == [985_050 if settings is BIDS else 1_015_100]


# At $99 a wall that is pulled within 0.5 % of the mid is met at a mid of 990,000 / 0.995 = 994,974.9;
# at $101 at 1,010,000 / 1.005 = 1,004,975.1.
@pytest.mark.parametrize(("settings", "far", "met"), [(BIDS, 994_975, 994_974), (ASKS, 1_004_975, 1_004_976)])
def test_it_is_pulled_for_good_when_the_price_comes_near(settings: WallSettings, far: int, met: int) -> None:
    wall, view = wall_of(replace(settings, pull_ppm=5_000)), sol_market()
    wake(wall, view)
    assert list(wake(wall, view, far).intents) == []
    turn = wake(wall, view, met)
    assert turn == Turn([cancel(Side.BUY if settings is BIDS else Side.SELL)], NEVER_NS)
    assert view.resting == {}


def test_a_wall_that_stands_where_it_is_pulled_is_pulled_at_its_next_look() -> None:
    # 1 % of the mid is exactly its distance.
    wall, view = wall_of(replace(BIDS, pull_ppm=10_000)), sol_market()
    wake(wall, view)
    assert wake(wall, view) == Turn([cancel(Side.BUY)], NEVER_NS)


def test_it_is_pulled_at_its_time_counted_from_when_it_entered() -> None:
    wall, view = wall_of(replace(BIDS, pull_after_ns=2 * SECOND_NS + 500)), sol_market()
    wakes = [wake(wall, view).wake_ns for _ in range(3)]
    # Entered at one second: it looks at 2, at 3, and at 3 and 500 nanoseconds.
    assert wakes == [2 * SECOND_NS, 3 * SECOND_NS, 3 * SECOND_NS + 500]
    view.now_ns = 3 * SECOND_NS + 500
    assert wall.wake(view) == Turn([cancel(Side.BUY)], NEVER_NS)


def test_what_was_eaten_into_is_placed_anew() -> None:
    wall, view = wall_of(BIDS), sol_market()
    wake(wall, view)
    view.resting[SOL.instrument_id, Side.BUY] -= 1
    assert [type(intent) for intent in wake(wall, view).intents] == [CancelAll, Order]


def test_without_a_mid_or_a_mark_it_waits() -> None:
    wall, view = wall_of(BIDS), ScriptedView()
    assert list(wake(wall, view).intents) == []
    assert list(wake(wall, view.quote(999_900, 1_000_100)).intents) == []
    assert len(wake(wall, view.tell(1_000_000)).intents) == 2
