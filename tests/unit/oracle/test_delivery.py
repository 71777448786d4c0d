"""Faults bend what a consumer is told, each in its own way and together (ORCL-040)."""

from dataclasses import replace
from typing import Any

import pytest

from wavetank.model.events.oracle import ConsumerBit
from wavetank.oracle.core.delivery import bent_prices, bent_source, censored, chosen, micro_scale, tick_scale
from wavetank.oracle.core.faults import Fault, FaultKind, JitterDistribution, consumer_channel, source_channel
from wavetank.oracle.core.mark import Book
from wavetank.oracle.core.values import History, Prices, SourceValue

BOTS = consumer_channel(1, ConsumerBit.BOTS)
OKX = source_channel(1, "okx")
NOW = 500
# One tick is 0.1 dollars, so a tick is 100,000 micro-dollars.
DECIMALS = 5
TICK = 100_000


def prices(ticks: int, time_ns: int) -> Prices:
    return Prices(ticks, ticks + 1, time_ns, stale=False)


def fault(kind: FaultKind, fault_id: int = 1, **terms: Any) -> Fault:  # noqa: ANN401 - fields of a dataclass, which checks their names.
    return replace(Fault(fault_id=fault_id, kind=kind), **terms)


@pytest.fixture
def history() -> History[Prices]:
    """Prices 10, 20, 30, 40, 50 at times 100, 200, 300, 400, 500."""
    past: History[Prices] = History()
    for step in (1, 2, 3, 4, 5):
        past.append(step * 100, prices(step * 10, step * 100))
    return past


def bent(value: Prices, *faults: Fault, book: Book | None = None, now_ns: int = NOW) -> Prices:
    return bent_prices(value, faults, BOTS, tick_scale(DECIMALS), book, now_ns)


# Which value


@pytest.mark.spec("ORCL-040")
@pytest.mark.parametrize(("lag_ns", "ticks"), [(1, 40), (100, 40), (101, 30), (200, 30), (400, 10)])
def test_a_lag_delivers_the_newest_value_at_least_that_old(history: History[Prices], lag_ns: int, ticks: int) -> None:
    found = chosen([fault(FaultKind.LAG, lag_ns=lag_ns)], BOTS, history, NOW)
    assert found == prices(ticks, ticks * 10)


@pytest.mark.spec("ORCL-040")
def test_a_lag_beyond_the_first_value_delivers_that_one_as_stale(history: History[Prices]) -> None:
    assert chosen([fault(FaultKind.LAG, lag_ns=401)], BOTS, history, NOW) == Prices(10, 11, 100, stale=True)
    assert chosen([fault(FaultKind.LAG, lag_ns=1)], BOTS, History(), NOW) is None


@pytest.mark.spec("ORCL-040")
def test_lags_add_up(history: History[Prices]) -> None:
    lags = [fault(FaultKind.LAG, lag_ns=100), fault(FaultKind.LAG, 2, lag_ns=100)]
    assert chosen(lags, BOTS, history, NOW) == prices(30, 300)


@pytest.mark.spec("ORCL-040")
@pytest.mark.parametrize("distribution", [JitterDistribution.UNIFORM, JitterDistribution.EXPONENTIAL])
def test_a_lag_that_varies_keeps_the_order(distribution: JitterDistribution) -> None:
    past: History[Prices] = History()
    jitter = fault(FaultKind.LAG, lag_ns=50, jitter_ns=400, distribution=distribution)
    seen = []
    for now_ns in range(10, 6_000, 10):
        past.append(now_ns, prices(now_ns, now_ns))
        found = chosen([jitter], BOTS, past, now_ns)
        assert found is not None
        seen.append(found.index_time_ns)
    assert seen == sorted(seen)
    assert len(set(seen)) > 10
    # Never earlier than the lag, never later than the most it can be.
    late = [now_ns - time_ns for now_ns, time_ns in zip(range(10, 6_000, 10), seen, strict=True)]
    assert min(late[100:]) >= 50
    assert max(late[400:]) <= jitter.longest_lag_ns + 10


