"""C surface of `triggers`: which orders wait for which price."""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.pair cimport pair
from libcpp.set cimport set as ordered_set
from libcpp.vector cimport vector

from wavetank.matching.core.words cimport BUY, STOP

cdef enum:
    # For each source, those that wait for a rise, and those that wait for a fall.
    QUEUES_OF_A_BOOK = 6

# Trigger price, negative where it waits for a fall, and order id.
ctypedef pair[int64_t, int64_t] Watch


cdef inline bint waits_for_rise(uint8_t kind, uint8_t side) noexcept:
    return (kind == STOP) == (side == BUY)


@cython.final
cdef class Triggers:
    cdef vector[ordered_set[Watch]] queues
    # Books whose prices or state may have changed since they were looked at.
    cdef vector[int32_t] noted
    cdef vector[uint8_t] is_noted
    # Orders whose condition has been met, by id; empty between two commands.
    cdef ordered_set[int64_t] due

    cdef int note(self, int32_t book) except -1
    cdef int add(self, int32_t book, uint8_t source, bint rises, int64_t price_ticks, int64_t order_id) except -1
    cdef int drop(self, int32_t book, uint8_t source, bint rises, int64_t price_ticks, int64_t order_id) except -1
    cdef int collect(self, int32_t book, uint8_t source, int64_t price_ticks) except -1
    cdef int64_t take_due(self) except? -1
