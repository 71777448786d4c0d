"""What only a venue of play money has: a faucet, twins of accounts, and accounts that begin anew.

A twin's positions, and the end of those that are reset, need somebody on the other side, or lots would be made of
nothing. That is the house, an account of the venue: it takes the other side, gives and takes the money, is margined by
nobody, and may owe as much as it likes. So every invariant of the ledger holds through play as through trading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.refusal import Refused
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import PlayKind
from wavetank.model.ids import HOUSE_ACCOUNT_ID
from wavetank.model.orders import CommandKind, LineStatus, Side
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.account import Account, PlayUnderWay
    from wavetank.clearing.core.bank import Bank
    from wavetank.clearing.core.state import State
    from wavetank.model.record import Event

MOST_HOUSE_MICROS = 4 * 10**18
"""Cash that the house may have or owe; its positions may be worth as much again within 64 bits."""


class Play:
    """Carries out what people ask of play money, over as many answers of the shards as it takes."""

    def __init__(self, state: State, emit: Callable[[Event], int], bank: Bank, review: Callable[[int], None]) -> None:
        """Play with `state` through `emit`, and have accounts reviewed when they are done."""
        self._state = state
        self._emit = emit
        self._bank = bank
        self._review = review

    def draw_faucet(self, account_id: int, now_ns: int) -> int:
        """Fill an account's equity up to the faucet's amount, once per interval and owner (PLAY-010).

        Returns:
            What it got, micro-dollars.

        Raises:
            Refused: ACCOUNT_UNKNOWN, ACCOUNT_RESERVED, ACCOUNT_FROZEN, FAUCET_DRY.

        """
        account, settings = self._idle(account_id), self._state.settings
        drawn_ns = self._state.accounts[account.owner_id].faucet_ns
        due_ns = drawn_ns + settings.faucet_interval_ns
        if drawn_ns and now_ns < due_ns:
            message = f"the faucet gives to an owner once in {settings.faucet_interval_ns // 10**9} s of venue time"
            raise Refused(Reason.FAUCET_DRY, now_ns, due_ns, message)
        equity = self._state.value(account).equity_micros
        amount = settings.faucet_micros - equity
        if amount <= 0:
            message = f"the faucet fills up to {settings.faucet_micros} micro-dollars; the account has {equity}"
            raise Refused(Reason.FAUCET_DRY, equity, settings.faucet_micros, message)
        self._emit(
            events.FaucetDrawn(
                instrument_id=0,
                account_id=account_id,
                amount_micros=amount,
                cash_after_micros=account.cash_micros + amount,
                drawn_ns=now_ns,
            )
        )
        return amount

    def clone(self, source_id: int, name: str) -> Account:
        """Open a twin of an account: the same in all but its orders, of which it has none (PLAY-020).

        It is a sub-account of the same owner, frozen until its last position has arrived.

        Raises:
            Refused: AMOUNT_OUT_OF_RANGE: the house owes too much already; ACCOUNT_UNKNOWN, ACCOUNT_RESERVED,
                ACCOUNT_FROZEN, MALFORMED, NAME_TAKEN, SUB_ACCOUNT_REFUSED,
                COLLATERAL_REFUSED.

        """
        source = self._idle(source_id)
        self._check_house(source.cash_micros)
        self._bank.collateral.check_twin(source)
        twin = self._bank.open_account(
            name, 0, parent_id=source.owner_id, isolated_instrument_id=source.isolated_instrument_id
        )
        if twin.margin_mode != source.margin_mode:
            mode = int(source.margin_mode)
            self._emit(events.MarginModeChanged(instrument_id=0, account_id=twin.account_id, mode=mode))
        for instrument_id, leverage in source.leverages.items():
            largest = self._state.instruments[instrument_id].max_leverage
            if leverage < largest:
                self._emit(events.LeverageChanged(instrument_id, twin.account_id, leverage, largest))
        self._begin(twin, PlayKind.CLONE, source_id)
        self._settle(twin, source.cash_micros)
        self._bank.collateral.copy_to(twin, source)
        for instrument_id, position in source.positions.items():
            self._transfer(twin, instrument_id, position.lots, position.cost_micros, giver_may_increase=True)
        self.go_on(twin)
        return twin

    def reset(self, account_id: int, cash_micros: int) -> Account:
        """Begin to make an account flat and without orders, with so much cash (PLAY-030).

        Its positions go to the house at their marks, valid or not.

        Raises:
            Refused: ACCOUNT_UNKNOWN, ACCOUNT_RESERVED, ACCOUNT_FROZEN, AMOUNT_OUT_OF_RANGE.

        """
        account = self._idle(account_id)
        if cash_micros:
            self._bank.check_amount(cash_micros)
        self._check_house(cash_micros - account.cash_micros)
        self._begin_reset(account, cash_micros)
        return account

    def _begin_reset(self, account: Account, cash_micros: int) -> None:
        self._begin(account, PlayKind.RESET, 0, cash_micros)
        for shard in range(self._state.shards):
            self._request(account, 0, CommandKind.CANCEL_ACCOUNT, shard=shard)

    def _check_house(self, amount_micros: int) -> None:
        """Check that the house may give so much.

        Raises:
            Refused: AMOUNT_OUT_OF_RANGE.

        """
        cash = self._state.accounts[HOUSE_ACCOUNT_ID].cash_micros - amount_micros
        if abs(cash) > MOST_HOUSE_MICROS:
            message = f"the house would have {cash} micro-dollars, more than the ledger keeps"
            raise Refused(Reason.AMOUNT_OUT_OF_RANGE, cash, MOST_HOUSE_MICROS, message)

    def _idle(self, account_id: int) -> Account:
        """Return a client's account with nothing under way.

        Raises:
            Refused: ACCOUNT_UNKNOWN, ACCOUNT_RESERVED, ACCOUNT_FROZEN.

        """
        account = self._bank.client(account_id)
        if account.liquidation is not None or account.play is not None:
            message = "the account is being liquidated, cloned or reset"
            raise Refused(Reason.ACCOUNT_FROZEN, 1, 0, message)
        if account.hold is not None or account.mode_change is not None:
            message = "a withdrawal, a transfer or a change of mode is waiting; try again when it has ended"
            raise Refused(Reason.WITHDRAWAL_PENDING, 1, 0, message)
        return account

    def _begin(self, account: Account, kind: PlayKind, source_id: int, cash_micros: int = 0) -> None:
        self._emit(
            events.PlayBegan(
                instrument_id=0,
                account_id=account.account_id,
                source_account_id=source_id,
                cash_micros=cash_micros,
                kind=int(kind),
            )
        )
        status = int(LineStatus.FROZEN)
        self._emit(events.LineStatusChanged(instrument_id=0, account_id=account.account_id, status=status))

    def go_on(self, account: Account) -> None:
        """Go on if nothing is waited for: ask for what is left, or end it."""
        play = account.play
        if play is None or play.pending:
            return
        if play.reason:
            self._give_up(account, play)
            return
        if play.kind != PlayKind.CLONE and not account.is_flat:
            for instrument_id, position in account.positions.items():
                value = -position.lots * self._state.mark_ticks(account, instrument_id)
                self._transfer(account, instrument_id, -position.lots, value, giver_may_increase=False)
            return
        if play.kind != PlayKind.CLONE:
            self._bank.collateral.sell_all(account)
            self._settle(account, play.cash_micros - account.cash_micros)
        self._end(account)

    def _give_up(self, account: Account, play: PlayUnderWay) -> None:
        """End what a shard refuses; what there is of a twin goes back to the house."""
        self._end(account, play.reason)
        if play.kind == PlayKind.CLONE:
            self._begin_reset(account, 0)

    def _end(self, account: Account, reason: int = 0) -> None:
        self._emit(events.PlayEnded(instrument_id=0, account_id=account.account_id, reason=reason))
        self._review(account.account_id)

    def _settle(self, account: Account, amount_micros: int) -> None:
        """Let the house give so much, or take it if it is negative."""
        house = self._state.accounts[HOUSE_ACCOUNT_ID]
        payer, receiver = (house, account) if amount_micros > 0 else (account, house)
        amount = abs(amount_micros)
        if amount:
            self._emit(
                events.CashTransferred(
                    instrument_id=account.isolated_instrument_id,
                    account_id=payer.account_id,
                    receiver_account_id=receiver.account_id,
                    amount_micros=amount,
                    liquidation_id=0,
                    payer_cash_after_micros=payer.cash_micros - amount,
                    receiver_cash_after_micros=receiver.cash_micros + amount,
                    cause=int(events.CashCause.PLAY),
                )
            )

    def _transfer(
        self, account: Account, instrument_id: int, delta_lots: int, value_micros: int, *, giver_may_increase: bool
    ) -> None:
        self._request(
            account,
            instrument_id,
            CommandKind.TRANSFER,
            shard=self._state.shard_of(instrument_id),
            size_lots=delta_lots,
            value_micros=value_micros,
            receiver_account_id=HOUSE_ACCOUNT_ID,
            side=int(Side.BUY if delta_lots > 0 else Side.SELL),
            receiver_may_increase=1,
            giver_may_increase=int(giver_may_increase),
        )

    def _request(
        self, account: Account, instrument_id: int, command: CommandKind, *, shard: int, **fields: int
    ) -> None:
        nothing = {
            "size_lots": 0,
            "value_micros": 0,
            "receiver_account_id": 0,
            "side": 0,
            "receiver_may_increase": 0,
            "giver_may_increase": 0,
        }
        self._emit(
            events.MatchingRequested(
                instrument_id=instrument_id,
                account_id=account.account_id,
                liquidation_id=0,
                price_ticks=0,
                reserve_micros=0,
                command=int(command),
                shard=shard,
                **{**nothing, **fields},
            )
        )
