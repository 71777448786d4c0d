"""C surface of `accounts`: what each account holds and commits on this shard."""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from wavetank.matching.core.book cimport Book, Books
from wavetank.matching.core.ids cimport IdTable
from wavetank.matching.core.slab cimport Lines

cdef enum:
    # Stands where an account has no rate of its own; above every instrument's.
    NO_OWN_RATE = 1_000_000

cdef inline uint32_t account_tag(int64_t account_id) noexcept:
    """Return an account's tag; clearing counts its ids up, so they need no mixing to fall apart."""
    return <uint32_t>(account_id ^ account_id >> 32)

# Three cache lines: what every order and fill touches, the credit line, and what little else needs.
cdef struct Account:
    int64_t account_id
    # Kept by events.
    uint64_t value
    uint64_t fees
    int64_t last_fill_seq
    # At or before the oldest fill that the line does not count; 0 for none.
    int64_t first_uncounted_seq
    # What the account can still commit for certain: at most budget + U - W; 0 while nobody has worked it out.
    int64_t slack
    int32_t open_orders
    # Lists, by index.
    int32_t first_order
    # Rates of its own, kept by events; an order is charged the lower of them and the instrument's (FEE-010).
    int32_t taker_ppm
    int32_t maker_ppm
    # Until when the line is not stale, for certain (R11); of no meaning without slack.
    int64_t fresh_until_ns
    # The credit line.
    int64_t budget
    int32_t last_order
    int32_t first_holding
    uint64_t line_value
    uint64_t line_fees
    int64_t mark_time_ns
    uint8_t status
    # How the line charges what changed since; 0 before the first line is as gross.
    uint8_t charge
    # Whether the line brought limits (MRGN-070).
    uint8_t has_limits
    # The only instrument it may trade; 0 for all.
    int32_t only_instrument_id
    # Sums over the holdings, as of the last settling.
    int32_t active_holdings
    # Holdings whose part in the sums below is out of date.
    int32_t first_unsettled
    int32_t first_remembered
    int64_t committed
    uint64_t moved
    int32_t last_remembered
    int32_t remembered
    # What other shards have to spare.
    int64_t elsewhere
    # Equity behind the positions here, as the line counts them.
    int64_t equity
    int32_t line_epoch
    int32_t floor_epoch
    int64_t line_number
    int64_t floor_number
    # When the dead-man switch fires; 0 while it is off.
    int64_t dead_man_ns

# Two cache lines: what the account has, and what it adds to the account's sums.
cdef struct Holding:
    int64_t lots
    # Open lots; reduce-only orders are counted apart.
    int64_t buys
    int64_t sells
    int64_t reduce_buys
    int64_t reduce_sells
    int64_t open_value
    int64_t loss
    int32_t account
    int32_t open_orders
    # The account's id, once more: events need nothing else of it.
    int64_t account_id
    # A shard lists far fewer than this can number.
    uint16_t book
    uint8_t is_unsettled
    uint8_t is_active
    # Orders that wait to close the whole position, or part of it, and end with it.
    uint16_t position_orders
    # The line's row. Price 0 is none, or one that names the leverage alone; leverage 0 is the instrument's largest.
    uint16_t row_leverage
    int32_t next_unsettled
    int32_t row_price
    int32_t row_scaled_ppm
    # The most that one more lot adds to its margin within the first tier, as of the last settling.
    int32_t lot_margin
    int64_t row_lots
    int64_t committed
    uint64_t moved
    int32_t next
    int32_t next_of_book

# What a line lets an account come to in an instrument; 0 is no limit.
cdef struct PositionLimit:
    int64_t size_lots
    int64_t exposure_micros
    int32_t instrument_id

# And in a correlation group; 0 is no limit. Beside it what clearing counts of the group on other shards.
cdef struct GroupLimit:
    int64_t net_micros
    int64_t gross_micros
    int64_t elsewhere_long_micros
    int64_t elsewhere_short_micros

# An instrument of a line's group, by the group's place among them.
cdef struct GroupMember:
    int32_t instrument_id
    int32_t group

# Kept beside the accounts, for few have any.
cdef struct AccountLimits:
    vector[PositionLimit] positions
    vector[GroupLimit] groups
    vector[GroupMember] members

# A row of a credit line as it was read (R2); its book is -1 while the instrument is not listed here.
cdef struct CreditRow:
    int32_t instrument_id
    int32_t book
    int64_t lots
    int64_t price_ticks
    int64_t leverage
    int64_t scaled_ppm

# And the line, without its limits, which few have.
cdef struct CreditLine:
    int64_t account_id
    int64_t epoch
    int64_t number
    int64_t as_of_seq
    int64_t budget
    int64_t elsewhere
    uint64_t value
    uint64_t fees
    int64_t mark_time_ns
    int64_t taker_ppm
    int64_t maker_ppm
    int64_t equity
    int32_t only_instrument_id
    uint8_t status
    uint8_t charge
    vector[CreditRow] rows

cdef inline void mark_unsettled(Account* account, Holding* holding, int32_t index) noexcept:
    """Note that a holding changed in a way that the account's slack has followed."""
    if not holding.is_unsettled:
        holding.is_unsettled = True
        holding.next_unsettled = account.first_unsettled
        account.first_unsettled = index

