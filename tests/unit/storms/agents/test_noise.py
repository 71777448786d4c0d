"""Noise takers: arrivals at their rate, sizes with their mean, a crowd that leans and keeps its bound."""

from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean

from tests.unit.storms.agents.scripted_view import (
    BTC,
    DOLLAR,
    LISTED,
    SECOND_NS,
    SOL,
    ScriptedView,
    only_order,
    sol_market,
)
from wavetank.model.orders import OrderFlag, Side, TimeInForce
from wavetank.storms.agents.agent import CancelAll, Intent, Label, Order
from wavetank.storms.agents.noise import NoiseSettings, NoiseTakers
from wavetank.storms.dice import Dice

WIDE = 10**12
"""A largest position that no test reaches."""


def intents_of(takers: NoiseTakers, view: ScriptedView, count: int) -> Iterator[tuple[int, Intent]]:
    """Yield what the crowd wants in so many looks, with the time of each; nothing of it comes to pass."""
    for _ in range(count):
        turn = takers.wake(view)
        yield from ((view.now_ns, intent) for intent in turn.intents)
        assert turn.wake_ns > view.now_ns
        view.now_ns = turn.wake_ns


def orders_of(settings: NoiseSettings, view: ScriptedView, count: int, seed: int = 1) -> list[Order]:
    takers = NoiseTakers(settings, LISTED, Dice(seed))
    return [intent for _, intent in intents_of(takers, view, count) if isinstance(intent, Order)]


def test_entering_the_market_it_only_waits() -> None:
    takers = NoiseTakers(NoiseSettings(instruments=("SOL",)), LISTED, Dice(1))
    turn = takers.wake(sol_market())
    assert takers.label is Label.NOISE
    assert turn.intents == []
    assert turn.wake_ns > SECOND_NS


def test_arrivals_come_at_base_by_one_less_excitation() -> None:
    settings = NoiseSettings(
        instruments=("SOL",), interval_ns=SECOND_NS, excitation_ppm=500_000, max_position_micros=WIDE
    )
    view = sol_market()
    orders = orders_of(settings, view, 20_001)
    seconds = (view.now_ns - SECOND_NS) / SECOND_NS
    # Twice a second: 20,000 arrivals take 10,000 seconds; the count's deviation there is sqrt(10,000 / 0.5³) = 283,
    # that of the time half of it, 141.
    assert len(orders) == 20_000
    assert abs(seconds - 10_000) < 4 * 141


def test_sizes_have_about_their_mean() -> None:
    settings = NoiseSettings(instruments=("SOL",), mean_micros=2_000 * DOLLAR, max_position_micros=WIDE)
    orders = orders_of(settings, sol_market(), 10_000)
    # $2,000 at the best bid of $99.99 are 2,000.2 lots, of which the sum of uniforms gives 0.9983, less half a lot that
    # is cut off; the deviation of a size is 0.947 of it, of the mean of 10,000 a hundredth of that: 18.9.
    assert abs(fmean(order.size_lots for order in orders) - 1_996.3) < 4 * 18.9


def test_a_taker_trades_through_the_best_up_to_its_slippage() -> None:
    settings = NoiseSettings(instruments=("SOL",), slippage_ppm=2_000)
    limits = {(order.side, order.price_ticks) for order in orders_of(settings, sol_market(), 200)}
    # $100.01 and $99.99 by 0.2 %: 1,002,100.2 down to a cent, and 997,900.2 up to a tenth of one.
    assert limits == {(Side.BUY, 1_002_100), (Side.SELL, 997_910)}
    kinds = {(order.time_in_force, order.flags) for order in orders_of(settings, sol_market(), 200)}
    assert kinds == {(TimeInForce.IOC, OrderFlag.NONE)}


def test_a_crowd_leans_against_its_position() -> None:
    # $1,000,000 at the best bid of $99.99 are 1,000,100 lots. A long of half of it makes a buy 0.5 - 0.25 / 2 = 0.375
    # likely; the deviation of a share of 4,000 is sqrt(0.375 · 0.625 / 4,000) = 0.00765.
    settings = NoiseSettings(
        instruments=("SOL",), mean_micros=100 * DOLLAR, max_position_micros=1_000_000 * DOLLAR, lean_ppm=250_000
    )
    for position, share in ((500_050, 0.375), (-500_050, 0.625), (0, 0.5)):
        orders = orders_of(settings, sol_market().hold(position), 4_001)
        buys = sum(order.side is Side.BUY for order in orders)
        assert abs(buys / len(orders) - share) < 4 * 0.0079


def test_a_full_crowd_only_reduces() -> None:
    settings = NoiseSettings(instruments=("SOL",), max_position_micros=10_000 * DOLLAR)
    # $10,000 at $99.99 are 10,001 lots.
    assert {order.side for order in orders_of(settings, sol_market().hold(10_001), 300)} == {Side.SELL}
    assert {order.side for order in orders_of(settings, sol_market().hold(-10_001), 300)} == {Side.BUY}


def test_a_position_stays_within_its_bound_whatever_arrives() -> None:
    settings = NoiseSettings(
        instruments=("SOL",), mean_micros=5_000 * DOLLAR, max_position_micros=10_000 * DOLLAR, lean_ppm=0
    )
    view = sol_market()
    takers = NoiseTakers(settings, LISTED, Dice(1))
    reached: set[int] = set()
    for _ in range(500):
        turn = takers.wake(view)
        view.carry_out(turn.intents)
        reached.add(view.position_lots(SOL.instrument_id))
        # Looking late now and then, it sends several orders at once.
        view.now_ns = turn.wake_ns + 3 * SECOND_NS
    assert (min(reached), max(reached)) == (-10_001, 10_001)


