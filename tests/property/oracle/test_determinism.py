"""The oracle is a function of its inputs: stopped anywhere and recovered, it goes on as if it never was.

Random inputs are run three times: straight through, recovered at a random point from its own events alone, and from a
snapshot and the events behind it. Events and state must be the same each time.
"""

from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from wavetank.model.events.matching import BookSampled
from wavetank.model.events.oracle import ConsumerBit, PricePublished
from wavetank.model.instrument import default_instruments
from wavetank.model.record import Event, decode_all, encode_all
from wavetank.model.validity import Validity
from wavetank.oracle.core.faults import FaultKind, FaultTarget, JitterDistribution
from wavetank.oracle.core.inputs import FaultRequest, ObservedBook, ObservedPrice, PushedPrice, Refused
from wavetank.oracle.core.oracle import Oracle
from wavetank.oracle.core.settings import OracleSettings, SourceRole, SourceTerms

SECOND = 1_000_000_000
START = 500_000 * 3_600 * SECOND
SYMBOLS = ("BTC", "ETH", "SOL")
SETTINGS = OracleSettings(
    sources={symbol: {"spot": SourceTerms(), "perp": SourceTerms(role=SourceRole.PERP)} for symbol in SYMBOLS},
    push={"BTC": SourceTerms()},
    max_lag_ns=60 * SECOND,
)

Step = Callable[[Oracle, int], list[Event] | Refused]

instruments = st.integers(1, 3)
dollars = st.integers(50, 90_000)


@st.composite
def observations(draw: st.DrawFn) -> Step:
    prices = draw(st.dictionaries(st.tuples(instruments, st.sampled_from(["spot", "perp"])), dollars, max_size=4))
    books = draw(st.dictionaries(instruments, st.tuples(dollars, st.integers(0, 50), st.integers(0, 2)), max_size=3))

    def step(oracle: Oracle, now_ns: int) -> list[Event] | Refused:
        observed = [
            ObservedPrice(instrument, source, price * 1_000_000, now_ns)
            for (instrument, source), price in prices.items()
        ]
        sampled = [
            ObservedBook(
                BookSampled(
                    instrument,
                    0,
                    bid * 10,
                    1,
                    (bid * 10 + width) * (sides != 0),
                    1,
                    bid * 10,
                    bid * 10**7,
                    0,
                    0,
                    0,
                    0,
                    now_ns,
                ),
                matching_seq=1,
            )
            for instrument, (bid, width, sides) in books.items()
        ]
        return oracle.handle_observations(now_ns, observed, sampled)

    return step


SECONDS = st.integers(1, 60 * SECOND)
PERCENT = st.integers(1, 10**11)
SIZES: dict[FaultKind, st.SearchStrategy[dict[str, Any]]] = {
    FaultKind.LAG: st.one_of(
        st.fixed_dictionaries({"lag_ns": SECONDS}),
        st.fixed_dictionaries(
            {
                "lag_ns": st.integers(0, 20 * SECOND),
                "jitter_ns": st.integers(1, 5 * SECOND),
                "distribution": st.sampled_from([JitterDistribution.UNIFORM, JitterDistribution.EXPONENTIAL]),
            }
        ),
    ),
    FaultKind.SPIKE: st.fixed_dictionaries({"magnitude_e12": PERCENT}),
    FaultKind.DRIFT: st.fixed_dictionaries({"magnitude_e12": PERCENT, "ramp_ns": SECONDS}),
    FaultKind.CLAMP: st.sampled_from(
        [{"price_micros": 2_000 * 10**6}, {"price_micros": 10**6, "upper_price_micros": 100 * 10**6}]
    ),
    FaultKind.DECIMAL: st.fixed_dictionaries({"exponent": st.sampled_from([-12, -3, 1, 12])}),
    FaultKind.HARDCODE: st.fixed_dictionaries({"price_micros": st.sampled_from([-(10**6), 0, 1, 60_000 * 10**6])}),
    FaultKind.WIDEN: st.fixed_dictionaries({"magnitude_e12": PERCENT}),
    FaultKind.OUT_OF_ORDER: st.fixed_dictionaries({"lag_ns": SECONDS}),
    FaultKind.CENSOR: st.fixed_dictionaries({"magnitude_e12": PERCENT}),
}
"""What a kind must be given."""

BY_CHANCE = frozenset(FaultKind) - {FaultKind.DRIFT, FaultKind.CENSOR, FaultKind.CONGESTION}


