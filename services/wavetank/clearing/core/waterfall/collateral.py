"""Collateral in a liquidation: sold before anybody else is asked, and no more of it than is owed (LIQ-055).

Equity counts collateral at what its sale yields, so a sale moves neither equity nor health, and a leg's bankruptcy
value is the same before it as after it. Hence the stages need not know of collateral; only its turn is decided here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.collateral import conversion
from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.waterfall.case import wait_for_prices
from wavetank.model.events.clearing import ConversionCause

if TYPE_CHECKING:
    from wavetank.clearing.core.waterfall.case import Case


def convert_all(case: Case) -> bool:
    """Sell all collateral of an account below the backstop's limit; return whether that was done, or must wait.

    In the book an account closes with its collateral in place; the vault, the fund and victims are asked only for
    what is left without it.
    """
    value = case.value()
    assets = _frozen(case)
    if not assets or not value.is_below_backstop:
        return False
    if any(not price_is_valid for _, _, price_is_valid in assets):
        wait_for_prices(case, LiquidationStage.BACKSTOP if value.equity_micros >= 0 else LiquidationStage.INSURANCE)
        return True
    for instrument_id, index, _ in assets:
        _convert(case, instrument_id, index, ConversionCause.LIQUIDATED)
    return True


def pay_from_collateral(case: Case) -> bool:
    """Sell as much collateral as an account without a position owes in cash; return whether a price is waited for."""
    account = case.account
    assets = _frozen(case)
    for instrument_id, index, price_is_valid in assets:
        if account.cash_micros < 0 and price_is_valid:
            _convert(case, instrument_id, index, ConversionCause.OWED)
    if account.cash_micros < 0 and not all(price_is_valid for _, _, price_is_valid in assets):
        wait_for_prices(case, LiquidationStage.SOCIALISE)
        return True
    return False


def _frozen(case: Case) -> list[tuple[int, int, bool]]:
    """Return instrument, frozen index and whether one may sell at it, of all collateral that counts, by instrument."""
    liquidation = case.liquidation
    return [
        (key, index, key not in liquidation.stale or case.prices_are_vouched_for)
        for key, index in sorted((liquidation.indexes or {}).items())
        if key in case.state.counting_collateral(case.account)
    ]


def _convert(case: Case, instrument_id: int, index: int, cause: ConversionCause) -> None:
    state, account = case.state, case.account
    lots = account.collateral[instrument_id].lots
    if cause is ConversionCause.OWED:
        lots = state.collateral.terms_of(instrument_id).lots_for(lots, -account.cash_micros, index)
    liquidation_id = case.liquidation.liquidation_id
    case.emit(conversion(state, account, instrument_id, lots, index, cause, liquidation_id=liquidation_id))
