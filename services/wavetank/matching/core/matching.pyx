"""Matching: an incoming order meets the other side, best price first, oldest order first (MTCH-010).

Order of events within one order's run: for each resting order met, either its cancel because it is the account's own
(MTCH-020), or the trade, then the reduce-only orders that the trade leaves too large, first the maker's, then the
taker's, each newest first (MTCH-030).
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t

from wavetank.matching.core.accounts cimport Holding
from wavetank.matching.core.book cimport Book, Level
from wavetank.matching.core.lookahead cimport fetch_order
from wavetank.matching.core.orders cimport CONDITIONAL, STOPS_BOTH, STOPS_ITSELF, Order, loss_now
from wavetank.matching.core.records cimport (
    ORDER_AMENDED,
    ORDER_CANCELLED,
    TRADED,
    OrderAmended,
    OrderCancelled,
    Traded,
)
from wavetank.matching.core.shard cimport Fees, Shard
from wavetank.matching.core.words cimport BUY, BY_REDUCE_ONLY, BY_SELF_TRADE, CANCELLED, FILLED, OPEN, REDUCE_ONLY, SELL


cdef int match(Shard shard, int32_t taker) except -1:
    """Trade an order that rests nowhere, as far as its limit goes; it is closed if that fills or cancels it."""
    cdef Order* order = &shard.orders.slots[taker]
    cdef Order* makes
    cdef Book* book = shard.book_of(order)
    cdef Level* level
    cdef uint8_t other = SELL if order.side == BUY else BUY
    cdef int32_t at, maker, maker_holding
    # Filled and closed, the order is not asked again.
    cdef int32_t taker_holding = order.holding
    while order.remaining_lots > 0:
        at = book.best[other]
        if at < 0:
            break
        level = &shard.books.levels[at]
        if level.price_ticks > order.price_ticks if other == SELL else level.price_ticks < order.price_ticks:
            break
        maker = level.first
        makes = &shard.orders.slots[maker]
        maker_holding = makes.holding
        # One holding is one account in one book.
        if maker_holding == taker_holding:
            if not order.flags & STOPS_ITSELF:
                cancel(shard, maker, BY_SELF_TRADE)
            if order.flags & (STOPS_ITSELF | STOPS_BOTH):
                cancel(shard, taker, BY_SELF_TRADE)
                break
            continue
        # It may be the next to trade.
        fetch_order(shard, makes.next)
        _trade(shard, book, taker, maker, min(shard.orders.visible_lots(makes), order.remaining_lots))
        if makes.remaining_lots == 0:
            shard.close(maker, FILLED, 0, 0)
        if order.remaining_lots == 0:
            shard.close(taker, FILLED, 0, 0)
        trim(shard, maker_holding)
        trim(shard, taker_holding)
    return 0


cdef int _trade(Shard shard, Book* book, int32_t taker, int32_t maker, int64_t lots) except -1:
    cdef Fees fees
    cdef Order* takes = &shard.orders.slots[taker]
    cdef Order* makes = &shard.orders.slots[maker]
    cdef Traded* event
    shard.fill(taker, maker, makes.price_ticks, lots, False, shard.journal.next_seq, &fees)
    shard.trade_counter += 1
    event = <Traded*>shard.journal.write(TRADED, book.instrument_id, shard.holding_of(takes).account_id)
    event.trade_id = shard.id_of(shard.trade_counter)
    event.maker_account_id = shard.holding_of(makes).account_id
    event.maker_order_id = makes.order_id
    event.taker_order_id = takes.order_id
    event.price_ticks = makes.price_ticks
    event.size_lots = lots
    event.maker_fee_micros = fees.maker
    event.taker_fee_micros = fees.taker
    event.maker_remaining_lots = makes.remaining_lots
    event.taker_remaining_lots = takes.remaining_lots
    event.taker_side = takes.side
    event.taker_flags = <uint8_t>takes.flags
    return 0


cdef int trim_sides(Shard shard, int32_t holding) except -1:
    """Bring a holding's resting reduce-only orders down to its position, newest first (MTCH-030)."""
    cdef Holding* of = &shard.accounts.holdings[holding]
    cdef int64_t excess_sells = of.reduce_sells - (of.lots if of.lots > 0 else 0)
    cdef int64_t excess_buys = of.reduce_buys - (-of.lots if of.lots < 0 else 0)
    if excess_sells > 0:
        _trim_side(shard, holding, SELL, excess_sells)
    if excess_buys > 0:
        _trim_side(shard, holding, BUY, excess_buys)
    return 0


cdef int _trim_side(Shard shard, int32_t holding, uint8_t side, int64_t excess) except -1:
    cdef int32_t index = shard.accounts.slots[shard.accounts.holdings[holding].account].last_order
    cdef int32_t older
    cdef int64_t previous
    cdef Order* order
    while excess > 0:
        order = &shard.orders.slots[index]
        older = order.account_previous
        if (
            order.holding == holding and order.side == side and order.flags & REDUCE_ONLY and order.state == OPEN
        ):
            previous = order.remaining_lots
            if previous <= excess:
                cancel(shard, index, BY_REDUCE_ONLY)
                excess -= previous
            else:
                shard.shrink(index, previous - excess)
                write_amended(shard, index, order.price_ticks, previous, True)
                excess = 0
        index = older
    return 0


cdef int cancel_refused(Shard shard, int32_t index, uint8_t cancel_reason, uint16_t refusal) except -1:
    """End a live order without a trade; `refusal` tells why it could not run, where that is why."""
    cdef Order* order = &shard.orders.slots[index]
    cdef OrderCancelled* event = <OrderCancelled*>shard.journal.write(
        ORDER_CANCELLED, shard.book_of(order).instrument_id, shard.holding_of(order).account_id
    )
    event.order_id = order.order_id
    event.client_id = shard.orders.client_id_of(index)
    event.price_ticks = order.price_ticks
    event.remaining_lots = order.remaining_lots
    event.side = order.side
    event.reason = cancel_reason
    event.flags = <uint8_t>order.flags
    event.refusal = refusal
    return shard.close(index, CANCELLED, cancel_reason, refusal)


cdef int write_amended(
    Shard shard, int32_t index, int64_t previous_price, int64_t previous_lots, bint kept_priority
) except -1:
    """Write that an order changed, after it did."""
    cdef Order* order = &shard.orders.slots[index]
    cdef OrderAmended* event = <OrderAmended*>shard.journal.write(
        ORDER_AMENDED, shard.book_of(order).instrument_id, shard.holding_of(order).account_id
    )
    event.order_id = order.order_id
    event.client_id = shard.orders.client_id_of(index)
    event.previous_price_ticks = previous_price
    event.price_ticks = order.price_ticks
    event.previous_remaining_lots = previous_lots
    event.remaining_lots = order.remaining_lots
    if order.state == OPEN:
        event.loss_micros = loss_now(order, shard.book_of(order).taker_ppm)
    event.margin_price_ticks = order.margin_price_ticks
    if order.flags & CONDITIONAL:
        event.trigger_price_ticks = shard.orders.details_of(order).trigger_price_ticks
    event.side = order.side
    event.kept_priority = kept_priority
    return 0
