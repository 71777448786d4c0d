"""The leverage that an account chooses for itself, instrument by instrument (MRGN-020).

Kept true: it moves initial margin alone, so it liquidates nobody and decides only what may still be risked. A credit
line that it lowers goes out without waiting for an acknowledgement, for it frees no money: SPEC, MRGN-020, says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.refusal import Refused
from wavetank.model.events.clearing import LeverageChanged
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.bank import Bank
    from wavetank.clearing.core.state import State
    from wavetank.model.instrument import Instrument
    from wavetank.model.record import Event


class Leverages:
    """Answers requests for another leverage."""

    def __init__(self, state: State, emit: Callable[[Event], int], bank: Bank) -> None:
        """Answer for `state` through `emit`."""
        self._state = state
        self._emit = emit
        self._bank = bank

    def change(self, account_id: int, instrument_id: int, leverage: int) -> Account:
        """Let an account's initial margin in an instrument go by another leverage from here on.

        The instrument's largest is what an account begins with; who goes back to it follows it from then on.

        Raises:
            Refused: ACCOUNT_UNKNOWN, ACCOUNT_RESERVED, INSTRUMENT_UNKNOWN, ISOLATED_ELSEWHERE; LEVERAGE_REFUSED: it is
                not within 1 and the instrument's largest, the account is in liquidation, cloned or reset, or its
                initial margin would grow beyond what it has.

        """
        account = self._bank.client(account_id)
        instrument = self._state.instruments.get(instrument_id)
        if instrument is None:
            message = f"instrument {instrument_id} is not listed"
            raise Refused(Reason.INSTRUMENT_UNKNOWN, instrument_id, 0, message)
        if account.isolated_instrument_id not in {0, instrument_id}:
            message = f"the account trades instrument {account.isolated_instrument_id} alone"
            raise Refused(Reason.ISOLATED_ELSEWHERE, instrument_id, account.isolated_instrument_id, message)
        largest = instrument.max_leverage
        if not 1 <= leverage <= largest:
            message = f"a leverage in {instrument.symbol} is 1 to {largest}, not {leverage}"
            raise Refused(Reason.LEVERAGE_REFUSED, leverage, largest, message)
        if account.liquidation is not None or account.play is not None:
            message = "the account is being liquidated, cloned or reset; its leverage stays as it is"
            raise Refused(Reason.LEVERAGE_REFUSED, leverage, leverage_of(account, instrument), message)
        present = leverage_of(account, instrument)
        # Who has chosen what was lowered to be the largest since still goes back to following it.
        if leverage == present and (leverage < largest or instrument_id not in account.leverages):
            return account
        self._check_margin(account, instrument, leverage)
        self._emit(
            LeverageChanged(instrument_id=instrument_id, account_id=account_id, leverage=leverage, previous=present)
        )
        return account

    def _check_margin(self, account: Account, instrument: Instrument, leverage: int) -> None:
        value = self._state.value(account)
        held = [leg for leg in value.legs if leg.instrument_id == instrument.instrument_id]
        if not held:
            return
        own = instrument.initial_micros(held[0].notional_micros, leverage)
        # Whatever the account's mode, what is asked beyond the least counts whole.
        asked = value.initial_micros - held[0].initial_micros + own
        free = value.equity_micros - (account.hold.amount_micros if account.hold is not None else 0)
        if asked > value.initial_micros and asked > free:
            message = (
                f"at a leverage of {leverage} in {instrument.symbol} the account would need {asked} micro-dollars"
                f" of initial margin and has {free}"
            )
            raise Refused(Reason.LEVERAGE_REFUSED, asked, free, message)


def leverage_of(account: Account, instrument: Instrument) -> int:
    """Return the leverage that an account has in an instrument; a tier's applies where it is lower."""
    return min(account.leverages.get(instrument.instrument_id, instrument.max_leverage), instrument.max_leverage)
