"""The page stands by itself, shows every part of a run, and stays small."""

import re
from functools import cache

import pytest
from bokeh.core.validation import check_integrity
from bokeh.document import Document
from bokeh.models import FactorRange

from tests.unit.storms.report.finished_run import finished_run
from tests.unit.storms.report.reading_page import page_of, plots_of, titles
from wavetank.storms.report.page import MOST_RUNS, comparison_page, report_page
from wavetank.storms.report.results import results_of

OF_A_RUN = (
    "What went wrong",
    "BTC",
    "Liquidations",
    "Accounts",
    "Insurance fund and vault",
    "Open interest",
    "Cascades and contagion",
    "Markouts by counterparty",
    "Victims of auto-deleveraging",
    "Escalations and decisions",
)
PLOTS = (
    "faults, halts, escalations and decisions",
    "BTC: prices",
    "BTC: age of clearing's index",
    "BTC: spread",
    "BTC: depth near the mark",
    "liquidations and deleveragings: notional, by the last stage that acted",
    "health: equity over maintenance margin",
    "equity of the bots",
    "insurance fund and backstop vault: equity",
    "open interest at clearing's mark",
    "cascades: columns are generations, lines run from cause to effect",
    "contagion: dollars force-sold",
    "markouts of the bots' fills as makers",
    "markouts of all makers",
)


@cache
def usual_page() -> str:
    """Return the page of one run."""
    return page_of(finished_run())


def test_a_run_has_every_section_and_every_plot() -> None:
    page = usual_page()
    for heading in OF_A_RUN:
        assert f"<h3>{heading}</h3>" in page
    assert titles(page) == list(PLOTS)
    assert page.count("data-root-id=") == len(PLOTS)
    assert "<!--plot_" not in page


def test_the_plots_are_whole() -> None:
    page = page_of(finished_run(), finished_run(seed=8, variant="other"))
    document = Document.from_json(plots_of(page))
    assert len(document.roots) > 2 * len(PLOTS)
    # Read back, pairs of names are lists, which the check of ranges of names does not bear.
    found = check_integrity([model for model in document.models if not isinstance(model, FactorRange)])
    assert found.error == []
    assert found.warning == []


def test_plots_over_time_move_together() -> None:
    roots = Document.from_json(plots_of(usual_page())).roots
    # All but the tree, the matrix and the markouts.
    assert len({root.x_range.id for root in roots[:10]}) == 1  # type: ignore[attr-defined]
    assert roots[0].x_range.end == 10_000.0  # type: ignore[attr-defined]


def test_the_page_loads_nothing() -> None:
    page = usual_page()
    assert not re.search(r"<(script|link|img|iframe|source)\b[^>]*\b(src|href)\s*=", page)
    assert not re.search(r"@import|url\(\s*['\"]?https?:", page)
    assert "default-src 'none'" in page
    assert "connect-src" not in page


def test_what_happened_is_told() -> None:
    page = page_of(finished_run(holds=False, harm=True))
    for words in (
        "✗ no",
        "appeared, as expected",
        "$7.00",
        "wavetank storm run fall --sim --set seed=7",
        "adl imminent",
        "-0.0025",
        "partial, full, deleverage",
    ):
        assert words in page


@pytest.mark.parametrize("hostile", ["<b>bold</b>", "</script><script>alert(1)</script>", "<!--plot_0-->"])
def test_names_are_escaped(hostile: str) -> None:
    run = finished_run(name=hostile, variant=hostile)
    run.title = run.failure = hostile
    page = page_of(run)
    assert hostile not in page
    assert page.count("data-root-id=") == len(titles(page))


def test_an_empty_run_has_a_page_too() -> None:
    run = finished_run()
    run.drop_series()
    run.liquidations, run.deleveragings, run.spans = [], [], []
    page = page_of(run)
    for words in ("Nobody was deleveraged", "Nothing was recorded", "Nobody was asked", "No account fell below"):
        assert words in page
    assert "<h1>" in report_page(results_of([run]))


def test_seeds_and_variants_are_beside_each_other() -> None:
    runs = [finished_run(seed=seed, variant=variant) for variant in ("a", "b") for seed in range(1, 4)]
    page = report_page(results_of(runs), [runs[0], runs[3]])
    assert "Over seeds, variants beside each other" in page
    drawn = titles(page)
    assert {"bad_debt", "fund.loss"} <= set(drawn)
    # Of these every run has the same, which needs no plot.
    assert not {"bot.min_health", "liquidations.notional"} & set(drawn)
    assert re.search(r"not drawn: [^<]*bot\.min_health [^<]*liquidations\.notional \$500\.00", page)
    assert "VaR95" in page
    assert drawn.count("closed by liquidations so far") == 1
    assert drawn.count("BTC: prices") == 2


def test_a_comparison_shows_both() -> None:
    runs = [finished_run(seed=3), finished_run(seed=5, variant="other")]
    first, second = (results_of([run]) for run in runs)
    page = comparison_page(first, second, [("A", runs[0]), ("B", runs[1])])
    assert "+$2.00" in page
    assert "closed by liquidations so far" in titles(page)
    assert "A: as written" in page
    assert "+$2.00" in comparison_page(first, second)


def test_more_runs_than_are_drawn_share_the_page() -> None:
    runs = [finished_run(variant=f"v{number}") for number in range(MOST_RUNS + 1)]
    assert titles(page_of(*runs)).count("BTC: prices") == MOST_RUNS


def test_a_figure_that_is_the_same_in_every_run_is_named_and_not_drawn() -> None:
    runs = [finished_run(seed=seed) for seed in (1, 2, 3)]
    for run in runs:
        run.figures["vault.loss"] = 0
    page = page_of(*runs)
    assert "fund.loss" in titles(page)
    assert "vault.loss" not in titles(page)
    assert re.search(r"The same in every run, and not drawn: [^<]*vault\.loss \$0\.00", page)
