"""The audit's outcome, for a person and for a program."""

from dataclasses import asdict, dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wavetank.cli.amounts import show_dollars
from wavetank.cli.audit.auditor import Auditor
from wavetank.cli.audit.findings import Findings, Offence, Rule

SHOWN_OFFENCES = 10
MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class LogReport:
    """One log as it was read."""

    name: str
    entries: int
    events: int
    epoch: int
    last_entry: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class RuleReport:
    """One rule: how often it was checked and how often it was broken."""

    id: str
    what: str
    checks: int
    offences: int


@dataclass(frozen=True, slots=True)
class OffenceReport:
    """One offence."""

    rule: str
    log: str
    entry: str
    seq: int
    event: str
    expected: str


@dataclass(frozen=True, slots=True)
class VictimReport:
    """What one victim of auto-deleveraging gave up for one leg, against the mark; see `overshoot`."""

    liquidation_id: int
    instrument_id: int
    account_id: int
    lots: int
    given_up_micros: int
    least_micros: int
    overshoot_micros: int


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found; made of plain values, so that it can be written as JSON."""

    ok: bool
    logs: tuple[LogReport, ...]
    rules: tuple[RuleReport, ...]
    offences: tuple[OffenceReport, ...]
    """The first ones, in order of cause."""
    total_offences: int
    notes: tuple[str, ...]
    accounts: int
    trades: int
    open_orders: int
    liquidations: int
    deposits_less_withdrawals_micros: int
    victims: tuple[VictimReport, ...] = ()
    """Who was deleveraged, for which leg, and what more it gave up than anybody had to."""

    def as_json(self) -> dict[str, object]:
        """Return the report as plain dictionaries and lists."""
        return asdict(self)

    @property
    def verdict(self) -> str:
        """The last line of the report."""
        return "audit: ok" if self.ok else "audit: FAILED"


def _offence(offence: Offence) -> OffenceReport:
    return OffenceReport(offence.rule.id, offence.log, offence.entry_id, offence.seq, offence.event, offence.expected)


def make_report(auditor: Auditor) -> AuditReport:
    """Sum up a finished audit."""
    findings: Findings = auditor.findings
    return AuditReport(
        ok=findings.is_ok,
        logs=tuple(
            LogReport(log.name, log.entries, log.events, log.epoch, log.entry_id, log.seq)
            for log in auditor.logs.values()
        ),
        rules=tuple(RuleReport(rule.id, rule.what, findings.checks[rule], findings.broken[rule]) for rule in Rule),
        offences=tuple(_offence(offence) for offence in findings.offences),
        total_offences=sum(findings.broken.values()),
        notes=tuple(findings.notes),
        accounts=len(auditor.ledger.accounts),
        trades=sum(shard.books.trades for shard in auditor.shards.values()),
        open_orders=sum(len(shard.books.orders) for shard in auditor.shards.values()),
        liquidations=auditor.liquidations.started,
        deposits_less_withdrawals_micros=auditor.ledger.paid_in,
        victims=tuple(
            VictimReport(
                victim.liquidation_id,
                victim.instrument_id,
                victim.account_id,
                victim.lots,
                victim.given_up_micros,
                victim.least_micros,
                victim.overshoot_micros,
            )
            for victim in auditor.liquidations.overshoot.victims()
        ),
    )


def print_report(report: AuditReport, console: Console) -> None:
    """Print a report; its last line is the verdict."""
    logs = Table(
        "log", "entries", "events", "epoch", "last entry", title="Logs read", title_justify="left", box=box.SIMPLE
    )
    for log in report.logs:
        logs.add_row(log.name, f"{log.entries:,}", f"{log.events:,}", str(log.epoch), log.last_entry)
    console.print(logs)
    rules = Table("rule", "what was checked", title="Rules", title_justify="left", box=box.SIMPLE)
    rules.add_column("checks", justify="right")
    rules.add_column("offences", justify="right")
    for rule in report.rules:
        broken = Text(f"{rule.offences:,}", style="bold red") if rule.offences else Text("0")
        checks = Text(f"{rule.checks:,}" if rule.checks else "none", style="" if rule.checks else "dim")
        rules.add_row(rule.id, rule.what, checks, broken)
    console.print(rules)
    paid_in = report.deposits_less_withdrawals_micros
    console.print(
        f"{report.accounts:,} accounts, {report.trades:,} trades, {report.open_orders:,} open orders,"
        f" {report.liquidations:,} liquidations; deposits less withdrawals"
        f" {paid_in // MICROS:,}.{paid_in % MICROS:06d} USD",
        highlight=False,
    )
    if report.victims:
        given_up = show_dollars(sum(victim.given_up_micros for victim in report.victims))
        overshoot = show_dollars(sum(victim.overshoot_micros for victim in report.victims))
        console.print(
            f"{len(report.victims):,} victims of deleveraging gave up {given_up} against the mark, {overshoot} more"
            " than anybody had to",
            highlight=False,
        )
    for note in report.notes:
        console.print(Text(f"note: {note}", style="yellow"))
    _print_offences(report, console)
    console.print(Text(report.verdict, style="bold green" if report.ok else "bold red"))


def _print_offences(report: AuditReport, console: Console) -> None:
    for number, offence in enumerate(report.offences[:SHOWN_OFFENCES], start=1):
        head = "First offence" if number == 1 else f"Offence {number}"
        where = f"{offence.log} {offence.entry}".strip() + (f", seq {offence.seq}" if offence.seq else "")
        console.print(Text(f"{head}: {offence.rule} in {where or 'the whole'}", style="bold red"))
        if offence.event:
            console.print(Text(f"  event:    {offence.event}"))
        console.print(Text(f"  expected: {offence.expected}"))
    hidden = report.total_offences - min(len(report.offences), SHOWN_OFFENCES)
    if hidden:
        console.print(Text(f"and {hidden:,} more"))
