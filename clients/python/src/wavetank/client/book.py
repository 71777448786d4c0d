"""A book as its messages tell it, kept level by level.

It holds what the venue holds as of `seq`, or it says that it does not: a delta that does not follow the message before
is refused, never applied.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from decimal import Decimal

from wavetank.client.events import BookDelta, BookSnapshot, PriceLevel
from wavetank.client.orders import Side


class _BookSide:
    """Levels of one side, by price; the key of a bid is negative, so that the best comes first on both sides."""

    def __init__(self, side: Side) -> None:
        self._sign = -side.sign
        self._keys: list[Decimal] = []
        self._levels: dict[Decimal, PriceLevel] = {}

    def clear(self) -> None:
        self._keys.clear()
        self._levels.clear()

    def put(self, levels: Iterable[PriceLevel]) -> None:
        for level in levels:
            key = level.price * self._sign
            if level.size:
                if key not in self._levels:
                    insort(self._keys, key)
                self._levels[key] = level
            elif self._levels.pop(key, None) is not None:
                del self._keys[bisect_left(self._keys, key)]

    def best(self) -> PriceLevel | None:
        return self._levels[self._keys[0]] if self._keys else None

    def top(self, depth: int | None) -> tuple[PriceLevel, ...]:
        return tuple(self._levels[key] for key in self._keys[:depth])

    def size_at(self, price: Decimal) -> Decimal:
        level = self._levels.get(price * self._sign)
        return level.size if level else Decimal(0)


class Book:
    """The book of one instrument.

    Attributes:
        instrument: symbol.
        seq: of the last message that was applied, 0 before the first.
        event_time_ns: venue time of that message.
    """

    def __init__(self, instrument: str) -> None:
        self.instrument = instrument
        self.seq = 0
        self.event_time_ns = 0
        self._bids = _BookSide(Side.BUY)
        self._asks = _BookSide(Side.SELL)

    def apply(self, event: BookSnapshot | BookDelta) -> bool:
        """Apply a message.

        Returns:
            False if it is a delta that does not follow the last message; the book is empty then, until a snapshot.
        """
        if isinstance(event, BookSnapshot):
            self._bids.clear()
            self._asks.clear()
        elif event.previous_seq != self.seq:
            self.forget()
            return False
        self._bids.put(event.bids)
        self._asks.put(event.asks)
        self.seq = event.seq
        self.event_time_ns = event.event_time_ns
        return True

    def forget(self) -> None:
        """Empty the book, for what it held is not known to be true any more."""
        self._bids.clear()
        self._asks.clear()
        self.seq = 0

    @property
    def best_bid(self) -> PriceLevel | None:
        """Highest bid, or None."""
        return self._bids.best()

    @property
    def best_ask(self) -> PriceLevel | None:
        """Lowest ask, or None."""
        return self._asks.best()

    @property
    def mid(self) -> Decimal | None:
        """Middle of best bid and ask, or None if a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return (bid.price + ask.price) / 2 if bid and ask else None

    @property
    def microprice(self) -> Decimal | None:
        """Best bid and ask, each weighted with the other side's size; None if a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        if not bid or not ask:
            return None
        return (bid.price * ask.size + ask.price * bid.size) / (bid.size + ask.size)

    def bids(self, depth: int | None = None) -> tuple[PriceLevel, ...]:
        """Return the bids, best first, at most `depth` levels."""
        return self._bids.top(depth)

    def asks(self, depth: int | None = None) -> tuple[PriceLevel, ...]:
        """Return the asks, best first, at most `depth` levels."""
        return self._asks.top(depth)

    def size_at(self, side: Side, price: Decimal) -> Decimal:
        """Return what rests at a price of the bids (`Side.BUY`) or of the asks, 0 without a level."""
        return (self._bids if side is Side.BUY else self._asks).size_at(price)
