"""The mark is the median of what the index, the book and an external perpetual say (ORCL-020)."""

import pytest

from wavetank.oracle.core.mark import Book, mark_price_ticks, median_e6

E6 = 1_000_000


@pytest.mark.spec("ORCL-020")
def test_of_three_terms_the_middle_one() -> None:
    assert (
        mark_price_ticks(basis_term_e6=100 * E6, book_term_e6=103 * E6, perp_term_e6=101 * E6, book_average_e6=1) == 101
    )


@pytest.mark.spec("ORCL-020")
def test_of_two_terms_the_middle_one_with_the_average_of_the_book() -> None:
    # 100, 106 and the book's average 104: 104.
    assert (
        mark_price_ticks(basis_term_e6=100 * E6, book_term_e6=106 * E6, perp_term_e6=None, book_average_e6=104 * E6)
        == 104
    )


@pytest.mark.spec("ORCL-020")
def test_without_a_book_its_old_average_takes_no_part() -> None:
    # (100 + 103) / 2 = 101.5, to even: 102.
    assert (
        mark_price_ticks(basis_term_e6=100 * E6, book_term_e6=None, perp_term_e6=103 * E6, book_average_e6=9 * E6)
        == 102
    )


@pytest.mark.spec("ORCL-020")
def test_of_one_term_that_one() -> None:
    assert mark_price_ticks(basis_term_e6=100 * E6, book_term_e6=None, perp_term_e6=None, book_average_e6=None) == 100


@pytest.mark.spec("ORCL-020")
def test_marks_round_half_to_even() -> None:
    def of(value_e6: int) -> int | None:
        return mark_price_ticks(basis_term_e6=value_e6, book_term_e6=None, perp_term_e6=None, book_average_e6=None)

    assert of(100_500_000) == 100
    assert of(101_500_000) == 102
    assert of(101_499_999) == 101


@pytest.mark.spec("ORCL-020")
def test_a_mark_is_never_zero_or_negative() -> None:
    assert mark_price_ticks(basis_term_e6=-5 * E6, book_term_e6=None, perp_term_e6=None, book_average_e6=None) is None
    assert mark_price_ticks(basis_term_e6=400_000, book_term_e6=None, perp_term_e6=None, book_average_e6=None) is None
    assert mark_price_ticks(basis_term_e6=None, book_term_e6=None, perp_term_e6=None, book_average_e6=None) is None


@pytest.mark.spec("ORCL-020")
def test_the_book_says_the_median_of_bid_ask_and_last() -> None:
    assert Book(100, 104, 103).median_e6 == 103 * E6
    assert Book(100, 104, 99).median_e6 == 100 * E6
    assert Book(100, 104, 120).median_e6 == 104 * E6
    assert Book(100, 103, 0).median_e6 == 101_500_000  # nothing traded yet: the mid


@pytest.mark.spec("ORCL-020")
def test_a_book_with_one_side_says_nothing() -> None:
    assert Book(100, 0, 100).median_e6 is None
    assert Book(0, 100, 100).mid_e6 is None


def test_medians_of_even_numbers_are_means() -> None:
    assert median_e6([4, 1]) == 2  # 2.5, to even
    assert median_e6([4, 1, 3, 2]) == 2  # 2.5, to even
    assert median_e6([7, 1, 4]) == 4
