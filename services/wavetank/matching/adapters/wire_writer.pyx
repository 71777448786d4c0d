"""Answers from packed results straight to the wire's bytes, with no message object between.

A message is written from its end to its beginning, so that the length of what is inside is known when it is due.
Kept true: the generated code reads what is written here as the message that it would have made of the same results (a
test compares the two); the sentences of refusals are those of `refusals`.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from wavetank.matching.adapters.wire_reader cimport NO_FAULT, PLACES, Request, Shape
from wavetank.matching.core.records cimport ClientId, Result
from wavetank.matching.core.words cimport MALFORMED, REJECTED

from wavetank.matching.adapters.refusals import fault_refusal, sentence_of

cdef enum:
    # A tag is the field's number times 8 and its wire type: 0 for a number, 2 for what has a length.
    RESULT_REFUSAL = 10
    RESULT_ORDER_ID = 16
    RESULT_CLIENT_ORDER_ID = 26
    RESULT_STATE = 32
    RESULT_FILLED_LOTS = 40
    RESULT_REMAINING_LOTS = 48
    RESULT_FILLED_VALUE = 56
    RESULT_CANCELLED_ORDERS = 64
    RESULT_REPEATED = 72
    RESULT_RESULTS = 82

    REFUSAL_REASON = 8
    REFUSAL_WAS = 16
    REFUSAL_ALLOWED = 24
    REFUSAL_MESSAGE = 34

    OPENED_ACCOUNT_ID = 8
    OPENED_SEQ = 16
    OPENED_MAX_COMMANDS = 24

    SESSION_REQUEST_ID = 8
    SESSION_OPENED = 18
    SESSION_RESULTS = 26
    SESSION_SEQ = 40
    SESSION_REFUSAL = 50
    SESSION_PROVISIONAL = 56

    UNARY_RESULT = 10
    UNARY_SEQ = 16


cdef class Writer:
    """Bytes that grow towards their beginning; used again and again."""

    def __cinit__(self):
        self.room.resize(4_096)
        self.used = 0

    cdef int grow(self, size_t more) except -1:
        """Make room before what was written."""
        cdef size_t before = self.room.size()
        self.room.insert(self.room.begin(), before + more, <uint8_t>0)
        return 0

    cdef int raw(self, const void* data, size_t size) except -1:
        if size:
            self.reserve(size)
            self.used += size
            memcpy(self.room.data() + self.room.size() - self.used, data, size)
        return 0

    cdef int varint(self, uint64_t value) except -1:
        """Write a number of up to ten bytes."""
        cdef uint64_t rest = value >> 7
        cdef int count = 1
        cdef uint8_t* at
        while rest:
            rest >>= 7
            count += 1
        self.reserve(count)
        self.used += count
        at = self.room.data() + self.room.size() - self.used
        while value >= 0x80:
            at[0] = <uint8_t>(value | 0x80)
            at += 1
            value >>= 7
        at[0] = <uint8_t>value
        return 0

    cdef int text(self, uint32_t tag, const void* data, size_t size) except -1:
        """Write bytes with their tag; none need none."""
        if size:
            self.raw(data, size)
            self.varint(size)
            self.varint(tag)
        return 0

    cdef int client_id(self, uint32_t tag, const ClientId* value) except -1:
        """Write a client's own id without the zero bytes that it was padded with."""
        cdef const uint8_t* data = <const uint8_t*>value
        cdef size_t size = sizeof(ClientId)
        while size > 0 and data[size - 1] == 0:
            size -= 1
        return self.text(tag, data, size)

    cdef int close(self, uint32_t tag, size_t mark) except -1:
        """Put length and tag before a message whose fields were written since `used` was `mark`."""
        self.varint(self.used - mark)
        return self.varint(tag)

    cdef const uint8_t* data(self) noexcept:
        return self.room.data() + self.room.size() - self.used

    cdef bytes take(self):
        """Return what was written, and begin anew."""
        cdef bytes written = (<const char*>self.data())[:self.used]
        self.used = 0
        return written


cdef Writer _OUT = Writer()


cdef int put_refusal(Writer out, uint32_t tag, int reason, int64_t was, int64_t allowed, str sentence) except -1:
    cdef size_t mark = out.used
    cdef bytes message = sentence.encode()
    out.text(REFUSAL_MESSAGE, <const char*>message, len(message))
    out.number(REFUSAL_ALLOWED, allowed)
    out.number(REFUSAL_WAS, was)
    out.number(REFUSAL_REASON, reason)
    return out.close(tag, mark)


