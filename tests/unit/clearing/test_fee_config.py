"""Fees as the environment sets them."""

from __future__ import annotations

import pytest

from wavetank.clearing.config import ClearingConfig
from wavetank.clearing.core.fees import FeeSchedule, FeeTier
from wavetank.runtime.settings import SettingsInvalid


@pytest.fixture(autouse=True)
def _internal_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVETANK_CLEARING_INTERNAL_KEY", "k" * 32)


@pytest.mark.spec("FEE-010")
def test_a_schedule_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ClearingConfig.load().core_settings().fees == FeeSchedule()
    monkeypatch.setenv("WAVETANK_CLEARING_FEE_TIERS", "[[1000, 300, 100]]")
    monkeypatch.setenv("WAVETANK_CLEARING_FEE_REBATES", "[]")
    monkeypatch.setenv("WAVETANK_CLEARING_FEE_WINDOW_DAYS", "2")
    monkeypatch.setenv("WAVETANK_CLEARING_FEE_DAY_NS", "60000000000")
    assert ClearingConfig.load().core_settings().fees == FeeSchedule(
        tiers=(FeeTier(1_000, 300, 100),), rebates=(), window_days=2, day_ns=60_000_000_000
    )


@pytest.mark.spec("FEE-010")
def test_a_schedule_that_makes_no_sense_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVETANK_CLEARING_FEE_TIERS", "[[1000, 300, 301]]")
    with pytest.raises(SettingsInvalid, match=r"CLEARING_FEE_TIERS: .*a maker rate must not exceed the taker rate"):
        ClearingConfig.load()
    # 200 ppm of rebate are more than a taker pays at 150: who trades with himself would earn.
    monkeypatch.setenv("WAVETANK_CLEARING_FEE_TIERS", "[[1000, 150, 100]]")
    monkeypatch.setenv("WAVETANK_CLEARING_FEE_REBATES", "[[1000, -200]]")
    with pytest.raises(SettingsInvalid, match=r"CLEARING_FEE_REBATES: .*a rebate must not exceed"):
        ClearingConfig.load()
