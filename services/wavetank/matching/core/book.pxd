"""C surface of `book`: one instrument's two sides, its rules and its latest mark."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.map cimport map
from libcpp.vector cimport vector

from wavetank.matching.core.orders cimport Orders
from wavetank.model.margin cimport MarginTable

cdef struct Level:
    int64_t price_ticks
    int64_t total_lots
    int32_t order_count
    int32_t first
    int32_t last
    int32_t better
    int32_t worse
    uint8_t side
    uint8_t is_touched

cdef struct TouchedLevel:
    int64_t price_ticks
    uint8_t side

cdef class Book:
    # The instrument as listed.
    cdef object instrument
    cdef MarginTable margin
    cdef int32_t instrument_id
    cdef int size_decimals
    cdef int significant_figures
    cdef int64_t taker_ppm
    cdef int64_t maker_ppm
    cdef int64_t min_notional_micros
    cdef int64_t max_order_lots
    cdef int64_t max_position_lots
    cdef int64_t open_interest_cap_lots
    cdef int64_t price_band_ppm
    cdef int64_t impact_notional_micros
    cdef int64_t max_leverage
    cdef uint8_t state
    # What events left behind.
    cdef int64_t mark_ticks
    cdef int64_t index_ticks
    cdef bint mark_is_stale
    cdef int64_t last_price_ticks
    cdef int64_t open_interest_lots
    cdef int32_t first_holding
    # The two sides.
    cdef Orders orders
    cdef vector[Level] levels
    cdef int32_t free_level
    cdef map[int64_t, int32_t] bids
    cdef map[int64_t, int32_t] asks
    cdef int32_t best_bid
    cdef int32_t best_ask
    cdef bint track_levels
    cdef vector[TouchedLevel] touched

    cdef int add(self, int32_t index) except -1
    cdef int remove(self, int32_t index) except -1
    cdef int take_lots(self, int32_t index, int64_t lots) except -1
    cdef int32_t best(self, uint8_t side) noexcept
    cdef int32_t level_at(self, uint8_t side, int64_t price_ticks) noexcept
    cdef int touch(self, int32_t level) except -1
    cdef int32_t _new_level(self, uint8_t side, int64_t price_ticks) except -2
    cdef int _drop_level(self, int32_t level) except -1
    cdef int64_t impact_price_e6(self, uint8_t side) noexcept
    cdef int64_t depth_lots(self, uint8_t side, int64_t band_ppm) noexcept
    cdef bint in_band(self, int64_t price_ticks) noexcept
    cdef int64_t band_edge(self, uint8_t side, int64_t band_ppm) noexcept
