"""Requests from the wire's bytes straight to packed commands, with no message object between.

It exists because the generated code costs more per order than the engine does. Kept true: whatever the bytes, this
reader and the generated code agree: the same commands, or both refuse the message (a test plays both against each
other). So the rules of protobuf hold to the letter: the last value of a field wins, a message that stands twice is
merged, in a `oneof` the last member stands alone, numbers that are too wide lose their upper bits, a field of another
wire type or number is skipped. No byte outside the message is read.

A command without meaning is refused by itself; in an atomic batch its mates are refused with it. What a well-formed
command asks is for the engine to judge.

It is longer than a module should be: the messages are one tree, and each has its function, which calls those inside.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset
from libcpp.vector cimport vector

from wavetank.matching.core.records cimport Command, Result
from wavetank.matching.core.words cimport (
    AMEND,
    ATOMIC,
    BUY,
    BY_REQUEST,
    CANCEL,
    CANCEL_ALL,
    CANCEL_ALL_AFTER,
    EXPIRE_BOTH,
    GTC,
    GTT,
    LIMIT,
    MARKET,
    MASS_QUOTE,
    OPEN,
    PLACE,
    PLACE_GROUP,
    POSITION,
    POST_ONLY,
    POST_ONLY_SLIDE,
    QUOTE,
    REDUCE_ONLY,
    SELL,
    TAKE_PROFIT,
    UNTRIGGERED,
    WAITING,
)

cdef enum:
    # Numbers of wire types, as protobuf has them.
    VARINT = 0
    FIXED64 = 1
    LENGTH = 2
    GROUP = 3
    GROUP_END = 4
    FIXED32 = 5

cdef enum:
    MAX_CLIENT_ID_BYTES = 16
    MAX_GROUP_ORDERS = 8
    MAX_QUOTES = 200
    TOP_SOURCE = 3
    # Groups (of the wire) inside one another, from the outermost message on, as the generated code bounds them.
    MAX_DEPTH = 100

cdef int64_t NS_PER_MS = 1_000_000
cdef int64_t LONGEST_TIMEOUT_MS = 9_000_000_000_000
cdef uint64_t LONGEST_FIELD = 0x7FFFFFFF
cdef uint64_t TOP_TAG = 0xFFFFFFFF

cdef struct Bytes:
    const uint8_t* at
    const uint8_t* end

cdef struct Place:
    int32_t instrument_id
    int32_t side
    int32_t order_type
    int32_t time_in_force
    int32_t self_trade_prevention
    int32_t trigger_kind
    int32_t trigger_source
    bint post_only
    bint reduce_only
    bint post_only_slide
    bint has_trigger
    int64_t price_ticks
    int64_t size_lots
    int64_t slippage_cap_ppm
    int64_t display_lots
    int64_t expire_time_ns
    int64_t trigger_price_ticks
    Bytes client_id

# Of a cancel or an amend.
cdef struct Change:
    int64_t order_id
    int64_t price_ticks
    int64_t size_lots
    int64_t trigger_price_ticks
    Bytes client_id

cdef struct Quote:
    int32_t side
    int64_t price_ticks
    int64_t size_lots

# The other kinds: filter of a cancel-all, head of a group or of a mass quote, time of the dead-man switch.
cdef struct Head:
    int32_t instrument_id
    int32_t side
    int32_t group_kind
    # Orders of a group or quotes, those included that are too many to be kept.
    int32_t inside
    bint post_only_slide
    int64_t timeout_ms

cdef struct Opening:
    int64_t account_id
    bint cancels_on_disconnect
    int32_t acknowledgement


cdef class _Said:
    """One command as far as it has been read: the member of its `oneof` that was set last."""

    cdef int32_t field
    cdef Place place
    cdef Change change
    cdef Head head
    cdef vector[Place] orders
    cdef vector[Quote] quotes

    cdef void begin(self, int32_t field) noexcept:
        """Begin a member anew, unless it is the one that stands there: then it is merged."""
        if self.field == field:
            return
        self.field = field
        memset(&self.place, 0, sizeof(Place))
        memset(&self.change, 0, sizeof(Change))
        memset(&self.head, 0, sizeof(Head))
        self.orders.clear()
        self.quotes.clear()


# --- The wire ---------------------------------------------------------------------------------------------------------


cdef bint _varint(Bytes* source, uint64_t* value) noexcept:
    """Read a number of up to ten bytes; bits beyond 64 fall away."""
    cdef uint64_t byte
    cdef int shift = 0
    value[0] = 0
    while source.at < source.end and shift < 70:
        byte = source.at[0]
        source.at += 1
        value[0] |= (byte & 0x7F) << shift
        if byte < 0x80:
            return True
        shift += 7
    return False


cdef bint _short_varint(Bytes* source, uint64_t most, uint64_t* value) noexcept:
    """Read a tag or a length: at most five bytes, at most `most`."""
    cdef const uint8_t* began = source.at
    return _varint(source, value) and source.at - began <= 5 and value[0] <= most


cdef bint _length(Bytes* source, Bytes* inner) noexcept:
    """Step over a field of some length; `inner` is what it holds."""
    cdef uint64_t length
    if not _short_varint(source, LONGEST_FIELD, &length) or length > <uint64_t>(source.end - source.at):
        return False
    inner.at = source.at
    inner.end = source.at + length
    source.at = inner.end
    return True


cdef bint _skip(Bytes* source, uint32_t tag, int depth) noexcept:
    """Step over a field that means nothing here; there is none of number 0."""
    return tag >> 3 != 0 and _skip_value(source, tag, depth)


cdef bint _skip_value(Bytes* source, uint32_t tag, int depth) noexcept:
    """Step over what stands behind a tag; within a group, as in the generated code, any number will do."""
    cdef uint32_t wire_type = tag & 7
    cdef uint64_t value
    cdef Bytes inner
    if wire_type == VARINT:
        return _varint(source, &value)
    if wire_type == LENGTH:
        return _length(source, &inner)
    if wire_type == FIXED64 or wire_type == FIXED32:
        value = 8 if wire_type == FIXED64 else 4
        if <uint64_t>(source.end - source.at) < value:
            return False
        source.at += value
        return True
    if wire_type != GROUP or depth <= 0:
        return False
    while _short_varint(source, TOP_TAG, &value):
        if (value & 7) == GROUP_END:
            return value >> 3 == tag >> 3
        if not _skip_value(source, <uint32_t>value, depth - 1):
            return False
    return False


cdef bint _int64(Bytes* source, int64_t* value) noexcept:
    cdef uint64_t read
    if not _varint(source, &read):
        return False
    value[0] = <int64_t>read
    return True


cdef bint _int32(Bytes* source, int32_t* value) noexcept:
    """Read an int32 or an enum: the lower 32 bits count."""
    cdef uint64_t read
    if not _varint(source, &read):
        return False
    value[0] = <int32_t><uint32_t>read
    return True


cdef bint _bool(Bytes* source, bint* value) noexcept:
    cdef uint64_t read
    if not _varint(source, &read):
        return False
    value[0] = read != 0
    return True


# --- The messages: a tag is the field's number times 8 and its wire type ----------------------------------------------


cdef bint _trigger(Bytes source, Place* place, int depth) noexcept:
    cdef uint64_t tag
    cdef bint fine
    place.has_trigger = True
    while source.at < source.end:
        if not _short_varint(&source, TOP_TAG, &tag):
            return False
        if tag == 8:
            fine = _int32(&source, &place.trigger_kind)
        elif tag == 16:
            fine = _int32(&source, &place.trigger_source)
        elif tag == 24:
            fine = _int64(&source, &place.trigger_price_ticks)
        else:
            fine = _skip(&source, <uint32_t>tag, depth)
        if not fine:
            return False
    return True


cdef bint _place(Bytes source, Place* place, int depth) noexcept:
    cdef uint64_t tag
    cdef Bytes inner
    cdef bint fine
    while source.at < source.end:
        if not _short_varint(&source, TOP_TAG, &tag):
            return False
        if tag == 8:
            fine = _int32(&source, &place.instrument_id)
        elif tag == 16:
            fine = _int32(&source, &place.side)
        elif tag == 24:
            fine = _int32(&source, &place.order_type)
        elif tag == 32:
            fine = _int64(&source, &place.price_ticks)
        elif tag == 40:
            fine = _int64(&source, &place.size_lots)
        elif tag == 48:
            fine = _int32(&source, &place.time_in_force)
        elif tag == 56:
            fine = _bool(&source, &place.post_only)
        elif tag == 64:
            fine = _bool(&source, &place.reduce_only)
        elif tag == 74:
            fine = _length(&source, &place.client_id)
        elif tag == 80:
            fine = _int64(&source, &place.slippage_cap_ppm)
        elif tag == 88:
            fine = _bool(&source, &place.post_only_slide)
        elif tag == 96:
            fine = _int64(&source, &place.display_lots)
        elif tag == 104:
            fine = _int64(&source, &place.expire_time_ns)
        elif tag == 112:
            fine = _int32(&source, &place.self_trade_prevention)
        elif tag == 122:
            fine = _length(&source, &inner) and _trigger(inner, place, depth - 1)
        else:
            fine = _skip(&source, <uint32_t>tag, depth)
        if not fine:
            return False
    return True


cdef bint _change(Bytes source, Change* change, bint is_amend, int depth) noexcept:
    cdef uint64_t tag
    cdef bint fine
    while source.at < source.end:
        if not _short_varint(&source, TOP_TAG, &tag):
            return False
        if tag == 8:
            fine = _int64(&source, &change.order_id)
        elif tag == 18:
            fine = _length(&source, &change.client_id)
        elif is_amend and tag == 24:
            fine = _int64(&source, &change.price_ticks)
        elif is_amend and tag == 32:
            fine = _int64(&source, &change.size_lots)
        elif is_amend and tag == 40:
            fine = _int64(&source, &change.trigger_price_ticks)
        else:
            fine = _skip(&source, <uint32_t>tag, depth)
        if not fine:
            return False
    return True


cdef bint _quote(Bytes source, Quote* quote, int depth) noexcept:
    cdef uint64_t tag
    cdef bint fine
    while source.at < source.end:
        if not _short_varint(&source, TOP_TAG, &tag):
            return False
        if tag == 8:
            fine = _int32(&source, &quote.side)
        elif tag == 16:
            fine = _int64(&source, &quote.price_ticks)
        elif tag == 24:
            fine = _int64(&source, &quote.size_lots)
        else:
            fine = _skip(&source, <uint32_t>tag, depth)
        if not fine:
            return False
    return True


cdef bint _cancel_all(Bytes source, Head* head, int depth) noexcept:
    cdef uint64_t tag
    cdef bint fine
    while source.at < source.end:
        if not _short_varint(&source, TOP_TAG, &tag):
            return False
        if tag == 8:
            fine = _int32(&source, &head.instrument_id)
        elif tag == 16:
            fine = _int32(&source, &head.side)
        else:
            fine = _skip(&source, <uint32_t>tag, depth)
        if not fine:
            return False
    return True


cdef bint _cancel_all_after(Bytes source, Head* head, int depth) noexcept:
    cdef uint64_t tag
    cdef bint fine
    while source.at < source.end:
        if not _short_varint(&source, TOP_TAG, &tag):
            return False
        fine = _int64(&source, &head.timeout_ms) if tag == 8 else _skip(&source, <uint32_t>tag, depth)
        if not fine:
            return False
    return True


cdef bint _open(Bytes source, Opening* opening, int depth) noexcept:
    cdef uint64_t tag
    cdef bint fine
    while source.at < source.end:
        if not _short_varint(&source, TOP_TAG, &tag):
            return False
        if tag == 8:
            fine = _int64(&source, &opening.account_id)
        elif tag == 16:
            fine = _bool(&source, &opening.cancels_on_disconnect)
        elif tag == 24:
            fine = _int32(&source, &opening.acknowledgement)
        else:
            fine = _skip(&source, <uint32_t>tag, depth)
        if not fine:
            return False
    return True


cdef bint _group(Bytes source, _Said said, int depth):
    cdef uint64_t tag
    cdef Bytes inner
    cdef Place order
    cdef bint fine
    while source.at < source.end:
        if not _short_varint(&source, TOP_TAG, &tag):
            return False
        if tag == 8:
            fine = _int32(&source, &said.head.group_kind)
        elif tag == 18:
            memset(&order, 0, sizeof(Place))
            fine = _length(&source, &inner) and _place(inner, &order, depth - 1)
            said.head.inside += 1
            if said.head.inside <= MAX_GROUP_ORDERS:
                said.orders.push_back(order)
        else:
            fine = _skip(&source, <uint32_t>tag, depth)
        if not fine:
            return False
    return True


cdef bint _mass_quote(Bytes source, _Said said, int depth):
    cdef uint64_t tag
    cdef Bytes inner
    cdef Quote quote
    cdef bint fine
    while source.at < source.end:
        if not _short_varint(&source, TOP_TAG, &tag):
            return False
        if tag == 8:
            fine = _int32(&source, &said.head.instrument_id)
        elif tag == 18:
            memset(&quote, 0, sizeof(Quote))
            fine = _length(&source, &inner) and _quote(inner, &quote, depth - 1)
            said.head.inside += 1
            if said.head.inside <= MAX_QUOTES:
                said.quotes.push_back(quote)
        elif tag == 24:
            fine = _bool(&source, &said.head.post_only_slide)
        else:
            fine = _skip(&source, <uint32_t>tag, depth)
        if not fine:
            return False
    return True


cdef bint _member(Bytes source, int32_t field, _Said said, int depth):
    """Read the member `field` of a command's `oneof`."""
    said.begin(field)
    if field == PLACES:
        return _place(source, &said.place, depth)
    if field == CANCELS or field == AMENDS:
        return _change(source, &said.change, field == AMENDS, depth)
    if field == CANCELS_ALL:
        return _cancel_all(source, &said.head, depth)
    if field == PLACES_GROUP:
        return _group(source, said, depth)
    if field == QUOTES:
        return _mass_quote(source, said, depth)
    return _cancel_all_after(source, &said.head, depth)


