"""Orders that wait, orders that know of each other, and instruments that are not simply trading.

It stands beside the order flow, which asks it what an event of these must look like; books are kept there.
"""

from collections import defaultdict
from collections.abc import Mapping

from wavetank.cli.audit.books import Book, Order
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.model.events import matching as events
from wavetank.model.orders import GroupKind, InstrumentState, Side, TriggerKind, TriggerSource

MATCHES = (0, InstrumentState.TRADING, InstrumentState.POST_ONLY, InstrumentState.REDUCE_ONLY)
"""States in which a book must not cross; 0 is one that nobody has moved."""


def is_parent(order: Order) -> bool:
    """Whether an order's fill wakes others."""
    return order.group_kind == GroupKind.PARENT and order.order_id == order.group_id


class Waiting:
    """What triggers, groups and states say about an event (ORD-010, ORD-040, MTCH-050)."""

    def __init__(self, findings: Findings, books: Mapping[int, Book]) -> None:
        """Begin with nothing waiting.

        Args:
            findings: where offences go.
            books: the rebuilt books, for their prices and states.

        """
        self._expect = findings.expect
        self._books = books
        self._groups: defaultdict[int, dict[int, Order]] = defaultdict(dict)
        self._decided: list[Order] = []
        self._uncrossed: dict[int, int] = {}
        self._moved: set[int] = set()

    def accepted(self, order: Order, event: events.OrderAccepted) -> None:
        """Take note of an order that waits or has a group."""
        if order.waits:
            self._expect(Rule.ORD_010, event.loss_micros == 0, "no credit charged before the trigger has fired")
        if order.group_id:
            self._groups[order.group_id][order.order_id] = order

    def ended(self, order: Order) -> None:
        """Forget an order."""
        if order.group_id:
            members = self._groups[order.group_id]
            members.pop(order.order_id, None)
            if not members:
                del self._groups[order.group_id]

    def traded(self, order: Order) -> None:
        """Remember that an order has traded: those that it rules out must be gone when the entry ends."""
        if order.group_id and not is_parent(order):
            self._decided.append(order)

    def triggered(self, order: Order, event: events.OrderTriggered) -> None:
        """Check that a trigger's price has come."""
        book = self._books[order.instrument_id]
        expect = self._expect
        expect(
            Rule.ORD_010, order.waits and not order.waits_for_parent, f"order {order.order_id} waiting for its price"
        )
        expect(Rule.MTCH_050, book.state in MATCHES, f"no trigger fired in state {book.state}")
        rises = (order.trigger_kind == TriggerKind.STOP) == (order.side == Side.BUY)
        beyond = event.seen_price_ticks - order.trigger_price
        expect(
            Rule.ORD_010,
            (beyond if rises else -beyond) >= 0,
            f"a price that has {'risen' if rises else 'fallen'} to {order.trigger_price}, not {event.seen_price_ticks}",
        )
        known = {
            TriggerSource.MARK: book.mark,
            TriggerSource.INDEX: book.index,
            TriggerSource.LAST: book.last_price,
        }[TriggerSource(order.trigger_source)]
        expect(
            Rule.ORD_010, event.seen_price_ticks == known, f"the watched price {known}, not {event.seen_price_ticks}"
        )
        if order.remaining:
            expect(
                Rule.ORD_010,
                1 <= event.size_lots <= order.remaining,
                f"at most the {order.remaining} lots of order {order.order_id}",
            )
        self.traded(order)

    def activated(self, order: Order, event: events.OrderActivated) -> None:
        """Check that the parent of an order has ended, filled."""
        self._expect(
            Rule.ORD_040,
            order.waits_for_parent and 1 <= event.size_lots <= order.remaining,
            f"order {order.order_id} waiting for its parent with at least {event.size_lots} lots",
        )
        self._expect(
            Rule.ORD_040,
            order.group_id not in self._groups[order.group_id],
            f"the parent {order.group_id} ended before its children wait for their prices",
        )

    def uncrossed(self, event: events.AuctionUncrossed) -> None:
        """Note the one price of an auction; it is checked against the book before it."""
        book = self._books[event.instrument_id]
        self._uncrossed[event.instrument_id] = event.price_ticks
        buys, sells = book.sides[int(Side.BUY)], book.sides[int(Side.SELL)]
        bid, ask = buys.best_price(), sells.best_price()
        self._expect(Rule.MTCH_050, bid >= ask > 0, f"a crossed book to uncross, not bid {bid} and ask {ask}")
        limits = [price for price in {*buys.prices, *sells.prices} if ask <= price <= bid]
        matched = {price: min(buys.lots_at(price), sells.lots_at(price)) for price in limits}
        most = max(matched.values(), default=0)
        self._expect(
            Rule.MTCH_050,
            event.matched_lots == most == matched.get(event.price_ticks),
            f"a price at which {most} lots match, the most of all, not {event.matched_lots} at {event.price_ticks}",
        )

    def at_auction(self, event: events.Traded, taker: Order, maker: Order) -> None:
        """Check a trade of an auction: at its price, within both limits, the newer order as taker."""
        expect = self._expect
        price = self._uncrossed.get(event.instrument_id, 0)
        expect(Rule.MTCH_050, event.price_ticks == price, f"the auction's one price {price}, not {event.price_ticks}")
        expect(Rule.MTCH_050, taker.order_id > maker.order_id, "the newer of the two orders as taker")
        beyond = event.price_ticks - maker.price
        expect(
            Rule.MTCH_050,
            (beyond if maker.side == Side.BUY else -beyond) <= 0,
            f"a price no worse than the maker's limit {maker.price}, not {event.price_ticks}",
        )

    def moved(self, event: events.InstrumentMoved) -> None:
        """Check a move of an instrument against the state that it had."""
        book = self._books[event.instrument_id]
        self._expect(
            Rule.MTCH_050,
            book.state in (0, event.previous_state) and book.state != InstrumentState.SETTLED,
            f"a move from state {book.state}, which is not settled",
        )
        book.state = event.state
        self._uncrossed.pop(event.instrument_id, None)
        self._moved.add(event.instrument_id)

    def is_uncrossing(self, instrument_id: int) -> bool:
        """Whether an auction of an instrument is being traded."""
        return instrument_id in self._uncrossed

    def end_entry(self, orders: Mapping[int, Order]) -> None:
        """Check what must have followed by the end of an entry."""
        for decided in self._decided:
            left = [number for number in self._groups.get(decided.group_id, ()) if number != decided.order_id]
            self._expect(
                Rule.ORD_040, not left, f"no other order of group {decided.group_id} left; {left[:3]} still live"
            )
        self._decided.clear()
        for instrument_id in sorted(self._moved):
            book = self._books[instrument_id]
            bid, ask = (book.sides[int(side)].best_price() for side in (Side.BUY, Side.SELL))
            if book.state in MATCHES:
                self._expect(Rule.MTCH_050, not (bid and ask and bid >= ask), f"bid {bid} and ask {ask} uncrossed")
            if book.state == InstrumentState.SETTLED:
                left = [order.order_id for order in orders.values() if order.instrument_id == instrument_id]
                self._expect(Rule.MTCH_050, not left, f"no order left where it is settled; {left[:3]} still live")
        self._moved.clear()
        self._uncrossed.clear()
