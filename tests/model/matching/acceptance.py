"""Acceptance: each check in its stated order; the first that fails gives the reason (ORD-060)."""

from __future__ import annotations

from dataclasses import dataclass

from tests.model.matching import book, credit, limits, triggers
from tests.model.matching.commands import Ask
from tests.model.matching.state import (
    BUY,
    CANCEL_ON_DISCONNECT,
    FOK,
    GTC,
    GTT,
    IOC,
    LIMIT,
    LOTS_BOUND,
    MARKET,
    MAX_LOTS,
    MAX_PRICE,
    NOTIONAL_BOUND,
    POST_ONLY,
    POST_ONLY_SLIDE,
    QUOTE,
    REDUCE_ONLY,
    SELL,
    UNTRIGGERED,
    WAITING,
    Order,
    Refused,
    Shard,
    other_side,
    refuse_if,
)
from wavetank.model.instrument import Instrument
from wavetank.model.orders import GroupKind, InstrumentState, LineStatus, SelfTradePrevention
from wavetank.model.reason import Reason

CLIENT_FLAGS = POST_ONLY | REDUCE_ONLY | POST_ONLY_SLIDE | CANCEL_ON_DISCONNECT
TRIGGERS = ((0, 0), (1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3))
TAKES_TRIGGERS = (
    InstrumentState.TRADING,
    InstrumentState.POST_ONLY,
    InstrumentState.REDUCE_ONLY,
    InstrumentState.AUCTION,
)


@dataclass(frozen=True)
class Member:
    """An order's place in a group: the kind, and the members before it."""

    kind: int
    before: list[Ask]


def accepted(shard: Shard, ask: Ask, member: Member | None = None, *, quote: bool = False) -> Order:
    """Return the order that a PLACE asks for; it has no id yet and stands nowhere.

    Raises:
        Refused: a check failed.

    """
    account = shard.accounts.get(ask.account_id)
    refuse_if(account is None or (account.line is None and not account.history), Reason.NO_CREDIT_LINE)
    refuse_if(ask.instrument_id not in shard.instruments, Reason.INSTRUMENT_UNKNOWN, ask.instrument_id)
    check_body(ask, quote=quote)
    if member is not None:
        check_member(ask, member)
    refuse_if(not shard.is_open, Reason.NOT_READY)
    check_state(shard, ask)
    if ask.time_in_force == GTT:
        refuse_if(ask.expire_time_ns <= shard.now, Reason.EXPIRY_PASSED, ask.expire_time_ns, shard.now)
    order = as_asked(shard, ask)
    if not ask.trigger_kind:
        order.price = limit_of(shard, ask)
        check(shard, order, shard.working(ask.account_id))
        return order
    order.group_kind = member.kind if member else 0
    order.state = WAITING if order.group_kind == GroupKind.PARENT else UNTRIGGERED
    check_waiting(shard, order)
    return order


def as_asked(shard: Shard, ask: Ask) -> Order:
    return Order(
        0, ask, ask.account_id, ask.instrument_id, ask.side, ask.price_ticks, ask.size_lots, ask.flags,
        ask.time_in_force or IOC, shard.now, trigger_price=ask.trigger_price_ticks,
    )  # fmt: skip


def limit_of(shard: Shard, ask: Ask) -> int:
    """Return the limit, of a market order its cap."""
    if ask.order_type == LIMIT:
        return ask.price_ticks
    refuse_if(ask.instrument_id not in shard.marks, Reason.NO_REFERENCE_PRICE)
    band = shard.instruments[ask.instrument_id].price_band_ppm
    return book.band_edge(shard, ask.instrument_id, ask.side, min(ask.slippage_cap_ppm or band, band))


# What is asked ---------------------------------------------------------------------------------


