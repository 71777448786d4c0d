"""Incidents whose numbers were published, run through the oracle's core.

Each shows the bad outcome with the parameters of the day, and that better ones prevent it.
"""

import pytest

from wavetank.model.events.oracle import EVERYBODY, ConsumerBit, PricePublished, SourceStanding, SourceStateChanged
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.record import Event
from wavetank.model.validity import Action, Tolerances, Validity, ValidityTerms
from wavetank.oracle.core.faults import FAULTY_CONSUMERS, FaultKind, FaultTarget
from wavetank.oracle.core.index import Aggregation, IndexTerms
from wavetank.oracle.core.inputs import FaultRequest, ObservedPrice, Refused
from wavetank.oracle.core.oracle import Oracle
from wavetank.oracle.core.settings import OracleSettings, SourceTerms

SECOND = 1_000_000_000
START = 500_000 * 3_600 * SECOND
TRUTH = int(ConsumerBit.TRUTH)


class Feed:
    """An instrument with some sources, a second at a time."""

    def __init__(
        self, size_decimals: int, weights: dict[str, int], index: IndexTerms, validity: ValidityTerms | None = None
    ) -> None:
        self.names = tuple(weights)
        self.oracle = Oracle(
            OracleSettings(
                sources={"X": {name: SourceTerms(weight=weight) for name, weight in weights.items()}},
                index=index,
                validity=validity or ValidityTerms(),
            )
        )
        instrument = Instrument(instrument_id=1, symbol="X", size_decimals=size_decimals, tiers=(MarginTier(0, 40),))
        self.oracle.handle_listing(START, [instrument])
        self.now_ns = START

    def tick(self, price_micros: int) -> list[Event]:
        """Have every source say the same, a second later."""
        self.now_ns += SECOND
        prices = [ObservedPrice(1, name, price_micros, self.now_ns) for name in self.names]
        return self.oracle.handle_observations(self.now_ns, prices, [])

    def fault(self, request: FaultRequest) -> list[Event]:
        events = self.oracle.handle_fault(self.now_ns, request)
        assert not isinstance(events, Refused), events
        return events


def told(events: list[Event]) -> dict[int, PricePublished]:
    return {event.consumers: event for event in events if isinstance(event, PricePublished)}


def bias(source: str) -> FaultRequest:
    return FaultRequest(
        kind=FaultKind.SPIKE, target=FaultTarget.PRICE, sources=[source], magnitude_e12=-300_000_000_000
    )


SEVEN = {f"exchange-{number}": 1 for number in range(1, 8)}


# Deribit, 31 October 2019: one of the exchanges of its index was far off and was not removed.


@pytest.mark.spec("ORCL-010", "ORCL-030")
def test_deribit_a_mean_without_a_filter_falls_by_a_seventh_of_the_error() -> None:
    feed = Feed(5, SEVEN, IndexTerms(aggregation=Aggregation.MEAN, outlier_ppm=0))
    feed.tick(9_100_000_000)
    prices = told(feed.fault(bias("exchange-3")))
    # 30 % / 7 = 4.2857 %: 9,100 becomes 8,710.
    assert prices[FAULTY_CONSUMERS].index_price_ticks == 87_100
    assert prices[TRUTH].index_price_ticks == 91_000
    # Six sources are 390 dollars above it, 4.48 % of it; that was there to be seen.
    assert prices[FAULTY_CONSUMERS].confidence_ticks == 3_900
    assert prices[FAULTY_CONSUMERS].validity == Validity.TOO_UNCERTAIN


@pytest.mark.spec("ORCL-010")
@pytest.mark.parametrize(
    "terms",
    [
        IndexTerms(aggregation=Aggregation.MEAN),
        IndexTerms(aggregation=Aggregation.MEDIAN, outlier_ppm=0),
        IndexTerms(aggregation=Aggregation.MEDIAN),
    ],
)
def test_deribit_a_filter_or_a_median_does_not_move(terms: IndexTerms) -> None:
    feed = Feed(5, SEVEN, terms)
    feed.tick(9_100_000_000)
    events = feed.fault(bias("exchange-3"))
    # Nobody was told anything but the truth.
    assert told(events)[EVERYBODY].index_price_ticks == 91_000
    assert told(events)[EVERYBODY].validity == Validity.VALID
    outliers = [event.source for event in events if isinstance(event, SourceStateChanged)]
    assert outliers == ([b"exchange-3"] if terms.outlier_ppm else [])


