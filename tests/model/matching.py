"""A naive matching shard: one list of orders, sorted anew for every trade; every sum computed from scratch.

It answers the same commands with the same events and results as the engine, by the rules alone. Property tests compare
the two after each input.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from tests.model.margin import exact_fee, initial_micros, maintenance_micros
from wavetank.matching.core.commands import CommandResult
from wavetank.matching.core.credit import CreditLine
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.events import matching as events
from wavetank.model.instrument import Instrument
from wavetank.model.orders import CancelReason, CommandKind, InstrumentState, LineStatus, OrderFlag, OrderState
from wavetank.model.reason import Reason
from wavetank.model.record import Event

BUY, SELL = 1, 2
LIMIT, MARKET = 1, 2
GTC, IOC, FOK = 1, 2, 3
MAX_PRICE = MAX_LOTS = 2**31 - 1
LOTS_BOUND = 2**40 - 1
NOTIONAL_BOUND = 2**55 - 1


@dataclass
class Ask:
    """A command in words; the fields that a kind does not use are 0."""

    kind: int
    account_id: int
    instrument_id: int = 0
    side: int = 0
    order_type: int = 0
    time_in_force: int = 0
    flags: int = 0
    order_id: int = 0
    client_order_id: bytes = b""
    price_ticks: int = 0
    size_lots: int = 0
    slippage_cap_ppm: int = 0
    cancel_reason: int = 0
    request: tuple[int, int] = (0, 0)
    receiver_account_id: int = 0
    value_micros: int = 0
    receiver_may_increase: bool = False


@dataclass
class NaiveOrder:
    """An order, open or ended."""

    order_id: int
    ask: Ask
    instrument_id: int
    account_id: int
    side: int
    price: int
    remaining: int
    flags: int
    time_in_force: int
    margin_price: int
    accepted_ns: int
    priority: int = 0
    fills: list[tuple[int, int]] = field(default_factory=list)
    filled: int = 0
    value: int = 0
    answer: tuple[int, int] = (0, 0)
    amended: bool = False
    resting: bool = False
    state: int = OrderState.OPEN
    cancel_reason: int = 0

    @property
    def reduces(self) -> bool:
        return bool(self.flags & OrderFlag.REDUCE_ONLY)

    @property
    def liquidates(self) -> bool:
        return bool(self.flags & OrderFlag.LIQUIDATION)


@dataclass
class NaiveAccount:
    """An account: positions, sums, its line, and the ended orders it remembers."""

    positions: dict[int, int] = field(default_factory=dict)
    value: int = 0
    fees: int = 0
    last_fill_seq: int = 0
    first_uncounted: int = 0
    line: CreditLine | None = None
    floor: tuple[int, int] = (0, 0)
    remembered: list[NaiveOrder] = field(default_factory=list)
    history: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    """(seq, instrument, lots, value, fee) of every change of a position."""


class Refused(Exception):
    """A check failed."""

    def __init__(self, reason: Reason, was: int = 0, allowed: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.was, self.allowed = reason, was, allowed


def refuse_if(condition: bool, reason: Reason, was: int = 0, allowed: int = 0) -> None:
    if condition:
        raise Refused(reason, was, allowed)


class NaiveShard:
    """One shard, naively."""

    def __init__(self, shard: int, settings: EngineSettings) -> None:
        self.settings = settings
        self.base = (shard + 1) << 48
        self.instruments: dict[int, Instrument] = {}
        self.marks: dict[int, tuple[int, bool]] = {}
        self.last_prices: dict[int, int] = {}
        self.accounts: dict[int, NaiveAccount] = {}
        self.orders: list[NaiveOrder] = []
        self.orders_made = self.trades_made = self.priorities = 0
        self.request = (0, 0)
        self.is_open = False
        self.now = 0
        self.times: list[int] = []
        self.emitted: list[Event] = []

    # Events ------------------------------------------------------------------------------------

    @property
    def next_seq(self) -> int:
        return len(self.times) + 1

    def emit(self, event: Event) -> None:
        self.emitted.append(event)
        self.times.append(self.now)

    def take(self) -> list[Event]:
        taken, self.emitted = self.emitted, []
        return taken

    # Inputs other than commands ----------------------------------------------------------------

    def list_instrument(self, instrument: Instrument) -> None:
        self.instruments[instrument.instrument_id] = instrument

    def apply_mark(self, now: int, instrument_id: int, mark: int, *, stale: bool, oracle_seq: int) -> None:
        self.now = now
        self.marks[instrument_id] = (mark, stale)
        self.emit(events.MarkApplied(instrument_id, 0, mark, mark, now, oracle_seq, now, int(stale)))

    def set_gate(self, now: int, *, is_open: bool) -> None:
        self.now = now
        if is_open != self.is_open:
            self.is_open = is_open
            self.emit(events.GateMoved(0, 0, int(is_open)))

    def apply_credit(self, now: int, line: CreditLine) -> bool:
        self.now = now
        account = self.accounts.setdefault(line.account_id, NaiveAccount())
        number = (line.line_epoch, line.line_number)
        if account.line is None:
            if number < account.floor:
                return False
        elif number <= (account.line.line_epoch, account.line.line_number):
            return False
        if line.as_of_seq >= account.last_fill_seq:
            account.first_uncounted = 0
        elif account.line is None or line.as_of_seq >= account.first_uncounted:
            account.first_uncounted = line.as_of_seq + 1
        account.line = line
        if line.acknowledge:
            account.floor = number
            self.emit(events.CreditApplied(0, line.account_id, *number, self.committed(line.account_id)))
        return True

    def restart(self) -> None:
        """Forget what a restarted process does not know: the lines."""
        for account in self.accounts.values():
            account.line = None

    # Sums, always from scratch -----------------------------------------------------------------

    def position(self, account_id: int, instrument_id: int) -> int:
        account = self.accounts.get(account_id)
        return account.positions.get(instrument_id, 0) if account else 0

    def open_interest(self, instrument_id: int) -> int:
        return sum(max(0, account.positions.get(instrument_id, 0)) for account in self.accounts.values())

    def own(self, account_id: int, instrument_id: int = 0, side: int = 0) -> list[NaiveOrder]:
        """Return the account's open orders by order id, liquidation orders aside."""
        return [
            order
            for order in sorted(self.orders, key=lambda order: order.order_id)
            if order.account_id == account_id
            and not order.liquidates
            and instrument_id in (0, order.instrument_id)
            and side in (0, order.side)
        ]

    def side_lots(self, account_id: int, instrument_id: int, side: int, *, reducing: bool) -> int:
        return sum(o.remaining for o in self.own(account_id, instrument_id, side) if o.reduces == reducing)

    def row(self, account_id: int, instrument_id: int) -> tuple[int, int, int]:
        """Return counted position, margin price and leverage."""
        line = self.accounts[account_id].line
        for row in line.rows if line else ():
            if row.instrument_id == instrument_id:
                leverage = row.leverage or self.instruments[instrument_id].max_leverage
                return row.position_lots, row.margin_price_ticks, leverage
        return 0, self.marks.get(instrument_id, (0, False))[0], self.instruments[instrument_id].max_leverage

    def loss(self, order: NaiveOrder) -> int:
        beyond = order.price - order.margin_price if order.side == BUY else order.margin_price - order.price
        taker = self.instruments[order.instrument_id].taker_fee_ppm
        paid = exact_fee(order.fills)
        rest = Fraction(order.remaining * order.price * taker, 10**6)
        return order.remaining * max(0, beyond) + math.ceil(paid + rest) - math.ceil(paid)

    def committed(self, account_id: int) -> int:
        """Return W (R6)."""
        total = 0
        for instrument_id, instrument in self.instruments.items():
            if account_id not in self.accounts:
                return 0
            _, price, leverage = self.row(account_id, instrument_id)
            position = self.position(account_id, instrument_id)
            # Wherever the fills may lead: all buys alone, or all sells alone.
            buys = sum(order.remaining for order in self.own(account_id, instrument_id, BUY))
            sells = sum(order.remaining for order in self.own(account_id, instrument_id, SELL))
            total += max(
                initial_micros(instrument, position + buys, price, leverage),
                initial_micros(instrument, position - sells, price, leverage),
            )
        return total + sum(self.loss(order) for order in self.own(account_id))

    def uncounted(self, account_id: int) -> int:
        """Return U (R5), of unbounded numbers; the line's counters are those of the history at as_of_seq."""
        account = self.accounts[account_id]
        line_value, line_fees = (
            (account.line.counted_value_micros, account.line.counted_fees_micros) if account.line else (0, 0)
        )
        moved = 0
        for instrument_id in self.instruments:
            counted, price, _ = self.row(account_id, instrument_id)
            moved += price * (self.position(account_id, instrument_id) - counted)
        return moved - (account.value - line_value) - (account.fees - line_fees)

    # The book ----------------------------------------------------------------------------------

    def side_of_book(self, instrument_id: int, side: int) -> list[NaiveOrder]:
        """Return the resting orders of a side: best price first, then oldest first."""
        resting = [o for o in self.orders if o.resting and o.instrument_id == instrument_id and o.side == side]
        return sorted(resting, key=lambda o: (-o.price if side == BUY else o.price, o.priority))

    def crosses(self, side: int, limit: int, price: int) -> bool:
        return price <= limit if side == BUY else price >= limit

    def rest(self, order: NaiveOrder) -> None:
        self.priorities += 1
        order.priority = self.priorities
        order.resting = True

    def end(self, order: NaiveOrder, state: int, cancel_reason: int = 0) -> None:
        self.orders.remove(order)
        order.state, order.cancel_reason, order.resting = state, cancel_reason, False
        if order.ask.client_order_id:
            remembered = self.accounts[order.account_id].remembered
            remembered.append(order)
            del remembered[: max(0, len(remembered) - self.settings.remembered_client_ids)]

    def cancel(self, order: NaiveOrder, cancel_reason: int) -> None:
        self.emit(
            events.OrderCancelled(
                order.instrument_id, order.account_id, order.order_id, order.ask.client_order_id, order.price,
                order.remaining, order.side, cancel_reason, order.flags, 0,
            )
        )  # fmt: skip
        self.end(order, OrderState.CANCELLED, cancel_reason)

    def move(self, account_id: int, instrument_id: int, lots: int, value: int, fee: int, seq: int) -> None:
        account = self.accounts[account_id]
        account.positions[instrument_id] = self.position(account_id, instrument_id) + lots
        account.value += value
        account.fees += fee
        account.last_fill_seq = seq
        account.first_uncounted = account.first_uncounted or seq
        account.history.append((seq, instrument_id, lots, value, fee))

    def fill(self, order: NaiveOrder, lots: int, price: int, rate: int, *, takes: bool) -> int:
        before = math.ceil(exact_fee(order.fills))
        order.fills.append((lots * price, rate))
        fee = math.ceil(exact_fee(order.fills)) - before
        order.remaining -= lots
        order.filled += lots
        order.value += lots * price
        if takes and not order.amended:
            order.answer = (order.filled, order.value)
        sign = 1 if order.side == BUY else -1
        self.move(order.account_id, order.instrument_id, sign * lots, sign * lots * price, fee, self.next_seq)
        return fee

    def run(self, taker: NaiveOrder) -> None:
        """Match an order, then rest or cancel what is left."""
        instrument = self.instruments[taker.instrument_id]
        while taker.remaining:
            others = self.side_of_book(taker.instrument_id, SELL if taker.side == BUY else BUY)
            if not others or not self.crosses(taker.side, taker.price, others[0].price):
                break
            maker = others[0]
            if maker.account_id == taker.account_id:
                self.cancel(maker, CancelReason.SELF_TRADE)
                continue
            lots = min(maker.remaining, taker.remaining)
            self.trades_made += 1
            maker_fee = self.fill(maker, lots, maker.price, instrument.maker_fee_ppm, takes=False)
            rate = 0 if taker.liquidates else instrument.taker_fee_ppm
            taker_fee = self.fill(taker, lots, maker.price, rate, takes=True)
            self.last_prices[taker.instrument_id] = maker.price
            self.emit(
                events.Traded(
                    taker.instrument_id, taker.account_id, self.base | self.trades_made, maker.account_id,
                    maker.order_id, taker.order_id, maker.price, lots, maker_fee, taker_fee, maker.remaining,
                    taker.remaining, taker.side, taker.flags, 0,
                )
            )  # fmt: skip
            for order in (maker, taker):
                if not order.remaining:
                    self.end(order, OrderState.FILLED)
            self.trim(maker.account_id, taker.instrument_id)
            self.trim(taker.account_id, taker.instrument_id)
        if taker.remaining and taker.time_in_force == GTC:
            self.rest(taker)
        elif taker.remaining:
            self.cancel(taker, CancelReason.IMMEDIATE_REMAINDER)

    def trim(self, account_id: int, instrument_id: int) -> None:
        """Bring resting reduce-only orders down to the position, newest first."""
        position = self.position(account_id, instrument_id)
        for side, closable in ((SELL, max(0, position)), (BUY, max(0, -position))):
            excess = self.side_lots(account_id, instrument_id, side, reducing=True) - closable
            for order in reversed(self.own(account_id, instrument_id, side)):
                if excess <= 0 or not order.reduces:
                    continue
                previous = order.remaining
                if previous <= excess:
                    self.cancel(order, CancelReason.REDUCE_ONLY)
                else:
                    order.remaining -= excess
                    order.amended = True
                    self.emit_amended(order, order.price, previous, kept=True)
                excess -= previous

    def emit_amended(self, order: NaiveOrder, previous_price: int, previous_lots: int, *, kept: bool) -> None:
        self.emit(
            events.OrderAmended(
                order.instrument_id, order.account_id, order.order_id, order.ask.client_order_id, previous_price,
                order.price, previous_lots, order.remaining, self.loss(order), order.margin_price, 0,
                order.side, int(kept),
            )
        )  # fmt: skip

    # Checks ------------------------------------------------------------------------------------

    def grid_step(self, instrument: Instrument, price: int) -> int:
        """Return the least power of ten up to a dollar that leaves at most the significant figures."""
        step = 1
        while (
            instrument.significant_figures
            and price // step >= 10**instrument.significant_figures
            and step < instrument.ticks_per_dollar
        ):
            step *= 10
        return step

    def band_edge(self, instrument_id: int, side: int, ppm: int) -> int:
        mark = self.marks[instrument_id][0]
        reach = math.floor(Fraction(mark * ppm, 10**6))
        edge = min(mark + reach, MAX_PRICE) if side == BUY else max(mark - reach, 1)
        step = self.grid_step(self.instruments[instrument_id], edge)
        return edge // step * step if side == BUY else math.ceil(Fraction(edge, step)) * step

    def proposal(self, ask: Ask) -> NaiveOrder:
        """Return the order that a PLACE asks for, its body checked."""
        refuse_if(ask.instrument_id not in self.instruments, Reason.INSTRUMENT_UNKNOWN, ask.instrument_id)
        known = (
            ask.side in (BUY, SELL)
            and ask.order_type in (LIMIT, MARKET)
            and ask.flags in (0, 1, 2, 3)
            and 0 <= ask.slippage_cap_ppm <= 10**6
            and ask.time_in_force in ((GTC, IOC, FOK) if ask.order_type == LIMIT else (0, GTC, IOC, FOK))
        )
        refuse_if(not known, Reason.MALFORMED)
        post_only = bool(ask.flags & OrderFlag.POST_ONLY)
        if ask.order_type == MARKET:
            refuse_if(ask.time_in_force == GTC or ask.price_ticks != 0 or post_only, Reason.ORDER_COMBINATION)
        else:
            refuse_if(ask.slippage_cap_ppm != 0 or (post_only and ask.time_in_force != GTC), Reason.ORDER_COMBINATION)
        refuse_if(not self.is_open, Reason.NOT_READY)
        instrument = self.instruments[ask.instrument_id]
        refuse_if(
            instrument.state != InstrumentState.TRADING, Reason.INSTRUMENT_STATE, instrument.state,
            InstrumentState.TRADING,
        )  # fmt: skip
        price = ask.price_ticks
        if ask.order_type == MARKET:
            refuse_if(ask.instrument_id not in self.marks, Reason.NO_REFERENCE_PRICE)
            cap = min(ask.slippage_cap_ppm or instrument.price_band_ppm, instrument.price_band_ppm)
            price = self.band_edge(ask.instrument_id, ask.side, cap)
        return NaiveOrder(
            0, ask, ask.instrument_id, ask.account_id, ask.side, price, ask.size_lots, ask.flags,
            ask.time_in_force or IOC, 0, self.now,
        )  # fmt: skip

    def check(self, order: NaiveOrder, replaced: NaiveOrder | None, *, market: bool) -> None:
        """Check an order against everything; `replaced` is not among the account's orders while this runs."""
        instrument = self.instruments[order.instrument_id]
        refuse_if(not 1 <= order.price <= MAX_PRICE, Reason.PRICE_OUT_OF_RANGE, order.price, MAX_PRICE)
        step = self.grid_step(instrument, order.price)
        refuse_if(order.price % step != 0, Reason.PRICE_OFF_GRID, order.price, step)
        refuse_if(order.instrument_id not in self.marks, Reason.NO_REFERENCE_PRICE)
        mark, stale = self.marks[order.instrument_id]
        if not market and abs(order.price - mark) * 10**6 > mark * instrument.price_band_ppm:
            edge = self.band_edge(order.instrument_id, BUY if order.price > mark else SELL, instrument.price_band_ppm)
            raise Refused(Reason.OUTSIDE_PRICE_BAND, order.price, edge)
        refuse_if(stale and not order.reduces, Reason.PRICE_STALE)
        lots = order.remaining
        refuse_if(not 1 <= lots <= MAX_LOTS, Reason.SIZE_OUT_OF_RANGE, lots, MAX_LOTS)
        refuse_if(lots > instrument.max_order_lots, Reason.ORDER_TOO_LARGE, lots, instrument.max_order_lots)
        position = self.position(order.account_id, order.instrument_id)
        if order.reduces:
            closable = position if order.side == SELL else -position
            closable -= self.side_lots(order.account_id, order.instrument_id, order.side, reducing=True)
            refuse_if(lots > max(0, closable), Reason.REDUCE_ONLY_WOULD_INCREASE, lots, max(0, closable))
        else:
            notional = lots * (mark if market else order.price)
            least = instrument.min_notional_micros
            refuse_if(notional < least, Reason.NOTIONAL_TOO_SMALL, notional, least)
        self.check_limits(order, replaced, instrument, position)
        self.check_book(order)
        self.check_credit(order, replaced, position)

    def check_limits(
        self, order: NaiveOrder, replaced: NaiveOrder | None, instrument: Instrument, position: int
    ) -> None:
        own = self.own(order.account_id, order.instrument_id)
        total = abs(position) + sum(o.remaining for o in own) + order.remaining
        refuse_if(total > LOTS_BOUND, Reason.AMOUNT_OUT_OF_RANGE, total, LOTS_BOUND)
        price = self.row(order.account_id, order.instrument_id)[1]
        open_value = sum(o.remaining * o.price for o in own) + order.remaining * order.price
        notional = max(total * price, open_value)
        refuse_if(notional > NOTIONAL_BOUND, Reason.AMOUNT_OUT_OF_RANGE, min(notional, 2**63 - 1), NOTIONAL_BOUND)
        if not order.reduces:
            signed = position if order.side == BUY else -position
            waiting = self.side_lots(order.account_id, order.instrument_id, order.side, reducing=False)
            reach = signed + waiting + order.remaining
            most = instrument.max_position_lots
            refuse_if(reach > most, Reason.POSITION_TOO_LARGE, reach, most)
            growth = max(0, signed + order.remaining) - max(0, signed)
            after, cap = self.open_interest(order.instrument_id) + growth, instrument.open_interest_cap_lots
            refuse_if(growth > 0 and after > cap, Reason.OPEN_INTEREST_CAP, after, cap)
        if replaced is None:
            count = len(self.own(order.account_id)) + 1
            most = self.settings.max_open_orders
            refuse_if(order.time_in_force == GTC and count > most, Reason.TOO_MANY_OPEN_ORDERS, count, most)
            active = {
                instrument_id
                for instrument_id in self.instruments
                if self.position(order.account_id, instrument_id) or self.own(order.account_id, instrument_id)
            }
            most = self.settings.max_instruments
            refuse_if(
                order.instrument_id not in active and len(active) >= most, Reason.TOO_MANY_INSTRUMENTS,
                len(active) + 1, most,
            )  # fmt: skip

    def check_book(self, order: NaiveOrder) -> None:
        others = self.side_of_book(order.instrument_id, SELL if order.side == BUY else BUY)
        if order.flags & OrderFlag.POST_ONLY and others and self.crosses(order.side, order.price, others[0].price):
            raise Refused(Reason.POST_ONLY_WOULD_CROSS, order.price, others[0].price)
        if order.time_in_force == FOK:
            fillable = sum(
                other.remaining
                for other in others
                if self.crosses(order.side, order.price, other.price)
                and other.account_id != order.account_id
                and not (
                    other.reduces and self.side_lots(other.account_id, other.instrument_id, other.side, reducing=False)
                )
            )
            refuse_if(fillable < order.remaining, Reason.FILL_OR_KILL_UNFILLED, order.remaining, fillable)

    def check_credit(self, order: NaiveOrder, replaced: NaiveOrder | None, position: int) -> None:
        account = self.accounts[order.account_id]
        order.margin_price = self.row(order.account_id, order.instrument_id)[1]
        status = account.line.status if account.line else None
        refuse_if(status == LineStatus.FROZEN, Reason.ACCOUNT_FROZEN)
        if order.reduces and order.time_in_force != GTC:
            instrument = self.instruments[order.instrument_id]
            released = maintenance_micros(instrument, position, order.margin_price) - maintenance_micros(
                instrument, abs(position) - order.remaining, order.margin_price
            )
            if not self.own(order.account_id, order.instrument_id, order.side) and self.loss(order) <= released:
                return
        if account.line is None:
            raise Refused(Reason.NO_CREDIT_LINE)
        if replaced is not None:
            self.orders.append(replaced)
        before = self.committed(order.account_id)
        if replaced is not None:
            self.orders.remove(replaced)
        self.orders.append(order)
        after = self.committed(order.account_id)
        self.orders.remove(order)
        if after <= before:
            return
        refuse_if(status == LineStatus.REDUCE_ONLY, Reason.ACCOUNT_REDUCE_ONLY)
        oldest = self.now
        if account.first_uncounted:
            oldest = self.times[account.first_uncounted - 1]
        if account.line.rows:
            oldest = min(oldest, account.line.mark_time_ns)
        ttl = self.settings.credit_ttl_ns
        refuse_if(self.now - oldest > ttl, Reason.CREDIT_STALE, self.now - oldest, ttl)
        allowed = account.line.budget_micros + self.uncounted(order.account_id)
        refuse_if(after > allowed + account.line.elsewhere_micros, Reason.CREDIT_EXCEEDED, after, allowed)
        refuse_if(after > allowed, Reason.CREDIT_ELSEWHERE, after, allowed)

    # Commands ----------------------------------------------------------------------------------

    def apply(self, now: int, asks: list[Ask]) -> list[CommandResult]:
        self.now = now
        return [self.answer(ask) for ask in asks]

    def answer(self, ask: Ask) -> CommandResult:
        handlers: dict[int, Callable[[Ask], CommandResult]] = {
            CommandKind.PLACE: self.place,
            CommandKind.CANCEL: self.cancel_one,
            CommandKind.AMEND: self.amend,
            CommandKind.CANCEL_ALL: self.cancel_all,
            CommandKind.LIQUIDATE: self.carry_out,
            CommandKind.CANCEL_ACCOUNT: self.carry_out,
            CommandKind.TRANSFER: self.carry_out,
        }
        try:
            return handlers[ask.kind](ask)
        except Refused as refused:
            self.emit(
                events.OrderRejected(
                    ask.instrument_id, ask.account_id, ask.order_id, ask.client_order_id, ask.price_ticks,
                    ask.size_lots, refused.was, refused.allowed, refused.reason, ask.kind, ask.side, ask.order_type,
                    ask.time_in_force, ask.flags,
                )
            )  # fmt: skip
            state = OrderState.REJECTED if ask.kind == CommandKind.PLACE else 0
            return CommandResult(
                ask.order_id, 0, 0, 0, refused.was, refused.allowed, 0, refused.reason, state, repeated=False,
                client_order_id=ask.client_order_id,
            )  # fmt: skip

    def result(self, order: NaiveOrder) -> CommandResult:
        return CommandResult(
            order.order_id, order.filled, order.remaining, order.value, 0, 0, 0, 0, order.state, repeated=False,
            client_order_id=order.ask.client_order_id,
        )  # fmt: skip

    def known(self, account_id: int, client_order_id: bytes) -> NaiveOrder | None:
        candidates = [*self.own(account_id), *self.accounts[account_id].remembered]
        return next((o for o in candidates if o.ask.client_order_id == client_order_id), None)

    def place(self, ask: Ask) -> CommandResult:
        account = self.accounts.get(ask.account_id)
        if account and ask.client_order_id:
            known = self.known(ask.account_id, ask.client_order_id)
            if known is not None:
                return self.answer_again(ask, known)
        refuse_if(account is None or (account.line is None and not account.history), Reason.NO_CREDIT_LINE)
        order = self.proposal(ask)
        self.check(order, None, market=ask.order_type == MARKET)
        self.orders_made += 1
        order.order_id = self.base | self.orders_made
        self.orders.append(order)
        self.emit(
            events.OrderAccepted(
                order.instrument_id, order.account_id, order.order_id, ask.client_order_id, order.price,
                order.remaining, self.loss(order), order.margin_price, ask.slippage_cap_ppm, 0, 0, 0, 0, 0, 0, 0,
                order.side, ask.order_type, order.time_in_force, order.flags, 0, 0, 0, 0,
            )
        )  # fmt: skip
        self.run(order)
        return self.result(order)

    def answer_again(self, ask: Ask, known: NaiveOrder) -> CommandResult:
        first = known.ask
        same = (
            (ask.instrument_id, ask.side, ask.order_type, ask.flags, ask.price_ticks, ask.size_lots)
            == (first.instrument_id, first.side, first.order_type, first.flags, first.price_ticks, first.size_lots)
            and ask.slippage_cap_ppm == first.slippage_cap_ppm
            and (ask.time_in_force or (IOC if ask.order_type == MARKET else 0)) == known.time_in_force
        )
        refuse_if(not same, Reason.CLIENT_ORDER_ID_REUSED, known.order_id)
        filled, value = known.answer
        state = OrderState.OPEN if known.time_in_force == GTC else OrderState.CANCELLED
        return CommandResult(
            known.order_id, filled, first.size_lots - filled, value, 0, 0, 0, 0,
            OrderState.FILLED if filled == first.size_lots else state, repeated=True,
            client_order_id=first.client_order_id,
        )  # fmt: skip

    def find_open(self, ask: Ask) -> NaiveOrder:
        refuse_if(bool(ask.client_order_id) == bool(ask.order_id), Reason.MALFORMED)
        for order in self.own(ask.account_id):
            if ask.order_id == order.order_id:
                return order
            if ask.client_order_id and ask.client_order_id == order.ask.client_order_id:
                return order
        raise Refused(Reason.ORDER_UNKNOWN, ask.order_id)

    def cancel_one(self, ask: Ask) -> CommandResult:
        order = self.find_open(ask)
        state = self.instruments[order.instrument_id].state
        refuse_if(state == InstrumentState.HALTED, Reason.INSTRUMENT_STATE, state, InstrumentState.TRADING)
        self.cancel(order, ask.cancel_reason or CancelReason.REQUESTED)
        return self.result(order)

    def cancel_all(self, ask: Ask) -> CommandResult:
        if ask.instrument_id:
            refuse_if(ask.instrument_id not in self.instruments, Reason.INSTRUMENT_UNKNOWN, ask.instrument_id)
        count = 0
        for order in self.own(ask.account_id, ask.instrument_id, ask.side):
            if self.instruments[order.instrument_id].state != InstrumentState.HALTED:
                self.cancel(order, ask.cancel_reason or CancelReason.REQUESTED)
                count += 1
        return CommandResult(0, 0, 0, 0, 0, 0, count, 0, 0, repeated=False, client_order_id=b"")

    def amend(self, ask: Ask) -> CommandResult:
        order = self.find_open(ask)
        instrument = self.instruments[order.instrument_id]
        refuse_if(ask.price_ticks == 0 and ask.size_lots == 0, Reason.MALFORMED)
        refuse_if(not self.is_open, Reason.NOT_READY)
        refuse_if(
            instrument.state != InstrumentState.TRADING, Reason.INSTRUMENT_STATE, instrument.state,
            InstrumentState.TRADING,
        )  # fmt: skip
        price = ask.price_ticks or order.price
        size = ask.size_lots or order.filled + order.remaining
        refuse_if(not 1 <= size <= MAX_LOTS, Reason.SIZE_OUT_OF_RANGE, size, MAX_LOTS)
        refuse_if(size <= order.filled, Reason.AMEND_BELOW_FILLED, size, order.filled)
        line = self.accounts[order.account_id].line
        refuse_if(line is not None and line.status == LineStatus.FROZEN, Reason.ACCOUNT_FROZEN)
        refuse_if(line is None, Reason.NO_CREDIT_LINE)
        previous_price, previous_lots = order.price, order.remaining
        if price == order.price and size <= order.filled + order.remaining:
            order.remaining = size - order.filled
            order.amended = True
            self.emit_amended(order, previous_price, previous_lots, kept=True)
            return self.result(order)
        changed = NaiveOrder(
            order.order_id, order.ask, order.instrument_id, order.account_id, order.side, price, size - order.filled,
            order.flags, GTC, 0, self.now, fills=order.fills,
        )  # fmt: skip
        self.orders.remove(order)
        try:
            self.check(changed, order, market=False)
        finally:
            self.orders.append(order)
        order.price, order.remaining, order.margin_price = price, changed.remaining, changed.margin_price
        order.amended, order.resting = True, False
        self.emit_amended(order, previous_price, previous_lots, kept=False)
        self.run(order)
        return self.result(order)

    # Clearing's requests -----------------------------------------------------------------------

    def carry_out(self, ask: Ask) -> CommandResult:
        if ask.request <= self.request:
            return CommandResult(0, 0, 0, 0, 0, 0, 0, 0, 0, repeated=True, client_order_id=b"")
        handlers: dict[int, Callable[[Ask], CommandResult]] = {
            CommandKind.LIQUIDATE: self.liquidate,
            CommandKind.TRANSFER: self.transfer,
            CommandKind.CANCEL_ACCOUNT: self.cancel_account,
        }
        try:
            result = handlers[ask.kind](ask)
        except Refused as refused:
            result = CommandResult(0, 0, 0, 0, 0, 0, 0, refused.reason, 0, repeated=False, client_order_id=b"")
        self.request = ask.request
        self.emit(
            events.RequestAnswered(
                ask.instrument_id, ask.account_id, ask.request[0], result.filled_lots, result.filled_value_micros,
                ask.request[1], ask.kind, result.reason,
            )
        )  # fmt: skip
        return result

    def cancel_account(self, ask: Ask) -> CommandResult:
        orders = self.own(ask.account_id)
        for order in orders:
            self.cancel(order, CancelReason.LIQUIDATION)
        return CommandResult(0, 0, 0, 0, 0, 0, len(orders), 0, 0, repeated=False, client_order_id=b"")

    def liquidate(self, ask: Ask) -> CommandResult:
        refuse_if(ask.instrument_id not in self.instruments, Reason.INSTRUMENT_UNKNOWN)
        instrument = self.instruments[ask.instrument_id]
        refuse_if(instrument.state != InstrumentState.TRADING, Reason.INSTRUMENT_STATE)
        refuse_if(ask.size_lots < 1, Reason.SIZE_OUT_OF_RANGE)
        refuse_if(ask.instrument_id not in self.marks, Reason.NO_REFERENCE_PRICE)
        position = self.position(ask.account_id, ask.instrument_id)
        closable = -position if ask.side == BUY else position
        refuse_if(closable <= 0, Reason.REDUCE_ONLY_WOULD_INCREASE)
        lots = min(closable, ask.size_lots, MAX_LOTS)
        edge = self.band_edge(ask.instrument_id, ask.side, instrument.price_band_ppm)
        if ask.side == BUY:
            refuse_if(ask.price_ticks < 1, Reason.PRICE_OUT_OF_RANGE)
            price = min(ask.price_ticks, edge)
            price -= price % self.grid_step(instrument, price)
        else:
            refuse_if(ask.price_ticks > MAX_PRICE, Reason.PRICE_OUT_OF_RANGE)
            price = max(ask.price_ticks, edge)
            price += -price % self.grid_step(instrument, price)
            refuse_if(price > MAX_PRICE, Reason.PRICE_OUT_OF_RANGE)
        self.orders_made += 1
        order = NaiveOrder(
            self.base | self.orders_made, Ask(ask.kind, ask.account_id), ask.instrument_id, ask.account_id, ask.side,
            price, lots, OrderFlag.REDUCE_ONLY | OrderFlag.LIQUIDATION, IOC, self.marks[ask.instrument_id][0], self.now,
        )  # fmt: skip
        self.orders.append(order)
        self.emit(
            events.OrderAccepted(
                ask.instrument_id, ask.account_id, order.order_id, b"", price, lots, 0, order.margin_price, 0,
                ask.request[0], 0, 0, ask.request[1], 0, 0, 0, ask.side, LIMIT, IOC, order.flags, 0, 0, 0, 0,
            )
        )  # fmt: skip
        self.run(order)
        return self.result(order)

    def transfer(self, ask: Ask) -> CommandResult:
        refuse_if(ask.instrument_id not in self.instruments, Reason.INSTRUMENT_UNKNOWN)
        refuse_if(ask.account_id == ask.receiver_account_id, Reason.MALFORMED)
        giver = self.position(ask.account_id, ask.instrument_id)
        receiver = self.position(ask.receiver_account_id, ask.instrument_id)
        lots = abs(ask.size_lots) if ask.size_lots * giver < 0 else 0
        lots = min(lots, abs(giver))
        if not ask.receiver_may_increase:
            lots = min(lots, abs(receiver) if giver * receiver < 0 else 0)
        refuse_if(lots == 0, Reason.TRANSFER_CLIPPED)
        delta = lots if ask.size_lots > 0 else -lots
        # Towards zero, as a closing leg is split.
        value = math.trunc(Fraction(ask.value_micros * delta, ask.size_lots))
        self.accounts.setdefault(ask.receiver_account_id, NaiveAccount())
        self.move(ask.account_id, ask.instrument_id, delta, value, 0, self.next_seq)
        self.move(ask.receiver_account_id, ask.instrument_id, -delta, -value, 0, self.next_seq)
        self.emit(
            events.PositionTransferred(
                ask.instrument_id, ask.account_id, ask.receiver_account_id, delta, value, ask.size_lots, *ask.request
            )
        )
        self.trim(ask.account_id, ask.instrument_id)
        self.trim(ask.receiver_account_id, ask.instrument_id)
        return CommandResult(0, lots, 0, abs(value), 0, 0, 0, 0, 0, repeated=False, client_order_id=b"")

    # Samples -----------------------------------------------------------------------------------

    def impact_e6(self, instrument_id: int, side: int) -> int:
        """Return notional / lots it takes, times 10^6; Python rounds a Fraction half to even."""
        notional = self.instruments[instrument_id].impact_notional_micros
        left, lots = Fraction(notional), Fraction(0)
        for order in self.side_of_book(instrument_id, side):
            taken = min(Fraction(order.remaining), left / order.price)
            lots += taken
            left -= taken * order.price
        return round(notional / lots * 10**6) if left == 0 else 0

    def sample(self, now: int) -> None:
        self.now = now
        for instrument_id in sorted(self.instruments):
            bids, asks = self.side_of_book(instrument_id, BUY), self.side_of_book(instrument_id, SELL)
            mark = self.marks.get(instrument_id, (0, False))[0]
            reach = Fraction(mark * self.settings.depth_band_ppm, 10**6)
            best_bid, best_ask = (bids[0].price if bids else 0), (asks[0].price if asks else 0)
            self.emit(
                events.BookSampled(
                    instrument_id, 0,
                    best_bid, sum(o.remaining for o in bids if o.price == best_bid),
                    best_ask, sum(o.remaining for o in asks if o.price == best_ask),
                    self.last_prices.get(instrument_id, 0),
                    self.impact_e6(instrument_id, BUY), self.impact_e6(instrument_id, SELL),
                    sum(o.remaining for o in bids if mark and o.price >= mark - reach),
                    sum(o.remaining for o in asks if mark and o.price <= mark + reach),
                    self.open_interest(instrument_id), now,
                )
            )  # fmt: skip