@pytest.mark.spec("ORCL-040")
def test_a_value_arrives_when_it_and_those_before_it_have(history: History[Prices]) -> None:
    jitter = fault(FaultKind.LAG, lag_ns=0, jitter_ns=300, distribution=JitterDistribution.UNIFORM, seed=3)
    arrivals = [time_ns + jitter.delay_ns(BOTS, time_ns) for time_ns in history.times_ns]
    for now_ns in range(400, 900):
        first_missing = next((at for at, arrival in enumerate(arrivals) if arrival > now_ns), len(arrivals))
        assert chosen([jitter], BOTS, history, now_ns) == (
            history.values[first_missing - 1] if first_missing else history.values[0].as_old()
        )


@pytest.mark.spec("ORCL-040")
def test_a_freeze_keeps_value_and_time(history: History[Prices]) -> None:
    freeze = fault(FaultKind.FREEZE, frozen=(None, None, None, prices(20, 200)))
    lag = fault(FaultKind.LAG, 2, lag_ns=400)
    assert chosen([freeze], BOTS, history, NOW) == prices(20, 200)
    # A lag that comes later does not thaw it, nor does a later freeze.
    later = fault(FaultKind.CONGESTION, 3, frozen=(prices(40, 400),) * 4)
    assert chosen([freeze, lag, later], BOTS, history, NOW) == prices(20, 200)


@pytest.mark.spec("ORCL-040")
def test_a_freeze_by_chance_loses_some_updates(history: History[Prices]) -> None:
    freeze = fault(FaultKind.FREEZE, probability_ppm=500_000, start_time_ns=150, seed=1)
    kept = [at for at, time_ns in enumerate(history.times_ns) if time_ns < 150 or not freeze.strikes(BOTS, time_ns)]
    assert 1 < len(kept) < 5, "the seed loses some and keeps some"
    assert chosen([freeze], BOTS, history, NOW) == history.values[kept[-1]]


@pytest.mark.spec("ORCL-040")
def test_a_duplicate_is_the_old_value_with_a_new_time(history: History[Prices]) -> None:
    duplicate = fault(FaultKind.DUPLICATE, frozen=(None, None, None, prices(20, 200)))
    assert chosen([duplicate], BOTS, history, NOW) == prices(20, 500)
    # With a lag: as new as what would be there.
    lag = fault(FaultKind.LAG, 2, lag_ns=100)
    assert chosen([duplicate, lag], BOTS, history, NOW) == prices(20, 400)


@pytest.mark.spec("ORCL-040")
def test_a_duplicate_by_chance_repeats_what_came_before(history: History[Prices]) -> None:
    duplicate = fault(FaultKind.DUPLICATE, probability_ppm=500_000, start_time_ns=150, seed=1)
    kept = [at for at, time_ns in enumerate(history.times_ns) if time_ns < 150 or not duplicate.strikes(BOTS, time_ns)]
    assert chosen([duplicate], BOTS, history, NOW) == replace(history.values[kept[-1]], index_time_ns=500)


@pytest.mark.spec("ORCL-040")
def test_out_of_order_an_older_value_comes_with_its_older_time(history: History[Prices]) -> None:
    # One nanosecond back from the newest is the one before it.
    assert chosen([fault(FaultKind.OUT_OF_ORDER, lag_ns=1)], BOTS, history, NOW) == prices(40, 400)
    found = {chosen([fault(FaultKind.OUT_OF_ORDER, lag_ns=300, seed=seed)], BOTS, history, NOW) for seed in range(60)}
    # From 1 to 300 back of 500: those of 200, 300 and 400.
    assert found == {prices(20, 200), prices(30, 300), prices(40, 400)}
    never = fault(FaultKind.OUT_OF_ORDER, lag_ns=300, probability_ppm=1)
    assert chosen([never], BOTS, history, NOW) == prices(50, 500)


@pytest.mark.spec("ORCL-040")
def test_a_censor_lets_pass_what_moved_far_enough(history: History[Prices]) -> None:
    censor = fault(FaultKind.CENSOR, magnitude_e12=500_000_000_000, passed_time_ns=200, passed_price=20)
    # 29 is 45 % from 20, 30 is 50 %; downwards the same.
    assert censored(censor, 250, 29) is censor
    assert censored(censor, 300, 30) == replace(censor, passed_time_ns=300, passed_price=30)
    assert censored(censor, 300, 10) == replace(censor, passed_time_ns=300, passed_price=10)
    assert chosen([censor], BOTS, history, NOW) == prices(20, 200)


