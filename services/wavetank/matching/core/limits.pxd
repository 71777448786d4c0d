"""C surface of `limits`: what an account may come to in an instrument, and in a correlation group."""

from libc.stdint cimport int64_t

from wavetank.matching.core.acceptance cimport Refusal
from wavetank.matching.core.accounts cimport Holding
from wavetank.matching.core.shard cimport Intent, Shard

cdef int64_t most_lots(Shard shard, Intent* intent) noexcept
cdef int check_exposure(Shard shard, Intent* intent, Holding* after, int64_t reach, Refusal* refusal) noexcept
