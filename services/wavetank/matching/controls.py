"""Controls: what an administrator changes around the engine while it runs: the ordering of requests, venue faults.

The engine knows nothing of them, for they end before it; but who reads the log must know under which order and which
faults it was written, and a shard that starts anew goes on under the same. So each change is a request that the log
records, and an event of it; what stands is what these events leave behind.
Kept true: what was set stands until it is set otherwise, over restarts too; a policy that was never set is the one of
the settings; faults whose time is over stand nowhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from wavetank.matching.core.entry_faults import MAX_ACTIVE_FAULTS, EntryFault, joined
from wavetank.matching.core.ordering import Ordering, OrderingSettings, ordering_number
from wavetank.model.events.matching import OrderingChanged, VenueFaultBegan, VenueFaultEnded
from wavetank.model.reason import Reason
from wavetank.model.record import decode_all
from wavetank.model.venue_faults import Jitter, VenueFaultKind
from wavetank.runtime.errors import VenueError
from wavetank.v1 import log_pb2, matching_control_pb2, venue_control_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wavetank.model.record import Event

Answer = TypeVar("Answer")

IDS_PER_SHARD = 10**12
"""A fault's id is so many times its shard's index, and where that one's log was."""


class Made(NamedTuple, Generic[Answer]):
    """A change that was made: what the log says of it, and what its caller is told."""

    events: list[Event]
    """None if nothing changed."""
    recorded: log_pb2.RecordedRequest
    answer: Answer


class Controls:
    """The controls of one shard, as they stand."""

    def __init__(self, shard: int, ordering: OrderingSettings) -> None:
        """Begin as the settings say."""
        self.shard = shard
        self.ordering = ordering
        self.faults: tuple[EntryFault, ...] = ()
        """By id, those whose time is not known to be over."""
        self._is_ordered = False
        """Whether the ordering was set, and is no longer that of the settings."""
        self._watchers: list[Callable[[], None]] = []

    def watch(self, watcher: Callable[[], None]) -> None:
        """Have somebody called after each change of the faults."""
        self._watchers.append(watcher)

    # Changes

    def set_ordering(self, ordering: OrderingSettings) -> Made[tuple[OrderingSettings, OrderingSettings]]:
        """Follow another policy from now on; return the one before and the one now."""
        previous = self.ordering
        request = matching_control_pb2.SetOrderingRequest(ordering=ordering_to_wire(ordering))
        recorded = log_pb2.RecordedRequest(set_ordering=request)
        if ordering == previous:
            return Made([], recorded, (previous, ordering))
        self.ordering, self._is_ordered = ordering, True
        event = OrderingChanged(
            instrument_id=0,
            account_id=0,
            block_interval_ns=ordering.block_interval_ns,
            taker_delay_ns=ordering.taker_delay_ns,
            seed=ordering.seed,
            policy=ordering_number(ordering.policy),
        )
        return Made([event], recorded, (previous, ordering))

    def set_fault(self, fault: EntryFault, now_ns: int, next_seq: int) -> Made[EntryFault]:
        """Set a fault.

        Args:
            fault: without id; its start is counted from now on.
            now_ns: venue time.
            next_seq: seq of the shard's next event.

        Raises:
            VenueError: TOO_MANY_FAULTS.

        """
        active = self.active(now_ns)
        if len(active) >= MAX_ACTIVE_FAULTS:
            raise VenueError(
                Reason.TOO_MANY_FAULTS,
                f"{len(active)} venue faults are set; {MAX_ACTIVE_FAULTS} are allowed",
                was=len(active),
                allowed=MAX_ACTIVE_FAULTS,
            )
        made = replace(fault, fault_id=self.shard * IDS_PER_SHARD + next_seq, start_ns=now_ns + fault.start_ns)
        self._put((*active, made))
        return Made(_begun(made), _recorded(made), made)

    def clear_faults(self, fault_ids: Sequence[int], now_ns: int) -> Made[list[int]]:
        """End faults, all if none is named; return which.

        Raises:
            VenueError: FAULT_UNKNOWN: one is not set here, and none was ended.

        """
        active = {fault.fault_id: fault for fault in self.active(now_ns)}
        unknown = sorted(set(fault_ids) - active.keys())
        if unknown:
            raise VenueError(Reason.FAULT_UNKNOWN, f"no venue fault {unknown[0]} is set here", was=unknown[0])
        ended = sorted(set(fault_ids)) or sorted(active)
        self._put(tuple(fault for fault in active.values() if fault.fault_id not in ended))
        request = venue_control_pb2.ClearVenueFaultsRequest(fault_ids=ended)
        events: list[Event] = [VenueFaultEnded(instrument_id=0, account_id=0, fault_id=each) for each in ended]
        return Made(events, log_pb2.RecordedRequest(clear_venue_faults=request), ended)

    def active(self, now_ns: int) -> tuple[EntryFault, ...]:
        """Return the faults whose time is not over, by id."""
        return tuple(fault for fault in self.faults if not fault.is_over(now_ns))

    def _put(self, faults: tuple[EntryFault, ...]) -> None:
        self.faults = faults
        for watcher in self._watchers:
            watcher()

    # Recovery

    def standing(self, now_ns: int) -> list[log_pb2.RecordedRequest]:
        """Return the requests that bring the controls back to where they stand, for a snapshot."""
        requests = [_recorded(fault) for fault in self.active(now_ns)]
        if self._is_ordered:
            ordering = matching_control_pb2.SetOrderingRequest(ordering=ordering_to_wire(self.ordering))
            requests.append(log_pb2.RecordedRequest(set_ordering=ordering))
        return requests

    def restore(self, requests: Iterable[log_pb2.RecordedRequest]) -> None:
        """Bring the controls to where they stood when a snapshot was made."""
        for request in requests:
            match request.WhichOneof("request"):
                case "set_ordering":
                    self.ordering, self._is_ordered = ordering_from_wire(request.set_ordering.ordering), True
                case "set_venue_fault":
                    self.faults = (*self.faults, fault_from_wire(request.set_venue_fault.fault))
                case _:
                    pass

    def replay(self, records: bytes) -> None:
        """Apply the events that the engine noted."""
        for event in decode_all(records):
            match event:
                case OrderingChanged():
                    self.ordering = OrderingSettings(
                        policy=list(Ordering)[event.policy - 1],
                        block_interval_ns=event.block_interval_ns,
                        taker_delay_ns=event.taker_delay_ns,
                        seed=event.seed,
                    )
                    self._is_ordered = True
                case VenueFaultBegan():
                    self.faults = tuple(joined([*self.faults, _fault_of(event)]))
                case VenueFaultEnded():
                    self.faults = tuple(fault for fault in self.faults if fault.fault_id != event.fault_id)
                case _:
                    pass


