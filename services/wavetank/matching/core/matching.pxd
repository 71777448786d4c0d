"""C surface of `matching`: orders meet, and what follows from it."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from wavetank.matching.core.shard cimport Shard

cdef int match(Shard shard, int32_t taker) except -1
cdef int trim(Shard shard, int32_t holding) except -1
cdef int cancel(Shard shard, int32_t index, uint8_t cancel_reason) except -1
cdef int write_amended(
    Shard shard, int32_t index, int64_t previous_price, int64_t previous_lots, bint kept_priority
) except -1
