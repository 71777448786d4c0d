"""A page with some words changed is a page, and paths that lead nowhere are refused with those that do not."""

from collections.abc import Mapping
from typing import Any

import pytest

from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.faults import ScenarioInvalid
from wavetank.storms.scenario.overriding import MAX_OVERRIDES, OverrideRefused, read_assignments, with_overrides
from wavetank.storms.scenario.reading import overridden, read_scenario, variants_of

PAGE = """\
scenario: 1
name: late_feed
title: A late feed
duration: 3m
market:
  instruments:
    BTC:
      sources: [{name: spot_a}, {name: spot_b}]
venue:
  clearing: {vault_cap: 1M}
cast:
  - {name: makers, kind: market_maker, count: 3, settings: {size: 9k}}
  - {name: believer}
timeline:
  - {at: 20s, order: {who: believer, instrument: BTC, side: buy, size: 1}}
  - {at: 1m, fault: {kind: lag, lag: 30s}}
asserts: [ledger.balanced]
"""
VARIANTS = """\
harm: fund.loss > 1M
variants:
  as_it_was: {harm: true}
  ringed:
    set: {timeline.1.fault.lag: 2s, venue.clearing.vault_cap: 5M}
    harm: false
    asserts: [fund.loss == 0]
"""


def scenario(also: str = "") -> Scenario:
    return read_scenario(PAGE + also)


def vault_cap(read: Scenario) -> int:
    cap: int = read.venue.clearing.vault_cap  # type: ignore[attr-defined] # Made from settings.
    return cap


def test_values_are_set_at_dotted_paths() -> None:
    document: Mapping[str, Any] = scenario().written
    changed = with_overrides(
        document,
        {
            "venue.clearing.vault_cap": "5M",
            "cast.makers.count": 4,
            "cast.0.settings.levels": 2,
            "timeline.1.fault.lag": "2s",
            "market.instruments.BTC.sources.spot_b.weight": 3,
            "seed": 7,
            # Not on the page yet.
            "venue.ordering.taker_delay": "50ms",
            "market.instruments.DOGE.price": 0.2,
        },
    )
    assert changed["venue"] == {"clearing": {"vault_cap": "5M"}, "ordering": {"taker_delay": "50ms"}}
    assert changed["cast"][0]["count"] == 4
    assert changed["cast"][0]["settings"] == {"size": "9k", "levels": 2}
    assert changed["timeline"][1] == {"at": "1m", "fault": {"kind": "lag", "lag": "2s"}}
    assert changed["market"]["instruments"]["BTC"]["sources"] == [{"name": "spot_a"}, {"name": "spot_b", "weight": 3}]
    assert changed["market"]["instruments"]["DOGE"] == {"price": 0.2}
    assert changed["seed"] == 7


