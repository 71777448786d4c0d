"""Everything that needs scope `admin`: accounts, API keys, the operator's controls, pushed prices, and faults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum

import grpc.aio

from wavetank.client.account import AccountState
from wavetank.client.connection import Connection
from wavetank.client.events import HealthBand
from wavetank.client.faults import Consumer, Fault, FaultKind, FaultTarget, FaultTerms, JitterDistribution, nanoseconds
from wavetank.client.instrument import InstrumentState, MarginTier, Number, decimal_of, dollars, micros
from wavetank.client.limits import EVERY_CLIENT, GroupLimit, Limits, PositionLimit
from wavetank.v1 import (
    account_pb2,
    account_pb2_grpc,
    api_key_pb2,
    api_key_pb2_grpc,
    instrument_pb2,
    matching_control_pb2,
    matching_control_pb2_grpc,
    operator_pb2,
    operator_pb2_grpc,
    oracle_control_pb2,
    oracle_control_pb2_grpc,
    oracle_pb2,
    oracle_pb2_grpc,
)

_PAGE = 1_000


class Scope(IntEnum):
    """What a key allows."""

    READ = api_key_pb2.SCOPE_READ
    TRADE = api_key_pb2.SCOPE_TRADE
    ADMIN = api_key_pb2.SCOPE_ADMIN


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key without its secret; account 0 is of admin keys."""

    key_id: str
    account_id: int
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """A key that was just made; `secret_key` is the whole key, and is never shown again."""

    api_key: ApiKey
    secret_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedAccount:
    """An account that margin tiers bring into a worse band, at the last marks; money in dollars.

    Attributes:
        account_id: number.
        equity: equity.
        maintenance_margin: by the tiers before.
        new_maintenance_margin: by the new tiers.
        health_band: before.
        new_health_band: with the new tiers; from `LIQUIDATION` on the account is liquidated.
    """

    account_id: int
    equity: Decimal
    maintenance_margin: Decimal
    new_maintenance_margin: Decimal
    health_band: HealthBand
    new_health_band: HealthBand


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginChange:
    """What margin tiers mean, or would.

    Attributes:
        previous_tiers: tiers before.
        affected: accounts that come into a worse band, those to be liquidated first; at most 100 of them.
        affected_count: how many there are.
        falling_count: how many of them are to be liquidated, and were not before.
        seq: of clearing's log that covers it.
    """

    previous_tiers: tuple[MarginTier, ...]
    affected: tuple[AffectedAccount, ...]
    affected_count: int
    falling_count: int
    seq: int


