"""C surface of `shard`: the state that events leave behind, and the few ways in which it changes."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.deque cimport deque
from libcpp.unordered_map cimport unordered_map

from wavetank.matching.core.accounts cimport Accounts
from wavetank.matching.core.book cimport Book
from wavetank.matching.core.journal cimport Journal
from wavetank.matching.core.orders cimport Order, Orders
from wavetank.matching.core.records cimport ClientId

cdef struct Intent:
    # An order that is about to be accepted.
    ClientId client_id
    int64_t price_ticks
    int64_t lots
    int64_t asked_price_ticks
    int64_t slippage_cap_ppm
    int64_t margin_price_ticks
    int64_t loss_micros
    int32_t account
    int32_t book
    uint8_t side
    uint8_t order_type
    uint8_t time_in_force
    uint8_t flags

cdef struct Moment:
    int64_t first_seq
    int64_t now_ns

cdef struct Fees:
    int64_t maker
    int64_t taker

cdef class Shard:
    cdef int number
    cdef object settings
    cdef int64_t credit_ttl_ns
    cdef int64_t remembered_limit
    cdef int64_t max_open_orders
    cdef int64_t max_instruments
    cdef list books
    cdef list books_by_id
    cdef unordered_map[int32_t, int32_t] book_of
    cdef Orders orders
    cdef Accounts accounts
    cdef Journal journal
    cdef int64_t order_counter
    cdef int64_t trade_counter
    cdef int64_t request_seq
    cdef int32_t request_number
    cdef bint is_open
    cdef int64_t now_ns
    cdef deque[Moment] moments

    cdef int enter(self, int64_t now_ns, int64_t seq) except -1
    cdef int64_t time_of(self, int64_t seq) noexcept
    cdef int64_t id_of(self, int64_t counter) noexcept
    cdef int list_instrument(self, instrument) except -1
    cdef int32_t find_book(self, int32_t instrument_id) noexcept
    cdef inline Book book(self, int32_t index):
        return <Book>self.books[index]
    cdef int32_t admit(self, Intent* intent, int64_t order_id) except -2
    cdef int rest(self, int32_t index) except -1
    cdef int fill(self, int32_t taker, int32_t maker, int64_t lots, int64_t seq, Fees* fees) except -1
    cdef int close(self, int32_t index, uint8_t state, uint8_t cancel_reason) except -1
    cdef int shrink(self, int32_t index, int64_t remaining_lots) except -1
    cdef int requeue(self, int32_t index, int64_t price_ticks, int64_t lots, int64_t margin_price_ticks) except -1
    cdef int transfer(
        self, int32_t giver, int32_t receiver, int32_t book, int64_t delta, int64_t value, int64_t seq
    ) except -1
    cdef int64_t _fill_side(
        self, int32_t index, int64_t lots, int64_t price, int64_t rate, bint takes, int64_t seq
    ) except? -1
    cdef int _move(self, int32_t holding, int64_t delta, int64_t value, int64_t fee, int64_t seq) except -1
    cdef void _expose(self, Order* order, int64_t lots) noexcept
    cdef int _remember(self, int32_t index) except -1
