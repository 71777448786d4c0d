"""Placement: an order is accepted and runs, or is refused, or was placed already (ORD-020, ORD-030).

What a repeated client order id is answered is what its first answer told, so it is kept beside the order and not worked
out from what became of it.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t

from wavetank.matching.core.acceptance cimport Refusal, accept, refuse
from wavetank.matching.core.matching cimport cancel, match
from wavetank.matching.core.orders cimport Order, OrderDetails, is_given, rests
from wavetank.matching.core.records cimport (
    ORDER_ACCEPTED,
    ORDER_REJECTED,
    Command,
    OrderAccepted,
    OrderRejected,
    Result,
)
from wavetank.matching.core.shard cimport Intent, Shard, prevention_of
from wavetank.matching.core.words cimport (
    BATCH_REFUSED,
    BY_IMMEDIATE_REMAINDER,
    CANCELLED,
    CLIENT_ORDER_ID_REUSED,
    EXPIRE_MAKER,
    FILLED,
    IOC,
    MARKET,
    OK,
    OPEN,
    PLACE,
    REJECTED,
    UNTRIGGERED,
)


cdef int place(Shard shard, Command* command, Result* result, bint quotes=False) except -1:
    """Carry out a PLACE: its first answer again, a refusal, or an order and its run."""
    cdef Refusal refusal
    cdef Intent intent
    cdef int32_t index = find_placed(shard, command)
    if index >= 0:
        return answer_again(shard, command, index, result)
    if accept(shard, command, quotes, &intent, &refusal) != OK:
        return reject(shard, command, result, &refusal)
    shard.order_counter += 1
    result.order_id = shard.id_of(shard.order_counter)
    result.client_id = command.client_id
    index = shard.admit(&intent, result.order_id)
    write_accepted(shard, &intent, result.order_id)
    match(shard, index)
    return finish(shard, index, result)


cdef int32_t find_placed(Shard shard, Command* command) noexcept:
    """Return the order that a PLACE's client order id stands for already, or -1."""
    cdef int32_t account
    if not is_given(&command.client_id):
        return -1
    account = shard.accounts.find(command.account_id)
    return shard.orders.find_client(account, &command.client_id) if account >= 0 else -1


cdef int answer_again(Shard shard, Command* command, int32_t index, Result* result) except -1:
    """Answer a known client order id: the same body gets its first answer, another is refused (ORD-030)."""
    cdef Order* order = &shard.orders.slots[index]
    cdef OrderDetails* first = shard.orders.details_of(order)
    cdef Refusal refusal
    if not is_same_body(shard, command, order):
        refuse(&refusal, CLIENT_ORDER_ID_REUSED, order.order_id, 0)
        return reject(shard, command, result, &refusal)
    result.order_id = order.order_id
    result.client_id = first.client_id
    result.filled_lots = first.answer_lots
    result.filled_value_micros = first.answer_value_micros
    result.remaining_lots = first.asked_lots - first.answer_lots
    result.repeated = True
    if result.remaining_lots == 0:
        result.state = FILLED
    elif first.answer_state:
        result.state = first.answer_state
    elif first.trigger_kind:
        result.state = UNTRIGGERED
    else:
        result.state = OPEN if rests(order.time_in_force) else CANCELLED
    return 0


cdef bint is_same_body(Shard shard, Command* command, Order* order) noexcept:
    """Tell whether a PLACE asks for what the order with its client order id was asked for (ORD-030)."""
    cdef OrderDetails* first = shard.orders.details_of(order)
    cdef uint8_t time_in_force = command.time_in_force
    if command.order_type == MARKET and time_in_force == 0:
        time_in_force = IOC
    return (
        command.instrument_id == shard.book_of(order).instrument_id
        and command.side == order.side
        and command.order_type == order.order_type
        and time_in_force == order.time_in_force
        and command.flags == <uint8_t>order.flags
        and command.price_ticks == first.asked_price_ticks
        and command.size_lots == first.asked_lots
        and command.slippage_cap_ppm == first.slippage_cap_ppm
        and command.display_lots == first.display_lots
        and command.expire_time_ns == first.expire_time_ns
        and command.trigger_price_ticks == first.trigger_price_ticks
        and command.trigger_kind == first.trigger_kind
        and command.trigger_source == first.trigger_source
        and max(command.self_trade_prevention, <uint8_t>EXPIRE_MAKER) == prevention_of(order.flags)
    )


