"""Chance from one seed, in whole numbers.

Everything random in a simulation is drawn here: delays, arrivals, sizes, decisions. It exists because a run must be
the same on every machine, and the logarithm of one C library is not that of another: exponentials and normals are made
from random bits, tables and integer arithmetic alone.

Kept true: the same seed gives the same draws everywhere; dice spawned by name are independent of how often, and in
which order, their parent is thrown. Dice that are turned to another seed take along all that come from the same first
ones, each by its own name; what they have shown stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from hashlib import blake2b
from random import Random
from typing import Any, Self, TypeVar

Item = TypeVar("Item")

ONE_E6 = 1_000_000

_EXACT = Context(prec=40)
_TWO_LOG_E12 = int(_EXACT.multiply(_EXACT.ln(Decimal(2)), Decimal(10**12)))
"""ln 2, times 10^12."""
_CELL_BITS = 8
_CELLS = 1 << _CELL_BITS
_FINE_BITS = 24
# The quantiles of an exponential below its median: -ln(1 - k/512), times 10^12. Decimal's logarithm is correctly
# rounded, so this table is the same on every machine.
_QUANTILES_E12 = [
    int(_EXACT.multiply(-_EXACT.ln(1 - Decimal(cell) / (2 * _CELLS)), Decimal(10**12))) for cell in range(_CELLS + 1)
]
# 2^(k/256), times 10^12.
_POWERS_E12 = [
    int(_EXACT.multiply(_EXACT.power(Decimal(2), Decimal(cell) / _CELLS), Decimal(10**12)))
    for cell in range(_CELLS + 1)
]
_THROWS = 24
_UNIFORMS = 12
_UNIFORM_BITS = 20
_UNIFORM_MASK = (1 << _UNIFORM_BITS) - 1


class Dice:
    """A source of chance; all that it returns is a whole number or one of the given things."""

    def __init__(self, seed: int, name: str = "", *, kin: list[Callable[[int], None]] | None = None) -> None:
        """Make dice.

        Args:
            seed: any whole number.
            name: dice of one seed and different names are independent of one another.
            kin: what turns the dice of which these are spawned and all others of them; None for the first ones.

        """
        self._begin(seed, name)
        self._kin = [] if kin is None else kin
        self._kin.append(self._turn)

    def _begin(self, seed: int, name: str) -> None:
        self._key = blake2b(f"{seed}/{name}".encode(), digest_size=32).digest()
        self._random = Random(int.from_bytes(self._key, "big"))
        self._bits = self._random.getrandbits

    def _turn(self, seed: int) -> None:
        self._begin(int.from_bytes(self._key, "big"), f"turned to {seed}")

    def __getstate__(self) -> dict[str, Any]:
        # The generator's own method would stay bound to the generator that is copied from.
        return {name: value for name, value in vars(self).items() if name != "_bits"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._bits = self._random.getrandbits

    def spawn(self, name: str) -> Self:
        """Return other dice, which depend on these dice's seed and name, not on what they have shown."""
        return type(self)(int.from_bytes(self._key, "big"), name, kin=self._kin)

    def turn(self, seed: int) -> None:
        """Throw from another seed from now on, and so do all dice that come from the same first ones."""
        for turn in self._kin:
            turn(seed)

    def below(self, bound: int) -> int:
        """Return a whole number from 0 to `bound` - 1, all alike.

        Raises:
            ValueError: the bound is not positive.

        """
        # As the standard library draws it, without most of what it checks first.
        if bound <= 0:
            raise ValueError(f"nothing lies below {bound}")
        width = bound.bit_length()
        drawn = self._bits(width)
        while drawn >= bound:
            drawn = self._bits(width)
        return drawn

    def between(self, least: int, most: int) -> int:
        """Return a whole number from `least` to `most`, both included, all alike."""
        return least + self.below(most - least + 1)

    def chance(self, ppm: int) -> bool:
        """Return True with a probability in millionths."""
        return self.below(ONE_E6) < ppm

    def choice(self, items: Sequence[Item]) -> Item:
        """Return one of the items, all alike."""
        return items[self.below(len(items))]

    def exponential(self, mean: int) -> int:
        """Return an exponentially distributed number of the given mean, rounded down.

        Its number of halvings is geometric, and what is left is below the median: inverse of the distribution there,
        by a table of 256 cells and a straight line between them.
        """
        # Heads before the first tails, in rounds of at most 24 throws.
        halvings = run = _heads(self._bits(64))
        while run == _THROWS:
            run = _heads(self._bits(64))
            halvings += run
        bits = self._bits(_CELL_BITS + _FINE_BITS)
        cell, fine = bits >> _FINE_BITS, bits & ((1 << _FINE_BITS) - 1)
        low, high = _QUANTILES_E12[cell], _QUANTILES_E12[cell + 1]
        return mean * (halvings * _TWO_LOG_E12 + low + ((high - low) * fine >> _FINE_BITS)) // 10**12

    def normal_e6(self) -> int:
        """Return a number of mean 0 and deviation 10^6, nearly normal: the sum of twelve uniforms less six.

        Its fourth moment is 2.9 instead of 3, and it never exceeds six deviations.
        """
        bits = self._bits(_UNIFORMS * _UNIFORM_BITS)
        total = 0
        for _ in range(_UNIFORMS):
            total += bits & _UNIFORM_MASK
            bits >>= _UNIFORM_BITS
        return (total * ONE_E6 >> _UNIFORM_BITS) - _UNIFORMS // 2 * ONE_E6

    def log_normal(self, mean: int, spread_e6: int) -> int:
        """Return a log-normally distributed number of about the given mean, rounded down.

        Args:
            mean: of the numbers.
            spread_e6: standard deviation of their natural logarithm, in millionths.

        """
        exponent_e6 = spread_e6 * self.normal_e6() // ONE_E6 - spread_e6 * spread_e6 // (2 * ONE_E6)
        return scaled_by_exponential(mean, exponent_e6)


def _heads(bits: int) -> int:
    """Return how many of the lowest bits are set before the first that is not, at most 24."""
    return min(_THROWS, (bits ^ (bits + 1)).bit_length() - 1)


def scaled_by_exponential(value: int, exponent_e6: int) -> int:
    """Return `value · e^exponent`, rounded down, with a relative error below 10^-5.

    Args:
        value: not negative.
        exponent_e6: in millionths; below -40 the result is 0.

    """
    # The exponent in doublings: whole ones shift, the rest stands in a table.
    doublings, fraction_e12 = divmod(exponent_e6 * 10**18 // _TWO_LOG_E12, 10**12)
    cell, fine = divmod(fraction_e12 * _CELLS, 10**12)
    low, high = _POWERS_E12[cell], _POWERS_E12[cell + 1]
    scaled = value * (low + (high - low) * fine // 10**12)
    return (scaled << doublings) // 10**12 if doublings >= 0 else (scaled >> -doublings) // 10**12
