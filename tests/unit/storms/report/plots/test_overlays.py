"""Runs over one another: kin look alike, time reaches to the longest, and a line says where they parted."""

from dataclasses import replace
from typing import Any

from bokeh.models.annotations import Legend, Span

from tests.unit.storms.report.finished_run import BTC, at, finished_run
from wavetank.storms.report.plots.axes import Figure, TimeAxis
from wavetank.storms.report.plots.overlays import Overlaid, fork_line, marks_plot, overlaid_plots

SECOND_NS = 1_000_000_000


def overlaid(kin: str, number: int, *, lasts_s: int = 10) -> Overlaid:
    record = replace(finished_run(seed=number), ended_ns=at(lasts_s))
    return Overlaid(name=f"{kin}, seed {number}", kin=kin, axis=TimeAxis(record, most_points=100))


def annotation(plot: Figure, kind: type) -> Any:  # noqa: ANN401 - Bokeh's models say little of themselves.
    (found,) = plot.select({"type": kind})
    return found


def drawn(plot: Figure) -> list[Any]:
    return list(plot.renderers)


def range_of(plot: Figure) -> Any:  # noqa: ANN401 - the same.
    return plot.x_range


def test_kin_share_a_colour_and_a_line_of_the_legend_and_are_thin() -> None:
    runs = [overlaid("trunk", 1), overlaid("other dice", 1), overlaid("other dice", 2)]
    for plot in [marks_plot(runs, BTC), *overlaid_plots(runs)]:
        trunk, one, two = (renderer.glyph for renderer in drawn(plot))
        assert one.line_color == two.line_color != trunk.line_color
        assert (trunk.line_width, one.line_width, two.line_width) == (2.0, 1.0, 1.0)
        assert [item.label.value for item in annotation(plot, Legend).items] == ["trunk", "other dice"]
        assert [renderer.name for renderer in drawn(plot)] == [run.name for run in runs]


def test_marks_are_in_dollars_as_clearing_was_told_them() -> None:
    run = overlaid("trunk", 1)
    (line,) = drawn(marks_plot([run], BTC))
    track = run.axis.record.prices[BTC]
    # A tick of an instrument with five decimals is a tenth of a dollar.
    assert list(line.data_source.data["y"]) == [ticks / 10 for ticks in track.clearing_mark_ticks]


def test_time_reaches_to_the_end_of_the_longest_run() -> None:
    for plot in overlaid_plots([overlaid("trunk", 1), overlaid("longer", 1, lasts_s=15)]):
        assert range_of(plot).end == 15_000.0
    first = overlaid("trunk", 1)
    for plot in overlaid_plots([first, overlaid("shorter", 1, lasts_s=5)]):
        assert range_of(plot) is first.axis.range


def test_a_line_says_where_branches_parted() -> None:
    plot = marks_plot([overlaid("trunk", 1)], BTC)
    fork_line(plot, 3 * SECOND_NS)
    line = annotation(plot, Span)
    assert (line.location, line.dimension) == (3_000.0, "height")
