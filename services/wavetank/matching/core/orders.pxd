"""C surface of `orders`: the slab in which every known order stands."""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libcpp.vector cimport vector

from wavetank.matching.core.ids cimport IdTable, tag_of
from wavetank.matching.core.records cimport ClientId
from wavetank.matching.core.slab cimport Lines
from wavetank.matching.core.words cimport BUY, GTC, GTT, OPEN, UNTRIGGERED

cdef enum:
    # Marks in the upper half of an order's flags: what trading must see of the order's details. Events show the lower
    # half only.
    AMENDED = 0x100
    ICEBERG = 0x200
    # Ends at a time.
    TIMED = 0x400
    # Has, or had, a trigger.
    CONDITIONAL = 0x800
    GROUPED = 0x1000
    # What it does when it meets an order of its own account; none of the two is EXPIRE_MAKER.
    STOPS_ITSELF = 0x2000
    STOPS_BOTH = 0x4000
    DETAILED = ICEBERG | TIMED | CONDITIONAL | GROUPED

cdef extern from *:
    """
    #define WAVETANK_SMALL_VALUE ((1LL << 42) - 1)
    #define WAVETANK_LIFT (1LL << 40)
    """
    # Times any rate, a tenth at most, it stays below the lift in millionths, and both together below 2^63.
    const int64_t SMALL_VALUE "WAVETANK_SMALL_VALUE"
    const int64_t LIFT "WAVETANK_LIFT"

# What trading reads, in one cache line of 64 bytes. Prices and lots are below 2^31 (UNIT-020): multiply them as int64.
cdef struct Order:
    int64_t order_id
    int32_t price_ticks
    int32_t margin_price_ticks
    int32_t remaining_lots
    int32_t filled_lots
    # Millionths that rounding the fee up has prepaid.
    int32_t prepaid_fee
    # Of the account, in this order's book; tells the account too.
    int32_t holding
    int32_t level
    # In the level's queue; of a remembered order, the next to be forgotten; of a free slot, the next free one.
    int32_t next
    int32_t previous
    int32_t account_next
    int32_t account_previous
    # -1 for an order that has none.
    int32_t details
    uint16_t flags
    uint16_t book
    uint8_t side
    uint8_t order_type
    uint8_t time_in_force
    uint8_t state

# What only answers and snapshots read; one for each order.
cdef struct OrderPast:
    int64_t accepted_time_ns
    int64_t filled_value_micros

# What only some orders have: those with a client order id, icebergs, those with an end, a trigger or a group.
cdef struct OrderDetails:
    ClientId client_id
    # The first answer, and the body it answered (ORD-030).
    int64_t answer_value_micros
    int32_t answer_lots
    int32_t asked_price_ticks
    int32_t asked_lots
    int32_t slippage_cap_ppm
    int32_t account
    # The order's slot; of a free one, the next free one.
    int32_t order
    int64_t expire_time_ns
    # Order id of the group's first order.
    int64_t group_id
    int32_t trigger_price_ticks
    int32_t asked_trigger_ticks
    # Of an iceberg: the most that it shows, and what it shows now.
    int32_t display_lots
    int32_t visible_lots
    uint16_t refusal
    uint8_t cancel_reason
    uint8_t trigger_kind
    uint8_t trigger_source
    uint8_t group_kind
    # CANCELLED if the first answer told that the order had ended already; else 0.
    uint8_t answer_state

