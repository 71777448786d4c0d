"""C surface of `amendment`: orders changed because their owner asked for it."""

from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Shard

cdef int amend(Shard shard, Command* command, Result* result) except -1
