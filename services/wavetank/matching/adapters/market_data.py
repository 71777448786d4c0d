"""MarketDataService: what everybody may see of the books and prices.

Each change is encoded once and its bytes are shared by all subscribers (`subscriber`). Kept true: a
message of the books has the seq of the last event that changed that book, so no two of them have the
same; messages go out in order of seq; hence a reader that goes on after the last seq it saw has
missed no change of a book.
"""

from __future__ import annotations

import struct
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import grpc

from wavetank.matching.adapters.subscriber import Message, Subscriber
from wavetank.model.events.matching import Traded
from wavetank.model.orders import OrderFlag, Side
from wavetank.model.reason import Reason
from wavetank.model.record import RECORD_BYTES, decode, kind_of, kinds
from wavetank.runtime.errors import VenueError
from wavetank.runtime.principal import Scope, principal, require
from wavetank.v1 import instrument_pb2
from wavetank.v1 import market_data_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from wavetank.matching.core.engine import Engine
    from wavetank.matching.ports import Committed
    from wavetank.matching.service import MatchingService
    from wavetank.model.events.oracle import PricePublished

Context = grpc.aio.ServicerContext[Any, Any]

HELD_MESSAGES = 65_536
"""Messages held for those who resume, of all channels together."""
MAX_DEPTH = 1_000
DEFAULT_DEPTH = 20
ALL_LEVELS = 1_000_000

_TRADE_KIND = kind_of(Traded)
_INSTRUMENT_ID = struct.Struct(f"<4xi{RECORD_BYTES - 8}x")


