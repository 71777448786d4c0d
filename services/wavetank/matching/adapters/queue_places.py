"""Where the orders of some accounts stand in their queues, told when it changes (MTCH-070).

A place changes only when its level does, so a commit asks for the orders of followed accounts at the levels that it
touched, and for no other: the cost is that of the orders ahead of each of those, and nothing without a reader.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from wavetank.matching.adapters.book_questions import Place, place_of
from wavetank.matching.adapters.market_encoder import queue_position
from wavetank.matching.adapters.subscriber import Added, Update
from wavetank.v1 import market_data_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wavetank.matching.core.engine import Engine
    from wavetank.matching.ports import Committed

Level = tuple[int, int, int]


class QueuePlaces:
    """The places of the resting orders of the accounts that have a reader."""

    def __init__(self) -> None:
        """Begin without accounts."""
        self._readers: Counter[int] = Counter()
        self._places: dict[int, Place] = {}
        """By order, its place as told last."""
        self._owners: dict[int, int] = {}
        self._at: dict[Level, dict[int, None]] = {}
        """By instrument, side and price, the followed orders there, in the order in which they came."""

    def follow(self, engine: Engine, account_id: int, seq: int, now_ns: int) -> Iterator[Update]:
        """Follow an account's orders for one more reader; yield where they stand."""
        self._readers[account_id] += 1
        for order in engine.open_orders(account_id):
            place = place_of(engine, order.order_id)
            if place is not None:
                self._put(order.order_id, account_id, place)
                yield _update(account_id, order.order_id, place.instrument_id, place, seq, now_ns)

    def unfollow(self, account_id: int) -> None:
        """Follow an account's orders for one reader less."""
        self._readers[account_id] -= 1
        if not self._readers[account_id]:
            del self._readers[account_id]
            for order_id in [each for each, owner in self._owners.items() if owner == account_id]:
                self._drop(order_id)

    def changed(self, engine: Engine, cycle: Committed, added: list[Added]) -> Iterator[Update]:
        """Yield the places that a commit changed."""
        concerned: dict[int, int] = {
            order_id: account_id for account_id, _, order_id in added if account_id in self._readers
        }
        for instrument_id, side, price_ticks, _, _ in cycle.levels:
            for order_id in self._at.get((instrument_id, side, price_ticks), ()):
                concerned[order_id] = self._owners[order_id]
        for order_id, account_id in concerned.items():
            before = self._places.get(order_id)
            place = place_of(engine, order_id)
            if place == before:
                continue
            if before is not None:
                self._drop(order_id)
            if place is not None:
                self._put(order_id, account_id, place)
            instrument_id = (place or before or _NOWHERE).instrument_id
            yield _update(account_id, order_id, instrument_id, place, cycle.last_seq, cycle.now_ns)

    def _put(self, order_id: int, account_id: int, place: Place) -> None:
        self._places[order_id] = place
        self._owners[order_id] = account_id
        self._at.setdefault((place.instrument_id, place.side, place.price_ticks), {})[order_id] = None

    def _drop(self, order_id: int) -> None:
        place = self._places.pop(order_id)
        del self._owners[order_id]
        level = place.instrument_id, place.side, place.price_ticks
        del self._at[level][order_id]
        if not self._at[level]:
            del self._at[level]


_NOWHERE = Place(0, 0, 0, 0, 0)


def _update(account_id: int, order_id: int, instrument_id: int, place: Place | None, seq: int, now_ns: int) -> Update:
    at = place or _NOWHERE
    data = queue_position(instrument_id, seq, now_ns, order_id, at.side, at.price_ticks, at.lots_ahead, at.orders_ahead)
    return Update(seq, pb.CHANNEL_QUEUE_POSITION, instrument_id, 1, data, None, account_id, order_id)
