"""Faults: what each consumer is told instead of the truth (ORCL-040).

A fault is a value: a kind, a target, consumers, a size, a time. It exists so that the oracle is broken on command, the
same way each time. What is delivered is a function of the true values so far and of the active faults: first lag and
freeze say *which* true value, then spikes say how it is bent. Truth itself is never bent.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

from wavetank.model.events.oracle import EVERYBODY, ConsumerBit
from wavetank.oracle.core.rounding import divide_half_even

ONE_E12 = 1_000_000_000_000
LARGEST_PRICE_TICKS = 2**31 - 1
"""UNIT-020."""

CONSUMERS = (ConsumerBit.TRUTH, ConsumerBit.CLEARING, ConsumerBit.MATCHING, ConsumerBit.BOTS)
FAULTY_CONSUMERS = EVERYBODY & ~int(ConsumerBit.TRUTH)


class FaultKind(IntEnum):
    """What goes wrong."""

    LAG = 1
    FREEZE = 2
    SPIKE = 3


class FaultTarget(IntEnum):
    """Which value goes wrong."""

    PRICE = 1
    FUNDING = 2


@dataclass(frozen=True, slots=True)
class Prices:
    """Index and mark of one instrument at one time, true or delivered."""

    index_price_ticks: int
    mark_price_ticks: int
    index_time_ns: int
    stale: bool


@dataclass(frozen=True, slots=True)
class Fault:
    """An active fault on one instrument."""

    fault_id: int
    kind: FaultKind
    target: FaultTarget
    consumers: int
    """`ConsumerBit`s."""
    lag_ns: int
    magnitude_e12: int
    duration_ns: int
    """0 until cleared."""
    start_time_ns: int
    frozen: tuple[Prices | None, ...] = ()
    """Of a freeze: what each of `CONSUMERS` had when it began, before spikes."""

    def ends_by(self, now_ns: int) -> bool:
        """Return whether the fault's time is over."""
        return self.duration_ns > 0 and self.end_time_ns <= now_ns

    @property
    def end_time_ns(self) -> int:
        """Venue time at which a fault with a duration ends."""
        return self.start_time_ns + self.duration_ns


@dataclass(slots=True)
class History:
    """True prices by the time they were published, as far back as a lag may reach."""

    times_ns: list[int] = field(default_factory=list)
    prices: list[Prices] = field(default_factory=list)

    def append(self, time_ns: int, prices: Prices) -> None:
        """Add a true value; of two at one time the later stands."""
        if self.times_ns and self.times_ns[-1] == time_ns:
            self.prices[-1] = prices
            return
        self.times_ns.append(time_ns)
        self.prices.append(prices)

    def forget_before(self, time_ns: int) -> None:
        """Drop what no lag reaches any more: all values older than the newest one at `time_ns`."""
        position = bisect_right(self.times_ns, time_ns) - 1
        if position > 0:
            del self.times_ns[:position]
            del self.prices[:position]

    def newest_by(self, time_ns: int) -> Prices | None:
        """Return the newest value not later than `time_ns`; before the first, the oldest known, marked stale."""
        if not self.prices:
            return None
        position = bisect_right(self.times_ns, time_ns) - 1
        return self.prices[position] if position >= 0 else replace(self.prices[0], stale=True)


def base_prices(
    faults: Iterable[Fault], consumer: int, true: Prices | None, history: History, now_ns: int
) -> Prices | None:
    """Return the true value that lag and freeze let a consumer see, before spikes; None when there is none.

    Args:
        faults: active faults of the instrument, in order of id. The freeze set first holds; lags add up.
        consumer: one `ConsumerBit`.
        true: the true value of now.
        history: the true values before it.
        now_ns: venue time.

    """
    hits = [fault for fault in faults if fault.target is FaultTarget.PRICE and fault.consumers & consumer]
    for fault in hits:
        if fault.kind is FaultKind.FREEZE:
            return fault.frozen[CONSUMERS.index(ConsumerBit(consumer))]
    lag_ns = sum(fault.lag_ns for fault in hits if fault.kind is FaultKind.LAG)
    if not lag_ns or true is None:
        return true
    return history.newest_by(now_ns - lag_ns) or replace(true, stale=True)


def bent(prices: Prices, faults: Iterable[Fault], consumer: int) -> Prices:
    """Return prices after the spikes that hit a consumer: each multiplies by `1 + magnitude`, rounded half to even."""
    for fault in faults:
        if fault.kind is FaultKind.SPIKE and fault.target is FaultTarget.PRICE and fault.consumers & consumer:
            prices = replace(
                prices,
                index_price_ticks=_spiked(prices.index_price_ticks, fault.magnitude_e12),
                mark_price_ticks=_spiked(prices.mark_price_ticks, fault.magnitude_e12),
            )
    return prices


def delivered(faults: Sequence[Fault], true: Prices, history: History, now_ns: int) -> dict[Prices, int]:
    """Return every distinct value delivered now, with the consumers that get it; the truth's first.

    Args:
        faults: active faults of the instrument, in order of id.
        true: the true value of now.
        history: the true values before it.
        now_ns: venue time.

    """
    values: dict[Prices, int] = {}
    for consumer in CONSUMERS:
        base = base_prices(faults, consumer, true, history, now_ns)
        if base is not None:
            value = bent(base, faults, consumer)
            values[value] = values.get(value, 0) | consumer
    return values


def funding_added_e12(faults: Iterable[Fault]) -> int:
    """Return what active funding spikes add to the rate, before its cap."""
    return sum(fault.magnitude_e12 for fault in faults if fault.target is FaultTarget.FUNDING)


def _spiked(price_ticks: int, magnitude_e12: int) -> int:
    spiked = divide_half_even(price_ticks * (ONE_E12 + magnitude_e12), ONE_E12)
    return max(1, min(LARGEST_PRICE_TICKS, spiked))
