"""C surface of `margin`: margin tiers for the engine."""

from libc.stdint cimport int64_t

from wavetank.model.money cimport int128

cdef enum:
    MAX_TIERS = 16

cdef class MarginTable:
    cdef int _tiers
    cdef int64_t _lower[MAX_TIERS]
    cdef int64_t _leverage[MAX_TIERS]
    cdef int64_t _numerator[MAX_TIERS]
    cdef int128 _deduction[MAX_TIERS]
    cdef int64_t _denominator
    cdef readonly tuple lines
    cdef int _tier_of(self, int64_t notional) noexcept
    cpdef int64_t maintenance_micros(self, int64_t notional_micros) noexcept
    cpdef int64_t initial_micros(self, int64_t notional_micros, int64_t leverage) noexcept
