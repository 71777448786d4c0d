"""The journal: events in the order in which they happened, numbered without a gap, until they are taken away."""

from libc.stdint cimport int32_t, int64_t, uint16_t

from wavetank.matching.core.records cimport RECORD_BYTES, Record


cdef class Journal:
    """Event records not yet taken, and the seq of the next one."""

    def __cinit__(self):
        self.next_seq = 1

    cdef void* write(self, uint16_t kind, int32_t instrument_id, int64_t account_id) except NULL:
        """Return a new record, blank but for its head; it stays where it is until the next one is written."""
        cdef size_t at = self.records.size()
        self.records.resize(at + 1)
        cdef Record* record = &self.records[at]
        record.kind = kind
        record.instrument_id = instrument_id
        record.account_id = account_id
        self.next_seq += 1
        return <void*>record

    cdef bytes take(self):
        """Return the records as bytes, and forget them."""
        if self.records.empty():
            return b""
        cdef bytes taken = (<char*>self.records.data())[: self.records.size() * RECORD_BYTES]
        self.records.clear()
        return taken
