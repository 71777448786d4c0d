"""C surface of `firing`: orders whose trigger has fired."""

from libc.stdint cimport int64_t, uint8_t

from wavetank.matching.core.book cimport Book
from wavetank.matching.core.orders cimport Order
from wavetank.matching.core.shard cimport Shard
from wavetank.matching.core.triggers cimport waits_for_rise
from wavetank.matching.core.words cimport INDEX, LAST

cdef inline int64_t watched_price(Book* book, uint8_t source) noexcept:
    """Return the price that a trigger watches, 0 before there is one."""
    if source == LAST:
        return book.last_price_ticks
    return book.index_ticks if source == INDEX else book.mark_ticks

cdef inline bint is_reached(uint8_t kind, uint8_t side, int64_t trigger_ticks, int64_t price_ticks) noexcept:
    """Tell whether a trigger's condition holds at a price."""
    if price_ticks == 0:
        return False
    return price_ticks >= trigger_ticks if waits_for_rise(kind, side) else price_ticks <= trigger_ticks

cdef int fire_noted(Shard shard) except -1

cdef inline int fire_triggers(Shard shard) except -1:
    """Fire what the command that was just carried out, or the price that just came, has brought up."""
    return fire_noted(shard) if not shard.triggers.noted.empty() else 0
