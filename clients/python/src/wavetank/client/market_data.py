"""Market data: subscriptions with books kept up to date, and questions about one book."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from wavetank.client.book import Book
from wavetank.client.connection import Connection
from wavetank.client.events import BookDelta, BookSnapshot, MarketEvent, Prices
from wavetank.client.streams import BeginAnew, EventStream, Following
from wavetank.client.wire import MarketMessageEvent
from wavetank.v1 import market_data_pb2, market_data_pb2_grpc


class Channel(IntEnum):
    """What can be subscribed."""

    BBO = market_data_pb2.CHANNEL_BBO
    BOOK = market_data_pb2.CHANNEL_BOOK
    TRADES = market_data_pb2.CHANNEL_TRADES
    PRICES = market_data_pb2.CHANNEL_PRICES


_STREAM = "market data"
_CAPACITY = 4_096
EVERY_CHANNEL = (Channel.BBO, Channel.BOOK, Channel.TRADES, Channel.PRICES)


@dataclass(frozen=True, slots=True)
class BookView:
    """A book and its prices at one moment."""

    book: BookSnapshot
    prices: Prices


class Subscription:
    """Market data in order, over any number of connections; of several shards, each shard's in its own order.

    Iterate over it, or ask for one event with `next(timeout)`. `books` are kept up to date as their messages are read.

    Attributes:
        books: by symbol, of the instruments whose `BOOK` channel is subscribed.
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
        self._shards: dict[str, int] = {}
        directory = connection.directory
        wanted: dict[int, list[str]] = {}
        for symbol in instruments:
            connection.wire.named(symbol)
            wanted.setdefault(directory.shard_of.get(symbol, 0), []).append(symbol)
        shards = wanted if instruments else {shard: [] for shard in sorted(directory.matching)}
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
            instruments=lambda message: message.instrument_id,
            events=self._events,
        )

    @property
    def books(self) -> Mapping[str, Book]:
        """Books by symbol."""
        return self._books

    @property
    def last_seq(self) -> int:
        """Seq of the last message read, of the first shard; give it as `from_seq` to go on here later."""
        return next(iter(self._followings.values())).last_seq

    @property
    def last_seqs(self) -> dict[int, int]:
        """By shard, seq of the last message read; give it as `from_seq` where several shards are subscribed."""
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

    def _read(self, message: market_data_pb2.SubscribeResponse, shard: int) -> MarketMessageEvent | None:
        event = self._wire.market_event(message)
        if isinstance(event, (BookSnapshot, BookDelta)):
            book = self._books.setdefault(event.instrument, Book(event.instrument))
            self._shards[event.instrument] = shard
            before = book.seq
            if not book.apply(event):
                for symbol, each in self._books.items():
                    if self._shards[symbol] == shard:
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
