"""Why was I filled? What the logs say about one order, or one trade, put together.

It exists because the answer is spread over three logs: matching says who met whom and who stood in front, the oracle
says what each consumer was told and what was true, clearing says what was booked and who asked for a liquidation.
Kept true: the story is made of logged facts alone; the queue is rebuilt from the events, not asked of the engine.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import redis

from wavetank.cli.failure import CommandFailed
from wavetank.cli.logs import CLEARING, ORACLE, Happening, entries, happenings, log_of_id, matching_logs
from wavetank.model.events.clearing import FillBooked, LiquidationStepped, MatchingRequested
from wavetank.model.events.matching import OrderAccepted, OrderAmended, OrderCancelled, Traded
from wavetank.model.events.oracle import ConsumerBit, FaultEnded, FaultSet, FaultStarted, PricePublished
from wavetank.model.record import kind_of

_BOOK_KINDS = {kind_of(cls) for cls in (OrderAccepted, OrderAmended, OrderCancelled, Traded)}
_PRICE_KINDS = {kind_of(cls) for cls in (PricePublished, FaultSet, FaultStarted, FaultEnded)}
_MONEY_KINDS = {kind_of(cls) for cls in (FillBooked, LiquidationStepped, MatchingRequested)}

CONSUMERS = (ConsumerBit.TRUTH, ConsumerBit.CLEARING, ConsumerBit.MATCHING, ConsumerBit.BOTS)


@dataclass(frozen=True, slots=True)
class Queue:
    """Who stood in front of an order at its price."""

    orders: int
    lots: int


@dataclass(frozen=True, slots=True)
class Prices:
    """What each consumer had been told of an instrument at a moment, and what was broken then."""

    told: dict[ConsumerBit, PricePublished]
    faults: tuple[FaultSet, ...]


@dataclass(slots=True)
class OrderStory:
    """All that befell one order."""

    accepted: Happening
    queue: Queue
    """At its price, when it was accepted."""
    trades: list[Happening] = field(default_factory=list)
    queues_before_trades: list[Queue] = field(default_factory=list)
    """In front of it just before each trade; for an incoming order nothing."""
    changes: list[Happening] = field(default_factory=list)
    """Amendments, and its cancel."""
    bookings: list[Happening] = field(default_factory=list)
    """What clearing booked of its trades, for its account."""
    asked_by: list[Happening] = field(default_factory=list)
    """For a liquidation order: clearing's request and the step behind it."""

    @property
    def order(self) -> OrderAccepted:
        """The order as accepted."""
        assert isinstance(self.accepted.event, OrderAccepted)
        return self.accepted.event


@dataclass(frozen=True, slots=True)
class Story:
    """The story of an order, or of a trade with both its orders."""

    orders: list[OrderStory]
    prices: dict[int, Prices]
    """By venue time of each acceptance and trade told."""


@dataclass(slots=True)
class _Resting:
    instrument_id: int
    side: int
    price_ticks: int
    lots: int


class _Book:
    """Open orders in order of priority; only what a queue needs."""

    def __init__(self) -> None:
        self._orders: dict[int, _Resting] = {}

    def queue_of(self, order_id: int) -> Queue:
        """Return what stands in front of an order at its own price."""
        own = self._orders.get(order_id)
        orders, lots = 0, 0
        for number, other in self._orders.items():
            if own is None or number == order_id:
                break
            if (other.instrument_id, other.side, other.price_ticks) == (own.instrument_id, own.side, own.price_ticks):
                orders, lots = orders + 1, lots + other.lots
        return Queue(orders, lots)

    def apply(self, event: object) -> None:
        """Move on by one event."""
        match event:
            case OrderAccepted():
                self._orders[event.order_id] = _Resting(
                    event.instrument_id, event.side, event.price_ticks, event.size_lots
                )
            case Traded():
                self._shrink(event.maker_order_id, event.maker_remaining_lots)
                self._shrink(event.taker_order_id, event.taker_remaining_lots)
            case OrderCancelled():
                self._orders.pop(event.order_id, None)
            case OrderAmended():
                changed = self._orders.get(event.order_id)
                if changed is None:
                    return
                changed.price_ticks, changed.lots = event.price_ticks, event.remaining_lots
                if not event.kept_priority:
                    self._orders[event.order_id] = self._orders.pop(event.order_id)
            case _:
                pass

    def _shrink(self, order_id: int, remaining_lots: int) -> None:
        if remaining_lots <= 0:
            self._orders.pop(order_id, None)
        elif order_id in self._orders:
            self._orders[order_id].lots = remaining_lots


def find_orders(client: "redis.Redis", client_order_id: bytes) -> list[int]:
    """Return the ids of the orders that carried a client's id, oldest first."""
    wanted = {kind_of(OrderAccepted)}
    found = [
        (happening.order_key, happening.event.order_id)
        for log in matching_logs(client)
        for happening in _read(client, log, wanted)
        if isinstance(happening.event, OrderAccepted) and happening.event.client_order_id == client_order_id
    ]
    return [order_id for _, order_id in sorted(found)]


