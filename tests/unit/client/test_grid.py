"""A grid rounds floats as the instrument rounds the decimals that they print as, on a step and beside it."""

import math
import random
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.client.instruments import BTC, ETH, SOL
from wavetank.client import Instrument
from wavetank.client.strategies.grid import Grid

FINE = replace(BTC, significant_figures=0)


def floats(dice: random.Random, instrument: Instrument) -> list[float]:
    """Return prices from a tenth of a tick to a million dollars: anywhere, on the grid, and right beside it."""
    anywhere = [10.0 ** dice.uniform(-5.0, 6.0) for _ in range(2_000)]
    on_grid = [
        float(instrument.round_price(Decimal(repr(price)), up=True)) for price in (*anywhere, 9.9999999, 99_999.99)
    ]
    beside = [math.nextafter(price, towards) for price in on_grid for towards in (0.0, math.inf)]
    return anywhere + on_grid + beside


@pytest.mark.parametrize("instrument", [BTC, ETH, SOL, FINE])
def test_a_price_is_that_of_the_decimal(instrument: Instrument) -> None:
    prices = floats(random.Random(1), instrument)
    # In order most stand where the last one stood, shuffled hardly any.
    for order in (sorted(prices), random.Random(2).sample(prices, len(prices))):
        grid = Grid(instrument)
        for price in order:
            for up in (True, False):
                expected = instrument.round_price(Decimal(repr(price)), up=up)
                assert str(grid.price(price, up=up)) == str(expected), f"{price} {'up' if up else 'down'}"


@pytest.mark.parametrize("instrument", [BTC, ETH, SOL])
def test_a_size_is_that_of_the_decimals(instrument: Instrument) -> None:
    dice, grid = random.Random(3), Grid(instrument)
    for _ in range(5_000):
        size = instrument.size(dice.randrange(1, 10 ** dice.randrange(1, 9)))
        for factor in (dice.uniform(0.0, 3.0), dice.choice((0.0, 0.1, 0.3, 0.5, 1.0, 1.1, 1.5, 2.25))):
            expected = instrument.round_size(size * Decimal(repr(factor)))
            assert str(grid.size(size, factor)) == str(expected), f"{size} × {factor}"


@pytest.mark.parametrize("price", [math.nan, math.inf])
def test_a_price_that_is_no_number_is_refused(price: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        Grid(BTC).price(price, up=True)
