"""Quotients in order, exactly, and whole parts of them: all the arithmetic that a ranking needs.

It stands alone, on plain lists of integers, so that it can be compiled without touching a policy: a venue may rank a
hundred thousand positions. A fraction each would take most of that time for reducing it; here one division gives a key
of 64 fractional bits, and only quotients whose keys are equal are compared by cross-multiplication.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEY_BITS = 64


def falling_order(numerators: Sequence[int], denominators: Sequence[int]) -> list[int]:
    """Return the indices by falling quotient, ties to the lower index.

    Args:
        numerators: any integers.
        denominators: as many, each above 0.

    """
    keys = [-((above << _KEY_BITS) // below) for above, below in zip(numerators, denominators, strict=True)]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    start = 0
    for end in range(1, len(order) + 1):
        if end < len(order) and keys[order[end]] == keys[order[start]]:
            continue
        if end - start > 1:
            order[start:end] = _settled(order[start:end], numerators, denominators)
        start = end
    return order


def _settled(run: list[int], numerators: Sequence[int], denominators: Sequence[int]) -> list[int]:
    """Return indices whose quotients agree in their first bits in their exact order."""
    above, below = numerators[run[0]], denominators[run[0]]
    if all(numerators[index] * below == above * denominators[index] for index in run):
        return run
    return sorted(run, key=lambda index: (-Fraction(numerators[index], denominators[index]), index))


def whole_parts(numerators: Sequence[int], denominator: int) -> list[int]:
    """Return quotients over one denominator as integers of the same sum: floors, then one more by largest remainder.

    Args:
        numerators: integers that together are a multiple of the denominator.
        denominator: above 0.

    Ties go to the lower index. A part never exceeds its quotient rounded up.

    """
    parts = [numerator // denominator for numerator in numerators]
    missing = sum(numerators) // denominator - sum(parts)
    by_remainder = sorted(range(len(parts)), key=lambda index: (-(numerators[index] % denominator), index))
    for index in by_remainder[:missing]:
        parts[index] += 1
    return parts


def split_value(total_micros: int, total_lots: int, parts: Sequence[int]) -> list[int]:
    """Split a value among lots so that nothing is lost: the j-th by floors of running sums.

    `floor(V * cum_j / total) - floor(V * cum_(j-1) / total)` (LIQ-035).
    """
    shares = []
    taken = running = 0
    for part in parts:
        running += part
        upto = total_micros * running // total_lots
        shares.append(upto - taken)
        taken = upto
    return shares