def check_body(ask: Ask, *, quote: bool) -> None:
    known = (
        ask.side in (BUY, SELL)
        and ask.order_type in (LIMIT, MARKET)
        and not ask.flags & ~(CLIENT_FLAGS | (QUOTE if quote else 0))
        and 0 <= ask.slippage_cap_ppm <= 10**6
        and ask.time_in_force in ((GTC, IOC, FOK, GTT) if ask.order_type == LIMIT else (0, GTC, IOC, FOK, GTT))
        and ask.self_trade_prevention <= SelfTradePrevention.EXPIRE_BOTH
        and ask.display_lots >= 0
        and ask.expire_time_ns >= 0
        and (ask.trigger_kind, ask.trigger_source) in TRIGGERS
        and (ask.trigger_price_ticks > 0 if ask.trigger_kind else ask.trigger_price_ticks == 0)
    )
    refuse_if(not known, Reason.MALFORMED)
    post_only = bool(ask.flags & POST_ONLY)
    slides = bool(ask.flags & POST_ONLY_SLIDE)
    may_rest = ask.order_type == LIMIT and ask.time_in_force in (GTC, GTT)
    meaningless = (
        (ask.order_type == MARKET and (ask.time_in_force in (GTC, GTT) or ask.price_ticks != 0))
        or (ask.order_type == LIMIT and ask.slippage_cap_ppm != 0)
        or (ask.time_in_force == GTT) != (ask.expire_time_ns > 0)
        or ((post_only or ask.display_lots > 0) and not may_rest)
        or (slides and not post_only)
        or (ask.trigger_kind and (slides or ask.display_lots > 0))
    )
    refuse_if(bool(meaningless), Reason.ORDER_COMBINATION)


def check_member(ask: Ask, member: Member) -> None:
    """Check what a group's kind asks of its orders (ORD-040)."""
    closes = bool(ask.trigger_kind) and bool(ask.flags & REDUCE_ONLY)
    same_trigger = any(one.trigger_kind == ask.trigger_kind for one in member.before if one.trigger_kind)
    if member.kind == GroupKind.ONE_CANCELS_OTHER:
        fits = bool(ask.trigger_kind) or ask.time_in_force in (GTC, GTT)
    elif member.kind == GroupKind.POSITION:
        fits = closes and not same_trigger and all(one.side == ask.side for one in member.before)
    elif not member.before:
        fits = not ask.trigger_kind and not ask.flags & REDUCE_ONLY
    else:
        parent = member.before[0]
        fits = closes and not same_trigger and ask.side != parent.side and ask.size_lots <= parent.size_lots
    refuse_if(not fits, Reason.ORDER_COMBINATION)


def check_state(shard: Shard, ask: Ask) -> None:
    """Check what the instrument's state lets in (MTCH-050)."""
    state = shard.states[ask.instrument_id]
    post_only = bool(ask.flags & POST_ONLY)
    if ask.trigger_kind:
        fits = state in TAKES_TRIGGERS
    elif state == InstrumentState.AUCTION:
        fits = ask.time_in_force in (GTC, GTT) and (not post_only or bool(ask.flags & QUOTE))
    else:
        fits = takes(state, ask.flags)
    refuse_if(not fits, Reason.INSTRUMENT_STATE, state, InstrumentState.TRADING)


def takes(state: int, flags: int) -> bool:
    """Tell whether an order that runs may enter a book that matches."""
    return (
        state == InstrumentState.TRADING
        or (state == InstrumentState.POST_ONLY and bool(flags & POST_ONLY))
        or (state == InstrumentState.REDUCE_ONLY and bool(flags & REDUCE_ONLY))
    )


# An order that runs ----------------------------------------------------------------------------


def check(
    shard: Shard,
    order: Order,
    others: list[Order],
    *,
    amends: bool = False,
    fires: bool = False,
    closes_all: bool = False,
) -> None:
    """Check an order beside the account's other working orders; set its slid price and its margin price.

    An order that amends another, or that fires, is counted among the open orders already. One that fires to close a
    whole position is as large as that is.
    """
    instrument = shard.instruments[order.instrument_id]
    check_price(shard, order, instrument)
    check_size(shard, order, others, instrument, closes_all=closes_all)
    check_limits(shard, order, others, instrument)
    if not amends:
        check_counts(shard, order, others, fires=fires)
    if shard.states[order.instrument_id] != InstrumentState.AUCTION:
        check_book(shard, order)
        check_open_value(order, others)
    credit.check_credit(shard, order, others)


