"""Branches beside their trunk: what differs is shown, what is the same is not, and who broke is named."""

import io
from dataclasses import replace

from rich.console import Console

from tests.unit.storms.report.finished_run import HASH, finished_run
from wavetank.storms.measure.record import RunRecord
from wavetank.storms.report.branches import Fork, Shown, branch_rows, print_fork
from wavetank.storms.report.figures import Group
from wavetank.storms.report.results import Results, results_of
from wavetank.storms.report.sections import branches

SECOND_NS = 1_000_000_000
FORK = Fork(at_ns=60 * SECOND_NS, state_hash="ab" * 16, trunk="trunk")


def run(variant: str, **figures: float | str | None) -> RunRecord:
    """Return a run whose figures are these; names have a point for two underscores."""
    record = replace(finished_run(variant=variant, seed=1), asserted=[], harm=None, expected_harm=None)
    record.figures = {name.replace("__", "."): value for name, value in figures.items()}
    return record


def rows_of(results: Results, *, every_figure: bool = False) -> dict[str, list[Shown]]:
    return {name: cells for name, _, cells in branch_rows(results, FORK, every_figure=every_figure)}


def printed(results: Results) -> str:
    stream = io.StringIO()
    print_fork(results, FORK, Console(file=stream, width=140))
    return stream.getvalue()


def test_what_is_the_same_in_all_is_left_out_unless_it_is_asked_for() -> None:
    results = results_of(
        [
            run("trunk", fund__loss=5_000_000, adl__count=6, trades__count=10),
            run("rescued", fund__loss=7_500_000, adl__count=1, trades__count=10),
            run("untouched", fund__loss=5_000_000, adl__count=6, trades__count=10),
        ]
    )
    shown = rows_of(results)
    assert list(shown) == ["fund.loss", "adl.count"]
    # 7.5 - 5 = 2.5 dollars more are lost, and five fewer accounts deleveraged.
    assert shown["fund.loss"] == [
        Shown(text="$5.00"),
        Shown(text="$7.50 (+$2.50)", worse=True),
        Shown(text="$5.00"),
    ]
    assert shown["adl.count"][1] == Shown(text="1 (-5)", worse=False)
    assert list(rows_of(results, every_figure=True)) == ["fund.loss", "adl.count", "trades.count"]


def test_a_branch_under_many_dice_shows_its_median_between_its_quantiles() -> None:
    futures = [replace(run("other dice", adl__count=count), seed=count) for count in (1, 2, 3, 4, 5)]
    results = results_of([run("trunk", adl__count=3), *futures])
    # Of five values by nearest rank: P5 is the first, P50 the third, P95 the fifth. The median is the trunk's own.
    assert rows_of(results)["adl.count"] == [Shown(text="3"), Shown(text="3 [1 … 5]")]


def test_dice_that_change_nothing_are_no_difference() -> None:
    futures = [replace(run("other dice", adl__count=3), seed=seed) for seed in (1, 2)]
    assert rows_of(results_of([run("trunk", adl__count=3), *futures])) == {}


def test_words_that_differ_are_shown_without_a_difference_of_numbers() -> None:
    results = results_of(
        [run("trunk", liquidations__stages="cancel"), run("other", liquidations__stages="cancel, partial")]
    )
    assert rows_of(results)["liquidations.stages"] == [Shown(text="cancel"), Shown(text="cancel, partial")]


def test_what_the_page_says_is_told_where_it_differs() -> None:
    trunk = replace(finished_run(variant="trunk", holds=True, harm=True), figures={})
    other = replace(finished_run(variant="other", holds=False, harm=False), figures={})
    rows = branch_rows(results_of([trunk, other]), FORK)
    found = {name: cells for name, group, cells in rows if group is None}
    # The first condition holds in both.
    (condition,) = [name for name in found if name != "harm"]
    assert found[condition] == [Shown(text="holds", worse=False), Shown(text="does not hold", worse=True)]
    assert found["harm"] == [Shown(text="appeared", worse=True), Shown(text="did not appear", worse=False)]


def test_under_many_dice_it_is_counted_how_often_the_harm_appeared() -> None:
    futures = [replace(run("other dice"), seed=seed, harm=seed == 2) for seed in (1, 2, 3)]
    results = results_of([replace(run("trunk"), harm=True), *futures])
    cells = rows_of(results)["harm"]
    assert [cell.text for cell in cells] == ["appeared", "appeared in 1 of 3"]


def test_figures_stand_in_their_groups() -> None:
    results = results_of([run("trunk", adl__count=3), run("other", adl__count=4)])
    assert [group for _, group, _ in branch_rows(results, FORK)] == [Group.DELEVERAGING]


def test_the_terminal_tells_where_it_was_forked_and_what_differs() -> None:
    text = printed(results_of([run("trunk", adl__count=3), run("add fund: {top_up: 1M}", adl__count=4)]))
    assert "forked at 1m 00s" in text
    assert f"state hash at the fork, in all 2 runs: {FORK.state_hash}" in text
    assert "add fund: {top_up: 1M}" in text
    assert "4 (+1)" in text
    assert text.count(HASH[:16]) == 2


def test_a_branch_that_broke_is_told_with_what_repeats_it() -> None:
    broken = replace(run("worse"), failure="its process was ended by SIGKILL", seed=7)
    broken.command = "wavetank storm fork day.yaml --at 60s --add '{fund: {drain: all}}' --seed-after 7"
    results = results_of([run("trunk"), broken])
    text = printed(results)
    assert "worse, seed 7, broke: its process was ended by SIGKILL" in text
    assert f"  {broken.command}\n" in text
    assert not results.ok


def test_the_page_shows_what_differs_and_escapes_what_was_said() -> None:
    other = run("add note: <b>", adl__count=4)
    other.command = "wavetank storm fork 'day<1>.yaml' --at 60s"
    text = branches(results_of([run("trunk", adl__count=3), other]), FORK)
    assert "<b>" not in text
    assert "add note: &lt;b&gt;" in text
    assert "day&lt;1&gt;.yaml" in text
    assert "4 (+1)" in text
    assert "Forked 1m 00s behind the beginning" in text
