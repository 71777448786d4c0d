"""Published prices for subscribers: the last ones, those that may be resumed, and what comes.

It exists so that a subscriber costs the oracle no more than an append to a queue. Kept true: only committed prices are
here; a subscriber gets each price of its consumer once, in order of seq, and one that is too slow is cut off with a
reason rather than served late for ever.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass, field

from wavetank.model.events.oracle import ConsumerBit, PricePublished
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError


@dataclass(frozen=True, slots=True)
class NumberedPrice:
    """A published price and its place in the log."""

    seq: int
    price: PricePublished


@dataclass(slots=True, eq=False)
class _Subscriber:
    consumer: ConsumerBit
    instrument_ids: frozenset[int]
    waiting: deque[NumberedPrice] = field(default_factory=deque)
    has_news: asyncio.Event = field(default_factory=asyncio.Event)
    is_cut: bool = False

    def wants(self, price: PricePublished) -> bool:
        return bool(price.consumers & self.consumer) and (
            not self.instrument_ids or price.instrument_id in self.instrument_ids
        )


class PriceFeed:
    """Hand committed prices to subscribers."""

    def __init__(self, *, retained_prices: int, backlog: int, begins_after_seq: int) -> None:
        """Make a feed.

        Args:
            retained_prices: how many are kept for resuming.
            backlog: how many may wait for one subscriber.
            begins_after_seq: seq in the log before the first price that will be added.

        """
        self.last_seq = begins_after_seq
        self._complete_after_seq = begins_after_seq
        self._retained: deque[NumberedPrice] = deque()
        self._retained_prices = retained_prices
        self._backlog = backlog
        self._latest: dict[tuple[ConsumerBit, int], NumberedPrice] = {}
        self._subscribers: set[_Subscriber] = set()

    def add(self, seq: int, price: PricePublished) -> None:
        """Take in a committed price."""
        numbered = NumberedPrice(seq, price)
        self._retained.append(numbered)
        if len(self._retained) > self._retained_prices:
            self._complete_after_seq = self._retained.popleft().seq
        for consumer in ConsumerBit(price.consumers):
            self._latest[consumer, price.instrument_id] = numbered
        for subscriber in self._subscribers:
            if subscriber.wants(price) and not subscriber.is_cut:
                subscriber.waiting.append(numbered)
                subscriber.is_cut = len(subscriber.waiting) > self._backlog
                subscriber.has_news.set()

    def advance(self, seq: int) -> None:
        """Say that the log was read, or written, up to a seq."""
        self.last_seq = seq

    def latest(self, consumer: ConsumerBit, instrument_id: int) -> NumberedPrice | None:
        """Return the newest price delivered to a consumer."""
        return self._latest.get((consumer, instrument_id))

    async def subscribe(
        self, consumer: ConsumerBit, instrument_ids: Collection[int], from_seq: int
    ) -> AsyncGenerator[NumberedPrice, None]:
        """Yield prices as one consumer gets them: the last ones, or those behind `from_seq`; then each new one.

        Args:
            consumer: as whom.
            instrument_ids: empty for all.
            from_seq: 0 for the last prices first.

        Raises:
            VenueError: `from_seq` is not kept any more, or lies ahead (RESUME_IMPOSSIBLE); or the subscriber did not
                take its prices in time (SUBSCRIBER_TOO_SLOW).

        """
        subscriber = _Subscriber(consumer, frozenset(instrument_ids))
        subscriber.waiting.extend(self._first(subscriber, from_seq))
        if subscriber.waiting:
            subscriber.has_news.set()
        self._subscribers.add(subscriber)
        try:
            while True:
                await subscriber.has_news.wait()
                subscriber.has_news.clear()
                while subscriber.waiting and not subscriber.is_cut:
                    yield subscriber.waiting.popleft()
                if subscriber.is_cut:
                    raise VenueError(
                        Reason.SUBSCRIBER_TOO_SLOW,
                        f"more than {self._backlog} prices waited to be taken; resume from the last seq received",
                        was=len(subscriber.waiting),
                        allowed=self._backlog,
                        retry_after_ms=0,
                    )
        finally:
            self._subscribers.discard(subscriber)

    def _first(self, subscriber: _Subscriber, from_seq: int) -> list[NumberedPrice]:
        if from_seq == 0:
            last = [
                numbered
                for (consumer, _), numbered in self._latest.items()
                if consumer == subscriber.consumer and subscriber.wants(numbered.price)
            ]
            return sorted(last, key=lambda numbered: numbered.seq)
        if not self._complete_after_seq <= from_seq <= self.last_seq:
            raise VenueError(
                Reason.RESUME_IMPOSSIBLE,
                f"prices cannot be resumed after seq {from_seq}; "
                f"{self._complete_after_seq} to {self.last_seq} is possible, or 0 for the last prices",
                was=from_seq,
                allowed=f"{self._complete_after_seq}..{self.last_seq}",
            )
        return [numbered for numbered in self._retained if numbered.seq > from_seq and subscriber.wants(numbered.price)]
