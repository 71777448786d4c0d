"""C surface of `overlay`: a shard as it would be."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.vector cimport vector

from wavetank.matching.core.amendment cimport Amendment
from wavetank.matching.core.orders cimport Order, OrderDetails
from wavetank.matching.core.shard cimport Intent, Shard

cdef enum StepKind:
    PLACED = 1
    ENDED = 2
    CHANGED = 3

cdef struct Step:
    Order before
    OrderDetails details
    int32_t index
    uint8_t kind


cdef class Overlay:
    cdef Shard shard
    cdef vector[Step] steps
    cdef int64_t order_counter
    cdef int64_t running
    cdef bint track_levels

    cdef int place(self, Intent* intent) except -1
    cdef int end(self, int32_t index) except -1
    cdef int change(self, Amendment* amendment) except -1
    cdef int undo(self) except -1
    cdef bint is_drafted(self, int32_t index) noexcept
    cdef int _note(self, int32_t index, uint8_t kind) except -1
    cdef int _undo_end(self, Step* step) except -1
    cdef int _undo_change(self, Step* step) except -1
