"""A series is thinned to a screen, and no extreme is lost."""

from math import isnan, nan

from hypothesis import given
from hypothesis import strategies as st

from wavetank.storms.report.thinning import kept, kept_of_all


def test_a_short_series_stays_whole() -> None:
    assert kept([3.0, 1.0, 2.0], 8) == [0, 1, 2]
    assert kept([], 8) == []
    assert kept_of_all([], 8) == []


def test_a_spike_of_one_sample_stays_and_so_do_both_ends() -> None:
    values = [float(place % 2) for place in range(10_000)]
    values[6_789], values[1_234] = 50.0, -50.0
    places = kept(values, 40)
    assert {0, 1_234, 6_789, 9_999} <= set(places)
    # Ten stretches, the smallest and the largest of each, and both ends.
    assert len(places) <= 10 * 2 + 2


def test_a_gap_stays_a_gap() -> None:
    values = [1.0] * 1_000
    values[500:600] = [nan] * 100
    places = kept(values, 40)
    assert any(isnan(values[place]) for place in places)


def test_series_that_share_their_times_keep_the_spikes_of_each() -> None:
    first, second = [0.0] * 1_000, [0.0] * 1_000
    first[111], second[777] = 1.0, -1.0
    assert {111, 777} <= set(kept_of_all([first, second], 40))


@given(st.lists(st.floats(-1e9, 1e9) | st.just(nan), min_size=1, max_size=400), st.integers(8, 64))
def test_the_extremes_stay(values: list[float], most: int) -> None:
    places = kept(values, most)
    assert places == sorted(set(places))
    assert places[0] == 0
    assert places[-1] == len(values) - 1
    known = [value for value in values if not isnan(value)]
    if known:
        drawn = [values[place] for place in places if not isnan(values[place])]
        assert (min(drawn), max(drawn)) == (min(known), max(known))
