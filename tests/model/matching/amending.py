"""Cancelling and amending orders (ORD-020)."""

from __future__ import annotations

from copy import copy

from tests.model.matching import acceptance, book, running
from tests.model.matching.acceptance import TAKES_TRIGGERS
from tests.model.matching.commands import Ask, outcome
from tests.model.matching.placing import result
from tests.model.matching.state import MAX_LOTS, Order, Refused, Shard, refuse_if
from wavetank.matching.core.commands import CommandResult
from wavetank.model.orders import CancelReason, GroupKind, InstrumentState, LineStatus
from wavetank.model.reason import Reason


def find_open(shard: Shard, ask: Ask) -> Order:
    refuse_if(bool(ask.client_order_id) == bool(ask.order_id), Reason.MALFORMED)
    for order in shard.own(ask.account_id):
        if ask.order_id == order.order_id:
            return order
        if ask.client_order_id and ask.client_order_id == order.ask.client_order_id:
            return order
    raise Refused(Reason.ORDER_UNKNOWN, ask.order_id)


def cancel_one(shard: Shard, ask: Ask) -> CommandResult:
    order = find_open(shard, ask)
    state = shard.states[order.instrument_id]
    refuse_if(state == InstrumentState.HALTED, Reason.INSTRUMENT_STATE, state, InstrumentState.TRADING)
    running.cancel(shard, order, ask.cancel_reason or CancelReason.REQUESTED)
    return result(order)


def cancel_all(shard: Shard, ask: Ask) -> CommandResult:
    if ask.instrument_id:
        refuse_if(ask.instrument_id not in shard.instruments, Reason.INSTRUMENT_UNKNOWN, ask.instrument_id)
    named = [
        order
        for order in shard.own(ask.account_id)
        if ask.instrument_id in (0, order.instrument_id)
        and ask.side in (0, order.side)
        and shard.states[order.instrument_id] != InstrumentState.HALTED
    ]
    return outcome(cancelled=running.cancel_each(shard, named, ask.cancel_reason or CancelReason.REQUESTED))


# Amend -----------------------------------------------------------------------------------------


def amend(shard: Shard, ask: Ask) -> CommandResult:
    """Change an order: a smaller size at the same price keeps its place, any other change passes every check anew."""
    order = find_open(shard, ask)
    refuse_if(not ask.price_ticks and not ask.size_lots and not ask.trigger_price_ticks, Reason.MALFORMED)
    refuse_if(ask.trigger_price_ticks < 0, Reason.MALFORMED)
    refuse_if(bool(ask.trigger_price_ticks) and not order.waits, Reason.ORDER_COMBINATION)
    refuse_if(bool(ask.price_ticks) and order.is_market, Reason.ORDER_COMBINATION)
    refuse_if(not shard.is_open, Reason.NOT_READY)
    price = ask.price_ticks or order.price
    size = ask.size_lots or order.filled + order.remaining
    in_place = price == order.price and size <= order.filled + order.remaining
    state = shard.states[order.instrument_id]
    fits = state in TAKES_TRIGGERS and (
        state != InstrumentState.REDUCE_ONLY or order.waits or in_place or order.reduces
    )
    refuse_if(not fits, Reason.INSTRUMENT_STATE, state, InstrumentState.TRADING)
    keeps_whole = order.waits and order.group_kind == GroupKind.POSITION and size == 0
    refuse_if(not keeps_whole and not 1 <= size <= MAX_LOTS, Reason.SIZE_OUT_OF_RANGE, size, MAX_LOTS)
    refuse_if(not keeps_whole and size <= order.filled, Reason.AMEND_BELOW_FILLED, size, order.filled)
    line = shard.accounts[order.account_id].line
    refuse_if(line is not None and line.status == LineStatus.FROZEN, Reason.ACCOUNT_FROZEN)
    refuse_if(line is None, Reason.NO_CREDIT_LINE)
    previous_price, previous_lots = order.price, order.remaining
    if order.waits:
        changed = copy(order)
        changed.price, changed.remaining = price, size
        changed.trigger_price = ask.trigger_price_ticks or order.trigger_price
        acceptance.check_trigger(shard, changed)
        acceptance.check_waiting_size(shard, changed)
        order.price, order.remaining, order.trigger_price = price, size, changed.trigger_price
        running.emit_amended(shard, order, previous_price, previous_lots, kept=True)
        return result(order)
    if in_place:
        book.shrink(order, size - order.filled)
        running.emit_amended(shard, order, previous_price, previous_lots, kept=True)
        return result(order)
    changed = copy(order)
    changed.price, changed.remaining = price, size - order.filled
    others = [o for o in shard.working(order.account_id) if o is not order]
    acceptance.check(shard, changed, others, amends=True)
    order.price, order.remaining, order.margin_price = changed.price, changed.remaining, changed.margin_price
    order.resting = False
    running.emit_amended(shard, order, previous_price, previous_lots, kept=False)
    running.run(shard, order)
    return result(order)
