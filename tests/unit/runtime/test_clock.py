"""Venue time is a straight line through the origin, in integers, and never runs back."""

import pytest

from wavetank.runtime.clock import VenueClock


def clock_at(walls: list[int], speed_milli: int) -> VenueClock:
    """Return a clock that starts at 1,000,000 when the wall says 500, and whose wall says these times in turn."""
    return VenueClock(start_ns=1_000_000, origin_ns=500, speed_milli=speed_milli, wall_ns=iter(walls).__next__)


def test_venue_time_is_start_plus_speed_times_elapsed() -> None:
    # 1,000,000 + (507 - 500) * 60 = 1,000,420; then at half speed 1,000,000 + floor(7 / 2) = 1,000,003.
    assert clock_at([507], 60_000).now_ns() == 1_000_420
    assert clock_at([507], 500).now_ns() == 1_000_003


def test_venue_time_never_decreases() -> None:
    clock = clock_at([510, 505, 511], 1_000)
    assert [clock.now_ns(), clock.now_ns(), clock.now_ns()] == [1_000_010, 1_000_010, 1_000_011]


def test_venue_time_never_precedes_the_start() -> None:
    assert clock_at([100], 1_000).now_ns() == 1_000_000


def test_recovery_moves_the_clock_to_the_last_time_of_the_log() -> None:
    clock = clock_at([510, 700], 1_000)
    clock.advance_to(1_000_100)
    assert [clock.now_ns(), clock.now_ns()] == [1_000_100, 1_000_200]


def test_a_latency_in_disguise_is_never_shorter_than_its_wall_time() -> None:
    clock = clock_at([], 60_000)
    # At 60 times the wall, 200 of wall time are 12,000 of venue time.
    assert clock.at_least_wall(5_000, 200) == 12_000
    assert clock.at_least_wall(15_000, 200) == 15_000


def test_a_venue_duration_on_the_wall_is_rounded_up() -> None:
    # 3,600 / 60 = 60; 3,601 / 60 = 60.02, so 61.
    assert clock_at([], 60_000).wall_ns_of(3_600) == 60
    assert clock_at([], 60_000).wall_ns_of(3_601) == 61


def test_a_clock_that_stands_is_refused() -> None:
    with pytest.raises(ValueError, match="speed is 0"):
        clock_at([], 0)
