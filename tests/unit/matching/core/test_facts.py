"""Facts of other logs at a shard: a listing is acted on when it is whole, and a price when it is for matching."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.matching.core.desk import INSTRUMENT
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.facts import Facts
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.events.clearing import OpenInterestScaled
from wavetank.model.events.oracle import ConsumerBit, PricePublished
from wavetank.model.margin import MarginTier
from wavetank.model.orders import InstrumentState
from wavetank.model.record import Event, encode_all
from wavetank.model.validity import Tolerances, Validity

TWO_TIERS = replace(INSTRUMENT, tiers=(MarginTier(0, 10), MarginTier(10**9, 5)))


class Told:
    """A shard without instruments, and what it is told."""

    def __init__(self) -> None:
        self.engine = Engine(0, EngineSettings())
        self.facts = Facts(self.engine, Tolerances())

    def __call__(self, *events: Event) -> list[PricePublished]:
        return self.facts.take(1_000, 1, encode_all(events))


def price(ticks: int, consumers: int = ConsumerBit.MATCHING, validity: Validity = Validity.VALID) -> PricePublished:
    return PricePublished(
        instrument_id=1,
        account_id=0,
        index_price_ticks=ticks,
        mark_price_ticks=ticks,
        index_time_ns=900,
        event_time_ns=950,
        funding_rate_e12=0,
        consumers=int(consumers),
        validity=int(validity),
    )


def test_a_listing_counts_when_its_last_part_has_come() -> None:
    told = Told()
    head, first, second = TWO_TIERS.listing()
    told(head, first)
    assert not told.facts.listed
    told(second)
    assert told.engine.instruments() == [TWO_TIERS]
    assert dict(told.facts.listed) == {1: TWO_TIERS}


def test_what_another_shard_trades_is_not_listed_here() -> None:
    told = Told()
    told(*replace(INSTRUMENT, shard=1).listing())
    assert not told.engine.instruments()
    assert not told(price(1_000, ConsumerBit.BOTS))


def test_a_price_of_what_is_not_listed_yet_is_passed_over() -> None:
    told = Told()
    assert not told(price(1_000), *INSTRUMENT.listing())
    assert told.engine.mark(1) == (0, 0, False)
    told(price(1_001))
    assert told.engine.mark(1) == (1_001, 1_001, False)


def test_each_consumer_gets_its_own_price() -> None:
    told = Told()
    told(*INSTRUMENT.listing())
    shown = told(price(1_000), price(1_010, ConsumerBit.BOTS), price(1_020, ConsumerBit.CLEARING))
    assert [each.mark_price_ticks for each in shown] == [1_010]
    assert told.engine.mark(1) == (1_000, 1_000, False)


@pytest.mark.spec("ORCL-030")
def test_a_price_that_fills_do_not_tolerate_is_a_stale_one() -> None:
    told = Told()
    told(*INSTRUMENT.listing(), price(1_000, validity=Validity.TOO_UNCERTAIN))
    assert told.engine.mark(1) == (1_000, 1_000, True)


@pytest.mark.spec("MTCH-050")
def test_a_listing_in_another_state_moves_the_instrument_and_a_settled_one_stays() -> None:
    told = Told()
    told(*INSTRUMENT.listing())
    told(*replace(INSTRUMENT, state=InstrumentState.HALTED).listing())
    assert told.engine.instrument_state(1) == InstrumentState.HALTED
    # Listed in the state that it has: nothing moves, though an operator may have moved it meanwhile.
    told.engine.set_instrument_state(1_000, 1, InstrumentState.POST_ONLY)
    told(*replace(INSTRUMENT, state=InstrumentState.HALTED, price_band_ppm=50_000).listing())
    assert told.engine.instrument_state(1) == InstrumentState.POST_ONLY
    assert told.engine.instruments()[0].price_band_ppm == 50_000
    told.engine.set_instrument_state(1_000, 1, InstrumentState.SETTLED)
    told(*INSTRUMENT.listing())
    assert told.engine.instrument_state(1) == InstrumentState.SETTLED


def test_scaled_margins_reach_the_listing() -> None:
    told = Told()
    scaled = OpenInterestScaled(
        instrument_id=1, account_id=0, open_interest_lots=1, mark_price_ticks=1_000, scaled_ppm=200_000
    )
    told(scaled)
    told(*INSTRUMENT.listing())
    told(scaled)
    assert told.engine.instruments()[0].scaled_ppm == 200_000
    assert told.facts.listed[1].scaled_ppm == 200_000
