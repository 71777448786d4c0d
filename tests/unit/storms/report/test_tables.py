"""The terminal says what happened, whether it was as the scenario says, and how to see it again."""

import io

from rich.console import Console

from tests.unit.storms.report.finished_run import HASH, finished_run
from wavetank.storms.measure.record import RunRecord
from wavetank.storms.report.results import results_of
from wavetank.storms.report.tables import compared_variants, print_comparison, print_results, typical, unlike_seeds


def printed(*runs: RunRecord, every_figure: bool = False) -> str:
    output = io.StringIO()
    print_results(results_of(runs), Console(file=output, width=140), every_figure=every_figure)
    return output.getvalue()


def row(text: str, name: str) -> list[str]:
    """Return the cells of the first row that begins with a name."""
    return next(line.split()[1:] for line in text.splitlines() if line.split()[:1] == [name])


def test_one_run_is_shown_whole() -> None:
    text = printed(finished_run(harm=True))
    assert row(text, "fund.loss") == ["$7.00"]
    assert row(text, "mark.gap_max") == ["4.25%"]
    assert "bot.time_to_flat" not in text
    assert "✓ yes" in text
    assert "harm: appeared, as expected" in text
    assert f"state hash: {HASH}" in text
    assert "1 of 1 runs as the scenario says: ok" in text
    assert "account(noise.1).pnl" not in text
    everything = printed(finished_run(), every_figure=True)
    assert row(everything, "account(noise.1).pnl") == ["-$1.00"]
    assert row(everything, "bot.time_to_flat") == ["–"]


def test_a_failure_is_told_with_its_command() -> None:
    text = printed(finished_run(holds=False, variant="as_it_was"))
    assert "✗ no" in text
    assert "seed 7, as_it_was: waterfall.no_cross_vault_draw: no" in text
    assert "wavetank storm run fall --sim --variant as_it_was --set seed=7" in text
    assert "0 of 1 runs as the scenario says: FAILED" in text


def test_harm_that_was_not_expected_is_a_failure() -> None:
    run = finished_run(harm=False)
    text = printed(run)
    assert not run.ok
    assert "the harm did not appear, which was not expected" in text


def test_what_comes_from_outside_is_no_markup() -> None:
    run = finished_run()
    run.title, run.failure = "[red]title", "broke [bold]here"
    text = printed(run)
    assert "[red]title" in text
    assert "broke [bold]here" in text


def test_variants_stand_side_by_side() -> None:
    text = printed(finished_run(seed=9, variant="as_it_was", holds=False), finished_run(seed=2, variant="better"))
    assert row(text, "figure") == ["as_it_was", "better"]
    assert row(text, "fund.loss") == ["$9.00", "$2.00"]
    assert row(text, "waterfall.no_cross_vault_draw") == ["no", "yes"]
    assert "FAILED" in text


def test_seeds_are_shown_by_their_distribution() -> None:
    # The loss is as many dollars as the seed, bad debt twice that.
    text = printed(*(finished_run(seed=seed, holds=seed != 3) for seed in range(1, 21)))
    assert row(text, "fund.loss") == ["$1.00", "$10.00", "$19.00"]
    assert "VaR95 $38.00 of bad_debt; LaR95 $500.00 of liquidations.notional" in text
    assert row(text, "waterfall.no_cross_vault_draw") == ["seed", "3:", "no", "19", "of", "20"]
    assert row(text, "ledger.balanced") == ["20", "of", "20"]
    assert "19 of 20 runs as the scenario says: FAILED" in text
    assert "--set seed=3" in text


def test_failing_seeds_are_named_up_to_a_limit() -> None:
    text = printed(*(finished_run(seed=seed, holds=False) for seed in range(1, 31)))
    assert text.count("wavetank storm run") == 20
    assert "and 10 more" in text


def test_two_results_are_compared() -> None:
    first, second = results_of([finished_run(seed=3)]), results_of([finished_run(seed=5, variant="other", holds=False)])
    output = io.StringIO()
    print_comparison(first, second, Console(file=output, width=140))
    text = output.getvalue()
    assert row(text, "fund.loss") == ["$3.00", "$5.00", "+$2.00"]
    assert row(text, "waterfall.no_cross_vault_draw") == ["yes", "no", "≠"]
    assert row(text, "index.lag_max") == ["30.00s", "30.00s", "="]
    assert "A has seed 3, B has seed 5: what differs may be the dice alone" in text


def test_two_results_over_the_same_seeds_differ_by_more_than_dice() -> None:
    runs = results_of([finished_run(seed=seed) for seed in (1, 2)]).variants[""]
    assert unlike_seeds(runs, runs) == ""
    more = results_of([finished_run(seed=seed) for seed in (1, 2, 3)]).variants[""]
    assert unlike_seeds(runs, more) == (
        "A has 2 seeds from 1 to 2, B has 3 seeds from 1 to 3: what differs may be the dice alone"
    )


def test_what_broke_a_run_before_it_was_measured_is_not_held() -> None:
    runs = [finished_run(seed=seed) for seed in (1, 2, 3)]
    for run in runs:
        # The figure is looked at, not the condition of the same words.
        run.asserted.clear()
    runs[2].failure = "INV-010 broke"
    del runs[2].figures["waterfall.no_cross_vault_draw"]
    text = printed(*runs)
    assert row(text, "waterfall.no_cross_vault_draw") == ["2", "of", "3"]


def test_of_several_variants_those_of_the_same_name_are_compared() -> None:
    first = results_of([finished_run(variant="a"), finished_run(variant="b")])
    second = results_of([finished_run(variant="b"), finished_run(variant="c")])
    assert compared_variants(first, second) == [("b", "b")]
    output = io.StringIO()
    print_comparison(first, second, Console(file=output, width=140))
    assert "without a counterpart: A: a, B: c" in output.getvalue()


def test_over_seeds_the_median_stands_for_a_variant() -> None:
    runs = [finished_run(seed=seed, holds=seed != 2) for seed in (1, 2, 6)]
    runs[2].figures["liquidations.stages"] = "full"
    figures = typical(results_of(runs).variants[""])
    assert figures["fund.loss"] == 2_000_000
    assert figures["ledger.balanced"] is True
    assert figures["waterfall.no_cross_vault_draw"] == "yes in 2 of 3"
    assert figures["liquidations.stages"] == "differs"
