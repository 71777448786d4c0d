"""C surface of `ids`: from a 32-bit tag to the slots whose keys have it."""

cimport cython
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libcpp.vector cimport vector

from wavetank.matching.core.slab cimport Lines

cdef struct Entry:
    uint32_t tag
    # -1 for an empty entry.
    int32_t slot

cdef inline uint32_t tag_of(uint64_t key, uint64_t salt) noexcept:
    """Mix a key into a tag; all bits of both take part."""
    cdef uint64_t mixed = (key ^ salt) * <uint64_t>0x9E3779B97F4A7C15
    mixed = (mixed ^ (mixed >> 32)) * <uint64_t>0xBF58476D1CE4E5B9
    return <uint32_t>(mixed >> 32)


@cython.final
cdef class IdTable:
    cdef vector[Entry, Lines[Entry]] entries
    cdef uint32_t mask
    cdef int shift
    cdef size_t count

    cdef inline uint32_t home(self, uint32_t tag) noexcept:
        """Return where the search for a tag begins; it goes on entry by entry until an empty one."""
        # Fibonacci: neighbours in tag, as order ids are, fall far apart and evenly.
        return (tag * <uint32_t>2654435769) >> self.shift

    cdef inline int32_t guess(self, uint32_t tag) noexcept:
        """Return a slot that has the tag, or -1 if none has that stands where a search begins or right behind.

        Which it is, no processor can guess: there is no branch, and nothing waits for what is looked at here.
        """
        cdef uint32_t at = self.home(tag)
        cdef Entry first = self.entries[at]
        cdef Entry second = self.entries[(at + 1) & self.mask]
        # -1 for another tag. Written as a choice, it would become a branch all the same.
        cdef int32_t near = first.slot | -<int32_t>(first.tag != tag)
        cdef int32_t next_to = second.slot | -<int32_t>(second.tag != tag)
        return near if near >= 0 else next_to

    cdef inline int put(self, uint32_t tag, int32_t slot) except -1:
        """Add a slot that is not here yet."""
        if 2 * (self.count + 1) > self.entries.size():
            self.grow(2 * self.entries.size())
        self.count += 1
        self.place(tag, slot)
        return 0

    cdef inline void place(self, uint32_t tag, int32_t slot) noexcept:
        cdef uint32_t at = self.home(tag)
        while self.entries[at].slot >= 0:
            at = (at + 1) & self.mask
        self.entries[at].tag = tag
        self.entries[at].slot = slot

    cdef inline void drop(self, uint32_t tag, int32_t slot) noexcept:
        """Take out a slot that is here; those that it pushed on move back, so that no search meets a gap."""
        cdef uint32_t gap = self.home(tag)
        cdef uint32_t at
        while self.entries[gap].slot != slot or self.entries[gap].tag != tag:
            gap = (gap + 1) & self.mask
        at = gap
        while True:
            at = (at + 1) & self.mask
            if self.entries[at].slot < 0:
                break
            # An entry may move to the gap if that is no nearer than its home.
            if ((at - self.home(self.entries[at].tag)) & self.mask) >= ((at - gap) & self.mask):
                self.entries[gap] = self.entries[at]
                gap = at
        self.entries[gap].slot = -1
        self.count -= 1

    cdef int grow(self, size_t entries) except -1
    cdef int reserve(self, size_t slots) except -1
    cdef size_t held_bytes(self) noexcept