# Pyth, 20 September 2021, 12:21 to 12:23 UTC: two publishers near zero, an aggregate of 5,402, and it is very unsure.

PYTH = {"publisher-1": 3, "publisher-2": 4, "publisher-3": 1}
"""Weights by which two publishers of nothing and one of 43,216 make 43,216 / 8 = 5,402."""


def decimals() -> FaultRequest:
    return FaultRequest(
        kind=FaultKind.DECIMAL, target=FaultTarget.PRICE, sources=["publisher-1", "publisher-2"], exponent=-8
    )


@pytest.mark.spec("ORCL-030")
def test_pyth_two_publishers_near_zero_are_too_uncertain_to_liquidate() -> None:
    # The check against the feed's own average is off, so that only the interval speaks.
    terms = IndexTerms(aggregation=Aggregation.MEAN, outlier_ppm=0)
    feed = Feed(5, PYTH, terms, ValidityTerms(volatile_ratio_ppm=0))
    feed.tick(43_216_000_000)
    print_ = told(feed.fault(decimals()))[FAULTY_CONSUMERS]
    # What is near zero is a tick, 0.1 dollars: 7/8 of it are 0.0875 more.
    assert print_.index_price_ticks == 54_021
    # The quartile of seven eighths of the weight lies at nothing, 100 % away.
    assert print_.confidence_ticks == 54_020
    assert print_.validity == Validity.TOO_UNCERTAIN
    assert not Tolerances().allows(Action.LIQUIDATE, Validity(print_.validity))


@pytest.mark.spec("ORCL-030")
def test_pyth_the_print_is_an_eighth_of_what_is_usual() -> None:
    feed = Feed(5, PYTH, IndexTerms(aggregation=Aggregation.MEAN, outlier_ppm=0), ValidityTerms(uncertain_ppm=0))
    feed.tick(43_216_000_000)
    assert told(feed.fault(decimals()))[FAULTY_CONSUMERS].validity == Validity.TOO_VOLATILE


@pytest.mark.spec("ORCL-030")
def test_pyth_an_aggregate_that_says_itself_how_wide_it_is_is_believed_in_that() -> None:
    feed = Feed(5, {"pyth": 1}, IndexTerms(), ValidityTerms(volatile_ratio_ppm=0))
    feed.now_ns += SECOND
    price = ObservedPrice(1, "pyth", 5_402_000_000, feed.now_ns, 5_000_000_000)
    published = told(feed.oracle.handle_observations(feed.now_ns, [price], []))[EVERYBODY]
    assert (published.index_price_ticks, published.confidence_ticks) == (54_020, 50_000)
    assert published.validity == Validity.TOO_UNCERTAIN


# Chainlink's LUNA feed, 12 and 13 May 2022: it stopped at its floor, 0.107, while the market went to 0.01.


@pytest.mark.spec("ORCL-040", "ORCL-030")
def test_luna_a_clamped_feed_looks_well_while_the_market_is_a_tenth_of_it() -> None:
    # One tick is 0.00001 dollars, so that even 0.01 is 1,000 of them (UNIT-015).
    feed = Feed(1, {"chainlink": 1}, IndexTerms())
    feed.tick(120_000)
    feed.fault(
        FaultRequest(kind=FaultKind.CLAMP, target=FaultTarget.PRICE, sources=["chainlink"], price_micros=107_000)
    )
    assert told(feed.tick(110_000))[EVERYBODY].index_price_ticks == 11_000
    prices = told(feed.tick(10_000))
    assert prices[TRUTH].index_price_ticks == 1_000
    floor = prices[FAULTY_CONSUMERS]
    assert (floor.index_price_ticks, floor.index_time_ns) == (10_700, feed.now_ns)
    assert floor.validity == Validity.VALID, "which is why it cost so much"


@pytest.mark.spec("ORCL-040", "ORCL-030")
def test_luna_a_feed_that_was_paused_carries_no_margin() -> None:
    feed = Feed(1, {"chainlink": 1}, IndexTerms())
    feed.tick(107_000)
    feed.fault(FaultRequest(kind=FaultKind.FREEZE, target=FaultTarget.PRICE, sources=["chainlink"]))
    validities = [told(feed.tick(10_000))[FAULTY_CONSUMERS].validity for _ in range(11)]
    # Its source is stale after ten seconds.
    assert validities == [Validity.VALID] * 10 + [Validity.STALE]
    assert not Tolerances().allows(Action.MARGIN, Validity.STALE)
    assert feed.oracle.state.instruments[1].sources["chainlink"].standing is SourceStanding.STALE
