"""A captured book through our encoder, our wire and our SDK, beside one that is kept independently."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from tests.conformance.binance import BUY, Level, PlainBook, read
from wavetank.client import Book, BookDelta, BookSnapshot, Instrument
from wavetank.client.wire import Wire
from wavetank.matching.adapters.market_encoder import BookMirror, book_delta, book_snapshot, response
from wavetank.v1 import instrument_pb2, market_data_pb2

# A hundred ticks are a dollar; what a lot is called does not matter here.
INSTRUMENT = Instrument.from_wire(
    instrument_pb2.Instrument(
        instrument_id=1, symbol="CAPTURED", size_decimals=4, state=instrument_pb2.INSTRUMENT_STATE_TRADING
    )
)


def messages(path: Path) -> Iterator[tuple[list[Level], bytes]]:
    """Yield the capture's changes, and for each what we would send: the snapshot, then deltas."""
    mirror = BookMirror()
    changes = read(path)
    first = next(changes)
    sides = {side: [(price, size, 1) for at, price, size in first if at == side] for side in (1, 2)}
    mirror.load(sides[1], sides[2])
    yield first, response(1, [book_snapshot(1, 1, 1, sides[1], sides[2], mirror.checksum, False, False)], [])
    last = 1
    for seq, change in enumerate(changes, 2):
        levels = [(1, side, price, size, int(size > 0)) for side, price, size in change]
        changed = mirror.apply(levels)
        if changed:
            yield change, response(seq, [book_delta(1, seq, 1, changed, last, mirror.checksum)], [])
            last = seq


def events(path: Path) -> Iterator[tuple[list[Level], BookSnapshot | BookDelta]]:
    """Yield the capture's changes as the SDK reads them off the wire."""
    wire = Wire([INSTRUMENT])
    for change, data in messages(path):
        (update,) = market_data_pb2.SubscribeResponse.FromString(data).updates
        event = wire.market_event(update)
        assert isinstance(event, BookSnapshot | BookDelta)
        yield change, event


def sizes_of(book: Book) -> dict[tuple[int, int], int]:
    """Return what the SDK's book holds, in the capture's units."""
    return {
        (side, level.price_ticks): level.size_lots
        for side, levels in ((BUY, book.bids()), (2, book.asks()))
        for level in levels
    }


def rebuild(path: Path, *, most: int | None = None, checkpoint_every: int = 500) -> tuple[int, int]:
    """Follow a capture with both books, and compare them at every checkpoint.

    Args:
        path: of the capture.
        most: changes to follow, None for all.
        checkpoint_every: changes between two comparisons of the whole books.

    Returns:
        The changes that were followed, and the comparisons that were made.

    """
    plain, book = PlainBook(), Book("CAPTURED")
    changes = checkpoints = 0
    for changes, (change, event) in enumerate(islice(events(path), most), 1):
        plain.apply(change)
        # Every message is compared by its checksum; here it would say that the book is wrong.
        assert book.apply(event), book.fault
        if changes % checkpoint_every == 0:
            assert sizes_of(book) == plain.sizes
            checkpoints += 1
    assert sizes_of(book) == plain.sizes
    return changes, checkpoints + 1


def drop_some(path: Path, *, every: int, most: int | None = None) -> tuple[int, int]:
    """Drop a delta here and there, and see that it is noticed: by its seq, and without that by its checksum.

    Returns:
        How many were dropped, and how many of them the checksum of the very next delta showed. The others had been
        repaired by it: it set the very levels anew.

    """
    book = Book("CAPTURED")
    dropped = shown = 0
    behind: Book | None = None
    for number, (_, event) in enumerate(islice(events(path), most)):
        if isinstance(event, BookDelta) and behind is not None:
            by_seq = copy.deepcopy(behind)
            assert not by_seq.apply(event)
            assert by_seq.fault.startswith("a delta of CAPTURED follows seq")
            unchecked = replace(event, previous_seq=behind.seq)
            noticed = not behind.apply(unchecked)
            assert book.apply(event)
            dropped += 1
            if noticed:
                assert behind.fault.startswith("the book of CAPTURED has checksum")
                shown += 1
            else:
                assert sizes_of(behind) == sizes_of(book)
            behind = None
            continue
        if number and number % every == 0:
            behind = copy.deepcopy(book)
        assert book.apply(event)
    return dropped, shown
