"""The oracle as a whole: what it publishes when, from what, and to whom."""

from typing import TypeVar

import pytest

from wavetank.model.events.matching import BookSampled
from wavetank.model.events.oracle import (
    EVERYBODY,
    ConsumerBit,
    FaultEnded,
    FaultSet,
    FundingTicked,
    InstrumentFollowed,
    MarkComputed,
    PremiumSampled,
    PricePublished,
    SourcePriced,
    SourceStateChanged,
)
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.reason import Reason
from wavetank.model.record import Event
from wavetank.oracle.core.faults import FAULTY_CONSUMERS, FaultKind, FaultTarget
from wavetank.oracle.core.inputs import FaultRequest, ObservedBook, ObservedPrice, PushedPrice, Refused
from wavetank.oracle.core.oracle import Oracle
from wavetank.oracle.core.settings import OracleSettings, SourceRole, SourceTerms

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 3_600 * SECOND
START = 1_000 * HOUR
CLEARING = int(ConsumerBit.CLEARING)

# One tick is 0.1 USD: 60,000 USD are 600,000 ticks and 60,000,000,000 micro-dollars.
BTC = Instrument(instrument_id=1, symbol="BTC", size_decimals=5, tiers=(MarginTier(0, 40),), funding_interval_ns=HOUR)
SETTINGS = OracleSettings(
    sources={"BTC": {"spot": SourceTerms(), "perp": SourceTerms(role=SourceRole.PERP)}},
    push={"BTC": SourceTerms()},
    max_faults=3,
)

E = TypeVar("E")


def of(kind: type[E], events: list[Event] | Refused) -> list[E]:
    assert isinstance(events, list), events
    return [event for event in events if isinstance(event, kind)]


def spot(dollars: int, time_ns: int, source: str = "spot") -> ObservedPrice:
    return ObservedPrice(1, source, dollars * 1_000_000, time_ns)


def book(bid: int, ask: int, last: int, time_ns: int, impact: tuple[int, int] = (0, 0)) -> ObservedBook:
    sample = BookSampled(1, 0, bid, 10, ask, 10, last, impact[0], impact[1], 0, 0, 0, time_ns)
    return ObservedBook(sample, matching_seq=7)


@pytest.fixture
def oracle() -> Oracle:
    made = Oracle(SETTINGS)
    made.handle_listing(START, [BTC])
    return made


def test_an_instrument_is_followed_until_the_next_whole_interval() -> None:
    made = Oracle(SETTINGS)
    events = made.handle_listing(START + 5, [BTC])
    assert events == [InstrumentFollowed(1, 0, b"BTC", HOUR, BTC.funding_cap_e12, START + HOUR, START + 5, 5)]
    assert made.handle_listing(START + 6, [BTC]) == []


@pytest.mark.spec("ORCL-010")
def test_nothing_is_published_before_the_first_index(oracle: Oracle) -> None:
    assert oracle.handle_observations(START + SECOND, [], [book(599_000, 601_000, 600_000, START)]) != []
    assert of(PricePublished, oracle.handle_observations(START + 2 * SECOND, [], [])) == []


@pytest.mark.spec("ORCL-010", "ORCL-020")
def test_the_index_alone_is_the_mark(oracle: Oracle) -> None:
    events = oracle.handle_observations(START + SECOND, [spot(60_000, START)], [])
    assert of(SourcePriced, events) == [SourcePriced(1, 0, b"spot", 60_000_000_000, START)]
    assert of(SourceStateChanged, events) == [SourceStateChanged(1, 0, b"spot", START, START + SECOND, 1)]
    now = START + SECOND
    assert of(PricePublished, events) == [PricePublished(1, 0, 600_000, 600_000, now, now, 0, EVERYBODY, 0)]


@pytest.mark.spec("ORCL-020")
def test_index_book_and_its_average_make_the_mark(oracle: Oracle) -> None:
    events = oracle.handle_observations(START + SECOND, [spot(60_000, START)], [book(600_500, 600_700, 600_650, START)])
    # First samples: basis = 600,600 − 600,000 = 600, so index + basis = 600,600; book 600,650; its average 600,650.
    (mark,) = of(MarkComputed, events)
    assert (mark.basis_term_e6, mark.book_term_e6, mark.book_average_e6) == (
        600_600_000_000,
        600_650_000_000,
        600_650_000_000,
    )
    assert mark.mark_price_ticks == 600_650
    assert (mark.basis_weight_ns, mark.book_weight_ns) == (SECOND, SECOND)


