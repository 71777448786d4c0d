"""All captured books, whole: every message by its checksum, and both books compared every 1,000 of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conformance.rebuild import drop_some, rebuild

# Changes in each capture from its snapshot on.
CAPTURES = ["usdm_btcusdt", "usdm_ethusdt", "cm_btcusd_perp", "cm_ethusd_perp", "spot_btcusdt", "spot_ethusdt"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CAPTURES)
def test_a_whole_capture_is_rebuilt(market_data: Path, name: str) -> None:
    capture = market_data / "binance_l2_2024-08-08" / f"{name}_20240808.gz"
    changes, checkpoints = rebuild(capture, checkpoint_every=1_000)
    dropped, shown = drop_some(capture, every=100)
    sys.stdout.write(
        f"\n{name}: {changes} messages, {checkpoints} whole books equal;"
        f" {dropped} deltas dropped, {shown} shown by the next checksum, the others repaired by the next delta\n"
    )
    assert changes > 3_000
    assert shown > dropped * 9 // 10
