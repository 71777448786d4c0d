"""C layouts of the two records that clearing reads and writes by the thousand: a trade, and its booking.

They repeat `wavetank.model.events`; a test reads what is written here back through that codec. Packed, little-endian.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t

cdef enum:
    RECORD_BYTES = 128
    TRADED = 103
    ORDER_CANCELLED = 104
    ORDER_AMENDED = 105
    FEE_RATES_APPLIED = 120
    FILL_BOOKED = 206

cdef packed struct Head:
    uint16_t kind
    uint16_t flags
    int32_t instrument_id
    int64_t account_id

cdef packed struct Traded:
    Head head
    int64_t trade_id
    int64_t maker_account_id
    int64_t maker_order_id
    int64_t taker_order_id
    int64_t price_ticks
    int64_t size_lots
    int64_t maker_fee_micros
    int64_t taker_fee_micros
    int64_t maker_remaining_lots
    int64_t taker_remaining_lots
    uint8_t taker_side
    uint8_t taker_flags
    uint8_t auction

cdef packed struct FillBooked:
    Head head
    int64_t matching_seq
    int64_t trade_id
    int64_t order_id
    int64_t delta_lots
    int64_t value_micros
    int64_t fee_micros
    int64_t realised_micros
    int64_t lots_after
    int64_t cost_after_micros
    int64_t cash_after_micros
    uint8_t role
    uint8_t flags
