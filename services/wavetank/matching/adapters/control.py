"""MatchingControlService and VenueFaultService: an administrator moves instruments, orders requests, sets faults.

What is asked is checked here against the bounds that the contract states; the service carries it out (MTCH-050,
MTCH-060, MTCH-065).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc

from wavetank.matching.controls import fault_from_wire, fault_to_wire, ordering_from_wire, ordering_to_wire
from wavetank.matching.core.draws import MILLION
from wavetank.matching.core.entry_faults import LARGEST_SEED, LONGEST_DURATION_NS, fault_problem
from wavetank.matching.core.ordering import Ordering
from wavetank.model.orders import InstrumentState
from wavetank.model.reason import Reason
from wavetank.model.venue_faults import Jitter, VenueFaultKind
from wavetank.runtime.errors import VenueError
from wavetank.runtime.principal import Scope, principal, require
from wavetank.v1 import (
    instrument_pb2,
    matching_control_pb2,
    matching_control_pb2_grpc,
    venue_control_pb2,
    venue_control_pb2_grpc,
)

if TYPE_CHECKING:
    from wavetank.matching.core.entry_faults import EntryFault
    from wavetank.matching.core.ordering import OrderingSettings
    from wavetank.matching.service import MatchingService
    from wavetank.runtime.clock import VenueClock

SERVICE = "wavetank.v1.MatchingControlService"
FAULT_SERVICE = "wavetank.v1.VenueFaultService"

LONGEST_WAIT_NS = 60 * 1_000_000_000
"""Of a block and of a taker's delay, venue time."""
SHORTEST_BLOCK_WALL_NS = 1_000_000

_STATES = {int(state) for state in InstrumentState}
_POLICIES = range(1, len(Ordering) + 1)
_KINDS = {int(kind) for kind in VenueFaultKind}
_JITTERS = {int(jitter) for jitter in Jitter}

_Context = grpc.aio.ServicerContext[Any, Any]


class MatchingControlServicer(matching_control_pb2_grpc.MatchingControlServiceServicer):
    """Serves instrument states and the ordering of requests."""

    def __init__(self, service: MatchingService, settings: OrderingSettings, clock: VenueClock) -> None:
        """Serve for `service`; measures that are not given are those of the settings."""
        self._service = service
        self._settings = settings
        self._clock = clock

    async def SetInstrumentState(  # noqa: N802 - the contract's name.
        self,
        request: matching_control_pb2.SetInstrumentStateRequest,
        context: _Context,
    ) -> matching_control_pb2.SetInstrumentStateResponse:
        """Bring an instrument into another state."""
        require(principal(context), Scope.ADMIN)
        if request.state not in _STATES:
            raise VenueError(Reason.MALFORMED, f"there is no instrument state {request.state}", was=request.state)
        previous, seq = await self._service.move(request)
        return matching_control_pb2.SetInstrumentStateResponse(
            previous_state=instrument_pb2.InstrumentState.ValueType(previous), seq=seq
        )

    async def SetOrdering(  # noqa: N802 - the contract's name.
        self, request: matching_control_pb2.SetOrderingRequest, context: _Context
    ) -> matching_control_pb2.SetOrderingResponse:
        """Follow another ordering policy."""
        require(principal(context), Scope.ADMIN)
        (previous, ordering), seq = await self._service.set_ordering(self._checked(request.ordering))
        return matching_control_pb2.SetOrderingResponse(
            previous=ordering_to_wire(previous), ordering=ordering_to_wire(ordering), seq=seq
        )

    def _checked(self, asked: matching_control_pb2.Ordering) -> OrderingSettings:
        if asked.policy not in _POLICIES:
            raise VenueError(Reason.MALFORMED, f"there is no ordering policy {asked.policy}", was=asked.policy)
        for name in ("block_interval_ns", "taker_delay_ns"):
            if not 0 <= getattr(asked, name) <= LONGEST_WAIT_NS:
                raise VenueError(
                    Reason.MALFORMED,
                    f"{name} is {getattr(asked, name)}; 0 to {LONGEST_WAIT_NS} is allowed",
                    was=getattr(asked, name),
                    allowed=LONGEST_WAIT_NS,
                )
        if asked.seed < 0:
            raise VenueError(Reason.MALFORMED, f"seed is {asked.seed}; 0 to {LARGEST_SEED} is allowed", was=asked.seed)
        ordering = ordering_from_wire(asked)
        block_ns = ordering.block_interval_ns or self._settings.block_interval_ns
        return replace(
            ordering,
            block_interval_ns=self._clock.at_least_wall(block_ns, SHORTEST_BLOCK_WALL_NS),
            taker_delay_ns=ordering.taker_delay_ns or self._settings.taker_delay_ns,
        )


class VenueFaultServicer(venue_control_pb2_grpc.VenueFaultServiceServicer):
    """Serves venue faults."""

    def __init__(self, service: MatchingService) -> None:
        """Serve for `service`."""
        self._service = service

    async def SetVenueFault(  # noqa: N802 - the contract's name.
        self, request: venue_control_pb2.SetVenueFaultRequest, context: _Context
    ) -> venue_control_pb2.SetVenueFaultResponse:
        """Set a fault."""
        require(principal(context), Scope.ADMIN)
        fault, seq = await self._service.set_fault(_checked_fault(request.fault))
        return venue_control_pb2.SetVenueFaultResponse(fault=fault_to_wire(fault), seq=seq)

    async def ClearVenueFaults(  # noqa: N802 - the contract's name.
        self, request: venue_control_pb2.ClearVenueFaultsRequest, context: _Context
    ) -> venue_control_pb2.ClearVenueFaultsResponse:
        """End faults."""
        require(principal(context), Scope.ADMIN)
        ended, seq = await self._service.clear_faults(request.fault_ids)
        return venue_control_pb2.ClearVenueFaultsResponse(fault_ids=ended, seq=seq)

    async def ListVenueFaults(  # noqa: N802 - the contract's name.
        self, request: venue_control_pb2.ListVenueFaultsRequest, context: _Context
    ) -> venue_control_pb2.ListVenueFaultsResponse:
        """List faults whose time is not over."""
        require(principal(context), Scope.ADMIN)
        faults = await self._service.ask(lambda _: self._service.controls.active(self._service.now_ns))
        return venue_control_pb2.ListVenueFaultsResponse(faults=[fault_to_wire(fault) for fault in faults])


def _checked_fault(asked: venue_control_pb2.VenueFault) -> EntryFault:
    """Return the fault that is asked for, its start counted from now on.

    Raises:
        VenueError: it has no meaning (FAULT_MALFORMED).

    """
    if asked.kind not in _KINDS:
        raise VenueError(Reason.FAULT_MALFORMED, f"there is no venue fault {asked.kind}", was=asked.kind)
    if asked.jitter not in _JITTERS:
        raise VenueError(Reason.FAULT_MALFORMED, f"there is no jitter {asked.jitter}", was=asked.jitter)
    if not 0 <= asked.starts_in_ns <= LONGEST_DURATION_NS:
        raise VenueError(
            Reason.FAULT_MALFORMED,
            f"starts_in_ns is {asked.starts_in_ns}; 0 to {LONGEST_DURATION_NS} is allowed",
            was=asked.starts_in_ns,
            allowed=LONGEST_DURATION_NS,
        )
    fault = replace(
        fault_from_wire(asked),
        fault_id=0,
        start_ns=asked.starts_in_ns,
        probability_ppm=asked.probability_ppm or MILLION,
    )
    problem = fault_problem(fault)
    if problem is not None:
        raise VenueError(Reason.FAULT_MALFORMED, problem)
    return fault
