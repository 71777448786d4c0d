"""Who stands in for the person that clearing asks (LIQ-090).

It exists so that the value of a person can be measured: the same day with nobody at the desk, with somebody who decides
after some seconds, and with a script of what was decided when.
"""

from __future__ import annotations

from wavetank.clearing.core.operator import Author
from wavetank.model.events.clearing import Decision, EscalationRaised
from wavetank.model.record import kind_of
from wavetank.storms.scenario.document import Person
from wavetank.storms.simulation.journal import Entry
from wavetank.storms.simulation.venue import SimulatedVenue

_RAISED = {kind_of(EscalationRaised)}


class StandIn:
    """Decides as a policy says."""

    def __init__(self, person: Person, venue: SimulatedVenue) -> None:
        """Sit at the desk of a venue."""
        self._person = person
        self._venue = venue
        self._open: list[int] = []
        self._author = Author("storm", f"person, {person.policy}")
        start_ns = venue.schedule.now_ns
        if person.policy == "after":
            venue.observers.append(self._look)
        elif person.policy == "scripted":
            venue.observers.append(self._look)
            for each in person.scripted:
                venue.schedule.at(start_ns + each.at, self._decide_open, Decision[each.choose.upper()])

    def _look(self, entry: Entry) -> None:
        if entry.log != "clearing":
            return
        for seq, _ in entry.picked(_RAISED):
            self._open.append(seq)
            if self._person.policy == "after":
                decision = Decision[self._person.choose.upper()]
                self._venue.schedule.at(self._venue.schedule.now_ns + self._person.after, self._decide, seq, decision)

    def _decide_open(self, decision: Decision) -> None:
        for escalation_id in self._open:
            self._decide(escalation_id, decision)
        self._open.clear()

    def _decide(self, escalation_id: int, decision: Decision) -> None:
        # One that has ended meanwhile is refused, and the refusal noted: so it would be live.
        self._venue.ask_clearing(0, lambda core, now_ns: core.decide(now_ns, escalation_id, decision, self._author))
