"""Tables of ids: from a key's 32-bit tag to the slots of a slab, open addressed, eight bytes an entry.

The keys themselves stand in the slab only: a search compares tags here and then the key there, where its reader goes
anyway. At most half of the entries are taken, the neighbours of a search share a cache line, and what is taken out
leaves nothing behind, so searches stay short however long the venue runs.
"""

from libcpp.vector cimport vector

from wavetank.matching.core.slab cimport Lines

SMALLEST = 64


cdef class IdTable:
    """Slots by tag; the same tag may stand for several."""

    def __cinit__(self):
        self.grow(SMALLEST)

    cdef int grow(self, size_t entries) except -1:
        """Make room; `entries` is a power of two. It takes the time of one pass over the table."""
        cdef vector[Entry, Lines[Entry]] before
        cdef Entry blank
        cdef size_t index
        blank.tag = 0
        blank.slot = -1
        before.swap(self.entries)
        self.entries.assign(entries, blank)
        self.mask = <uint32_t>(entries - 1)
        self.shift = 32
        while (<size_t>1 << (32 - self.shift)) < entries:
            self.shift -= 1
        for index in range(before.size()):
            if before[index].slot >= 0:
                self.place(before[index].tag, before[index].slot)
        return 0

    cdef int reserve(self, size_t slots) except -1:
        """Make room for so many slots at once."""
        cdef size_t entries = self.entries.size()
        while 2 * (slots + 1) > entries:
            entries *= 2
        if entries > self.entries.size():
            self.grow(entries)
        return 0

    cdef size_t held_bytes(self) noexcept:
        return self.entries.size() * sizeof(Entry)