def test_what_rests_already_counts_towards_the_bound() -> None:
    settings = NoiseSettings(instruments=("SOL",), max_position_micros=10_000 * DOLLAR)
    view = sol_market()
    view.resting[SOL.instrument_id, Side.BUY] = 10_001
    assert {order.side for order in orders_of(settings, view, 300)} == {Side.SELL}


def test_some_rest_behind_the_best_and_lose_patience() -> None:
    settings = NoiseSettings(
        instruments=("SOL",),
        passive_ppm=300_000,
        passive_distance_ppm=300,
        passive_ns=10 * SECOND_NS,
        max_position_micros=WIDE,
    )
    takers = NoiseTakers(settings, LISTED, Dice(2))
    view = sol_market()
    rested: list[Order] = []
    since: dict[Side, int] = {}
    waits: list[int] = []
    number = 0
    for now_ns, intent in intents_of(takers, view, 8_000):
        if isinstance(intent, CancelAll):
            assert intent.side is not None
            waits.append(now_ns - since.pop(intent.side))
            continue
        number += 1
        if intent.time_in_force is TimeInForce.GTC:
            rested.append(intent)
            since.setdefault(intent.side, now_ns)
    # Deviation of the share: sqrt(0.3 · 0.7 / 7,000) = 0.0055.
    assert abs(len(rested) / number - 0.3) < 4 * 0.0055
    assert {order.flags for order in rested} == {OrderFlag.POST_ONLY}
    distances = [999_900 - order.price_ticks for order in rested if order.side is Side.BUY]
    assert min(distances) >= 0
    # 0.03 % of $99.99 is 300 ticks, an exponential; prices are cut to tens of ticks, five more on average. A thousand
    # of them: 300 / sqrt(1,000) = 9.5.
    assert abs(fmean(distances) - 305) < 4 * 9.5
    # Some 1,000 waits, exponential: 10 / sqrt(1,000) = 0.32.
    assert abs(fmean(waits) / SECOND_NS - 10) < 4 * 0.32


def test_a_market_that_goes_another_way_meets_the_same_crowd() -> None:
    settings = NoiseSettings(instruments=("SOL",), lean_ppm=0, max_position_micros=WIDE)
    calm, moved = sol_market(), sol_market(900_000)
    one = list(intents_of(NoiseTakers(settings, LISTED, Dice(3)), calm, 300))
    # Its book is empty for the first hundred looks: those arrivals come to nothing.
    takers = NoiseTakers(settings, LISTED, Dice(3))
    full = moved.top(SOL.instrument_id)
    moved.quote(0, 0)
    assert list(intents_of(takers, moved, 101)) == []
    moved.tops[SOL.instrument_id] = full
    other = list(intents_of(takers, moved, 199))
    assert [(time_ns, intent.side) for time_ns, intent in other] == [
        (time_ns, intent.side) for time_ns, intent in one[100:]
    ]


def test_a_crowd_that_rests_more_often_is_the_same_crowd() -> None:
    takes = NoiseSettings(instruments=("SOL",), lean_ppm=0, max_position_micros=WIDE)
    rests = replace(takes, passive_ppm=500_000, passive_ns=3_600 * SECOND_NS)
    one = [(order.side, order.size_lots) for order in orders_of(takes, sol_market(), 200)]
    other = [(order.side, order.size_lots) for order in orders_of(rests, sol_market(), 200)]
    # Some looks of the other are for what has lost patience.
    assert one[:150] == other[:150]


def test_a_crowd_that_could_not_look_does_not_come_all_at_once() -> None:
    takers = NoiseTakers(NoiseSettings(instruments=("SOL",), max_position_micros=WIDE), LISTED, Dice(4))
    view = sol_market()
    takers.wake(view)
    view.now_ns += 3_600 * SECOND_NS
    turn = takers.wake(view)
    assert len(turn.intents) == 16
    assert turn.wake_ns > view.now_ns


def test_crowds_of_several_instruments_do_not_disturb_each_other() -> None:
    both = NoiseSettings(instruments=("SOL", "BTC"), max_position_micros=WIDE)
    view = sol_market().quote(639_990, 640_010, instrument=BTC).tell(640_000, instrument=BTC)
    mixed = list(intents_of(NoiseTakers(both, LISTED, Dice(5)), view, 400))
    alone = NoiseSettings(instruments=("SOL",), max_position_micros=WIDE)
    single = list(intents_of(NoiseTakers(alone, LISTED, Dice(5)), sol_market(), 400))
    of_sol = [(time_ns, intent) for time_ns, intent in mixed if intent.instrument_id == SOL.instrument_id]
    assert {intent.instrument_id for _, intent in mixed} == {BTC.instrument_id, SOL.instrument_id}
    assert of_sol == single[: len(of_sol)]


def test_one_arrival_is_one_order() -> None:
    takers = NoiseTakers(NoiseSettings(instruments=("SOL",), excitation_ppm=0), LISTED, Dice(6))
    view = sol_market()
    view.now_ns = takers.wake(view).wake_ns
    order = only_order(takers.wake(view).intents)
    assert order.instrument_id == SOL.instrument_id
