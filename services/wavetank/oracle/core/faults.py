"""Faults as values: what goes wrong, for whom, when and how surely (ORCL-040).

They exist so that the oracle is broken on command, the same way each time. A fault hits sources, before there is an
index, or consumers, after it, or the funding rate. `delivery` says what comes of it; nothing here knows a history.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from wavetank.model.events.oracle import EVERYBODY, ConsumerBit
from wavetank.oracle.core.chance import CUT_OFF, Purpose, draw, exponential
from wavetank.oracle.core.rounding import divide_half_even
from wavetank.oracle.core.values import Prices, SourceValue

ONE_E12 = 1_000_000_000_000
ALWAYS_PPM = 1_000_000

CONSUMERS = (ConsumerBit.TRUTH, ConsumerBit.CLEARING, ConsumerBit.MATCHING, ConsumerBit.BOTS)
FAULTY_CONSUMERS = EVERYBODY & ~int(ConsumerBit.TRUTH)


class FaultKind(IntEnum):
    """What goes wrong. 9 was kept for a bias of sources, which is a spike of theirs."""

    LAG = 1
    FREEZE = 2
    SPIKE = 3
    DRIFT = 4
    CLAMP = 5
    DECIMAL = 6
    HARDCODE = 7
    SOURCE_LOSS = 8
    WIDEN = 10
    SELF_REFERENCE = 11
    OUT_OF_ORDER = 12
    DUPLICATE = 13
    CENSOR = 14
    CONGESTION = 15


class FaultTarget(IntEnum):
    """Which value goes wrong."""

    PRICE = 1
    FUNDING = 2


class JitterDistribution(IntEnum):
    """How the part of a lag that varies is drawn."""

    CONSTANT = 1
    """Not at all."""
    UNIFORM = 2
    """From 0 to the jitter."""
    EXPONENTIAL = 3
    """The jitter is the mean; eight times it is the most."""


KEEPS_OLD = frozenset({FaultKind.FREEZE, FaultKind.CONGESTION, FaultKind.DUPLICATE})
"""Kinds that give again what there was when they began."""

CHOOSES = KEEPS_OLD | {FaultKind.LAG, FaultKind.CENSOR, FaultKind.OUT_OF_ORDER}
"""Kinds that say which value is given; the others say how it is bent, or how sure it is."""


class Channel(NamedTuple):
    """Where values pass: to a consumer, or from a source."""

    instrument_id: int
    name: bytes
    """Begins with a zero byte for a consumer, so that no source has it."""
    place: int
    """Of what the channel had, in a fault's `frozen`."""


def consumer_channel(instrument_id: int, consumer: ConsumerBit) -> Channel:
    """Return the channel of prices to a consumer."""
    return Channel(instrument_id, bytes((0, consumer)), CONSUMERS.index(consumer))


def source_channel(instrument_id: int, source: str) -> Channel:
    """Return the channel of prices from a source."""
    return Channel(instrument_id, source.encode(), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault on one instrument, and on one of its sources if it is one of theirs."""

    fault_id: int
    kind: FaultKind
    target: FaultTarget = FaultTarget.PRICE
    consumers: int = FAULTY_CONSUMERS
    """`ConsumerBit`s."""
    source: str = ""
    lag_ns: int = 0
    jitter_ns: int = 0
    distribution: JitterDistribution = JitterDistribution.CONSTANT
    magnitude_e12: int = 0
    price_micros: int = 0
    upper_price_micros: int = 0
    exponent: int = 0
    start_time_ns: int = 0
    duration_ns: int = 0
    """0 until cleared."""
    ramp_ns: int = 0
    probability_ppm: int = ALWAYS_PPM
    seed: int = 0
    has_begun: bool = True
    frozen: tuple[Prices | SourceValue | None, ...] = ()
    """Of a kind that keeps what was old: what each of `CONSUMERS` had when it began, else what the source had."""
    frozen_rate_e12: int = 0
    """Of a frozen funding rate."""
    passed_time_ns: int = 0
    """Of a censor: time of the newest value that it let pass."""
    passed_price: int = 0
    """And its price, in the channel's unit."""

    def ends_by(self, now_ns: int) -> bool:
        """Return whether the fault's time is over."""
        return self.duration_ns > 0 and self.end_time_ns <= now_ns

    @property
    def end_time_ns(self) -> int:
        """Venue time at which a fault with a duration ends."""
        return self.start_time_ns + self.duration_ns

    @property
    def is_certain(self) -> bool:
        """Whether it strikes each update."""
        return self.probability_ppm >= ALWAYS_PPM

    def hits(self, consumer: int) -> bool:
        """Return whether it deceives a consumer, after the index is made."""
        return (
            self.has_begun and not self.source and self.target is FaultTarget.PRICE and bool(self.consumers & consumer)
        )

    def strikes(self, channel: Channel, number: int) -> bool:
        """Return whether it strikes one update of a channel.

        Args:
            channel: where.
            number: the update's time in nanoseconds.

        """
        if self.is_certain:
            return True
        return self.drawn(channel, number, Purpose.STRIKE) % ALWAYS_PPM < self.probability_ppm

    def drawn(self, channel: Channel, number: int, purpose: Purpose) -> int:
        """Return the draw of one update of a channel."""
        return draw(self.seed, self.fault_id, channel.instrument_id, channel.name, number, purpose)

    def ramped(self, amount: int, time_ns: int) -> int:
        """Return how much of an amount there is at a time: it grows in a line over the ramp, then stays."""
        passed_ns = time_ns - self.start_time_ns
        if passed_ns >= self.ramp_ns:
            return amount
        return divide_half_even(amount * passed_ns, self.ramp_ns) if passed_ns > 0 else 0

    @property
    def is_constant_lag(self) -> bool:
        """Whether it delays each update alike."""
        return self.is_certain and not self.ramp_ns and not self.jitter_ns

    @property
    def longest_lag_ns(self) -> int:
        """Most by which it may delay an update."""
        most = CUT_OFF if self.distribution is JitterDistribution.EXPONENTIAL else 1
        return self.lag_ns + most * self.jitter_ns

    def delay_ns(self, channel: Channel, number: int) -> int:
        """Return by how much it delays one update of a channel; one that varies, only those since it began."""
        if self.is_constant_lag:
            return self.lag_ns
        if not self.strikes(channel, number):
            return 0
        jitter_ns = 0
        if self.jitter_ns:
            drawn = self.drawn(channel, number, Purpose.JITTER)
            is_uniform = self.distribution is JitterDistribution.UNIFORM
            jitter_ns = drawn % (self.jitter_ns + 1) if is_uniform else exponential(drawn, self.jitter_ns)
        return self.ramped(self.lag_ns + jitter_ns, number)


def faulty_rate_e12(faults: Iterable[Fault], instrument_id: int, rate_e12: int, now_ns: int) -> int:
    """Return a funding rate as its faults make it, before the cap: the freeze set first holds, spikes are added.

    Args:
        faults: of the instrument, in order of id.
        instrument_id: which.
        rate_e12: the true rate.
        now_ns: venue time.

    """
    channel = consumer_channel(instrument_id, ConsumerBit.TRUTH)
    added, frozen = 0, None
    for fault in faults:
        if fault.target is not FaultTarget.FUNDING or not fault.has_begun or not fault.strikes(channel, now_ns):
            continue
        if fault.kind is FaultKind.SPIKE:
            added += fault.ramped(fault.magnitude_e12, now_ns)
        elif frozen is None:
            frozen = fault.frozen_rate_e12
    return (rate_e12 if frozen is None else frozen) + added
