"""What a page says of its walks is what its prices do, and what no walks can do is refused at its line."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from wavetank.oracle.adapters.sources.synthetic import SyntheticMarket
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.faults import ScenarioInvalid
from wavetank.storms.scenario.library import find
from wavetank.storms.scenario.reading import overridden, read_scenario
from wavetank.storms.scenario.walks import walk_terms

STEP_NS = 100_000_000
# Lines are counted from here; `market` is line 5.
PAGE = """\
scenario: 1
name: walks
title: Walks
duration: 1m
market:
  instruments: {BTC: {}, ETH: {}, SOL: {}}
"""


def page(**market: Any) -> Scenario:  # noqa: ANN401 - whatever a page may say.
    """Return a page whose instruments move by 1 % an hour, unless it says otherwise."""
    instruments = {symbol: {"volatility": "1%"} for symbol in ("BTC", "ETH", "SOL")}
    document = {"scenario": 1, "name": "walks", "title": "Walks", "duration": "1m"}
    return Scenario.model_validate({**document, "market": {"instruments": instruments, **market}})


def market(**said: Any) -> SyntheticMarket:  # noqa: ANN401 - whatever a page may say.
    return walk_terms(page(**said).market).market(seed=5, start_ns=0)


def moves(made: SyntheticMarket, symbol: str, steps: int) -> npt.NDArray[np.float64]:
    """Return the logarithm of each step of a walk."""
    prices = [made.price_micros(symbol, step * made.step_ns) for step in range(steps + 1)]
    return np.diff(np.log([price for _, price in filter(None, prices)]))


def test_a_page_that_says_nothing_of_it_walks_as_it_always_did() -> None:
    # Written down before a page could say more: the walks of `calm` and `C3` after a minute, without their moves.
    calm = walk_terms(find("calm").market).market(seed=1, start_ns=0)
    assert {symbol: calm.price_micros(symbol, 60 * 10**9) for symbol in ("BTC", "ETH", "SOL")} == {
        "BTC": (60 * 10**9, 59_999_173_280),
        "ETH": (60 * 10**9, 2_500_747_693),
        "SOL": (60 * 10**9, 149_673_802),
    }
    hedged = walk_terms(find("C3").market).market(seed=1, start_ns=0)
    assert hedged.price_micros("ETH", 60 * 10**9) == (60 * 10**9, 2_500_598_475)


def test_a_burst_moves_prices_ten_times_as_far() -> None:
    # 200 ms every 5 s at steps of 20 ms: 10 steps of each 250. 1 % an hour is 0.01 × √(0.02/3600) = 2.357e-5 a step,
    # and ten times as much in a burst; 400 bursts have 4,000 steps, so that its error is 1/√8000 = 1.1 %.
    made = market(price_step="20ms", bursts=[{"every": "5s", "lasting": "200ms", "after": "1s"}])
    found = moves(made, "BTC", 100_000)
    in_burst = ((np.arange(100_000) - 50) % 250 < 10) & (np.arange(100_000) >= 50)
    assert found[in_burst].std() == pytest.approx(2.357e-4, rel=0.034)
    assert found[~in_burst].std() == pytest.approx(2.357e-5, rel=0.01)


def test_bursts_at_random_come_as_often_as_the_page_says() -> None:
    # Still but for jumps, of which bursts alone have as many as one a step: 200 ms every 2 s cover
    # 1 − e^(−0.2/2) = 0.095163 of the steps, and of those 1 − e^−1 = 0.632121 jump: 0.060155 of 100,000. Two steps hang
    # together, so that the error is below √(2 × 0.0861/10^5) = 0.0013.
    instruments = {"BTC": {"volatility": 0}}
    made = market(
        instruments=instruments,
        bursts=[{"every": "2s", "lasting": "200ms", "arrivals": "random", "volatility": 1, "intensity": 100}],
        jumps=[{"per_hour": 360, "deviation": "1bp"}],
    )
    jumped = moves(made, "BTC", 100_000) != 0
    # Outside, 0.904837 × (1 − e^−0.01) = 0.009003 more.
    assert jumped.mean() == pytest.approx(0.060155 + 0.009003, abs=3 * 0.0013)
    # At equal distances nearly all would be in the first two steps of twenty.
    assert jumped[np.arange(100_000) % 20 < 2].sum() / jumped.sum() == pytest.approx(0.1, abs=0.02)


def test_jumps_come_as_often_and_go_as_far_as_the_page_says() -> None:
    # 360 an hour are 0.01 in a step of 100 ms: 1 − e^−0.01 = 0.00995 of 100,000 steps, 995 ± 31.4 of them.
    instruments = {symbol: {"volatility": 0} for symbol in ("BTC", "ETH")}
    made = market(
        instruments=instruments, jumps=[{"per_hour": 360, "mean": "-2bp", "deviation": "10bp", "instruments": ["BTC"]}]
    )
    found = moves(made, "BTC", 100_000)
    sizes = found[found != 0]
    assert len(sizes) == pytest.approx(995, abs=3 * 31.4)
    # A step that jumps has 0.01/0.00995 = 1.005 jumps; errors 10 bp/√995 = 0.32 bp and 10 bp/√1990 = 0.22 bp.
    assert sizes.mean() == pytest.approx(-2.01e-4, abs=3 * 0.32e-4)
    assert sizes.std() == pytest.approx(10.03e-4, abs=3 * 0.25e-4)
    assert set(moves(made, "ETH", 1_000)) == {0}


def test_common_jumps_come_at_once() -> None:
    instruments = {symbol: {"volatility": 0} for symbol in ("BTC", "ETH")}
    made = market(instruments=instruments, jumps=[{"per_hour": 3_600, "deviation": "1%", "common": True}])
    bitcoin, ether = moves(made, "BTC", 2_000), moves(made, "ETH", 2_000)
    assert (bitcoin != 0).sum() > 100
    assert bitcoin == pytest.approx(ether, abs=1e-8)


def test_each_pair_has_the_correlation_that_it_is_given() -> None:
    made = market(correlation="50%", correlations={"ETH,BTC": "90%"})
    found = np.corrcoef([moves(made, symbol, 20_000) for symbol in ("BTC", "ETH", "SOL")])
    # Errors (1 − ρ²)/√20,000: 0.0013 and 0.0053.
    assert found[0, 1] == pytest.approx(0.9, abs=3 * 0.0013)
    assert [found[0, 2], found[1, 2]] == pytest.approx([0.5, 0.5], abs=3 * 0.0053)


def test_a_regime_bends_what_the_page_says_it_bends() -> None:
    # The first is left within steps, the second not in the 4,000 s that are looked at.
    made = market(
        correlation="80%",
        regimes=[
            {"name": "dawn", "lasting": "100ms"},
            {"name": "storm", "lasting": "300h", "volatility": 4, "drift": "50%", "correlation": 0.25, "intensity": 7},
        ],
    )
    assert made.regime_by(0) == "dawn"
    assert made.regime_by(100 * STEP_NS) == "storm"
    bitcoin, ether = (moves(made, symbol, 40_000)[100:] for symbol in ("BTC", "ETH"))
    # Four times 0.01 × √(0.1/3600) = 5.2705e-5; the error is 1/√80,000 = 0.35 %.
    assert bitcoin.std() == pytest.approx(2.1082e-4, rel=0.011)
    # A quarter of 0.8; the error is (1 − 0.2²)/√40,000 = 0.0048.
    assert np.corrcoef(bitcoin, ether)[0, 1] == pytest.approx(0.2, abs=3 * 0.0048)
    # 50 % an hour is 1.3889e-5 a step, less half the variance, 2.22e-8; the error is 2.1082e-4/√40,000 = 1.05e-6.
    assert bitcoin.mean() == pytest.approx(1.3867e-5, abs=3 * 1.05e-6)


def test_a_regime_multiplies_the_number_of_jumps() -> None:
    # 36 an hour are 0.001 in a step, in the storm 0.1: 1 − e^−0.1 = 0.095163 of 20,000 steps, 1,903 ± 41.5.
    regimes = [
        {"name": "dawn", "lasting": "100ms"},
        {"name": "storm", "lasting": "300h", "intensity": 100},
    ]
    jumps = [{"per_hour": 36, "deviation": "1bp"}]
    made = market(instruments={"BTC": {"volatility": 0}}, regimes=regimes, jumps=jumps)
    assert (moves(made, "BTC", 20_000) != 0).sum() == pytest.approx(1_903, abs=3 * 41.5)


def test_which_regime_follows_is_weighed() -> None:
    regimes = [
        {"name": "calm", "lasting": "1s", "next": {"storm": 3, "slump": 1}},
        {"name": "storm", "lasting": "1s", "next": {"calm": 1}},
        {"name": "slump", "lasting": "1s", "next": {"calm": 1}},
    ]
    made = market(regimes=regimes)
    names = [made.regime_by(step * STEP_NS) for step in range(100_000)]
    followers = [after for before, after in pairwise(names) if before == "calm" != after]
    # About 10,000 s in visits of a second, every second one to calm: 5,000, each left for a storm three times of four.
    assert len(followers) == pytest.approx(4_760, rel=0.1)
    assert followers.count("storm") / len(followers) == pytest.approx(0.75, abs=3 * 0.0063)


def test_what_is_recorded_does_not_walk(tmp_path: Path) -> None:
    # The file is not opened here, for what it holds has no part in the walks.
    instruments = {"BTC": {"file": str(tmp_path / "any.csv")}, "ETH": {"volatility": 0}}
    jumps = [{"per_hour": 3_600, "deviation": "1%", "instruments": ["BTC"]}]
    terms = walk_terms(page(instruments=instruments, jumps=jumps).market)
    assert [walk.symbol for walk in terms.walks] == ["ETH"]
    assert set(moves(terms.market(seed=1, start_ns=0), "ETH", 500)) == {0}


def test_a_page_is_read_with_all_of_it_and_changed_by_dotted_paths() -> None:
    text = (
        '  correlations: {"BTC,ETH": 90%}\n'
        "  jumps: [{per_hour: 6, mean: -20bp, deviation: 1%}]\n"
        "  regimes: [{name: calm, lasting: 30m}, {name: storm, lasting: 5m, volatility: 4}]\n"
        "  bursts: [{every: 30s, lasting: 1s}]\n"
    )
    scenario = read_scenario(PAGE + text)
    changed = overridden(
        scenario,
        {"market.correlations.BTC,ETH": "70%", "market.regimes.storm.volatility": 5, "market.bursts.0.every": "20s"},
    )
    terms = walk_terms(changed.market)
    assert terms.correlations_e6 == {("BTC", "ETH"): 700_000, ("BTC", "SOL"): 800_000, ("ETH", "SOL"): 800_000}
    assert [(each.name, each.mean_ns, each.volatility_factor_e6) for each in terms.regimes] == [
        ("calm", 1_800 * 10**9, 10**6),
        ("storm", 300 * 10**9, 5 * 10**6),
    ]
    assert (terms.bursts[0].every_ns, terms.bursts[0].length_ns) == (20 * 10**9, 10**9)
    assert (terms.jumps[0].per_hour_e6, terms.jumps[0].mean_e6, terms.jumps[0].deviation_e6) == (
        6_000_000,
        -2_000,
        10_000,
    )


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("  correlation: 120%", "7:16: market.correlation: is 120%; -99.9999% to 99.9999% is allowed"),
        ("  correlation: -90%", "6:3: market: no walks of BTC, ETH, SOL have these correlations: BTC and ETH -0.9,"),
        ('  correlations: {"BTC,DOGE": 1%}', "7:30: market.correlations.BTC,DOGE: is 'DOGE', and nothing of that"),
        ('  correlations: {"BTC,BTC": 1%}', "7:29: market.correlations.BTC,BTC: is of one instrument; write two"),
        (
            '  correlations: {"BTC,ETH": 1%, "ETH,BTC": 2%}',
            "7:44: market.correlations.ETH,BTC: is BTC,ETH once more; write one of them",
        ),
        ("  price_step: 0s", "7:15: market.price_step: is 0s; more is allowed"),
        ("  jumps: [{deviation: 1%}]", "7:11: market.jumps.0.per_hour: is missing; it has no default"),
        ("  jumps: [{per_hour: -1, deviation: 1%}]", "7:22: market.jumps.0.per_hour: is -1; 0 to 3600 is allowed"),
        ("  jumps: [{per_hour: 1, deviation: 2}]", "7:36: market.jumps.0.deviation: is 200%; 0% to 100% is allowed"),
        ("  jumps: [{per_hour: 1, mean: 0.0000001, deviation: 0}]", "7:31: market.jumps.0.mean: is 0.00001%; -300%"),
        (
            "  jumps: [{per_hour: 1, deviation: 0, instruments: [BTX]}]",
            "7:53: market.jumps.0.instruments.0: is 'BTX', and nothing of that name is traded; did you mean BTC?",
        ),
        ("  regimes: [{name: Calm, lasting: 1s}]", "7:20: market.regimes.0.name: is 'Calm'; it must match ^[a-z]"),
        ("  regimes: [{name: a, lasting: soon}]", "7:32: market.regimes.0.lasting: 'soon' is no duration"),
        ("  regimes: [{name: a, lasting: 1ms}]", "7:32: market.regimes.0.lasting: is 1ms; at least market.price_step,"),
        ("  regimes: [{name: a, lasting: 1s, intensity: 101}]", "7:47: market.regimes.0.intensity: is 101; 0 to 100"),
        ("  regimes: [{name: a, lasting: 1s, correlation: 2}]", "6:3: market: no walks of BTC, ETH, SOL have these"),
        (
            "  regimes: [{name: a, lasting: 1s, next: {b: 1}}]",
            "7:46: market.regimes.0.next.b: is 'b', and nothing of that name can follow",
        ),
        ("  regimes: [{name: a, lasting: 1s}, {name: a, lasting: 1s}]", "7:44: market.regimes.1.name: is a once more"),
        ("  bursts: [{every: 1s, lasting: 2s}]", "7:33: market.bursts.0.lasting: is 2s; at most `every`, 1s, is"),
        ("  bursts: [{every: 1s}]", "7:12: market.bursts.0.lasting: is missing; it has no default"),
        ("  bursts: [{every: 1s, lasting: 1s, volatility: -1}]", "7:49: market.bursts.0.volatility: is -1; 0 to 100"),
        ("  bursts: [{every: 1s, lasting: 1s, arrivals: odd}]", "7:47: market.bursts.0.arrivals: is 'odd'; allowed:"),
        (
            "  bursts: [{every: 30s, lasting: 200ms}]",
            "7:34: market.bursts.0.lasting: is 200ms, which nobody could see; at least venue.oracle.publish",
        ),
        (
            "  price_step: 500ms\n  bursts: [{every: 30s, lasting: 200ms}]\nvenue: {oracle: {publish_interval: 100ms}}",
            "8:34: market.bursts.0.lasting: is 200ms, which nobody could see; at least market.price_step, 500ms, is",
        ),
    ],
)
def test_what_no_walks_can_do_is_refused_at_its_line(said: str, expected: str) -> None:
    with pytest.raises(ScenarioInvalid) as caught:
        read_scenario(f"{PAGE}{said}\n", source="walks.yaml")
    (fault,) = caught.value.faults
    assert str(fault).startswith(f"walks.yaml:{expected}")


def test_a_burst_of_two_publications_can_be_seen() -> None:
    text = "  bursts: [{every: 30s, lasting: 200ms}]\nvenue: {oracle: {publish_interval: 200ms}}\n"
    assert read_scenario(PAGE + text).market.bursts[0].lasting == 200_000_000
