"""Snapshots: the whole state in one stated order, versioned and closed by a checksum (PROTOCOL 3).

The logical part is also what the state hash covers: counters, books by instrument id, accounts by id with their
dead-man switches and their positions by instrument id, open orders by instrument, side, price and place in the queue,
orders that wait for something by account and order id, remembered orders by account and age. Beside it stand the
listings, the clock and the recent moments that line ages are measured by. Credit lines are in neither: a restored shard
has none until clearing sends them (R10).
"""

from hashlib import blake2b

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from libcpp.algorithm cimport sort
from libcpp.pair cimport pair
from libcpp.vector cimport vector

from wavetank.matching.core.accounts cimport NO_OWN_RATE, Account
from wavetank.matching.core.book cimport Book
from wavetank.matching.core.orders cimport DETAILED, ICEBERG, Order, OrderDetails, is_live
from wavetank.matching.core.records cimport ClientId
from wavetank.matching.core.shard cimport Intent, Moment, Shard, begin_intent
from wavetank.matching.core.words cimport BUY, OPEN, SELL
from wavetank.model.instrument import Listings
from wavetank.model.record import decode_all, encode_all

cdef extern from *:
    void fetch "__builtin_prefetch"(const void* line) noexcept

cdef enum:
    VERSION = 4
    CHECKSUM_BYTES = 16
    # How many orders ahead something is fetched.
    AHEAD = 16

cdef bytes MAGIC = b"WTMS"

cdef packed struct Head:
    int64_t shard
    int64_t next_seq
    int64_t order_counter
    int64_t trade_counter
    int64_t request_seq
    int64_t request_number
    int64_t is_open
    int64_t books
    int64_t accounts
    int64_t holdings
    int64_t orders

cdef packed struct SavedBook:
    int64_t instrument_id
    int64_t mark_ticks
    int64_t index_ticks
    int64_t index_time_ns
    int64_t mark_is_stale
    int64_t last_price_ticks
    int64_t state
    int64_t is_moved

cdef packed struct SavedAccount:
    int64_t account_id
    uint64_t value
    uint64_t fees
    int64_t last_fill_seq
    int64_t floor_epoch
    int64_t floor_number
    int64_t dead_man_ns
    int32_t taker_ppm
    int32_t maker_ppm

cdef packed struct SavedHolding:
    int64_t account_id
    int64_t instrument_id
    int64_t lots

cdef packed struct SavedOrder:
    int64_t order_id
    int64_t account_id
    ClientId client_id
    int64_t accepted_time_ns
    int64_t price_ticks
    int64_t remaining_lots
    int64_t filled_lots
    int64_t filled_value_micros
    int64_t margin_price_ticks
    int64_t answer_value_micros
    int64_t expire_time_ns
    int64_t group_id
    int32_t answer_lots
    int32_t asked_price_ticks
    int32_t asked_lots
    int32_t slippage_cap_ppm
    int32_t prepaid_fee
    int32_t instrument_id
    int32_t asked_trigger_ticks
    int32_t trigger_price_ticks
    int32_t display_lots
    int32_t visible_lots
    uint16_t flags
    uint16_t refusal
    uint8_t side
    uint8_t order_type
    uint8_t time_in_force
    uint8_t state
    uint8_t cancel_reason
    uint8_t trigger_kind
    uint8_t trigger_source
    uint8_t group_kind
    uint8_t answer_state
    uint8_t padding[7]

cdef packed struct Aside:
    int64_t now_ns
    int64_t moments
    int64_t listing_bytes


cdef class Reader:
    """Takes structs off bytes, and notices their end.

    Args:
        data: what to read.

    """

    cdef const uint8_t[::1] data
    cdef Py_ssize_t at

    def __cinit__(self, const uint8_t[::1] data):
        self.data = data

    cdef const uint8_t* skip(self, Py_ssize_t size) except NULL:
        """Return where the next bytes stand, and go on behind them."""
        cdef Py_ssize_t at = self.at
        if size < 0 or size > self.data.shape[0] - at:
            raise ValueError("the snapshot is cut short")
        self.at += size
        return &self.data[0] + at

    cdef int take(self, void* target, Py_ssize_t size) except -1:
        memcpy(target, self.skip(size), size)
        return 0


