"""Instruments: one tick times one lot is one micro-dollar; a listing survives the log."""

from __future__ import annotations

import pytest

from wavetank.model.events.clearing import InstrumentListed, MarginTierListed
from wavetank.model.instrument import Instrument, default_instruments
from wavetank.model.margin import MarginTier
from wavetank.model.record import decode_all, encode_all


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
@pytest.mark.parametrize("instrument", default_instruments(), ids=lambda instrument: instrument.symbol)
def test_a_listing_survives_its_way_through_the_log(instrument: Instrument) -> None:
    head, *tiers = decode_all(encode_all(instrument.listing()))
    assert isinstance(head, InstrumentListed)
    listed = [tier for tier in tiers if isinstance(tier, MarginTierListed)]
    assert Instrument.from_listing(head, listed) == instrument
