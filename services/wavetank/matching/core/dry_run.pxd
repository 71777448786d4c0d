"""C surface of `dry_run`: what a PLACE would do."""

from libc.stdint cimport int64_t

from wavetank.matching.core.records cimport Command
from wavetank.matching.core.shard cimport Shard

cdef check_place(Shard shard, int64_t now_ns, Command* command)
