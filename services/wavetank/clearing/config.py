"""Clearing's settings, read once from `WAVETANK_CLEARING_…`."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator, model_validator

from wavetank.clearing.core.collateral_terms import MOST_COUNTED_MICROS, MOST_LOTS, CollateralTerms
from wavetank.clearing.core.fees import DAY_NS, VENUE_REBATES, VENUE_TIERS, FeeSchedule, FeeTier, MakerRebate
from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.margin_modes import E6, Correlation, StressRamp
from wavetank.clearing.core.settings import SECOND_NS, ClearingSettings
from wavetank.model.events.clearing import AdlPolicyKind
from wavetank.model.validity import Doubt, Tolerances, tolerated
from wavetank.runtime.settings import ServiceSettings, SettingsInvalid, environment

Share = Annotated[Decimal, Field(ge=0, le=1, decimal_places=6)]


class CollateralAsset(BaseModel):
    """How the base asset of an instrument counts as collateral."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weight: Share
    """Share of its value that counts."""
    cap_micros: Annotated[int, Field(ge=0, le=MOST_COUNTED_MICROS)] = MOST_COUNTED_MICROS
    """Most that counts in one account."""
    venue_cap_lots: Annotated[int, Field(ge=0, le=2**40)] = MOST_LOTS
    """Most lots of the instrument in all accounts together."""


