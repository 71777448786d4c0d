"""C layouts of what crosses: commands in, results and event records out.

The event structs repeat `wavetank.model.events.matching`; a test reads every event that the engine writes back through
that codec. Packed, little-endian, `RECORD_BYTES` each.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t

cdef enum:
    RECORD_BYTES = 128

cdef enum RecordKind:
    ORDER_ACCEPTED = 101
    ORDER_REJECTED = 102
    TRADED = 103
    ORDER_CANCELLED = 104
    ORDER_AMENDED = 105
    POSITION_TRANSFERRED = 106
    CREDIT_APPLIED = 107
    REQUEST_ANSWERED = 108
    BOOK_SAMPLED = 109
    MARK_APPLIED = 110
    GATE_MOVED = 111
    ORDER_TRIGGERED = 112
    INSTRUMENT_MOVED = 113
    DEAD_MAN_MOVED = 114
    AUCTION_UNCROSSED = 115
    ORDER_ACTIVATED = 116
    FEE_RATES_APPLIED = 120
    # Events of the service around the engine: its ordering and its venue faults.
    ORDERING_CHANGED = 121
    VENUE_FAULT_BEGAN = 122
    VENUE_FAULT_ENDED = 123

cdef packed struct ClientId:
    int64_t low
    int64_t high

cdef packed struct Command:
    uint8_t kind
    uint8_t side
    uint8_t order_type
    uint8_t time_in_force
    uint8_t flags
    # Of TRANSFER: bit 1 for the receiver, 2 for the giver.
    uint8_t may_increase
    uint8_t cancel_reason
    uint8_t self_trade_prevention
    int32_t instrument_id
    # Of a group, mass quote or atomic batch: how many commands behind this one belong to it.
    int32_t count
    int64_t account_id
    int64_t order_id
    ClientId client_id
    int64_t price_ticks
    int64_t size_lots
    int64_t slippage_cap_ppm
    int64_t display_lots
    int64_t trigger_price_ticks
    # Of CANCEL_ALL_AFTER the time from now on.
    int64_t expire_time_ns
    int64_t request_seq
    int64_t receiver_account_id
    int64_t value_micros
    int32_t request_number
    uint8_t trigger_kind
    uint8_t trigger_source
    uint8_t group_kind
    uint8_t padding

cdef packed struct Result:
    int64_t order_id
    int64_t filled_lots
    int64_t remaining_lots
    int64_t filled_value_micros
    int64_t was
    int64_t allowed
    int32_t cancelled_orders
    uint16_t reason
    uint8_t state
    uint8_t repeated
    ClientId client_id

cdef packed struct Record:
    uint16_t kind
    uint16_t flags
    int32_t instrument_id
    int64_t account_id
    uint8_t body[112]

cdef packed struct OrderAccepted:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t order_id
    ClientId client_id
    int64_t price_ticks
    int64_t size_lots
    int64_t loss_micros
    int64_t margin_price_ticks
    int64_t slippage_cap_ppm
    int64_t request_seq
    int64_t expire_time_ns
    int64_t group_id
    int32_t request_number
    int32_t asked_price_ticks
    int32_t display_lots
    int32_t trigger_price_ticks
    uint8_t side
    uint8_t order_type
    uint8_t time_in_force
    uint8_t flags
    uint8_t self_trade_prevention
    uint8_t trigger_kind
    uint8_t trigger_source
    uint8_t group_kind

cdef packed struct OrderRejected:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t order_id
    ClientId client_id
    int64_t price_ticks
    int64_t size_lots
    int64_t was
    int64_t allowed
    uint16_t reason
    uint8_t command
    uint8_t side
    uint8_t order_type
    uint8_t time_in_force
    uint8_t flags

cdef packed struct Traded:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
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

cdef packed struct OrderCancelled:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t order_id
    ClientId client_id
    int64_t price_ticks
    int64_t remaining_lots
    uint8_t side
    uint8_t reason
    uint8_t flags
    uint16_t refusal

cdef packed struct OrderAmended:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t order_id
    ClientId client_id
    int64_t previous_price_ticks
    int64_t price_ticks
    int64_t previous_remaining_lots
    int64_t remaining_lots
    int64_t loss_micros
    int64_t margin_price_ticks
    int64_t trigger_price_ticks
    uint8_t side
    uint8_t kept_priority

cdef packed struct PositionTransferred:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t receiver_account_id
    int64_t giver_delta_lots
    int64_t giver_value_micros
    int64_t requested_delta_lots
    int64_t request_seq
    int32_t request_number

cdef packed struct FeeRatesApplied:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t taker_fee_ppm
    int64_t maker_fee_ppm

cdef packed struct CreditApplied:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t line_epoch
    int64_t line_number
    int64_t committed_micros

cdef packed struct RequestAnswered:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t request_seq
    int64_t done_lots
    int64_t done_value_micros
    int32_t request_number
    uint8_t command
    uint16_t reason

cdef packed struct BookSampled:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t bid_price_ticks
    int64_t bid_size_lots
    int64_t ask_price_ticks
    int64_t ask_size_lots
    int64_t last_price_ticks
    int64_t impact_bid_e6
    int64_t impact_ask_e6
    int64_t bid_depth_lots
    int64_t ask_depth_lots
    int64_t open_interest_lots
    int64_t sample_time_ns

cdef packed struct MarkApplied:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t mark_price_ticks
    int64_t index_price_ticks
    int64_t index_time_ns
    int64_t oracle_seq
    int64_t event_time_ns
    uint8_t stale

cdef packed struct GateMoved:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    uint8_t is_open

cdef packed struct OrderTriggered:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t order_id
    ClientId client_id
    int64_t price_ticks
    int64_t size_lots
    int64_t loss_micros
    int64_t margin_price_ticks
    int64_t seen_price_ticks
    uint8_t side

cdef packed struct InstrumentMoved:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t event_time_ns
    uint8_t state
    uint8_t previous_state

cdef packed struct DeadManMoved:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t deadline_ns
    uint8_t fired

cdef packed struct AuctionUncrossed:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t price_ticks
    int64_t matched_lots
    int64_t surplus_lots
    int64_t reference_price_ticks

cdef packed struct OrderActivated:
    uint16_t kind
    uint16_t record_flags
    int32_t instrument_id
    int64_t account_id
    int64_t order_id
    ClientId client_id
    int64_t size_lots
    uint8_t side
