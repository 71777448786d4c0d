"""MatchingControlService: an administrator moves instruments from one state to another (MTCH-050)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from wavetank.model.orders import InstrumentState
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.runtime.principal import Scope, principal, require
from wavetank.v1 import instrument_pb2, matching_control_pb2, matching_control_pb2_grpc

if TYPE_CHECKING:
    from wavetank.matching.service import MatchingService

SERVICE = "wavetank.v1.MatchingControlService"

_STATES = {int(state) for state in InstrumentState}


class MatchingControlServicer(matching_control_pb2_grpc.MatchingControlServiceServicer):
    """Serves instrument states."""

    def __init__(self, service: MatchingService) -> None:
        """Serve for `service`."""
        self._service = service

    async def SetInstrumentState(  # noqa: N802 - the contract's name.
        self,
        request: matching_control_pb2.SetInstrumentStateRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> matching_control_pb2.SetInstrumentStateResponse:
        """Bring an instrument into another state."""
        require(principal(context), Scope.ADMIN)
        if request.state not in _STATES:
            raise VenueError(Reason.MALFORMED, f"there is no instrument state {request.state}", was=request.state)
        previous, seq = await self._service.move(request)
        return matching_control_pb2.SetInstrumentStateResponse(
            previous_state=instrument_pb2.InstrumentState.ValueType(previous), seq=seq
        )
