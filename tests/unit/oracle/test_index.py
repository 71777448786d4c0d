"""The index: which sources count, what they come to, and how sure that is (ORCL-010, ORCL-030)."""

import pytest

from wavetank.model.events.oracle import SourceStanding
from wavetank.oracle.core.index import Aggregation, IndexTerms, Weighed, WeightedPrice, index_price_micros, weighed

NOW = 1_000
LIMIT = 10
LIVE, STALE, OUTLIER = SourceStanding.LIVE, SourceStanding.STALE, SourceStanding.OUTLIER
NO_FILTER = IndexTerms(outlier_ppm=0)


def price(micros: int, weight: int = 1, age: int = 0, confidence: int = 0) -> WeightedPrice:
    return WeightedPrice(micros, NOW - age, weight, LIMIT, confidence)


def index_of(*prices: WeightedPrice, terms: IndexTerms = NO_FILTER) -> int | None:
    found, _ = weighed(prices, terms, NOW)
    return None if found is None else found.index_micros


@pytest.mark.spec("ORCL-010")
@pytest.mark.parametrize(
    ("prices", "index"),
    [
        ([price(100)], 100),
        ([price(100), price(300), price(200)], 200),
        # Half of the weight on either side: the mean of 100 and 201 is 150.5, to even.
        ([price(201), price(100)], 150),
        # 3 of 5 agree on 100.
        ([price(100, weight=3), price(900, weight=2)], 100),
        ([price(100), price(900, weight=0)], 100),
        # A price of exactly the limit's age counts, an older one does not.
        ([price(100, age=10), price(900, age=11), price(300)], 200),
    ],
)
def test_the_index_is_the_weighted_median_of_what_lives(prices: list[WeightedPrice], index: int) -> None:
    assert index_price_micros(prices, NOW) == index
    assert index_of(*prices) == index


@pytest.mark.spec("ORCL-010")
def test_no_live_source_gives_no_index() -> None:
    assert index_price_micros([price(100, age=11)], NOW) is None
    assert weighed([price(100, age=11)], IndexTerms(), NOW) == (None, [STALE])
    assert weighed([], IndexTerms(), NOW) == (None, [])


@pytest.mark.spec("ORCL-010")
def test_a_mean_is_weighted_and_rounded_once() -> None:
    mean = IndexTerms(aggregation=Aggregation.MEAN, outlier_ppm=0)
    # (100 × 3 + 201 × 1) / 4 = 125.25; (100 + 201) / 2 = 150.5, to even.
    assert index_of(price(100, weight=3), price(201), terms=mean) == 125
    assert index_of(price(100), price(201), terms=mean) == 150


@pytest.mark.spec("ORCL-010")
def test_a_source_too_far_from_the_median_does_not_count() -> None:
    # The median is 10,000; 5 % of it is 500.
    prices = [price(10_000), price(10_500), price(9_499), price(10_000)]
    index, standings = weighed(prices, IndexTerms(aggregation=Aggregation.MEAN), NOW)
    assert standings == [LIVE, LIVE, OUTLIER, LIVE]
    # (10,000 + 10,500 + 10,000) / 3 = 10,166.7.
    assert index is not None
    assert index.index_micros == 10_167


@pytest.mark.spec("ORCL-010")
def test_two_sources_cannot_tell_who_is_the_outlier() -> None:
    assert weighed([price(100), price(900)], IndexTerms(), NOW)[1] == [LIVE, LIVE]
    # Nor do two with a stale third.
    assert weighed([price(100), price(900), price(100, age=11)], IndexTerms(), NOW)[1] == [LIVE, LIVE, STALE]


@pytest.mark.spec("ORCL-010")
def test_too_few_sources_give_no_index() -> None:
    terms = IndexTerms(min_sources=2)
    assert weighed([price(100)], terms, NOW) == (None, [LIVE])
    assert index_of(price(100), price(100), terms=terms) == 100
    # Three that live, but one of them is an outlier.
    terms = IndexTerms(min_sources=3)
    assert weighed([price(100), price(100), price(900)], terms, NOW) == (None, [LIVE, LIVE, OUTLIER])


@pytest.mark.spec("ORCL-030")
@pytest.mark.parametrize(
    ("prices", "found"),
    [
        # A single source is as sure as it says.
        ([price(100, confidence=3)], Weighed(100, 3)),
        # Quartiles of four equal weights: the first price has a quarter at or below it, the last a quarter above.
        ([price(90), price(100), price(102), price(130)], Weighed(101, 29)),
        # One of five is no quarter: 20 % of the weight says nothing of the rest.
        ([price(100), price(100), price(100), price(100), price(900)], Weighed(100, 0)),
        # By weight it is one: 2 of 6.
        ([price(100), price(100), price(100), price(100), price(900, weight=2)], Weighed(100, 800)),
        # Two that differ by 10 are each 5 from their mean.
        ([price(100), price(110)], Weighed(105, 5)),
        # What sources say of themselves: the weighted median of 1, 7, 7; the prices agree better than that.
        ([price(100, confidence=1), price(101, confidence=7), price(102, confidence=7)], Weighed(101, 7)),
    ],
)
def test_confidence_is_the_larger_of_spread_and_own_doubt(prices: list[WeightedPrice], found: Weighed) -> None:
    assert weighed(prices, NO_FILTER, NOW)[0] == found
