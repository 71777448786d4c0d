"""Recorded prices through the simulator: real minutes with clearing late, and three crashes as they were.

The recordings lie beside the project; without them there is nothing to replay.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wavetank.storms.scenario.library import find
from wavetank.storms.scenario.reading import variants_of
from wavetank.storms.staging.running import RunPlan, run_simulated

if TYPE_CHECKING:
    from wavetank.storms.measure.record import RunRecord

DATA = Path(__file__).parents[3] / "shared" / "data"
SPOT = DATA / "binance_l2_2024-08-08" / "spot_btcusdt_20240808.gz"
PATHS = DATA / "price_paths"


def _run(name: str, variant: str, overrides: dict[str, object]) -> RunRecord:
    scenario = variants_of(find(name), overrides)[variant]
    record = run_simulated(RunPlan(scenario=scenario, variant=variant))
    assert record.ok, (record.failure, record.asserted)
    return record


def _number(record: RunRecord, name: str) -> float:
    figure = record.figures[name]
    assert isinstance(figure, int | float)
    return figure


@pytest.mark.skipif(not SPOT.exists(), reason="the recording of Binance spot is not here")
def test_what_clearing_values_wrong_grows_with_its_lag() -> None:
    # Two minutes are enough for a lag of half a minute to be felt.
    overrides: dict[str, object] = {"market.instruments.BTC.file": str(SPOT), "duration": "2m"}
    variants = ("at_once", "quarter_second", "two_seconds", "half_minute")
    gaps, lags = [], []
    for variant in variants:
        record = _run("oracle_lag", variant, overrides)
        gaps.append(_number(record, "index.gap_mean"))
        lags.append(_number(record, "index.lag_max"))
    # Published eight times a second, so that a lag of 250 ms is two publications and more.
    assert lags[0] < 200_000_000
    assert 250_000_000 <= lags[1] < 2_000_000_000 <= lags[2] < lags[3]
    assert lags[3] >= 30_000_000_000
    assert gaps == sorted(gaps)
    # A walk's displacement grows with the root of time: from 250 ms to 30 s about elevenfold; half of that is asked.
    assert gaps[3] > 5 * gaps[1] > 0


@pytest.mark.skipif(not PATHS.exists(), reason="the recorded crashes are not here")
@pytest.mark.parametrize(
    ("file", "begin", "duration", "deposit"),
    [
        # -12.8 % within the hour from 02:36, most of it behind 03:15.
        ("BTCUSDT_1m_2021.csv.gz", "2021-04-18T03:15", "30m", "7k"),
        # -18.6 % within the hour from 14:10.
        ("ETHUSDT_1m_2021.csv.gz", "2021-09-07T14:45", "30m", "7k"),
        # -3.7 % within the hour from 06:03.
        ("BTCUSDT_5m.csv.gz", "2025-04-07T06:03", "1h", "5500"),
    ],
)
def test_a_recorded_crash_liquidates_whom_it_must_and_keeps_the_ledger(
    file: str, begin: str, duration: str, deposit: str
) -> None:
    record = _run(
        "crash_replay",
        "",
        {
            "market.instruments.BTC.file": str(PATHS / file),
            "market.instruments.BTC.begin": begin,
            "duration": duration,
            "cast.long.deposit": deposit,
        },
    )
    fallen = {record.members[each.account_id].role for each in record.liquidations}
    assert "long" in fallen
    assert "makers" not in fallen
    assert _number(record, "role(makers).min_health") > 1
