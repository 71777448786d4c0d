"""Market data: subscriptions with books kept up to date, and questions about one book."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NoReturn, Self, TypeVar

from wavetank.client.book import Book
from wavetank.client.connection import Connection
from wavetank.client.events import (
    BookDelta,
    BookSnapshot,
    MarketEvent,
    OrdersSnapshot,
    OrderUpdate,
    Prices,
    QueuePosition,
)
from wavetank.client.order_book import OrderBook
from wavetank.client.streams import BeginAnew, EventStream, Following
from wavetank.client.wire import MarketMessageEvent
from wavetank.v1 import market_data_pb2, market_data_pb2_grpc

Snapshot = TypeVar("Snapshot", BookSnapshot, OrdersSnapshot)


class Channel(IntEnum):
    """What can be subscribed."""

    BBO = market_data_pb2.CHANNEL_BBO
    BOOK = market_data_pb2.CHANNEL_BOOK
    TRADES = market_data_pb2.CHANNEL_TRADES
    PRICES = market_data_pb2.CHANNEL_PRICES
    ORDERS = market_data_pb2.CHANNEL_ORDERS
    """Every resting order, with the queues."""
    STATUS = market_data_pb2.CHANNEL_STATUS
    """State of the instrument, and where its auction would uncross."""
    QUEUE_POSITION = market_data_pb2.CHANNEL_QUEUE_POSITION
    """Own places in the queues; for a key of an account."""


_STREAM = "market data"
_CAPACITY = 4_096
USUAL_CHANNELS = (Channel.BBO, Channel.BOOK, Channel.TRADES, Channel.PRICES)
"""What most programs need; each of the others is asked for by name."""


@dataclass(frozen=True, slots=True)
class BookView:
    """A book and its prices at one moment."""

    book: BookSnapshot
    prices: Prices


class Subscription:
    """Market data in order, over any number of connections; of several shards, each shard's in its own order.

    Iterate over it, or ask for one event with `next(timeout)`. Books are kept up to date as their messages are read,
    and checked with each: one that is not what the venue holds ends in a `Gap` that says so, and a fresh beginning.

    Attributes:
        books: by symbol, of the instruments whose `BOOK` channel is subscribed.
        order_books: by symbol, of the instruments whose `ORDERS` channel is subscribed.
        queue_positions: by order id, if the `QUEUE_POSITION` channel is subscribed.
    """

    def __init__(
        self,
        connection: Connection,
        channels: Sequence[Channel],
        instruments: Sequence[str],
        from_seq: int | Mapping[int, int],
    ) -> None:
        self._wire = connection.wire
        self._books: dict[str, Book] = {}
        self._order_books: dict[str, OrderBook] = {}
        self._queue_positions: dict[int, QueuePosition] = {}
        self._parts: dict[str, BookSnapshot | OrdersSnapshot] = {}
        self._shards: dict[str, int] = {}
        directory = connection.directory
        wanted: dict[int, list[str]] = {}
        for symbol in instruments:
            connection.wire.named(symbol)
            wanted.setdefault(directory.shard_of.get(symbol, 0), []).append(symbol)
        shards: dict[int, list[str]] = wanted if instruments else {shard: [] for shard in sorted(directory.matching)}
        self._events: EventStream[MarketEvent] = EventStream(_CAPACITY)
        self._followings = {
            shard: self._follow(
                connection,
                shard,
                [channel.value for channel in channels],
                connection.wire.numbers(symbols),
                from_seq if isinstance(from_seq, int) else from_seq.get(shard, 0),
                name=_STREAM if len(shards) == 1 else f"{_STREAM} of shard {shard}",
            )
            for shard, symbols in shards.items()
        }

    def _follow(
        self,
        connection: Connection,
        shard: int,
        channels: Sequence[market_data_pb2.Channel.ValueType],
        numbers: Sequence[int],
        from_seq: int,
        name: str,
    ) -> Following[market_data_pb2.SubscribeResponse, MarketMessageEvent]:
        stub = market_data_pb2_grpc.MarketDataServiceStub(connection.channel(connection.directory.matching[shard]))
        return Following(
            name=name,
            connection=connection,
            begin=lambda after_seq: stub.Subscribe(
                market_data_pb2.SubscribeRequest(channels=channels, instrument_ids=numbers, from_seq=after_seq),
                metadata=connection.metadata,
            ),
            read=lambda message: self._read(message, shard),
            from_seq=from_seq,
            capacity=_CAPACITY,
            instruments=lambda message: [update.instrument_id for update in message.updates],
            events=self._events,
        )

    @property
    def books(self) -> Mapping[str, Book]:
        """Books by symbol."""
        return self._books

    @property
    def order_books(self) -> Mapping[str, OrderBook]:
        """Books order by order, by symbol."""
        return self._order_books

    @property
    def queue_positions(self) -> Mapping[int, QueuePosition]:
        """Places of own resting orders, by order id."""
        return self._queue_positions

    @property
    def last_seq(self) -> int:
        """Seq up to which all was given to the reader, of the first shard; as `from_seq` it goes on here later."""
        return next(iter(self._followings.values())).last_seq

    @property
    def last_seqs(self) -> dict[int, int]:
        """The same by shard; give it as `from_seq` where several shards are subscribed."""
        return {shard: following.last_seq for shard, following in self._followings.items()}

    def __aiter__(self) -> AsyncIterator[MarketEvent]:
        return aiter(self._events)

    async def next(self, timeout: float | None = None) -> MarketEvent:
        """Return the next event, as `EventStream.next` does."""
        return await self._events.next(timeout)

    async def close(self) -> None:
        """Unsubscribe."""
        for following in self._followings.values():
            await following.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _read(self, message: market_data_pb2.SubscribeResponse, shard: int) -> list[MarketMessageEvent]:
        own = frozenset(message.own_order_ids)
        events = [event for update in message.updates for event in self._event(update, own, shard)]
        for symbol, book in self._books.items():
            if self._shards[symbol] == shard:
                book.told(message.seq)
        return events

    def _event(
        self, update: market_data_pb2.MarketUpdate, own: frozenset[int], shard: int
    ) -> Iterator[MarketMessageEvent]:
        """Yield what an update says, once it has been applied; nothing for a part of a snapshot."""
        event = self._wire.market_event(update, own)
        if isinstance(event, BookSnapshot):
            snapshot = update.book_snapshot
            event = self._joined(event, more=snapshot.more, continued=snapshot.continued)
        elif isinstance(event, OrdersSnapshot):
            orders = update.orders_snapshot
            event = self._joined(event, more=orders.more, continued=orders.continued)
        if event is not None:
            yield self._applied(event, shard)

    def _joined(self, part: Snapshot, *, more: bool, continued: bool) -> Snapshot | None:
        """Return the snapshot that its parts make, or None while more follow."""
        before = self._parts.pop(part.instrument, None) if continued else None
        if isinstance(part, BookSnapshot) and isinstance(before, BookSnapshot):
            part = replace(part, bids=before.bids + part.bids, asks=before.asks + part.asks)
        elif isinstance(part, OrdersSnapshot) and isinstance(before, OrdersSnapshot):
            part = replace(part, orders=before.orders + part.orders)
        if more:
            self._parts[part.instrument] = part
            return None
        return part

    def _applied(self, event: MarketMessageEvent, shard: int) -> MarketMessageEvent:
        """Keep the books up to date, and return the event; raise `BeginAnew` if a book cannot be."""
        match event:
            case BookSnapshot() | BookDelta():
                self._shards[event.instrument] = shard
                book = self._books.setdefault(event.instrument, Book(event.instrument))
                if not book.apply(event):
                    self._begin_anew(shard, book.fault)
            case OrdersSnapshot() | OrderUpdate():
                self._shards[event.instrument] = shard
                orders = self._order_books.setdefault(event.instrument, OrderBook(event.instrument))
                if isinstance(event, OrderUpdate) and (known := orders.order(event.order_id)) is not None:
                    event = replace(event, own=known.own)
                if not orders.apply(event):
                    self._begin_anew(shard, f"{event} does not fit the orders of its book")
            case QueuePosition(has_left=True):
                self._queue_positions.pop(event.order_id, None)
            case QueuePosition():
                self._queue_positions[event.order_id] = event
            case _:
                pass
        return event

    def _begin_anew(self, shard: int, cause: str) -> NoReturn:
        for symbol, of in self._shards.items():
            if of == shard:
                for book in (self._books.get(symbol), self._order_books.get(symbol)):
                    if book is not None:
                        book.forget()
        raise BeginAnew(cause)


class MarketData:
    """The venue's market data."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def subscribe(
        self,
        channels: Sequence[Channel] = USUAL_CHANNELS,
        instruments: Sequence[str] = (),
        *,
        from_seq: int | Mapping[int, int] = 0,
    ) -> Subscription:
        """Subscribe; the subscription begins at once and is closed by `async with` or `close()`.

        Args:
            channels: what to be told.
            instruments: symbols, empty for all.
            from_seq: go on after this seq of an earlier subscription; 0 for snapshots first. Seqs are a shard's own, so
                for instruments of several shards `last_seqs` is what to give.

        Raises:
            InstrumentUnknown: a symbol is not listed.
        """
        return Subscription(self._connection, channels, instruments, from_seq)

    async def book(self, instrument: str, depth: int = 20) -> BookView:
        """Return the present book of an instrument.

        Args:
            instrument: symbol.
            depth: levels of each side, at most 1,000.
        """
        listed = self._connection.wire.named(instrument)
        directory = self._connection.directory
        address = directory.matching[directory.shard_of.get(instrument, 0)]
        stub = market_data_pb2_grpc.MarketDataServiceStub(self._connection.channel(address))
        response = await self._connection.ask(
            stub.GetBook, market_data_pb2.GetBookRequest(instrument_id=listed.instrument_id, depth=depth)
        )
        now_ns = directory.clock.now_ns()
        return BookView(
            book=self._connection.wire.book(response.book, listed, response.seq, now_ns),
            prices=self._connection.wire.prices(response.prices, listed, response.seq, now_ns),
        )
