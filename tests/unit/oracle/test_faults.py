"""A fault as a value: when it strikes, how it grows, how long it delays (ORCL-040)."""

import pytest

from wavetank.model.events.oracle import EVERYBODY, ConsumerBit
from wavetank.oracle.core.faults import (
    Channel,
    Fault,
    FaultKind,
    FaultTarget,
    JitterDistribution,
    consumer_channel,
    faulty_rate_e12,
    source_channel,
)

BOTS = consumer_channel(1, ConsumerBit.BOTS)
UPDATES = 10_000


@pytest.mark.spec("ORCL-040")
def test_a_certain_fault_strikes_always() -> None:
    fault = Fault(fault_id=1, kind=FaultKind.FREEZE)
    assert all(fault.strikes(BOTS, number) for number in range(100))


@pytest.mark.spec("ORCL-040")
def test_a_probable_fault_strikes_its_share_of_updates_and_each_time_the_same() -> None:
    fault = Fault(fault_id=1, kind=FaultKind.FREEZE, probability_ppm=300_000, seed=9)
    struck = [number for number in range(UPDATES) if fault.strikes(BOTS, number)]
    # 3,000 of 10,000 with a standard deviation of 46; four of them.
    assert abs(len(struck) - 3_000) < 184
    assert struck == [number for number in range(UPDATES) if fault.strikes(BOTS, number)]
    other = Fault(fault_id=1, kind=FaultKind.FREEZE, probability_ppm=300_000, seed=10)
    assert struck != [number for number in range(UPDATES) if other.strikes(BOTS, number)]
    assert struck != [number for number in range(UPDATES) if fault.strikes(source_channel(1, "okx"), number)]


@pytest.mark.spec("ORCL-040")
@pytest.mark.parametrize(("time_ns", "amount"), [(99, 0), (100, 0), (125, 250), (150, 500), (200, 1_000), (999, 1_000)])
def test_a_ramp_grows_in_a_line_and_stays(time_ns: int, amount: int) -> None:
    fault = Fault(fault_id=1, kind=FaultKind.DRIFT, start_time_ns=100, ramp_ns=100)
    assert fault.ramped(1_000, time_ns) == amount


def lag(distribution: JitterDistribution, ramp_ns: int = 0, probability_ppm: int = 1_000_000) -> Fault:
    return Fault(
        fault_id=1,
        kind=FaultKind.LAG,
        lag_ns=1_000,
        jitter_ns=500,
        distribution=distribution,
        ramp_ns=ramp_ns,
        probability_ppm=probability_ppm,
    )


@pytest.mark.spec("ORCL-040")
def test_a_uniform_jitter_lies_between_nothing_and_itself() -> None:
    fault = lag(JitterDistribution.UNIFORM)
    delays = [fault.delay_ns(BOTS, number) for number in range(UPDATES)]
    assert (min(delays), max(delays)) == (1_000, 1_500)
    assert fault.longest_lag_ns == 1_500
    # 1,250 with a standard error of 500 / sqrt(12 × 10,000) = 1.44; four of them.
    assert abs(sum(delays) / UPDATES - 1_250) < 6


@pytest.mark.spec("ORCL-040")
def test_an_exponential_jitter_has_its_mean_and_an_end() -> None:
    fault = lag(JitterDistribution.EXPONENTIAL)
    delays = [fault.delay_ns(BOTS, number) for number in range(UPDATES)]
    assert min(delays) < 1_001
    assert max(delays) <= fault.longest_lag_ns == 1_000 + 8 * 500
    # 1,500 with a standard error of 500 / sqrt(10,000) = 5; four of them, and half of one for rounding down.
    assert abs(sum(delays) / UPDATES - 1_500) < 21


@pytest.mark.spec("ORCL-040")
def test_a_lag_grows_and_may_strike_by_chance() -> None:
    growing = Fault(fault_id=1, kind=FaultKind.LAG, lag_ns=1_000, ramp_ns=100)
    assert [growing.delay_ns(BOTS, number) for number in (0, 50, 100, 150)] == [0, 500, 1_000, 1_000]
    rare = Fault(fault_id=1, kind=FaultKind.LAG, lag_ns=1_000, probability_ppm=100_000)
    assert {rare.delay_ns(BOTS, number) for number in range(100)} == {0, 1_000}


@pytest.mark.spec("ORCL-040")
def test_a_fault_hits_consumers_only_once_it_has_begun() -> None:
    fault = Fault(fault_id=1, kind=FaultKind.FREEZE, consumers=int(ConsumerBit.CLEARING), has_begun=False)
    assert not fault.hits(ConsumerBit.CLEARING)
    begun = Fault(fault_id=1, kind=FaultKind.FREEZE, consumers=int(ConsumerBit.CLEARING))
    assert begun.hits(ConsumerBit.CLEARING)
    assert not begun.hits(ConsumerBit.BOTS)
    assert not Fault(fault_id=1, kind=FaultKind.FREEZE, source="okx").hits(ConsumerBit.BOTS)


def funding(kind: FaultKind, magnitude_e12: int = 0, frozen: int = 0, ramp_ns: int = 0, *, begun: bool = True) -> Fault:
    return Fault(
        fault_id=1,
        kind=kind,
        target=FaultTarget.FUNDING,
        consumers=EVERYBODY,
        magnitude_e12=magnitude_e12,
        ramp_ns=ramp_ns,
        frozen_rate_e12=frozen,
        has_begun=begun,
    )


@pytest.mark.spec("ORCL-040", "FUND-020")
def test_funding_faults_hold_the_rate_and_add_to_it() -> None:
    spikes = [funding(FaultKind.SPIKE, 5_000), funding(FaultKind.SPIKE, 1_000, ramp_ns=100)]
    # The second has grown by half.
    assert faulty_rate_e12(spikes, 1, 7, 50) == 7 + 5_000 + 500
    freezes = [funding(FaultKind.FREEZE, frozen=40), funding(FaultKind.FREEZE, frozen=90)]
    assert faulty_rate_e12([*spikes, *freezes], 1, 7, 50) == 40 + 5_500
    assert faulty_rate_e12([funding(FaultKind.SPIKE, 5_000, begun=False)], 1, 7, 50) == 7
    assert faulty_rate_e12([Fault(fault_id=1, kind=FaultKind.SPIKE, magnitude_e12=5_000)], 1, 7, 50) == 7


def test_no_source_has_the_channel_of_a_consumer() -> None:
    assert consumer_channel(1, ConsumerBit.BOTS) == Channel(1, b"\0\x08", 3)
    assert source_channel(1, "okx") == Channel(1, b"okx", 0)
