"""Recovery: the shard's own events are applied again; nothing is decided anew (PROTOCOL 4).

Each event calls the transition that it stands for. What an event repeats of the outcome (fees, what remains, the loss)
is compared, so that a log of other settings or of another version is noticed at its first difference.

With orders by the million most of what an event touches is in no near cache, and a whole entry is known beforehand: so
what later events will read is fetched while an earlier one is applied, one step of each chain (table, order, its
neighbours) per event in between. Nothing is decided by that: a guess that turns out wrong costs a fetch.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t

from wavetank.matching.core.accounts cimport Account
from wavetank.matching.core.lookahead cimport fetch, fetch_holding, fetch_order
from wavetank.matching.core.orders cimport Order, OrderDetails, loss_now
from wavetank.matching.core.records cimport (
    AUCTION_UNCROSSED,
    BOOK_SAMPLED,
    CREDIT_APPLIED,
    DEAD_MAN_MOVED,
    FEE_RATES_APPLIED,
    GATE_MOVED,
    INSTRUMENT_MOVED,
    MARK_APPLIED,
    ORDERING_CHANGED,
    ORDER_ACCEPTED,
    ORDER_ACTIVATED,
    ORDER_AMENDED,
    ORDER_CANCELLED,
    ORDER_REJECTED,
    ORDER_TRIGGERED,
    POSITION_TRANSFERRED,
    RECORD_BYTES,
    REQUEST_ANSWERED,
    TRADED,
    VENUE_FAULT_ENDED,
    CreditApplied,
    DeadManMoved,
    FeeRatesApplied,
    GateMoved,
    InstrumentMoved,
    MarkApplied,
    OrderAccepted,
    OrderActivated,
    OrderAmended,
    OrderCancelled,
    OrderTriggered,
    PositionTransferred,
    Record,
    RequestAnswered,
    Traded,
)
from wavetank.matching.core.shard cimport Fees, Intent, Shard, begin_intent, marks_of
from wavetank.matching.core.words cimport BUY, CANCELLED, FILLED, LIQUIDATION, OPEN, PARENT, SELL, UNTRIGGERED, WAITING

cdef enum:
    # How many events ahead each step is taken.
    TO_TABLES = 12
    TO_SLOTS = 8
    TO_NEIGHBOURS = 4

cdef int64_t COUNTER_MASK = (<int64_t>1 << 48) - 1


cdef int replay_records(Shard shard, bytes records, int64_t first_seq, int64_t now_ns) except -1:
    """Apply one entry's events.

    Raises:
        ValueError: the events do not follow the last one, or do not fit the state.

    """
    cdef const char* data = records
    cdef Py_ssize_t offset
    cdef Py_ssize_t left = len(records)
    cdef Record* record
    if len(records) % RECORD_BYTES:
        raise ValueError(f"{len(records)} bytes are no whole number of records")
    if first_seq != shard.journal.next_seq or shard.journal.count:
        raise ValueError(f"events from seq {first_seq} on do not follow seq {shard.journal.next_seq - 1}")
    shard.enter(now_ns, first_seq)
    for offset in range(0, len(records), RECORD_BYTES):
        record = <Record*>(data + offset)
        _look_ahead(shard, data + offset, left)
        left -= RECORD_BYTES
        if not _apply(shard, record, shard.journal.next_seq):
            raise ValueError(f"seq {shard.journal.next_seq}: an event of kind {record.kind} does not fit the state")
        shard.journal.next_seq += 1
    return 0


cdef inline void _look_ahead(Shard shard, const char* at, Py_ssize_t left) noexcept:
    """Fetch what the events behind this one will read; `left` bytes of them are left, this one included."""
    if left > TO_NEIGHBOURS * RECORD_BYTES:
        _fetch_neighbours(shard, <Record*>(at + TO_NEIGHBOURS * RECORD_BYTES))
    if left > TO_SLOTS * RECORD_BYTES:
        _fetch_slots(shard, <Record*>(at + TO_SLOTS * RECORD_BYTES))
    if left > TO_TABLES * RECORD_BYTES:
        fetch(_entry_of(shard, <Record*>(at + TO_TABLES * RECORD_BYTES)))


cdef inline int64_t _order_of(Record* record) noexcept:
    """Return the order that an event is about, of a trade the maker: the taker came a moment ago; else anything."""
    if record.kind == TRADED:
        return (<Traded*>record).maker_order_id
    # It stands at the same place in all events of one order.
    return (<OrderCancelled*>record).order_id


cdef inline const void* _entry_of(Shard shard, Record* record) noexcept:
    return &shard.orders.by_id.entries[shard.orders.by_id.home(<uint32_t>_order_of(record))]


cdef inline int32_t _guess_of(Shard shard, Record* record) noexcept:
    """Return where the event's order probably stands, or -1."""
    return shard.orders.by_id.entries[shard.orders.by_id.home(<uint32_t>_order_of(record))].slot