cdef int finish(Shard shard, int32_t index, Result* result) except -1:
    """Rest what is left of an order that has run, or cancel it; fill in the result, all but its ids."""
    cdef Order* order = &shard.orders.slots[index]
    result.filled_lots = order.filled_lots
    result.filled_value_micros = shard.orders.pasts[index].filled_value_micros
    result.remaining_lots = order.remaining_lots
    if order.remaining_lots == 0:
        # Matching has closed it; its slot is not used again before the next order.
        result.state = FILLED
    elif order.state != OPEN:
        # Its own run cancelled it.
        result.state = CANCELLED
    elif rests(order.time_in_force):
        result.state = OPEN
        shard.rest(index)
    else:
        result.state = CANCELLED
        cancel(shard, index, BY_IMMEDIATE_REMAINDER)
    return 0


cdef int write_accepted(Shard shard, Intent* intent, int64_t order_id) except -1:
    """Write that an order was accepted, as it was asked for and as it stands."""
    cdef OrderAccepted* event = <OrderAccepted*>shard.journal.write(
        ORDER_ACCEPTED, shard.book(intent.book).instrument_id, shard.accounts.slots[intent.account].account_id
    )
    event.order_id = order_id
    event.client_id = intent.client_id
    event.price_ticks = intent.price_ticks
    event.size_lots = intent.lots
    event.loss_micros = intent.loss_micros
    event.margin_price_ticks = intent.margin_price_ticks
    event.slippage_cap_ppm = intent.slippage_cap_ppm
    event.expire_time_ns = intent.expire_time_ns
    event.group_id = intent.group_id
    event.asked_price_ticks = <int32_t>intent.asked_price_ticks
    event.display_lots = <int32_t>intent.display_lots
    event.trigger_price_ticks = <int32_t>intent.trigger_price_ticks
    event.side = intent.side
    event.order_type = intent.order_type
    event.time_in_force = intent.time_in_force
    event.flags = <uint8_t>intent.flags
    event.self_trade_prevention = prevention_of(intent.flags)
    event.trigger_kind = intent.trigger_kind
    event.trigger_source = intent.trigger_source
    event.group_kind = intent.group_kind
    return 0


cdef int reject(Shard shard, Command* command, Result* result, Refusal* refusal) except -1:
    cdef OrderRejected* event = <OrderRejected*>shard.journal.write(
        ORDER_REJECTED, command.instrument_id, command.account_id
    )
    event.order_id = command.order_id
    event.client_id = command.client_id
    event.price_ticks = command.price_ticks
    event.size_lots = command.size_lots
    event.was = refusal.was
    event.allowed = refusal.allowed
    event.reason = refusal.reason
    event.command = command.kind
    event.side = command.side
    event.order_type = command.order_type
    event.time_in_force = command.time_in_force
    event.flags = command.flags
    result.order_id = command.order_id
    result.client_id = command.client_id
    result.reason = refusal.reason
    result.was = refusal.was
    result.allowed = refusal.allowed
    if command.kind == PLACE:
        result.state = REJECTED
    return 0


cdef int refuse_head(Shard shard, Command* head, Result* results, Refusal* refusal) except -1:
    """Refuse a head, and with it, unheard and without an event, the commands that belong to it (ORD-040)."""
    cdef Command* member
    cdef Result* result
    cdef int at
    reject(shard, head, results, refusal)
    for at in range(head.count):
        member = head + 1 + at
        result = results + 1 + at
        result.order_id = member.order_id
        result.client_id = member.client_id
        result.reason = BATCH_REFUSED
        if member.kind == PLACE:
            result.state = REJECTED
    return 0
