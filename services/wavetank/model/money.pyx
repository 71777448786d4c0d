"""Exact integer arithmetic for money: shares, fees and the price grid.

One piece of code for the compiled engine, which cimports it, and for the cores written in Python.
Amounts are int64 micro-dollars; a product of two amounts is 128 bits wide (PROTOCOL 1), and a
result that does not fit int64 raises OverflowError instead of wrapping. `//` is the floor here, as in
Python: the file carries no division directive, which would change money.
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t


cdef inline int64_t _narrow(int128 wide) except? -1:
    if wide > INT64_MAX or wide < INT64_MIN:
        raise OverflowError("the result does not fit 64 bits")
    return <int64_t>wide


cpdef int64_t mul_div_floor(int64_t a, int64_t b, int64_t c) except? -1:
    """Return floor(a * b / c).

    Raises:
        ZeroDivisionError: c is 0.
        OverflowError: the result does not fit int64.

    """
    if c == 0:
        raise ZeroDivisionError("division by zero")
    return _narrow(<int128>a * b // c)


cpdef int64_t mul_div_ceil(int64_t a, int64_t b, int64_t c) except? -1:
    """Return ceil(a * b / c).

    Raises:
        ZeroDivisionError: c is 0.
        OverflowError: the result does not fit int64.

    """
    if c == 0:
        raise ZeroDivisionError("division by zero")
    return _narrow(-(-(<int128>a * b) // c))


cpdef int64_t mul_div_trunc(int64_t a, int64_t b, int64_t c) except? -1:
    """Return a * b / c rounded towards zero (closing a leg, PROTOCOL 1).

    Raises:
        ZeroDivisionError: c is 0.
        OverflowError: the result does not fit int64.

    """
    if c == 0:
        raise ZeroDivisionError("division by zero")
    cdef int128 product = <int128>a * b
    if (product < 0) != (c < 0):
        return _narrow(-((-product) // c))
    return _narrow(product // c)


cpdef int64_t fee_micros(int64_t value_micros, int64_t rate_ppm) noexcept:
    """Return ceil(value * rate): what an account owes rounds up, so a rebate (negative) rounds down.

    `value_micros` is not negative (UNIT-040, PROTOCOL 1: computed without a wide product).
    """
    cdef int64_t whole = value_micros // 1_000_000
    cdef int64_t rest = value_micros - whole * 1_000_000
    return whole * rate_ppm - ((-(rest * rate_ppm)) // 1_000_000)


cpdef int64_t price_step(int64_t price_ticks, int size_decimals, int significant_figures) noexcept:
    """Return the distance between two neighbouring grid prices at `price_ticks` (UNIT-030).

    A price has at most `significant_figures` figures (0: no limit) or is a whole dollar.
    """
    if significant_figures == 0:
        return 1
    cdef int64_t bound = 1
    cdef int _figure
    for _figure in range(significant_figures):
        bound *= 10
    cdef int64_t step = 1
    cdef int exponent = 0
    while price_ticks >= bound and exponent < 6 - size_decimals:
        bound *= 10
        step *= 10
        exponent += 1
    return step


cpdef bint is_on_grid(int64_t price_ticks, int size_decimals, int significant_figures) noexcept:
    """Tell whether a price is on the grid (UNIT-030)."""
    return price_ticks % price_step(price_ticks, size_decimals, significant_figures) == 0


cpdef int64_t round_down_to_grid(int64_t price_ticks, int size_decimals, int significant_figures) noexcept:
    """Return the nearest grid price not above `price_ticks`."""
    return price_ticks - price_ticks % price_step(price_ticks, size_decimals, significant_figures)


cpdef int64_t round_up_to_grid(int64_t price_ticks, int size_decimals, int significant_figures) noexcept:
    """Return the nearest grid price not below `price_ticks`."""
    cdef int64_t step = price_step(price_ticks, size_decimals, significant_figures)
    return -((-price_ticks) // step) * step
