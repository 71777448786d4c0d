"""True prices: a walk that is turned is itself up to its turn, and then moves as another; files are as recorded."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from wavetank.oracle.adapters.sources.synthetic import Regime, Shock, Walk
from wavetank.oracle.core.settings import SourceTerms
from wavetank.runtime.price_path import PriceFormat, checked_path
from wavetank.storms.scenario.walks import WalkTerms
from wavetank.storms.staging.prices import MarketPlan, PathPlan, TruePath, Turn, make_paths

SECOND_NS = 1_000_000_000
STEP_NS = SECOND_NS // 10
START_NS = 1_000 * SECOND_NS
PRICES = {"BTC": 60_000_000_000, "ETH": 2_500_000_000}
PLAN = MarketPlan(
    paths=tuple(PathPlan(symbol=symbol, prices=None, sources={"only": SourceTerms()}) for symbol in PRICES),
    walks=WalkTerms(
        walks=tuple(
            Walk(symbol=symbol, start_price_micros=price, volatility_e6=10_000) for symbol, price in PRICES.items()
        ),
        correlations_e6={("BTC", "ETH"): 500_000},
        step_ns=STEP_NS,
    ),
    start_ns=START_NS,
)
FALL = Shock(after_ns=4 * SECOND_NS, move_e12=-100_000_000_000, over_ns=2 * SECOND_NS)


def paths(seed: int, *shocks: Shock, turn: Turn | None = None) -> dict[str, TruePath]:
    return make_paths(PLAN, shocks, seed=seed, turn=turn)


def walked(path: TruePath, *, until_s: int = 20) -> dict[int, int]:
    """Return the prices by step; asked between steps too, where the newest holds."""
    found: dict[int, int] = {}
    for time_ns in range(START_NS, START_NS + until_s * SECOND_NS, STEP_NS // 2):
        newest = path.newest_by(time_ns)
        assert newest is not None
        # What holds from a step on holds until the next.
        assert found.setdefault(newest[0], newest[1]) == newest[1]
    return found


@pytest.mark.parametrize("symbol", ["BTC", "ETH"])
def test_a_turned_walk_is_itself_until_its_turn_and_then_moves_as_the_other(symbol: str) -> None:
    turn_ns = START_NS + 10 * SECOND_NS
    mine, other = walked(paths(1)[symbol]), walked(paths(2)[symbol])
    # The turn falls between two steps; the newest by then is the last that stays.
    turned = walked(paths(1, turn=Turn(turn_ns + STEP_NS // 3, 2))[symbol])
    for time_ns, price in turned.items():
        if time_ns <= turn_ns:
            assert price == mine[time_ns]
        else:
            expected = Fraction(mine[turn_ns]) * other[time_ns] / other[turn_ns]
            assert abs(price - expected) <= Fraction(1, 2)
    assert turned[turn_ns + STEP_NS] != mine[turn_ns + STEP_NS]


def test_the_timelines_moves_stay_on_top_of_a_turned_walk() -> None:
    turn = Turn(START_NS + 5 * SECOND_NS, 2)
    calm, moved = walked(paths(1, turn=turn)["BTC"]), walked(paths(1, FALL, turn=turn)["BTC"])
    untouched = walked(paths(1, FALL)["BTC"])
    for time_ns, price in moved.items():
        # From 4 s on down by a tenth within 2 s, and it stays.
        gone = min(max(Fraction(time_ns - START_NS, SECOND_NS) - 4, Fraction(0)) / 2, Fraction(1))
        assert abs(price - calm[time_ns] * (1 - gone / 10)) <= 1
        if time_ns <= turn.time_ns:
            assert price == untouched[time_ns]


def test_a_walk_turned_alike_is_alike_however_far_ahead_it_is_asked() -> None:
    turn = Turn(START_NS + 5 * SECOND_NS, 2)
    one, ahead = paths(1, turn=turn)["ETH"], paths(1, turn=turn)["ETH"]
    for time_ns in range(START_NS, START_NS + 20 * SECOND_NS, SECOND_NS):
        seen = ahead.newest_by(time_ns + SECOND_NS)
        assert one.newest_by(time_ns + SECOND_NS) == seen


def test_a_walk_turns_within_the_regime_that_it_is_in() -> None:
    # Half of the time nothing moves. Whichever of the other seed's it would be by itself is chance: 1 in 2^40.
    regimes = (
        Regime(name="still", mean_ns=10 * SECOND_NS, volatility_factor_e6=0),
        Regime(name="lively", mean_ns=10 * SECOND_NS),
    )
    plan = replace(PLAN, walks=replace(PLAN.walks, regimes=regimes))
    turn_ns = START_NS + 30 * SECOND_NS
    found = []
    for seed in range(40):
        before = plan.walks.market(seed=seed, start_ns=START_NS)
        path = make_paths(plan, (), seed=seed, turn=Turn(turn_ns, seed + 1_000))["BTC"]
        at, after = path.newest_by(turn_ns), path.newest_by(turn_ns + STEP_NS)
        assert at is not None
        assert after is not None
        found.append((before.regime_by(turn_ns), at[1] != after[1]))
    assert set(found) == {("still", False), ("lively", True)}


def test_a_recorded_confidence_comes_with_its_price_and_stays_the_same_share_of_it() -> None:
    prices = checked_path(
        Path("day.csv"),
        PriceFormat.TABLE,
        [START_NS, START_NS + SECOND_NS],
        [200_000_000, 100_000_000],
        confidences_micros=np.asarray([0, 30_000_000]),
    )
    plan = replace(
        PLAN, paths=(PathPlan(symbol="BTC", prices=prices, sources={}),), walks=replace(PLAN.walks, walks=())
    )
    path = make_paths(plan, (), seed=1)["BTC"]
    assert path.newest_by(START_NS) == (START_NS, 200_000_000, 0)
    assert path.newest_by(START_NS + 3 * SECOND_NS) == (START_NS + SECOND_NS, 100_000_000, 30_000_000)
    # Down by a tenth from 6 s on.
    fallen = make_paths(plan, (FALL,), seed=1)["BTC"]
    assert fallen.newest_by(START_NS + 7 * SECOND_NS) == (START_NS + 7 * SECOND_NS, 90_000_000, 27_000_000)
