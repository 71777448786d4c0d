"""The way in: one address, and the whole venue is at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import grpc

from wavetank.client.account import Account
from wavetank.client.admin import Admin
from wavetank.client.connection import Backoff, Connection
from wavetank.client.directory import Directory, RunDirectory
from wavetank.client.doors import Doors
from wavetank.client.escalations import Escalations
from wavetank.client.events import Disconnected, Gap, Prices, Reconnected
from wavetank.client.faults import Consumer
from wavetank.client.instrument import Instrument
from wavetank.client.liquidations import Liquidations
from wavetank.client.market_data import MarketData
from wavetank.client.order_entry import CREDIT_RETRIES, Orders
from wavetank.client.orders import Acknowledgement
from wavetank.client.risk import Risk
from wavetank.client.session import Session
from wavetank.client.streams import Following
from wavetank.v1 import oracle_pb2, oracle_pb2_grpc

DEFAULT_TIMEOUT_SECONDS = 5.0


class OraclePrices:
    """Prices as one consumer gets them; iterate, or ask with `next(timeout)`."""

    def __init__(self, connection: Connection, consumer: Consumer, instruments: Sequence[str], from_seq: int) -> None:
        stub = oracle_pb2_grpc.OracleServiceStub(connection.channel(connection.directory.oracle))
        numbers = connection.wire.numbers(instruments)
        self._following: Following[oracle_pb2.SubscribePricesResponse, Prices] = Following(
            name="prices",
            connection=connection,
            begin=lambda after_seq: stub.SubscribePrices(
                oracle_pb2.SubscribePricesRequest(consumer=consumer.value, instrument_ids=numbers, from_seq=after_seq),
                metadata=connection.metadata,
            ),
            read=lambda message: [connection.wire.oracle_prices(message)],
            from_seq=from_seq,
            capacity=4_096,
            instruments=lambda message: [message.instrument_id],
        )

    def __aiter__(self) -> AsyncIterator[Prices | Gap | Disconnected | Reconnected]:
        return aiter(self._following.events)

    async def next(self, timeout: float | None = None) -> Prices | Gap | Disconnected | Reconnected:
        """Return the next event, as `EventStream.next` does."""
        return await self._following.events.next(timeout)

    async def close(self) -> None:
        """Unsubscribe."""
        await self._following.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Venue:
    """A venue, connected; made by `connect`.

    Attributes:
        orders: order entry and order questions by single calls.
        account: the key's own account; `account.of(id)` for another.
        market_data: subscriptions and books.
        admin: accounts, keys, the operator's controls, pushed prices, faults; needs scope `admin`.
        doors: venue faults and the ordering of requests, on every shard; needs scope `admin`.
        escalations: what the venue asks a person, and the answer; needs scope `admin`.
        risk: what would be, of an account or of the venue.
        liquidations: the public feed of liquidations, auto-deleveraging and cascades.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.orders = Orders(connection)
        self.account = Account(connection)
        self.market_data = MarketData(connection)
        self.admin = Admin(connection)
        self.doors = Doors(connection)
        self.escalations = Escalations(connection)
        self.risk = Risk(connection)
        self.liquidations = Liquidations(connection)

    @property
    def directory(self) -> Directory:
        """Instruments, endpoints and clock, as last read."""
        return self._connection.directory

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Instruments by symbol, as last read."""
        return self._connection.wire.instruments

    def now_ns(self) -> int:
        """Return the venue's time, as this machine's clock reckons it."""
        return self._connection.directory.clock.now_ns()

    def session(
        self,
        *,
        cancel_on_disconnect: bool = False,
        account_id: int = 0,
        shard: int | None = None,
        timeout: float | None = None,
        credit_retries: int = CREDIT_RETRIES,
        acknowledgement: Acknowledgement = Acknowledgement.LOGGED,
    ) -> Session:
        """Return a session, to be opened by `async with`.

        Args:
            cancel_on_disconnect: cancel the orders of the session when it ends, by intention or not.
            account_id: account to trade for, 0 for the key's own.
            shard: a single matching shard; None for all of them.
            timeout: wall seconds after which an answer is overdue; None for the client's own.
            credit_retries: how often an order is sent again, with the same client order id, that a shard refused with
                `CreditElsewhere`: its credit is on another shard and is being moved; 0 to be told at once.
            acknowledgement: when to be answered; `MATCHED` is sooner, and a crash of the venue may undo it.
        """
        return Session(
            self._connection,
            account_id=account_id,
            cancel_on_disconnect=cancel_on_disconnect,
            shards=sorted(self._connection.directory.matching) if shard is None else (shard,),
            timeout=self._connection.timeout if timeout is None else timeout,
            credit_retries=credit_retries,
            acknowledgement=acknowledgement,
        )

    def prices(
        self, consumer: Consumer = Consumer.BOTS, instruments: Sequence[str] = (), *, from_seq: int = 0
    ) -> OraclePrices:
        """Stream the oracle's prices as one consumer gets them, faults included.

        Args:
            consumer: as whom.
            instruments: symbols, empty for all.
            from_seq: go on after this seq of the oracle's log; 0 for the last prices first.
        """
        return OraclePrices(self._connection, consumer, instruments, from_seq)

    async def refresh(self) -> Directory:
        """Ask for the directory anew."""
        return await self._connection.read_directory()

    async def close(self) -> None:
        """Close every connection."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Connecting:
    """A connection about to be made: `venue = await connect(…)`, or `async with connect(…) as venue`."""

    def __init__(
        self,
        address: str,
        *,
        api_key: str,
        timeout: float,
        backoff: Backoff,
        credentials: grpc.ChannelCredentials | None,
    ) -> None:
        self._address = address
        self._api_key = api_key
        self._timeout = timeout
        self._backoff = backoff
        self._credentials = credentials
        self._venue: Venue | None = None

    def __await__(self) -> Generator[Any, None, Venue]:
        return self._connect().__await__()

    async def __aenter__(self) -> Venue:
        self._venue = await self._connect()
        return self._venue

    async def __aexit__(self, *_: object) -> None:
        if self._venue is not None:
            await self._venue.close()

    async def _connect(self) -> Venue:
        # A channel belongs to the event loop that it was made in, so none is made before this point.
        connection = Connection(
            self._address,
            api_key=self._api_key,
            timeout=self._timeout,
            backoff=self._backoff,
            credentials=self._credentials,
        )
        try:
            await connection.read_directory()
        except BaseException:
            await connection.close()
            raise
        return Venue(connection)


