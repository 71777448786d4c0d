"""Whatever faults come together, a consumer is told what a naive reading of the rules says (ORCL-040).

Faults of delivery are set, begin later, end and are cleared at random, beside each other, while a price moves; each
value that clearing is told is compared with one found from all values ever told, by fractions.
"""

from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tests.model.naive_delivery import NaiveDelivery, Value
from wavetank.model.events.oracle import ConsumerBit, PricePublished
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.record import Event
from wavetank.model.validity import Validity
from wavetank.oracle.core.faults import FaultKind, FaultTarget, JitterDistribution
from wavetank.oracle.core.inputs import FaultRequest, ObservedPrice
from wavetank.oracle.core.oracle import Oracle
from wavetank.oracle.core.settings import OracleSettings, SourceTerms

SECOND = 1_000_000_000
START = 500_000 * 3_600 * SECOND
CLEARING = int(ConsumerBit.CLEARING)
# One tick is 0.1 dollars.
BTC = Instrument(instrument_id=1, symbol="BTC", size_decimals=5, tiers=(MarginTier(0, 40),))
TICK_MICROS = 100_000

whole_seconds = st.integers(1, 8).map(lambda seconds: seconds * SECOND)
times = st.integers(1, 6 * SECOND)
shares = st.integers(-(9 * 10**11), 2 * 10**12).filter(bool)
rises = st.integers(1, 10**11)
ramps = st.sampled_from([0, 0, 3 * SECOND, 7 * SECOND // 2])
chances = st.sampled_from([0, 0, 300_000, 700_000])
dollars = st.integers(1, 100_000)

SIZES: dict[FaultKind, st.SearchStrategy[dict[str, Any]]] = {
    FaultKind.LAG: st.fixed_dictionaries(
        {"lag_ns": times, "ramp_ns": ramps, "probability_ppm": chances},
        optional={"jitter_ns": times},
    ),
    FaultKind.FREEZE: st.fixed_dictionaries({"probability_ppm": chances}),
    FaultKind.SPIKE: st.fixed_dictionaries({"magnitude_e12": shares, "ramp_ns": ramps, "probability_ppm": chances}),
    FaultKind.DRIFT: st.fixed_dictionaries({"magnitude_e12": shares, "ramp_ns": whole_seconds}),
    FaultKind.CLAMP: st.fixed_dictionaries(
        {"price_micros": dollars.map(lambda price: price * 10**6), "probability_ppm": chances},
    ),
    FaultKind.DECIMAL: st.fixed_dictionaries(
        {"exponent": st.integers(-12, 12).filter(bool), "probability_ppm": chances}
    ),
    FaultKind.HARDCODE: st.fixed_dictionaries(
        {"price_micros": st.integers(-(10**8), 10**11), "probability_ppm": chances}
    ),
    FaultKind.WIDEN: st.fixed_dictionaries({"magnitude_e12": rises, "ramp_ns": ramps, "probability_ppm": chances}),
    FaultKind.OUT_OF_ORDER: st.fixed_dictionaries({"lag_ns": times, "probability_ppm": chances}),
    FaultKind.DUPLICATE: st.fixed_dictionaries({"probability_ppm": chances}),
    FaultKind.CENSOR: st.fixed_dictionaries({"magnitude_e12": rises}),
    FaultKind.CONGESTION: st.just({}),
}


@st.composite
def requests(draw: st.DrawFn) -> FaultRequest:
    kind = draw(st.sampled_from(sorted(SIZES)))
    request = FaultRequest(
        kind=kind,
        target=FaultTarget.PRICE,
        consumers=CLEARING,
        delay_ns=draw(st.sampled_from([0, 0, 0, 2 * SECOND])),
        duration_ns=draw(st.sampled_from([0, 3 * SECOND, 6 * SECOND])),
        seed=draw(st.integers(0, 2)),
        **draw(SIZES[kind]),
    )
    if request.jitter_ns:
        drawn = draw(st.sampled_from([JitterDistribution.UNIFORM, JitterDistribution.EXPONENTIAL]))
        request = replace(request, distribution=drawn)
    if kind is FaultKind.CLAMP and draw(st.booleans()):
        request = replace(request, upper_price_micros=request.price_micros + 10**9)
    return request


seconds = st.tuples(
    st.integers(100_000, 100_000_000),
    st.integers(0, 50) | st.just(0),
    st.lists(requests(), max_size=1) | st.just([]),
    st.sampled_from([0, 0, 0, 0, 1, 2, 3]),
)


def told_to_clearing(events: list[Event]) -> PricePublished:
    return [event for event in events if isinstance(event, PricePublished) and event.consumers & CLEARING][-1]


def check(events: list[Event], naive: NaiveDelivery, now_ns: int) -> None:
    said, due = told_to_clearing(events), naive.delivered(now_ns)
    assert (said.index_price_ticks, said.index_time_ns, said.confidence_ticks) == (
        due.ticks,
        due.time_ns,
        due.confidence,
    )
    assert said.mark_price_ticks == said.index_price_ticks, "without a book and a perpetual the index is the mark"
    if said.validity == Validity.STALE:
        assert due.is_old
    if due.ticks <= 0:
        assert said.validity == Validity.NON_POSITIVE


@pytest.mark.spec("ORCL-040")
@settings(max_examples=300, deadline=None)
@given(day=st.lists(seconds, min_size=2, max_size=25))
def test_what_a_consumer_is_told_is_what_the_rules_say(day: list[tuple[int, int, list[FaultRequest], int]]) -> None:
    oracle = Oracle(OracleSettings(sources={"BTC": {"spot": SourceTerms()}}))
    oracle.handle_listing(START, [BTC])
    naive = NaiveDelivery(1, CLEARING, TICK_MICROS)
    now_ns, last_id = START, 0
    for price_ticks, confidence, new, cleared in day:
        now_ns += SECOND
        observed = ObservedPrice(1, "spot", price_ticks * TICK_MICROS, now_ns, confidence * TICK_MICROS)
        events = oracle.handle_observations(now_ns, [observed], [])
        if naive.told:
            naive.pass_to(now_ns)
        naive.tell(Value(price_ticks, now_ns, confidence))
        check(events, naive, now_ns)
        for request in new:
            last_id += 1
            answer = oracle.handle_fault(now_ns, request)
            assert isinstance(answer, list), answer
            naive.set(last_id, request, now_ns)
            if not request.delay_ns:
                check(answer, naive, now_ns)
        if cleared in {fault.fault_id for fault in naive.faults}:
            answer = oracle.handle_clear(now_ns, [cleared])
            assert isinstance(answer, list), answer
            naive.clear(cleared)
            check(answer, naive, now_ns)
