"""The contract's words for consumers, faults and prices, translated both ways."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wavetank.model.events.oracle import EVERYBODY, ConsumerBit, FaultSet
from wavetank.model.reason import Reason
from wavetank.model.validity import Validity
from wavetank.oracle.core.faults import ALWAYS_PPM, FAULTY_CONSUMERS, Fault, FaultKind, FaultTarget, JitterDistribution
from wavetank.oracle.core.inputs import FaultRequest
from wavetank.oracle.feed import NumberedPrice
from wavetank.runtime.errors import VenueError
from wavetank.v1 import oracle_control_pb2, oracle_pb2

_BITS: dict[oracle_pb2.Consumer.ValueType, ConsumerBit] = {
    oracle_pb2.CONSUMER_TRUTH: ConsumerBit.TRUTH,
    oracle_pb2.CONSUMER_CLEARING: ConsumerBit.CLEARING,
    oracle_pb2.CONSUMER_MATCHING: ConsumerBit.MATCHING,
    oracle_pb2.CONSUMER_BOTS: ConsumerBit.BOTS,
}
_CONSUMERS = {bit: oracle_pb2.Consumer.Name(number) for number, bit in _BITS.items()}

_KINDS = frozenset(int(kind) for kind in FaultKind)
_DISTRIBUTIONS = frozenset(int(distribution) for distribution in JitterDistribution)
_TARGETS = frozenset(int(target) for target in FaultTarget)

_VALIDITIES: dict[int, oracle_pb2.PriceValidity.ValueType] = {
    Validity.VALID: oracle_pb2.PRICE_VALIDITY_VALID,
    Validity.STALE: oracle_pb2.PRICE_VALIDITY_STALE,
    Validity.TOO_UNCERTAIN: oracle_pb2.PRICE_VALIDITY_TOO_UNCERTAIN,
    Validity.TOO_VOLATILE: oracle_pb2.PRICE_VALIDITY_TOO_VOLATILE,
    Validity.NON_POSITIVE: oracle_pb2.PRICE_VALIDITY_NON_POSITIVE,
}


def bit_of(consumer: oracle_pb2.Consumer.ValueType, reason: Reason) -> ConsumerBit:
    """Return a consumer's bit.

    Raises:
        VenueError: it is unspecified or unknown, with the given reason.

    """
    bit = _BITS.get(consumer)
    if bit is None:
        allowed = ", ".join(_CONSUMERS.values())
        raise VenueError(reason, f"consumer is {consumer}; allowed are {allowed}", was=consumer, allowed=allowed)
    return bit


def consumers_of(bits: int) -> list[oracle_pb2.Consumer.ValueType]:
    """Return the consumers of a set of bits; everybody is nobody in particular, and so is empty."""
    if bits == EVERYBODY:
        return []
    return [number for number, bit in _BITS.items() if bit & bits]


def fault_request(fault: oracle_control_pb2.Fault) -> FaultRequest:
    """Return what a fault on the wire asks for.

    Raises:
        VenueError: a consumer is unspecified or unknown (FAULT_MALFORMED).

    """
    consumers = 0
    for consumer in fault.consumers:
        consumers |= bit_of(consumer, Reason.FAULT_MALFORMED)
    return FaultRequest(
        kind=FaultKind(fault.kind) if int(fault.kind) in _KINDS else None,
        target=FaultTarget(fault.target) if int(fault.target) in _TARGETS else None,
        instrument_ids=tuple(fault.instrument_ids),
        consumers=consumers,
        sources=tuple(fault.sources),
        source_count=fault.source_count,
        lag_ns=fault.lag_ns,
        jitter_ns=fault.jitter_ns,
        distribution=_distribution_of(fault),
        magnitude_e12=fault.magnitude_e12,
        price_micros=fault.price_micros,
        upper_price_micros=fault.upper_price_micros,
        exponent=fault.exponent,
        delay_ns=fault.delay_ns,
        duration_ns=fault.duration_ns,
        ramp_ns=fault.ramp_ns,
        probability_ppm=fault.probability_ppm,
        seed=fault.seed,
    )


def _distribution_of(fault: oracle_control_pb2.Fault) -> JitterDistribution | None:
    number = int(fault.distribution)
    if not number:
        return None
    if number not in _DISTRIBUTIONS:
        allowed = ", ".join(distribution.name.lower() for distribution in JitterDistribution)
        message = f"distribution is {number}; allowed are {allowed}"
        raise VenueError(Reason.FAULT_MALFORMED, message, was=number, allowed=allowed)
    return JitterDistribution(number)


def fault_to_wire(
    fault: Fault | FaultSet, instrument_ids: Iterable[int], sources: Iterable[str]
) -> oracle_control_pb2.Fault:
    """Return a fault as the contract shows it, once for all its instruments and sources."""
    # A fault of sources hits all consumers alike, and names none.
    consumers = 0 if fault.source and fault.consumers == FAULTY_CONSUMERS else fault.consumers
    return oracle_control_pb2.Fault(
        fault_id=fault.fault_id,
        kind=int(fault.kind),  # type: ignore[arg-type] # The numbers of both enums are equal.
        target=int(fault.target),  # type: ignore[arg-type] # The numbers of both enums are equal.
        instrument_ids=sorted(set(instrument_ids)),
        consumers=consumers_of(consumers),
        sources=sorted({source for source in sources if source}),
        lag_ns=fault.lag_ns,
        jitter_ns=fault.jitter_ns,
        distribution=int(fault.distribution) if fault.jitter_ns else 0,  # type: ignore[arg-type] # As above.
        magnitude_e12=fault.magnitude_e12,
        price_micros=fault.price_micros,
        upper_price_micros=fault.upper_price_micros,
        exponent=fault.exponent,
        duration_ns=fault.duration_ns,
        start_time_ns=fault.start_time_ns,
        ramp_ns=fault.ramp_ns,
        probability_ppm=0 if fault.probability_ppm == ALWAYS_PPM else fault.probability_ppm,
        seed=fault.seed,
        has_begun=fault.has_begun if isinstance(fault, Fault) else not fault.is_delayed,
    )


def faults_to_wire(faults: Sequence[tuple[int, Fault]]) -> list[oracle_control_pb2.Fault]:
    """Return faults by id, each with all instruments and sources it hits."""
    parts: dict[int, list[tuple[int, Fault]]] = {}
    for instrument_id, fault in faults:
        parts.setdefault(fault.fault_id, []).append((instrument_id, fault))
    return [
        fault_to_wire(part[0][1], [number for number, _ in part], [fault.source for _, fault in part])
        for _, part in sorted(parts.items())
    ]


def price_to_wire(numbered: NumberedPrice) -> oracle_pb2.SubscribePricesResponse:
    """Return a published price as the contract shows it."""
    price = numbered.price
    return oracle_pb2.SubscribePricesResponse(
        seq=numbered.seq,
        event_time_ns=price.event_time_ns,
        instrument_id=price.instrument_id,
        index_price_ticks=price.index_price_ticks,
        mark_price_ticks=price.mark_price_ticks,
        index_time_ns=price.index_time_ns,
        stale=price.stale,
        funding_rate_e12=price.funding_rate_e12,
        validity=_VALIDITIES[price.validity],
        confidence_ticks=price.confidence_ticks,
    )
