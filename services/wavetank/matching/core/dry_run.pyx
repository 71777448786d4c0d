"""Dry run: what would become of an order now, by the same checks, and nothing changes (ORD-050)."""

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from wavetank.matching.core.acceptance cimport Refusal, accept, certain_lots, committed_with, refuse
from wavetank.matching.core.placement cimport find_placed, is_same_body
from wavetank.matching.core.shard cimport Intent
from wavetank.matching.core.words cimport AUCTION, CLIENT_ORDER_ID_REUSED, NO_LINE, OK, OPEN

from wavetank.matching.core.queries import OrderCheck


cdef check_place(Shard shard, int64_t now_ns, Command* command):
    """Return what would become of a PLACE at `now_ns`; no timer fires for it."""
    cdef Refusal refusal
    cdef Intent intent
    cdef int32_t placed = find_placed(shard, command)
    cdef int32_t account = shard.accounts.find(command.account_id)
    cdef int64_t last_ns = shard.now_ns
    cdef int64_t lots = 0
    cdef int64_t value = 0
    cdef int64_t price = 0
    cdef int64_t before = shard.accounts.committed(account) if account >= 0 else 0
    cdef int64_t after = before
    available = 0
    if account >= 0 and shard.accounts.slots[account].status != NO_LINE:
        available = shard.accounts.slots[account].budget + shard.accounts.uncounted(account)
    memset(&refusal, 0, sizeof(Refusal))
    if placed >= 0:
        if not is_same_body(shard, command, &shard.orders.slots[placed]):
            refuse(&refusal, CLIENT_ORDER_ID_REUSED, shard.orders.slots[placed].order_id, 0)
    else:
        shard.now_ns = max(now_ns, last_ns)
        accept(shard, command, False, &intent, &refusal)
        shard.now_ns = last_ns
        if refusal.reason == OK:
            price = intent.price_ticks
            if intent.state == OPEN:
                if shard.book(intent.book).state != AUCTION:
                    lots = certain_lots(shard, &intent, &value)
                after = committed_with(shard, &intent)
    return OrderCheck(
        reason=refusal.reason, was=refusal.was, allowed=refusal.allowed, price_ticks=price, fill_lots=lots,
        fill_value_micros=value, committed_before=before, committed_after=after, available=available,
    )