def check_limit(price: int, instrument: Instrument) -> None:
    """Check range and grid of a limit or of a trigger price."""
    refuse_if(not 1 <= price <= MAX_PRICE, Reason.PRICE_OUT_OF_RANGE, price, MAX_PRICE)
    step = book.grid_step(instrument, price)
    refuse_if(price % step != 0, Reason.PRICE_OFF_GRID, price, step)


def check_price(shard: Shard, order: Order, instrument: Instrument) -> None:
    check_limit(order.price, instrument)
    refuse_if(order.instrument_id not in shard.marks, Reason.NO_REFERENCE_PRICE)
    mark = shard.marks[order.instrument_id][0]
    if not order.is_market and not book.is_in_band(shard, order.instrument_id, order.price):
        side = BUY if order.price > mark else SELL
        edge = book.band_edge(shard, order.instrument_id, side, instrument.price_band_ppm)
        raise Refused(Reason.OUTSIDE_PRICE_BAND, order.price, edge)
    refuse_if(shard.is_stale(order.instrument_id) and not order.reduces, Reason.PRICE_STALE)


def check_lots(order: Order, instrument: Instrument, *, closes_all: bool = False) -> None:
    lots, most = order.remaining, instrument.max_order_lots
    refuse_if(not 1 <= lots <= MAX_LOTS, Reason.SIZE_OUT_OF_RANGE, lots, MAX_LOTS)
    # A shown part is fixed when the order is placed; an amended order may become smaller than it.
    display = order.ask.display_lots
    refuse_if(order.order_id == 0 and display > lots, Reason.DISPLAY_OUT_OF_RANGE, display, lots)
    refuse_if(lots > most and not closes_all, Reason.ORDER_TOO_LARGE, lots, most)


def check_size(shard: Shard, order: Order, others: list[Order], instrument: Instrument, *, closes_all: bool) -> None:
    check_lots(order, instrument, closes_all=closes_all)
    if order.reduces:
        closable = shard.closable(order.account_id, order.instrument_id, order.side) - claimed(order, others)
        refuse_if(
            order.remaining > max(0, closable), Reason.REDUCE_ONLY_WOULD_INCREASE, order.remaining, max(0, closable)
        )
        return
    price = shard.marks[order.instrument_id][0] if order.is_market else order.price
    check_notional(order.remaining * price, instrument)


def check_notional(notional: int, instrument: Instrument) -> None:
    least = instrument.min_notional_micros
    refuse_if(notional < least, Reason.NOTIONAL_TOO_SMALL, notional, least)


def claimed(order: Order, others: list[Order]) -> int:
    """Return the lots of the position that the other reduce-only orders of the side have claimed."""
    return sum(
        o.remaining for o in others if o.instrument_id == order.instrument_id and o.side == order.side and o.reduces
    )


def check_limits(shard: Shard, order: Order, others: list[Order], instrument: Instrument) -> None:
    beside = [o for o in others if o.instrument_id == order.instrument_id]
    position = shard.position(order.account_id, order.instrument_id)
    total = abs(position) + sum(o.remaining for o in beside) + order.remaining
    refuse_if(total > LOTS_BOUND, Reason.AMOUNT_OUT_OF_RANGE, total, LOTS_BOUND)
    price = credit.row(shard, order.account_id, order.instrument_id)[1]
    notional = max(total * price, open_value(order, others))
    refuse_if(notional > NOTIONAL_BOUND, Reason.AMOUNT_OUT_OF_RANGE, min(notional, 2**63 - 1), NOTIONAL_BOUND)
    signed = position if order.side == BUY else -position
    reach = signed + sum(o.remaining for o in beside if o.side == order.side) + order.remaining
    limits.check_position(shard, order, reach)
    limits.check_group(shard, order, others)
    growth = max(0, signed + order.remaining) - max(0, signed)
    after, cap = shard.open_interest(order.instrument_id) + growth, instrument.open_interest_cap_lots
    refuse_if(growth > 0 and after > cap, Reason.OPEN_INTEREST_CAP, after, cap)


