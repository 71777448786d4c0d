"""C surface of `orders`: the slab in which every known order stands."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from wavetank.matching.core.records cimport ClientId

cdef extern from *:
    """
    #include <cstdint>
    #include <functional>
    struct WavetankClientKey {
        int64_t low, high;
        int32_t account;
        bool operator==(const WavetankClientKey& other) const {
            return low == other.low && high == other.high && account == other.account;
        }
    };
    template <> struct std::hash<WavetankClientKey> {
        size_t operator()(const WavetankClientKey& key) const {
            uint64_t mixed = (uint64_t)key.low * 0x9E3779B97F4A7C15ull;
            mixed = (mixed ^ (mixed >> 29) ^ (uint64_t)key.high) * 0xBF58476D1CE4E5B9ull;
            mixed = (mixed ^ (mixed >> 32) ^ (uint64_t)(uint32_t)key.account) * 0x94D049BB133111EBull;
            return (size_t)(mixed ^ (mixed >> 31));
        }
    };
    """
    cdef cppclass ClientKey "WavetankClientKey":
        int64_t low
        int64_t high
        int32_t account

cdef struct Order:
    int64_t order_id
    ClientId client_id
    int64_t accepted_time_ns
    int64_t price_ticks
    int64_t remaining_lots
    int64_t filled_lots
    int64_t filled_value_micros
    int64_t margin_price_ticks
    int64_t loss_micros
    int64_t answer_value_micros
    int32_t answer_lots
    int32_t asked_price_ticks
    int32_t asked_lots
    int32_t slippage_cap_ppm
    int32_t prepaid_fee
    int32_t account
    int32_t book
    int32_t holding
    int32_t level
    int32_t next
    int32_t previous
    int32_t account_next
    int32_t account_previous
    uint8_t side
    uint8_t order_type
    uint8_t time_in_force
    uint8_t flags
    uint8_t state
    uint8_t cancel_reason
    uint8_t amended

cdef inline int64_t fee_due(int64_t value_micros, int64_t rate_ppm, int32_t* prepaid) noexcept:
    """Return what a fill adds to an order's fee, and carry the millionths that the rounding up has prepaid.

    An order has paid ceil(sum of rate * value) over all its fills, so splitting a trade changes nothing (PROTOCOL 1.4).
    """
    cdef int64_t whole = value_micros // 1_000_000
    cdef int64_t owed = (value_micros - whole * 1_000_000) * rate_ppm - prepaid[0]
    cdef int64_t due = -((-owed) // 1_000_000)
    prepaid[0] = <int32_t>(due * 1_000_000 - owed)
    return whole * rate_ppm + due

cdef inline int64_t loss_of(
    int64_t lots, int64_t price_ticks, int64_t margin_price_ticks, uint8_t side, int64_t taker_ppm, int32_t prepaid
) noexcept:
    """Return what `lots` of an order lose against the margin price at their limit, with the taker fee they add (R6)."""
    cdef int64_t beyond = price_ticks - margin_price_ticks if side == 1 else margin_price_ticks - price_ticks
    cdef int64_t fee = fee_due(lots * price_ticks, taker_ppm, &prepaid)
    return fee + lots * beyond if beyond > 0 else fee

cdef class Orders:
    cdef vector[Order] slots
    cdef int32_t free
    cdef unordered_map[int64_t, int32_t] by_id
    cdef unordered_map[int64_t, int32_t] ended
    cdef unordered_map[ClientKey, int32_t] by_client
    cdef int32_t take(self) except -2
    cdef void give_back(self, int32_t index) noexcept
    cdef int32_t find(self, int64_t order_id) noexcept
    cdef int32_t find_ended(self, int64_t order_id) noexcept
    cdef int32_t find_client(self, int32_t account, ClientId client_id) noexcept
    cdef int index_client(self, int32_t index) except -1
    cdef void forget_client(self, int32_t index) noexcept
