"""Shipped scenarios can be found and read, and what is not there is met with what is near."""

from pathlib import Path

import pytest

from wavetank.storms.scenario.library import ScenarioUnknown, find, list_scenarios, shipped_names, text_of
from wavetank.storms.scenario.reading import variants_of
from wavetank.storms.scenario.template import new_scenario


def test_shipped_pages_are_named_as_the_scenarios_on_them() -> None:
    names = shipped_names()
    assert "calm" in names
    assert [scenario.name for scenario in list_scenarios()] == names == sorted(names)


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_scenario_has_variants_that_can_be_read(name: str) -> None:
    assert variants_of(find(name))


def test_a_scenario_is_found_by_name_whatever_its_case_and_by_file(tmp_path: Path) -> None:
    assert find("calm").title == find("CALM").title == "An ordinary five minutes"
    path = tmp_path / "mine.yaml"
    path.write_text(new_scenario("mine"), encoding="utf-8")
    assert find(str(path)).name == "mine"
    assert text_of(str(path)) == new_scenario("mine")
    assert "name: calm\n" in text_of("Calm")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clam", "no scenario is called 'clam'; did you mean calm?"),
        ("zzzzzz", "no scenario is called 'zzzzzz'; allowed: "),
        ("storms/mine.yaml", "no file is at 'storms/mine.yaml'; write a name of a shipped scenario, or a file"),
        ("mine.yml", "no file is at 'mine.yml'; write"),
        ("", "no scenario is called ''; allowed: "),
        ("../scenarios/calm", "no file is at '../scenarios/calm'; write"),
    ],
)
def test_what_is_not_there_is_told_with_what_is_near(name: str, message: str) -> None:
    with pytest.raises(ScenarioUnknown) as caught:
        find(name)
    assert str(caught.value).startswith(message)
