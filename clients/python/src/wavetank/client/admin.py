"""Everything that needs scope `admin`: accounts, API keys, pushed prices, and faults."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum

import grpc.aio

from wavetank.client.account import AccountState
from wavetank.client.connection import Connection
from wavetank.client.instrument import InstrumentState, Number, decimal_of, micros, scaled
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
_E12 = 12


class Scope(IntEnum):
    """What a key allows."""

    READ = api_key_pb2.SCOPE_READ
    TRADE = api_key_pb2.SCOPE_TRADE
    ADMIN = api_key_pb2.SCOPE_ADMIN


class Consumer(IntEnum):
    """Who prices are delivered to; faults may differ by consumer."""

    TRUTH = oracle_pb2.CONSUMER_TRUTH
    CLEARING = oracle_pb2.CONSUMER_CLEARING
    MATCHING = oracle_pb2.CONSUMER_MATCHING
    BOTS = oracle_pb2.CONSUMER_BOTS


class FaultKind(IntEnum):
    """What goes wrong."""

    LAG = oracle_control_pb2.FAULT_KIND_LAG
    FREEZE = oracle_control_pb2.FAULT_KIND_FREEZE
    SPIKE = oracle_control_pb2.FAULT_KIND_SPIKE


class FaultTarget(IntEnum):
    """Which value goes wrong."""

    PRICE = oracle_control_pb2.FAULT_TARGET_PRICE
    FUNDING = oracle_control_pb2.FAULT_TARGET_FUNDING


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
class Fault:
    """A fault that is active.

    Attributes:
        fault_id: given by the oracle.
        kind: what goes wrong.
        target: which value.
        instruments: symbols, empty for all.
        consumers: who is deceived, empty for all but the truth.
        lag_ns: venue time by which values are late.
        magnitude: of a spike: 0.05 is +5 %, or is added to the funding rate.
        duration_ns: venue time it lasts, 0 until cleared.
        start_time_ns: venue time it began.
    """

    fault_id: int
    kind: FaultKind
    target: FaultTarget
    instruments: tuple[str, ...]
    consumers: tuple[Consumer, ...]
    lag_ns: int
    magnitude: Decimal
    duration_ns: int
    start_time_ns: int


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
        stub = operator_pb2_grpc.OperatorServiceStub(self._channel_of_clearing)
        request = operator_pb2.SetFundingIntervalRequest(
            instrument_id=self._connection.wire.named(symbol).instrument_id, funding_interval_ns=interval_ns, note=note
        )
        return (await self._connection.change(stub.SetFundingInterval, request)).previous_interval_ns

    # --- Prices and faults -------------------------------------------------------------------------------------------

    async def push_prices(self, prices: Mapping[str, Number], *, source: str = "push", price_time_ns: int = 0) -> int:
        """Push prices of instruments whose source is `push`; all are taken or none.

        Args:
            prices: dollars by symbol.
            source: name of the source, 1 to 16 characters.
            price_time_ns: venue time the prices are of, 0 for now.

        Returns:
            Seq of the oracle's log that covers them.
        """
        pushed = [
            oracle_pb2.PushedPrice(
                instrument_id=self._connection.wire.named(symbol).instrument_id,
                price_micros=micros(price),
                price_time_ns=price_time_ns,
                source=source,
            )
            for symbol, price in prices.items()
        ]
        stub = oracle_pb2_grpc.OracleServiceStub(self._connection.channel(self._connection.directory.oracle))
        response = await self._connection.change(stub.PushPrices, oracle_pb2.PushPricesRequest(prices=pushed))
        return response.seq

    async def set_fault(
        self,
        kind: FaultKind,
        *,
        target: FaultTarget = FaultTarget.PRICE,
        instruments: Sequence[str] = (),
        consumers: Sequence[Consumer] = (),
        lag: timedelta = timedelta(),
        magnitude: Number = 0,
        duration: timedelta = timedelta(),
    ) -> Fault:
        """Break the oracle, from now on.

        Args:
            kind: what goes wrong.
            target: which value.
            instruments: symbols, empty for all.
            consumers: who is deceived, empty for all but the truth.
            lag: venue time by which values are late.
            magnitude: of a spike: `"0.05"` multiplies prices by 1.05, or is added to the funding rate.
            duration: venue time it lasts; none lasts until it is cleared.

        Raises:
            FaultMalformed: target, kind and magnitude do not fit.
        """
        e12 = decimal_of(magnitude, "a magnitude") * 10**_E12
        if e12 != int(e12):
            raise ValueError(f"a magnitude has at most {_E12} decimals, not {magnitude}")
        fault = oracle_control_pb2.Fault(
            kind=kind.value,
            target=target.value,
            instrument_ids=self._connection.wire.numbers(instruments),
            consumers=[consumer.value for consumer in consumers],
            lag_ns=_nanoseconds(lag),
            magnitude_e12=int(e12),
            duration_ns=_nanoseconds(duration),
        )
        request = oracle_control_pb2.SetFaultRequest(fault=fault)
        return self._fault((await self._connection.change(self._control.SetFault, request)).fault)

    async def clear_faults(self, fault_ids: Sequence[int] = ()) -> tuple[int, ...]:
        """End faults, or all, and return the ids of those that were ended."""
        request = oracle_control_pb2.ClearFaultsRequest(fault_ids=fault_ids)
        return tuple((await self._connection.change(self._control.ClearFaults, request)).fault_ids)

    async def list_faults(self) -> tuple[Fault, ...]:
        """Return the active faults by id."""
        response = await self._connection.ask(self._control.ListFaults, oracle_control_pb2.ListFaultsRequest())
        await self._connection.know(each for fault in response.faults for each in fault.instrument_ids)
        return tuple(self._fault(fault) for fault in response.faults)

    def _fault(self, message: oracle_control_pb2.Fault) -> Fault:
        return Fault(
            fault_id=message.fault_id,
            kind=FaultKind(message.kind),
            target=FaultTarget(message.target),
            instruments=tuple(self._connection.wire.symbol(each) for each in message.instrument_ids),
            consumers=tuple(Consumer(each) for each in message.consumers),
            lag_ns=message.lag_ns,
            magnitude=scaled(message.magnitude_e12, -_E12),
            duration_ns=message.duration_ns,
            start_time_ns=message.start_time_ns,
        )

    @property
    def _keys(self) -> api_key_pb2_grpc.ApiKeyServiceAsyncStub:
        return api_key_pb2_grpc.ApiKeyServiceStub(self._channel_of_clearing)

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


def _nanoseconds(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1) * 1_000
