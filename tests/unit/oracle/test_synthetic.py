"""Synthetic markets: what theory says of jumps, regimes and bursts, and prices that were written down once."""

import math
import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from wavetank.oracle.adapters.sources.bursts import BurstWindows
from wavetank.oracle.adapters.sources.chances import ALL, arrival_thresholds, chance_within
from wavetank.oracle.adapters.sources.regimes import RegimeChain
from wavetank.oracle.adapters.sources.synthetic import Burst, Jumps, Regime, Shock, SyntheticMarket, Walk

MILLISECOND = 1_000_000
SECOND = 1_000 * MILLISECOND
HOUR = 3_600 * SECOND
E6 = 1_000_000

BTC = Walk(symbol="BTC", start_price_micros=60_000_000_000, volatility_e6=8_000)
ETH = Walk(symbol="ETH", start_price_micros=2_500_000_000, volatility_e6=10_000)
SOL = Walk(symbol="SOL", start_price_micros=150_000_000, volatility_e6=14_000)
STILL = [
    Walk(symbol="BTC", start_price_micros=60_000_000_000, volatility_e6=0),
    Walk(symbol="ETH", start_price_micros=2_500_000_000, volatility_e6=0),
]


def market(*, seed: int = 7, walks: list[Walk] | None = None, step_ns: int = SECOND, **more: Any) -> SyntheticMarket:  # noqa: ANN401 - whatever a market may have.
    return SyntheticMarket(
        seed=seed,
        walks=walks or [BTC, ETH, SOL],
        correlations_e6={("BTC", "ETH"): 800_000, ("BTC", "SOL"): -300_000, ("ETH", "SOL"): 100_000},
        step_ns=step_ns,
        start_ns=0,
        **more,
    )


def prices_of(made: SyntheticMarket, symbol: str, steps: int) -> list[int]:
    found = []
    for step in range(steps + 1):
        newest = made.price_micros(symbol, step * made.step_ns)
        assert newest is not None
        found.append(newest[1])
    return found


def logarithms(prices: list[int]) -> np.ndarray:
    return np.diff(np.log(np.asarray(prices, dtype=np.float64)))


EVERYTHING: dict[str, Any] = {
    "jumps": [
        Jumps(per_hour_e6=60 * E6, mean_e6=-1_000, deviation_e6=5_000),
        Jumps(per_hour_e6=12 * E6, mean_e6=0, deviation_e6=20_000, are_common=True, symbols=frozenset({"BTC", "SOL"})),
    ],
    "regimes": [
        Regime(name="calm", mean_ns=600 * SECOND),
        Regime(
            name="storm",
            mean_ns=60 * SECOND,
            volatility_factor_e6=4 * E6,
            drift_e6=-20_000,
            correlation_factor_e6=1_100_000,
            intensity_factor_e6=5 * E6,
        ),
    ],
    "bursts": [
        Burst(length_ns=200 * MILLISECOND, every_ns=30 * SECOND),
        Burst(length_ns=2 * SECOND, every_ns=300 * SECOND, is_random=True, volatility_factor_e6=3 * E6),
    ],
    "shocks": [Shock(after_ns=600 * SECOND, move_e12=-120_000_000_000, over_ns=10 * SECOND)],
}


