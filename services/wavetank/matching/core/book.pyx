"""Books: of each instrument the price levels and their queues, by price and then by time (MTCH-010).

Levels stand in a slab and link their neighbours, best first; orders link one another within a level, oldest first. A
tree finds the level of a price. The books know nothing of accounts: they hold what they are given, in the order given.
"""

from cython.operator cimport dereference
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint8_t
from libc.string cimport memset
from libcpp.unordered_map cimport unordered_map

from wavetank.matching.core.orders cimport OrderDetails
from wavetank.matching.core.words cimport BUY, LOTS_LIMIT, PRICE_LIMIT, TRADING
from wavetank.model.margin cimport MarginTable, MarginTiers
from wavetank.model.money cimport LOTS_BOUND, NOTIONAL_BOUND, int128, price_step, round_down_to_grid, round_up_to_grid

cdef enum:
    # Instrument ids below this are found by index.
    SMALL_IDS = 65536

# Times a price below 2^31 it fits 63 bits.
cdef int64_t MOST_PLAIN_LOTS = (<int64_t>1 << 32) - 1

# What the values and fees of open orders rest on; margins are worked out anew.
FIXED = ("instrument_id", "size_decimals", "taker_fee_ppm")


def _check_bounds(instrument):
    for name, low, high in (
        ("taker_fee_ppm", 0, 100_000),
        ("maker_fee_ppm", -100_000, instrument.taker_fee_ppm),
        ("price_band_ppm", 0, 1_000_000_000),
        ("min_notional_micros", 0, NOTIONAL_BOUND),
        ("impact_notional_micros", 1, NOTIONAL_BOUND),
        ("max_order_lots", 1, (1 << 31) - 1),
        ("max_position_lots", 1, LOTS_BOUND),
        ("open_interest_cap_lots", 0, 1 << 62),
        ("size_decimals", 0, 6),
        ("significant_figures", 0, 18),
        ("scaled_ppm", 0, 1_000_000),
    ):
        value = getattr(instrument, name)
        if not low <= value <= high:
            raise ValueError(f"{instrument.symbol}: {name} is {value}, allowed are {low} to {high}")


