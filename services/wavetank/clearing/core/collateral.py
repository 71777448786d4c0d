"""The counter for collateral: what comes in, what leaves, and what is sold for cash (MRGN-080).

Collateral belongs to the share of the shard that trades its instrument. A withdrawal goes by hold and acknowledgement
as one of cash does (PROTOCOL R8); from the hold on no credit rests on the lots, at whichever index, while the account's
equity counts them until they leave. A sale puts its cash where the collateral was, so no credit line falls by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.collateral_terms import MOST_LOTS
from wavetank.clearing.core.credit import budget_micros, free_margin_with_collateral_micros, standings
from wavetank.clearing.core.refusal import Refused
from wavetank.model.events import clearing as events
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.bank import Bank
    from wavetank.clearing.core.credit import Lines
    from wavetank.clearing.core.shares import Shares
    from wavetank.clearing.core.state import State
    from wavetank.model.events.matching import CreditApplied
    from wavetank.model.record import Event


def conversion(
    state: State,
    account: Account,
    instrument_id: int,
    lots: int,
    index_price_ticks: int,
    cause: events.ConversionCause,
    *,
    liquidation_id: int = 0,
) -> events.CollateralConverted:
    """Return the sale of part of an account's collateral at an index (LIQ-055)."""
    held = account.collateral[instrument_id].lots
    amount = state.collateral.terms_of(instrument_id).proceeds(held, lots, index_price_ticks)
    return events.CollateralConverted(
        instrument_id=instrument_id,
        account_id=account.account_id,
        size_lots=lots,
        amount_micros=amount,
        index_price_ticks=index_price_ticks,
        liquidation_id=liquidation_id,
        lots_after=held - lots,
        cash_after_micros=account.cash_micros + amount,
        cause=int(cause),
    )


