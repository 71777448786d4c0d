"""The page stands by itself, shows every part of a run, and stays small."""

import json
import re
from html import unescape
from random import Random
from typing import Any

import pytest
from bokeh.core.validation import check_integrity
from bokeh.document import Document
from bokeh.models import FactorRange

from tests.unit.storms.report.finished_run import BTC, SECOND_NS, at, finished_run
from wavetank.storms.measure.record import AccountTrack, BookTrack, PriceTrack, RunRecord
from wavetank.storms.report.page import MOST_INSTRUMENTS, MOST_RUNS, comparison_page, report_page
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


def page_of(*runs: RunRecord) -> str:
    return report_page(results_of(runs), runs)


def plots_of(page: str) -> Any:  # noqa: ANN401 - it is JSON.
    """Return the document of plots that a page carries, as Bokeh writes it."""
    found = re.search(r"const docs_json = '(.*?)';", page)
    assert found is not None
    # Bokeh writes it for HTML inside of a literal of JavaScript.
    documents = json.loads(unescape(found[1].replace("\\\\", "\\")))
    (document,) = documents.values()
    return document


def titles(page: str) -> list[str]:
    return [root["attributes"]["title"]["attributes"]["text"] for root in plots_of(page)["roots"]]


def test_a_run_has_every_section_and_every_plot() -> None:
    page = page_of(finished_run())
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
    roots = Document.from_json(plots_of(page_of(finished_run()))).roots
    # All but the tree, the matrix and the markouts.
    assert len({root.x_range.id for root in roots[:10]}) == 1  # type: ignore[attr-defined]
    assert roots[0].x_range.end == 10_000.0  # type: ignore[attr-defined]


def test_the_page_loads_nothing() -> None:
    page = page_of(finished_run())
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
    assert {"bot.min_health", "bad_debt", "liquidations.notional", "fund.loss"} <= set(drawn)
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


def long_run(seed: int, instruments: int) -> RunRecord:
    """Return an hour at ten publications a second."""
    dice, rows = Random(seed), 36_000
    run = finished_run(seed=seed)
    run.ended_ns = at(3_600)
    times = [at(0) + row * SECOND_NS // 10 for row in range(rows)]
    walk = [100_000 + dice.randrange(-500, 500) for _ in range(rows)]
    for number in range(1, instruments + 1):
        run.listed[number] = run.listed[BTC]
        run.prices[number] = PriceTrack(times, walk, walk, walk, walk, [True] * rows)
        run.books[number] = BookTrack(times, walk, [each + 10 for each in walk], walk, walk, walk)
    for number in run.members:
        run.accounts[number] = AccountTrack(times, walk, walk, walk)
    return run


def test_a_long_day_in_many_markets_stays_below_eight_megabytes() -> None:
    # Four runs would take twice as long and no more room, for runs share a budget.
    runs = [long_run(seed, MOST_INSTRUMENTS + 1) for seed in range(1, 3)]
    page = page_of(*runs)
    assert len(page.encode()) < 8_000_000
    assert titles(page).count("BTC: prices") == MOST_INSTRUMENTS * 2
    assert "Traded less, and not drawn" in page


def test_more_runs_than_are_drawn_share_the_page() -> None:
    runs = [finished_run(variant=f"v{number}") for number in range(MOST_RUNS + 1)]
    assert titles(page_of(*runs)).count("BTC: prices") == MOST_RUNS
