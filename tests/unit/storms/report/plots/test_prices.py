"""Prices are drawn as steps, in dollars, with everything that was not to be used hatched."""

from math import isnan

from bokeh.models import ColumnDataSource
from bokeh.models.annotations import BoxAnnotation

from tests.unit.storms.report.finished_run import BTC, at, finished_run
from wavetank.storms.measure.record import PriceTrack, Span
from wavetank.storms.report.plots.axes import TimeAxis
from wavetank.storms.report.plots.prices import open_interest_plot, price_plots, spread_plot, stretches, value_at


def column(plot: object, name: str, having: str = "t") -> list[float]:
    """Return a column of the first source of a plot that has both."""
    sources = plot.select({"type": ColumnDataSource})  # type: ignore[attr-defined]
    found = next(source for source in sources if {name, having} <= set(source.data))
    return list(found.data[name])


def test_prices_are_in_dollars_and_times_since_the_beginning() -> None:
    plot, _ = price_plots(TimeAxis(finished_run(), most_points=100), BTC)
    # One tick of an instrument with five decimals is ten cents.
    assert column(plot, "true")[:4] == [10_000.0, 10_000.0, 10_000.0, 9_900.0]
    assert column(plot, "told")[3:5] == [10_000.0, 9_900.0]
    assert column(plot, "t", "true")[:3] == [0.0, 1_000.0, 2_000.0]
    assert column(plot, "age")[0] == 1.0


def test_a_price_that_is_unknown_is_a_gap() -> None:
    run = finished_run()
    run.prices[BTC].clearing_index_ticks[0] = 0
    plot, _ = price_plots(TimeAxis(run, most_points=100), BTC)
    assert isnan(column(plot, "told")[0])


def test_what_went_wrong_is_shaded_once_and_what_was_not_to_be_used_is_hatched() -> None:
    run = finished_run()
    run.spans.append(Span(kind="fault", what="lag ETH", began_ns=at(2), ended_ns=at(8)))
    plot, _ = price_plots(TimeAxis(run, most_points=100), BTC)
    boxes = [each for each in plot.center if isinstance(each, BoxAnnotation)]
    # The escalation and the decision shade nothing; rows 5 and 6 were in force until 7 s.
    assert [(box.left, box.right) for box in boxes] == [(2_000.0, 8_000.0), (5_000.0, 7_000.0)]
    assert boxes[1].hatch_pattern == "right_diagonal_line"


def test_a_stretch_lasts_until_the_next_row() -> None:
    assert stretches([1, 2, 3, 4, 5], [True, False, True, True, True]) == [(1, 2), (3, 5)]
    assert stretches([], []) == []


def test_the_value_in_force() -> None:
    track = PriceTrack(times_ns=[10, 20], clearing_mark_ticks=[5, 0])
    found = [value_at(track.times_ns, track.clearing_mark_ticks, time_ns, otherwise=9) for time_ns in (9, 10, 19, 20)]
    assert found == [9, 5, 5, 9]


def test_a_spread_without_a_side_is_a_gap() -> None:
    spreads = column(spread_plot(TimeAxis(finished_run(), most_points=100), BTC), "y")
    # 20 ticks of a mid of 100,000 are 2 bp; at 4 s there is no bid.
    assert spreads[0] == 2.0
    assert isnan(spreads[4])


def test_open_interest_is_valued_at_clearings_mark() -> None:
    values = column(open_interest_plot(TimeAxis(finished_run(), most_points=100)), "y")
    # 1,000 lots x 100,000 ticks = 10^8 micro-dollars; at 5 s 500 lots x 98,000 (the truth of 4 s) = 4.9 x 10^7.
    assert values[0] == 100.0
    assert values[5] == 49.0
