"""Credit lines as the matching core takes them (PROTOCOL R2): plain values of what clearing sends.

They are inputs, not state: a restarted shard has none until clearing sends them anew (R10).
"""

from __future__ import annotations

from dataclasses import dataclass

from wavetank.model.fees import NO_OWN_RATES, FeeRates
from wavetank.model.orders import LineCharge, LineStatus


class LedgersDisagree(Exception):
    """The shard and clearing count the same account differently, or the log lost entries (PROTOCOL R4)."""


@dataclass(frozen=True, slots=True)
class CreditRow:
    """One instrument of a line: what clearing counted, and what margin is charged at."""

    instrument_id: int
    position_lots: int
    margin_price_ticks: int
    """0 for a row that only names the leverage: no position, and the latest mark and share as without a row."""
    leverage: int
    """The account's own; 0 takes the instrument's highest."""
    scaled_ppm: int = 0
    """Share of what the leverage leaves unmargined that open interest asks for (MRGN-020)."""


@dataclass(frozen=True, slots=True)
class PositionLimit:
    """What an account may come to in an instrument, on either side; 0 is no limit (MRGN-070)."""

    instrument_id: int
    size_lots: int
    exposure_micros: int


@dataclass(frozen=True, slots=True)
class GroupLimit:
    """What an account may come to in a correlation group; money in micro-dollars, 0 is no limit (MRGN-070)."""

    instrument_ids: tuple[int, ...]
    """The group's on this shard."""
    net_micros: int
    gross_micros: int
    elsewhere_long_micros: int = 0
    """Notional of the group's long positions on other shards, as clearing has counted them."""
    elsewhere_short_micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLine:
    """What an account may commit on this shard; amounts in micro-dollars, times in venue nanoseconds."""

    account_id: int
    line_epoch: int
    line_number: int
    as_of_seq: int
    """Seq of this shard's log up to which clearing has counted."""
    budget_micros: int
    elsewhere_micros: int = 0
    """What other shards have to spare for the account; an order within it is refused for now only (R9)."""
    counted_value_micros: int = 0
    """Q: signed value of all counted trades and transfers, modulo 2^64."""
    counted_fees_micros: int = 0
    """F: all counted fees, modulo 2^64."""
    status: LineStatus = LineStatus.NORMAL
    acknowledge: bool = False
    """Whether the shard must log CreditApplied."""
    rows: tuple[CreditRow, ...] = ()
    mark_time_ns: int = 0
    """Oldest time of the marks and indexes that the line rests on; 0 if it rests on none."""
    fee_rates: FeeRates = NO_OWN_RATES
    """The account's own; an order is charged the lower of them and the instrument's (FEE-010)."""
    charge: LineCharge = LineCharge.GROSS
    """How positions that changed since are charged."""
    equity_micros: int = 0
    """Equity behind the positions here, as counted: what orders that only reduce may lose (R7)."""
    only_instrument_id: int = 0
    """What an isolated account may trade; 0 for everything (MRGN-030)."""
    position_limits: tuple[PositionLimit, ...] = ()
    group_limits: tuple[GroupLimit, ...] = ()
