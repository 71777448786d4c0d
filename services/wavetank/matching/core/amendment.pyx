"""Amendment: an open order gets another limit or size, in its place or at the end of its queue (ORD-020)."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from wavetank.matching.core.acceptance cimport Refusal, check, refuse
from wavetank.matching.core.cancellation cimport find_live
from wavetank.matching.core.matching cimport match, write_amended
from wavetank.matching.core.orders cimport Order
from wavetank.matching.core.placement cimport finish, reject
from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Intent, Shard, begin_intent
from wavetank.matching.core.words cimport (
    ACCOUNT_FROZEN,
    AMEND_BELOW_FILLED,
    INSTRUMENT_STATE,
    LIMIT,
    LINE_FROZEN,
    LOTS_LIMIT,
    MALFORMED,
    NOT_READY,
    NO_CREDIT_LINE,
    NO_LINE,
    OK,
    OPEN,
    ORDER_COMBINATION,
    SIZE_OUT_OF_RANGE,
    TRADING,
)


cdef int amend(Shard shard, Command* command, Result* result) except -1:
    """Change price or size; a smaller size at the same price keeps its place, anything else loses it (ORD-020)."""
    cdef Refusal refusal
    cdef int32_t index = find_live(shard, command, &refusal)
    cdef Order* order
    cdef uint8_t status
    cdef int64_t price, size, previous
    if index < 0:
        return reject(shard, command, result, &refusal)
    order = &shard.orders.slots[index]
    status = shard.account_of(order).status
    price = command.price_ticks if command.price_ticks else order.price_ticks
    size = command.size_lots if command.size_lots else order.filled_lots + order.remaining_lots
    refusal.reason = OK
    if not (command.price_ticks or command.size_lots or command.trigger_price_ticks) or command.trigger_price_ticks < 0:
        refuse(&refusal, MALFORMED, 0, 0)
    elif command.trigger_price_ticks != 0:
        refuse(&refusal, ORDER_COMBINATION, 0, 0)
    elif not shard.is_open:
        refuse(&refusal, NOT_READY, 0, 0)
    elif shard.book_of(order).state != TRADING:
        refuse(&refusal, INSTRUMENT_STATE, shard.book_of(order).state, TRADING)
    elif not 1 <= size <= LOTS_LIMIT:
        refuse(&refusal, SIZE_OUT_OF_RANGE, size, LOTS_LIMIT)
    elif size <= order.filled_lots:
        refuse(&refusal, AMEND_BELOW_FILLED, size, order.filled_lots)
    elif status == LINE_FROZEN:
        refuse(&refusal, ACCOUNT_FROZEN, 0, 0)
    elif status == NO_LINE:
        refuse(&refusal, NO_CREDIT_LINE, 0, 0)
    elif price != order.price_ticks or size > order.filled_lots + order.remaining_lots:
        _amend_in_turn(shard, index, price, size - order.filled_lots, &refusal)
    else:
        previous = order.remaining_lots
        shard.shrink(index, size - order.filled_lots)
        write_amended(shard, index, price, previous, True)
    if refusal.reason != OK:
        return reject(shard, command, result, &refusal)
    result.order_id = order.order_id
    result.client_id = shard.orders.client_id_of(index)
    if order.level >= 0:
        # It kept its place.
        result.filled_lots = order.filled_lots
        result.filled_value_micros = shard.orders.pasts[index].filled_value_micros
        result.remaining_lots = order.remaining_lots
        result.state = OPEN
        return 0
    match(shard, index)
    return finish(shard, index, result)


cdef int _amend_in_turn(Shard shard, int32_t index, int64_t price, int64_t lots, Refusal* refusal) except -1:
    """Check an order as it would become, and take it out of its queue to run anew."""
    cdef Order* order = &shard.orders.slots[index]
    cdef Intent intent
    cdef int64_t previous_price = order.price_ticks
    cdef int64_t previous_lots = order.remaining_lots
    begin_intent(&intent, shard.holding_of(order).account, order.book)
    intent.price_ticks = price
    intent.lots = lots
    intent.side = order.side
    intent.order_type = LIMIT
    intent.time_in_force = order.time_in_force
    intent.flags = order.flags
    if check(shard, &intent, index, refusal) != OK:
        return 0
    shard.requeue(index, intent.price_ticks, lots, intent.margin_price_ticks)
    write_amended(shard, index, previous_price, previous_lots, False)
    return 0
