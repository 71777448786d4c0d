"""C surface of `own_orders`: the open orders of accounts that have a session, as plain rows."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from wavetank.matching.adapters.wire_writer cimport Writer
from wavetank.matching.core.records cimport ClientId, Record, Traded

cdef struct Row:
    int64_t order_id
    ClientId client_id
    int64_t account_id
    int64_t price_ticks
    int64_t remaining_lots
    int64_t filled_lots
    int64_t filled_value_micros
    int64_t accepted_time_ns
    int64_t display_lots
    int64_t expire_time_ns
    int64_t trigger_price_ticks
    int64_t group_id
    # Number of the session that placed it and asked that it end with it, or 0.
    int64_t owner
    int32_t instrument_id
    uint16_t refusal
    uint8_t side
    uint8_t order_type
    uint8_t time_in_force
    uint8_t flags
    uint8_t state
    uint8_t cancel_reason
    uint8_t self_trade_prevention
    uint8_t trigger_kind
    uint8_t trigger_source
    uint8_t group_kind

ctypedef unordered_map[int64_t, Row] Rows

cdef class OwnOrders:
    cdef unordered_map[int64_t, Rows] rows
    cdef unordered_map[int64_t, vector[uint8_t]] told
    cdef vector[int64_t] touched
    cdef list full
    cdef Writer out
    cdef int64_t seq
    cdef int64_t now_ns

    cdef Row* find(self, int64_t account_id, int64_t order_id) except NULL
    cdef int tell(self, int64_t account_id) except -1
    cdef int hand_over(self, int64_t account_id) except -1
    cdef int take(self, const Record* record) except -1
    cdef int accept(self, const Record* record) except -1
    cdef int put_changed(self, const Record* record, Row* row) except -1
    cdef int fill(self, const Traded* trade, bint maker) except -1

cdef int put_order(Writer out, uint32_t tag, const Row* row) except -1
