"""C surface of `acceptance`: every check that an order passes before it is accepted."""

from libc.stdint cimport int32_t, int64_t, uint16_t

from wavetank.matching.core.records cimport Command
from wavetank.matching.core.shard cimport Intent, Shard

cdef struct Refusal:
    uint16_t reason
    int64_t was
    int64_t allowed

cdef int refuse(Refusal* refusal, uint16_t reason, int64_t was, int64_t allowed) noexcept
cdef int accept(Shard shard, Command* command, bint quotes, Intent* intent, Refusal* refusal) except -1
cdef int check(Shard shard, Intent* intent, int32_t replaced, Refusal* refusal) except -1
cdef int64_t certain_lots(Shard shard, Intent* intent, int64_t* value_micros) noexcept
cdef int64_t committed_with(Shard shard, Intent* intent) noexcept
