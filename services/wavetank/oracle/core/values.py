"""Values that pass through faults: prices on their way to consumers, and those that come from sources.

They exist apart so that one history and one set of rules serve both: which value is given, by its time.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from wavetank.oracle.core.rounding import divide_half_even

LARGEST_PRICE_TICKS = 2**31 - 1
"""UNIT-020."""

FORGOTTEN_AT_ONCE = 64
"""A history drops what nobody reaches in parcels: moving the rest costs more than keeping these."""


def ticks_of(price_micros: int, size_decimals: int) -> int:
    """Return a price per unit of the base asset in ticks, rounded half to even (UNIT-010)."""
    return divide_half_even(price_micros, int(10**size_decimals))


def is_price(price_micros: int, size_decimals: int) -> bool:
    """Return whether a price is positive and inside the range of UNIT-020."""
    return 1 <= ticks_of(price_micros, size_decimals) <= LARGEST_PRICE_TICKS


@dataclass(frozen=True, slots=True)
class Prices:
    """Index and mark of one instrument at one time, true or delivered."""

    index_price_ticks: int
    mark_price_ticks: int
    index_time_ns: int
    stale: bool
    confidence_ticks: int = 0
    """How far off the index may be."""

    @property
    def size(self) -> int:
        """What a censor measures moves by."""
        return self.index_price_ticks

    def as_old(self) -> Prices:
        """Return the same, marked stale."""
        return replace(self, stale=True)

    def as_new_as(self, newer: Prices) -> Prices:
        """Return the same as if it were of a later time."""
        return replace(self, index_time_ns=newer.index_time_ns, stale=newer.stale)


@dataclass(frozen=True, slots=True)
class SourceValue:
    """What a source said."""

    price_micros: int
    """Micro-dollars per unit of the base asset."""
    price_time_ns: int
    confidence_micros: int = 0

    @property
    def size(self) -> int:
        """What a censor measures moves by."""
        return self.price_micros

    def as_old(self) -> SourceValue:
        """Return the same: its own time tells its age."""
        return self

    def as_new_as(self, newer: SourceValue) -> SourceValue:
        """Return the same as if it were of a later time."""
        return replace(self, price_time_ns=newer.price_time_ns)


V = TypeVar("V", Prices, SourceValue)


@dataclass(slots=True)
class History(Generic[V]):
    """Values by the time they were published, as far back as a lag may reach."""

    times_ns: list[int] = field(default_factory=list)
    values: list[V] = field(default_factory=list)

    def append(self, time_ns: int, value: V) -> None:
        """Add a value; of two at one time the later stands."""
        if self.times_ns and self.times_ns[-1] == time_ns:
            self.values[-1] = value
            return
        self.times_ns.append(time_ns)
        self.values.append(value)

    def forget_before(self, time_ns: int) -> None:
        """Drop what no lag reaches any more: values older than the newest one at `time_ns`, once they are many."""
        times_ns = self.times_ns
        if len(times_ns) <= FORGOTTEN_AT_ONCE or times_ns[FORGOTTEN_AT_ONCE] > time_ns:
            return
        position = bisect_right(times_ns, time_ns) - 1
        del times_ns[:position]
        del self.values[:position]

    def position_by(self, time_ns: int) -> int:
        """Return where the newest value not later than `time_ns` stands; −1 before the first."""
        return bisect_right(self.times_ns, time_ns) - 1
