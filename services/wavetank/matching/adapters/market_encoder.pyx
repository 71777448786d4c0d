"""Market data as bytes: events and level changes in, encoded `MarketUpdate`s out, each written once for all readers.

An encoded update is written as a field of `SubscribeResponse` (tag, length, content), so a message for a reader is its
updates one after the other, and whoever wants the same has the same bytes. The messages are those of market_data.proto;
tests read them back with the generated code.

It exists in C because it runs on the shard's only loop, once per commit with a hundred orders: through generated code
and one Python object per event that cost 1.5 ms, more than all the rest of the commit. Kept true: what is told of a
resting order is what its events say, in their order; lots that an iceberg hides are never told.
"""

from cython.operator cimport dereference
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memset
from libcpp.string cimport string
from libcpp.unordered_map cimport unordered_map

from wavetank.matching.core.records cimport (
    AUCTION_UNCROSSED,
    INSTRUMENT_MOVED,
    ORDER_ACCEPTED,
    ORDER_AMENDED,
    ORDER_CANCELLED,
    ORDER_TRIGGERED,
    RECORD_BYTES,
    TRADED,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderTriggered,
    Record,
    Traded,
)
from wavetank.matching.core.words cimport (
    BUY,
    BY_DEAD_MAN,
    BY_DISCONNECT,
    BY_EXPIRED,
    BY_LIQUIDATION,
    BY_REPLACED,
    BY_REQUEST,
    BY_SETTLED,
    GTC,
    GTT,
    LIMIT,
    LIQUIDATION,
    SELL,
)

# Numbers of the contract: channels, kinds of order updates, fields. A test compares what they make with generated code.
cdef enum:
    CHANNEL_TRADES = 3
    CHANNEL_ORDERS = 5
    ADDED = 1
    CHANGED = 2
    REMOVED = 3
    EXECUTED = 4
    BBO_FIELD = 4
    SNAPSHOT_FIELD = 5
    DELTA_FIELD = 6
    TRADE_FIELD = 7
    ORDERS_SNAPSHOT_FIELD = 9
    ORDER_UPDATE_FIELD = 10
    QUEUE_POSITION_FIELD = 12
    UPDATES_FIELD = 9
    OWN_ORDER_IDS_FIELD = 10
    # Wire types.
    VARINT = 0
    FIXED64 = 1
    LENGTH = 2


# Protobuf

cdef inline int put_varint(string& out, uint64_t value) except -1:
    while value >= 0x80:
        out.push_back(<char>(value & 0x7F | 0x80))
        value >>= 7
    out.push_back(<char>value)
    return 0


cdef inline int put_int(string& out, int field, int64_t value) except -1:
    """Write a number, unless it is 0, which is what its absence means."""
    if value != 0:
        out.push_back(<char>(field << 3 | VARINT))
        put_varint(out, <uint64_t>value)
    return 0


cdef inline int put_sfixed64(string& out, int field, uint64_t value) except -1:
    cdef int shift
    if value != 0:
        out.push_back(<char>(field << 3 | FIXED64))
        for shift in range(0, 64, 8):
            out.push_back(<char>(value >> shift & 0xFF))
    return 0


cdef inline int put_message(string& out, int field, string& content) except -1:
    out.push_back(<char>(field << 3 | LENGTH))
    put_varint(out, content.size())
    out.append(content)
    return 0


cdef int put_update(
    string& out, int32_t instrument_id, int64_t seq, int64_t now_ns, int field, string& content
) except -1:
    """Write a MarketUpdate, as a field of SubscribeResponse, that holds one message."""
    cdef string update
    put_int(update, 1, seq)
    put_int(update, 2, now_ns)
    put_int(update, 3, instrument_id)
    put_message(update, field, content)
    return put_message(out, UPDATES_FIELD, update)


cdef int put_level(string& out, int field, int64_t price_ticks, int64_t lots, int64_t orders) except -1:
    cdef string level
    put_int(level, 1, price_ticks)
    put_int(level, 2, lots)
    put_int(level, 3, orders)
    return put_message(out, field, level)


# Checksum of a book

cdef inline uint64_t level_key(uint8_t side, int64_t price_ticks) noexcept:
    """Return the weight of a price level: the finalizer of splitmix64, odd."""
    cdef uint64_t z = <uint64_t>price_ticks * 2 + (1 if side == SELL else 0) + 0x9E3779B97F4A7C15u
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu
    return (z ^ (z >> 31)) | 1