@pytest.mark.spec("ORCL-020")
def test_an_external_perpetual_is_the_third_term(oracle: Oracle) -> None:
    prices = [spot(60_000, START), spot(60_062, START, "perp")]
    events = oracle.handle_observations(START + SECOND, prices, [book(600_500, 600_700, 600_650, START)])
    # 600,600 and 600,650 and 600,620: the middle one.
    (mark,) = of(MarkComputed, events)
    assert mark.perp_term_e6 == 600_620_000_000
    assert mark.mark_price_ticks == 600_620


@pytest.mark.spec("ORCL-020")
def test_an_old_book_counts_no_more(oracle: Oracle) -> None:
    oracle.handle_observations(START + SECOND, [spot(60_000, START)], [book(600_500, 600_700, 0, START)])
    now = START + 10 * SECOND
    (mark,) = of(MarkComputed, oracle.handle_observations(now, [spot(60_000, now)], []))
    assert mark.book_term_e6 == 600_600_000_000
    now = START + 11 * SECOND
    (mark,) = of(MarkComputed, oracle.handle_observations(now, [spot(60_000, now)], []))
    assert (mark.book_term_e6, mark.bid_price_ticks, mark.book_weight_ns) == (0, 0, 0)
    # The basis of 600 is remembered.
    assert mark.mark_price_ticks == 600_600


@pytest.mark.spec("ORCL-010", "ORCL-020")
def test_a_source_that_goes_silent_makes_the_price_stale(oracle: Oracle) -> None:
    oracle.handle_observations(START + SECOND, [spot(60_000, START)], [])
    now = START + 10 * SECOND + 1
    events = oracle.handle_observations(now, [], [])
    assert of(SourceStateChanged, events) == [SourceStateChanged(1, 0, b"spot", START, now, 0)]
    assert of(MarkComputed, events) == []
    # Last mark, last index with its own time, marked stale.
    assert of(PricePublished, events) == [PricePublished(1, 0, 600_000, 600_000, START + SECOND, now, 0, EVERYBODY, 1)]
    back = START + 12 * SECOND
    events = oracle.handle_observations(back, [spot(59_000, back)], [])
    assert of(SourceStateChanged, events) == [SourceStateChanged(1, 0, b"spot", back, back, 1)]
    assert of(PricePublished, events)[0].stale == 0


def test_prices_are_published_once_per_interval(oracle: Oracle) -> None:
    assert len(of(PricePublished, oracle.handle_observations(START + SECOND, [spot(60_000, START)], []))) == 1
    assert of(PricePublished, oracle.handle_observations(START + SECOND + 5, [spot(60_001, START + SECOND)], [])) == []
    assert len(of(PricePublished, oracle.handle_observations(START + 2 * SECOND, [], []))) == 1


@pytest.mark.spec("ORCL-010")
def test_old_and_impossible_prices_are_passed_over(oracle: Oracle) -> None:
    oracle.handle_observations(START + SECOND, [spot(60_000, START)], [])
    late = [spot(1, START - 1), spot(1, START), spot(0, START + 1), spot(-5, START + 2)]
    for price in late:
        assert of(SourcePriced, oracle.handle_observations(START + SECOND, [price], [])) == []


def sampled(oracle: Oracle, seconds: int, impact: tuple[int, int], first: int = 1) -> list[Event]:
    events: list[Event] = []
    for second in range(first, first + seconds):
        now = START + second * SECOND
        events += oracle.handle_observations(now, [spot(60_000, now)], [book(599_900, 600_100, 600_000, now, impact)])
    return events


