"""A matching shard on the virtual clock: the engine between its inputs and its log.

It does what the live shard does around the same engine: what arrives while an entry is being committed gathers, a cycle
applies all of it at one time, and nothing leaves before the entry is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from wavetank.clearing.adapters.shard_stream import line_message, request_message
from wavetank.clearing.core.credit import Line
from wavetank.matching.controls import Controls, Made
from wavetank.matching.core import commands as packed
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.facts import Facts
from wavetank.matching.core.ordering import Ordering, OrderingPolicy, OrderingSettings, ordering_policy
from wavetank.matching.core.settings import EngineSettings
from wavetank.matching.wire import request_command
from wavetank.model.events.clearing import (
    MatchingRequested,
)
from wavetank.model.instrument import Instrument
from wavetank.model.orders import InstrumentState
from wavetank.model.reason import Reason
from wavetank.model.record import encode_all
from wavetank.model.validity import Tolerances
from wavetank.runtime.errors import VenueError
from wavetank.runtime.log_entry import Position
from wavetank.storms.simulation.journal import Entry, Journal
from wavetank.storms.simulation.schedule import Schedule
from wavetank.v1 import credit_pb2, log_pb2

SECOND_NS = 1_000_000_000
_END_OF_TIME_NS = 2**63 - 1


@dataclass(slots=True)
class Batch:
    """Commands of one request, and who is told of their results when they are committed."""

    commands: bytes
    count: int
    account_id: int = 0
    answer: Callable[[bytes, int], None] | None = None
    """Gets the results, one record per command, and the seq that covers them."""
    lose: Callable[[bool], None] | None = None
    """Told that no answer comes, and whether the commands may have been carried out all the same."""
    refuse: Callable[[Reason], None] | None = None
    """Told that the request was refused as a whole, and nothing of it was done."""

    def lost(self, *, maybe_done: bool) -> None:
        """Tell who waits that no answer comes."""
        if self.lose is not None:
            self.lose(maybe_done)


@dataclass(frozen=True, slots=True)
class Request:
    """A request of clearing with its id."""

    seq: int
    request: MatchingRequested


@dataclass(frozen=True, slots=True)
class Gate:
    """Clearing opens or closes the shard."""

    is_open: bool


@dataclass(frozen=True, slots=True)
class Move:
    """An instrument is to come into another state."""

    instrument_id: int
    state: int
    refuse: Callable[[], None]
    """Told that the instrument is settled, and stays so."""


@dataclass(frozen=True, slots=True)
class Change:
    """A control is to be changed: the ordering of requests, a venue fault."""

    make: Callable[[Controls, int, int], Made[Any]]
    """Gets the controls, venue time and the seq of the next event; raises `VenueError` to refuse."""
    answer: Callable[[Any], None] | None = None
    """Gets what the change came to, or the refusal, once it is committed."""


FromClearing: TypeAlias = Line | Request | Gate
Input: TypeAlias = Batch | Entry | list[FromClearing] | Move | Change


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTiming:
    """Times of a shard, venue nanoseconds."""

    commit_ns: int = 500_000
    """From the decision to the log's answer."""
    sample_interval_ns: int = SECOND_NS // 2


