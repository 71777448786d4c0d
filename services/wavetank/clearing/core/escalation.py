"""Escalations: where the rules let a person decide before the clock does (LIQ-090).

A liquidation that comes to an ambiguous state asks: it stands still until a person decides or its deadline has passed,
and then goes on from inputs that are frozen anew. What concerns the whole venue, a low fund or a long cascade, asks as
well, but nothing waits for it. Kept true: a liquidation asks about a matter once, whatever is decided counts until it
ends; no clock waits longer than the setting allows; every decision is an event that names its author, the clock
included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wavetank.clearing.core.cascades import multiplier_ppm
from wavetank.clearing.core.operator import checked_note
from wavetank.clearing.core.refusal import Refused
from wavetank.model.events.clearing import (
    Decision,
    EscalationDecided,
    EscalationEnded,
    EscalationKind,
    EscalationRaised,
)
from wavetank.model.ids import INSURANCE_FUND_ID
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.operator import Author, Operator
    from wavetank.clearing.core.state import State
    from wavetank.clearing.core.venue_facts import Escalation
    from wavetank.model.record import Event

OFFERED: dict[EscalationKind, tuple[Decision, ...]] = {
    EscalationKind.PRICE_STALE: (Decision.HOLD, Decision.GO_ON),
    EscalationKind.SLICE_EXCEEDS_DEPTH: (Decision.GO_ON, Decision.WHOLE, Decision.HOLD),
    EscalationKind.DELEVERAGING: (Decision.GO_ON, Decision.HOLD),
    EscalationKind.FUND_LOW: (Decision.GO_ON, Decision.PAUSE_WITHDRAWALS),
    EscalationKind.CASCADE: (Decision.GO_ON, Decision.PAUSE_WITHDRAWALS),
}
"""What may be decided, the default first."""


def default_of(kind: EscalationKind) -> Decision:
    """Return what is done when nobody decides."""
    return OFFERED[kind][0]


def can_be_replaced(escalation: Escalation) -> bool:
    """Tell whether a decision can still be taken: what holds up, and what the clock decided, may be replaced."""
    return escalation.decision in {None, Decision.HOLD, default_of(escalation.kind)}


@dataclass(frozen=True, slots=True)
class ShockedHealth:
    """An account's health if each of its marks moved against it; micro-dollars."""

    shock_ppm: int
    equity_micros: int
    maintenance_micros: int


SHOCKS_PPM = (20_000, 50_000, 100_000)


@dataclass(frozen=True, slots=True)
class Card:
    """What a person needs to decide; money in micro-dollars, at the last marks."""

    escalation: Escalation
    offered: tuple[Decision, ...]
    exposure_micros: int
    """Gross notional of the account, or of all accounts in liquidation."""
    equity_micros: int
    maintenance_micros: int
    shocks: tuple[ShockedHealth, ...]


