"""C surface of `link`."""

from libc.stdint cimport int64_t

from wavetank.storms.simulation.schedule cimport Schedule


cdef class Link:
    cdef Schedule _schedule
    cdef int64_t _constant_ns
    cdef int64_t _jitter_ns
    cdef int64_t _last_ns  # When the newest message arrives.
    cdef object _exponential
    cdef object _arrive
