"""A reader of market data: it subscribes everything, reads for a while, and begins again where it stopped."""

import random
import time

import grpc
from loadtest.accounts import open_account, wait_until_ready
from loadtest.calls import TIMEOUT_SECONDS, CallFailed, authorization
from loadtest.outcomes import TALLY, code_of_error, reason_of_error
from loadtest.users.trading import VenueUser
from loadtest.venue import Venue, VenueAccess
from locust import constant_throughput, task

from wavetank.v1 import market_data_pb2, market_data_pb2_grpc

READING_SECONDS = 4.0

_CHANNELS = (
    market_data_pb2.CHANNEL_BBO,
    market_data_pb2.CHANNEL_BOOK,
    market_data_pb2.CHANNEL_TRADES,
    market_data_pb2.CHANNEL_PRICES,
)


class BookBroken(Exception):
    """A book delta did not follow the message before it."""


class WatchingUser(VenueUser):
    """Reads all channels of all instruments of one shard, four seconds out of five."""

    weight = 1
    wait_time = constant_throughput(0.2)

    _market_data: market_data_pb2_grpc.MarketDataServiceStub
    _metadata: tuple[tuple[str, str], ...]
    _instruments: tuple[int, ...]
    _seq = 0

    def arrive(self, access: VenueAccess, venue: Venue) -> bool:
        """Get a key of scope read and trade, as every account here has, and wait until matching knows it."""
        account = open_account(self.calls, self.connect(venue.clearing_address), access.play_key)
        if account is None:
            return False
        first = random.choice(list(venue.instruments.values()))
        address = venue.matching_addresses[first.instrument_id]
        matching = self.connect(address)
        if not wait_until_ready(self.calls, matching, account, first):
            return False
        self._market_data = market_data_pb2_grpc.MarketDataServiceStub(matching)
        self._metadata = authorization(account.key)
        self._instruments = tuple(one for one in venue.instruments if venue.matching_addresses[one] == address)
        return True

    @task
    def read(self) -> None:
        """Ask for one book, then subscribe and read until the time is over."""
        self._get_book()
        self._read_stream()

    def _read_stream(self) -> None:
        """Subscribe, from the start or from where the last reading stopped."""
        resumed = self._seq > 0
        name = "resume: first message" if resumed else "subscribe: first message"
        began = time.perf_counter()
        books: dict[int, int] = {}
        first = True
        try:
            for message in self._market_data.Subscribe(
                market_data_pb2.SubscribeRequest(
                    channels=_CHANNELS, instrument_ids=self._instruments, from_seq=self._seq
                ),
                metadata=self._metadata,
                timeout=READING_SECONDS,
            ):
                if first:
                    self.calls.report("stream", name, began, message.ByteSize(), None)
                    first = False
                self._take(message, books)
        except BookBroken as error:
            self.calls.report("stream", "book", began, 0, error)
            self._seq = 0
        except grpc.RpcError as error:
            self._end(error, began)

    def _take(self, message: market_data_pb2.SubscribeResponse, books: dict[int, int]) -> None:
        TALLY["market data messages"] += 1
        for update in message.updates:
            if update.HasField("book_delta"):
                before = books.get(update.instrument_id, self._seq)
                if update.book_delta.previous_seq > before:
                    raise BookBroken("a book delta does not follow what was told before it")
            if update.HasField("book_delta") or update.HasField("book_snapshot"):
                books[update.instrument_id] = update.seq
        self._seq = max(self._seq, message.seq)
        books.update({instrument_id: max(seq, self._seq) for instrument_id, seq in books.items()})

    def _end(self, error: grpc.RpcError, began: float) -> None:
        """Tell the end of the reading time from a broken stream."""
        if code_of_error(error) == grpc.StatusCode.DEADLINE_EXCEEDED:
            return
        reason = reason_of_error(error)
        if reason == "REASON_RESUME_IMPOSSIBLE":
            # The venue no longer holds what came since: a reader begins anew, from a snapshot.
            TALLY["refused RESUME_IMPOSSIBLE"] += 1
        else:
            self.calls.report("stream", "market data: broken", began, 0, CallFailed.of(error, reason))
            self.calls.wait()
        self._seq = 0

    def _get_book(self) -> None:
        """Ask for one book."""
        instrument_id = random.choice(self._instruments)
        self.calls.make(
            "book",
            "get",
            lambda: self._market_data.GetBook(
                market_data_pb2.GetBookRequest(instrument_id=instrument_id),
                metadata=self._metadata,
                timeout=TIMEOUT_SECONDS,
            ),
        )
