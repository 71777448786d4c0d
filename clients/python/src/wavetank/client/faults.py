"""Faults of the oracle: what goes wrong, for whom, when and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum

from wavetank.client.instrument import Number, decimal_of, dollars, scaled
from wavetank.client.wire import Wire
from wavetank.v1 import oracle_control_pb2, oracle_pb2

_MICROS = 6
_E12 = 12


class Consumer(IntEnum):
    """Who prices are delivered to; faults may differ by consumer."""

    TRUTH = oracle_pb2.CONSUMER_TRUTH
    CLEARING = oracle_pb2.CONSUMER_CLEARING
    MATCHING = oracle_pb2.CONSUMER_MATCHING
    BOTS = oracle_pb2.CONSUMER_BOTS


class FaultKind(IntEnum):
    """What goes wrong. A bias of sources is a spike of theirs."""

    LAG = oracle_control_pb2.FAULT_KIND_LAG
    FREEZE = oracle_control_pb2.FAULT_KIND_FREEZE
    SPIKE = oracle_control_pb2.FAULT_KIND_SPIKE
    DRIFT = oracle_control_pb2.FAULT_KIND_DRIFT
    CLAMP = oracle_control_pb2.FAULT_KIND_CLAMP
    DECIMAL = oracle_control_pb2.FAULT_KIND_DECIMAL
    HARDCODE = oracle_control_pb2.FAULT_KIND_HARDCODE
    SOURCE_LOSS = oracle_control_pb2.FAULT_KIND_SOURCE_LOSS
    WIDEN = oracle_control_pb2.FAULT_KIND_WIDEN
    SELF_REFERENCE = oracle_control_pb2.FAULT_KIND_SELF_REFERENCE
    OUT_OF_ORDER = oracle_control_pb2.FAULT_KIND_OUT_OF_ORDER
    DUPLICATE = oracle_control_pb2.FAULT_KIND_DUPLICATE
    CENSOR = oracle_control_pb2.FAULT_KIND_CENSOR
    CONGESTION = oracle_control_pb2.FAULT_KIND_CONGESTION


class FaultTarget(IntEnum):
    """Which value goes wrong."""

    PRICE = oracle_control_pb2.FAULT_TARGET_PRICE
    FUNDING = oracle_control_pb2.FAULT_TARGET_FUNDING


class JitterDistribution(IntEnum):
    """How the part of a lag that varies is drawn: up to the jitter, or with it as the mean."""

    UNIFORM = oracle_control_pb2.JITTER_DISTRIBUTION_UNIFORM
    EXPONENTIAL = oracle_control_pb2.JITTER_DISTRIBUTION_EXPONENTIAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault that is set.

    Attributes:
        fault_id: given by the oracle.
        kind: what goes wrong.
        target: which value.
        instruments: symbols, empty for all.
        consumers: who is deceived, empty for all but the truth.
        sources: names of the sources it hits; empty for a fault of delivery.
        lag_ns: venue time by which values are late, or how far back they come from.
        jitter_ns: what varies of a lag.
        distribution: how that is drawn; None without a jitter.
        magnitude: of a spike: 0.05 is +5 %, or is added to the funding rate.
        price: of a hardcode, or the floor of a clamp (0 for none), in dollars.
        upper_price: ceiling of a clamp, 0 for none.
        exponent: of a decimal error.
        duration_ns: venue time it lasts from its beginning, 0 until cleared.
        ramp_ns: venue time in which it grows.
        probability: that it strikes an update.
        seed: decides what chance decides.
        start_time_ns: venue time it began, or will.
        has_begun: whether it has.
    """

    fault_id: int
    kind: FaultKind
    target: FaultTarget
    instruments: tuple[str, ...]
    consumers: tuple[Consumer, ...]
    sources: tuple[str, ...]
    lag_ns: int
    jitter_ns: int
    distribution: JitterDistribution | None
    magnitude: Decimal
    price: Decimal
    upper_price: Decimal
    exponent: int
    duration_ns: int
    ramp_ns: int
    probability: Decimal
    seed: int
    start_time_ns: int
    has_begun: bool

    @classmethod
    def from_wire(cls, message: oracle_control_pb2.Fault, wire: Wire) -> Fault:
        """Return a fault of a message."""
        return cls(
            fault_id=message.fault_id,
            kind=FaultKind(message.kind),
            target=FaultTarget(message.target),
            instruments=tuple(wire.symbol(each) for each in message.instrument_ids),
            consumers=tuple(Consumer(each) for each in message.consumers),
            sources=tuple(message.sources),
            lag_ns=message.lag_ns,
            jitter_ns=message.jitter_ns,
            distribution=JitterDistribution(message.distribution) if message.jitter_ns else None,
            magnitude=scaled(message.magnitude_e12, -_E12),
            price=dollars(message.price_micros),
            upper_price=dollars(message.upper_price_micros),
            exponent=message.exponent,
            duration_ns=message.duration_ns,
            ramp_ns=message.ramp_ns,
            probability=scaled(message.probability_ppm, -_MICROS) if message.probability_ppm else Decimal(1),
            seed=message.seed,
            start_time_ns=message.start_time_ns,
            has_begun=message.has_begun,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultTerms:
    """What a fault is beside its kind, its target and its instruments; `Admin.set_fault` says what each means."""

    consumers: Sequence[Consumer] = ()
    sources: Sequence[str] = ()
    source_count: int = 0
    lag: timedelta = timedelta()
    jitter: timedelta = timedelta()
    distribution: JitterDistribution | None = None
    magnitude: Number = 0
    price: Number = 0
    upper_price: Number = 0
    exponent: int = 0
    delay: timedelta = timedelta()
    duration: timedelta = timedelta()
    ramp: timedelta = timedelta()
    probability: Number = 1
    seed: int = 0

    def to_wire(self, kind: FaultKind, target: FaultTarget, instrument_ids: Sequence[int]) -> oracle_control_pb2.Fault:
        """Return the message that asks for it.

        Raises:
            ValueError: an amount has too many decimals, or a probability is not above 0 and at most 1.
        """
        probability_ppm = _whole(self.probability, _MICROS, "a probability")
        if not 0 < probability_ppm <= 10**_MICROS:
            raise ValueError(f"a probability is above 0 and at most 1, not {self.probability}")
        message = oracle_control_pb2.Fault(
            kind=kind.value,
            target=target.value,
            instrument_ids=instrument_ids,
            consumers=[consumer.value for consumer in self.consumers],
            sources=self.sources,
            source_count=self.source_count,
            lag_ns=nanoseconds(self.lag),
            jitter_ns=nanoseconds(self.jitter),
            magnitude_e12=_whole(self.magnitude, _E12, "a magnitude"),
            price_micros=_whole(self.price, _MICROS, "a price"),
            upper_price_micros=_whole(self.upper_price, _MICROS, "a price"),
            exponent=self.exponent,
            delay_ns=nanoseconds(self.delay),
            duration_ns=nanoseconds(self.duration),
            ramp_ns=nanoseconds(self.ramp),
            # Always is the default there, and what a fault that takes no probability must say.
            probability_ppm=probability_ppm % 10**_MICROS,
            seed=self.seed,
        )
        if self.distribution is not None:
            message.distribution = self.distribution.value
        return message


def _whole(value: Number, decimals: int, what: str) -> int:
    amount = decimal_of(value, what) * 10**decimals
    if amount != int(amount):
        raise ValueError(f"{what} has at most {decimals} decimals, not {value}")
    return int(amount)


def nanoseconds(duration: timedelta) -> int:
    """Return a duration as the venue counts it, exactly."""
    return duration // timedelta(microseconds=1) * 1_000
