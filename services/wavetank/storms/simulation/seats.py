"""Seats: where participants sit, and how far from the venue.

A seat has an account and its delays: of orders on their way in, of answers and market data on their way out. It decides
nothing; it wakes an agent, or tells a strategy, and sends what they want.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from wavetank.client.errors import CLASS_OF_REASON, OutcomeUnknown, VenueUnavailable, WavetankError
from wavetank.client.events import (
    CommandAnswered,
    CommandUnresolved,
    Disconnected,
    Reconnected,
    Started,
    StrategyEvent,
    Timer,
)
from wavetank.client.orders import PlaceOrder
from wavetank.client.strategy import Strategy, StrategyCommand
from wavetank.matching.core import commands as packed
from wavetank.model.events import clearing as clearing_events
from wavetank.model.events import matching as matching_events
from wavetank.model.reason import Reason
from wavetank.model.record import Event
from wavetank.storms.agents.agent import NEVER_NS, Agent, CancelAll, Intent, Label, Order
from wavetank.storms.dice import Dice
from wavetank.storms.simulation.link import Delay, Link
from wavetank.storms.simulation.shard import Batch
from wavetank.storms.simulation.view import SimulatedView

if TYPE_CHECKING:
    from wavetank.storms.simulation.venue import SimulatedVenue

MILLISECOND_NS = 1_000_000

_ONE_MILLISECOND, _TWO_MILLISECONDS = Delay(MILLISECOND_NS), Delay(2 * MILLISECOND_NS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distance:
    """How far a participant is from the venue."""

    orders: Delay = _TWO_MILLISECONDS
    """From sending an order to its arrival at the shard."""
    answers: Delay = _ONE_MILLISECOND
    """From the commit to the answer's arrival, own fills included."""
    market_data_ns: int = 2 * MILLISECOND_NS
    """From the commit to the arrival of market data."""


class Door:
    """An account's way into the shard; requests arrive in the order in which they were sent."""

    def __init__(self, venue: SimulatedVenue, account_id: int, *, distance: Distance, dice: Dice) -> None:
        """Open the door of an account.

        Args:
            venue: where.
            account_id: whose.
            distance: how far from the venue.
            dice: for the random part of its delays.

        """
        self.account_id = account_id
        self.distance = distance
        self.dice = dice
        self.commands_sent = 0
        self._orders: Link[Batch] = Link(venue.schedule, distance.orders, dice.spawn("orders"), venue.take_batch)

    def send(self, batch: Batch) -> None:
        """Send a request."""
        self.commands_sent += batch.count
        self._orders.send(batch)

    def send_intents(self, intents: Sequence[Intent]) -> None:
        """Send what is wanted as one request, for whose answer nobody waits."""
        commands = b"".join([_packed(intent, self.account_id) for intent in intents])
        self.send(Batch(commands, len(intents), self.account_id))


class AgentSeat:
    """An agent's."""

    def __init__(self, venue: SimulatedVenue, door: Door, agent: Agent, *, foresees: bool = False) -> None:
        """Seat an agent.

        Args:
            venue: where.
            door: of the account for which it trades.
            agent: who.
            foresees: whether it knows the next index.

        """
        self.label: Label = agent.label
        self._door = door
        self._venue = venue
        self._agent = agent
        delay_ns = door.distance.market_data_ns
        self._view = SimulatedView(venue, door.account_id, delay_ns=delay_ns, foresees=foresees)

    def enter(self, at_ns: int) -> None:
        """Have the agent wake for the first time."""
        self._venue.schedule.at(at_ns, self._wake)

    def _wake(self) -> None:
        schedule = self._venue.schedule
        now_ns = schedule.now_ns
        self._view.open(now_ns)
        turn = self._agent.wake(self._view)
        if turn.intents:
            self._door.send_intents(turn.intents)
        if turn.wake_ns < NEVER_NS:
            assert turn.wake_ns > now_ns, f"a {self.label} agent looks again at {turn.wake_ns}, which is not later"
            schedule.at(turn.wake_ns, self._wake)


