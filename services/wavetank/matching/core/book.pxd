"""C surface of `book`: each instrument's two sides, its rules and its latest mark."""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from wavetank.matching.core.orders cimport ICEBERG, Order, Orders
from wavetank.matching.core.prices cimport Prices, PriceTree
from wavetank.model.margin cimport MarginTiers

cdef struct Level:
    # What the book shows: of an iceberg its visible part.
    int64_t total_lots
    int32_t price_ticks
    int32_t order_count
    int32_t first
    int32_t last
    int32_t better
    int32_t worse
    int32_t book
    uint8_t side
    uint8_t is_touched

cdef struct TouchedLevel:
    int32_t price_ticks
    uint8_t side

cdef struct Book:
    # The instrument as listed. The tiers are those of the instrument's own table.
    MarginTiers* margin
    int64_t taker_ppm
    int64_t maker_ppm
    int64_t min_notional_micros
    int64_t max_order_lots
    int64_t max_position_lots
    int64_t open_interest_cap_lots
    int64_t price_band_ppm
    int64_t impact_notional_micros
    int64_t max_leverage
    int64_t scaled_ppm
    # Prices below this are on the grid without further ado (UNIT-030).
    int64_t every_tick_below
    int32_t instrument_id
    int size_decimals
    int significant_figures
    uint8_t state
    # What events left behind.
    uint8_t mark_is_stale
    # Whether its state is that of an InstrumentMoved, and no longer the listing's.
    uint8_t is_moved
    # Whether a larger position never has the smaller margin.
    uint8_t margin_grows
    int64_t mark_ticks
    int64_t index_ticks
    int64_t index_time_ns
    # The furthest that a limit may be from the mark (MTCH-040).
    int64_t band_ticks
    int64_t last_price_ticks
    # Orders that wait for a price of this instrument.
    int32_t watchers
    int64_t open_interest_lots
    int32_t first_holding
    # What a plain order may be without any other check of price, size and limits: a price from the lowest to the
    # highest, all with the same step, at most so many lots, and then so many lots and so much notional of the account.
    # None where the lowest price is above the highest.
    int64_t plain_lowest_ticks
    int64_t plain_highest_ticks
    int64_t plain_step_ticks
    int64_t plain_lots
    int64_t plain_reach_lots
    int64_t plain_notional_micros
    # The two sides, by side; 0 is unused.
    int32_t best[3]
    PriceTree prices[3]

# Who has a neighbour, no processor can guess; where its link is kept is worked out without a branch.

cdef inline int32_t* link_behind(Order* orders, Level* level, int32_t previous) noexcept:
    """Return where it is noted who comes behind an order; for -1, who is the first."""
    return &orders[previous].next if previous >= 0 else &level.first

cdef inline int32_t* link_before(Order* orders, Level* level, int32_t following) noexcept:
    """Return where it is noted who comes before an order; for -1, who is the last."""
    return &orders[following].previous if following >= 0 else &level.last

cdef inline void link(Order* orders, Level* level, int32_t index, int32_t previous, int32_t following) noexcept:
    """Put an order into a queue between two that stand there; -1 for none."""
    orders[index].previous = previous
    orders[index].next = following
    link_behind(orders, level, previous)[0] = index
    link_before(orders, level, following)[0] = index

cdef inline void unlink(Order* orders, Level* level, Order* order) noexcept:
    """Take an order out of its queue; its own links are left as they were."""
    link_behind(orders, level, order.previous)[0] = order.next
    link_before(orders, level, order.next)[0] = order.previous


