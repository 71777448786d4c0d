"""Amendment: a live order gets another limit or size, in its place or at the end of its queue (ORD-020).

One that waits for its trigger or its parent can get another trigger price too; it stands in no queue.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t

from wavetank.matching.core.acceptance cimport check, check_waiting, refuse
from wavetank.matching.core.cancellation cimport find_live
from wavetank.matching.core.matching cimport match, write_amended
from wavetank.matching.core.orders cimport GROUPED, Order, OrderDetails
from wavetank.matching.core.placement cimport finish, reject
from wavetank.matching.core.shard cimport begin_intent
from wavetank.matching.core.states cimport takes_amend
from wavetank.matching.core.words cimport (
    ACCOUNT_FROZEN,
    AMEND_BELOW_FILLED,
    INSTRUMENT_STATE,
    LINE_FROZEN,
    LOTS_LIMIT,
    MALFORMED,
    MARKET,
    NO_CREDIT_LINE,
    NO_LINE,
    NOT_READY,
    OK,
    OPEN,
    ORDER_COMBINATION,
    POSITION,
    REDUCE_ONLY,
    SIZE_OUT_OF_RANGE,
    TRADING,
)


cdef int amend(Shard shard, Command* command, Result* result) except -1:
    """Change price or size; a smaller size at the same price keeps its place, anything else loses it (ORD-020)."""
    cdef Refusal refusal
    cdef Amendment amendment
    cdef Order* order
    cdef int32_t index
    cdef int64_t previous_price, previous_lots
    if propose_amendment(shard, command, &amendment, &refusal) != OK:
        return reject(shard, command, result, &refusal)
    index = amendment.index
    order = &shard.orders.slots[index]
    previous_price = order.price_ticks
    previous_lots = order.remaining_lots
    result.order_id = order.order_id
    result.client_id = shard.orders.client_id_of(index)
    if order.state != OPEN:
        shard.reshape(
            index, amendment.intent.price_ticks, amendment.intent.lots, amendment.intent.trigger_price_ticks
        )
    elif amendment.in_turn:
        shard.requeue(index, amendment.intent.price_ticks, amendment.intent.lots, amendment.intent.margin_price_ticks)
    else:
        shard.shrink(index, amendment.intent.lots)
    write_amended(shard, index, previous_price, previous_lots, not amendment.in_turn)
    if amendment.in_turn:
        match(shard, index)
        return finish(shard, index, result)
    result.filled_lots = order.filled_lots
    result.filled_value_micros = shard.orders.pasts[index].filled_value_micros
    result.remaining_lots = order.remaining_lots
    result.state = order.state
    return 0


cdef int propose_amendment(Shard shard, Command* command, Amendment* amendment, Refusal* refusal) except -1:
    """Find the order that an AMEND names, and check what it would become. Return a reason or 0."""
    cdef int32_t index = find_live(shard, command, refusal)
    cdef Order* order
    cdef uint8_t status
    cdef int64_t price, size
    cdef bint waits, is_other, is_whole
    if index < 0:
        return refusal.reason
    order = &shard.orders.slots[index]
    waits = order.state != OPEN
    price = command.price_ticks if command.price_ticks else order.price_ticks
    size = command.size_lots if command.size_lots else order.filled_lots + order.remaining_lots
    is_other = price != order.price_ticks or size > order.filled_lots + order.remaining_lots
    # The size of a whole position is 0.
    is_whole = waits and size == 0 and order.flags & GROUPED and shard.orders.details_of(order).group_kind == POSITION
    status = shard.account_of(order).status
    if not (command.price_ticks or command.size_lots or command.trigger_price_ticks) or command.trigger_price_ticks < 0:
        return refuse(refusal, MALFORMED, 0, 0)
    if (command.trigger_price_ticks and not waits) or (command.price_ticks and order.order_type == MARKET):
        return refuse(refusal, ORDER_COMBINATION, 0, 0)
    if not shard.is_open:
        return refuse(refusal, NOT_READY, 0, 0)
    if not takes_amend(shard.book_of(order).state, is_other and not waits, order.flags & REDUCE_ONLY != 0):
        return refuse(refusal, INSTRUMENT_STATE, shard.book_of(order).state, TRADING)
    if not is_whole and not 1 <= size <= LOTS_LIMIT:
        return refuse(refusal, SIZE_OUT_OF_RANGE, size, LOTS_LIMIT)
    if not is_whole and size <= order.filled_lots:
        return refuse(refusal, AMEND_BELOW_FILLED, size, order.filled_lots)
    if status == LINE_FROZEN:
        return refuse(refusal, ACCOUNT_FROZEN, 0, 0)
    if status == NO_LINE:
        return refuse(refusal, NO_CREDIT_LINE, 0, 0)
    amendment.index = index
    amendment.in_turn = is_other and not waits
    _begin(shard, order, &amendment.intent)
    amendment.intent.price_ticks = price
    amendment.intent.lots = size - order.filled_lots
    if waits:
        if command.trigger_price_ticks:
            amendment.intent.trigger_price_ticks = command.trigger_price_ticks
        return check_waiting(shard, &amendment.intent, False, refusal)
    return check(shard, &amendment.intent, index, refusal) if amendment.in_turn else OK


cdef int _begin(Shard shard, Order* order, Intent* intent) except -1:
    """Read a live order into an intent."""
    cdef OrderDetails* details
    begin_intent(intent, shard.holding_of(order).account, order.book)
    intent.side = order.side
    intent.order_type = order.order_type
    intent.time_in_force = order.time_in_force
    intent.flags = order.flags
    intent.state = order.state
    if order.details >= 0 and order.state != OPEN:
        details = shard.orders.details_of(order)
        intent.trigger_kind = details.trigger_kind
        intent.trigger_source = details.trigger_source
        intent.trigger_price_ticks = details.trigger_price_ticks
        intent.group_kind = details.group_kind
    return 0