def connect(
    address: str = "",
    *,
    api_key: str = "",
    run_directory: str | Path | None = None,
    timeout: float = DEFAULT_TIMEOUT_SECONDS,
    backoff: Backoff | None = None,
    credentials: grpc.ChannelCredentials | None = None,
) -> Connecting:
    """Connect to a venue: one address leads to all its services.

    Args:
        address: of any service, for instance `127.0.0.1:50051`.
        api_key: `<key_id>.<secret>`; empty sees the directory only.
        run_directory: of `wavetank up`, instead of an address; without `api_key` its play key is used.
        timeout: wall seconds after which a call has failed.
        backoff: how long to wait between attempts to connect anew.
        credentials: TLS, or None for plain text.

    Returns:
        Something to await, or to use with `async with`; either raises `VenueUnavailable` if nobody answers.

    Raises:
        RunDirectoryUnreadable: no venue was started in the run directory.
        ValueError: neither or both of address and run directory are given.
    """
    if bool(address) == (run_directory is not None):
        raise ValueError("give an address or a run directory, one of both")
    if run_directory is not None:
        found = RunDirectory.read(run_directory)
        address, api_key = found.address, api_key or found.play_key
    return Connecting(address, api_key=api_key, timeout=timeout, backoff=backoff or Backoff(), credentials=credentials)