cdef bint _command(Bytes source, _Said said, int depth):
    cdef uint64_t tag
    cdef Bytes inner
    cdef bint fine
    said.begin(NOTHING)
    while source.at < source.end:
        if not _short_varint(&source, TOP_TAG, &tag):
            return False
        if (tag & 7) == LENGTH and PLACES <= tag >> 3 <= MOVES_DEAD_MAN:
            fine = _length(&source, &inner) and _member(inner, <int32_t>(tag >> 3), said, depth - 1)
        else:
            fine = _skip(&source, <uint32_t>tag, depth)
        if not fine:
            return False
    return True


# --- Meaning ----------------------------------------------------------------------------------------------------------


cdef int _place_fault(const Place* place, int64_t* was) noexcept:
    """Return what leaves an order without meaning, the first thing in this order."""
    was[0] = place.side
    if place.side != BUY and place.side != SELL:
        return SIDE_UNKNOWN
    was[0] = place.order_type
    if place.order_type != LIMIT and place.order_type != MARKET:
        return ORDER_TYPE_UNKNOWN
    was[0] = place.time_in_force
    if not (0 if place.order_type == MARKET else GTC) <= place.time_in_force <= GTT:
        return TIME_IN_FORCE_UNKNOWN
    was[0] = place.client_id.end - place.client_id.at
    if was[0] > MAX_CLIENT_ID_BYTES:
        return CLIENT_ORDER_ID_TOO_LONG
    was[0] = place.self_trade_prevention
    if not 0 <= place.self_trade_prevention <= EXPIRE_BOTH:
        return SELF_TRADE_PREVENTION_UNKNOWN
    if place.has_trigger:
        was[0] = place.trigger_kind
        if not 1 <= place.trigger_kind <= TAKE_PROFIT:
            return TRIGGER_KIND_UNKNOWN
        was[0] = place.trigger_source
        if not 1 <= place.trigger_source <= TOP_SOURCE:
            return TRIGGER_SOURCE_UNKNOWN
    return NO_FAULT


