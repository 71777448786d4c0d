"""Firing: a waiting order whose price has come is checked and runs like one placed now (ORD-010).

After a command has been carried out completely, the lowest order id of those whose condition holds fires and runs, and
then all are looked at anew: a run may move the last price, and so fire others, or take back what was due.
"""

from libc.stdint cimport int32_t, int64_t

from wavetank.matching.core.acceptance cimport FIRED, FIRED_WHOLE, Refusal, check, market_limit, refuse
from wavetank.matching.core.groups cimport decide, group_of, Membership
from wavetank.matching.core.matching cimport cancel_refused, match
from wavetank.matching.core.orders cimport OrderDetails
from wavetank.matching.core.placement cimport finish
from wavetank.matching.core.records cimport ORDER_TRIGGERED, OrderTriggered, Result
from wavetank.matching.core.accounts cimport Holding
from wavetank.matching.core.shard cimport Intent, begin_intent
from wavetank.matching.core.states cimport fires_triggers, takes_order
from wavetank.matching.core.words cimport (
    BUY,
    BY_TRIGGER_REFUSED,
    INSTRUMENT_STATE,
    LOTS_LIMIT,
    MARK,
    MARKET,
    NO_REFERENCE_PRICE,
    OK,
    REDUCE_ONLY,
    REDUCE_ONLY_WOULD_INCREASE,
    TRADING,
)


cdef int fire_noted(Shard shard) except -1:
    """Fire, lowest order id first, until no condition holds."""
    cdef int64_t order_id
    cdef int32_t index
    cdef Order* order
    cdef OrderDetails* details
    while True:
        _collect(shard)
        order_id = shard.triggers.take_due()
        if order_id == 0:
            return 0
        index = shard.orders.find(order_id)
        order = &shard.orders.slots[index]
        details = shard.orders.details_of(order)
        if is_reached(
            details.trigger_kind, order.side, details.trigger_price_ticks,
            watched_price(shard.book_of(order), details.trigger_source),
        ):
            _fire(shard, index)
        else:
            # What fired before it has moved the price back.
            shard.triggers.add(
                order.book, details.trigger_source, waits_for_rise(details.trigger_kind, order.side),
                details.trigger_price_ticks, order_id,
            )


cdef int _collect(Shard shard) except -1:
    cdef Book* book
    cdef int32_t at
    cdef size_t number
    if shard.triggers.noted.empty():
        return 0
    for number in range(shard.triggers.noted.size()):
        at = shard.triggers.noted[number]
        shard.triggers.is_noted[at] = False
        book = shard.book(at)
        # What ends this is noted when it ends.
        if not shard.is_open or not fires_triggers(book.state):
            continue
        if book.last_price_ticks:
            shard.triggers.collect(at, LAST, book.last_price_ticks)
        if not shard.is_stale(book):
            if book.mark_ticks:
                shard.triggers.collect(at, MARK, book.mark_ticks)
            if book.index_ticks:
                shard.triggers.collect(at, INDEX, book.index_ticks)
    shard.triggers.noted.clear()
    return 0


cdef int _fire(Shard shard, int32_t index) except -1:
    """Run an order whose trigger has fired, or cancel it because it is refused now."""
    cdef Order* order = &shard.orders.slots[index]
    cdef int64_t seen = watched_price(shard.book_of(order), shard.orders.details_of(order).trigger_source)
    cdef Membership group
    cdef Intent intent
    cdef Refusal refusal
    cdef OrderTriggered* event
    cdef Result result
    if _check(shard, index, &intent, &refusal) != OK:
        return cancel_refused(shard, index, BY_TRIGGER_REFUSED, refusal.reason)
    shard.trigger(index, intent.price_ticks, intent.lots, intent.margin_price_ticks)
    event = <OrderTriggered*>shard.journal.write(
        ORDER_TRIGGERED, shard.book_of(order).instrument_id, shard.holding_of(order).account_id
    )
    event.order_id = order.order_id
    event.client_id = shard.orders.client_id_of(index)
    event.price_ticks = order.price_ticks
    event.size_lots = order.remaining_lots
    event.loss_micros = intent.loss_micros
    event.margin_price_ticks = order.margin_price_ticks
    event.seen_price_ticks = seen
    event.side = order.side
    group = group_of(shard, order)
    decide(shard, &group)
    match(shard, index)
    return finish(shard, index, &result)


cdef int _check(Shard shard, int32_t index, Intent* intent, Refusal* refusal) except -1:
    """Check a fired order as one placed now, clipped to what it may close. Return a reason or 0."""
    cdef Order* order = &shard.orders.slots[index]
    cdef Book* book = shard.book_of(order)
    cdef Holding* holding = shard.holding_of(order)
    cdef int64_t closable
    begin_intent(intent, holding.account, order.book)
    intent.price_ticks = order.price_ticks
    intent.lots = order.remaining_lots
    intent.side = order.side
    intent.order_type = order.order_type
    intent.time_in_force = order.time_in_force
    intent.flags = order.flags
    if order.flags & REDUCE_ONLY:
        closable = -holding.lots - holding.reduce_buys if order.side == BUY else holding.lots - holding.reduce_sells
        if closable <= 0:
            return refuse(refusal, REDUCE_ONLY_WOULD_INCREASE, intent.lots, 0)
        # A size of 0 is the whole position.
        intent.lots = min(intent.lots if intent.lots else closable, closable, <int64_t>LOTS_LIMIT)
    if not takes_order(book.state, intent, False):
        return refuse(refusal, INSTRUMENT_STATE, book.state, TRADING)
    if order.order_type == MARKET:
        if book.mark_ticks == 0:
            return refuse(refusal, NO_REFERENCE_PRICE, 0, 0)
        intent.price_ticks = market_limit(book, order.side, shard.orders.details_of(order).slippage_cap_ppm)
    return check(shard, intent, FIRED if order.remaining_lots else FIRED_WHOLE, refusal)
