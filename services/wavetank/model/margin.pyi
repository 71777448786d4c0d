"""Python surface of `margin`."""

from collections.abc import Sequence
from typing import NamedTuple

class MarginTier(NamedTuple):
    lower_notional_micros: int
    max_leverage: int
    maintenance_ppm: int = 0

class MarginTable:
    def __init__(self, tiers: Sequence[MarginTier]) -> None: ...
    lines: tuple[tuple[int, int, int], ...]
    @property
    def denominator(self) -> int: ...
    def maintenance_micros(self, notional_micros: int) -> int: ...
    def initial_micros(self, notional_micros: int, leverage: int, scaled_ppm: int = 0) -> int: ...
