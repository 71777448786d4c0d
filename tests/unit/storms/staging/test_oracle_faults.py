"""The oracle's faults on a scenario's timeline, and what the venue tolerates, as a page says them."""

from typing import Any

import pytest

from wavetank.model.events.oracle import FaultSet, PricePublished
from wavetank.model.validity import EVERYTHING, Validity
from wavetank.oracle.core.faults import FAULTY_CONSUMERS
from wavetank.oracle.core.index import Aggregation
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.simulation.journal import Entry
from wavetank.storms.simulation.venue import VenueSettings
from wavetank.storms.staging.market import market_plan, venue_settings
from wavetank.storms.staging.running import RunPlan, run_simulated
from wavetank.storms.staging.stage import stage

SEVEN = [{"name": f"exchange-{number}"} for number in range(1, 8)]


def page(venue: dict[str, Any], *faults: dict[str, Any], **said: Any) -> Scenario:  # noqa: ANN401 - fields of a page.
    """Return a page on which BTC stands at 9,100 dollars, by seven sources, until faults are set."""
    return Scenario.model_validate(
        {
            "scenario": 1,
            "name": "faults",
            "title": "Faults",
            "duration": "10s",
            "market": {"instruments": {"BTC": {"price": 9_100, "volatility": 0, "sources": SEVEN}}},
            "venue": venue,
            "timeline": [{"at": "5s", "fault": fault} for fault in faults],
        }
        | said
    )


def told(scenario: Scenario) -> tuple[list[FaultSet], PricePublished, int]:
    """Run a page; return the faults set, what the faulty are told last, and how much was refused."""
    venue = stage(scenario, seed=1).venue
    events: list[Any] = []

    def observe(entry: Entry) -> None:
        if entry.log == "oracle":
            events.extend(entry.events)

    venue.observers.append(observe)
    venue.run_until(venue.schedule.now_ns + scenario.duration)
    prices = [each for each in events if isinstance(each, PricePublished) and each.consumers & FAULTY_CONSUMERS]
    return [each for each in events if isinstance(each, FaultSet)], prices[-1], len(venue.refusals)


def settings_of(scenario: Scenario) -> VenueSettings:
    return venue_settings(scenario, market_plan(scenario))


BIAS = {"kind": "bias", "sources": ["exchange-3"], "by": "-30%"}


@pytest.mark.spec("ORCL-010", "ORCL-040")
def test_a_day_as_it_was_and_as_it_should_have_been_differ_by_the_index_terms() -> None:
    # A seventh of 30 % is 4.2857 %: 9,100 becomes 8,710; one tick is 0.1 dollars.
    _, as_it_was, _ = told(page({"index": {"aggregation": "mean", "outlier": 0}}, BIAS))
    assert (as_it_was.index_price_ticks, as_it_was.validity) == (87_100, Validity.TOO_UNCERTAIN)
    _, as_it_should_be, _ = told(page({"index": {"aggregation": "mean", "outlier": "5%"}}, BIAS))
    assert (as_it_should_be.index_price_ticks, as_it_should_be.validity) == (91_000, Validity.VALID)


@pytest.mark.spec("ORCL-040")
@pytest.mark.parametrize(
    ("fault", "ticks"),
    [
        ({"kind": "hardcode", "price": "-0.5"}, -5),
        ({"kind": "clamp", "least": "9200"}, 92_000),
        ({"kind": "clamp", "most": "107.5", "consumers": ["bots", "matching", "clearing"]}, 1_075),
        ({"kind": "decimal", "exponent": -3}, 91),
        ({"kind": "drift", "by": "20%", "ramp": "2s"}, 109_200),
        ({"kind": "lag", "lag": "1s", "jitter": "1s", "distribution": "exponential", "seed": 3}, 91_000),
        ({"kind": "spike", "by": "10%", "probability": "100%", "lasting": "1m"}, 100_100),
    ],
)
def test_each_word_of_a_fault_reaches_the_oracle(fault: dict[str, Any], ticks: int) -> None:
    was_set, last, refused = told(page({}, fault))
    assert (len(was_set), refused) == (1, 0)
    assert last.index_price_ticks == ticks


@pytest.mark.spec("ORCL-040")
def test_sources_are_lost_by_number_and_a_mistake_is_noted() -> None:
    was_set, _, refused = told(page({}, {"kind": "source_loss", "count": 3, "seed": 7}))
    assert (len({each.source for each in was_set}), refused) == (3, 0)
    chosen = {
        frozenset(each.source for each in told(page({}, {"kind": "source_loss", "count": 3, "seed": seed}))[0])
        for seed in range(4)
    }
    assert len(chosen) > 1, "of 35 choices four seeds make more than one"
    was_set, _, refused = told(page({}, {"kind": "source_loss"}))
    assert (was_set, refused) == ([], 1)


@pytest.mark.spec("ORCL-030")
def test_what_is_tolerated_reaches_each_room() -> None:
    doubts = ["stale", "too_uncertain", "too_volatile", "non_positive"]
    venue = {
        "tolerates": {"liquidate": doubts, "margin": ["stale"], "fill": ["too_volatile"], "funding": []},
        "validity": {"uncertain": "3%", "volatile_ratio": 4},
        "index": {"aggregation": "mean", "min_sources": 2},
    }
    settings = settings_of(page(venue))
    assert settings.clearing.tolerances.liquidate == EVERYTHING - {Validity.VALID}
    assert settings.clearing.tolerances.margin == {Validity.STALE}
    assert settings.tolerances.fill == {Validity.TOO_VOLATILE}
    assert settings.oracle.tolerances.funding == frozenset()
    assert (settings.oracle.validity.uncertain_ppm, settings.oracle.validity.volatile_ratio_ppm) == (30_000, 4_000_000)
    assert settings.oracle.index.aggregation is Aggregation.MEAN
    assert (settings.oracle.index.outlier_ppm, settings.oracle.index.min_sources) == (50_000, 2)
    # What is not written is as usual.
    usual = settings_of(page({}))
    assert usual.oracle.tolerances.funding == {Validity.STALE}
    assert usual.clearing.tolerances.liquidate == frozenset()


@pytest.mark.spec("ORCL-030")
@pytest.mark.parametrize(
    ("venue", "reason"),
    [
        ({}, "PRICE_STALE"),
        # Who tolerates an old price still needs credit, and the line of who has a position is as old as its mark.
        ({"tolerates": {"fill": ["stale"]}}, "CREDIT_STALE"),
    ],
)
def test_nothing_is_added_by_the_price_of_an_oracle_that_is_gone(venue: dict[str, Any], reason: str) -> None:
    trade = {"buyer": "buyer", "seller": "seller", "instrument": "BTC", "size": 1, "price": 9_100}
    scenario = page(
        venue,
        duration="90s",
        cast=[{"name": "buyer", "deposit": "1M"}, {"name": "seller", "deposit": "1M"}],
        timeline=[
            {"at": "5s", "restart": {"service": "oracle", "down": "80s"}},
            *({"at": f"{second}s", "cross": trade} for second in (60, 70, 88)),
        ],
    )
    record = run_simulated(RunPlan(scenario=scenario))
    # Its last price is of the fifth second: a minute old at 65 s, and there is a new one when it is back.
    assert record.figures["trades.count"] == 2
    assert {name for name in record.figures if name.startswith("refused(reason") and "who" not in name} == {
        f"refused(reason: {reason})"
    }
    assert record.figures["refused"] == 2
