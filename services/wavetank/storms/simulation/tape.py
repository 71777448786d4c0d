"""What the public could know, and since when: tops of books, prices as bots are told them, liquidations.

It exists because nobody in a market sees the present: each participant reads this tape late, by a delay of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Generic, TypeVar

from wavetank.model.events.matching import Traded
from wavetank.model.events.oracle import ConsumerBit, PricePublished
from wavetank.model.orders import OrderFlag, Side
from wavetank.storms.agents.agent import LiquidationSeen, Told, Top
from wavetank.storms.simulation.journal import Entry

Value = TypeVar("Value")

LONGEST_DELAY_NS = 60 * 1_000_000_000
"""How far back a participant may be."""
_PRUNE_AT = 8_192
# A plain number: operations of flags take microseconds.
_LIQUIDATION = int(OrderFlag.LIQUIDATION)


class Track(Generic[Value]):
    """A value that changes, with the times of its changes."""

    __slots__ = ("_times_ns", "_values")

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._times_ns: list[int] = []
        self._values: list[Value] = []

    def add(self, now_ns: int, value: Value) -> None:
        """Note a value that holds from now on."""
        times = self._times_ns
        times.append(now_ns)
        self._values.append(value)
        if len(times) >= _PRUNE_AT:
            keep = max(0, bisect_right(times, now_ns - LONGEST_DELAY_NS) - 1)
            del times[:keep]
            del self._values[:keep]

    def at(self, time_ns: int) -> Value | None:
        """Return the value that held at a time, None before the first."""
        times = self._times_ns
        if times and times[-1] <= time_ns:
            return self._values[-1]
        position = bisect_right(times, time_ns) - 1
        return self._values[position] if position >= 0 else None

    @property
    def newest(self) -> Value | None:
        """The value that holds now."""
        return self._values[-1] if self._values else None


class Tape:
    """The public record of one venue."""

    def __init__(self, instrument_ids: list[int]) -> None:
        """Begin an empty record of some instruments."""
        self.tops: dict[int, Track[Top]] = {each: Track() for each in instrument_ids}
        self.told: dict[int, Track[Told]] = {each: Track() for each in instrument_ids}
        self.liquidations: dict[int, Track[LiquidationSeen]] = {each: Track() for each in instrument_ids}

    def note_top(self, now_ns: int, instrument_id: int, seen: tuple[int, int, int, int, int]) -> Top | None:
        """Note a top of book, its fields in order; return it if it changed."""
        track = self.tops[instrument_id]
        if track.newest == seen:
            return None
        top = Top(*seen)
        track.add(now_ns, top)
        return top

    def note_prices(self, now_ns: int, entry: Entry) -> list[tuple[int, Told]]:
        """Note what an entry of the oracle's log tells bots, and return it with the instruments."""
        noted = []
        for event in entry.events:
            if isinstance(event, PricePublished) and event.consumers & ConsumerBit.BOTS:
                told = Told(
                    event.index_price_ticks,
                    event.mark_price_ticks,
                    event.index_time_ns,
                    event.funding_rate_e12,
                    event.stale,
                )
                self.told[event.instrument_id].add(now_ns, told)
                noted.append((event.instrument_id, told))
        return noted

    def note_trade(self, now_ns: int, trade: Traded) -> None:
        """Note a trade of the shard's log, if it is a liquidation's."""
        if trade.taker_flags & _LIQUIDATION:
            seen = LiquidationSeen(now_ns, Side(trade.taker_side), trade.price_ticks, trade.size_lots)
            self.liquidations[trade.instrument_id].add(now_ns, seen)