cdef int _put(vector[char]& out, const void* source, size_t size) except -1:
    cdef size_t at = out.size()
    out.resize(at + size)
    memcpy(out.data() + at, source, size)
    return 0


cdef bytes logical_state(Shard shard):
    """Return the logical state in its stated order."""
    cdef vector[char] out
    cdef vector[pair[int64_t, int32_t]] accounts = _told_accounts(shard)
    cdef Head head
    memset(&head, 0, sizeof(Head))
    head.shard = shard.number
    head.next_seq = shard.journal.next_seq
    head.order_counter = shard.order_counter
    head.trade_counter = shard.trade_counter
    head.request_seq = shard.request_seq
    head.request_number = shard.request_number
    head.is_open = shard.is_open
    head.books = <int64_t>shard.books.slots.size()
    head.accounts = <int64_t>accounts.size()
    _put(out, &head, sizeof(Head))
    _put_books(shard, out)
    head.holdings = _put_accounts(shard, out, accounts)
    head.orders = _put_orders(shard, out, accounts)
    memcpy(out.data(), &head, sizeof(Head))
    return (<char*>out.data())[: out.size()]


cdef vector[pair[int64_t, int32_t]] _told_accounts(Shard shard):
    """Return the accounts that events tell of, by id; one that only ever had a credit line is not among them."""
    cdef vector[pair[int64_t, int32_t]] found
    cdef pair[int64_t, int32_t] entry
    cdef Account* account
    cdef size_t index
    for index in range(shard.accounts.slots.size()):
        account = &shard.accounts.slots[index]
        if (
            account.last_fill_seq or account.floor_epoch or account.floor_number
            or account.open_orders or account.remembered or account.dead_man_ns
            or account.taker_ppm != NO_OWN_RATE or account.maker_ppm != NO_OWN_RATE
        ):
            entry.first = account.account_id
            entry.second = <int32_t>index
            found.push_back(entry)
    sort(found.begin(), found.end())
    return found


cdef int _put_books(Shard shard, vector[char]& out) except -1:
    cdef SavedBook saved
    cdef Book* book
    cdef int32_t at
    for at in shard.books.by_instrument:
        book = shard.book(at)
        saved.instrument_id = book.instrument_id
        saved.mark_ticks = book.mark_ticks
        saved.index_ticks = book.index_ticks
        saved.index_time_ns = book.index_time_ns
        saved.mark_is_stale = book.mark_is_stale
        saved.last_price_ticks = book.last_price_ticks
        saved.state = book.state if book.is_moved else 0
        saved.is_moved = book.is_moved
        _put(out, &saved, sizeof(SavedBook))
    return 0


cdef int64_t _put_accounts(Shard shard, vector[char]& out, vector[pair[int64_t, int32_t]]& accounts) except -1:
    """Write the accounts, then their positions; return how many positions."""
    cdef SavedAccount saved
    cdef SavedHolding held
    cdef Account* account
    cdef size_t at
    cdef int32_t index
    cdef int64_t count = 0
    for at in range(accounts.size()):
        account = &shard.accounts.slots[accounts[at].second]
        saved.account_id = account.account_id
        saved.value = account.value
        saved.fees = account.fees
        saved.last_fill_seq = account.last_fill_seq
        saved.floor_epoch = account.floor_epoch
        saved.floor_number = account.floor_number
        saved.dead_man_ns = account.dead_man_ns
        saved.taker_ppm = account.taker_ppm
        saved.maker_ppm = account.maker_ppm
        _put(out, &saved, sizeof(SavedAccount))
    for at in range(accounts.size()):
        for index in shard.accounts.holdings_of(accounts[at].second):
            if shard.accounts.holdings[index].lots != 0:
                held.account_id = accounts[at].first
                held.instrument_id = shard.book(shard.accounts.holdings[index].book).instrument_id
                held.lots = shard.accounts.holdings[index].lots
                _put(out, &held, sizeof(SavedHolding))
                count += 1
    return count


