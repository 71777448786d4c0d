"""Cancellation: one order by one of its ids, or all that a filter names, by order id (ORD-020)."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.algorithm cimport sort
from libcpp.vector cimport vector

from wavetank.matching.core.acceptance cimport Refusal, refuse
from wavetank.matching.core.matching cimport cancel
from wavetank.matching.core.orders cimport Order, is_given, is_live
from wavetank.matching.core.placement cimport reject
from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Shard
from wavetank.matching.core.words cimport (
    BY_DISCONNECT,
    BY_REQUEST,
    CANCEL_ON_DISCONNECT,
    CANCELLED,
    HALTED,
    INSTRUMENT_STATE,
    INSTRUMENT_UNKNOWN,
    MALFORMED,
    ORDER_UNKNOWN,
    SELL,
    TRADING,
)


cdef int32_t find_live(Shard shard, Command* command, Refusal* refusal) except -2:
    """Return the account's live order that a command names by exactly one id, or -1 and why not."""
    cdef bint has_client_id = is_given(&command.client_id)
    cdef int32_t account = shard.accounts.find(command.account_id)
    cdef int32_t index = -1
    if has_client_id == (command.order_id != 0):
        refuse(refusal, MALFORMED, 0, 0)
        return -1
    if account >= 0:
        if has_client_id:
            index = shard.orders.find_client(account, &command.client_id)
        else:
            index = shard.orders.find(command.order_id)
    if (
        index < 0
        or not is_live(shard.orders.slots[index].state)
        or shard.holding_of(&shard.orders.slots[index]).account != account
    ):
        refuse(refusal, ORDER_UNKNOWN, command.order_id, 0)
        return -1
    return index


cdef int cancel_one(Shard shard, Command* command, Result* result) except -1:
    """Carry out a CANCEL."""
    cdef Refusal refusal
    cdef int32_t index
    cdef Order* order
    cdef uint8_t cancel_reason = command.cancel_reason if command.cancel_reason else BY_REQUEST
    if cancel_reason != BY_REQUEST and cancel_reason != BY_DISCONNECT:
        refuse(&refusal, MALFORMED, cancel_reason, 0)
        return reject(shard, command, result, &refusal)
    index = find_live(shard, command, &refusal)
    if index < 0:
        return reject(shard, command, result, &refusal)
    order = &shard.orders.slots[index]
    if shard.book_of(order).state == HALTED:
        refuse(&refusal, INSTRUMENT_STATE, HALTED, TRADING)
        return reject(shard, command, result, &refusal)
    result.order_id = order.order_id
    result.client_id = shard.orders.client_id_of(index)
    result.filled_lots = order.filled_lots
    result.filled_value_micros = shard.orders.pasts[index].filled_value_micros
    result.remaining_lots = order.remaining_lots
    result.state = CANCELLED
    return cancel(shard, index, cancel_reason)


cdef int cancel_all(Shard shard, Command* command, Result* result) except -1:
    """Cancel the account's orders that the filter names, by order id; those of a halted book stay."""
    cdef Refusal refusal
    cdef int32_t account = shard.accounts.find(command.account_id)
    cdef int32_t book = -1
    cdef vector[int64_t] chosen
    cdef int32_t index
    cdef Order* order
    cdef uint8_t cancel_reason = command.cancel_reason if command.cancel_reason else BY_REQUEST
    if (cancel_reason != BY_REQUEST and cancel_reason != BY_DISCONNECT) or command.side > SELL:
        refuse(&refusal, MALFORMED, 0, 0)
        return reject(shard, command, result, &refusal)
    if command.instrument_id != 0:
        book = shard.books.find(command.instrument_id)
        if book < 0:
            refuse(&refusal, INSTRUMENT_UNKNOWN, command.instrument_id, 0)
            return reject(shard, command, result, &refusal)
    index = shard.accounts.slots[account].first_order if account >= 0 else -1
    while index >= 0:
        order = &shard.orders.slots[index]
        if (
            (book < 0 or order.book == book)
            and (command.side == 0 or order.side == command.side)
            and shard.book_of(order).state != HALTED
        ):
            chosen.push_back(order.order_id)
        index = order.account_next
    result.cancelled_orders = cancel_each(shard, chosen, cancel_reason)
    return 0


cdef int cancel_disconnected(Shard shard, Result* result) except -1:
    """Cancel, of all accounts, the orders that were to end with their session; no session outlives a restart."""
    cdef vector[int64_t] chosen
    cdef Order* order
    cdef size_t at
    for at in range(shard.orders.slots.size()):
        order = &shard.orders.slots[at]
        if order.flags & CANCEL_ON_DISCONNECT and is_live(order.state):
            chosen.push_back(order.order_id)
    sort(chosen.begin(), chosen.end())
    result.cancelled_orders = cancel_each(shard, chosen, BY_DISCONNECT)
    return 0


cdef int32_t cancel_each(Shard shard, const vector[int64_t]& order_ids, uint8_t cancel_reason) except -1:
    """Cancel orders one by one; return how many were live when their turn came."""
    cdef int32_t cancelled = 0
    cdef int32_t index
    cdef size_t at
    for at in range(order_ids.size()):
        index = shard.orders.find(order_ids[at])
        # One that depended on an earlier one has gone with it.
        if index >= 0:
            cancel(shard, index, cancel_reason)
            cancelled += 1
    return cancelled


cdef int32_t cancel_account(Shard shard, int32_t account, uint8_t cancel_reason) except -1:
    """Cancel all orders of an account, by order id; return how many."""
    cdef vector[int64_t] chosen
    cdef int32_t index = shard.accounts.slots[account].first_order if account >= 0 else -1
    while index >= 0:
        chosen.push_back(shard.orders.slots[index].order_id)
        index = shard.orders.slots[index].account_next
    return cancel_each(shard, chosen, cancel_reason)
