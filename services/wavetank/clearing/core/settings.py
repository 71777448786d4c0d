"""What clearing's rules leave to the operator, with the defaults the rules state."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING

from wavetank.clearing.core.collateral_terms import CollateralTerms
from wavetank.clearing.core.fees import FeeSchedule
from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.margin_modes import GROUP_HAIRCUT, SCENARIO_HAIRCUT, Correlation, StressRamp
from wavetank.clearing.core.valuation import DEFAULT_LIMITS, HealthLimits
from wavetank.model.events.clearing import AdlPolicyKind
from wavetank.model.validity import Tolerances

if TYPE_CHECKING:
    from collections.abc import Mapping

SECOND_NS = 1_000_000_000
MICROS = 1_000_000
LARGEST_TERM = 2**31 - 1
"""Of a fraction that stands in the log."""

STAGE_ORDERS = (
    (
        LiquidationStage.PARTIAL,
        LiquidationStage.FULL,
        LiquidationStage.BACKSTOP,
        LiquidationStage.INSURANCE,
        LiquidationStage.DELEVERAGE,
    ),
    (
        LiquidationStage.PARTIAL,
        LiquidationStage.FULL,
        LiquidationStage.INSURANCE,
        LiquidationStage.BACKSTOP,
        LiquidationStage.DELEVERAGE,
    ),
)
"""The orders of stages that the rules allow; the first is the default (INV-080)."""


class SettingsRefused(ValueError):
    """Settings that contradict a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingSettings:
    """Settings of the core; durations are venue time in nanoseconds, money in micro-dollars."""

    health: HealthLimits = DEFAULT_LIMITS
    """Where warning, reduce-only and backstop begin; liquidation begins at 1."""
    stale_after_ns: int = 60 * SECOND_NS
    """A mark whose index is older than this is stale (ORCL-030)."""
    tolerances: Tolerances = field(default_factory=Tolerances)
    """Of these what liquidation and margin tolerate is decided here."""
    stale_uncertainty_ppm: int = 50_000
    """Half-width of the range in which a stale price may really be (LIQ-010)."""
    stage_order: tuple[LiquidationStage, ...] = STAGE_ORDERS[0]
    """Order of the stages behind the cancels; one of `STAGE_ORDERS`."""
    partial_enabled: bool = True
    """When off, large positions go whole."""
    full_enabled: bool = True
    """When off, what is no slice waits."""
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
    insurance_enabled: bool = True
    """When off, nothing is sold in the book below the backstop's limit."""
    fund_enabled: bool = True
    """When off, the fund pays nothing, neither for a fill nor for a deficit."""
    fund_cap_micros: int = 1_000_000 * MICROS
    """Most the fund pays per instrument and window (LIQ-070)."""
    fund_window_ns: int = 3_600 * SECOND_NS
    adl_enabled: bool = True
    """When off, what the stages before leave is tried again at the next mark."""
    socialise_enabled: bool = True
    """When off, what the fund does not cover of a deficit is a debt at once."""
    adl_policy: AdlPolicyKind = AdlPolicyKind.HYPERLIQUID
    """Whom auto-deleveraging asks, and for how much (LIQ-080)."""
    gate_ns: int = 300 * SECOND_NS
    """Withdrawals are gated this long after a deficit (LIQ-110)."""
    cascade_window_ns: int = 10 * SECOND_NS
    """A liquidation that starts so soon after another's trade belongs to its cascade (LIQ-120)."""
    escalation_wait_ns: int = 0
    """How long a liquidation waits for a person where the rules let one decide (LIQ-090); 0 asks nobody."""
    fund_low_micros: int = 0
    """With less in the insurance fund a person is asked."""
    cascade_limit_ppm: int = 0
    """Above this multiplier of a running cascade a person is asked; 0 never asks."""
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
    """Least share of the gross margin that the scenario mode asks for; a shard without lines relies on three tenths."""
    faucet_micros: int = 100_000 * 1_000_000
    """Equity up to which the faucet fills an account (PLAY-010)."""
    faucet_interval_ns: int = 3_600 * SECOND_NS
    """Venue time between two draws of an account."""
    collateral: Mapping[str, CollateralTerms] = field(default_factory=lambda: MappingProxyType({}))
    """By symbol, how the base asset of an instrument counts as collateral (MRGN-080); others do not."""
    collateral_loan_micros: int = 10_000 * MICROS
    """Most cash that a sound account with positions may owe against its collateral."""
    fees: FeeSchedule = field(default_factory=FeeSchedule)
    """Rates by volume, and rebates by share of what makers traded (FEE-010)."""

    def __post_init__(self) -> None:
        """Check what the rules do not leave open.

        Raises:
            SettingsRefused: an order of stages that no rule allows; nothing left that could close an account below the
                backstop's limit; fillable prices beyond bankruptcy (INV-080, LIQ-040); or a limit that no log holds.

        """
        if self.stage_order not in STAGE_ORDERS:
            names = ", ".join(stage.name.lower() for stage in self.stage_order)
            message = f"the stages {names}: only backstop and insurance may change places"
            raise SettingsRefused(message)
        if not (self.vault_enabled or self.insurance_enabled or self.adl_enabled):
            message = "backstop, insurance and deleverage are all off: nothing closes an account below the limit"
            raise SettingsRefused(message)
        limit = self.health.backstop
        if self.spread_to_maintenance <= 0 or self.spread_to_maintenance * (1 - limit) > limit:
            message = f"a spread of {self.spread_to_maintenance}: above 0, and inside bankruptcy down to health {limit}"
            raise SettingsRefused(message)
        if max(limit.numerator, limit.denominator) > LARGEST_TERM:
            message = f"a backstop at health {limit}: numerator and denominator go to {LARGEST_TERM}"
            raise SettingsRefused(message)

    @property
    def insurance_first(self) -> bool:
        """Whether the fund is asked before the vault."""
        return self.stage_order == STAGE_ORDERS[1]

    @property
    def stages_off(self) -> int:
        """The stages that are off, as bits: stage n is bit n."""
        switches = (
            (LiquidationStage.PARTIAL, self.partial_enabled),
            (LiquidationStage.FULL, self.full_enabled),
            (LiquidationStage.BACKSTOP, self.vault_enabled),
            (LiquidationStage.INSURANCE, self.insurance_enabled),
            (LiquidationStage.DELEVERAGE, self.adl_enabled),
            (LiquidationStage.SOCIALISE, self.socialise_enabled),
        )
        return sum(1 << stage for stage, is_on in switches if not is_on)
