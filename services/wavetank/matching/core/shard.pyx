"""The shard's state, and the transitions that events stand for.

The engine decides and then calls a transition; recovery reads an event and calls the same one. So what a process holds
is what its events leave behind, by construction: instruments, marks, books, orders, positions, Q and F, remembered
client order ids, counters. Credit lines are inputs that stand beside it (PROTOCOL R10).
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from wavetank.matching.core.accounts cimport maker_rate
from wavetank.matching.core.orders cimport (
    AMENDED,
    CONDITIONAL,
    DETAILED,
    ICEBERG,
    TIMED,
    OrderDetails,
    fee_due,
    is_given,
    is_live,
    loss_now,
)
from wavetank.matching.core.timers cimport DEAD_MAN_SWITCH, ORDER_EXPIRY
from wavetank.matching.core.triggers cimport waits_for_rise
from wavetank.matching.core.words cimport (
    BUY,
    BY_GROUP,
    BY_IMMEDIATE_REMAINDER,
    BY_OVERTAKEN,
    BY_PARENT,
    BY_REDUCE_ONLY,
    BY_SELF_TRADE,
    CANCELLED,
    LIQUIDATION,
    OPEN,
    POSITION,
    REDUCE_ONLY,
    UNTRIGGERED,
)


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
        self.stale_after_ns = settings.stale_after_ns or INT64_MAX
        self.remembered_limit = settings.remembered_client_ids
        self.max_open_orders = settings.max_open_orders
        self.max_instruments = settings.max_instruments
        self.orders = Orders()
        self.orders.reserve(settings.expected_orders)
        self.books = Books(self.orders, settings.track_levels)
        self.accounts = Accounts(self.books)
        self.journal = Journal()
        self.timers = Timers()
        self.notes = []
        self.triggers = Triggers()

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

    cdef int32_t admit(self, Intent* intent, int64_t order_id) except -2:
        """Bring an accepted order into being; it rests nowhere yet. Return its index."""
        cdef int32_t holding = intent.holding
        cdef int32_t index = self.orders.take()
        cdef Order* order = &self.orders.slots[index]
        cdef Account* account = &self.accounts.slots[intent.account]
        if holding < 0:
            holding = self.accounts.ensure_holding(intent.account, intent.book)
        order.order_id = order_id
        order.price_ticks = <int32_t>intent.price_ticks
        order.margin_price_ticks = <int32_t>intent.margin_price_ticks
        order.remaining_lots = <int32_t>intent.lots
        order.filled_lots = order.prepaid_fee = 0
        order.holding = holding
        order.level = order.next = order.previous = -1
        order.account_next = order.account_previous = -1
        order.details = -1
        order.flags = intent.flags
        order.book = <uint16_t>intent.book
        order.side = intent.side
        order.order_type = intent.order_type
        order.time_in_force = intent.time_in_force
        order.state = intent.state
        self.running = intent.group_id if intent.group_id else order_id
        self.orders.pasts[index].accepted_time_ns = self.now_ns
        self.orders.pasts[index].filled_value_micros = 0
        self.orders.by_id.put(<uint32_t>order_id, index)
        if not order.flags & LIQUIDATION:
            self.enlist(index, account, &self.accounts.holdings[holding])
            if order.state == OPEN:
                self.expose(index)
        if is_given(&intent.client_id) or intent.flags & DETAILED:
            self.describe(index, intent)
        if order.state == UNTRIGGERED:
            self.watch(index)
        return index

    cdef int describe(self, int32_t index, Intent* intent) except -1:
        """Keep what few orders have, and what one with a client order id is answered when it comes again (ORD-030)."""
        cdef OrderDetails* details = self.orders.take_details(index)
        details.client_id = intent.client_id
        details.asked_price_ticks = <int32_t>intent.asked_price_ticks
        details.asked_lots = <int32_t>intent.lots
        details.slippage_cap_ppm = <int32_t>intent.slippage_cap_ppm
        details.account = intent.account
        details.expire_time_ns = intent.expire_time_ns
        details.group_id = intent.group_id
        details.group_kind = intent.group_kind
        details.trigger_kind = intent.trigger_kind
        details.trigger_source = intent.trigger_source
        details.trigger_price_ticks = details.asked_trigger_ticks = <int32_t>intent.trigger_price_ticks
        details.display_lots = <int32_t>intent.display_lots
        if intent.flags & TIMED and is_live(self.orders.slots[index].state):
            self.timers.add(ORDER_EXPIRY, intent.expire_time_ns, self.orders.slots[index].order_id)
        if is_given(&details.client_id):
            return self.orders.index_client(index)
        return 0

    cdef int rest(self, int32_t index) except -1:
        """Put an order into its book, behind all others at its price."""
        return self.books.add(index)

    cdef int fill(
        self, int32_t taker, int32_t maker, int64_t price_ticks, int64_t lots, bint auction, int64_t seq, Fees* fees
    ) except -1:
        """Let two orders trade; a filled order is not closed yet. In an auction the taker rests as well."""
        cdef Book* book = self.book_of(&self.orders.slots[maker])
        cdef int64_t value = lots * price_ticks
        cdef bint pays = not self.orders.slots[taker].flags & LIQUIDATION
        book.last_price_ticks = price_ticks
        if book.watchers:
            self.triggers.note(self.orders.slots[maker].book)
        fees.maker = self._fill_side(
            maker, lots, value, maker_rate(self.account_of(&self.orders.slots[maker]), book), False, auction, seq
        )
        fees.taker = self._fill_side(
            taker, lots, value, self.taker_rate_of(&self.orders.slots[taker]) if pays else 0, True, auction, seq
        )
        return 0

    cdef int64_t _fill_side(
        self, int32_t index, int64_t lots, int64_t value, int64_t rate, bint takes, bint auction, int64_t seq
    ) except? -1:
        cdef Order* order = &self.orders.slots[index]
        cdef int64_t fee
        cdef OrderDetails* details
        self.release(index)
        fee = fee_due(value, rate, &order.prepaid_fee)
        if order.level < 0:
            order.remaining_lots -= <int32_t>lots
        elif order.flags & ICEBERG:
            self.books.take_from_iceberg(index, lots, auction or not takes)
        else:
            self.books.take_lots(order, lots)
        order.filled_lots += <int32_t>lots
        self.orders.pasts[index].filled_value_micros += value
        # What its own run fills is in its first answer; what comes later is not (ORD-030).
        if takes and order.details >= 0 and not auction and not order.flags & (AMENDED | CONDITIONAL):
            details = &self.orders.details[order.details]
            details.answer_lots += <int32_t>lots
            details.answer_value_micros += value
        self.expose(index)
        if order.side == BUY:
            self._move(order.holding, lots, value, fee, seq)
        else:
            self._move(order.holding, -lots, -value, fee, seq)
        return fee

    cdef int _move(self, int32_t holding, int64_t delta, int64_t value, int64_t fee, int64_t seq) except -1:
        """Change a position, and the sums that clearing compares with its own (R4)."""
        cdef Holding* of = &self.accounts.holdings[holding]
        cdef Account* account = &self.accounts.slots[of.account]
        cdef Book* book = self.book(of.book)
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
        self.accounts.unsettle(of, holding)
        return 0

    cdef void expose(self, int32_t index) noexcept:
        """Add an order's open lots, and what they may lose, to what its account's open orders may do (R6)."""
        cdef Order* order = &self.orders.slots[index]
        cdef int64_t lots = order.remaining_lots
        cdef Holding* holding
        if order.flags & LIQUIDATION or lots == 0 or order.state != OPEN:
            return
        holding = &self.accounts.holdings[order.holding]
        _add_lots(holding, order, lots)
        holding.loss += loss_now(order, self.taker_rate_of(order))
        self.accounts.unsettle(holding, order.holding)

    cdef void release(self, int32_t index) noexcept:
        """Take an order's open lots out of what its account's open orders may do, before they change."""
        cdef Order* order = &self.orders.slots[index]
        cdef int64_t lots = order.remaining_lots
        cdef Holding* holding
        if order.flags & LIQUIDATION or order.state != OPEN:
            return
        holding = &self.accounts.holdings[order.holding]
        _add_lots(holding, order, -lots)
        holding.loss -= loss_now(order, self.taker_rate_of(order))
        self.accounts.unsettle(holding, order.holding)

    cdef int set_rates(self, int32_t account, int64_t taker_ppm, int64_t maker_ppm) except -1:
        """Give an account rates of its own; the loss of its open orders follows the taker's (R6, FEE-010)."""
        cdef Account* of = &self.accounts.slots[account]
        cdef bint weighs = of.taker_ppm != taker_ppm
        cdef int32_t index = of.first_order if weighs else -1
        while index >= 0:
            self.release(index)
            index = self.orders.slots[index].account_next
        of.taker_ppm = <int32_t>taker_ppm
        of.maker_ppm = <int32_t>maker_ppm
        index = of.first_order if weighs else -1
        while index >= 0:
            self.expose(index)
            index = self.orders.slots[index].account_next
        return 0

    cdef int close(self, int32_t index, uint8_t state, uint8_t cancel_reason, uint16_t refusal) except -1:
        """End an order: out of the book, its exposure released, remembered if it has a client order id (ORD-060)."""
        cdef Order* order = &self.orders.slots[index]
        if order.level >= 0:
            self.books.remove(index)
        elif order.state == UNTRIGGERED:
            self.unwatch(index)
        if not order.flags & LIQUIDATION:
            self.release(index)
            self.unlist(order, self.account_of(order), self.holding_of(order))
        order.state = state
        if state == CANCELLED and not ends_in_run(cancel_reason):
            self.running = 0
        if order.details >= 0:
            if order.flags & TIMED:
                self.timers.drop(
                    ORDER_EXPIRY, self.orders.details[order.details].expire_time_ns, order.order_id
                )
            self.orders.details[order.details].cancel_reason = cancel_reason
            self.orders.details[order.details].refusal = refusal
            if state == CANCELLED:
                self.note_answer(order, cancel_reason)
            if self.orders.has_client_id(index):
                return self.remember(index)
        self.orders.forget(index)
        return 0

    cdef int withdraw(self, int32_t index) except -1:
        """Undo `admit`: let an order that never rested be as if it had never been."""
        cdef Order* order = &self.orders.slots[index]
        if order.state == UNTRIGGERED:
            self.unwatch(index)
        self.release(index)
        self.unlist(order, self.account_of(order), self.holding_of(order))
        if order.flags & TIMED:
            self.timers.drop(ORDER_EXPIRY, self.orders.details_of(order).expire_time_ns, order.order_id)
        self.orders.forget(index)
        return 0

    cdef int watch(self, int32_t index) except -1:
        """Let an order wait for its price."""
        cdef Order* order = &self.orders.slots[index]
        cdef OrderDetails* details = self.orders.details_of(order)
        self.book_of(order).watchers += 1
        if details.group_kind == POSITION:
            self.holding_of(order).position_orders += 1
        return self.triggers.add(
            order.book, details.trigger_source, waits_for_rise(details.trigger_kind, order.side),
            details.trigger_price_ticks, order.order_id,
        )

    cdef int unwatch(self, int32_t index) except -1:
        cdef Order* order = &self.orders.slots[index]
        cdef OrderDetails* details = self.orders.details_of(order)
        self.book_of(order).watchers -= 1
        if details.group_kind == POSITION:
            self.holding_of(order).position_orders -= 1
        return self.triggers.drop(
            order.book, details.trigger_source, waits_for_rise(details.trigger_kind, order.side),
            details.trigger_price_ticks, order.order_id,
        )

    cdef int trigger(self, int32_t index, int64_t price_ticks, int64_t lots, int64_t margin_price_ticks) except -1:
        """Let an order that has waited for its price run; it rests nowhere yet."""
        cdef Order* order = &self.orders.slots[index]
        self.unwatch(index)
        order.state = OPEN
        order.price_ticks = <int32_t>price_ticks
        order.remaining_lots = <int32_t>lots
        order.margin_price_ticks = <int32_t>margin_price_ticks
        self.holding_of(order).open_orders += 1
        self.running = 0
        self.expose(index)
        return 0

    cdef int activate(self, int32_t index, int64_t lots) except -1:
        """Let an order that has waited for its parent wait for its price."""
        cdef Order* order = &self.orders.slots[index]
        cdef OrderDetails* details = self.orders.details_of(order)
        order.state = UNTRIGGERED
        order.remaining_lots = <int32_t>lots
        if self.running == details.group_id:
            # Its group is answered behind this (ORD-030).
            details.answer_state = UNTRIGGERED
            details.answer_lots = details.asked_lots - <int32_t>lots
        self.watch(index)
        return self.triggers.note(order.book)

    cdef void note_answer(self, Order* order, uint8_t cancel_reason) noexcept:
        """Note that an order ended in its own run, or its group's: its first answer told that (ORD-030).

        Nobody else can end it for these reasons before another order is accepted, amended or triggered.
        """
        cdef OrderDetails* details = self.orders.details_of(order)
        if self.running != (details.group_id if details.group_id else order.order_id):
            return
        if (
            cancel_reason == BY_SELF_TRADE
            or cancel_reason == BY_GROUP
            or cancel_reason == BY_PARENT
            or cancel_reason == BY_OVERTAKEN
        ):
            details.answer_state = CANCELLED

    cdef int remember(self, int32_t index) except -1:
        """Keep an ended order for its client order id, and forget the oldest beyond the limit (ORD-030)."""
        cdef Account* account = self.account_of(&self.orders.slots[index])
        cdef int32_t oldest
        self.orders.slots[index].next = -1
        if account.last_remembered >= 0:
            self.orders.slots[account.last_remembered].next = index
        else:
            account.first_remembered = index
        account.last_remembered = index
        account.remembered += 1
        while account.remembered > self.remembered_limit:
            oldest = account.first_remembered
            account.first_remembered = self.orders.slots[oldest].next
            if account.first_remembered < 0:
                account.last_remembered = -1
            account.remembered -= 1
            self.orders.forget(oldest)
        return 0

    cdef int shrink(self, int32_t index, int64_t remaining_lots) except -1:
        """Lower a resting order in place: it keeps its priority and its margin price."""
        cdef Order* order = &self.orders.slots[index]
        self.release(index)
        if order.flags & ICEBERG:
            self.books.shrink_iceberg(order, order.remaining_lots - remaining_lots)
        else:
            self.books.take_lots(order, order.remaining_lots - remaining_lots)
        order.flags |= AMENDED
        self.expose(index)
        return 0

    cdef int requeue(self, int32_t index, int64_t price_ticks, int64_t lots, int64_t margin_price_ticks) except -1:
        """Take a resting order out of its queue and give it a new limit and size; it rests nowhere then."""
        cdef Order* order = &self.orders.slots[index]
        self.books.remove(index)
        self.release(index)
        order.price_ticks = <int32_t>price_ticks
        order.remaining_lots = <int32_t>lots
        order.margin_price_ticks = <int32_t>margin_price_ticks
        order.flags |= AMENDED
        self.running = 0
        self.expose(index)
        return 0

    cdef int reshape(
        self, int32_t index, int64_t price_ticks, int64_t lots, int64_t trigger_price_ticks
    ) except -1:
        """Change an order that still waits; it has no exposure and no queue."""
        cdef Order* order = &self.orders.slots[index]
        if order.state == UNTRIGGERED:
            self.unwatch(index)
        order.price_ticks = <int32_t>price_ticks
        order.remaining_lots = <int32_t>lots
        order.flags |= AMENDED
        self.orders.details_of(order).trigger_price_ticks = <int32_t>trigger_price_ticks
        if order.state == UNTRIGGERED:
            self.watch(index)
        return 0

    cdef int set_dead_man(self, int32_t account, int64_t deadline_ns) except -1:
        """Set when the account's dead-man switch fires, 0 for never (ORD-020)."""
        cdef Account* of = &self.accounts.slots[account]
        if of.dead_man_ns:
            self.timers.drop(DEAD_MAN_SWITCH, of.dead_man_ns, of.account_id)
        of.dead_man_ns = deadline_ns
        if deadline_ns:
            self.timers.add(DEAD_MAN_SWITCH, deadline_ns, of.account_id)
        return 0

    cdef int transfer(
        self, int32_t giver, int32_t receiver, int32_t book, int64_t delta, int64_t value, int64_t seq
    ) except -1:
        """Move lots between two accounts at a value; no fee (R1)."""
        self._move(self.accounts.ensure_holding(giver, book), delta, value, 0, seq)
        self._move(self.accounts.ensure_holding(receiver, book), -delta, -value, 0, seq)
        return 0


cdef inline bint ends_in_run(uint8_t cancel_reason) noexcept:
    """Tell whether orders end for this reason in the course of an order's run; any other tells that the run is over."""
    return (
        cancel_reason == BY_IMMEDIATE_REMAINDER
        or cancel_reason == BY_SELF_TRADE
        or cancel_reason == BY_REDUCE_ONLY
        or cancel_reason == BY_GROUP
        or cancel_reason == BY_PARENT
        or cancel_reason == BY_OVERTAKEN
    )


cdef inline void _add_lots(Holding* holding, Order* order, int64_t lots) noexcept:
    # Which side, no processor can guess; the address is worked out without a branch.
    cdef int64_t* of_side = &holding.buys if order.side == BUY else &holding.sells
    if order.flags & REDUCE_ONLY:
        of_side = &holding.reduce_buys if order.side == BUY else &holding.reduce_sells
    of_side[0] += lots
    holding.open_value += lots * order.price_ticks
