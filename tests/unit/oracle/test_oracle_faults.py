"""Faults in a running oracle: of sources and of delivery, set for later, ended, and what consumers may trust."""

from dataclasses import replace
from typing import Any, TypeVar

import pytest

from wavetank.model.events.matching import BookSampled
from wavetank.model.events.oracle import (
    EVERYBODY,
    ConsumerBit,
    FaultEnded,
    FaultSet,
    FaultStarted,
    FundingTicked,
    PremiumSampled,
    PricePublished,
    PriceTold,
    SourceStanding,
    SourceStateChanged,
)
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.reason import Reason
from wavetank.model.record import Event
from wavetank.model.validity import EVERYTHING, Tolerances, Validity, ValidityTerms
from wavetank.oracle.core.faults import FAULTY_CONSUMERS, FaultKind, FaultTarget, JitterDistribution
from wavetank.oracle.core.inputs import FaultRequest, ObservedBook, ObservedPrice, PushedPrice, Refused
from wavetank.oracle.core.oracle import Oracle
from wavetank.oracle.core.settings import OracleSettings, SourceRole, SourceTerms

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 3_600 * SECOND
START = 1_000 * HOUR
CLEARING = int(ConsumerBit.CLEARING)
TRUTH = int(ConsumerBit.TRUTH)
NAMES = ("binance", "bybit", "okx")

# One tick is 0.1 dollars.
BTC = Instrument(instrument_id=1, symbol="BTC", size_decimals=5, tiers=(MarginTier(0, 40),), funding_interval_ns=HOUR)
# One tick is 0.01 dollars.
ETH = Instrument(instrument_id=2, symbol="ETH", size_decimals=4, tiers=(MarginTier(0, 40),), funding_interval_ns=HOUR)
SOURCES = {name: SourceTerms() for name in NAMES}
SETTINGS = OracleSettings(
    sources={"BTC": {**SOURCES, "perp": SourceTerms(role=SourceRole.PERP)}, "ETH": {"binance": SourceTerms()}},
    push={"ETH": SourceTerms()},
)
E12 = 10**12

E = TypeVar("E")


def of(kind: type[E], events: list[Event] | Refused) -> list[E]:
    assert isinstance(events, list), events
    return [event for event in events if isinstance(event, kind)]


def request(kind: FaultKind, target: FaultTarget = FaultTarget.PRICE, **terms: Any) -> FaultRequest:  # noqa: ANN401 - fields of the request.
    return FaultRequest(kind=kind, target=target, **terms)


def told(events: list[Event] | Refused) -> dict[int, PricePublished]:
    """Return what was published last, by each set of consumers."""
    return {event.consumers: event for event in of(PricePublished, events)}


class Desk:
    """An oracle of BTC with three sources, and the seconds that pass."""

    def __init__(self, settings: OracleSettings = SETTINGS) -> None:
        self.oracle = Oracle(settings)
        self.oracle.handle_listing(START, [BTC])
        self.now_ns = START

    def after(self, seconds: int, *dollars: int, book: BookSampled | None = None) -> list[Event]:
        """Let seconds pass, then give the price of each source; one price is given by all."""
        self.now_ns += seconds * SECOND
        each = dollars * 3 if len(dollars) == 1 else dollars
        observed = [
            ObservedPrice(1, name, price * 1_000_000, self.now_ns) for name, price in zip(NAMES, each, strict=False)
        ]
        books = [] if book is None else [ObservedBook(replace(book, sample_time_ns=self.now_ns), 1)]
        return self.oracle.handle_observations(self.now_ns, observed, books)

    def set(self, kind: FaultKind, target: FaultTarget = FaultTarget.PRICE, **terms: Any) -> list[Event]:  # noqa: ANN401 - fields of the request.
        events = self.oracle.handle_fault(self.now_ns, request(kind, target, **terms))
        assert isinstance(events, list), events
        return events

    def clear(self) -> list[Event]:
        events = self.oracle.handle_clear(self.now_ns, [])
        assert isinstance(events, list), events
        return events

    def book(self, bid: int, ask: int, last: int = 0, impact: int = 0) -> BookSampled:
        """Return a book to be sampled with the next prices."""
        return BookSampled(1, 0, bid, 10, ask, 10, last, impact, 0, 0, 0, 0, 0)


# Sources


