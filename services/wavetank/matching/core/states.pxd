"""C surface of `states`: what an instrument's state lets happen."""

from libc.stdint cimport int32_t, uint8_t

from wavetank.matching.core.shard cimport Intent, Shard
from wavetank.matching.core.words cimport (
    AUCTION,
    CANCEL_ONLY,
    GTC,
    GTT,
    LIMIT,
    POST_ONLY,
    QUOTE,
    REDUCE_ONLY,
    STATE_POST_ONLY,
    STATE_REDUCE_ONLY,
    TRADING,
)

cdef inline bint takes_order(uint8_t state, Intent* intent, bint waits) noexcept:
    """Tell whether a state accepts an order: one that is placed, or (`waits` false) whose trigger fired."""
    if state == TRADING:
        return True
    if state == STATE_POST_ONLY:
        return waits or intent.flags & POST_ONLY
    if state == STATE_REDUCE_ONLY:
        return waits or intent.flags & REDUCE_ONLY
    if state == AUCTION:
        return waits or (
            intent.order_type == LIMIT
            and (intent.time_in_force == GTC or intent.time_in_force == GTT)
            and (not intent.flags & POST_ONLY or intent.flags & QUOTE)
        )
    return False

cdef inline bint takes_liquidation(uint8_t state) noexcept:
    return state == TRADING or state == STATE_REDUCE_ONLY

cdef inline bint fires_triggers(uint8_t state) noexcept:
    return state == TRADING or state == STATE_POST_ONLY or state == STATE_REDUCE_ONLY

cdef inline bint takes_amend(uint8_t state, bint in_turn, bint reduces) noexcept:
    """Tell whether a state takes an amend: one that loses its place (`in_turn`), of an order that only reduces."""
    if state == STATE_REDUCE_ONLY:
        return not in_turn or reduces
    return state == TRADING or state == STATE_POST_ONLY or state == AUCTION

cdef int move_instrument(Shard shard, int32_t book, uint8_t state) except -1