cdef class BookMirror:
    """The levels of one book as told last, for its checksum and for what changed."""

    def load(self, bids, asks):
        """Begin with a whole book, levels of (price_ticks, lots, orders)."""
        cdef int64_t price_ticks, lots, orders
        self.levels.clear()
        self.sum = 0
        for price_ticks, lots, orders in bids:
            self.put(BUY, price_ticks, lots, orders)
        for price_ticks, lots, orders in asks:
            self.put(SELL, price_ticks, lots, orders)

    def apply(self, levels):
        """Take over levels of (instrument_id, side, price_ticks, lots, orders); return those that differ, each once."""
        cdef int64_t price_ticks, lots, orders
        cdef uint8_t side
        changed = {}
        for level in levels:
            _, side, price_ticks, lots, orders = level
            if self.put(side, price_ticks, lots, orders):
                changed[price_ticks * 2 + (1 if side == SELL else 0)] = level
        return list(changed.values())

    cdef bint put(self, uint8_t side, int64_t price_ticks, int64_t lots, int64_t orders) except -1:
        """Set a level; return whether it differs from what it was."""
        cdef int64_t key = price_ticks * 2 + (1 if side == SELL else 0)
        cdef unordered_map[int64_t, LevelState].iterator found = self.levels.find(key)
        cdef LevelState state
        cdef uint64_t before = 0
        cdef uint64_t after = <uint64_t>lots * 65536 + <uint64_t>orders
        if found != self.levels.end():
            state = dereference(found).second
            before = <uint64_t>state.lots * 65536 + <uint64_t>state.orders
        if before == after:
            return False
        self.sum += level_key(side, price_ticks) * (after - before)
        if after == 0:
            self.levels.erase(key)
        else:
            state.lots = lots
            state.orders = orders
            self.levels[key] = state
        return True

    @property
    def checksum(self):
        """The book's checksum, as a signed number."""
        return <int64_t>self.sum


# Messages of state

def book_delta(int32_t instrument_id, int64_t seq, int64_t now_ns, levels, int64_t previous_seq, int64_t checksum):
    """Return an encoded delta; levels are (instrument_id, side, price_ticks, lots, orders)."""
    cdef string content, out
    cdef int64_t price_ticks, lots, orders
    cdef uint8_t side
    for _, side, price_ticks, lots, orders in levels:
        put_level(content, 1 if side == BUY else 2, price_ticks, lots, orders)
    put_int(content, 3, previous_seq)
    put_sfixed64(content, 4, <uint64_t>checksum)
    put_update(out, instrument_id, seq, now_ns, DELTA_FIELD, content)
    return <bytes>out


def book_snapshot(
    int32_t instrument_id, int64_t seq, int64_t now_ns, bids, asks, int64_t checksum, bint more, bint continued
):
    """Return a part of an encoded book; levels are (price_ticks, lots, orders)."""
    cdef string content, out
    cdef int64_t price_ticks, lots, orders
    for price_ticks, lots, orders in bids:
        put_level(content, 1, price_ticks, lots, orders)
    for price_ticks, lots, orders in asks:
        put_level(content, 2, price_ticks, lots, orders)
    put_sfixed64(content, 3, <uint64_t>checksum)
    put_int(content, 4, more)
    put_int(content, 5, continued)
    put_update(out, instrument_id, seq, now_ns, SNAPSHOT_FIELD, content)
    return <bytes>out


def orders_snapshot(
    int32_t instrument_id, int64_t seq, int64_t now_ns, bytes orders, Py_ssize_t first, Py_ssize_t end,
    int64_t account_id,
):
    """Return a part of the encoded queues, and which of its orders are an account's own.

    Args:
        instrument_id: instrument.
        seq: position in the shard's log.
        now_ns: venue time.
        orders: all of them, as `Engine.resting_orders` returns them.
        first: the part's first.
        end: one after its last.
        account_id: the account, 0 for none.

    """
    cdef string content, out, one
    cdef const char* data = orders
    cdef Py_ssize_t count = len(orders) // <Py_ssize_t>sizeof(RestingOrder)
    cdef RestingOrder* order
    cdef Py_ssize_t at
    own = []
    for at in range(first, min(end, count)):
        order = <RestingOrder*>(data + at * <Py_ssize_t>sizeof(RestingOrder))
        one.clear()
        put_int(one, 1, order.order_id)
        put_int(one, 2, order.side)
        put_int(one, 3, order.price_ticks)
        put_int(one, 4, order.visible_lots)
        put_message(content, 1, one)
        if account_id and order.account_id == account_id:
            own.append(order.order_id)
    put_int(content, 2, end < count)
    put_int(content, 3, first > 0)
    put_update(out, instrument_id, seq, now_ns, ORDERS_SNAPSHOT_FIELD, content)
    return <bytes>out, own