@pytest.mark.spec("ORCL-040", "ORCL-010")
def test_a_lost_source_leaves_the_index_to_the_others_and_the_truth_alone() -> None:
    desk = Desk()
    desk.after(1, 60_000, 60_010, 60_020)
    events = desk.set(FaultKind.SOURCE_LOSS, sources=["okx"])
    (was_set,) = of(FaultSet, events)
    assert (was_set.source, was_set.consumers, was_set.is_delayed) == (b"okx", FAULTY_CONSUMERS, 0)
    (change,) = of(SourceStateChanged, events)
    assert (change.source, change.standing) == (b"okx", SourceStanding.STALE)
    # The median of three is 60,010; of the two that are left it is their mean.
    prices = told(events)
    assert prices[TRUTH].index_price_ticks == 600_100
    assert prices[FAULTY_CONSUMERS].index_price_ticks == 600_050
    events = desk.clear()
    assert told(events)[EVERYBODY].index_price_ticks == 600_100
    assert [change.standing for change in of(SourceStateChanged, events)] == [SourceStanding.LIVE]


@pytest.mark.spec("ORCL-040", "ORCL-030")
def test_with_every_source_lost_the_last_price_stands_stale_and_the_truth_goes_on() -> None:
    desk = Desk()
    desk.after(1, 60_000)
    desk.set(FaultKind.SOURCE_LOSS, source_count=3)
    prices = told(desk.after(3, 50_000))
    assert (prices[TRUTH].index_price_ticks, prices[TRUTH].validity) == (500_000, Validity.VALID)
    lost = prices[FAULTY_CONSUMERS]
    assert (lost.index_price_ticks, lost.index_time_ns, lost.validity) == (600_000, START + SECOND, Validity.STALE)


@pytest.mark.spec("ORCL-040")
def test_a_seed_chooses_so_many_sources() -> None:
    chosen = set()
    for seed in range(30):
        desk = Desk()
        desk.after(1, 60_000)
        named = tuple(
            event.source for event in of(FaultSet, desk.set(FaultKind.SOURCE_LOSS, source_count=2, seed=seed))
        )
        assert len(named) == 2
        assert b"perp" not in named, "the external perpetual is no member of the index"
        chosen.add(named)
    assert chosen == {(b"binance", b"bybit"), (b"binance", b"okx"), (b"bybit", b"okx")}


