"""Subscriptions go on where they were, or say that they cannot."""

from decimal import Decimal
from typing import Any

import pytest

from tests.client.scripted_venue import ScriptedVenue
from wavetank.client import (
    AuthenticationFailed,
    BookDelta,
    BookSnapshot,
    Channel,
    Deposited,
    Disconnected,
    EventsOverrun,
    EventStream,
    Gap,
    InstrumentUnknown,
    OrdersSnapshot,
    OrderUpdate,
    OrderUpdateKind,
    OutcomeUnknown,
    QueuePosition,
    Reconnected,
    Side,
    Trade,
    Venue,
    connect,
)
from wavetank.v1 import account_pb2, instrument_pb2, market_data_pb2


def level(price_ticks: int, size_lots: int) -> market_data_pb2.PriceLevel:
    return market_data_pb2.PriceLevel(price_ticks=price_ticks, size_lots=size_lots, orders=1)


def message(seq: int, **update: Any) -> market_data_pb2.SubscribeResponse:  # noqa: ANN401 - any field of an update.
    """Return a message of one commit with one update, of SOL unless it says otherwise."""
    update.setdefault("instrument_id", 3)
    return market_data_pb2.SubscribeResponse(seq=seq, updates=[market_data_pb2.MarketUpdate(seq=seq, **update)])


def checksum(bid_lots: int) -> int:
    """Return the checksum of the book below, as the contract states it."""
    whole = sum(
        level_key(price_ticks, is_ask) * (size_lots * 65_536 + 1)
        for price_ticks, is_ask, size_lots in ((1_000_000, 0, bid_lots), (1_000_200, 1, 100))
    )
    return (whole + (1 << 63)) % (1 << 64) - (1 << 63)


