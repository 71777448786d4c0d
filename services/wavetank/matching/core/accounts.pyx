"""Accounts on this shard: positions, open lots, the sums Q and F, and what the credit line lets them commit.

The committed amount W (PROTOCOL R6) and the value of fills not yet counted, U (R5), are sums over the account's
holdings. A change of a holding only marks it; its terms are renewed when the sums are next asked for, by the account's
own next order, an acknowledgement or a question. So a cancel and a maker's fill cost no margin arithmetic. Q, F and the
moved value are counters modulo 2^64, so that no history of fills is needed: the difference of two of them is exact
whatever has wrapped.
"""

from cpython.long cimport PyLong_AsUnsignedLongLongMask
from libc.stdint cimport INT32_MAX, INT64_MAX, int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from wavetank.matching.core.ids cimport tag_of
from wavetank.matching.core.words cimport CHARGE_GROSS, CHARGE_GROUP_OFFSET, LINE_NORMAL, NO_LINE, PRICE_LIMIT
from wavetank.model.margin cimport MarginTiers, initial_of, maintenance_of
from wavetank.model.money cimport LOTS_BOUND, NOTIONAL_BOUND, int128

from wavetank.matching.core.credit import LedgersDisagree
from wavetank.model.fees import LARGEST_FEE_PPM

cdef int64_t ROOT_OF_TWO_E4 = 14_143
# What a row has room for; a larger leverage is charged as this one, which asks for more.
cdef int64_t MAX_LEVERAGE = (<int64_t>1 << 16) - 1
cdef int64_t LARGEST_FEE = LARGEST_FEE_PPM


