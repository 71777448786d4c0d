"""The stand-in for a person: when it decides, and what becomes of that when another takes its place."""

from typing import Any

import pytest

from wavetank.model.events.clearing import Decision, EscalationDecided, EscalationRaised
from wavetank.storms.scenario.document import Person, Scenario
from wavetank.storms.simulation.journal import Entry
from wavetank.storms.staging.stage import Staged, stage

SECOND_NS = 1_000_000_000
WAIT_NS = 10 * SECOND_NS
"""After which the default is taken."""


def page(person: dict[str, Any] | None = None) -> Scenario:
    """Return a page on which a long is bankrupt after some seconds, and nobody but a short can take it over."""
    cast = [
        {"name": "long", "deposit": "10k"},
        {"name": "short", "deposit": "1M"},
    ]
    return Scenario.model_validate(
        {
            "scenario": 1,
            "name": "asked",
            "title": "Somebody is asked",
            "duration": "30s",
            "market": {"instruments": {"BTC": {"price": 60_000, "volatility": 0}}},
            "venue": {"fund": "1k", "clearing": {"vault_cap": 0, "escalation_wait": "10s"}},
            "cast": cast,
            "timeline": [
                {"at": "3s", "cross": {"buyer": "long", "seller": "short", "instrument": "BTC", "size": 3}},
                {"at": "5s", "move": {"by": "-20%", "over": "2s"}},
            ],
            "person": person or {},
        }
    )


class Watched:
    """A page on stage, and what is asked and decided on it, with seconds behind the beginning."""

    def __init__(self, person: dict[str, Any] | None = None) -> None:
        self.staged: Staged = stage(page(person), seed=1)
        self.start_ns = self.staged.venue.schedule.now_ns
        self.asked_ns: list[int] = []
        self.decided: list[tuple[int, int, bool]] = []
        self.staged.venue.observers.append(self._look)

    def _look(self, entry: Entry) -> None:
        for event in entry.events if entry.log == "clearing" else ():
            if isinstance(event, EscalationRaised):
                self.asked_ns.append(entry.now_ns - self.start_ns)
            elif isinstance(event, EscalationDecided):
                self.decided.append((entry.now_ns - self.start_ns, event.decision, bool(event.by_default)))

    def run_until(self, until_ns: int) -> None:
        self.staged.venue.run_until(self.start_ns + until_ns)

    def follow(self, person: dict[str, Any]) -> None:
        self.staged.stand_in.follow(Person.model_validate(person))


@pytest.fixture(scope="module")
def asked_ns() -> int:
    """Return when somebody is asked for the first time; nobody answers."""
    watched = Watched()
    watched.run_until(30 * SECOND_NS)
    assert watched.decided, "the page asks"
    assert watched.decided[0][2], "the clock decides"
    assert 0 <= watched.decided[0][0] - watched.asked_ns[0] - WAIT_NS < SECOND_NS
    return watched.asked_ns[0]


def first_decision(watched: Watched) -> tuple[int, int, bool]:
    watched.run_until(30 * SECOND_NS)
    return watched.decided[0]


def test_who_decides_after_some_seconds_counts_them_from_being_asked(asked_ns: int) -> None:
    time_ns, decision, by_default = first_decision(Watched({"policy": "after", "after": "4s", "choose": "hold"}))
    assert (decision, by_default) == (Decision.HOLD, False)
    # Clearing gathers for 5 ms and looks at the latest after 100 ms.
    assert 0 <= time_ns - asked_ns - 4 * SECOND_NS < SECOND_NS // 5


def test_who_takes_over_counts_from_then_and_the_one_before_says_nothing_more(asked_ns: int) -> None:
    watched = Watched({"policy": "after", "after": "4s", "choose": "hold"})
    watched.run_until(asked_ns + 2 * SECOND_NS)
    watched.follow({"policy": "after", "after": "3s", "choose": "go_on"})
    time_ns, decision, _ = first_decision(watched)
    assert decision == Decision.GO_ON
    assert 0 <= time_ns - asked_ns - 5 * SECOND_NS < SECOND_NS // 5


def test_who_stays_while_the_page_turns_answers_when_it_would_have(asked_ns: int) -> None:
    watched = Watched({"policy": "after", "after": "4s", "choose": "hold"})
    watched.run_until(asked_ns + 2 * SECOND_NS)
    watched.staged.follow(page({"policy": "after", "after": "4s", "choose": "hold"}))
    time_ns, decision, _ = first_decision(watched)
    assert decision == Decision.HOLD
    assert 0 <= time_ns - asked_ns - 4 * SECOND_NS < SECOND_NS // 5


def test_who_leaves_lets_the_clock_decide(asked_ns: int) -> None:
    watched = Watched({"policy": "after", "after": "4s", "choose": "hold"})
    watched.run_until(asked_ns + 2 * SECOND_NS)
    watched.follow({"policy": "absent"})
    time_ns, _, by_default = first_decision(watched)
    assert by_default
    assert time_ns - asked_ns >= WAIT_NS


def test_a_script_that_takes_over_knows_what_was_asked_before_and_skips_what_is_past(asked_ns: int) -> None:
    watched = Watched()
    watched.run_until(asked_ns + 2 * SECOND_NS)
    script = [
        {"at": f"{asked_ns + after_s * SECOND_NS}ns", "choose": choose}
        for after_s, choose in ((1, "go_on"), (2, "go_on"), (5, "hold"))
    ]
    watched.follow({"policy": "scripted", "scripted": script})
    time_ns, decision, by_default = first_decision(watched)
    assert (decision, by_default) == (Decision.HOLD, False)
    assert 0 <= time_ns - asked_ns - 5 * SECOND_NS < SECOND_NS // 5


def test_a_script_that_is_taken_away_decides_nothing_more(asked_ns: int) -> None:
    def script(after_s: int, choose: str) -> dict[str, Any]:
        return {"policy": "scripted", "scripted": [{"at": f"{asked_ns + after_s * SECOND_NS}ns", "choose": choose}]}

    watched = Watched(script(4, "hold"))
    watched.run_until(asked_ns + 2 * SECOND_NS)
    watched.follow(script(6, "go_on"))
    time_ns, decision, _ = first_decision(watched)
    assert decision == Decision.GO_ON
    assert 0 <= time_ns - asked_ns - 6 * SECOND_NS < SECOND_NS // 5


def test_what_has_ended_is_not_decided_by_who_comes_later() -> None:
    watched = Watched()
    watched.run_until(30 * SECOND_NS)
    refused = len(watched.staged.venue.refusals)
    watched.follow({"policy": "after", "after": "1s"})
    watched.run_until(40 * SECOND_NS)
    assert len(watched.staged.venue.refusals) == refused
