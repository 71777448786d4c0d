"""One subscriber of market data: what is conflated, what is not, and in which order it leaves."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from wavetank.matching.adapters.subscriber import Message, Subscriber
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.v1 import market_data_pb2 as pb

ALL = frozenset({pb.CHANNEL_BBO, pb.CHANNEL_BOOK, pb.CHANNEL_TRADES, pb.CHANNEL_PRICES})


def message(seq: int, channel: int, instrument_id: int = 1) -> Message:
    return Message(seq, channel, instrument_id, f"{channel} {instrument_id} {seq}".encode())


def bbo(seq: int, instrument_id: int = 1) -> Message:
    return message(seq, pb.CHANNEL_BBO, instrument_id)


def book(seq: int, instrument_id: int = 1) -> Message:
    return message(seq, pb.CHANNEL_BOOK, instrument_id)


def subscriber(backlog: int = 100, instruments: frozenset[int] = frozenset()) -> Subscriber:
    return Subscriber(ALL, instruments, backlog)


async def drained(reader: Subscriber) -> list[bytes]:
    """Return what waits, and nothing that would come later."""
    reader.end(VenueError(Reason.NOT_READY, "over"))
    found = []
    with suppress(VenueError):
        async for data in reader.messages():
            found.append(data)  # noqa: PERF401 - the stream ends with an error.
    return found


async def test_only_what_was_asked_for_comes() -> None:
    reader = Subscriber(frozenset({pb.CHANNEL_BOOK}), frozenset({2}), 100)
    for wanted in (book(1, 1), bbo(2, 2), book(3, 2), message(4, pb.CHANNEL_TRADES, 2)):
        reader.offer(wanted)
    assert await drained(reader) == [b"2 2 3"]


async def test_of_best_prices_only_the_last_counts() -> None:
    reader = subscriber()
    for seq in (1, 2, 3):
        reader.offer(bbo(seq))
        reader.offer(bbo(seq, instrument_id=2))
    assert await drained(reader) == [b"1 1 3", b"1 2 3"]


async def test_books_and_trades_are_never_conflated() -> None:
    reader = subscriber()
    for seq in (1, 2, 3):
        reader.offer(book(seq))
        reader.offer(message(seq, pb.CHANNEL_TRADES))
    assert len(await drained(reader)) == 6


@pytest.mark.spec("MTCH-080")
async def test_seqs_never_go_back() -> None:
    reader = subscriber()
    # The best prices of seq 1 wait, and are replaced by those of seq 4: they may not overtake the books 2 and 3.
    for offered in (bbo(1), book(2), book(3), bbo(4), book(4), book(5)):
        reader.offer(offered)
    assert await drained(reader) == [b"2 1 2", b"2 1 3", b"2 1 4", b"1 1 4", b"2 1 5"]


@pytest.mark.spec("MTCH-080")
async def test_who_does_not_read_is_cut_with_a_clear_error() -> None:
    reader = subscriber(backlog=3)
    for seq in range(1, 5):
        reader.offer(book(seq))
    with pytest.raises(VenueError) as error:
        await anext(aiter(reader.messages()))
    assert (error.value.reason, error.value.allowed) == (Reason.SUBSCRIBER_TOO_SLOW, 3)


async def test_best_prices_alone_never_cut_a_reader() -> None:
    reader = subscriber(backlog=3)
    for seq in range(1, 1_000):
        reader.offer(bbo(seq))
    assert await drained(reader) == [b"1 1 999"]


async def test_a_reader_that_waits_is_woken() -> None:
    reader = subscriber()
    waiting = asyncio.ensure_future(anext(aiter(reader.messages())))
    await asyncio.sleep(0)
    assert not waiting.done()
    reader.offer(book(9))
    assert await asyncio.wait_for(waiting, 1.0) == b"2 1 9"
