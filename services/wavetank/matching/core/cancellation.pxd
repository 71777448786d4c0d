"""C surface of `cancellation`: orders ended because somebody asked for it."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.vector cimport vector

from wavetank.matching.core.acceptance cimport Refusal
from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Shard

cdef int32_t find_live(Shard shard, Command* command, Refusal* refusal) except -2
cdef int cancel_one(Shard shard, Command* command, Result* result) except -1
cdef int cancel_all(Shard shard, Command* command, Result* result) except -1
cdef int cancel_disconnected(Shard shard, Result* result) except -1
cdef int32_t cancel_each(Shard shard, const vector[int64_t]& order_ids, uint8_t cancel_reason) except -1
cdef int32_t cancel_account(Shard shard, int32_t account, uint8_t cancel_reason) except -1
