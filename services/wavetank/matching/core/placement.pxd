"""C surface of `placement`: how a PLACE is carried out."""

from libc.stdint cimport int32_t, int64_t

from wavetank.matching.core.acceptance cimport Refusal
from wavetank.matching.core.orders cimport Order
from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Intent, Shard

cdef int place(Shard shard, Command* command, Result* result, bint quotes=*) except -1
cdef int32_t find_placed(Shard shard, Command* command) noexcept
cdef bint is_same_body(Shard shard, Command* command, Order* order) noexcept
cdef int answer_again(Shard shard, Command* command, int32_t index, Result* result) except -1
cdef int finish(Shard shard, int32_t index, Result* result) except -1
cdef int write_accepted(Shard shard, Intent* intent, int64_t order_id) except -1
cdef int refuse_head(Shard shard, Command* head, Result* results, Refusal* refusal) except -1
cdef int reject(Shard shard, Command* command, Result* result, Refusal* refusal) except -1
