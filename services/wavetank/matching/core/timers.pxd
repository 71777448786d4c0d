"""C surface of `timers`: what happens at a stated time."""

cimport cython
from libc.stdint cimport int64_t
from libcpp.pair cimport pair
from libcpp.set cimport set as ordered_set

cdef enum:
    # In the order in which those of one moment fire.
    ORDER_EXPIRY = 0
    DEAD_MAN_SWITCH = 1

# Kind and id: of an order, or of an account.
ctypedef pair[int64_t, int64_t] Subject


@cython.final
cdef class Timers:
    cdef ordered_set[pair[int64_t, Subject]] deadlines

    cdef inline int64_t first_ns(self) noexcept:
        """Return the next deadline, 0 for none."""
        return self.peek() if not self.deadlines.empty() else 0

    cdef int64_t peek(self) noexcept
    cdef int add(self, int64_t kind, int64_t deadline_ns, int64_t subject_id) except -1
    cdef void drop(self, int64_t kind, int64_t deadline_ns, int64_t subject_id) noexcept
    cdef Subject take_first(self) except *