@pytest.mark.spec("FUND-010")
def test_the_premium_is_sampled_every_five_seconds(oracle: Oracle) -> None:
    # Impact bid 606,000 against 600,000: +1 %.
    samples = of(PremiumSampled, sampled(oracle, 20, (606_000_000_000, 607_000_000_000)))
    # The first at once, then at the begin of each span of five seconds.
    assert [(sample.sample_time_ns - START) // SECOND for sample in samples] == [1, 5, 10, 15, 20]
    assert {sample.premium_e12 for sample in samples} == {10_000_000_000}


@pytest.mark.spec("FUND-020", "FUND-030")
def test_an_hour_of_one_percent_premium_pays_0_11875_percent(oracle: Oracle) -> None:
    events = sampled(oracle, 3_600, (606_000_000_000, 607_000_000_000))
    (tick,) = of(FundingTicked, events)
    assert tick == FundingTicked(1, 0, 1, 1_187_500_000, 600_000, 10_000_000_000, START + HOUR, 720, 720, 1)


@pytest.mark.spec("FUND-020", "FUND-030")
def test_each_interval_counts_its_own_samples(oracle: Oracle) -> None:
    oracle.handle_observations(START + SECOND, [spot(60_000, START)], [])
    first = sampled(oracle, 10, (606_000_000_000, 607_000_000_000), first=3_595)
    second = sampled(oracle, 5, (600_000_000_000, 600_000_000_000), first=7_195)
    third = oracle.handle_observations(START + 3 * HOUR, [], [])
    # First hour: 1 % at 3,595 s. Second: 1 % at 3,600 s and 0 % at 7,195 s, so 0.5 %. Third: none.
    ticks = [*of(FundingTicked, first), *of(FundingTicked, second), *of(FundingTicked, third)]
    assert [(tick.tick, tick.samples, tick.premium_e12) for tick in ticks] == [
        (1, 1, 10_000_000_000),
        (2, 2, 5_000_000_000),
        (3, 0, 0),
    ]


@pytest.mark.spec("FUND-020")
def test_with_fewer_than_half_of_the_samples_nothing_is_paid_and_the_tick_says_so(oracle: Oracle) -> None:
    # 1,794 s hold 359 spans of five seconds: at 1, 5, 10, …, 1,790.
    sampled(oracle, 1_794, (606_000_000_000, 607_000_000_000))
    (tick,) = of(FundingTicked, oracle.handle_observations(START + HOUR, [], []))
    assert (tick.samples, tick.expected_samples, tick.is_paid, tick.funding_rate_e12) == (359, 720, 0, 0)
    assert tick.premium_e12 == 10_000_000_000


@pytest.mark.spec("FUND-030")
def test_missed_ticks_are_caught_up_in_order_before_the_input(oracle: Oracle) -> None:
    now = START + 3 * HOUR + MINUTE
    events = oracle.handle_observations(now, [spot(60_000, now)], [])
    ticks = of(FundingTicked, events)
    assert [(tick.tick, tick.due_time_ns, tick.is_paid) for tick in ticks] == [
        (1, START + HOUR, 0),
        (2, START + 2 * HOUR, 0),
        (3, START + 3 * HOUR, 0),
    ]
    assert events[:3] == ticks


@pytest.mark.spec("FUND-020")
def test_a_short_interval_stands_for_an_hour() -> None:
    short = Instrument(
        instrument_id=1, symbol="BTC", size_decimals=5, tiers=(MarginTier(0, 40),), funding_interval_ns=2 * MINUTE
    )
    # 120 s / 720 would be every 167 ms; prices come every second, so 120 samples are expected.
    oracle = Oracle(SETTINGS)
    oracle.handle_listing(START, [short])
    (tick,) = of(FundingTicked, sampled(oracle, 120, (606_000_000_000, 607_000_000_000)))
    assert (tick.expected_samples, tick.is_paid, tick.funding_rate_e12) == (120, 1, 1_187_500_000)


@pytest.mark.spec("ORCL-040", "FUND-020")
def test_a_funding_fault_hits_everybody_and_ends_by_itself(oracle: Oracle) -> None:
    sampled(oracle, 3, (599_900_000_000, 600_100_000_000))
    request = FaultRequest(
        kind=FaultKind.SPIKE, target=FaultTarget.FUNDING, consumers=CLEARING, magnitude_e12=10**10, duration_ns=MINUTE
    )
    events = oracle.handle_fault(START + 4 * SECOND, request)
    (began,) = of(FaultSet, events)
    assert (began.fault_id, began.consumers, began.start_time_ns) == (1, EVERYBODY, START + 4 * SECOND)
    # Premium 0: (0 + 0.01 %) / 8 = 0.00125 %, and 1 % on top.
    assert [event.funding_rate_e12 for event in of(PricePublished, events)] == [10_012_500_000]
    events = oracle.handle_observations(START + 64 * SECOND, [], [])
    assert of(FaultEnded, events) == [FaultEnded(1, 0, 1, 0)]
    assert of(PricePublished, events)[0].funding_rate_e12 == 12_500_000


@pytest.mark.spec("ORCL-040")
def test_a_lag_is_delivered_at_once_and_only_where_it_was_set(oracle: Oracle) -> None:
    for second in range(1, 11):
        now = START + second * SECOND
        oracle.handle_observations(now, [spot(60_000 + second, now)], [])
    request = FaultRequest(kind=FaultKind.LAG, target=FaultTarget.PRICE, consumers=CLEARING, lag_ns=3 * SECOND)
    now = START + 10 * SECOND + 1
    truth, late = of(PricePublished, oracle.handle_fault(now, request))
    assert (truth.consumers, truth.index_price_ticks) == (EVERYBODY & ~CLEARING, 600_100)
    # The newest at least three seconds old is that of second 7.
    assert (late.consumers, late.index_price_ticks, late.index_time_ns) == (CLEARING, 600_070, START + 7 * SECOND)
    cleared = oracle.handle_clear(now, [1])
    assert of(FaultEnded, cleared) == [FaultEnded(1, 0, 1, 1)]
    assert [event.consumers for event in of(PricePublished, cleared)] == [EVERYBODY]


@pytest.mark.spec("ORCL-040")
def test_a_freeze_holds_what_was_delivered_when_it_began(oracle: Oracle) -> None:
    oracle.handle_observations(START + SECOND, [spot(60_000, START)], [])
    oracle.handle_fault(START + SECOND, FaultRequest(kind=FaultKind.FREEZE, target=FaultTarget.PRICE))
    now = START + 5 * SECOND
    truth, frozen = of(PricePublished, oracle.handle_observations(now, [spot(50_000, now)], []))
    assert (truth.consumers, truth.index_price_ticks) == (int(ConsumerBit.TRUTH), 500_000)
    assert (frozen.consumers, frozen.index_price_ticks, frozen.index_time_ns) == (
        FAULTY_CONSUMERS,
        600_000,
        START + SECOND,
    )


@pytest.mark.spec("ORCL-040")
@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (FaultRequest(kind=None, target=FaultTarget.PRICE), Reason.FAULT_MALFORMED),
        (FaultRequest(kind=FaultKind.LAG, target=None), Reason.FAULT_MALFORMED),
        (FaultRequest(kind=FaultKind.LAG, target=FaultTarget.PRICE), Reason.FAULT_MALFORMED),
        (FaultRequest(kind=FaultKind.LAG, target=FaultTarget.PRICE, lag_ns=HOUR + 1), Reason.FAULT_MALFORMED),
        (FaultRequest(kind=FaultKind.LAG, target=FaultTarget.FUNDING, lag_ns=1), Reason.FAULT_MALFORMED),
        (FaultRequest(kind=FaultKind.FREEZE, target=FaultTarget.PRICE, magnitude_e12=1), Reason.FAULT_MALFORMED),
        (FaultRequest(kind=FaultKind.FREEZE, target=FaultTarget.PRICE, lag_ns=1), Reason.FAULT_MALFORMED),
        (FaultRequest(kind=FaultKind.FREEZE, target=FaultTarget.PRICE, duration_ns=-1), Reason.FAULT_MALFORMED),
        (FaultRequest(kind=FaultKind.FREEZE, target=FaultTarget.PRICE, consumers=1), Reason.FAULT_MALFORMED),
        (FaultRequest(kind=FaultKind.SPIKE, target=FaultTarget.PRICE), Reason.FAULT_MALFORMED),
        (FaultRequest(kind=FaultKind.SPIKE, target=FaultTarget.PRICE, magnitude_e12=-(10**12)), Reason.FAULT_MALFORMED),
        (
            FaultRequest(kind=FaultKind.SPIKE, target=FaultTarget.PRICE, magnitude_e12=10**15 + 1),
            Reason.FAULT_MALFORMED,
        ),
        (FaultRequest(kind=FaultKind.FREEZE, target=FaultTarget.PRICE, instrument_ids=[9]), Reason.INSTRUMENT_UNKNOWN),
    ],
)
def test_a_malformed_fault_is_refused_and_changes_nothing(
    oracle: Oracle, request_: FaultRequest, reason: Reason
) -> None:
    before = oracle.state_hash()
    refused = oracle.handle_fault(START + SECOND, request_)
    assert isinstance(refused, Refused)
    assert refused.reason is reason
    assert oracle.state_hash() == before


