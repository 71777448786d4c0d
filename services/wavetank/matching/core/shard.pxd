"""C surface of `shard`: the state that events leave behind, and the few ways in which it changes."""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t
from libc.string cimport memset
from libcpp.deque cimport deque

from wavetank.matching.core.accounts cimport Account, Accounts, Holding, taker_rate
from wavetank.matching.core.book cimport Book, Books
from wavetank.matching.core.journal cimport Journal
from wavetank.matching.core.orders cimport (
    CONDITIONAL,
    GROUPED,
    ICEBERG,
    STOPS_BOTH,
    STOPS_ITSELF,
    TIMED,
    Order,
    Orders,
)
from wavetank.matching.core.records cimport ClientId
from wavetank.matching.core.timers cimport Timers
from wavetank.matching.core.triggers cimport Triggers
from wavetank.matching.core.words cimport EXPIRE_BOTH, EXPIRE_MAKER, EXPIRE_TAKER, OPEN

cdef struct Intent:
    # An order that is about to be accepted.
    ClientId client_id
    int64_t price_ticks
    int64_t lots
    int64_t asked_price_ticks
    int64_t slippage_cap_ppm
    int64_t margin_price_ticks
    int64_t loss_micros
    int64_t expire_time_ns
    int64_t group_id
    int64_t display_lots
    int64_t trigger_price_ticks
    int32_t account
    int32_t book
    # -1 while not looked up, or where the account has none yet.
    int32_t holding
    uint16_t flags
    uint8_t side
    uint8_t order_type
    uint8_t time_in_force
    # OPEN, or what it waits for.
    uint8_t state
    uint8_t trigger_kind
    uint8_t trigger_source
    uint8_t group_kind

