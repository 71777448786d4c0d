"""Matching: an incoming order meets the other side, best price first, oldest order first (MTCH-010).

Order of events within one order's run: for each resting order met, either its cancel because it is the account's own
(MTCH-020), or the trade, then the reduce-only orders that the trade leaves too large, first the maker's, then the
taker's, each newest first (MTCH-030). What a trade means for the groups of its orders comes before that, what it
wakes behind it (ORD-040).
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t

from wavetank.matching.core.accounts cimport Holding
from wavetank.matching.core.book cimport Book, Level
from wavetank.matching.core.groups cimport (
    Membership,
    activate,
    decide,
    drop_position_orders,
    end_parent,
    group_of,
    is_parent,
)
from wavetank.matching.core.lookahead cimport fetch_order
from wavetank.matching.core.orders cimport CONDITIONAL, GROUPED, STOPS_BOTH, STOPS_ITSELF, Order, loss_now
from wavetank.matching.core.records cimport (
    ORDER_AMENDED,
    ORDER_CANCELLED,
    TRADED,
    OrderAmended,
    OrderCancelled,
    Traded,
)
from wavetank.matching.core.shard cimport Fees, Shard
from wavetank.matching.core.words cimport (
    AUCTION,
    BUY,
    BY_REDUCE_ONLY,
    BY_SELF_TRADE,
    CANCELLED,
    FILLED,
    OPEN,
    REDUCE_ONLY,
    SELL,
)


cdef int match(Shard shard, int32_t taker) except -1:
    """Trade an order that rests nowhere, as far as its limit goes; it is closed if that fills or cancels it.

    In an auction nothing trades before its end (MTCH-050).
    """
    cdef Order* order = &shard.orders.slots[taker]
    cdef Order* makes
    cdef Book* book = shard.book_of(order)
    cdef Level* level
    cdef uint8_t other = SELL if order.side == BUY else BUY
    cdef int32_t at, maker
    # Filled and closed, the order is not asked again.
    cdef int32_t taker_holding = order.holding
    if book.state == AUCTION:
        return 0
    while order.remaining_lots > 0:
        at = book.best[other]
        if at < 0:
            break
        level = &shard.books.levels[at]
        if level.price_ticks > order.price_ticks if other == SELL else level.price_ticks < order.price_ticks:
            break
        maker = level.first
        makes = &shard.orders.slots[maker]
        # One holding is one account in one book.
        if makes.holding == taker_holding:
            if not order.flags & STOPS_ITSELF:
                cancel(shard, maker, BY_SELF_TRADE)
            if order.flags & (STOPS_ITSELF | STOPS_BOTH):
                cancel(shard, taker, BY_SELF_TRADE)
                break
            continue
        # It may be the next to trade.
        fetch_order(shard, makes.next)
        trade(
            shard, taker, maker, makes.price_ticks, min(shard.orders.visible_lots(makes), order.remaining_lots), False
        )
    return 0


cdef int trade(Shard shard, int32_t taker, int32_t maker, int32_t price_ticks, int64_t lots, bint auction) except -1:
    """Let two orders trade, and carry out what follows from it at once."""
    cdef Fees fees
    cdef Order* takes = &shard.orders.slots[taker]
    cdef Order* makes = &shard.orders.slots[maker]
    cdef Book* book = shard.book_of(makes)
    # Filled and closed, they are not asked again.
    cdef int32_t maker_holding = makes.holding
    cdef int32_t taker_holding = takes.holding
    cdef Membership of_maker, of_taker
    cdef bint fills_maker, fills_taker
    cdef bint is_grouped = (makes.flags | takes.flags) & GROUPED != 0
    cdef Traded* event
    shard.fill(taker, maker, price_ticks, lots, auction, shard.journal.next_seq, &fees)
    shard.trade_counter += 1
    event = <Traded*>shard.journal.write(TRADED, book.instrument_id, shard.holding_of(takes).account_id)
    event.trade_id = shard.id_of(shard.trade_counter)
    event.maker_account_id = shard.holding_of(makes).account_id
    event.maker_order_id = makes.order_id
    event.taker_order_id = takes.order_id
    event.price_ticks = price_ticks
    event.size_lots = lots
    event.maker_fee_micros = fees.maker
    event.taker_fee_micros = fees.taker
    event.maker_remaining_lots = makes.remaining_lots
    event.taker_remaining_lots = takes.remaining_lots
    event.taker_side = takes.side
    event.taker_flags = <uint8_t>takes.flags
    event.auction = auction
    if is_grouped:
        of_maker = group_of(shard, makes)
        of_taker = group_of(shard, takes)
    fills_maker = makes.remaining_lots == 0
    fills_taker = takes.remaining_lots == 0
    if fills_maker:
        shard.close(maker, FILLED, 0, 0)
    if fills_taker:
        shard.close(taker, FILLED, 0, 0)
    if is_grouped:
        decide(shard, &of_maker)
        decide(shard, &of_taker)
    trim(shard, maker_holding)
    trim(shard, taker_holding)
    if is_grouped:
        if fills_maker and is_parent(&of_maker):
            activate(shard, &of_maker)
        if fills_taker and is_parent(&of_taker):
            activate(shard, &of_taker)
    return 0


cdef int trim_sides(Shard shard, int32_t holding) except -1:
    """Bring a holding's resting reduce-only orders down to its position, newest first (MTCH-030).

    Orders that wait to close a position that is gone end before them (ORD-040).
    """
    cdef Holding* of = &shard.accounts.holdings[holding]
    cdef int64_t excess_sells, excess_buys
    if of.position_orders != 0:
        drop_position_orders(shard, holding)
    excess_sells = of.reduce_sells - (of.lots if of.lots > 0 else 0)
    excess_buys = of.reduce_buys - (-of.lots if of.lots < 0 else 0)
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
    cdef Membership of
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
    if not order.flags & GROUPED:
        return shard.close(index, CANCELLED, cancel_reason, refusal)
    of = group_of(shard, order)
    shard.close(index, CANCELLED, cancel_reason, refusal)
    return end_parent(shard, &of, cancel_reason) if is_parent(&of) else 0


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
        event.loss_micros = loss_now(order, shard.taker_rate_of(order))
    event.margin_price_ticks = order.margin_price_ticks
    if order.flags & CONDITIONAL:
        event.trigger_price_ticks = shard.orders.details_of(order).trigger_price_ticks
    event.side = order.side
    event.kept_priority = kept_priority
    return 0
