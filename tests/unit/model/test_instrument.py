"""Instruments: one tick times one lot is one micro-dollar; a listing survives the log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wavetank.model.events.clearing import InstrumentListed, MarginScalingListed, MarginTierListed
from wavetank.model.instrument import Instrument, Listings, default_instruments
from wavetank.model.invariant import InvariantBroken
from wavetank.model.margin import MarginTier
from wavetank.model.record import decode_all, encode_all

SCALED = replace(default_instruments()[0], scaling_begins_micros=7, scaling_full_micros=8, scaled_ppm=123_456)


@pytest.mark.spec("UNIT-010")
@pytest.mark.parametrize("size_decimals", range(7))
def test_a_dollars_worth_is_a_million_micro_dollars_in_every_instrument(size_decimals: int) -> None:
    instrument = Instrument(instrument_id=1, symbol="X", size_decimals=size_decimals, tiers=(MarginTier(0, 10),))
    one_unit_lots = 10**size_decimals
    assert instrument.ticks_per_dollar * one_unit_lots == 1_000_000


@pytest.mark.spec("UNIT-010")
def test_prices_become_ticks_rounded_half_to_even() -> None:
    btc = default_instruments()[0]
    # A tick of BTC is 0.1 dollars, 100,000 micro-dollars: 64,000.05 lies half-way, and 640,000 is even.
    assert btc.ticks_of_price_micros(64_000_050_000) == 640_000
    assert btc.ticks_of_price_micros(64_000_150_000) == 640_002
    assert btc.ticks_of_price_micros(64_000_050_001) == 640_001


@pytest.mark.spec("UNIT-050")
@pytest.mark.parametrize(
    "instrument",
    [*default_instruments(), SCALED],
    ids=lambda instrument: f"{instrument.symbol}-{instrument.scaled_ppm}",
)
def test_a_listing_survives_its_way_through_the_log(instrument: Instrument) -> None:
    listings = Listings()
    # Listed before, and begun again.
    for event in (*SCALED.listing(), *SCALED.listing()[:2]):
        listings.take(event)
    *begun, last = [
        listings.take(event)
        for event in decode_all(encode_all(instrument.listing()))
        if isinstance(event, InstrumentListed | MarginScalingListed | MarginTierListed)
    ]
    assert set(begun) == {None}
    assert last == instrument


@pytest.mark.spec("UNIT-050")
def test_what_does_not_follow_its_listing_is_refused() -> None:
    btc, eth, _ = default_instruments()
    for event in (*SCALED.listing()[1:], eth.listing()[1]):
        listings = Listings()
        if event.instrument_id == eth.instrument_id:
            listings.take(btc.listing()[0])
        with pytest.raises(InvariantBroken, match="stands before its listing"):
            listings.take(event)


@pytest.mark.spec("MRGN-020")
@pytest.mark.parametrize(("begins", "full"), [(-1, 5), (8, 7), (1, 0)])
def test_scaling_ascends_from_nothing(begins: int, full: int) -> None:
    with pytest.raises(ValueError, match="scaling ascends from 0"):
        replace(SCALED, scaling_begins_micros=begins, scaling_full_micros=full)