cdef class Books:
    """The resting orders of a shard's instruments, with each instrument's rules and its latest mark.

    Args:
        orders: slab of the shard's orders.
        track_levels: whether changed levels are gathered for market data.

    """

    def __cinit__(self, Orders orders, bint track_levels):
        self.orders = orders
        self.prices = Prices()
        self.instruments = []
        self.margins = []
        self.free_level = -1
        self.track_levels = track_levels

    cdef int put(self, instrument) except -1:
        """List an instrument, or take over the rules of a changed listing.

        Raises:
            ValueError: a rate or a bound is outside what the arithmetic is made for, or what open orders rest on would
                change.

        """
        cdef Book blank
        cdef int32_t at = self.find(instrument.instrument_id)
        cdef int side
        if at >= 0:
            return self.adopt(at, instrument)
        _check_bounds(instrument)
        if self.slots.size() >= SMALL_IDS:
            raise ValueError(f"{instrument.symbol}: a shard lists at most {SMALL_IDS} instruments")
        memset(&blank, 0, sizeof(Book))
        blank.instrument_id = instrument.instrument_id
        blank.first_holding = -1
        for side in range(3):
            blank.best[side] = -1
            blank.prices[side].root = blank.prices[side].leaf = blank.prices[side].leaf_prefix = -1
        at = <int32_t>self.slots.size()
        self.slots.push_back(blank)
        self.touched.resize(at + 1)
        self.instruments.append(instrument)
        self.margins.append(None)
        self.adopt(at, instrument)
        if 0 <= blank.instrument_id < SMALL_IDS:
            if self.of_small_id.size() <= <size_t>blank.instrument_id:
                self.of_small_id.resize(blank.instrument_id + 1, -1)
            self.of_small_id[blank.instrument_id] = at
        else:
            self.of_large_id[blank.instrument_id] = at
        self.by_instrument.push_back(at)
        self.by_instrument = sorted(self.by_instrument, key=lambda index: self.instruments[index].instrument_id)
        return 0

    cdef int adopt(self, int32_t at, instrument) except -1:
        cdef Book* book = &self.slots[at]
        cdef MarginTable margin = instrument.margin
        cdef int _figure
        for name in FIXED:
            if getattr(self.instruments[at], name) != getattr(instrument, name):
                raise ValueError(f"{instrument.symbol}: {name} cannot change while the instrument is listed")
        _check_bounds(instrument)
        self.instruments[at] = instrument
        self.margins[at] = margin
        book.margin = &margin.tiers
        book.size_decimals = instrument.size_decimals
        book.significant_figures = instrument.significant_figures
        book.taker_ppm = instrument.taker_fee_ppm
        book.maker_ppm = instrument.maker_fee_ppm
        book.min_notional_micros = instrument.min_notional_micros
        book.max_order_lots = instrument.max_order_lots
        book.max_position_lots = instrument.max_position_lots
        book.open_interest_cap_lots = instrument.open_interest_cap_lots
        book.price_band_ppm = instrument.price_band_ppm
        book.impact_notional_micros = instrument.impact_notional_micros
        book.max_leverage = instrument.max_leverage
        book.scaled_ppm = instrument.scaled_ppm
        if not book.is_moved:
            book.state = int(instrument.state)
        book.every_tick_below = INT64_MAX
        if book.significant_figures:
            book.every_tick_below = 1
            for _figure in range(book.significant_figures):
                book.every_tick_below *= 10
        self.set_mark(at, book.mark_ticks, book.index_ticks, book.index_time_ns, book.mark_is_stale)
        return 0

    cdef void move(self, int32_t at, uint8_t state) noexcept:
        """Bring an instrument into a state that no listing undoes."""
        self.slots[at].state = state
        self.slots[at].is_moved = True
        self.renew_plain(at)

    cdef void set_mark(
        self, int32_t at, int64_t mark_ticks, int64_t index_ticks, int64_t index_time_ns, bint is_stale
    ) noexcept:
        cdef Book* book = &self.slots[at]
        book.mark_ticks = mark_ticks
        book.index_ticks = index_ticks
        book.index_time_ns = index_time_ns
        book.mark_is_stale = is_stale
        # Below 2^31 * 10^9, so below 2^61.
        book.band_ticks = mark_ticks * book.price_band_ppm // 1_000_000
        self.renew_plain(at)

    cdef void renew_plain(self, int32_t at) noexcept:
        """Work out anew within which bounds a plain order passes every check of the book itself."""
        cdef Book* book = &self.slots[at]
        cdef MarginTiers* tiers = book.margin
        cdef int64_t decade = 1
        cdef int tier
        book.plain_lowest_ticks = max(<int64_t>1, book.mark_ticks - book.band_ticks)
        book.plain_highest_ticks = min(<int64_t>PRICE_LIMIT, book.mark_ticks + book.band_ticks)
        book.plain_step_ticks = 1
        if book.mark_ticks < book.every_tick_below:
            book.plain_highest_ticks = min(book.plain_highest_ticks, book.every_tick_below - 1)
        else:
            # Prices with as many digits as the mark have its step.
            book.plain_step_ticks = price_step(book.mark_ticks, book.size_decimals, book.significant_figures)
            while decade <= book.mark_ticks // 10:
                decade *= 10
            book.plain_lowest_ticks = max(book.plain_lowest_ticks, decade)
            book.plain_highest_ticks = min(book.plain_highest_ticks, 10 * decade - 1)
        book.margin_grows = True
        for tier in range(1, tiers.count):
            if tiers.leverage[tier] > tiers.leverage[tier - 1]:
                book.margin_grows = False
        if book.state != TRADING or book.mark_is_stale or book.mark_ticks == 0 or not book.margin_grows:
            book.plain_highest_ticks = 0
        book.plain_lots = min(book.max_order_lots, <int64_t>LOTS_LIMIT)
        book.plain_reach_lots = min(book.max_position_lots, MOST_PLAIN_LOTS)
        book.plain_notional_micros = NOTIONAL_BOUND
        if tiers.count > 1:
            book.plain_notional_micros = min(NOTIONAL_BOUND, tiers.lower[1] - 1)

    cdef int32_t find_large(self, int32_t instrument_id) noexcept:
        cdef unordered_map[int32_t, int32_t].iterator found = self.of_large_id.find(instrument_id)
        return -1 if found == self.of_large_id.end() else dereference(found).second

    cdef void track(self, bint track_levels) noexcept:
        """Gather changed levels from now on, or no longer; what was gathered is forgotten."""
        cdef TouchedLevel note
        cdef size_t book
        cdef int32_t at
        self.track_levels = track_levels
        for book in range(self.touched.size()):
            for note in self.touched[book]:
                at = self.level_at(<int32_t>book, note.side, note.price_ticks)
                if at >= 0:
                    self.levels[at].is_touched = False
            self.touched[book].clear()

    cdef int note(self, int32_t at) except -1:
        cdef TouchedLevel note
        self.levels[at].is_touched = True
        note.price_ticks = self.levels[at].price_ticks
        note.side = self.levels[at].side
        self.touched[self.levels[at].book].push_back(note)
        return 0

    cdef int32_t new_level(self, int32_t book, uint8_t side, int32_t price_ticks) except -2:
        cdef Level blank
        cdef Book* of = &self.slots[book]
        cdef int32_t best = of.best[side]
        cdef int32_t at = self.free_level
        cdef Level* level
        if at >= 0:
            self.free_level = self.levels[at].worse
        else:
            at = <int32_t>self.levels.size()
            memset(&blank, 0, sizeof(Level))
            self.levels.push_back(blank)
        level = &self.levels[at]
        level.total_lots = 0
        level.price_ticks = price_ticks
        level.order_count = 0
        level.first = level.last = -1
        level.book = book
        level.side = side
        level.is_touched = False
        if best < 0 or (
            price_ticks > self.levels[best].price_ticks if side == BUY else price_ticks < self.levels[best].price_ticks
        ):
            level.better = -1
            level.worse = best
            of.best[side] = at
        else:
            if side == BUY:
                level.better = self.prices.above(&of.prices[side], price_ticks)
            else:
                level.better = self.prices.below(&of.prices[side], price_ticks)
            level.worse = self.levels[level.better].worse
            self.levels[level.better].worse = at
        if level.worse >= 0:
            self.levels[level.worse].better = at
        self.prices.put(&of.prices[side], price_ticks, at)
        return at

    cdef void drop_level(self, int32_t at) noexcept:
        cdef Level* level = &self.levels[at]
        self.prices.drop(&self.slots[level.book].prices[level.side], level.price_ticks)
        if level.worse >= 0:
            self.levels[level.worse].better = level.better
        if level.better >= 0:
            self.levels[level.better].worse = level.worse
        else:
            self.slots[level.book].best[level.side] = level.worse
        level.worse = self.free_level
        self.free_level = at

    cdef int put_back(self, int32_t index, int32_t previous, int32_t following) except -1:
        """Undo `remove`: put an order back between those that it stood between, before anything else is undone."""
        cdef Order* order = &self.orders.slots[index]
        cdef int32_t at = self.level_at(order.book, order.side, order.price_ticks)
        cdef Level* level
        if at < 0:
            at = self.new_level(order.book, order.side, order.price_ticks)
        level = &self.levels[at]
        order.level = at
        link(&self.orders.slots[0], level, index, previous, following)
        level.order_count += 1
        level.total_lots += self.orders.visible_lots(order)
        return self.touch(at)

    cdef int32_t show(self, Order* order) noexcept:
        """Let an iceberg that is not in its queue show as much as it may; return how much that is."""
        cdef OrderDetails* details = self.orders.details_of(order)
        details.visible_lots = min(details.display_lots, order.remaining_lots)
        return details.visible_lots

    cdef int set_visible(self, Order* order, int32_t visible_lots) except -1:
        """Change what a resting iceberg shows."""
        cdef OrderDetails* details = self.orders.details_of(order)
        self.levels[order.level].total_lots += visible_lots - details.visible_lots
        details.visible_lots = visible_lots
        return self.touch(order.level)

    cdef int shrink_iceberg(self, Order* order, int64_t lots) except -1:
        """Lower a resting iceberg by some of its lots, in place; the hidden ones go first."""
        order.remaining_lots -= <int32_t>lots
        return self.set_visible(order, min(self.orders.details_of(order).visible_lots, order.remaining_lots))

    cdef int take_from_iceberg(self, int32_t index, int64_t lots, bint rested) except -1:
        """Fill lots of an iceberg; one that has rested gives visible ones, and when none is left it queues anew."""
        cdef Order* order = &self.orders.slots[index]
        cdef OrderDetails* details = self.orders.details_of(order)
        cdef Level* level = &self.levels[order.level]
        order.remaining_lots -= <int32_t>lots
        if not rested:
            # Recovery lets an order stand in the book during its own run; it shows nothing before it really rests.
            return self.set_visible(order, min(details.display_lots, order.remaining_lots))
        self.set_visible(order, details.visible_lots - <int32_t>lots)
        if details.visible_lots > 0 or order.remaining_lots == 0:
            return 0
        if level.last != index:
            unlink(&self.orders.slots[0], level, order)
            link(&self.orders.slots[0], level, index, level.last, -1)
        return self.set_visible(order, min(details.display_lots, order.remaining_lots))

    cdef int64_t impact_price_e6(self, int32_t book, uint8_t side) noexcept:
        """Return the average price, ticks times 10^6, of trading the impact notional against a side; 0 if too thin.

        The last level is taken as a real fraction; rounded half to even (FUND-010).
        """
        cdef int128 notional = self.slots[book].impact_notional_micros
        cdef int128 lots = 0
        cdef int128 value = 0
        cdef int128 numerator, denominator, quotient, doubled
        cdef Level* level
        cdef int32_t at = self.slots[book].best[side]
        while at >= 0:
            level = &self.levels[at]
            if value + <int128>level.total_lots * level.price_ticks >= notional:
                # lots taken = lots + (notional - value) / price; the average is notional over that.
                numerator = notional * level.price_ticks * 1_000_000
                denominator = lots * level.price_ticks + notional - value
                quotient = numerator // denominator
                doubled = 2 * (numerator - quotient * denominator)
                if doubled > denominator or (doubled == denominator and quotient % 2 == 1):
                    quotient += 1
                return <int64_t>quotient
            value += <int128>level.total_lots * level.price_ticks
            lots += level.total_lots
            at = level.worse
        return 0

    cdef int64_t depth_lots(self, int32_t book, uint8_t side, int64_t band_ppm) noexcept:
        """Return the lots of a side that rest within `band_ppm` of the mark."""
        cdef int64_t total = 0
        cdef int64_t distance
        cdef int64_t mark = self.slots[book].mark_ticks
        cdef Level* level
        cdef int32_t at = self.slots[book].best[side]
        while at >= 0:
            level = &self.levels[at]
            distance = mark - level.price_ticks if side == BUY else level.price_ticks - mark
            if <int128>distance * 1_000_000 > <int128>mark * band_ppm:
                break
            total += level.total_lots
            at = level.worse
        return total

    cdef size_t held_bytes(self) noexcept:
        """Return the bytes in use by levels and by the trees that find them."""
        return self.levels.size() * sizeof(Level) + self.prices.held_bytes()


cdef int64_t band_edge(Book* book, uint8_t side, int64_t band_ppm) noexcept:
    """Return the furthest grid price that a buy may pay, or a sell may take, within `band_ppm` of the mark."""
    cdef int64_t reach = <int64_t>(<int128>book.mark_ticks * band_ppm // 1_000_000)
    cdef int64_t edge
    if side == BUY:
        edge = book.mark_ticks + reach
        if edge > PRICE_LIMIT:
            edge = PRICE_LIMIT
        return round_down_to_grid(edge, book.size_decimals, book.significant_figures)
    edge = book.mark_ticks - reach
    if edge < 1:
        edge = 1
    return round_up_to_grid(edge, book.size_decimals, book.significant_figures)
