"""Where the orders of some accounts stand in their queues, told when it changes (MTCH-070).

A place changes only when its level does, so a commit asks for the orders of followed accounts at the levels that it
touched, and for no other: the cost is that of the orders ahead of each of those, and nothing without a reader.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wavetank.matching.adapters.market_encoder import queue_position
from wavetank.matching.adapters.subscriber import Added, Update
from wavetank.v1 import market_data_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wavetank.matching.core.engine import Engine
    from wavetank.matching.ports import Committed

Level = tuple[int, int, int]
"""Instrument, side, price."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an order stands in its level's queue."""

    level: Level
    lots_ahead: int
    orders_ahead: int


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
            place = _place_of(engine, order.order_id, None)
            if place is not None:
                self._drop(order.order_id)
                self._put(order.order_id, account_id, place)
                yield _update(account_id, order.order_id, place.level[0], place, seq, now_ns)

    def unfollow(self, account_id: int) -> None:
        """Follow an account's orders for one reader less."""
        self._readers[account_id] -= 1
        if not self._readers[account_id]:
            del self._readers[account_id]
            for order_id in [each for each, owner in self._owners.items() if owner == account_id]:
                self._drop(order_id)

    def changed(self, engine: Engine, cycle: Committed, added: list[Added]) -> Iterator[Update]:
        """Yield the places that a commit changed."""
        moved = {order_id: account_id for account_id, _, order_id in added if account_id in self._readers}
        concerned = dict(moved)
        for instrument_id, side, price_ticks, _, _ in cycle.levels:
            for order_id in self._at.get((instrument_id, side, price_ticks), ()):
                concerned[order_id] = self._owners[order_id]
        for order_id, account_id in concerned.items():
            before = self._places.get(order_id)
            # Only an order that came to rest anew can stand at another level than before.
            place = _place_of(engine, order_id, None if before is None or order_id in moved else before.level)
            if place == before:
                continue
            self._drop(order_id)
            if place is not None:
                self._put(order_id, account_id, place)
            level = (place or before or _NOWHERE).level
            yield _update(account_id, order_id, level[0], place, cycle.last_seq, cycle.now_ns)

    def _put(self, order_id: int, account_id: int, place: Place) -> None:
        self._places[order_id] = place
        self._owners[order_id] = account_id
        self._at.setdefault(place.level, {})[order_id] = None

    def _drop(self, order_id: int) -> None:
        place = self._places.pop(order_id, None)
        if place is None:
            return
        del self._owners[order_id]
        at = self._at[place.level]
        del at[order_id]
        if not at:
            del self._at[place.level]


_NOWHERE = Place((0, 0, 0), 0, 0)


def _place_of(engine: Engine, order_id: int, level: Level | None) -> Place | None:
    """Return where an order stands, at a level that is known or not; None if it does not rest."""
    ahead = engine.queue_position(order_id)
    if ahead is None:
        return None
    if level is None:
        order = engine.order(order_id)
        assert order is not None, "what stands in a queue is known"
        level = order.instrument_id, order.side, order.price_ticks
    return Place(level, *ahead)


def _update(account_id: int, order_id: int, instrument_id: int, place: Place | None, seq: int, now_ns: int) -> Update:
    at = place or _NOWHERE
    data = queue_position(instrument_id, seq, now_ns, order_id, *at.level[1:], at.lots_ahead, at.orders_ahead)
    return Update(seq, pb.CHANNEL_QUEUE_POSITION, instrument_id, 1, data, None, account_id, order_id)
