"""Walks accounts through the waterfall: one step of an account in flight, counted before the next.

An account enters when its health is below 1 at marks that allow it (LIQ-010), or when it is flat
with negative cash that no collateral pays. First it is frozen and its orders are cancelled
(LIQ-030); when that answer has been counted from the shard's log, inputs are frozen and the account
is tested. Then the stages act in order until one sends something or the case must wait for the next
mark; before those that ask others, collateral is sold (LIQ-055). After each answer, equity, margin
and bankruptcy values are taken anew at the same frozen marks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.cascades import multiplier_ppm
from wavetank.clearing.core.health import AccountKind, LiquidationStage
from wavetank.clearing.core.waterfall.backstop import BackstopStage
from wavetank.clearing.core.waterfall.case import Case, Stage
from wavetank.clearing.core.waterfall.collateral import convert_all, pay_from_collateral
from wavetank.clearing.core.waterfall.deficit import settle_flat
from wavetank.clearing.core.waterfall.deleverage import DeleverageStage
from wavetank.clearing.core.waterfall.full import FullStage
from wavetank.clearing.core.waterfall.insurance import InsuranceStage
from wavetank.clearing.core.waterfall.partial import PartialStage
from wavetank.clearing.core.waterfall.policies.choice import policy_of
from wavetank.model.events import clearing as events
from wavetank.model.orders import CommandKind, LineStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.state import State
    from wavetank.model.record import Event


class Waterfall:
    """The stages, and the walk through them."""

    def __init__(self, state: State, emit: Callable[[Event], int], next_seq: Callable[[], int]) -> None:
        """Walk accounts of `state`, telling everything through `emit`."""
        self._state = state
        self._emit = emit
        self._next_seq = next_seq
        self._deleverage = DeleverageStage(policy_of(state.settings.adl_policy))
        stages: dict[LiquidationStage, Stage] = {
            LiquidationStage.PARTIAL: PartialStage(),
            LiquidationStage.FULL: FullStage(),
            LiquidationStage.BACKSTOP: BackstopStage(),
            LiquidationStage.INSURANCE: InsuranceStage(),
            LiquidationStage.DELEVERAGE: self._deleverage,
        }
        self._stages = tuple(stages[stage] for stage in state.settings.stage_order)

    def _case(self, account: Account, now_ns: int) -> Case:
        return Case(self._state, account, now_ns, self._emit)

    def must_start(self, account: Account, now_ns: int) -> bool:
        """Tell whether an account enters the waterfall now (LIQ-010, LIQ-030)."""
        if account.kind not in {AccountKind.CLIENT, AccountKind.BACKSTOP_VAULT}:
            return False
        if account.play is not None:
            # It is not what it is to be yet, and nobody can trade for it meanwhile.
            return False
        if account.is_flat:
            # Cash that collateral can pay is no deficit: it is converted.
            return account.cash_micros < 0 and self._tested(account, now_ns)[0] < 0
        return self._is_distressed(account, *self._tested(account, now_ns))

    def _tested(self, account: Account, now_ns: int) -> tuple[int, int]:
        marks, indexes, _ = self._state.test_inputs(account, now_ns)
        return self._state.health(account, marks, indexes=indexes)

    @staticmethod
    def _is_distressed(account: Account, equity_micros: int, maintenance_micros: int) -> bool:
        # The vault has no margin to keep: it gives its legs away only when its money is gone.
        if account.kind == AccountKind.BACKSTOP_VAULT:
            return equity_micros < 0
        return equity_micros < maintenance_micros

    def start(self, account: Account, now_ns: int) -> None:
        """Freeze an account and have its orders cancelled (LIQ-030)."""
        state = self._state
        value = state.value(account)
        liquidation_id = self._next_seq()
        self._emit(
            events.LiquidationStarted(
                instrument_id=0,
                account_id=account.account_id,
                liquidation_id=liquidation_id,
                equity_micros=value.equity_micros,
                maintenance_margin_micros=value.maintenance_micros,
                initial_margin_micros=value.initial_micros,
                mark_seq=state.newest_mark_seq(account),
                funding_seq=state.funding_seq,
                book_seq=state.matching_seq,
                matching_seq=state.matching_seq,
            )
        )
        link = state.cascades.link(state.fallen_instruments(account), now_ns, state.settings.cascade_window_ns)
        self._emit(
            events.CascadeJoined(
                instrument_id=link.instrument_id,
                account_id=account.account_id,
                liquidation_id=liquidation_id,
                cascade_id=link.cascade_id,
                mark_seq=state.newest_mark_seq(account),
                parent_trade_id=link.trade_id,
                generation=link.generation,
            )
        )
        if account.line_status != LineStatus.FROZEN:
            self._emit(
                events.LineStatusChanged(instrument_id=0, account_id=account.account_id, status=int(LineStatus.FROZEN))
            )
        self._case(account, now_ns).step(LiquidationStage.CANCEL, events.StepCause.BELOW_MAINTENANCE)
        # Its orders may rest on any shard; inputs are frozen when all of them have answered.
        for shard in range(state.shards):
            self._emit(
                events.MatchingRequested(
                    instrument_id=0,
                    account_id=account.account_id,
                    liquidation_id=liquidation_id,
                    size_lots=0,
                    price_ticks=0,
                    value_micros=0,
                    receiver_account_id=0,
                    reserve_micros=0,
                    command=int(CommandKind.CANCEL_ACCOUNT),
                    side=0,
                    receiver_may_increase=0,
                    shard=shard,
                )
            )

    def resume(self, account: Account, now_ns: int) -> None:
        """Test a waiting account against freshly frozen inputs, and go on."""
        self._freeze(account, now_ns)
        self.advance(account, now_ns)

    def _freeze(self, account: Account, now_ns: int) -> None:
        liquidation_id = self._case(account, now_ns).liquidation.liquidation_id
        equity, maintenance = self._tested(account, now_ns)
        if account.is_flat:
            outcome = events.LiquidationOutcome.FLAT
        elif self._is_distressed(account, equity, maintenance):
            outcome = events.LiquidationOutcome.CONTINUES
        else:
            outcome = events.LiquidationOutcome.RECOVERED
        self._emit(
            events.LiquidationTested(
                instrument_id=0,
                account_id=account.account_id,
                liquidation_id=liquidation_id,
                equity_micros=equity,
                maintenance_margin_micros=maintenance,
                mark_seq=self._state.newest_mark_seq(account),
                funding_seq=self._state.funding_seq,
                book_seq=self._state.matching_seq,
                outcome=int(outcome),
            )
        )

    def answered(self, account: Account, now_ns: int) -> None:
        """Go on after an answer of the shard was counted."""
        case = self._case(account, now_ns)
        if case.liquidation.pending:
            return
        if case.liquidation.stage == LiquidationStage.CANCEL:
            self._freeze(account, now_ns)
        self.advance(account, now_ns)

    def advance(self, account: Account, now_ns: int) -> None:
        """Let the stages act until something is in flight, the case waits, or it ends."""
        case = self._case(account, now_ns)
        while account.liquidation is not None:
            if case.liquidation.pending or case.liquidation.waits or case.liquidation.asks:
                return
            if set(self._state.ledger.instruments_of(account.row)) - case.liquidation.marks.keys():
                # The vault was handed another leg since its inputs were frozen.
                self._freeze(account, now_ns)
            if account.is_flat:
                if pay_from_collateral(case):
                    return
                settle_flat(case)
                self._end(case, events.LiquidationOutcome.FLAT)
            elif not self._is_distressed(account, *case.health()):
                self._end(case, events.LiquidationOutcome.RECOVERED)
            elif self._is_slowed(case):
                return
            elif account.kind == AccountKind.BACKSTOP_VAULT:
                self._deleverage.act(case)
            elif not convert_all(case):
                any(stage.act(case) for stage in self._stages)

    def _is_slowed(self, case: Case) -> bool:
        """Tell whether the operator's pace makes a case wait for its next step (LIQ-030)."""
        return case.now_ns < case.liquidation.stepped_ns + (self._state.steering.liquidation_pace_ns or 0)

    def go_on(self, now_ns: int) -> list[int]:
        """Let those go on whose pace made them wait long enough, by account id; return their ids."""
        gone_on = []
        for account_id in sorted(self._state.liquidated):
            account = self._state.accounts[account_id]
            case = self._case(account, now_ns)
            waits = case.liquidation.pending or case.liquidation.waits or case.liquidation.asks
            if not waits and not self._is_slowed(case):
                self.resume(account, now_ns)
                gone_on.append(account_id)
        return gone_on

    def _end(self, case: Case, outcome: events.LiquidationOutcome) -> None:
        liquidation_id, account_id = case.liquidation.liquidation_id, case.account.account_id
        for escalation in list(self._state.escalations.values()) if case.liquidation.decisions else ():
            if (escalation.account_id, escalation.liquidation_id) == (account_id, liquidation_id):
                self._emit(
                    events.EscalationEnded(
                        instrument_id=0, account_id=account_id, escalation_id=escalation.escalation_id
                    )
                )
        equity, maintenance = self._state.health(case.account)
        self._emit(
            events.LiquidationEnded(
                instrument_id=0,
                account_id=case.account.account_id,
                liquidation_id=case.liquidation.liquidation_id,
                equity_micros=equity,
                maintenance_margin_micros=maintenance,
                outcome=int(outcome),
            )
        )

    def end_cascades(self, now_ns: int) -> None:
        """Report the cascades that have ended (LIQ-120)."""
        for cascade in self._state.cascades.due(now_ns, self._state.settings.cascade_window_ns):
            self._emit(
                events.CascadeEnded(
                    instrument_id=0,
                    account_id=0,
                    cascade_id=cascade.cascade_id,
                    began_ns=cascade.began_ns,
                    notional_micros=cascade.notional_micros,
                    first_notional_micros=cascade.first_notional_micros,
                    multiplier_ppm=multiplier_ppm(cascade.notional_micros, cascade.first_notional_micros),
                    depth_consumed_ppm=cascade.depth_consumed_ppm,
                    peak_gap_ppm=cascade.peak_gap_ppm,
                    liquidations=cascade.liquidations,
                    generations=cascade.generations,
                )
            )
