"""The counter: accounts, deposits, withdrawals, transfers, API keys. A refusal raises and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.collateral import CollateralCounter
from wavetank.clearing.core.credit import Lines, budget_micros, free_margin_micros, standings, withdrawable_micros
from wavetank.clearing.core.health import AccountKind
from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.clearing.core.mode_changes import ModeChanges
from wavetank.clearing.core.refusal import Refused
from wavetank.model.events import clearing as events
from wavetank.model.ids import (
    BACKSTOP_VAULT_ID,
    DEBT_ACCOUNT_ID,
    FEE_ACCOUNT_ID,
    FIRST_CLIENT_ACCOUNT_ID,
    HOUSE_ACCOUNT_ID,
    INSURANCE_FUND_ID,
    ROUNDING_ACCOUNT_ID,
    VENUE_ACCOUNTS,
)
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.account import Account, Hold
    from wavetank.clearing.core.shares import Shares
    from wavetank.clearing.core.state import State
    from wavetank.model.events.matching import CreditApplied
    from wavetank.model.record import Event

MAX_AMOUNT_MICROS = 10**15
MAX_NAME_BYTES = 32
MAX_SUB_ACCOUNTS = 100
"""Sub-accounts of one account."""

_VENUE_KINDS = {
    FEE_ACCOUNT_ID: AccountKind.FEES,
    INSURANCE_FUND_ID: AccountKind.INSURANCE_FUND,
    ROUNDING_ACCOUNT_ID: AccountKind.ROUNDING,
    BACKSTOP_VAULT_ID: AccountKind.BACKSTOP_VAULT,
    DEBT_ACCOUNT_ID: AccountKind.DEBT,
    HOUSE_ACCOUNT_ID: AccountKind.HOUSE,
}


class Bank:
    """Answers requests about accounts and money."""

    def __init__(self, state: State, emit: Callable[[Event], int], lines: Lines, shares: Shares) -> None:
        """Answer for `state` through `emit`."""
        self._state = state
        self._shares = shares
        self._emit = emit
        self._lines = lines
        self._modes = ModeChanges(state, emit, lines)
        self.collateral = CollateralCounter(self, state, emit, lines, shares)

    def open_venue_accounts(self, fund_deposit_micros: int) -> None:
        """Open those of the venue's own accounts that there are not, and endow the insurance fund when it begins."""
        is_new = not self._state.accounts
        for account_id, name in VENUE_ACCOUNTS.items():
            if account_id in self._state.accounts:
                continue
            self._emit(
                events.AccountOpened(
                    instrument_id=0,
                    account_id=account_id,
                    name=name.encode(),
                    account_kind=int(_VENUE_KINDS[account_id]),
                )
            )
        if is_new and fund_deposit_micros:
            self.deposit(INSURANCE_FUND_ID, fund_deposit_micros)

    def account(self, account_id: int) -> Account:
        """Return an account.

        Raises:
            Refused: ACCOUNT_UNKNOWN.

        """
        account = self._state.accounts.get(account_id)
        if account is None:
            message = f"account {account_id} does not exist"
            raise Refused(Reason.ACCOUNT_UNKNOWN, account_id, 0, message)
        return account

    def open_account(
        self, name: str, deposit_micros: int, *, parent_id: int = 0, isolated_instrument_id: int = 0
    ) -> Account:
        """Open a client's account.

        Args:
            name: unique.
            deposit_micros: play money to begin with, or 0.
            parent_id: account whose sub-account it is to be, or 0. Its money and its risk are its own; what it shares
                is the owner.
            isolated_instrument_id: the only instrument that it may ever trade, or 0. A position next to cross ones with
                a collateral of its own stands in such a sub-account (MRGN-030).

        Raises:
            Refused: MALFORMED, NAME_TAKEN, AMOUNT_OUT_OF_RANGE, ACCOUNT_UNKNOWN, ACCOUNT_RESERVED,
                INSTRUMENT_UNKNOWN, SUB_ACCOUNT_REFUSED.

        """
        encoded = name.encode()
        if not 1 <= len(encoded) <= MAX_NAME_BYTES or not name.isprintable():
            message = f"a name has 1 to {MAX_NAME_BYTES} printable bytes, this one {len(encoded)}"
            raise Refused(Reason.MALFORMED, len(encoded), MAX_NAME_BYTES, message)
        if name in self._state.names:
            message = f"an account named {name!r} exists"
            raise Refused(Reason.NAME_TAKEN, 0, 0, message)
        if deposit_micros:
            self.check_amount(deposit_micros)
        if parent_id:
            self._check_parent(parent_id)
        if isolated_instrument_id and isolated_instrument_id not in self._state.instruments:
            message = f"instrument {isolated_instrument_id} is not listed"
            raise Refused(Reason.INSTRUMENT_UNKNOWN, isolated_instrument_id, 0, message)
        account_id = self._state.next_account_id
        self._emit(
            events.AccountOpened(
                instrument_id=0,
                account_id=account_id,
                name=encoded,
                account_kind=int(AccountKind.CLIENT),
                parent_account_id=parent_id,
            )
        )
        if isolated_instrument_id:
            # Before the account's first line, so that no order of it can ever rest elsewhere.
            self._emit(
                events.MarginModeChanged(
                    instrument_id=isolated_instrument_id, account_id=account_id, mode=int(MarginMode.ISOLATED)
                )
            )
        if deposit_micros:
            self.deposit(account_id, deposit_micros)
        return self._state.accounts[account_id]

    def _check_parent(self, parent_id: int) -> None:
        parent = self.client(parent_id)
        if parent.parent_id:
            message = f"account {parent_id} is a sub-account itself, of account {parent.parent_id}"
            raise Refused(Reason.SUB_ACCOUNT_REFUSED, parent_id, parent.parent_id, message)
        count = len(self._state.sub_accounts_of(parent_id))
        if count >= MAX_SUB_ACCOUNTS:
            message = f"account {parent_id} has {count} sub-accounts already, which is the most"
            raise Refused(Reason.SUB_ACCOUNT_REFUSED, count + 1, MAX_SUB_ACCOUNTS, message)

    def client(self, account_id: int) -> Account:
        """Return a client's account.

        Raises:
            Refused: ACCOUNT_UNKNOWN, ACCOUNT_RESERVED.

        """
        account = self.account(account_id)
        if account_id < FIRST_CLIENT_ACCOUNT_ID:
            message = f"account {account_id} belongs to the venue"
            raise Refused(Reason.ACCOUNT_RESERVED, account_id, FIRST_CLIENT_ACCOUNT_ID, message)
        return account

    @staticmethod
    def check_amount(amount_micros: int) -> None:
        """Check an amount of money that somebody asks for.

        Raises:
            Refused: AMOUNT_OUT_OF_RANGE.

        """
        if not 1 <= amount_micros <= MAX_AMOUNT_MICROS:
            message = f"an amount is 1 to {MAX_AMOUNT_MICROS} micro-dollars, not {amount_micros}"
            raise Refused(Reason.AMOUNT_OUT_OF_RANGE, amount_micros, MAX_AMOUNT_MICROS, message)

    def deposit(self, account_id: int, amount_micros: int) -> Account:
        """Add play money.

        Raises:
            Refused: ACCOUNT_UNKNOWN, AMOUNT_OUT_OF_RANGE.

        """
        after = self.check_deposit(account_id, amount_micros)
        self._emit(
            events.Deposited(
                instrument_id=0,
                account_id=account_id,
                amount_micros=amount_micros,
                cash_after_micros=after,
            )
        )
        return self._state.accounts[account_id]

    def check_deposit(self, account_id: int, amount_micros: int) -> int:
        """Return what an account would have after a deposit.

        Raises:
            Refused: ACCOUNT_UNKNOWN, AMOUNT_OUT_OF_RANGE, ACCOUNT_FROZEN.

        """
        account = self.account(account_id)
        self.check_amount(amount_micros)
        if account.play is not None:
            message = f"account {account_id} is being cloned or reset; what came now would go to the house"
            raise Refused(Reason.ACCOUNT_FROZEN, 1, 0, message)
        after = account.cash_micros + amount_micros
        if abs(after) > MAX_AMOUNT_MICROS * 1_000:
            message = f"the account would hold {after} micro-dollars, more than the ledger keeps"
            raise Refused(Reason.AMOUNT_OUT_OF_RANGE, after, MAX_AMOUNT_MICROS * 1_000, message)
        return after

    def withdraw(self, account_id: int, amount_micros: int, now_ns: int) -> None:
        """Hold an amount; it is paid when the shards that give it have acknowledged lower lines (PROTOCOL R8).

        The shards with most to spare give first.

        Raises:
            Refused: ACCOUNT_UNKNOWN, ACCOUNT_RESERVED, AMOUNT_OUT_OF_RANGE, WITHDRAWAL_PENDING,
                WITHDRAWALS_GATED, ACCOUNT_FROZEN, WITHDRAWAL_EXCEEDS_FREE_MARGIN.

        """
        account = self.client(account_id)
        self.check_amount(amount_micros)
        self.check_gate(now_ns)
        self._hold_money(account, amount_micros)

    def check_gate(self, now_ns: int) -> None:
        """Check that something may leave the venue now (LIQ-110).

        Raises:
            Refused: WITHDRAWALS_GATED.

        """
        if now_ns < self._state.gated_until_ns:
            message = "withdrawals are gated after a deficit; try again later"
            raise Refused(Reason.WITHDRAWALS_GATED, now_ns, self._state.gated_until_ns, message)
        if self._state.steering.withdrawals_are_paused:
            message = "the operator has paused withdrawals; try again later"
            raise Refused(Reason.WITHDRAWALS_GATED, 1, 0, message)

    def transfer(self, payer_id: int, receiver_id: int, amount_micros: int, *, between_owners: bool = False) -> None:
        """Hold an amount for another account; it leaves as a withdrawal does, and arrives at once (MRGN-060).

        The venue's gate is for what leaves it: money may change between accounts of one owner meanwhile.

        Args:
            payer_id: whose it is.
            receiver_id: whose it is to be.
            amount_micros: how much.
            between_owners: whether the two may belong to different owners, which only an admin may ask for.

        Raises:
            Refused: ACCOUNT_UNKNOWN, ACCOUNT_RESERVED, AMOUNT_OUT_OF_RANGE, TRANSFER_REFUSED, WITHDRAWAL_PENDING,
                ACCOUNT_FROZEN, WITHDRAWAL_EXCEEDS_FREE_MARGIN.

        """
        payer, receiver = self.client(payer_id), self.client(receiver_id)
        if payer_id == receiver_id:
            message = f"account {payer_id} cannot transfer to itself"
            raise Refused(Reason.TRANSFER_REFUSED, receiver_id, 0, message)
        if payer.owner_id != receiver.owner_id and not between_owners:
            message = f"accounts {payer_id} and {receiver_id} have different owners; an admin can move it"
            raise Refused(Reason.TRANSFER_REFUSED, receiver_id, payer.owner_id, message)
        self.check_deposit(receiver_id, amount_micros)
        self._hold_money(payer, amount_micros, receiver_id)

    @staticmethod
    def check_idle(account: Account) -> None:
        """Check that nothing is under way that a hold on an account would meet.

        Raises:
            Refused: WITHDRAWAL_PENDING, ACCOUNT_FROZEN.

        """
        if account.hold is not None:
            message = "another withdrawal or transfer of the account is waiting; try again when it has ended"
            raise Refused(Reason.WITHDRAWAL_PENDING, 1, 0, message)
        if account.play is not None:
            message = "the account is being cloned or reset"
            raise Refused(Reason.ACCOUNT_FROZEN, 1, 0, message)
        if account.mode_change is not None:
            message = "a change of the account's margin mode is under way; try again in a moment"
            raise Refused(Reason.WITHDRAWAL_PENDING, 1, 0, message)
        if account.liquidation is not None:
            message = "the account is being liquidated"
            raise Refused(Reason.ACCOUNT_FROZEN, 1, 0, message)

    def _hold_money(self, account: Account, amount_micros: int, receiver_id: int = 0) -> None:
        self.check_idle(account)
        allowed = withdrawable_micros(self._state, account)
        if amount_micros > allowed:
            message = f"at most {allowed} micro-dollars can be withdrawn now, not {amount_micros}"
            raise Refused(Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN, amount_micros, allowed, message)
        parts = self._parts(account, amount_micros)
        if parts is None:
            message = "part of the account's credit is being moved between shards; try again in a moment"
            raise Refused(Reason.WITHDRAWAL_PENDING, 1, 0, message)
        self._emit(
            events.WithdrawalHeld(
                instrument_id=0,
                account_id=account.account_id,
                amount_micros=amount_micros,
                line_epoch=self._lines.epoch,
                line_number=self._lines.next_number,
                receiver_account_id=receiver_id,
            )
        )
        self._hold(account, parts)

    def _parts(self, account: Account, amount_micros: int) -> list[tuple[int, int]] | None:
        """Return which shards without a hold give how much of an amount; None if they have not enough."""
        stand = standings(self._state, account)
        shards = [shard for shard, share in enumerate(account.shares) if share.hold is None]
        if len(stand) == 1:
            return [(0, amount_micros)] if shards else None
        spare = {shard: self._lines.spare_micros(account, stand, shard) for shard in shards}
        if sum(spare.values()) < amount_micros:
            # What they last said to have committed may not be true any more; they are asked.
            spare = {shard: max(0, stand[shard].equity_micros - stand[shard].initial_micros) for shard in shards}
        parts = []
        for shard in sorted(shards, key=lambda each: (-spare[each], each)):
            part = min(spare[shard], amount_micros)
            if part:
                parts.append((shard, part))
                amount_micros -= part
        return parts if amount_micros == 0 else None

    def _hold(self, account: Account, parts: list[tuple[int, int]]) -> None:
        for shard, part in parts:
            self._emit(
                events.ShareHeld(
                    instrument_id=0,
                    account_id=account.account_id,
                    amount_micros=part,
                    least_micros=0,
                    line_epoch=self._lines.epoch,
                    line_number=self._lines.next_number,
                    shard=shard,
                    receiver_shard=events.WITHDRAWAL,
                )
            )

    def acknowledged(self, fact: CreditApplied, shard: int, now_ns: int) -> None:
        """Go on with what was held on a shard, now that it has applied a line that knows of the hold."""
        account = self._state.accounts.get(fact.account_id)
        if account is None:
            return
        self._lines.note_committed(account.account_id, shard, fact.committed_micros)
        self._modes.acknowledged(account, shard, fact)
        hold = account.shares[shard].hold
        if hold is None or hold.is_confirmed:
            return
        if (fact.line_epoch, fact.line_number) < (hold.line_epoch, hold.line_number):
            return
        if account.hold is not None and account.hold.asset_id and hold.receiver_shard == events.WITHDRAWAL:
            self.collateral.acknowledged(account, shard, fact, now_ns)
        elif hold.receiver_shard == events.WITHDRAWAL:
            self._withdraw_from(account, shard, fact, now_ns)
        else:
            self._shares.acknowledged(account, shard, fact)

    def _withdraw_from(self, account: Account, shard: int, fact: CreditApplied, now_ns: int) -> None:
        """Pay a withdrawal when its last part is free, ask elsewhere for what this shard has not, or refuse it."""
        withdrawal, hold = account.hold, account.shares[shard].hold
        assert withdrawal is not None, "parts are held for a withdrawal"
        assert hold is not None, "an acknowledgement is told of a hold"
        # What open orders commit on the shard may not be paid out either.
        credit = budget_micros(standings(self._state, account), shard)
        uncommitted = credit + hold.amount_micros - fact.committed_micros
        part = min(hold.amount_micros, max(0, uncommitted))
        missing = hold.amount_micros - part
        others = self._parts(account, missing) if missing else []
        state = self._state
        leaves = withdrawal.receiver_account_id == 0
        gated = account.liquidation is not None or (
            leaves and (now_ns < state.gated_until_ns or state.steering.withdrawals_are_paused)
        )
        free = free_margin_micros(self._state, account)
        # A receiver that is being reset would hand it on to the house.
        is_busy = not leaves and state.accounts[withdrawal.receiver_account_id].play is not None
        if others is None or gated or is_busy or withdrawal.amount_micros > free:
            reason = Reason.WITHDRAWALS_GATED if gated else Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN
            reason = Reason.ACCOUNT_FROZEN if is_busy else reason
            allowed = min(free, withdrawal.amount_micros - hold.amount_micros + uncommitted)
            self._emit(
                events.WithdrawalRefused(
                    instrument_id=0,
                    account_id=account.account_id,
                    amount_micros=withdrawal.amount_micros,
                    allowed_micros=0 if gated or is_busy else max(0, allowed),
                    reason=int(reason),
                    was_held=1,
                )
            )
            return
        waits = others or any(
            share.hold is not None
            and share.hold is not hold
            and share.hold.receiver_shard == events.WITHDRAWAL
            and not share.hold.is_confirmed
            for share in account.shares
        )
        if waits:
            self._emit(
                events.ShareConfirmed(instrument_id=0, account_id=account.account_id, amount_micros=part, shard=shard)
            )
            self._hold(account, others)
            return
        self._pay(account, withdrawal)

    def _pay(self, account: Account, withdrawal: Hold) -> None:
        amount, left = withdrawal.amount_micros, account.cash_micros - withdrawal.amount_micros
        if withdrawal.receiver_account_id == 0:
            self._emit(
                events.Withdrawn(
                    instrument_id=0, account_id=account.account_id, amount_micros=amount, cash_after_micros=left
                )
            )
            return
        receiver = self._state.accounts[withdrawal.receiver_account_id]
        self._emit(
            events.CashTransferred(
                instrument_id=0,
                account_id=account.account_id,
                receiver_account_id=receiver.account_id,
                amount_micros=amount,
                liquidation_id=0,
                payer_cash_after_micros=left,
                receiver_cash_after_micros=receiver.cash_micros + amount,
                cause=int(events.CashCause.OWNER_TRANSFER),
            )
        )

    def set_margin_mode(self, account_id: int, mode: MarginMode) -> Account:
        """Let an account's legs be margined together in another way; see `mode_changes` for when that is in force.

        Raises:
            Refused: ACCOUNT_UNKNOWN, ACCOUNT_RESERVED, ACCOUNT_FROZEN, MARGIN_MODE_REFUSED, WITHDRAWAL_PENDING.

        """
        account = self.client(account_id)
        self._modes.ask(account, mode)
        return account

    def create_api_key(self, account_id: int, *, key_id: str, secret_sha256: bytes, scopes: int) -> None:
        """Record an API key by the hash of its secret; account 0 is for admin keys.

        Raises:
            Refused: ACCOUNT_UNKNOWN, ACCOUNT_RESERVED, NAME_TAKEN.

        """
        if account_id:
            self.client(account_id)
        if key_id in self._state.api_keys:
            message = f"a key {key_id} exists"
            raise Refused(Reason.NAME_TAKEN, 0, 0, message)
        self._emit(
            events.ApiKeyCreated(
                instrument_id=0,
                account_id=account_id,
                key_id=key_id.encode(),
                secret_sha256=secret_sha256,
                scopes=scopes,
            )
        )

    def revoke_api_key(self, key_id: str) -> None:
        """End an API key.

        Raises:
            Refused: KEY_NOT_FOUND.

        """
        if key_id not in self._state.api_keys:
            message = f"no key {key_id} exists, or it was revoked before"
            raise Refused(Reason.KEY_NOT_FOUND, 0, 0, message)
        account_id = self._state.api_keys[key_id].account_id
        self._emit(events.ApiKeyRevoked(instrument_id=0, account_id=account_id, key_id=key_id.encode()))
