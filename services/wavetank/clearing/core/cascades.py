"""Cascades: a mark moves, accounts are liquidated, their orders trade, the mark moves again (LIQ-120).

A liquidation leaves a trace in the instruments it touches, and one that starts within a window of a trace belongs to
the same cascade. What its orders traded makes the next generation; a mere start makes siblings, for they fell with the
same move. A cascade has ended when none of its liquidations is under way and the window has passed.

Kept true: traces belong to cascades that are running, so nothing is left behind when a cascade ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wavetank.model.invariant import InvariantBroken

if TYPE_CHECKING:
    from collections.abc import Iterable

PPM = 10**6


@dataclass(slots=True)
class Trace:
    """What a liquidation left in an instrument."""

    time_ns: int
    cascade_id: int
    generation: int
    """Generation of a liquidation that starts because of it."""
    trade_id: int = 0
    """The trade that left it; 0 when a start did."""


@dataclass(frozen=True, slots=True)
class Link:
    """How a liquidation belongs to a cascade."""

    cascade_id: int
    generation: int
    instrument_id: int = 0
    """Where the trace was found; 0 for the first liquidation of a cascade."""
    trade_id: int = 0


@dataclass(slots=True)
class Cascade:
    """One cascade that is running; money in micro-dollars, times of the venue."""

    cascade_id: int
    began_ns: int
    last_ns: int
    """When one of its liquidations last started, traded or ended."""
    under_way: int = 0
    liquidations: int = 0
    generations: int = 0
    notional_micros: int = 0
    """All that its liquidations closed, at the values it was closed at."""
    first_notional_micros: int = 0
    """The first generation's part of it."""
    depth_consumed_ppm: int = 0
    """Each fill in the book as a share of the depth it met, summed; a million is one whole book."""
    peak_gap_ppm: int = 0
    """Largest distance of mark and index, of the index, in the instruments it touched."""
    instruments: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Cascades:
    """Every cascade that is running."""

    last_id: int = 0
    running: dict[int, Cascade] = field(default_factory=dict)
    traces: dict[int, Trace] = field(default_factory=dict)
    """By instrument, the newest."""

    def link(self, instruments: Iterable[int], now_ns: int, window_ns: int) -> Link:
        """Return where a liquidation belongs that starts now.

        Of the traces in its instruments that are no older than the window the newest counts, ties to the lower
        instrument; without one it begins a cascade.
        """
        newest: tuple[int, Trace] | None = None
        for instrument_id in sorted(instruments):
            trace = self.traces.get(instrument_id)
            is_fresh = trace is not None and now_ns - trace.time_ns <= window_ns
            if trace is not None and is_fresh and (newest is None or trace.time_ns > newest[1].time_ns):
                newest = (instrument_id, trace)
        if newest is None:
            return Link(self.last_id + 1, 1)
        instrument_id, trace = newest
        return Link(trace.cascade_id, trace.generation, instrument_id, trace.trade_id)

    def due(self, now_ns: int, window_ns: int) -> list[Cascade]:
        """Return the cascades that have ended by now, by id."""
        return [
            cascade
            for _, cascade in sorted(self.running.items())
            if cascade.under_way == 0 and now_ns - cascade.last_ns > window_ns
        ]

    # What events do

    def _cascade(self, cascade_id: int) -> Cascade:
        cascade = self.running.get(cascade_id)
        if cascade is None:
            message = f"cascade {cascade_id} is not running"
            raise InvariantBroken(message)
        return cascade

    def join(self, cascade_id: int, generation: int, instruments: Iterable[int], now_ns: int, window_ns: int) -> None:
        """Let a liquidation join, and leave its trace where there is none that still counts.

        Raises:
            InvariantBroken: it belongs to a cascade that is neither running nor the next.

        """
        if cascade_id == self.last_id + 1:
            self.last_id = cascade_id
            self.running[cascade_id] = Cascade(cascade_id, now_ns, now_ns)
        cascade = self._cascade(cascade_id)
        cascade.last_ns = now_ns
        cascade.under_way += 1
        cascade.liquidations += 1
        cascade.generations = max(cascade.generations, generation)
        for instrument_id in sorted(instruments):
            trace = self.traces.get(instrument_id)
            if trace is None or now_ns - trace.time_ns > window_ns:
                self.traces[instrument_id] = Trace(now_ns, cascade_id, generation)
            if instrument_id not in cascade.instruments:
                cascade.instruments.append(instrument_id)

    def close(self, cascade_id: int, generation: int, value_micros: int, now_ns: int) -> None:
        """Count what a liquidation closed, in the book or by transfer."""
        cascade = self._cascade(cascade_id)
        cascade.last_ns = now_ns
        cascade.notional_micros += abs(value_micros)
        if generation == 1:
            cascade.first_notional_micros += abs(value_micros)

    def trade(self, link: Link, lots: int, depth_lots: int, now_ns: int) -> None:
        """Leave the trace of a fill in the book, of unsigned lots, that met a depth of so many (0 if unknown)."""
        cascade = self._cascade(link.cascade_id)
        if depth_lots:
            cascade.depth_consumed_ppm += lots * PPM // depth_lots
        self.traces[link.instrument_id] = Trace(now_ns, link.cascade_id, link.generation + 1, link.trade_id)

    def mark(self, instrument_id: int, mark_ticks: int, index_ticks: int) -> None:
        """Note how far mark and index are apart, for the cascades that touched the instrument."""
        gap_ppm = abs(mark_ticks - index_ticks) * PPM // max(1, index_ticks)
        for cascade in self.running.values():
            if instrument_id in cascade.instruments:
                cascade.peak_gap_ppm = max(cascade.peak_gap_ppm, gap_ppm)

    def leave(self, cascade_id: int, now_ns: int) -> None:
        """Let a liquidation end."""
        cascade = self._cascade(cascade_id)
        cascade.last_ns = now_ns
        cascade.under_way -= 1

    def end(self, cascade_id: int) -> None:
        """Forget a cascade and its traces."""
        self._cascade(cascade_id)
        del self.running[cascade_id]
        self.traces = {key: trace for key, trace in self.traces.items() if trace.cascade_id != cascade_id}


def multiplier_ppm(notional_micros: int, first_notional_micros: int) -> int:
    """Return how much a cascade closed for each unit of its first generation, rounded down; 0 if that closed nothing.

    Source: LIQ-120.
    """
    return notional_micros * PPM // first_notional_micros if first_notional_micros else 0
