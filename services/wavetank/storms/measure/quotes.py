"""Best prices between samples, and who quotes both sides: a shard's orders, followed by price alone.

A log holds samples of each book twice a second, and a trade is judged by the mid just before it. So the best prices
are followed order by order; sizes are not, which keeps it cheap: a level lives as long as an order stands at it.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from wavetank.model.events import matching as events
from wavetank.model.orders import OrderType, Side, TimeInForce
from wavetank.model.record import fields_struct, kind_of
from wavetank.storms.measure.record import BookTrack
from wavetank.storms.measure.trades import TradeColumns

_ACCEPTED = fields_struct(
    events.OrderAccepted,
    "instrument_id",
    "account_id",
    "order_id",
    "price_ticks",
    "side",
    "order_type",
    "time_in_force",
    "trigger_kind",
)
_TRIGGERED = fields_struct(events.OrderTriggered, "instrument_id", "account_id", "order_id", "price_ticks", "side")
_AMENDED = fields_struct(
    events.OrderAmended, "instrument_id", "account_id", "order_id", "price_ticks", "side", "kept_priority"
)
_CANCELLED = fields_struct(events.OrderCancelled, "order_id")
_TRADED = fields_struct(
    events.Traded,
    "instrument_id",
    "account_id",
    "maker_account_id",
    "maker_order_id",
    "taker_order_id",
    "price_ticks",
    "size_lots",
    "maker_fee_micros",
    "maker_remaining_lots",
    "taker_remaining_lots",
    "taker_side",
    "taker_flags",
)
_SAMPLED = fields_struct(
    events.BookSampled,
    "instrument_id",
    "bid_price_ticks",
    "ask_price_ticks",
    "bid_depth_lots",
    "ask_depth_lots",
    "open_interest_lots",
    "sample_time_ns",
)
_BUY = int(Side.BUY)
_LIMIT = int(OrderType.LIMIT)
_RESTS = frozenset({int(TimeInForce.GTC), int(TimeInForce.GTT)})
_E4 = 10_000


class _Book:
    """One instrument: how many orders stand at each price."""

    __slots__ = ("ask", "asks", "bid", "bids")

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.bid = 0
        self.ask = 0

    def add(self, side: int, price: int) -> None:
        if side == _BUY:
            self.bids[price] = self.bids.get(price, 0) + 1
            self.bid = max(self.bid, price)
        else:
            self.asks[price] = self.asks.get(price, 0) + 1
            if not self.ask or price < self.ask:
                self.ask = price

    def remove(self, side: int, price: int) -> None:
        levels = self.bids if side == _BUY else self.asks
        left = levels[price] - 1
        if left:
            levels[price] = left
            return
        del levels[price]
        if side == _BUY:
            if price == self.bid:
                self.bid = max(levels, default=0)
        elif price == self.ask:
            self.ask = min(levels, default=0)


class Uptime:
    """In how many samples an account was quoted on both sides."""

    __slots__ = ("quoted", "samples")

    def __init__(self) -> None:
        """Begin with no sample."""
        self.quoted = 0
        self.samples = 0


_Placed = tuple[int, int, int, int]
"""An order: instrument, account, side, price."""


class Quotes:
    """One shard's books."""

    def __init__(
        self, *, quoters: Container[int], band_bps: int, trades: TradeColumns, books: dict[int, BookTrack]
    ) -> None:
        """Begin with empty books.

        Args:
            quoters: accounts whose time in the market is wanted.
            band_bps: how far from the mid a quote may be to count.
            trades: where trades go.
            books: where samples go, by instrument.

        """
        self.uptimes: dict[tuple[int, int], Uptime] = {}
        """By quoter and instrument, from its first order there."""
        self._quoters = quoters
        self._band_bps = band_bps
        self._trades = trades
        self._tracks = books
        self._books: dict[int, _Book] = {}
        self._orders: dict[int, _Placed] = {}
        """Orders that rest, by id."""
        self._own: dict[int, dict[int, _Placed]] = {}
        """Those of the quoters, by instrument."""
        self._incoming: _Placed | None = None
        """The order that runs now; it rests once it has traded what it could."""
        self._incoming_id = 0
        self._mid_doubled = 0
        """Best bid and best ask, added, before that order came; 0 where a side was empty."""
        self._waiting: dict[int, bool] = {}
        """Whether orders that wait for their trigger are limit orders that may rest."""
        self.handlers: dict[int, Callable[[int, bytes, int], None]] = {
            kind_of(events.OrderAccepted): self._accepted,
            kind_of(events.OrderTriggered): self._triggered,
            kind_of(events.OrderAmended): self._amended,
            kind_of(events.OrderCancelled): self._cancelled,
            kind_of(events.Traded): self._traded,
            kind_of(events.BookSampled): self._sampled,
        }
        """By kind: venue time, records, and where the record begins."""

    def best(self, instrument_id: int) -> tuple[int, int]:
        """Return best bid and best ask in ticks, 0 where a side is empty; between two entries."""
        self.settle()
        book = self._books.get(instrument_id)
        return (book.bid, book.ask) if book is not None else (0, 0)

    def settle(self) -> None:
        """Let the order that ran last rest; the next record is not its trade."""
        placed = self._incoming
        if placed is not None:
            self._incoming = None
            self._place(self._incoming_id, placed)

    # What the log tells

    def _begin(self, order_id: int, placed: _Placed, *, rests: bool) -> None:
        self.settle()
        book = self._books.get(placed[0])
        if book is None:
            book = self._books[placed[0]] = _Book()
        self._mid_doubled = book.bid + book.ask if book.bid and book.ask else 0
        if rests:
            self._incoming, self._incoming_id = placed, order_id

    def _accepted(self, _now_ns: int, records: bytes, offset: int) -> None:
        fields = _ACCEPTED.unpack_from(records, offset)
        instrument_id, account_id, order_id, price, side, order_type, time_in_force, trigger_kind = fields
        rests = order_type == _LIMIT and time_in_force in _RESTS
        if trigger_kind:
            self._waiting[order_id] = rests
            return
        self._begin(order_id, (instrument_id, account_id, side, price), rests=rests)

    def _triggered(self, _now_ns: int, records: bytes, offset: int) -> None:
        instrument_id, account_id, order_id, price, side = _TRIGGERED.unpack_from(records, offset)
        rests = self._waiting.pop(order_id, False)
        self._begin(order_id, (instrument_id, account_id, side, price), rests=rests)

    def _amended(self, _now_ns: int, records: bytes, offset: int) -> None:
        instrument_id, account_id, order_id, price, side, kept = _AMENDED.unpack_from(records, offset)
        self.settle()
        if kept or order_id in self._waiting:
            return
        self._remove(order_id)
        self._begin(order_id, (instrument_id, account_id, side, price), rests=True)

    def _cancelled(self, _now_ns: int, records: bytes, offset: int) -> None:
        (order_id,) = _CANCELLED.unpack_from(records, offset)
        if self._incoming is not None and self._incoming_id == order_id:
            self._incoming = None
        elif self._waiting.pop(order_id, None) is None:
            self._remove(order_id)

    def _traded(self, now_ns: int, records: bytes, offset: int) -> None:
        fields = _TRADED.unpack_from(records, offset)
        instrument_id, taker, maker, maker_order, taker_order, price, lots, fee, maker_left, taker_left, side, flags = (
            fields
        )
        if not maker_left:
            self._remove(maker_order)
        if not taker_left:
            # In an auction the taker is a resting order too.
            if self._incoming_id == taker_order:
                self._incoming = None
            self._remove(taker_order)
        self._trades.add(now_ns, instrument_id, price, lots, taker, maker, fee, self._mid_doubled, side == _BUY, flags)

    def _sampled(self, _now_ns: int, records: bytes, offset: int) -> None:
        self.settle()
        instrument_id, bid, ask, bid_depth, ask_depth, interest, time_ns = _SAMPLED.unpack_from(records, offset)
        track = self._tracks.get(instrument_id)
        if track is None:
            track = self._tracks[instrument_id] = BookTrack()
        track.times_ns.append(time_ns)
        track.bid_ticks.append(bid)
        track.ask_ticks.append(ask)
        track.bid_depth_lots.append(bid_depth)
        track.ask_depth_lots.append(ask_depth)
        track.open_interest_lots.append(interest)
        self._look(instrument_id, bid, ask)

    # Books

    def _place(self, order_id: int, placed: _Placed) -> None:
        instrument_id, account_id, side, price = placed
        self._orders[order_id] = placed
        self._books[instrument_id].add(side, price)
        if account_id in self._quoters:
            self._own.setdefault(instrument_id, {})[order_id] = placed
            if (account_id, instrument_id) not in self.uptimes:
                self.uptimes[account_id, instrument_id] = Uptime()

    def _remove(self, order_id: int) -> None:
        placed = self._orders.pop(order_id, None)
        if placed is not None:
            instrument_id, account_id, side, price = placed
            self._books[instrument_id].remove(side, price)
            if account_id in self._quoters:
                del self._own[instrument_id][order_id]

    def _look(self, instrument_id: int, bid: int, ask: int) -> None:
        """Count who quotes both sides within the band around the mid; with a side empty nobody does."""
        mid_doubled = bid + ask if bid and ask else 0
        bidding: set[int] = set()
        asking: set[int] = set()
        for _, account_id, side, price in self._own.get(instrument_id, {}).values():
            away = mid_doubled - 2 * price if side == _BUY else 2 * price - mid_doubled
            if mid_doubled and away * _E4 <= self._band_bps * mid_doubled:
                (bidding if side == _BUY else asking).add(account_id)
        for (account_id, where), uptime in self.uptimes.items():
            if where == instrument_id:
                uptime.samples += 1
                uptime.quoted += account_id in bidding and account_id in asking