@cython.final
cdef class Books:
    cdef vector[Book] slots
    # By index as listed, and the margin tables that the slots point into.
    cdef list instruments
    cdef list margins
    cdef vector[int32_t] by_instrument
    # Small instrument ids are found by index, others in the map; -1 for none.
    cdef vector[int32_t] of_small_id
    cdef unordered_map[int32_t, int32_t] of_large_id
    cdef Orders orders
    cdef Prices prices
    cdef vector[Level] levels
    cdef int32_t free_level
    cdef bint track_levels
    # By book.
    cdef vector[vector[TouchedLevel]] touched

    cdef inline int32_t find(self, int32_t instrument_id) noexcept:
        """Return the index of an instrument's book, or -1."""
        if 0 <= instrument_id and <size_t>instrument_id < self.of_small_id.size():
            return self.of_small_id[instrument_id]
        return self.find_large(instrument_id)

    cdef inline int32_t level_at(self, int32_t book, uint8_t side, int32_t price_ticks) noexcept:
        """Return the level at a price, or -1."""
        return self.prices.find(&self.slots[book].prices[side], price_ticks)

    cdef inline int touch(self, int32_t at) except -1:
        """Note that a level changed, for market data."""
        if self.track_levels and not self.levels[at].is_touched:
            return self.note(at)
        return 0

    cdef inline int32_t level_for(self, int32_t book, uint8_t side, int32_t price_ticks) except -2:
        """Return the level at a price, a new one if there is none."""
        cdef int32_t at = self.level_at(book, side, price_ticks)
        return at if at >= 0 else self.new_level(book, side, price_ticks)

    cdef inline int add(self, int32_t index) except -1:
        """Put an order behind all others at its price."""
        cdef Order* order = &self.orders.slots[index]
        cdef int32_t at = self.level_for(order.book, order.side, order.price_ticks)
        cdef Level* level = &self.levels[at]
        order.level = at
        link(&self.orders.slots[0], level, index, level.last, -1)
        level.order_count += 1
        level.total_lots += self.show(order) if order.flags & ICEBERG else order.remaining_lots
        return self.touch(at)

    cdef inline int remove(self, int32_t index) except -1:
        """Take an order out of its queue, and its level out of the book if it was the last."""
        cdef Order* order = &self.orders.slots[index]
        cdef int32_t at = order.level
        cdef Level* level = &self.levels[at]
        level.total_lots -= self.orders.visible_lots(order)
        self.touch(at)
        self.leave(level, order)
        order.level = order.next = order.previous = -1
        return 0

    cdef inline void leave(self, Level* level, Order* order) noexcept:
        """Let an order, whose lots are counted no more, out of its queue, and its level out of the book if it is empty.

        The links of the order are left as they were.
        """
        unlink(&self.orders.slots[0], level, order)
        level.order_count -= 1
        if level.order_count == 0:
            self.drop_level(order.level)

    cdef inline int take_lots(self, Order* order, int64_t lots) except -1:
        """Lower a resting order that shows all its lots by some of them, in place."""
        order.remaining_lots -= <int32_t>lots
        self.levels[order.level].total_lots -= lots
        return self.touch(order.level)

    cdef int32_t show(self, Order* order) noexcept
    cdef int set_visible(self, Order* order, int32_t visible_lots) except -1
    cdef int shrink_iceberg(self, Order* order, int64_t lots) except -1
    cdef int take_from_iceberg(self, int32_t index, int64_t lots, bint rested) except -1
    cdef int put(self, instrument) except -1
    cdef int adopt(self, int32_t at, instrument) except -1
    cdef int put_back(self, int32_t index, int32_t previous, int32_t following) except -1
    cdef void move(self, int32_t at, uint8_t state) noexcept
    cdef void renew_plain(self, int32_t at) noexcept
    cdef void set_mark(
        self, int32_t at, int64_t mark_ticks, int64_t index_ticks, int64_t index_time_ns, bint is_stale
    ) noexcept
    cdef int32_t find_large(self, int32_t instrument_id) noexcept
    cdef int note(self, int32_t at) except -1
    cdef void track(self, bint track_levels) noexcept
    cdef int32_t new_level(self, int32_t book, uint8_t side, int32_t price_ticks) except -2
    cdef void drop_level(self, int32_t at) noexcept
    cdef int64_t impact_price_e6(self, int32_t book, uint8_t side) noexcept
    cdef int64_t depth_lots(self, int32_t book, uint8_t side, int64_t band_ppm) noexcept
    cdef size_t held_bytes(self) noexcept

cdef int64_t band_edge(Book* book, uint8_t side, int64_t band_ppm) noexcept
