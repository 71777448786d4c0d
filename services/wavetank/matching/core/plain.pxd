"""C surface of `plain`: the short way of plain orders and cancels."""

from libc.stdint cimport int32_t

from wavetank.matching.core.lookahead cimport Outlook
from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Shard

cdef Py_ssize_t carry_out_run(
    Shard shard, Outlook* outlook, Command* commands, Py_ssize_t index, Py_ssize_t count, Result* results,
    int32_t* ends,
) except -1