def test_what_it_began_with_stays_as_it_was() -> None:
    document = {"cast": [{"name": "makers", "kind": "market_maker", "settings": {"levels": 1}}]}
    assert with_overrides(document, {"cast.makers.settings.levels": 2})["cast"][0]["settings"] == {"levels": 2}
    assert document == {"cast": [{"name": "makers", "kind": "market_maker", "settings": {"levels": 1}}]}
    first = scenario()
    assert vault_cap(overridden(first, {"venue.clearing.vault_cap": "5M"})) == 5_000_000_000_000
    assert vault_cap(first) == 1_000_000_000_000
    assert first.written == scenario().written


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("sed", "a scenario has no 'sed'; did you mean seed?"),
        ("venue.clearing.vault_cup", "venue.clearing has no 'vault_cup'; did you mean vault_cap?"),
        ("venue.clear.vault_cap", "venue has no 'clear'; did you mean clearing?"),
        ("cast.maker.count", "cast has no item 'maker'; did you mean makers?"),
        ("cast.nobody.count", "cast has no item 'nobody'; allowed: believer, makers"),
        ("cast.2.count", "cast has no item '2'; allowed: 0 to 1"),
        ("cast.-1.count", "cast has no item '-1'; allowed: believer, makers"),
        ("cast.makers.settings.sizes", "cast.0.settings has no 'sizes'; did you mean size?"),
        ("timeline.0.order.prize", "timeline.0.order has no 'prize'; did you mean price?"),
        ("timeline.first.at", "timeline has no item 'first'; allowed: 0 to 1"),
        ("asserts.5", "asserts has no item '5'; allowed: 0"),
        ("duration.hours", "duration is '3m', which has nothing inside"),
        ("venue..fund", "a path is words with dots between, for instance venue.clearing.vault_cap"),
        ("", "a path is words with dots between, for instance venue.clearing.vault_cap"),
        ("variants.x.harm", "variants is what it is; anything else of the page can be set"),
        ("scenario", "scenario is what it is; anything else of the page can be set"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_with_those_that_do_not(key: str, message: str) -> None:
    with pytest.raises(OverrideRefused) as caught:
        overridden(scenario(), {key: 1})
    assert (caught.value.key, caught.value.message) == (key, message)


def test_the_changed_page_is_read_like_any() -> None:
    with pytest.raises(ScenarioInvalid) as caught:
        overridden(scenario(), {"timeline.1.fault.lag": "soon", "cast.makers.count": 0})
    assert [fault.path for fault in caught.value.faults] == ["cast.0.count", "timeline.1.fault.lag"]
    assert str(caught.value.faults[0]) == (
        "with timeline.1.fault.lag, cast.makers.count set: cast.0.count: is 0; at least 1 is allowed"
    )


def test_an_item_without_a_list_is_refused() -> None:
    with pytest.raises(ScenarioInvalid, match="tags: is a mapping with 0; write a list"):
        overridden(scenario(), {"tags.0": "calm"})


def test_assignments_are_read_as_on_a_page() -> None:
    assert read_assignments(
        ["venue.clearing.vault_cap=5M", "seed = 7", "tags=[a, b]", 'title="x=y"', "seed=8", "about=", "duration=1h30m"]
    ) == {
        "venue.clearing.vault_cap": "5M",
        "seed": 8,
        "tags": ["a", "b"],
        "title": "x=y",
        "about": None,
        "duration": "1h30m",
    }


@pytest.mark.parametrize("text", ["seed", "=7", " = 7", ""])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(OverrideRefused, match="is no assignment; write key=value"):
        read_assignments([text])


def test_an_assignment_of_no_yaml_names_its_key() -> None:
    with pytest.raises(ScenarioInvalid, match=r"^--set tags:1:3: is no YAML"):
        read_assignments(["tags=[a"])


def test_assignments_have_an_end() -> None:
    read_assignments(f"k{number}=1" for number in range(MAX_OVERRIDES))
    with pytest.raises(OverrideRefused, match="is given 201 times; at most 200"):
        read_assignments(f"k{number}=1" for number in range(MAX_OVERRIDES + 1))


def test_a_scenario_without_variants_is_one_without_a_name() -> None:
    first = scenario()
    assert variants_of(first) == {"": first}
    assert variants_of(first, {"seed": 7})[""].seed == 7


def test_a_variant_is_the_page_with_its_values_and_its_asserts() -> None:
    variants = variants_of(scenario(VARIANTS))
    assert list(variants) == ["as_it_was", "ringed"]
    assert vault_cap(variants["as_it_was"]) == 1_000_000_000_000
    assert variants["as_it_was"].asserts == ("ledger.balanced",)
    ringed = variants["ringed"]
    assert vault_cap(ringed) == 5_000_000_000_000
    assert ringed.timeline[1].fault is not None
    assert ringed.timeline[1].fault.lag == 2_000_000_000
    assert ringed.asserts == ("ledger.balanced", "fund.loss == 0")
    # What is expected of it is known in each.
    assert ringed.variants["ringed"].harm is False


def test_what_is_set_by_hand_holds_over_what_a_variant_sets() -> None:
    variants = variants_of(scenario(VARIANTS), {"venue.clearing.vault_cap": "7M"})
    assert [vault_cap(each) for each in variants.values()] == [7_000_000_000_000] * 2