# How it is bent


@pytest.mark.spec("ORCL-040")
def test_a_spike_multiplies_index_and_mark() -> None:
    # 1,000 and 1,001 by 1.05: 1,050 and 1,051.05.
    assert bent(prices(1_000, 7), fault(FaultKind.SPIKE, magnitude_e12=50_000_000_000)) == Prices(
        1_050, 1_051, 7, stale=False
    )


@pytest.mark.spec("ORCL-040")
def test_spikes_compose_with_each_other() -> None:
    # 30 × 1.5 = 45, × 2 = 90; 31 × 1.5 = 46.5 → 46, × 2 = 92.
    spikes = [
        fault(FaultKind.SPIKE, magnitude_e12=500_000_000_000),
        fault(FaultKind.SPIKE, 2, magnitude_e12=1_000_000_000_000),
    ]
    assert bent(prices(30, 7), *spikes) == Prices(90, 92, 7, stale=False)


@pytest.mark.spec("ORCL-040")
def test_a_drift_reaches_its_size_in_a_line() -> None:
    drift = fault(FaultKind.DRIFT, magnitude_e12=4 * 10**12, start_time_ns=100, ramp_ns=400)
    # +400 % over 400: at 200 a quarter of it, +100 %.
    assert bent(prices(1_000, 7), drift, now_ns=200).index_price_ticks == 2_000
    assert bent(prices(1_000, 7), drift, now_ns=900).index_price_ticks == 5_000


@pytest.mark.spec("ORCL-040")
@pytest.mark.parametrize(("exponent", "ticks"), [(3, 1_234_000), (-3, 1), (-1, 123), (12, 2**31 - 1), (-12, 1)])
def test_a_decimal_error_moves_the_point_and_a_price_stays_a_price(exponent: int, ticks: int) -> None:
    assert bent(prices(1_234, 7), fault(FaultKind.DECIMAL, exponent=exponent)).index_price_ticks == ticks


@pytest.mark.spec("ORCL-040")
def test_a_clamp_stops_prices_from_both_sides() -> None:
    floor = fault(FaultKind.CLAMP, price_micros=2_000 * TICK)
    ceiling = fault(FaultKind.CLAMP, upper_price_micros=500 * TICK)
    both = fault(FaultKind.CLAMP, price_micros=900 * TICK, upper_price_micros=1_000 * TICK)
    assert bent(prices(1_000, 7), floor) == Prices(2_000, 2_000, 7, stale=False)
    assert bent(prices(1_000, 7), ceiling) == Prices(500, 500, 7, stale=False)
    assert bent(prices(1_000, 7), both) == Prices(1_000, 1_000, 7, stale=False)


@pytest.mark.spec("ORCL-040")
@pytest.mark.parametrize(
    ("micros", "ticks"), [(777 * TICK, 777), (0, 0), (-3 * TICK, -3), (1, 1), (149_999, 1), (150_000, 2)]
)
def test_a_hardcode_is_its_price_even_if_that_is_none(micros: int, ticks: int) -> None:
    # A positive price below a tick is a tick; 1.5 ticks are 2, to even.
    assert bent(prices(1_000, 7), fault(FaultKind.HARDCODE, price_micros=micros)) == Prices(
        ticks, ticks, 7, stale=False
    )


@pytest.mark.spec("ORCL-040")
def test_a_spike_never_delivers_less_than_a_tick_nor_mends_what_is_no_price() -> None:
    spike = fault(FaultKind.SPIKE, magnitude_e12=-999_999_999_999)
    assert bent(prices(50, 7), spike) == Prices(1, 1, 7, stale=False)
    assert bent(Prices(0, -4, 7, stale=False), spike) == Prices(0, -4, 7, stale=False)


@pytest.mark.spec("ORCL-040")
def test_a_self_reference_tells_the_own_book() -> None:
    # Mid of 900 and 1,010 is 955; the median of 900, 1,010 and 990 is 990.
    own = Book(900, 1_010, 990)
    assert bent(prices(1_000, 7), fault(FaultKind.SELF_REFERENCE), book=own) == Prices(955, 990, 7, stale=False)
    # Without a two-sided book there is nothing to refer to.
    for none in (None, Book(900, 0, 990)):
        assert bent(prices(1_000, 7), fault(FaultKind.SELF_REFERENCE), book=none) == Prices(1_000, 1_001, 7, stale=True)


