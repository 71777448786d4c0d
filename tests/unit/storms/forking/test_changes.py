"""A change of a branch says what a person said, and makes a page that is read like any other."""

import pytest

from wavetank.storms.forking.changes import joined, person_set, step_added, twice, value_set
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.faults import ScenarioInvalid
from wavetank.storms.scenario.overriding import OverrideRefused
from wavetank.storms.scenario.reading import read_scenario

SECOND_NS = 1_000_000_000
PAGE = """\
scenario: 1
name: small
title: Small
duration: 60s
market: {instruments: {BTC: {price: 60000}}}
cast: [{name: trader}]
timeline:
  - {at: 10s, fund: {drain: all}}
  - {at: 40s, withdraw: {who: trader}}
person: {policy: after, after: 20s, choose: whole}
"""


@pytest.fixture
def trunk() -> Scenario:
    return read_scenario(PAGE)


def test_a_value_that_is_set_is_the_pages_and_the_rest_stays(trunk: Scenario) -> None:
    change = value_set("timeline.1.at=50s")
    assert (change.name, change.words) == ("timeline.1.at=50s", ("--set", "timeline.1.at=50s"))
    branch = change.applied_to(trunk)
    assert branch.timeline[1].at == 50 * SECOND_NS
    assert branch.timeline[1].withdraw == trunk.timeline[1].withdraw
    assert branch.timeline[0] == trunk.timeline[0]
    assert branch.person == trunk.person


def test_a_step_that_names_no_time_happens_at_the_fork(trunk: Scenario) -> None:
    change = step_added("{fund: {top_up: 1M}}", 30 * SECOND_NS)
    assert change.name == "add fund: {top_up: 1M}"
    *before, added = change.applied_to(trunk).timeline
    assert tuple(before) == trunk.timeline
    assert added.fund is not None
    assert (added.at, added.fund.top_up) == (30 * SECOND_NS, 10**12)


def test_a_step_may_name_its_time(trunk: Scenario) -> None:
    change = step_added("at: 45s\npace: {delay: 5s}\n", 30 * SECOND_NS)
    assert change.name == "add at: 45s pace: {delay: 5s}"
    assert change.applied_to(trunk).timeline[-1].at == 45 * SECOND_NS


def test_a_person_is_set_as_far_as_it_is_said(trunk: Scenario) -> None:
    later = person_set("after=5s").applied_to(trunk).person
    assert (later.policy, later.after, later.choose) == ("after", 5 * SECOND_NS, "whole")
    other = person_set("after=5s,choose=hold").applied_to(trunk).person
    assert (other.policy, other.after, other.choose) == ("after", 5 * SECOND_NS, "hold")
    assert person_set("absent").applied_to(trunk).person.policy == "absent"


def test_several_changes_together_are_one_in_the_order_of_their_words(trunk: Scenario) -> None:
    both = joined([value_set("timeline.1.at=50s"), step_added("{fund: {top_up: 1M}}", 30 * SECOND_NS)])
    assert both.name == "timeline.1.at=50s and add fund: {top_up: 1M}"
    assert both.words == ("--set", "timeline.1.at=50s", "--add", "{fund: {top_up: 1M}}")
    times = [step.at // SECOND_NS for step in both.applied_to(trunk).timeline]
    assert times == [10, 50, 30]


def test_a_long_change_has_a_short_name() -> None:
    change = value_set("timeline.0.note=" + "very " * 30)
    assert len(change.name) == 60
    assert change.name.endswith("…")
    assert change.words[1].endswith("very ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fund", "--add: is 'fund', which is no step; write for instance '{fund: {top_up: 1M}}'"),
        ("[1, 2]", "--add: is a list of 2, which is no step; write for instance '{fund: {top_up: 1M}}'"),
    ],
)
def test_what_is_no_step_is_refused(text: str, message: str) -> None:
    with pytest.raises(OverrideRefused) as refused:
        step_added(text, SECOND_NS)
    assert str(refused.value) == message


def test_a_step_that_is_wrong_is_told_as_added(trunk: Scenario) -> None:
    with pytest.raises(ScenarioInvalid, match=r"^with --add: timeline\.2\.withdraw\.who: is 'nobody'"):
        step_added("{withdraw: {who: nobody}}", SECOND_NS).applied_to(trunk)


def test_a_person_of_another_shape_is_refused(trunk: Scenario) -> None:
    with pytest.raises(OverrideRefused, match="is 'after=5s,whole'; write absent, scripted"):
        person_set("after=5s,whole")
    with pytest.raises(OverrideRefused, match="did you mean after"):
        person_set("after_=5s").applied_to(trunk)


def test_names_that_are_there_twice() -> None:
    assert twice(["b", "a", "b", "c", "a"]) == ["a", "b"]
