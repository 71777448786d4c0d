"""Full stage: the whole position that relieves most margin per expected slippage (LIQ-050)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.waterfall.book_order import choose_leg
from wavetank.clearing.core.waterfall.case import wait
from wavetank.clearing.core.waterfall.partial import book_band, close_in_book, tradable_legs
from wavetank.model.events.clearing import StepCause

if TYPE_CHECKING:
    from wavetank.clearing.core.waterfall.case import Case


class FullStage:
    """Closes whole legs, best relief first."""

    def act(self, case: Case) -> bool:
        """Act; see `Stage`."""
        value = case.value()
        if not book_band(case, value):
            return False
        leg = choose_leg(case.state, tradable_legs(case, value))
        if leg is None:
            return False
        if not case.settings.full_enabled:
            case.step(LiquidationStage.FULL, StepCause.STAGE_OFF, leg=leg)
            wait(case)
            return True
        cause = StepCause.SMALL_POSITION_WHOLE
        if leg.notional_micros > case.settings.partial_above_micros:
            sliced = case.settings.partial_enabled
            cause = StepCause.COOLDOWN_WHOLE_POSITION if sliced else StepCause.LARGE_POSITION_WHOLE
        close_in_book(case, value, leg, abs(leg.lots), LiquidationStage.FULL, cause)
        return True
