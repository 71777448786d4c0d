"""Timers: the deadlines of orders that end at a time, and of the accounts' dead-man switches, soonest first.

Those of one moment stand in a stated order: order expiries before switches, then by id. A deadline that is no longer
meant is taken out at once, so nothing fires twice and the next one is always known exactly.
"""

from cython.operator cimport dereference
from libc.stdint cimport int64_t


cdef class Timers:
    """Deadlines in order."""

    cdef int64_t peek(self) noexcept:
        return dereference(self.deadlines.begin()).first

    cdef int add(self, int64_t kind, int64_t deadline_ns, int64_t subject_id) except -1:
        self.deadlines.insert(_entry(kind, deadline_ns, subject_id))
        return 0

    cdef void drop(self, int64_t kind, int64_t deadline_ns, int64_t subject_id) noexcept:
        """Take a deadline out; one that has fired is not there any more."""
        self.deadlines.erase(_entry(kind, deadline_ns, subject_id))

    cdef Subject take_first(self) except *:
        """Take the soonest deadline out; return whose it is."""
        cdef Subject subject = dereference(self.deadlines.begin()).second
        self.deadlines.erase(self.deadlines.begin())
        return subject


cdef inline pair[int64_t, Subject] _entry(int64_t kind, int64_t deadline_ns, int64_t subject_id) noexcept:
    cdef pair[int64_t, Subject] entry
    entry.first = deadline_ns
    entry.second.first = kind
    entry.second.second = subject_id
    return entry
