"""A fill is measured by what it was worth later, against the truth, by who took it."""

import pytest

from tests.unit.storms.report.finished_run import INFORMED, MAKER, NOISE, finished_run, trade
from wavetank.storms.report.markouts import bots_of, markouts


def test_markouts_by_counterparty() -> None:
    found = {(each.label, each.horizon): each for each in markouts(finished_run())}
    # The true index at 1.1 s is that of 1 s, 100,000; at 2 s 100,000 still; 11 s lies behind the end.
    assert found["noise", "100 ms"].markout_bps == 0.0
    assert ("noise", "10 s") not in found
    # The maker bought at 96,000 at 6 s; the truth at 7 s is 100,000 - 5,000 = 95,000: -1,000 / 96,000 = -104.1667 bp.
    liquidated = found["liquidated", "1 s"]
    assert liquidated.markout_bps == pytest.approx(-104.166_667)
    assert (liquidated.fills, liquidated.notional_micros) == (1, 9_600_000)


def test_a_maker_that_sold_gains_when_the_truth_falls() -> None:
    run = finished_run()
    # Truth at 3.5 s is 99,000. Sold at 100,000: +100 bp; bought at 100,000: -100 bp.
    run.trades = [
        trade(2.5, 100_000, taker=NOISE, taker_is_buyer=True),
        trade(2.5, 100_000, taker=INFORMED, taker_is_buyer=False),
    ]
    found = {(each.label, each.horizon): each.markout_bps for each in markouts(run)}
    assert found["noise", "1 s"] == pytest.approx(100.0)
    assert found["informed", "1 s"] == pytest.approx(-100.0)
    # The worst counterparty stands first.
    assert markouts(run)[0].label == "informed"


def test_only_the_makers_asked_for_count() -> None:
    run = finished_run()
    assert bots_of(run) == {MAKER}
    assert markouts(run, {MAKER}) == markouts(run)
    assert markouts(run, {NOISE}) == []


def test_who_does_not_trade_by_itself_has_no_label() -> None:
    run = finished_run()
    run.trades = [trade(1, 100_000, taker=4_242, taker_is_buyer=True)]
    assert {each.label for each in markouts(run)} == {"unlabelled"}
