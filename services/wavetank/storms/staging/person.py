"""Who stands in for the person that clearing asks (LIQ-090).

It exists so that the value of a person can be measured: the same day with nobody at the desk, with somebody who decides
after some seconds, and with a script of what was decided when. Kept true: another policy that takes over in the middle
of a run knows what was asked before it came; what the one before had in mind and had not yet said is not said any more.
"""

from __future__ import annotations

from wavetank.clearing.core.operator import Author
from wavetank.model.events.clearing import Decision, EscalationRaised
from wavetank.model.record import kind_of
from wavetank.storms.scenario.document import Person
from wavetank.storms.simulation.journal import Entry
from wavetank.storms.simulation.venue import SimulatedVenue

_RAISED = {kind_of(EscalationRaised)}
_MOST_SCRIPTED = 10**6
"""More decisions than a page has room for."""


class StandIn:
    """Decides as a policy says."""

    def __init__(self, person: Person, venue: SimulatedVenue) -> None:
        """Sit at the desk of a venue."""
        self._person = person
        self._venue = venue
        self._open: list[int] = []
        """Escalations that were raised, and that this desk has not decided."""
        self._start_ns = venue.schedule.now_ns
        self._places = venue.schedule.reserve(_MOST_SCRIPTED)
        venue.observers.append(self._look)
        self._sit_down(after_ns=self._start_ns - 1)

    def follow(self, person: Person) -> None:
        """Decide as another policy says from now on; what is open counts as asked now."""
        self._person = person
        schedule = self._venue.schedule
        schedule.withdraw(self._places)
        self._sit_down(after_ns=schedule.now_ns)
        if person.policy == "after":
            known = self._venue.clearing.core.state.escalations
            for escalation_id in [each for each in self._open if each in known]:
                self._ask(escalation_id)

    def _sit_down(self, *, after_ns: int) -> None:
        person = self._person
        self._author = Author("storm", f"person, {person.policy}")
        if person.policy == "scripted":
            for place, each in zip(self._places, person.scripted, strict=False):
                time_ns, decision = self._start_ns + each.at, Decision[each.choose.upper()]
                if time_ns > after_ns:
                    self._venue.schedule.at_place(place, time_ns, self._decide_open, decision)

    def _look(self, entry: Entry) -> None:
        if entry.log != "clearing":
            return
        for seq, _ in entry.picked(_RAISED):
            self._open.append(seq)
            if self._person.policy == "after":
                self._ask(seq)

    def _ask(self, escalation_id: int) -> None:
        schedule, person = self._venue.schedule, self._person
        schedule.at(schedule.now_ns + person.after, self._answer, person, escalation_id)

    def _answer(self, person: Person, escalation_id: int) -> None:
        # Who has been relieved meanwhile says nothing.
        if person is self._person:
            self._open.remove(escalation_id)
            self._decide(escalation_id, Decision[person.choose.upper()])

    def _decide_open(self, decision: Decision) -> None:
        for escalation_id in self._open:
            self._decide(escalation_id, decision)
        self._open.clear()

    def _decide(self, escalation_id: int, decision: Decision) -> None:
        # One that has ended meanwhile is refused, and the refusal noted: so it would be live.
        self._venue.ask_clearing(0, lambda core, now_ns: core.decide(now_ns, escalation_id, decision, self._author))
