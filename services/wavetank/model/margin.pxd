"""C surface of `margin`: margin tiers for the engine."""

from libc.stdint cimport int64_t

from wavetank.model.money cimport int128

cdef enum:
    MAX_TIERS = 16
    MILLION = 1_000_000

cdef struct MarginTiers:
    int count
    int64_t denominator
    int64_t lower[MAX_TIERS]
    int64_t leverage[MAX_TIERS]
    int64_t numerator[MAX_TIERS]
    int128 deduction[MAX_TIERS]

cdef inline int tier_of(MarginTiers* tiers, int64_t notional_micros) noexcept:
    cdef int index = tiers.count - 1
    while index > 0 and notional_micros < tiers.lower[index]:
        index -= 1
    return index

cdef inline int64_t maintenance_of(MarginTiers* tiers, int64_t notional_micros) noexcept:
    """Return the maintenance margin of a position's notional, rounded up once (MRGN-020)."""
    cdef int tier = tier_of(tiers, notional_micros)
    cdef int128 scaled = <int128>notional_micros * tiers.numerator[tier] - tiers.deduction[tier]
    return <int64_t>((scaled + tiers.denominator - 1) // tiers.denominator)

cdef inline int64_t initial_of(
    MarginTiers* tiers, int64_t notional_micros, int64_t leverage, int64_t scaled_ppm
) noexcept:
    """Return the initial margin at the lower leverage, the account's or the tier's, rounded up once (MRGN-020).

    Of what that leaves unmargined, open interest asks for a share: `N * (1 / L + share * (1 - 1 / L))`.
    """
    cdef int64_t effective = tiers.leverage[tier_of(tiers, notional_micros)]
    cdef int128 whole, part
    if leverage < effective:
        effective = leverage
    if scaled_ppm == 0:
        return (notional_micros + effective - 1) // effective
    whole = <int128>MILLION * effective
    part = <int128>notional_micros * (MILLION + scaled_ppm * (effective - 1))
    return <int64_t>((part + whole - 1) // whole)

cdef class MarginTable:
    # The engine keeps a pointer to these, and the table alive beside it.
    cdef MarginTiers tiers
    cdef readonly tuple lines
    cpdef int64_t maintenance_micros(self, int64_t notional_micros) noexcept
    cpdef int64_t initial_micros(self, int64_t notional_micros, int64_t leverage, int64_t scaled_ppm=*) noexcept
