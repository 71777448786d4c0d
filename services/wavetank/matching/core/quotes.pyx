"""Mass quotes: all of an account's quotes of an instrument are replaced by others (ORD-020).

A quote that is asked for again at its price keeps its place in the queue, lowered if less is asked for. All others are
cancelled before the first new one is placed, so that no old quote stands in the way of a new one. Each new quote is
accepted or refused by itself.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.vector cimport vector

from wavetank.matching.core.acceptance cimport Refusal, refuse
from wavetank.matching.core.cancellation cimport cancel_each
from wavetank.matching.core.matching cimport write_amended
from wavetank.matching.core.orders cimport Order, is_given
from wavetank.matching.core.placement cimport place, refuse_head
from wavetank.matching.core.words cimport (
    AUCTION,
    BY_REPLACED,
    CANCEL_ON_DISCONNECT,
    CANCEL_ONLY,
    GTC,
    INSTRUMENT_STATE,
    INSTRUMENT_UNKNOWN,
    LIMIT,
    MALFORMED,
    OPEN,
    PLACE,
    POST_ONLY,
    POST_ONLY_SLIDE,
    QUOTE,
    STATE_POST_ONLY,
    STATE_REDUCE_ONLY,
    TRADING,
)

cdef enum:
    MOST_QUOTES = 200


cdef int mass_quote(Shard shard, Command* head, Result* results) except -1:
    """Carry out a MASS_QUOTE, whose quotes stand right behind it; fill in the results of all."""
    cdef Refusal refusal
    cdef vector[int64_t] replaced
    cdef vector[int32_t] kept
    cdef int at
    if _check_head(shard, head, &refusal) != 0:
        return refuse_head(shard, head, results, &refusal)
    kept.resize(head.count, -1)
    _claim(shard, head, kept, replaced)
    results.cancelled_orders = cancel_each(shard, replaced, BY_REPLACED)
    for at in range(head.count):
        if kept[at] < 0:
            place(shard, head + 1 + at, results + 1 + at, True)
        else:
            _answer_kept(shard, kept[at], results + 1 + at)
    return 0


cdef int _check_head(Shard shard, Command* head, Refusal* refusal) noexcept:
    cdef int32_t book
    cdef uint8_t state
    cdef int at
    if not 0 <= head.count <= MOST_QUOTES:
        return refuse(refusal, MALFORMED, 0, 0)
    for at in range(head.count):
        if not _is_quote(head, head + 1 + at):
            return refuse(refusal, MALFORMED, 0, 0)
    book = shard.books.find(head.instrument_id)
    if book < 0:
        return refuse(refusal, INSTRUMENT_UNKNOWN, head.instrument_id, 0)
    state = shard.book(book).state
    if state == TRADING or state == STATE_POST_ONLY or state == AUCTION:
        return 0
    if head.count == 0 and (state == CANCEL_ONLY or state == STATE_REDUCE_ONLY):
        return 0
    return refuse(refusal, INSTRUMENT_STATE, state, TRADING)


cdef bint _is_quote(Command* head, Command* command) noexcept:
    """Tell whether a command is a quote of the head's account and instrument; its values are checked at its placing."""
    return (
        command.kind == PLACE
        and command.account_id == head.account_id
        and command.instrument_id == head.instrument_id
        and command.order_type == LIMIT
        and command.time_in_force == GTC
        and command.flags & (POST_ONLY | QUOTE) == POST_ONLY | QUOTE
        and not command.flags & ~(POST_ONLY | QUOTE | POST_ONLY_SLIDE | CANCEL_ON_DISCONNECT)
        and not is_given(&command.client_id)
        and not (command.display_lots | command.expire_time_ns | command.slippage_cap_ppm)
        and not (command.trigger_kind | command.trigger_source | command.trigger_price_ticks)
    )


cdef int _claim(Shard shard, Command* head, vector[int32_t]& kept, vector[int64_t]& replaced) except -1:
    """Let each present quote, by order id, stand for the first that may have it; gather those that may not stay."""
    cdef int32_t account = shard.accounts.find(head.account_id)
    cdef int32_t book = shard.books.find(head.instrument_id)
    cdef int32_t index = shard.accounts.slots[account].first_order if account >= 0 else -1
    cdef Order* order
    cdef int at
    while index >= 0:
        order = &shard.orders.slots[index]
        if order.book == book and order.flags & QUOTE:
            at = 0
            while at < head.count and (kept[at] >= 0 or not _fits(head + 1 + at, order)):
                at += 1
            if at < head.count:
                kept[at] = index
                _lower(shard, index, head[1 + at].size_lots)
            else:
                replaced.push_back(order.order_id)
        index = order.account_next
    return 0


cdef inline bint _fits(Command* quote, Order* order) noexcept:
    return (
        quote.side == order.side
        and quote.price_ticks == order.price_ticks
        and 1 <= quote.size_lots <= order.remaining_lots
    )


cdef int _lower(Shard shard, int32_t index, int64_t lots) except -1:
    cdef Order* order = &shard.orders.slots[index]
    cdef int64_t previous = order.remaining_lots
    if lots == previous:
        return 0
    shard.shrink(index, lots)
    return write_amended(shard, index, order.price_ticks, previous, True)


cdef int _answer_kept(Shard shard, int32_t index, Result* result) except -1:
    cdef Order* order = &shard.orders.slots[index]
    result.order_id = order.order_id
    result.filled_lots = order.filled_lots
    result.filled_value_micros = shard.orders.pasts[index].filled_value_micros
    result.remaining_lots = order.remaining_lots
    result.state = OPEN
    return 0