cdef int _change_fault(const Change* change, int64_t* was) noexcept:
    was[0] = change.client_id.end - change.client_id.at
    if (change.order_id != 0) == (was[0] != 0):
        return NOT_ONE_ID
    return CLIENT_ORDER_ID_TOO_LONG if was[0] > MAX_CLIENT_ID_BYTES else NO_FAULT


cdef int _fault(_Said said, int32_t* member, int64_t* was) noexcept:
    """Return why a command has no meaning, and which order or quote inside is to blame."""
    cdef size_t index
    cdef int fault
    was[0] = 0
    member[0] = -1
    if said.field == PLACES:
        return _place_fault(&said.place, was)
    if said.field == CANCELS or said.field == AMENDS:
        return _change_fault(&said.change, was)
    if said.field == CANCELS_ALL:
        was[0] = said.head.side
        return NO_FAULT if 0 <= said.head.side <= SELL else FILTER_SIDE_UNKNOWN
    if said.field == MOVES_DEAD_MAN:
        was[0] = said.head.timeout_ms
        return NO_FAULT if -LONGEST_TIMEOUT_MS <= was[0] <= LONGEST_TIMEOUT_MS else TIMEOUT_TOO_LONG
    if said.field == PLACES_GROUP:
        was[0] = said.head.group_kind
        if not 1 <= said.head.group_kind <= POSITION:
            return GROUP_KIND_UNKNOWN
        was[0] = said.head.inside
        if not 1 <= said.head.inside <= MAX_GROUP_ORDERS:
            return GROUP_SIZE
        for index in range(said.orders.size()):
            fault = _place_fault(&said.orders[index], was)
            if fault != NO_FAULT:
                member[0] = <int32_t>index
                return fault
        return NO_FAULT
    if said.field == QUOTES:
        was[0] = said.head.inside
        if said.head.inside > MAX_QUOTES:
            return QUOTE_COUNT
        for index in range(said.quotes.size()):
            was[0] = said.quotes[index].side
            if was[0] != BUY and was[0] != SELL:
                member[0] = <int32_t>index
                return SIDE_UNKNOWN
        return NO_FAULT
    return NO_COMMAND


