"""Who stands in for the person at a running venue: the same policies as in a simulation (LIQ-090), through the SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from wavetank.client import Decision, Venue, WavetankError
from wavetank.storms.live.hands import NOTE
from wavetank.storms.live.timetable import LiveTimetable
from wavetank.storms.scenario.document import Person

_LOOK_SECONDS = 0.1


class LiveStandIn:
    """Decides as a policy says."""

    def __init__(self, person: Person, venue: Venue) -> None:
        """Sit at the desk of a venue."""
        self._person = person
        self._venue = venue
        self._deciding: set[asyncio.Task[None]] = set()

    def sit_down(self, timetable: LiveTimetable, start_ns: int) -> None:
        """Plan what a script says."""
        if self._person.policy == "scripted":
            for each in self._person.scripted:
                timetable.at(start_ns + each.at, self._decide_open, Decision[each.choose.upper()])

    async def watch(self) -> None:
        """Answer so long after each question, until cancelled; nothing to do for other policies."""
        asked: set[int] = set()
        pause = self._venue.directory.clock.wall_seconds(self._person.after)
        decision = Decision[self._person.choose.upper()]
        while self._person.policy == "after":
            try:
                found = await self._venue.escalations.list()
            except WavetankError:
                # Clearing may be restarting; it still asks when it is back.
                found = ()
            for each in found:
                if each.escalation_id not in asked:
                    asked.add(each.escalation_id)
                    self._soon(self._decide(each.escalation_id, decision, pause))
            await asyncio.sleep(_LOOK_SECONDS)

    def _decide_open(self, decision: Decision) -> None:
        async def decide() -> None:
            for each in await self._venue.escalations.list():
                await self._decide(each.escalation_id, decision, 0.0)

        self._soon(decide())

    async def _decide(self, escalation_id: int, decision: Decision, pause: float) -> None:
        await asyncio.sleep(pause)
        try:
            await self._venue.escalations.decide(escalation_id, decision, note=NOTE)
        except WavetankError:
            # One that has ended meanwhile needs no decision.
            return

    def _soon(self, deciding: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(deciding)
        self._deciding.add(task)
        task.add_done_callback(self._deciding.discard)
