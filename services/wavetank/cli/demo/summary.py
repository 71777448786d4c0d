"""The report on the terminal: who earned what from what, who was liquidated how, what it took, and whether it holds."""

from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from wavetank.cli.amounts import show_price, show_size
from wavetank.cli.demo.cases import Case, Step
from wavetank.cli.demo.measure import AccountResult
from wavetank.cli.demo.outcome import Outcome
from wavetank.cli.times import show_instant

_MICROS = 1_000_000
_MILLISECOND_US = 1_000.0
_RANKS_SHOWN = 6


def print_summary(outcome: Outcome, console: Console) -> None:
    """Print the report, all but its last line."""
    measured = outcome.measured
    console.rule(f"[bold]{escape(outcome.plan.title)}")
    volume = sum(trade.price_ticks * trade.size_lots for trade in measured.trades)
    console.print(
        f"{outcome.watch.commands:,} commands, {len(measured.trades):,} trades worth {_dollars(volume)}, "
        f"{len(measured.cases)} liquidations; stages passed: {', '.join(outcome.stages_passed) or 'none'}"
    )
    console.print(_accounts(outcome))
    if measured.cases:
        console.print(_liquidations(outcome))
    else:
        console.print("no account fell below maintenance")
    if measured.ranking:
        console.print(_ranking(outcome))
    console.print(_fund(outcome))
    console.print(_latencies(outcome))


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE)
    for heading in left:
        table.add_column(heading)
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _accounts(outcome: Outcome) -> Table:
    table = _table(
        "profit in dollars, split against the true index; tied to the ledger",
        ("account",),
        ("fills", "maker", "spread", "inventory", "funding", "fees", "liquidation", "total", "residual"),
    )
    for is_venue, accounts in groupby(outcome.measured.accounts, key=lambda account: account.is_venue):
        for account in accounts:
            if not is_venue or account.profit_micros or account.equity_micros:
                table.add_row(*_account(account))
        table.add_section()
    return table


def _account(account: AccountResult) -> list[Text | str]:
    split = account.split
    parts = (
        split.spread_micros,
        split.inventory_micros,
        split.funding_micros,
        split.fees_micros,
        split.liquidation_micros,
    )
    return [
        account.name,
        f"{account.fills:,}",
        f"{account.maker_fills:,}",
        *(_money(part) for part in parts),
        _money(account.profit_micros),
        str(account.residual_micros),
    ]


def _liquidations(outcome: Outcome) -> Table:
    table = _table(
        "liquidations, stage by stage",
        ("time", "account", "stage", "because"),
        ("steps", "health", "asked", "done", "at", "equity $"),
    )
    for case in outcome.measured.cases:
        for stage, group in groupby(case.steps, key=lambda step: step.stage):
            table.add_row(*_stage(outcome, case, stage, list(group)))
        moved = _cash(outcome, case)
        table.add_row(
            show_instant(case.ended_ns)[11:-4] if case.ended_ns else "",
            outcome.name(case.account_id),
            f"[bold]{case.outcome}[/]",
            moved,
            "",
            "",
            "",
            "",
            "",
            f"{case.equity_after_micros / _MICROS:,.2f}",
        )
        table.add_section()
    return table


def _stage(outcome: Outcome, case: Case, stage: str, steps: Sequence[Step]) -> list[str]:
    """Return one row for steps of a stage that followed one another."""
    first = steps[0]
    number = first.instrument_id or next((step.instrument_id for step in steps if step.instrument_id), 0)
    causes = ", ".join(dict.fromkeys(step.cause for step in steps))
    asked = next((step for step in steps if step.delta_lots), None)
    done_lots = sum(step.done_lots for step in steps)
    done_value = sum(step.done_value_micros for step in steps)
    instrument = outcome.measured.instruments.get(number)
    decimals = instrument.size_decimals if instrument is not None else 0
    symbol = instrument.symbol if instrument is not None else ""
    return [
        show_instant(first.at_ns)[11:-4],
        outcome.name(case.account_id),
        stage,
        causes,
        str(len(steps)),
        "" if first.health is None else f"{first.health:.2f}",
        f"{show_size(asked.delta_lots, decimals)} {symbol}" if asked is not None else "",
        f"{show_size(done_lots, decimals)} {symbol}" if done_lots else "",
        show_price(round(done_value / done_lots), decimals) if done_lots and done_value else "",
        f"{first.equity_micros / _MICROS:,.2f}",
    ]


def _cash(outcome: Outcome, case: Case) -> str:
    sums: dict[tuple[str, str, str], int] = {}
    for move in case.cash:
        key = (move.cause, outcome.name(move.payer_id), outcome.name(move.receiver_id))
        sums[key] = sums.get(key, 0) + move.amount_micros
    return "; ".join(
        f"{cause} {_dollars(amount)} {payer} → {receiver}" for (cause, payer, receiver), amount in sums.items()
    )


def _ranking(outcome: Outcome) -> Table:
    table = _table(
        "auto-deleveraging: who gave up what, by rank (profit × leverage)",
        ("for", "account"),
        ("rank", "score", "position", "could give", "gave", "cost $ against the mark"),
    )
    for liquidation_id, rows in groupby(outcome.measured.ranking, key=lambda row: row.liquidation_id):
        shown = list(rows)
        case = next((case for case in outcome.measured.cases if case.liquidation_id == liquidation_id), None)
        for row in shown[:_RANKS_SHOWN]:
            instrument = outcome.measured.instruments[row.instrument_id]
            sizes = (
                show_size(lots, instrument.size_decimals)
                for lots in (row.position_lots, row.capacity_lots, row.delta_lots)
            )
            position, capacity, delta = sizes
            table.add_row(
                "" if case is None else f"{outcome.name(case.account_id)} {instrument.symbol}",
                outcome.name(row.account_id),
                str(row.rank),
                f"{row.score_e9 / 1e9:.3f}",
                position,
                capacity,
                delta if row.delta_lots else "",
                f"{row.given_up_micros / _MICROS:,.2f}" if row.delta_lots else "",
            )
        if len(shown) > _RANKS_SHOWN:
            table.add_row("", f"[dim]and {len(shown) - _RANKS_SHOWN} more[/]")
        table.add_section()
    return table


def _fund(outcome: Outcome) -> str:
    fund = outcome.fund
    return (
        f"insurance fund: {_dollars(fund.before_micros)} before, {_dollars(fund.after_micros)} after; received "
        f"{_dollars(fund.received_micros)}, paid {_dollars(fund.paid_micros)}"
    )


def _latencies(outcome: Outcome) -> Table:
    table = _table(
        "latency, milliseconds of wall time; venue, bots and screen on this one machine",
        ("stage",),
        ("count", "p50", "p99", "longest"),
    )
    for stage in outcome.latencies:
        longest = "" if stage.longest_us is None else f"{stage.longest_us / _MILLISECOND_US:.2f}"
        table.add_row(
            stage.stage,
            f"{stage.count:,}",
            f"{stage.p50_us / _MILLISECOND_US:.3f}",
            f"{stage.p99_us / _MILLISECOND_US:.3f}",
            longest,
        )
    return table


def _money(micros: int) -> Text:
    if not micros:
        return Text("0", style="dim")
    return Text(f"{micros / _MICROS:,.2f}", style="green" if micros > 0 else "red")


def _dollars(micros: int) -> str:
    return f"${micros / _MICROS:,.2f}"