cdef void _pack_id(Command* record, Bytes client_id) noexcept:
    if client_id.at != client_id.end:
        memcpy(&record.client_id, client_id.at, client_id.end - client_id.at)


cdef void _pack_place(const Place* place, Command* record) noexcept:
    memset(record, 0, sizeof(Command))
    record.kind = PLACE
    record.side = <uint8_t>place.side
    record.order_type = <uint8_t>place.order_type
    record.time_in_force = <uint8_t>place.time_in_force
    record.flags = (
        (POST_ONLY if place.post_only else 0)
        | (REDUCE_ONLY if place.reduce_only else 0)
        | (POST_ONLY_SLIDE if place.post_only_slide else 0)
    )
    record.self_trade_prevention = <uint8_t>place.self_trade_prevention
    record.instrument_id = place.instrument_id
    _pack_id(record, place.client_id)
    record.price_ticks = place.price_ticks
    record.size_lots = place.size_lots
    record.slippage_cap_ppm = place.slippage_cap_ppm
    record.display_lots = place.display_lots
    record.expire_time_ns = place.expire_time_ns
    record.trigger_kind = <uint8_t>place.trigger_kind
    record.trigger_source = <uint8_t>place.trigger_source
    record.trigger_price_ticks = place.trigger_price_ticks


