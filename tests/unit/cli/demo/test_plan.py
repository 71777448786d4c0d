"""The plan: moments follow from the speed alone, acts have no gaps, the lag hides the fall and nothing else."""

import json
from itertools import pairwise

import pytest

from wavetank.cli.demo.plan import HOUR_NS, MINUTE_NS, SECOND_NS, PhaseName, funding_interval_ns, premium_samples
from wavetank.cli.demo.synthetic import (
    FIRST_FALL_AT,
    FIRST_FALL_SECONDS,
    SCHEDULE,
    SECOND_FALL_AT,
    SECOND_FALL_SECONDS,
    synthetic_plan,
)

# A whole multiple of the two minutes that stand for an hour: 14,166,667 × 120 s.
START_NS = 1_700_000_040 * SECOND_NS
NOW_NS = START_NS + 17 * SECOND_NS


def test_the_venue_begins_with_a_funding_interval() -> None:
    plan = synthetic_plan(7, now_ns=NOW_NS)
    assert plan.start_ns == START_NS
    assert plan.start_ns % plan.funding_interval_ns == 0


def test_moments_are_wall_seconds_times_the_speed() -> None:
    plan = synthetic_plan(7, now_ns=NOW_NS)
    # Ten venue seconds per second.
    assert plan.venue_ns(38.6) == START_NS + 386 * SECOND_NS
    assert plan.wall_seconds(START_NS + 386 * SECOND_NS) == pytest.approx(38.6)


def test_acts_follow_one_another_without_gaps() -> None:
    plan = synthetic_plan(7, now_ns=NOW_NS)
    assert [phase.name for phase in plan.phases] == list(PhaseName)
    assert plan.phases[0].from_ns == START_NS
    assert all(before.to_ns == after.from_ns for before, after in pairwise(plan.phases))
    assert plan.phase_at(plan.venue_ns(0)).name is PhaseName.CALM
    assert plan.phase_at(plan.venue_ns(SCHEDULE.lag_on)).name is PhaseName.SHOCK
    assert plan.phase_at(plan.venue_ns(1_000)).name is PhaseName.RECOVERY


def test_clearing_sees_the_pause_while_prices_fall_and_then_all_of_the_fall() -> None:
    # When the lag begins clearing is taken back to a moment behind the first fall,
    assert SCHEDULE.lag_on - SCHEDULE.lag >= FIRST_FALL_AT + FIRST_FALL_SECONDS
    # it has not reached the second fall when the lag ends,
    assert SCHEDULE.lag_off - SCHEDULE.lag <= SECOND_FALL_AT
    # and by then the fall is over.
    assert SCHEDULE.lag_off > SECOND_FALL_AT + SECOND_FALL_SECONDS


def test_no_funding_is_paid_between_the_top_up_and_the_end_of_the_lag() -> None:
    plan = synthetic_plan(7, now_ns=NOW_NS)
    interval_ns = plan.funding_interval_ns
    top_up, lag_off = plan.venue_ns(SCHEDULE.top_up), plan.venue_ns(SCHEDULE.lag_off)
    assert top_up // interval_ns == lag_off // interval_ns
    # But one tick is paid at the spiked rate, and another before it calms.
    assert plan.venue_ns(SCHEDULE.funding_spike) // interval_ns < top_up // interval_ns


def test_a_lag_is_not_noticed_as_staleness() -> None:
    plan = synthetic_plan(7, now_ns=NOW_NS)
    assert int(plan.settings["clearing"]["STALE_AFTER_NS"]) > plan.venue_duration_ns(SCHEDULE.lag)


def test_the_same_seed_is_the_same_plan() -> None:
    assert synthetic_plan(3, now_ns=NOW_NS) == synthetic_plan(3, now_ns=NOW_NS)
    sources = json.loads(synthetic_plan(3, now_ns=NOW_NS).settings["oracle"]["SOURCES"])
    assert sources["BTC"][0]["seed"] == 3


@pytest.mark.parametrize(
    ("speed_milli", "interval_ns"),
    [
        (1_000, 10 * SECOND_NS),  # 8 s on the wall are 8 s; up to half more is taken.
        (10_000, 2 * MINUTE_NS),  # 80 s, and half more.
        (145_000, 20 * MINUTE_NS),  # 19 min 20 s.
        (1_277_000, HOUR_NS),  # Two hours and more: the hour itself.
    ],
)
def test_minutes_stand_for_hours(speed_milli: int, interval_ns: int) -> None:
    assert funding_interval_ns(speed_milli) == interval_ns


def test_there_is_a_premium_sample_for_every_second_price() -> None:
    # Prices come each second of venue time at a speed of 10, and each 100 s at 1,000.
    assert premium_samples(120 * SECOND_NS, 10_000, SECOND_NS) == 60
    assert premium_samples(HOUR_NS, 1_000_000, SECOND_NS) == 18
