"""The plots of the report, each a bokeh figure on the same axis of venue time.

Kept true: prices and money are drawn from the logs, as the tables are; health and profit over time are what clearing
answered while it went on. Long series are thinned for the screen, never averaged.
"""

from collections.abc import Sequence
from math import nan

from bokeh.model import Model
from bokeh.models import ColumnDataSource, DatetimeTickFormatter, FactorRange, HoverTool, Range1d
from bokeh.models.annotations import BoxAnnotation, Label, Span
from bokeh.palettes import Category20
from bokeh.plotting import figure

from wavetank.cli.demo.cast import RoleKind
from wavetank.cli.demo.measure import PriceSeries
from wavetank.cli.demo.outcome import Outcome
from wavetank.cli.demo.plan import PhaseName
from wavetank.cli.demo.pnl import Split
from wavetank.client import AccountKind, LatencyRecord

WIDTH, HEIGHT = 1_100, 300
_MOST_POINTS = 1_500
_MICROS = 1e6
_MS_NS = 1e6
_SECOND_NS = 1e9
_SHADES = {PhaseName.SHOCK: "#d9534f", PhaseName.AFTERMATH: "#f0ad4e", PhaseName.RECOVERY: "#5bc0de"}
_TRUE, _CLEARING, _MARK, _TRADE, _FORCED = "#1f77b4", "#d62728", "#2ca02c", "#bbbbbb", "#8b0000"
_LARGEST_HEALTH, _SMALLEST_HEALTH = 6.0, -3.0
_PARTS = ("spread", "inventory", "funding", "fees", "liquidation")
_PART_COLOURS = ("#2ca02c", "#1f77b4", "#9467bd", "#7f7f7f", "#d62728")

Figure = figure


def every_figure(outcome: Outcome) -> dict[str, Model]:
    """Return the figures by name, in the order of the report."""
    measured = outcome.measured
    figures: dict[str, Model] = {}
    for number in sorted(measured.truth):
        symbol = measured.instruments[number].symbol
        figures[f"prices_{symbol}"] = _prices(outcome, number)
    figures["lag"] = _lag(outcome)
    figures["health"] = _health(outcome)
    figures["profit"] = _profit(outcome)
    figures["split"] = _split(outcome)
    figures["fund"] = _fund(outcome)
    figures["latency"] = _latency(outcome)
    return figures


