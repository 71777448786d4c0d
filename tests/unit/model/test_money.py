"""Exact arithmetic: shares, fees and the price grid, against fractions and by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetank.model.money import (
    fee_micros,
    is_on_grid,
    mul_div_ceil,
    mul_div_floor,
    mul_div_trunc,
    price_step,
    round_down_to_grid,
    round_up_to_grid,
)

AMOUNT = st.integers(-(2**60), 2**60)
DIVISOR = st.integers(2**59, 2**62) | st.integers(-(2**62), -(2**59))


@given(AMOUNT, AMOUNT, DIVISOR)
def test_shares_equal_fractions(a: int, b: int, c: int) -> None:
    exact = Fraction(a * b, c)
    assert mul_div_floor(a, b, c) == math.floor(exact)
    assert mul_div_ceil(a, b, c) == math.ceil(exact)
    assert mul_div_trunc(a, b, c) == math.trunc(exact)


@pytest.mark.spec("UNIT-040")
@given(st.integers(0, 2**61), st.integers(-10_000, 1_000_000))
def test_a_fee_is_the_ceiling_of_its_exact_value(value: int, rate_ppm: int) -> None:
    assert fee_micros(value, rate_ppm) == math.ceil(Fraction(value * rate_ppm, 10**6))


@pytest.mark.spec("UNIT-040")
def test_a_fee_rounds_up_and_a_rebate_rounds_down() -> None:
    # 450 ppm of 2,223 micro-dollars is 1.00035, owed: 2. -150 ppm of 10,000 is -1.5, received: 1.
    assert fee_micros(2_223, 450) == 2
    assert fee_micros(10_000, -150) == -1


@pytest.mark.spec("UNIT-040")
def test_a_result_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(OverflowError):
        mul_div_floor(2**62, 4, 1)
    with pytest.raises(ZeroDivisionError):
        mul_div_ceil(1, 1, 0)


def test_minus_seven_by_two_is_floored_ceiled_and_truncated() -> None:
    assert mul_div_floor(-7, 1, 2) == -4
    assert mul_div_ceil(-7, 1, 2) == -3
    assert mul_div_trunc(-7, 1, 2) == -3
    assert mul_div_trunc(-7, -1, -2) == -3


# BTC has 5 decimals of size, so a tick is 0.1 dollars: 5 figures of 99,999 ticks are whole ticks, and from
# 10,000.0 dollars (100,000 ticks) on the step is a whole dollar, 10 ticks, however large the price.
# SOL has 2 decimals of size, so a tick is 0.0001 dollars: 150.1234 dollars are 1,501,234 ticks, of which
# 5 figures are 150.12, a step of 100 ticks; the step stops at a dollar, 10,000 ticks.
@pytest.mark.spec("UNIT-030")
@pytest.mark.parametrize(
    ("price_ticks", "size_decimals", "figures", "step"),
    [
        (99_999, 5, 5, 1),
        (100_000, 5, 5, 10),
        (925_001, 5, 5, 10),
        (12_345_678, 5, 5, 10),
        (1_501_234, 2, 5, 100),
        (99_999, 2, 5, 1),
        (2_000_000_000, 2, 5, 10_000),
        (1_501_234, 2, 0, 1),
        (1_234_567, 0, 5, 100),
    ],
)
def test_the_step_follows_the_figures_up_to_a_dollar(
    price_ticks: int, size_decimals: int, figures: int, step: int
) -> None:
    assert price_step(price_ticks, size_decimals, figures) == step


@pytest.mark.spec("UNIT-030")
def test_a_price_off_the_grid_rounds_to_its_neighbours() -> None:
    assert not is_on_grid(925_001, 5, 5)
    assert round_down_to_grid(925_001, 5, 5) == 925_000
    assert round_up_to_grid(925_001, 5, 5) == 925_010
    assert is_on_grid(925_010, 5, 5)
    assert round_up_to_grid(925_010, 5, 5) == 925_010
