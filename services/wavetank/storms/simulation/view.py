"""The venue as one participant sees it: the tape as it was a moment ago, and its own account as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.model.instrument import Instrument
from wavetank.model.orders import Side
from wavetank.storms.agents.agent import LiquidationSeen, Told, Top

if TYPE_CHECKING:
    from wavetank.storms.simulation.venue import SimulatedVenue

_NO_TOP = Top()


class SimulatedView:
    """What one agent sees; late by its market-data delay."""

    __slots__ = ("_account_id", "_delay_ns", "_foresees", "_seen_ns", "_tape", "_venue", "now_ns")

    def __init__(self, venue: SimulatedVenue, account_id: int, *, delay_ns: int, foresees: bool) -> None:
        """Look at a venue.

        Args:
            venue: what is looked at.
            account_id: whose position and orders are own.
            delay_ns: how late public data are, venue time.
            foresees: whether the next index is known.

        """
        self._venue = venue
        self._tape = venue.tape
        self._account_id = account_id
        self._delay_ns = delay_ns
        self._foresees = foresees
        self.now_ns = self._seen_ns = 0

    def open(self, now_ns: int) -> None:
        """Show the venue from a time on; what is read until the next time is of one moment."""
        self.now_ns = now_ns
        self._seen_ns = now_ns - self._delay_ns
        if self._venue.shard.controls.faults:
            self._seen_ns = self._venue.disturbances.seen_ns(self._account_id, self._seen_ns)

    def instrument(self, instrument_id: int) -> Instrument:
        """Return what is listed."""
        return self._venue.instruments[instrument_id]

    def top(self, instrument_id: int) -> Top:
        """Return the top of the book."""
        return self._tape.tops[instrument_id].at(self._seen_ns) or _NO_TOP

    def told(self, instrument_id: int) -> Told | None:
        """Return the newest prices, or None before the first."""
        return self._tape.told[instrument_id].at(self._seen_ns)

    def foreseen_index_ticks(self, instrument_id: int) -> int:
        """Return the index that the oracle will publish next; 0 for who is not let to know it."""
        return self._venue.next_index_ticks(instrument_id) if self._foresees else 0

    def position_lots(self, instrument_id: int) -> int:
        """Return the own position, signed."""
        return self._venue.shard.engine.position(self._account_id, instrument_id)

    def resting_lots(self, instrument_id: int, side: Side) -> int:
        """Return what the own orders on one side of the book still have to trade."""
        return self._venue.shard.engine.open_lots(self._account_id, instrument_id, side)

    def free_margin_micros(self) -> int:
        """Return equity less initial margin as clearing last counted it."""
        return self._venue.free_margin_micros(self._account_id)

    def last_liquidation(self, instrument_id: int) -> LiquidationSeen | None:
        """Return the newest liquidation of an instrument, or None."""
        return self._tape.liquidations[instrument_id].at(self._seen_ns)
