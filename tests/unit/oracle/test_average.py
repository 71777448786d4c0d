"""Averages that forget, and the exponential below them, agree with high-precision decimals."""

from decimal import Decimal, localcontext

import pytest

from wavetank.oracle.core.average import Average, exp_minus

SECOND = 1_000_000_000


def exact(numerator: int, denominator: int) -> Decimal:
    with localcontext() as context:
        context.prec = 80
        return (-Decimal(numerator) / Decimal(denominator)).exp() * 2**64


@pytest.mark.parametrize(
    ("numerator", "denominator"),
    [
        (0, 1),
        (1, 10**18),
        (1, 150),
        (1, 30),
        (1, 2),
        (693_147, 10**6),
        (1, 1),
        (7, 3),
        (20, 1),
        (44, 1),
        (45, 1),
        (99, 1),
    ],
)
def test_the_exponential_is_off_by_less_than_one_unit(numerator: int, denominator: int) -> None:
    assert abs(Decimal(exp_minus(numerator, denominator)) - exact(numerator, denominator)) < 1


def test_the_exponential_of_nothing_is_one() -> None:
    assert exp_minus(0, 5) == 2**64
    assert exp_minus(10**9, 1) == 0


@pytest.mark.spec("ORCL-020")
def test_the_first_sample_is_the_average() -> None:
    assert Average().value() is None
    assert Average().sampled(-7_000_000, SECOND, 150 * SECOND, 0).value() == -7_000_000
    # num = 7 · 3 and den = 3, in units of 2^-32.
    assert Average().sampled(7, 3, 150, 10) == Average(21 * 2**32, 3 * 2**32, 10)


@pytest.mark.spec("ORCL-020")
def test_a_step_moves_the_average_as_the_rule_says() -> None:
    # τ = 150 s; samples 0 then 10^9, each for 1 s: 10^9 / (1 + e^(−1/150)), a logistic of 1/150, which is
    # 1/2 + 1/600 − (1/150)³/48 = 0.5 + 0.001666666667 − 0.000000006173 = 0.501666660494.
    average = Average().sampled(0, SECOND, 150 * SECOND, SECOND).sampled(10**9, SECOND, 150 * SECOND, 2 * SECOND)
    with localcontext() as context:
        context.prec = 50
        expected = Decimal(10**9) / (1 + (Decimal(-1) / Decimal(150)).exp())
    assert average.value() == 501_666_660
    assert abs(Decimal(501_666_660) - expected) < 1


@pytest.mark.spec("ORCL-020")
def test_after_one_time_constant_a_constant_value_has_all_but_an_eth_of_the_weight() -> None:
    # 1,000,000 for long, then 2,000,000 for 150 steps of 1 s: e^-1 = 0.36788 of the old is left, so about 1,632,120.
    average = Average(0, 0)
    for second in range(3_000):
        average = average.sampled(1_000_000, SECOND, 150 * SECOND, second * SECOND)
    for second in range(150):
        average = average.sampled(2_000_000, SECOND, 150 * SECOND, (3_000 + second) * SECOND)
    value = average.value()
    assert value is not None
    assert abs(value - 1_632_120) < 2


def test_a_sample_without_weight_changes_nothing() -> None:
    average = Average().sampled(5, SECOND, 30 * SECOND, 10)
    assert average.sampled(9, 0, 30 * SECOND, 10) is average


def test_the_weight_of_a_sample_is_the_time_since_the_last() -> None:
    first = Average()
    assert first.weight_ns(500, first_ns=7) == 7
    assert first.sampled(1, 7, 30, 500).weight_ns(620, first_ns=7) == 120
