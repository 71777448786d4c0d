"""MarketDataService: what everybody may see of the books and prices, and an owner of the own orders.

It checks who asks for what, and hands out bytes that the publisher made for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from wavetank.matching.adapters.subscriber import Subscriber
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.runtime.principal import Scope, principal, require
from wavetank.v1 import market_data_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wavetank.matching.adapters.publisher import MarketData
    from wavetank.matching.core.engine import Engine
    from wavetank.matching.service import MatchingService

Context = grpc.aio.ServicerContext[Any, Any]

MAX_DEPTH = 1_000
DEFAULT_DEPTH = 20


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
        caller = principal(context)
        require(caller, Scope.READ)
        channels = frozenset(request.channels)
        known = set(pb.Channel.values()) - {pb.CHANNEL_UNSPECIFIED}
        if not channels or channels - known:
            raise VenueError(Reason.MALFORMED, f"channels are {sorted(channels)}; one or more of {sorted(known)}")
        if request.from_seq < 0:
            raise VenueError(Reason.MALFORMED, f"from_seq is {request.from_seq}; 0 or a seq is allowed")
        if pb.CHANNEL_QUEUE_POSITION in channels and not caller.account_id:
            raise VenueError(
                Reason.ACCOUNT_UNKNOWN, "places in queues are told to keys of an account; this key has none"
            )
        subscriber = Subscriber(channels, frozenset(request.instrument_ids), self._backlog, caller.account_id)
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
