"""Prices: a tree of 64-way nodes from the 31 bits of a price to its level.

Six steps find any price or its nearest neighbour, however the levels lie: an adversary who spreads his orders costs
six steps and a few nodes a level, never a walk over the others. The leaf used last is kept, for the next price is most
often within 64 ticks of it: then it is one step.
"""

from libc.stdint cimport int32_t, uint64_t
from libc.string cimport memset

cdef enum:
    # Bits of a price above those that the root tells apart.
    ROOT_SHIFT = 30
    DEPTH = 6


cdef class Prices:
    """The nodes of all trees of a shard, one tree for each side of each book."""

    def __cinit__(self):
        self.free = -1

    cdef bint seek(self, PriceTree* tree, int32_t price_ticks) noexcept:
        """Make the leaf of a price the tree's present one; return False if there is none."""
        cdef int32_t node = tree.root
        cdef int shift = ROOT_SHIFT
        cdef int slot
        while node >= 0 and shift > 0:
            slot = (price_ticks >> shift) & 63
            if not self.nodes[node].present >> slot & 1:
                return False
            node = self.nodes[node].children[slot]
            shift -= 6
        if node < 0:
            return False
        tree.leaf = node
        tree.leaf_prefix = price_ticks >> 6
        return True

    cdef int put(self, PriceTree* tree, int32_t price_ticks, int32_t level) except -1:
        """Add the level of a price that has none."""
        cdef int32_t node, child
        cdef int shift = ROOT_SHIFT
        cdef int slot
        if tree.root < 0:
            tree.root = self._new_node()
        node = tree.root
        while shift > 0:
            slot = (price_ticks >> shift) & 63
            if not self.nodes[node].present >> slot & 1:
                child = self._new_node()
                self.nodes[node].present |= <uint64_t>1 << slot
                self.nodes[node].children[slot] = child
            node = self.nodes[node].children[slot]
            shift -= 6
        self.nodes[node].present |= <uint64_t>1 << (price_ticks & 63)
        self.nodes[node].children[price_ticks & 63] = level
        tree.leaf = node
        tree.leaf_prefix = price_ticks >> 6
        return 0

    cdef void drop(self, PriceTree* tree, int32_t price_ticks) noexcept:
        """Take out the level of a price, and the nodes that it leaves empty."""
        cdef int32_t path[DEPTH]
        cdef int32_t node = tree.root
        cdef int depth
        for depth in range(DEPTH):
            path[depth] = node
            node = self.nodes[node].children[(price_ticks >> (ROOT_SHIFT - 6 * depth)) & 63]
        for depth in range(DEPTH - 1, -1, -1):
            node = path[depth]
            self.nodes[node].present &= ~(<uint64_t>1 << ((price_ticks >> (ROOT_SHIFT - 6 * depth)) & 63))
            if self.nodes[node].present:
                return
            if node == tree.leaf:
                tree.leaf = tree.leaf_prefix = -1
            self.nodes[node].children[0] = self.free
            self.free = node
        tree.root = -1

    cdef int32_t above(self, PriceTree* tree, int32_t price_ticks) noexcept:
        """Return the level at the lowest price above this one, or -1."""
        cdef int32_t node = tree.root
        cdef int32_t turn = -1
        cdef int shift = ROOT_SHIFT
        cdef int turn_shift = 0
        cdef uint64_t beyond
        cdef uint64_t turn_bits = 0
        while node >= 0:
            # Twice a shift by less than 64, for a shift by 64 is undefined.
            beyond = self.nodes[node].present >> ((price_ticks >> shift) & 63) >> 1
            if beyond:
                turn, turn_shift = node, shift
                turn_bits = beyond << ((price_ticks >> shift) & 63) << 1
            if shift == 0 or not self.nodes[node].present >> ((price_ticks >> shift) & 63) & 1:
                break
            node = self.nodes[node].children[(price_ticks >> shift) & 63]
            shift -= 6
        if turn < 0:
            return -1
        node = self.nodes[turn].children[count_trailing_zeros(turn_bits)]
        while turn_shift > 0:
            node = self.nodes[node].children[count_trailing_zeros(self.nodes[node].present)]
            turn_shift -= 6
        return node

    cdef int32_t below(self, PriceTree* tree, int32_t price_ticks) noexcept:
        """Return the level at the highest price below this one, or -1."""
        cdef int32_t node = tree.root
        cdef int32_t turn = -1
        cdef int shift = ROOT_SHIFT
        cdef int turn_shift = 0
        cdef uint64_t beyond
        cdef uint64_t turn_bits = 0
        while node >= 0:
            beyond = self.nodes[node].present & ((<uint64_t>1 << ((price_ticks >> shift) & 63)) - 1)
            if beyond:
                turn, turn_shift, turn_bits = node, shift, beyond
            if shift == 0 or not self.nodes[node].present >> ((price_ticks >> shift) & 63) & 1:
                break
            node = self.nodes[node].children[(price_ticks >> shift) & 63]
            shift -= 6
        if turn < 0:
            return -1
        node = self.nodes[turn].children[63 - count_leading_zeros(turn_bits)]
        while turn_shift > 0:
            node = self.nodes[node].children[63 - count_leading_zeros(self.nodes[node].present)]
            turn_shift -= 6
        return node

    cdef int32_t _new_node(self) except -2:
        cdef PriceNode blank
        cdef int32_t node = self.free
        if node >= 0:
            # Its last bit went when it was given back.
            self.free = self.nodes[node].children[0]
            return node
        memset(&blank, 0, sizeof(PriceNode))
        self.nodes.push_back(blank)
        return <int32_t>self.nodes.size() - 1

    cdef size_t held_bytes(self) noexcept:
        return self.nodes.size() * sizeof(PriceNode)
