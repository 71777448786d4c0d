"""The index is the weighted median of the sources that live (ORCL-010)."""

import pytest

from wavetank.oracle.core.index import WeightedPrice, index_price_micros

NOW = 1_000_000
LIMIT = 100


def priced(price_micros: int, weight: int = 1, age_ns: int = 0) -> WeightedPrice:
    return WeightedPrice(price_micros, NOW - age_ns, weight, LIMIT)


@pytest.mark.spec("ORCL-010")
def test_one_source_is_the_index() -> None:
    assert index_price_micros([priced(61_000_000_000)], NOW) == 61_000_000_000


@pytest.mark.spec("ORCL-010")
def test_an_outlier_of_three_does_not_move_the_index() -> None:
    assert index_price_micros([priced(100), priced(101), priced(5_000)], NOW) == 101


@pytest.mark.spec("ORCL-010")
def test_weight_decides_where_the_middle_is() -> None:
    # Weights from below: 1, then 1 + 3 = 4 of 6, which exceeds half: 101.
    assert index_price_micros([priced(100, 1), priced(101, 3), priced(105, 2)], NOW) == 101
    # 4 of 6 stand at the highest price alone.
    assert index_price_micros([priced(100, 1), priced(101, 1), priced(105, 4)], NOW) == 105


@pytest.mark.spec("ORCL-010")
def test_exactly_half_of_the_weight_takes_the_mean_rounded_half_to_even() -> None:
    assert index_price_micros([priced(100), priced(102)], NOW) == 101
    assert index_price_micros([priced(100), priced(101)], NOW) == 100  # 100.5
    assert index_price_micros([priced(101), priced(102)], NOW) == 102  # 101.5
    assert index_price_micros([priced(100, 2), priced(110, 1), priced(120, 1)], NOW) == 105


@pytest.mark.spec("ORCL-010")
def test_a_source_older_than_its_limit_is_dropped() -> None:
    assert index_price_micros([priced(100, age_ns=100), priced(200, age_ns=101)], NOW) == 100


@pytest.mark.spec("ORCL-010")
def test_no_live_source_gives_no_index() -> None:
    assert index_price_micros([], NOW) is None
    assert index_price_micros([priced(100, age_ns=101)], NOW) is None
    assert index_price_micros([priced(100, weight=0)], NOW) is None
