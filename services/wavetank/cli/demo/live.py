"""The screen, four times a second: prices and books, bots and their money, faults, who is being liquidated and why.

It exists for a terminal. Where there is none (a pipe, a log of CI) the same happenings are plain lines. Nothing here
decides anything, and everything goes to standard error, so that standard output holds the report alone.
"""

import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Self

from rich import box
from rich.console import Console, ConsoleDimensions, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from wavetank.cli.demo.cast import RoleKind
from wavetank.cli.demo.latency import percentile
from wavetank.cli.demo.plan import DemoPlan, PhaseName
from wavetank.cli.demo.watch import BotView, InstrumentView, Note, Watch
from wavetank.cli.times import show_instant
from wavetank.client import AccountKind, HealthBand, LiquidationStage

_BARS = "▁▂▃▄▅▆▇█"
_SPARK_WIDTH, _NARROW_SPARK_WIDTH = 20, 10
_WIDE = 125
"""Columns from which on everything has room."""
_BAR_WIDTH = 36
_FEWEST_LINES, _MOST_LINES = 3, 14
_OTHER_LINES = 12
"""Lines of the screen beside the bots and what happens."""
_PHASE_STYLE = {
    PhaseName.CALM: "green",
    PhaseName.SHOCK: "bold red",
    PhaseName.AFTERMATH: "bold yellow",
    PhaseName.RECOVERY: "cyan",
}
_NOTE_STYLE = {"phase": "bold", "fault": "yellow", "money": "cyan", "liquidation": "red", "trouble": "bold red"}
_BAND_STYLE = {
    HealthBand.WARNED: "yellow",
    HealthBand.REDUCE_ONLY: "yellow",
    HealthBand.LIQUIDATION: "red",
    HealthBand.BACKSTOP: "bold red",
    HealthBand.BANKRUPT: "bold red",
}
_LARGEST_HEALTH = Decimal(99)
_LARGE, _MIDDLING = 10_000, 1_000


class LiveScreen:
    """Shows a watch; a context manager that puts the terminal back in order."""

    def __init__(self, plan: DemoPlan, console: Console) -> None:
        self._plan = plan
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def line(self, note: Note) -> None:
        """Print a line, where there is no screen."""
        if self._live is None:
            style = _NOTE_STYLE.get(note.kind, "")
            self._console.print(f"[dim]{note.at:5.1f}s[/] [{style}]{escape(note.text)}[/]", soft_wrap=True)

    def refresh(self, watch: Watch) -> None:
        """Draw the screen anew."""
        if self._live is not None:
            self._live.update(screen(self._plan, watch, self._console.size), refresh=True)


def screen(plan: DemoPlan, watch: Watch, size: ConsoleDimensions) -> RenderableType:
    """Return the whole screen, for a terminal of a size; a narrow one shows fewer columns."""
    is_wide = size.width >= _WIDE
    upper = Table.grid(expand=True, padding=(0, 1))
    upper.add_column()
    upper.add_column(ratio=1)
    upper.add_row(_bots(watch, is_wide=is_wide), Group(_market(watch, is_wide=is_wide), _money(watch)))
    return Group(
        _head(plan, watch),
        upper,
        _happenings(watch, max(_FEWEST_LINES, min(_MOST_LINES, size.height - len(watch.bots) - _OTHER_LINES))),
    )


