"""Instrument states: a book comes into another state, and what that causes follows at once (MTCH-050).

Whatever begins to match again uncrosses first; what is settled cancels all its orders and stays so. Which command a
state takes stands in `states.pxd`, for every door asks it.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.algorithm cimport sort
from libcpp.vector cimport vector

from wavetank.matching.core.auction cimport uncross
from wavetank.matching.core.cancellation cimport cancel_each
from wavetank.matching.core.records cimport INSTRUMENT_MOVED, InstrumentMoved
from wavetank.matching.core.shard cimport Shard
from wavetank.matching.core.words cimport BY_SETTLED, SETTLED


cdef int move_instrument(Shard shard, int32_t book, uint8_t state) except -1:
    """Bring an instrument into another state; the same state does nothing."""
    cdef InstrumentMoved* event
    cdef uint8_t previous = shard.book(book).state
    if state == previous:
        return 0
    shard.books.move(book, state)
    shard.running = 0
    if shard.book(book).watchers:
        shard.triggers.note(book)
    event = <InstrumentMoved*>shard.journal.write(INSTRUMENT_MOVED, shard.book(book).instrument_id, 0)
    event.event_time_ns = shard.now_ns
    event.state = state
    event.previous_state = previous
    if state == SETTLED:
        return _cancel_orders(shard, book)
    if fires_triggers(state):
        return uncross(shard, book)
    return 0


cdef int _cancel_orders(Shard shard, int32_t book) except -1:
    """Cancel every order of an instrument, by order id over all accounts."""
    cdef vector[int64_t] found
    cdef int32_t holding = shard.book(book).first_holding
    cdef int32_t index
    while holding >= 0:
        index = shard.accounts.slots[shard.accounts.holdings[holding].account].first_order
        while index >= 0:
            if shard.orders.slots[index].holding == holding:
                found.push_back(shard.orders.slots[index].order_id)
            index = shard.orders.slots[index].account_next
        holding = shard.accounts.holdings[holding].next_of_book
    sort(found.begin(), found.end())
    cancel_each(shard, found, BY_SETTLED)
    return 0
