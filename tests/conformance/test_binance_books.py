"""Real books go through our encoder and our SDK and come out as they were; the whole captures are in tests/long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.rebuild import drop_some, rebuild


@pytest.mark.spec("MTCH-080")
@pytest.mark.parametrize("name", ["usdm_btcusdt", "cm_ethusd_perp", "spot_btcusdt"])
def test_a_captured_book_is_rebuilt(market_data: Path, name: str) -> None:
    capture = market_data / "binance_l2_2024-08-08" / f"{name}_20240808.gz"
    # The snapshot and 999 changes; whole books compared after each 125 of them and at the end.
    assert rebuild(capture, most=1_000, checkpoint_every=125) == (1_000, 9)


@pytest.mark.spec("MTCH-080")
def test_a_dropped_delta_is_noticed(market_data: Path) -> None:
    capture = market_data / "binance_l2_2024-08-08" / "usdm_ethusdt_20240808.gz"
    dropped, shown = drop_some(capture, every=50, most=1_000)
    # Numbers 50, 100, … 950; hardly ever does the next delta set the same levels again.
    assert dropped == 19
    assert shown >= 17