def sparkline(values: Sequence[float], width: int = _SPARK_WIDTH) -> str:
    """Return values as a line of bars of eight heights, the newest at the right."""
    if not values:
        return ""
    count = min(width, len(values))
    shown = [values[len(values) * (position + 1) // count - 1] for position in range(count)]
    lowest, highest = min(shown), max(shown)
    if highest == lowest:
        return _BARS[3] * count
    return "".join(_BARS[min(7, int((value - lowest) / (highest - lowest) * 8))] for value in shown)


def _head(plan: DemoPlan, watch: Watch) -> RenderableType:
    phase = watch.phase
    begin, end = plan.phases[0].from_ns, plan.phases[-1].to_ns
    done = min(1.0, max(0.0, (watch.venue_ns - begin) / (end - begin)))
    bar = Text()
    for act in plan.phases:
        width = round((act.to_ns - begin) / (end - begin) * _BAR_WIDTH) - len(bar)
        filled = min(width, max(0, round(done * _BAR_WIDTH) - len(bar)))
        bar.append("━" * filled, style=_PHASE_STYLE[act.name])
        bar.append("─" * (width - filled), style="dim")
    text = Text.assemble(
        bar,
        "  ",
        (phase.name.upper(), _PHASE_STYLE[phase.name]),
        (f"  {phase.what}", "dim"),
        f"   venue {show_instant(watch.venue_ns)[:-4]}",
        (f"  {plan.speed:g}x", "dim"),
    )
    faults = "   ".join(f"⚡ {name}: {what}" for name, what in watch.active_faults.items())
    return Panel(
        Group(text, Text(faults or "no fault is set", style="bold yellow" if faults else "dim")),
        title=f"[bold]wavetank demo[/]: {escape(plan.title)}",
        title_align="left",
        border_style=_PHASE_STYLE[phase.name],
    )


def _market(watch: Watch, *, is_wide: bool) -> Table:
    table = Table(expand=True, box=box.SIMPLE_HEAD, padding=(0, 1) if is_wide else (0, 0))
    table.add_column("")
    for heading in ("bid", "ask", "index", "funding") if is_wide else ("index", "funding"):
        table.add_column(heading, justify="right", no_wrap=True)
    width = _SPARK_WIDTH if is_wide else _NARROW_SPARK_WIDTH
    table.add_column("index so far" if is_wide else "so far", no_wrap=True, min_width=width)
    for view in watch.instruments.values():
        table.add_row(
            f"[bold]{view.symbol}[/]",
            *((_number(view.bid), _number(view.ask)) if is_wide else ()),
            _number(view.index) + (" stale" if view.stale else ""),
            f"{view.funding_rate * 100:+.3f}%",
            f"[{_trend(view)}]{sparkline(list(view.history), width)}[/]",
        )
    return table


def _trend(view: InstrumentView) -> str:
    return "green" if len(view.history) > 1 and view.history[-1] >= view.history[0] else "red"


def _money(watch: Watch) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for kind, name in (
        (AccountKind.INSURANCE_FUND, "insurance fund"),
        (AccountKind.BACKSTOP_VAULT, "backstop vault"),
        (AccountKind.FEES, "fees"),
    ):
        state = watch.venue_accounts.get(kind)
        if state is not None:
            table.add_row(name, f"${state.equity:,.2f}")
    latencies = sorted(record.acknowledge_ns for record in watch.recent_latencies(50))
    if latencies:
        table.add_row(
            "order → answer",
            f"p50 {percentile(latencies, 50) / 1e6:.1f} ms, p99 {percentile(latencies, 99) / 1e6:.1f} ms",
        )
    elapsed = max(1.0, time.monotonic() - watch.began)
    table.add_row("commands", f"{watch.commands:,} ({watch.commands / elapsed:,.0f}/s)   fills {watch.fills:,}")
    return Panel(table, title="venue", title_align="left")


def _bots(watch: Watch, *, is_wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1) if is_wide else (0, 0))
    headings = ("", "PnL $", "funding $", "fills", "health", "stage") if is_wide else ("", "PnL $", "health", "stage")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in {"", "stage"} else "right", no_wrap=True)
    for bot in watch.bots.values():
        profit = bot.profit
        style = "dim" if not profit else "green" if profit > 0 else "red"
        table.add_row(
            Text(bot.role.name, style="bold" if bot.role.kind is RoleKind.MAKER else ""),
            Text("" if profit is None else f"{profit:,.0f}", style=style),
            *((f"{bot.funding:,.0f}", str(bot.fills)) if is_wide else ()),
            _health(bot),
            _stage(bot),
        )
    return table


def _health(bot: BotView) -> Text:
    state = bot.state
    if state is None or not state.maintenance_margin:
        return Text("flat", style="dim")
    health = state.equity / state.maintenance_margin
    return Text(
        f"{health:.2f}" if health < _LARGEST_HEALTH else f"> {_LARGEST_HEALTH}",
        style=_BAND_STYLE.get(state.health_band, "green"),
    )


def _stage(bot: BotView) -> Text:
    if bot.stage is not LiquidationStage.NONE:
        return Text(bot.stage.name.lower(), style="bold red reverse")
    return Text("liquidated", style="red") if bot.has_ended else Text("")


def _happenings(watch: Watch, count: int) -> RenderableType:
    lines = [
        Text.assemble(
            (f"{note.at:5.1f}s ", "dim"),
            (f"{note.times}× " if note.times > 1 else "", "dim"),
            (note.text, _NOTE_STYLE.get(note.kind, "")),
        )
        for note in list(watch.notes)[-count:]
    ]
    for line in lines:
        line.no_wrap = True
        line.overflow = "ellipsis"
    return Panel(Group(*lines), title="what happens", title_align="left", height=count + 2)


def _number(value: Decimal | None) -> str:
    """Return a price in five or six figures, as many as a person compares."""
    if value is None:
        return ""
    return f"{value:,.1f}" if value >= _LARGE else f"{value:,.2f}" if value >= _MIDDLING else f"{value:,.3f}"
