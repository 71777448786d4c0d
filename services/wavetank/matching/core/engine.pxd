"""C surface of `engine`: one shard, and the results of its last batch."""

cimport cython
from libc.stdint cimport int32_t, int64_t
from libcpp.vector cimport vector

from wavetank.matching.core.acceptance cimport Refusal
from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.shard cimport Shard


@cython.final
cdef class Engine:
    cdef Shard state
    cdef vector[Result] last_results
    cdef vector[int32_t] last_ends

    cdef int handle(self, Command* command, Result* result) except -1
    cdef int place(self, Command* command, Result* result) except -1
    cdef int answer_again(self, Command* command, int32_t index, Result* result) except -1
    cdef int cancel_one(self, Command* command, Result* result) except -1
    cdef int cancel_all(self, Command* command, Result* result) except -1
    cdef int amend(self, Command* command, Result* result) except -1
    cdef int reject(self, Command* command, Result* result, Refusal* refusal) except -1
    cdef int32_t find_open(self, Command* command, Refusal* refusal) except -2
    cdef int finish(self, int32_t index, Result* result) except -1
    cdef int32_t _listed(self, instrument_id) except -1
    cdef int _amend_in_turn(self, int32_t index, int64_t price, int64_t lots, Refusal* refusal) except -1
