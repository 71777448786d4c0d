"""C surface of `views`: what the engine tells when asked."""

from libc.stdint cimport int32_t, int64_t

from wavetank.matching.core.shard cimport Shard

cdef known_order(Shard shard, int32_t index)
cdef queue_position(Shard shard, int64_t order_id)
cdef bytes resting_orders(Shard shard, int32_t book)
