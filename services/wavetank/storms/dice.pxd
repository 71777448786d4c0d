"""C surface of `dice`."""

from libc.stdint cimport int64_t, uint32_t

cdef enum:
    # Words that are fetched at a time.
    WORDS = 64

cdef class Dice:
    cdef readonly bytes _key
    cdef list kin
    cdef object random
    cdef uint32_t[WORDS] words
    cdef int words_used

    cdef int begin(self, seed, str name) except -1
    cdef uint32_t word(self, int width) except? 0
    cdef int fetch(self) except -1
    cdef bits(self, Py_ssize_t width)
    cdef int heads(self) except -1
    cpdef below(self, bound)
    cpdef int64_t normal_e6(self) except? -1

cpdef scaled_by_exponential(value, int64_t exponent_e6)