class SimulatedShard:
    """One shard; what it commits is told to `committed`."""

    def __init__(
        self,
        schedule: Schedule,
        engine: Engine,
        journal: Journal,
        *,
        timing: ShardTiming,
        settings: EngineSettings,
        tolerances: Tolerances,
        committed: Callable[[Entry], None],
        keeps_inputs: bool,
    ) -> None:
        """Run an engine.

        Args:
            schedule: the clock.
            engine: empty, or as recovered.
            journal: the shard's log.
            timing: how long things take.
            settings: of the engine, to restore it with.
            tolerances: of these what fills tolerate.
            committed: told of each entry when it is committed.
            keeps_inputs: whether the log records requests of clearing in full, as a live one does.

        """
        self.engine = engine
        self.journal = journal
        self.is_down = False
        self._schedule = schedule
        self._timing = timing
        self._settings = settings
        self._tolerances = tolerances
        self._committed = committed
        self._keeps_inputs = keeps_inputs
        self._inbox: list[Input] = []
        self.controls = Controls(0, OrderingSettings())
        self._ordering: OrderingPolicy[Batch] | None = None
        self._made: list[tuple[Callable[[Any], None], Any]] = []
        """Answers to changes, for behind the commit."""
        self._is_busy = False
        self._cursors: dict[str, Position] = {}
        self._recorded: list[log_pb2.RecordedRequest] = []
        self._facts = Facts(engine, tolerances)
        schedule.at(schedule.now_ns, self._sample)

    # Doors

    def take(self, item: Input) -> None:
        """Take an input that has arrived."""
        if self.is_down:
            if isinstance(item, Batch):
                item.lost(maybe_done=False)
            elif isinstance(item, Entry):
                # A log waits for its reader.
                self._inbox.append(item)
            return
        if isinstance(item, Batch) and self._ordering is not None:
            self._ordering.add(item, item.commands, self._schedule.now_ns)
            self._wake_for_ordering()
            return
        self._inbox.append(item)
        if not self._is_busy:
            self._cycle()

    def list_instrument(self, instrument: Instrument) -> None:
        """Take over a listing."""
        self._facts.list_instrument(instrument)

    def kill(self) -> None:
        """End the process: who waits for an answer gets none; an entry that is under way still reaches the log."""
        self.is_down = True
        waiting = [item for item in self._inbox if isinstance(item, Batch)]
        if self._ordering is not None:
            waiting += self._ordering.due(_END_OF_TIME_NS)
        self._inbox = [item for item in self._inbox if isinstance(item, Entry)]
        for batch in waiting:
            batch.lost(maybe_done=True)

    def restart(self) -> None:
        """Begin again from a snapshot: closed, and without the orders that were to end with their sessions."""
        assert not self._is_busy, "an entry under way has reached the log before the process is back"
        never_stopped = self.engine.state_hash()
        self.engine = Engine.restore(self.engine.snapshot(), self._settings)
        assert self.engine.state_hash() == never_stopped, "MTCH-090: a restored shard differs"
        self._facts = Facts(self.engine, self._tolerances)
        self.journal.open_epoch(self._schedule.now_ns)
        self.is_down = False
        self._inbox.insert(0, [Gate(is_open=False)])
        self.take(Batch(packed.cancel_disconnected(), 1))

    # The loop

    def _sample(self) -> None:
        self._schedule.at(self._schedule.now_ns + self._timing.sample_interval_ns, self._sample)
        if not self.is_down and not self._is_busy:
            self._cycle(sample=True)

    def _wake_for_ordering(self) -> None:
        due_ns = self._ordering.next_due_ns if self._ordering is not None else None
        if due_ns is not None:
            self._schedule.at(due_ns, self._run_due)

    def _run_due(self) -> None:
        if self._ordering is None or self.is_down:
            return
        due = self._ordering.due(self._schedule.now_ns)
        self._inbox.extend(due)
        if due and not self._is_busy:
            self._cycle()
        self._wake_for_ordering()

    def _cycle(self, *, sample: bool = False) -> None:
        now_ns = self._schedule.now_ns
        engine = self.engine
        chunks: list[bytes] = []
        answers: list[tuple[Batch, bytes]] = []
        inbox, self._inbox = self._inbox, []
        for item in inbox:
            if isinstance(item, Batch):
                chunks.append(engine.apply_commands(now_ns, item.commands, item.count))
                answers.append((item, engine.results))
            else:
                self._take_input(item, now_ns, chunks)
        if sample:
            engine.sample_books(now_ns)
            chunks.append(engine.drain_events())
        elif 0 < engine.next_deadline_ns <= now_ns:
            engine.advance(now_ns)
            chunks.append(engine.drain_events())
        records = b"".join(chunks)
        if not records:
            for batch, results in answers:
                if batch.answer is not None:
                    batch.answer(results, self.journal.last_seq)
            return
        self._is_busy = True
        self._schedule.at(now_ns + self._timing.commit_ns, self._commit, now_ns, records, answers)

    def _take_input(self, item: Entry | list[FromClearing] | Move | Change, now_ns: int, chunks: list[bytes]) -> None:
        engine = self.engine
        if isinstance(item, list):
            self._obey(item, now_ns, chunks)
            return
        if isinstance(item, Entry):
            self._facts.take(now_ns, item.first_seq, item.records)
            self._cursors[item.log] = item.position
        elif isinstance(item, Move):
            state = engine.instrument_state(item.instrument_id)
            if state == InstrumentState.SETTLED != item.state:
                item.refuse()
            elif state != item.state:
                engine.set_instrument_state(now_ns, item.instrument_id, item.state)
        else:
            self._change(item, now_ns)
        chunks.append(engine.drain_events())

    def _obey(self, messages: list[FromClearing], now_ns: int, chunks: list[bytes]) -> None:
        engine = self.engine
        # Clearing's lines have the fields of those that the engine takes, so the trip over the wire is spared.
        apply_credit = cast("Callable[[int, Line], bool]", engine.apply_credit)
        for item in messages:
            if isinstance(item, Line):
                if apply_credit(now_ns, item) and self._keeps_inputs:
                    self._recorded.append(log_pb2.RecordedRequest(credit_update=line_message(item)))
            elif isinstance(item, Request):
                message = request_message(item.seq, item.request)
                if self._keeps_inputs:
                    kind = str(message.WhichOneof("message"))
                    self._recorded.append(log_pb2.RecordedRequest(**{kind: getattr(message, kind)}))
                # What lines came to comes before what the request does.
                chunks.append(engine.drain_events())
                chunks.append(engine.apply_commands(now_ns, request_command(message), 1))
            elif engine.is_open != item.is_open:
                engine.set_gate(now_ns, is_open=item.is_open)
                if self._keeps_inputs:
                    gate = credit_pb2.VenueGate(open=item.is_open)
                    self._recorded.append(log_pb2.RecordedRequest(venue_gate=gate))
        chunks.append(engine.drain_events())

    def _change(self, item: Change, now_ns: int) -> None:
        """Change a control; what waited under an old ordering goes first."""
        before = self.controls.ordering
        answer: Any
        try:
            made = item.make(self.controls, now_ns, self.engine.next_seq)
        except VenueError as refused:
            answer = refused
        else:
            answer = made.answer
            if made.events:
                self.engine.note(now_ns, encode_all(made.events))
                self._recorded.append(made.recorded)
        if self.controls.ordering != before:
            if self._ordering is not None:
                self._inbox.extend(self._ordering.due(_END_OF_TIME_NS))
            is_by_arrival = self.controls.ordering.policy is Ordering.ARRIVAL
            self._ordering = None if is_by_arrival else ordering_policy(self.controls.ordering)
        if item.answer is not None:
            self._made.append((item.answer, answer))

    def _commit(self, now_ns: int, records: bytes, answers: list[tuple[Batch, bytes]]) -> None:
        recorded, self._recorded = self._recorded, []
        made, self._made = self._made, []
        entry = self.journal.append(now_ns, records, self._cursors, recorded)
        assert entry.last_seq + 1 == self.engine.next_seq, "the log and the engine count the same events"
        self._is_busy = False
        for batch, results in answers:
            if self.is_down:
                batch.lost(maybe_done=True)
            elif batch.answer is not None:
                batch.answer(results, entry.last_seq)
        for answer, result in made:
            answer(result)
        self._committed(entry)
        if self._inbox and not self.is_down:
            self._cycle()

    @property
    def cursors(self) -> Mapping[str, Position]:
        """How far other logs have been counted."""
        return self._cursors