class MarketData:
    """Encodes each cycle once and hands it to the subscribers; a sink of committed cycles."""

    def __init__(self, service: MatchingService) -> None:
        """Begin behind what is committed; what came before can no longer be resumed."""
        self._service = service
        self._subscribers: list[Subscriber] = []
        self._held: deque[Message] = deque(maxlen=HELD_MESSAGES)
        self._oldest_seq = service.last_seq
        """Resuming after this seq or a later one misses nothing."""
        self._book_seq: dict[int, int] = {}
        self._bbo: dict[int, tuple[int, int, int, int]] = {}
        self._prices: dict[int, PricePublished] = {}
        self._end: VenueError | None = None

    def stop(self) -> None:
        """End all subscriptions behind what waits, and begin no more."""
        self._end = VenueError(Reason.NOT_READY, "the shard is stopping; subscribe again in a moment")
        for subscriber in self._subscribers:
            subscriber.end(self._end)

    def committed(self, cycle: Committed) -> None:
        """Publish what the cycle changed."""
        # The sort is stable: at one seq the book comes before its best prices, and these before the trade.
        for message in sorted(self._messages(cycle), key=attrgetter("seq")):
            if len(self._held) == HELD_MESSAGES:
                self._oldest_seq = self._held[0].seq
            self._held.append(message)
            for subscriber in self._subscribers:
                subscriber.offer(message)

    def _messages(self, cycle: Committed) -> Iterable[Message]:
        engine = self._service.committed_engine
        yield from self._book_messages(engine, cycle)
        for index, kind in enumerate(kinds(cycle.records)):
            if kind == _TRADE_KIND:
                trade = decode(cycle.records, index * RECORD_BYTES)
                if isinstance(trade, Traded):
                    yield self._trade(trade, cycle.first_seq + index, cycle.now_ns)
        for published in cycle.prices:
            self._prices[published.instrument_id] = published
            update = pb.SubscribeResponse(prices=self.prices_of(engine, published.instrument_id))
            yield self._message(pb.CHANNEL_PRICES, published.instrument_id, update, cycle.last_seq, cycle.now_ns)

    def _book_messages(self, engine: Engine, cycle: Committed) -> Iterable[Message]:
        changed: dict[int, dict[tuple[int, int], tuple[int, int]]] = {}
        for instrument_id, side, price, lots, orders in cycle.levels:
            changed.setdefault(instrument_id, {})[side, price] = (lots, orders)
        if not changed:
            return
        last_seq = {
            instrument_id: seq
            for seq, (instrument_id,) in enumerate(_INSTRUMENT_ID.iter_unpack(cycle.records), cycle.first_seq)
        }
        for instrument_id in sorted(changed):
            seq = last_seq[instrument_id]
            yield self._delta(instrument_id, changed[instrument_id], seq, cycle.now_ns)
            bbo = engine.bbo(instrument_id)
            if bbo != self._bbo.get(instrument_id):
                self._bbo[instrument_id] = bbo
                update = pb.SubscribeResponse(bbo=bbo_message(bbo))
                yield self._message(pb.CHANNEL_BBO, instrument_id, update, seq, cycle.now_ns)

    @staticmethod
    def _message(channel: int, instrument_id: int, update: pb.SubscribeResponse, seq: int, now_ns: int) -> Message:
        update.seq = seq
        update.event_time_ns = now_ns
        update.instrument_id = instrument_id
        return Message(seq, channel, instrument_id, update.SerializeToString())

    def _trade(self, trade: Traded, seq: int, now_ns: int) -> Message:
        update = pb.SubscribeResponse(
            trade=pb.PublicTrade(
                trade_id=trade.trade_id,
                price_ticks=trade.price_ticks,
                size_lots=trade.size_lots,
                aggressor=instrument_pb2.Side.ValueType(trade.taker_side),
                liquidation=bool(trade.taker_flags & OrderFlag.LIQUIDATION),
            )
        )
        return self._message(pb.CHANNEL_TRADES, trade.instrument_id, update, seq, now_ns)

    def _delta(
        self, instrument_id: int, levels: dict[tuple[int, int], tuple[int, int]], seq: int, now_ns: int
    ) -> Message:
        delta = pb.BookDelta(previous_seq=self._book_seq.get(instrument_id, 0))
        for (side, price), (lots, orders) in sorted(levels.items()):
            rows = delta.bids if side == Side.BUY else delta.asks
            rows.append(pb.PriceLevel(price_ticks=price, size_lots=lots, orders=orders))
        self._book_seq[instrument_id] = seq
        update = pb.SubscribeResponse(book_delta=delta)
        return self._message(pb.CHANNEL_BOOK, instrument_id, update, seq, now_ns)

    def prices_of(self, engine: Engine, instrument_id: int) -> pb.InstrumentPrices:
        """Return an instrument's prices as delivered to bots."""
        prices = pb.InstrumentPrices(
            open_interest_lots=engine.open_interest(instrument_id), last_price_ticks=engine.last_price(instrument_id)
        )
        price = self._prices.get(instrument_id)
        if price is None:
            prices.stale = True
            return prices
        prices.index_price_ticks = price.index_price_ticks
        prices.mark_price_ticks = price.mark_price_ticks
        prices.stale = bool(price.stale)
        prices.funding_rate_e12 = price.funding_rate_e12
        prices.index_time_ns = price.index_time_ns
        return prices

    def subscribe(self, engine: Engine, subscriber: Subscriber, from_seq: int) -> None:
        """Give a subscriber its snapshot, or what it missed, and all that follows; called between two cycles.

        Raises:
            VenueError: RESUME_IMPOSSIBLE, INSTRUMENT_UNKNOWN, NOT_READY.

        """
        if self._end is not None:
            raise self._end
        listed = {instrument.instrument_id for instrument in engine.instruments()}
        unknown = sorted(subscriber.instrument_ids - listed)
        if unknown:
            raise VenueError(
                Reason.INSTRUMENT_UNKNOWN, f"instrument {unknown[0]} is not traded on this shard", was=unknown[0]
            )
        if from_seq:
            self._resume(subscriber, from_seq)
        for instrument_id in sorted(subscriber.instrument_ids or listed):
            for message in self._snapshot(engine, instrument_id, with_book=not from_seq):
                subscriber.offer(message)
        self._subscribers.append(subscriber)

    def _resume(self, subscriber: Subscriber, from_seq: int) -> None:
        if not self._oldest_seq <= from_seq <= self._service.last_seq:
            raise VenueError(
                Reason.RESUME_IMPOSSIBLE,
                f"changes after seq {self._oldest_seq} up to {self._service.last_seq} are held;"
                f" resuming after {from_seq} is impossible, subscribe anew",
                was=from_seq,
                allowed=self._oldest_seq,
            )
        for message in self._held:
            if message.seq > from_seq:
                subscriber.offer(message)

    def _snapshot(self, engine: Engine, instrument_id: int, *, with_book: bool) -> Iterable[Message]:
        seq, now_ns = self._service.last_seq, engine.now_ns
        if with_book:
            book = pb.SubscribeResponse(book_snapshot=book_message(engine, instrument_id, ALL_LEVELS))
            # A snapshot stands for the last delta, so that the next one follows it.
            book_seq = self._book_seq.setdefault(instrument_id, seq)
            yield self._message(pb.CHANNEL_BOOK, instrument_id, book, book_seq, now_ns)
        # Of best prices and prices only the present ones count, also for those who resume.
        bbo = pb.SubscribeResponse(bbo=bbo_message(engine.bbo(instrument_id)))
        yield self._message(pb.CHANNEL_BBO, instrument_id, bbo, seq, now_ns)
        prices = pb.SubscribeResponse(prices=self.prices_of(engine, instrument_id))
        yield self._message(pb.CHANNEL_PRICES, instrument_id, prices, seq, now_ns)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Forget a subscriber, if it ever subscribed."""
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)


def bbo_message(bbo: tuple[int, int, int, int]) -> pb.BestBidOffer:
    """Return the best prices as a message."""
    return pb.BestBidOffer(bid_price_ticks=bbo[0], bid_size_lots=bbo[1], ask_price_ticks=bbo[2], ask_size_lots=bbo[3])


def book_message(engine: Engine, instrument_id: int, depth: int) -> pb.BookSnapshot:
    """Return the first levels of a book."""
    bids, asks = engine.book(instrument_id, depth)
    return pb.BookSnapshot(
        bids=[pb.PriceLevel(price_ticks=price, size_lots=lots, orders=orders) for price, lots, orders in bids],
        asks=[pb.PriceLevel(price_ticks=price, size_lots=lots, orders=orders) for price, lots, orders in asks],
    )


class MarketDataServicer:
    """Serves market data; `Subscribe` yields bytes that are shared by all subscribers."""

    def __init__(self, service: MatchingService, market_data: MarketData, *, backlog: int) -> None:
        """Serve for `service`; `backlog` messages may wait for one subscriber."""
        self._service = service
        self._market_data = market_data
        self._backlog = backlog

    async def subscribe(self, request: pb.SubscribeRequest, context: Context) -> AsyncIterator[bytes]:
        """Stream the channels asked for."""
        require(principal(context), Scope.READ)
        channels = frozenset(request.channels)
        known = set(pb.Channel.values()) - {pb.CHANNEL_UNSPECIFIED}
        if not channels or channels - known:
            raise VenueError(Reason.MALFORMED, f"channels are {sorted(channels)}; one or more of {sorted(known)}")
        if request.from_seq < 0:
            raise VenueError(Reason.MALFORMED, f"from_seq is {request.from_seq}; 0 or a seq is allowed")
        subscriber = Subscriber(channels, frozenset(request.instrument_ids), self._backlog)
        try:
            await self._service.ask(lambda engine: self._market_data.subscribe(engine, subscriber, request.from_seq))
            async for data in subscriber.messages():
                yield data
        finally:
            self._market_data.unsubscribe(subscriber)

    async def get_book(self, request: pb.GetBookRequest, context: Context) -> pb.GetBookResponse:
        """Tell the present book of one instrument."""
        require(principal(context), Scope.READ)
        if not 0 <= request.depth <= MAX_DEPTH:
            raise VenueError(
                Reason.MALFORMED, f"depth is {request.depth}; 0 to {MAX_DEPTH} is allowed", was=request.depth
            )

        def find(engine: Engine) -> pb.GetBookResponse:
            if request.instrument_id not in {instrument.instrument_id for instrument in engine.instruments()}:
                raise VenueError(
                    Reason.INSTRUMENT_UNKNOWN,
                    f"instrument {request.instrument_id} is not traded on this shard",
                    was=request.instrument_id,
                )
            return pb.GetBookResponse(
                seq=self._service.last_seq,
                book=book_message(engine, request.instrument_id, request.depth or DEFAULT_DEPTH),
                prices=self._market_data.prices_of(engine, request.instrument_id),
            )

        return await self._service.ask(find)


def add_to_server(servicer: MarketDataServicer, server: grpc.aio.Server) -> None:
    """Add the servicer as the contract's MarketDataService, with bytes going out as they are."""
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Subscribe": grpc.unary_stream_rpc_method_handler(servicer.subscribe, pb.SubscribeRequest.FromString, None),
        "GetBook": grpc.unary_unary_rpc_method_handler(
            servicer.get_book, pb.GetBookRequest.FromString, pb.GetBookResponse.SerializeToString
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("wavetank.v1.MarketDataService", handlers),))
