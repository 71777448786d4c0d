"""Market data: subscriptions with books kept up to date, and questions about one book."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from wavetank.client.book import Book
from wavetank.client.connection import Connection
from wavetank.client.events import BookDelta, BookSnapshot, MarketEvent, Prices
from wavetank.client.streams import BeginAnew, Following
from wavetank.client.wire import MarketMessageEvent
from wavetank.v1 import market_data_pb2, market_data_pb2_grpc


class Channel(IntEnum):
    """What can be subscribed."""

    BBO = market_data_pb2.CHANNEL_BBO
    BOOK = market_data_pb2.CHANNEL_BOOK
    TRADES = market_data_pb2.CHANNEL_TRADES
    PRICES = market_data_pb2.CHANNEL_PRICES


EVERY_CHANNEL = (Channel.BBO, Channel.BOOK, Channel.TRADES, Channel.PRICES)


@dataclass(frozen=True, slots=True)
class BookView:
    """A book and its prices at one moment."""

    book: BookSnapshot
    prices: Prices


class Subscription:
    """Market data of one shard, in order, over any number of connections.

    Iterate over it, or ask for one event with `next(timeout)`. `books` are kept up to date as their messages are read.

    Attributes:
        books: by symbol, of the instruments whose `BOOK` channel is subscribed.
    """

    def __init__(
        self,
        connection: Connection,
        channels: Sequence[Channel],
        instruments: Sequence[str],
        from_seq: int,
        shard: int,
    ) -> None:
        self._wire = connection.wire
        self._books: dict[str, Book] = {}
        stub = market_data_pb2_grpc.MarketDataServiceStub(connection.channel(connection.directory.matching[shard]))
        numbers = connection.wire.numbers(instruments)
        self._following: Following[market_data_pb2.SubscribeResponse, MarketMessageEvent] = Following(
            name="market data",
            connection=connection,
            begin=lambda after_seq: stub.Subscribe(
                market_data_pb2.SubscribeRequest(
                    channels=[channel.value for channel in channels], instrument_ids=numbers, from_seq=after_seq
                ),
                metadata=connection.metadata,
            ),
            read=self._read,
            from_seq=from_seq,
            capacity=4_096,
            instruments=lambda message: message.instrument_id,
        )

    @property
    def books(self) -> Mapping[str, Book]:
        """Books by symbol."""
        return self._books

    @property
    def last_seq(self) -> int:
        """Seq of the last message read; give it as `from_seq` to go on here later."""
        return self._following.last_seq

    def __aiter__(self) -> AsyncIterator[MarketEvent]:
        return aiter(self._following.events)

    async def next(self, timeout: float | None = None) -> MarketEvent:
        """Return the next event, as `EventStream.next` does."""
        return await self._following.events.next(timeout)

    async def close(self) -> None:
        """Unsubscribe."""
        await self._following.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _read(self, message: market_data_pb2.SubscribeResponse) -> MarketMessageEvent | None:
        event = self._wire.market_event(message)
        if isinstance(event, (BookSnapshot, BookDelta)):
            book = self._books.setdefault(event.instrument, Book(event.instrument))
            before = book.seq
            if not book.apply(event):
                for each in self._books.values():
                    each.forget()
                raise BeginAnew(f"a delta of {event.instrument} does not follow seq {before}")
        return event


class MarketData:
    """The venue's market data."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def subscribe(
        self,
        channels: Sequence[Channel] = EVERY_CHANNEL,
        instruments: Sequence[str] = (),
        *,
        from_seq: int = 0,
        shard: int = 0,
    ) -> Subscription:
        """Subscribe; the subscription begins at once and is closed by `async with` or `close()`.

        Args:
            channels: what to be told.
            instruments: symbols, empty for all.
            from_seq: go on after this seq of an earlier subscription; 0 for snapshots first.
            shard: matching shard.

        Raises:
            InstrumentUnknown: a symbol is not listed.
        """
        return Subscription(self._connection, channels, instruments, from_seq, shard)

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