cdef void _fetch_slots(Shard shard, Record* record) noexcept:
    """Fetch the order of an event; of one that comes, its account and where its client order id will stand."""
    cdef int32_t account
    cdef uint32_t tag
    if record.kind != ORDER_ACCEPTED:
        fetch_order(shard, _guess_of(shard, record))
        return
    account = shard.accounts.find(record.account_id)
    if account >= 0:
        fetch(&shard.accounts.slots[account])
        fetch(&shard.accounts.slots[account].last_order)
        tag = shard.orders.client_tag(account, &(<OrderAccepted*>record).client_id)
        fetch(&shard.orders.by_client.entries[shard.orders.by_client.home(tag)])


cdef void _fetch_neighbours(Shard shard, Record* record) noexcept:
    """Fetch what stands beside the order that comes or goes: in its queue, in its account's lists, its details."""
    cdef Order* order
    cdef OrderDetails* details
    cdef int32_t account
    cdef int32_t at
    if record.kind == ORDER_ACCEPTED:
        account = shard.accounts.find(record.account_id)
        at = shard.books.find(record.instrument_id)
        # Nothing of the event has been checked yet.
        if account < 0 or at < 0 or not BUY <= (<OrderAccepted*>record).side <= SELL:
            return
        fetch_order(shard, shard.accounts.slots[account].last_order)
        fetch_holding(shard, shard.accounts.slots[account].first_holding)
        at = shard.books.level_at(
            at, (<OrderAccepted*>record).side, <int32_t>(<OrderAccepted*>record).price_ticks
        )
        if at >= 0:
            fetch_order(shard, shard.books.levels[at].last)
        return
    at = _guess_of(shard, record)
    if at < 0:
        return
    order = &shard.orders.slots[at]
    fetch_order(shard, order.next)
    fetch_order(shard, order.previous)
    fetch_order(shard, order.account_next)
    fetch_order(shard, order.account_previous)
    fetch_holding(shard, order.holding)
    if record.kind == TRADED:
        fetch(&shard.orders.pasts[at])
    if order.details >= 0:
        details = &shard.orders.details[order.details]
        fetch(details)
        fetch(&details.refusal)
        fetch_order(shard, shard.accounts.slots[details.account].last_remembered)