cdef void _pack_other(_Said said, Command* record) noexcept:
    """Pack a cancel, an amend, a cancel-all, the dead-man switch, or the head of what has more records."""
    memset(record, 0, sizeof(Command))
    if said.field == CANCELS or said.field == AMENDS:
        record.kind = CANCEL if said.field == CANCELS else AMEND
        record.cancel_reason = BY_REQUEST if said.field == CANCELS else 0
        record.order_id = said.change.order_id
        _pack_id(record, said.change.client_id)
        record.price_ticks = said.change.price_ticks
        record.size_lots = said.change.size_lots
        record.trigger_price_ticks = said.change.trigger_price_ticks
    elif said.field == CANCELS_ALL:
        record.kind = CANCEL_ALL
        record.cancel_reason = BY_REQUEST
        record.instrument_id = said.head.instrument_id
        record.side = <uint8_t>said.head.side
    elif said.field == MOVES_DEAD_MAN:
        record.kind = CANCEL_ALL_AFTER
        record.expire_time_ns = said.head.timeout_ms * NS_PER_MS
    elif said.field == PLACES_GROUP:
        record.kind = PLACE_GROUP
        record.group_kind = <uint8_t>said.head.group_kind
        record.count = <int32_t>said.orders.size()
    else:
        record.kind = MASS_QUOTE
        record.instrument_id = said.head.instrument_id
        record.count = <int32_t>said.quotes.size()


cdef void _pack_quote(const Quote* quote, const Head* head, Command* record) noexcept:
    memset(record, 0, sizeof(Command))
    record.kind = PLACE
    record.order_type = LIMIT
    record.time_in_force = GTC
    record.flags = POST_ONLY | QUOTE | (POST_ONLY_SLIDE if head.post_only_slide else 0)
    record.instrument_id = head.instrument_id
    record.side = <uint8_t>quote.side
    record.price_ticks = quote.price_ticks
    record.size_lots = quote.size_lots