cdef inline int64_t taker_rate(Account* account, Book* book) noexcept:
    """Return what an account pays for taking in a book, in ppm (FEE-010)."""
    return min(book.taker_ppm, <int64_t>account.taker_ppm)

cdef inline int64_t maker_rate(Account* account, Book* book) noexcept:
    """Return what an account pays for making in a book, in ppm; negative is paid to it (FEE-010)."""
    return min(book.maker_ppm, <int64_t>account.maker_ppm)

cdef inline int64_t margin_price(Holding* holding, Book* book) noexcept:
    """Return P of a holding in this book: the row's margin price, or the latest mark where the line has no row (R2)."""
    return holding.row_price if holding.row_price else book.mark_ticks

cdef inline int64_t reach_of(Holding* holding) noexcept:
    """Return the largest size that open orders can lead to; as M grows with the size, it has the largest margin.

    Reduce-only lots, alone on their side, never decide this maximum. Beside other orders they do: long 10, selling 10
    reduce-only and 20 more, the reduce-only may fill first, and the 20 then open a short of 20, not of 10.
    """
    cdef int64_t up = holding.lots + holding.buys + holding.reduce_buys
    cdef int64_t down = holding.lots - holding.sells - holding.reduce_sells
    if up < 0:
        up = -up
    if down < 0:
        down = -down
    return up if up > down else down


@cython.final
cdef class Accounts:
    cdef vector[Account, Lines[Account]] slots
    cdef vector[Holding, Lines[Holding]] holdings
    cdef IdTable by_id
    # Holdings by account and book.
    cdef IdTable by_pair
    # By account; only looked up, never walked.
    cdef unordered_map[int32_t, AccountLimits] limits
    cdef Books books

    cdef inline int32_t find(self, int64_t account_id) noexcept:
        cdef uint32_t tag = account_tag(account_id)
        cdef uint32_t at = self.by_id.home(tag)
        cdef int32_t index = self.by_id.entries[at].slot
        while index >= 0 and (self.by_id.entries[at].tag != tag or self.slots[index].account_id != account_id):
            at = (at + 1) & self.by_id.mask
            index = self.by_id.entries[at].slot
        return index

    cdef inline int32_t find_near(self, int64_t account_id, int32_t guess) noexcept:
        """Return what `find` does, sooner if a guess, or -1, is right."""
        return guess if guess >= 0 and self.slots[guess].account_id == account_id else self.find(account_id)

    cdef inline int32_t find_holding(self, int32_t account, int32_t book) noexcept:
        cdef int32_t index = self.slots[account].first_holding
        if index < 0 or self.holdings[index].book == book:
            return index
        return self.seek_holding(account, book)

    cdef inline void unsettle(self, Holding* holding, int32_t index) noexcept:
        """Note that a holding changed; what it adds to its account's sums is worked out when somebody asks."""
        cdef Account* account = &self.slots[holding.account]
        account.slack = 0
        mark_unsettled(account, holding, index)

    cdef inline int64_t price_of(self, Holding* holding) noexcept:
        """Return P, the margin price of a holding (R2)."""
        return margin_price(holding, &self.books.slots[holding.book])

    cdef inline int64_t leverage_of(self, Holding* holding) noexcept:
        return holding.row_leverage if holding.row_leverage else self.books.slots[holding.book].max_leverage

    cdef inline int64_t scaled_of(self, Holding* holding) noexcept:
        """Return what open interest adds to the margin rate: by the row, or the latest where the line has no price."""
        return holding.row_scaled_ppm if holding.row_price else self.books.slots[holding.book].scaled_ppm

    cdef int64_t charge(self, Holding* holding) noexcept
    cdef int64_t _added_charge(self, Holding* holding) noexcept
    cdef int64_t _added_of(self, Holding* holding, int64_t lots) noexcept
    cdef int64_t _margin_of(self, Holding* holding, int64_t lots) noexcept
    cdef int64_t _least_margin_of(self, Holding* holding, int64_t lots) noexcept
    cdef int64_t _notional_of(self, Holding* holding, int64_t lots) noexcept
    cdef int64_t _offset_charge(self, Holding* holding) noexcept
    cdef int64_t _lot_margin(self, Holding* holding) noexcept
    cdef void settle(self, int32_t account) noexcept
    cdef int32_t ensure(self, int64_t account_id) except -2
    cdef int32_t seek_holding(self, int32_t account, int32_t book) noexcept
    cdef int32_t ensure_holding(self, int32_t account, int32_t book) except -2
    cdef void reprice(self, int32_t book) noexcept
    cdef void relist(self, int32_t book) noexcept
    cdef int64_t uncounted(self, int32_t account) noexcept
    cdef bint may_lose(self, int32_t account, int64_t loss_micros, int64_t released_micros) noexcept
    cdef int64_t committed(self, int32_t account) noexcept
    cdef list holdings_of(self, int32_t account)
    cdef int64_t lots(self, int32_t account, int32_t book) noexcept
    cdef int read_line(self, line, CreditLine* told) except -1
    cdef int check_line(self, CreditLine* told, line) except -1
    cdef int compare_line(self, int32_t account, CreditLine* told) except -1
    cdef int put_line(self, int32_t account, CreditLine* told, line) except -1
    cdef int _put_limits(self, int32_t account, line) except -1
    cdef bint is_newer(self, int32_t account, int64_t epoch, int64_t number) noexcept
