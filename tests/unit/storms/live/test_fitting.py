"""Where a page and a running venue do not fit: said before anything is done, each with its place."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from wavetank.model.instrument import default_instruments
from wavetank.storms.live.fitting import misfits
from wavetank.storms.scenario.reading import read_scenario

LISTED = {each.symbol: each for each in default_instruments()}
INDEXES = {"BTC": Decimal(60_000), "ETH": Decimal(2_500), "SOL": Decimal(150)}
SOURCES = {LISTED["BTC"].instrument_id: ("spot", "perp"), LISTED["ETH"].instrument_id: ("spot",)}
PAGE = "scenario: 1\nname: day\ntitle: A day\nduration: 1m\n"


def found(text: str, *, can_restart: bool = True) -> list[tuple[str, bool]]:
    scenario = read_scenario(PAGE + text)
    misfit = misfits(scenario, LISTED, INDEXES, sources=SOURCES, can_restart=can_restart)
    return [(each.place, each.is_final) for each in misfit]


def test_a_page_of_what_the_venue_lists_fits() -> None:
    assert not found("market: {instruments: {BTC: {price: 60000, volatility: 1%}, ETH: {}}}\n")


def test_how_prices_move_by_themselves_is_the_venues_own() -> None:
    text = "market: {instruments: {BTC: {volatility: 2%}}, correlation: 90%, bursts: [{every: 30s, lasting: 1s}]}\n"
    assert found(text) == [("market.bursts", False), ("market.correlation", False)]


def test_an_instrument_that_is_not_listed_is_final() -> None:
    assert found("market: {instruments: {DOGE: {price: 60000}}}\n") == [("market.instruments.DOGE", True)]


def test_other_terms_of_an_instrument_are_named_one_by_one() -> None:
    taker = LISTED["BTC"].taker_fee_ppm
    text = f"market: {{instruments: {{BTC: {{taker_fee: {taker + 1}e-6, maker_fee: 1bp, withholds_gains: true}}}}}}\n"
    text = text.replace(f"{taker + 1}e-6", f"{Decimal(taker + 1).scaleb(-6):f}")
    same = LISTED["BTC"].maker_fee_ppm == 100
    expected = [("market.instruments.BTC.maker_fee", False)] * (not same) + [
        ("market.instruments.BTC.taker_fee", False),
        ("market.instruments.BTC.withholds_gains", False),
    ]
    assert found(text) == expected


def test_settings_of_the_venue_are_its_own_but_for_what_can_be_set() -> None:
    text = (
        "market: {instruments: {BTC: {}}}\n"
        "venue: {fund: 1M, clearing: {vault_cap: 5M, partial_cooldown: 30s}, ordering: {policy: cancels_first}}\n"
    )
    assert found(text) == [
        ("venue.clearing.partial_cooldown", False),
        ("venue.clearing.vault_cap", False),
        ("venue.fund", False),
    ]


def test_who_sees_ahead_or_sits_nearer_cannot_here() -> None:
    text = (
        "market: {instruments: {BTC: {}}}\n"
        "cast:\n"
        "  - {name: seer, sees_next_index: true}\n"
        "  - {name: near, distance: {orders: 1ms}}\n"
    )
    assert found(text) == [("cast.seer.sees_next_index", False), ("cast.near.distance", False)]


def test_what_cannot_be_undone_and_what_cannot_be_done_are_final() -> None:
    text = (
        "market: {instruments: {BTC: {}}}\n"
        "timeline:\n"
        "  - {at: 1s, restart: {service: oracle}}\n"
        "  - {at: 2s, settle: {instrument: BTC, price: 60000}}\n"
    )
    assert found(text) == [("timeline.1.settle", True)]
    assert found(text, can_restart=False) == [("timeline.0.restart", True), ("timeline.1.settle", True)]


def test_prices_in_dollars_hold_near_the_price_that_they_were_written_for() -> None:
    text = (
        "market: {instruments: {BTC: {price: PRICE}}}\n"
        "cast: [{name: one}]\n"
        "timeline: [{at: 1s, order: {who: one, instrument: BTC, side: buy, size: 1, price: 59000}}]\n"
    )
    # The index is 60,000: 2 % of 61,000 is 1,220, of 58,000 it is 1,160.
    assert not found(text.replace("PRICE", "61000"))
    assert found(text.replace("PRICE", "58000")) == [("market.instruments.BTC.price", True)]
    without = text.replace(", price: 59000", "").replace("PRICE", "58000")
    assert not found(without)


def test_the_listing_is_compared_as_the_venue_has_it() -> None:
    scenario = read_scenario(PAGE + "market: {instruments: {BTC: {price_band: 5%}}}\n")
    narrow = {**LISTED, "BTC": replace(LISTED["BTC"], price_band_ppm=50_000)}
    assert not misfits(scenario, narrow, INDEXES, sources=SOURCES, can_restart=True)


def test_a_fault_of_a_source_that_the_venue_lacks_is_named_by_step() -> None:
    text = (
        "market: {instruments: {BTC: {}, ETH: {}}}\n"
        "timeline:\n"
        "  - {at: 1s, fault: {kind: freeze, sources: [spot]}}\n"
        "  - {at: 2s, fault: {kind: freeze, sources: [perp], instruments: [BTC]}}\n"
        "  - {at: 3s, fault: {kind: freeze, sources: [spot, perp]}}\n"
        "  - {at: 4s, fault: {kind: lag, lag: 1s}}\n"
    )
    # Of the third, ETH has no perp; the page goes on with what there is if it is told to.
    assert found(text) == [("timeline.2.fault.sources", False)]
