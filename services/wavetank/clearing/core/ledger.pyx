"""The ledger: one way to book a leg, one way to add money, and the rows that hold the outcome.

Every change of a position, whether by trade, transfer or liquidation, is a leg `(delta lots, signed value)` booked by
`book_leg`. Cost is kept beside cash, so a leg that opens moves no cash, and what a close realises is the exact
difference between what came in and what the closed share had cost; rounding stays in the cost until the position is
flat.

Cash, cost and lots of all accounts stand in rows rather than in objects, because a mark that moves must be held against
every account that has the instrument, and fills come by the thousand. Kept true: rows are in the order of account ids,
and a row's holdings in that of instrument ids; what is booked leaves cash less cost, summed over all rows, where
deposits and withdrawals put it; what a row's collateral counts is that of the last indexes; nothing here decides
anything.
"""

from typing import NamedTuple

from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy, memmove

from wavetank.model.margin cimport MarginTable, initial_of, maintenance_of
from wavetank.model.money cimport mul_div_trunc

from wavetank.clearing.core.standing import LineRow, Standing
from wavetank.model.ids import FEE_ACCOUNT_ID
from wavetank.model.invariant import InvariantBroken

cdef enum:
    UNKNOWN = -1
    LEAST_ROOM = 2

# A time long ago that is not 0, which stands for credit that rests on no price.
cdef int64_t ANCIENT_NS = 1

# Makes a named tuple of what has its fields in order: half the time of calling its class.
_made = tuple.__new__

NO_CHOICE = 0
"""Instead of a leverage: the instrument's largest."""


class Leg(NamedTuple):
    """A booked leg: the position and the profit that it leaves behind."""

    lots: int
    cost_micros: int
    realised_micros: int


cdef LegBooked book(int64_t lots, int64_t cost_micros, int64_t delta_lots, int64_t value_micros) except *:
    """Book a leg onto a position; see `book_leg`."""
    cdef LegBooked leg
    cdef int64_t size, change, closed, closing_value, removed
    leg.lots = lots + delta_lots
    if lots == 0 or (lots > 0) == (delta_lots > 0):
        leg.cost_micros = cost_micros + value_micros
        leg.realised_micros = 0
        return leg
    size = lots if lots > 0 else -lots
    change = delta_lots if delta_lots > 0 else -delta_lots
    closed = size if size < change else change
    closing_value = value_micros if closed == change else mul_div_trunc(value_micros, closed, change)
    removed = cost_micros if closed == size else mul_div_trunc(cost_micros, closed, size)
    leg.cost_micros = cost_micros - removed + (value_micros - closing_value)
    leg.realised_micros = -closing_value - removed
    return leg


def book_leg(lots, cost_micros, delta_lots, value_micros):
    """Book a leg onto a position.

    Args:
        lots: signed position before.
        cost_micros: signed cost before.
        delta_lots: signed change, not 0.
        value_micros: signed value of the change, positive for a buy.

    Returns:
        The position after, and what was realised; cash grows by that.

    Source: PROTOCOL 1. `cash - cost` changes by exactly `-value_micros`, whatever is realised.

    """
    cdef LegBooked leg = book(lots, cost_micros, delta_lots, value_micros)
    return Leg(leg.lots, leg.cost_micros, leg.realised_micros)


def wrap64(value):
    """Return a running sum modulo 2^64, as a signed 64-bit number.

    The shard and clearing compare their sums of values and fees in this form (PROTOCOL R5).
    """
    return <int64_t><uint64_t>(value & 0xFFFF_FFFF_FFFF_FFFF)


def funding_payment(lots, index_price_ticks, funding_rate_e12):
    """Return what a holder receives of a funding tick, in micro-dollars; negative is paid.

    The payer's amount rounds up and the receiver's down, which is the floor of the signed amount
    received (FUND-030).
    """
    return -lots * index_price_ticks * funding_rate_e12 // 10**12


cdef int64_t mark_or_entry(Listed* listed, Holding* holding) noexcept:
    """Return the mark of a holding; before the first one a position stands at its entry."""
    cdef int64_t lots, cost, entry
    if listed.mark_ticks > 0:
        return listed.mark_ticks
    lots = holding.lots if holding.lots > 0 else -holding.lots
    cost = holding.cost_micros if holding.cost_micros > 0 else -holding.cost_micros
    entry = cost // lots
    return entry if entry > 1 else 1


cdef int64_t counted(int64_t lots, int64_t index_ticks, int64_t weight_ppm, int64_t cap_micros) noexcept:
    """Return what lots of an asset count; see `counted_micros`."""
    cdef int128 value = <int128>lots * index_ticks * weight_ppm // 1_000_000
    return cap_micros if value > cap_micros else <int64_t>value


def counted_micros(lots, index_price_ticks, weight_ppm, cap_micros):
    """Return what lots of an asset count as collateral, in micro-dollars: `min(V x weight, cap)` rounded down.

    Args:
        lots: lots of the instrument whose base asset it is, not negative.
        index_price_ticks: its index; 0 before there is one.
        weight_ppm: share of the value that counts, at most 10^6.
        cap_micros: most that counts of one asset in one account.

    Source: MRGN-080. V is `lots x index`, exact, for a lot at a tick is a micro-dollar (UNIT-010).

    """
    return counted(lots, index_price_ticks, weight_ppm, cap_micros)


