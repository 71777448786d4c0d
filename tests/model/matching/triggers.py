"""Triggers: which waiting order fires, and what it becomes then (ORD-010)."""

from __future__ import annotations

from copy import copy

from tests.model.matching import acceptance, credit, groups, running
from tests.model.matching.state import BUY, MAX_LOTS, OPEN, UNTRIGGERED, Order, Refused, Shard, refuse_if
from wavetank.model.events import matching as events
from wavetank.model.orders import CancelReason, InstrumentState, TriggerKind, TriggerSource
from wavetank.model.reason import Reason

FIRES_IN = (InstrumentState.TRADING, InstrumentState.POST_ONLY, InstrumentState.REDUCE_ONLY)


def watched(shard: Shard, order: Order) -> int | None:
    """Return the price that an order's trigger watches, None before there is one."""
    source = order.ask.trigger_source
    if source == TriggerSource.LAST:
        return shard.last_prices.get(order.instrument_id)
    if source == TriggerSource.INDEX:
        return shard.indexes.get(order.instrument_id)
    return shard.marks[order.instrument_id][0] if order.instrument_id in shard.marks else None


def needs_price(order: Order) -> bool:
    return order.ask.trigger_source != TriggerSource.LAST


def holds(shard: Shard, order: Order) -> bool:
    """Tell whether the condition holds: a stop waits for a worse price, a take-profit for a better one."""
    price = watched(shard, order)
    if price is None:
        return False
    waits_for_rise = (order.ask.trigger_kind == TriggerKind.STOP) == (order.side == BUY)
    return price >= order.trigger_price if waits_for_rise else price <= order.trigger_price


def may_fire(shard: Shard, order: Order) -> bool:
    stale = needs_price(order) and shard.is_stale(order.instrument_id)
    return shard.is_open and shard.states[order.instrument_id] in FIRES_IN and not stale


def fire_all(shard: Shard) -> None:
    """Fire, lowest order id first, until no condition holds."""
    # What may not fire need not be asked for its price.
    while shard.is_open:
        waiting = [o for o in shard.orders if o.state == UNTRIGGERED and holds(shard, o) and may_fire(shard, o)]
        if not waiting:
            return
        fire(shard, waiting[0])


def fire(shard: Shard, order: Order) -> None:
    """Run an order whose trigger has fired, or cancel it because it is refused now."""
    seen = watched(shard, order) or 0
    try:
        runs = as_it_runs(shard, order)
    except Refused as refused:
        running.cancel(shard, order, CancelReason.TRIGGER_REFUSED, refused.reason)
        return
    order.state, order.price, order.remaining, order.margin_price = OPEN, runs.price, runs.remaining, runs.margin_price
    shard.emit(
        events.OrderTriggered(
            order.instrument_id, order.account_id, order.order_id, order.ask.client_order_id, order.price,
            order.remaining, credit.loss(shard, order), order.margin_price, seen, order.side,
        )
    )  # fmt: skip
    groups.decided(shard, order)
    running.run(shard, order)


def as_it_runs(shard: Shard, order: Order) -> Order:
    """Return the order clipped, with its limit, and checked."""
    runs = copy(order)
    runs.state = OPEN
    others = shard.working(order.account_id)
    if order.reduces:
        closable = shard.closable(order.account_id, order.instrument_id, order.side)
        closable = max(0, closable - acceptance.claimed(order, others))
        # A size of 0 means the whole position.
        runs.remaining = min(order.remaining or closable, closable, MAX_LOTS)
        refuse_if(runs.remaining == 0, Reason.REDUCE_ONLY_WOULD_INCREASE)
    state = shard.states[order.instrument_id]
    fits = acceptance.takes(state, order.flags)
    refuse_if(not fits, Reason.INSTRUMENT_STATE, state, InstrumentState.TRADING)
    runs.price = acceptance.limit_of(shard, order.ask) if order.is_market else order.price
    acceptance.check(shard, runs, others, fires=True, closes_all=order.remaining == 0)
    return runs
