"""One instrument's book: price levels and their queues, by price and then by time (MTCH-010).

Levels stand in a slab and link their neighbours, best first; orders link one another within a level, oldest first. A
tree finds the level of a price. The book knows nothing of accounts: it holds what it is given, in the order given.
"""

from cython.operator cimport dereference, predecrement
from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memset
from libcpp.map cimport map

from wavetank.matching.core.orders cimport Order, Orders
from wavetank.matching.core.words cimport BUY, PRICE_LIMIT
from wavetank.model.money cimport int128, round_down_to_grid, round_up_to_grid


cdef class Book:
    """The resting orders of one instrument, with the instrument's rules and its latest mark.

    Args:
        instrument: as listed.
        orders: slab of the shard's orders.
        track_levels: whether changed levels are gathered for market data.

    Raises:
        ValueError: a rate or a bound is outside what the arithmetic is made for.

    """

    def __cinit__(self, instrument, Orders orders, bint track_levels):
        self.orders = orders
        self.free_level = self.best_bid = self.best_ask = self.first_holding = -1
        self.track_levels = track_levels
        self.adopt(instrument)

    def adopt(self, instrument):
        """Take over the rules of a listing; what the margin and the fees of open orders rest on must not change."""
        known = self.instrument
        if known is not None:
            for name in ("instrument_id", "size_decimals", "tiers", "taker_fee_ppm"):
                if getattr(known, name) != getattr(instrument, name):
                    raise ValueError(f"{instrument.symbol}: {name} cannot change while the instrument is listed")
        for name, low, high in (
            ("taker_fee_ppm", 0, 100_000),
            ("maker_fee_ppm", -100_000, instrument.taker_fee_ppm),
            ("price_band_ppm", 0, 1_000_000_000),
            ("min_notional_micros", 0, 1 << 55),
            ("impact_notional_micros", 1, 1 << 55),
            ("max_order_lots", 1, (1 << 31) - 1),
            ("max_position_lots", 1, (1 << 40) - 1),
            ("open_interest_cap_lots", 0, 1 << 62),
            ("size_decimals", 0, 6),
            ("significant_figures", 0, 18),
        ):
            if not low <= getattr(instrument, name) <= high:
                value = getattr(instrument, name)
                raise ValueError(f"{instrument.symbol}: {name} is {value}, allowed are {low} to {high}")
        self.instrument = instrument
        self.margin = instrument.margin
        self.instrument_id = instrument.instrument_id
        self.size_decimals = instrument.size_decimals
        self.significant_figures = instrument.significant_figures
        self.taker_ppm = instrument.taker_fee_ppm
        self.maker_ppm = instrument.maker_fee_ppm
        self.min_notional_micros = instrument.min_notional_micros
        self.max_order_lots = instrument.max_order_lots
        self.max_position_lots = instrument.max_position_lots
        self.open_interest_cap_lots = instrument.open_interest_cap_lots
        self.price_band_ppm = instrument.price_band_ppm
        self.impact_notional_micros = instrument.impact_notional_micros
        self.max_leverage = instrument.max_leverage
        self.state = int(instrument.state)

    cdef int32_t best(self, uint8_t side) noexcept:
        """Return the best level of a side, or -1."""
        return self.best_bid if side == BUY else self.best_ask

    cdef int32_t level_at(self, uint8_t side, int64_t price_ticks) noexcept:
        """Return the level at a price, or -1."""
        cdef map[int64_t, int32_t]* prices = &self.bids if side == BUY else &self.asks
        cdef map[int64_t, int32_t].iterator found = prices.find(-price_ticks if side == BUY else price_ticks)
        return -1 if found == prices.end() else dereference(found).second

    cdef int add(self, int32_t index) except -1:
        """Put an order behind all others at its price."""
        cdef Order* order = &self.orders.slots[index]
        cdef int32_t at = self.level_at(order.side, order.price_ticks)
        if at < 0:
            at = self._new_level(order.side, order.price_ticks)
        cdef Level* level = &self.levels[at]
        order.level = at
        order.next = -1
        order.previous = level.last
        if level.last >= 0:
            self.orders.slots[level.last].next = index
        else:
            level.first = index
        level.last = index
        level.order_count += 1
        level.total_lots += order.remaining_lots
        return self.touch(at)

    cdef int remove(self, int32_t index) except -1:
        """Take an order out of its queue, and its level out of the book if it was the last."""
        cdef Order* order = &self.orders.slots[index]
        cdef int32_t at = order.level
        cdef Level* level = &self.levels[at]
        if order.previous >= 0:
            self.orders.slots[order.previous].next = order.next
        else:
            level.first = order.next
        if order.next >= 0:
            self.orders.slots[order.next].previous = order.previous
        else:
            level.last = order.previous
        order.level = order.next = order.previous = -1
        level.order_count -= 1
        level.total_lots -= order.remaining_lots
        self.touch(at)
        if level.order_count == 0:
            self._drop_level(at)
        return 0

    cdef int take_lots(self, int32_t index, int64_t lots) except -1:
        """Lower a resting order by some of its lots, in place."""
        cdef Order* order = &self.orders.slots[index]
        order.remaining_lots -= lots
        self.levels[order.level].total_lots -= lots
        return self.touch(order.level)

    cdef int touch(self, int32_t level) except -1:
        """Note that a level changed, for market data."""
        cdef TouchedLevel note
        if self.track_levels and not self.levels[level].is_touched:
            self.levels[level].is_touched = True
            note.price_ticks = self.levels[level].price_ticks
            note.side = self.levels[level].side
            self.touched.push_back(note)
        return 0

    cdef int32_t _new_level(self, uint8_t side, int64_t price_ticks) except -2:
        cdef map[int64_t, int32_t]* prices = &self.bids if side == BUY else &self.asks
        cdef int64_t key = -price_ticks if side == BUY else price_ticks
        cdef Level blank
        cdef int32_t at = self.free_level
        memset(&blank, 0, sizeof(Level))
        if at >= 0:
            self.free_level = self.levels[at].worse
            self.levels[at] = blank
        else:
            at = <int32_t>self.levels.size()
            self.levels.push_back(blank)
        cdef map[int64_t, int32_t].iterator neighbour = prices.upper_bound(key)
        cdef int32_t worse = -1 if neighbour == prices.end() else dereference(neighbour).second
        cdef int32_t better = -1
        if worse >= 0:
            better = self.levels[worse].better
        elif not prices.empty():
            better = dereference(predecrement(neighbour)).second
        prices[0][key] = at
        cdef Level* level = &self.levels[at]
        level.price_ticks = price_ticks
        level.side = side
        level.first = level.last = -1
        level.worse = worse
        level.better = better
        if worse >= 0:
            self.levels[worse].better = at
        if better >= 0:
            self.levels[better].worse = at
        elif side == BUY:
            self.best_bid = at
        else:
            self.best_ask = at
        return at

    cdef int _drop_level(self, int32_t at) except -1:
        cdef Level* level = &self.levels[at]
        if level.side == BUY:
            self.bids.erase(-level.price_ticks)
        else:
            self.asks.erase(level.price_ticks)
        if level.worse >= 0:
            self.levels[level.worse].better = level.better
        if level.better >= 0:
            self.levels[level.better].worse = level.worse
        elif level.side == BUY:
            self.best_bid = level.worse
        else:
            self.best_ask = level.worse
        level.worse = self.free_level
        self.free_level = at
        return 0

    cdef int64_t impact_price_e6(self, uint8_t side) noexcept:
        """Return the average price, ticks times 10^6, of trading the impact notional against a side; 0 if too thin.

        The last level is taken as a real fraction; rounded half to even (FUND-010).
        """
        cdef int128 notional = self.impact_notional_micros
        cdef int128 lots = 0
        cdef int128 value = 0
        cdef int128 numerator, denominator, quotient, doubled
        cdef Level* level
        cdef int32_t at = self.best(side)
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

    cdef int64_t depth_lots(self, uint8_t side, int64_t band_ppm) noexcept:
        """Return the lots of a side that rest within `band_ppm` of the mark."""
        cdef int64_t total = 0
        cdef int64_t distance
        cdef Level* level
        cdef int32_t at = self.best(side)
        while at >= 0:
            level = &self.levels[at]
            distance = self.mark_ticks - level.price_ticks if side == BUY else level.price_ticks - self.mark_ticks
            if <int128>distance * 1_000_000 > <int128>self.mark_ticks * band_ppm:
                break
            total += level.total_lots
            at = level.worse
        return total

    cdef bint in_band(self, int64_t price_ticks) noexcept:
        """Tell whether a limit is no further from the mark than the instrument's band (MTCH-040)."""
        cdef int64_t distance = price_ticks - self.mark_ticks
        if distance < 0:
            distance = -distance
        return <int128>distance * 1_000_000 <= <int128>self.mark_ticks * self.price_band_ppm

    cdef int64_t band_edge(self, uint8_t side, int64_t band_ppm) noexcept:
        """Return the furthest grid price that a buy may pay, or a sell may take, within `band_ppm` of the mark."""
        cdef int64_t reach = <int64_t>(<int128>self.mark_ticks * band_ppm // 1_000_000)
        cdef int64_t edge
        if side == BUY:
            edge = self.mark_ticks + reach
            if edge > PRICE_LIMIT:
                edge = PRICE_LIMIT
            return round_down_to_grid(edge, self.size_decimals, self.significant_figures)
        edge = self.mark_ticks - reach
        if edge < 1:
            edge = 1
        return round_up_to_grid(edge, self.size_decimals, self.significant_figures)
