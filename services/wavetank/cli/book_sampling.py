"""Looks at the live books at random moments, as somebody would find them who must unwind then.

The arrivals are those of a Poisson process: whoever comes at such moments sees each state of a book with the share of
time that it lasts, so plain means over what he saw are weighted rightly. Kept true: one seed, one set of moments; a
book is looked at only while it is known to be what the venue holds.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from wavetank.cli.failure import CommandFailed
from wavetank.cli.impact import BookState, ImpactCurve
from wavetank.client import Book, Channel, Disconnected, Reconnected, Subscription, WavetankError, connect

FIRST_BOOK_SECONDS = 10.0


def random_arrivals(seed: int, *, per_second: float, seconds: float) -> list[float]:
    """Return the moments of a Poisson process within a time, in wall seconds from its beginning, ascending.

    Args:
        seed: the same seed gives the same moments.
        per_second: mean number of arrivals in a second.
        seconds: how long.

    """
    draw = random.Random(seed)
    moments: list[float] = []
    at = draw.expovariate(per_second)
    while at < seconds:
        moments.append(at)
        at += draw.expovariate(per_second)
    return moments


def state_of(book: Book) -> BookState:
    """Return the levels of a book as it is now; of icebergs only what they show."""
    return BookState(
        bids=tuple((level.price_ticks, level.size_lots) for level in book.bids()),
        asks=tuple((level.price_ticks, level.size_lots) for level in book.asks()),
    )


async def sample_books(directory: Path, curves: Mapping[str, ImpactCurve], moments: Sequence[float]) -> int:
    """Show the books of a running venue to curves, at moments from now on.

    Args:
        directory: run directory of the venue.
        curves: by symbol.
        moments: wall seconds from the time at which all books are known, ascending.

    Returns:
        How often a book was not known at its moment, because the stream was interrupted; no curve saw it then.

    Raises:
        CommandFailed: the venue refuses, or no book is told.

    """
    try:
        async with (
            connect(run_directory=directory) as venue,
            venue.market_data.subscribe((Channel.BOOK,), tuple(curves)) as market,
        ):
            reader = _Reader(market)
            following = asyncio.create_task(reader.run())
            try:
                await _until_known(market, curves)
                return await _look(market, curves, moments, reader)
            finally:
                following.cancel()
    except WavetankError as error:
        raise CommandFailed(f"the books cannot be read: {error}") from error


class _Reader:
    """Reads a subscription, whose books follow, and notes which of its streams are lost at present."""

    def __init__(self, market: Subscription) -> None:
        self._market = market
        self.lost: set[str] = set()

    async def run(self) -> None:
        async for event in self._market:
            if isinstance(event, Disconnected):
                self.lost.add(event.stream)
            elif isinstance(event, Reconnected):
                self.lost.discard(event.stream)


async def _until_known(market: Subscription, symbols: Mapping[str, ImpactCurve]) -> None:
    clock = asyncio.get_running_loop()
    deadline = clock.time() + FIRST_BOOK_SECONDS
    while not all(symbol in market.books and market.books[symbol].seq for symbol in symbols):
        if clock.time() > deadline:
            raise CommandFailed(f"no book of {', '.join(symbols)} was told within {FIRST_BOOK_SECONDS:g} s")
        await asyncio.sleep(0.01)


async def _look(
    market: Subscription, curves: Mapping[str, ImpactCurve], moments: Sequence[float], reader: _Reader
) -> int:
    clock = asyncio.get_running_loop()
    beginning, unknown = clock.time(), 0
    for moment in moments:
        await asyncio.sleep(max(0.0, beginning + moment - clock.time()))
        for symbol, curve in curves.items():
            book = market.books.get(symbol)
            if book is None or not book.seq or reader.lost:
                unknown += 1
            else:
                curve.add(state_of(book))
    return unknown
