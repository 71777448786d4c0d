"""C surface of `wire_writer`: messages are written from their end to their beginning."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libcpp.vector cimport vector

from wavetank.matching.adapters.wire_reader cimport Request, Shape
from wavetank.matching.core.records cimport ClientId, Result

cdef class Writer:
    cdef vector[uint8_t] room
    # Bytes written so far; they stand at the end of `room`.
    cdef size_t used

    cdef int reserve(self, size_t more) except -1
    cdef int raw(self, const void* data, size_t size) except -1
    cdef int varint(self, uint64_t value) except -1
    cdef int number(self, uint32_t tag, int64_t value) except -1
    cdef int text(self, uint32_t tag, const void* data, size_t size) except -1
    cdef int client_id(self, uint32_t tag, const ClientId* value) except -1
    cdef int close(self, uint32_t tag, size_t mark) except -1
    cdef const uint8_t* data(self) noexcept
    cdef bytes take(self)

cdef int put_refusal(Writer out, uint32_t tag, int reason, int64_t was, int64_t allowed, str sentence) except -1
cdef int put_result(Writer out, uint32_t tag, const Result* result, const Result* members, int count) except -1
cdef int put_refused(Writer out, uint32_t tag, const Shape* shape) except -1
cdef int put_results(Writer out, uint32_t tag, Request request, bytes results) except -1
