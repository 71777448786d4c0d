"""C surface of `schedule`."""

from libc.stdint cimport int64_t
from libcpp.vector cimport vector


cdef struct Happening:
    int64_t time_ns
    int64_t place
    Py_ssize_t slot  # Of `Schedule._calls`.


cdef class Schedule:
    cdef readonly object now_ns
    cdef int64_t _count
    cdef vector[Happening] _heap
    cdef list _calls
    cdef vector[Py_ssize_t] _free  # Slots of `_calls` that hold nothing.

    cdef int put(self, int64_t time_ns, call, tuple args) except -1
    cdef int _add(self, int64_t time_ns, int64_t place, call, tuple args) except -1
    cdef tuple _take_call(self, Py_ssize_t slot)