class ClearingConfig(ServiceSettings):
    """What clearing is told beside what every service is told; money in micro-dollars."""

    model_config = environment("clearing")

    instruments: tuple[str, ...] = ("BTC", "ETH", "SOL")
    """Symbols of the built-in instruments to list, a JSON list."""
    instruments_file: Path | None = None
    """A JSON file of instruments to list instead; see the room's README."""
    shard_of: Annotated[dict[str, Annotated[int, Field(ge=0, le=999)]], Field(default_factory=dict)]
    """Matching shard by symbol of instruments that are listed for the first time, a JSON object; others go to the shard
    with fewest."""
    funding_interval_ns: Annotated[int, Field(ge=SECOND_NS)] | None = None
    """Overrides every instrument's funding interval, so that minutes can stand for hours."""
    bootstrap_key: SecretStr | None = None
    """The first key, `<key_id>.<secret>`, with every scope; recorded at the first start."""
    fund_deposit_micros: Annotated[int, Field(ge=0, le=10**15)] = 1_000_000 * 10**6
    """What the insurance fund begins with."""
    stale_after_ns: Annotated[int, Field(ge=1)] = 60 * SECOND_NS
    liquidate_tolerates: tuple[Doubt, ...] = ()
    """What may be wrong with a price that liquidates all the same, a JSON list: stale, too_uncertain, too_volatile,
    non_positive."""
    margin_tolerates: tuple[Doubt, ...] = ()
    """The same of a price that carries credit and pays out gains."""
    vault_enabled: bool = True
    vault_cap_micros: Annotated[int, Field(ge=0)] = 50_000_000 * 10**6
    fund_enabled: bool = True
    fund_cap_micros: Annotated[int, Field(ge=0)] = 1_000_000 * 10**6
    stage_order: tuple[Literal["partial", "full", "backstop", "insurance", "deleverage"], ...] = (
        "partial",
        "full",
        "backstop",
        "insurance",
        "deleverage",
    )
    """The waterfall's stages behind the cancels, a JSON list; only backstop and insurance may change places."""
    partial_enabled: bool = True
    full_enabled: bool = True
    insurance_enabled: bool = True
    adl_enabled: bool = True
    socialise_enabled: bool = True
    partial_above_micros: Annotated[int, Field(ge=0)] = 100_000 * 10**6
    liquidation_fee_ppm: Annotated[int, Field(ge=0, le=1_000_000)] = 5_000
    adl_policy: Literal["hyperliquid", "bitmex", "pro_rata", "min_max_leverage"] = "hyperliquid"
    """Whom auto-deleveraging asks, and for how much."""
    cascade_window_ns: Annotated[int, Field(ge=0)] = 10 * SECOND_NS
    """A liquidation that starts so soon after another's trade belongs to its cascade."""
    partial_slice_ppm: Annotated[int, Field(ge=1, le=1_000_000)] = 200_000
    partial_cooldown_ns: Annotated[int, Field(ge=0)] = 30 * SECOND_NS
    cooldown_waits: bool = False
    depth_share_ppm: Annotated[int, Field(ge=1, le=1_000_000)] = 500_000
    """Largest share of the depth near the mark that one liquidation order may take."""
    spread_to_maintenance_ppm: Annotated[int, Field(ge=1)] = 1_500_000
    """Share of a leg's margin that a liquidation order may give away, when all of the margin is missing."""
    vault_step_ns: Annotated[int, Field(ge=0)] = 10 * SECOND_NS
    vault_fraction_ppm: Annotated[int, Field(ge=1, le=1_000_000)] = 500_000
    vault_full_below_micros: Annotated[int, Field(ge=0)] = 5_000 * 10**6
    vault_depth_share_ppm: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    vault_slippage_ppm: Annotated[int, Field(ge=0, lt=1_000_000)] = 100_000
    fund_window_ns: Annotated[int, Field(ge=1)] = 3_600 * SECOND_NS
    gate_ns: Annotated[int, Field(ge=0)] = 300 * SECOND_NS
    """Withdrawals are gated this long after a deficit."""
    escalation_wait_ns: Annotated[int, Field(ge=0, le=3_600 * SECOND_NS)] = 2 * SECOND_NS
    """How long a liquidation waits for a person where the rules let one decide, before the default; 0 asks nobody."""
    fund_low_micros: Annotated[int, Field(ge=0)] = 100_000 * 10**6
    """With less in the insurance fund a person is asked."""
    cascade_limit_ppm: Annotated[int, Field(ge=0)] = 5_000_000
    """Above this multiplier of a running cascade a person is asked; 0 never asks."""
    client_deposits: bool = True
    """Whether clients may deposit for themselves; if not, the faucet is what they have, and the operator deposits."""
    faucet_micros: Annotated[int, Field(ge=0, le=10**15)] = 100_000 * 10**6
    """Equity up to which the faucet fills an account."""
    faucet_interval_ns: Annotated[int, Field(ge=0)] = 3_600 * SECOND_NS
    """Venue time between two draws of an account."""
    correlations: dict[str, tuple[str, Share]] = Field(
        default_factory=lambda: {
            "BTC": ("majors", Decimal("0.95")),
            "ETH": ("majors", Decimal("0.92")),
            "SOL": ("majors", Decimal("0.85")),
        }
    )
    """By symbol: correlation group, and correlation with the market (MRGN-030), a JSON object of pairs."""
    group_correlations: dict[str, Share] = Field(default_factory=lambda: {"majors": Decimal("0.79")})
    """Stressed correlation within each group, a JSON object."""
    group_haircut: Share = Decimal("0.5")
    """Most that stress takes off a group's correlation."""
    scenario_haircut_calm: Share = Decimal("0.2")
    """Taken off an instrument's correlation with the market when all is calm."""
    scenario_haircut: Share = Decimal("0.6")
    """Most that stress takes off it."""
    stress_begins_ppm: Annotated[int, Field(ge=0, le=10**9)] = 5_000
    """Gap between mark and index from which haircuts rise."""
    stress_full_ppm: Annotated[int, Field(ge=1, le=10**9)] = 50_000
    """Gap from which they stay at their most."""
    collateral: dict[str, CollateralAsset] = Field(default_factory=dict)
    """By symbol, instruments whose base asset counts as collateral (MRGN-080), a JSON object of objects:
    `{"BTC": {"weight": "0.9", "cap_micros": 5000000000000, "venue_cap_lots": 100000000}}`."""
    collateral_loan_micros: Annotated[int, Field(ge=0, le=10**15)] = 10_000 * 10**6
    """Most cash that a sound account with positions may owe against its collateral; what is owed beyond is converted
    down to none."""
    snapshot_every_events: Annotated[int, Field(ge=100)] = 50_000
    tick_ms: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Wall time after which timers are looked at although nothing arrived."""
    share_dwell_ns: Annotated[int, Field(ge=0)] = SECOND_NS // 10
    """A shard that was given credit of another gives none away for so long; never less than 100 milliseconds of wall
    time."""
    answer_timeout_ms: Annotated[int, Field(ge=10, le=60_000)] = 5_000
    """Wall time after which a caller is told that the outcome is unknown."""
    fee_tiers: tuple[tuple[int, int, int], ...] = VENUE_TIERS
    """Volume above which a tier begins, its taker and its maker rate in ppm; a JSON list of lists, lowest first."""
    fee_rebates: tuple[tuple[int, int], ...] = VENUE_REBATES
    """Part of all that makers traded, in ppm, above which a rebate begins, and the maker rate; as the tiers."""
    fee_window_days: Annotated[int, Field(ge=1, le=366)] = 14
    fee_day_ns: Annotated[int, Field(ge=SECOND_NS)] = DAY_NS
    """How long a day of the fees' window lasts, so that minutes can stand for days."""

    @field_validator("bootstrap_key")
    @classmethod
    def _check_bootstrap_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            key_id, separator, secret = value.get_secret_value().partition(".")
            if not separator or not 1 <= len(key_id) <= 16 or len(secret) < 16:  # noqa: PLR2004
                raise ValueError(
                    "a key is <key_id>.<secret>, the id of at most 16 characters and the secret of 16 or more"
                )
        return value

    @model_validator(mode="after")
    def _check_offsets(self) -> Self:
        strangers = {group for group, _ in self.correlations.values()} - {"", *self.group_correlations}
        if strangers:
            raise ValueError(f"groups without a correlation in group_correlations: {', '.join(sorted(strangers))}")
        if any(len(name.encode()) > 16 for name in self.group_correlations):  # noqa: PLR2004
            raise ValueError("the name of a correlation group has at most 16 bytes")
        if self.scenario_haircut_calm > self.scenario_haircut or self.stress_begins_ppm >= self.stress_full_ppm:
            raise ValueError(
                "haircuts rise with stress: from calm to most, and from where it begins to where it is full"
            )
        return self

    @field_validator("fee_tiers")
    @classmethod
    def _check_fee_tiers(cls, value: tuple[tuple[int, int, int], ...]) -> tuple[tuple[int, int, int], ...]:
        FeeSchedule(tiers=tuple(FeeTier(*tier) for tier in value), rebates=())
        return value

    @field_validator("fee_rebates")
    @classmethod
    def _check_fee_rebates(
        cls, value: tuple[tuple[int, int], ...], info: ValidationInfo
    ) -> tuple[tuple[int, int], ...]:
        # Without tiers, these were wrong, and that has been told.
        tiers = tuple(FeeTier(*tier) for tier in info.data.get("fee_tiers", ()))
        FeeSchedule(tiers=tiers, rebates=tuple(MakerRebate(*rebate) for rebate in value))
        return value

    @model_validator(mode="after")
    def _check_waterfall(self) -> Self:
        # The rules say which settings of the waterfall go together; a refusal there is a fault here.
        self.core_settings()
        return self

    def _fee_schedule(self) -> FeeSchedule:
        return FeeSchedule(
            tiers=tuple(FeeTier(*tier) for tier in self.fee_tiers),
            rebates=tuple(MakerRebate(*rebate) for rebate in self.fee_rebates),
            window_days=self.fee_window_days,
            day_ns=self.fee_day_ns,
        )

    @property
    def shards(self) -> int:
        """How many matching shards there are."""
        return max(1, len(self.matching_addresses))

    def core_settings(self) -> ClearingSettings:
        """Return the core's settings; the venue's speed lengthens what is a latency in disguise."""
        clock = self.venue_clock()
        return ClearingSettings(
            stale_after_ns=clock.at_least_wall(self.stale_after_ns, 2 * SECOND_NS),
            tolerances=Tolerances(
                liquidate=tolerated(self.liquidate_tolerates),
                margin=tolerated(self.margin_tolerates),
            ),
            vault_enabled=self.vault_enabled,
            vault_cap_micros=self.vault_cap_micros,
            fund_enabled=self.fund_enabled,
            fund_cap_micros=self.fund_cap_micros,
            stage_order=tuple(LiquidationStage[name.upper()] for name in self.stage_order),
            partial_enabled=self.partial_enabled,
            full_enabled=self.full_enabled,
            insurance_enabled=self.insurance_enabled,
            adl_enabled=self.adl_enabled,
            socialise_enabled=self.socialise_enabled,
            partial_above_micros=self.partial_above_micros,
            liquidation_fee_ppm=self.liquidation_fee_ppm,
            adl_policy=AdlPolicyKind[self.adl_policy.upper()],
            cascade_window_ns=self.cascade_window_ns,
            spread_to_maintenance=Fraction(self.spread_to_maintenance_ppm, 10**6),
            partial_slice_ppm=self.partial_slice_ppm,
            partial_cooldown_ns=self.partial_cooldown_ns,
            cooldown_waits=self.cooldown_waits,
            depth_share_ppm=self.depth_share_ppm,
            vault_step_ns=self.vault_step_ns,
            vault_fraction_ppm=self.vault_fraction_ppm,
            vault_full_below_micros=self.vault_full_below_micros,
            vault_depth_share_ppm=self.vault_depth_share_ppm,
            vault_slippage_ppm=self.vault_slippage_ppm,
            fund_window_ns=self.fund_window_ns,
            gate_ns=self.gate_ns,
            escalation_wait_ns=self.escalation_wait_ns,
            fund_low_micros=self.fund_low_micros,
            cascade_limit_ppm=self.cascade_limit_ppm,
            faucet_micros=self.faucet_micros,
            faucet_interval_ns=self.faucet_interval_ns,
            correlations={
                symbol: Correlation(group, int(share * E6)) for symbol, (group, share) in self.correlations.items()
            },
            groups_ppm={group: int(share * E6) for group, share in self.group_correlations.items()},
            group_haircut=StressRamp(0, int(self.group_haircut * E6), self.stress_begins_ppm, self.stress_full_ppm),
            scenario_haircut=StressRamp(
                int(self.scenario_haircut_calm * E6),
                int(self.scenario_haircut * E6),
                self.stress_begins_ppm,
                self.stress_full_ppm,
            ),
            share_dwell_ns=clock.at_least_wall(self.share_dwell_ns, SECOND_NS // 10),
            fees=self._fee_schedule(),
            collateral={
                symbol: CollateralTerms(
                    weight_ppm=int(asset.weight * E6), cap_micros=asset.cap_micros, venue_cap_lots=asset.venue_cap_lots
                )
                for symbol, asset in self.collateral.items()
            },
            collateral_loan_micros=self.collateral_loan_micros,
        )

    def check_venue(self, opened: int, symbols: set[str]) -> None:
        """Refuse settings that do not fit the venue as it is and is to be.

        Args:
            opened: shards that have traded.
            symbols: instruments that are listed, or about to be.

        Raises:
            SettingsInvalid: a shard that has traded is missing, an instrument is placed on one that is not there, or
                collateral is of no instrument.

        """
        for symbol in self.collateral:
            if symbol not in symbols:
                raise SettingsInvalid(
                    f"WAVETANK_CLEARING_COLLATERAL: {symbol} is no instrument of this venue; listed are"
                    f" {', '.join(sorted(symbols))}"
                )
        if self.shards < opened:
            raise SettingsInvalid(
                f"WAVETANK_CLEARING_MATCHING_ADDRESSES: {self.shards} matching shards; this venue has {opened}, and"
                " what an account has on one cannot be left behind"
            )
        for symbol, shard in self.shard_of.items():
            if shard >= self.shards:
                raise SettingsInvalid(
                    f"WAVETANK_CLEARING_SHARD_OF: {symbol} on shard {shard}; 0 to {self.shards - 1} is allowed"
                )
