"""Liquidations, deleveragings and what surrounded them, over time.

Kept true: a mark's area stands for notional, its colour and its shape both stand for the last stage that acted.
"""

from __future__ import annotations

from collections.abc import Sequence

from bokeh.models import ColumnDataSource
from bokeh.models.renderers import DataRenderer

from wavetank.storms.measure.record import LiquidationSeen, RunRecord, Span
from wavetank.storms.report.plots.axes import (
    BLUE,
    CLOCK_FIELD,
    DECIDED,
    GREEN,
    GREY,
    MICROS,
    ORANGE,
    PALETTE,
    PURPLE,
    SKY,
    VERMILION,
    Figure,
    TimeAxis,
    finish,
    in_dollars,
    marker_size,
    marks_told,
    named_plot,
    table_of,
)

_STAGES: dict[str, tuple[str, str]] = {
    "cancel": (GREY, "circle"),
    "partial": (SKY, "circle"),
    "full": (BLUE, "square"),
    "backstop": (ORANGE, "hex"),
    "insurance": (GREEN, "triangle"),
    "deleverage": (VERMILION, "diamond"),
    "socialise": (PURPLE, "star"),
}
"""Colour and shape of each stage of the waterfall; a stage that has none is grey."""
_SMALLEST_DOLLARS = 1.0
_MOST_MARKS = 2_000
_MOST_ROWS = 40


def account_name(record: RunRecord, account_id: int) -> str:
    """Return what an account is called."""
    member = record.members.get(account_id)
    return member.name if member is not None else f"account {account_id}"


def last_stage(liquidation: LiquidationSeen) -> str:
    """Return the last stage that acted; `cancel` where none was needed."""
    return liquidation.stages[-1].lower() if liquidation.stages else "cancel"


def stage_look(stage: str) -> tuple[str, str]:
    """Return the colour and the shape of a stage."""
    return _STAGES.get(stage, (GREY, "asterisk"))


def liquidations_plot(axis: TimeAxis) -> Figure:
    """Return every liquidation from beginning to end at the notional it closed, and every deleveraging."""
    record = axis.record
    plot = axis.plot(
        "liquidations and deleveragings: notional, by the last stage that acted",
        "dollars",
        height=320,
        y_axis_type="log",
    )
    in_dollars(plot)
    axis.shade(plot)
    shown = sorted(record.liquidations, key=lambda each: -each.closed_micros)[:_MOST_MARKS]
    amounts = [each.closed_micros for each in shown] + [abs(each.value_micros) for each in record.deleveragings]
    largest = max(amounts, default=0)
    plot.segment(
        [axis.ms(each.began_ns) for each in shown],
        [_dollars(each.closed_micros) for each in shown],
        [axis.ms(each.ended_ns) if each.ended_ns else axis.end_ms for each in shown],
        [_dollars(each.closed_micros) for each in shown],
        color=GREY,
        alpha=0.6,
    )
    for stage in sorted({last_stage(each) for each in shown}, key=_rank):
        colour, marker = stage_look(stage)
        of_stage = [each for each in shown if last_stage(each) == stage]
        drawn = plot.scatter(
            "t",
            "y",
            source=_liquidation_source(axis, of_stage, largest),
            size="size",
            marker=marker,
            fill_color=colour,
            line_color=GREY,
            alpha=0.8,
            legend_label=stage,
        )
        marks_told(
            plot,
            drawn,
            [
                ("account", "@who"),
                ("stages", "@stages"),
                ("closed", "$@closed{0,0}"),
                ("the fund paid", "$@fund{0,0.00}"),
                ("health", "@health{0.000}"),
                ("outcome", "@outcome"),
                ("cascade", "@cascade"),
            ],
        )
    victims = [_victims(axis, plot, largest)] if record.deleveragings else []
    return finish(plot, [("deleveraged", "@who"), ("time", CLOCK_FIELD), ("value", "$@y{0,0}")], victims)


