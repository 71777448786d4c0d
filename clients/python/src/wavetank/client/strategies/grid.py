"""Where floats stand on an instrument's grid of prices and sizes.

A strategy may judge in floats, but what it sends is decimal: a float means the decimal that it prints as. That decimal
takes long to work out, and it matters only where a float is so near a step that its last digits decide.
"""

from __future__ import annotations

from decimal import Decimal

from wavetank.client.instrument import Instrument

_LIMIT = 2**31
# More steps than the few roundings of a float's 53 bits can miss, up to as many steps as there are ticks or lots.
_NEAR = 1e-6
_NEARLY_ONE = 1.0 - _NEAR


class Grid:
    """The grid of one instrument: rounds as the instrument itself would round the decimals."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._lots_per_unit = 10.0**instrument.size_decimals
        # A price's step changes with its power of ten; these are of the prices in which a market stands.
        self._lowest = self._beyond = 0.0
        self._step_ticks = 1
        self._steps_per_dollar = 1.0

    def price(self, price: float, *, up: bool) -> Decimal:
        """Return the nearest price of the grid that is not below (`up`) or not above the given one, dollars."""
        if self._lowest <= price < self._beyond:
            steps = price * self._steps_per_dollar
            below = int(steps)
            if 0 < below < _LIMIT and _NEAR < steps - below < _NEARLY_ONE:
                return self.instrument.price((below + up) * self._step_ticks)
        number = Decimal(repr(price))
        rounded = self.instrument.round_price(number, up=up)
        self._step_ticks = self.instrument.price_step_ticks(number)
        self._steps_per_dollar = 10.0 ** (6 - self.instrument.size_decimals) / self._step_ticks
        self._lowest, self._beyond = (float(f"1e{number.adjusted() + more}") for more in (0, 1))
        return rounded

    def size(self, size: Decimal, factor: float) -> Decimal:
        """Return the largest size of whole lots that is not above a size times a factor, units of the base asset."""
        lots = float(size) * factor * self._lots_per_unit
        if 0 < lots < _LIMIT:
            below = int(lots)
            if _NEAR < lots - below < _NEARLY_ONE:
                return self.instrument.size(below)
        return self.instrument.round_size(size * Decimal(repr(factor)))
