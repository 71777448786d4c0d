"""Inputs of a matching shard as plain values, and the small venue that they are for.

A value means the same in another run, so a failing run can be made shorter by leaving inputs out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.model.matching import Ask, Shard
from wavetank.matching.core.credit import CreditLine, CreditRow, GroupLimit, PositionLimit
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.fees import NO_OWN_RATES, FeeRates
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.orders import InstrumentState, LineStatus

NOT_YET: frozenset[str] = frozenset()
"""What the engine lacks still; it is left out of what is sent and compared."""

BEAT_NS = 250_000_000
"""Time passes in these; a dead-man switch waits four of them at least."""

CLIENTS = (1000, 1001, 1002, 1003)
SETTINGS = EngineSettings(
    credit_ttl_ns=30 * BEAT_NS,
    stale_after_ns=45 * BEAT_NS,
    remembered_client_ids=3,
    max_open_orders=8,
    depth_band_ppm=50_000,
)

# A hundred ticks a dollar and two figures: from 100 ticks on the step is 10. Small numbers, so that every limit, every
# rounding and both margin tiers are met often.
INSTRUMENTS = (
    Instrument(
        instrument_id=1,
        symbol="AAA",
        size_decimals=4,
        tiers=(MarginTier(0, 10), MarginTier(3_000, 4)),
        significant_figures=2,
        min_notional_micros=150,
        max_order_lots=50,
        max_position_lots=70,
        open_interest_cap_lots=60,
        price_band_ppm=200_000,
        impact_notional_micros=1_700,
    ),
    Instrument(
        instrument_id=2,
        symbol="BBB",
        size_decimals=2,
        tiers=(MarginTier(0, 3), MarginTier(1_000, 2, 400_000)),
        significant_figures=0,
        taker_fee_ppm=2_500,
        maker_fee_ppm=-700,
        min_notional_micros=0,
        price_band_ppm=500_000,
        impact_notional_micros=333,
    ),
)


# Inputs ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes; nothing is sent."""

    ns: int


@dataclass(frozen=True, slots=True)
class Send:
    """Commands, in one call."""

    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark price, with its index price."""

    instrument_id: int
    mark: int
    index: int
    stale: bool


@dataclass(frozen=True, slots=True)
class Gate:
    """Clearing opens or closes the shard."""

    is_open: bool


@dataclass(frozen=True, slots=True)
class Move:
    """An instrument comes into another state."""

    instrument_id: int
    state: InstrumentState


@dataclass(frozen=True, slots=True)
class Scale:
    """Open interest asks for another share of what leverages leave unmargined."""

    instrument_id: int
    scaled_ppm: int


FlatRow = Literal["", "leverage", "whole"]


@dataclass(frozen=True, slots=True)
class Line:
    """A true credit line: what a ledger would send that has counted all but the last `behind` events."""

    account_id: int
    behind: int
    shifts: tuple[tuple[int, int, int], ...]
    """For each instrument how far its margin price is from the mark, the leverage, and the share of open interest."""
    with_flat: tuple[FlatRow, ...]
    """For each instrument whether a flat position gets a row too."""
    budget_micros: int
    elsewhere_micros: int
    status: LineStatus
    acknowledge: bool
    age_ns: int
    number_back: int
    fee_rates: FeeRates = NO_OWN_RATES
    position_limits: tuple[PositionLimit, ...] = ()
    group_limits: tuple[GroupLimit, ...] = ()
    equity_micros: int = 10**6

    def line(self, shard: Shard, now: int, lines_sent: int) -> CreditLine:
        account = shard.accounts.get(self.account_id)
        as_of = max(0, shard.next_seq - 1 - self.behind)
        counted = [entry for entry in (account.history if account else []) if entry[0] <= as_of]
        rows = []
        for instrument_id, (shift, leverage, scaled), flat in zip(
            shard.instruments, self.shifts, self.with_flat, strict=True
        ):
            position = sum(entry[2] for entry in counted if entry[1] == instrument_id)
            if position or flat == "whole":
                price = max(1, shard.marks.get(instrument_id, (100, False))[0] + shift)
                rows.append(CreditRow(instrument_id, position, price, leverage, scaled))
            elif flat == "leverage":
                rows.append(CreditRow(instrument_id, 0, 0, leverage))
        return CreditLine(
            account_id=self.account_id,
            line_epoch=1,
            line_number=lines_sent + 1 - self.number_back,
            as_of_seq=as_of,
            budget_micros=self.budget_micros,
            elsewhere_micros=self.elsewhere_micros,
            counted_value_micros=sum(entry[3] for entry in counted),
            counted_fees_micros=sum(entry[4] for entry in counted),
            status=self.status,
            acknowledge=self.acknowledge,
            rows=tuple(rows),
            mark_time_ns=now - self.age_ns,
            fee_rates=self.fee_rates,
            position_limits=self.position_limits,
            group_limits=self.group_limits,
            equity_micros=self.equity_micros,
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """The books are sampled."""


@dataclass(frozen=True, slots=True)
class Advance:
    """Only the time is told."""


@dataclass(frozen=True, slots=True)
class Dry:
    """An order is checked, and not placed."""

    ask: Ask


@dataclass(frozen=True, slots=True)
class Save:
    """A snapshot is taken, for a later recovery."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The engine is replaced by a recovered one."""

    way: str
    """`log`, `snapshot`, or `tail`: the saved snapshot and the log behind it."""


Input = Wait | Send | Mark | Gate | Move | Scale | Line | Sample | Advance | Dry | Save | Restart


def has(feature: str) -> bool:
    return feature not in NOT_YET
