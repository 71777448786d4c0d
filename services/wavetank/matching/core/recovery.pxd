"""C surface of `recovery`: the shard's own events, read back."""

from libc.stdint cimport int64_t

from wavetank.matching.core.shard cimport Shard

cdef int replay_records(Shard shard, bytes records, int64_t first_seq, int64_t now_ns) except -1
