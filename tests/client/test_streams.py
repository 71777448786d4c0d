"""Subscriptions go on where they were, or say that they cannot."""

from decimal import Decimal

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
    OutcomeUnknown,
    Reconnected,
    Trade,
    Venue,
    connect,
)
from wavetank.v1 import account_pb2, instrument_pb2, market_data_pb2


def level(price_ticks: int, size_lots: int) -> market_data_pb2.PriceLevel:
    return market_data_pb2.PriceLevel(price_ticks=price_ticks, size_lots=size_lots, orders=1)


def snapshot(seq: int) -> market_data_pb2.SubscribeResponse:
    return market_data_pb2.SubscribeResponse(
        seq=seq,
        instrument_id=3,
        book_snapshot=market_data_pb2.BookSnapshot(bids=[level(1_000_000, 100)], asks=[level(1_000_200, 100)]),
    )


def delta(seq: int, previous_seq: int, size_lots: int) -> market_data_pb2.SubscribeResponse:
    return market_data_pb2.SubscribeResponse(
        seq=seq,
        instrument_id=3,
        book_delta=market_data_pb2.BookDelta(bids=[level(1_000_000, size_lots)], previous_seq=previous_seq),
    )


def trade(seq: int, instrument_id: int = 3) -> market_data_pb2.SubscribeResponse:
    return market_data_pb2.SubscribeResponse(
        seq=seq,
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
