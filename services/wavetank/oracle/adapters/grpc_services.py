"""The oracle's two doors on the wire: prices for bots, and the control of faults."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from wavetank.model.reason import Reason
from wavetank.oracle.adapters.wire import bit_of, fault_request, fault_to_wire, faults_to_wire, price_to_wire
from wavetank.oracle.core.inputs import PushedPrice
from wavetank.oracle.service import OracleService
from wavetank.runtime.errors import VenueError
from wavetank.runtime.principal import Scope, principal, require
from wavetank.runtime.registry import Registry
from wavetank.v1 import oracle_control_pb2, oracle_control_pb2_grpc, oracle_pb2, oracle_pb2_grpc


class OracleServicer(oracle_pb2_grpc.OracleServiceServicer):
    """Prices out, pushed prices in."""

    def __init__(self, service: OracleService, registry: Registry) -> None:
        self._service = service
        self._registry = registry

    async def SubscribePrices(  # noqa: N802 - the contract names it.
        self, request: oracle_pb2.SubscribePricesRequest, context: object
    ) -> AsyncIterator[oracle_pb2.SubscribePricesResponse]:
        """Stream prices as one consumer gets them."""
        who = principal(context)
        require(who, Scope.READ)
        consumer = bit_of(request.consumer, Reason.MALFORMED)
        for instrument_id in request.instrument_ids:
            self._registry.instrument(instrument_id)
        if request.from_seq < 0:
            raise VenueError(
                Reason.MALFORMED,
                f"from_seq is {request.from_seq}; 0 or more is allowed",
                was=request.from_seq,
                allowed=0,
            )
        prices = self._service.feed.subscribe(consumer, request.instrument_ids, request.from_seq)
        async with aclosing(prices) as stream:
            async for numbered in stream:
                if not self._registry.is_valid(who):
                    raise VenueError(Reason.KEY_UNKNOWN, f"key {who.key_id} was revoked")
                yield price_to_wire(numbered)

    async def PushPrices(  # noqa: N802 - the contract names it.
        self, request: oracle_pb2.PushPricesRequest, context: object
    ) -> oracle_pb2.PushPricesResponse:
        """Take pushed prices, all or none."""
        require(principal(context), Scope.ADMIN)
        pushed = [
            PushedPrice(
                price.instrument_id, price.source, price.price_micros, price.price_time_ns, price.confidence_micros
            )
            for price in request.prices
        ]
        return oracle_pb2.PushPricesResponse(seq=await self._service.push(pushed))


class OracleControlServicer(oracle_control_pb2_grpc.OracleControlServiceServicer):
    """Faults in, faults out."""

    def __init__(self, service: OracleService) -> None:
        self._service = service

    async def SetFault(  # noqa: N802 - the contract names it.
        self, request: oracle_control_pb2.SetFaultRequest, context: object
    ) -> oracle_control_pb2.SetFaultResponse:
        """Set a fault, from now on or from later."""
        require(principal(context), Scope.ADMIN)
        was_set, seq = await self._service.set_fault(fault_request(request.fault))
        fault = fault_to_wire(
            was_set[0], [event.instrument_id for event in was_set], [event.source.decode() for event in was_set]
        )
        return oracle_control_pb2.SetFaultResponse(fault=fault, seq=seq)

    async def ClearFaults(  # noqa: N802 - the contract names it.
        self, request: oracle_control_pb2.ClearFaultsRequest, context: object
    ) -> oracle_control_pb2.ClearFaultsResponse:
        """End faults before their time."""
        require(principal(context), Scope.ADMIN)
        fault_ids, seq = await self._service.clear_faults(tuple(request.fault_ids))
        return oracle_control_pb2.ClearFaultsResponse(fault_ids=fault_ids, seq=seq)

    async def ListFaults(  # noqa: N802 - the contract names it.
        self, request: oracle_control_pb2.ListFaultsRequest, context: object
    ) -> oracle_control_pb2.ListFaultsResponse:
        """List the faults that are set."""
        require(principal(context), Scope.ADMIN)
        return oracle_control_pb2.ListFaultsResponse(faults=faults_to_wire(await self._service.faults()))
