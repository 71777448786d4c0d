"""The publisher: each commit becomes market data once, whoever and how many read it.

A channel is encoded only while somebody subscribes it, and for a while after, so that who lost its line can resume;
without subscribers a commit costs next to nothing. Kept true: a message is of whole commits and says the seq up to
which it tells, so who goes on after the last such seq has missed nothing; what is held is bounded, and what is no
longer held is refused, never skipped.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from wavetank.matching.adapters.market_encoder import (
    BookMirror,
    OrderEncoder,
    best_bid_offer,
    book_delta,
    book_snapshot,
    orders_snapshot,
    wrapped,
)
from wavetank.matching.adapters.queue_places import QueuePlaces
from wavetank.matching.adapters.subscriber import IN_TURN, Added, Delta, Part, Update
from wavetank.model.orders import InstrumentState
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.v1 import instrument_pb2
from wavetank.v1 import market_data_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wavetank.matching.adapters.disturbances import Disturbances
    from wavetank.matching.adapters.subscriber import Subscriber
    from wavetank.matching.core.engine import Engine
    from wavetank.matching.ports import Committed, LevelUpdate
    from wavetank.matching.service import MatchingService
    from wavetank.model.events.oracle import PricePublished
    from wavetank.model.instrument import Instrument

HELD_UPDATES = 65_536
"""Updates held for those who resume, of all channels together; seqs for which a channel without readers is encoded."""
ALL_LEVELS = 1_000_000
RESTING_ORDER_BYTES = 56
"""Width of an order as `Engine.resting_orders` tells it."""
PART_ENTRIES = 10_000
"""Levels or orders in one part of a snapshot."""

HISTORY = IN_TURN | {pb.CHANNEL_BOOK}
"""Channels of which what happened can be told again; of the others only the present state counts."""


class MarketData:
    """Encodes each commit once and hands it to the subscribers; a sink of committed cycles."""

    def __init__(self, service: MatchingService) -> None:
        """Begin behind what is committed; what came before cannot be resumed."""
        self._service = service
        self._subscribers: list[Subscriber] = []
        self._readers: Counter[int] = Counter()
        """Subscribers by channel."""
        self._told_since: dict[int, int] = {}
        """Channels of history that are encoded, and the seq after which they are."""
        self._unread_since: dict[int, int] = {}
        """Those of them that nobody reads, and since which seq."""
        self._held: deque[tuple[int, list[Update], list[Added]]] = deque()
        self._held_updates = 0
        self._held_after = service.last_seq
        """What came later is held."""
        self._mirrors: dict[int, BookMirror] = {}
        self._book_seq: dict[int, int] = {}
        """By instrument, the seq of the last change of its book that was told."""
        self._encoder = OrderEncoder()
        self._knows_orders = False
        self._places = QueuePlaces()
        self._bbo: dict[int, tuple[int, int, int, int]] = {}
        self._status: dict[int, pb.InstrumentStatus] = {}
        self._prices: dict[int, PricePublished] = {}
        self._end: VenueError | None = None
        self._disturbances: Disturbances | None = None
        """None while no venue fault is set."""

    def disturb(self, disturbances: Disturbances) -> None:
        """Tell subscribers through the disturbances from now on."""
        self._disturbances = disturbances

    def stop(self) -> None:
        """End all subscriptions behind what waits, and begin no more."""
        self._end = VenueError(Reason.NOT_READY, "the shard is stopping; subscribe again in a moment")
        for subscriber in self._subscribers:
            subscriber.end(self._end)

    # A commit

    def committed(self, cycle: Committed) -> None:
        """Publish what the cycle changed."""
        for published in cycle.prices:
            self._prices[published.instrument_id] = published
        if not self._told_since and not self._subscribers:
            return
        engine = self._service.committed_engine
        updates, added = self._in_turn(engine, cycle)
        updates += self._books(cycle)
        if updates:
            self._hold(cycle.last_seq, updates, added)
        if self._subscribers:
            updates += self._states(engine, cycle, added)
            if updates:
                if self._disturbances is not None and self._disturbances.tells_all_at_once:
                    self._disturbances = None
                for subscriber in self._subscribers:
                    if self._disturbances is None:
                        subscriber.take(cycle.last_seq, updates, added)
                    else:
                        self._disturbances.tell(subscriber, cycle.last_seq, updates, added)
        for channel, since in list(self._unread_since.items()):
            if cycle.last_seq - since > HELD_UPDATES:
                self._silence(channel)

    def _in_turn(self, engine: Engine, cycle: Committed) -> tuple[list[Update], list[Added]]:
        """Return trades and changes of orders, and the orders that were added."""
        trades = pb.CHANNEL_TRADES in self._told_since
        orders = pb.CHANNEL_ORDERS in self._told_since
        follows = orders or bool(self._readers[pb.CHANNEL_QUEUE_POSITION])
        if not cycle.records or not (trades or follows):
            return [], []
        runs, added = self._encoder.encode(
            cycle.records, cycle.first_seq, cycle.now_ns, trades=trades, orders=follows, lookup=engine.order
        )
        updates = [
            Update(cycle.last_seq, channel, instrument_id, count, data)
            for channel, instrument_id, count, data in runs
            if orders or channel != pb.CHANNEL_ORDERS
        ]
        return updates, added

    def _books(self, cycle: Committed) -> list[Update]:
        if not cycle.levels or pb.CHANNEL_BOOK not in self._told_since:
            return []
        touched: dict[int, list[LevelUpdate]] = {}
        for level in cycle.levels:
            touched.setdefault(level[0], []).append(level)
        updates = []
        for instrument_id in sorted(touched):
            mirror = self._mirrors.get(instrument_id)
            if mirror is None:
                mirror = self._mirrors[instrument_id] = BookMirror()
            levels = mirror.apply(touched[instrument_id])
            if not levels:
                continue
            previous_seq = self._book_seq.get(instrument_id, 0)
            self._book_seq[instrument_id] = cycle.last_seq
            data = book_delta(instrument_id, cycle.last_seq, cycle.now_ns, levels, previous_seq, mirror.checksum)
            delta = Delta(cycle.now_ns, levels, previous_seq, mirror.checksum)
            updates.append(Update(cycle.last_seq, pb.CHANNEL_BOOK, instrument_id, 1, data, delta))
        return updates

    def _states(self, engine: Engine, cycle: Committed, added: list[Added]) -> list[Update]:
        """Return the states that differ from those told last, of channels that somebody reads."""
        seq, now_ns = cycle.last_seq, cycle.now_ns
        updates = []
        if self._readers[pb.CHANNEL_BBO]:
            for instrument_id in {level[0] for level in cycle.levels}:
                bbo = engine.bbo(instrument_id)
                if bbo != self._bbo.get(instrument_id):
                    self._bbo[instrument_id] = bbo
                    data = best_bid_offer(instrument_id, seq, now_ns, bbo)
                    updates.append(Update(seq, pb.CHANNEL_BBO, instrument_id, 1, data))
        if self._readers[pb.CHANNEL_PRICES]:
            updates += [
                self._price_update(engine, instrument_id, seq, now_ns)
                for instrument_id in {published.instrument_id for published in cycle.prices}
            ]
        if self._readers[pb.CHANNEL_STATUS]:
            for instrument_id, status in _statuses(engine).items():
                if status != self._status.get(instrument_id):
                    self._status[instrument_id] = status
                    updates.append(_status_update(instrument_id, status, seq, now_ns))
        if self._readers[pb.CHANNEL_QUEUE_POSITION]:
            updates += self._places.changed(engine, cycle, added)
        return updates

    def _hold(self, seq: int, updates: list[Update], added: list[Added]) -> None:
        self._held.append((seq, updates.copy(), added))
        self._held_updates += sum(update.count for update in updates)
        while self._held_updates > HELD_UPDATES and len(self._held) > 1:
            self._held_after, dropped, _ = self._held.popleft()
            self._held_updates -= sum(update.count for update in dropped)

    def _price_update(self, engine: Engine, instrument_id: int, seq: int, now_ns: int) -> Update:
        update = pb.MarketUpdate(
            seq=seq, event_time_ns=now_ns, instrument_id=instrument_id, prices=self.prices_of(engine, instrument_id)
        )
        return Update(seq, pb.CHANNEL_PRICES, instrument_id, 1, wrapped(update.SerializeToString()))

    def prices_of(self, engine: Engine, instrument_id: int) -> pb.InstrumentPrices:
        """Return an instrument's prices as delivered to bots."""
        prices = pb.InstrumentPrices(
            open_interest_lots=engine.open_interest(instrument_id), last_price_ticks=engine.last_price(instrument_id)
        )
        price = self._prices.get(instrument_id)
        if price is None:
            prices.stale = True
            return prices
        prices.index_price_ticks = price.index_price_ticks
        prices.mark_price_ticks = price.mark_price_ticks
        prices.stale = bool(price.stale)
        prices.funding_rate_e12 = price.funding_rate_e12
        prices.index_time_ns = price.index_time_ns
        return prices

    # Subscriptions

    def subscribe(self, engine: Engine, subscriber: Subscriber, from_seq: int) -> None:
        """Give a subscriber what stands, or what it missed, and all that follows; called between two cycles.

        Raises:
            VenueError: RESUME_IMPOSSIBLE, INSTRUMENT_UNKNOWN, NOT_READY.

        """
        if self._end is not None:
            raise self._end
        listed = [instrument.instrument_id for instrument in engine.instruments()]
        unknown = sorted(subscriber.instrument_ids.difference(listed))
        if unknown:
            raise VenueError(
                Reason.INSTRUMENT_UNKNOWN, f"instrument {unknown[0]} is not traded on this shard", was=unknown[0]
            )
        if from_seq:
            self._check_held(subscriber, from_seq)
        for channel in subscriber.channels:
            self._tell_from_now(engine, channel)
        wanted = [each for each in listed if not subscriber.instrument_ids or each in subscriber.instrument_ids]
        seq = self._service.last_seq
        parts = self._missed(subscriber, from_seq) if from_seq else self._snapshots(engine, subscriber, wanted)
        states = (Part(update.data, seq) for update in self._present(engine, subscriber, wanted))
        subscriber.open(seq, [*parts, *states])
        self._subscribers.append(subscriber)
        self._readers.update(subscriber.channels)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Forget a subscriber, if it ever subscribed."""
        if subscriber not in self._subscribers:
            return
        self._subscribers.remove(subscriber)
        if self._disturbances is not None:
            self._disturbances.leave(subscriber)
        self._readers.subtract(subscriber.channels)
        for channel in subscriber.channels & HISTORY:
            if not self._readers[channel]:
                self._unread_since[channel] = self._service.last_seq
        if pb.CHANNEL_QUEUE_POSITION in subscriber.channels:
            self._places.unfollow(subscriber.account_id)
            if not self._readers[pb.CHANNEL_QUEUE_POSITION] and pb.CHANNEL_ORDERS not in self._told_since:
                self._forget_orders()

    def _check_held(self, subscriber: Subscriber, from_seq: int) -> None:
        last_seq = self._service.last_seq
        oldest = max((self._told_since.get(channel, last_seq) for channel in subscriber.channels & HISTORY), default=0)
        if subscriber.channels & HISTORY:
            oldest = max(oldest, self._held_after)
        if not oldest <= from_seq <= last_seq:
            raise VenueError(
                Reason.RESUME_IMPOSSIBLE,
                f"changes after seq {oldest} up to {last_seq} are held;"
                f" resuming after {from_seq} is impossible, subscribe anew",
                was=from_seq,
                allowed=oldest,
            )

    def _tell_from_now(self, engine: Engine, channel: int) -> None:
        """Begin to encode a channel, unless it is encoded already."""
        if channel in HISTORY:
            self._unread_since.pop(channel, None)
            if channel not in self._told_since:
                self._told_since[channel] = self._service.last_seq
                if channel == pb.CHANNEL_BOOK:
                    self._begin_books(engine)
        if channel in (pb.CHANNEL_ORDERS, pb.CHANNEL_QUEUE_POSITION) and not self._knows_orders:
            self._begin_orders(engine)
        if channel == pb.CHANNEL_BBO and not self._readers[channel]:
            self._bbo = {each.instrument_id: engine.bbo(each.instrument_id) for each in engine.instruments()}
        if channel == pb.CHANNEL_STATUS and not self._readers[channel]:
            self._status = _statuses(engine)

    def _begin_books(self, engine: Engine) -> None:
        for instrument in engine.instruments():
            mirror = self._mirrors[instrument.instrument_id] = BookMirror()
            mirror.load(*engine.book(instrument.instrument_id, ALL_LEVELS))
            self._book_seq[instrument.instrument_id] = self._service.last_seq

    def _begin_orders(self, engine: Engine) -> None:
        self._encoder.clear()
        self._knows_orders = True
        for instrument in engine.instruments():
            self._encoder.load(instrument.instrument_id, engine.resting_orders(instrument.instrument_id))

    def _forget_orders(self) -> None:
        self._knows_orders = False
        self._encoder.clear()

    def _silence(self, channel: int) -> None:
        """Encode a channel no more: nobody has read it for long."""
        del self._unread_since[channel], self._told_since[channel]
        if channel == pb.CHANNEL_BOOK:
            self._mirrors.clear()
            self._book_seq.clear()
        if channel == pb.CHANNEL_ORDERS and not self._readers[pb.CHANNEL_QUEUE_POSITION]:
            self._forget_orders()
        if not self._told_since:
            self._held.clear()
            self._held_updates = 0

    # How a subscription begins

    def _missed(self, subscriber: Subscriber, from_seq: int) -> Iterator[Part]:
        """Yield what a subscriber missed."""
        for seq, updates, added in self._held:
            if seq <= from_seq:
                continue
            wanted = [update for update in updates if subscriber.wants(update)]
            if wanted:
                yield Part(b"".join([update.data for update in wanted]), seq, subscriber.own(added))

    def _snapshots(self, engine: Engine, subscriber: Subscriber, instrument_ids: list[int]) -> Iterator[Part]:
        """Yield the books and queues that a subscriber wants, in parts."""
        seq, now_ns = self._service.last_seq, engine.now_ns
        for instrument_id in instrument_ids:
            if pb.CHANNEL_BOOK in subscriber.channels:
                checksum = self._mirrors[instrument_id].checksum if instrument_id in self._mirrors else 0
                bids, asks = engine.book(instrument_id, ALL_LEVELS)
                cuts = range(0, max(len(bids), len(asks), 1), PART_ENTRIES)
                for at in cuts:
                    more = at != cuts[-1]
                    levels = bids[at : at + PART_ENTRIES], asks[at : at + PART_ENTRIES]
                    told = 0 if more else checksum
                    yield Part(book_snapshot(instrument_id, seq, now_ns, *levels, told, more, at > 0))
            if pb.CHANNEL_ORDERS in subscriber.channels:
                orders = engine.resting_orders(instrument_id)
                for at in range(0, max(len(orders) // RESTING_ORDER_BYTES, 1), PART_ENTRIES):
                    data, own = orders_snapshot(
                        instrument_id, seq, now_ns, orders, at, at + PART_ENTRIES, subscriber.account_id
                    )
                    yield Part(data, 0, own)

    def _present(self, engine: Engine, subscriber: Subscriber, instrument_ids: list[int]) -> Iterator[Update]:
        """Yield the states as they are; also for those who resume, only the present ones count."""
        seq, now_ns = self._service.last_seq, engine.now_ns
        for instrument_id in instrument_ids:
            if pb.CHANNEL_BBO in subscriber.channels:
                data = best_bid_offer(instrument_id, seq, now_ns, engine.bbo(instrument_id))
                yield Update(seq, pb.CHANNEL_BBO, instrument_id, 1, data)
            if pb.CHANNEL_PRICES in subscriber.channels:
                yield self._price_update(engine, instrument_id, seq, now_ns)
            if pb.CHANNEL_STATUS in subscriber.channels:
                yield _status_update(instrument_id, _statuses(engine)[instrument_id], seq, now_ns)
        if pb.CHANNEL_QUEUE_POSITION in subscriber.channels:
            for update in self._places.follow(engine, subscriber.account_id, seq, now_ns):
                if subscriber.wants(update):
                    yield update


def _statuses(engine: Engine) -> dict[int, pb.InstrumentStatus]:
    return {instrument.instrument_id: _status(engine, instrument) for instrument in engine.instruments()}


def _status(engine: Engine, instrument: Instrument) -> pb.InstrumentStatus:
    state_of = getattr(engine, "instrument_state", None)
    state = state_of(instrument.instrument_id) if state_of is not None else instrument.state
    status = pb.InstrumentStatus(state=instrument_pb2.InstrumentState.ValueType(state))
    indicative = getattr(engine, "indicative", None)
    if state == InstrumentState.AUCTION and indicative is not None:
        price_ticks, lots, surplus = indicative(instrument.instrument_id)
        status.indicative_price_ticks = price_ticks
        status.indicative_size_lots = lots
        status.indicative_surplus_lots = surplus
    return status


def _status_update(instrument_id: int, status: pb.InstrumentStatus, seq: int, now_ns: int) -> Update:
    update = pb.MarketUpdate(seq=seq, event_time_ns=now_ns, instrument_id=instrument_id, status=status)
    return Update(seq, pb.CHANNEL_STATUS, instrument_id, 1, wrapped(update.SerializeToString()))
