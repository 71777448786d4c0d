"""Rounding to the nearest whole number, ties to even.

It exists because every price and rate that the oracle computes is rounded once, in one way, and never by a float.
"""

from __future__ import annotations


def divide_half_even(numerator: int, denominator: int) -> int:
    """Return the quotient rounded to the nearest whole number, ties to even.

    Args:
        numerator: any whole number.
        denominator: positive.

    """
    assert denominator > 0, f"denominator was {denominator}, must be positive"
    quotient, rest = divmod(numerator, denominator)
    doubled = 2 * rest
    if doubled > denominator or (doubled == denominator and quotient % 2 == 1):
        quotient += 1
    return quotient


def divide_towards_zero(numerator: int, denominator: int) -> int:
    """Return the quotient without its fraction.

    Args:
        numerator: any whole number.
        denominator: positive.

    """
    assert denominator > 0, f"denominator was {denominator}, must be positive"
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)
