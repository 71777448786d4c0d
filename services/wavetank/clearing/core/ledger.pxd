"""C surface of `ledger`: rows of accounts, and the booking of legs onto them."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libcpp.map cimport map as ordered_map
from libcpp.unordered_map cimport unordered_map
from libcpp.vector cimport vector

from wavetank.model.margin cimport MarginTiers
from wavetank.model.money cimport int128

cdef enum:
    # Numbers of `health.HealthBand`.
    HEALTHY = 1
    WARNED = 2
    REDUCE_ONLY = 3
    LIQUIDATION = 4
    BACKSTOP = 5
    BANKRUPT = 6

cdef struct Holding:
    int64_t lots
    int64_t cost_micros
    int32_t instrument_id
    int32_t slot

cdef struct Row:
    int64_t account_id
    int64_t cash_micros
    # What its collateral counts at the last indexes (MRGN-080).
    int64_t counted_micros
    # Its holdings, by instrument id, are `holdings[first : first + count]`; there is room for more.
    int32_t first
    int32_t count
    int32_t room
    int32_t last_instrument_id
    # What its orders traded today, taking and making (FEE-010).
    int64_t traded_micros[2]
    uint8_t band
    # Whether somebody must look at it after every fact; see `Ledger.watch`.
    uint8_t is_watched
    uint8_t is_reviewed
    uint8_t is_touched
    # Whether it has chosen a leverage anywhere.
    uint8_t has_chosen
    # Whether it has collateral.
    uint8_t is_pledged

# What an account has on one shard.
cdef struct Part:
    int64_t cash_micros
    # What the collateral counts whose instruments trade there, without what is held for a withdrawal.
    int64_t counted_micros
    uint64_t value_micros
    uint64_t fees_micros
    # What the shard said is committed there, or UNKNOWN.
    int64_t committed_micros

cdef struct Listed:
    int32_t instrument_id
    int32_t shard
    int64_t mark_ticks
    # Venue time of its prices as far as credit may rest on them, else long ago.
    int64_t price_time_ns
    int64_t max_leverage
    int64_t scaled_ppm
    MarginTiers* tiers
    int64_t total_lots
    int64_t long_lots
    int128 total_cost_micros
    int64_t holders
    # Its base asset as collateral: the index by which it counts, its terms, and what all accounts gave.
    int64_t index_ticks
    int64_t weight_ppm
    int64_t cap_micros
    int64_t pledged_lots

# One account's collateral of one asset, and what it counts in the account and on the shard.
cdef struct Pledge:
    int64_t lots
    # Part of the lots that waits to be withdrawn.
    int64_t held_lots
    int64_t counted_micros
    int64_t lent_micros

cdef struct LegBooked:
    int64_t lots
    int64_t cost_micros
    int64_t realised_micros

cdef struct Health:
    int64_t equity_micros
    int64_t maintenance_micros

cdef struct Limit:
    int64_t numerator
    int64_t denominator

cdef LegBooked book(int64_t lots, int64_t cost_micros, int64_t delta_lots, int64_t value_micros) except *

cdef class Ledger:
    cdef vector[Row] rows
    cdef vector[Holding] holdings
    cdef vector[Part] parts
    cdef vector[Listed] listed
    cdef vector[vector[int32_t]] free
    # By slot, what each row has given of the asset, by row.
    cdef vector[ordered_map[int32_t, Pledge]] pledges
    cdef unordered_map[int64_t, int32_t] row_of
    cdef unordered_map[int32_t, int32_t] slot_of
    cdef vector[int32_t] touched
    cdef readonly int shards
    cdef int128 conserved
    cdef Limit warn
    cdef Limit reduce_only
    cdef Limit backstop
    cdef list tables
    # Chosen leverages by instrument id, by row.
    cdef dict choices
    cdef int32_t fees_row
    cdef bint trades_today

    cdef int32_t open(self, int64_t account_id) except -1
    cdef int32_t row(self, int64_t account_id) except -1
    cdef int32_t slot(self, int32_t instrument_id) except -1
    cdef Holding* find(self, int32_t row, int32_t instrument_id) noexcept
    cdef Holding* made(self, int32_t row, int32_t slot) except NULL
    cdef void drop(self, int32_t row, Holding* holding) noexcept
    cdef LegBooked book_fill(
        self, int32_t row, int32_t slot, int64_t delta_lots, int64_t value_micros, int64_t fee_micros
    ) except *
    cdef void restate(self, int32_t row, int32_t slot) noexcept
    cdef void restate_all(self, int32_t slot) noexcept
    cdef void part_evenly(self, int32_t row, int64_t amount_micros) noexcept
    cdef int64_t leverage_of(self, int32_t row, Listed* listed) except -1
    cdef object standing(self, int32_t row, int32_t shard)
    cdef Health health_of(self, int32_t row) noexcept
    cdef int band_of(self, Health health) noexcept
    cdef void count_traded(self, int32_t row, int role, int64_t value_micros) noexcept
    cdef void touch_row(self, int32_t row) noexcept
    cdef bint is_news(self, int32_t row) noexcept