cdef int64_t _put_orders(Shard shard, vector[char]& out, vector[pair[int64_t, int32_t]]& accounts) except -1:
    """Write the open orders as they queue, then those that wait, then the remembered ones; return how many."""
    cdef int32_t book
    cdef uint8_t side
    cdef int32_t level
    cdef int32_t index
    cdef int64_t count = 0
    cdef size_t at
    for book in shard.books.by_instrument:
        for side in (BUY, SELL):
            level = shard.book(book).best[side]
            while level >= 0:
                index = shard.books.levels[level].first
                while index >= 0:
                    _put_order(shard, out, index)
                    count += 1
                    index = shard.orders.slots[index].next
                level = shard.books.levels[level].worse
    for at in range(accounts.size()):
        index = shard.accounts.slots[accounts[at].second].first_order
        while index >= 0:
            if shard.orders.slots[index].state != OPEN:
                _put_order(shard, out, index)
                count += 1
            index = shard.orders.slots[index].account_next
    for at in range(accounts.size()):
        index = shard.accounts.slots[accounts[at].second].first_remembered
        while index >= 0:
            _put_order(shard, out, index)
            count += 1
            index = shard.orders.slots[index].next
    return count


cdef int _put_order(Shard shard, vector[char]& out, int32_t index) except -1:
    cdef SavedOrder saved
    cdef Order* order = &shard.orders.slots[index]
    cdef OrderDetails* details
    memset(&saved, 0, sizeof(SavedOrder))
    saved.order_id = order.order_id
    saved.account_id = shard.holding_of(order).account_id
    saved.accepted_time_ns = shard.orders.pasts[index].accepted_time_ns
    saved.price_ticks = order.price_ticks
    saved.remaining_lots = order.remaining_lots
    saved.filled_lots = order.filled_lots
    saved.filled_value_micros = shard.orders.pasts[index].filled_value_micros
    saved.margin_price_ticks = order.margin_price_ticks
    saved.prepaid_fee = order.prepaid_fee
    saved.instrument_id = shard.book_of(order).instrument_id
    saved.side = order.side
    saved.order_type = order.order_type
    saved.time_in_force = order.time_in_force
    saved.flags = order.flags
    saved.state = order.state
    if order.details >= 0:
        details = &shard.orders.details[order.details]
        saved.client_id = details.client_id
        saved.answer_value_micros = details.answer_value_micros
        saved.answer_lots = details.answer_lots
        saved.asked_price_ticks = details.asked_price_ticks
        saved.asked_lots = details.asked_lots
        saved.slippage_cap_ppm = details.slippage_cap_ppm
        saved.cancel_reason = details.cancel_reason
        saved.refusal = details.refusal
        saved.answer_state = details.answer_state
        saved.expire_time_ns = details.expire_time_ns
        saved.group_id = details.group_id
        saved.group_kind = details.group_kind
        saved.trigger_kind = details.trigger_kind
        saved.trigger_source = details.trigger_source
        saved.trigger_price_ticks = details.trigger_price_ticks
        saved.asked_trigger_ticks = details.asked_trigger_ticks
        saved.display_lots = details.display_lots
        saved.visible_lots = details.visible_lots if order.level >= 0 else 0
    return _put(out, &saved, sizeof(SavedOrder))


cdef bytes save(Shard shard):
    """Return the snapshot of a shard between two inputs."""
    cdef vector[char] out
    cdef Aside aside
    cdef size_t at
    cdef bytes listing = encode_all(
        [event for index in shard.books.by_instrument for event in shard.books.instruments[index].listing()]
    )
    cdef bytes logical = logical_state(shard)
    cdef bytes body
    if shard.journal.count:
        raise RuntimeError("events are waiting to be taken; a snapshot holds what has been")
    aside.now_ns = shard.now_ns
    aside.moments = <int64_t>shard.moments.size()
    aside.listing_bytes = len(listing)
    _put(out, &aside, sizeof(Aside))
    for at in range(shard.moments.size()):
        _put(out, &shard.moments[at], sizeof(Moment))
    body = MAGIC + VERSION.to_bytes(4, "little") + (<char*>out.data())[: out.size()] + listing + logical
    return body + blake2b(body, digest_size=CHECKSUM_BYTES).digest()


