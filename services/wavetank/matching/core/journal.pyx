"""The journal: events in the order in which they happened, numbered without a gap, until they are taken away."""

from wavetank.matching.core.records cimport RECORD_BYTES

cdef enum:
    FIRST_RECORDS = 256


cdef class Journal:
    """Event records not yet taken, and the seq of the next one."""

    def __cinit__(self):
        self.next_seq = 1
        self.records.resize(FIRST_RECORDS)

    cdef int grow(self) except -1:
        self.records.resize(2 * self.records.size())
        return 0

    cdef bytes take(self):
        """Return the records as bytes, and forget them."""
        if self.count == 0:
            return b""
        cdef bytes taken = (<char*>self.records.data())[: self.count * RECORD_BYTES]
        self.count = 0
        return taken
