"""A shard's log, event by event: every trade must be the one that price and time demand.

An incoming order is kept apart until the next command begins; what is left of it then either rests or must have been
cancelled. The orders of a group come in together and run one after the other. What waits for a trigger is in no book.
"""

from collections import defaultdict, deque
from collections.abc import Callable

from wavetank.cli.audit.books import Book, Order, Tally, opposite
from wavetank.cli.audit.fees import ShardRates
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.margins import PPM, Terms
from wavetank.cli.audit.waiting import MATCHES, Waiting
from wavetank.model.events import matching as events
from wavetank.model.events.clearing import MatchingRequested
from wavetank.model.orders import (
    CancelReason,
    CommandKind,
    GroupKind,
    OrderFlag,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from wavetank.model.record import Event

REDUCING = int(OrderFlag.REDUCE_ONLY | OrderFlag.LIQUIDATION)
LIQUIDATION = int(OrderFlag.LIQUIDATION)


class OrderBooks:
    """Applies a shard's events, one by one, to books and positions of its own."""

    def __init__(
        self,
        findings: Findings,
        terms_of: Callable[[int], Terms | None],
        request_of: Callable[[int], MatchingRequested | None],
        rates: ShardRates,
    ) -> None:
        """Rebuild with the listings and the requests that clearing's log holds.

        Args:
            findings: where offences go.
            terms_of: an instrument's listing.
            request_of: clearing's request by its seq.
            rates: what each account pays of its own on this shard.

        """
        self.books: defaultdict[int, Book] = defaultdict(Book)
        self.orders: dict[int, Order] = {}
        self.by_account: defaultdict[int, dict[int, Order]] = defaultdict(dict)
        self.tallies: defaultdict[int, Tally] = defaultdict(Tally)
        self.trades = 0
        self._findings = findings
        self._terms_of = terms_of
        self._request_of = request_of
        self._rates = rates
        self._incoming: Order | None = None
        self._coming: deque[Order] = deque()
        """Members of a group whose turn has not come."""
        self._waiting = Waiting(findings, self.books)
        self._last_order_id = 0
        self._last_trade_id = 0
        self._last_request = (0, 0)
        self._transferred: dict[int, tuple[int, int]] = {}
        self._liquidated: dict[int, Order] = {}
        self._handlers: dict[type, Callable[..., None]] = {
            events.OrderAccepted: self._accepted,
            events.OrderRejected: self._rejected,
            events.Traded: self._traded,
            events.OrderCancelled: self._cancelled,
            events.OrderAmended: self._amended,
            events.PositionTransferred: self._moved,
            events.RequestAnswered: self._answered,
            events.BookSampled: self._sampled,
            events.MarkApplied: self._marked,
            events.OrderTriggered: self._triggered,
            events.OrderActivated: self._activated,
            events.InstrumentMoved: self._instrument_moved,
            events.AuctionUncrossed: self._waiting.uncrossed,
            events.DeadManMoved: lambda _: self._settle_incoming(),
        }

    def apply(self, event: Event) -> None:
        """Apply one event of the shard's log."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def end_entry(self) -> None:
        """Check what must hold when an entry ends; its commands are complete."""
        self._settle_incoming()
        self._waiting.end_entry(self.orders)

    def _offend(self, rule: Rule, expected: str) -> None:
        self._findings.offend(rule, expected)

    def _settle_incoming(self) -> None:
        """Let what is left of the incoming orders rest: the next command begins."""
        while self._incoming is not None or self._coming:
            self._settle_one()

    def _settle_one(self) -> None:
        """Let what is left of the incoming order rest; the next of its group comes in."""
        order, self._incoming = self._incoming, self._coming.popleft() if self._coming else None
        if order is None:
            return
        checks = self._findings.checks
        checks[Rule.ORD_060] += 1
        if not order.may_rest:
            self._offend(
                Rule.ORD_060,
                f"the {order.remaining} lots left of order {order.order_id}, which may not rest, cancelled",
            )
            self._forget(order)
            return
        book = self.books[order.instrument_id]
        book.sides[order.side].add(order)
        checks[Rule.MTCH_010] += 1
        bid = book.sides[int(Side.BUY)].best_price()
        ask = book.sides[int(Side.SELL)].best_price()
        if bid and ask and bid >= ask and book.state in MATCHES:
            self._offend(
                Rule.MTCH_010,
                f"order {order.order_id} traded before it rests: bid {bid} and ask {ask} of instrument"
                f" {order.instrument_id} cross",
            )

    def _forget(self, order: Order) -> None:
        self.orders.pop(order.order_id, None)
        self.by_account[order.account_id].pop(order.order_id, None)
        self._waiting.ended(order)

    def _end(self, order: Order) -> None:
        if order is self._incoming:
            self._incoming = self._coming.popleft() if self._coming else None
        elif order in self._coming:
            self._coming.remove(order)
        elif not order.waits:
            self.books[order.instrument_id].sides[order.side].remove(order)
        self._forget(order)

    # Orders

    def _accepted(self, event: events.OrderAccepted) -> None:
        is_member = event.group_id not in (0, event.order_id)
        if not is_member:
            self._settle_incoming()
        checks = self._findings.checks
        checks[Rule.ORD_060] += 1
        if event.order_id <= self._last_order_id:
            self._offend(Rule.ORD_060, f"an order id above {self._last_order_id}: ids are unique and rise")
        waits = event.trigger_kind != 0
        whole = event.group_kind == GroupKind.POSITION
        if (event.price_ticks < 1 and not waits) or (event.size_lots < 1 and not whole):
            self._offend(Rule.ORD_060, "a price and a size of at least 1")
        self._last_order_id = max(self._last_order_id, event.order_id)
        order = Order(
            order_id=event.order_id,
            account_id=event.account_id,
            instrument_id=event.instrument_id,
            side=event.side,
            price=event.price_ticks,
            remaining=event.size_lots,
            flags=event.flags,
            may_rest=event.order_type == OrderType.LIMIT and event.time_in_force in (TimeInForce.GTC, TimeInForce.GTT),
            request_seq=event.request_seq,
            display=event.display_lots,
            waits=waits,
            waits_for_parent=waits and event.group_kind == GroupKind.PARENT,
            trigger_kind=event.trigger_kind,
            trigger_source=event.trigger_source,
            trigger_price=event.trigger_price_ticks,
            group_id=event.group_id,
            group_kind=event.group_kind,
            self_trade=event.self_trade_prevention,
        )
        self._waiting.accepted(order, event)
        self.orders[order.order_id] = order
        self.by_account[order.account_id][order.order_id] = order
        if not waits:
            if self._incoming is None:
                self._incoming = order
            else:
                self._coming.append(order)
        if event.flags & LIQUIDATION:
            self._liquidated[event.request_seq] = order
            self._check_liquidation_order(event)

    def _check_liquidation_order(self, event: events.OrderAccepted) -> None:
        expect = self._findings.expect
        request = self._request_of(event.request_seq)
        if request is None or request.command != CommandKind.LIQUIDATE:
            expect(Rule.INV_060, False, f"a LIQUIDATE request {event.request_seq} of clearing for this order")
            return
        asked = (request.account_id, request.instrument_id, request.side)
        expect(
            Rule.INV_060,
            asked == (event.account_id, event.instrument_id, event.side) and event.size_lots <= request.size_lots,
            f"at most {request.size_lots} lots of account, instrument and side {asked}, as clearing asked",
        )
        worse = event.price_ticks - request.price_ticks
        expect(
            Rule.INV_060,
            (worse if event.side == Side.BUY else -worse) <= 0,
            f"a limit no worse than {request.price_ticks}, as clearing asked",
        )
        held = self.tallies[event.account_id].lots[event.instrument_id]
        expect(
            Rule.INV_060,
            self._reduces(held, event.side, event.size_lots),
            f"an order that reduces the {held} lots held and flips nothing",
        )
        self._expect_inside_band(event.instrument_id, event.side, event.price_ticks)

    def _expect_inside_band(self, instrument_id: int, side: int, price: int) -> None:
        terms = self._terms_of(instrument_id)
        mark = self.books[instrument_id].mark
        if terms is None or not mark:
            return
        beyond = price - mark if side == Side.BUY else mark - price
        band = terms.listed.price_band_ppm
        self._findings.expect(
            Rule.INV_060, beyond * PPM <= mark * band, f"a price within {band} ppm of the mark {mark}, not {price}"
        )

    @staticmethod
    def _reduces(held: int, side: int, lots: int) -> bool:
        return 0 < lots <= (-held if side == Side.BUY else held)

    def _rejected(self, _event: events.OrderRejected) -> None:
        self._settle_incoming()

    def _cancelled(self, event: events.OrderCancelled) -> None:
        self._findings.checks[Rule.ORD_060] += 1
        order = self.orders.get(event.order_id)
        if order is None:
            self._offend(Rule.ORD_060, f"an open order {event.order_id}; it never lived, or ended before")
            return
        if event.account_id != order.account_id or event.remaining_lots != order.remaining:
            self._offend(Rule.ORD_060, f"{order.remaining} lots of account {order.account_id} cancelled")
        if event.reason == CancelReason.SELF_TRADE and not self._waiting.is_uncrossing(order.instrument_id):
            stops = order.self_trade in (SelfTradePrevention.EXPIRE_TAKER, SelfTradePrevention.EXPIRE_BOTH)
            taker = self._taker_beside(order, stops=stops)
            self._findings.checks[Rule.MTCH_020] += 1
            if taker is None or taker.account_id != order.account_id or (taker is order and not stops):
                self._offend(Rule.MTCH_020, "an incoming order of the same account that would have traded with it")
        self._end(order)

    def _taker_beside(self, order: Order, *, stops: bool) -> Order | None:
        """Return the incoming order that met an own one: the order itself, or the member whose turn it is."""
        if order in self._coming:
            while self._incoming is not order:
                self._settle_one()
        if self._incoming is order and self._coming and not stops:
            # It would not have ended by itself: it rested, and a later member of its group met it.
            self._settle_one()
        while (
            self._incoming is not None
            and self._coming
            and self._incoming is not order
            and not self._crosses(self._incoming, order)
        ):
            self._settle_one()
        return self._incoming

    @staticmethod
    def _crosses(taker: Order, order: Order) -> bool:
        beyond = order.price - taker.price
        return taker.side != order.side and (beyond if taker.side == Side.BUY else -beyond) <= 0

    def _amended(self, event: events.OrderAmended) -> None:
        self._findings.checks[Rule.ORD_060] += 1
        if not event.kept_priority:
            self._settle_incoming()
        order = self.orders.get(event.order_id)
        if order is None:
            self._offend(Rule.ORD_060, f"an open order {event.order_id}; it never lived, or ended before")
            return
        if order.waits:
            order.price, order.remaining = event.price_ticks, event.remaining_lots
            order.trigger_price = event.trigger_price_ticks
            return
        if (event.previous_price_ticks, event.previous_remaining_lots) != (order.price, order.remaining):
            self._offend(Rule.ORD_060, f"an amend of {order.remaining} lots at {order.price}")
        if event.kept_priority:
            self._findings.checks[Rule.MTCH_010] += 1
            if event.price_ticks != order.price or not 0 < event.remaining_lots <= order.remaining:
                self._offend(Rule.MTCH_010, "priority lost: only a smaller size at the same price keeps it")
            order.shrink(event.remaining_lots)
            return
        if order is not self._incoming:
            self.books[order.instrument_id].sides[order.side].remove(order)
        order.price = event.price_ticks
        order.remaining = event.remaining_lots
        self._incoming = order

    # Trades

    def _traded(self, event: events.Traded) -> None:
        checks = self._findings.checks
        self.trades += 1
        checks[Rule.MTCH_010] += 1
        checks[Rule.ORD_060] += 1
        if event.trade_id <= self._last_trade_id:
            self._offend(Rule.ORD_060, f"a trade id above {self._last_trade_id}: ids are unique and rise")
        self._last_trade_id = max(self._last_trade_id, event.trade_id)
        while self._coming and self._incoming is not None and self._incoming.order_id != event.taker_order_id:
            self._settle_one()
        taker = self.orders.get(event.taker_order_id) if event.auction else self._incoming
        maker = self.orders.get(event.maker_order_id)
        if taker is None or taker.order_id != event.taker_order_id:
            known = "none" if taker is None else str(taker.order_id)
            self._offend(Rule.MTCH_010, f"a trade of the incoming order ({known})")
            taker = self.orders.get(event.taker_order_id)
        if maker is None or taker is None or maker is taker:
            self._offend(Rule.ORD_060, "two orders that live; one of them never did, or ended before")
            self._count_trade(event)
            return
        self._check_priority(event, taker, maker)
        self._check_fees(event, taker, maker)
        for order in (taker, maker):
            self._check_reduction(event, order)
        self._count_trade(event)
        self._waiting.traded(maker)
        self._waiting.traded(taker)
        for order, said in ((taker, event.taker_remaining_lots), (maker, event.maker_remaining_lots)):
            order.remaining -= event.size_lots
            order.filled += event.size_lots
            order.filled_value += event.size_lots * event.price_ticks
            if said != order.remaining:
                self._offend(Rule.ORD_060, f"{order.remaining} lots left of order {order.order_id}, not {said}")
                order.remaining = max(0, said)
            side = self.books[order.instrument_id].sides[order.side]
            if order.remaining <= 0:
                self._end(order)
            elif order is not self._incoming and side.holds(order):
                order.visible -= event.size_lots
                if order.visible <= 0:
                    side.show_next(order)

    def _check_priority(self, event: events.Traded, taker: Order, maker: Order) -> None:
        offend = self._offend
        book = self.books[event.instrument_id]
        first = book.sides[opposite(event.taker_side)].first()
        if first is not maker:
            best = "nothing" if first is None else f"order {first.order_id} at {first.price}"
            offend(Rule.MTCH_010, f"a trade with the oldest order at the best price: {best}, not {maker.order_id}")
        if event.auction:
            self._waiting.at_auction(event, taker, maker)
            first = book.sides[event.taker_side].first()
            if first is not taker:
                offend(Rule.MTCH_010, f"the oldest order at the best price as taker, not {taker.order_id}")
        elif event.price_ticks != maker.price:
            offend(Rule.MTCH_010, f"the resting price {maker.price}, not {event.price_ticks}")
        beyond = event.price_ticks - taker.price
        if (beyond if taker.side == Side.BUY else -beyond) > 0:
            offend(Rule.MTCH_010, f"a price no worse than the taker's limit {taker.price}, not {event.price_ticks}")
        sides = (taker.side, maker.side, taker.account_id, maker.account_id)
        if sides != (event.taker_side, opposite(event.taker_side), event.account_id, event.maker_account_id):
            offend(Rule.ORD_060, f"sides and accounts of the two orders: {sides}")
        if taker.instrument_id != event.instrument_id or maker.instrument_id != event.instrument_id:
            offend(Rule.ORD_060, f"orders of instrument {event.instrument_id}")
        most = min(taker.visible if event.auction else taker.remaining, maker.visible)
        clipped = bool((taker.flags | maker.flags) & REDUCING)
        if event.size_lots > most or event.size_lots < 1 or (event.size_lots < most and not clipped):
            offend(Rule.ORD_060, f"{most} lots, what both orders have left, not {event.size_lots}")
        self._findings.checks[Rule.MTCH_020] += 1
        if event.account_id == event.maker_account_id:
            offend(Rule.MTCH_020, f"no trade of account {event.account_id} with itself")
        if taker.flags & LIQUIDATION:
            self._expect_inside_band(event.instrument_id, event.taker_side, event.price_ticks)

    def _check_fees(self, event: events.Traded, taker: Order, maker: Order) -> None:
        self._findings.checks[Rule.FEE_010] += 1
        terms = self._terms_of(event.instrument_id)
        if terms is None:
            self._offend(Rule.FEE_010, f"an instrument {event.instrument_id} that clearing has listed")
            return
        value = event.price_ticks * event.size_lots
        listed = (terms.listed.taker_fee_ppm, terms.listed.maker_fee_ppm)
        taker_ppm, _ = self._rates.lower(taker.account_id, *listed)
        _, maker_ppm = self._rates.lower(maker.account_id, *listed)
        for order, ppm, said in (
            (taker, 0 if taker.flags & LIQUIDATION else taker_ppm, event.taker_fee_micros),
            (maker, maker_ppm, event.maker_fee_micros),
        ):
            before = -(-order.rated_value // PPM)
            order.rated_value += ppm * value
            due = -(-order.rated_value // PPM) - before
            if said != due:
                self._offend(Rule.FEE_010, f"a fee of {due} for order {order.order_id} at {ppm} ppm, not {said}")

    def _check_reduction(self, event: events.Traded, order: Order) -> None:
        if not order.flags & REDUCING:
            return
        rule = Rule.INV_060 if order.flags & LIQUIDATION else Rule.MTCH_030
        self._findings.checks[rule] += 1
        held = self.tallies[order.account_id].lots[event.instrument_id]
        if not self._reduces(held, order.side, event.size_lots):
            self._offend(
                rule,
                f"a trade that only reduces the {held} lots of account {order.account_id}, not {event.size_lots} lots"
                f" {Side(order.side).name.lower()}",
            )

    def _count_trade(self, event: events.Traded) -> None:
        sign = 1 if event.taker_side == Side.BUY else -1
        value = event.price_ticks * event.size_lots
        self._move(event.account_id, event.instrument_id, sign * event.size_lots, sign * value, event.taker_fee_micros)
        self._move(
            event.maker_account_id, event.instrument_id, -sign * event.size_lots, -sign * value, event.maker_fee_micros
        )
        self.books[event.instrument_id].last_price = event.price_ticks

    def _move(self, account_id: int, instrument_id: int, lots: int, value: int, fee: int) -> None:
        tally = self.tallies[account_id]
        held = tally.lots[instrument_id]
        tally.lots[instrument_id] = held + lots
        tally.value += value
        tally.fees += fee
        self.books[instrument_id].long_lots += max(0, held + lots) - max(0, held)

    # Clearing's requests

    def _moved(self, event: events.PositionTransferred) -> None:
        self._settle_incoming()
        expect = self._findings.expect
        request = self._request_of(event.request_seq)
        delta = event.giver_delta_lots
        self._transferred[event.request_seq] = (abs(delta), abs(event.giver_value_micros))
        giver = self.tallies[event.account_id].lots[event.instrument_id]
        receiver = self.tallies[event.receiver_account_id].lots[event.instrument_id]
        if request is None or request.command != CommandKind.TRANSFER:
            expect(Rule.INV_060, False, f"a TRANSFER request {event.request_seq} of clearing for this transfer")
        else:
            asked = (request.account_id, request.receiver_account_id, request.instrument_id, request.size_lots)
            told = (event.account_id, event.receiver_account_id, event.instrument_id, event.requested_delta_lots)
            expect(Rule.INV_060, asked == told, f"giver, receiver, instrument and lots {asked}, as clearing asked")
            exact = request.value_micros * delta
            expect(
                Rule.INV_050,
                abs(event.giver_value_micros * request.size_lots - exact) < abs(request.size_lots),
                f"the asked value {request.value_micros} in proportion to the lots moved",
            )
            if not request.receiver_may_increase:
                side = Side.BUY if delta < 0 else Side.SELL
                expect(
                    Rule.INV_060,
                    delta == 0 or self._reduces(receiver, side, abs(delta)),
                    f"a transfer that only reduces the receiver's {receiver} lots",
                )
        side = Side.BUY if delta > 0 else Side.SELL
        expect(
            Rule.INV_060,
            delta == 0
            or (request is not None and request.giver_may_increase == 1)
            or self._reduces(giver, side, abs(delta)),
            f"a transfer that only reduces the giver's {giver} lots",
        )
        self._move(event.account_id, event.instrument_id, delta, event.giver_value_micros, 0)
        self._move(event.receiver_account_id, event.instrument_id, -delta, -event.giver_value_micros, 0)

    def _answered(self, event: events.RequestAnswered) -> None:
        self._settle_incoming()
        expect = self._findings.expect
        request_id = (event.request_seq, event.request_number)
        expect(
            Rule.INV_090,
            request_id > self._last_request,
            f"a request after {self._last_request}: each is answered once",
        )
        self._last_request = max(self._last_request, request_id)
        request = self._request_of(event.request_seq)
        if request is None:
            expect(Rule.INV_090, False, f"an answer to a request of clearing; it made none at seq {event.request_seq}")
            return
        said = (event.done_lots, event.done_value_micros)
        if event.command == CommandKind.LIQUIDATE:
            order = self._liquidated.pop(event.request_seq, None)
            done = (0, 0) if order is None else (order.filled, order.filled_value)
            expect(Rule.INV_050, said == done, f"{done[0]} lots and a value of {done[1]}, as traded")
        elif event.command == CommandKind.TRANSFER:
            done = self._transferred.pop(event.request_seq, (0, 0))
            expect(Rule.INV_050, said == done, f"{done[0]} lots and a value of {done[1]}, as transferred")
        elif event.command == CommandKind.CANCEL_ACCOUNT:
            left = sorted(self.by_account[event.account_id])
            expect(Rule.INV_080, not left, f"no order of account {event.account_id} left; {left[:3]} still rest")

    # What others see

    def _sampled(self, event: events.BookSampled) -> None:
        self._settle_incoming()
        book = self.books[event.instrument_id]
        bids = book.sides[int(Side.BUY)].depth(1)
        asks = book.sides[int(Side.SELL)].depth(1)
        best = (*(bids[0][:2] if bids else (0, 0)), *(asks[0][:2] if asks else (0, 0)), book.last_price)
        said = (
            event.bid_price_ticks,
            event.bid_size_lots,
            event.ask_price_ticks,
            event.ask_size_lots,
            event.last_price_ticks,
        )
        self._findings.expect(
            Rule.MTCH_010, said == best, f"bid, size, ask, size and last {best} in the rebuilt book, not {said}"
        )
        self._findings.expect(
            Rule.INV_020,
            event.open_interest_lots == book.long_lots,
            f"an open interest of {book.long_lots} lots, the long side's",
        )

    def _marked(self, event: events.MarkApplied) -> None:
        self._settle_incoming()
        self.books[event.instrument_id].mark = event.mark_price_ticks
        self.books[event.instrument_id].index = event.index_price_ticks

    # Triggers, groups and states

    def _live(self, order_id: int) -> Order | None:
        order = self.orders.get(order_id)
        if order is None:
            self._offend(Rule.ORD_060, f"a live order {order_id}; it never lived, or ended before")
        return order

    def _triggered(self, event: events.OrderTriggered) -> None:
        self._settle_incoming()
        order = self._live(event.order_id)
        if order is not None:
            self._waiting.triggered(order, event)
            order.price, order.remaining, order.waits = event.price_ticks, event.size_lots, False
            self._incoming = order

    def _activated(self, event: events.OrderActivated) -> None:
        order = self._live(event.order_id)
        if order is not None:
            self._waiting.activated(order, event)
            order.remaining, order.waits_for_parent = event.size_lots, False

    def _instrument_moved(self, event: events.InstrumentMoved) -> None:
        self._settle_incoming()
        self._waiting.moved(event)