cdef Shard load(data, settings):
    """Return the shard that a snapshot holds.

    Raises:
        ValueError: the bytes are no snapshot of this version, or were damaged.

    """
    cdef Aside aside
    cdef Moment moment
    cdef Head head
    cdef Reader reader
    cdef Shard shard
    # A view: the bytes may be many.
    body = memoryview(data)[:-CHECKSUM_BYTES]
    if len(data) < 8 + CHECKSUM_BYTES or data[:4] != MAGIC:
        raise ValueError("these bytes are no snapshot of a matching shard")
    if int.from_bytes(data[4:8], "little") != VERSION:
        raise ValueError(f"snapshot version {int.from_bytes(data[4:8], 'little')}, this code reads {VERSION}")
    if blake2b(body, digest_size=CHECKSUM_BYTES).digest() != data[-CHECKSUM_BYTES:]:
        raise ValueError("the snapshot's checksum does not fit: it was damaged")
    reader = Reader(body)
    reader.at = 8
    reader.take(&aside, sizeof(Aside))
    moments = []
    for _ in range(aside.moments):
        reader.take(&moment, sizeof(Moment))
        moments.append((moment.first_seq, moment.now_ns))
    listing = bytes(body[reader.at : reader.at + aside.listing_bytes])
    reader.skip(aside.listing_bytes)
    reader.take(&head, sizeof(Head))
    shard = Shard(head.shard, settings)
    shard.now_ns = aside.now_ns
    for moment.first_seq, moment.now_ns in moments:
        shard.moments.push_back(moment)
    _list_instruments(shard, listing)
    _load_counters(shard, &head)
    _load_books(shard, reader, head.books)
    _load_accounts(shard, reader, head.accounts, head.holdings)
    _load_orders(shard, reader, head.orders)
    if reader.at != len(body):
        raise ValueError("the snapshot is longer than it says")
    return shard


cdef int _list_instruments(Shard shard, bytes listing) except -1:
    listings = Listings()
    for event in decode_all(listing):
        instrument = listings.take(event)
        if instrument is not None:
            shard.books.put(instrument)
    return 0


cdef int _load_counters(Shard shard, Head* head) except -1:
    shard.journal.next_seq = head.next_seq
    shard.order_counter = head.order_counter
    shard.trade_counter = head.trade_counter
    shard.request_seq = head.request_seq
    shard.request_number = <int32_t>head.request_number
    shard.is_open = head.is_open
    return 0


cdef int _load_books(Shard shard, Reader reader, int64_t count) except -1:
    cdef SavedBook saved
    cdef int32_t at
    for _ in range(count):
        reader.take(&saved, sizeof(SavedBook))
        at = _book_index(shard, saved.instrument_id)
        shard.books.set_mark(
            at, saved.mark_ticks, saved.index_ticks, saved.index_time_ns, saved.mark_is_stale
        )
        shard.book(at).last_price_ticks = saved.last_price_ticks
        if saved.is_moved:
            shard.books.move(at, <uint8_t>saved.state)
    return 0


cdef int32_t _book_index(Shard shard, int64_t instrument_id) except -1:
    cdef int32_t index = shard.books.find(<int32_t>instrument_id)
    if index < 0:
        raise ValueError(f"the snapshot does not list instrument {instrument_id}")
    return index


