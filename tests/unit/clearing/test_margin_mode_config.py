"""What the environment tells clearing of margin modes reaches its core, and what makes no sense is said (MRGN-030)."""

import pytest

from wavetank.clearing.config import ClearingConfig
from wavetank.clearing.core.margin_modes import Correlation, StressRamp
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.runtime.settings import SettingsInvalid

SECRET = "the-internal-key-of-this-test"


def test_without_a_word_the_core_has_its_own_defaults() -> None:
    settings, own = ClearingConfig(internal_key=SECRET).core_settings(), ClearingSettings()
    for name in ("correlations", "groups_ppm", "group_haircut", "scenario_haircut", "scenario_floor_ppm"):
        assert getattr(settings, name) == getattr(own, name), name


@pytest.mark.spec("MRGN-030")
def test_correlations_and_haircuts_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVETANK_CLEARING_INTERNAL_KEY", SECRET)
    monkeypatch.setenv("WAVETANK_CLEARING_CORRELATIONS", '{"DOGE": ["memes", "0.6"], "XAU": ["", "0.1"]}')
    monkeypatch.setenv("WAVETANK_CLEARING_GROUP_CORRELATIONS", '{"memes": "0.45"}')
    monkeypatch.setenv("WAVETANK_CLEARING_SCENARIO_HAIRCUT_CALM", "0.25")
    monkeypatch.setenv("WAVETANK_CLEARING_STRESS_FULL_PPM", "30000")
    settings = ClearingConfig.load().core_settings()
    assert settings.correlations == {"DOGE": Correlation("memes", 600_000), "XAU": Correlation("", 100_000)}
    assert settings.groups_ppm == {"memes": 450_000}
    assert settings.group_haircut == StressRamp(0, 500_000, 5_000, 30_000)
    assert settings.scenario_haircut == StressRamp(250_000, 600_000, 5_000, 30_000)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CORRELATIONS", '{"DOGE": ["memes", "0.6"]}', "groups without a correlation in group_correlations: memes"),
        ("GROUP_CORRELATIONS", '{"majors": "0.79", "a-name-that-is-too-long": "0.1"}', "at most 16 bytes"),
        ("SCENARIO_HAIRCUT", "0.1", "haircuts rise with stress"),
        ("STRESS_BEGINS_PPM", "50000", "haircuts rise with stress"),
        ("GROUP_HAIRCUT", "1.5", "less than or equal to 1"),
    ],
)
def test_terms_that_make_no_sense_are_said(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv("WAVETANK_CLEARING_INTERNAL_KEY", SECRET)
    monkeypatch.setenv(f"WAVETANK_CLEARING_{name}", value)
    with pytest.raises(SettingsInvalid, match=said):
        ClearingConfig.load()
