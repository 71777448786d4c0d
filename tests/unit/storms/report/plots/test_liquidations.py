"""Liquidations are drawn from beginning to end, at what they closed, by the last stage that acted."""

from dataclasses import replace

from bokeh.models import ColumnDataSource

from tests.unit.storms.report.finished_run import finished_run, liquidation
from wavetank.storms.report.plots.axes import TimeAxis
from wavetank.storms.report.plots.liquidations import last_stage, liquidations_plot, stage_look, timeline_plot


def columns(plot: object, *names: str) -> list[dict[str, list[object]]]:
    """Return the sources of a plot that have these columns."""
    sources = plot.select({"type": ColumnDataSource})  # type: ignore[attr-defined]
    return [
        {name: list(source.data[name]) for name in source.data} for source in sources if set(names) <= set(source.data)
    ]


def test_one_that_goes_on_lasts_to_the_end() -> None:
    run = finished_run()
    run.liquidations[1] = replace(run.liquidations[1], ended_ns=0)
    (lines,) = columns(liquidations_plot(TimeAxis(run, most_points=100)), "x0", "x1")
    # The larger one first: from 5 s to 6 s, at 400 dollars.
    assert (lines["x0"], lines["x1"]) == ([5_000.0, 5_000.0], [6_000.0, 10_000.0])
    assert lines["y0"] == [400.0, 100.0]


def test_marks_are_by_last_stage_and_grow_with_notional() -> None:
    found = columns(liquidations_plot(TimeAxis(finished_run(), most_points=100)), "who", "stages")
    sizes = {str(each["stages"][0]): each["size"][0] for each in found}
    # The largest has 22 pixels; a quarter of its notional has half of what is above 5.
    assert sizes == {"partial → full": 22.0, "deleverage": 13.5}


def test_the_last_stage_has_a_look_of_its_own() -> None:
    assert last_stage(liquidation(1, stages=("partial", "FULL"))) == "full"
    assert last_stage(liquidation(1, stages=())) == "cancel"
    stages = ("cancel", "partial", "full", "backstop", "insurance", "deleverage", "socialise", "unheard of")
    assert len({stage_look(stage) for stage in stages}) == len(stages)


def test_the_timeline_has_a_row_for_each_thing_in_order_of_time() -> None:
    plot = timeline_plot(TimeAxis(finished_run(), most_points=100))
    # The first on top.
    assert list(plot.y_range.factors) == [  # type: ignore[attr-defined]
        "decision: hold",
        "escalation: adl imminent",
        "fault: lag BTC",
    ]
    ends = {str(each["what"][0]): (each["t"][0], each["ended"][0]) for each in columns(plot, "what", "ended")}
    assert ends == {"lag BTC": (2_000.0, 8_000.0), "adl imminent": (6_000.0, 7_000.0), "hold": (7_000.0, 10_000.0)}
