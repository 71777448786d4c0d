"""C surface of `auction`: the one price of a crossed book, and the trades at it."""

from libc.stdint cimport int32_t, int64_t

from wavetank.matching.core.shard cimport Shard

cdef struct Uncrossing:
    # Zeros for a book that is not crossed.
    int64_t price_ticks
    int64_t matched_lots
    int64_t surplus_lots
    int64_t reference_ticks

cdef Uncrossing uncrossing_of(Shard shard, int32_t book) except *
cdef int uncross(Shard shard, int32_t book) except -1
