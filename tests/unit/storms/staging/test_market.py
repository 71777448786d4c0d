"""A page on recorded prices: which series it follows, from when to when, how sure they are, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from wavetank.model.events.oracle import PricePublished
from wavetank.model.validity import Validity
from wavetank.oracle.core.faults import FAULTY_CONSUMERS
from wavetank.runtime.price_files import WindowOutsideFile
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.simulation.journal import Entry
from wavetank.storms.staging.market import StagingRefused, market_plan, shocks_of, venue_settings
from wavetank.storms.staging.stage import stage

SECOND_NS = 10**9
BEGIN_S = 1_743_699_900
"""2025-04-03T17:05."""


def page(file: Path, duration: str = "10s", *moves: dict[str, Any], **terms: Any) -> Scenario:  # noqa: ANN401 - any.
    """Return a page on which BTC is as a file has it, and ETH walks."""
    return Scenario.model_validate(
        {
            "scenario": 1,
            "name": "recorded",
            "title": "Recorded",
            "duration": duration,
            "market": {"instruments": {"BTC": {"file": str(file), **terms}, "ETH": {}}},
            "timeline": [{"at": "2s", "move": move} for move in moves],
        }
    )


def table(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "day.csv"
    lines = [
        f"{(BEGIN_S + int(second)) * SECOND_NS},{rest}" for second, _, rest in (row.partition(",") for row in rows)
    ]
    path.write_text("\n".join(["time_ns,price_micros,confidence_micros,symbol,source", *lines, ""]), encoding="utf-8")
    return path


def steady(tmp_path: Path, *, symbol: str = "BTC", seconds: int = 31, price: int = 60_000) -> Path:
    """Return a table with the same price each second."""
    return table(tmp_path, *(f"{second},{price}000000,0,{symbol},spot" for second in range(seconds)))


def published(scenario: Scenario) -> list[PricePublished]:
    """Return what clearing, matching and bots are told of the first instrument, once a second."""
    venue = stage(scenario, seed=1).venue
    events: list[PricePublished] = []

    def observe(entry: Entry) -> None:
        events.extend(event for event in entry.events if isinstance(event, PricePublished))

    venue.observers.append(observe)
    venue.run_until(venue.schedule.now_ns + scenario.duration)
    return [each for each in events if each.instrument_id == 1 and each.consumers & FAULTY_CONSUMERS]


@pytest.mark.spec("ORCL-030")
def test_a_recorded_confidence_that_goes_wide_makes_the_price_uncertain(tmp_path: Path) -> None:
    # 2 % of 60,000 is 1,200: 1,000 is sure enough, 30,000, as wide as Pyth's of 2021, is not.
    confidences = [5, 5, 5, 1_000, 30_000, 30_000, 5, 5, 5, 5, 5]
    rows = [f"{second},60000000000,{each}000000,BTC,spot" for second, each in enumerate(confidences)]
    found = {each.event_time_ns // SECOND_NS - BEGIN_S: each for each in published(page(table(tmp_path, *rows)))}
    assert [second for second, each in found.items() if each.validity == Validity.TOO_UNCERTAIN] == [4, 5]
    assert {each.validity for second, each in found.items() if second not in {4, 5}} == {Validity.VALID}


def test_of_a_file_that_holds_several_the_instruments_own_is_followed_or_the_one_that_is_named(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        *(f"{second},{price},0,{name}" for second in range(31) for price, name in _SERIES),
    )
    (told, *_) = published(page(path, series="BTC/spot"))
    assert told.index_price_ticks == 600_000
    (told, *_) = published(page(path, series="DOGE", size_decimals=2))
    # 70 dollars of 10^-4 each.
    assert told.index_price_ticks == 700_000
    expected = "market.instruments.BTC.series: " + re.escape(f"{path}: holds 2 series named BTC; name one of BTC/perp,")
    with pytest.raises(StagingRefused, match=expected):
        market_plan(page(path))


_SERIES = ((60_000_000_000, "BTC,spot"), (60_100_000_000, "BTC,perp"), (70_000_000, "DOGE,spot"))


def test_a_page_lasts_no_longer_than_its_file_and_begins_within_it(tmp_path: Path) -> None:
    path = steady(tmp_path)
    # 31 prices, the last of which holds for a second.
    assert market_plan(page(path, "31s")).start_ns == BEGIN_S * SECOND_NS
    assert market_plan(page(path, "10s", begin="2025-04-03T17:05:20")).start_ns == (BEGIN_S + 20) * SECOND_NS
    for wrong in (page(path, "32s"), page(path, begin="2025-04-03T17:04:59"), page(path, begin="2031-01-01")):
        with pytest.raises(WindowOutsideFile, match="2025-04-03T17:05:00Z to 2025-04-03T17:05:31Z is allowed"):
            market_plan(wrong)


def test_a_recorded_price_is_held_to_the_units_of_its_instrument(tmp_path: Path) -> None:
    # A tick of an instrument with five decimals is ten cents: 99 dollars are 990.
    with pytest.raises(StagingRefused, match=r"BTC at 99\.000000 dollars is 990\.0+ ticks; at least 1000 are needed"):
        market_plan(page(steady(tmp_path, price=99), size_decimals=5))
    market_plan(page(steady(tmp_path, price=100), size_decimals=5))


def test_a_price_is_fresh_for_as_long_as_its_file_has_no_other(tmp_path: Path) -> None:
    path = table(tmp_path, *(f"{minute * 60},60000000000,0,BTC,spot" for minute in range(3)))
    scenario = page(path)
    settings = venue_settings(scenario, market_plan(scenario))
    # A hole begins at ten times the usual distance; without a file 10 s and 60 s are fresh.
    assert settings.oracle.sources["BTC"]["spot"].limit_ns == 600 * SECOND_NS
    assert settings.oracle.sources["ETH"]["spot"].limit_ns == 10 * SECOND_NS
    # A publication is as new as its moment while a source lives, so who is told of it need not wait any longer.
    assert (settings.clearing.stale_after_ns, settings.engine.stale_after_ns) == (60 * SECOND_NS, 60 * SECOND_NS)
    told = published(page(path, "150s"))
    assert {each.validity for each in told} == {Validity.VALID}
    assert all(each.index_time_ns == each.event_time_ns for each in told)
    said = page(path, sources=[{"name": "spot", "limit": "5s"}])
    settings = venue_settings(said, market_plan(said))
    assert settings.oracle.sources["BTC"]["spot"].limit_ns == 5 * SECOND_NS
    assert settings.clearing.stale_after_ns == 60 * SECOND_NS


def test_a_move_may_spare_what_is_recorded(tmp_path: Path) -> None:
    path = steady(tmp_path)
    both, walks, recorded = shocks_of(
        page(path, "10s", {"by": "-1%"}, {"by": "-2%", "spares_recorded": True}, {"by": "-3%", "instruments": ["BTC"]})
    )
    # Empty for all.
    assert [set(each.symbols) for each in (both, walks, recorded)] == [set(), {"ETH"}, {"BTC"}]
    assert shocks_of(page(path, "10s", {"by": "-3%", "instruments": ["BTC"], "spares_recorded": True})) == []
