"""The slab of orders: every open order, and every ended one that is remembered by its client order id.

Orders are plain structs that link one another by index, so that a million of them are one block of memory and nothing
on the hot path makes a Python object. An index is reused; an order id never is.
"""

from cython.operator cimport dereference
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset
from libcpp.unordered_map cimport unordered_map

from wavetank.matching.core.records cimport ClientId


cdef class Orders:
    """Orders by index, by order id (open and remembered ones apart), and by account and client order id (both)."""

    def __cinit__(self):
        self.free = -1

    cdef int32_t take(self) except -2:
        """Return the index of a blank order."""
        cdef Order blank
        cdef int32_t index = self.free
        memset(&blank, 0, sizeof(Order))
        if index >= 0:
            self.free = self.slots[index].next
            self.slots[index] = blank
        else:
            index = <int32_t>self.slots.size()
            self.slots.push_back(blank)
        return index

    cdef void give_back(self, int32_t index) noexcept:
        self.slots[index].order_id = 0
        self.slots[index].next = self.free
        self.free = index

    cdef int32_t find(self, int64_t order_id) noexcept:
        """Return the index of an open order, or -1."""
        cdef unordered_map[int64_t, int32_t].iterator found = self.by_id.find(order_id)
        if found == self.by_id.end():
            return -1
        return dereference(found).second

    cdef int32_t find_ended(self, int64_t order_id) noexcept:
        """Return the index of a remembered order, or -1."""
        cdef unordered_map[int64_t, int32_t].iterator found = self.ended.find(order_id)
        if found == self.ended.end():
            return -1
        return dereference(found).second

    cdef int32_t find_client(self, int32_t account, ClientId client_id) noexcept:
        """Return the index of the account's open or remembered order with this client order id, or -1."""
        cdef ClientKey key
        key.low, key.high, key.account = client_id.low, client_id.high, account
        cdef unordered_map[ClientKey, int32_t].iterator found = self.by_client.find(key)
        if found == self.by_client.end():
            return -1
        return dereference(found).second

    cdef int index_client(self, int32_t index) except -1:
        cdef ClientKey key
        cdef Order* order = &self.slots[index]
        key.low, key.high, key.account = order.client_id.low, order.client_id.high, order.account
        self.by_client[key] = index
        return 0

    cdef void forget_client(self, int32_t index) noexcept:
        cdef ClientKey key
        cdef Order* order = &self.slots[index]
        key.low, key.high, key.account = order.client_id.low, order.client_id.high, order.account
        self.by_client.erase(key)
        self.ended.erase(order.order_id)
