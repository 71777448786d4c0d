"""A day of NASDAQ orders, replayed through the engine, and aligned where the file does not say enough.

The file is of level 1: each row is a message about the best bid or ask, and the best prices and sizes after it. When a
message empties the best level, what stands at the next one was built up out of sight; so that side is aligned with the
row before the next message. What the row shows beyond the orders known there enters as one older order that nobody saw
come; known orders that the row rules out were cancelled out of sight. All else is replayed order by order: an
execution is an IOC order of the other side, and an execution of a hidden order changes nothing.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wavetank.matching.core import commands
from wavetank.matching.core.credit import CreditLine
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.queries import KnownOrder
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.events.matching import Traded
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import Side, TimeInForce
from wavetank.model.record import Event, decode_all

SUBMITTED, REDUCED, DELETED, EXECUTED, HIDDEN = 1, 2, 3, 4, 5

MAKER, TAKER, NOBODY = 1000, 1001, 1002
"""Accounts of the file's resting orders, of the executions, and of the orders that nobody saw come."""

Best = tuple[int, int]
"""Price in cents and shares of a best level."""
Level = tuple[Side, int]


@dataclass(frozen=True, slots=True)
class Message:
    """One row: what happened to an order, and the best levels after it."""

    number: int
    time: str
    kind: int
    order: int
    shares: int
    price: int
    """In cents; those of hidden orders may lie between two."""
    side: Side
    """Of the resting order."""
    best: dict[Side, Best]


@dataclass(frozen=True, slots=True)
class OutOfTurn:
    """An execution whose maker the engine saw in another order than the file."""

    message: Message
    made_by: tuple[int, ...]
    """The file's numbers of the orders that traded instead, 0 for one that nobody saw come."""


