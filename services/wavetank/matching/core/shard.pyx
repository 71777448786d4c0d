"""The shard's state, and the transitions that events stand for.

The engine decides and then calls a transition; recovery reads an event and calls the same one. So what a process holds
is what its events leave behind, by construction: instruments, marks, books, orders, positions, Q and F, remembered
client order ids, counters. Credit lines are inputs that stand beside it (PROTOCOL R10).
"""

from cython.operator cimport dereference
from libc.stdint cimport INT64_MIN, int32_t, int64_t, uint8_t, uint64_t
from libcpp.unordered_map cimport unordered_map

from wavetank.matching.core.accounts cimport Account, Accounts, Holding
from wavetank.matching.core.book cimport Book
from wavetank.matching.core.journal cimport Journal
from wavetank.matching.core.orders cimport Order, Orders, fee_due, loss_of
from wavetank.matching.core.words cimport BUY, LIQUIDATION, OPEN, REDUCE_ONLY


cdef class Shard:
    """State of one shard.

    Args:
        number: index of the shard; stands in the order ids.
        settings: of the engine.

    """

    def __cinit__(self, int number, settings):
        self.number = number
        self.settings = settings
        self.credit_ttl_ns = settings.credit_ttl_ns
        self.remembered_limit = settings.remembered_client_ids
        self.max_open_orders = settings.max_open_orders
        self.max_instruments = settings.max_instruments
        self.books = []
        self.books_by_id = []
        self.orders = Orders()
        self.accounts = Accounts(self.books)
        self.journal = Journal()

    cdef int enter(self, int64_t now_ns, int64_t seq) except -1:
        """Begin an input at `now_ns`; its events are numbered from `seq` on."""
        cdef Moment moment
        if now_ns < self.now_ns:
            raise ValueError(f"time went back: now is {now_ns}, it was {self.now_ns}")
        self.now_ns = now_ns
        if not self.moments.empty() and self.moments.back().first_seq == seq:
            self.moments.pop_back()
        if self.moments.empty() or self.moments.back().now_ns < now_ns:
            moment.first_seq = seq
            moment.now_ns = now_ns
            self.moments.push_back(moment)
        # A moment is of no use once even its successor is too old to matter.
        while self.moments.size() > 1 and self.moments[1].now_ns < now_ns - self.credit_ttl_ns:
            self.moments.pop_front()
        return 0

    cdef int64_t time_of(self, int64_t seq) noexcept:
        """Return the time of an event, or the least number if it is long past."""
        cdef size_t low = 0
        cdef size_t high = self.moments.size()
        cdef size_t middle
        while low < high:
            middle = (low + high) // 2
            if self.moments[middle].first_seq <= seq:
                low = middle + 1
            else:
                high = middle
        return self.moments[low - 1].now_ns if low > 0 else INT64_MIN

    cdef int64_t id_of(self, int64_t counter) noexcept:
        return ((<int64_t>self.number + 1) << 48) | counter

    cdef int list_instrument(self, instrument) except -1:
        cdef int32_t at = self.find_book(instrument.instrument_id)
        cdef Book book
        if at >= 0:
            (<Book>self.books[at]).adopt(instrument)
            return 0
        book = Book(instrument, self.orders, self.settings.track_levels)
        self.book_of[book.instrument_id] = <int32_t>len(self.books)
        self.books.append(book)
        self.books_by_id.append(book)
        self.books_by_id.sort(key=_instrument_id)
        return 0

    cdef int32_t find_book(self, int32_t instrument_id) noexcept:
        cdef unordered_map[int32_t, int32_t].iterator found = self.book_of.find(instrument_id)
        return -1 if found == self.book_of.end() else dereference(found).second

    cdef int32_t admit(self, Intent* intent, int64_t order_id) except -2:
        """Bring an accepted order into being; it rests nowhere yet. Return its index."""
        cdef int32_t holding = self.accounts.ensure_holding(intent.account, intent.book)
        cdef int32_t index = self.orders.take()
        cdef Order* order = &self.orders.slots[index]
        cdef Account* account = &self.accounts.slots[intent.account]
        order.order_id = order_id
        order.client_id = intent.client_id
        order.accepted_time_ns = self.now_ns
        order.price_ticks = intent.price_ticks
        order.remaining_lots = intent.lots
        order.margin_price_ticks = intent.margin_price_ticks
        order.asked_price_ticks = <int32_t>intent.asked_price_ticks
        order.asked_lots = <int32_t>intent.lots
        order.slippage_cap_ppm = <int32_t>intent.slippage_cap_ppm
        order.account = intent.account
        order.book = intent.book
        order.holding = holding
        order.level = order.next = order.previous = -1
        order.account_next = order.account_previous = -1
        order.side = intent.side
        order.order_type = intent.order_type
        order.time_in_force = intent.time_in_force
        order.flags = intent.flags
        order.state = OPEN
        self.orders.by_id[order_id] = index
        if not order.flags & LIQUIDATION:
            order.account_previous = account.last_order
            if account.last_order >= 0:
                self.orders.slots[account.last_order].account_next = index
            else:
                account.first_order = index
            account.last_order = index
            account.open_orders += 1
            self.accounts.holdings[holding].open_orders += 1
            self._expose(order, order.remaining_lots)
            self.accounts.refresh(holding)
        if order.client_id.low != 0 or order.client_id.high != 0:
            self.orders.index_client(index)
        return index

    cdef int rest(self, int32_t index) except -1:
        """Put an order into its book, behind all others at its price."""
        return self.book(self.orders.slots[index].book).add(index)

    cdef int fill(self, int32_t taker, int32_t maker, int64_t lots, int64_t seq, Fees* fees) except -1:
        """Let two orders trade at the maker's price; a filled order is not closed yet."""
        cdef Book book = self.book(self.orders.slots[maker].book)
        cdef int64_t price = self.orders.slots[maker].price_ticks
        cdef bint pays = not self.orders.slots[taker].flags & LIQUIDATION
        fees.maker = self._fill_side(maker, lots, price, book.maker_ppm, False, seq)
        fees.taker = self._fill_side(taker, lots, price, book.taker_ppm if pays else 0, True, seq)
        book.last_price_ticks = price
        return 0

    cdef int64_t _fill_side(
        self, int32_t index, int64_t lots, int64_t price, int64_t rate, bint takes, int64_t seq
    ) except? -1:
        cdef Order* order = &self.orders.slots[index]
        cdef int64_t value = lots * price
        cdef int64_t fee = fee_due(value, rate, &order.prepaid_fee)
        if order.level >= 0:
            self.book(order.book).take_lots(index, lots)
        else:
            order.remaining_lots -= lots
        order.filled_lots += lots
        order.filled_value_micros += value
        if takes and not order.amended:
            order.answer_lots += <int32_t>lots
            order.answer_value_micros += value
        self._expose(order, -lots)
        if order.side == BUY:
            self._move(order.holding, lots, value, fee, seq)
        else:
            self._move(order.holding, -lots, -value, fee, seq)
        return fee

    cdef int _move(self, int32_t holding, int64_t delta, int64_t value, int64_t fee, int64_t seq) except -1:
        """Change a position, and the sums that clearing compares with its own (R4)."""
        cdef Holding* of = &self.accounts.holdings[holding]
        cdef Account* account = &self.accounts.slots[of.account]
        cdef Book book = self.book(of.book)
        if of.lots > 0:
            book.open_interest_lots -= of.lots
        of.lots += delta
        if of.lots > 0:
            book.open_interest_lots += of.lots
        account.value += <uint64_t>value
        account.fees += <uint64_t>fee
        account.last_fill_seq = seq
        if account.first_uncounted_seq == 0:
            account.first_uncounted_seq = seq
        self.accounts.refresh(holding)
        return 0

    cdef void _expose(self, Order* order, int64_t lots) noexcept:
        """Add lots to, or take them from, what the account's open orders may do; renew the order's loss (R6)."""
        cdef Holding* holding
        cdef int64_t loss
        if order.flags & LIQUIDATION:
            return
        holding = &self.accounts.holdings[order.holding]
        if order.flags & REDUCE_ONLY:
            if order.side == BUY:
                holding.reduce_buys += lots
            else:
                holding.reduce_sells += lots
        elif order.side == BUY:
            holding.buys += lots
        else:
            holding.sells += lots
        holding.open_value += lots * order.price_ticks
        loss = loss_of(
            order.remaining_lots, order.price_ticks, order.margin_price_ticks, order.side,
            self.book(order.book).taker_ppm, order.prepaid_fee,
        )
        holding.loss += loss - order.loss_micros
        order.loss_micros = loss

    cdef int close(self, int32_t index, uint8_t state, uint8_t cancel_reason) except -1:
        """End an order: out of the book, its exposure released, remembered if it has a client order id (ORD-060)."""
        cdef Order* order = &self.orders.slots[index]
        cdef Account* account = &self.accounts.slots[order.account]
        cdef int64_t remaining = order.remaining_lots
        if order.level >= 0:
            self.book(order.book).remove(index)
        if not order.flags & LIQUIDATION:
            order.remaining_lots = 0
            self._expose(order, -remaining)
            order.remaining_lots = remaining
            account.open_orders -= 1
            self.accounts.holdings[order.holding].open_orders -= 1
            self.accounts.refresh(order.holding)
            if order.account_previous >= 0:
                self.orders.slots[order.account_previous].account_next = order.account_next
            else:
                account.first_order = order.account_next
            if order.account_next >= 0:
                self.orders.slots[order.account_next].account_previous = order.account_previous
            else:
                account.last_order = order.account_previous
        self.orders.by_id.erase(order.order_id)
        order.state = state
        order.cancel_reason = cancel_reason
        if order.client_id.low != 0 or order.client_id.high != 0:
            return self._remember(index)
        self.orders.give_back(index)
        return 0

    cdef int _remember(self, int32_t index) except -1:
        """Keep an ended order for its client order id, and forget the oldest beyond the limit (ORD-030)."""
        cdef Account* account = &self.accounts.slots[self.orders.slots[index].account]
        cdef int32_t oldest
        self.orders.slots[index].next = -1
        if account.last_remembered >= 0:
            self.orders.slots[account.last_remembered].next = index
        else:
            account.first_remembered = index
        account.last_remembered = index
        account.remembered += 1
        self.orders.ended[self.orders.slots[index].order_id] = index
        while account.remembered > self.remembered_limit:
            oldest = account.first_remembered
            account.first_remembered = self.orders.slots[oldest].next
            if account.first_remembered < 0:
                account.last_remembered = -1
            account.remembered -= 1
            self.orders.forget_client(oldest)
            self.orders.give_back(oldest)
        return 0

    cdef int shrink(self, int32_t index, int64_t remaining_lots) except -1:
        """Lower a resting order in place: it keeps its priority and its margin price."""
        cdef Order* order = &self.orders.slots[index]
        cdef int64_t less = order.remaining_lots - remaining_lots
        self.book(order.book).take_lots(index, less)
        order.amended = True
        self._expose(order, -less)
        self.accounts.refresh(order.holding)
        return 0

    cdef int requeue(self, int32_t index, int64_t price_ticks, int64_t lots, int64_t margin_price_ticks) except -1:
        """Take a resting order out of its queue and give it a new limit and size; it rests nowhere then."""
        cdef Order* order = &self.orders.slots[index]
        cdef int64_t remaining = order.remaining_lots
        self.book(order.book).remove(index)
        order.remaining_lots = 0
        self._expose(order, -remaining)
        order.price_ticks = price_ticks
        order.remaining_lots = lots
        order.margin_price_ticks = margin_price_ticks
        order.amended = True
        self._expose(order, lots)
        self.accounts.refresh(order.holding)
        return 0

    cdef int transfer(
        self, int32_t giver, int32_t receiver, int32_t book, int64_t delta, int64_t value, int64_t seq
    ) except -1:
        """Move lots between two accounts at a value; no fee (R1)."""
        self._move(self.accounts.ensure_holding(giver, book), delta, value, 0, seq)
        self._move(self.accounts.ensure_holding(receiver, book), -delta, -value, 0, seq)
        return 0


def _instrument_id(Book book):
    return book.instrument_id
