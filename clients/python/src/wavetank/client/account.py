"""Accounts: state, positions, fills, money in and out, and the stream of what befalls them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Self, TypeAlias

from wavetank.client.account_events import AccountMessageEvent, account_event, fill_booked, instruments_of
from wavetank.client.connection import Connection
from wavetank.client.events import (
    FillBooked,
    HealthBand,
    MarginMode,
)
from wavetank.client.instrument import Number, dollars, micros, scaled
from wavetank.client.streams import FollowedEvents, Following
from wavetank.client.wire import Wire
from wavetank.v1 import account_pb2, account_pb2_grpc

_PAGE = 1_000


class AccountKind(IntEnum):
    """Who an account belongs to."""

    CLIENT = account_pb2.ACCOUNT_KIND_CLIENT
    FEES = account_pb2.ACCOUNT_KIND_FEES
    INSURANCE_FUND = account_pb2.ACCOUNT_KIND_INSURANCE_FUND
    ROUNDING = account_pb2.ACCOUNT_KIND_ROUNDING
    BACKSTOP_VAULT = account_pb2.ACCOUNT_KIND_BACKSTOP_VAULT
    DEBT = account_pb2.ACCOUNT_KIND_DEBT
    HOUSE = account_pb2.ACCOUNT_KIND_HOUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """An account at the last marks; money in dollars.

    Attributes:
        account_id: number.
        name: name.
        kind: whose it is.
        cash: cash.
        equity: cash, what collateral counts, and unrealised profit and loss (MRGN-010).
        initial_margin: of the positions alone (MRGN-020).
        maintenance_margin: maintenance margin.
        withdrawable: what could be withdrawn now (MRGN-060).
        health_band: band of health.
        held: withdrawal on hold, or 0.
        taker_fee: its own rate, as a share of value; None where the instrument's applies (FEE-010). The lower of the
            two is charged.
        maker_fee: as above; negative is paid to it.
        volume: what it traded in the full days of the fee window.
        margin_mode: how its legs are margined together; None from a venue that knows no modes.
        parent_id: account whose sub-account it is, or 0.
        isolated_instrument_id: the only instrument that it may trade, or 0.
        counted_collateral: what collateral beside cash counts (MRGN-080); `Account.collateral` lists it.
    """

    account_id: int
    name: str
    kind: AccountKind
    cash: Decimal
    equity: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    withdrawable: Decimal
    health_band: HealthBand
    held: Decimal
    taker_fee: Decimal | None = None
    maker_fee: Decimal | None = None
    volume: Decimal = Decimal(0)
    margin_mode: MarginMode | None = None
    parent_id: int = 0
    isolated_instrument_id: int = 0
    counted_collateral: Decimal = Decimal(0)

    @classmethod
    def from_wire(cls, message: account_pb2.Account) -> Self:
        """Return the account of a message."""
        fees = message.fees
        return cls(
            account_id=message.account_id,
            name=message.name,
            kind=AccountKind(message.kind),
            cash=dollars(message.cash_micros),
            equity=dollars(message.equity_micros),
            initial_margin=dollars(message.initial_margin_micros),
            maintenance_margin=dollars(message.maintenance_margin_micros),
            withdrawable=dollars(message.withdrawable_micros),
            health_band=HealthBand(message.health_band),
            held=dollars(message.held_micros),
            taker_fee=scaled(fees.taker_fee_ppm, -6) if fees.HasField("taker_fee_ppm") else None,
            maker_fee=scaled(fees.maker_fee_ppm, -6) if fees.HasField("maker_fee_ppm") else None,
            volume=dollars(fees.volume_micros),
            margin_mode=MarginMode(message.margin_mode) if message.margin_mode else None,
            parent_id=message.parent_account_id,
            isolated_instrument_id=message.isolated_instrument_id,
            counted_collateral=dollars(message.counted_micros),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Collateral:
    """Collateral in one asset (MRGN-080).

    Attributes:
        instrument: symbol of the instrument whose base asset it is.
        size: units of the asset.
        held: part of them that waits to be withdrawn.
        counted: what they count, in dollars: by index, haircut and cap taken off.
    """

    instrument: str
    size: Decimal
    held: Decimal
    counted: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position at the last mark; money in dollars.

    Attributes:
        instrument: symbol.
        size: signed; positive is long.
        cost: signed.
        mark: mark price used, None before the first.
        unrealised: profit or loss.
        maintenance_margin: of the position.
        liquidation_price: price at which equity meets maintenance margin, all else equal; None if there is none.
        adl_lights: how near it is to auto-deleveraging (LIQ-080): 5 for the fifth of its side that is met first, 1 for
            the last; 0 if that was not asked for, or if the account could not be asked to give.
        leverage: the account's in the instrument, a tier's applies where it is lower (MRGN-020); None from a venue that
            does not tell.
    """

    instrument: str
    size: Decimal
    cost: Decimal
    mark: Decimal | None
    unrealised: Decimal
    maintenance_margin: Decimal
    liquidation_price: Decimal | None
    adl_lights: int = 0
    leverage: int | None = None