cdef bint _apply(Shard shard, Record* record, int64_t seq) except? -1:
    cdef int kind = record.kind
    if kind == ORDER_ACCEPTED:
        return _accepted(shard, <OrderAccepted*>record)
    if kind == TRADED:
        return _traded(shard, <Traded*>record, seq)
    if kind == ORDER_CANCELLED:
        return _cancelled(shard, <OrderCancelled*>record)
    if kind == ORDER_AMENDED:
        return _amended(shard, <OrderAmended*>record)
    if kind == POSITION_TRANSFERRED:
        return _transferred(shard, <PositionTransferred*>record, seq)
    if kind == MARK_APPLIED:
        return _marked(shard, <MarkApplied*>record)
    if kind == ORDER_TRIGGERED:
        return _triggered(shard, <OrderTriggered*>record)
    if kind == ORDER_ACTIVATED:
        return _activated(shard, <OrderActivated*>record)
    if kind == INSTRUMENT_MOVED:
        return _moved(shard, <InstrumentMoved*>record)
    if kind == REQUEST_ANSWERED:
        shard.request_seq = (<RequestAnswered*>record).request_seq
        shard.request_number = (<RequestAnswered*>record).request_number
    elif kind == CREDIT_APPLIED:
        _credited(shard, <CreditApplied*>record)
    elif kind == FEE_RATES_APPLIED:
        shard.set_rates(
            shard.accounts.ensure(record.account_id),
            (<FeeRatesApplied*>record).taker_fee_ppm,
            (<FeeRatesApplied*>record).maker_fee_ppm,
        )
    elif kind == DEAD_MAN_MOVED:
        shard.set_dead_man(shard.accounts.ensure(record.account_id), (<DeadManMoved*>record).deadline_ns)
    elif kind == GATE_MOVED:
        shard.is_open = (<GateMoved*>record).is_open
    elif ORDERING_CHANGED <= kind <= VENUE_FAULT_ENDED:
        shard.notes.append((<char*>record)[:RECORD_BYTES])
    else:
        return kind == ORDER_REJECTED or kind == BOOK_SAMPLED or kind == AUCTION_UNCROSSED
    return True


cdef int64_t _loss_of(Shard shard, int32_t index) noexcept:
    """Return the loss that an order's event repeats; a liquidation has none, nor has what still waits."""
    cdef Order* order = &shard.orders.slots[index]
    if order.flags & LIQUIDATION or order.state != OPEN:
        return 0
    return loss_now(order, shard.taker_rate_of(order))


cdef bint _accepted(Shard shard, OrderAccepted* event) except? -1:
    cdef Intent intent
    cdef int32_t index
    cdef int64_t counter = event.order_id & COUNTER_MASK
    cdef int32_t book = shard.books.find(event.instrument_id)
    if book < 0 or counter <= shard.order_counter or event.order_id != shard.id_of(counter):
        return False
    begin_intent(&intent, shard.accounts.ensure(event.account_id), book)
    intent.client_id = event.client_id
    intent.price_ticks = event.price_ticks
    intent.asked_price_ticks = event.asked_price_ticks
    intent.lots = event.size_lots
    intent.slippage_cap_ppm = event.slippage_cap_ppm
    intent.margin_price_ticks = event.margin_price_ticks
    intent.side = event.side
    intent.order_type = event.order_type
    intent.time_in_force = event.time_in_force
    intent.expire_time_ns = event.expire_time_ns
    intent.group_id = event.group_id
    intent.group_kind = event.group_kind
    intent.display_lots = event.display_lots
    intent.trigger_price_ticks = event.trigger_price_ticks
    intent.trigger_kind = event.trigger_kind
    intent.trigger_source = event.trigger_source
    intent.flags = event.flags | marks_of(&intent, event.self_trade_prevention)
    if event.group_kind == PARENT and event.group_id != event.order_id:
        intent.state = WAITING
    elif event.trigger_kind:
        intent.state = UNTRIGGERED
    elif event.margin_price_ticks == 0:
        # It will end at once, overtaken by its own batch: it never commits.
        intent.state = WAITING
    shard.order_counter = counter
    index = shard.admit(&intent, event.order_id)
    if intent.state == OPEN:
        # Until it ends it stands where it would rest: nobody else comes to its price before the next event.
        shard.rest(index)
    return _loss_of(shard, index) == event.loss_micros


