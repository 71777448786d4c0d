"""C surface of `wire_reader`: what a request said, as packed commands and the shape they came in."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.vector cimport vector

from wavetank.matching.core.records cimport Command

# The numbers of the fields of the contract's `Command`; `NOTHING` where none is set.
cdef enum CommandField:
    NOTHING = 0
    PLACES = 1
    CANCELS = 2
    AMENDS = 3
    CANCELS_ALL = 4
    PLACES_GROUP = 5
    QUOTES = 6
    MOVES_DEAD_MAN = 7

# Why a command has no meaning; `refusals` has the sentences.
cdef enum Fault:
    NO_FAULT = 0
    NO_COMMAND = 1
    SIDE_UNKNOWN = 2
    ORDER_TYPE_UNKNOWN = 3
    TIME_IN_FORCE_UNKNOWN = 4
    CLIENT_ORDER_ID_TOO_LONG = 5
    NOT_ONE_ID = 6
    FILTER_SIDE_UNKNOWN = 7
    SELF_TRADE_PREVENTION_UNKNOWN = 8
    TRIGGER_KIND_UNKNOWN = 9
    TRIGGER_SOURCE_UNKNOWN = 10
    GROUP_KIND_UNKNOWN = 11
    GROUP_SIZE = 12
    QUOTE_COUNT = 13
    TIMEOUT_TOO_LONG = 14
    NOT_FOR_ATOMIC = 15
    BATCH_MATE_REFUSED = 16

cdef struct Shape:
    # A `CommandField`.
    int32_t field
    # Index of its first record, -1 if it was refused here.
    int32_t first
    # Records behind the first that are its own: orders of a group, quotes.
    int32_t members
    # A `Fault`, and of which order or quote inside, -1 for the command itself.
    int32_t fault
    int32_t member
    int64_t was
    # The client's own id inside the message's bytes.
    const uint8_t* client_id
    Py_ssize_t client_id_bytes

cdef class Request:
    cdef bytes data
    cdef vector[Command] records
    cdef vector[Shape] shapes
    cdef readonly int64_t request_id
    cdef readonly int64_t account_id
    cdef readonly Py_ssize_t asked
    cdef readonly bint atomic
    cdef readonly bint has_open
    cdef readonly bint open_cancels_on_disconnect
    cdef readonly int32_t open_acknowledgement

    cdef int _add(self, Command* record) except -1
    cdef int _close_atomic(self) except -1