def level_key(price_ticks: int, is_ask: int) -> int:
    z = (price_ticks * 2 + is_ask + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return (z ^ (z >> 31)) | 1


def snapshot(seq: int) -> market_data_pb2.SubscribeResponse:
    return message(
        seq,
        book_snapshot=market_data_pb2.BookSnapshot(
            bids=[level(1_000_000, 100)], asks=[level(1_000_200, 100)], checksum=checksum(100)
        ),
    )


def delta(seq: int, previous_seq: int, size_lots: int) -> market_data_pb2.SubscribeResponse:
    return message(
        seq,
        book_delta=market_data_pb2.BookDelta(
            bids=[level(1_000_000, size_lots)], previous_seq=previous_seq, checksum=checksum(size_lots)
        ),
    )


def trade(seq: int, instrument_id: int = 3) -> market_data_pb2.SubscribeResponse:
    return message(
        seq,
        instrument_id=instrument_id,
        trade=market_data_pb2.PublicTrade(
            price_ticks=1_000_000,
            size_lots=1,
            aggressor=1,  # type: ignore[arg-type]
        ),
    )


async def test_a_lost_subscription_goes_on_after_the_last_seq(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.market_data.plays = [[snapshot(10), delta(11, 10, 50)], [delta(12, 11, 25)]]
    async with client.market_data.subscribe([Channel.BOOK], ["SOL"]) as market:
        kinds = [type(await market.next(timeout=5)) for _ in range(5)]
        assert kinds == [BookSnapshot, BookDelta, Disconnected, Reconnected, BookDelta]
        best = market.books["SOL"].best_bid
        assert best is not None
        assert best.size == Decimal("0.25")
        assert market.last_seq == 12
    assert scripted.market_data.asked_from[:2] == [0, 11]


async def test_what_is_no_longer_held_is_a_gap_and_a_fresh_snapshot(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.market_data.plays = [[snapshot(10)], [snapshot(90)]]
    scripted.market_data.oldest_seq = 50
    async with client.market_data.subscribe([Channel.BOOK]) as market:
        events = [await market.next(timeout=5) for _ in range(5)]
    assert [type(event) for event in events] == [BookSnapshot, Disconnected, Gap, Reconnected, BookSnapshot]
    gap = events[2]
    assert isinstance(gap, Gap)
    assert (gap.after_seq, gap.cause) == (10, "the oldest is 50")
    assert scripted.market_data.asked_from[:3] == [0, 10, 0]


async def test_a_missed_delta_is_noticed(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.market_data.plays = [[snapshot(10), delta(13, 12, 50)], [snapshot(20)]]
    async with client.market_data.subscribe([Channel.BOOK]) as market:
        events = [await market.next(timeout=5) for _ in range(3)]
        assert [type(event) for event in events] == [BookSnapshot, Gap, BookSnapshot]
        assert market.books["SOL"].seq == 20
    assert scripted.market_data.asked_from[:2] == [0, 0]


async def test_a_wrong_checksum_is_noticed(scripted: ScriptedVenue, client: Venue) -> None:
    wrong = delta(11, 10, 50)
    wrong.updates[0].book_delta.checksum += 1
    scripted.market_data.plays = [[snapshot(10), wrong], [snapshot(20)]]
    async with client.market_data.subscribe([Channel.BOOK]) as market:
        events = [await market.next(timeout=5) for _ in range(3)]
        assert [type(event) for event in events] == [BookSnapshot, Gap, BookSnapshot]
        gap = events[1]
        assert isinstance(gap, Gap)
        assert gap.cause.startswith("the book of SOL has checksum ")
        assert market.books["SOL"].seq == 20
    assert scripted.market_data.asked_from[:2] == [0, 0]


async def test_what_was_told_without_a_change_counts_as_told(scripted: ScriptedVenue, client: Venue) -> None:
    # Nothing befell the book up to 14; a change that follows 12 was then told of, or never concerned it.
    quiet = market_data_pb2.SubscribeResponse(seq=14)
    scripted.market_data.plays = [[snapshot(10), quiet, delta(15, 12, 50)]]
    async with client.market_data.subscribe([Channel.BOOK]) as market:
        assert [type(await market.next(timeout=5)) for _ in range(2)] == [BookSnapshot, BookDelta]
        assert market.last_seq == 15


async def test_a_snapshot_in_parts_is_one(scripted: ScriptedVenue, client: Venue) -> None:
    whole = snapshot(10).updates[0].book_snapshot
    first = message(10, book_snapshot=market_data_pb2.BookSnapshot(bids=whole.bids, more=True))
    first.seq = 0
    second = message(
        10, book_snapshot=market_data_pb2.BookSnapshot(asks=whole.asks, checksum=whole.checksum, continued=True)
    )
    scripted.market_data.plays = [[first, second]]
    async with client.market_data.subscribe([Channel.BOOK]) as market:
        event = await market.next(timeout=5)
        assert isinstance(event, BookSnapshot)
        assert (len(event.bids), len(event.asks), market.books["SOL"].seq) == (1, 1, 10)


async def test_where_to_go_on_is_after_what_the_reader_was_given(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.market_data.plays = [[trade(42), trade(43), trade(44)]]
    async with client.market_data.subscribe([Channel.TRADES]) as market:
        await market.next(timeout=5)
        await market.next(timeout=5)
        assert market.last_seq == 43


def orders(*sizes: int) -> list[market_data_pb2.BookOrder]:
    """Return bids of SOL at 100 dollars, numbered from 1, of so many lots."""
    return [
        market_data_pb2.BookOrder(order_id=number, side=1, price_ticks=1_000_000, size_lots=size)  # type: ignore[arg-type]
        for number, size in enumerate(sizes, 1)
    ]


def order_update(seq: int, kind: int, order_id: int, size_lots: int = 0) -> market_data_pb2.SubscribeResponse:
    return message(
        seq,
        order_update=market_data_pb2.OrderUpdate(
            kind=kind,  # type: ignore[arg-type]
            order_id=order_id,
            side=1,  # type: ignore[arg-type]
            price_ticks=1_000_000,
            size_lots=size_lots,
        ),
    )


@pytest.mark.spec("MTCH-070")
async def test_orders_stand_in_their_queue(scripted: ScriptedVenue, client: Venue) -> None:
    first = message(10, orders_snapshot=market_data_pb2.OrdersSnapshot(orders=orders(100, 200)))
    added = order_update(11, OrderUpdateKind.ADDED, 3, 300)
    added.own_order_ids.append(3)
    scripted.market_data.plays = [
        [
            first,
            added,
            order_update(12, OrderUpdateKind.CHANGED, 2, 150),
            order_update(13, OrderUpdateKind.EXECUTED, 1, 40),
            order_update(14, OrderUpdateKind.REMOVED, 1),
        ]
    ]
    async with client.market_data.subscribe([Channel.ORDERS]) as market:
        assert isinstance(await market.next(timeout=5), OrdersSnapshot)
        events = [await market.next(timeout=5) for _ in range(4)]
        assert [event.own for event in events if isinstance(event, OrderUpdate)] == [True, False, False, False]
        book = market.order_books["SOL"]
        queue = book.queue(Side.BUY, Decimal(100))
        # A lot of SOL is 0.01.
        assert [(order.order_id, order.size, order.own) for order in queue] == [
            (2, Decimal("1.5"), False),
            (3, Decimal(3), True),
        ]
        assert book.position(3) == (Decimal("1.5"), 1)
        assert book.prices(Side.BUY) == (Decimal(100),)


async def test_an_update_of_an_order_that_is_not_there_begins_anew(scripted: ScriptedVenue, client: Venue) -> None:
    begun = message(10, orders_snapshot=market_data_pb2.OrdersSnapshot(orders=orders(100)))
    scripted.market_data.plays = [[begun, order_update(12, OrderUpdateKind.REMOVED, 7)], [begun]]
    async with client.market_data.subscribe([Channel.ORDERS]) as market:
        kinds = [type(await market.next(timeout=5)) for _ in range(3)]
        assert kinds == [OrdersSnapshot, Gap, OrdersSnapshot]


async def test_queue_positions_are_kept_until_the_order_leaves(scripted: ScriptedVenue, client: Venue) -> None:
    stands = market_data_pb2.QueuePosition(order_id=5, side=1, price_ticks=1_000_000, lots_ahead=50, orders_ahead=2)  # type: ignore[arg-type]
    left = market_data_pb2.QueuePosition(order_id=5, has_left=True)
    scripted.market_data.plays = [[message(10, queue_position=stands), message(11, queue_position=left)]]
    async with client.market_data.subscribe([Channel.QUEUE_POSITION]) as market:
        place = await market.next(timeout=5)
        assert isinstance(place, QueuePosition)
        assert (place.size_ahead, place.orders_ahead, place.side) == (Decimal("0.5"), 2, Side.BUY)
        gone = await market.next(timeout=5)
        assert isinstance(gone, QueuePosition)
        assert gone.has_left
        assert not market.queue_positions


async def test_a_subscription_resumes_from_an_earlier_one(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.market_data.plays = [[trade(42)]]
    async with client.market_data.subscribe([Channel.TRADES], from_seq=41) as market:
        assert isinstance(await market.next(timeout=5), Trade)
    assert scripted.market_data.asked_from == [41]


async def test_an_instrument_listed_later_is_looked_up(scripted: ScriptedVenue, client: Venue) -> None:
    doge = instrument_pb2.Instrument(
        instrument_id=4, symbol="DOGE", size_decimals=0, state=instrument_pb2.INSTRUMENT_STATE_TRADING
    )
    scripted.directory.instruments = [*scripted.directory.instruments, doge]
    scripted.market_data.plays = [[trade(42, instrument_id=4)]]
    async with client.market_data.subscribe([Channel.TRADES]) as market:
        event = await market.next(timeout=5)
    assert isinstance(event, Trade)
    # A tick of DOGE is 10^-6 USD, a lot is 1.
    assert (event.instrument, event.price, event.size) == ("DOGE", Decimal(1), Decimal(1))


async def test_giving_up_on_one_event_harms_nothing(scripted: ScriptedVenue, client: Venue) -> None:
    async with client.market_data.subscribe([Channel.TRADES]) as market:
        with pytest.raises(TimeoutError):
            await market.next(timeout=0.05)
        assert scripted.market_data.asked_from == [0]


async def test_a_wrong_key_ends_the_stream(scripted: ScriptedVenue) -> None:
    async with (
        connect(scripted.address, api_key="wrong", timeout=2.0) as venue,
        venue.market_data.subscribe() as market,
    ):
        with pytest.raises(AuthenticationFailed):
            await market.next(timeout=5)


async def test_an_unlisted_symbol_is_refused_at_once(client: Venue) -> None:
    with pytest.raises(InstrumentUnknown):
        client.market_data.subscribe(instruments=["PEPE"])


async def test_account_events_go_on_after_the_last_seq(scripted: ScriptedVenue, client: Venue) -> None:
    def deposited(seq: int) -> account_pb2.StreamAccountEventsResponse:
        return account_pb2.StreamAccountEventsResponse(
            seq=seq, deposited=account_pb2.Deposited(amount_micros=seq * 1_000_000)
        )

    beginning = account_pb2.StreamAccountEventsResponse(seq=7)
    scripted.accounts.plays = [
        [beginning, deposited(8)],
        [account_pb2.StreamAccountEventsResponse(seq=8), deposited(9)],
    ]
    async with client.account.events() as events:
        first = await events.next(timeout=5)
        assert isinstance(first, Deposited)
        assert first.amount == 8
        kinds = [type(await events.next(timeout=5)) for _ in range(3)]
        assert kinds == [Disconnected, Reconnected, Deposited]
    assert scripted.accounts.asked_from[:2] == [0, 8]


async def test_fills_are_paged(scripted: ScriptedVenue, client: Venue) -> None:
    scripted.accounts.fills = [
        account_pb2.BookedFill(seq=seq, instrument_id=3, delta_lots=seq) for seq in (5, 4, 3, 2, 1)
    ]
    assert [fill.seq async for fill in client.account.fills()] == [5, 4, 3, 2, 1]


async def test_a_deposit_without_an_answer_is_not_sent_again(scripted: ScriptedVenue, client: Venue) -> None:
    assert await client.account.deposit("100.5") == Decimal("100.5")
    scripted.accounts.loses_answers = True
    with pytest.raises(OutcomeUnknown):
        await client.account.deposit(1)
    assert scripted.accounts.deposits == [100_500_000, 1_000_000]


async def test_a_reader_that_is_too_slow_is_told() -> None:
    stream: EventStream[int] = EventStream(capacity=2)
    for number in range(3):
        stream.offer(number)
    assert [await stream.next(), await stream.next()] == [0, 1]
    with pytest.raises(EventsOverrun):
        await stream.next()
