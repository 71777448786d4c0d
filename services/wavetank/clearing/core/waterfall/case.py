"""A case: one account in liquidation, as every stage sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wavetank.clearing.core.escalation import default_of
from wavetank.clearing.core.valuation import bankruptcy_value
from wavetank.model.events import clearing as events
from wavetank.model.invariant import InvariantBroken
from wavetank.model.orders import CommandKind, Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.account import Account, Liquidation
    from wavetank.clearing.core.health import LiquidationStage
    from wavetank.clearing.core.settings import ClearingSettings
    from wavetank.clearing.core.state import State
    from wavetank.clearing.core.valuation import LegValue, Valuation
    from wavetank.model.record import Event


@dataclass(frozen=True, slots=True)
class Case:
    """One account in liquidation at one moment."""

    state: State
    account: Account
    now_ns: int
    emit: Callable[[Event], int]
    """Applies an event and returns its seq."""

    @property
    def settings(self) -> ClearingSettings:
        """Settings of the core."""
        return self.state.settings

    @property
    def liquidation(self) -> Liquidation:
        """Where the account stands.

        Raises:
            InvariantBroken: it is not in liquidation.

        """
        liquidation = self.account.liquidation
        if liquidation is None:
            message = f"account {self.account.account_id} is not in liquidation"
            raise InvariantBroken(message)
        return liquidation

    def value(self) -> Valuation:
        """Value the account at the frozen marks and stress."""
        liquidation = self.liquidation
        return self.state.value(self.account, liquidation.marks, liquidation.stress_ppm, liquidation.indexes)

    def health(self) -> tuple[int, int]:
        """Return the account's equity and maintenance margin at the frozen marks and stress."""
        liquidation = self.liquidation
        return self.state.health(self.account, liquidation.marks, liquidation.stress_ppm, liquidation.indexes)

    def relieved_micros(self, leg: LegValue, closed_lots: int) -> int:
        """Return the maintenance margin that closing part of a leg relieves at the frozen mark."""
        instrument = self.state.instruments[leg.instrument_id]
        rest = (abs(leg.lots) - abs(closed_lots)) * leg.mark_price_ticks
        return leg.maintenance_micros - instrument.margin.maintenance_micros(rest)

    def bankruptcy_value(self, value: Valuation, leg: LegValue, closed_lots: int) -> int:
        """Return V of closing `closed_lots`, which carry the position's sign (LIQ-035)."""
        return bankruptcy_value(
            closed_lots=closed_lots,
            mark_price_ticks=leg.mark_price_ticks,
            equity_micros=value.equity_micros,
            relieved_micros=self.relieved_micros(leg, closed_lots),
            maintenance_micros=value.legs_maintenance_micros,
        )

    def all_marks_valid(self) -> bool:
        """Tell whether all prices, of legs and collateral, were valid when frozen, or a person vouches (LIQ-010)."""
        return not self.liquidation.stale or self.prices_are_vouched_for

    @property
    def prices_are_vouched_for(self) -> bool:
        """Whether a person has decided to go on at stale prices (LIQ-090)."""
        return self.liquidation.decisions.get(events.EscalationKind.PRICE_STALE) == events.Decision.GO_ON

    def ask(self, kind: events.EscalationKind, leg: LegValue | None = None) -> events.Decision | None:
        """Return what was decided, or by default is; None if a person was asked and the case waits (LIQ-090)."""
        decided = self.liquidation.decisions.get(kind)
        if decided is not None:
            return events.Decision(decided)
        if not self.settings.escalation_wait_ns:
            return default_of(kind)
        value = self.value()
        self.emit(
            events.EscalationRaised(
                instrument_id=leg.instrument_id if leg is not None else 0,
                account_id=self.account.account_id,
                liquidation_id=self.liquidation.liquidation_id,
                deadline_ns=self.now_ns + self.settings.escalation_wait_ns,
                figure=leg.notional_micros if leg is not None else value.notional_micros,
                kind=int(kind),
            )
        )
        return None

    def step(
        self,
        stage: LiquidationStage,
        cause: events.StepCause,
        *,
        leg: LegValue | None = None,
        delta_lots: int = 0,
        price_ticks: int = 0,
        value_micros: int = 0,
        reserve_micros: int = 0,
    ) -> None:
        """Say what a stage does, or why it passes."""
        equity, maintenance = self.health()
        self.emit(
            events.LiquidationStepped(
                instrument_id=leg.instrument_id if leg is not None else 0,
                account_id=self.account.account_id,
                liquidation_id=self.liquidation.liquidation_id,
                delta_lots=delta_lots,
                price_ticks=price_ticks,
                value_micros=value_micros,
                equity_micros=equity,
                maintenance_margin_micros=maintenance,
                reserve_micros=reserve_micros,
                stage=int(stage),
                cause=int(cause),
            )
        )

    def request_order(self, leg: LegValue, lots: int, price_ticks: int, reserve_micros: int = 0) -> None:
        """Ask the shard to close `lots` (unsigned) of a leg in the book, at a limit."""
        self.emit(
            events.MatchingRequested(
                instrument_id=leg.instrument_id,
                account_id=self.account.account_id,
                liquidation_id=self.liquidation.liquidation_id,
                size_lots=lots,
                price_ticks=price_ticks,
                value_micros=0,
                receiver_account_id=0,
                reserve_micros=reserve_micros,
                command=int(CommandKind.LIQUIDATE),
                side=int(Side.SELL if leg.lots > 0 else Side.BUY),
                receiver_may_increase=0,
                shard=self.state.shard_of(leg.instrument_id),
            )
        )

    def request_transfer(
        self,
        leg: LegValue,
        *,
        closed_lots: int,
        proceeds_micros: int,
        receiver_account_id: int,
        receiver_may_increase: bool,
    ) -> None:
        """Ask the shard to move part of a leg, `closed_lots` with its sign, to another account.

        `proceeds_micros` is what the leg yields, so the giver's value has the opposite sign.
        """
        self.emit(
            events.MatchingRequested(
                instrument_id=leg.instrument_id,
                account_id=self.account.account_id,
                liquidation_id=self.liquidation.liquidation_id,
                size_lots=-closed_lots,
                price_ticks=0,
                value_micros=-proceeds_micros,
                receiver_account_id=receiver_account_id,
                reserve_micros=0,
                command=int(CommandKind.TRANSFER),
                side=int(Side.SELL if closed_lots > 0 else Side.BUY),
                receiver_may_increase=int(receiver_may_increase),
                shard=self.state.shard_of(leg.instrument_id),
            )
        )

    def transfer_cash(
        self,
        payer: Account,
        receiver: Account,
        amount_micros: int,
        cause: events.CashCause,
        instrument_id: int = 0,
    ) -> None:
        """Move cash between two accounts; nothing happens for an amount of 0."""
        if amount_micros == 0:
            return
        self.emit(
            events.CashTransferred(
                instrument_id=instrument_id,
                account_id=payer.account_id,
                receiver_account_id=receiver.account_id,
                amount_micros=amount_micros,
                liquidation_id=self.liquidation.liquidation_id,
                payer_cash_after_micros=payer.cash_micros - amount_micros,
                receiver_cash_after_micros=receiver.cash_micros + amount_micros,
                cause=int(cause),
            )
        )


class Stage(Protocol):
    """One stage of the waterfall."""

    def act(self, case: Case) -> bool:
        """Act on a case; return whether something is in flight or the case must wait."""


def wait_for_prices(case: Case, stage: LiquidationStage) -> None:
    """Wait for the next mark because a price is stale, unless a person is asked whether to go on."""
    if case.ask(events.EscalationKind.PRICE_STALE) is not None:
        case.step(stage, events.StepCause.PRICE_STALE)
        wait(case)


def wait(case: Case) -> None:
    """Let a case wait for the next mark."""
    equity, maintenance = case.health()
    case.emit(
        events.LiquidationTested(
            instrument_id=0,
            account_id=case.account.account_id,
            liquidation_id=case.liquidation.liquidation_id,
            equity_micros=equity,
            maintenance_margin_micros=maintenance,
            mark_seq=case.state.newest_mark_seq(case.account),
            funding_seq=case.state.funding_seq,
            book_seq=case.state.matching_seq,
            outcome=int(events.LiquidationOutcome.WAITS),
        )
    )