@st.composite
def requests(draw: st.DrawFn) -> FaultRequest:
    kind = draw(st.sampled_from(FaultKind))
    of_sources: dict[str, Any] = draw(
        st.sampled_from([{"sources": ["spot"]}, {"source_count": 1}, {"sources": ["perp", "spot"]}])
    )
    hits = of_sources if kind is FaultKind.SOURCE_LOSS or draw(st.booleans()) else {}
    if not hits:
        whom = draw(st.sampled_from([0, int(ConsumerBit.CLEARING), int(ConsumerBit.BOTS | ConsumerBit.MATCHING)]))
        hits = {"consumers": whom}
    is_funding = kind in {FaultKind.SPIKE, FaultKind.FREEZE} and "consumers" in hits and draw(st.booleans())
    return FaultRequest(
        kind=kind,
        target=FaultTarget.FUNDING if is_funding else FaultTarget.PRICE,
        instrument_ids=draw(st.lists(instruments, max_size=2)),
        delay_ns=draw(st.sampled_from([0, 0, SECOND // 2, 7 * SECOND])),
        duration_ns=draw(st.sampled_from([0, 3 * SECOND, 90 * SECOND])),
        probability_ppm=draw(st.sampled_from([0, 300_000])) if kind in BY_CHANCE else 0,
        seed=draw(st.integers(0, 3)),
        **hits,
        **draw(SIZES.get(kind, st.just({}))),
    )


def faults() -> st.SearchStrategy[Step]:
    return requests().map(lambda request: lambda oracle, now_ns: _set(oracle, now_ns, request))


def _set(oracle: Oracle, now_ns: int, request: FaultRequest) -> list[Event] | Refused:
    answer = oracle.handle_fault(now_ns, request)
    assert not isinstance(answer, Refused), f"a good fault was refused: {answer.message}"
    return answer


def clears(fault_ids: list[int]) -> Step:
    return lambda oracle, now_ns: oracle.handle_clear(now_ns, fault_ids)


def pushes(price: int) -> Step:
    return lambda oracle, now_ns: oracle.handle_push(now_ns, [PushedPrice(1, "desk", price * 1_000_000, 0)])


def listings() -> Step:
    return lambda oracle, now_ns: oracle.handle_listing(now_ns, default_instruments())


steps = st.one_of(
    observations(),
    observations(),
    observations(),
    faults(),
    st.lists(st.integers(1, 4), max_size=2).map(clears),
    dollars.map(pushes),
    st.builds(listings),
)
waits = st.sampled_from([0, 1, SECOND // 3, SECOND, 5 * SECOND, 20 * SECOND, 4_000 * SECOND])
schedules = st.lists(st.tuples(waits, steps), min_size=1, max_size=30)


def run(oracle: Oracle, schedule: list[tuple[int, Step]], now_ns: int) -> tuple[list[list[Event]], int]:
    entries = []
    for wait_ns, step in schedule:
        now_ns += wait_ns
        events = step(oracle, now_ns)
        entries.append([] if isinstance(events, Refused) else events)
    return entries, now_ns


@settings(max_examples=60, deadline=None)
@given(schedule=schedules, data=st.data())
def test_recovered_anywhere_it_is_as_if_it_never_stopped(schedule: list[tuple[int, Step]], data: st.DataObject) -> None:
    whole = Oracle(SETTINGS)
    whole.handle_listing(START, default_instruments())
    entries, _ = run(whole, schedule, START)

    stop = data.draw(st.integers(0, len(schedule)))
    snapshot_at = data.draw(st.integers(0, stop))
    first = Oracle(SETTINGS)
    listed = first.handle_listing(START, default_instruments())
    before, mid_ns = run(first, schedule[:snapshot_at], START)
    snapshot = first.snapshot()
    more, now_ns = run(first, schedule[snapshot_at:stop], mid_ns)
    stopped_hash = first.state_hash()

    replayed = Oracle(SETTINGS)
    for event in decode_all(encode_all([*listed, *[event for entry in before + more for event in entry]])):
        replayed.apply(event)
    assert replayed.state_hash() == stopped_hash

    restored = Oracle.restore(SETTINGS, snapshot)
    for event in decode_all(encode_all([event for entry in more for event in entry])):
        restored.apply(event)
    assert restored.state_hash() == stopped_hash

    for recovered in (replayed, restored):
        rest, _ = run(recovered, schedule[stop:], now_ns)
        assert before + more + rest == entries
        assert recovered.state_hash() == whole.state_hash()


@settings(max_examples=60, deadline=None)
@given(schedule=schedules)
def test_what_is_published_fits_and_covers_every_consumer_once(schedule: list[tuple[int, Step]]) -> None:
    oracle = Oracle(SETTINGS)
    oracle.handle_listing(START, default_instruments())
    entries, _ = run(oracle, schedule, START)
    for entry in entries:
        for event in entry:
            if isinstance(event, PricePublished):
                assert -(2**31) < event.index_price_ticks < 2**31
                assert -(2**31) < event.mark_price_ticks < 2**31
                is_price = event.index_price_ticks > 0 and event.mark_price_ticks > 0
                assert is_price == (event.validity != Validity.NON_POSITIVE)
                assert event.confidence_ticks >= 0
                assert event.index_time_ns <= event.event_time_ns
                if event.consumers & ConsumerBit.TRUTH:
                    assert is_price
    instruments_seen = {
        event.instrument_id for entry in entries for event in entry if isinstance(event, PricePublished)
    }
    for instrument_id in instruments_seen:
        for entry in entries:
            masks = [
                event.consumers
                for event in entry
                if isinstance(event, PricePublished) and event.instrument_id == instrument_id
            ]
            told = [place for place, mask in enumerate(masks) if mask & ConsumerBit.TRUTH]
            assert len(told) <= 1
            # Before the truth stands only what a congestion withheld, each value once for each consumer.
            masks = masks[told[0] :] if told else []
            assert len({bit for mask in masks for bit in ConsumerBit(mask)}) == sum(mask.bit_count() for mask in masks)