AccountEvents: TypeAlias = FollowedEvents[AccountMessageEvent]
"""What befalls an account, in order."""


class Account:
    """One account: the key's own, or by `of` one of its sub-accounts, with scope `admin` any."""

    def __init__(self, connection: Connection, account_id: int = 0) -> None:
        self._connection = connection
        self._account_id = account_id

    def of(self, account_id: int) -> Account:
        """Return the same for another account: a sub-account of the key's, or with scope `admin` any."""
        return Account(self._connection, account_id)

    async def get(self) -> AccountState:
        """Return cash, equity and margins.

        Raises:
            AccountUnknown: there is no such account.
        """
        request = account_pb2.GetAccountRequest(account_id=self._account_id)
        return AccountState.from_wire((await self._connection.ask(_stub(self._connection).GetAccount, request)).account)

    async def positions(self, *, with_adl_lights: bool = False) -> tuple[Position, ...]:
        """Return the positions, by instrument id.

        Args:
            with_adl_lights: tell `adl_lights` too, for which the venue ranks all holders.
        """
        request = account_pb2.ListPositionsRequest(account_id=self._account_id, with_adl_lights=with_adl_lights)
        response = await self._connection.ask(_stub(self._connection).ListPositions, request)
        await self._connection.know(position.instrument_id for position in response.positions)
        return tuple(position_of(position, self._connection.wire) for position in response.positions)

    async def fills(self) -> AsyncIterator[FillBooked]:
        """Yield the fills as clearing booked them, newest first; pages are asked for as they are needed."""
        token = ""
        while True:
            request = account_pb2.ListFillsRequest(account_id=self._account_id, page_size=_PAGE, page_token=token)
            response = await self._connection.ask(_stub(self._connection).ListFills, request)
            await self._connection.know(fill.instrument_id for fill in response.fills)
            for fill in response.fills:
                yield fill_booked(fill, fill.seq, fill.event_time_ns, self._connection.wire)
            token = response.next_page_token
            if not token:
                return

    async def deposit(self, amount: Number) -> Decimal:
        """Add play money and return the cash afterwards, in dollars.

        Raises:
            AmountRefused: the amount is not positive, too large, or finer than a micro-dollar.
            OutcomeUnknown: no answer came; the account's events or its cash tell.
        """
        request = account_pb2.DepositRequest(account_id=self._account_id, amount_micros=micros(amount))
        return dollars((await self._connection.change(_stub(self._connection).Deposit, request)).cash_micros)

    async def withdraw(self, amount: Number) -> Decimal:
        """Take play money out and return the cash afterwards, in dollars.

        Raises:
            WithdrawalExceedsFreeMargin: it would leave less than the margin rule demands (MRGN-060).
            WithdrawalsGated: withdrawals are gated after a deficit (LIQ-110).
            AmountRefused: the amount is not positive, too large, or finer than a micro-dollar.
            OutcomeUnknown: no answer came; the account's events or its cash tell.
        """
        request = account_pb2.WithdrawRequest(account_id=self._account_id, amount_micros=micros(amount))
        return dollars((await self._connection.change(_stub(self._connection).Withdraw, request)).cash_micros)

    async def transfer(self, receiver_id: int, amount: Number) -> Decimal:
        """Move money to another account of the same owner and return the cash left, in dollars.

        It leaves as a withdrawal does, and arrives at once. A key with scope `admin` may move it to any client.

        Raises:
            TransferRefused: the accounts have different owners, or are one.
            WithdrawalExceedsFreeMargin: it would leave less than the margin rule demands (MRGN-060).
            AmountRefused: the amount is not positive, too large, or finer than a micro-dollar.
            OutcomeUnknown: no answer came; the account's events or its cash tell.
        """
        request = account_pb2.TransferRequest(
            account_id=self._account_id, receiver_account_id=receiver_id, amount_micros=micros(amount)
        )
        return dollars((await self._connection.change(_stub(self._connection).Transfer, request)).cash_micros)

    async def open_sub_account(self, name: str, *, deposit: Number = 0, isolated: str = "") -> AccountState:
        """Open a sub-account: its own money and risk, the same owner, whose key trades for it.

        Args:
            name: 1 to 32 characters, unique.
            deposit: play money to begin with, dollars; `transfer` moves what the account has.
            isolated: symbol of the only instrument that it is to trade, for a position apart from all others
                (MRGN-030); empty for all.

        Raises:
            SubAccountRefused: the account is one itself, or has as many as it may.
            NameTaken: an account has that name.
            InstrumentUnknown: no instrument has that symbol.
            OutcomeUnknown: no answer came; `sub_accounts` tells.
        """
        parent_id = self._account_id or (await self.get()).account_id
        request = account_pb2.OpenAccountRequest(
            name=name,
            deposit_micros=micros(deposit) if deposit else 0,
            parent_account_id=parent_id,
            isolated_instrument_id=self._connection.wire.named(isolated).instrument_id if isolated else 0,
        )
        answer = await self._connection.change(_stub(self._connection).OpenAccount, request)
        return AccountState.from_wire(answer.account)

    async def sub_accounts(self) -> tuple[AccountState, ...]:
        """Return the account's sub-accounts, by id."""
        owner_id = self._account_id or (await self.get()).account_id
        request = account_pb2.ListAccountsRequest(owner_account_id=owner_id, page_size=_PAGE)
        answer = await self._connection.ask(_stub(self._connection).ListAccounts, request)
        return tuple(AccountState.from_wire(account) for account in answer.accounts if account.parent_account_id)

    async def draw_faucet(self) -> Decimal:
        """Fill the account's equity up to the faucet's amount; return what it got, in dollars (PLAY-010).

        Raises:
            FaucetDry: it has enough, or drew a moment ago.
            AccountFrozen: the account is being liquidated, cloned or reset.
            OutcomeUnknown: no answer came; the account's cash tells.
        """
        request = account_pb2.DrawFaucetRequest(account_id=self._account_id)
        return dollars((await self._connection.change(_stub(self._connection).DrawFaucet, request)).amount_micros)

    async def clone(self, name: str) -> AccountState:
        """Open a twin: the same cash, mode and positions at the same cost, without orders (PLAY-020).

        The twin is a sub-account of the same owner, so this key trades for it; the house takes the other side of its
        positions. Try on it what you would not on the original.

        Raises:
            NameTaken: an account has that name.
            AccountFrozen: the account is being liquidated, cloned or reset.
            SubAccountRefused: the owner has as many sub-accounts as he may.
            OutcomeUnknown: no answer came; `sub_accounts` tells.
        """
        request = account_pb2.CloneAccountRequest(account_id=self._account_id, name=name)
        answer = await self._connection.change(_stub(self._connection).CloneAccount, request)
        return AccountState.from_wire(answer.account)

    async def reset(self, cash: Number) -> AccountState:
        """Make the account flat and without orders, with so many dollars; positions close at their marks (PLAY-030).

        Raises:
            AccountFrozen: the account is being liquidated, cloned or reset.
            AmountRefused: the amount is negative, too large, or finer than a micro-dollar.
            OutcomeUnknown: no answer came; the account's state tells.
        """
        request = account_pb2.ResetAccountRequest(account_id=self._account_id, cash_micros=micros(cash) if cash else 0)
        answer = await self._connection.change(_stub(self._connection).ResetAccount, request)
        return AccountState.from_wire(answer.account)

    async def set_margin_mode(self, mode: MarginMode) -> AccountState:
        """Change how the account's legs are margined together, and return it in its new mode.

        From gross at any time; else while the account holds no position.

        Raises:
            MarginModeRefused: the account cannot have the mode, or not now (MRGN-030).
            AccountFrozen: the account is being liquidated.
            OutcomeUnknown: no answer came; the account's state tells.
        """
        wire_mode = account_pb2.MarginMode.ValueType(mode)
        request = account_pb2.SetMarginModeRequest(account_id=self._account_id, mode=wire_mode)
        answer = await self._connection.change(_stub(self._connection).SetMarginMode, request)
        return AccountState.from_wire(answer.account)

    async def leverages(self) -> dict[str, int]:
        """Return the leverages that the account has chosen, by symbol; elsewhere it has the instrument's largest."""
        request = account_pb2.ListPositionsRequest(account_id=self._account_id)
        return await self._chosen(
            (await self._connection.ask(_stub(self._connection).ListPositions, request)).leverages
        )

    async def set_leverage(self, instrument: str, leverage: int) -> dict[str, int]:
        """Choose the leverage by which initial margin in an instrument goes, and return all that were chosen.

        It counts at once, for what rests in the books too, and cancels nothing. Who chooses the instrument's largest
        follows it from then on.

        Args:
            instrument: symbol.
            leverage: 1 to the instrument's largest.

        Raises:
            LeverageRefused: it is out of range, the account is being liquidated, or it has not the initial margin
                that the leverage asks for (MRGN-020).
            OutcomeUnknown: no answer came; `leverages` tells.
        """
        listed = self._connection.wire.named(instrument)
        request = account_pb2.SetLeverageRequest(
            account_id=self._account_id, instrument_id=listed.instrument_id, leverage=leverage
        )
        return await self._chosen(
            (await self._connection.change(_stub(self._connection).SetLeverage, request)).leverages
        )

    async def _chosen(self, messages: Iterable[account_pb2.ChosenLeverage]) -> dict[str, int]:
        chosen = {message.instrument_id: message.leverage for message in messages}
        await self._connection.know(chosen)
        return {self._connection.wire.symbol(key): leverage for key, leverage in chosen.items()}

    async def collateral(self) -> tuple[Collateral, ...]:
        """Return the collateral beside cash, by instrument id."""
        request = account_pb2.GetAccountRequest(account_id=self._account_id)
        return await self._collateral_of(
            (await self._connection.ask(_stub(self._connection).GetAccount, request)).account
        )

    async def deposit_collateral(self, instrument: str, size: Number) -> tuple[Collateral, ...]:
        """Give the base asset of an instrument as collateral, and return all collateral of the account.

        Args:
            instrument: symbol of the instrument whose base asset it is.
            size: units of the asset.

        Raises:
            CollateralRefused: the venue does not take the asset, or not so much more (MRGN-080).
            AccountFrozen: the account is being liquidated.
            SizeOffGrid: the size is finer than a lot.
            OutcomeUnknown: no answer came; the account's collateral tells.
        """
        found = self._connection.wire.named(instrument)
        request = account_pb2.DepositCollateralRequest(
            account_id=self._account_id, instrument_id=found.instrument_id, size_lots=found.size_lots(size)
        )
        answer = await self._connection.change(_stub(self._connection).DepositCollateral, request)
        return await self._collateral_of(answer.account)

    async def withdraw_collateral(self, instrument: str, size: Number) -> tuple[Collateral, ...]:
        """Take collateral out, and return what is left of all.

        Raises:
            CollateralRefused: the account has not so much.
            WithdrawalExceedsFreeMargin: it would leave less than the margin rule demands (MRGN-080).
            CreditElsewhere: the credit that must stay is on other shards, and was asked for; try again.
            WithdrawalsGated: withdrawals are gated after a deficit (LIQ-110).
            OutcomeUnknown: no answer came; the account's collateral tells.
        """
        found = self._connection.wire.named(instrument)
        request = account_pb2.WithdrawCollateralRequest(
            account_id=self._account_id, instrument_id=found.instrument_id, size_lots=found.size_lots(size)
        )
        answer = await self._connection.change(_stub(self._connection).WithdrawCollateral, request)
        return await self._collateral_of(answer.account)

    async def convert_collateral(self, instrument: str, size: Number) -> Decimal:
        """Sell collateral outside the venue at its index less the haircut, and return the dollars that came in.

        Raises:
            CollateralRefused: the account has not so much, or it yields nothing.
            PriceStale: the index is not valid.
            AccountFrozen: the account is being liquidated.
            OutcomeUnknown: no answer came; the account's collateral tells.
        """
        found = self._connection.wire.named(instrument)
        request = account_pb2.ConvertCollateralRequest(
            account_id=self._account_id, instrument_id=found.instrument_id, size_lots=found.size_lots(size)
        )
        answer = await self._connection.change(_stub(self._connection).ConvertCollateral, request)
        return dollars(answer.amount_micros)

    async def _collateral_of(self, account: account_pb2.Account) -> tuple[Collateral, ...]:
        await self._connection.know(each.instrument_id for each in account.collateral)
        found: list[Collateral] = []
        for each in account.collateral:
            instrument = self._connection.wire.numbered(each.instrument_id)
            found.append(
                Collateral(
                    instrument=instrument.symbol,
                    size=instrument.size(each.size_lots),
                    held=instrument.size(each.held_lots),
                    counted=dollars(each.counted_micros),
                )
            )
        return tuple(found)

    def events(self, *, from_seq: int = 0) -> AccountEvents:
        """Stream what befalls the account, within `async with` or until `close()`.

        Args:
            from_seq: events after this seq of clearing's log; 0 for from now on.
        """
        connection, account_id, stub = self._connection, self._account_id, _stub(self._connection)
        return FollowedEvents(
            Following(
                name="account",
                connection=connection,
                begin=lambda after_seq: stub.StreamAccountEvents(
                    account_pb2.StreamAccountEventsRequest(account_id=account_id, from_seq=after_seq),
                    metadata=connection.metadata,
                ),
                read=lambda message: [each for each in [account_event(message, connection.wire)] if each is not None],
                from_seq=from_seq,
                capacity=4_096,
                instruments=instruments_of,
            )
        )


def position_of(message: account_pb2.Position, wire: Wire) -> Position:
    """Return the position of a message."""
    instrument = wire.numbered(message.instrument_id)
    return Position(
        instrument=instrument.symbol,
        size=instrument.size(message.size_lots),
        cost=dollars(message.cost_micros),
        mark=instrument.price(message.mark_price_ticks) if message.mark_price_ticks else None,
        unrealised=dollars(message.unrealised_micros),
        maintenance_margin=dollars(message.maintenance_margin_micros),
        liquidation_price=Decimal(message.liquidation_price) if message.liquidation_price else None,
        adl_lights=message.adl_lights,
        leverage=message.leverage or None,
    )


def _stub(connection: Connection) -> account_pb2_grpc.AccountServiceAsyncStub:
    return account_pb2_grpc.AccountServiceStub(connection.channel(connection.directory.clearing))