cdef bint _traded(Shard shard, Traded* event, int64_t seq) except? -1:
    cdef int32_t taker = shard.orders.find(event.taker_order_id)
    cdef int32_t maker = shard.orders.find(event.maker_order_id)
    cdef Fees fees
    cdef bint fits
    if taker < 0 or maker < 0 or taker == maker:
        return False
    if shard.orders.slots[taker].state != OPEN or shard.orders.slots[maker].state != OPEN:
        return False
    if min(shard.orders.slots[taker].remaining_lots, shard.orders.slots[maker].remaining_lots) < event.size_lots:
        return False
    shard.trade_counter = event.trade_id & COUNTER_MASK
    shard.fill(taker, maker, event.price_ticks, event.size_lots, event.auction, seq, &fees)
    fits = (
        fees.maker == event.maker_fee_micros
        and fees.taker == event.taker_fee_micros
        and shard.orders.slots[maker].remaining_lots == event.maker_remaining_lots
        and shard.orders.slots[taker].remaining_lots == event.taker_remaining_lots
    )
    if event.maker_remaining_lots == 0:
        shard.close(maker, FILLED, 0, 0)
    if event.taker_remaining_lots == 0:
        shard.close(taker, FILLED, 0, 0)
    return fits


cdef bint _cancelled(Shard shard, OrderCancelled* event) except? -1:
    cdef int32_t index = shard.orders.find(event.order_id)
    if index < 0 or shard.orders.slots[index].remaining_lots != event.remaining_lots:
        return False
    shard.close(index, CANCELLED, event.reason, event.refusal)
    return True


cdef bint _amended(Shard shard, OrderAmended* event) except? -1:
    cdef int32_t index = shard.orders.find(event.order_id)
    if index < 0 or shard.orders.slots[index].remaining_lots != event.previous_remaining_lots:
        return False
    if shard.orders.slots[index].state != OPEN:
        shard.reshape(index, event.price_ticks, event.remaining_lots, event.trigger_price_ticks)
    elif event.kept_priority:
        shard.shrink(index, event.remaining_lots)
    else:
        shard.requeue(index, event.price_ticks, event.remaining_lots, event.margin_price_ticks)
        shard.rest(index)
    return _loss_of(shard, index) == event.loss_micros


cdef bint _triggered(Shard shard, OrderTriggered* event) except? -1:
    cdef int32_t index = shard.orders.find(event.order_id)
    if index < 0 or shard.orders.slots[index].state != UNTRIGGERED:
        return False
    shard.trigger(index, event.price_ticks, event.size_lots, event.margin_price_ticks)
    shard.rest(index)
    return _loss_of(shard, index) == event.loss_micros


cdef bint _activated(Shard shard, OrderActivated* event) except? -1:
    cdef int32_t index = shard.orders.find(event.order_id)
    if index < 0 or shard.orders.slots[index].state != WAITING:
        return False
    shard.activate(index, event.size_lots)
    return True


cdef bint _transferred(Shard shard, PositionTransferred* event, int64_t seq) except? -1:
    cdef int32_t book = shard.books.find(event.instrument_id)
    cdef int32_t giver, receiver
    if book < 0:
        return False
    giver = shard.accounts.ensure(event.account_id)
    receiver = shard.accounts.ensure(event.receiver_account_id)
    shard.transfer(giver, receiver, book, event.giver_delta_lots, event.giver_value_micros, seq)
    return True


cdef bint _marked(Shard shard, MarkApplied* event) except? -1:
    cdef int32_t at = shard.books.find(event.instrument_id)
    if at < 0:
        return False
    shard.books.set_mark(at, event.mark_price_ticks, event.index_price_ticks, event.index_time_ns, event.stale)
    shard.accounts.reprice(at)
    return True


cdef bint _moved(Shard shard, InstrumentMoved* event) except? -1:
    cdef int32_t at = shard.books.find(event.instrument_id)
    if at < 0:
        return False
    shard.books.move(at, event.state)
    shard.running = 0
    return True


cdef int _credited(Shard shard, CreditApplied* event) except -1:
    cdef Account* account = &shard.accounts.slots[shard.accounts.ensure(event.account_id)]
    account.floor_epoch = <int32_t>event.line_epoch
    account.floor_number = event.line_number
    return 0
