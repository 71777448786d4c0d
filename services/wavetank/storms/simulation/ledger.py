"""Clearing on the virtual clock: the core between the logs, requests, and its own log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.credit import Line
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.snapshot import dump, load, state_hash
from wavetank.model.instrument import Instrument
from wavetank.runtime.log_entry import Position
from wavetank.storms.simulation.journal import Entry, Journal
from wavetank.storms.simulation.schedule import Schedule
from wavetank.storms.simulation.shard import FromClearing, Gate, Request

MILLISECOND_NS = 1_000_000


@dataclass(slots=True)
class Asked:
    """Something that somebody asks clearing to do."""

    call: Callable[[Clearing, int], Any]
    answer: Callable[[Any], None] | None = None
    """Gets what the call returned, or the refusal, once it is committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingTiming:
    """Times of clearing, venue nanoseconds."""

    commit_ns: int = 500_000
    gather_ns: int = 5 * MILLISECOND_NS
    """In which facts gather, so that an account gets at most one line in it (PROTOCOL R12)."""
    tick_ns: int = 100 * MILLISECOND_NS
    """After which timers are looked at although nothing arrived."""


class SimulatedClearing:
    """Clearing; what it commits is told to `committed`, what it asks of the shard is sent."""

    def __init__(
        self,
        schedule: Schedule,
        core: Clearing,
        journal: Journal,
        *,
        timing: ClearingTiming,
        committed: Callable[[Entry], None],
        send: Callable[[list[FromClearing]], None],
    ) -> None:
        """Run a core.

        Args:
            schedule: the clock.
            core: begun, with what it wrote not yet taken.
            journal: clearing's log.
            timing: how long things take.
            committed: told of each entry when it is committed.
            send: carries lines, requests and the gate to the shard.

        """
        self.core = core
        self.journal = journal
        self.is_down = False
        self._schedule = schedule
        self._timing = timing
        self._committed = committed
        self._send = send
        self._inbox: list[Entry | Asked] = []
        self._is_waiting = False
        """Whether a cycle is scheduled or being committed."""
        self._is_committing = False
        self._life = 0
        """Counts what cycles are scheduled for: one that was scheduled before a restart does not run after it."""
        self._cursors: dict[str, Position] = {}
        self._gate_sent: bool | None = None
        schedule.at(schedule.now_ns, self._tick)

    def take(self, item: Entry | Asked) -> None:
        """Take a fact or a request that has arrived."""
        # A log waits for its reader, so what is written while clearing is down is read when it is back.
        if self.is_down and isinstance(item, Asked):
            return
        self._inbox.append(item)
        if not self._is_waiting and not self.is_down:
            self._is_waiting = True
            self._schedule.at(self._schedule.now_ns + self._timing.gather_ns, self._cycle, self._life)

    def kill(self) -> None:
        """End the process: facts wait in their logs, requests are lost; an entry under way still reaches the log."""
        self.is_down = True
        self._inbox = [item for item in self._inbox if isinstance(item, Entry)]

    def restart(self, settings: ClearingSettings, instruments: list[Instrument]) -> None:
        """Begin again from a snapshot, with the gate closed, and send the shard all that it is owed (PROTOCOL R10)."""
        assert not self._is_committing, "an entry under way has reached the log before the process is back"
        data = dump(self.core.state)
        state = load(data, settings)
        assert state_hash(state) == state_hash(self.core.state), "INV-100: a restored ledger differs"
        self.journal.open_epoch(self._schedule.now_ns)
        self.core = Clearing(settings, epoch=self.journal.epoch, state=state, last_seq=self.core.last_seq)
        self.core.begin(self._schedule.now_ns, instruments, 0)
        self.is_down = False
        self.welcome()

    def welcome(self) -> None:
        """Send a shard that said hello every line, every unanswered request and the gate anew."""
        self.core.lines.touch_all()
        self.core.take_requests()
        self._gate_sent = None
        self._send([Request(seq, request) for seq, request in self.core.unanswered_requests()])
        self._life += 1
        self._is_waiting = True
        self._schedule.at(self._schedule.now_ns, self._cycle, self._life)

    def _tick(self) -> None:
        self._schedule.at(self._schedule.now_ns + self._timing.tick_ns, self._tick)
        if not self._is_waiting and not self.is_down:
            self._is_waiting = True
            self._cycle(self._life)

    def _cycle(self, life: int) -> None:
        if self.is_down or life != self._life:
            return
        now_ns = self._schedule.now_ns
        core = self.core
        core.advance_to(now_ns)
        answers: list[tuple[Callable[[Any], None], Any]] = []
        inbox, self._inbox = self._inbox, []
        for item in inbox:
            if isinstance(item, Asked):
                result: Any
                try:
                    result = item.call(core, now_ns)
                except Refused as refusal:
                    result = refusal
                if item.answer is not None:
                    answers.append((item.answer, result))
                continue
            if item.log == "oracle":
                core.on_oracle(now_ns, item.first_seq, item.events)
            else:
                core.count_records(now_ns, item.first_seq, item.records)
            self._cursors[item.log] = item.position
        core.on_tick(now_ns)
        records = core.take_records()
        # The same turn takes everything that must leave behind the commit.
        lines, requests = core.take_lines(), core.take_requests()
        self._is_committing = True
        self._schedule.at(
            now_ns + (self._timing.commit_ns if records else 0), self._commit, now_ns, records, lines, requests, answers
        )

    def _commit(
        self,
        now_ns: int,
        records: bytes,
        lines: list[Line],
        requests: list[tuple[int, Any]],
        answers: list[tuple[Callable[[Any], None], Any]],
    ) -> None:
        self._is_committing = False
        if records:
            entry = self.journal.append(now_ns, records, self._cursors)
            assert entry.last_seq == self.core.last_seq, "the log and the core count the same events"
            self._committed(entry)
        if self.is_down:
            return
        # A line that freezes an account leaves before the request that relies on it.
        messages: list[FromClearing] = [*lines]
        if requests:
            messages += [Request(seq, request) for seq, request in sorted(requests, key=itemgetter(0))]
        is_open = self.core.state.venue_is_open
        if is_open != self._gate_sent:
            self._gate_sent = is_open
            messages.append(Gate(is_open))
        if messages:
            self._send(messages)
        for answer, result in answers:
            answer(result)
        self._is_waiting = bool(self._inbox)
        if self._inbox:
            self._schedule.at(self._schedule.now_ns + self._timing.gather_ns, self._cycle, self._life)
