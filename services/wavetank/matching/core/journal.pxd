"""C surface of `journal`: where events are written."""

cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint16_t
from libc.string cimport memset

from wavetank.matching.core.records cimport RECORD_BYTES, Record

cdef enum:
    HALF_RECORD = 64


@cython.final
cdef class Journal:
    # Bytes with room for `capacity` records, of which the first `count` are written; NULL while there is none.
    cdef PyObject* room
    cdef Record* records
    cdef size_t capacity
    cdef size_t count
    # How many records to make room for at first.
    cdef size_t wanted
    cdef int64_t next_seq

    cdef inline void* write(self, uint16_t kind, int32_t instrument_id, int64_t account_id) except NULL:
        """Return a new record, blank but for its head; it stays where it is until the next one is written."""
        cdef Record* record
        if self.count == self.capacity:
            self.grow()
        record = &self.records[self.count]
        # By halves: gcc clears 64 bytes with four stores, but 128 with a string instruction that takes 30 cycles.
        memset(record, 0, HALF_RECORD)
        memset(<char*>record + HALF_RECORD, 0, HALF_RECORD)
        record.kind = kind
        record.instrument_id = instrument_id
        record.account_id = account_id
        self.count += 1
        self.next_seq += 1
        return <void*>record

    cdef int grow(self) except -1
    cdef bytes take(self)