def _begun(fault: EntryFault) -> list[Event]:
    return [
        VenueFaultBegan(
            instrument_id=0,
            account_id=account_id,
            fault_id=fault.fault_id,
            delay_ns=fault.delay_ns,
            jitter_ns=fault.jitter_ns,
            start_ns=fault.start_ns,
            duration_ns=fault.duration_ns,
            ramp_ns=fault.ramp_ns,
            seed=fault.seed,
            probability_ppm=fault.probability_ppm,
            kind=int(fault.kind),
            jitter=int(fault.jitter),
        )
        for account_id in fault.account_ids or (0,)
    ]


def _fault_of(event: VenueFaultBegan) -> EntryFault:
    return EntryFault(
        fault_id=event.fault_id,
        kind=VenueFaultKind(event.kind),
        account_ids=(event.account_id,) if event.account_id else (),
        delay_ns=event.delay_ns,
        jitter_ns=event.jitter_ns,
        jitter=Jitter(event.jitter),
        probability_ppm=event.probability_ppm,
        start_ns=event.start_ns,
        duration_ns=event.duration_ns,
        ramp_ns=event.ramp_ns,
        seed=event.seed,
    )


def _recorded(fault: EntryFault) -> log_pb2.RecordedRequest:
    request = venue_control_pb2.SetVenueFaultRequest(fault=fault_to_wire(fault))
    return log_pb2.RecordedRequest(set_venue_fault=request)


def fault_to_wire(fault: EntryFault) -> venue_control_pb2.VenueFault:
    """Return a fault as the contract shows it."""
    return venue_control_pb2.VenueFault(
        fault_id=fault.fault_id,
        kind=venue_control_pb2.VenueFaultKind.ValueType(fault.kind),
        account_ids=fault.account_ids,
        delay_ns=fault.delay_ns,
        jitter_ns=fault.jitter_ns,
        jitter=venue_control_pb2.JitterKind.ValueType(fault.jitter),
        probability_ppm=fault.probability_ppm,
        duration_ns=fault.duration_ns,
        ramp_ns=fault.ramp_ns,
        seed=fault.seed,
        start_time_ns=fault.start_ns,
    )


def fault_from_wire(message: venue_control_pb2.VenueFault) -> EntryFault:
    """Return a fault that was set.

    Raises:
        ValueError: there is no such kind, or no such jitter.

    """
    return EntryFault(
        fault_id=message.fault_id,
        kind=VenueFaultKind(message.kind),
        account_ids=tuple(sorted(set(message.account_ids))),
        delay_ns=message.delay_ns,
        jitter_ns=message.jitter_ns,
        jitter=Jitter(message.jitter),
        probability_ppm=message.probability_ppm,
        start_ns=message.start_time_ns,
        duration_ns=message.duration_ns,
        ramp_ns=message.ramp_ns,
        seed=message.seed,
    )


def ordering_to_wire(ordering: OrderingSettings) -> matching_control_pb2.Ordering:
    """Return a policy and its measures as the contract shows them."""
    return matching_control_pb2.Ordering(
        policy=matching_control_pb2.OrderingPolicy.ValueType(ordering_number(ordering.policy)),
        block_interval_ns=ordering.block_interval_ns,
        taker_delay_ns=ordering.taker_delay_ns,
        seed=ordering.seed,
    )


def ordering_from_wire(message: matching_control_pb2.Ordering) -> OrderingSettings:
    """Return a policy that was set, and its measures."""
    return OrderingSettings(
        policy=list(Ordering)[message.policy - 1],
        block_interval_ns=message.block_interval_ns,
        taker_delay_ns=message.taker_delay_ns,
        seed=message.seed,
    )
