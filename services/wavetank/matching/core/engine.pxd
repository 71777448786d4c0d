"""C surface of `engine`: one shard, and the results of its last batch."""

cimport cython
from libc.stdint cimport int32_t, int64_t
from libcpp.vector cimport vector

from wavetank.matching.core.acceptance cimport Refusal
from wavetank.matching.core.plain cimport carry_out_plain
from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Shard


@cython.final
cdef class Engine:
    cdef Shard state
    cdef vector[Result] last_results
    cdef vector[int32_t] last_ends

    cdef inline Py_ssize_t carry_out(self, Command* command, Py_ssize_t left, Result* result) except -1:
        """Carry out the next command of a batch, which has `left` of them; return how many it was with its members."""
        return 1 if carry_out_plain(self.state, command, result) else self.handle(command, left, result)

    cdef Py_ssize_t handle(self, Command* command, Py_ssize_t left, Result* result) except -1
    cdef Py_ssize_t handle_several(self, Command* head, Py_ssize_t left, Result* results) except -1
    cdef int refuse_kind(self, Command* command, Result* result) except -1
    cdef int _look_at_all(self) except -1
    cdef int32_t _listed(self, instrument_id) except -1
