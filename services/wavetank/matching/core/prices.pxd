"""C surface of `prices`: from a price to its level, and to the neighbours of a price that has none."""

cimport cython
from libc.stdint cimport int32_t, uint64_t
from libcpp.vector cimport vector

cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long bits) noexcept
    int count_leading_zeros "__builtin_clzll"(unsigned long long bits) noexcept

cdef struct PriceNode:
    # Bit i says that child i is there: a node, or in a leaf the level.
    uint64_t present
    int32_t children[64]

cdef struct PriceTree:
    int32_t root
    # The leaf that was used last, and the price over 64 of all its levels; -1 for none.
    int32_t leaf
    int32_t leaf_prefix


@cython.final
cdef class Prices:
    cdef vector[PriceNode] nodes
    cdef int32_t free

    cdef inline int32_t find(self, PriceTree* tree, int32_t price_ticks) noexcept:
        """Return the level at a price, or -1."""
        if price_ticks >> 6 != tree.leaf_prefix and not self.seek(tree, price_ticks):
            return -1
        if self.nodes[tree.leaf].present >> (price_ticks & 63) & 1:
            return self.nodes[tree.leaf].children[price_ticks & 63]
        return -1

    cdef bint seek(self, PriceTree* tree, int32_t price_ticks) noexcept
    cdef int put(self, PriceTree* tree, int32_t price_ticks, int32_t level) except -1
    cdef void drop(self, PriceTree* tree, int32_t price_ticks) noexcept
    cdef int32_t above(self, PriceTree* tree, int32_t price_ticks) noexcept
    cdef int32_t below(self, PriceTree* tree, int32_t price_ticks) noexcept
    cdef int32_t _new_node(self) except -2
    cdef size_t held_bytes(self) noexcept
