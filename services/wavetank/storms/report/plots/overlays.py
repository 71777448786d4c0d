"""Runs drawn over one another: variants of one scenario, branches of one run.

Kept true: runs of one kin, the same branch under several dice, share a colour, a dash and a line of the legend, in each
of these plots; time reaches to the end of the longest run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bokeh.models import NumeralTickFormatter, Range1d
from bokeh.models.annotations import Span as Line

from wavetank.model.ids import BACKSTOP_VAULT_ID, INSURANCE_FUND_ID
from wavetank.storms.measure.record import AccountTrack, PriceTrack
from wavetank.storms.report.plots.accounts import equity_line
from wavetank.storms.report.plots.axes import (
    CLOCK_FIELD,
    DASHES,
    GREY,
    MICROS,
    PALETTE,
    Figure,
    TimeAxis,
    finish,
    in_dollars,
    table_of,
)
from wavetank.storms.report.thinning import kept

_NS_IN_MS = 1e6
_FULL, _THIN = 2.0, 1.0
"""Widths of lines, in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlaid:
    """A run that is drawn over others."""

    name: str
    kin: str
    """What it is one of."""
    axis: TimeAxis


def marks_plot(runs: Sequence[Overlaid], instrument_id: int) -> Figure:
    """Return the mark of an instrument as clearing was told it, in each run.

    Args:
        runs: which are drawn.
        instrument_id: listed in the first.

    """
    listed = runs[0].axis.record.listed[instrument_id]
    scale = 10.0 ** (6 - listed.size_decimals)
    plot = _plot(runs, f"{listed.symbol}: mark told to clearing")
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[0000]")
    for run, (colour, dash, width) in zip(runs, _looks(runs), strict=True):
        axis = run.axis
        track = axis.record.prices.get(instrument_id, PriceTrack())
        marks = [ticks / scale for ticks in track.clearing_mark_ticks]
        chosen = kept(marks, axis.most_points)
        times = [axis.ms(track.times_ns[each]) for each in chosen]
        plot.step(
            "t",
            "y",
            source=table_of({"t": times, "y": [marks[each] for each in chosen]}),
            mode="after",
            color=colour,
            line_dash=dash,
            line_width=width,
            legend_label=run.kin,
            name=run.name,
        )
    return finish(plot, [("", "$name"), ("time", CLOCK_FIELD), ("mark", "@y{0,0.[000000]}")])


def overlaid_plots(runs: Sequence[Overlaid]) -> list[Figure]:
    """Return what runs of several variants came to over time, drawn over one another.

    Args:
        runs: which are drawn.

    """
    plots = []
    for title, number in (("insurance fund", INSURANCE_FUND_ID), ("backstop vault", BACKSTOP_VAULT_ID)):
        plot = _plot(runs, f"{title}: equity")
        in_dollars(plot)
        for run, (colour, dash, width) in zip(runs, _looks(runs), strict=True):
            track = run.axis.record.accounts.get(number, AccountTrack())
            equity_line(run.axis, plot, track, run.name, (colour, dash), width=width, legend=run.kin)
        plots.append(finish(plot, [("", "$name"), ("time", CLOCK_FIELD), ("equity", "$@y{0,0.00}")]))
    plot = _plot(runs, "closed by liquidations so far")
    in_dollars(plot)
    for run, (colour, dash, width) in zip(runs, _looks(runs), strict=True):
        axis = run.axis
        times, totals = [0.0], [0.0]
        for each in sorted(axis.record.liquidations, key=lambda each: each.began_ns):
            times.append(axis.ms(each.began_ns))
            totals.append(totals[-1] + each.closed_micros / MICROS)
        source = table_of({"t": [*times, axis.end_ms], "y": [*totals, totals[-1]]})
        plot.step(
            "t",
            "y",
            source=source,
            mode="after",
            color=colour,
            line_dash=dash,
            line_width=width,
            legend_label=run.kin,
            name=run.name,
        )
    plots.append(finish(plot, [("", "$name"), ("time", CLOCK_FIELD), ("closed", "$@y{0,0}")]))
    return plots


def fork_line(plot: Figure, at_ns: int) -> None:
    """Draw where runs parted, so long behind the beginning."""
    plot.add_layout(
        Line(location=at_ns / _NS_IN_MS, dimension="height", line_color=GREY, line_dash="dashed", line_width=1.5)
    )


def _plot(runs: Sequence[Overlaid], title: str) -> Figure:
    """Return an empty plot over the time of the longest run; one that is no longer moves with the first run's plots."""
    longest = max(run.axis.end_ms for run in runs)
    plot = runs[0].axis.plot(title, "dollars", height=250)
    if longest > runs[0].axis.end_ms:
        plot.x_range = Range1d(start=0.0, end=longest)
    return plot


def _looks(runs: Sequence[Overlaid]) -> list[tuple[str, str, float]]:
    """Return colour, dash and width of each run; of a kin that is many its lines are thin."""
    kins = list(dict.fromkeys(run.kin for run in runs))
    looks = []
    for run in runs:
        place = kins.index(run.kin)
        many = sum(other.kin == run.kin for other in runs) > 1
        looks.append((PALETTE[place % len(PALETTE)], DASHES[place % len(DASHES)], _THIN if many else _FULL))
    return looks
