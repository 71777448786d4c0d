"""Premium and funding rate (FUND-010, FUND-020); clearing's vectors hold what venues published of them."""

import pytest

from wavetank.oracle.core.funding import (
    FundingTerms,
    average_premium_e12,
    funding_rate_e12,
    impact_price_e6,
    is_payable,
    premium_e12,
)
from wavetank.oracle.core.rounding import divide_half_even, divide_towards_zero

E6 = 1_000_000
E12 = 10**12


@pytest.mark.spec("FUND-020")
def test_one_percent_of_premium_pays_0_11875_percent_an_hour() -> None:
    # 1 % + clamp(0.01 % − 1 %, ±0.05 %) = 0.95 %; / 8 = 0.11875 %.
    assert funding_rate_e12(FundingTerms(), premium_sum_e12=10**10, samples=1) == 1_187_500_000


@pytest.mark.spec("FUND-020")
def test_near_the_interest_the_rate_is_the_interest() -> None:
    # 0.02 % is within 0.05 % of 0.01 %: F8h = 0.01 %, / 8 = 0.00125 %.
    assert funding_rate_e12(FundingTerms(), premium_sum_e12=2 * 10**8, samples=1) == 12_500_000


@pytest.mark.spec("FUND-020")
def test_the_average_is_divided_once_at_the_end() -> None:
    # Three samples that sum to 35: 35/3/8 = 1.458 → 1. Rounding their average first would give 12/8 = 1.5 → 2.
    terms = FundingTerms(interest_e12=0, clamp_e12=None, divisor=8)
    assert funding_rate_e12(terms, premium_sum_e12=35, samples=3) == 1
    assert average_premium_e12(35, 3) == 12


@pytest.mark.spec("FUND-020")
def test_the_rate_is_capped_on_both_sides() -> None:
    cap = 40_000_000_000
    assert funding_rate_e12(FundingTerms(), premium_sum_e12=E12, samples=1, cap_e12=cap) == cap
    assert funding_rate_e12(FundingTerms(), premium_sum_e12=-E12, samples=1, cap_e12=cap) == -cap


@pytest.mark.spec("FUND-020", "ORCL-040")
def test_a_funding_fault_adds_before_the_cap() -> None:
    cap = 40_000_000_000
    assert funding_rate_e12(FundingTerms(), premium_sum_e12=10**8, samples=1, added_e12=10**10, cap_e12=cap) == (
        10_012_500_000
    )
    assert funding_rate_e12(FundingTerms(), premium_sum_e12=10**8, samples=1, added_e12=10**11, cap_e12=cap) == cap


@pytest.mark.spec("FUND-020")
def test_fewer_than_half_of_the_samples_pay_nothing() -> None:
    assert not is_payable(359, 720)
    assert is_payable(360, 720)
    assert not is_payable(0, 1)
    assert is_payable(2, 3)
    assert not is_payable(1, 3)


@pytest.mark.spec("FUND-010")
def test_the_premium_counts_the_side_that_is_away_from_the_index() -> None:
    # Impact bid 101 above index 100: 1 %.
    assert premium_e12(index_e6=100 * E6, impact_bid_e6=101 * E6, impact_ask_e6=102 * E6) == 10**10
    # Impact ask 98 below index 100: −2 %.
    assert premium_e12(index_e6=100 * E6, impact_bid_e6=97 * E6, impact_ask_e6=98 * E6) == -2 * 10**10
    assert premium_e12(index_e6=100 * E6, impact_bid_e6=99 * E6, impact_ask_e6=101 * E6) == 0


@pytest.mark.spec("FUND-010")
def test_a_side_too_thin_contributes_nothing() -> None:
    assert premium_e12(index_e6=100 * E6, impact_bid_e6=0, impact_ask_e6=0) == 0
    assert premium_e12(index_e6=100 * E6, impact_bid_e6=0, impact_ask_e6=98 * E6) == -2 * 10**10
    assert impact_price_e6([(100, 10)], 1_001) == 0


@pytest.mark.spec("FUND-010")
def test_the_impact_price_is_an_average() -> None:
    # 100 × 10 = 1,000 fully; 400 of 1,400 at 200 are 2 lots: 1,400 / 12 = 116.666666.
    assert impact_price_e6([(100, 10), (200, 10)], 1_400) == 116_666_666
    assert impact_price_e6([(100, 10)], 1_000) == 100 * E6


def test_rounding() -> None:
    assert [divide_half_even(value, 2) for value in (-3, -1, 1, 3, 5)] == [-2, 0, 0, 2, 2]
    assert [divide_half_even(value, 3) for value in (-2, -1, 1, 2)] == [-1, 0, 0, 1]
    assert [divide_towards_zero(value, 3) for value in (-4, -2, 2, 4)] == [-1, 0, 0, 1]