cdef int _load_accounts(Shard shard, Reader reader, int64_t accounts, int64_t holdings) except -1:
    cdef SavedAccount saved
    cdef SavedHolding held
    cdef Account* account
    cdef int32_t index, book
    for _ in range(accounts):
        reader.take(&saved, sizeof(SavedAccount))
        account = &shard.accounts.slots[shard.accounts.ensure(saved.account_id)]
        account.value = saved.value
        account.fees = saved.fees
        account.last_fill_seq = saved.last_fill_seq
        # Nothing is counted until a line says so; the first fill was at seq 1 or later.
        account.first_uncounted_seq = 1 if saved.last_fill_seq else 0
        account.floor_epoch = <int32_t>saved.floor_epoch
        account.floor_number = saved.floor_number
        shard.set_dead_man(shard.accounts.find(saved.account_id), saved.dead_man_ns)
        shard.set_rates(shard.accounts.find(saved.account_id), saved.taker_ppm, saved.maker_ppm)
    for _ in range(holdings):
        reader.take(&held, sizeof(SavedHolding))
        book = _book_index(shard, held.instrument_id)
        index = shard.accounts.ensure_holding(shard.accounts.ensure(held.account_id), book)
        shard.accounts.holdings[index].lots = held.lots
        if held.lots > 0:
            shard.book(book).open_interest_lots += held.lots
        shard.accounts.unsettle(&shard.accounts.holdings[index], index)
    return 0


