"""C surface of `money`: exact integer arithmetic for prices, fees and shares."""

from libc.stdint cimport int64_t

cdef extern from *:
    """
    typedef __int128 wavetank_int128;
    #define WAVETANK_LOTS_BOUND ((1LL << 40) - 1)
    #define WAVETANK_NOTIONAL_BOUND ((1LL << 55) - 1)
    """
    ctypedef long long int128 "wavetank_int128"
    # PROTOCOL 1: the most lots, open ones included, and micro-dollars of notional that an account has in an instrument.
    const int64_t LOTS_BOUND "WAVETANK_LOTS_BOUND"
    const int64_t NOTIONAL_BOUND "WAVETANK_NOTIONAL_BOUND"

cpdef int64_t mul_div_floor(int64_t a, int64_t b, int64_t c) except? -1
cpdef int64_t mul_div_ceil(int64_t a, int64_t b, int64_t c) except? -1
cpdef int64_t mul_div_trunc(int64_t a, int64_t b, int64_t c) except? -1
cpdef int64_t fee_micros(int64_t value_micros, int64_t rate_ppm) noexcept
cpdef int64_t price_step(int64_t price_ticks, int size_decimals, int significant_figures) noexcept
cpdef bint is_on_grid(int64_t price_ticks, int size_decimals, int significant_figures) noexcept
cpdef int64_t round_down_to_grid(int64_t price_ticks, int size_decimals, int significant_figures) noexcept
cpdef int64_t round_up_to_grid(int64_t price_ticks, int size_decimals, int significant_figures) noexcept
