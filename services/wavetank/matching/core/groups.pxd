"""C surface of `groups`: what one order does to the others of its group."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from wavetank.matching.core.orders cimport GROUPED, Order
from wavetank.matching.core.shard cimport Shard
from wavetank.matching.core.words cimport PARENT

cdef enum:
    MOST_MEMBERS = 8

cdef struct Membership:
    # Kept apart, for the order itself may be forgotten when it ends; 0 outside a group.
    int64_t group_id
    int64_t order_id
    int64_t filled_lots
    uint8_t kind

cdef inline Membership group_of(Shard shard, Order* order) noexcept:
    """Return an order's place in its group."""
    cdef Membership of
    of.group_id = of.order_id = of.filled_lots = 0
    of.kind = 0
    if order.flags & GROUPED:
        of.group_id = shard.orders.details_of(order).group_id
        of.kind = shard.orders.details_of(order).group_kind
        of.order_id = order.order_id
        of.filled_lots = order.filled_lots
    return of

cdef inline bint is_parent(Membership* of) noexcept:
    return of.group_id == of.order_id and of.kind == PARENT

cdef int decide(Shard shard, Membership* of) except -1
cdef int activate(Shard shard, Membership* parent) except -1
cdef int end_parent(Shard shard, Membership* of, uint8_t cancel_reason) except -1
cdef int drop_position_orders(Shard shard, int32_t holding) except -1
