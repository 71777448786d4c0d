"""C surface of `accounts`: what each account holds and commits on this shard."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from wavetank.matching.core.book cimport Book

cdef struct Account:
    int64_t account_id
    # Kept by events.
    uint64_t value
    uint64_t fees
    int64_t last_fill_seq
    int64_t floor_epoch
    int64_t floor_number
    # The credit line.
    int64_t line_epoch
    int64_t line_number
    int64_t as_of_seq
    int64_t budget
    # What other shards have to spare.
    int64_t elsewhere
    uint64_t line_value
    uint64_t line_fees
    int64_t mark_time_ns
    # At or before the oldest fill that the line does not count; 0 for none.
    int64_t first_uncounted_seq
    # Sums over the holdings.
    int64_t committed
    uint64_t moved
    # Lists, by index.
    int32_t first_holding
    int32_t first_order
    int32_t last_order
    int32_t first_remembered
    int32_t last_remembered
    int32_t open_orders
    int32_t remembered
    int32_t active_holdings
    uint8_t status
    uint8_t has_rows

cdef struct Holding:
    int64_t lots
    # Open lots; reduce-only orders are counted apart.
    int64_t buys
    int64_t sells
    int64_t reduce_buys
    int64_t reduce_sells
    int64_t open_value
    int64_t loss
    # The line's row; price 0 for none.
    int64_t row_lots
    int64_t row_price
    int64_t row_leverage
    # What this holding adds to its account's sums.
    int64_t committed
    uint64_t moved
    int32_t account
    int32_t book
    int32_t open_orders
    int32_t next
    int32_t next_of_book
    uint8_t is_active

cdef class Accounts:
    cdef vector[Account] slots
    cdef vector[Holding] holdings
    cdef unordered_map[int64_t, int32_t] by_id
    cdef list books

    cdef int32_t find(self, int64_t account_id) noexcept
    cdef int32_t ensure(self, int64_t account_id) except -2
    cdef int32_t find_holding(self, int32_t account, int32_t book) noexcept
    cdef int32_t ensure_holding(self, int32_t account, int32_t book) except -2
    cdef int64_t price_of(self, Holding* holding) noexcept
    cdef int64_t leverage_of(self, Holding* holding) noexcept
    cdef int64_t charge(self, Holding* holding) noexcept
    cdef void refresh(self, int32_t index) noexcept
    cdef void reprice(self, int32_t book) noexcept
    cdef int64_t uncounted(self, int32_t account) noexcept
    cdef list holdings_of(self, int32_t account)
    cdef int check_line(self, int32_t account, line) except -1
    cdef int put_line(self, int32_t account, line) except -1
    cdef bint is_newer(self, int32_t account, int64_t epoch, int64_t number) noexcept
