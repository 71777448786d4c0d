"""Backstop stage: a ring-fenced vault takes everything over at mark (LIQ-060)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.waterfall.case import wait, wait_for_prices
from wavetank.model.events.clearing import StepCause
from wavetank.model.ids import BACKSTOP_VAULT_ID

if TYPE_CHECKING:
    from wavetank.clearing.core.valuation import Valuation
    from wavetank.clearing.core.waterfall.case import Case


def disposal_lots(lots: int, *, fraction_ppm: int, full_below_lots: int, depth_lots: int, depth_share_ppm: int) -> int:
    """Return how much of a vault's position the next step disposes of.

    Args:
        lots: position, unsigned.
        fraction_ppm: share per step, rounded up.
        full_below_lots: a smaller position goes whole.
        depth_lots: lots on the other side of the book.
        depth_share_ppm: largest share of them.

    Source: LIQ-060 (Vega's disposal strategy): 280 lots, half per step, full below 50, at most 1 %
    of 10,000 gives 100, 90, 45, 45.

    """
    wanted = lots if lots < full_below_lots else -(-lots * fraction_ppm // 10**6)
    return min(lots, wanted, max(1, depth_lots * depth_share_ppm // 10**6))


class BackstopStage:
    """Hands all legs to the vault at mark, if the vault is on and has room."""

    def act(self, case: Case) -> bool:
        """Act; see `Stage`."""
        value = case.value()
        if value.equity_micros < 0 or not value.is_below_backstop:
            return False
        if not case.all_marks_valid():
            wait_for_prices(case, LiquidationStage.BACKSTOP)
            return True
        if case.liquidation.stage == LiquidationStage.BACKSTOP and case.liquidation.unfilled:
            # The shard did not move all that was asked; asking again at once would not help.
            case.step(LiquidationStage.BACKSTOP, StepCause.UNFILLED)
            wait(case)
            return True
        if case.liquidation.insured and not case.settings.insurance_first:
            # The vault was asked for at these marks and could not; the insurance stage is at work.
            return False
        refusal = self._refusal(case, value)
        if refusal is not None:
            case.step(LiquidationStage.BACKSTOP, refusal)
            return False
        for leg in value.legs:
            proceeds = leg.lots * leg.mark_price_ticks
            case.step(
                LiquidationStage.BACKSTOP,
                StepCause.BELOW_BACKSTOP,
                leg=leg,
                delta_lots=-leg.lots,
                price_ticks=leg.mark_price_ticks,
                value_micros=proceeds,
            )
            case.request_transfer(
                leg,
                closed_lots=leg.lots,
                proceeds_micros=proceeds,
                receiver_account_id=BACKSTOP_VAULT_ID,
                receiver_may_increase=True,
            )
        return True

    @staticmethod
    def _refusal(case: Case, value: Valuation) -> StepCause | None:
        if not case.settings.vault_enabled:
            return StepCause.VAULT_OFF
        vault = case.state.accounts[BACKSTOP_VAULT_ID]
        held = case.state.value(vault, case.liquidation.marks)
        taken = held.notional_micros + case.state.handed_micros + value.notional_micros
        if vault.liquidation is not None or taken > case.settings.vault_cap_micros:
            return StepCause.VAULT_CAP
        return None
