"""AccountService: accounts, positions, fills, play money, events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
from redis.exceptions import RedisError

from wavetank.clearing.adapters.endings import (
    CollateralEnd,
    ModeEnd,
    Paid,
    PaymentEnd,
    collateral_withdrawals,
    mode_changes,
    payments,
    play,
    within,
)
from wavetank.clearing.adapters.wire import (
    account_message,
    fill_message,
    leverage_messages,
    position_messages,
)
from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.model.events import clearing as events
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.runtime.principal import Scope, principal, require
from wavetank.runtime.registry import Registry
from wavetank.v1 import account_pb2, account_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from wavetank.clearing.adapters.account_events import AccountEvents
    from wavetank.clearing.adapters.fill_history import FillHistory
    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.clearing import Clearing
    from wavetank.clearing.service import ClearingService

Context = grpc.aio.ServicerContext[Any, Any]

MAX_PAGE = 1_000
DEFAULT_PAGE = 100
FILLS_SECONDS = 2.0
"""Wall time that a page of fills waits for those committed last."""


def page_size(asked: int) -> int:
    """Return the number of rows of a page.

    Raises:
        VenueError: MALFORMED.

    """
    if not 0 <= asked <= MAX_PAGE:
        raise VenueError(
            Reason.MALFORMED, f"page_size is {asked}; 0 to {MAX_PAGE} is allowed", was=asked, allowed=MAX_PAGE
        )
    return asked or DEFAULT_PAGE


class AccountServicer(account_pb2_grpc.AccountServiceServicer):
    """Serves accounts."""

    def __init__(
        self,
        service: ClearingService,
        fills: FillHistory,
        account_events: AccountEvents,
        *,
        registry: Registry,
        client_deposits: bool = True,
    ) -> None:
        """Serve for `service`.

        Args:
            service: what decides.
            fills: what was filled.
            account_events: what befalls accounts.
            registry: knows who may act for whom.
            client_deposits: whether clients deposit too; without, only admins do.

        """
        self._service = service
        self._registry = registry
        self._fills = fills
        self._events = account_events
        self._client_deposits = client_deposits
        self._payments, self._mode_changes, self._play = payments(), mode_changes(), play()
        self._collateral = collateral_withdrawals()
        for sink in (self._payments, self._mode_changes, self._play, self._collateral):
            service.tell(sink)

    async def OpenAccount(  # noqa: N802 - the contract's name.
        self, request: account_pb2.OpenAccountRequest, context: Context
    ) -> account_pb2.OpenAccountResponse:
        """Open an account (admin), or a sub-account of one's own."""
        if request.parent_account_id:
            require(principal(context), Scope.TRADE, request.parent_account_id)
            if request.deposit_micros and not self._client_deposits:
                require(principal(context), Scope.ADMIN)
        else:
            require(principal(context), Scope.ADMIN)

        def call(core: Clearing, _now_ns: int) -> account_pb2.Account:
            account = core.bank.open_account(
                request.name,
                request.deposit_micros,
                parent_id=request.parent_account_id,
                isolated_instrument_id=request.isolated_instrument_id,
            )
            return account_message(core.state, account)

        opened: account_pb2.Account = await self._service.request(call)
        # Whoever is told of an account may ask for it at once, so those at the door are to know it by then.
        await self._registry.knows(opened.account_id)
        return account_pb2.OpenAccountResponse(account=opened)

    async def ListAccounts(  # noqa: N802 - the contract's name.
        self, request: account_pb2.ListAccountsRequest, context: Context
    ) -> account_pb2.ListAccountsResponse:
        """List accounts by id: all of them (admin), or one's own and its sub-accounts."""
        owner_id = request.owner_account_id
        if owner_id:
            require(principal(context), Scope.READ, owner_id)
        else:
            require(principal(context), Scope.ADMIN)
        count = page_size(request.page_size)

        def call(core: Clearing) -> account_pb2.ListAccountsResponse:
            state = core.state
            listed = (
                [core.bank.account(owner_id).account_id, *state.sub_accounts_of(owner_id)]
                if owner_id
                else sorted(state.accounts)
            )
            ids = [key for key in listed if key > request.after_account_id][:count]
            return account_pb2.ListAccountsResponse(
                accounts=[account_message(state, state.accounts[key]) for key in ids], seq=core.last_seq
            )

        answer: account_pb2.ListAccountsResponse = await self._service.ask(call)
        return answer

    async def GetAccount(  # noqa: N802 - the contract's name.
        self, request: account_pb2.GetAccountRequest, context: Context
    ) -> account_pb2.GetAccountResponse:
        """Tell cash, equity and margins."""
        account_id = require(principal(context), Scope.READ, request.account_id)

        def call(core: Clearing) -> account_pb2.GetAccountResponse:
            return account_pb2.GetAccountResponse(
                account=account_message(core.state, core.bank.account(account_id)), seq=core.last_seq
            )

        answer: account_pb2.GetAccountResponse = await self._service.ask(call)
        return answer

    async def ListPositions(  # noqa: N802 - the contract's name.
        self, request: account_pb2.ListPositionsRequest, context: Context
    ) -> account_pb2.ListPositionsResponse:
        """List positions by instrument id."""
        account_id = require(principal(context), Scope.READ, request.account_id)

        def call(core: Clearing) -> account_pb2.ListPositionsResponse:
            account = core.bank.account(account_id)
            return account_pb2.ListPositionsResponse(
                positions=position_messages(core.state, account, with_adl_lights=request.with_adl_lights),
                seq=core.last_seq,
                leverages=leverage_messages(account),
            )

        answer: account_pb2.ListPositionsResponse = await self._service.ask(call)
        return answer

    async def ListFills(  # noqa: N802 - the contract's name.
        self, request: account_pb2.ListFillsRequest, context: Context
    ) -> account_pb2.ListFillsResponse:
        """List fills, newest first."""
        account_id = require(principal(context), Scope.READ, request.account_id)
        count = page_size(request.page_size)
        token = request.page_token
        if token and not (token.isascii() and token.isdecimal() and 0 < int(token) < 2**63):
            raise VenueError(Reason.MALFORMED, "page_token is not one that a response gave")

        def committed_seq(core: Clearing) -> int:
            core.bank.account(account_id)
            return core.last_seq

        seq = await self._service.ask(committed_seq)
        try:
            # Who was told of a fill finds it here.
            async with asyncio.timeout(FILLS_SECONDS):
                await self._fills.caught_up(seq)
            page = await self._fills.page(account_id, int(token or 0), count)
        except (RedisError, TimeoutError) as error:
            raise VenueError(Reason.LOG_UNAVAILABLE, "fills cannot be read now; try again") from error
        return account_pb2.ListFillsResponse(
            fills=[fill_message(*row) for row in page],
            next_page_token=str(page[-1][0]) if len(page) == count else "",
        )

    async def Deposit(  # noqa: N802 - the contract's name.
        self, request: account_pb2.DepositRequest, context: Context
    ) -> account_pb2.DepositResponse:
        """Add play money."""
        who = principal(context)
        account_id = require(who, Scope.TRADE, request.account_id)
        if not self._client_deposits:
            require(who, Scope.ADMIN)

        def call(core: Clearing, _now_ns: int) -> tuple[int, int]:
            account = core.bank.deposit(account_id, request.amount_micros)
            return account.cash_micros, core.last_seq

        cash_micros, seq = await self._service.request(call)
        return account_pb2.DepositResponse(cash_micros=cash_micros, seq=seq)

    async def Withdraw(  # noqa: N802 - the contract's name.
        self, request: account_pb2.WithdrawRequest, context: Context
    ) -> account_pb2.WithdrawResponse:
        """Take play money out: held, acknowledged by the shard, then paid (PROTOCOL R8)."""
        account_id = require(principal(context), Scope.TRADE, request.account_id)

        def call(core: Clearing, now_ns: int) -> asyncio.Future[PaymentEnd]:
            core.bank.withdraw(account_id, request.amount_micros, now_ns)
            return self._payments.expect(account_id)

        paid = await self._paid(call)
        assert isinstance(paid, events.Withdrawn)
        seq = await self._service.ask(lambda core: core.last_seq)
        return account_pb2.WithdrawResponse(cash_micros=paid.cash_after_micros, seq=seq)

    async def Transfer(  # noqa: N802 - the contract's name.
        self, request: account_pb2.TransferRequest, context: Context
    ) -> account_pb2.TransferResponse:
        """Move money to another account of the same owner; an admin may move it between any clients (MRGN-060)."""
        who = principal(context)
        account_id = require(who, Scope.TRADE, request.account_id)
        is_admin = bool(who.scopes & (Scope.ADMIN | Scope.INTERNAL))

        def call(core: Clearing, _now_ns: int) -> asyncio.Future[PaymentEnd]:
            core.bank.transfer(account_id, request.receiver_account_id, request.amount_micros, between_owners=is_admin)
            return self._payments.expect(account_id)

        paid = await self._paid(call)
        assert isinstance(paid, events.CashTransferred)
        seq = await self._service.ask(lambda core: core.last_seq)
        return account_pb2.TransferResponse(
            cash_micros=paid.payer_cash_after_micros, receiver_cash_micros=paid.receiver_cash_after_micros, seq=seq
        )

    async def _paid(self, call: Callable[[Clearing, int], asyncio.Future[PaymentEnd]]) -> Paid:
        """Let money be held, and return how it left.

        Raises:
            VenueError: it was refused, at once or after the shard's acknowledgement; or WITHDRAWAL_PENDING, and it may
                still leave.

        """
        waiting: asyncio.Future[PaymentEnd] = await self._service.request(call)
        ended = await within(waiting, Reason.WITHDRAWAL_PENDING, "the amount")
        if isinstance(ended, events.WithdrawalRefused):
            raise VenueError(
                Reason(ended.reason),
                f"at most {ended.allowed_micros} micro-dollars can leave the account now, not {ended.amount_micros}",
                was=ended.amount_micros,
                allowed=ended.allowed_micros,
            )
        return ended

    async def DepositCollateral(  # noqa: N802 - the contract's name.
        self, request: account_pb2.DepositCollateralRequest, context: Context
    ) -> account_pb2.DepositCollateralResponse:
        """Take collateral (MRGN-080)."""
        who = principal(context)
        account_id = require(who, Scope.TRADE, request.account_id)
        if not self._client_deposits:
            require(who, Scope.ADMIN)

        def call(core: Clearing, _now_ns: int) -> account_pb2.DepositCollateralResponse:
            account = core.collateral.deposit(account_id, request.instrument_id, request.size_lots)
            message = account_message(core.state, account)
            return account_pb2.DepositCollateralResponse(account=message, seq=core.last_seq)

        answer: account_pb2.DepositCollateralResponse = await self._service.request(call)
        return answer

    async def WithdrawCollateral(  # noqa: N802 - the contract's name.
        self, request: account_pb2.WithdrawCollateralRequest, context: Context
    ) -> account_pb2.WithdrawCollateralResponse:
        """Let collateral leave: held, acknowledged by its shard, then gone (PROTOCOL R8)."""
        account_id = require(principal(context), Scope.TRADE, request.account_id)

        def call(core: Clearing, now_ns: int) -> asyncio.Future[CollateralEnd]:
            core.collateral.withdraw(account_id, request.instrument_id, request.size_lots, now_ns)
            return self._collateral.expect(account_id)

        waiting: asyncio.Future[CollateralEnd] = await self._service.request(call)
        ended = await within(waiting, Reason.WITHDRAWAL_PENDING, "the collateral")
        if isinstance(ended, events.CollateralRefused):
            raise VenueError(
                Reason(ended.reason),
                f"{ended.size_lots} lots of collateral cannot leave now; what counts {ended.allowed_micros}"
                " micro-dollars could",
                was=ended.size_lots,
                allowed=ended.allowed_micros,
            )

        def read(core: Clearing) -> account_pb2.WithdrawCollateralResponse:
            message = account_message(core.state, core.bank.account(account_id))
            return account_pb2.WithdrawCollateralResponse(account=message, seq=core.last_seq)

        answer: account_pb2.WithdrawCollateralResponse = await self._service.ask(read)
        return answer

    async def ConvertCollateral(  # noqa: N802 - the contract's name.
        self, request: account_pb2.ConvertCollateralRequest, context: Context
    ) -> account_pb2.ConvertCollateralResponse:
        """Sell collateral outside the venue (LIQ-055)."""
        account_id = require(principal(context), Scope.TRADE, request.account_id)

        def call(core: Clearing, now_ns: int) -> account_pb2.ConvertCollateralResponse:
            account, amount = core.collateral.convert(account_id, request.instrument_id, request.size_lots, now_ns)
            message = account_message(core.state, account)
            return account_pb2.ConvertCollateralResponse(account=message, amount_micros=amount, seq=core.last_seq)

        answer: account_pb2.ConvertCollateralResponse = await self._service.request(call)
        return answer

    async def SetMarginMode(  # noqa: N802 - the contract's name.
        self, request: account_pb2.SetMarginModeRequest, context: Context
    ) -> account_pb2.SetMarginModeResponse:
        """Change how the account's legs are margined together (MRGN-030)."""
        account_id = require(principal(context), Scope.TRADE, request.account_id)
        try:
            mode = MarginMode(request.mode)
        except ValueError as error:
            raise VenueError(Reason.MALFORMED, f"{request.mode} is no margin mode", was=request.mode) from error

        def call(core: Clearing, _now_ns: int) -> asyncio.Future[ModeEnd] | None:
            account = core.bank.set_margin_mode(account_id, mode)
            return self._mode_changes.expect(account_id) if account.mode_change is not None else None

        waiting = await self._service.request(call)
        if waiting is not None:
            ended = await within(waiting, Reason.MARGIN_MODE_REFUSED, "the change of mode")
            if isinstance(ended, events.MarginModeKept):
                message = "with its open orders the account would not have the margin that its legs need alone"
                raise VenueError(Reason(ended.reason), message)

        def told(core: Clearing) -> account_pb2.SetMarginModeResponse:
            account = core.bank.account(account_id)
            return account_pb2.SetMarginModeResponse(account=account_message(core.state, account), seq=core.last_seq)

        answer: account_pb2.SetMarginModeResponse = await self._service.ask(told)
        return answer

    async def DrawFaucet(  # noqa: N802 - the contract's name.
        self, request: account_pb2.DrawFaucetRequest, context: Context
    ) -> account_pb2.DrawFaucetResponse:
        """Give play money, up to an amount, once per interval (PLAY-010)."""
        account_id = require(principal(context), Scope.TRADE, request.account_id)

        def call(core: Clearing, now_ns: int) -> account_pb2.DrawFaucetResponse:
            amount = core.play.draw_faucet(account_id, now_ns)
            cash_micros = core.state.accounts[account_id].cash_micros
            return account_pb2.DrawFaucetResponse(amount_micros=amount, cash_micros=cash_micros, seq=core.last_seq)

        answer: account_pb2.DrawFaucetResponse = await self._service.request(call)
        return answer

    async def CloneAccount(  # noqa: N802 - the contract's name.
        self, request: account_pb2.CloneAccountRequest, context: Context
    ) -> account_pb2.CloneAccountResponse:
        """Open a twin, and answer when it is whole (PLAY-020)."""
        source_id = self._may_play(request.account_id, context)
        account = await self._played(lambda core, _now_ns: core.play.clone(source_id, request.name))
        return account_pb2.CloneAccountResponse(account=account[0], seq=account[1])

    async def ResetAccount(  # noqa: N802 - the contract's name.
        self, request: account_pb2.ResetAccountRequest, context: Context
    ) -> account_pb2.ResetAccountResponse:
        """Let an account begin anew, and answer when it does (PLAY-030)."""
        account_id = self._may_play(request.account_id, context)
        account = await self._played(lambda core, _now_ns: core.play.reset(account_id, request.cash_micros))
        return account_pb2.ResetAccountResponse(account=account[0], seq=account[1])

    def _may_play(self, account_id: int, context: Context) -> int:
        """Return an account that may be cloned or reset, which makes money as a deposit does."""
        who = principal(context)
        account_id = require(who, Scope.TRADE, account_id)
        if not self._client_deposits:
            require(who, Scope.ADMIN)
        return account_id

    async def _played(self, begin: Callable[[Clearing, int], Account]) -> tuple[account_pb2.Account, int]:
        """Begin something that the shards must answer, wait for its end, and return the account and the log's seq."""

        def call(core: Clearing, now_ns: int) -> tuple[int, asyncio.Future[events.PlayEnded]]:
            account_id = begin(core, now_ns).account_id
            return account_id, self._play.expect(account_id)

        account_id, waiting = await self._service.request(call)
        ended = await within(waiting, Reason.ACCOUNT_FROZEN, "the account")
        if ended.reason:
            raise VenueError(Reason(ended.reason), "the shard could not move all positions to or from the house")

        def told(core: Clearing) -> tuple[account_pb2.Account, int]:
            return account_message(core.state, core.bank.account(account_id)), core.last_seq

        answer: tuple[account_pb2.Account, int] = await self._service.ask(told)
        return answer

    async def SetLeverage(  # noqa: N802 - the contract's name.
        self, request: account_pb2.SetLeverageRequest, context: Context
    ) -> account_pb2.SetLeverageResponse:
        """Choose the account's leverage in an instrument (MRGN-020)."""
        account_id = require(principal(context), Scope.TRADE, request.account_id)

        def call(core: Clearing, _now_ns: int) -> account_pb2.SetLeverageResponse:
            account = core.leverages.change(account_id, request.instrument_id, request.leverage)
            return account_pb2.SetLeverageResponse(
                account=account_message(core.state, account), leverages=leverage_messages(account), seq=core.last_seq
            )

        answer: account_pb2.SetLeverageResponse = await self._service.request(call)
        return answer

    async def StreamAccountEvents(  # noqa: N802 - the contract's name.
        self, request: account_pb2.StreamAccountEventsRequest, context: Context
    ) -> AsyncIterator[account_pb2.StreamAccountEventsResponse]:
        """Stream what befalls the account."""
        account_id = require(principal(context), Scope.READ, request.account_id)
        await self._service.ask(lambda core: core.bank.account(account_id))
        async for message in self._events.listen(account_id, request.from_seq):
            yield message