@pytest.mark.spec("ORCL-040")
def test_bends_are_applied_in_their_order_whatever_that_of_their_ids() -> None:
    # Hardcode 100; spike × 3 = 300; decimal × 10 = 3,000; clamp at 2,500. In the order of ids: 1,000 would be 100.
    faults = [
        fault(FaultKind.CLAMP, 1, upper_price_micros=2_500 * TICK),
        fault(FaultKind.DECIMAL, 2, exponent=1),
        fault(FaultKind.SPIKE, 3, magnitude_e12=2 * 10**12),
        fault(FaultKind.HARDCODE, 4, price_micros=100 * TICK),
    ]
    assert bent(prices(1_000, 7), *faults) == Prices(2_500, 2_500, 7, stale=False)


# How sure it is


@pytest.mark.spec("ORCL-040", "ORCL-030")
def test_a_confidence_interval_is_widened_by_a_share_of_the_bent_price() -> None:
    widen = fault(FaultKind.WIDEN, magnitude_e12=100_000_000_000)
    spike = fault(FaultKind.SPIKE, 2, magnitude_e12=10**12)
    # 10 % of 2,000 and the 5 there were.
    value = Prices(1_000, 1_000, 7, stale=False, confidence_ticks=5)
    assert bent(value, widen, spike) == Prices(2_000, 2_000, 7, stale=False, confidence_ticks=205)
    # Half of it, half-way.
    half = replace(widen, start_time_ns=400, ramp_ns=200)
    assert bent(value, half).confidence_ticks == 55


# Sources


def source(value: SourceValue, *faults: Fault, book: Book | None = None) -> SourceValue | None:
    return bent_source(value, faults, OKX, micro_scale(DECIMALS), book, NOW)


@pytest.mark.spec("ORCL-040")
def test_sources_are_lost_bent_and_less_sure_too() -> None:
    value = SourceValue(1_000_000_000, 400, 7)
    assert source(value, fault(FaultKind.SOURCE_LOSS)) is None
    assert source(value, fault(FaultKind.SPIKE, magnitude_e12=-300_000_000_000)) == SourceValue(700_000_000, 400, 7)
    assert source(value, fault(FaultKind.HARDCODE, price_micros=-1)) == SourceValue(-1, 400, 7)
    # A price of a source is at least a tick: 0.1 dollars.
    assert source(value, fault(FaultKind.DECIMAL, exponent=-12)) == SourceValue(TICK, 400, 7)
    assert source(value, fault(FaultKind.WIDEN, magnitude_e12=10**10)) == SourceValue(1_000_000_000, 400, 10_000_007)


@pytest.mark.spec("ORCL-040")
def test_a_source_may_quote_the_own_book() -> None:
    # The mid of 900 and 1,011 is 955.5 ticks of 0.1 dollars.
    value = SourceValue(1_000_000_000, 400)
    assert source(value, fault(FaultKind.SELF_REFERENCE), book=Book(900, 1_011, 0)) == SourceValue(95_550_000, 400)
    assert source(value, fault(FaultKind.SELF_REFERENCE)) is None


@pytest.mark.spec("ORCL-040")
def test_what_strikes_a_source_by_chance_strikes_a_price_of_it_for_good() -> None:
    spike = fault(FaultKind.SPIKE, magnitude_e12=10**12, probability_ppm=500_000)
    seen = {
        time_ns: {
            bent_source(SourceValue(TICK, time_ns), [spike], OKX, micro_scale(5), None, now_ns) for now_ns in (600, 700)
        }
        for time_ns in range(50)
    }
    assert all(len(values) == 1 for values in seen.values())
    assert (
        len({value for values in seen.values() for value in values if value is not None and value.price_micros == TICK})
        > 5
    )


def test_history_forgets_what_no_lag_reaches() -> None:
    past: History[Prices] = History()
    for step in range(100):
        past.append(step, prices(step, step))
    past.forget_before(60)
    assert len(past.values) == 100, "few are kept: moving the rest would cost more"
    past.forget_before(70)
    assert past.times_ns[0] == 70
    assert past.position_by(75) == 5
    past.append(99, prices(990, 99))
    assert past.values[-1] == prices(990, 99)
    assert len(past.values) == 30
