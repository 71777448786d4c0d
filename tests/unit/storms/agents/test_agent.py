"""The grid, as agents see it, is the grid of the SDK."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.client import instruments as sdk
from tests.unit.storms.agents.scripted_view import BTC, ETH, SOL
from wavetank.client import Instrument as ClientInstrument
from wavetank.model.instrument import Instrument
from wavetank.storms.agents.agent import OnGrid

PAIRS = [(BTC, sdk.BTC), (ETH, sdk.ETH), (SOL, sdk.SOL)]


@pytest.mark.spec("UNIT-030")
@pytest.mark.parametrize(("venue", "client"), PAIRS, ids=lambda each: each.symbol)
@given(ticks=st.integers(1, 2**31 - 1))
def test_prices_move_to_the_neighbours_that_the_sdk_names(
    venue: Instrument, client: ClientInstrument, ticks: int
) -> None:
    price = client.price(ticks)
    assert client.price(OnGrid(venue).below(ticks)) == client.round_price(price, up=False)
    assert client.price(OnGrid(venue).above(ticks)) == client.round_price(price, up=True)


@pytest.mark.spec("UNIT-030")
def test_the_step_grows_with_the_digits_up_to_a_dollar() -> None:
    grid = OnGrid(SOL)
    # A tick of SOL is $0.0001. Five figures: $9.9999 in ticks, $10.001 in steps of ten ticks, $10,000 in dollars.
    assert [grid.step_ticks(ticks) for ticks in (99_999, 100_000, 1_000_000, 100_000_000, 1_000_000_000)] == [
        1,
        10,
        100,
        10_000,
        10_000,
    ]
    assert (grid.below(100_009), grid.above(100_001)) == (100_000, 100_010)
    assert OnGrid(replace(SOL, significant_figures=0)).step_ticks(1_234_567) == 1


def test_no_price_is_below_a_tick() -> None:
    assert OnGrid(SOL).below(0) == 1
    assert OnGrid(SOL).above(-5) == 1