@pytest.mark.spec("ORCL-040", "ORCL-010")
def test_a_biased_source_becomes_an_outlier_and_comes_back() -> None:
    desk = Desk()
    desk.after(1, 60_000)
    events = desk.set(FaultKind.SPIKE, sources=["okx"], magnitude_e12=-3 * E12 // 10, duration_ns=10 * SECOND)
    (change,) = of(SourceStateChanged, events)
    assert (change.source, change.standing) == (b"okx", SourceStanding.OUTLIER)
    events = desk.after(10, 60_000)
    assert of(FaultEnded, events) == [FaultEnded(1, 0, 1, 0)]
    assert [(change.source, change.standing) for change in of(SourceStateChanged, events)] == [
        (b"okx", SourceStanding.LIVE)
    ]


@pytest.mark.spec("ORCL-040")
def test_a_lagging_source_gives_what_it_had_until_its_news_arrive() -> None:
    desk = Desk()
    desk.after(1, 60_000)
    desk.set(FaultKind.LAG, sources=list(NAMES), lag_ns=2 * SECOND)
    seen = [told(desk.after(1, 60_000 + second))[FAULTY_CONSUMERS].index_price_ticks for second in (1, 2, 3, 4)]
    assert seen == [600_000, 600_000, 600_010, 600_020]


@pytest.mark.spec("ORCL-040")
def test_a_frozen_source_keeps_its_time_and_so_goes_stale() -> None:
    desk = Desk()
    desk.after(1, 60_000, 60_000, 60_000)
    desk.set(FaultKind.FREEZE, sources=["okx"])
    events = [event for second in range(11) for event in desk.after(1, 60_000 + second)]
    (change,) = of(SourceStateChanged, events)
    # 10 s is its limit, so after 11 s.
    assert (change.source, change.standing, change.event_time_ns) == (
        b"okx",
        SourceStanding.STALE,
        START + 12 * SECOND,
    )


@pytest.mark.spec("ORCL-040", "ORCL-030")
def test_hardcoded_sources_tell_no_price_at_all() -> None:
    desk = Desk()
    desk.after(1, 60_000)
    prices = told(desk.set(FaultKind.HARDCODE, sources=list(NAMES), price_micros=0))
    zero = prices[FAULTY_CONSUMERS]
    assert (zero.index_price_ticks, zero.mark_price_ticks, zero.validity) == (0, 0, Validity.NON_POSITIVE)
    assert prices[TRUTH].index_price_ticks == 600_000


@pytest.mark.spec("ORCL-040", "ORCL-020")
def test_what_is_told_has_averages_of_its_own() -> None:
    desk = Desk()
    # A book at 60,100 over an index of 60,000: a basis of +100 dollars.
    for _ in range(5):
        events = desk.after(1, 60_000, book=desk.book(600_990, 601_010))
    desk.set(FaultKind.SPIKE, sources=list(NAMES), magnitude_e12=-E12 // 100)
    btc = desk.oracle.state.instruments[1]
    assert btc.told_averages == btc.averages, "they begin as the true ones"
    for _ in range(300):
        events = desk.after(1, 60_000, book=desk.book(600_990, 601_010))
    prices = told(events)
    assert prices[TRUTH].mark_price_ticks == 601_000
    # Its index is 1 % lower, 59,400; its basis has learned the difference to the same book for two time constants.
    wrong = prices[FAULTY_CONSUMERS]
    assert wrong.index_price_ticks == 594_000
    assert 600_000 < wrong.mark_price_ticks <= 601_000
    assert btc.told_averages != btc.averages
    desk.clear()
    assert btc.told_averages is None, "the next fault begins from the truth again"


# Delivery


@pytest.mark.spec("ORCL-040")
def test_a_fault_set_for_later_begins_then_and_ends_as_long_after() -> None:
    desk = Desk()
    desk.after(1, 60_000)
    events = desk.set(FaultKind.FREEZE, consumers=CLEARING, delay_ns=2 * SECOND + SECOND // 2, duration_ns=2 * SECOND)
    assert of(PricePublished, events) == []
    assert of(FaultSet, events)[0].is_delayed
    assert desk.oracle.next_due_ns(desk.now_ns + 2 * SECOND) == desk.now_ns + 2 * SECOND + SECOND // 2
    assert told(desk.after(2, 60_010)).keys() == {EVERYBODY}
    events = desk.after(1, 60_020)
    assert of(FaultStarted, events) == [FaultStarted(1, 0, 1, START + 3 * SECOND + SECOND // 2)]
    # It holds what was there when it began.
    assert told(events)[CLEARING].index_price_ticks == 600_100
    events = desk.after(2, 60_030)
    assert [event.was_cleared for event in of(FaultEnded, events)] == [0]
    assert told(events)[EVERYBODY].index_price_ticks == 600_300


@pytest.mark.spec("ORCL-040")
def test_a_fault_that_was_slept_through_begins_and_ends_in_order() -> None:
    desk = Desk()
    desk.after(1, 60_000)
    desk.set(FaultKind.FREEZE, delay_ns=2 * SECOND, duration_ns=2 * SECOND)
    events = desk.after(60, 60_010)
    assert [type(event) for event in events[:2]] == [FaultStarted, FaultEnded]
    assert told(events).keys() == {EVERYBODY}


@pytest.mark.spec("ORCL-040")
def test_a_congestion_delivers_all_that_it_withheld_at_once_and_in_order() -> None:
    desk = Desk()
    desk.after(1, 60_000)
    desk.set(FaultKind.CONGESTION, consumers=CLEARING, duration_ns=4 * SECOND)
    for second in (1, 2, 3):
        prices = told(desk.after(1, 60_000 + second))
        assert prices[CLEARING].index_price_ticks == 600_000
        assert prices[EVERYBODY & ~CLEARING].index_price_ticks == 600_000 + 10 * second
    events = desk.after(1, 60_004)
    delivered = [event for event in of(PricePublished, events) if event.consumers & CLEARING]
    assert [(event.consumers, event.index_price_ticks, event.index_time_ns) for event in delivered] == [
        (CLEARING, 600_010, START + 2 * SECOND),
        (CLEARING, 600_020, START + 3 * SECOND),
        (CLEARING, 600_030, START + 4 * SECOND),
        (EVERYBODY, 600_040, START + 5 * SECOND),
    ]
    assert {event.event_time_ns for event in delivered} == {START + 5 * SECOND}


@pytest.mark.spec("ORCL-040")
def test_what_another_fault_still_withholds_is_not_released() -> None:
    desk = Desk()
    desk.after(1, 60_000)
    desk.set(FaultKind.CONGESTION, duration_ns=4 * SECOND)
    desk.set(FaultKind.FREEZE, consumers=CLEARING)
    for second in (1, 2, 3):
        desk.after(1, 60_000 + second)
    events = desk.after(1, 60_004)
    assert {event.index_price_ticks for event in of(PricePublished, events) if event.consumers & CLEARING} == {600_000}
    released = [event.index_price_ticks for event in of(PricePublished, events) if event.consumers & ConsumerBit.BOTS]
    assert released == [600_010, 600_020, 600_030, 600_040]


@pytest.mark.spec("ORCL-040")
def test_a_censored_feed_moves_only_by_large_steps() -> None:
    desk = Desk()
    desk.after(1, 60_000)
    desk.set(FaultKind.CENSOR, consumers=CLEARING, magnitude_e12=E12 // 100)
    seen = []
    for dollars in (60_300, 60_599, 60_600, 60_700, 59_994, 59_993):
        prices = told(desk.after(1, dollars))
        seen.append(next(price.index_price_ticks for who, price in prices.items() if who & CLEARING))
    # 1 % of 60,000 is 600; of 60,600 it is 606, so that 59,994 passes.
    assert seen == [600_000, 600_000, 606_000, 606_000, 599_940, 599_940]


@pytest.mark.spec("ORCL-040")
def test_a_self_reference_tells_a_consumer_the_own_book() -> None:
    desk = Desk()
    desk.after(1, 60_000, book=desk.book(500_000, 500_020))
    prices = told(desk.set(FaultKind.SELF_REFERENCE, consumers=CLEARING))
    assert (prices[CLEARING].index_price_ticks, prices[CLEARING].mark_price_ticks) == (500_010, 500_010)
    assert prices[EVERYBODY & ~CLEARING].index_price_ticks == 600_000


@pytest.mark.spec("ORCL-040")
def test_delivery_and_sources_go_wrong_together() -> None:
    desk = Desk()
    desk.after(1, 60_000)
    desk.set(FaultKind.SPIKE, sources=list(NAMES), magnitude_e12=E12)
    desk.set(FaultKind.LAG, consumers=CLEARING, lag_ns=2 * SECOND)
    for second in (1, 2, 3):
        events = desk.after(1, 60_000 + second)
    prices = told(events)
    assert prices[TRUTH].index_price_ticks == 600_030
    assert prices[FAULTY_CONSUMERS & ~CLEARING].index_price_ticks == 1_200_060
    # Clearing is late with what the sources say, not with the truth.
    assert prices[CLEARING].index_price_ticks == 1_200_020
    (before,) = of(PriceTold, events)
    assert (before.index_price_ticks, before.is_stale) == (1_200_060, 0)


@pytest.mark.spec("ORCL-040")
def test_a_fault_cleared_at_the_moment_it_was_set_leaves_nothing_behind() -> None:
    desk = Desk()
    desk.after(1, 60_000)
    desk.set(FaultKind.SPIKE, sources=list(NAMES), magnitude_e12=E12)
    desk.clear()
    desk.set(FaultKind.FREEZE, consumers=CLEARING)
    assert told(desk.after(1, 60_010))[CLEARING].index_price_ticks == 600_000


# What may be trusted


@pytest.mark.spec("ORCL-030")
def test_a_wild_print_is_too_volatile_for_whom_it_was_told_alone() -> None:
    desk = Desk()
    desk.after(1, 60_000)
    prices = told(desk.set(FaultKind.DECIMAL, consumers=CLEARING, exponent=1))
    assert prices[CLEARING].validity == Validity.TOO_VOLATILE
    assert prices[EVERYBODY & ~CLEARING].validity == Validity.VALID
    assert told(desk.clear())[EVERYBODY].validity == Validity.VALID


@pytest.mark.spec("ORCL-030")
def test_one_wild_print_counts_for_little_and_a_lasting_one_becomes_usual() -> None:
    desk = Desk()
    for _ in range(300):
        desk.after(1, 60_000)
    desk.set(FaultKind.DECIMAL, consumers=CLEARING, exponent=5)
    desk.after(1, 60_000)
    desk.clear()
    # Cut to five times its average, two prints moved that by less than 3 %.
    assert told(desk.after(1, 60_000)).keys() == {EVERYBODY}
    # What is no price does not count at all.
    usual = desk.oracle.state.instruments[1].usual
    desk.set(FaultKind.HARDCODE, consumers=CLEARING, price_micros=-1_000_000)
    assert desk.oracle.state.instruments[1].usual == usual
    desk.now_ns += SECOND
    desk.after(0, 60_000)
    average = desk.oracle.state.instruments[1].usual
    assert average[1] == usual[1]
    assert average[0] != usual[0]
    desk.clear()
    desk.set(FaultKind.DECIMAL, consumers=CLEARING, exponent=1)
    seen = [told(desk.after(10, 60_000))[CLEARING].validity for _ in range(60)]
    assert seen[0] == Validity.TOO_VOLATILE
    assert seen[-1] == Validity.VALID
    assert seen == sorted(seen, reverse=True)


@pytest.mark.spec("ORCL-030")
def test_an_index_is_as_uncertain_as_its_sources_differ() -> None:
    desk = Desk()
    # Quartiles of three are the outer ones: 1,201 of 60,000 is more than 2 %, 1,200 is not.
    published = told(desk.after(1, 60_000, 61_200, 60_000))[EVERYBODY]
    assert (published.confidence_ticks, published.validity) == (12_000, Validity.VALID)
    published = told(desk.after(1, 60_000, 61_201, 60_000))[EVERYBODY]
    assert (published.confidence_ticks, published.validity) == (12_010, Validity.TOO_UNCERTAIN)


@pytest.mark.spec("ORCL-030")
def test_a_pushed_price_may_say_how_far_off_it_is() -> None:
    oracle = Oracle(OracleSettings(push={"ETH": SourceTerms()}, sources={"ETH": {}}))
    oracle.handle_listing(START, [ETH])
    pushed = PushedPrice(2, "pyth", 2_500_000_000, 0, 25_000_001)
    assert isinstance(oracle.handle_push(START + SECOND, [pushed]), list)
    published = told(oracle.handle_observations(START + 2 * SECOND, [], []))[EVERYBODY]
    # 25.000001 dollars in ticks of 0.01, rounded up.
    assert (published.confidence_ticks, published.validity) == (2_501, Validity.VALID)
    refused = oracle.handle_push(START + 2 * SECOND, [PushedPrice(2, "pyth", 10**9, 0, 10**9 + 1)])
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.MALFORMED, 10**9 + 1, 10**9)


def premium_hour(tolerances: Tolerances, **fault: Any) -> FundingTicked:  # noqa: ANN401 - fields of the request.
    """Return the tick of an hour of 1 % premium, with a fault at its end."""
    settings = OracleSettings(
        sources=SETTINGS.sources, tolerances=tolerances, validity=ValidityTerms(), premium_samples=12
    )
    desk = Desk(settings)
    for _ in range(11):
        desk.after(300, 60_000, book=desk.book(600_990, 601_010, impact=606_000_000_000))
    desk.set(**fault)
    (tick,) = of(FundingTicked, desk.after(300, 60_000))
    return tick


@pytest.mark.spec("ORCL-030", "FUND-020")
def test_nothing_is_paid_by_an_index_that_funding_does_not_tolerate() -> None:
    doubt = {"kind": FaultKind.WIDEN, "sources": list(NAMES), "magnitude_e12": E12 // 10}
    assert premium_hour(Tolerances(), **doubt).is_paid == 0
    assert premium_hour(Tolerances(), **doubt).funding_rate_e12 == 0
    assert premium_hour(Tolerances(funding=EVERYTHING), **doubt).is_paid == 1
    # A stale index is tolerated by default, and is not by a setting.
    lost = {"kind": FaultKind.SOURCE_LOSS, "source_count": 3}
    assert premium_hour(Tolerances(), **lost).is_paid == 1
    assert premium_hour(Tolerances(funding=frozenset()), **lost).is_paid == 0


@pytest.mark.spec("ORCL-040", "FUND-020")
def test_a_frozen_rate_stands_while_the_premium_moves() -> None:
    desk = Desk()
    desk.after(1, 60_000)
    desk.set(FaultKind.FREEZE, FaultTarget.FUNDING)
    events = desk.after(5, 60_000, book=desk.book(600_990, 601_010, impact=606_000_000_000))
    assert of(PremiumSampled, events)
    # Without samples the rate is 0; with a premium of 1 % it would be 0.11875 %.
    assert told(events)[EVERYBODY].funding_rate_e12 == 0
    assert told(desk.clear())[EVERYBODY].funding_rate_e12 == 1_187_500_000


# Refusals

WRONG = [
    (request(FaultKind.DRIFT, magnitude_e12=1), "ramp"),
    (request(FaultKind.CLAMP), "clamp"),
    (request(FaultKind.CLAMP, price_micros=2, upper_price_micros=1), "lower price"),
    (request(FaultKind.CLAMP, price_micros=-1), "clamp"),
    (request(FaultKind.DECIMAL), "exponent"),
    (request(FaultKind.DECIMAL, exponent=13), "exponent"),
    (request(FaultKind.FREEZE, exponent=1), "no exponent"),
    (request(FaultKind.HARDCODE, price_micros=2**31 * 100_000), "ticks"),
    (request(FaultKind.HARDCODE, upper_price_micros=1), "no upper price"),
    (request(FaultKind.SOURCE_LOSS), "names its sources"),
    (request(FaultKind.SOURCE_LOSS, sources=["kraken"]), "kraken"),
    (request(FaultKind.SOURCE_LOSS, source_count=4), "source_count"),
    (request(FaultKind.SOURCE_LOSS, source_count=-1), "source_count"),
    (request(FaultKind.SOURCE_LOSS, sources=["okx"], source_count=1), "not both"),
    (request(FaultKind.SOURCE_LOSS, sources=["okx"], consumers=CLEARING), "all consumers"),
    (request(FaultKind.SPIKE, FaultTarget.FUNDING, sources=["okx"], magnitude_e12=1), "of sources"),
    (request(FaultKind.WIDEN, magnitude_e12=-1), "magnitude"),
    (request(FaultKind.CENSOR), "magnitude"),
    (request(FaultKind.CENSOR, magnitude_e12=1, probability_ppm=5), "no probability"),
    (request(FaultKind.CONGESTION, ramp_ns=1), "no ramp"),
    (request(FaultKind.OUT_OF_ORDER), "lag"),
    (request(FaultKind.OUT_OF_ORDER, lag_ns=1, jitter_ns=1), "no jitter"),
    (request(FaultKind.LAG, lag_ns=1, jitter_ns=1), "distribution"),
    (request(FaultKind.LAG, lag_ns=1, jitter_ns=1, distribution=JitterDistribution.CONSTANT), "distribution"),
    (request(FaultKind.LAG, lag_ns=1, distribution=JitterDistribution.UNIFORM), "distribution"),
    (request(FaultKind.LAG, lag_ns=HOUR, jitter_ns=1, distribution=JitterDistribution.UNIFORM), "jitter"),
    # Eight times the mean must fit.
    (request(FaultKind.LAG, jitter_ns=HOUR // 8 + 1, distribution=JitterDistribution.EXPONENTIAL), "jitter"),
    (request(FaultKind.LAG, jitter_ns=-1, distribution=JitterDistribution.UNIFORM), "jitter"),
    (request(FaultKind.FREEZE, distribution=JitterDistribution.UNIFORM), "distribution"),
    (request(FaultKind.FREEZE, probability_ppm=1_000_001), "probability"),
    (request(FaultKind.FREEZE, probability_ppm=-1), "probability"),
    (request(FaultKind.FREEZE, delay_ns=-1), "delay"),
    (request(FaultKind.FREEZE, seed=-1), "seed"),
    (request(FaultKind.FREEZE, seed=2**63), "seed"),
]


@pytest.mark.spec("ORCL-040")
@pytest.mark.parametrize(("wrong", "word"), WRONG)
def test_a_fault_that_does_not_fit_is_refused_by_name_and_changes_nothing(wrong: FaultRequest, word: str) -> None:
    desk = Desk()
    desk.after(1, 60_000)
    before = desk.oracle.state_hash()
    refused = desk.oracle.handle_fault(desk.now_ns, wrong)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.FAULT_MALFORMED
    assert word in refused.message
    assert desk.oracle.state_hash() == before


@pytest.mark.spec("ORCL-040")
def test_of_all_instruments_those_are_hit_that_have_the_source() -> None:
    oracle = Oracle(SETTINGS)
    oracle.handle_listing(START, [BTC, ETH])
    events = oracle.handle_fault(START, request(FaultKind.SOURCE_LOSS, sources=["okx", "binance"]))
    assert [(event.instrument_id, event.source) for event in of(FaultSet, events)] == [
        (1, b"binance"),
        (1, b"okx"),
        (2, b"binance"),
    ]
    refused = oracle.handle_fault(START, request(FaultKind.SOURCE_LOSS, sources=["okx"], instrument_ids=[1, 2]))
    assert isinstance(refused, Refused)
    assert "ETH" in refused.message
    # One fault, one id, and one end for each instrument.
    assert of(FaultEnded, oracle.handle_clear(START, [1])) == [FaultEnded(1, 0, 1, 1), FaultEnded(2, 0, 1, 1)]
