"""C surface of `amendment`: how an AMEND is checked, and carried out."""

from libc.stdint cimport int32_t

from wavetank.matching.core.acceptance cimport Refusal
from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Intent, Shard

cdef struct Amendment:
    # What an order is to become.
    Intent intent
    int32_t index
    # Whether it goes to the end of a queue, and may trade.
    bint in_turn

cdef int propose_amendment(Shard shard, Command* command, Amendment* amendment, Refusal* refusal) except -1
cdef int amend(Shard shard, Command* command, Result* result) except -1
