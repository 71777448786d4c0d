"""How the environment sets the waterfall, and which settings are refused at the start."""

from __future__ import annotations

from fractions import Fraction

import pytest

from wavetank.clearing.config import ClearingConfig
from wavetank.clearing.core.health import LiquidationStage
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.model.events.clearing import AdlPolicyKind
from wavetank.runtime.settings import SettingsInvalid

PREFIX = "WAVETANK_CLEARING_"


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> ClearingSettings:
    monkeypatch.setenv(f"{PREFIX}INTERNAL_KEY", "internal-key-of-a-test")
    for name, value in variables.items():
        monkeypatch.setenv(f"{PREFIX}{name}", value)
    return ClearingConfig.load().core_settings()


def test_an_empty_environment_leaves_the_cores_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    # But for whom it asks: a core alone, as a simulation has it, knows nobody.
    asking = ClearingSettings(escalation_wait_ns=2 * 10**9, fund_low_micros=10**11, cascade_limit_ppm=5_000_000)
    assert load(monkeypatch) == asking


@pytest.mark.spec("INV-080", "LIQ-080")
def test_stages_and_policy_are_set_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        STAGE_ORDER='["partial", "full", "insurance", "backstop", "deleverage"]',
        ADL_POLICY="min_max_leverage",
        PARTIAL_ENABLED="false",
        SOCIALISE_ENABLED="0",
    )
    assert settings.insurance_first
    assert settings.adl_policy is AdlPolicyKind.MIN_MAX_LEVERAGE
    assert settings.stages_off == (1 << LiquidationStage.PARTIAL) + (1 << LiquidationStage.SOCIALISE)


@pytest.mark.spec("LIQ-040", "LIQ-060", "LIQ-070")
def test_each_stage_has_its_own_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = {
        "PARTIAL_ABOVE_MICROS": 1,
        "PARTIAL_SLICE_PPM": 2,
        "PARTIAL_COOLDOWN_NS": 3,
        "DEPTH_SHARE_PPM": 4,
        "LIQUIDATION_FEE_PPM": 5,
        "VAULT_CAP_MICROS": 6,
        "VAULT_STEP_NS": 7,
        "VAULT_FRACTION_PPM": 8,
        "VAULT_FULL_BELOW_MICROS": 9,
        "VAULT_DEPTH_SHARE_PPM": 10,
        "VAULT_SLIPPAGE_PPM": 11,
        "FUND_CAP_MICROS": 12,
        "FUND_WINDOW_NS": 13,
        "GATE_NS": 14,
        "CASCADE_WINDOW_NS": 15,
    }
    variables = {name: str(number) for name, number in numbers.items()}
    settings = load(monkeypatch, COOLDOWN_WAITS="true", SPREAD_TO_MAINTENANCE_PPM="1900000", **variables)
    assert {name: getattr(settings, name.lower()) for name in numbers} == numbers
    assert settings.cooldown_waits
    assert settings.spread_to_maintenance == Fraction(19, 10)


@pytest.mark.spec("INV-080")
@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("SPREAD_TO_MAINTENANCE_PPM", "2000001", "inside bankruptcy"),
        ("STAGE_ORDER", '["full", "partial", "backstop", "insurance", "deleverage"]', "only backstop and insurance"),
        ("STAGE_ORDER", '["cancel"]', "STAGE_ORDER"),
        ("ADL_POLICY", "random", "ADL_POLICY"),
    ],
)
def test_what_the_rules_do_not_allow_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, word: str
) -> None:
    with pytest.raises(SettingsInvalid, match=word):
        load(monkeypatch, **{name: value})


def test_settings_must_fit_the_venue() -> None:
    config = ClearingConfig(
        internal_key="the-internal-key-of-this-test",
        matching_addresses=["127.0.0.1:1", "127.0.0.1:2"],
        shard_of={"BTC": 1},
        collateral={"BTC": {"weight": "0.9"}},
    )
    config.check_venue(2, {"BTC", "ETH"})
    with pytest.raises(SettingsInvalid, match="BTC is no instrument of this venue; listed are ETH, SOL"):
        config.check_venue(2, {"ETH", "SOL"})
    with pytest.raises(SettingsInvalid, match="2 matching shards; this venue has 3"):
        config.check_venue(3, {"BTC"})
    with pytest.raises(SettingsInvalid, match="FAR on shard 2; 0 to 1 is allowed"):
        config.model_copy(update={"shard_of": {"FAR": 2}}).check_venue(2, {"BTC"})
