"""Market data as subscribers see it: whole from a snapshot on, resumable, and nobody delays anybody."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

import grpc
import grpc.aio
import pytest

from tests.eventually import eventually_async
from tests.integration.callers import BTC, BUY, ETH, SELL, SOL, Caller, Session, calling, on_grid, place, refused
from tests.integration.matching.conftest import Trader
from tests.venue_fixture import start_venue
from wavetank.v1 import market_data_pb2 as pb
from wavetank.v1 import order_entry_pb2

Levels = dict[tuple[int, int], tuple[int, int]]


class Feed:
    """A subscription and the books that it tells."""

    def __init__(self, call: Any) -> None:  # noqa: ANN401 - grpcio's call.
        self.call = call
        self.received: list[pb.SubscribeResponse] = []
        self.messages: list[pb.MarketUpdate] = []
        self.last_seq = 0
        self.books: dict[int, Levels] = {}
        self.book_seqs: dict[int, int] = {}
        self.ended: grpc.aio.AioRpcError | None = None

    async def read(self) -> None:
        """Read until the stream ends."""
        try:
            while (message := await self.call.read()) is not grpc.aio.EOF:
                self.take(message)
        except grpc.aio.AioRpcError as error:
            self.ended = error

    def take(self, message: pb.SubscribeResponse) -> None:
        """Apply one message, and check that it follows the one before."""
        self.received.append(message)
        assert message.seq >= self.last_seq
        for update in message.updates:
            assert update.seq <= message.seq
            self.messages.append(update)
            self.apply(update)
        self.last_seq = message.seq

    def apply(self, update: pb.MarketUpdate) -> None:
        """Apply one update of a book, and check its checksum."""
        number = update.instrument_id
        if update.HasField("book_snapshot"):
            self.books[number] = levels_of(update.book_snapshot)
            assert checksum(self.books[number]) == update.book_snapshot.checksum
        elif update.HasField("book_delta"):
            assert update.book_delta.previous_seq <= max(self.last_seq, self.book_seqs.get(number, 0)) < update.seq
            for key, level in levels_of(update.book_delta).items():
                if level[0]:
                    self.books[number][key] = level
                else:
                    self.books[number].pop(key, None)
            assert checksum(self.books[number]) == update.book_delta.checksum
        else:
            return
        self.book_seqs[number] = update.seq

    def has_ended(self) -> bool:
        """Tell whether the stream ended with a refusal."""
        return self.ended is not None


def levels_of(book: pb.BookSnapshot | pb.BookDelta) -> Levels:
    """Return levels by side and price."""
    return {
        (side, level.price_ticks): (level.size_lots, level.orders)
        for side, levels in ((BUY, book.bids), (SELL, book.asks))
        for level in levels
    }


def checksum(levels: Levels) -> int:
    """Return the checksum of a book, written down from the contract."""
    whole = 0
    for (side, price), (lots, orders) in levels.items():
        z = (price * 2 + (side == SELL) + 0x9E3779B97F4A7C15) % 2**64
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        whole += ((z ^ (z >> 31)) | 1) * (lots * 65_536 + orders)
    return (whole + 2**63) % 2**64 - 2**63


# As a reader far away has it: the network takes little before it waits.
SMALL_WINDOW = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16_384))
ALL = (pb.CHANNEL_BBO, pb.CHANNEL_BOOK, pb.CHANNEL_TRADES, pb.CHANNEL_PRICES)


@asynccontextmanager
async def subscribed(
    caller: Caller, channels: Sequence[int] = ALL, instruments: Sequence[int] = (), from_seq: int = 0
) -> AsyncIterator[Feed]:
    """Yield a feed that is being read."""
    request = pb.SubscribeRequest(channels=channels, instrument_ids=instruments, from_seq=from_seq)  # type: ignore[arg-type]
    feed = Feed(caller.market_data.Subscribe(request, metadata=caller.metadata))
    reading = asyncio.create_task(feed.read())
    try:
        yield feed
    finally:
        feed.call.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def trade_a_little(maker: Session, taker: Session, mark: int, rounds: int) -> None:
    """Place, amend, cancel and trade in SOL and ETH."""
    for number in range(rounds):
        bid = on_grid(mark * (9_900 + number % 50) // 10_000)
        placed = await maker.do(
            order_entry_pb2.Command(place=place(BUY, 100 + number, bid, instrument_id=SOL)),
            order_entry_pb2.Command(place=place(SELL, 40, on_grid(mark), instrument_id=SOL)),
        )
        order_id = placed.results[0].order_id
        assert order_id
        await taker.do(order_entry_pb2.Command(place=place(BUY, 25, on_grid(mark), instrument_id=SOL)))
        await maker.do(
            order_entry_pb2.Command(cancel=order_entry_pb2.CancelOrder(order_id=order_id))
            if number % 3
            else order_entry_pb2.Command(amend=order_entry_pb2.AmendOrder(order_id=order_id, size_lots=50 + number))
        )


@pytest.fixture
async def pair(new_trader: Trader) -> AsyncIterator[tuple[Session, Session]]:
    sessions = await Session.open(await new_trader()), await Session.open(await new_trader())
    yield sessions
    for session in sessions:
        await session.do(order_entry_pb2.Command(cancel_all=order_entry_pb2.CancelAllOrders()))
        await session.close()


async def assert_books_agree(feed: Feed, caller: Caller, instruments: Sequence[int] = (BTC, ETH, SOL)) -> None:
    """Check that the feed tells the books that GetBook tells, once it has come so far."""
    for number in instruments:
        checkpoint = await caller.book(number)

        def has_come(seq: int = checkpoint.seq) -> bool:
            return feed.last_seq >= seq

        await eventually_async(has_come)
        # Nothing trades now, so the book is still that of the checkpoint.
        assert feed.books[number] == levels_of(checkpoint.book)


@pytest.mark.spec("MTCH-080")
async def test_snapshot_and_deltas_are_the_book(pair: tuple[Session, Session]) -> None:
    maker, taker = pair
    mark = await maker.caller.mark_ticks(SOL)
    await trade_a_little(maker, taker, mark, 3)
    async with subscribed(maker.caller) as feed:
        for _ in range(3):
            await trade_a_little(maker, taker, mark, 5)
            await assert_books_agree(feed, taker.caller)
        trades = [message for message in feed.messages if message.HasField("trade")]
        assert len(trades) >= 15
        assert {trade.trade.aggressor for trade in trades} == {BUY}
        seqs = [trade.seq for trade in trades]
        assert seqs == sorted(set(seqs))
        kinds = {message.WhichOneof("update") for message in feed.messages}
        assert kinds == {"bbo", "book_snapshot", "book_delta", "trade", "prices"}
        # The best prices told last are those of the book.
        best = next(m for m in reversed(feed.messages) if m.HasField("bbo") and m.instrument_id == SOL)
        book = (await taker.caller.book(SOL, 1)).book
        assert (best.bbo.bid_price_ticks, best.bbo.bid_size_lots) == (
            book.bids[0].price_ticks,
            book.bids[0].size_lots,
        )


async def test_a_subscription_holds_to_its_channels_and_instruments(pair: tuple[Session, Session]) -> None:
    maker, taker = pair
    mark = await maker.caller.mark_ticks(SOL)
    async with subscribed(maker.caller, [pb.CHANNEL_TRADES], [SOL]) as trades:
        async with subscribed(maker.caller, [pb.CHANNEL_BOOK], [ETH]) as other:
            await eventually_async(lambda: bool(other.messages))
            await trade_a_little(maker, taker, mark, 2)
            await eventually_async(lambda: len(trades.messages) >= 2)
        assert {m.WhichOneof("update") for m in trades.messages} == {"trade"}
        assert [m.WhichOneof("update") for m in other.messages] == ["book_snapshot"]


@pytest.mark.spec("MTCH-080")
async def test_who_resumes_has_missed_nothing(pair: tuple[Session, Session]) -> None:
    maker, taker = pair
    mark = await maker.caller.mark_ticks(SOL)
    async with subscribed(maker.caller) as first:
        await trade_a_little(maker, taker, mark, 4)
        await assert_books_agree(first, maker.caller)
    await trade_a_little(maker, taker, mark, 4)
    whole = [message.trade.trade_id for message in first.messages if message.HasField("trade")]
    # Wherever the reader was cut off, it goes on there; after every message that it read is such a place.
    for stop in range(1, len(first.received) + 1):
        before = Feed(None)
        for message in first.received[:stop]:
            before.take(message)
        async with subscribed(maker.caller, from_seq=before.last_seq) as resumed:
            resumed.books, resumed.book_seqs, resumed.last_seq = before.books, before.book_seqs, before.last_seq
            await assert_books_agree(resumed, taker.caller)
            assert not any(message.HasField("book_snapshot") for message in resumed.messages)
            again = [message.trade.trade_id for message in resumed.messages if message.HasField("trade")]
        read = [message.trade.trade_id for message in before.messages if message.HasField("trade")]
        assert not set(read) & set(again)
        assert set(whole) <= set(read) | set(again)


async def test_what_cannot_be_resumed_is_said(admin: Caller) -> None:
    seq = (await admin.book(SOL)).seq
    for from_seq, reason in ((seq + 1_000_000, "RESUME_IMPOSSIBLE"), (-1, "MALFORMED")):
        async with subscribed(admin, from_seq=from_seq) as feed:
            await eventually_async(feed.has_ended)
            assert feed.ended is not None
            assert refused(feed.ended).reason == reason
    for channels, instruments, reason in (
        ((), (), "MALFORMED"),
        ((9,), (), "MALFORMED"),
        (ALL, (99,), "INSTRUMENT_UNKNOWN"),
    ):
        async with subscribed(admin, channels, instruments) as feed:
            await eventually_async(feed.has_ended)
            assert feed.ended is not None
            assert refused(feed.ended).reason == reason


async def times_of_orders(session: Session, price: int) -> list[float]:
    """Place and cancel an order far from the others, one at a time; return the wall seconds that each placing took."""
    times = []
    for _ in range(60):
        began = time.perf_counter()
        placed = await session.do(
            order_entry_pb2.Command(place=place(BUY, 100, on_grid(price * 95 // 100), instrument_id=SOL))
        )
        times.append(time.perf_counter() - began)
        cancel = order_entry_pb2.CancelOrder(order_id=placed.results[0].order_id)
        await session.do(order_entry_pb2.Command(cancel=cancel))
    return times


@pytest.mark.spec("MTCH-080")
async def test_a_slow_reader_is_cut_and_delays_nobody(tmp_path: Path) -> None:
    settings = {"matching": {"SUBSCRIBER_BACKLOG": "1000"}}
    venue = await asyncio.to_thread(start_venue, tmp_path, settings=settings)
    try:
        async with calling(venue) as admin, calling(venue, *SMALL_WINDOW) as sleeper:
            one, two = await admin.trader("one"), await admin.trader("two")
            price = on_grid(await admin.mark_ticks(SOL))
            request = pb.SubscribeRequest(channels=[pb.CHANNEL_TRADES, pb.CHANNEL_BOOK])
            slow = Feed(sleeper.market_data.Subscribe(request, metadata=sleeper.metadata))
            # It reads its snapshots and falls asleep.
            slow.take(await slow.call.read())
            # This one sleeps as well, but asks for states only, of which the last one is enough.
            states = pb.SubscribeRequest(channels=[pb.CHANNEL_BBO, pb.CHANNEL_BOOK])
            patient = Feed(sleeper.market_data.Subscribe(states, metadata=sleeper.metadata))
            patient.take(await patient.call.read())
            makers, takers = await Session.open(one), await Session.open(two)
            before = await times_of_orders(takers, price)
            async with subscribed(admin, [pb.CHANNEL_TRADES, pb.CHANNEL_BOOK]) as quick:
                await eventually_async(lambda: len(quick.messages) >= 3)
                # 6,000 trades, there and back: more than the network's buffers and the backlog hold.
                for number in range(30):
                    sides = (SELL, BUY) if number % 2 else (BUY, SELL)
                    maker = order_entry_pb2.Command(place=place(sides[0], 20_000, price, instrument_id=SOL))
                    taker = order_entry_pb2.Command(place=place(sides[1], 100, price, instrument_id=SOL))
                    assert (await makers.do(maker)).results[0].state == order_entry_pb2.ORDER_STATE_OPEN
                    # Each of these is answered within the bound although somebody does not read.
                    answer = await takers.do(*[taker] * 200, timeout=2.0)
                    assert {result.state for result in answer.results} == {order_entry_pb2.ORDER_STATE_FILLED}

                    def has_read(trades: int = 200 * (number + 1)) -> bool:
                        return sum(message.HasField("trade") for message in quick.messages) == trades

                    await eventually_async(has_read)
                assert quick.ended is None
                # Both sleepers' lines are full now: one order more takes what it took before anybody slept.
                after = await times_of_orders(takers, price)
                assert median(after) < 3 * median(before) + 0.005
                assert quick.ended is None
            await asyncio.wait_for(slow.read(), 10.0)
            assert slow.ended is not None
            refusal = refused(slow.ended)
            assert (refusal.code, refusal.reason, refusal.allowed) == (
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "SUBSCRIBER_TOO_SLOW",
                "1000",
            )
            assert sum(message.HasField("trade") for message in slow.messages) < 6_000
            # The last change of the book; what happens besides is not told to who asks for books alone.
            rest = place(BUY, 100, on_grid(price * 95 // 100), instrument_id=SOL)
            last = await takers.do(order_entry_pb2.Command(place=rest))
            reading = asyncio.create_task(patient.read())
            await eventually_async(lambda: patient.last_seq >= last.seq)
            assert patient.books[SOL] == levels_of((await admin.book(SOL)).book)
            # It was told of 6,000 trades' effect on the book in far fewer messages.
            assert patient.ended is None
            assert len(patient.received) < 1_000
            patient.call.cancel()
            with suppress(asyncio.CancelledError):
                await reading
            await makers.close()
            await takers.close()
    finally:
        await asyncio.to_thread(venue.stop)
