"""Durations and instants are read as people write them, exactly."""

import pytest

from wavetank.cli.times import TimeMalformed, duration_ns, instant_ns, show_duration, show_instant


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", 30_000_000_000),
        ("30", 30_000_000_000),
        ("250ms", 250_000_000),
        ("5m", 300_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1h 30min", 5_400_000_000_000),
        ("2d", 172_800_000_000_000),
        ("0.1s", 100_000_000),
        (" 1.5 S ", 1_500_000_000),
        ("7us", 7_000),
    ],
)
def test_a_duration_is_read(text: str, expected: int) -> None:
    assert duration_ns(text) == expected


@pytest.mark.parametrize("text", ["", "abc", "3 weeks", "-5s", "5s!", "s"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(TimeMalformed, match="write for instance 30s"):
        duration_ns(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 2025-04-06T18:00Z is 20,184 days and 18 hours after 1970: 20,184 x 86,400 + 64,800 = 1,743,962,400 s.
        ("2025-04-06T18:00", 1_743_962_400_000_000_000),
        ("2025-04-06T20:00+02:00", 1_743_962_400_000_000_000),
        ("2025-04-06T18:00:00.000001Z", 1_743_962_400_000_001_000),
        ("1970-01-02", 86_400_000_000_000),
    ],
)
def test_an_instant_is_read_as_utc(text: str, expected: int) -> None:
    assert instant_ns(text) == expected


@pytest.mark.parametrize("text", ["yesterday", "1969-12-31", ""])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(TimeMalformed):
        instant_ns(text)


def test_an_instant_is_shown_to_the_millisecond() -> None:
    assert show_instant(1_743_962_400_123_999_999) == "2025-04-06 18:00:00.123"


@pytest.mark.parametrize(
    ("length_ns", "expected"),
    [
        (180_000_000, "180ms"),
        (3_250_000_000, "3.25s"),
        (59_999_000_000, "59.99s"),
        (62_000_000_000, "1m 02s"),
        (3_720_000_000_000, "1h 02m"),
        (90_000_000_000_000, "1d 01h"),
        (-1_000_000_000, "-1.00s"),
        (5_000, "5us"),
    ],
)
def test_a_duration_is_shown_short(length_ns: int, expected: str) -> None:
    assert show_duration(length_ns) == expected
