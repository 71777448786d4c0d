"""Auto-deleveraging: what is left closes at V against the opposite side (LIQ-080)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.waterfall.case import wait, wait_for_prices
from wavetank.clearing.core.waterfall.policies.candidate import AdlPolicy, Candidate, Score, rank
from wavetank.clearing.core.waterfall.policies.ranking import split_value
from wavetank.model.events.clearing import AdlRanked, Decision, EscalationKind, StepCause
from wavetank.model.orders import CommandKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.valuation import LegValue, Valuation
    from wavetank.clearing.core.waterfall.case import Case


_MOST_SHOWN = 2**62


def loss_bound(case: Case, value: Valuation, leg: LegValue) -> Callable[[int], int]:
    """Return what taking over n lots at V costs the other side against the mark, at most.

    A part of a leg relieves at most its own tier's rate, and V rounds by at most one micro-dollar
    of margin, so the bound is never below the exact loss, whichever part is taken.
    """
    table = case.state.instruments[leg.instrument_id].margin
    rate = next(rate for lower, rate, _ in reversed(table.lines) if leg.notional_micros >= lower)
    missing = max(0, -value.equity_micros)
    whole = table.denominator * value.legs_maintenance_micros
    slack = -(-missing // value.legs_maintenance_micros) + 2

    def bound(lots: int) -> int:
        if lots == 0:
            return 0
        return -(-missing * lots * leg.mark_price_ticks * rate // whole) + slack

    return bound


def may_be_victim(account: Account, value: Valuation) -> bool:
    """Tell whether an account may be asked to give up lots at V: sound, with equity, and not in liquidation itself."""
    return account.liquidation is None and value.equity_micros > 0 and not value.is_below_maintenance


@dataclass(frozen=True, slots=True)
class Promise:
    """What an account was already asked to give up for other liquidations and has not yet given."""

    lots: int
    """Unsigned, in the instrument asked about."""
    loss_micros: int
    """Against the frozen marks of those liquidations, in all instruments."""


_NOTHING = Promise(0, 0)


def promises(case: Case, instrument_id: int) -> dict[int, Promise]:
    """Return what each account is to give up for other liquidations, by account id.

    Two liquidations may meet the same victim before the shard has answered either; together they
    must leave it its maintenance margin, as one alone must (LIQ-080).
    """
    promised: dict[int, Promise] = {}
    for account in case.state.liquidated.values():
        liquidation = account.liquidation
        if liquidation is None or account is case.account:
            continue
        for request in liquidation.pending.values():
            if request.command != CommandKind.TRANSFER or request.receiver_may_increase:
                continue
            before = promised.get(request.receiver_account_id, _NOTHING)
            loss = -request.value_micros + request.size_lots * liquidation.marks[request.instrument_id]
            lots = abs(request.size_lots) if request.instrument_id == instrument_id else 0
            promised[request.receiver_account_id] = Promise(before.lots + lots, before.loss_micros + max(0, loss))
    return promised


def capacity_lots(
    case: Case, victim: Account, leg: LegValue, loss_of: Callable[[int], int], promised: Promise = _NOTHING
) -> int:
    """Return the most lots a victim may lose and still have equity >= maintenance margin.

    Args:
        case: the liquidation that the victim serves.
        victim: an account with a position opposite to the leg.
        leg: what is left of the liquidated position.
        loss_of: what taking over n lots costs the victim against the mark, at most.
        promised: what it gives up for others.

    Equity falls evenly with the lots while maintenance margin falls ever less steeply, so the lots
    that pass form one run from 0, and its end is found by halving. Under a mode that caps what legs
    offset there may be further runs; what is found passes, though it may not be the most.

    """
    instrument = case.state.instruments[leg.instrument_id]
    value = case.state.value(victim, case.liquidation.marks)
    own = value.leg(leg.instrument_id)
    if value.margining.offsets and promised is not _NOTHING:
        # Giving up a leg may take away what another one's margin was offset by, so one liquidation at a time asks.
        return 0

    def passes(lots: int) -> bool:
        rest = (abs(own.lots) - lots) * own.mark_price_ticks
        needed = value.maintenance_with(own.instrument_id, instrument.margin.maintenance_micros(rest))
        return value.equity_micros - promised.loss_micros - loss_of(lots) >= needed

    low, high = 0, min(max(0, abs(own.lots) - promised.lots), abs(leg.lots))
    if passes(high):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if passes(middle) else (low, middle)
    return low


class DeleverageStage:
    """Closes one leg after the other against ranked victims; at mark when none may give more."""

    def __init__(self, policy: AdlPolicy) -> None:
        """Rank by `policy`."""
        self.policy = policy

    def act(self, case: Case) -> bool:
        """Act; see `Stage`."""
        if not case.settings.adl_enabled:
            case.step(LiquidationStage.DELEVERAGE, StepCause.STAGE_OFF)
            wait(case)
            return True
        if not case.all_marks_valid():
            wait_for_prices(case, LiquidationStage.DELEVERAGE)
            return True
        decision = case.ask(EscalationKind.DELEVERAGING)
        if decision is None:
            return True
        if decision is Decision.HOLD:
            case.step(LiquidationStage.DELEVERAGE, StepCause.HELD)
            wait(case)
            return True
        value = case.value()
        for leg in value.legs:
            loss_of = loss_bound(case, value, leg)
            ranking = rank(self.policy, self._candidates(case, leg, loss_of))
            if self._ask(case, leg, ranking, at_mark=False):
                return True
            if self._ask(case, leg, self._last_resort(case, leg), at_mark=True):
                return True
        wait(case)
        return True

    @staticmethod
    def _opposite(case: Case, leg: LegValue) -> list[Account]:
        return [
            account
            for account in case.state.holders(leg.instrument_id)
            if account.account_id != case.account.account_id
            and (account.positions[leg.instrument_id].lots > 0) != (leg.lots > 0)
        ]

    @staticmethod
    def _candidates(case: Case, leg: LegValue, loss_of: Callable[[int], int]) -> list[Candidate]:
        candidates = []
        promised = promises(case, leg.instrument_id)
        for account in DeleverageStage._opposite(case, leg):
            value = case.state.value(account, case.liquidation.marks)
            if not may_be_victim(account, value):
                continue
            position = account.positions[leg.instrument_id]
            candidates.append(
                Candidate(
                    account.account_id,
                    position.lots,
                    position.cost_micros,
                    leg.mark_price_ticks,
                    value.equity_micros,
                    capacity_lots(case, account, leg, loss_of, promised.get(account.account_id, _NOTHING)),
                )
            )
        return candidates

    def _last_resort(self, case: Case, leg: LegValue) -> list[tuple[Score, Candidate]]:
        """Return everybody on the other side: a close at mark costs them nothing."""
        everybody = [
            Candidate(
                account.account_id,
                account.positions[leg.instrument_id].lots,
                account.positions[leg.instrument_id].cost_micros,
                leg.mark_price_ticks,
                max(1, case.state.value(account, case.liquidation.marks).equity_micros),
                abs(account.positions[leg.instrument_id].lots),
            )
            for account in self._opposite(case, leg)
        ]
        return rank(self.policy, everybody)

    def _ask(
        self,
        case: Case,
        leg: LegValue,
        ranking: list[tuple[Score, Candidate]],
        *,
        at_mark: bool,
    ) -> bool:
        candidates = [candidate for _, candidate in ranking]
        total = min(abs(leg.lots), sum(candidate.capacity_lots for candidate in candidates))
        if total == 0:
            return False
        asked = self.policy.allot(candidates, total)
        sign = 1 if leg.lots > 0 else -1
        value = case.value()
        due = sign * total * leg.mark_price_ticks if at_mark else case.bankruptcy_value(value, leg, sign * total)
        case.step(
            LiquidationStage.DELEVERAGE,
            StepCause.NO_VICTIM_LEFT if at_mark else StepCause.BOOK_EXHAUSTED,
            leg=leg,
            delta_lots=-sign * total,
            value_micros=due,
        )
        shares = split_value(due, total, asked)
        for position, ((score, candidate), lots, share) in enumerate(zip(ranking, asked, shares, strict=True), start=1):
            case.emit(
                AdlRanked(
                    instrument_id=leg.instrument_id,
                    account_id=candidate.account_id,
                    liquidation_id=case.liquidation.liquidation_id,
                    score_e9=_shown(score),
                    position_lots=candidate.lots,
                    capacity_lots=candidate.capacity_lots,
                    delta_lots=sign * lots,
                    given_up_micros=share - sign * lots * leg.mark_price_ticks,
                    rank=position,
                )
            )
        for (_, candidate), lots, share in zip(ranking, asked, shares, strict=True):
            if lots:
                case.request_transfer(
                    leg,
                    closed_lots=sign * lots,
                    proceeds_micros=share,
                    receiver_account_id=candidate.account_id,
                    receiver_may_increase=False,
                )
        return True


def _shown(score: Score) -> int:
    """Return a score in units of 10^-9, rounded down, within what a record holds."""
    return max(-_MOST_SHOWN, min(_MOST_SHOWN, score.numerator * 10**9 // score.denominator))
