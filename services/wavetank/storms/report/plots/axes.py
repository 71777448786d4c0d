"""The axes that plots share, and how they look.

It exists so that all plots over time move together and count from the beginning of the run, which is what a scenario's
timeline counts from too. Kept true: colours are told apart by everybody (Okabe and Ito's), never by hue alone where it
matters (dashes and markers differ too), and no plot paints a background, so that the page may be light or dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    CustomJSHover,
    CustomJSTickFormatter,
    DatetimeTicker,
    FactorRange,
    HoverTool,
    Range1d,
)
from bokeh.models.annotations import BoxAnnotation, Title
from bokeh.models.renderers import DataRenderer
from bokeh.plotting import figure

from wavetank.storms.measure.record import RunRecord

Figure = figure
Scale: TypeAlias = Literal["linear", "log"]
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9"
GREY = "#808890"
"""Readable on white and on black alike."""
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, GREY)
DASHES = ("solid", "dashed", "dotted", "dotdash")
HEIGHT = 260
MICROS = 1e6
_MS_NS = 1e6
_SMALLEST_MARK, _LARGEST_MARK = 5.0, 22.0
_MOST_SHADES = 80
"""Spans and stretches shaded in one plot; more would be a grey wall, and the timeline has them all."""
_CLOCK = """
const sign = ms < 0 ? "-" : "", all = Math.abs(ms), s = Math.floor(all / 1000);
const two = (n) => String(n).padStart(2, "0");
const h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
const clock = sign + (h ? h + ":" + two(m) : m) + ":" + two(s % 60);
"""
_TICK = f"""
const ms = tick;{_CLOCK}
const fine = ticks.length > 1 && Math.abs(ticks[1] - ticks[0]) < 1000;
return fine ? clock + "." + String(Math.round(all % 1000)).padStart(3, "0") : clock;
"""
_HOVER = f"""
const ms = value;{_CLOCK}
return "+" + clock + "." + String(Math.floor(all % 1000)).padStart(3, "0");
"""
_MONEY = """
const sizes = [[1e9, "B"], [1e6, "M"], [1e3, "k"]], all = Math.abs(tick);
const [size, letter] = sizes.find(([size]) => all >= size) ?? [1, ""];
return (tick < 0 ? "-$" : "$") + +(all / size).toPrecision(6) + letter;
"""
DECIDED = frozenset({"escalation", "decision"})
"""Kinds of spans that are about people; they shade no plot."""


class TimeAxis:
    """The time of a run, shared by its plots: milliseconds since it began."""

    def __init__(self, record: RunRecord, *, most_points: int) -> None:
        """Begin an axis.

        Args:
            record: the run.
            most_points: about how many points a series may have.

        """
        self.record = record
        self.most_points = most_points
        self.end_ms = max(self.ms(record.ended_ns), 1.0)
        self.range = Range1d(start=0.0, end=self.end_ms)

    def ms(self, time_ns: int) -> float:
        """Return a time as milliseconds since the beginning."""
        return (time_ns - self.record.began_ns) / _MS_NS

    def plot(self, title: str, y_label: str, *, height: int = HEIGHT, y_axis_type: Scale = "linear") -> Figure:
        """Return an empty plot over this time."""
        drawn = Figure(
            title=title,
            height=height,
            x_range=self.range,
            tools="xpan,xwheel_zoom,box_zoom,reset,save",
            active_scroll=None,
            sizing_mode="stretch_width",
            toolbar_location="right",
            y_axis_type=y_axis_type,
        )
        drawn.xaxis.ticker = DatetimeTicker(desired_num_ticks=8)
        drawn.xaxis.formatter = CustomJSTickFormatter(code=_TICK)
        drawn.yaxis.axis_label = y_label
        if y_axis_type == "linear":
            drawn.yaxis.ticker = BasicTicker(desired_num_ticks=max(height // 50, 3))
        return bare(drawn)

    def shade(self, plot: Figure) -> None:
        """Shade what went wrong, as long as it lasted."""
        wrong = [span for span in self.record.spans if span.kind not in DECIDED]
        # A fault of several instruments is a span for each; once is enough, for shades over one another hide the lines.
        once = {(span.began_ns, span.ended_ns): span for span in wrong}
        for span in list(once.values())[:_MOST_SHADES]:
            plot.add_layout(
                BoxAnnotation(
                    left=self.ms(span.began_ns),
                    right=self.ms(span.ended_ns) if span.ended_ns else self.end_ms,
                    fill_color=GREY,
                    fill_alpha=0.14,
                    line_color=GREY,
                    line_alpha=0.5,
                    line_dash="dotted",
                    level="underlay",
                )
            )

    def hatch(self, plot: Figure, stretches: Sequence[tuple[int, int]]) -> None:
        """Hatch stretches of time, each from and to in nanoseconds; the longest, if there are too many."""
        longest = sorted(stretches, key=lambda stretch: stretch[0] - stretch[1])[:_MOST_SHADES]
        for began_ns, ended_ns in longest:
            plot.add_layout(
                BoxAnnotation(
                    left=self.ms(began_ns),
                    right=self.ms(ended_ns),
                    fill_color=VERMILION,
                    fill_alpha=0.06,
                    line_alpha=0.0,
                    hatch_pattern="right_diagonal_line",
                    hatch_color=VERMILION,
                    hatch_alpha=0.45,
                    hatch_scale=9.0,
                    hatch_weight=0.6,
                    level="underlay",
                )
            )


def named_plot(
    title: str, names: Sequence[str] | Sequence[tuple[str, str]], *, x_label: str = "", height: int = HEIGHT
) -> Figure:
    """Return an empty plot whose rows are names, the first on top."""
    drawn = Figure(
        title=title,
        height=height,
        y_range=FactorRange(factors=names[::-1]),
        tools="xpan,xwheel_zoom,reset,save",
        active_scroll=None,
        sizing_mode="stretch_width",
        toolbar_location="right",
    )
    drawn.xaxis.axis_label = x_label
    return bare(drawn)


def bare(plot: Figure) -> Figure:
    """Let the page's background through, and draw lines and letters in a grey that both backgrounds bear."""
    plot.background_fill_color = None
    plot.border_fill_color = None
    plot.outline_line_color = GREY
    plot.outline_line_alpha = 0.3
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.min_border_left = 84
    plot.grid.grid_line_color = GREY
    plot.grid.grid_line_alpha = 0.18
    if isinstance(plot.title, Title):
        plot.title.text_color = GREY
        plot.title.text_font_size = "11pt"
    for axis in plot.axis:
        axis.axis_line_color = GREY
        axis.major_tick_line_color = GREY
        axis.minor_tick_line_color = None
        axis.major_label_text_color = GREY
        axis.axis_label_text_color = GREY
        axis.axis_label_text_font_style = "normal"
    return plot


