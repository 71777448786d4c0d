"""How much a price moves now, against how much it usually moves.

Two exponentially weighted rates of absolute moves, a short and a long one: their ratio rises within the first moves of
a burst and falls as the burst ages. That is what a market maker needs to know to get out of the way.
"""

from __future__ import annotations

import math

_BPS = 10_000.0
_SECOND = 1e9


class Activity:
    """Short and long rates of |move|, in basis points per second of venue time.

    Args:
        short_ns: time constant of the short rate.
        long_ns: time constant of the long rate.
        usual: rate that both begin with, and below which the long one does not count as quiet.
    """

    def __init__(self, *, short_ns: int, long_ns: int, usual: float) -> None:
        self._short_ns = short_ns
        self._long_ns = long_ns
        self._short_seconds = short_ns / _SECOND
        self._long_seconds = long_ns / _SECOND
        self._usual = usual
        self._price: float | None = None
        self._time_ns = 0
        self._short = usual
        self._long = usual

    def see(self, price: float | None, time_ns: int) -> float:
        """Take note of a price, or of the time alone, and return the short rate over the long one.

        A move of x basis points adds x / τ to a rate whose time constant is τ seconds; between moves a rate decays
        by e^(-t/τ). The long rate counts as at least the usual one.
        """
        elapsed_ns = time_ns - self._time_ns
        if elapsed_ns > 0:
            if self._time_ns:
                self._short *= math.exp(-elapsed_ns / self._short_ns)
                self._long *= math.exp(-elapsed_ns / self._long_ns)
            self._time_ns = time_ns
        before = self._price
        if price is not None and price != before:
            # From a price of nothing, which a broken oracle may tell, no move can be measured.
            if before:
                move = abs(price / before - 1.0) * _BPS
                self._short += move / self._short_seconds
                self._long += move / self._long_seconds
            self._price = price
        if self._long > self._usual:
            return self._short / self._long
        return self._short / self._usual
