"""What befalls the orders of accounts that have a session: a table of rows, and events in the wire's bytes.

An event tells the order as it is after it, so the open orders of every followed account are kept here, beginning with
those that the engine knew. Kept true: nothing is made in Python per order or per event; an order leaves the table with
its end; the bytes are what the generated code would have written (a test compares the two).
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, memset
from libcpp.vector cimport vector

cimport cython
from cython.operator cimport dereference, preincrement

from wavetank.matching.adapters.wire_reader cimport Request
from wavetank.matching.adapters.wire_writer cimport Writer
from wavetank.matching.core.records cimport (
    DEAD_MAN_MOVED,
    ORDER_ACCEPTED,
    ORDER_ACTIVATED,
    ORDER_AMENDED,
    ORDER_CANCELLED,
    ORDER_TRIGGERED,
    RECORD_BYTES,
    TRADED,
    ClientId,
    DeadManMoved,
    OrderAccepted,
    OrderActivated,
    OrderAmended,
    OrderCancelled,
    OrderTriggered,
    Record,
    Result,
    Traded,
)
from wavetank.matching.core.words cimport (
    CANCEL_ON_DISCONNECT,
    CANCELLED,
    LIQUIDATION,
    OPEN,
    PARENT,
    PLACE,
    POST_ONLY,
    POST_ONLY_SLIDE,
    QUOTE,
    REDUCE_ONLY,
    UNTRIGGERED,
    WAITING,
)

from wavetank.model.invariant import InvariantBroken

cdef enum:
    # A tag is the field's number times 8 and its wire type: 0 for a number, 2 for what has a length.
    SESSION_EVENTS = 34
    EVENT_SEQ = 8
    EVENT_TIME_NS = 16
    EVENT_ACCEPTED = 26
    EVENT_AMENDED = 34
    EVENT_CANCELLED = 42
    EVENT_FILL = 50
    EVENT_TRIGGERED = 58
    EVENT_ACTIVATED = 66
    EVENT_DEAD_MAN = 74

    # Of all events that tell an order, and of what they tell besides.
    TOLD_ORDER = 10
    TOLD_BESIDES = 16

    DEAD_MAN_DEADLINE = 8
    DEAD_MAN_FIRED = 16

    ORDER_ID = 8
    ORDER_CLIENT_ORDER_ID = 18
    ORDER_ACCOUNT_ID = 24
    ORDER_INSTRUMENT_ID = 32
    ORDER_SIDE = 40
    ORDER_TYPE = 48
    ORDER_TIME_IN_FORCE = 56
    ORDER_POST_ONLY = 64
    ORDER_REDUCE_ONLY = 72
    ORDER_PRICE = 80
    ORDER_REMAINING_LOTS = 88
    ORDER_FILLED_LOTS = 96
    ORDER_FILLED_VALUE = 104
    ORDER_STATE = 112
    ORDER_CANCEL_REASON = 120
    ORDER_ACCEPTED_TIME_NS = 128
    ORDER_SLIDE = 136
    ORDER_DISPLAY_LOTS = 144
    ORDER_EXPIRE_TIME_NS = 152
    ORDER_SELF_TRADE_PREVENTION = 160
    ORDER_TRIGGER = 170
    ORDER_GROUP_ID = 176
    ORDER_GROUP_KIND = 184
    ORDER_QUOTE = 192
    ORDER_CANCEL_ON_DISCONNECT = 200
    ORDER_REFUSAL = 208

    TRIGGER_KIND = 8
    TRIGGER_SOURCE = 16
    TRIGGER_PRICE = 24

    FILL_TRADE_ID = 8
    FILL_ORDER_ID = 16
    FILL_CLIENT_ORDER_ID = 26
    FILL_INSTRUMENT_ID = 32
    FILL_SIDE = 40
    FILL_PRICE = 48
    FILL_SIZE_LOTS = 56
    FILL_FEE = 64
    FILL_MAKER = 72
    FILL_REMAINING_LOTS = 80
    FILL_LIQUIDATION = 88

    ANSWER_ORDERS = 10
    ANSWER_SEQ = 16

    # Events of one account that stand in one message, so that clients, which refuse long ones, can read it.
    MOST_BYTES = 1_048_576


cdef int put_order(Writer out, uint32_t tag, const Row* row) except -1:
    """Write an `Order`."""
    cdef size_t mark = out.used
    cdef size_t inner
    out.number(ORDER_REFUSAL, row.refusal)
    out.number(ORDER_CANCEL_ON_DISCONNECT, (row.flags & CANCEL_ON_DISCONNECT) != 0)
    out.number(ORDER_QUOTE, (row.flags & QUOTE) != 0)
    out.number(ORDER_GROUP_KIND, row.group_kind)
    out.number(ORDER_GROUP_ID, row.group_id)
    if row.trigger_kind != 0:
        inner = out.used
        out.number(TRIGGER_PRICE, row.trigger_price_ticks)
        out.number(TRIGGER_SOURCE, row.trigger_source)
        out.number(TRIGGER_KIND, row.trigger_kind)
        out.close(ORDER_TRIGGER, inner)
    out.number(ORDER_SELF_TRADE_PREVENTION, row.self_trade_prevention)
    out.number(ORDER_EXPIRE_TIME_NS, row.expire_time_ns)
    out.number(ORDER_DISPLAY_LOTS, row.display_lots)
    out.number(ORDER_SLIDE, (row.flags & POST_ONLY_SLIDE) != 0)
    out.number(ORDER_ACCEPTED_TIME_NS, row.accepted_time_ns)
    out.number(ORDER_CANCEL_REASON, row.cancel_reason)
    out.number(ORDER_STATE, row.state)
    out.number(ORDER_FILLED_VALUE, row.filled_value_micros)
    out.number(ORDER_FILLED_LOTS, row.filled_lots)
    out.number(ORDER_REMAINING_LOTS, row.remaining_lots)
    out.number(ORDER_PRICE, row.price_ticks)
    out.number(ORDER_REDUCE_ONLY, (row.flags & REDUCE_ONLY) != 0)
    out.number(ORDER_POST_ONLY, (row.flags & POST_ONLY) != 0)
    out.number(ORDER_TIME_IN_FORCE, row.time_in_force)
    out.number(ORDER_TYPE, row.order_type)
    out.number(ORDER_SIDE, row.side)
    out.number(ORDER_INSTRUMENT_ID, row.instrument_id)
    out.number(ORDER_ACCOUNT_ID, row.account_id)
    out.client_id(ORDER_CLIENT_ORDER_ID, &row.client_id)
    out.number(ORDER_ID, row.order_id)
    return out.close(tag, mark)


cdef int _fill_row(Row* row, order) except -1:
    """Take over an order as the engine told it."""
    cdef bytes client_id = order.client_order_id
    memset(row, 0, sizeof(Row))
    memcpy(&row.client_id, <const char*>client_id, min(<size_t>len(client_id), sizeof(ClientId)))
    row.order_id = order.order_id
    row.account_id = order.account_id
    row.instrument_id = order.instrument_id
    row.side = order.side
    row.order_type = order.order_type
    row.time_in_force = order.time_in_force
    row.flags = order.flags
    row.price_ticks = order.price_ticks
    row.remaining_lots = order.remaining_lots
    row.filled_lots = order.filled_lots
    row.filled_value_micros = order.filled_value_micros
    row.state = order.state
    row.cancel_reason = order.cancel_reason
    row.accepted_time_ns = order.accepted_time_ns
    row.display_lots = order.display_lots
    row.expire_time_ns = order.expire_time_ns
    row.self_trade_prevention = order.self_trade_prevention
    row.trigger_kind = order.trigger_kind
    row.trigger_source = order.trigger_source
    row.trigger_price_ticks = order.trigger_price_ticks
    row.group_id = order.group_id
    row.group_kind = order.group_kind
    row.refusal = order.refusal
    return 0


@cython.final
cdef class OwnOrders:
    """The open orders of followed accounts."""

    def __cinit__(self):
        self.out = Writer()

    def follow(self, int64_t account_id, open_orders):
        """Follow an account whose open orders, as committed, are these."""
        cdef Row row
        self.rows[account_id].clear()
        for order in open_orders:
            _fill_row(&row, order)
            self.rows[account_id][row.order_id] = row

    def forget(self, int64_t account_id):
        """Follow an account no more."""
        self.rows.erase(account_id)
        self.told.erase(account_id)

    def follows(self, int64_t account_id):
        """Tell whether an account is followed."""
        return self.rows.count(account_id) != 0

    def committed(self, bytes records, int64_t first_seq, int64_t now_ns):
        """Take the records of a cycle; return, per account that is told something, its events.

        Args:
            records: whole records.
            first_seq: seq of the first.
            now_ns: venue time of the cycle.

        Returns:
            Pairs of account and bytes: the field `events` of a `SessionResponse`, as often as there are events, in
            order of seq. An account stands there several times if one message could not hold its events.

        Raises:
            InvariantBroken: an event is about an order of a followed account that was never accepted.

        """
        cdef const char* data = records
        cdef Py_ssize_t index
        cdef int64_t account_id
        if self.rows.empty():
            return []
        self.now_ns = now_ns
        self.touched.clear()
        self.full = []
        for index in range(len(records) // RECORD_BYTES):
            self.seq = first_seq + index
            self.take(<const Record*>(data + index * RECORD_BYTES))
        for account_id in self.touched:
            self.hand_over(account_id)
        return self.full

    cdef int hand_over(self, int64_t account_id) except -1:
        cdef vector[uint8_t]* told = &self.told[account_id]
        self.full.append((account_id, (<const char*>told.data())[:told.size()]))
        told.clear()
        return 0

    cdef int take(self, const Record* record) except -1:
        cdef size_t inner
        cdef Row* row
        cdef const DeadManMoved* moved
        if record.kind == TRADED:
            self.fill(<const Traded*>record, False)
            return self.fill(<const Traded*>record, True)
        if self.rows.count(record.account_id) == 0:
            return 0
        if record.kind == ORDER_ACCEPTED:
            return self.accept(record)
        if record.kind == DEAD_MAN_MOVED:
            moved = <const DeadManMoved*>record
            inner = self.out.used
            self.out.number(DEAD_MAN_FIRED, moved.fired != 0)
            self.out.number(DEAD_MAN_DEADLINE, moved.deadline_ns)
            self.out.close(EVENT_DEAD_MAN, inner)
            return self.tell(record.account_id)
        if (
            record.kind == ORDER_CANCELLED
            or record.kind == ORDER_AMENDED
            or record.kind == ORDER_TRIGGERED
            or record.kind == ORDER_ACTIVATED
        ):
            # All four have the order's id in the same place.
            row = self.find(record.account_id, (<const OrderCancelled*>record).order_id)
            self.put_changed(record, row)
            self.tell(record.account_id)
            if record.kind == ORDER_CANCELLED:
                self.rows[record.account_id].erase(row.order_id)
        return 0

    cdef Row* find(self, int64_t account_id, int64_t order_id) except NULL:
        cdef Rows* rows = &self.rows[account_id]
        cdef Rows.iterator found = rows.find(order_id)
        if found == rows.end():
            raise InvariantBroken(f"seq {self.seq}: order {order_id} of account {account_id} was never accepted")
        return &dereference(found).second

    cdef int tell(self, int64_t account_id) except -1:
        """Put what was written behind the account's other events of this cycle, with its time and seq."""
        cdef vector[uint8_t]* told = &self.told[account_id]
        cdef const uint8_t* data
        self.out.number(EVENT_TIME_NS, self.now_ns)
        self.out.number(EVENT_SEQ, self.seq)
        self.out.close(SESSION_EVENTS, 0)
        if told.size() + self.out.used > MOST_BYTES:
            self.hand_over(account_id)
        elif told.empty():
            self.touched.push_back(account_id)
        data = self.out.data()
        told.insert(told.end(), data, data + self.out.used)
        self.out.used = 0
        return 0

    cdef int accept(self, const Record* record) except -1:
        cdef const OrderAccepted* event = <const OrderAccepted*>record
        cdef Row row
        cdef size_t inner
        memset(&row, 0, sizeof(Row))
        row.order_id = event.order_id
        row.client_id = event.client_id
        row.account_id = event.account_id
        row.instrument_id = event.instrument_id
        row.price_ticks = event.price_ticks
        row.remaining_lots = event.size_lots
        row.accepted_time_ns = self.now_ns
        row.display_lots = event.display_lots
        row.expire_time_ns = event.expire_time_ns
        row.trigger_price_ticks = event.trigger_price_ticks
        row.group_id = event.group_id
        row.side = event.side
        row.order_type = event.order_type
        row.time_in_force = event.time_in_force
        row.flags = event.flags
        row.self_trade_prevention = event.self_trade_prevention
        row.trigger_kind = event.trigger_kind
        row.trigger_source = event.trigger_source
        row.group_kind = event.group_kind
        row.state = OPEN
        if event.trigger_kind != 0:
            # The children of a parent wait for it; it is the first order of its group.
            row.state = WAITING if event.group_kind == PARENT and event.group_id != event.order_id else UNTRIGGERED
        self.rows[row.account_id][row.order_id] = row
        inner = self.out.used
        put_order(self.out, TOLD_ORDER, &row)
        self.out.close(EVENT_ACCEPTED, inner)
        return self.tell(row.account_id)

    cdef int put_changed(self, const Record* record, Row* row) except -1:
        """Change a row as the event says, and write the event."""
        cdef const OrderCancelled* cancelled
        cdef const OrderAmended* amended
        cdef const OrderTriggered* triggered
        cdef int64_t besides = 0
        cdef uint32_t tag = EVENT_CANCELLED
        if record.kind == ORDER_CANCELLED:
            cancelled = <const OrderCancelled*>record
            row.remaining_lots = cancelled.remaining_lots
            row.state = CANCELLED
            row.cancel_reason = cancelled.reason
            row.refusal = cancelled.refusal
        elif record.kind == ORDER_AMENDED:
            tag = EVENT_AMENDED
            amended = <const OrderAmended*>record
            row.price_ticks = amended.price_ticks
            row.remaining_lots = amended.remaining_lots
            row.trigger_price_ticks = amended.trigger_price_ticks
            besides = amended.kept_priority != 0
        elif record.kind == ORDER_TRIGGERED:
            tag = EVENT_TRIGGERED
            triggered = <const OrderTriggered*>record
            row.price_ticks = triggered.price_ticks
            row.remaining_lots = triggered.size_lots
            row.state = OPEN
            besides = triggered.seen_price_ticks
        else:
            tag = EVENT_ACTIVATED
            row.remaining_lots = (<const OrderActivated*>record).size_lots
            row.state = UNTRIGGERED
        self.out.number(TOLD_BESIDES, besides)
        put_order(self.out, TOLD_ORDER, row)
        return self.out.close(tag, 0)

    cdef int fill(self, const Traded* trade, bint maker) except -1:
        cdef int64_t account_id = trade.maker_account_id if maker else trade.account_id
        cdef int64_t order_id = trade.maker_order_id if maker else trade.taker_order_id
        cdef Row* row
        if self.rows.count(account_id) == 0:
            return 0
        row = self.find(account_id, order_id)
        row.remaining_lots = trade.maker_remaining_lots if maker else trade.taker_remaining_lots
        row.filled_lots += trade.size_lots
        row.filled_value_micros += trade.size_lots * trade.price_ticks
        self.out.number(FILL_LIQUIDATION, (trade.taker_flags & LIQUIDATION) != 0)
        self.out.number(FILL_REMAINING_LOTS, row.remaining_lots)
        self.out.number(FILL_MAKER, maker)
        self.out.number(FILL_FEE, trade.maker_fee_micros if maker else trade.taker_fee_micros)
        self.out.number(FILL_SIZE_LOTS, trade.size_lots)
        self.out.number(FILL_PRICE, trade.price_ticks)
        self.out.number(FILL_SIDE, row.side)
        self.out.number(FILL_INSTRUMENT_ID, trade.instrument_id)
        self.out.client_id(FILL_CLIENT_ORDER_ID, &row.client_id)
        self.out.number(FILL_ORDER_ID, order_id)
        self.out.number(FILL_TRADE_ID, trade.trade_id)
        self.out.close(EVENT_FILL, 0)
        self.tell(account_id)
        if row.remaining_lots == 0:
            self.rows[account_id].erase(order_id)
        return 0

    def adopt(self, int64_t account_id, int64_t owner, Request request, bytes results):
        """Note whose session placed the orders of a request that are open now.

        Args:
            account_id: the session's account.
            owner: number of the session, not 0.
            request: what it asked.
            results: packed, one per record of the request.

        """
        cdef const Result* result = <const Result*><const char*>results
        cdef size_t index
        cdef Rows* rows
        cdef Rows.iterator found
        if self.rows.count(account_id) == 0:
            return
        if len(results) != <Py_ssize_t>(request.records.size() * sizeof(Result)):
            raise ValueError(f"{len(results)} bytes are not the results of {request.records.size()} commands")
        rows = &self.rows[account_id]
        for index in range(request.records.size()):
            if request.records[index].kind == PLACE and result[index].order_id != 0:
                found = rows.find(result[index].order_id)
                if found != rows.end():
                    dereference(found).second.owner = owner

    def owned(self, int64_t account_id, int64_t owner):
        """Return the ids of the open orders that a session placed, in order."""
        cdef list found = []
        cdef Rows.iterator at
        if self.rows.count(account_id) != 0:
            at = self.rows[account_id].begin()
            while at != self.rows[account_id].end():
                if dereference(at).second.owner == owner:
                    found.append(dereference(at).first)
                preincrement(at)
        return sorted(found)


cdef Writer _OUT = Writer()


def orders_answer(orders, int64_t seq):
    """Return a response that tells orders as field 1 and seq as field 2, as both questions about orders have it."""
    cdef Row row
    _OUT.used = 0
    _OUT.number(ANSWER_SEQ, seq)
    for order in reversed(tuple(orders)):
        _fill_row(&row, order)
        put_order(_OUT, ANSWER_ORDERS, &row)
    return _OUT.take()
