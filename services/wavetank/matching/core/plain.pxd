"""C surface of `plain`: the short way of plain orders and cancels."""

from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Shard

cdef bint carry_out_plain(Shard shard, Command* command, Result* result) except -1
