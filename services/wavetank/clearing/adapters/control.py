"""ClearingControlService: what an operator changes while the venue runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from wavetank.runtime.principal import Scope, principal, require
from wavetank.v1 import clearing_control_pb2, clearing_control_pb2_grpc

if TYPE_CHECKING:
    from wavetank.clearing.core.clearing import Clearing
    from wavetank.clearing.service import ClearingService

Context = grpc.aio.ServicerContext[Any, Any]


class ClearingControlServicer(clearing_control_pb2_grpc.ClearingControlServiceServicer):
    """Serves operators."""

    def __init__(self, service: ClearingService) -> None:
        """Serve for `service`."""
        self._service = service

    async def SetFundingInterval(  # noqa: N802 - the contract's name.
        self, request: clearing_control_pb2.SetFundingIntervalRequest, context: Context
    ) -> clearing_control_pb2.SetFundingIntervalResponse:
        """Set the time between two funding payments (admin)."""
        author = principal(context)
        require(author, Scope.ADMIN)

        def call(core: Clearing, _now_ns: int) -> clearing_control_pb2.SetFundingIntervalResponse:
            previous_ns = core.terms.set_funding_interval(
                request.instrument_id,
                request.funding_interval_ns,
                account_id=author.account_id,
                key_id=author.key_id,
            )
            return clearing_control_pb2.SetFundingIntervalResponse(previous_interval_ns=previous_ns, seq=core.last_seq)

        answer: clearing_control_pb2.SetFundingIntervalResponse = await self._service.request(call)
        return answer