class Admin:
    """The venue's administration."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- Accounts and keys -------------------------------------------------------------------------------------------

    async def open_account(self, name: str, deposit: Number = 0) -> AccountState:
        """Open an account.

        Args:
            name: 1 to 32 characters, unique.
            deposit: play money to begin with, dollars.

        Raises:
            NameTaken: another account has this name.
        """
        amount = micros(deposit) if decimal_of(deposit, "a deposit") else 0
        request = account_pb2.OpenAccountRequest(name=name, deposit_micros=amount)
        stub = account_pb2_grpc.AccountServiceStub(self._channel_of_clearing)
        return AccountState.from_wire((await self._connection.change(stub.OpenAccount, request)).account)

    async def list_accounts(self) -> AsyncIterator[AccountState]:
        """Yield all accounts by id, the venue's own first; pages are asked for as they are needed."""
        stub = account_pb2_grpc.AccountServiceStub(self._channel_of_clearing)
        after = 0
        while True:
            request = account_pb2.ListAccountsRequest(after_account_id=after, page_size=_PAGE)
            response = await self._connection.ask(stub.ListAccounts, request)
            for account in response.accounts:
                yield AccountState.from_wire(account)
            if len(response.accounts) < _PAGE:
                return
            after = response.accounts[-1].account_id

    async def create_api_key(self, account_id: int, scopes: Sequence[Scope] = (Scope.READ, Scope.TRADE)) -> NewApiKey:
        """Make a key for an account; its secret is shown this once."""
        request = api_key_pb2.CreateApiKeyRequest(account_id=account_id, scopes=[scope.value for scope in scopes])
        response = await self._connection.change(self._keys.CreateApiKey, request)
        return NewApiKey(api_key=_api_key(response.api_key), secret_key=response.secret_key)

    async def list_api_keys(self, account_id: int = 0) -> tuple[ApiKey, ...]:
        """Return the keys of an account, or of all."""
        request = api_key_pb2.ListApiKeysRequest(account_id=account_id)
        response = await self._connection.ask(self._keys.ListApiKeys, request)
        return tuple(_api_key(key) for key in response.api_keys)

    async def revoke_api_key(self, key_id: str) -> None:
        """End a key, by its public part.

        Raises:
            ApiKeyUnknown: there is no such key, or it was revoked before.
        """
        await self._connection.change(self._keys.RevokeApiKey, api_key_pb2.RevokeApiKeyRequest(key_id=key_id))

    # --- Instruments -------------------------------------------------------------------------------------------------

    async def set_instrument_state(self, symbol: str, state: InstrumentState) -> InstrumentState:
        """Bring an instrument into another state, from now on, and return the one it had.

        Args:
            symbol: which instrument.
            state: the one it has changes nothing; SETTLED is for good.

        Raises:
            InstrumentStateForbids: the instrument is settled.
        """
        directory = self._connection.directory
        shard = self._connection.channel(directory.matching[directory.shard_of.get(symbol, 0)])
        request = matching_control_pb2.SetInstrumentStateRequest(
            instrument_id=self._connection.wire.named(symbol).instrument_id,
            state=instrument_pb2.InstrumentState.ValueType(state.value),
        )
        stub = matching_control_pb2_grpc.MatchingControlServiceStub(shard)
        return InstrumentState((await self._connection.change(stub.SetInstrumentState, request)).previous_state)

    async def set_funding_interval(self, symbol: str, interval_ns: int, *, note: str) -> int:
        """Set the time between an instrument's funding payments, from now on, and return the one it had.

        Args:
            symbol: which instrument.
            interval_ns: venue time, a second to a day; one below an hour stands for an hour.
            note: why, 1 to 64 bytes; it stands in the log beside the key.
        """
        request = operator_pb2.SetFundingIntervalRequest(
            instrument_id=self._connection.wire.named(symbol).instrument_id, funding_interval_ns=interval_ns, note=note
        )
        return (await self._connection.change(self._operator.SetFundingInterval, request)).previous_interval_ns

    async def preview_margin(self, symbol: str, tiers: Sequence[MarginTier]) -> MarginChange:
        """Tell whom new margin tiers would bring into distress, and change nothing.

        Args:
            symbol: which instrument.
            tiers: all of them, ascending, the first at 0 dollars.
        """
        request = self._margin_request(symbol, tiers, "", preview=True)
        return _margin_change(await self._connection.ask(self._operator.ChangeMargin, request))

    async def change_margin(self, symbol: str, tiers: Sequence[MarginTier], *, note: str) -> MarginChange:
        """Put new margin tiers into force; whom they bring below maintenance is liquidated at once.

        Args:
            symbol: which instrument.
            tiers: all of them, ascending, the first at 0 dollars; they take the place of the present ones.
            note: why, 1 to 64 bytes; it stands in the log beside the key.
        """
        request = self._margin_request(symbol, tiers, note, preview=False)
        return _margin_change(await self._connection.change(self._operator.ChangeMargin, request))

    def _margin_request(
        self, symbol: str, tiers: Sequence[MarginTier], note: str, *, preview: bool
    ) -> operator_pb2.ChangeMarginRequest:
        return operator_pb2.ChangeMarginRequest(
            instrument_id=self._connection.wire.named(symbol).instrument_id,
            margin_tiers=[tier.to_wire() for tier in tiers],
            preview=preview,
            note=note,
        )

    # --- Limits ------------------------------------------------------------------------------------------------------

    async def set_position_limit(
        self, symbol: str, account_id: int = EVERY_CLIENT, *, size: Number = 0, exposure: Number = 0, note: str
    ) -> int:
        """Limit what an account may come to in an instrument, and return the seq of clearing's log that covers it.

        It takes the place of the limit before as a whole; without size and exposure it lifts it. What rests in the
        books stays. An account's own takes the place of that for every client.

        Args:
            symbol: which instrument.
            account_id: whose; every client that has no limit of its own there, unless given.
            size: largest position on either side, in units of the base asset; 0 is no limit.
            exposure: largest notional at the margin price, in dollars; 0 is no limit.
            note: why, 1 to 64 bytes; it stands in the log beside the key.

        Raises:
            AmountRefused: a limit is negative, too large, or too precise.
        """
        instrument = self._connection.wire.named(symbol)
        request = operator_pb2.SetPositionLimitRequest(
            instrument_id=instrument.instrument_id,
            account_id=account_id,
            size_lots=instrument.size_lots(size, in_range=False),
            exposure_micros=_limit_micros(exposure),
            note=note,
        )
        return (await self._connection.change(self._operator.SetPositionLimit, request)).seq

    async def set_group_limit(
        self, group: str, account_id: int = EVERY_CLIENT, *, net: Number = 0, gross: Number = 0, note: str
    ) -> int:
        """Limit what an account may come to in a correlation group; as `set_position_limit`.

        Args:
            group: name of the group; `list_limits` names them.
            account_id: whose; every client that has no limit of its own there, unless given.
            net: largest difference of long and short notional, in dollars; 0 is no limit.
            gross: largest sum of both, in dollars; 0 is no limit.
            note: why, 1 to 64 bytes; it stands in the log beside the key.

        Raises:
            AmountRefused: a limit is negative, too large, or too precise.
        """
        request = operator_pb2.SetGroupLimitRequest(
            group=group,
            account_id=account_id,
            net_micros=_limit_micros(net),
            gross_micros=_limit_micros(gross),
            note=note,
        )
        return (await self._connection.change(self._operator.SetGroupLimit, request)).seq

    async def list_limits(self) -> Limits:
        """Return all limits that are set."""
        response = await self._connection.ask(self._operator.ListLimits, operator_pb2.ListLimitsRequest())
        instruments = [self._connection.wire.numbered(each.instrument_id) for each in response.position_limits]
        return Limits(
            positions=tuple(
                PositionLimit(
                    symbol=instrument.symbol,
                    account_id=each.account_id,
                    size=instrument.size(each.size_lots),
                    exposure=dollars(each.exposure_micros),
                )
                for instrument, each in zip(instruments, response.position_limits, strict=True)
            ),
            groups=tuple(
                GroupLimit(
                    group=each.group,
                    account_id=each.account_id,
                    net=dollars(each.net_micros),
                    gross=dollars(each.gross_micros),
                )
                for each in response.group_limits
            ),
            group_names=tuple(response.groups),
        )

    # --- Withdrawals and the fund ------------------------------------------------------------------------------------

    async def pause_withdrawals(self, *, note: str) -> int:
        """Pay nobody out from now on, and return the seq of clearing's log that covers it (LIQ-110).

        Args:
            note: why, 1 to 64 bytes; it stands in the log beside the key.
        """
        request = operator_pb2.PauseWithdrawalsRequest(paused=True, note=note)
        return (await self._connection.change(self._operator.PauseWithdrawals, request)).seq

    async def resume_withdrawals(self, *, note: str) -> int:
        """End the pause; arguments and result as of `pause_withdrawals`."""
        request = operator_pb2.PauseWithdrawalsRequest(paused=False, note=note)
        return (await self._connection.change(self._operator.PauseWithdrawals, request)).seq

    async def top_up_fund(self, amount: Number, *, note: str) -> Decimal:
        """Give the insurance fund play money, and return what it has afterwards, in dollars.

        Args:
            amount: dollars.
            note: why, 1 to 64 bytes; it stands in the log beside the key.

        Raises:
            AmountRefused: the amount is not positive, too large, or finer than a micro-dollar.
        """
        request = operator_pb2.TopUpFundRequest(amount_micros=micros(amount), note=note)
        return dollars((await self._connection.change(self._operator.TopUpFund, request)).cash_micros)

    async def drain_fund(self, amount: Number = 0, *, note: str) -> Decimal:
        """Take money out of the insurance fund, to the house, and return how much, in dollars.

        Args:
            amount: dollars; 0 is all that no liquidation has reserved.
            note: why, 1 to 64 bytes; it stands in the log beside the key.

        Raises:
            AmountRefused: the fund has not so much to give.
        """
        request = operator_pb2.DrainFundRequest(amount_micros=micros(amount) if amount else 0, note=note)
        return dollars((await self._connection.change(self._operator.DrainFund, request)).amount_micros)

    async def restore_fund(self, amount: Number = 0, *, note: str) -> Decimal:
        """Put what was drained back into the insurance fund, and return how much, in dollars; 0 is all of it.

        Raises:
            AmountRefused: not so much was drained.
        """
        request = operator_pb2.RestoreFundRequest(amount_micros=micros(amount) if amount else 0, note=note)
        return dollars((await self._connection.change(self._operator.RestoreFund, request)).amount_micros)

    async def slow_liquidations(self, pace: timedelta, *, note: str) -> timedelta:
        """Let each step of a liquidation wait so much venue time for the one before it; return the pace before."""
        request = operator_pb2.SlowLiquidationsRequest(pace_ns=nanoseconds(pace), note=note)
        before_ns = (await self._connection.change(self._operator.SlowLiquidations, request)).previous_pace_ns
        return timedelta(microseconds=before_ns // 1_000)

    async def settle_instrument(self, symbol: str, price: Number, *, note: str) -> int:
        """End an instrument, for good: its orders are cancelled, every position is closed at a price.

        Args:
            symbol: which instrument.
            price: dollars, a whole number of ticks.
            note: why, 1 to 64 bytes; it stands in the log beside the key.

        Returns:
            Seq of clearing's log that covers its beginning.

        Raises:
            InstrumentStateForbids: it is settled already.
            PriceOutOfRange: there is no such price, or a position would be worth too much at it.
        """
        listed = self._connection.wire.named(symbol)
        request = operator_pb2.SettleInstrumentRequest(
            instrument_id=listed.instrument_id, price_ticks=listed.price_ticks(price, on_grid=False), note=note
        )
        return (await self._connection.change(self._operator.SettleInstrument, request)).seq

    # --- Prices and faults -------------------------------------------------------------------------------------------

    async def push_prices(
        self,
        prices: Mapping[str, Number],
        *,
        source: str = "push",
        price_time_ns: int = 0,
        confidences: Mapping[str, Number] | None = None,
    ) -> int:
        """Push prices of instruments whose source is `push`; all are taken or none.

        Args:
            prices: dollars by symbol.
            source: name of the source, 1 to 16 characters.
            price_time_ns: venue time the prices are of, 0 for now.
            confidences: dollars by symbol by which a price may be off, either way; nothing is said of others.

        Returns:
            Seq of the oracle's log that covers them.
        """
        pushed = [
            oracle_pb2.PushedPrice(
                instrument_id=self._connection.wire.named(symbol).instrument_id,
                price_micros=micros(price),
                price_time_ns=price_time_ns,
                source=source,
                confidence_micros=micros(confidences[symbol]) if confidences and symbol in confidences else 0,
            )
            for symbol, price in prices.items()
        ]
        stub = oracle_pb2_grpc.OracleServiceStub(self._connection.channel(self._connection.directory.oracle))
        response = await self._connection.change(stub.PushPrices, oracle_pb2.PushPricesRequest(prices=pushed))
        return response.seq

    async def set_fault(  # noqa: PLR0913 - one argument for each thing a fault may have.
        self,
        kind: FaultKind,
        *,
        target: FaultTarget = FaultTarget.PRICE,
        instruments: Sequence[str] = (),
        consumers: Sequence[Consumer] = (),
        sources: Sequence[str] = (),
        source_count: int = 0,
        lag: timedelta = timedelta(),
        jitter: timedelta = timedelta(),
        distribution: JitterDistribution | None = None,
        magnitude: Number = 0,
        price: Number = 0,
        upper_price: Number = 0,
        exponent: int = 0,
        delay: timedelta = timedelta(),
        duration: timedelta = timedelta(),
        ramp: timedelta = timedelta(),
        probability: Number = 1,
        seed: int = 0,
    ) -> Fault:
        """Break the oracle, from now on or from later.

        Args:
            kind: what goes wrong.
            target: which value.
            instruments: symbols, empty for all.
            consumers: who is deceived, empty for all but the truth.
            sources: names of sources it hits, before the index is made, instead of consumers.
            source_count: so many of them, chosen by the seed, instead of names.
            lag: venue time by which values are late, or how far back those out of order come from.
            jitter: what varies of a lag.
            distribution: how that is drawn.
            magnitude: of a spike: `"0.05"` multiplies prices by 1.05, or is added to the funding rate; of a drift; what
                widens a confidence interval; the move that a censor waits for.
            price: of a hardcode, which may be zero or less; the floor of a clamp; dollars.
            upper_price: ceiling of a clamp, dollars.
            exponent: of a decimal error: prices times 10^exponent.
            delay: venue time until it begins.
            duration: venue time it lasts from then on; none lasts until it is cleared.
            ramp: venue time in which it grows to its size.
            probability: that it strikes an update, above 0, at most 1.
            seed: decides what chance decides, the same way each time.

        Raises:
            FaultMalformed: the kind does not take what is given, or lacks something.
        """
        terms = FaultTerms(
            consumers=consumers,
            sources=sources,
            source_count=source_count,
            lag=lag,
            jitter=jitter,
            distribution=distribution,
            magnitude=magnitude,
            price=price,
            upper_price=upper_price,
            exponent=exponent,
            delay=delay,
            duration=duration,
            ramp=ramp,
            probability=probability,
            seed=seed,
        )
        fault = terms.to_wire(kind, target, self._connection.wire.numbers(instruments))
        request = oracle_control_pb2.SetFaultRequest(fault=fault)
        response = await self._connection.change(self._control.SetFault, request)
        return Fault.from_wire(response.fault, self._connection.wire)

    async def clear_faults(self, fault_ids: Sequence[int] = ()) -> tuple[int, ...]:
        """End faults, or all, and return the ids of those that were ended."""
        request = oracle_control_pb2.ClearFaultsRequest(fault_ids=fault_ids)
        return tuple((await self._connection.change(self._control.ClearFaults, request)).fault_ids)

    async def list_faults(self) -> tuple[Fault, ...]:
        """Return the faults that are set by id, those that wait for their time too."""
        response = await self._connection.ask(self._control.ListFaults, oracle_control_pb2.ListFaultsRequest())
        await self._connection.know(each for fault in response.faults for each in fault.instrument_ids)
        return tuple(Fault.from_wire(fault, self._connection.wire) for fault in response.faults)

    @property
    def _keys(self) -> api_key_pb2_grpc.ApiKeyServiceAsyncStub:
        return api_key_pb2_grpc.ApiKeyServiceStub(self._channel_of_clearing)

    @property
    def _operator(self) -> operator_pb2_grpc.OperatorServiceAsyncStub:
        return operator_pb2_grpc.OperatorServiceStub(self._channel_of_clearing)

    @property
    def _control(self) -> oracle_control_pb2_grpc.OracleControlServiceAsyncStub:
        return oracle_control_pb2_grpc.OracleControlServiceStub(
            self._connection.channel(self._connection.directory.oracle)
        )

    @property
    def _channel_of_clearing(self) -> grpc.aio.Channel:
        return self._connection.channel(self._connection.directory.clearing)


def _api_key(message: api_key_pb2.ApiKey) -> ApiKey:
    return ApiKey(
        key_id=message.key_id,
        account_id=message.account_id,
        scopes=tuple(Scope(scope) for scope in message.scopes),
    )


def _limit_micros(amount: Number) -> int:
    return micros(amount) if decimal_of(amount, "a limit") else 0


def _margin_change(message: operator_pb2.ChangeMarginResponse) -> MarginChange:
    return MarginChange(
        previous_tiers=tuple(MarginTier.from_wire(tier) for tier in message.previous_margin_tiers),
        affected=tuple(
            AffectedAccount(
                account_id=each.account_id,
                equity=dollars(each.equity_micros),
                maintenance_margin=dollars(each.maintenance_margin_micros),
                new_maintenance_margin=dollars(each.new_maintenance_margin_micros),
                health_band=HealthBand(each.health_band),
                new_health_band=HealthBand(each.new_health_band),
            )
            for each in message.affected_accounts
        ),
        affected_count=message.affected_count,
        falling_count=message.falling_count,
        seq=message.seq,
    )
