"""The contract's words for consumers, faults and prices, translated both ways."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wavetank.model.events.oracle import EVERYBODY, ConsumerBit, FaultBegan
from wavetank.model.reason import Reason
from wavetank.oracle.core.faults import Fault, FaultKind, FaultTarget
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
_TARGETS = frozenset(int(target) for target in FaultTarget)


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
        lag_ns=fault.lag_ns,
        magnitude_e12=fault.magnitude_e12,
        duration_ns=fault.duration_ns,
    )


def fault_to_wire(fault: Fault | FaultBegan, instrument_ids: Iterable[int]) -> oracle_control_pb2.Fault:
    """Return a fault as the contract shows it, once for all its instruments."""
    return oracle_control_pb2.Fault(
        fault_id=fault.fault_id,
        kind=int(fault.kind),  # type: ignore[arg-type] # The numbers of both enums are equal.
        target=int(fault.target),  # type: ignore[arg-type] # The numbers of both enums are equal.
        instrument_ids=sorted(instrument_ids),
        consumers=consumers_of(fault.consumers),
        lag_ns=fault.lag_ns,
        magnitude_e12=fault.magnitude_e12,
        duration_ns=fault.duration_ns,
        start_time_ns=fault.start_time_ns,
    )


def faults_to_wire(faults: Sequence[tuple[int, Fault]]) -> list[oracle_control_pb2.Fault]:
    """Return faults by id, each with all instruments it hits."""
    instruments: dict[int, list[int]] = {}
    by_id: dict[int, Fault] = {}
    for instrument_id, fault in faults:
        instruments.setdefault(fault.fault_id, []).append(instrument_id)
        by_id[fault.fault_id] = fault
    return [fault_to_wire(by_id[fault_id], instruments[fault_id]) for fault_id in sorted(by_id)]


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
        stale=bool(price.stale),
        funding_rate_e12=price.funding_rate_e12,
    )
