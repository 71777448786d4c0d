"""Views: orders and queues as plain values for who asks; nothing here is on the path of a command."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.vector cimport vector

from wavetank.matching.core.orders cimport ICEBERG, Order, OrderDetails, OrderPast
from wavetank.matching.core.records cimport ClientId
from wavetank.matching.core.shard cimport prevention_of
from wavetank.matching.core.words cimport BUY, SELL

from wavetank.matching.core.queries import KnownOrder

cdef packed struct RestingOrder:
    int64_t order_id
    int64_t account_id
    int64_t price_ticks
    int64_t visible_lots
    int64_t remaining_lots
    int64_t display_lots
    uint8_t side
    uint8_t padding[7]


cdef known_order(Shard shard, int32_t index):
    """Return all that is known of an order."""
    cdef Order* order = &shard.orders.slots[index]
    cdef OrderPast* past = &shard.orders.pasts[index]
    cdef OrderDetails* details
    cdef ClientId client_id = shard.orders.client_id_of(index)
    cdef bytes shown = (<char*>&client_id)[:16]
    few = {}
    if order.details >= 0:
        details = shard.orders.details_of(order)
        few = {
            "display_lots": details.display_lots,
            "expire_time_ns": details.expire_time_ns,
            "trigger_kind": details.trigger_kind,
            "trigger_source": details.trigger_source,
            "trigger_price_ticks": details.trigger_price_ticks,
            "group_id": details.group_id,
            "group_kind": details.group_kind,
            "refusal": details.refusal,
            "cancel_reason": details.cancel_reason,
        }
    return KnownOrder(
        order_id=order.order_id,
        client_order_id=shown.rstrip(b"\0"),
        account_id=shard.holding_of(order).account_id,
        instrument_id=shard.book_of(order).instrument_id,
        side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        flags=<uint8_t>order.flags,
        price_ticks=order.price_ticks,
        remaining_lots=order.remaining_lots,
        filled_lots=order.filled_lots,
        filled_value_micros=past.filled_value_micros,
        state=order.state,
        accepted_time_ns=past.accepted_time_ns,
        self_trade_prevention=prevention_of(order.flags),
        visible_lots=shard.orders.visible_lots(order) if order.level >= 0 else 0,
        **few,
    )


cdef queue_position(Shard shard, int64_t order_id):
    """Return lots shown and orders ahead of a resting order at its price, or None (MTCH-070)."""
    cdef int32_t index = shard.orders.find(order_id)
    cdef int64_t lots = 0
    cdef int64_t orders = 0
    if index < 0 or shard.orders.slots[index].level < 0:
        return None
    index = shard.orders.slots[index].previous
    while index >= 0:
        lots += shard.orders.visible_lots(&shard.orders.slots[index])
        orders += 1
        index = shard.orders.slots[index].previous
    return lots, orders


cdef bytes resting_orders(Shard shard, int32_t book):
    """Return a book's resting orders as packed records, bids first, best price first, oldest first."""
    cdef vector[RestingOrder] found
    cdef RestingOrder entry
    cdef Order* order
    cdef int32_t level, index
    cdef uint8_t side
    entry.padding[:] = [0, 0, 0, 0, 0, 0, 0]
    for side in (BUY, SELL):
        level = shard.book(book).best[side]
        while level >= 0:
            index = shard.books.levels[level].first
            while index >= 0:
                order = &shard.orders.slots[index]
                entry.order_id = order.order_id
                entry.account_id = shard.holding_of(order).account_id
                entry.price_ticks = order.price_ticks
                entry.visible_lots = shard.orders.visible_lots(order)
                entry.remaining_lots = order.remaining_lots
                entry.display_lots = shard.orders.details_of(order).display_lots if order.flags & ICEBERG else 0
                entry.side = side
                found.push_back(entry)
                index = order.next
            level = shard.books.levels[level].worse
    return (<char*>found.data())[: found.size() * sizeof(RestingOrder)] if found.size() else b""
