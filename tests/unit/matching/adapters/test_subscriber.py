"""One subscriber of market data: what is conflated, what is not, and what one message holds."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from wavetank.matching.adapters.market_encoder import book_delta, wrapped
from wavetank.matching.adapters.subscriber import Delta, Subscriber, Update
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.v1 import market_data_pb2 as pb

ALL = frozenset({pb.CHANNEL_BBO, pb.CHANNEL_BOOK, pb.CHANNEL_TRADES, pb.CHANNEL_PRICES})


def update(seq: int, channel: int, instrument_id: int = 1) -> Update:
    data = wrapped(pb.MarketUpdate(seq=seq, instrument_id=instrument_id).SerializeToString())
    return Update(seq, channel, instrument_id, 1, data)


def bbo(seq: int, instrument_id: int = 1) -> Update:
    return update(seq, pb.CHANNEL_BBO, instrument_id)


def trade(seq: int, instrument_id: int = 1) -> Update:
    return update(seq, pb.CHANNEL_TRADES, instrument_id)


def delta(seq: int, previous_seq: int, *levels: tuple[int, int, int]) -> Update:
    """Return a delta of bids of (price, lots, orders); its checksum is its seq."""
    rows = [(1, 1, *level) for level in levels]
    data = book_delta(1, seq, 5, rows, previous_seq, seq)
    return Update(seq, pb.CHANNEL_BOOK, 1, 1, data, Delta(5, rows, previous_seq, seq))


def subscriber(
    backlog: int = 100, instruments: frozenset[int] = frozenset(), channels: frozenset[int] = ALL
) -> Subscriber:
    return Subscriber(channels, instruments, backlog)


def read(reader: Subscriber) -> pb.SubscribeResponse | None:
    data = reader.next()
    return None if data is None else pb.SubscribeResponse.FromString(data)


def seqs(reader: Subscriber) -> list[tuple[int, int]]:
    """Return instrument and seq of each update of what waits, which is one message."""
    message = read(reader)
    assert message is not None
    assert reader.next() is None
    return [(each.instrument_id, each.seq) for each in message.updates]


def test_only_what_was_asked_for_comes() -> None:
    reader = subscriber(instruments=frozenset({2}), channels=frozenset({pb.CHANNEL_TRADES}))
    reader.take(4, [trade(1, 1), bbo(2, 2), trade(3, 2), update(4, pb.CHANNEL_PRICES, 2)])
    assert seqs(reader) == [(2, 3)]


def test_of_states_only_the_last_counts() -> None:
    reader = subscriber()
    for seq in (1, 2, 3):
        reader.take(seq, [bbo(seq), bbo(seq, instrument_id=2)])
    assert seqs(reader) == [(1, 3), (2, 3)]


def test_trades_are_never_conflated_and_come_before_states() -> None:
    reader = subscriber()
    for seq in (1, 2, 3):
        reader.take(seq, [bbo(seq), trade(seq)])
    assert seqs(reader) == [(1, 1), (1, 2), (1, 3), (1, 3)]


@pytest.mark.spec("MTCH-080")
def test_the_deltas_that_a_reader_is_behind_become_one() -> None:
    reader = subscriber()
    reader.take(5, [delta(5, 3, (100, 7, 1), (101, 2, 1))])
    reader.take(6, [delta(6, 5, (100, 0, 0), (102, 4, 2))])
    reader.take(9, [delta(9, 6, (101, 3, 1))])
    message = read(reader)
    assert message is not None
    (one,) = message.updates
    levels = [(level.price_ticks, level.size_lots, level.orders) for level in one.book_delta.bids]
    assert levels == [(100, 0, 0), (101, 3, 1), (102, 4, 2)]
    assert (one.seq, one.book_delta.previous_seq, one.book_delta.checksum, message.seq) == (9, 3, 9, 9)
    # Who has read them begins afresh.
    reader.take(10, [delta(10, 9, (100, 1, 1))])
    message = read(reader)
    assert message is not None
    assert message.updates[0].book_delta.previous_seq == 9


@pytest.mark.spec("MTCH-080")
async def test_who_lets_trades_pile_up_is_cut_with_a_clear_error() -> None:
    reader = subscriber(backlog=3)
    for seq in range(1, 5):
        reader.take(seq, [trade(seq)])
    with pytest.raises(VenueError) as error:
        await anext(aiter(reader.messages()))
    assert (error.value.reason, error.value.allowed) == (Reason.SUBSCRIBER_TOO_SLOW, 3)
    reader.take(5, [trade(5)])
    assert reader.next() is None


def test_states_alone_never_cut_a_reader() -> None:
    reader = subscriber(backlog=3)
    for seq in range(2, 1_000):
        reader.take(seq, [bbo(seq), delta(seq, seq - 1, (seq % 10, seq, 1))])
    message = read(reader)
    assert message is not None
    assert (len(message.updates), len(message.updates[0].book_delta.bids)) == (2, 10)


def test_another_accounts_places_are_not_told() -> None:
    reader = Subscriber(frozenset({pb.CHANNEL_QUEUE_POSITION}), frozenset(), 10, account_id=7)
    data = wrapped(pb.MarketUpdate(seq=1).SerializeToString())
    reader.take(1, [Update(1, pb.CHANNEL_QUEUE_POSITION, 1, 1, data, None, 8, 5)])
    assert reader.next() is None
    reader.take(2, [Update(1, pb.CHANNEL_QUEUE_POSITION, 1, 1, data, None, 7, 5)])
    assert reader.next() is not None


async def test_a_reader_that_waits_is_woken() -> None:
    reader = subscriber()
    waiting = asyncio.ensure_future(anext(aiter(reader.messages())))
    await asyncio.sleep(0)
    assert not waiting.done()
    reader.take(9, [trade(9)])
    message = pb.SubscribeResponse.FromString(await asyncio.wait_for(waiting, 1.0))
    assert message.seq == 9


async def test_the_end_comes_behind_what_waits() -> None:
    reader = subscriber()
    reader.take(9, [trade(9)])
    reader.end(VenueError(Reason.NOT_READY, "over"))
    found = []
    with suppress(VenueError):
        async for data in reader.messages():
            found.append(data)  # noqa: PERF401 - the stream ends with an error.
    assert len(found) == 1
