"""C surface of `tally`."""

from libc.stdint cimport int32_t, int64_t
from libcpp.deque cimport deque
from libcpp.map cimport map as cpp_map
from libcpp.pair cimport pair
from libcpp.set cimport set as cpp_set

ctypedef pair[int64_t, int32_t] Holding  # Account and instrument.


cdef struct Move:
    int64_t seq
    int64_t account_id
    int32_t instrument_id
    int64_t lots


cdef class Tally:
    cdef cpp_map[Holding, int64_t] _told
    cdef cpp_map[Holding, int64_t] _settled
    cdef deque[Move] _moves  # That are not settled.

    cdef int _move(
        self, int64_t seq, int64_t account_id, int32_t instrument_id, int64_t lots, cpp_set[Holding]* touched
    ) except -1
