"""Groups: one order's trade, trigger or end is felt by the others of its group (ORD-040).

The orders of a group are accepted one behind the other, so their ids follow one another from the group's id on: that is
all the link they need, and it outlives restarts.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.vector cimport vector

from wavetank.matching.core.accounts cimport Holding
from wavetank.matching.core.matching cimport cancel
from wavetank.matching.core.records cimport ORDER_ACTIVATED, OrderActivated
from wavetank.matching.core.words cimport (
    BUY,
    BY_GROUP,
    BY_IMMEDIATE_REMAINDER,
    BY_PARENT,
    BY_REDUCE_ONLY,
    POSITION,
    UNTRIGGERED,
    WAITING,
)


cdef int32_t _member(Shard shard, Membership* of, int number) noexcept:
    """Return another live order of the group by its number in it, or -1."""
    cdef int32_t index = -1
    cdef Order* order
    if of.group_id + number != of.order_id:
        index = shard.orders.find(of.group_id + number)
    if index >= 0:
        order = &shard.orders.slots[index]
        if not order.flags & GROUPED or shard.orders.details_of(order).group_id != of.group_id:
            return -1
    return index


cdef int _cancel_others(Shard shard, Membership* of, uint8_t cancel_reason) except -1:
    cdef int number
    cdef int32_t index
    for number in range(MOST_MEMBERS):
        index = _member(shard, of, number)
        if index >= 0:
            cancel(shard, index, cancel_reason)
    return 0


cdef int decide(Shard shard, Membership* of) except -1:
    """Cancel the others: this one has traded, or its trigger has fired. A parent does not rule its children out."""
    if of.group_id == 0 or is_parent(of):
        return 0
    return _cancel_others(shard, of, BY_GROUP)


cdef int activate(Shard shard, Membership* parent) except -1:
    """Let the children of a parent wait for their triggers, with no more lots than it has filled."""
    cdef OrderActivated* event
    cdef Order* order
    cdef int number
    cdef int32_t index
    for number in range(1, MOST_MEMBERS):
        index = _member(shard, parent, number)
        if index < 0 or shard.orders.slots[index].state != WAITING:
            continue
        order = &shard.orders.slots[index]
        shard.activate(index, min(<int64_t>order.remaining_lots, parent.filled_lots))
        event = <OrderActivated*>shard.journal.write(
            ORDER_ACTIVATED, shard.book_of(order).instrument_id, shard.holding_of(order).account_id
        )
        event.order_id = order.order_id
        event.client_id = shard.orders.client_id_of(index)
        event.size_lots = order.remaining_lots
        event.side = order.side
    return 0


cdef int end_parent(Shard shard, Membership* of, uint8_t cancel_reason) except -1:
    """Wake the children of a parent whose rest was cancelled after a fill; cancel those of any other."""
    if cancel_reason == BY_IMMEDIATE_REMAINDER and of.filled_lots:
        return activate(shard, of)
    return _cancel_others(shard, of, BY_PARENT)


cdef int drop_position_orders(Shard shard, int32_t holding) except -1:
    """Cancel what waits to close a position that is gone, by order id."""
    cdef Holding* of = &shard.accounts.holdings[holding]
    cdef vector[int64_t] found
    cdef Order* order
    cdef int32_t index = shard.accounts.slots[of.account].first_order
    cdef size_t at
    while index >= 0:
        order = &shard.orders.slots[index]
        if (
            order.holding == holding
            and order.state == UNTRIGGERED
            and order.flags & GROUPED
            and shard.orders.details_of(order).group_kind == POSITION
            and (of.lots >= 0 if order.side == BUY else of.lots <= 0)
        ):
            found.push_back(order.order_id)
        index = order.account_next
    for at in range(found.size()):
        cancel(shard, shard.orders.find(found[at]), BY_REDUCE_ONLY)
    return 0
