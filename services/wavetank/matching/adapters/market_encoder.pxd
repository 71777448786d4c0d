"""C surface of `market_encoder`: what rests in the books, and the bytes that tell of it."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libcpp.string cimport string
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from wavetank.matching.core.records cimport OrderAccepted, OrderAmended, OrderCancelled, OrderTriggered, Traded

cdef struct Resting:
    int64_t order_id
    int64_t account_id
    int64_t price_ticks
    int64_t shown_lots
    int64_t remaining_lots
    # Most that it shows at once, 0 for all.
    int64_t display_lots
    int32_t instrument_id
    uint8_t side

# A resting order as `Engine.resting_orders` tells it.
cdef packed struct RestingOrder:
    int64_t order_id
    int64_t account_id
    int64_t price_ticks
    int64_t visible_lots
    int64_t remaining_lots
    int64_t display_lots
    uint8_t side
    uint8_t padding[7]

cdef struct LevelState:
    int64_t lots
    int64_t orders

cdef class BookMirror:
    cdef unordered_map[int64_t, LevelState] levels
    cdef uint64_t sum

    cdef bint put(self, uint8_t side, int64_t price_ticks, int64_t lots, int64_t orders) except -1

cdef class OrderEncoder:
    cdef unordered_map[int64_t, Resting] resting
    # Orders accepted since, whose trigger has not fired, and which would rest then.
    cdef unordered_map[int64_t, Resting] waiting
    # Orders that are running, or will when the rest of their group has been accepted; first to run first.
    cdef vector[Resting] running
    cdef int64_t running_group
    cdef int64_t seq
    cdef int64_t now_ns
    cdef bint tells_trades
    cdef bint tells_orders
    # The run of updates of one channel and instrument that is being written.
    cdef string run
    cdef int run_channel
    cdef int32_t run_instrument
    cdef int run_count
    cdef list runs
    cdef list added
    cdef string body
    cdef string inner

    cdef int finish_run(self) except -1
    cdef int write(self, int channel, int32_t instrument_id, int field) except -1
    cdef int tell(self, int kind, Resting* order, int64_t executed_lots, int64_t trade_id) except -1
    cdef int come_to_rest(self, int64_t up_to) except -1
    cdef int accepted(self, OrderAccepted* event) except -1
    cdef int amended(self, OrderAmended* event) except -1
    cdef int traded(self, Traded* event) except -1
    cdef int executed(self, int64_t order_id, Traded* event, int64_t remaining_lots) except -1
    cdef int left(self, OrderCancelled* event) except -1
    cdef int triggered(self, OrderTriggered* event, lookup) except -1
    cdef int32_t running_at(self, int64_t order_id) noexcept
