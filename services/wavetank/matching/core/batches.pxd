"""C surface of `batches`: commands that are accepted together or not at all."""

from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Shard

cdef int atomic(Shard shard, Command* head, Result* results) except -1
cdef int place_group(Shard shard, Command* head, Result* results) except -1
