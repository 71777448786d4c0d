"""What the oracle needs from outside; adapters provide it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from wavetank.oracle.core.settings import SourceTerms
from wavetank.runtime.log_entry import LogEntry, Position


class PriceSource(Protocol):
    """Somebody who knows the price of one instrument at any venue time: a function of time, so it has no state."""

    @property
    def symbol(self) -> str:
        """Instrument."""

    @property
    def name(self) -> str:
        """Name among the sources of the instrument, 1 to 16 ASCII characters."""

    @property
    def terms(self) -> SourceTerms:
        """Role, weight, and the age at which a price of it is stale."""

    def newest_by(self, now_ns: int) -> tuple[int, int] | tuple[int, int, int] | None:
        """Return time and price (micro-dollars per unit) of its newest point, or None before the first.

        A source that says how far off its price may be adds that, in the same unit.

        Args:
            now_ns: venue time; never decreases from call to call.

        """


class Log(Protocol):
    """The oracle's log: what is in it has happened."""

    @property
    def last_seq(self) -> int:
        """Seq of the last committed event."""

    @property
    def available(self) -> bool:
        """Whether appends can be expected to succeed."""

    async def until_unavailable(self) -> None:
        """Return once the outcome of an append is unknown."""

    async def append(self, inputs: bytes, records: bytes, count: int, now_ns: int) -> LogEntry:
        """Append one entry; returns when it is committed."""


class Snapshots(Protocol):
    """Where committed state is kept, so that recovery is short."""

    async def save(self, data: bytes, cursors: Mapping[str, Position]) -> None:
        """Keep the state as of the log's present end, and how far it has counted other logs."""


class Clock(Protocol):
    """Venue time."""

    def now_ns(self) -> int:
        """Return venue time; never decreases."""

    def wall_ns_of(self, venue_duration_ns: int) -> int:
        """Return how long a venue duration lasts on the wall."""
