"""Faults bend what a consumer is told, each in its own way and together, and never the truth (ORCL-040)."""

from dataclasses import replace

import pytest

from wavetank.model.events.oracle import EVERYBODY, ConsumerBit
from wavetank.oracle.core.faults import (
    FAULTY_CONSUMERS,
    Fault,
    FaultKind,
    FaultTarget,
    History,
    Prices,
    base_prices,
    bent,
    delivered,
    funding_added_e12,
)

CLEARING = int(ConsumerBit.CLEARING)
BOTS = int(ConsumerBit.BOTS)


def prices(ticks: int, time_ns: int) -> Prices:
    return Prices(ticks, ticks + 1, time_ns, stale=False)


def fault(
    kind: FaultKind, consumers: int = FAULTY_CONSUMERS, fault_id: int = 1, lag_ns: int = 0, magnitude_e12: int = 0
) -> Fault:
    return Fault(fault_id, kind, FaultTarget.PRICE, consumers, lag_ns, magnitude_e12, 0, 0)


@pytest.fixture
def history() -> History:
    """Prices 10, 20, 30, 40 at times 100, 200, 300, 400."""
    past = History()
    for step in (1, 2, 3, 4):
        past.append(step * 100, prices(step * 10, step * 100))
    return past


NOW = 500
TRUE = prices(50, NOW)


@pytest.mark.spec("ORCL-040")
def test_without_faults_everybody_gets_the_truth(history: History) -> None:
    assert delivered([], TRUE, history, NOW) == {TRUE: EVERYBODY}


@pytest.mark.spec("ORCL-040")
@pytest.mark.parametrize(("lag_ns", "ticks"), [(1, 40), (100, 40), (101, 30), (200, 30), (400, 10)])
def test_a_lag_delivers_the_newest_value_at_least_that_old(history: History, lag_ns: int, ticks: int) -> None:
    found = base_prices([fault(FaultKind.LAG, lag_ns=lag_ns)], CLEARING, TRUE, history, NOW)
    assert found == prices(ticks, ticks * 10)


@pytest.mark.spec("ORCL-040")
def test_a_lag_beyond_the_first_value_delivers_that_one_as_stale(history: History) -> None:
    found = base_prices([fault(FaultKind.LAG, lag_ns=401)], CLEARING, TRUE, history, NOW)
    assert found == Prices(10, 11, 100, stale=True)
    assert base_prices([fault(FaultKind.LAG, lag_ns=1)], CLEARING, TRUE, History(), NOW) == Prices(
        50, 51, 500, stale=True
    )


@pytest.mark.spec("ORCL-040")
def test_a_fault_hits_only_its_consumers(history: History) -> None:
    lag = fault(FaultKind.LAG, consumers=CLEARING, lag_ns=200)
    assert delivered([lag], TRUE, history, NOW) == {TRUE: EVERYBODY & ~CLEARING, prices(30, 300): CLEARING}


@pytest.mark.spec("ORCL-040")
def test_lags_add_up(history: History) -> None:
    lags = [fault(FaultKind.LAG, lag_ns=100), fault(FaultKind.LAG, fault_id=2, lag_ns=100)]
    assert base_prices(lags, BOTS, TRUE, history, NOW) == prices(30, 300)


@pytest.mark.spec("ORCL-040")
def test_a_freeze_keeps_value_and_time(history: History) -> None:
    frozen = prices(20, 200)
    freeze = replace(fault(FaultKind.FREEZE), frozen=(frozen,) * 4)
    lag = fault(FaultKind.LAG, fault_id=2, lag_ns=400)
    assert base_prices([freeze], CLEARING, TRUE, history, NOW) == frozen
    # A lag that comes later does not thaw it.
    assert base_prices([freeze, lag], CLEARING, TRUE, history, NOW) == frozen


@pytest.mark.spec("ORCL-040")
def test_a_spike_multiplies_index_and_mark() -> None:
    # 1,000 and 1,001 by 1.05: 1,050 and 1,051.05.
    spike = fault(FaultKind.SPIKE, magnitude_e12=50_000_000_000)
    assert bent(prices(1_000, 7), [spike], BOTS) == Prices(1_050, 1_051, 7, stale=False)
    assert bent(prices(1_000, 7), [spike], ConsumerBit.TRUTH) == prices(1_000, 7)


@pytest.mark.spec("ORCL-040")
def test_spikes_compose_with_each_other_and_with_lag(history: History) -> None:
    # 30 lagged; × 1.5 = 45, × 2 = 90; its mark 31 × 1.5 = 46.5 → 46, × 2 = 92.
    faults = [
        fault(FaultKind.LAG, lag_ns=200),
        fault(FaultKind.SPIKE, fault_id=2, magnitude_e12=500_000_000_000),
        fault(FaultKind.SPIKE, fault_id=3, magnitude_e12=1_000_000_000_000),
    ]
    values = delivered(faults, TRUE, history, NOW)
    assert values == {TRUE: int(ConsumerBit.TRUTH), Prices(90, 92, 300, stale=False): FAULTY_CONSUMERS}


@pytest.mark.spec("ORCL-040")
def test_a_spike_never_delivers_less_than_a_tick() -> None:
    spike = fault(FaultKind.SPIKE, magnitude_e12=-999_999_999_999)
    assert bent(prices(50, 7), [spike], BOTS) == Prices(1, 1, 7, stale=False)


@pytest.mark.spec("ORCL-040")
def test_only_funding_spikes_change_the_rate() -> None:
    funding = Fault(1, FaultKind.SPIKE, FaultTarget.FUNDING, EVERYBODY, 0, 5_000, 0, 0)
    assert funding_added_e12([funding, funding, fault(FaultKind.SPIKE, magnitude_e12=7)]) == 10_000
    assert bent(TRUE, [funding], CLEARING) == TRUE


def test_history_forgets_what_no_lag_reaches(history: History) -> None:
    history.forget_before(299)
    assert history.times_ns == [200, 300, 400]
    assert history.newest_by(250) == prices(20, 200)
    history.append(400, prices(41, 400))
    assert history.newest_by(400) == prices(41, 400)
    assert history.times_ns == [200, 300, 400]
