"""What the venue asks a person, with what a decision needs, and the answer; needs scope `admin` (LIQ-090)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from wavetank.client.account import Position, position_of
from wavetank.client.connection import Connection
from wavetank.client.events import Decision, EscalationKind
from wavetank.client.instrument import dollars, scaled
from wavetank.client.wire import Wire
from wavetank.v1 import escalation_pb2, escalation_pb2_grpc

_PPM = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """A question of the venue's.

    Attributes:
        escalation_id: number; the position in clearing's log at which it was raised.
        kind: what is asked about.
        account_id: in liquidation, or 0 when it concerns the venue.
        instrument: symbol, or empty.
        liquidation_id: the liquidation; of a cascade its id; or 0.
        raised_time_ns: venue time since when.
        deadline_ns: venue time at which the default is taken.
        stake: dollars at stake; of a low fund what it has; of a cascade its multiplier.
        offered: what can be decided, the default first.
        suggested: what the venue would decide by itself.
        decision: what was decided, None while it is open.
        author: public part of the key that decided; empty for the clock, and while it is open.
        note: why, in that person's words.
        can_be_replaced: whether the decision can still be replaced by another.
    """

    escalation_id: int
    kind: EscalationKind
    account_id: int
    instrument: str
    liquidation_id: int
    raised_time_ns: int
    deadline_ns: int
    stake: Decimal
    offered: tuple[Decision, ...]
    suggested: Decision
    decision: Decision | None
    author: str
    note: str
    can_be_replaced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShockedHealth:
    """An account's health if each of its marks moved against it by a share of itself; money in dollars."""

    shock: Decimal
    equity: Decimal
    maintenance_margin: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueEvent:
    """A recent event of clearing's log, by its name there."""

    seq: int
    event_time_ns: int
    name: str
    account_id: int
    instrument: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationCard:
    """A question with everything that a decision needs; money in dollars.

    Attributes:
        escalation: the question.
        exposure: gross notional of the account, or of all accounts in liquidation.
        equity: of the account, or what the insurance fund has.
        maintenance_margin: of the account.
        positions: of the account.
        shocks: the account's health under three shocks.
        last_events: the last five events of the account, or of the venue, oldest first.
        now_ns: venue time, to hold the deadline against.
    """

    escalation: Escalation
    exposure: Decimal
    equity: Decimal
    maintenance_margin: Decimal
    positions: tuple[Position, ...]
    shocks: tuple[ShockedHealth, ...]
    last_events: tuple[VenueEvent, ...]
    now_ns: int


class Escalations:
    """Where the rules let a person decide before the clock does."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self) -> tuple[Escalation, ...]:
        """Return what can be decided, and what was decided and is not over; by id."""
        answer = await self._connection.ask(self._stub.ListEscalations, escalation_pb2.ListEscalationsRequest())
        await self._connection.know(each.instrument_id for each in answer.escalations)
        return tuple(_escalation(each, self._connection.wire) for each in answer.escalations)

    async def get(self, escalation_id: int) -> EscalationCard:
        """Return one with everything that a decision needs.

        Raises:
            EscalationUnknown: there is no such question, or it is over.
        """
        request = escalation_pb2.GetEscalationRequest(escalation_id=escalation_id)
        card = await self._connection.ask(self._stub.GetEscalation, request)
        numbers = {each.instrument_id for each in card.positions} | {each.instrument_id for each in card.last_events}
        await self._connection.know(numbers | {card.escalation.instrument_id})
        wire = self._connection.wire
        return EscalationCard(
            escalation=_escalation(card.escalation, wire),
            exposure=dollars(card.exposure_micros),
            equity=dollars(card.equity_micros),
            maintenance_margin=dollars(card.maintenance_margin_micros),
            positions=tuple(position_of(each, wire) for each in card.positions),
            shocks=tuple(
                ShockedHealth(
                    shock=scaled(each.shock_ppm, -_PPM),
                    equity=dollars(each.equity_micros),
                    maintenance_margin=dollars(each.maintenance_margin_micros),
                )
                for each in card.shocks
            ),
            last_events=tuple(
                VenueEvent(
                    seq=each.seq,
                    event_time_ns=each.event_time_ns,
                    name=each.name,
                    account_id=each.account_id,
                    instrument=wire.symbol(each.instrument_id),
                )
                for each in card.last_events
            ),
            now_ns=card.now_ns,
        )

    async def decide(self, escalation_id: int, decision: Decision, *, note: str) -> int:
        """Decide; what waited goes on at once.

        Args:
            escalation_id: which.
            decision: one of those offered.
            note: why, 1 to 64 bytes; it stands in the log beside the key.

        Returns:
            Seq of clearing's log that covers it.

        Raises:
            EscalationUnknown: there is no such question, or it is over.
            DecisionNotOffered: it offers other decisions, or was decided for good.
        """
        request = escalation_pb2.DecideEscalationRequest(
            escalation_id=escalation_id, decision=escalation_pb2.Decision.ValueType(decision), note=note
        )
        return (await self._connection.change(self._stub.DecideEscalation, request)).seq

    @property
    def _stub(self) -> escalation_pb2_grpc.EscalationServiceAsyncStub:
        return escalation_pb2_grpc.EscalationServiceStub(self._connection.channel(self._connection.directory.clearing))


def _escalation(message: escalation_pb2.Escalation, wire: Wire) -> Escalation:
    return Escalation(
        escalation_id=message.escalation_id,
        kind=EscalationKind(message.kind),
        account_id=message.account_id,
        instrument=wire.symbol(message.instrument_id),
        liquidation_id=message.liquidation_id,
        raised_time_ns=message.raised_time_ns,
        deadline_ns=message.deadline_ns,
        # A multiplier in parts per million, else micro-dollars.
        stake=scaled(message.figure, -_PPM),
        offered=tuple(Decision(each) for each in message.offered),
        suggested=Decision(message.suggested),
        decision=Decision(message.decision) if message.decision else None,
        author=message.author,
        note=message.note,
        can_be_replaced=message.can_be_replaced,
    )
