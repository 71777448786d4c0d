"""C surface of `quotes`: how a MASS_QUOTE is carried out."""

from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Shard

cdef int mass_quote(Shard shard, Command* head, Result* results) except -1