cdef int put_result(Writer out, uint32_t tag, const Result* result, const Result* members, int count) except -1:
    """Write one result with those of the orders inside."""
    cdef size_t mark = out.used
    cdef int index
    for index in range(count - 1, -1, -1):
        put_result(out, RESULT_RESULTS, &members[index], NULL, 0)
    out.number(RESULT_REPEATED, result.repeated != 0)
    out.number(RESULT_CANCELLED_ORDERS, result.cancelled_orders)
    out.number(RESULT_FILLED_VALUE, result.filled_value_micros)
    out.number(RESULT_REMAINING_LOTS, result.remaining_lots)
    out.number(RESULT_FILLED_LOTS, result.filled_lots)
    out.number(RESULT_STATE, result.state)
    out.client_id(RESULT_CLIENT_ORDER_ID, &result.client_id)
    out.number(RESULT_ORDER_ID, result.order_id)
    if result.reason != 0:
        put_refusal(
            out, RESULT_REFUSAL, result.reason, result.was, result.allowed,
            sentence_of(result.reason, result.was, result.allowed),
        )
    return out.close(tag, mark)


cdef int put_refused(Writer out, uint32_t tag, const Shape* shape) except -1:
    """Write the result of a command that the reader refused."""
    cdef size_t mark = out.used
    reason, was, allowed, sentence = fault_refusal(shape.fault, shape.member, shape.was)
    if shape.field == PLACES:
        # Only an order can be an order that was never accepted.
        out.number(RESULT_STATE, REJECTED)
    out.text(RESULT_CLIENT_ORDER_ID, shape.client_id, shape.client_id_bytes)
    put_refusal(out, RESULT_REFUSAL, reason, was, allowed, sentence)
    return out.close(tag, mark)


cdef int put_results(Writer out, uint32_t tag, Request request, bytes results) except -1:
    """Write one result per command of a request, each under `tag`."""
    cdef const Result* packed = <const Result*><const char*>results
    cdef const Shape* shape
    cdef const Result* head
    cdef size_t index = request.shapes.size()
    cdef int members
    if len(results) != <Py_ssize_t>(request.records.size() * sizeof(Result)):
        raise ValueError(f"{len(results)} bytes are not the results of {request.records.size()} commands")
    while index > 0:
        index -= 1
        shape = &request.shapes[index]
        if shape.fault != NO_FAULT:
            put_refused(out, tag, shape)
            continue
        head = &packed[shape.first]
        # A group that had no meaning has no orders that could have become anything.
        members = 0 if head.reason == MALFORMED else shape.members
        put_result(out, tag, head, head + 1, members)
    return 0


def session_answer(
    Request request, int64_t request_id, bytes results, int64_t seq, *, bint provisional=False
):
    """Return the `SessionResponse` with the results of a request.

    Args:
        request: what was asked.
        request_id: the client's number of it.
        results: packed, one per record of the request.
        seq: last committed seq.
        provisional: whether a crash may undo it.

    Raises:
        ValueError: the results are not those of the request.

    """
    _OUT.used = 0
    _OUT.number(SESSION_PROVISIONAL, provisional)
    _OUT.number(SESSION_SEQ, seq)
    put_results(_OUT, SESSION_RESULTS, request, results)
    _OUT.number(SESSION_REQUEST_ID, request_id)
    return _OUT.take()


def session_events(bytes events, int64_t seq):
    """Return the `SessionResponse` that holds own order events alone, as `own_orders` wrote them."""
    _OUT.used = 0
    _OUT.number(SESSION_SEQ, seq)
    _OUT.raw(<const char*>events, len(events))
    return _OUT.take()


def session_opened(int64_t request_id, int64_t account_id, int64_t seq, int max_commands):
    """Return the first `SessionResponse` of a session."""
    cdef size_t mark
    _OUT.used = 0
    _OUT.number(SESSION_SEQ, seq)
    mark = _OUT.used
    _OUT.number(OPENED_MAX_COMMANDS, max_commands)
    _OUT.number(OPENED_SEQ, seq)
    _OUT.number(OPENED_ACCOUNT_ID, account_id)
    _OUT.close(SESSION_OPENED, mark)
    _OUT.number(SESSION_REQUEST_ID, request_id)
    return _OUT.take()


def session_refusal(int64_t request_id, int reason, int64_t was, int64_t allowed, str sentence):
    """Return the `SessionResponse` that refuses a whole request."""
    _OUT.used = 0
    put_refusal(_OUT, SESSION_REFUSAL, reason, was, allowed, sentence)
    _OUT.number(SESSION_REQUEST_ID, request_id)
    return _OUT.take()


def unary_answer(Request request, bytes results, int64_t seq):
    """Return the response of a unary call: its results as field 1, seq as field 2, as all of them have it."""
    _OUT.used = 0
    _OUT.number(UNARY_SEQ, seq)
    put_results(_OUT, UNARY_RESULT, request, results)
    return _OUT.take()
