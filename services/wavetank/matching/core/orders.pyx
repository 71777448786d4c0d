"""The slab of orders: every open order, and every ended one that is remembered by its client order id.

Orders are plain structs that link one another by index, so that a million of them are one block of memory and nothing
on the hot path makes a Python object. What trading reads of an order is one cache line; its times and sums stand aside,
and what few orders have at all stands in a slab of its own. An index is reused; an order id never is.
"""

from libc.string cimport memset


cdef class Orders:
    """Orders by index, by order id, and by account and client order id."""

    def __cinit__(self):
        self.free = self.free_details = -1
        self.by_id = IdTable()
        self.by_client = IdTable()
        # Clients choose their ids. Salted by this process's own hash they cannot choose ids that fall together; no
        # output depends on where an id falls.
        self.salt = <uint64_t><int64_t>hash("client order ids")

    cdef int32_t take_new(self) except -2:
        cdef Order blank
        cdef OrderPast past
        memset(&blank, 0, sizeof(Order))
        memset(&past, 0, sizeof(OrderPast))
        self.slots.push_back(blank)
        self.pasts.push_back(past)
        return <int32_t>self.slots.size() - 1

    cdef OrderDetails* take_details(self, int32_t index) except NULL:
        """Return the details of an order, blank ones if it had none; they stay where they are until others are made."""
        cdef OrderDetails blank
        cdef int32_t at = self.slots[index].details
        if at >= 0:
            return &self.details[at]
        memset(&blank, 0, sizeof(OrderDetails))
        at = self.free_details
        if at >= 0:
            self.free_details = self.details[at].order
            self.details[at] = blank
        else:
            at = <int32_t>self.details.size()
            self.details.push_back(blank)
        self.details[at].order = index
        self.slots[index].details = at
        return &self.details[at]

    cdef void give_back_details(self, int32_t index) noexcept:
        cdef int32_t at = self.slots[index].details
        if at >= 0:
            self.details[at].order = self.free_details
            self.free_details = at
            self.slots[index].details = -1

    cdef ClientId client_id_of(self, int32_t index) noexcept:
        """Return an order's client order id, zeros for none."""
        cdef ClientId none
        if self.slots[index].details >= 0:
            return self.details[self.slots[index].details].client_id
        none.low = none.high = 0
        return none

    cdef bint has_client_id(self, int32_t index) noexcept:
        cdef int32_t at = self.slots[index].details
        return at >= 0 and is_given(&self.details[at].client_id)

    cdef int32_t find_client(self, int32_t account, ClientId* client_id) noexcept:
        """Return the index of the account's live or remembered order with this client order id, or -1."""
        cdef uint32_t tag = self.client_tag(account, client_id)
        cdef uint32_t at = self.by_client.home(tag)
        cdef OrderDetails* known
        while self.by_client.entries[at].slot >= 0:
            if self.by_client.entries[at].tag == tag:
                known = &self.details[self.by_client.entries[at].slot]
                if (
                    known.account == account
                    and known.client_id.low == client_id.low
                    and known.client_id.high == client_id.high
                ):
                    return known.order
            at = (at + 1) & self.by_client.mask
        return -1

    cdef int index_client(self, int32_t index) except -1:
        """Let an order be found by the account and the client order id in its details."""
        cdef OrderDetails* known = &self.details[self.slots[index].details]
        return self.by_client.put(self.client_tag(known.account, &known.client_id), self.slots[index].details)

    cdef void forget(self, int32_t index) noexcept:
        """Let an ended order be found no more, and reuse its place."""
        cdef OrderDetails* known
        self.by_id.drop(<uint32_t>self.slots[index].order_id, index)
        if self.has_client_id(index):
            known = &self.details[self.slots[index].details]
            self.by_client.drop(self.client_tag(known.account, &known.client_id), self.slots[index].details)
        self.give_back_details(index)
        self.give_back(index)

    cdef int reserve(self, size_t orders) except -1:
        """Set room aside for so many orders at once; memory that none of them has used yet costs nothing."""
        self.slots.reserve(orders)
        self.pasts.reserve(orders)
        return 0

    cdef size_t held_bytes(self) noexcept:
        """Return the bytes in use: slabs up to the most orders there ever were at once, and the tables."""
        return (
            self.slots.size() * sizeof(Order)
            + self.pasts.size() * sizeof(OrderPast)
            + self.details.size() * sizeof(OrderDetails)
            + self.by_id.held_bytes()
            + self.by_client.held_bytes()
        )
