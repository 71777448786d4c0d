"""The page: one HTML file in which a scenario's results can be looked at, zoomed into and passed on.

It exists because a storm is understood by seeing what moved first. Kept true: the file needs no network and forbids
itself any; every name that came from outside is escaped; however long the run, the page stays small enough to send, for
series are thinned to what a screen can show, with every extreme kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bokeh.document import Document
from bokeh.embed import components
from bokeh.model import Model
from bokeh.resources import Resources

from wavetank.cli.page_parts import section
from wavetank.cli.times import show_duration, show_instant
from wavetank.storms.measure.record import RunRecord
from wavetank.storms.report import sections
from wavetank.storms.report.branches import Fork
from wavetank.storms.report.look import FOLLOW_SCREEN, POLICY, STYLE
from wavetank.storms.report.markouts import bots_of, markouts
from wavetank.storms.report.plots.accounts import bots_plot, fund_plot, health_plot
from wavetank.storms.report.plots.axes import TimeAxis
from wavetank.storms.report.plots.cascades import cascade_plot, contagion_plot
from wavetank.storms.report.plots.liquidations import liquidations_plot, timeline_plot
from wavetank.storms.report.plots.overlays import Overlaid, fork_line, marks_plot, overlaid_plots
from wavetank.storms.report.plots.prices import depth_plot, open_interest_plot, price_plots, spread_plot
from wavetank.storms.report.plots.seeds import markout_plot, same_everywhere, seed_plots
from wavetank.storms.report.results import Results, variant_name

_BESIDE, _OVER_SEEDS = "Variants beside each other", "Over seeds, variants beside each other"
MOST_RUNS = 4
"""Runs drawn over time on one page."""
MOST_OVERLAID = 24
"""Runs drawn over one another on one page."""
MOST_INSTRUMENTS = 8
"""Instruments drawn of a run: those that were traded most."""
_BYTES = 5_000_000
"""Of all series of a page together, about; the scripts of bokeh and the plots themselves come on top."""
_FEWEST, _MOST = 60, 2_000
_MOST_OVERLAID = 600
"""Points of a line where more than four runs are drawn over one another."""
_BYTES_OF_AN_INSTRUMENT, _BYTES_OF_A_RUN = 300, 800
"""What a point more of each of its series takes."""


class _Plots:
    """The plots of a page by the name under which each is put into it."""

    def __init__(self) -> None:
        self.models: dict[str, Model] = {}

    def place(self, model: Model) -> str:
        """Take a plot and return where it will stand."""
        name = f"plot_{len(self.models)}"
        self.models[name] = model
        return f'<div class="plot">{_slot(name)}</div>'


def report_page(results: Results, records: Sequence[RunRecord] = (), *, forked: Fork | None = None) -> str:
    """Return the page of one scenario's results.

    Args:
        results: of all variants and seeds.
        records: runs to draw over time, the most telling first; four are drawn each for itself, more only over one
            another.
        forked: where branches left their trunk, if that is what the variants are.

    """
    plots = _Plots()
    shown = records[:MOST_RUNS]
    seeds = sections.first_seeds(results)
    parts = [sections.cards(results)] if forked is None else [sections.branches(results, forked)]
    parts += [
        section(
            "What happened",
            sections.conditions(seeds),
            sections.failures(results),
            sections.figures_table([(f"{variant_name(name)}, seed {seed.seed}", seed.figures) for name, seed in seeds]),
            anchor="happened",
        ),
    ]
    links = [("happened", "What happened")]
    if forked is not None:
        links.insert(0, ("differs", "What differs"))
    if results.most_seeds > 1 or len(results.variants) > 1:
        parts.append(_over_seeds(results, plots))
        links.append(("seeds", "Over seeds" if results.most_seeds > 1 else _BESIDE))
    points = _points(shown)
    axes = [(_run_name(record), TimeAxis(record, most_points=points)) for record in shown]
    if len(axes) > 1:
        parts.append(_overlaid(_over_one_another(axes, records), plots, forked))
        links.append(("beside", "Runs over one another"))
    for place, (name, axis) in enumerate(axes):
        parts.append(_run(name, axis, plots, f"run{place}"))
        links.append((f"run{place}", name))
    lead = f"{results.scenario}, {results.mode}" + (f"; {_length(shown[0])}" if shown else "")
    return _assembled(results.title or results.scenario, lead, links, parts, plots)


def comparison_page(first: Results, second: Results, records: Sequence[tuple[str, RunRecord]] = ()) -> str:
    """Return the page that compares two results.

    Args:
        first: what is compared with, called A.
        second: what is compared, called B.
        records: runs to draw over one another, each with its name.

    """
    plots = _Plots()
    parts = [section("Difference", sections.differences(first, second), anchor="difference")]
    links = [("difference", "Difference")]
    beside = Results(
        scenario=first.scenario,
        title=first.title,
        mode=first.mode,
        variants={
            f"{letter}: {variant_name(name)}": variant
            for letter, results in (("A", first), ("B", second))
            for name, variant in results.variants.items()
        },
    )
    parts.append(_over_seeds(beside, plots))
    links.append(("seeds", "Over seeds" if beside.most_seeds > 1 else _BESIDE))
    points = _MOST_OVERLAID if len(records) > MOST_RUNS else _MOST
    runs = [
        Overlaid(name=name, kin=name, axis=TimeAxis(record, most_points=points))
        for name, record in records[:MOST_OVERLAID]
    ]
    if runs:
        parts.append(_overlaid(runs, plots, None))
        links.append(("beside", "Runs over one another"))
    title = f"{first.title or first.scenario} (A) and {second.title or second.scenario} (B)"
    return _assembled(title, f"{first.mode} and {second.mode}", links, parts, plots)


def _assembled(title: str, lead: str, links: Sequence[tuple[str, str]], parts: Sequence[str], plots: _Plots) -> str:
    script, divisions = _embedded(plots.models)
    body = "".join(parts)
    for name, division in divisions.items():
        body = body.replace(_slot(name), division)
    navigation = "".join(f'<a href="#{anchor}">{escape(text)}</a>' for anchor, text in links)
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>{escape(title)}</title>",
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            f"<style>{STYLE}</style>",
            Resources(mode="inline", components=["bokeh"]).render() if plots.models else "",
            f'</head><body><h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p><nav>{navigation}</nav>',
            body,
            script,
            FOLLOW_SCREEN if plots.models else "",
            "</body></html>",
        )
    )


def _embedded(models: dict[str, Model]) -> tuple[str, dict[str, str]]:
    """Return the script that draws the plots, and where each stands by its name."""
    if not models:
        return "", {}
    document = Document()
    # Plots share their ranges, so that taking them one by one would walk through all of them for each.
    with document.models.freeze():
        for model in models.values():
            document.add_root(model)
    script, divisions = components(models)
    return script, dict(divisions)


def _slot(name: str) -> str:
    return f"<!--{name}-->"


def _over_seeds(results: Results, plots: _Plots) -> str:
    drawn = "".join(plots.place(plot) for plot in seed_plots(results).values())
    grid = f'<div class="grid">{drawn}</div>'
    same = ", ".join(f"{escape(name)} {escape(value)}" for name, value in same_everywhere(results).items())
    if same:
        grid += f'<p class="note">The same in every run, and not drawn: {same}.</p>'
    if results.most_seeds <= 1:
        return section(_BESIDE, grid, anchor="seeds")
    note = (
        '<p class="note">Each dot is a seed, a cross one that failed; the bar reaches from P5 to P95, the stroke is '
        "P50.</p>"
    )
    return section(_OVER_SEEDS, note, grid, sections.distribution_table(results), anchor="seeds")


def _over_one_another(axes: list[tuple[str, TimeAxis]], records: Sequence[RunRecord]) -> list[Overlaid]:
    """Return all runs that are drawn over one another; axes of the first are there."""
    more = records[len(axes) : MOST_OVERLAID]
    known = [*axes, *((_run_name(record), TimeAxis(record, most_points=_MOST_OVERLAID)) for record in more)]
    return [Overlaid(name=name, kin=variant_name(axis.record.variant), axis=axis) for name, axis in known]


def _overlaid(runs: list[Overlaid], plots: _Plots, forked: Fork | None) -> str:
    first = runs[0].axis.record
    drawn = [marks_plot(runs, number) for number in _drawn_instruments(first) if number in first.prices]
    drawn += overlaid_plots(runs)
    if forked is not None:
        for plot in drawn:
            fork_line(plot, forked.at_ns)
    return section("Runs over one another", *(plots.place(plot) for plot in drawn), anchor="beside")


def _run(name: str, axis: TimeAxis, plots: _Plots, anchor: str) -> str:
    record = axis.record
    lead = f'<p class="lead">{escape(_length(record))}; {record.wall_seconds:,.1f} s on the wall</p>'
    parts = [lead, "<h3>What went wrong</h3>"]
    parts.append(plots.place(timeline_plot(axis)) if record.spans else "<p>Nothing was made to go wrong.</p>")
    drawn = _drawn_instruments(record)
    for number in drawn:
        parts.append(f"<h3>{escape(record.listed[number].symbol)}</h3>")
        parts += _instrument(axis, number, plots)
    if len(drawn) < len(record.listed):
        left_off = ", ".join(listed.symbol for number, listed in record.listed.items() if number not in set(drawn))
        parts.append(f'<p class="note">Traded less, and not drawn: {escape(left_off)}.</p>')
    parts += ["<h3>Liquidations</h3>"]
    if record.liquidations or record.deleveragings:
        parts.append(plots.place(liquidations_plot(axis)))
    else:
        parts.append("<p>No account fell below maintenance.</p>")
    parts += [
        "<h3>Accounts</h3>",
        plots.place(health_plot(axis)),
        plots.place(bots_plot(axis)) if bots_of(record) & set(record.accounts) else "",
        "<h3>Insurance fund and vault</h3>",
        plots.place(fund_plot(axis)),
        "<h3>Open interest</h3>",
        plots.place(open_interest_plot(axis)),
        "<h3>Cascades and contagion</h3>",
        plots.place(cascade_plot(record)) if record.liquidations else "<p>There was no cascade.</p>",
        plots.place(contagion_plot(record)) if record.contagion else "<p>No fall of one market sold another.</p>",
        "<h3>Markouts by counterparty</h3>",
        _markouts(record, plots),
        "<h3>Victims of auto-deleveraging</h3>",
        sections.victims(record),
        "<h3>Escalations and decisions</h3>",
        sections.decided(record),
    ]
    return section(name, *parts, anchor=anchor)


def _instrument(axis: TimeAxis, number: int, plots: _Plots) -> list[str]:
    record, parts = axis.record, []
    if number in record.prices:
        note = (
            '<p class="note">Shaded orange: between the true index and the one that clearing was told. Grey: something '
            "was made to go wrong. Hatched: clearing was told not to use the price, or a side of the book was "
            "empty.</p>"
        )
        parts += [note, *(plots.place(plot) for plot in price_plots(axis, number))]
    if number in record.books:
        parts += [plots.place(spread_plot(axis, number)), plots.place(depth_plot(axis, number))]
    return parts or ["<p>Nothing was recorded.</p>"]


def _markouts(record: RunRecord, plots: _Plots) -> str:
    bots = bots_of(record)
    parts = []
    for makers, title in ((bots, "markouts of the bots' fills as makers"), (None, "markouts of all makers")):
        found = markouts(record, makers) if makers is None or makers else []
        if found:
            parts.append(plots.place(markout_plot(found, title)))
    note = (
        '<p class="note">What a maker’s fill was worth later, against the true index, by who took it; weighted by '
        "notional.</p>"
    )
    return note + "".join(parts) if parts else "<p>No trade has a truth to be measured by.</p>"


def _points(records: Sequence[RunRecord]) -> int:
    costs = sum(
        _BYTES_OF_AN_INSTRUMENT * min(len(record.listed), MOST_INSTRUMENTS) + _BYTES_OF_A_RUN for record in records
    )
    return min(max(_BYTES // max(costs, 1), _FEWEST), _MOST)


def _drawn_instruments(record: RunRecord) -> list[int]:
    """Return the instruments that were traded most, in order of their ids."""
    traded = dict.fromkeys(record.listed, 0)
    for trade in record.trades:
        traded[trade.instrument_id] = traded.get(trade.instrument_id, 0) + trade.price_ticks * trade.size_lots
    most = sorted(record.listed, key=lambda number: (-traded[number], number))[:MOST_INSTRUMENTS]
    return sorted(most)


def _run_name(record: RunRecord) -> str:
    return f"{variant_name(record.variant)}, seed {record.seed}"


def _length(record: RunRecord) -> str:
    lasted = show_duration(record.ended_ns - record.began_ns)
    return f"{lasted} of venue time from {show_instant(record.began_ns)} UTC, {len(record.members):,} accounts"
