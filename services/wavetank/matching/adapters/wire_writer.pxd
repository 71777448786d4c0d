"""C surface of `wire_writer`: messages are written from their end to their beginning."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libcpp.vector cimport vector

from wavetank.matching.adapters.wire_reader cimport Request, Shape
from wavetank.matching.core.records cimport ClientId, Result


@cython.final
cdef class Writer:
    cdef vector[uint8_t] room
    # Bytes written so far; they stand at the end of `room`.
    cdef size_t used

    cdef inline int reserve(self, size_t more) except -1:
        """Make sure that so many more bytes can be written."""
        return self.grow(more) if self.used + more > self.room.size() else 0

    cdef int raw(self, const void* data, size_t size) except -1
    cdef int varint(self, uint64_t value) except -1

    cdef inline int number(self, uint32_t tag, int64_t value) except -1:
        """Write a number with its tag; one that is 0 needs none."""
        cdef uint8_t* at
        if value == 0:
            return 0
        if 0 < value < 0x80 and tag < 0x80:
            # Most are so small.
            self.reserve(2)
            self.used += 2
            at = self.room.data() + self.room.size() - self.used
            at[0] = <uint8_t>tag
            at[1] = <uint8_t>value
            return 0
        self.varint(<uint64_t>value)
        return self.varint(tag)

    cdef int grow(self, size_t more) except -1
    cdef int text(self, uint32_t tag, const void* data, size_t size) except -1
    cdef int client_id(self, uint32_t tag, const ClientId* value) except -1
    cdef int close(self, uint32_t tag, size_t mark) except -1
    cdef const uint8_t* data(self) noexcept
    cdef bytes take(self)

cdef int put_refusal(Writer out, uint32_t tag, int reason, int64_t was, int64_t allowed, str sentence) except -1
cdef int put_result(Writer out, uint32_t tag, const Result* result, const Result* members, int count) except -1
cdef int put_refused(Writer out, uint32_t tag, const Shape* shape) except -1
cdef int put_results(Writer out, uint32_t tag, Request request, bytes results) except -1
