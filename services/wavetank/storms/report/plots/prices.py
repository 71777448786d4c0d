"""Prices and books of one instrument: what was true, what clearing was told, what could be traded.

Kept true: a price is drawn as a step from one publication to the next, as the venue used it; the shade between the true
index and clearing's is the harm that a lag can do, hatching is where clearing was told not to use the price.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import nan

from bokeh.models import ColumnDataSource, NumeralTickFormatter

from wavetank.storms.measure.record import PriceTrack
from wavetank.storms.report.plots.axes import (
    BLUE,
    CLOCK_FIELD,
    DASHES,
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
    table_of,
)
from wavetank.storms.report.thinning import kept, kept_of_all

_E4 = 1e4
_SECOND_NS = 1e9


def price_plots(axis: TimeAxis, instrument_id: int) -> tuple[Figure, Figure]:
    """Return what was true and what clearing was told, with forced trades, and below it how old that was."""
    listed, track = axis.record.listed[instrument_id], axis.record.prices[instrument_id]
    source = _price_source(axis, track, 10.0 ** (6 - listed.size_decimals))
    return _price_plot(axis, instrument_id, source), _age_plot(axis, instrument_id, source)


def _price_plot(axis: TimeAxis, instrument_id: int, source: ColumnDataSource) -> Figure:
    record = axis.record
    listed, track = record.listed[instrument_id], record.prices[instrument_id]
    scale = 10.0 ** (6 - listed.size_decimals)
    plot = axis.plot(f"{listed.symbol}: prices", "dollars", height=340)
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[0000]")
    axis.shade(plot)
    axis.hatch(plot, unusable(track))
    plot.varea_step("t", "true", "told", source=source, step_mode="after", fill_color=ORANGE, fill_alpha=0.28)
    _trades(axis, plot, instrument_id, scale)
    lines = [
        plot.step(
            "t", field, source=source, mode="after", color=colour, line_dash=dash, line_width=2, legend_label=name
        )
        for field, name, colour, dash in (
            ("true", "true index", BLUE, "solid"),
            ("told", "index told to clearing", VERMILION, "dashed"),
            ("mark", "mark told to clearing", GREEN, "dotted"),
        )
    ]
    _deleveragings(axis, plot, instrument_id, track, scale)
    tooltips = [
        ("time", CLOCK_FIELD),
        ("true index", "@true{0,0.[000000]}"),
        ("told", "@told{0,0.[000000]} (@gap{0.0} bp)"),
        ("mark", "@mark{0,0.[000000]}"),
        ("age", "@age{0.000} s"),
        ("may be used", "@usable"),
    ]
    return finish(plot, tooltips, lines[1:2], vertical=True)


def _age_plot(axis: TimeAxis, instrument_id: int, source: ColumnDataSource) -> Figure:
    record = axis.record
    plot = axis.plot(f"{record.listed[instrument_id].symbol}: age of clearing's index", "seconds", height=150)
    axis.shade(plot)
    axis.hatch(plot, unusable(record.prices[instrument_id]))
    plot.varea_step("t", 0.0, "age", source=source, step_mode="after", fill_color=VERMILION, fill_alpha=0.3)
    line = plot.step("t", "age", source=source, mode="after", color=VERMILION)
    tooltips = [("time", CLOCK_FIELD), ("age", "@age{0.000} s"), ("off by", "@gap{0.0} bp"), ("may be used", "@usable")]
    return finish(plot, tooltips, [line], vertical=True)


def spread_plot(axis: TimeAxis, instrument_id: int) -> Figure:
    """Return the spread of the book; a gap is where a side was empty."""
    record = axis.record
    book = record.books[instrument_id]
    plot = axis.plot(f"{record.listed[instrument_id].symbol}: spread", "basis points", height=180)
    axis.shade(plot)
    spreads = [
        (ask - bid) * 2.0 * _E4 / (ask + bid) if bid and ask else nan
        for bid, ask in zip(book.bid_ticks, book.ask_ticks, strict=True)
    ]
    empty = [not (bid and ask) for bid, ask in zip(book.bid_ticks, book.ask_ticks, strict=True)]
    axis.hatch(plot, stretches(book.times_ns, empty))
    chosen = kept(spreads, axis.most_points)
    source = table_of(
        {"t": [axis.ms(book.times_ns[place]) for place in chosen], "y": [spreads[place] for place in chosen]}
    )
    line = plot.step("t", "y", source=source, mode="after", color=PURPLE, line_width=1.5)
    return finish(plot, [("time", CLOCK_FIELD), ("spread", "@y{0.00} bp")], [line], vertical=True)


def depth_plot(axis: TimeAxis, instrument_id: int) -> Figure:
    """Return the depth near the mark in dollars, bids above and asks below."""
    record = axis.record
    book = record.books[instrument_id]
    plot = axis.plot(f"{record.listed[instrument_id].symbol}: depth near the mark", "dollars", height=200)
    in_dollars(plot)
    axis.shade(plot)
    prices = [bid or ask for bid, ask in zip(book.bid_ticks, book.ask_ticks, strict=True)]
    bids = [lots * price / MICROS for lots, price in zip(book.bid_depth_lots, prices, strict=True)]
    asks = [-lots * price / MICROS for lots, price in zip(book.ask_depth_lots, prices, strict=True)]
    chosen = kept_of_all([bids, asks], axis.most_points)
    source = table_of(
        {
            "t": [axis.ms(book.times_ns[place]) for place in chosen],
            "bids": [bids[place] for place in chosen],
            "asks": [asks[place] for place in chosen],
        }
    )
    lines = []
    for field, colour in (("bids", BLUE), ("asks", ORANGE)):
        plot.varea_step("t", 0.0, field, source=source, step_mode="after", fill_color=colour, fill_alpha=0.3)
        lines.append(plot.step("t", field, source=source, mode="after", color=colour, legend_label=field))
    tooltips = [("time", CLOCK_FIELD), ("bids", "$@bids{0,0}"), ("asks", "$@asks{0,0}")]
    return finish(plot, tooltips, lines[:1], vertical=True)


def open_interest_plot(axis: TimeAxis) -> Figure:
    """Return the open interest of every instrument in dollars at clearing's mark."""
    record = axis.record
    plot = axis.plot("open interest at clearing's mark", "dollars", height=220)
    in_dollars(plot)
    axis.shade(plot)
    for place, number in enumerate(sorted(record.books)):
        book, track = record.books[number], record.prices.get(number, PriceTrack())
        values = [
            lots * value_at(track.times_ns, track.clearing_mark_ticks, time_ns, otherwise=bid or ask) / MICROS
            for time_ns, lots, bid, ask in zip(
                book.times_ns, book.open_interest_lots, book.bid_ticks, book.ask_ticks, strict=True
            )
        ]
        chosen = kept(values, axis.most_points)
        symbol = record.listed[number].symbol
        plot.step(
            "t",
            "y",
            source=table_of(
                {"t": [axis.ms(book.times_ns[each]) for each in chosen], "y": [values[each] for each in chosen]}
            ),
            mode="after",
            color=PALETTE[place % len(PALETTE)],
            line_dash=DASHES[place // len(PALETTE) % len(DASHES)],
            line_width=2,
            legend_label=symbol,
            name=symbol,
        )
    return finish(plot, [("", "$name"), ("time", CLOCK_FIELD), ("open interest", "$@y{0,0}")])


def unusable(track: PriceTrack) -> list[tuple[int, int]]:
    """Return the stretches of time in which clearing was told not to use the price."""
    return stretches(track.times_ns, [not valid for valid in track.is_valid])


def stretches(times_ns: Sequence[int], flags: Sequence[bool]) -> list[tuple[int, int]]:
    """Return from when to when a flag was up, rows being in force until the next one."""
    found: list[tuple[int, int]] = []
    began_ns: int | None = None
    for time_ns, is_up in zip(times_ns, flags, strict=True):
        if is_up and began_ns is None:
            began_ns = time_ns
        elif not is_up and began_ns is not None:
            found.append((began_ns, time_ns))
            began_ns = None
    if began_ns is not None:
        found.append((began_ns, times_ns[-1]))
    return found


def value_at(times_ns: Sequence[int], values: Sequence[int], time_ns: int, *, otherwise: int = 0) -> int:
    """Return the value in force at a time; `otherwise` before the first and where it is unknown."""
    place = bisect_right(times_ns, time_ns) - 1
    return (values[place] if place >= 0 else 0) or otherwise


def _price_source(axis: TimeAxis, track: PriceTrack, scale: float) -> ColumnDataSource:
    columns = [
        [ticks / scale if ticks else nan for ticks in series]
        for series in (track.true_index_ticks, track.clearing_index_ticks, track.clearing_mark_ticks)
    ]
    ages = [age_ns / _SECOND_NS for age_ns in track.index_age_ns]
    chosen = kept_of_all([*columns, ages], axis.most_points)
    true, told, mark = ([column[place] for place in chosen] for column in columns)
    return table_of(
        {
            "t": [axis.ms(track.times_ns[place]) for place in chosen],
            "true": true,
            "told": told,
            "mark": mark,
            "gap": [(seen / fact - 1.0) * _E4 for fact, seen in zip(true, told, strict=True)],
            "age": [ages[place] for place in chosen],
            "usable": ["yes" if track.is_valid[place] else "no" for place in chosen],
        }
    )


def _trades(axis: TimeAxis, plot: Figure, instrument_id: int, scale: float) -> None:
    """Draw trades as dust, and those of liquidations as triangles of their size."""
    trades = [trade for trade in axis.record.trades if trade.instrument_id == instrument_id]
    plain = [trade for trade in trades if not trade.is_liquidation]
    chosen = kept([float(trade.price_ticks) for trade in plain], axis.most_points)
    plot.scatter(
        [axis.ms(plain[place].time_ns) for place in chosen],
        [plain[place].price_ticks / scale for place in chosen],
        size=2.5,
        color=GREY,
        alpha=0.45,
        legend_label="trades",
    )
    forced = [trade for trade in trades if trade.is_liquidation]
    forced = sorted(forced, key=lambda trade: -trade.price_ticks * trade.size_lots)[: axis.most_points]
    if not forced:
        return
    largest = max(trade.price_ticks * trade.size_lots for trade in forced)
    members = axis.record.members
    source = table_of(
        {
            "t": [axis.ms(trade.time_ns) for trade in forced],
            "y": [trade.price_ticks / scale for trade in forced],
            "notional": [trade.price_ticks * trade.size_lots / MICROS for trade in forced],
            "size": [marker_size(trade.price_ticks * trade.size_lots, largest) for trade in forced],
            "who": [
                members[trade.taker_id].name if trade.taker_id in members else str(trade.taker_id) for trade in forced
            ],
        }
    )
    drawn = plot.scatter(
        "t",
        "y",
        source=source,
        size="size",
        marker="inverted_triangle",
        color=VERMILION,
        alpha=0.75,
        legend_label="liquidation trades",
    )
    marks_told(plot, drawn, [("liquidated", "@who"), ("for", "$@notional{0,0}"), ("at", "@y{0,0.[000000]}")])


def _deleveragings(axis: TimeAxis, plot: Figure, instrument_id: int, track: PriceTrack, scale: float) -> None:
    found = [each for each in axis.record.deleveragings if each.instrument_id == instrument_id]
    found = sorted(found, key=lambda each: -abs(each.value_micros))[: axis.most_points]
    if not found:
        return
    largest = max(abs(each.value_micros) for each in found)
    members = axis.record.members
    source = table_of(
        {
            "t": [axis.ms(each.time_ns) for each in found],
            "y": [
                value_at(track.times_ns, track.clearing_mark_ticks, each.time_ns) / scale
                if not each.delta_lots
                else abs(each.value_micros / each.delta_lots) / scale
                for each in found
            ],
            "notional": [abs(each.value_micros) / MICROS for each in found],
            "size": [marker_size(abs(each.value_micros), largest) for each in found],
            "who": [
                members[each.account_id].name if each.account_id in members else str(each.account_id) for each in found
            ],
        }
    )
    drawn = plot.scatter(
        "t",
        "y",
        source=source,
        size="size",
        marker="diamond",
        fill_color=SKY,
        line_color=BLUE,
        alpha=0.85,
        legend_label="deleveraged",
    )
    marks_told(plot, drawn, [("deleveraged", "@who"), ("for", "$@notional{0,0}"), ("at", "@y{0,0.[000000]}")])