cdef Py_ssize_t _weight(_Said said) noexcept:
    """Return for how many commands one counts: a group or mass quote for each order inside."""
    return max(1, said.head.inside)


cdef class Request:
    """What a request said: packed commands, and in which shape they came."""

    @property
    def count(self):
        """Records to hand to the engine; 0 if nothing is left to do."""
        return <Py_ssize_t>self.records.size()

    @property
    def command_count(self):
        """Commands of the request, each of which gets a result; as far as the limit allowed to keep them."""
        return <Py_ssize_t>self.shapes.size()

    def commands_for(self, int64_t account_id, int flags=0):
        """Return the packed commands as those of an account.

        Args:
            account_id: the account.
            flags: `OrderFlag`s that each order gets besides its own.

        """
        cdef size_t index
        cdef Command* record
        for index in range(self.records.size()):
            record = &self.records[index]
            # A group and an atomic batch belong to whom their members belong to.
            if record.kind != PLACE_GROUP and record.kind != ATOMIC:
                record.account_id = account_id
            if record.kind == PLACE:
                record.flags |= <uint8_t>flags
        return (<const char*>self.records.data())[:self.records.size() * sizeof(Command)]

    def resting(self, bytes results):
        """Return the ids of the orders that the request placed and that are open now, in whatever state.

        Args:
            results: the packed results of its commands.

        """
        cdef const Result* result = <const Result*><const char*>results
        cdef size_t index
        cdef list found = []
        if len(results) != <Py_ssize_t>(self.records.size() * sizeof(Result)):
            raise ValueError(f"{len(results)} bytes are not the results of {self.records.size()} commands")
        for index in range(self.records.size()):
            if self.records[index].kind == PLACE and (
                result[index].state == OPEN or result[index].state == UNTRIGGERED or result[index].state == WAITING
            ):
                found.append(result[index].order_id)
        return found

    cdef int _add(self, Command* record) except -1:
        self.records.push_back(record[0])
        return 0

    cdef int _close_atomic(self) except -1:
        """Put the head before an atomic batch; one command that has no place in it refuses all."""
        cdef size_t index
        cdef Shape* shape
        cdef int32_t offender = -1
        cdef Command head
        for index in range(self.shapes.size()):
            shape = &self.shapes[index]
            if shape.fault == NO_FAULT and not PLACES <= shape.field <= AMENDS:
                shape.fault = NOT_FOR_ATOMIC
            if shape.fault != NO_FAULT and offender < 0:
                offender = <int32_t>index
        if offender >= 0:
            self.records.clear()
            for index in range(self.shapes.size()):
                shape = &self.shapes[index]
                shape.first = -1
                shape.members = 0
                if <int32_t>index != offender:
                    shape.fault = BATCH_MATE_REFUSED
                    shape.was = offender
                    shape.member = -1
            return 0
        memset(&head, 0, sizeof(Command))
        head.kind = ATOMIC
        head.count = <int32_t>self.records.size()
        self.records.insert(self.records.begin(), head)
        for index in range(self.shapes.size()):
            self.shapes[index].first += 1
        return 0


cdef int _take(Request request, _Said said, Py_ssize_t limit) except -1:
    """Keep a command that has been read whole; beyond the limit they are only counted."""
    cdef Shape shape
    cdef Command record
    cdef size_t index
    cdef Bytes client_id
    request.asked += _weight(said)
    if request.asked > limit:
        return 0
    memset(&shape, 0, sizeof(Shape))
    shape.field = said.field
    shape.fault = _fault(said, &shape.member, &shape.was)
    client_id = said.place.client_id if said.field == PLACES else said.change.client_id
    shape.client_id = client_id.at
    shape.client_id_bytes = client_id.end - client_id.at
    shape.first = <int32_t>request.records.size()
    if shape.fault != NO_FAULT:
        shape.first = -1
    elif said.field == PLACES:
        _pack_place(&said.place, &record)
        request._add(&record)
    else:
        _pack_other(said, &record)
        request._add(&record)
        for index in range(said.orders.size()):
            _pack_place(&said.orders[index], &record)
            request._add(&record)
        for index in range(said.quotes.size()):
            _pack_quote(&said.quotes[index], &said.head, &record)
            request._add(&record)
        shape.members = <int32_t>(said.orders.size() + said.quotes.size())
    request.shapes.push_back(shape)
    return 0