def timeline_plot(axis: TimeAxis) -> Figure:
    """Return what went wrong and who was asked, a row for each kind of thing."""
    spans = axis.record.spans
    rows = list(dict.fromkeys(_row(span) for span in sorted(spans, key=lambda span: span.began_ns)))[:_MOST_ROWS]
    plot = named_plot("faults, halts, escalations and decisions", rows, height=90 + 24 * max(len(rows), 1))
    plot.x_range = axis.range
    clock = axis.plot("", "", height=90)
    plot.xaxis.ticker, plot.xaxis.formatter = clock.xaxis[0].ticker, clock.xaxis[0].formatter
    drawn: list[DataRenderer] = []
    kinds = list(dict.fromkeys(span.kind for span in spans))
    for place, kind in enumerate(kinds):
        of_kind = [span for span in spans if span.kind == kind and _row(span) in set(rows)]
        colour = PALETTE[place % len(PALETTE)]
        source = table_of(
            {
                "row": [_row(span) for span in of_kind],
                "t": [axis.ms(span.began_ns) for span in of_kind],
                "ended": [axis.ms(span.ended_ns) if span.ended_ns else axis.end_ms for span in of_kind],
                "kind": [span.kind for span in of_kind],
                "what": [span.what for span in of_kind],
            }
        )
        bars = plot.hbar("row", left="t", right="ended", source=source, height=0.6, color=colour, alpha=0.6)
        # A span of a moment would be too thin to be seen.
        marks = plot.scatter("t", "row", source=source, size=9, marker="dash", angle=1.5708, color=colour, line_width=3)
        drawn += [bars, marks]
    return finish(plot, [("", "@kind: @what"), ("from", CLOCK_FIELD), ("to", "@ended{custom}")], drawn)


def decisions(record: RunRecord) -> list[Span]:
    """Return what people were asked and what they decided, in order of time."""
    return sorted((span for span in record.spans if span.kind in DECIDED), key=lambda span: span.began_ns)


def _row(span: Span) -> str:
    return f"{span.kind}: {span.what}"[:60]


def _rank(stage: str) -> int:
    return list(_STAGES).index(stage) if stage in _STAGES else len(_STAGES)


def _dollars(micros: int) -> float:
    return max(abs(micros) / MICROS, _SMALLEST_DOLLARS)


def _liquidation_source(axis: TimeAxis, shown: Sequence[LiquidationSeen], largest: int) -> ColumnDataSource:
    record = axis.record
    return table_of(
        {
            "t": [axis.ms(each.began_ns) for each in shown],
            "y": [_dollars(each.closed_micros) for each in shown],
            "size": [marker_size(each.closed_micros, largest) for each in shown],
            "who": [account_name(record, each.account_id) for each in shown],
            "stages": [" → ".join(each.stages) for each in shown],
            "closed": [each.closed_micros / MICROS for each in shown],
            "fund": [each.fund_micros / MICROS for each in shown],
            "health": [
                each.equity_micros / each.maintenance_micros if each.maintenance_micros else 0.0 for each in shown
            ],
            "outcome": [each.outcome for each in shown],
            "cascade": [each.cascade_id for each in shown],
        }
    )


def _victims(axis: TimeAxis, plot: Figure, largest: int) -> DataRenderer:
    found = sorted(axis.record.deleveragings, key=lambda each: -abs(each.value_micros))[:_MOST_MARKS]
    source = table_of(
        {
            "t": [axis.ms(each.time_ns) for each in found],
            "y": [_dollars(each.value_micros) for each in found],
            "size": [marker_size(abs(each.value_micros), largest) for each in found],
            "who": [account_name(axis.record, each.account_id) for each in found],
        }
    )
    return plot.scatter(
        "t",
        "y",
        source=source,
        size="size",
        marker="circle_x",
        fill_alpha=0.0,
        line_color=VERMILION,
        line_width=1.5,
        legend_label="deleveraged victim",
    )
