"""Moves of synthetic prices are computed in parts of 64 bits, and are what whole numbers of any size give."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import example, given, settings

from wavetank.oracle.adapters.sources.walks import LARGEST_DEVIATION_E12, _product_e12, _walked
from wavetank.oracle.core.rounding import divide_half_even

ONE_E12 = 1_000_000_000_000

# Sixty-four walks, seven deviations, a factor of 10,000: 8 · 7 · 10^4 · 10^12.
mixed = st.integers(-560_000 * ONE_E12, 560_000 * ONE_E12)


@given(st.lists(mixed, min_size=1, max_size=20), st.integers(0, LARGEST_DEVIATION_E12))
@example([1, 3, -1, -3], ONE_E12 // 2)
@example([560_000 * ONE_E12, -560_000 * ONE_E12], LARGEST_DEVIATION_E12)
@settings(max_examples=300, deadline=None)
def test_products_are_exact_and_rounded_half_to_even(mixed_e12: list[int], deviation_e12: int) -> None:
    expected = [divide_half_even(number * deviation_e12, ONE_E12) for number in mixed_e12]
    assert _product_e12(np.asarray(mixed_e12, dtype=np.int64), deviation_e12).tolist() == expected


@given(st.integers(1, 10**15), st.lists(st.integers(-2 * ONE_E12, 10 * ONE_E12), max_size=20))
@example(2, [ONE_E12 // 4, -ONE_E12 // 2, -ONE_E12 // 2])
@settings(max_examples=300, deadline=None)
def test_a_walk_is_the_product_of_its_moves_within_its_bounds(price: int, moves_e12: list[int]) -> None:
    lowest, highest = max(price // 1_000, 1), price * 1_000
    expected = [price]
    for move_e12 in moves_e12:
        moved = divide_half_even(expected[-1] * (ONE_E12 + move_e12), ONE_E12)
        expected.append(max(lowest, min(highest, moved)))
    assert _walked(price, moves_e12, lowest, highest) == expected