@pytest.mark.spec("ORCL-040")
def test_faults_have_a_limit_and_unknown_ones_cannot_be_ended(oracle: Oracle) -> None:
    freeze = FaultRequest(kind=FaultKind.FREEZE, target=FaultTarget.PRICE)
    for _ in range(3):
        assert isinstance(oracle.handle_fault(START + SECOND, freeze), list)
    refused = oracle.handle_fault(START + SECOND, freeze)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.TOO_MANY_FAULTS, 3, 3)
    unknown = oracle.handle_clear(START + SECOND, [2, 77])
    assert isinstance(unknown, Refused)
    assert (unknown.reason, unknown.was) == (Reason.FAULT_UNKNOWN, 77)
    assert len(of(FaultEnded, oracle.handle_clear(START + SECOND, []))) == 3
    assert oracle.handle_clear(START + SECOND, []) == []


def push(source: str = "desk", micros: int = 60_000_000_000, time_ns: int = 0, instrument: int = 1) -> PushedPrice:
    return PushedPrice(instrument, source, micros, time_ns)


@pytest.mark.spec("ORCL-010")
def test_pushed_prices_enter_the_index(oracle: Oracle) -> None:
    events = oracle.handle_push(START + SECOND, [push("a"), push("b", 60_010_000_000), push("c", 99_000_000_000)])
    assert len(of(SourcePriced, events)) == 3
    (published,) = of(PricePublished, oracle.handle_observations(START + 2 * SECOND, [], []))
    # "c" is 65 % from the median, 60,010, and does not count; the others' weights are half and half.
    assert published.index_price_ticks == 600_050


