"""Auctions: a book that was allowed to cross comes to one price, and trades at it (MTCH-050).

Candidates are the limits of resting orders from the best ask up to the best bid. Of these the one at which most lots
can trade wins; then the one that leaves the smallest surplus; then the nearest to the mark, or to the last price where
there is no mark yet; then the lower. Hidden lots count. At that price the best bid meets the best ask, each side by
price and time, while both reach it; the newer order of a pair is its taker. Orders that end without a trade meanwhile
(one's own, a group's, what only reduces) may leave the book crossed: then it is priced once more.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset
from libcpp.pair cimport pair
from libcpp.vector cimport vector

from wavetank.matching.core.book cimport Book
from wavetank.matching.core.matching cimport cancel, trade
from wavetank.matching.core.orders cimport STOPS_BOTH, STOPS_ITSELF, Order
from wavetank.matching.core.records cimport AUCTION_UNCROSSED, AuctionUncrossed
from wavetank.matching.core.shard cimport Shard
from wavetank.matching.core.words cimport BUY, BY_SELF_TRADE, SELL

# A limit, and all lots that stand at it.
ctypedef pair[int64_t, int64_t] Stack


cdef bint _is_crossed(Shard shard, int32_t at) noexcept:
    cdef Book* book = shard.book(at)
    return (
        book.best[BUY] >= 0
        and book.best[SELL] >= 0
        and shard.books.levels[book.best[BUY]].price_ticks >= shard.books.levels[book.best[SELL]].price_ticks
    )


cdef int64_t _gather(Shard shard, int32_t at, uint8_t side, vector[Stack]& stacks) except -1:
    """Note the limits of a side that reach the other side's best, best first; return their lots."""
    cdef Book* book = shard.book(at)
    cdef int64_t reach = shard.books.levels[book.best[SELL if side == BUY else BUY]].price_ticks
    cdef int32_t level = book.best[side]
    cdef int32_t index
    cdef int64_t total = 0
    cdef Stack stack
    while level >= 0:
        stack.first = shard.books.levels[level].price_ticks
        if stack.first < reach if side == BUY else stack.first > reach:
            break
        stack.second = 0
        index = shard.books.levels[level].first
        while index >= 0:
            stack.second += shard.orders.slots[index].remaining_lots
            index = shard.orders.slots[index].next
        stacks.push_back(stack)
        total += stack.second
        level = shard.books.levels[level].worse
    return total


cdef Uncrossing uncrossing_of(Shard shard, int32_t book) except *:
    """Return the price at which a crossed book would trade now, the lots, and buying less selling lots there."""
    cdef Uncrossing best
    cdef vector[Stack] bids
    cdef vector[Stack] asks
    cdef int64_t buying, price, matched, surplus, distance
    cdef int64_t selling = 0
    cdef int64_t best_distance = 0
    cdef int64_t reference = shard.book(book).mark_ticks
    cdef size_t ask = 0
    memset(&best, 0, sizeof(Uncrossing))
    if not _is_crossed(shard, book):
        return best
    if reference == 0:
        reference = shard.book(book).last_price_ticks
    best.reference_ticks = reference
    buying = _gather(shard, book, BUY, bids)
    _gather(shard, book, SELL, asks)
    # Upwards through the limits of both sides: lots that sell come in, lots that buy drop out.
    while ask < asks.size() or not bids.empty():
        price = asks[ask].first if ask < asks.size() else bids.back().first
        if not bids.empty() and bids.back().first < price:
            price = bids.back().first
        while ask < asks.size() and asks[ask].first == price:
            selling += asks[ask].second
            ask += 1
        matched = min(buying, selling)
        surplus = buying - selling
        distance = abs(price - reference) if reference else 0
        # Of equal prices the first, which is the lowest, stays.
        if (
            matched > best.matched_lots
            or (matched == best.matched_lots and abs(surplus) < abs(best.surplus_lots))
            or (
                matched == best.matched_lots
                and abs(surplus) == abs(best.surplus_lots)
                and distance < best_distance
            )
        ):
            best.price_ticks = price
            best.matched_lots = matched
            best.surplus_lots = surplus
            best_distance = distance
        while not bids.empty() and bids.back().first == price:
            buying -= bids.back().second
            bids.pop_back()
    return best


cdef int uncross(Shard shard, int32_t book) except -1:
    """Trade a crossed book at its price until it is crossed no more."""
    cdef Uncrossing found
    cdef AuctionUncrossed* event
    while _is_crossed(shard, book):
        found = uncrossing_of(shard, book)
        event = <AuctionUncrossed*>shard.journal.write(AUCTION_UNCROSSED, shard.book(book).instrument_id, 0)
        event.price_ticks = found.price_ticks
        event.matched_lots = found.matched_lots
        event.surplus_lots = found.surplus_lots
        event.reference_price_ticks = found.reference_ticks
        _trade_at(shard, book, found.price_ticks)
    return 0


cdef int _trade_at(Shard shard, int32_t book, int64_t price_ticks) except -1:
    cdef int32_t bid, ask, level
    while True:
        level = shard.book(book).best[BUY]
        if level < 0 or shard.books.levels[level].price_ticks < price_ticks:
            return 0
        bid = shard.books.levels[level].first
        level = shard.book(book).best[SELL]
        if level < 0 or shard.books.levels[level].price_ticks > price_ticks:
            return 0
        ask = shard.books.levels[level].first
        if shard.orders.slots[bid].order_id > shard.orders.slots[ask].order_id:
            _meet(shard, bid, ask, price_ticks)
        else:
            _meet(shard, ask, bid, price_ticks)


cdef int _meet(Shard shard, int32_t newer, int32_t older, int64_t price_ticks) except -1:
    cdef Order* takes = &shard.orders.slots[newer]
    cdef Order* makes = &shard.orders.slots[older]
    if takes.holding == makes.holding:
        if not takes.flags & STOPS_ITSELF:
            cancel(shard, older, BY_SELF_TRADE)
        if takes.flags & (STOPS_ITSELF | STOPS_BOTH):
            cancel(shard, newer, BY_SELF_TRADE)
        return 0
    return trade(
        shard, newer, older, <int32_t>price_ticks,
        min(shard.orders.visible_lots(takes), shard.orders.visible_lots(makes)), True,
    )