def card_of(state: State, escalation: Escalation) -> Card:
    """Return the card of an escalation, as things are now."""
    account = state.accounts.get(escalation.account_id)
    offered = OFFERED[escalation.kind]
    if account is None:
        exposure = sum(state.value(each).notional_micros for each in state.liquidated.values())
        return Card(escalation, offered, exposure, state.accounts[INSURANCE_FUND_ID].cash_micros, 0, ())
    value = state.value(account)
    shocks = []
    for shock in SHOCKS_PPM:
        marks = {
            leg.instrument_id: max(
                1, leg.mark_price_ticks + (-1 if leg.lots > 0 else 1) * (leg.mark_price_ticks * shock // 10**6)
            )
            for leg in value.legs
        }
        shocks.append(ShockedHealth(shock, *state.health(account, marks)))
    return Card(
        escalation, offered, value.notional_micros, value.equity_micros, value.maintenance_micros, tuple(shocks)
    )


class Escalations:
    """Raises what concerns the venue, and takes decisions."""

    def __init__(
        self, state: State, emit: Callable[[Event], int], operator: Operator, resume: Callable[[Account], None]
    ) -> None:
        """Decide for `state` through `emit`.

        Args:
            state: the venue.
            emit: applies an event and returns its seq.
            operator: pauses withdrawals.
            resume: lets a liquidation go on from inputs frozen anew.

        """
        self._state = state
        self._emit = emit
        self._operator = operator
        self._resume = resume

    def get(self, escalation_id: int) -> Escalation:
        """Return an escalation that can still be looked at.

        Raises:
            Refused: ESCALATION_UNKNOWN.

        """
        escalation = self._state.escalations.get(escalation_id)
        if escalation is None:
            message = f"there is no escalation {escalation_id}, or what it was about has ended"
            raise Refused(Reason.ESCALATION_UNKNOWN, escalation_id, 0, message)
        return escalation

    def decide(self, escalation_id: int, decision: Decision, author: Author) -> None:
        """Take a person's decision; one that was taken before may be replaced while it still holds things up.

        Raises:
            Refused: ESCALATION_UNKNOWN, DECISION_NOT_OFFERED, MALFORMED.

        """
        note = checked_note(author)
        escalation = self.get(escalation_id)
        offered = OFFERED[escalation.kind]
        if decision not in offered:
            names = ", ".join(each.name for each in offered)
            message = f"escalation {escalation_id} offers {names}, not {decision.name}"
            raise Refused(Reason.DECISION_NOT_OFFERED, int(decision), int(offered[0]), message)
        if not can_be_replaced(escalation):
            message = f"escalation {escalation_id} was decided, and what was decided has been done"
            raise Refused(Reason.DECISION_NOT_OFFERED, int(decision), int(escalation.decision or 0), message)
        self._decided(escalation, decision, author=author.key_id.encode(), note=note)
        if decision is Decision.PAUSE_WITHDRAWALS:
            self._operator.pause_withdrawals(author, paused=True)
        self._go_on(escalation)

    def expire(self, now_ns: int) -> bool:
        """Take the default of what nobody decided in time, by deadline, ties to the lower id; tell if there was any."""
        due = [
            each for each in self._state.escalations.values() if each.decision is None and each.deadline_ns <= now_ns
        ]
        for escalation in sorted(due, key=lambda each: (each.deadline_ns, each.escalation_id)):
            if escalation.escalation_id in self._state.escalations and escalation.decision is None:
                self._decided(escalation, default_of(escalation.kind))
                self._go_on(escalation)
        return bool(due)

    def look(self, now_ns: int) -> None:
        """Ask about the venue as a whole, once for each time that the fund is low and for each cascade that is long."""
        state, settings = self._state, self._state.settings
        fund = state.accounts.get(INSURANCE_FUND_ID)
        is_low = fund is not None and fund.cash_micros < settings.fund_low_micros
        if not (is_low or state.escalations or state.cascades.running):
            return
        open_by_kind = {
            (each.kind, each.liquidation_id): each for each in state.escalations.values() if not each.account_id
        }
        low = open_by_kind.get((EscalationKind.FUND_LOW, 0))
        if is_low and low is None and fund is not None:
            self._raise(EscalationKind.FUND_LOW, now_ns, figure=fund.cash_micros)
        elif low is not None and not is_low:
            self._end(low)
        for (kind, cascade_id), escalation in open_by_kind.items():
            if kind is EscalationKind.CASCADE and cascade_id not in state.cascades.running:
                self._end(escalation)
        if not settings.cascade_limit_ppm:
            return
        for cascade_id, cascade in sorted(state.cascades.running.items()):
            multiplier = multiplier_ppm(cascade.notional_micros, cascade.first_notional_micros)
            if multiplier > settings.cascade_limit_ppm and (EscalationKind.CASCADE, cascade_id) not in open_by_kind:
                self._raise(EscalationKind.CASCADE, now_ns, figure=multiplier, liquidation_id=cascade_id)

    def _raise(self, kind: EscalationKind, now_ns: int, *, figure: int, liquidation_id: int = 0) -> None:
        self._emit(
            EscalationRaised(
                instrument_id=0,
                account_id=0,
                liquidation_id=liquidation_id,
                deadline_ns=now_ns + self._state.settings.escalation_wait_ns,
                figure=figure,
                kind=int(kind),
            )
        )

    def _decided(self, escalation: Escalation, decision: Decision, *, author: bytes = b"", note: bytes = b"") -> None:
        self._emit(
            EscalationDecided(
                instrument_id=escalation.instrument_id,
                account_id=escalation.account_id,
                escalation_id=escalation.escalation_id,
                author=author,
                note=note,
                decision=int(decision),
                by_default=int(not author),
            )
        )

    def _end(self, escalation: Escalation) -> None:
        self._emit(EscalationEnded(instrument_id=0, account_id=0, escalation_id=escalation.escalation_id))

    def _go_on(self, escalation: Escalation) -> None:
        account = self._state.accounts.get(escalation.account_id)
        if account is not None and account.liquidation is not None and not account.liquidation.pending:
            self._resume(account)