@pytest.mark.parametrize(
    ("seed", "step_ns", "volatilities_e6", "expected"),
    [
        # What the walk gave before it knew of jumps, regimes or bursts, after 5,000 steps.
        (1, SECOND, (8_000, 10_000, 14_000), (60_048_038_996, 2_482_164_347, 145_132_496)),
        (7, 100 * MILLISECOND, (8_000, 10_000, 14_000), (59_657_741_103, 2_486_198_611, 150_565_917)),
        (3, 10 * MILLISECOND, (8_000, 10_000, 14_000), (59_989_099_224, 2_498_354_163, 150_269_660)),
        # A day's step of walks that move by their own size in an hour: only the narrowest price, and one above it.
        (2, 24 * HOUR, (1_000_000, 1_000_000, 1_000_000), (468_327_352, 2_500_000, 150_000)),
    ],
)
def test_walks_are_what_they_always_were(
    seed: int, step_ns: int, volatilities_e6: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    walks = [
        Walk(symbol=walk.symbol, start_price_micros=walk.start_price_micros, volatility_e6=volatility_e6)
        for walk, volatility_e6 in zip((BTC, ETH, SOL), volatilities_e6, strict=True)
    ]
    made = market(seed=seed, step_ns=step_ns, walks=walks)
    assert [made.price_micros(walk.symbol, 5_000 * step_ns) for walk in walks] == [
        (5_000 * step_ns, price) for price in expected
    ]


def test_prices_with_everything_on_stay_as_they_were_written_down() -> None:
    made = market(step_ns=100 * MILLISECOND, **EVERYTHING)
    seen = [made.price_micros(symbol, 1_800 * SECOND) for symbol in ("BTC", "ETH", "SOL")]
    assert [price and price[1] for price in seen] == [49_656_866_762, 2_001_509_282, 122_765_534]


def test_a_price_does_not_depend_on_what_was_asked_before() -> None:
    forward = market(step_ns=100 * MILLISECOND, **EVERYTHING)
    steps = list(range(0, 12_000, 7))
    expected = {
        (symbol, step): forward.price_micros(symbol, step * 100 * MILLISECOND)
        for step in steps
        for symbol in ("BTC", "ETH", "SOL")
    }
    asked = list(expected)
    random.Random(5).shuffle(asked)
    other = market(step_ns=100 * MILLISECOND, **EVERYTHING)
    # Eighty of them, for each way back walks anew.
    for symbol, step in asked[:80]:
        assert other.price_micros(symbol, step * 100 * MILLISECOND + 99 * MILLISECOND) == expected[symbol, step]


def test_jumps_regimes_and_bursts_that_do_nothing_leave_the_walk_alone() -> None:
    nothing: dict[str, Any] = {
        "jumps": [Jumps(per_hour_e6=0, mean_e6=50_000, deviation_e6=50_000)],
        "regimes": [Regime(name="one", mean_ns=5 * SECOND), Regime(name="other", mean_ns=5 * SECOND)],
        "bursts": [
            Burst(length_ns=SECOND, every_ns=9 * SECOND, volatility_factor_e6=E6),
            Burst(length_ns=SECOND, every_ns=9 * SECOND, volatility_factor_e6=E6, is_random=True),
        ],
    }
    assert prices_of(market(**nothing), "SOL", 3_000) == prices_of(market(), "SOL", 3_000)


def test_the_number_of_arrivals_is_poisson_s() -> None:
    # Of mean 2, from the tables: P(0) = 0.135335, P(≤ 1) = 0.406006, P(≤ 2) = 0.676676, P(≤ 5) = 0.983436.
    shares = [int(threshold) / ALL for threshold in arrival_thresholds(4, 2)]
    assert [shares[number] for number in (0, 1, 2, 5)] == pytest.approx(
        [0.135335, 0.406006, 0.676676, 0.983436], abs=1e-6
    )
    assert shares[-1] == 1
    assert arrival_thresholds(0, 1).tolist() == [ALL]
    with pytest.raises(ValueError, match="at most 100"):
        arrival_thresholds(101, 1)


def test_the_chance_within_a_span_is_exponential() -> None:
    # 1 − e^−0.5 = 0.3934693402873666; of a span that is nothing beside the mean, the quotient.
    assert chance_within(1, 2) / ALL == pytest.approx(0.3934693402873666, abs=1e-15)
    assert chance_within(1, 10**12) == pytest.approx(ALL // 10**12, rel=1e-9)


def test_jumps_come_as_a_poisson_process() -> None:
    # 40 an hour for 50 hours, by the second. A step jumps with 1 − e^(−40/3600) = 0.0110496, so that 180,000 steps give
    # 1,988.9 with a deviation of 44.4; and hours scatter as widely as their mean: var/mean is 1 ± √(2/49) = 0.20.
    made = market(walks=STILL, jumps=[Jumps(per_hour_e6=40 * E6, mean_e6=0, deviation_e6=10_000)])
    prices = prices_of(made, "BTC", 180_000)
    jumped = np.asarray([before != after for before, after in pairwise(prices)])
    hours = jumped.reshape(50, 3_600).sum(axis=1)
    assert jumped.sum() == pytest.approx(1_988.9, abs=3 * 44.4)
    assert hours.var(ddof=1) / hours.mean() == pytest.approx(1, abs=3 * 0.2)


def test_jump_diffusion_has_the_moments_of_merton_s_model() -> None:
    # Steps of 10 s: σ²Δ = 0.01²/360 = 2.7778e-7; λΔ = 30/360 = 0.083333, μ = −0.0005, δ = 0.005.
    # Mean: −σ²Δ/2 + λΔ·μ = −1.389e-7 − 4.1667e-5 = −4.1806e-5.
    # Variance: σ²Δ + λΔ(μ² + δ²) = 2.7778e-7 + 0.083333 × 2.525e-5 = 2.38195e-6.
    # Fourth cumulant: λΔ(3δ⁴ + 6μ²δ² + μ⁴) = 0.083333 × 1.91256e-9 = 1.5938e-10.
    # Errors of 40,000 steps: of the mean √(2.382e-6/4e4) = 7.72e-6; of the variance
    # √((κ₄ + 2σ⁴)/4e4) = √((1.5938e-10 + 1.1347e-11)/4e4) = 6.53e-8.
    walks = [Walk(symbol="BTC", start_price_micros=60_000_000_000, volatility_e6=10_000)]
    jumps = [Jumps(per_hour_e6=30 * E6, mean_e6=-500, deviation_e6=5_000)]
    moves = logarithms(prices_of(market(walks=walks, step_ns=10 * SECOND, jumps=jumps), "BTC", 40_000))
    assert moves.mean() == pytest.approx(-4.1806e-5, abs=3 * 7.72e-6)
    assert moves.var() == pytest.approx(2.38195e-6, abs=3 * 6.53e-8)
    # Excess kurtosis is κ₄/σ⁴ = 1.5938e-10/5.6737e-12 = 28.09: far from a walk's 0.
    kurtosis = ((moves - moves.mean()) ** 4).mean() / moves.var() ** 2 - 3
    assert kurtosis == pytest.approx(28.09, rel=0.25)


def test_jump_sizes_are_normal_in_the_logarithm() -> None:
    # About 2,000 jumps of mean −2 % and deviation 1 %: errors 0.01/√2000 = 2.2e-4 and 0.01/√4000 = 1.6e-4. Ten starts,
    # for jumps of −2 % would end at the narrowest price after 345.
    sizes = []
    for seed in range(10):
        jumps = [Jumps(per_hour_e6=360 * E6, mean_e6=-20_000, deviation_e6=10_000)]
        made = market(seed=seed, walks=STILL, step_ns=100 * MILLISECOND, jumps=jumps)
        moves = logarithms(prices_of(made, "BTC", 20_000))
        sizes.extend(moves[moves != 0].tolist())
    # In 20,000 steps of 0.01 arrivals 198 jump (Poisson: ± √(198·0.995)); two in a step count as one in the mean.
    assert len(sizes) == pytest.approx(1_990, abs=3 * 44.5)
    # A step that jumps has 0.01/(1 − e^−0.01) = 1.005 jumps.
    assert np.mean(sizes) == pytest.approx(-0.02 * 1.005, abs=3 * 2.2e-4)
    assert np.std(sizes) == pytest.approx(0.0101, abs=3 * 2.2e-4)


def test_common_jumps_come_at_once_and_own_ones_by_themselves() -> None:
    common = market(walks=STILL, jumps=[Jumps(per_hour_e6=60 * E6, mean_e6=0, deviation_e6=10_000, are_common=True)])
    bitcoin, ether = logarithms(prices_of(common, "BTC", 20_000)), logarithms(prices_of(common, "ETH", 20_000))
    assert (bitcoin != 0).sum() > 250
    assert bitcoin == pytest.approx(ether, abs=1e-9)
    own = market(walks=STILL, jumps=[Jumps(per_hour_e6=60 * E6, mean_e6=0, deviation_e6=10_000)])
    bitcoin, ether = logarithms(prices_of(own, "BTC", 20_000)), logarithms(prices_of(own, "ETH", 20_000))
    # Each jumps in one step of 60; both in one of 3,600: 5.6 in 20,000.
    assert 250 < (bitcoin != 0).sum() < 410
    assert 250 < (ether != 0).sum() < 410
    assert ((bitcoin != 0) & (ether != 0)).sum() < 16
    one = market(
        walks=STILL,
        jumps=[Jumps(per_hour_e6=60 * E6, mean_e6=0, deviation_e6=10_000, symbols=frozenset({"ETH"}))],
    )
    assert set(prices_of(one, "BTC", 2_000)) == {60_000_000_000}
    assert len(set(prices_of(one, "ETH", 2_000))) > 15


CALM = Regime(name="calm", mean_ns=60 * SECOND, next_weights={"storm": 3, "slump": 1})
STORM = Regime(name="storm", mean_ns=20 * SECOND, next_weights={"calm": 1})
SLUMP = Regime(name="slump", mean_ns=10 * SECOND, next_weights={"calm": 1})


def test_regimes_last_as_long_as_the_stationary_distribution_says() -> None:
    # Every second visit is to calm, three of eight to storm, one of eight to slump, so the shares of time are
    # 4 × 60 : 3 × 20 : 1 × 10 = 240 : 60 : 10 of 310 = 0.7742, 0.1935, 0.0323.
    # Over T = 200,000 s the error of a share is about √(2·p·q·t/T), t = 1/(1/60 + 1/17.5) = 13.5 s: 0.0049 at most.
    chain = RegimeChain(seed=11, regimes=[CALM, STORM, SLUMP], step_ns=SECOND // 10)
    indices = np.concatenate([chain.block(1_000) for _ in range(2_000)])
    shares = np.bincount(indices) / len(indices)
    assert shares == pytest.approx([0.7742, 0.1935, 0.0323], abs=3 * 0.0049)
    assert indices[0] == 0
    # Holding times are exponential: mean and deviation are 60 s, over about 2,580 visits each within 60/√2580 = 1.2 s.
    bounds = np.flatnonzero(np.diff(indices)) + 1
    lengths = np.diff(np.concatenate(([0], bounds))) / 10
    of_calm = lengths[indices[np.concatenate(([0], bounds[:-1]))] == 0]
    assert len(of_calm) == pytest.approx(200_000 / 77.5, rel=0.06)
    assert of_calm.mean() == pytest.approx(60.05, abs=3 * 1.2)
    assert of_calm.std() == pytest.approx(60, abs=4 * 1.2)
    # Of those that follow calm, three of four are storms: 0.75 ± √(0.1875/2580) = 0.0085.
    followers = indices[bounds][indices[bounds] != 0]
    assert (followers == 1).mean() == pytest.approx(0.75, abs=3 * 0.0085)


def test_regimes_do_not_depend_on_the_length_of_blocks() -> None:
    whole = RegimeChain(seed=4, regimes=[CALM, STORM, SLUMP], step_ns=SECOND).block(3_000)
    chain = RegimeChain(seed=4, regimes=[CALM, STORM, SLUMP], step_ns=SECOND)
    assert np.concatenate([chain.block(steps) for steps in (1, 999, 1_500, 500)]).tolist() == whole.tolist()


def test_a_regime_that_is_held_goes_on_as_one_that_has_just_begun() -> None:
    held = RegimeChain(seed=11, regimes=[CALM, STORM, SLUMP], step_ns=SECOND, held_steps=2_500)
    indices = np.concatenate([held.block(1_000) for _ in range(4)])
    free = RegimeChain(seed=11, regimes=[CALM, STORM, SLUMP], step_ns=SECOND).block(4_000)
    assert set(indices[:2_501].tolist()) == {0}
    assert len(set(free[:2_500].tolist())) == 3
    # Both draw alike, so that they are one from where they are in the same regime for the first time.
    met = 2_500 + int(np.flatnonzero(indices[2_500:] == free[2_500:])[0])
    assert indices[met:].tolist() == free[met:].tolist()
    assert len(set(indices[2_500:].tolist())) == 3


def test_a_regime_bends_volatility_drift_and_correlation() -> None:
    regimes = [
        Regime(name="calm", mean_ns=300 * SECOND),
        Regime(
            name="storm",
            mean_ns=300 * SECOND,
            volatility_factor_e6=4 * E6,
            correlation_factor_e6=250_000,
            drift_e6=500_000,
        ),
    ]
    made = market(walks=[BTC, ETH], regimes=regimes)
    bitcoin, ether = logarithms(prices_of(made, "BTC", 40_000)), logarithms(prices_of(made, "ETH", 40_000))
    is_storm = np.asarray([made.regime_by(step * SECOND) == "storm" for step in range(40_000)])
    assert 12_000 < is_storm.sum() < 28_000
    # 0.8 % an hour is 1.3333e-4 a second, and four times as much in a storm; errors 1/√(2 × 12,000) = 0.65 %.
    assert bitcoin[~is_storm].std() == pytest.approx(1.3333e-4, rel=0.02)
    assert bitcoin[is_storm].std() == pytest.approx(5.3333e-4, rel=0.02)
    # 0.8 when calm, 0.8/4 = 0.2 in a storm; errors (1 − ρ²)/√12,000: 0.0033 and 0.0088.
    assert np.corrcoef(bitcoin[~is_storm], ether[~is_storm])[0, 1] == pytest.approx(0.8, abs=0.01)
    assert np.corrcoef(bitcoin[is_storm], ether[is_storm])[0, 1] == pytest.approx(0.2, abs=0.027)
    # A drift of 50 % an hour is 1.3889e-4 a second; the error is 5.33e-4/√12,000 = 4.9e-6.
    assert bitcoin[is_storm].mean() == pytest.approx(1.3889e-4, abs=3 * 4.9e-6)
    assert bitcoin[~is_storm].mean() == pytest.approx(0, abs=3 * 1.3e-6)


def test_a_regime_multiplies_the_number_of_jumps() -> None:
    regimes = [
        Regime(name="calm", mean_ns=300 * SECOND),
        Regime(name="storm", mean_ns=300 * SECOND, intensity_factor_e6=8 * E6),
    ]
    jumps = [Jumps(per_hour_e6=36 * E6, mean_e6=0, deviation_e6=10_000)]
    made = market(walks=STILL, regimes=regimes, jumps=jumps)
    jumped = np.diff(prices_of(made, "BTC", 60_000)) != 0
    is_storm = np.asarray([made.regime_by(step * SECOND) == "storm" for step in range(60_000)])
    # A step jumps with 1 − e^−0.01 = 0.00995, in a storm with 1 − e^−0.08 = 0.07688; over 30,000 steps ± 6 % and ± 2 %.
    assert jumped[~is_storm].mean() == pytest.approx(0.00995, rel=0.2)
    assert jumped[is_storm].mean() == pytest.approx(0.07688, rel=0.07)


def test_bursts_are_exactly_where_they_should_be() -> None:
    # 200 ms every 30 s, from 5 s on: at steps of 100 ms those from 5.0, 5.1, 35.0, 35.1 s.
    burst = Burst(length_ns=200 * MILLISECOND, every_ns=30 * SECOND, after_ns=5 * SECOND, intensity_factor_e6=7 * E6)
    windows = BurstWindows(seed=1, number=0, burst=burst, step_ns=100 * MILLISECOND)
    deviations, intensities = np.concatenate([windows.block(steps) for steps in (51, 299, 250)], axis=1)
    assert np.flatnonzero(deviations != E6).tolist() == [50, 51, 350, 351]
    assert set(deviations.tolist()) == {E6, 10 * E6}
    assert np.flatnonzero(intensities != E6).tolist() == [50, 51, 350, 351]
    assert intensities.max() == 7 * E6


def test_a_step_that_a_burst_covers_in_part_has_the_variance_of_both() -> None:
    # A fifth of a second at tenfold: √(0.8 + 0.2 × 100) = √20.8 = 4.560701…, and 0.8 + 0.2 × 10 = 2.8 times the jumps.
    burst = Burst(length_ns=200 * MILLISECOND, every_ns=30 * SECOND)
    windows = BurstWindows(seed=1, number=0, burst=burst, step_ns=SECOND)
    deviations, intensities = windows.block(61)
    assert np.flatnonzero(deviations != E6).tolist() == [0, 30, 60]
    assert (int(deviations[30]), int(intensities[30])) == (4_560_701, 2_800_000)


def test_prices_move_ten_times_as_far_in_a_burst() -> None:
    burst = Burst(length_ns=200 * MILLISECOND, every_ns=30 * SECOND)
    plain = np.diff(prices_of(market(step_ns=100 * MILLISECOND), "BTC", 900)).astype(np.float64)
    with_bursts = np.diff(prices_of(market(step_ns=100 * MILLISECOND, bursts=[burst]), "BTC", 900))
    # The draws are the same; what differs beside the factor is the level that bursts have moved by less than 1 %.
    ratios = with_bursts / plain
    in_burst = np.isin(np.arange(900) % 300, (0, 1))
    assert ratios[in_burst] == pytest.approx(np.full(6, 10), rel=0.01)
    assert ratios[~in_burst] == pytest.approx(np.ones(894), rel=0.01)


def test_random_bursts_cover_the_share_of_time_that_poisson_says() -> None:
    # A step is covered unless none began in the last 200 ms: 1 − e^(−0.2/2) = 0.095163. Two steps hang together, so
    # that the error over 10^6 is √(2 × 0.0861/10^6) = 0.0004.
    burst = Burst(length_ns=200 * MILLISECOND, every_ns=2 * SECOND, is_random=True, after_ns=100 * SECOND)
    windows = BurstWindows(seed=9, number=0, burst=burst, step_ns=100 * MILLISECOND)
    assert set(windows.block(1_000)[0].tolist()) == {E6}
    covered = np.concatenate([windows.block(250_000)[0] for _ in range(4)]) != E6
    assert covered.mean() == pytest.approx(0.095163, abs=4 * 0.0004)


def test_random_bursts_of_a_second_end_within_a_step_and_go_on_over_blocks() -> None:
    # 250 ms at steps of 100 ms: two whole steps and half a third, √(0.5 + 0.5 × 100) = √50.5 = 7.106335.
    burst = Burst(length_ns=250 * MILLISECOND, every_ns=60 * SECOND, is_random=True)
    whole = BurstWindows(seed=3, number=1, burst=burst, step_ns=100 * MILLISECOND).block(20_000)[0]
    windows = BurstWindows(seed=3, number=1, burst=burst, step_ns=100 * MILLISECOND)
    (first,) = np.flatnonzero(whole != E6)[:1].tolist()
    assert whole[first : first + 4].tolist() == [10 * E6, 10 * E6, 7_106_335, E6]
    parts = [windows.block(first + 1)[0], windows.block(20_000 - first - 1)[0]]
    assert np.concatenate(parts).tolist() == whole.tolist()


def test_prices_stay_positive_whatever_happens() -> None:
    jumps = [Jumps(per_hour_e6=3_600 * E6, mean_e6=-500_000, deviation_e6=1_000_000)]
    walks = [Walk(symbol="BTC", start_price_micros=5, volatility_e6=1_000_000)]
    prices = prices_of(market(walks=walks, jumps=jumps, step_ns=10 * SECOND), "BTC", 1_000)
    # A thousandth of 5 is no micro-dollar, so the least is 1; the most is a thousandfold.
    assert (min(prices), max(prices) <= 5_000) == (1, True)


def test_drift_moves_the_mean() -> None:
    # 36 % an hour is 0.01 % a second: 60,000 × 1.0001^100 = 60,602.97, without volatility exactly that to a cent.
    walks = [Walk(symbol="BTC", start_price_micros=60_000_000_000, volatility_e6=0, drift_e6=360_000)]
    assert prices_of(market(walks=walks), "BTC", 100)[-1] == pytest.approx(60_000e6 * math.pow(1.0001, 100), abs=10_000)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"walks": [Walk(symbol=f"X{n}", start_price_micros=1, volatility_e6=1) for n in range(65)]}, "1 to 64"),
        ({"step_ns": 0}, "at least 1 ns"),
        ({"regimes": [CALM]}, "other regimes"),
        ({"regimes": [Regime(name="a", mean_ns=SECOND), Regime(name="a", mean_ns=SECOND)]}, "each name may stand once"),
        ({"regimes": [Regime(name="a", mean_ns=1)]}, "at least a step"),
        ({"regimes": [Regime(name="a", mean_ns=HOUR, correlation_factor_e6=2 * E6)]}, "times 2.0 in regime a"),
        ({"bursts": [Burst(length_ns=2, every_ns=1)]}, "up to the distance"),
        ({"bursts": [Burst(length_ns=1, every_ns=2, volatility_factor_e6=10_001 * E6)]}, "up to 10000"),
        ({"bursts": [Burst(length_ns=1, every_ns=2, intensity_factor_e6=200 * E6)] * 2}, "up to 10000"),
        ({"jumps": [Jumps(per_hour_e6=1, mean_e6=0, deviation_e6=0, symbols=frozenset({"DOGE"}))]}, "DOGE"),
        ({"jumps": [Jumps(per_hour_e6=10**13, mean_e6=0, deviation_e6=0)]}, "at most 100"),
        ({"step_ns": 48 * HOUR, "walks": [Walk(symbol="A", start_price_micros=1, volatility_e6=E6)]}, "up to 500 %"),
    ],
)
def test_what_no_market_can_be_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        market(**more)
