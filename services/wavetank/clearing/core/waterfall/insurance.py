"""Insurance stage: one more try in the book, with a reserve of the fund behind it (LIQ-070)."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.waterfall.book_order import choose_leg, limit_inside
from wavetank.clearing.core.waterfall.partial import tradable_legs
from wavetank.model.events.clearing import CashCause, StepCause
from wavetank.model.ids import INSURANCE_FUND_ID
from wavetank.model.money import fee_micros

if TYPE_CHECKING:
    from wavetank.clearing.core.waterfall.case import Case


class InsuranceStage:
    """Reserves what the fund may pay, then sends an IOC that cannot lose more than that."""

    def act(self, case: Case) -> bool:
        """Act; see `Stage`."""
        value = case.value()
        tried = case.liquidation.insured
        legs = [leg for leg in tradable_legs(case, value) if leg.instrument_id not in tried]
        leg = choose_leg(case.state, legs)
        if leg is None:
            return False
        if not case.settings.insurance_enabled:
            case.step(LiquidationStage.INSURANCE, StepCause.STAGE_OFF)
            return False
        available = case.state.fund_available(leg.instrument_id, case.now_ns)
        due = case.bankruptcy_value(value, leg, leg.lots)
        # V - proceeds <= available, for proceeds of lots * limit (a purchase's are negative).
        price = limit_inside(case.state, leg, Fraction(due - available, leg.lots))
        # The price band may bound the loss more tightly than the fund; what cannot be lost here
        # stays free for others who are liquidated at the same time.
        reserve = min(available, max(0, due - leg.lots * price))
        case.step(
            LiquidationStage.INSURANCE,
            StepCause.EQUITY_NEGATIVE if value.equity_micros < 0 else StepCause.BELOW_BACKSTOP,
            leg=leg,
            delta_lots=-leg.lots,
            price_ticks=price,
            value_micros=due,
            reserve_micros=reserve,
        )
        case.request_order(leg, abs(leg.lots), price, reserve)
        return True


def insurance_delta(bankruptcy_micros: int, proceeds_micros: int, notional_micros: int, fee_ppm: int) -> int:
    """Return what a fill means for the fund: positive is paid to it, negative is what it owes.

    Args:
        bankruptcy_micros: V of the filled lots.
        proceeds_micros: what they fetched; negative for a purchase.
        notional_micros: their value, unsigned.
        fee_ppm: largest share of the value that the fund may take of a gain.

    Source: LIQ-070 (dYdX v4, insurance fund delta): `min(rate * N, gain)` of a gain, all of a loss.

    """
    gain = proceeds_micros - bankruptcy_micros
    return gain if gain < 0 else min(fee_micros(notional_micros, fee_ppm), gain)


def settle_fill(case: Case, *, instrument_id: int, delta_micros: int) -> None:
    """Settle a liquidation fill with the fund: it takes its fee, or tops up from its reserve.

    Only the insurance stage has a reserve; before it the limit price keeps fills inside V.
    """
    fund = case.state.accounts[INSURANCE_FUND_ID]
    if delta_micros > 0:
        case.transfer_cash(case.account, fund, delta_micros, CashCause.LIQUIDATION_FEE, instrument_id)
    elif case.liquidation.stage == LiquidationStage.INSURANCE:
        top_up = min(-delta_micros, case.liquidation.reserve_micros)
        case.transfer_cash(fund, case.account, top_up, CashCause.FUND_TOP_UP, instrument_id)