cdef inline int64_t fee_due(int64_t value_micros, int64_t rate_ppm, int32_t* prepaid) noexcept:
    """Return what a fill adds to an order's fee, and carry the millionths that the rounding up has prepaid.

    An order has paid ceil(sum of rate * value) over all its fills, so splitting a trade changes nothing (PROTOCOL 1.4).
    """
    # No value is negative, and no rate is above a tenth: below this one the millionths fit, and so they do when lifted
    # by a whole number that leaves no debt negative. Unsigned, a division is a multiplication.
    cdef int64_t owed, due, whole
    if value_micros <= SMALL_VALUE:
        owed = value_micros * rate_ppm - prepaid[0]
        due = <int64_t>(<uint64_t>(owed + LIFT * 1_000_000 + 999_999) // <uint64_t>1_000_000) - LIFT
        prepaid[0] = <int32_t>(due * 1_000_000 - owed)
        return due
    # Else the whole dollars' part, which is exact, is taken out first.
    whole = <int64_t>(<uint64_t>value_micros // <uint64_t>1_000_000)
    owed = (value_micros - whole * 1_000_000) * rate_ppm - prepaid[0]
    due = <int64_t>(<uint64_t>(owed + LIFT * 1_000_000 + 999_999) // <uint64_t>1_000_000) - LIFT
    prepaid[0] = <int32_t>(due * 1_000_000 - owed)
    return whole * rate_ppm + due

cdef inline int64_t loss_of(
    int64_t lots, int64_t price_ticks, int64_t margin_price_ticks, uint8_t side, int64_t taker_ppm, int32_t prepaid
) noexcept:
    """Return what `lots` of an order lose against the margin price at their limit, with the taker fee they add (R6)."""
    # Without branches: which side it is, and on which side of the margin price, no processor can guess. 1 and -1.
    cdef int64_t beyond = (price_ticks - margin_price_ticks) * (2 * BUY + 1 - 2 * <int64_t>side)
    return fee_due(lots * price_ticks, taker_ppm, &prepaid) + lots * (beyond & ~(beyond >> 63))

cdef inline int64_t loss_now(Order* order, int64_t taker_ppm) noexcept:
    """Return what the open lots of an order add to the loss of its account's open orders (R6)."""
    return loss_of(
        order.remaining_lots, order.price_ticks, order.margin_price_ticks, order.side, taker_ppm, order.prepaid_fee
    )

cdef inline bint rests(uint8_t time_in_force) noexcept:
    """Tell whether an order's rest stays in the book."""
    return time_in_force == GTC or time_in_force == GTT

cdef inline bint is_live(uint8_t state) noexcept:
    return state == OPEN or state >= UNTRIGGERED

cdef inline bint is_given(ClientId* client_id) noexcept:
    return client_id.low != 0 or client_id.high != 0


@cython.final
cdef class Orders:
    cdef vector[Order, Lines[Order]] slots
    cdef vector[OrderPast, Lines[OrderPast]] pasts
    cdef vector[OrderDetails] details
    cdef int32_t free
    cdef int32_t free_details
    # Live and remembered orders; those with a client order id.
    cdef IdTable by_id
    cdef IdTable by_client
    cdef uint64_t salt

    cdef inline int32_t find_known(self, int64_t order_id) noexcept:
        """Return the index of a live or remembered order, or -1."""
        cdef uint32_t tag = <uint32_t>order_id
        cdef uint32_t at = self.by_id.home(tag)
        cdef int32_t index = self.by_id.entries[at].slot
        while index >= 0 and (self.by_id.entries[at].tag != tag or self.slots[index].order_id != order_id):
            at = (at + 1) & self.by_id.mask
            index = self.by_id.entries[at].slot
        return index

    cdef inline int32_t find_near(self, int64_t order_id, int32_t guess) noexcept:
        """Return what `find_known` does, sooner if a guess, or -1, is right."""
        return guess if guess >= 0 and self.slots[guess].order_id == order_id else self.find_known(order_id)

    cdef inline int32_t find(self, int64_t order_id) noexcept:
        """Return the index of a live order, or -1."""
        cdef int32_t index = self.find_known(order_id)
        return index if index >= 0 and is_live(self.slots[index].state) else -1

    cdef inline OrderDetails* details_of(self, Order* order) noexcept:
        """Return the details of an order that has some."""
        return &self.details[order.details]

    cdef inline int32_t visible_lots(self, Order* order) noexcept:
        """Return what the book shows of a resting order."""
        return self.details[order.details].visible_lots if order.flags & ICEBERG else order.remaining_lots

    cdef inline int32_t take(self) except -2:
        """Return the index of an order to be filled in."""
        cdef int32_t index = self.free
        if index < 0:
            return self.take_new()
        self.free = self.slots[index].next
        return index

    cdef inline void give_back(self, int32_t index) noexcept:
        self.slots[index].order_id = 0
        self.slots[index].state = 0
        self.slots[index].next = self.free
        self.free = index

    cdef inline uint32_t client_tag(self, int32_t account, ClientId* client_id) noexcept:
        return tag_of(<uint64_t>client_id.low ^ <uint64_t>tag_of(
            <uint64_t>client_id.high, self.salt + <uint64_t>account) << 32 ^ tag_of(
            <uint64_t>client_id.high, self.salt - <uint64_t>account), self.salt)

    cdef ClientId client_id_of(self, int32_t index) noexcept
    cdef bint has_client_id(self, int32_t index) noexcept
    cdef int32_t take_new(self) except -2
    cdef OrderDetails* take_details(self, int32_t index) except NULL
    cdef void give_back_details(self, int32_t index) noexcept
    cdef int32_t find_client(self, int32_t account, ClientId* client_id) noexcept
    cdef int index_client(self, int32_t index) except -1
    cdef void forget(self, int32_t index) noexcept
    cdef int reserve(self, size_t orders) except -1
    cdef size_t held_bytes(self) noexcept