def read(directory: Path) -> Iterator[Message]:
    """Yield the rows of the day."""
    (messages,) = directory.glob("*_message_1.csv.gz")
    (books,) = directory.glob("*_orderbook_1.csv.gz")
    with gzip.open(messages, "rt") as events, gzip.open(books, "rt") as states:
        rows = zip(csv.reader(events), csv.reader(states), strict=True)
        next(rows)
        for number, (event, state) in enumerate(rows):
            time, kind, order, shares, price, direction = event
            ask, ask_shares, bid, bid_shares = map(int, state)
            # The file's prices are ten-thousandths of a dollar.
            yield Message(
                number=number,
                time=time,
                kind=int(kind),
                order=int(order),
                shares=int(shares),
                price=int(price) // 100,
                side=Side.BUY if direction == "1" else Side.SELL,
                best={Side.BUY: (bid // 100, bid_shares), Side.SELL: (ask // 100, ask_shares)},
            )


def _other(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


class Replay:
    """The engine, what the file calls its orders, and where their queue is not known.

    Attributes:
        counts: what was done, by name; all alignments among it.
        out_of_turn: executions at a level with a known queue whose maker was another order than the file's.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.out_of_turn: list[OutOfTurn] = []
        self._engine = open_engine()
        self._engine_ids: dict[int, int] = {}
        self._file_ids: dict[int, int] = {}
        self._unsure: set[Level] = set()
        """Levels of which some order vanished or traded out of its turn, until they are empty."""

    def open(self, message: Message) -> None:
        """Enter the book that the first row shows."""
        for side, (price, shares) in message.best.items():
            self._enter(NOBODY, side, price, shares)

    def apply(self, message: Message) -> bool:
        """Carry a message out; return True if it emptied its level, which is aligned with the row now."""
        before, _ = self.best(message.side)
        if message.kind == SUBMITTED:
            if before != message.price:
                self._unsure.discard((message.side, message.price))
            self._name(message.order, self._enter(MAKER, message.side, message.price, message.shares))
        elif message.kind in (REDUCED, DELETED):
            self._reduce(message)
        elif message.kind == EXECUTED:
            self._execute(message)
        if message.kind == SUBMITTED or self.best(message.side)[0] == before:
            return False
        self._unsure.discard((message.side, before))
        self._align(message.side, *message.best[message.side])
        return True

    def best(self, side: Side) -> Best:
        """Return the best price and its shares."""
        bid, bid_shares, ask, ask_shares = self._engine.bbo(1)
        return (bid, bid_shares) if side is Side.BUY else (ask, ask_shares)

    # What a message does

    def _reduce(self, message: Message) -> None:
        order_id = self._engine_ids.get(message.order, 0)
        order = self._order(order_id) if order_id else None
        if order is not None and order.price_ticks == message.price and order.remaining_lots >= message.shares:
            self._take_from(order, message.shares)
            return
        # An order that nobody saw come, or one that was taken for another's: any of those at its price goes.
        self.counts["reductions of an unseen order"] += 1
        if self._take(message.side, message.price, message.shares):
            self._unsure.add((message.side, message.price))

    def _execute(self, message: Message) -> None:
        level = message.side, message.price
        queue = self._engine.queue(1, message.side, message.price)
        is_known = level not in self._unsure and all(order_id in self._file_ids for order_id in queue)
        expected = self._engine_ids.get(message.order, 0)
        command = commands.place(
            account_id=TAKER,
            instrument_id=1,
            side=_other(message.side),
            size_lots=message.shares,
            price_ticks=message.price,
            time_in_force=TimeInForce.IOC,
        )
        trades = [event for event in self._send(command) if isinstance(event, Traded)]
        assert sum(trade.size_lots for trade in trades) == message.shares, message
        made_by = [trade.maker_order_id for trade in trades]
        if is_known and expected:
            self.counts["makers compared"] += 1
            if made_by != [expected]:
                made_by_file = tuple(self._file_ids.get(order_id, 0) for order_id in made_by)
                self.out_of_turn.append(OutOfTurn(message, made_by_file))
        unseen = expected == 0 and all(trade.maker_account_id == NOBODY for trade in trades)
        if made_by != [expected] and not unseen:
            self._unsure.add(level)
        for trade in trades:
            if trade.maker_remaining_lots == 0:
                self._forget(trade.maker_order_id)

    # Alignment

    def _align(self, side: Side, price: int, shares: int) -> None:
        """Make a side that was emptied what the row shows of it."""
        while self.best(side)[1] and (self.best(side)[0] - price) * side_sign(side) > 0:
            for order_id in self._engine.queue(1, side, self.best(side)[0]):
                self.counts["orders ruled out by a worse best price"] += 1
                self._cancel(self._order(order_id))
        queue = [self._order(order_id) for order_id in self._engine.queue(1, side, price)]
        known = sum(order.remaining_lots for order in queue)
        if not queue:
            self._unsure.discard((side, price))
        if known > shares:
            self.counts["levels with vanished orders"] += 1
            self._unsure.add((side, price))
            self._take(side, price, known - shares)
        elif known < shares:
            self.counts["levels with an unseen order"] += 1
            self._enter_in_front(side, price, shares - known, queue)
        else:
            self.counts["levels exactly as known"] += 1

    def _enter_in_front(self, side: Side, price: int, shares: int, queue: list[KnownOrder]) -> None:
        """Enter an unseen order as the oldest: those that stand there go behind it, in their order."""
        names = [self._file_ids.get(order.order_id, 0) for order in queue]
        for order in queue:
            self._cancel(order)
        self._enter(NOBODY, side, price, shares)
        for order, name in zip(queue, names, strict=True):
            order_id = self._enter(order.account_id, side, price, order.remaining_lots)
            if name:
                self._name(name, order_id)

    def _take(self, side: Side, price: int, shares: int) -> bool:
        """Take shares from a level, first from unseen orders, then from the oldest; return whether a known one lost."""
        queue = self._engine.queue(1, side, price)
        for order_id in sorted(queue, key=lambda each: each in self._file_ids):
            is_known = order_id in self._file_ids
            shares -= self._take_from(self._order(order_id), shares)
            if shares == 0:
                return is_known
        raise AssertionError(f"{shares} shares are not at {price}")

    # The engine

    def _order(self, order_id: int) -> KnownOrder:
        order = self._engine.order(order_id)
        assert order is not None
        return order

    def _enter(self, account_id: int, side: Side, price: int, shares: int) -> int:
        command = commands.place(account_id=account_id, instrument_id=1, side=side, size_lots=shares, price_ticks=price)
        events = self._send(command)
        # Nothing in the file crosses.
        assert len(events) == 1
        (result,) = commands.unpack_results(self._engine.results)
        return result.order_id

    def _cancel(self, order: KnownOrder) -> None:
        self._send(commands.cancel(account_id=order.account_id, order_id=order.order_id))
        self._forget(order.order_id)

    def _take_from(self, order: KnownOrder, shares: int) -> int:
        """Shrink an order in place, or cancel it; return the shares that it lost."""
        if shares >= order.remaining_lots:
            self._cancel(order)
            return order.remaining_lots
        size = order.filled_lots + order.remaining_lots - shares
        self._send(commands.amend(account_id=order.account_id, order_id=order.order_id, size_lots=size))
        return shares

    def _name(self, name: int, order_id: int) -> None:
        self._engine_ids[name] = order_id
        self._file_ids[order_id] = name

    def _forget(self, order_id: int) -> None:
        name = self._file_ids.pop(order_id, 0)
        if name:
            del self._engine_ids[name]

    def _send(self, command: bytes) -> list[Event]:
        events = list(decode_all(self._engine.apply_commands(1, command, 1)))
        (result,) = commands.unpack_results(self._engine.results)
        assert result.reason == 0, result
        return events


def side_sign(side: Side) -> int:
    """Return 1 for bids and -1 for asks: times a price, the better the larger."""
    return 1 if side is Side.BUY else -1


def open_engine() -> Engine:
    """Return an engine in which a tick is a cent, a lot a share, and money is no object."""
    engine = Engine(0, EngineSettings(max_open_orders=1_000_000, credit_ttl_ns=1 << 62))
    engine.list_instrument(
        Instrument(
            instrument_id=1,
            symbol="AMZN",
            size_decimals=4,
            tiers=(MarginTier(0, 10),),
            significant_figures=18,
            min_notional_micros=1,
            max_order_lots=(1 << 31) - 1,
            max_position_lots=(1 << 40) - 1,
            open_interest_cap_lots=1 << 62,
            price_band_ppm=1_000_000_000,
            impact_notional_micros=1,
        )
    )
    engine.set_gate(1, is_open=True)
    engine.apply_mark(1, 1, 22_382, 22_382, 1, 1, stale=False)
    for account_id in (MAKER, TAKER, NOBODY):
        line = CreditLine(account_id=account_id, line_epoch=1, line_number=1, as_of_seq=0, budget_micros=1 << 54)
        engine.apply_credit(1, line)
    engine.drain_events()
    return engine