cdef class Accounts:
    """Accounts by index and by id, and their holdings: one per account and instrument ever touched.

    Args:
        books: the shard's books.

    """

    def __cinit__(self, Books books):
        self.books = books
        self.by_id = IdTable()
        self.by_pair = IdTable()
        # What is fetched ahead may be a guess about something that is not there; its address must be one all the same.
        self.slots.reserve(1)
        self.holdings.reserve(1)

    cdef int32_t ensure(self, int64_t account_id) except -2:
        cdef int32_t index = self.find(account_id)
        cdef Account blank
        if index >= 0:
            return index
        memset(&blank, 0, sizeof(Account))
        blank.account_id = account_id
        blank.first_holding = blank.first_order = blank.last_order = blank.first_unsettled = -1
        blank.first_remembered = blank.last_remembered = -1
        blank.taker_ppm = blank.maker_ppm = NO_OWN_RATE
        index = <int32_t>self.slots.size()
        self.slots.push_back(blank)
        self.by_id.put(account_tag(account_id), index)
        return index

    cdef int32_t seek_holding(self, int32_t account, int32_t book) noexcept:
        """Return the account's holding in a book, or -1."""
        cdef uint32_t tag = _pair_tag(account, book)
        cdef uint32_t at = self.by_pair.home(tag)
        cdef int32_t index
        while True:
            index = self.by_pair.entries[at].slot
            if index < 0 or (
                self.by_pair.entries[at].tag == tag
                and self.holdings[index].account == account
                and self.holdings[index].book == book
            ):
                return index
            at = (at + 1) & self.by_pair.mask

    cdef int32_t ensure_holding(self, int32_t account, int32_t book) except -2:
        cdef int32_t index = self.find_holding(account, book)
        cdef Holding blank
        if index >= 0:
            return index
        memset(&blank, 0, sizeof(Holding))
        blank.account = account
        blank.account_id = self.slots[account].account_id
        blank.book = <uint16_t>book
        blank.next = self.slots[account].first_holding
        blank.next_of_book = self.books.slots[book].first_holding
        index = <int32_t>self.holdings.size()
        self.holdings.push_back(blank)
        self.by_pair.put(_pair_tag(account, book), index)
        self.slots[account].first_holding = index
        self.books.slots[book].first_holding = index
        return index

    cdef int64_t charge(self, Holding* holding) noexcept:
        """Return max(M(pos + buys), M(pos - sells)) + loss of the open orders (R6); see also `_offset_charge`."""
        if self.slots[holding.account].charge > CHARGE_GROSS:
            return self._offset_charge(holding) + self._added_charge(holding) + holding.loss
        return self._margin_of(holding, reach_of(holding)) + holding.loss

    cdef int64_t _added_charge(self, Holding* holding) noexcept:
        """Return the most that leverage and open interest can add to the margin, wherever the open orders lead.

        Offsets relieve of none of it. It grows with the size within a tier, but for a micro-dollar of rounding, and may
        fall where the next one begins.
        """
        cdef MarginTiers* tiers = self.books.slots[holding.book].margin
        cdef int64_t price = self.price_of(holding)
        cdef int64_t up = holding.lots + holding.buys + holding.reduce_buys
        cdef int64_t down = holding.lots - holding.sells - holding.reduce_sells
        cdef int64_t most = reach_of(holding)
        cdef int64_t least = down if down > 0 else (-up if up < 0 else 0)
        cdef int64_t added = max(self._added_of(holding, most), self._added_of(holding, least))
        if least == most:
            return added
        cdef int64_t lots
        cdef int tier
        for tier in range(1, tiers.count):
            # The largest size below the tier.
            lots = (tiers.lower[tier] - 1) // price if price > 0 else 0
            if least < lots < most:
                added = max(added, self._added_of(holding, lots))
        return added + 1 if added else 0

    cdef int64_t _added_of(self, Holding* holding, int64_t lots) noexcept:
        return self._margin_of(holding, lots) - self._least_margin_of(holding, lots)

    cdef int64_t _margin_of(self, Holding* holding, int64_t lots) noexcept:
        """Return M of so many lots, unsigned."""
        return initial_of(
            self.books.slots[holding.book].margin,
            self._notional_of(holding, lots),
            self.leverage_of(holding),
            self.scaled_of(holding),
        )

    cdef int64_t _least_margin_of(self, Holding* holding, int64_t lots) noexcept:
        """Return M of so many lots, unsigned, at the instrument's largest leverage and whatever open interest."""
        cdef Book* book = &self.books.slots[holding.book]
        return initial_of(book.margin, self._notional_of(holding, lots), book.max_leverage, 0)

    cdef int64_t _notional_of(self, Holding* holding, int64_t lots) noexcept:
        # A mark may rise after acceptance: beyond the bound of PROTOCOL 1 the margin stays at that of the bound.
        return <int64_t>min(<int128>lots * self.price_of(holding), <int128>NOTIONAL_BOUND)

    cdef int64_t _offset_charge(self, Holding* holding) noexcept:
        """Return what a holding is charged under a line whose budget counts offsets, never less than they need.

        The budget holds the relief of the positions as counted, so a position that stays is charged M. In a group a leg
        that grows needs at most as much more as its M; one that shrinks may leave as much needed as before; one that
        changes sides takes its offset along, so both its margins count. In a scenario an account's margin moves by at
        most the root of two times as much as any leg's signed margin, in either direction.
        """
        cdef int64_t up = holding.lots + holding.buys + holding.reduce_buys
        cdef int64_t down = holding.lots - holding.sells - holding.reduce_sells
        cdef int64_t size = holding.row_lots if holding.row_lots >= 0 else -holding.row_lots
        cdef int64_t counted = self._least_margin_of(holding, size)
        cdef int64_t growth = 0
        cdef int64_t way = 0
        cdef int64_t lots, margin
        cdef bint flips
        for lots in (up, down):
            margin = self._least_margin_of(holding, lots if lots >= 0 else -lots)
            flips = (lots > 0 and holding.row_lots < 0) or (lots < 0 and holding.row_lots > 0)
            growth = max(growth, margin if flips else margin - counted)
            way = max(way, margin + counted if flips else (margin - counted if margin > counted else counted - margin))
        if self.slots[holding.account].charge == CHARGE_GROUP_OFFSET:
            return counted + growth
        return counted + <int64_t>((<int128>way * ROOT_OF_TWO_E4 + 9_999) // 10_000)

    cdef void settle(self, int32_t account) noexcept:
        """Renew what the account's changed holdings add to its sums."""
        cdef Account* of = &self.slots[account]
        cdef Holding* holding
        cdef int64_t committed
        cdef uint64_t moved
        cdef bint is_active
        while of.first_unsettled >= 0:
            holding = &self.holdings[of.first_unsettled]
            of.first_unsettled = holding.next_unsettled
            holding.is_unsettled = False
            committed = self.charge(holding)
            moved = <uint64_t>self.price_of(holding) * <uint64_t>(holding.lots - holding.row_lots)
            is_active = holding.lots != 0 or holding.open_orders != 0
            of.committed += committed - holding.committed
            of.moved += moved - holding.moved
            of.active_holdings += <int32_t>is_active - <int32_t>holding.is_active
            holding.committed = committed
            holding.moved = moved
            holding.lot_margin = <int32_t>self._lot_margin(holding)
            holding.is_active = is_active

    cdef int64_t _lot_margin(self, Holding* holding) noexcept:
        """Return the most that one more lot adds to a holding's margin, as long as that stays within the first tier."""
        return initial_of(
            self.books.slots[holding.book].margin,
            self.price_of(holding),
            self.leverage_of(holding),
            self.scaled_of(holding),
        )

    cdef void reprice(self, int32_t book) noexcept:
        """Mark the holdings that are charged at the latest mark, for it moved."""
        cdef int32_t index = self.books.slots[book].first_holding
        while index >= 0:
            if self.holdings[index].row_price == 0:
                self.unsettle(&self.holdings[index], index)
            index = self.holdings[index].next_of_book

    cdef void relist(self, int32_t book) noexcept:
        """Mark all holdings of a book, for its margin rates may have changed."""
        cdef int32_t index = self.books.slots[book].first_holding
        while index >= 0:
            self.unsettle(&self.holdings[index], index)
            index = self.holdings[index].next_of_book

    cdef int64_t uncounted(self, int32_t account) noexcept:
        """Return U (R5) of an account that is settled."""
        cdef Account* of = &self.slots[account]
        return <int64_t>(of.moved - (of.value - of.line_value) - (of.fees - of.line_fees))

    cdef bint may_lose(self, int32_t account, int64_t loss_micros, int64_t released_micros) noexcept:
        """Tell whether a settled account may lose so much to release so much maintenance margin, over budget too (R7).

        At most what it releases, and of an account that has less than the sum of its legs' maintenance margins, because
        they offset each other or a mark took it, the same part as it has: `loss / released <= equity / sum`. So closing
        legs leaves the rest no worse off, in whatever order, and nobody owes anything in the end.
        """
        cdef Account* of = &self.slots[account]
        cdef int32_t index = of.first_holding
        cdef int128 equity = <int128>of.equity + self.uncounted(account)
        cdef int128 maintenance = 0
        cdef Holding* holding
        # What it has is not known before its first line: three tenths is what each mode asks for at least (MRGN-030).
        if of.status == NO_LINE:
            return <int128>loss_micros * 10 <= <int128>released_micros * 3
        while index >= 0:
            holding = &self.holdings[index]
            if holding.lots != 0:
                maintenance += maintenance_of(
                    self.books.slots[holding.book].margin,
                    self._notional_of(holding, holding.lots if holding.lots >= 0 else -holding.lots),
                )
            index = holding.next
        if equity >= maintenance:
            return loss_micros <= released_micros
        return <int128>loss_micros * maintenance <= released_micros * max(equity, <int128>0)

    cdef int64_t committed(self, int32_t account) noexcept:
        """Return W (R6)."""
        self.settle(account)
        return self.slots[account].committed

    cdef list holdings_of(self, int32_t account):
        """Return the indices of the account's holdings, by instrument id."""
        cdef int32_t index = self.slots[account].first_holding
        found = []
        while index >= 0:
            found.append((self.books.slots[self.holdings[index].book].instrument_id, index))
            index = self.holdings[index].next
        return [index for _, index in sorted(found)]

    cdef int64_t lots(self, int32_t account, int32_t book) noexcept:
        """Return the account's position in a book; 0 if either is -1."""
        cdef int32_t index = self.find_holding(account, book) if account >= 0 and book >= 0 else -1
        return self.holdings[index].lots if index >= 0 else 0

    cdef bint is_newer(self, int32_t account, int64_t epoch, int64_t number) noexcept:
        """Tell whether a line is newer than the present one, or than the last acknowledged one (R4).

        A restarted shard knows only what it acknowledged; an older line, delayed on its way, must not undo that.
        """
        cdef Account* of = &self.slots[account]
        if of.status != NO_LINE:
            return epoch > of.line_epoch or (epoch == of.line_epoch and number > of.line_number)
        return epoch > of.floor_epoch or (epoch == of.floor_epoch and number >= of.floor_number)

    cdef int read_line(self, line, CreditLine* told) except -1:
        """Read the numbers of a line, each once."""
        cdef CreditRow read
        told.account_id = line.account_id
        told.epoch = line.line_epoch
        told.number = line.line_number
        told.as_of_seq = line.as_of_seq
        told.budget = line.budget_micros
        told.elsewhere = line.elsewhere_micros
        # What does not fit wraps, as the sums do.
        told.value = PyLong_AsUnsignedLongLongMask(line.counted_value_micros)
        told.fees = PyLong_AsUnsignedLongLongMask(line.counted_fees_micros)
        told.mark_time_ns = line.mark_time_ns
        told.taker_ppm, told.maker_ppm = line.fee_rates
        told.status = line.status
        told.charge = line.charge
        told.equity = line.equity_micros
        told.only_instrument_id = line.only_instrument_id
        for row in line.rows:
            read.instrument_id = row.instrument_id
            read.book = self.books.find(read.instrument_id)
            read.lots = row.position_lots
            read.price_ticks = row.margin_price_ticks
            read.leverage = row.leverage
            read.scaled_ppm = row.scaled_ppm
            told.rows.push_back(read)
        return 0

    cdef int check_line(self, CreditLine* told, line) except -1:
        """Check that what a line says, as it was read from it, is in range."""
        cdef CreditRow* row
        cdef size_t at
        if (
            not (0 <= told.taker_ppm <= LARGEST_FEE or told.taker_ppm == NO_OWN_RATE)
            or not -LARGEST_FEE <= told.maker_ppm <= told.taker_ppm
        ):
            raise ValueError(f"account {told.account_id}: out of range: {line.fee_rates}")
        if not 0 <= told.epoch <= INT32_MAX:
            raise ValueError(f"account {told.account_id}: out of range: epoch {told.epoch}")
        for at in range(told.rows.size()):
            row = &told.rows[at]
            # Without a price a row only names the leverage; a position is margined at a price.
            if (
                not (row.lots != 0) <= row.price_ticks <= PRICE_LIMIT
                or row.leverage < 0
                or not 0 <= row.scaled_ppm <= 1_000_000
                or not -LOTS_BOUND <= row.lots <= LOTS_BOUND
            ):
                raise ValueError(f"account {told.account_id}: out of range: {line.rows[at]}")
            # A leverage may be chosen before the listing has arrived here.
            if row.book < 0 and row.price_ticks:
                raise ValueError(f"account {told.account_id}: instrument {row.instrument_id} is not listed here")
        # An instrument of a limit need not be listed yet: it comes by another way than the line.
        for limit in line.position_limits:
            if not 0 <= min(limit.size_lots, limit.exposure_micros):
                raise ValueError(f"account {told.account_id}: out of range: {limit}")
        for limit in line.group_limits:
            if not 0 <= min(
                limit.net_micros, limit.gross_micros, limit.elsewhere_long_micros, limit.elsewhere_short_micros
            ):
                raise ValueError(f"account {told.account_id}: out of range: {limit}")
        return 0

    cdef int compare_line(self, int32_t account, CreditLine* told) except -1:
        """Compare a line that covers the account's last fill with the shard's own count (R4)."""
        cdef int32_t index = -1
        cdef uint64_t value = 0, fees = 0
        cdef int64_t last_fill_seq = 0
        cdef int64_t lowest = INT64_MAX
        cdef CreditRow row
        if account >= 0:
            value, fees = self.slots[account].value, self.slots[account].fees
            last_fill_seq = self.slots[account].last_fill_seq
            index = self.slots[account].first_holding
        if told.as_of_seq < last_fill_seq:
            return 0
        # Each may have an instrument that the other does not know.
        while index >= 0:
            instrument_id = self.books.slots[self.holdings[index].book].instrument_id
            if self.holdings[index].lots != told_lots(told, instrument_id):
                lowest = min(lowest, instrument_id)
            index = self.holdings[index].next
        for row in told.rows:
            if self.lots(account, row.book) != told_lots(told, row.instrument_id):
                lowest = min(lowest, row.instrument_id)
        if lowest != INT64_MAX:
            raise LedgersDisagree(
                f"account {told.account_id}, instrument {lowest}, as of seq {told.as_of_seq}: position"
                f" {self.lots(account, self.books.find(lowest))} here, {told_lots(told, lowest)} in clearing"
            )
        if value != told.value or fees != told.fees:
            name, here, there = ("value", value, told.value) if value != told.value else ("fees", fees, told.fees)
            raise LedgersDisagree(
                f"account {told.account_id} as of seq {told.as_of_seq}: {name} {here} here, {there} in clearing"
            )
        return 0

    cdef int put_line(self, int32_t account, CreditLine* told, line) except -1:
        """Replace the account's line and all its rows; what the line shrank cancels nothing (R7)."""
        cdef int32_t index = self.slots[account].first_holding
        cdef CreditRow row
        while index >= 0:
            self.holdings[index].row_lots = self.holdings[index].row_price = 0
            self.holdings[index].row_leverage = self.holdings[index].row_scaled_ppm = 0
            self.unsettle(&self.holdings[index], index)
            index = self.holdings[index].next
        for row in told.rows:
            if row.book < 0:
                continue
            index = self.ensure_holding(account, row.book)
            self.holdings[index].row_lots = row.lots
            self.holdings[index].row_price = <int32_t>row.price_ticks
            self.holdings[index].row_leverage = <uint16_t>min(row.leverage, MAX_LEVERAGE)
            self.holdings[index].row_scaled_ppm = <int32_t>row.scaled_ppm
            self.unsettle(&self.holdings[index], index)
        cdef Account* of = &self.slots[account]
        if told.as_of_seq >= of.last_fill_seq:
            of.first_uncounted_seq = 0
        elif of.status == NO_LINE or told.as_of_seq >= of.first_uncounted_seq:
            of.first_uncounted_seq = told.as_of_seq + 1
        of.line_epoch = <int32_t>told.epoch
        of.line_number = told.number
        of.budget = told.budget
        of.elsewhere = told.elsewhere
        of.line_value = told.value
        of.line_fees = told.fees
        of.mark_time_ns = told.mark_time_ns
        of.charge = told.charge
        of.equity = told.equity
        of.only_instrument_id = told.only_instrument_id
        of.status = told.status
        of.slack = 0
        assert of.status >= LINE_NORMAL
        return self._put_limits(account, line)

    cdef int _put_limits(self, int32_t account, line) except -1:
        """Replace what the account may come to (MRGN-070)."""
        cdef AccountLimits limits
        cdef PositionLimit position
        cdef GroupLimit group
        cdef GroupMember member
        self.limits.erase(account)
        self.slots[account].has_limits = bool(line.position_limits or line.group_limits)
        if not self.slots[account].has_limits:
            return 0
        for limit in line.position_limits:
            position.instrument_id = limit.instrument_id
            position.size_lots = limit.size_lots
            position.exposure_micros = limit.exposure_micros
            limits.positions.push_back(position)
        for number, limit in enumerate(line.group_limits):
            group.net_micros = limit.net_micros
            group.gross_micros = limit.gross_micros
            group.elsewhere_long_micros = limit.elsewhere_long_micros
            group.elsewhere_short_micros = limit.elsewhere_short_micros
            limits.groups.push_back(group)
            member.group = number
            for instrument_id in limit.instrument_ids:
                member.instrument_id = instrument_id
                limits.members.push_back(member)
        self.limits[account] = limits
        return 0


cdef inline int64_t told_lots(CreditLine* line, int32_t instrument_id) noexcept:
    """Return the position that a line counts in an instrument; the last row stands."""
    cdef int64_t lots = 0
    cdef CreditRow row
    for row in line.rows:
        if row.instrument_id == instrument_id:
            lots = row.lots
    return lots


cdef inline uint32_t _pair_tag(int32_t account, int32_t book) noexcept:
    return tag_of(<uint64_t>account << 32 | <uint64_t>book, 0)
