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

    cdef Py_ssize_t handle(self, Command* command, Py_ssize_t left, Result* result) except -1
    cdef Py_ssize_t handle_several(self, Command* head, Py_ssize_t left, Result* results) except -1
    cdef int refuse_kind(self, Command* command, Result* result) except -1
    cdef (int64_t, int64_t) _total_at(self, int32_t level) noexcept
    cdef int _take_rates(self, int32_t account, int64_t taker_ppm, int64_t maker_ppm) except -1
    cdef int _look_at_all(self) except -1
    cdef int32_t _listed(self, instrument_id) except -1