cdef object wide(int128 value):
    return (<int64_t>(value >> 64)) * (1 << 64) + <object><uint64_t>value


cdef class Ledger:
    """All accounts' cash, parts and positions.

    Args:
        limits: where the bands end, as (numerator, denominator) of warn, reduce-only and backstop.

    A row is what `open` returns for an account; it never changes. Amounts are micro-dollars.

    """

    def __init__(self, limits):
        self.shards = 1
        self.tables = []
        self.choices = {}
        self.free.resize(8)
        self.fees_row = UNKNOWN
        (
            (self.warn.numerator, self.warn.denominator),
            (self.reduce_only.numerator, self.reduce_only.denominator),
            (self.backstop.numerator, self.backstop.denominator),
        ) = limits

    # Rows

    def row_of_account(self, int64_t account_id):
        """Return an account's row, a new one if it has none.

        Raises:
            InvariantBroken: account ids do not ascend.

        """
        if self.row_of.count(account_id):
            return self.row_of[account_id]
        return self.open(account_id)

    cdef int32_t open(self, int64_t account_id) except -1:
        cdef Row row
        cdef Part part
        if self.rows.size() and self.rows.back().account_id >= account_id:
            raise InvariantBroken(f"account {account_id} opens after {self.rows.back().account_id}")
        row.account_id = account_id
        row.cash_micros = row.counted_micros = 0
        row.traded_micros[0] = row.traded_micros[1] = 0
        row.first = row.count = row.room = row.last_instrument_id = 0
        row.band = HEALTHY
        row.is_watched = row.is_reviewed = row.is_touched = row.has_chosen = row.is_pledged = 0
        part.cash_micros = part.counted_micros = 0
        part.value_micros = part.fees_micros = 0
        part.committed_micros = UNKNOWN
        self.rows.push_back(row)
        for _ in range(self.shards):
            self.parts.push_back(part)
        cdef int32_t at = <int32_t>self.rows.size() - 1
        self.row_of[account_id] = at
        if account_id == FEE_ACCOUNT_ID:
            self.fees_row = at
        return at

    cdef int32_t row(self, int64_t account_id) except -1:
        found = self.row_of.find(account_id)
        if found == self.row_of.end():
            raise InvariantBroken(f"account {account_id} does not exist")
        return self.row_of[account_id]

    def add_shard(self):
        """Give every account an empty part on one more shard."""
        cdef vector[Part] wider
        cdef Part empty
        cdef size_t row
        cdef int shard
        empty.cash_micros = empty.counted_micros = 0
        empty.value_micros = empty.fees_micros = 0
        empty.committed_micros = UNKNOWN
        wider.reserve(self.rows.size() * (self.shards + 1))
        for row in range(self.rows.size()):
            for shard in range(self.shards):
                wider.push_back(self.parts[row * self.shards + shard])
            wider.push_back(empty)
        self.parts.swap(wider)
        self.shards += 1

    def list_instrument(self, instrument):
        """Take over an instrument, or its new margin rates."""
        cdef Listed listed
        cdef MarginTable table = instrument.margin
        cdef int32_t instrument_id = instrument.instrument_id
        cdef int32_t slot
        if self.slot_of.count(instrument_id):
            slot = self.slot_of[instrument_id]
            self.tables[slot] = table
            self.listed[slot].tiers = &table.tiers
            self.listed[slot].max_leverage = instrument.max_leverage
            self.listed[slot].scaled_ppm = instrument.scaled_ppm
            return
        listed.instrument_id = instrument_id
        listed.shard = instrument.shard
        listed.mark_ticks = 0
        listed.price_time_ns = ANCIENT_NS
        listed.max_leverage = instrument.max_leverage
        listed.scaled_ppm = instrument.scaled_ppm
        listed.tiers = &table.tiers
        listed.total_lots = 0
        listed.long_lots = 0
        listed.total_cost_micros = 0
        listed.holders = 0
        listed.index_ticks = listed.weight_ppm = listed.cap_micros = listed.pledged_lots = 0
        self.pledges.resize(self.pledges.size() + 1)
        self.tables.append(table)
        self.slot_of[instrument_id] = <int32_t>self.listed.size()
        self.listed.push_back(listed)

    cdef int32_t slot(self, int32_t instrument_id) except -1:
        if not self.slot_of.count(instrument_id):
            raise InvariantBroken(f"instrument {instrument_id} is not listed")
        return self.slot_of[instrument_id]

    def mark(self, int32_t instrument_id, int64_t mark_price_ticks):
        """Value positions in an instrument at this mark from now on."""
        self.listed[self.slot(instrument_id)].mark_ticks = mark_price_ticks

    def index(self, int32_t instrument_id, int64_t index_price_ticks):
        """Let collateral in the base asset of an instrument count by this index from now on."""
        cdef int32_t slot = self.slot(instrument_id)
        self.listed[slot].index_ticks = index_price_ticks
        self.restate_all(slot)

    def date_price(self, int32_t instrument_id, price_time_ns):
        """Let credit rest on an instrument's prices, which are of this time; None if it may not, whatever their age."""
        self.listed[self.slot(instrument_id)].price_time_ns = ANCIENT_NS if price_time_ns is None else price_time_ns

    # Collateral

    def set_collateral(self, int32_t instrument_id, int64_t weight_ppm, int64_t cap_micros):
        """Let the base asset of an instrument count as collateral by these terms from now on."""
        cdef int32_t slot = self.slot(instrument_id)
        self.listed[slot].weight_ppm = weight_ppm
        self.listed[slot].cap_micros = cap_micros
        self.restate_all(slot)

    cdef void restate_all(self, int32_t slot) noexcept:
        for pledged in self.pledges[slot]:
            self.restate(pledged.first, slot)

    cdef void restate(self, int32_t row, int32_t slot) noexcept:
        """Take what a pledge counts now into its account and into its shard's part."""
        cdef Listed* listed = &self.listed[slot]
        cdef Pledge* pledge = &self.pledges[slot][row]
        cdef int64_t whole = counted(pledge.lots, listed.index_ticks, listed.weight_ppm, listed.cap_micros)
        cdef int64_t lent = counted(
            pledge.lots - pledge.held_lots, listed.index_ticks, listed.weight_ppm, listed.cap_micros
        )
        self.rows[row].counted_micros += whole - pledge.counted_micros
        self.parts[row * self.shards + listed.shard].counted_micros += lent - pledge.lent_micros
        pledge.counted_micros = whole
        pledge.lent_micros = lent

    def add_collateral(self, int32_t row, int32_t instrument_id, int64_t delta_lots):
        """Move lots of an asset into an account's collateral, or out of it; return what it has after.

        What is held for a withdrawal shrinks with what is left.

        Raises:
            InvariantBroken: it has not so many.

        """
        cdef int32_t slot = self.slot(instrument_id)
        cdef Pledge* pledge = &self.pledges[slot][row]
        cdef int64_t after = pledge.lots + delta_lots
        if after < 0:
            raise InvariantBroken(
                f"account {self.rows[row].account_id} has {pledge.lots} lots of collateral in instrument"
                f" {instrument_id}, {-delta_lots} leave"
            )
        pledge.lots = after
        pledge.held_lots = min(pledge.held_lots, after)
        self.listed[slot].pledged_lots += delta_lots
        self.restate(row, slot)
        if after == 0:
            self.pledges[slot].erase(row)
        self.rows[row].is_pledged = any(
            [self.pledges[each].count(row) for each in range(<int32_t>self.pledges.size())]
        )
        return after

    def hold_collateral(self, int32_t row, int32_t instrument_id, int64_t lots):
        """Let so many lots of an account's collateral wait for a withdrawal: no credit rests on them any more."""
        cdef int32_t slot = self.slot(instrument_id)
        if self.pledges[slot].count(row):
            self.pledges[slot][row].held_lots = lots
            self.restate(row, slot)

    def counted(self, int32_t row):
        """Return what an account's collateral counts at the last indexes."""
        return self.rows[row].counted_micros

    def collateral(self, int32_t row):
        """Return an account's collateral by instrument id: (instrument id, lots, lots held, what they count)."""
        cdef int32_t slot
        cdef Pledge pledge
        found = []
        for slot in range(<int32_t>self.listed.size() if self.rows[row].is_pledged else 0):
            if self.pledges[slot].count(row):
                pledge = self.pledges[slot][row]
                found.append((self.listed[slot].instrument_id, pledge.lots, pledge.held_lots, pledge.counted_micros))
        found.sort()
        return found

    def all_collateral(self):
        """Return the collateral of all accounts: (account id, instrument id, lots, lots held), by account and asset."""
        cdef size_t row
        return [
            (self.rows[row].account_id, instrument_id, lots, held_lots)
            for row in range(self.rows.size())
            if self.rows[row].is_pledged
            for instrument_id, lots, held_lots, _ in self.collateral(<int32_t>row)
        ]

    def pledged_lots(self):
        """Return the lots of collateral of all accounts together, by instrument; of those that somebody gave."""
        cdef size_t slot
        return {
            self.listed[slot].instrument_id: self.listed[slot].pledged_lots
            for slot in range(self.listed.size())
            if self.listed[slot].pledged_lots
        }

    # Money

    def cash(self, int32_t row):
        """Return an account's cash."""
        return self.rows[row].cash_micros

    def part(self, int32_t row, int32_t shard):
        """Return an account's (cash, counted value, counted fees) on a shard; the sums are modulo 2^64."""
        cdef Part* part = &self.parts[row * self.shards + shard]
        return part.cash_micros, <int64_t>part.value_micros, <int64_t>part.fees_micros

    def add_cash(self, int32_t row, int64_t amount_micros, int32_t instrument_id):
        """Move cash in or out, on the shard of an instrument, or parted evenly among all if that is 0."""
        if instrument_id:
            self.parts[row * self.shards + self.listed[self.slot(instrument_id)].shard].cash_micros += amount_micros
        else:
            self.part_evenly(row, amount_micros)
        self.rows[row].cash_micros += amount_micros
        self.conserved += amount_micros

    def add_part(self, int32_t row, int32_t shard, int64_t amount_micros):
        """Move an account's cash on one shard alone; what moves so sums to 0 or follows by `add_total`."""
        self.parts[row * self.shards + shard].cash_micros += amount_micros

    def add_parts_evenly(self, int32_t row, int64_t amount_micros):
        """Part an amount evenly among an account's shards alone; what does not divide goes to shard 0."""
        self.part_evenly(row, amount_micros)

    def add_total(self, int32_t row, int64_t amount_micros):
        """Move an account's cash without its parts, which moved before."""
        self.rows[row].cash_micros += amount_micros
        self.conserved += amount_micros

    cdef void part_evenly(self, int32_t row, int64_t amount_micros) noexcept:
        cdef int64_t each = amount_micros // self.shards
        cdef int shard
        for shard in range(self.shards):
            self.parts[row * self.shards + shard].cash_micros += each
        self.parts[row * self.shards].cash_micros += amount_micros - each * self.shards

    def committed(self, int32_t row, int32_t shard):
        """Return what a shard said that an account has committed there, or None if that may be less by now."""
        cdef int64_t committed = self.parts[row * self.shards + shard].committed_micros
        if committed == UNKNOWN:
            return None
        return committed

    def note_committed(self, int64_t account_id, int32_t shard, committed_micros):
        """Take note of what a shard said; None forgets it."""
        cdef int32_t row = self.row(account_id)
        self.parts[row * self.shards + shard].committed_micros = (
            UNKNOWN if committed_micros is None else committed_micros
        )

    @property
    def conserved_micros(self):
        """Sum over all accounts of cash less cost (INV-010)."""
        return wide(self.conserved)

    # Positions

    cdef Holding* find(self, int32_t row, int32_t instrument_id) noexcept:
        cdef Row* of = &self.rows[row]
        cdef int32_t at
        for at in range(of.first, of.first + of.count):
            if self.holdings[at].instrument_id == instrument_id:
                return &self.holdings[at]
        return NULL

    cdef Holding* made(self, int32_t row, int32_t slot) except NULL:
        """Make room for a holding and return it, at 0."""
        cdef Row* of = &self.rows[row]
        cdef int32_t room, first, at, order = 0
        if of.count == of.room:
            room = 2 * of.room if of.room else LEAST_ROOM
            while (LEAST_ROOM << order) < room:
                order += 1
            if order >= <int32_t>self.free.size():
                raise InvariantBroken(f"account {of.account_id} has {of.count} positions, more than the ledger keeps")
            if self.free[order].size():
                first = self.free[order].back()
                self.free[order].pop_back()
            else:
                first = <int32_t>self.holdings.size()
                self.holdings.resize(self.holdings.size() + room)
            if of.room:
                memcpy(&self.holdings[first], &self.holdings[of.first], of.count * sizeof(Holding))
                self.free[order - 1].push_back(of.first)
            of.first = first
            of.room = room
        cdef int32_t instrument_id = self.listed[slot].instrument_id
        at = of.first + of.count
        while at > of.first and self.holdings[at - 1].instrument_id > instrument_id:
            self.holdings[at] = self.holdings[at - 1]
            at -= 1
        self.holdings[at].lots = self.holdings[at].cost_micros = 0
        self.holdings[at].instrument_id = instrument_id
        self.holdings[at].slot = slot
        of.count += 1
        self.listed[slot].holders += 1
        return &self.holdings[at]

    cdef void drop(self, int32_t row, Holding* holding) noexcept:
        cdef Row* of = &self.rows[row]
        cdef size_t behind = &self.holdings[of.first + of.count - 1] - holding
        self.listed[holding.slot].holders -= 1
        memmove(holding, holding + 1, behind * sizeof(Holding))
        of.count -= 1

    cdef LegBooked book_fill(
        self, int32_t row, int32_t slot, int64_t delta_lots, int64_t value_micros, int64_t fee_micros
    ) except *:
        """Book one side of a trade or transfer: position, cash, fee account, sums; the one place where lots change."""
        cdef Listed* listed = &self.listed[slot]
        cdef Holding* holding = self.find(row, listed.instrument_id)
        cdef int64_t lots = 0, cost = 0
        if holding != NULL:
            lots, cost = holding.lots, holding.cost_micros
        cdef LegBooked leg = book(lots, cost, delta_lots, value_micros)
        if leg.lots == 0:
            if holding != NULL:
                self.drop(row, holding)
        else:
            if holding == NULL:
                holding = self.made(row, slot)
            holding.lots = leg.lots
            holding.cost_micros = leg.cost_micros
        cdef int64_t gained = leg.realised_micros - fee_micros
        cdef Part* part = &self.parts[row * self.shards + listed.shard]
        part.cash_micros += gained
        part.value_micros += <uint64_t>value_micros
        part.fees_micros += <uint64_t>fee_micros
        part.committed_micros = UNKNOWN
        self.rows[row].cash_micros += gained
        self.rows[row].last_instrument_id = listed.instrument_id
        self.rows[self.fees_row].cash_micros += fee_micros
        self.part_evenly(self.fees_row, fee_micros)
        self.conserved += leg.realised_micros - (leg.cost_micros - cost)
        listed.total_lots += delta_lots
        listed.long_lots += (leg.lots if leg.lots > 0 else 0) - (lots if lots > 0 else 0)
        listed.total_cost_micros += leg.cost_micros - cost
        self.touch_row(row)
        return leg

    def book(self, int32_t row, int32_t instrument_id, delta_lots, value_micros, fee_micros):
        """Book one side of a trade or transfer onto an account; return the leg.

        Raises:
            InvariantBroken: the instrument is not listed.
            OverflowError: the cost does not fit 64 bits.

        """
        cdef LegBooked leg = self.book_fill(row, self.slot(instrument_id), delta_lots, value_micros, fee_micros)
        return Leg(leg.lots, leg.cost_micros, leg.realised_micros)

    # Leverage

    def choose(self, int32_t row, int32_t instrument_id, int leverage):
        """Margin an account's position in an instrument at this leverage from now on, or `NO_CHOICE`.

        Raises:
            InvariantBroken: the instrument is not listed.

        """
        self.slot(instrument_id)
        chosen = dict(self.choices.get(row, ()))
        chosen[instrument_id] = leverage
        self.choices[row] = {key: chosen[key] for key in sorted(chosen) if chosen[key] != NO_CHOICE}
        self.rows[row].has_chosen = len(self.choices[row]) > 0

    def chosen(self, int32_t row):
        """Return the leverages that an account has chosen, by instrument id, ascending."""
        return self.choices[row] if self.rows[row].has_chosen else {}

    cdef int64_t leverage_of(self, int32_t row, Listed* listed) except -1:
        """Return the leverage of an account in an instrument; the tier's applies where it is lower."""
        if not self.rows[row].has_chosen:
            return listed.max_leverage
        return self.choices[row].get(listed.instrument_id, listed.max_leverage)

    # What was traded today

    cdef void count_traded(self, int32_t row, int role, int64_t value_micros) noexcept:
        self.rows[row].traded_micros[role] += value_micros if value_micros > 0 else -value_micros
        self.trades_today = True

    def add_traded(self, int32_t row, int64_t taker_micros, int64_t maker_micros):
        """Add to what an account's orders traded today."""
        self.count_traded(row, 0, taker_micros)
        self.count_traded(row, 1, maker_micros)

    @property
    def has_traded(self):
        """Whether anything was traded since the last `take_traded`."""
        return self.trades_today

    def traded(self, int32_t row):
        """Return what an account's orders traded today: (as taker, as maker)."""
        return self.rows[row].traded_micros[0], self.rows[row].traded_micros[1]

    def all_traded(self):
        """Return (account id, as taker, as maker) of all who traded today, by id."""
        cdef size_t row
        cdef Row* of
        found = []
        for row in range(self.rows.size() if self.trades_today else 0):
            of = &self.rows[row]
            if of.traded_micros[0] or of.traded_micros[1]:
                found.append((of.account_id, of.traded_micros[0], of.traded_micros[1]))
        return found

    def take_traded(self):
        """Return `all_traded`, and begin anew."""
        cdef size_t row
        found = self.all_traded()
        for row in range(self.rows.size() if self.trades_today else 0):
            self.rows[row].traded_micros[0] = self.rows[row].traded_micros[1] = 0
        self.trades_today = False
        return found

    def position(self, int32_t row, int32_t instrument_id):
        """Return an account's (lots, cost) in an instrument; (0, 0) for none."""
        cdef Holding* holding = self.find(row, instrument_id)
        if holding == NULL:
            return 0, 0
        return holding.lots, holding.cost_micros

    def positions(self, int32_t row):
        """Return an account's (instrument id, lots, cost), by instrument id."""
        cdef Row* of = &self.rows[row]
        cdef int32_t at
        return [
            (self.holdings[at].instrument_id, self.holdings[at].lots, self.holdings[at].cost_micros)
            for at in range(of.first, of.first + of.count)
        ]

    def instruments_of(self, int32_t row):
        """Return the ids of the instruments in which an account has a position, ascending."""
        cdef Row* of = &self.rows[row]
        cdef int32_t at
        return [self.holdings[at].instrument_id for at in range(of.first, of.first + of.count)]

    def position_count(self, int32_t row):
        """Return in how many instruments an account has a position."""
        return self.rows[row].count

    def last_instrument_id(self, int32_t row):
        """Return where an account traded last, or 0."""
        return self.rows[row].last_instrument_id

    def holders(self, int32_t instrument_id):
        """Return the ids of the accounts with a position in an instrument, ascending."""
        cdef size_t row
        if not self.slot_of.count(instrument_id):
            return []
        return [
            self.rows[row].account_id
            for row in range(self.rows.size())
            if self.find(<int32_t>row, instrument_id) != NULL
        ]

    def held(self):
        """Return the ids of the instruments in which somebody has a position, or collateral."""
        cdef size_t slot
        return {
            self.listed[slot].instrument_id
            for slot in range(self.listed.size())
            if self.listed[slot].holders or self.listed[slot].pledged_lots
        }

    def total_lots(self):
        """Return the sum of all positions by instrument; all are 0 after a transaction (INV-020)."""
        cdef size_t slot
        return {self.listed[slot].instrument_id: self.listed[slot].total_lots for slot in range(self.listed.size())}

    def open_interest(self, int32_t instrument_id):
        """Return the sum of all long positions in an instrument."""
        return self.listed[self.slot(instrument_id)].long_lots

    def total_cost_micros(self):
        """Return the cost of all positions by instrument (INV-030)."""
        cdef size_t slot
        return {
            self.listed[slot].instrument_id: wide(self.listed[slot].total_cost_micros)
            for slot in range(self.listed.size())
        }

    def check(self):
        """Check that positions sum to zero in every instrument.

        Raises:
            InvariantBroken: they do not (INV-020).

        """
        cdef size_t slot
        for slot in range(self.listed.size()):
            if self.listed[slot].total_lots:
                raise InvariantBroken(
                    f"INV-020: positions in instrument {self.listed[slot].instrument_id} sum to"
                    f" {self.listed[slot].total_lots} lots"
                )

    # Health

    cdef Health health_of(self, int32_t row) noexcept:
        """Return equity and maintenance margin at the last marks (MRGN-010, MRGN-020)."""
        cdef Row* of = &self.rows[row]
        cdef Health health
        cdef Holding* holding
        cdef Listed* listed
        cdef int64_t mark, value
        cdef int32_t at
        health.equity_micros = of.cash_micros + of.counted_micros
        health.maintenance_micros = 0
        for at in range(of.first, of.first + of.count):
            holding = &self.holdings[at]
            listed = &self.listed[holding.slot]
            mark = mark_or_entry(listed, holding)
            value = holding.lots * mark
            health.equity_micros += value - holding.cost_micros
            health.maintenance_micros += maintenance_of(listed.tiers, value if value > 0 else -value)
        return health

    cdef int band_of(self, Health health) noexcept:
        """Return the band of equity / maintenance margin; see `valuation.health_band`."""
        cdef int128 equity = health.equity_micros, maintenance = health.maintenance_micros
        if equity < 0:
            return BANKRUPT
        if self.backstop.denominator * equity < self.backstop.numerator * maintenance:
            return BACKSTOP
        if equity < maintenance:
            return LIQUIDATION
        if self.reduce_only.denominator * equity < self.reduce_only.numerator * maintenance:
            return REDUCE_ONLY
        if self.warn.denominator * equity < self.warn.numerator * maintenance:
            return WARNED
        return HEALTHY

    def health(self, int32_t row, dict marks, counted=None):
        """Return an account's (equity, maintenance margin); see `value`."""
        cdef Row* of = &self.rows[row]
        cdef Holding* holding
        cdef Listed* listed
        cdef Health health
        cdef int64_t value
        cdef int32_t at
        if not marks and counted is None:
            health = self.health_of(row)
            return health.equity_micros, health.maintenance_micros
        cdef int64_t equity = of.cash_micros, maintenance = 0
        equity += of.counted_micros if counted is None else <int64_t>counted
        for at in range(of.first, of.first + of.count):
            holding = &self.holdings[at]
            listed = &self.listed[holding.slot]
            given = marks.get(holding.instrument_id)
            value = holding.lots * (mark_or_entry(listed, holding) if given is None else <int64_t>given)
            equity += value - holding.cost_micros
            maintenance += maintenance_of(listed.tiers, value if value > 0 else -value)
        return equity, maintenance

    def value(self, int32_t row, dict marks, counted=None):
        """Value an account at given marks, and where there is none at the last ones.

        Args:
            row: the account.
            marks: by instrument, in ticks.
            counted: what its collateral counts; None for what it does at the last indexes.

        Returns:
            Equity, maintenance margin, initial margin, notional, and of each position by instrument id (instrument id,
            lots, mark, notional, unrealised gain, maintenance margin, initial margin, and the least that the
            instrument asks for) (MRGN-010, MRGN-020).

        """
        cdef Row* of = &self.rows[row]
        cdef Holding* holding
        cdef Listed* listed
        cdef int64_t equity = of.cash_micros, maintenance = 0, initial = 0, total = 0
        equity += of.counted_micros if counted is None else <int64_t>counted
        cdef int64_t mark, notional, gain, needed, asked, least
        cdef int32_t at
        legs = []
        for at in range(of.first, of.first + of.count):
            holding = &self.holdings[at]
            listed = &self.listed[holding.slot]
            given = marks.get(holding.instrument_id)
            mark = mark_or_entry(listed, holding) if given is None else given
            notional = holding.lots * mark
            gain = notional - holding.cost_micros
            notional = notional if notional > 0 else -notional
            needed = maintenance_of(listed.tiers, notional)
            equity += gain
            maintenance += needed
            asked = initial_of(listed.tiers, notional, self.leverage_of(row, listed), listed.scaled_ppm)
            initial += asked
            total += notional
            least = initial_of(listed.tiers, notional, listed.max_leverage, 0)
            legs.append((holding.instrument_id, holding.lots, mark, notional, gain, needed, asked, least))
        return equity, maintenance, initial, total, legs

    def with_table(self, int32_t instrument_id, MarginTable table):
        """Return what another margin table of an instrument would mean to its holders, at the last marks.

        Returns:
            By account id: (account id, equity, maintenance margin now, maintenance margin with the table).

        """
        cdef size_t row
        cdef Holding* holding
        cdef Health health
        cdef int64_t value, after
        found = []
        for row in range(self.rows.size()):
            holding = self.find(<int32_t>row, instrument_id)
            if holding == NULL:
                continue
            health = self.health_of(<int32_t>row)
            value = holding.lots * mark_or_entry(&self.listed[holding.slot], holding)
            value = value if value > 0 else -value
            after = health.maintenance_micros - maintenance_of(self.listed[holding.slot].tiers, value)
            after += maintenance_of(&table.tiers, value)
            found.append((self.rows[row].account_id, health.equity_micros, health.maintenance_micros, after))
        return found

    def band(self, int32_t row):
        """Return the band that was told of an account last."""
        return self.rows[row].band

    def band_at(self, int64_t equity_micros, int64_t maintenance_micros):
        """Return the number of the band that an account with this equity and maintenance margin is in."""
        cdef Health health
        health.equity_micros = equity_micros
        health.maintenance_micros = maintenance_micros
        return self.band_of(health)

    def marks_of(self, int32_t row):
        """Return the marks at which an account's positions are valued, by instrument id, ascending."""
        cdef Row* of = &self.rows[row]
        cdef int32_t at
        return {
            self.holdings[at].instrument_id: mark_or_entry(&self.listed[self.holdings[at].slot], &self.holdings[at])
            for at in range(of.first, of.first + of.count)
        }

    def set_band(self, int32_t row, int band):
        """Remember the band that was told of an account."""
        self.rows[row].band = <uint8_t>band

    def watch(self, int32_t row, bint is_watched):
        """Have an account reviewed after each fact that concerns it, and its trades booked one by one."""
        self.rows[row].is_watched = is_watched

    cdef bint is_news(self, int32_t row) noexcept:
        """Tell whether an account must be reviewed: it is watched, in distress, or its band is not the one told.

        So must one that owes cash and has collateral, part of which may have to be converted.
        """
        cdef int band
        if self.rows[row].is_watched or (self.rows[row].is_pledged and self.rows[row].cash_micros < 0):
            return True
        band = self.band_of(self.health_of(row))
        return band != self.rows[row].band or band >= LIQUIDATION

    def sweep(self, int32_t instrument_id):
        """Return the ids of those holders of an instrument that must be reviewed, ascending; all holders are touched.

        It is asked whenever a mark has moved, so it looks at every account that has the instrument, and at those whose
        collateral counts by its index.
        """
        cdef size_t row
        cdef int32_t slot = self.slot(instrument_id)
        found = []
        for row in range(self.rows.size()):
            if (self.rows[row].count and self.find(<int32_t>row, instrument_id) != NULL) or (
                self.rows[row].is_pledged and self.pledges[slot].count(<int32_t>row)
            ):
                self.touch_row(<int32_t>row)
                if self.is_news(<int32_t>row):
                    found.append(self.rows[row].account_id)
        return found

    def standings(self, int32_t row):
        """Return how an account stands on each shard, at the last marks: a `Standing` without holds and relief."""
        cdef int32_t shard
        return [self.standing(row, shard) for shard in range(self.shards)]

    cdef object standing(self, int32_t row, int32_t shard):
        cdef Row* of = &self.rows[row]
        cdef Part* part = &self.parts[row * self.shards + shard]
        cdef int64_t equity = part.cash_micros + part.counted_micros
        cdef int64_t initial = 0, oldest_ns = INT64_MAX
        cdef int64_t mark, value, leverage
        cdef Holding* holding
        cdef Listed* listed
        cdef int32_t at
        rows = []
        for at in range(of.first, of.first + of.count):
            holding = &self.holdings[at]
            listed = &self.listed[holding.slot]
            if listed.shard != shard:
                continue
            mark = mark_or_entry(listed, holding)
            value = holding.lots * mark
            equity += value - holding.cost_micros
            leverage = self.leverage_of(row, listed)
            initial += initial_of(listed.tiers, value if value > 0 else -value, leverage, listed.scaled_ppm)
            oldest_ns = min(oldest_ns, listed.price_time_ns)
            rows.append(_made(LineRow, (holding.instrument_id, holding.lots, mark, leverage, listed.scaled_ppm)))
        if of.has_chosen:
            # Without a row the shard would charge the instrument's largest leverage.
            for instrument_id, chosen in self.choices[row].items():
                listed = &self.listed[self.slot(instrument_id)]
                if listed.shard == shard and self.find(row, instrument_id) == NULL:
                    rows.append(_made(LineRow, (instrument_id, 0, 0, chosen, 0)))
            rows.sort()
        if of.is_pledged:
            for at in range(<int32_t>self.listed.size()):
                listed = &self.listed[at]
                if listed.shard == shard and listed.weight_ppm and self.pledges[at].count(row):
                    oldest_ns = min(oldest_ns, listed.price_time_ns)
        oldest_ns = 0 if oldest_ns == INT64_MAX else oldest_ns
        sums = <int64_t>part.value_micros, <int64_t>part.fees_micros
        return _made(Standing, (equity, initial, tuple(rows), *sums, oldest_ns, 0))

    # Lines

    cdef void touch_row(self, int32_t row) noexcept:
        if not self.rows[row].is_touched:
            self.rows[row].is_touched = 1
            self.touched.push_back(row)

    def touch(self, int64_t account_id):
        """Remember that an account's credit line has changed."""
        self.touch_row(self.row(account_id))

    def touch_all(self):
        """Remember that every account's credit line has changed."""
        cdef size_t row
        for row in range(self.rows.size()):
            self.touch_row(<int32_t>row)

    def take_touched(self):
        """Return the ids of the accounts touched since the last call, ascending."""
        cdef int32_t row
        ids = []
        for row in self.touched:
            self.rows[row].is_touched = 0
            ids.append(self.rows[row].account_id)
        self.touched.clear()
        ids.sort()
        return ids

    # Bytes

    def dump(self):
        """Return all rows as bytes: equal ledgers give equal bytes, and `restore` reads them."""
        cdef bytearray out = bytearray()
        cdef int64_t head[4]
        cdef int64_t values[3]
        cdef size_t row
        cdef int32_t at, shard
        cdef Row* of
        for row in range(self.rows.size()):
            of = &self.rows[row]
            head[0], head[1], head[2] = of.account_id, of.cash_micros, of.count
            head[3] = (<int64_t>of.last_instrument_id << 8) | of.band
            out += (<char*>head)[: sizeof(head)]
            for shard in range(self.shards):
                values[0] = self.parts[row * self.shards + shard].cash_micros
                values[1] = <int64_t>self.parts[row * self.shards + shard].value_micros
                values[2] = <int64_t>self.parts[row * self.shards + shard].fees_micros
                out += (<char*>values)[: sizeof(values)]
            for at in range(of.first, of.first + of.count):
                values[0] = self.holdings[at].instrument_id
                values[1], values[2] = self.holdings[at].lots, self.holdings[at].cost_micros
                out += (<char*>values)[: sizeof(values)]
        return bytes(out)

    def restore(self, const uint8_t[::1] data, int shards):
        """Read what `dump` wrote into a ledger that has instruments and no accounts.

        Raises:
            InvariantBroken: the bytes end amid a row, or an account's parts are not its cash.

        """
        cdef size_t at = 0, size = data.shape[0]
        cdef int64_t head[4]
        cdef int64_t values[3]
        cdef int64_t parted
        cdef int32_t row, shard
        cdef Holding* holding
        while self.shards < shards:
            self.add_shard()
        while at < size:
            if size - at < sizeof(head) + shards * sizeof(values):
                raise InvariantBroken("the ledger's bytes end amid an account")
            memcpy(head, &data[at], sizeof(head))
            at += sizeof(head)
            row = self.open(head[0])
            self.rows[row].cash_micros = head[1]
            self.rows[row].last_instrument_id = <int32_t>(head[3] >> 8)
            self.rows[row].band = <uint8_t>(head[3] & 0xFF)
            self.conserved += head[1]
            parted = 0
            for shard in range(shards):
                memcpy(values, &data[at], sizeof(values))
                at += sizeof(values)
                self.parts[row * self.shards + shard].cash_micros = values[0]
                self.parts[row * self.shards + shard].value_micros = <uint64_t>values[1]
                self.parts[row * self.shards + shard].fees_micros = <uint64_t>values[2]
                parted += values[0]
            if parted != head[1]:
                raise InvariantBroken(f"account {head[0]} has cash {head[1]}, its parts {parted}")
            if head[2] < 0 or (size - at) // sizeof(values) < <size_t>head[2]:
                raise InvariantBroken("the ledger's bytes end amid an account's positions")
            for _ in range(head[2]):
                memcpy(values, &data[at], sizeof(values))
                at += sizeof(values)
                holding = self.made(row, self.slot(<int32_t>values[0]))
                holding.lots, holding.cost_micros = values[1], values[2]
                self.conserved -= values[2]
                self.listed[holding.slot].total_lots += values[1]
                self.listed[holding.slot].long_lots += values[1] if values[1] > 0 else 0
                self.listed[holding.slot].total_cost_micros += values[2]
