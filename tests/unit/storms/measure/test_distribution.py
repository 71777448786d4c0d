"""Percentiles over seeds against a naive reading of the definition, and which runs have a say."""

from __future__ import annotations

from random import Random

import pytest

from wavetank.storms.measure.distribution import Distribution, compared_names, distribution, distributions, nearest_rank
from wavetank.storms.measure.record import Figure, RunRecord


def naive(values: list[int], percent: int) -> int:
    """Return the least value that so many per cent of all values do not exceed."""
    return min(value for value in values if 100 * sum(other <= value for other in values) >= percent * len(values))


@pytest.mark.parametrize("seed", range(20))
def test_a_percentile_is_the_least_value_that_enough_values_do_not_exceed(seed: int) -> None:
    chance = Random(seed)
    values = [chance.randrange(50) for _ in range(chance.randrange(1, 130))]
    for percent in range(1, 101):
        assert nearest_rank(values, percent) == naive(values, percent)


def test_the_textbook_case() -> None:
    # Wikipedia, nearest-rank method: 15, 20, 35, 40, 50 have 15, 20, 20, 35 and 50 at 5, 30, 40, 50 and 100 per cent.
    values = [35, 15, 50, 20, 40]
    assert [nearest_rank(values, percent) for percent in (5, 30, 40, 50, 100)] == [15, 20, 20, 35, 50]


def test_of_nothing_there_is_no_percentile_and_outside_of_per_cent_none_either() -> None:
    assert nearest_rank([], 50) is None
    for percent in (0, 101):
        with pytest.raises(ValueError, match="within 1 and 100"):
            nearest_rank([1], percent)


def test_a_figure_is_spread_over_the_seeds_that_had_a_number() -> None:
    values: list[Figure] = [3, None, 1, True, "words", float("nan"), float("inf"), 2]
    assert distribution(values) == Distribution(count=3, p5=1, p50=2, p95=3, least=1, most=3)
    assert distribution([None, False]) is None


def run(seed: int, failure: str = "", **figures: Figure) -> RunRecord:
    return RunRecord(
        scenario="a",
        title="",
        variant="",
        seed=seed,
        mode="sim",
        state_hash="",
        began_ns=0,
        ended_ns=1,
        wall_seconds=0,
        members={},
        listed={},
        figures=figures,
        failure=failure,
    )


def test_a_run_that_broke_has_no_say() -> None:
    found = distributions([run(1, bad_debt=1), run(2, bad_debt=2), run(3, "broken", bad_debt=1_000)])
    assert found == {"bad_debt": Distribution(count=2, p5=1, p50=1, p95=2, least=1, most=2)}


def test_seeds_are_compared_by_the_venues_risk_and_what_befell_people() -> None:
    figures: dict[str, Figure] = dict.fromkeys(
        (
            "trades.count",
            "bad_debt",
            "time_to_escalate",
            "bot.pnl",
            "bot.volume",
            "account(pnl).fills",
            "role(a).min_health",
        )
    )
    assert compared_names(figures) == ["bad_debt", "time_to_escalate", "bot.pnl", "role(a).min_health"]