cdef Bytes _bytes(bytes data) noexcept:
    cdef Bytes source
    source.at = <const uint8_t*><const char*>data
    source.end = source.at + len(data)
    return source


cdef bint _session_request(Request request, Py_ssize_t limit):
    cdef Bytes source = _bytes(request.data)
    cdef Bytes inner
    cdef uint64_t tag
    cdef bint fine
    cdef Opening opening
    cdef _Said said = _Said()
    memset(&opening, 0, sizeof(Opening))
    while source.at < source.end:
        if not _short_varint(&source, TOP_TAG, &tag):
            return False
        if tag == 8:
            fine = _int64(&source, &request.request_id)
        elif tag == 18:
            request.has_open = True
            fine = _length(&source, &inner) and _open(inner, &opening, MAX_DEPTH - 1)
        elif tag == 26:
            fine = _length(&source, &inner) and _command(inner, said, MAX_DEPTH - 1)
            if fine:
                _take(request, said, limit)
        elif tag == 32:
            fine = _bool(&source, &request.atomic)
        else:
            fine = _skip(&source, <uint32_t>tag, MAX_DEPTH)
        if not fine:
            return False
    request.account_id = opening.account_id
    request.open_cancels_on_disconnect = opening.cancels_on_disconnect
    request.open_acknowledgement = opening.acknowledgement
    return True


cdef bint _batch_request(Request request, Py_ssize_t limit):
    cdef Bytes source = _bytes(request.data)
    cdef Bytes inner
    cdef uint64_t tag
    cdef bint fine
    cdef _Said said = _Said()
    while source.at < source.end:
        if not _short_varint(&source, TOP_TAG, &tag):
            return False
        if tag == 8:
            fine = _int64(&source, &request.account_id)
        elif tag == 18:
            fine = _length(&source, &inner) and _command(inner, said, MAX_DEPTH - 1)
            if fine:
                _take(request, said, limit)
        elif tag == 24:
            fine = _bool(&source, &request.atomic)
        else:
            fine = _skip(&source, <uint32_t>tag, MAX_DEPTH)
        if not fine:
            return False
    return True


cdef bint _unary_request(Request request, int32_t field, Py_ssize_t limit):
    cdef Bytes source = _bytes(request.data)
    cdef Bytes inner
    cdef uint64_t tag
    cdef bint fine
    cdef _Said said = _Said()
    # What is not given is as good as given empty.
    said.begin(field)
    while source.at < source.end:
        if not _short_varint(&source, TOP_TAG, &tag):
            return False
        if tag == 8:
            fine = _int64(&source, &request.account_id)
        elif tag == 18:
            fine = _length(&source, &inner) and _member(inner, field, said, MAX_DEPTH - 1)
        else:
            fine = _skip(&source, <uint32_t>tag, MAX_DEPTH)
        if not fine:
            return False
    _take(request, said, limit)
    return True


cdef Request _finished(Request request, bint fine, Py_ssize_t limit):
    if not fine:
        raise ValueError(f"the message of {len(request.data)} bytes is not the one that this method takes")
    if request.atomic and 0 < request.asked <= limit:
        request._close_atomic()
    return request


def read_session_request(bytes data, Py_ssize_t limit):
    """Return what a `SessionRequest` said.

    Args:
        data: its bytes.
        limit: most commands to keep, those inside groups and mass quotes counted; see `Request.asked`.

    Raises:
        ValueError: the bytes are no such message.

    """
    cdef Request request = Request()
    request.data = data
    return _finished(request, _session_request(request, limit), limit)


def read_batch_request(bytes data, Py_ssize_t limit):
    """Return what a `SendBatchRequest` said; see `read_session_request`."""
    cdef Request request = Request()
    request.data = data
    return _finished(request, _batch_request(request, limit), limit)


def read_unary_request(bytes data, int32_t field, Py_ssize_t limit):
    """Return what a request of one command said: the account is its field 1, the command its field 2.

    Args:
        data: its bytes.
        field: the command's number in the contract's `Command`.
        limit: see `read_session_request`.

    Raises:
        ValueError: the bytes are no such message, or there is no such command.

    """
    cdef Request request = Request()
    if not PLACES <= field <= MOVES_DEAD_MAN:
        raise ValueError(f"command {field} is unknown; {PLACES} to {MOVES_DEAD_MAN} are known")
    request.data = data
    return _finished(request, _unary_request(request, field, limit), limit)
