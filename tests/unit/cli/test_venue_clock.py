"""Venue time never goes back, whatever a venue is started with."""

import pytest

from wavetank.cli.failure import CommandFailed
from wavetank.cli.venue_clock import ClockSettings, clock_settings

WALL_NS = 1_700_000_000_000_000_000


def test_a_new_venue_follows_the_wall() -> None:
    assert clock_settings(last_ns=0, wall_ns=WALL_NS, speed_milli=1_000) == ClockSettings(0, 0, 1_000)


def test_a_fast_venue_begins_now() -> None:
    clock = clock_settings(last_ns=0, wall_ns=WALL_NS, speed_milli=60_000, own_time=True)
    assert clock == ClockSettings(WALL_NS, WALL_NS, 60_000)


def test_a_venue_begins_when_its_files_do() -> None:
    clock = clock_settings(last_ns=0, wall_ns=WALL_NS, speed_milli=1_000, first_ns=5, own_time=True)
    assert clock == ClockSettings(5, WALL_NS, 1_000)


def test_a_venue_with_its_own_time_goes_on_where_its_logs_end() -> None:
    clock = clock_settings(last_ns=77, wall_ns=WALL_NS, speed_milli=60_000, first_ns=5, own_time=True)
    assert clock == ClockSettings(78, WALL_NS, 60_000)


def test_a_venue_on_wall_time_follows_the_wall_again() -> None:
    assert clock_settings(last_ns=77, wall_ns=WALL_NS, speed_milli=1_000) == ClockSettings(0, 0, 1_000)


def test_a_venue_that_is_ahead_of_the_wall_stays_ahead() -> None:
    clock = clock_settings(last_ns=WALL_NS + 9, wall_ns=WALL_NS, speed_milli=1_000)
    assert clock == ClockSettings(WALL_NS + 10, WALL_NS, 1_000)


def test_a_start_before_the_end_of_the_logs_is_refused() -> None:
    with pytest.raises(CommandFailed, match="is before"):
        clock_settings(last_ns=10, wall_ns=WALL_NS, speed_milli=1_000, start_ns=9)