def finish(
    plot: Figure,
    tooltips: Sequence[tuple[str, str]],
    renderers: Sequence[DataRenderer] | None = None,
    *,
    vertical: bool = False,
) -> Figure:
    """Move the legend beside the plot and add what is told under the pointer.

    Args:
        plot: the plot.
        tooltips: label and field; a column `t` is shown as time since the beginning.
        renderers: whose points are told; None for all.
        vertical: whether the nearest point in time is told, wherever the pointer is.

    Returns:
        The same plot.

    """
    if plot.legend:
        legend = plot.legend[0]
        legend.click_policy = "hide"
        legend.label_text_font_size = "9pt"
        legend.label_text_color = GREY
        legend.background_fill_alpha = 0.0
        legend.border_line_alpha = 0.0
        legend.spacing = 14
        legend.margin = 0
        legend.label_standoff = 4
        legend.location = "left"
        legend.orientation = "horizontal"
        legend.ncols = 4
        plot.add_layout(legend, "above")
    hover = HoverTool(
        tooltips=list(tooltips),
        formatters={"@t": CustomJSHover(code=_HOVER), "@ended": CustomJSHover(code=_HOVER)},
        mode="vline" if vertical else "mouse",
    )
    if renderers is not None:
        hover.renderers = list(renderers)
    plot.add_tools(hover)
    return plot


def in_dollars(plot: Figure, *, across: bool = False) -> None:
    """Write an axis in dollars, thousands as k, millions as M.

    Args:
        plot: the plot.
        across: the x axis; else the y axis.

    """
    axis = plot.xaxis if across else plot.yaxis
    axis.formatter = CustomJSTickFormatter(code=_MONEY)


def table_of(columns: Mapping[str, Sequence[object]]) -> ColumnDataSource:
    """Return columns for a plot, numbers packed: a list of numbers costs a page three times as much.

    Args:
        columns: by name, all of the same length.

    """
    packed = {
        name: np.array(column, dtype=np.float64)
        if column and all(isinstance(value, int | float) for value in column)
        else column
        for name, column in columns.items()
    }
    return ColumnDataSource(packed)


def marks_told(plot: Figure, drawn: DataRenderer, tooltips: Sequence[tuple[str, str]]) -> None:
    """Tell under the pointer what marks are, apart from what the plot's lines tell."""
    plot.add_tools(
        HoverTool(
            tooltips=[("time", CLOCK_FIELD), *tooltips],
            formatters={"@t": CustomJSHover(code=_HOVER)},
            renderers=[drawn],
        )
    )


def marker_size(amount: int, largest: int) -> float:
    """Return the size of a mark whose area stands for an amount.

    Args:
        amount: not negative.
        largest: of all amounts that are drawn.

    """
    return _SMALLEST_MARK + (_LARGEST_MARK - _SMALLEST_MARK) * (amount / largest) ** 0.5 if largest else _SMALLEST_MARK


CLOCK_FIELD = "@t{custom}"
"""Time since the beginning, in a tooltip."""
