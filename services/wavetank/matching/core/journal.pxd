"""C surface of `journal`: where events are written."""

from libc.stdint cimport int32_t, int64_t, uint16_t
from libcpp.vector cimport vector

from wavetank.matching.core.records cimport Record

cdef class Journal:
    cdef vector[Record] records
    cdef int64_t next_seq
    cdef void* write(self, uint16_t kind, int32_t instrument_id, int64_t account_id) except NULL
    cdef bytes take(self)