def best_bid_offer(int32_t instrument_id, int64_t seq, int64_t now_ns, bbo):
    """Return encoded best prices: bid, its lots, ask, its lots."""
    cdef string content, out
    cdef int64_t bid, bid_lots, ask, ask_lots
    bid, bid_lots, ask, ask_lots = bbo
    put_int(content, 1, bid)
    put_int(content, 2, bid_lots)
    put_int(content, 3, ask)
    put_int(content, 4, ask_lots)
    put_update(out, instrument_id, seq, now_ns, BBO_FIELD, content)
    return <bytes>out


def queue_position(
    int32_t instrument_id, int64_t seq, int64_t now_ns, int64_t order_id, int side, int64_t price_ticks, int64_t lots,
    int64_t orders,
):
    """Return an encoded place in a queue; without a side the order has left."""
    cdef string content, out
    put_int(content, 1, order_id)
    put_int(content, 2, side)
    put_int(content, 3, price_ticks)
    put_int(content, 4, lots)
    put_int(content, 5, orders)
    put_int(content, 6, side == 0)
    put_update(out, instrument_id, seq, now_ns, QUEUE_POSITION_FIELD, content)
    return <bytes>out


def wrapped(bytes update):
    """Return a serialized MarketUpdate as a field of SubscribeResponse."""
    cdef string out
    cdef string content = update
    put_message(out, UPDATES_FIELD, content)
    return <bytes>out


def response(int64_t seq, updates, own_order_ids):
    """Return a SubscribeResponse of encoded updates."""
    cdef string out, ids
    cdef int64_t order_id
    put_int(out, 1, seq)
    for order_id in own_order_ids:
        put_varint(ids, <uint64_t>order_id)
    if not ids.empty():
        put_message(out, OWN_ORDER_IDS_FIELD, ids)
    return b"".join([<bytes>out, *updates])


# Events

