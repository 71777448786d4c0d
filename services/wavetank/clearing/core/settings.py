"""What clearing's rules leave to the operator, with the defaults the rules state."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from wavetank.clearing.core.fees import FeeSchedule
from wavetank.clearing.core.valuation import DEFAULT_LIMITS, HealthLimits

SECOND_NS = 1_000_000_000
MICROS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingSettings:
    """Settings of the core; durations are venue time in nanoseconds, money in micro-dollars."""

    health: HealthLimits = DEFAULT_LIMITS
    """Where warning, reduce-only and backstop begin; liquidation begins at 1."""
    stale_after_ns: int = 60 * SECOND_NS
    """A mark whose index is older than this is stale (ORCL-030)."""
    stale_uncertainty_ppm: int = 50_000
    """Half-width of the range in which a stale price may really be (LIQ-010)."""
    partial_above_micros: int = 100_000 * MICROS
    """Positions with more notional are closed by a first slice (LIQ-040)."""
    partial_slice_ppm: int = 200_000
    """Size of the first slice."""
    partial_cooldown_ns: int = 30 * SECOND_NS
    """After a slice, this long every further order is for the whole position."""
    cooldown_waits: bool = False
    """During the cooldown wait instead."""
    depth_share_ppm: int = 500_000
    """Largest share of the depth near the mark that one order may take."""
    spread_to_maintenance: Fraction = Fraction(3, 2)
    """SMMR of the fillable price (LIQ-040)."""
    liquidation_fee_ppm: int = 5_000
    """Largest share of a fill better than bankruptcy that goes to the fund (LIQ-070)."""
    vault_enabled: bool = True
    vault_cap_micros: int = 50_000_000 * MICROS
    """Largest gross notional of the backstop vault (LIQ-060)."""
    vault_step_ns: int = 10 * SECOND_NS
    vault_fraction_ppm: int = 500_000
    vault_full_below_micros: int = 5_000 * MICROS
    """Positions with less notional are disposed of whole."""
    vault_depth_share_ppm: int = 100_000
    """Largest share of the depth that one disposal may take."""
    vault_slippage_ppm: int = 100_000
    fund_enabled: bool = True
    fund_cap_micros: int = 1_000_000 * MICROS
    """Most the fund pays per instrument and window (LIQ-070)."""
    fund_window_ns: int = 3_600 * SECOND_NS
    gate_ns: int = 300 * SECOND_NS
    """Withdrawals are gated this long after a deficit (LIQ-110)."""
    withdrawal_floor_ppm: int = 100_000
    """A withdrawal leaves at least this share of the notional (MRGN-060)."""
    share_dwell_ns: int = SECOND_NS // 10
    """A shard that was given credit of another gives none away for so long (PROTOCOL R9)."""
    fees: FeeSchedule = field(default_factory=FeeSchedule)
    """Rates by volume, and rebates by share of what makers traded (FEE-010)."""