class CollateralCounter:
    """Answers requests about collateral; a refusal raises and changes nothing."""

    def __init__(self, bank: Bank, state: State, emit: Callable[[Event], int], lines: Lines, shares: Shares) -> None:
        """Answer beside the counter for money, for `state` through `emit`."""
        self._bank = bank
        self._state = state
        self._emit = emit
        self._lines = lines
        self._shares = shares

    def _client(self, account_id: int) -> Account:
        account = self._bank.client(account_id)
        if account.liquidation is not None or account.play is not None:
            message = "the account is being liquidated, cloned or reset; what it may still be given is cash"
            raise Refused(Reason.ACCOUNT_FROZEN, 1, 0, message)
        return account

    def _symbol(self, instrument_id: int) -> str:
        instrument = self._state.instruments.get(instrument_id)
        if instrument is None:
            message = f"instrument {instrument_id} is not listed"
            raise Refused(Reason.INSTRUMENT_UNKNOWN, instrument_id, 0, message)
        return instrument.symbol

    def deposit(self, account_id: int, instrument_id: int, lots: int) -> Account:
        """Take collateral: lots of the base asset of an instrument.

        Raises:
            Refused: ACCOUNT_UNKNOWN, ACCOUNT_RESERVED, ACCOUNT_FROZEN, INSTRUMENT_UNKNOWN, AMOUNT_OUT_OF_RANGE,
                COLLATERAL_REFUSED: the asset is not taken, or the venue has as much of it as it may.

        """
        account = self._client(account_id)
        symbol, terms = self._symbol(instrument_id), self._state.collateral.terms_of(instrument_id)
        if terms.weight_ppm == 0:
            raise Refused(Reason.COLLATERAL_REFUSED, instrument_id, 0, f"{symbol} is not taken as collateral")
        if account.isolated_instrument_id:
            message = "an isolated account has dollars alone: what it can lose is what was transferred there"
            raise Refused(Reason.COLLATERAL_REFUSED, instrument_id, 0, message)
        after = self._lots(account, instrument_id) + lots
        if lots < 1 or after > MOST_LOTS:
            message = f"an account has 1 to {MOST_LOTS} lots of collateral of an asset, not {after} after {lots} more"
            raise Refused(Reason.AMOUNT_OUT_OF_RANGE, lots, MOST_LOTS, message)
        self._check_room(instrument_id, lots)
        self._take(account, instrument_id, lots)
        return account

    def _check_room(self, instrument_id: int, lots: int) -> None:
        cap = self._state.collateral.terms_of(instrument_id).venue_cap_lots
        room = max(0, cap - self._state.collateral.lots.get(instrument_id, 0))
        if lots > room:
            symbol = self._symbol(instrument_id)
            message = f"the venue takes {room} more lots of {symbol} as collateral, not {lots}"
            raise Refused(Reason.COLLATERAL_REFUSED, lots, room, message)

    def _take(self, account: Account, instrument_id: int, lots: int) -> None:
        self._emit(
            events.CollateralDeposited(
                instrument_id=instrument_id,
                account_id=account.account_id,
                size_lots=lots,
                lots_after=self._lots(account, instrument_id) + lots,
            )
        )

    def check_twin(self, source: Account) -> None:
        """Check that the venue takes the collateral of an account once more (PLAY-020).

        Raises:
            Refused: COLLATERAL_REFUSED: it has as much of it as it may.

        """
        for instrument_id, lots in self._state.counting_collateral(source).items():
            self._check_room(instrument_id, lots)

    def copy_to(self, twin: Account, source: Account) -> None:
        """Give a twin the collateral that counts of its source (PLAY-020)."""
        for instrument_id, lots in self._state.counting_collateral(source).items():
            self._take(twin, instrument_id, lots)

    def sell_all(self, account: Account) -> None:
        """Sell all collateral of an account that begins anew, by the last indexes, valid or not (PLAY-030)."""
        for instrument_id, held in account.collateral.items():
            mark = self._state.marks.get(instrument_id)
            index = mark.index_price_ticks if mark is not None else 0
            self._emit(conversion(self._state, account, instrument_id, held.lots, index, events.ConversionCause.RESET))

    def _lots(self, account: Account, instrument_id: int) -> int:
        held = account.collateral.get(instrument_id)
        return held.lots if held is not None else 0

    def withdraw(self, account_id: int, instrument_id: int, lots: int, now_ns: int) -> None:
        """Hold collateral; it leaves when its shard has acknowledged a line that no longer rests on it (PROTOCOL R8).

        Raises:
            Refused: ACCOUNT_UNKNOWN, ACCOUNT_RESERVED, ACCOUNT_FROZEN, INSTRUMENT_UNKNOWN, WITHDRAWAL_PENDING,
                WITHDRAWALS_GATED, COLLATERAL_REFUSED: there are not so many lots,
                WITHDRAWAL_EXCEEDS_FREE_MARGIN.

        """
        account = self._client(account_id)
        symbol = self._symbol(instrument_id)
        self._bank.check_gate(now_ns)
        self._bank.check_idle(account)
        shard = self._state.shard_of(instrument_id)
        if account.shares[shard].hold is not None:
            message = "part of the account's credit is being moved between shards; try again in a moment"
            raise Refused(Reason.WITHDRAWAL_PENDING, 1, 0, message)
        self._check_lots(account, instrument_id, lots, symbol)
        needed, free = self._needed(account, instrument_id, lots)
        if needed > free:
            message = f"{lots} lots of {symbol} count {needed} micro-dollars; at most {free} can be spared now"
            raise Refused(Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN, needed, free, message)
        self._emit(
            events.CollateralHeld(
                instrument_id=instrument_id,
                account_id=account_id,
                size_lots=lots,
                line_epoch=self._lines.epoch,
                line_number=self._lines.next_number,
            )
        )
        self._emit(
            events.ShareHeld(
                instrument_id=0,
                account_id=account_id,
                amount_micros=0,
                least_micros=0,
                line_epoch=self._lines.epoch,
                line_number=self._lines.next_number,
                shard=shard,
                receiver_shard=events.WITHDRAWAL,
            )
        )

    def _check_lots(self, account: Account, instrument_id: int, lots: int, symbol: str) -> None:
        held = account.collateral.get(instrument_id)
        there = held.lots - held.held_lots if held is not None else 0
        if not 1 <= lots <= there:
            message = f"the account has {there} free lots of {symbol} as collateral, not {lots}"
            raise Refused(Reason.COLLATERAL_REFUSED, lots, there, message)

    def _needed(self, account: Account, instrument_id: int, lots: int) -> tuple[int, int]:
        """Return by what the account counts less without lots, and what it can spare."""
        held = account.collateral[instrument_id]
        mark = self._state.marks.get(instrument_id)
        rest = self._state.collateral.terms_of(instrument_id).counted(
            held.lots - lots, mark.index_price_ticks if mark else 0
        )
        return held.counted_micros - rest, max(0, free_margin_with_collateral_micros(self._state, account))

    def acknowledged(self, account: Account, shard: int, fact: CreditApplied, now_ns: int) -> None:
        """Let held collateral leave, now that its shard has applied a line without it, or refuse it."""
        hold = account.hold
        assert hold is not None, "lots are held for a withdrawal"
        state = self._state
        gated = (
            now_ns < state.gated_until_ns or state.steering.withdrawals_are_paused or account.liquidation is not None
        )
        there, held = self._lots(account, hold.asset_id), account.collateral.get(hold.asset_id)
        # Part of it may have been sold, and other lots have come: on those credit rests.
        if not gated and held is not None and held.held_lots == hold.lots:
            needed, free = self._needed(account, hold.asset_id, hold.lots)
            # What open orders commit on the shard may not leave either; its line knows of the held lots already.
            missing = max(0, fact.committed_micros - budget_micros(standings(state, account), shard))
            if needed <= free and not missing:
                self._emit(
                    events.CollateralWithdrawn(
                        instrument_id=hold.asset_id,
                        account_id=account.account_id,
                        size_lots=hold.lots,
                        lots_after=there - hold.lots,
                    )
                )
                return
            allowed = min(free, max(0, needed - missing))
            elsewhere = needed <= free and state.shards > 1
            reason = Reason.CREDIT_ELSEWHERE if elsewhere else Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN
        else:
            allowed, missing = 0, 0
            reason = Reason.WITHDRAWALS_GATED if gated else Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN
        self._emit(
            events.CollateralRefused(
                instrument_id=hold.asset_id,
                account_id=account.account_id,
                size_lots=hold.lots,
                allowed_micros=allowed,
                reason=int(reason),
            )
        )
        if reason is Reason.CREDIT_ELSEWHERE:
            # As of an order (PROTOCOL R9): refused for now, and the share is asked for.
            self._shares.ask(account, missing, shard, now_ns)

    def convert(self, account_id: int, instrument_id: int, lots: int, now_ns: int) -> tuple[Account, int]:
        """Sell collateral outside the venue at its weighted index; return the account, and what came in.

        Raises:
            Refused: ACCOUNT_UNKNOWN, ACCOUNT_RESERVED, ACCOUNT_FROZEN, INSTRUMENT_UNKNOWN, COLLATERAL_REFUSED: there
                are not so many lots, or they yield nothing, PRICE_STALE.

        """
        account = self._client(account_id)
        symbol = self._symbol(instrument_id)
        self._check_lots(account, instrument_id, lots, symbol)
        if not self._state.is_valid(instrument_id, now_ns):
            message = f"the index of {symbol} is stale; nothing is sold by it"
            raise Refused(Reason.PRICE_STALE, instrument_id, 0, message)
        event = self._conversion(account, instrument_id, lots, events.ConversionCause.REQUESTED)
        if event.amount_micros == 0:
            message = f"{lots} lots of {symbol} yield nothing"
            raise Refused(Reason.COLLATERAL_REFUSED, lots, 0, message)
        self._emit(event)
        return account, event.amount_micros

    def _conversion(
        self, account: Account, instrument_id: int, lots: int, cause: events.ConversionCause
    ) -> events.CollateralConverted:
        index = self._state.marks[instrument_id].index_price_ticks
        return conversion(self._state, account, instrument_id, lots, index, cause)

    def repay(self, account: Account, now_ns: int) -> None:
        """Sell what a sound account owes in cash, if it owes more than it may, or has no position that could pay it."""
        state = self._state
        if account.cash_micros >= 0 or account.liquidation is not None or account.play is not None:
            return
        cause = events.ConversionCause.OWED if account.is_flat else events.ConversionCause.LOAN_LIMIT
        if not account.is_flat and -account.cash_micros <= state.collateral.loan_micros:
            return
        for instrument_id, lots in state.counting_collateral(account).items():
            if account.cash_micros >= 0:
                return
            if state.is_valid(instrument_id, now_ns):
                index = state.marks[instrument_id].index_price_ticks
                sold = state.collateral.terms_of(instrument_id).lots_for(lots, -account.cash_micros, index)
                self._emit(self._conversion(account, instrument_id, sold, cause))
