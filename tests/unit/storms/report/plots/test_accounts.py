"""Health is drawn fine around one and coarse far from it, of those who came closest."""

from math import isnan

import pytest

from tests.unit.storms.report.finished_run import DOLLAR, MAKER, WHALE, finished_run, track
from wavetank.storms.measure.record import Member
from wavetank.storms.report.plots.accounts import (
    MOST_ACCOUNTS,
    health_of,
    scaled_health,
    unscaled_health,
    watched_accounts,
)


def test_health_is_equity_over_maintenance_and_a_gap_without_a_position() -> None:
    health = health_of(finished_run().accounts[WHALE])
    # (500 - 100 x second) / 100 dollars; nothing is held from the eighth second on.
    assert health[:8] == [5.0, 4.0, 3.0, 2.0, 1.0, 0.0, -1.0, -2.0]
    assert isnan(health[8])


@pytest.mark.parametrize("health", [-2.0, -0.5, 0.0, 2 / 3, 1.0, 5.0])
def test_the_scale_can_be_read_back(health: float) -> None:
    assert unscaled_health(scaled_health(health)) == pytest.approx(health)


def test_the_scale_rises_and_is_clipped() -> None:
    levels = [scaled_health(health) for health in (-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 5.0)]
    assert levels == sorted(set(levels))
    assert scaled_health(-50.0) == scaled_health(-2.0)
    assert scaled_health(50.0) == scaled_health(5.0)


def test_bots_are_watched_first_then_the_lowest() -> None:
    run = finished_run()
    # The maker is under test; the one without a position and the venue's own accounts are not watched.
    assert watched_accounts(run) == [MAKER, WHALE]
    for number in range(2_000, 2_020):
        run.accounts[number] = track([(number - 1_990) * DOLLAR] * 10, [DOLLAR] * 10)
        run.members[number] = Member(account_id=number, name=f"crowd.{number}", role="crowd", label=None)
    watched = watched_accounts(run)
    assert len(watched) == MOST_ACCOUNTS
    assert watched[:4] == [MAKER, WHALE, 2_000, 2_001]
