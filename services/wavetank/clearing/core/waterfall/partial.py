"""Partial stage: a large position is closed by a first slice (LIQ-040)."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.valuation import fillable_price
from wavetank.clearing.core.waterfall.book_order import (
    E6,
    choose_leg,
    depth_limit,
    limit_inside,
)
from wavetank.clearing.core.waterfall.case import wait, wait_for_prices
from wavetank.model.events.clearing import Decision, EscalationKind, StepCause

if TYPE_CHECKING:
    from wavetank.clearing.core.valuation import LegValue, Valuation
    from wavetank.clearing.core.waterfall.case import Case


def book_band(case: Case, value: Valuation) -> bool:
    """Tell whether the account is where orders in the book come first: 2/3 <= h < 1."""
    return value.is_below_maintenance and not value.is_below_backstop and not case.account.is_flat


def tradable_legs(case: Case, value: Valuation) -> list[LegValue]:
    """Return the legs whose marks were valid when frozen; only those trade (LIQ-010)."""
    stale = [] if case.prices_are_vouched_for else case.liquidation.stale
    return [leg for leg in value.legs if leg.instrument_id not in stale]


def close_in_book(
    case: Case, value: Valuation, leg: LegValue, lots: int, stage: LiquidationStage, cause: StepCause
) -> None:
    """Send a reduce-only IOC for part of a leg, limited by the fillable price (LIQ-040)."""
    limited = depth_limit(case.state, leg, lots, case.settings.depth_share_ppm)
    decision = case.ask(EscalationKind.SLICE_EXCEEDS_DEPTH, leg) if limited < lots else Decision.GO_ON
    if decision is None:
        return
    if decision is Decision.HOLD:
        case.step(stage, StepCause.HELD, leg=leg)
        wait(case)
        return
    if decision is Decision.WHOLE:
        limited = lots
    if limited < lots:
        case.step(stage, StepCause.DEPTH_LIMITED, leg=leg, delta_lots=-lots if leg.lots > 0 else lots)
    price = limit_inside(
        case.state,
        leg,
        fillable_price(
            leg,
            value.equity_micros,
            value.maintenance_micros,
            # What the mode relieves the account of, no leg may give away.
            spread_to_maintenance=case.settings.spread_to_maintenance
            * Fraction(value.maintenance_micros, value.legs_maintenance_micros),
        ),
    )
    closed = limited if leg.lots > 0 else -limited
    case.step(
        stage,
        cause,
        leg=leg,
        delta_lots=-closed,
        price_ticks=price,
        value_micros=case.bankruptcy_value(value, leg, closed),
    )
    case.request_order(leg, limited, price)


class PartialStage:
    """Closes a slice of the chosen leg, if the leg is large and no slice was taken lately."""

    def act(self, case: Case) -> bool:
        """Act; see `Stage`."""
        value = case.value()
        if not book_band(case, value):
            return False
        if case.liquidation.unfilled or case.liquidation.depth_limited:
            # The book has given what it could at these inputs; asking again at once would empty it.
            cause = StepCause.UNFILLED if case.liquidation.unfilled else StepCause.DEPTH_LIMITED
            was_full = case.liquidation.stage == LiquidationStage.FULL
            case.step(LiquidationStage.FULL if was_full else LiquidationStage.PARTIAL, cause)
            wait(case)
            return True
        leg = choose_leg(case.state, tradable_legs(case, value))
        if leg is None:
            wait_for_prices(case, LiquidationStage.PARTIAL)
            return True
        if leg.notional_micros <= case.settings.partial_above_micros:
            return False
        if not case.settings.partial_enabled:
            case.step(LiquidationStage.PARTIAL, StepCause.STAGE_OFF, leg=leg)
            return False
        if case.now_ns < case.account.cooldown_until_ns.get(leg.instrument_id, 0):
            if not case.settings.cooldown_waits:
                return False
            case.step(LiquidationStage.PARTIAL, StepCause.COOLDOWN_WAIT, leg=leg)
            wait(case)
            return True
        lots = -(-abs(leg.lots) * case.settings.partial_slice_ppm // E6)
        close_in_book(case, value, leg, lots, LiquidationStage.PARTIAL, StepCause.LARGE_POSITION_FIRST_SLICE)
        return True