def _packed(intent: Intent, account_id: int) -> bytes:
    if isinstance(intent, Order):
        return packed.place(
            account_id=account_id,
            instrument_id=intent.instrument_id,
            side=intent.side,
            size_lots=intent.size_lots,
            price_ticks=intent.price_ticks,
            time_in_force=intent.time_in_force,
            flags=intent.flags,
            client_order_id=intent.client_order_id,
        )
    assert isinstance(intent, CancelAll), f"an agent wanted {intent}"
    return packed.cancel_all(account_id=account_id, instrument_id=intent.instrument_id, side=intent.side or 0)


class StrategySeat:
    """A strategy's: what the SDK's runner is live."""

    def __init__(
        self,
        venue: SimulatedVenue,
        door: Door,
        strategy: Strategy,
        instrument_ids: Sequence[int],
        *,
        label: Label,
        timer_ns: int = 100 * MILLISECOND_NS,
    ) -> None:
        """Seat a strategy.

        Args:
            venue: where.
            door: of the account for which it trades.
            strategy: who.
            instrument_ids: whose market data it is told.
            label: why it trades.
            timer_ns: venue time between two `Timer` events.

        """
        self.account_id = door.account_id
        self.label = label
        self.instrument_ids = frozenset(instrument_ids)
        self._door = door
        self._venue = venue
        self._on_event = strategy.on_event
        self._timer_ns = timer_ns
        self._translate = venue.translator
        self._has_begun = False
        self._client_ids: dict[int, bytes] = {}
        """Client order id by order id, of orders that may still trade."""
        dice, distance, schedule = door.dice, door.distance, venue.schedule
        self._prefix = dice.spawn("order ids").below(2**64).to_bytes(8, "big")
        self._own: Link[list[StrategyEvent]] = Link(schedule, distance.answers, dice.spawn("answers"), self._hear_own)

    def enter(self, at_ns: int) -> None:
        """Have the strategy begin."""
        self._venue.schedule.at(at_ns, self._start)

    def _start(self) -> None:
        self._has_begun = True
        translate, engine = self._translate, self._venue.shard.engine
        instruments = [translate.by_id[each] for each in sorted(self.instrument_ids)]
        self._handle(
            [
                Started(
                    event_time_ns=self._venue.schedule.now_ns,
                    account_id=self.account_id,
                    instruments={each.symbol: each for each in instruments},
                    positions={
                        each.symbol: each.size(lots)
                        for each in instruments
                        if (lots := engine.position(self.account_id, each.instrument_id))
                    },
                    order_id_prefix=self._prefix,
                )
            ]
        )
        self._tick()

    def _tick(self) -> None:
        schedule = self._venue.schedule
        schedule.at(schedule.now_ns + self._timer_ns, self._tick)
        self._handle([Timer(event_time_ns=schedule.now_ns)])

    # What the venue tells

    def hear(self, events: Sequence[StrategyEvent]) -> None:
        """Let the strategy hear public events, which have arrived."""
        if self._has_begun:
            self._handle(events)

    def told_fill(self, seq: int, now_ns: int, trade: matching_events.Traded, *, is_maker: bool) -> StrategyEvent:
        """Return one's own side of a trade."""
        if is_maker:
            order_id, left = trade.maker_order_id, trade.maker_remaining_lots
        else:
            order_id, left = trade.taker_order_id, trade.taker_remaining_lots
        client_ids = self._client_ids
        client_id = client_ids.get(order_id, b"") if left else client_ids.pop(order_id, b"")
        return self._translate.fill(seq, now_ns, trade, client_id, is_maker=is_maker)

    def tell_own(self, seq: int, now_ns: int, event: Event) -> StrategyEvent | None:
        """Return what an own event of either log means to the strategy, None if nothing."""
        translate = self._translate
        match event:
            case matching_events.OrderCancelled():
                self._client_ids.pop(event.order_id, None)
                known = self._venue.shard.engine.order(
                    account_id=self.account_id, client_order_id=event.client_order_id
                )
                return translate.cancelled(seq, now_ns, event, known)
            case clearing_events.HealthBandChanged():
                return translate.health(seq, now_ns, event)
            case clearing_events.FillBooked(order_id=0):
                return translate.transfer_booked(seq, now_ns, event)
            case _:
                return None

    def tell_disconnected(self) -> None:
        """Tell the strategy that its session has ended."""
        now_ns = self._venue.schedule.now_ns
        self._own.send([Disconnected(event_time_ns=now_ns, stream="session", cause="the venue ended the stream")])

    def tell_returned(self) -> None:
        """Tell the strategy that its session is back, and which orders it has in the books."""
        orders = self._venue.shard.engine.open_orders(self.account_id)
        self._client_ids = {order.order_id: order.client_order_id for order in orders}
        self._own.send(
            [
                Reconnected(
                    event_time_ns=self._venue.schedule.now_ns,
                    stream="session",
                    open_orders=tuple(self._translate.order(order) for order in orders),
                )
            ]
        )

    def send_own(self, events: list[StrategyEvent]) -> None:
        """Send own events on their way."""
        self._own.send(events)

    # What the strategy wants

    def _hear_own(self, events: list[StrategyEvent]) -> None:
        now_ns, observers = self._venue.schedule.now_ns, self._venue.answer_observers
        if observers:
            for event in events:
                if isinstance(event, CommandAnswered):
                    for observer in observers:
                        observer(self.account_id, event.command, now_ns - event.sent_ns)
        self._handle(events)

    def _handle(self, events: Sequence[StrategyEvent]) -> None:
        for event in events:
            commands = self._on_event(event)
            if commands:
                self._send(commands)

    def _send(self, commands: Sequence[StrategyCommand]) -> None:
        now_ns = self._venue.schedule.now_ns
        records, sent = [], []
        for command in commands:
            try:
                records.append(self._translate.packed(command, self.account_id))
                sent.append(command)
            except WavetankError as error:
                self._own.send([CommandUnresolved(event_time_ns=now_ns, command=command, error=error)])
        if sent:
            answer, lose = partial(self._answered, sent, now_ns), partial(self._lost, sent)
            refuse = partial(self._refused, sent)
            self._door.send(Batch(b"".join(records), len(sent), self.account_id, answer, lose, refuse))

    def _refused(self, commands: list[StrategyCommand], reason: Reason) -> None:
        now_ns = self._venue.schedule.now_ns
        kind = CLASS_OF_REASON.get(int(reason), WavetankError)
        error = kind(f"refused: {reason.name}", code=int(reason))
        self._own.send([CommandUnresolved(event_time_ns=now_ns, command=command, error=error) for command in commands])

    def _lost(self, commands: list[StrategyCommand], maybe_done: bool) -> None:  # noqa: FBT001 - as `Batch.lose`.
        now_ns = self._venue.schedule.now_ns
        error = OutcomeUnknown("no answer came") if maybe_done else VenueUnavailable("the shard cannot be reached")
        self._own.send([CommandUnresolved(event_time_ns=now_ns, command=command, error=error) for command in commands])

    def _answered(self, commands: list[StrategyCommand], sent_ns: int, results: bytes, seq: int) -> None:
        now_ns = self._venue.schedule.now_ns
        events: list[StrategyEvent] = []
        for command, result in zip(commands, packed.unpack_results(results), strict=True):
            if isinstance(command, PlaceOrder) and result.order_id and not result.reason:
                self._client_ids[result.order_id] = command.client_order_id
            events.append(self._translate.answered(command, result, seq, sent_ns=sent_ns, answered_ns=now_ns))
        self._own.send(events)
