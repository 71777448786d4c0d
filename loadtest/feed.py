"""The prices a bot trades by: one market-data subscription, followed in the background and renewed when it breaks."""

import time

import gevent
import grpc
from loadtest.calls import CallFailed, Calls, authorization
from loadtest.outcomes import TALLY, reason_of_error

from wavetank.v1 import market_data_pb2, market_data_pb2_grpc


class PriceFeed:
    """Mark and best prices of one instrument, in ticks, 0 while unknown; call `close` when done."""

    def __init__(self, calls: Calls, matching: grpc.Channel, key: str, instrument_id: int) -> None:
        self._calls = calls
        self._market_data = market_data_pb2_grpc.MarketDataServiceStub(matching)
        self._metadata = authorization(key)
        self._instrument_id = instrument_id
        self.mark_ticks = 0
        self.bid_ticks = 0
        self.ask_ticks = 0
        self._subscribe()
        self._reader = gevent.spawn(self._follow)

    @property
    def middle_ticks(self) -> int:
        """Return the middle of the best bid and ask, or the mark while a side is empty."""
        if self.bid_ticks and self.ask_ticks:
            return (self.bid_ticks + self.ask_ticks) // 2
        return self.mark_ticks

    def close(self) -> None:
        """End the subscription and what reads it."""
        self._reader.kill()
        self._stream.cancel()

    def _subscribe(self) -> None:
        self._stream = self._market_data.Subscribe(
            market_data_pb2.SubscribeRequest(
                channels=[market_data_pb2.CHANNEL_BBO, market_data_pb2.CHANNEL_PRICES],
                instrument_ids=[self._instrument_id],
            ),
            metadata=self._metadata,
        )

    def _follow(self) -> None:
        # Ends when `close` kills the greenlet.
        while True:
            began = time.perf_counter()
            first = True
            try:
                for message in self._stream:
                    if first:
                        self._calls.report("stream", "prices: first message", began, message.ByteSize(), None)
                        first = False
                    self._take(message)
            except grpc.RpcError as error:
                self._calls.report("stream", "prices: broken", began, 0, CallFailed.of(error, reason_of_error(error)))
            # Old prices would place orders outside the band.
            self.mark_ticks = self.bid_ticks = self.ask_ticks = 0
            self._calls.wait()
            self._subscribe()

    def _take(self, message: market_data_pb2.SubscribeResponse) -> None:
        TALLY["market data messages"] += 1
        for update in message.updates:
            if update.HasField("prices"):
                self.mark_ticks = update.prices.mark_price_ticks
            elif update.HasField("bbo"):
                self.bid_ticks = update.bbo.bid_price_ticks
                self.ask_ticks = update.bbo.ask_price_ticks
