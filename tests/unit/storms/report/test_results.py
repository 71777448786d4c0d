"""Runs become results: grouped by variant, ordered by seed, their figures ranked."""

from dataclasses import replace

import pytest

from tests.unit.storms.report.finished_run import DOLLAR, finished_run
from wavetank.storms.report.results import Quantiles, in_how_many, repeat_command, results_of


def test_runs_are_grouped_by_variant_and_ordered_by_seed() -> None:
    runs = [finished_run(seed=seed, variant=variant) for seed, variant in ((9, "b"), (2, "b"), (5, "a"))]
    results = results_of(runs)
    assert list(results.variants) == ["b", "a"]
    assert [each.seed for each in results.variants["b"].seeds] == [2, 9]
    assert results.most_seeds == 2


def test_quantiles_are_values_that_a_seed_had() -> None:
    # The loss is as many dollars as the seed: of 20 seeds P5 is the first, P50 the tenth, P95 the nineteenth.
    results = results_of(finished_run(seed=seed) for seed in range(1, 21))
    spread = results.variants[""].distribution
    assert spread["fund.loss"] == Quantiles(p5=DOLLAR, p50=10 * DOLLAR, p95=19 * DOLLAR)
    # Truths, words, and what no seed had are not ranked.
    assert not {"ledger.balanced", "liquidations.stages", "bot.time_to_flat"} & set(spread)


def test_a_seed_without_a_kind_of_refusal_had_none_of_it() -> None:
    # 19 of 20 seeds were never refused; without them the median would be 7, and more than all that was refused.
    runs = [finished_run(seed=seed) for seed in range(1, 21)]
    runs[4].figures["refused(reason: CREDIT_STALE)"] = 7
    (variant,) = results_of(runs).variants.values()
    assert variant.distribution["refused(reason: CREDIT_STALE)"] == Quantiles(p5=0, p50=0, p95=0)
    assert in_how_many("refused(reason: CREDIT_STALE)", variant) == ""


def test_a_figure_that_few_seeds_have_says_how_many() -> None:
    runs = [finished_run(seed=seed) for seed in range(1, 5)]
    for run in runs:
        run.figures["cascades.multiplier_max"] = 2.5 if run.seed == 3 else None
    runs[3].failure = "INV-010 broke"
    (variant,) = results_of(runs).variants.values()
    assert variant.distribution["cascades.multiplier_max"] == Quantiles(p5=2.5, p50=2.5, p95=2.5)
    assert in_how_many("cascades.multiplier_max", variant) == "in 1 of 3"
    assert in_how_many("fund.loss", variant) == ""


def test_a_run_that_broke_has_no_say() -> None:
    broken = finished_run(seed=100)
    broken.failure = "INV-010 broke"
    results = results_of([finished_run(seed=1), broken])
    assert results.variants[""].distribution["fund.loss"].p95 == DOLLAR
    assert not results.ok


def test_results_are_of_one_scenario() -> None:
    with pytest.raises(ValueError, match=r"the runs are of fall \(sim\), rise \(sim\)"):
        results_of([finished_run(), replace(finished_run(), scenario="rise")])
    with pytest.raises(ValueError, match="the runs are of none"):
        results_of([])


def test_the_command_that_repeats_a_run() -> None:
    results = results_of([finished_run()])
    (result,) = results_of([finished_run(seed=7)]).variants[""].seeds
    assert repeat_command(results, "", result) == "wavetank storm run fall --sim --set seed=7"
    elsewhere = replace(results, scenario="my storms/fall.yaml")
    assert repeat_command(elsewhere, "as_it_was", result) == (
        "wavetank storm run 'my storms/fall.yaml' --sim --variant as_it_was --set seed=7"
    )
    forked = replace(result, command="wavetank storm fork fall --at 5s --seed-after 7")
    assert repeat_command(results, "", forked) == "wavetank storm fork fall --at 5s --seed-after 7"