cdef int _load_orders(Shard shard, Reader reader, int64_t count) except -1:
    """Bring the orders into being by order id, as the accounts list them, then queue them as they were written."""
    cdef const SavedOrder* saved
    cdef vector[pair[int64_t, int32_t]] by_id
    cdef vector[int32_t] slots
    cdef pair[int64_t, int32_t] entry
    cdef size_t at
    if count == 0:
        return 0
    if not 0 < count <= reader.data.shape[0]:
        raise ValueError("the snapshot is cut short")
    saved = <const SavedOrder*>reader.skip(count * sizeof(SavedOrder))
    slots.resize(count)
    by_id.reserve(count)
    _set_room_aside(shard, saved, count)
    for at in range(slots.size()):
        entry.first = saved[at].order_id
        entry.second = <int32_t>at
        if is_live(saved[at].state):
            by_id.push_back(entry)
    sort(by_id.begin(), by_id.end())
    for at in range(by_id.size()):
        if at + AHEAD < by_id.size():
            # They stand here in another order, so the processor does not foresee which is next.
            _fetch_saved(&saved[by_id[at + AHEAD].second])
        if at + AHEAD // 2 < by_id.size():
            _fetch_tables(shard, &saved[by_id[at + AHEAD // 2].second])
        slots[by_id[at].second] = _load_order(shard, &saved[by_id[at].second])
    for at in range(slots.size()):
        if at + AHEAD < slots.size():
            fetch(&shard.orders.slots[slots[at + AHEAD]])
        if saved[at].state == OPEN:
            shard.rest(slots[at])
            if saved[at].flags & ICEBERG:
                shard.books.set_visible(&shard.orders.slots[slots[at]], saved[at].visible_lots)
        elif not is_live(saved[at].state):
            _load_remembered(shard, &saved[at])
    return 0


cdef int _set_room_aside(Shard shard, const SavedOrder* saved, size_t count) except -1:
    """Make room for all orders at once: slabs and tables that grow by steps are copied at each."""
    cdef size_t at
    cdef size_t detailed = 0
    for at in range(count):
        detailed += saved[at].client_id.low != 0 or saved[at].client_id.high != 0 or saved[at].flags & DETAILED != 0
    # More orders come behind the snapshot, and some stay known when they have ended: room that is not used costs none.
    shard.orders.reserve(max(<size_t>shard.orders.slots.capacity(), 2 * count))
    shard.orders.details.reserve(2 * detailed)
    shard.orders.by_id.reserve(count)
    shard.orders.by_client.reserve(detailed)
    return 0


cdef inline void _fetch_saved(const SavedOrder* saved) noexcept:
    fetch(saved)
    fetch(&saved.filled_value_micros)
    fetch(&saved.flags)


cdef inline void _fetch_tables(Shard shard, const SavedOrder* saved) noexcept:
    """Fetch where the order will stand by its ids."""
    cdef int32_t account = shard.accounts.find(saved.account_id)
    cdef ClientId client_id = saved.client_id
    cdef uint32_t tag = shard.orders.client_tag(account, &client_id)
    fetch(&shard.orders.by_id.entries[shard.orders.by_id.home(<uint32_t>saved.order_id)])
    fetch(&shard.orders.by_client.entries[shard.orders.by_client.home(tag)])


cdef int32_t _load_order(Shard shard, const SavedOrder* saved) except -1:
    cdef Intent intent = _intent_of(shard, saved)
    cdef int32_t index = shard.admit(&intent, saved.order_id)
    # The fee already paid counts in the loss of what remains.
    shard.release(index)
    _fill_in(shard, index, saved)
    shard.expose(index)
    return index


cdef Intent _intent_of(Shard shard, const SavedOrder* saved) except *:
    cdef Intent intent
    begin_intent(&intent, shard.accounts.ensure(saved.account_id), _book_index(shard, saved.instrument_id))
    intent.client_id = saved.client_id
    intent.price_ticks = saved.price_ticks
    intent.asked_price_ticks = saved.asked_price_ticks
    intent.lots = saved.remaining_lots
    intent.slippage_cap_ppm = saved.slippage_cap_ppm
    intent.margin_price_ticks = saved.margin_price_ticks
    intent.side = saved.side
    intent.order_type = saved.order_type
    intent.time_in_force = saved.time_in_force
    intent.flags = saved.flags
    intent.state = saved.state
    intent.expire_time_ns = saved.expire_time_ns
    intent.group_id = saved.group_id
    intent.group_kind = saved.group_kind
    intent.trigger_kind = saved.trigger_kind
    intent.trigger_source = saved.trigger_source
    intent.trigger_price_ticks = saved.trigger_price_ticks
    intent.display_lots = saved.display_lots
    return intent


cdef void _fill_in(Shard shard, int32_t index, const SavedOrder* saved) noexcept:
    cdef Order* order = &shard.orders.slots[index]
    cdef OrderDetails* details
    shard.orders.pasts[index].accepted_time_ns = saved.accepted_time_ns
    shard.orders.pasts[index].filled_value_micros = saved.filled_value_micros
    order.filled_lots = <int32_t>saved.filled_lots
    order.prepaid_fee = saved.prepaid_fee
    if order.details >= 0:
        details = &shard.orders.details[order.details]
        details.answer_value_micros = saved.answer_value_micros
        details.answer_lots = saved.answer_lots
        details.asked_lots = saved.asked_lots
        details.asked_trigger_ticks = saved.asked_trigger_ticks
        details.cancel_reason = saved.cancel_reason
        details.refusal = saved.refusal
        details.answer_state = saved.answer_state
        details.visible_lots = saved.visible_lots


cdef int _load_remembered(Shard shard, const SavedOrder* saved) except -1:
    """Bring an ended order back, in nobody's list but that of the remembered."""
    cdef Intent intent = _intent_of(shard, saved)
    cdef int32_t index = shard.orders.take()
    cdef Order* order = &shard.orders.slots[index]
    memset(order, 0, sizeof(Order))
    order.order_id = saved.order_id
    order.price_ticks = <int32_t>saved.price_ticks
    order.margin_price_ticks = <int32_t>saved.margin_price_ticks
    order.remaining_lots = <int32_t>saved.remaining_lots
    order.holding = shard.accounts.ensure_holding(intent.account, intent.book)
    order.level = order.next = order.previous = order.account_next = order.account_previous = order.details = -1
    order.flags = saved.flags
    order.book = <uint16_t>intent.book
    order.side = saved.side
    order.order_type = saved.order_type
    order.time_in_force = saved.time_in_force
    order.state = saved.state
    shard.orders.by_id.put(<uint32_t>saved.order_id, index)
    shard.describe(index, &intent)
    _fill_in(shard, index, saved)
    return shard.remember(index)
