"""A cursor says what a search says, whichever way time goes."""

from bisect import bisect_right

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from wavetank.runtime.price_cursor import PriceCursor

rising = st.lists(st.integers(0, 2**62), min_size=1, max_size=40, unique=True).map(sorted)


@given(rising, st.lists(st.integers(-5, 2**63 - 1), max_size=40), st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_newest_point_is_the_last_that_is_not_later(
    times_ns: list[int], asked: list[int], is_forward: bool
) -> None:
    cursor = PriceCursor(np.asarray(times_ns), np.arange(len(times_ns)) + 7)
    for now_ns in sorted(asked) if is_forward else asked:
        index = bisect_right(times_ns, now_ns) - 1
        assert cursor.newest_by(now_ns) == (None if index < 0 else (times_ns[index], index + 7))


def test_every_time_of_a_small_file_is_found_by_single_steps_and_by_jumps() -> None:
    points = [(10, 100), (20, 101), (21, 102), (40, 103), (41, 104), (42, 105), (43, 106), (99, 107)]
    for stride in (1, 3, 7, 30, 50):
        cursor = PriceCursor(*np.asarray(points).T)
        for now_ns in range(0, 120, stride):
            past = [point for point in points if point[0] <= now_ns]
            assert cursor.newest_by(now_ns) == (past[-1] if past else None)


def test_while_a_price_holds_nothing_is_made_anew() -> None:
    cursor = PriceCursor(np.asarray([10, 20]), np.asarray([1, 2]))
    newest = cursor.newest_by(10)
    assert newest == (10, 1)
    assert cursor.newest_by(19) is newest
    assert cursor.newest_by(2**62) == (20, 2)
    assert cursor.newest_by(12) == (10, 1)
    assert cursor.newest_by(9) is None


def test_a_confidence_comes_with_the_price_that_it_is_of() -> None:
    cursor = PriceCursor(np.asarray([10, 20]), np.asarray([100, 101]), np.asarray([0, 7]))
    assert [cursor.newest_by(now_ns) for now_ns in (9, 10, 19, 20)] == [None, (10, 100, 0), (10, 100, 0), (20, 101, 7)]
