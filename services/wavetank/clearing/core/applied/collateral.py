"""Events of collateral: its terms, what comes, what leaves, what is sold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.account import Hold, end_holds
from wavetank.clearing.core.applied.registry import applies
from wavetank.clearing.core.collateral_terms import CollateralTerms
from wavetank.model.events import clearing as events

if TYPE_CHECKING:
    from wavetank.clearing.core.state import State


@applies(events.CollateralTermsSet)
def _(state: State, event: events.CollateralTermsSet, _seq: int, _now_ns: int) -> None:
    terms = CollateralTerms(
        weight_ppm=event.weight_ppm, cap_micros=event.cap_micros, venue_cap_lots=event.venue_cap_lots
    )
    state.set_collateral_terms(event.instrument_id, terms)


@applies(events.CollateralLoanSet)
def _(state: State, event: events.CollateralLoanSet, _seq: int, _now_ns: int) -> None:
    state.collateral.loan_micros = event.limit_micros


@applies(events.CollateralDeposited)
def _(state: State, event: events.CollateralDeposited, _seq: int, _now_ns: int) -> None:
    account = state.known_account(event.account_id)
    state.move_collateral(account, event.instrument_id, event.size_lots, event.lots_after)


@applies(events.CollateralHeld)
def _(state: State, event: events.CollateralHeld, _seq: int, _now_ns: int) -> None:
    account = state.known_account(event.account_id)
    account.hold = Hold(0, event.line_epoch, event.line_number, asset_id=event.instrument_id, lots=event.size_lots)
    account.hold_collateral(event.instrument_id, event.size_lots)


@applies(events.CollateralRefused)
def _(state: State, event: events.CollateralRefused, _seq: int, _now_ns: int) -> None:
    end_holds(state.known_account(event.account_id))


@applies(events.CollateralWithdrawn)
def _(state: State, event: events.CollateralWithdrawn, _seq: int, _now_ns: int) -> None:
    account = state.known_account(event.account_id)
    end_holds(account)
    state.move_collateral(account, event.instrument_id, -event.size_lots, event.lots_after)


@applies(events.CollateralConverted)
def _(state: State, event: events.CollateralConverted, _seq: int, _now_ns: int) -> None:
    account = state.known_account(event.account_id)
    state.move_collateral(account, event.instrument_id, -event.size_lots, event.lots_after)
    # The buyer is outside of the venue: his dollars come in as a deposit does (INV-010).
    state.deposited_micros += event.amount_micros
    state.move_cash(account, event.amount_micros, event.cash_after_micros, event.instrument_id)
