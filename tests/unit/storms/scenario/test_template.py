"""A new page can be read as it is, and says what its author will want to change."""

import pytest

from wavetank.storms.scenario.reading import read_scenario, variants_of
from wavetank.storms.scenario.template import new_scenario
from wavetank.storms.staging.running import RunPlan, run_simulated


def test_a_new_page_is_read_as_it_is() -> None:
    scenario = read_scenario(new_scenario("late_feed"))
    assert scenario.name == "late_feed"
    assert [role.name for role in scenario.cast] == ["makers", "takers", "believer"]
    assert [step.verb for step in scenario.timeline] == ["order", "move"]
    assert len(scenario.asserts) == 2


def test_its_variants_differ_by_the_shock_alone() -> None:
    moves = {name: each.timeline[1].move for name, each in variants_of(read_scenario(new_scenario("x"))).items()}
    assert {name: move and move.by for name, move in moves.items()} == {
        "as_it_was": -90_000_000_000,
        "a_third": -30_000_000_000,
    }


def test_the_fault_it_shows_in_a_comment_can_be_read_too() -> None:
    page = new_scenario("x").replace("  # - at: 60s\n  #   fault:", "  - at: 60s\n    fault:")
    assert [step.verb for step in read_scenario(page).timeline] == ["order", "move", "fault"]


def test_it_names_the_schema_where_it_is() -> None:
    page = new_scenario("x", schema="../scenarios/schema.json")
    assert page.startswith("# yaml-language-server: $schema=../scenarios/schema.json\n")


@pytest.mark.parametrize("name", ["", "Late Feed", "late-feed", "a/b", "x" * 49, "{x}", "a\nb"])
def test_a_name_that_no_scenario_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a scenario; write at most 48"):
        new_scenario(name)


def test_a_new_page_runs_as_it_says() -> None:
    # Five thousand dollars hold sixty thousand of BTC: 9 % less takes 5,400 and leaves nothing, 3 % takes 1,800.
    scenario = read_scenario(new_scenario("late_feed"))
    for name, variant in variants_of(scenario).items():
        record = run_simulated(RunPlan(scenario=variant, variant=name, expected_harm=scenario.variants[name].harm))
        assert (record.failure, record.harm) == ("", scenario.variants[name].harm)
        assert record.ok, record.asserted