cdef class OrderEncoder:
    """Trades, and what befalls each resting order, as the events of the shard's log tell it.

    To tell of orders it must know those that rest when it begins; `load` them then.
    """

    def clear(self):
        """Forget all orders."""
        self.resting.clear()
        self.waiting.clear()
        self.running.clear()

    def load(self, int32_t instrument_id, bytes orders):
        """Know the orders that rest in a book, as `Engine.resting_orders` returns them."""
        cdef const char* data = orders
        cdef Py_ssize_t at
        cdef RestingOrder* entry
        cdef Resting order
        for at in range(len(orders) // <Py_ssize_t>sizeof(RestingOrder)):
            entry = <RestingOrder*>(data + at * <Py_ssize_t>sizeof(RestingOrder))
            order.order_id = entry.order_id
            order.account_id = entry.account_id
            order.instrument_id = instrument_id
            order.side = entry.side
            order.price_ticks = entry.price_ticks
            order.shown_lots = entry.visible_lots
            order.remaining_lots = entry.remaining_lots
            order.display_lots = entry.display_lots
            self.resting[order.order_id] = order

    def orders(self):
        """Return how many resting orders are known."""
        return self.resting.size()

    def encode(self, bytes records, int64_t first_seq, int64_t now_ns, *, bint trades, bint orders, lookup):
        """Encode the events of one commit.

        Args:
            records: event records.
            first_seq: seq of the first.
            now_ns: venue time of the commit.
            trades: whether trades are wanted.
            orders: whether the changes of resting orders are wanted.
            lookup: returns the KnownOrder of an order id, for one whose trigger fires and that was accepted before
                this began; or None.

        Returns:
            Runs of updates in order of seq, each of one channel and instrument, (channel, instrument_id, count,
            bytes); and the orders that were added, (account_id, instrument_id, order_id).

        """
        cdef const char* data = records
        cdef Py_ssize_t count = len(records) // RECORD_BYTES
        cdef Py_ssize_t at
        cdef Record* record
        self.now_ns = now_ns
        self.tells_trades = trades
        self.tells_orders = orders
        self.runs = []
        self.added = []
        self.run.clear()
        self.run_count = 0
        self.running.clear()
        for at in range(count):
            record = <Record*>(data + at * RECORD_BYTES)
            # An order that comes to rest does so with the last event of its run.
            self.seq = first_seq + at - 1
            if record.kind == TRADED:
                self.traded(<Traded*>record)
            elif not orders:
                continue
            elif record.kind == ORDER_ACCEPTED:
                self.accepted(<OrderAccepted*>record)
            elif record.kind == ORDER_CANCELLED:
                self.seq += 1
                self.left(<OrderCancelled*>record)
            elif record.kind == ORDER_AMENDED:
                self.amended(<OrderAmended*>record)
            elif record.kind == ORDER_TRIGGERED:
                self.come_to_rest(0)
                self.triggered(<OrderTriggered*>record, lookup)
            elif record.kind == INSTRUMENT_MOVED or record.kind == AUCTION_UNCROSSED:
                self.come_to_rest(0)
        self.seq = first_seq + count - 1
        self.come_to_rest(0)
        self.finish_run()
        return self.runs, self.added

    cdef int finish_run(self) except -1:
        if self.run_count:
            self.runs.append((self.run_channel, self.run_instrument, self.run_count, <bytes>self.run))
            self.run.clear()
            self.run_count = 0
        return 0

    cdef int write(self, int channel, int32_t instrument_id, int field) except -1:
        """Append the message in `inner` to the run of its channel and instrument."""
        if self.run_count and (self.run_channel != channel or self.run_instrument != instrument_id):
            self.finish_run()
        self.run_channel = channel
        self.run_instrument = instrument_id
        self.run_count += 1
        return put_update(self.run, instrument_id, self.seq, self.now_ns, field, self.inner)

    cdef int tell(self, int kind, Resting* order, int64_t executed_lots, int64_t trade_id) except -1:
        self.inner.clear()
        put_int(self.inner, 1, kind)
        put_int(self.inner, 2, order.order_id)
        put_int(self.inner, 3, order.side)
        put_int(self.inner, 4, order.price_ticks)
        put_int(self.inner, 5, 0 if kind == REMOVED else order.shown_lots)
        put_int(self.inner, 6, executed_lots)
        put_int(self.inner, 7, trade_id)
        if kind == ADDED:
            self.added.append((order.account_id, order.instrument_id, order.order_id))
        return self.write(CHANNEL_ORDERS, order.instrument_id, ORDER_UPDATE_FIELD)

    cdef int32_t running_at(self, int64_t order_id) noexcept:
        cdef size_t at
        for at in range(self.running.size()):
            if self.running[at].order_id == order_id:
                return <int32_t>at
        return -1

    cdef int come_to_rest(self, int64_t up_to) except -1:
        """Let orders that have run rest: all, or those that ran no later than `up_to`."""
        cdef Resting order
        cdef int64_t shown
        while not self.running.empty():
            order = self.running[0]
            self.running.erase(self.running.begin())
            shown = order.remaining_lots
            if order.display_lots and order.display_lots < shown:
                shown = order.display_lots
            order.shown_lots = shown
            self.resting[order.order_id] = order
            self.tell(ADDED, &order, 0, 0)
            if order.order_id == up_to:
                break
        return 0

    cdef int accepted(self, OrderAccepted* event) except -1:
        cdef Resting order
        # The orders of a group are accepted all together before the first of them runs.
        if event.group_id == 0 or event.group_id != self.running_group:
            self.come_to_rest(0)
        self.running_group = event.group_id
        if (
            event.order_type != LIMIT
            or (event.time_in_force != GTC and event.time_in_force != GTT)
            or event.flags & LIQUIDATION
        ):
            return 0
        memset(&order, 0, sizeof(Resting))
        order.order_id = event.order_id
        order.account_id = event.account_id
        order.instrument_id = event.instrument_id
        order.side = event.side
        order.price_ticks = event.price_ticks
        order.remaining_lots = event.size_lots
        order.display_lots = event.display_lots
        if event.trigger_kind:
            self.waiting[event.order_id] = order
        else:
            self.running.push_back(order)
        return 0

    cdef int triggered(self, OrderTriggered* event, lookup) except -1:
        cdef unordered_map[int64_t, Resting].iterator found = self.waiting.find(event.order_id)
        cdef Resting order
        self.running_group = 0
        if found != self.waiting.end():
            order = dereference(found).second
            self.waiting.erase(found)
        else:
            known = lookup(event.order_id)
            if known is None or known.order_type != LIMIT or known.time_in_force not in (GTC, GTT):
                return 0
            memset(&order, 0, sizeof(Resting))
            order.order_id = event.order_id
            order.account_id = event.account_id
            order.instrument_id = event.instrument_id
            order.side = event.side
            order.display_lots = known.display_lots
        order.price_ticks = event.price_ticks
        order.remaining_lots = event.size_lots
        self.running.push_back(order)
        return 0

    cdef int amended(self, OrderAmended* event) except -1:
        cdef unordered_map[int64_t, Resting].iterator found
        cdef Resting* order
        if self.waiting.count(event.order_id):
            return 0
        if self.running_at(event.order_id) >= 0:
            self.come_to_rest(event.order_id)
        elif not event.kept_priority:
            self.come_to_rest(0)
        found = self.resting.find(event.order_id)
        if found == self.resting.end():
            return 0
        self.seq += 1
        order = &dereference(found).second
        order.remaining_lots = event.remaining_lots
        if not event.kept_priority:
            self.tell(REMOVED, order, 0, 0)
            order.price_ticks = event.price_ticks
            self.running_group = 0
            self.running.push_back(order[0])
            self.resting.erase(found)
        elif order.shown_lots > order.remaining_lots:
            order.shown_lots = order.remaining_lots
            self.tell(CHANGED, order, 0, 0)
        return 0

    cdef int traded(self, Traded* event) except -1:
        cdef int32_t taker
        if self.tells_orders:
            if self.running_at(event.maker_order_id) >= 0:
                self.come_to_rest(event.maker_order_id)
            taker = self.running_at(event.taker_order_id)
            if taker >= 0:
                self.running[taker].remaining_lots = event.taker_remaining_lots
                if event.taker_remaining_lots == 0:
                    self.running.erase(self.running.begin() + taker)
        self.seq += 1
        if self.tells_trades:
            self.inner.clear()
            put_int(self.inner, 1, event.trade_id)
            put_int(self.inner, 2, event.price_ticks)
            put_int(self.inner, 3, event.size_lots)
            put_int(self.inner, 4, event.taker_side)
            put_int(self.inner, 5, 1 if event.taker_flags & LIQUIDATION else 0)
            put_int(self.inner, 6, event.auction)
            self.write(CHANNEL_TRADES, event.instrument_id, TRADE_FIELD)
        if self.tells_orders:
            self.executed(event.maker_order_id, event, event.maker_remaining_lots)
            if event.auction:
                self.executed(event.taker_order_id, event, event.taker_remaining_lots)
        return 0

    cdef int executed(self, int64_t order_id, Traded* event, int64_t remaining_lots) except -1:
        """Tell that a resting order traded; an iceberg whose shown part is gone comes back behind all others."""
        cdef unordered_map[int64_t, Resting].iterator found = self.resting.find(order_id)
        cdef Resting* order
        if found == self.resting.end():
            return 0
        order = &dereference(found).second
        order.remaining_lots = remaining_lots
        order.shown_lots -= event.size_lots
        self.tell(EXECUTED, order, event.size_lots, event.trade_id)
        if remaining_lots == 0:
            self.resting.erase(found)
        elif order.shown_lots == 0:
            order.shown_lots = min(order.display_lots, remaining_lots)
            self.tell(ADDED, order, 0, 0)
        return 0

    cdef int left(self, OrderCancelled* event) except -1:
        """Tell that a resting order was cancelled; one that was still running, or waiting, never rested."""
        cdef int32_t at = self.running_at(event.order_id)
        cdef unordered_map[int64_t, Resting].iterator found
        if at >= 0:
            if event.reason not in (
                BY_REQUEST, BY_LIQUIDATION, BY_DISCONNECT, BY_EXPIRED, BY_DEAD_MAN, BY_REPLACED, BY_SETTLED
            ):
                self.running.erase(self.running.begin() + at)
                return 0
            # A command or timer of its own: the order's run was over before.
            self.seq -= 1
            self.come_to_rest(event.order_id)
            self.seq += 1
        found = self.resting.find(event.order_id)
        if found == self.resting.end():
            self.waiting.erase(event.order_id)
            return 0
        self.tell(REMOVED, &dereference(found).second, 0, 0)
        self.resting.erase(found)
        return 0
