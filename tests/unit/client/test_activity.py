"""Activity: how much a price moves now, against how much it usually moves."""

import pytest

from wavetank.client.strategies.activity import Activity

SECOND_NS = 1_000_000_000


def test_a_move_adds_its_basis_points_over_the_time_constant() -> None:
    activity = Activity(short_ns=SECOND_NS, long_ns=60 * SECOND_NS, usual=1.0)
    assert activity.see(100.0, SECOND_NS) == 1.0
    # 10 basis points: 1 + 10 / 1 over 1 + 10 / 60.
    assert activity.see(100.1, SECOND_NS) == pytest.approx(11.0 / (1.0 + 10.0 / 60.0))


def test_a_price_of_nothing_is_survived_and_no_move_from_it_is_counted() -> None:
    activity = Activity(short_ns=SECOND_NS, long_ns=60 * SECOND_NS, usual=1.0)
    activity.see(100.0, SECOND_NS)
    fallen = activity.see(0.0, SECOND_NS)
    assert activity.see(100.0, SECOND_NS) == fallen
