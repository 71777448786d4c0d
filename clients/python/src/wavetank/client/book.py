"""A book as its messages tell it, kept level by level.

It holds what the venue holds as of `seq`, or it says that it does not: a delta that does not follow what was told
before is refused, never applied, and after each message the checksum of the whole book is compared with the venue's.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from decimal import Decimal

from wavetank.client.events import BookDelta, BookSnapshot, PriceLevel
from wavetank.client.orders import Side

_WORD = (1 << 64) - 1


def _level_key(code: int) -> int:
    """Return the weight of a level in its book's checksum, as market_data.proto states it."""
    z = (code + 0x9E3779B97F4A7C15) & _WORD
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _WORD
    return (z ^ (z >> 31)) | 1


class _BookSide:
    """Levels of one side, by price; the key of a bid is negative, so that the best comes first on both sides."""

    def __init__(self, side: Side) -> None:
        self._sign = -side.sign
        self._is_ask = int(side is Side.SELL)
        self._keys: list[Decimal] = []
        self._levels: dict[Decimal, PriceLevel] = {}
        self._weights: dict[Decimal, int] = {}
        self.checksum = 0
        """The side's part of the book's checksum, not yet modulo 2^64."""

    def clear(self) -> None:
        self._keys.clear()
        self._levels.clear()
        self._weights.clear()
        self.checksum = 0

    def put(self, levels: Iterable[PriceLevel]) -> None:
        for level in levels:
            key = level.price * self._sign
            before = self._levels.get(key)
            if level.size:
                if before is None:
                    insort(self._keys, key)
                    self._weights[key] = _level_key(level.price_ticks * 2 + self._is_ask)
                    self.checksum += self._weights[key] * _content(level)
                else:
                    self.checksum += self._weights[key] * (_content(level) - _content(before))
                self._levels[key] = level
            elif before is not None:
                del self._levels[key], self._keys[bisect_left(self._keys, key)]
                self.checksum -= self._weights.pop(key) * _content(before)

    def best(self) -> PriceLevel | None:
        return self._levels[self._keys[0]] if self._keys else None

    def top(self, depth: int | None) -> tuple[PriceLevel, ...]:
        return tuple(self._levels[key] for key in self._keys[:depth])

    def size_at(self, price: Decimal) -> Decimal:
        level = self._levels.get(price * self._sign)
        return level.size if level else Decimal(0)


def _content(level: PriceLevel) -> int:
    return level.size_lots * 65_536 + level.orders


class Book:
    """The book of one instrument.

    Attributes:
        instrument: symbol.
        seq: up to which it is known to be right, 0 before the first message.
        event_time_ns: venue time of the last message.
        fault: why the last message was refused, empty if it was not.
    """

    def __init__(self, instrument: str) -> None:
        self.instrument = instrument
        self.seq = 0
        self.event_time_ns = 0
        self.fault = ""
        self._bids = _BookSide(Side.BUY)
        self._asks = _BookSide(Side.SELL)

    def apply(self, event: BookSnapshot | BookDelta) -> bool:
        """Apply a message.

        Returns:
            False if it is a delta that does not follow what was told before, or leads to another checksum than the
            venue's: `fault` says which. The book is empty then, until a snapshot.
        """
        self.fault = ""
        if isinstance(event, BookSnapshot):
            self._bids.clear()
            self._asks.clear()
        elif self.seq == 0 or event.previous_seq > self.seq:
            self.fault = f"a delta of {self.instrument} follows seq {event.previous_seq}, known is {self.seq}"
            self.forget()
            return False
        self._bids.put(event.bids)
        self._asks.put(event.asks)
        self.seq = event.seq
        self.event_time_ns = event.event_time_ns
        if event.checksum is not None and event.checksum != self.checksum:
            self.fault = (
                f"the book of {self.instrument} has checksum {self.checksum} at seq {event.seq},"
                f" the venue's has {event.checksum}"
            )
            self.forget()
            return False
        return True

    def told(self, seq: int) -> None:
        """Note that everything up to a seq was told."""
        if self.seq:
            self.seq = max(self.seq, seq)

    def forget(self) -> None:
        """Empty the book, for what it held is not known to be true any more."""
        self._bids.clear()
        self._asks.clear()
        self.seq = 0

    @property
    def checksum(self) -> int:
        """Checksum of the whole book, as market_data.proto states it."""
        whole = (self._bids.checksum + self._asks.checksum) & _WORD
        return whole - (1 << 64) if whole >> 63 else whole

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