cdef inline void begin_intent(Intent* intent, int32_t account, int32_t book) noexcept:
    # By halves, as in the journal.
    memset(intent, 0, sizeof(Intent) // 2)
    memset(<char*>intent + sizeof(Intent) // 2, 0, sizeof(Intent) - sizeof(Intent) // 2)
    intent.account = account
    intent.book = book
    intent.holding = -1
    intent.state = OPEN

cdef inline uint16_t marks_of(Intent* intent, uint8_t self_trade_prevention) noexcept:
    """Return the upper half of an order's flags."""
    cdef uint16_t marks = 0
    if self_trade_prevention > EXPIRE_MAKER:
        marks |= STOPS_ITSELF if self_trade_prevention == EXPIRE_TAKER else STOPS_BOTH
    if intent.display_lots:
        marks |= ICEBERG
    if intent.expire_time_ns:
        marks |= TIMED
    if intent.trigger_kind:
        marks |= CONDITIONAL
    if intent.group_kind:
        marks |= GROUPED
    return marks

cdef inline uint8_t prevention_of(uint16_t flags) noexcept:
    """Return the order's self-trade prevention (MTCH-020)."""
    if flags & STOPS_ITSELF:
        return EXPIRE_TAKER
    return EXPIRE_BOTH if flags & STOPS_BOTH else EXPIRE_MAKER

cdef struct Moment:
    int64_t first_seq
    int64_t now_ns

cdef struct Fees:
    int64_t maker
    int64_t taker


@cython.final
cdef class Shard:
    cdef int number
    cdef object settings
    cdef int64_t credit_ttl_ns
    cdef int64_t stale_after_ns
    cdef int64_t remembered_limit
    cdef int64_t max_open_orders
    cdef int64_t max_instruments
    cdef Books books
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
    cdef Timers timers
    cdef Triggers triggers
    # Order id, or group id, of what was accepted last and may still be in its own run; 0 for nothing.
    cdef int64_t running
    # Noted events that were replayed and not drained yet.
    cdef list notes

    cdef inline Book* book(self, int32_t index) noexcept:
        """Return a book; it stays where it is until another instrument is listed."""
        return &self.books.slots[index]

    cdef inline bint is_stale(self, Book* book) noexcept:
        """Tell whether a book's mark may be acted by no more: so it was told, or it grew old (ORCL-030)."""
        return book.mark_is_stale or self.now_ns - book.index_time_ns > self.stale_after_ns

    cdef inline Book* book_of(self, Order* order) noexcept:
        return &self.books.slots[order.book]

    cdef inline Holding* holding_of(self, Order* order) noexcept:
        return &self.accounts.holdings[order.holding]

    cdef inline Account* account_of(self, Order* order) noexcept:
        return &self.accounts.slots[self.accounts.holdings[order.holding].account]

    cdef inline int64_t taker_rate_of(self, Order* order) noexcept:
        """Return what the order's account pays for taking in its book (FEE-010)."""
        return taker_rate(self.account_of(order), self.book_of(order))

    cdef inline int64_t id_of(self, int64_t counter) noexcept:
        return ((<int64_t>self.number + 1) << 48) | counter

    cdef inline void enlist(self, int32_t index, Account* account, Holding* holding) noexcept:
        """Put an order at the end of its account's list of live orders."""
        cdef Order* orders = self.orders.slots.data()
        cdef Order* order = orders + index
        cdef int32_t last = account.last_order
        order.account_next = -1
        order.account_previous = last
        # As in a level's queue: without a branch that no processor can guess.
        (&orders[last].account_next if last >= 0 else &account.first_order)[0] = index
        account.last_order = index
        account.open_orders += 1
        # What waits for a trigger makes no instrument active.
        if order.state == OPEN:
            holding.open_orders += 1

    cdef inline void unlist(self, Order* order, Account* account, Holding* holding) noexcept:
        """Take an order out of its account's list of live orders, before its state changes."""
        cdef Order* orders = self.orders.slots.data()
        account.open_orders -= 1
        if order.state == OPEN:
            holding.open_orders -= 1
        (&orders[order.account_previous].account_next if order.account_previous >= 0 else &account.first_order)[0] = (
            order.account_next
        )
        (&orders[order.account_next].account_previous if order.account_next >= 0 else &account.last_order)[0] = (
            order.account_previous
        )

    cdef int enter(self, int64_t now_ns, int64_t seq) except -1
    cdef int64_t time_of(self, int64_t seq) noexcept
    cdef int32_t admit(self, Intent* intent, int64_t order_id) except -2
    cdef int describe(self, int32_t index, Intent* intent) except -1
    cdef int rest(self, int32_t index) except -1
    cdef int fill(
        self, int32_t taker, int32_t maker, int64_t price_ticks, int64_t lots, bint auction, int64_t seq, Fees* fees
    ) except -1
    cdef int close(self, int32_t index, uint8_t state, uint8_t cancel_reason, uint16_t refusal) except -1
    cdef int set_rates(self, int32_t account, int64_t taker_ppm, int64_t maker_ppm) except -1
    cdef int set_dead_man(self, int32_t account, int64_t deadline_ns) except -1
    cdef void note_answer(self, Order* order, uint8_t cancel_reason) noexcept
    cdef int withdraw(self, int32_t index) except -1
    cdef int watch(self, int32_t index) except -1
    cdef int unwatch(self, int32_t index) except -1
    cdef int trigger(self, int32_t index, int64_t price_ticks, int64_t lots, int64_t margin_price_ticks) except -1
    cdef int activate(self, int32_t index, int64_t lots) except -1
    cdef int remember(self, int32_t index) except -1
    cdef int shrink(self, int32_t index, int64_t remaining_lots) except -1
    cdef int reshape(
        self, int32_t index, int64_t price_ticks, int64_t lots, int64_t trigger_price_ticks
    ) except -1
    cdef int requeue(self, int32_t index, int64_t price_ticks, int64_t lots, int64_t margin_price_ticks) except -1
    cdef int transfer(
        self, int32_t giver, int32_t receiver, int32_t book, int64_t delta, int64_t value, int64_t seq
    ) except -1
    cdef void expose(self, int32_t index) noexcept
    cdef void release(self, int32_t index) noexcept
    cdef int64_t _fill_side(
        self, int32_t index, int64_t lots, int64_t value, int64_t rate, bint takes, bint auction, int64_t seq
    ) except? -1
    cdef int _move(self, int32_t holding, int64_t delta, int64_t value, int64_t fee, int64_t seq) except -1
