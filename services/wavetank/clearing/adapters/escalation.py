"""EscalationService: a person sees what the venue asks, with what a decision needs, and decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from wavetank.clearing.adapters.operator import author_of
from wavetank.clearing.adapters.wire import position_messages
from wavetank.clearing.core.escalation import OFFERED, can_be_replaced, card_of, default_of
from wavetank.model.events.clearing import Decision
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.runtime.principal import Scope, principal, require
from wavetank.v1 import escalation_pb2, escalation_pb2_grpc

if TYPE_CHECKING:
    from wavetank.clearing.adapters.account_events import AccountEvents
    from wavetank.clearing.core.clearing import Clearing
    from wavetank.clearing.core.venue_facts import Escalation
    from wavetank.clearing.service import ClearingService
    from wavetank.runtime.clock import VenueClock

Context = grpc.aio.ServicerContext[Any, Any]

SHOWN_EVENTS = 5
_DECISIONS = {int(decision) for decision in Decision}


class EscalationServicer(escalation_pb2_grpc.EscalationServiceServicer):
    """Serves escalations."""

    def __init__(self, service: ClearingService, account_events: AccountEvents, clock: VenueClock) -> None:
        """Serve for `service`; the last events come from where they are held for listeners."""
        self._service = service
        self._events = account_events
        self._clock = clock

    async def ListEscalations(  # noqa: N802 - the contract's name.
        self, _request: escalation_pb2.ListEscalationsRequest, _context: Context
    ) -> escalation_pb2.ListEscalationsResponse:
        """List escalations by id."""
        require(principal(), Scope.ADMIN)

        def call(core: Clearing) -> escalation_pb2.ListEscalationsResponse:
            found = [each for _, each in sorted(core.state.escalations.items())]
            return escalation_pb2.ListEscalationsResponse(
                escalations=[_message(each) for each in found], now_ns=self._clock.now_ns()
            )

        answer: escalation_pb2.ListEscalationsResponse = await self._service.ask(call)
        return answer

    async def GetEscalation(  # noqa: N802 - the contract's name.
        self, request: escalation_pb2.GetEscalationRequest, _context: Context
    ) -> escalation_pb2.GetEscalationResponse:
        """Show an escalation as a card."""
        require(principal(), Scope.ADMIN)

        def call(core: Clearing) -> escalation_pb2.GetEscalationResponse:
            state = core.state
            escalation = core.escalations.get(request.escalation_id)
            card = card_of(state, escalation)
            account = state.accounts.get(escalation.account_id)
            return escalation_pb2.GetEscalationResponse(
                escalation=_message(escalation),
                exposure_micros=card.exposure_micros,
                equity_micros=card.equity_micros,
                maintenance_margin_micros=card.maintenance_micros,
                positions=position_messages(state, account) if account is not None else [],
                shocks=[
                    escalation_pb2.ShockedHealth(
                        shock_ppm=each.shock_ppm,
                        equity_micros=each.equity_micros,
                        maintenance_margin_micros=each.maintenance_micros,
                    )
                    for each in card.shocks
                ],
                last_events=[
                    escalation_pb2.VenueEvent(
                        seq=seq,
                        event_time_ns=time_ns,
                        name=type(event).__name__,
                        account_id=event.account_id,
                        instrument_id=event.instrument_id,
                    )
                    for seq, time_ns, event in self._events.last(escalation.account_id, SHOWN_EVENTS)
                ],
                now_ns=self._clock.now_ns(),
            )

        answer: escalation_pb2.GetEscalationResponse = await self._service.ask(call)
        return answer

    async def DecideEscalation(  # noqa: N802 - the contract's name.
        self, request: escalation_pb2.DecideEscalationRequest, _context: Context
    ) -> escalation_pb2.DecideEscalationResponse:
        """Decide an escalation."""
        author = author_of(request.note)
        if int(request.decision) not in _DECISIONS:
            raise VenueError(Reason.MALFORMED, f"there is no decision {request.decision}", was=request.decision)
        decision = Decision(request.decision)

        def call(core: Clearing, now_ns: int) -> int:
            core.decide(now_ns, request.escalation_id, decision, author)
            return core.last_seq

        return escalation_pb2.DecideEscalationResponse(seq=await self._service.request(call))


def _message(escalation: Escalation) -> escalation_pb2.Escalation:
    decision = escalation_pb2.Decision.ValueType
    return escalation_pb2.Escalation(
        escalation_id=escalation.escalation_id,
        kind=escalation_pb2.EscalationKind.ValueType(escalation.kind),
        account_id=escalation.account_id,
        instrument_id=escalation.instrument_id,
        liquidation_id=escalation.liquidation_id,
        raised_time_ns=escalation.raised_ns,
        deadline_ns=escalation.deadline_ns,
        figure=escalation.figure,
        offered=[decision(each) for each in OFFERED[escalation.kind]],
        suggested=decision(default_of(escalation.kind)),
        decision=decision(escalation.decision or 0),
        author=escalation.author,
        note=escalation.note,
        can_be_replaced=can_be_replaced(escalation),
    )