def thinned(count: int, most: int = _MOST_POINTS) -> list[int]:
    """Return which of `count` points to draw: all, or evenly spaced ones with both ends."""
    if count <= most:
        return list(range(count))
    return [position * (count - 1) // (most - 1) for position in range(most)]


def _time_figure(outcome: Outcome, title: str, y_label: str, height: int = HEIGHT) -> Figure:
    begin, end = outcome.plan.phases[0].from_ns / _MS_NS, outcome.plan.phases[-1].to_ns / _MS_NS
    plot = figure(
        title=title,
        width=WIDTH,
        height=height,
        x_axis_type="datetime",
        x_range=Range1d(start=begin, end=end),
        tools="xpan,xwheel_zoom,box_zoom,reset,save",
        active_scroll=None,
        sizing_mode="stretch_width",
    )
    plot.xaxis.formatter = DatetimeTickFormatter(seconds="%H:%M:%S", minsec="%H:%M:%S", minutes="%H:%M", hours="%H:%M")
    plot.yaxis.axis_label = y_label
    for phase in outcome.plan.phases:
        if phase.name in _SHADES:
            plot.add_layout(
                BoxAnnotation(
                    left=phase.from_ns / _MS_NS,
                    right=phase.to_ns / _MS_NS,
                    fill_color=_SHADES[phase.name],
                    fill_alpha=0.08,
                    level="underlay",
                )
            )
    return plot


def _finish(plot: Figure, hover: Sequence[tuple[str, str]] = ()) -> Figure:
    if plot.legend:
        plot.legend.click_policy = "hide"
        plot.legend.location = "top_left"
        plot.legend.label_text_font_size = "9pt"
        plot.legend.spacing = 0
        plot.add_layout(plot.legend[0], "right")
    if hover:
        plot.add_tools(HoverTool(tooltips=list(hover), formatters={"@x": "datetime"}, mode="mouse"))
    return plot


def _prices(outcome: Outcome, number: int) -> Figure:
    measured = outcome.measured
    instrument = measured.instruments[number]
    scale = float(instrument.ticks_per_dollar)
    plot = _time_figure(outcome, f"{instrument.symbol}: true, as clearing was told, and traded", "dollars")
    trades = [trade for trade in measured.trades if trade.instrument_id == number]
    plain = [trade for trade in trades if not trade.is_liquidation]
    shown = [plain[index] for index in thinned(len(plain))]
    plot.scatter(
        [trade.at_ns / _MS_NS for trade in shown],
        [trade.price_ticks / scale for trade in shown],
        size=3,
        color=_TRADE,
        legend_label="trades",
    )
    for series, name, colour, dash in (
        (measured.truth[number], "true index", _TRUE, "solid"),
        (measured.clearing.get(number, PriceSeries()), "index told to clearing", _CLEARING, "dashed"),
    ):
        chosen = thinned(len(series.times_ns))
        plot.step(
            [series.times_ns[index] / _MS_NS for index in chosen],
            [series.index_ticks[index] / scale for index in chosen],
            mode="after",
            color=colour,
            line_dash=dash,
            line_width=1.5,
            legend_label=name,
        )
    told = measured.clearing.get(number, PriceSeries())
    chosen = thinned(len(told.times_ns))
    plot.step(
        [told.times_ns[index] / _MS_NS for index in chosen],
        [told.mark_ticks[index] / scale for index in chosen],
        mode="after",
        color=_MARK,
        alpha=0.7,
        legend_label="mark told to clearing",
    )
    forced = [trade for trade in trades if trade.is_liquidation]
    if forced:
        plot.scatter(
            [trade.at_ns / _MS_NS for trade in forced],
            [trade.price_ticks / scale for trade in forced],
            size=7,
            marker="triangle",
            color=_FORCED,
            legend_label="liquidation trades",
        )
    return _finish(plot, [("time", "@x{%H:%M:%S}"), ("price", "@y{0,0.00}")])


def _lag(outcome: Outcome) -> Figure:
    """Return how far what clearing was told is from the truth, and how old it is."""
    measured = outcome.measured
    plot = _time_figure(outcome, "oracle: what clearing was told, less the truth", "basis points")
    colours = ("#ff7f0e", "#1f77b4", "#2ca02c")
    oldest: list[tuple[float, float]] = []
    for position, number in enumerate(sorted(measured.truth)):
        truth, told = measured.truth[number], measured.clearing.get(number, PriceSeries())
        chosen = thinned(len(told.times_ns))
        gaps = [(told.index_ticks[index] / truth.index_at(told.times_ns[index]) - 1.0) * 10_000.0 for index in chosen]
        plot.step(
            [told.times_ns[index] / _MS_NS for index in chosen],
            gaps,
            mode="after",
            color=colours[position % len(colours)],
            legend_label=measured.instruments[number].symbol,
        )
        if not oldest:
            oldest = [
                (told.times_ns[index] / _MS_NS, (told.times_ns[index] - told.index_time_ns[index]) / _SECOND_NS)
                for index in chosen
            ]
    longest = max((age for _, age in oldest), default=0.0)
    plot.add_layout(
        Label(
            x=10,
            y=10,
            x_units="screen",
            y_units="screen",
            text_font_size="9pt",
            text=f"oldest index told to clearing: {longest:,.0f} s of venue time, "
            f"{longest / outcome.plan.speed:.1f} s on the wall",
        )
    )
    return _finish(plot, [("time", "@x{%H:%M:%S}"), ("off by", "@y{0.0} bp")])


def _health(outcome: Outcome) -> Figure:
    plot = _time_figure(
        outcome, "health of accounts: equity over maintenance margin, as clearing saw it", "health", 340
    )
    plot.y_range = Range1d(start=_SMALLEST_HEALTH, end=_LARGEST_HEALTH)
    for level, dash in ((1.0, "solid"), (2.0 / 3.0, "dashed"), (0.0, "dotted")):
        plot.add_layout(Span(location=level, dimension="width", line_color="#888888", line_dash=dash))
    exposed = [bot for bot in outcome.watch.bots.values() if bot.role.kind in {RoleKind.BELIEVER, RoleKind.HEDGER}]
    palette = Category20[20]
    for position, bot in enumerate(exposed):
        points = [
            (
                sample.venue_ns / _MS_NS,
                max(_SMALLEST_HEALTH, min(_LARGEST_HEALTH, sample.equity / sample.maintenance))
                if sample.maintenance
                else nan,
            )
            for sample in bot.history
        ]
        plot.line(
            [moment for moment, _ in points],
            [health for _, health in points],
            color=palette[position * 2 % 20],
            line_width=2,
            legend_label=bot.role.name,
        )
    for case in outcome.measured.cases:
        plot.add_layout(
            Span(location=case.began_ns / _MS_NS, dimension="height", line_color=_FORCED, line_dash="dotted")
        )
    return _finish(plot, [("time", "@x{%H:%M:%S}"), ("health", "@y{0.00}")])


def _profit(outcome: Outcome) -> Figure:
    plot = _time_figure(outcome, "equity less the first deposit, as clearing saw it", "dollars", 340)
    palette = Category20[20]
    for position, bot in enumerate(outcome.watch.bots.values()):
        begin = float(bot.role.deposit)
        chosen = thinned(len(bot.history))
        plot.line(
            [bot.history[index].venue_ns / _MS_NS for index in chosen],
            [bot.history[index].equity - begin for index in chosen],
            color=palette[position % 20],
            line_width=2,
            legend_label=bot.role.name,
        )
    return _finish(plot, [("time", "@x{%H:%M:%S}"), ("dollars", "@y{0,0}")])


def _split(outcome: Outcome) -> Figure:
    """Return the parts of each bot's profit as bars that pile up, gains above and losses below."""
    accounts = [account for account in outcome.measured.accounts if not account.is_venue]
    names = [account.name for account in accounts]
    plot = figure(
        title="where profit came from, against the true index",
        x_range=FactorRange(factors=names),
        width=WIDTH,
        height=360,
        tools="save,reset",
        sizing_mode="stretch_width",
    )
    plot.yaxis.axis_label = "dollars"
    plot.xaxis.major_label_orientation = 0.7
    parts = {part: [_part(account.split, part) for account in accounts] for part in _PARTS}
    for is_gain in (True, False):
        columns: dict[str, Sequence[object]] = {"account": names}
        columns |= {
            part: [max(value, 0.0) if is_gain else min(value, 0.0) for value in values]
            for part, values in parts.items()
        }
        plot.vbar_stack(
            list(_PARTS),
            x="account",
            width=0.7,
            color=list(_PART_COLOURS),
            source=ColumnDataSource(columns),
            **({"legend_label": list(_PARTS)} if is_gain else {}),
        )
    return _finish(plot)


def _part(split: Split, part: str) -> float:
    micros: int = getattr(split, f"{part}_micros")
    return micros / _MICROS


def _fund(outcome: Outcome) -> Figure:
    plot = _time_figure(outcome, "insurance fund and backstop vault: equity", "dollars")
    for kind, colour in ((AccountKind.INSURANCE_FUND, _TRUE), (AccountKind.BACKSTOP_VAULT, "#ff7f0e")):
        history = outcome.watch.venue_history.get(kind, [])
        chosen = thinned(len(history))
        plot.step(
            [history[index].venue_ns / _MS_NS for index in chosen],
            [history[index].equity for index in chosen],
            mode="after",
            color=colour,
            line_width=2,
            legend_label=kind.name.lower().replace("_", " "),
        )
    return _finish(plot, [("time", "@x{%H:%M:%S}"), ("dollars", "@y{0,0.00}")])


def _latency(outcome: Outcome) -> Figure:
    plot = figure(
        title="commands answered within a time: transport to answer, by kind",
        width=WIDTH,
        height=HEIGHT,
        x_axis_type="log",
        tools="xpan,xwheel_zoom,reset,save",
        active_scroll=None,
        sizing_mode="stretch_width",
    )
    plot.xaxis.axis_label = "milliseconds of wall time"
    plot.yaxis.axis_label = "share of commands"
    records = [record for bot in outcome.watch.bots.values() for record in bot.recorder.latencies]
    for colour, kind in zip(("#1f77b4", "#ff7f0e", "#2ca02c"), ("place", "amend", "cancel"), strict=True):
        ordered = sorted(_acknowledge_ms(record) for record in records if record.command == kind)
        if not ordered:
            continue
        chosen = thinned(len(ordered), 400)
        plot.line(
            [max(ordered[index], 0.001) for index in chosen],
            [(index + 1) / len(ordered) for index in chosen],
            color=colour,
            line_width=2,
            legend_label=kind,
        )
    return _finish(plot, [("within", "@x{0.00} ms"), ("share", "@y{0.000}")])


def _acknowledge_ms(record: LatencyRecord) -> float:
    return record.acknowledge_ns / _MS_NS
