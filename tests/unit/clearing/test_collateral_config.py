"""What the environment tells clearing of collateral reaches its core, and what makes no sense is said (MRGN-080)."""

import pytest

from wavetank.clearing.config import ClearingConfig
from wavetank.clearing.core.collateral_terms import MOST_COUNTED_MICROS, MOST_LOTS, CollateralTerms
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.runtime.settings import SettingsInvalid

SECRET = "the-internal-key-of-this-test"


def test_without_a_word_only_dollars_count() -> None:
    settings, own = ClearingConfig(internal_key=SECRET).core_settings(), ClearingSettings()
    assert settings.collateral == own.collateral == {}
    assert settings.collateral_loan_micros == own.collateral_loan_micros


@pytest.mark.spec("MRGN-080")
def test_collateral_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVETANK_CLEARING_INTERNAL_KEY", SECRET)
    monkeypatch.setenv(
        "WAVETANK_CLEARING_COLLATERAL",
        '{"BTC": {"weight": "0.9", "cap_micros": 5000, "venue_cap_lots": 70}, "ETH": {"weight": "0.123456"}}',
    )
    monkeypatch.setenv("WAVETANK_CLEARING_COLLATERAL_LOAN_MICROS", "12")
    settings = ClearingConfig.load().core_settings()
    assert settings.collateral == {
        "BTC": CollateralTerms(weight_ppm=900_000, cap_micros=5_000, venue_cap_lots=70),
        "ETH": CollateralTerms(weight_ppm=123_456, cap_micros=MOST_COUNTED_MICROS, venue_cap_lots=MOST_LOTS),
    }
    assert settings.collateral_loan_micros == 12


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("COLLATERAL", '{"BTC": {"weight": "1.1"}}', "less than or equal to 1"),
        ("COLLATERAL", '{"BTC": {"weight": "0.1234567"}}', "decimal places"),
        ("COLLATERAL", '{"BTC": {"weight": "0.9", "haircut": "0.1"}}', "HAIRCUT"),
        ("COLLATERAL", '{"BTC": {"cap_micros": 1}}', "WEIGHT: Field required"),
        ("COLLATERAL", '{"BTC": {"weight": "0.9", "cap_micros": 1000000000000001}}', "less than or equal"),
        ("COLLATERAL_LOAN_MICROS", "-1", "greater than or equal to 0"),
    ],
)
def test_terms_that_make_no_sense_are_said(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv("WAVETANK_CLEARING_INTERNAL_KEY", SECRET)
    monkeypatch.setenv(f"WAVETANK_CLEARING_{name}", value)
    with pytest.raises(SettingsInvalid, match=said):
        ClearingConfig.load()