def story_of(client: "redis.Redis", *, order_id: int = 0, trade_id: int = 0) -> Story:
    """Put together what the logs say; exactly one id is given.

    Raises:
        CommandFailed: no log mentions it.

    """
    if trade_id:
        trade = _find_trade(client, trade_id)
        found = _read_orders(client, [trade.maker_order_id, trade.taker_order_id])
        for story in found.values():
            kept = [index for index, item in enumerate(story.trades) if _trade_of(item).trade_id == trade_id]
            story.trades, story.queues_before_trades = (
                [story.trades[index] for index in kept],
                [story.queues_before_trades[index] for index in kept],
            )
            story.changes = []
    else:
        found = _read_orders(client, [order_id])
    if not found:
        raise CommandFailed(
            f"no log mentions order {order_id}",
            hint="`wavetank log --account ACCOUNT` shows an account's orders with their ids",
        )
    _add_money(client, found)
    return Story(list(found.values()), _read_prices(client, found.values()))


def _trade_of(happening: Happening) -> Traded:
    assert isinstance(happening.event, Traded)
    return happening.event


def _find_trade(client: "redis.Redis", trade_id: int) -> Traded:
    for happening in _read(client, log_of_id(trade_id), {kind_of(Traded)}):
        if _trade_of(happening).trade_id == trade_id:
            return _trade_of(happening)
    raise CommandFailed(
        f"no log mentions trade {trade_id}", hint="`wavetank log --instrument SYMBOL` shows trades with their ids"
    )


def _read_orders(client: "redis.Redis", order_ids: Iterable[int]) -> dict[int, OrderStory]:
    book = _Book()
    found: dict[int, OrderStory] = {}
    wanted = set(order_ids)
    # All orders of one story met in one book, so one shard knows them all.
    for happening in _read(client, log_of_id(next(iter(wanted))), _BOOK_KINDS):
        event = happening.event
        if isinstance(event, Traded):
            for number in (event.maker_order_id, event.taker_order_id):
                if number in found:
                    found[number].queues_before_trades.append(book.queue_of(number))
                    found[number].trades.append(happening)
        elif isinstance(event, OrderAmended | OrderCancelled) and event.order_id in found:
            found[event.order_id].changes.append(happening)
        book.apply(event)
        if isinstance(event, OrderAccepted) and event.order_id in wanted:
            found[event.order_id] = OrderStory(happening, book.queue_of(event.order_id))
    return found


def _add_money(client: "redis.Redis", found: dict[int, OrderStory]) -> None:
    steps: dict[int, Happening] = {}
    by_request = {story.order.request_seq: story for story in found.values() if story.order.request_seq}
    trades = {(_trade_of(trade).trade_id, number): story for number, story in found.items() for trade in story.trades}
    for happening in _read(client, CLEARING, _MONEY_KINDS):
        event = happening.event
        match event:
            case FillBooked() if (event.trade_id, event.order_id) in trades:
                trades[event.trade_id, event.order_id].bookings.append(happening)
            case LiquidationStepped():
                steps[event.liquidation_id] = happening
            case MatchingRequested() if happening.seq in by_request:
                story = by_request[happening.seq]
                step = steps.get(event.liquidation_id)
                story.asked_by += [step, happening] if step is not None else [happening]
            case _:
                pass


class _Faults:
    """The faults that are set at one point of the oracle's log."""

    def __init__(self) -> None:
        self.begun: list[FaultSet] = []
        self._later: list[FaultSet] = []

    def take(self, event: FaultSet | FaultStarted | FaultEnded) -> None:
        """Take note of an event."""
        if isinstance(event, FaultSet):
            (self._later if event.is_delayed else self.begun).append(event)
            return
        which = (event.fault_id, event.instrument_id)
        if isinstance(event, FaultStarted):
            self.begun += [fault for fault in self._later if _which(fault) == which]
        else:
            self.begun = [fault for fault in self.begun if _which(fault) != which]
        self._later = [fault for fault in self._later if _which(fault) != which]


def _which(fault: FaultSet) -> tuple[int, int]:
    return fault.fault_id, fault.instrument_id


def _read_prices(client: "redis.Redis", stories: Iterable[OrderStory]) -> dict[int, Prices]:
    """Return what had been told at each moment of the stories; one pass over the oracle's log."""
    moments: dict[int, int] = {}
    for story in stories:
        for happening in (story.accepted, *story.trades):
            moments[happening.now_ns] = story.order.instrument_id
    pending = sorted(moments)
    told: dict[int, dict[ConsumerBit, PricePublished]] = {}
    faults = _Faults()
    result: dict[int, Prices] = {}

    def settle(before_ns: int | None) -> None:
        while pending and (before_ns is None or pending[0] < before_ns):
            moment = pending.pop(0)
            number = moments[moment]
            broken = tuple(fault for fault in faults.begun if fault.instrument_id in {0, number})
            result[moment] = Prices(dict(told.get(number, {})), broken)

    for happening in _read(client, ORACLE, _PRICE_KINDS):
        settle(happening.now_ns)
        if not pending:
            break
        match happening.event:
            case PricePublished() as published:
                for consumer in CONSUMERS:
                    if published.consumers & consumer:
                        told.setdefault(published.instrument_id, {})[consumer] = published
            case FaultSet() | FaultStarted() | FaultEnded() as fault:
                faults.take(fault)
            case _:
                pass
    settle(None)
    return result


def _read(client: "redis.Redis", log: str, wanted: set[int]) -> Iterable[Happening]:
    for _, entry in entries(client, log):
        yield from happenings(log, entry, wanted)
