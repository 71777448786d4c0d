"""C surface of `counting`."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.vector cimport vector

from wavetank.clearing.core.ledger cimport Ledger
from wavetank.clearing.core.records cimport Traded

cdef class Counter:
    cdef Ledger ledger
    cdef bint is_decided[65536]
    cdef int64_t first_client_id
    cdef int liquidation
    cdef vector[char] told
    cdef vector[int32_t] concerned

    cdef bint book(self, const Traded* trade, int64_t seq) except -1
    cdef int side(
        self, int32_t row, int32_t slot, const Traded* trade, int64_t seq, int64_t lots, uint8_t role
    ) except -1
