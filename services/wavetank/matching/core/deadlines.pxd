"""C surface of `deadlines`: inputs begin with what was due."""

from libc.stdint cimport int64_t

from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Shard

cdef inline int enter(Shard shard, int64_t now_ns) except -1:
    """Begin an input: what was due at its time happens first."""
    cdef int64_t deadline_ns
    shard.enter(now_ns, shard.journal.next_seq)
    deadline_ns = shard.timers.first_ns()
    return fire(shard) if 0 < deadline_ns <= now_ns else 0

cdef int fire(Shard shard) except -1
cdef int cancel_all_after(Shard shard, Command* command, Result* result) except -1