def open_value(order: Order, others: list[Order]) -> int:
    return sum(o.remaining * o.price for o in [*others, order] if o.instrument_id == order.instrument_id)


def check_open_value(order: Order, others: list[Order]) -> None:
    """Check the bound once more: a sell may have slid up."""
    value = open_value(order, others)
    refuse_if(value > NOTIONAL_BOUND, Reason.AMOUNT_OUT_OF_RANGE, min(value, 2**63 - 1), NOTIONAL_BOUND)


def check_counts(shard: Shard, order: Order, others: list[Order], *, fires: bool) -> None:
    if not fires and (order.may_rest or order.waits):
        check_open_orders(shard, order.account_id)
    active = {
        instrument_id
        for instrument_id in shard.instruments
        if shard.position(order.account_id, instrument_id) or any(o.instrument_id == instrument_id for o in others)
    }
    most = shard.settings.max_instruments
    refuse_if(
        order.instrument_id not in active and len(active) >= most, Reason.TOO_MANY_INSTRUMENTS, len(active) + 1, most
    )


def check_open_orders(shard: Shard, account_id: int) -> None:
    count, most = len(shard.own(account_id)) + 1, shard.settings.max_open_orders
    refuse_if(count > most, Reason.TOO_MANY_OPEN_ORDERS, count, most)


def check_book(shard: Shard, order: Order) -> None:
    others = book.queue(shard, order.instrument_id, other_side(order.side))
    stays_out = order.post_only or shard.states[order.instrument_id] == InstrumentState.POST_ONLY
    if stays_out and others and book.crosses(order.side, order.price, others[0].price):
        price = book.slid(shard, order, others[0].price) if order.flags & POST_ONLY_SLIDE else None
        refuse_if(price is None, Reason.POST_ONLY_WOULD_CROSS, order.price, others[0].price)
        order.price = price or 0
    if order.time_in_force == FOK:
        lots, _ = book.certain(shard, order)
        refuse_if(lots < order.remaining, Reason.FILL_OR_KILL_UNFILLED, order.remaining, lots)


# An order that waits ---------------------------------------------------------------------------


def check_waiting(shard: Shard, order: Order) -> None:
    """Check a new order that waits for a trigger or for its parent."""
    check_trigger(shard, order)
    check_waiting_size(shard, order)
    check_open_orders(shard, order.account_id)
    line = shard.accounts[order.account_id].line
    refuse_if(line is not None and line.status == LineStatus.FROZEN, Reason.ACCOUNT_FROZEN)


def check_trigger(shard: Shard, order: Order) -> None:
    instrument = shard.instruments[order.instrument_id]
    if not order.is_market:
        check_limit(order.price, instrument)
    check_limit(order.trigger_price, instrument)
    if order.state == UNTRIGGERED:
        price = triggers.watched(shard, order)
        refuse_if(price is None and triggers.needs_price(order), Reason.NO_REFERENCE_PRICE)
        refuse_if(triggers.holds(shard, order), Reason.TRIGGER_PRICE_PASSED, order.trigger_price, price or 0)


def check_waiting_size(shard: Shard, order: Order) -> None:
    instrument = shard.instruments[order.instrument_id]
    of_position = order.group_kind == GroupKind.POSITION
    if not (of_position and order.remaining == 0):
        check_lots(order, instrument)
    if order.reduces:
        closable = shard.closable(order.account_id, order.instrument_id, order.side)
        refuse_if(of_position and closable == 0, Reason.REDUCE_ONLY_WOULD_INCREASE, order.remaining, 0)
        return
    price = order.trigger_price if order.is_market else order.price
    check_notional(order.remaining * price, instrument)
