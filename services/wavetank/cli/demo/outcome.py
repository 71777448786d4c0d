"""All that a report is made of, and the questions that every report asks of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from wavetank.cli.audit.report import AuditReport
from wavetank.cli.demo.cases import Case
from wavetank.cli.demo.latency import StageLatency
from wavetank.cli.demo.measure import Measured
from wavetank.cli.demo.plan import DemoPlan
from wavetank.cli.demo.watch import Watch
from wavetank.model.ids import BACKSTOP_VAULT_ID, INSURANCE_FUND_ID

BOOK_AND_BEYOND = ("partial close", "full close", "backstop", "insurance", "deleverage", "socialise")
"""Stages that change something, as `sentences.clearing.STAGES` words them; cancelling orders comes before all."""


@dataclass(frozen=True, slots=True)
class FundStory:
    """The insurance fund, before and after; micro-dollars."""

    before_micros: int
    after_micros: int
    received_micros: int
    paid_micros: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished demonstration."""

    plan: DemoPlan
    watch: Watch
    measured: Measured
    latencies: Sequence[StageLatency]
    audit: AuditReport
    wall_seconds: float
    """From the start of the venue to the end of the audit."""

    @property
    def fund(self) -> FundStory:
        """What became of the insurance fund."""
        fund = self.measured.account(INSURANCE_FUND_ID)
        moves = [move for case in self.measured.cases for move in case.cash]
        return FundStory(
            before_micros=fund.paid_in_micros,
            after_micros=fund.equity_micros,
            received_micros=sum(move.amount_micros for move in moves if move.receiver_id == INSURANCE_FUND_ID),
            paid_micros=sum(move.amount_micros for move in moves if move.payer_id == INSURANCE_FUND_ID),
        )

    @property
    def stages_passed(self) -> list[str]:
        """Stages that any liquidation passed, in the order of the waterfall, without the cancelling of orders."""
        passed = {stage for case in self.measured.cases for stage in case.stages}
        return [stage for stage in BOOK_AND_BEYOND if stage in passed]

    @property
    def is_as_planned(self) -> bool:
        """Whether the audit holds, and a scripted fall has liquidated somebody through at least one stage."""
        return self.audit.ok and (not self.plan.is_scripted or bool(self.stages_passed))

    def name(self, account_id: int) -> str:
        """Return an account's name."""
        return self.measured.names.get(account_id, f"account {account_id}")

    def cases_of_clients(self) -> list[Case]:
        """Return liquidations of bots, without the vault's own."""
        return [case for case in self.measured.cases if case.account_id != BACKSTOP_VAULT_ID]