@pytest.mark.spec("ORCL-010")
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (push(instrument=2), Reason.INSTRUMENT_UNKNOWN),
        (push(micros=0), Reason.PRICE_NOT_POSITIVE),
        (push(micros=-1), Reason.PRICE_NOT_POSITIVE),
        (push(micros=2**31 * 100_000), Reason.PRICE_OUT_OF_RANGE),
        (push(micros=49_999), Reason.PRICE_OUT_OF_RANGE),
        (push(source=""), Reason.MALFORMED),
        (push(source="seventeen letters"), Reason.MALFORMED),
        (push(source="spot"), Reason.SOURCE_NOT_PUSHED),
        (push(time_ns=START + SECOND + 1), Reason.PRICE_OUT_OF_ORDER),
        (push(source="known", time_ns=START - 1), Reason.PRICE_OUT_OF_ORDER),
    ],
)
def test_one_wrong_price_refuses_the_whole_push(oracle: Oracle, wrong: PushedPrice, reason: Reason) -> None:
    oracle.handle_push(START, [push("known")])
    before = oracle.state_hash()
    refused = oracle.handle_push(START + SECOND, [push("good"), wrong])
    assert isinstance(refused, Refused)
    assert refused.reason is reason
    assert oracle.state_hash() == before


def test_pushes_are_bounded(oracle: Oracle) -> None:
    for wrong in ([], [push()] * 1_001):
        refused = oracle.handle_push(START, wrong)
        assert isinstance(refused, Refused)
        assert (refused.reason, refused.allowed) == (Reason.MALFORMED, 1_000)
    refused = oracle.handle_push(START, [push(f"source {number}") for number in range(17)])
    assert isinstance(refused, Refused)
    assert (refused.was, refused.allowed) == (17, 16)


def test_an_instrument_without_push_takes_no_pushed_price() -> None:
    oracle = Oracle(OracleSettings(sources={"BTC": {"spot": SourceTerms()}}))
    oracle.handle_listing(START, [BTC])
    refused = oracle.handle_push(START, [push()])
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.SOURCE_NOT_PUSHED


def test_the_next_time_that_something_fires_is_known(oracle: Oracle) -> None:
    assert oracle.next_due_ns(START + 10) == START + SECOND
    request = FaultRequest(kind=FaultKind.FREEZE, target=FaultTarget.PRICE, duration_ns=SECOND // 2)
    oracle.handle_fault(START + 10, request)
    assert oracle.next_due_ns(START + 20) == START + 10 + SECOND // 2
