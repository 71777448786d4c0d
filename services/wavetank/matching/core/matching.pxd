"""C surface of `matching`: orders meet, and what follows from it."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t

from wavetank.matching.core.accounts cimport Holding
from wavetank.matching.core.shard cimport Shard

cdef int match(Shard shard, int32_t taker) except -1
cdef int trim_sides(Shard shard, int32_t holding) except -1

cdef inline int trim(Shard shard, int32_t holding) except -1:
    """Bring the resting reduce-only orders of a holding, if it has any, down to its position (MTCH-030)."""
    cdef Holding* of = &shard.accounts.holdings[holding]
    if of.reduce_sells != 0 or of.reduce_buys != 0:
        return trim_sides(shard, holding)
    return 0

cdef int cancel_refused(Shard shard, int32_t index, uint8_t cancel_reason, uint16_t refusal) except -1

cdef inline int cancel(Shard shard, int32_t index, uint8_t cancel_reason) except -1:
    """End a live order without a trade."""
    return cancel_refused(shard, index, cancel_reason, 0)

cdef int write_amended(
    Shard shard, int32_t index, int64_t previous_price, int64_t previous_lots, bint kept_priority
) except -1
