"""What clearing's rules leave to the operator, with the defaults the rules state."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

from wavetank.clearing.core.margin_modes import GROUP_HAIRCUT, SCENARIO_HAIRCUT, Correlation, StressRamp
from wavetank.clearing.core.valuation import DEFAULT_LIMITS, HealthLimits

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    correlations: Mapping[str, Correlation] = field(
        default_factory=lambda: MappingProxyType(
            {
                "BTC": Correlation("majors", 950_000),
                "ETH": Correlation("majors", 920_000),
                "SOL": Correlation("majors", 850_000),
            }
        )
    )
    """By symbol, what offsets an instrument (MRGN-030); one that is not here offsets nothing."""
    groups_ppm: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({"majors": 790_000}))
    """Stressed correlation within each group."""
    group_haircut: StressRamp = GROUP_HAIRCUT
    """Taken off a group's stressed correlation, by stress."""
    scenario_haircut: StressRamp = SCENARIO_HAIRCUT
    """Taken off an instrument's correlation with the market, by stress."""
    scenario_floor_ppm: int = 300_000
    """Least share of the gross margin that the scenario mode asks for."""
