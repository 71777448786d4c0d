"""The end of a liquidation: who gets what is left, and who bears what is missing (LIQ-070, LIQ-100)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.waterfall.policies.ranking import whole_parts
from wavetank.model.events.clearing import CashCause, StepCause, WithdrawalsGated
from wavetank.model.ids import (
    BACKSTOP_VAULT_ID,
    DEBT_ACCOUNT_ID,
    FIRST_CLIENT_ACCOUNT_ID,
    INSURANCE_FUND_ID,
)

if TYPE_CHECKING:
    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.waterfall.case import Case


def settle_flat(case: Case) -> None:
    """Settle the cash of an account that has no position left.

    After the backstop all of it goes to the vault; else it repays what the fund paid for it; a
    negative rest is a deficit, borne by the fund, then by winners, then named as debt.
    """
    account = case.account
    liquidation = case.liquidation
    state = case.state
    if account.cash_micros >= 0 and liquidation.vault_took:
        vault = state.accounts[BACKSTOP_VAULT_ID]
        case.transfer_cash(account, vault, account.cash_micros, CashCause.BACKSTOP)
    elif account.cash_micros > 0 and liquidation.fund_paid_micros > 0:
        fund = state.accounts[INSURANCE_FUND_ID]
        amount = min(account.cash_micros, liquidation.fund_paid_micros)
        case.transfer_cash(account, fund, amount, CashCause.FUND_REPAYMENT)
    elif account.cash_micros < 0:
        _cover_deficit(case)


def _cover_deficit(case: Case) -> None:
    account = case.account
    state = case.state
    case.step(LiquidationStage.SOCIALISE, StepCause.DEFICIT, value_micros=-account.cash_micros)
    fund = state.accounts[INSURANCE_FUND_ID]
    if state.settings.fund_enabled:
        amount = min(-account.cash_micros, max(0, fund.cash_micros - state.reserved_micros))
        case.transfer_cash(fund, account, amount, CashCause.DEFICIT_FUND)
    if account.cash_micros < 0 and not state.settings.socialise_enabled:
        case.step(LiquidationStage.SOCIALISE, StepCause.STAGE_OFF)
    for instrument_id in case.liquidation.touched if state.settings.socialise_enabled else ():
        if account.cash_micros >= 0:
            break
        _socialise(case, instrument_id)
    if account.cash_micros < 0:
        debt = state.accounts[DEBT_ACCOUNT_ID]
        case.transfer_cash(debt, account, -account.cash_micros, CashCause.DEFICIT_DEBT)
    case.emit(WithdrawalsGated(instrument_id=0, account_id=0, until_ns=case.now_ns + state.settings.gate_ns))


def _socialise(case: Case, instrument_id: int) -> None:
    winners: list[tuple[Account, int]] = []
    for holder in case.state.holders(instrument_id):
        leg = case.state.value(holder, case.liquidation.marks).leg(instrument_id)
        if holder.account_id >= FIRST_CLIENT_ACCOUNT_ID and leg.unrealised_micros > 0:
            winners.append((holder, leg.unrealised_micros))
    shares = haircut([gain for _, gain in winners], -case.account.cash_micros)
    for (winner, _), share in zip(winners, shares, strict=True):
        case.transfer_cash(winner, case.account, share, CashCause.DEFICIT_SOCIALISED, instrument_id)


def haircut(gains: list[int], missing_micros: int) -> list[int]:
    """Return what each winner gives up, in proportion to his gain and never above it.

    Floors first, then one micro-dollar each by largest remainder, ties to the first (LIQ-100):
    gains 60 and 40 of which 70 are left give up 18 and 12, so they keep 42 and 28.
    """
    total = sum(gains)
    if total <= missing_micros:
        return list(gains)
    return whole_parts([missing_micros * gain for gain in gains], total)
