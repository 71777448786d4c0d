"""C surface of `requests`: what clearing asks of the shard."""

from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Shard

cdef int carry_out(Shard shard, Command* command, Result* result) except -1
