"""The service: one loop around the engine, one log entry per cycle.

Commands of sessions, facts of the oracle's and clearing's logs, credit lines and requests of
clearing, and timers meet in an inbox. A cycle takes all that is there at one venue time, lets the
engine apply it in order, appends the events with their inputs as one entry, and only then lets
anything leave: results, own order events, market data. While an entry is being committed the next
inputs gather; that is the group commit. A cycle begins in the very call that brings the input, if none
runs, and goes on in the one that brings the log's answer: an order waits for no task to be woken.

Kept true: nothing that was not committed is shown or continued from; questions are answered between
two cycles, when the engine is exactly the committed state; every caller is answered within a bound.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from wavetank.matching.core import commands as packed
from wavetank.matching.core.commands import RESULT_BYTES
from wavetank.matching.core.credit import LedgersDisagree
from wavetank.matching.core.facts import Facts
from wavetank.matching.core.ordering import Ordering, ordering_policy
from wavetank.matching.inbox import Change, Fact, FromClearing, Move, OwnBatch, Question
from wavetank.matching.ports import BatchStage, Committed
from wavetank.matching.wire import credit_line, request_command
from wavetank.model.events.oracle import PricePublished
from wavetank.model.invariant import InvariantBroken
from wavetank.model.orders import InstrumentState
from wavetank.model.reason import Reason
from wavetank.model.record import RECORD_BYTES, encode_all
from wavetank.model.validity import Tolerances
from wavetank.runtime.errors import VenueError
from wavetank.runtime.recovering import cursor_messages, with_cursors
from wavetank.v1 import credit_pb2, log_pb2

if TYPE_CHECKING:
    from wavetank.matching.controls import Controls, Made
    from wavetank.matching.core.engine import Engine
    from wavetank.matching.core.entry_faults import EntryFault
    from wavetank.matching.core.ordering import OrderingPolicy, OrderingSettings
    from wavetank.matching.metrics import StageMetrics
    from wavetank.matching.ports import Batch, CommitSink, LogPort, SnapshotPort
    from wavetank.runtime.clock import VenueClock
    from wavetank.runtime.log_entry import LogEntry, Position
    from wavetank.v1 import matching_control_pb2

Answer = TypeVar("Answer")

MAX_WAITING_FACTS = 1_000
"""Entries of other logs that may wait before their followers pause."""
MAX_ITEMS_PER_CYCLE = 2_000
MAX_COMMANDS_PER_CYCLE = 10_000
"""Both bound the length of one entry, and so the wait of whoever comes next."""

_SECONDS_PER_NS = 1e-9

_END_OF_TIME_NS = 2**63 - 1
# Named once, for a union written in the loop is made anew with each order.
_INPUTS = (Fact, FromClearing, Move, Change)


def _raising(error: VenueError) -> Callable[[Engine], Any]:
    def call(_: Engine) -> Any:  # noqa: ANN401 - it never returns.
        raise error

    return call


class MatchingService:
    """Runs the engine between the logs and the sessions."""

    def __init__(  # noqa: PLR0913 - each is plugged in by name.
        self,
        engine: Engine,
        log: LogPort,
        clock: VenueClock,
        *,
        cursors: dict[str, Position],
        sample_interval_ns: int,
        answer_timeout_seconds: float,
        metrics: StageMetrics,
        controls: Controls,
        tolerances: Tolerances | None = None,
    ) -> None:
        """Run an engine whose state is that of the log's end.

        Args:
            engine: the recovered engine.
            log: the shard's log.
            clock: venue time.
            cursors: how far the other logs have been counted, by name.
            sample_interval_ns: venue time between two samples of the books.
            answer_timeout_seconds: wall seconds that a caller is kept waiting.
            metrics: where the time goes.
            controls: which requests wait for their turn, and how long (MTCH-060), and the venue faults (MTCH-065).
            tolerances: of these by what doubt about a price orders are filled all the same (ORCL-030).

        """
        self._engine = engine
        self._log = log
        self._clock = clock
        self._cursors = cursors
        self._sample_interval_ns = sample_interval_ns
        self._next_sample_ns = 0
        self._answer_timeout_seconds = answer_timeout_seconds
        self._metrics = metrics
        self.controls = controls
        self._inbox: deque[Batch | Change | Fact | FromClearing | Move | Question] = deque()
        self._ordering: OrderingPolicy[Batch] | None = None
        """Holds requests until their turn; by arrival nobody waits, so nobody is held."""
        self._is_reordered = False
        """Whether some may be answered in another order than they came in."""
        self._order_by(controls.ordering)
        self._loop = asyncio.get_running_loop()
        self._is_running = False
        self._is_busy = False
        """Whether a cycle runs or is being committed; what comes meanwhile waits for its end."""
        self._turn_is_due = False
        self._time_is_up = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due_ns = 0
        self._failure: BaseException | None = None
        self._woken = asyncio.Event()
        self._cursor_bytes = b""
        self._only_time = log_pb2.Inputs()
        """The inputs of nearly every entry, used again and again."""
        self._drained = asyncio.Event()
        self._in_flight: deque[Batch] = deque()
        self._facts = Facts(engine, tolerances or Tolerances())
        self._recorded: list[log_pb2.RecordedRequest] = []
        self._answering_sinks: list[CommitSink] = []
        self._sinks: list[CommitSink] = []
        self._snapshots: SnapshotPort | None = None
        self._snapshot_every = 0
        self._snapshot_seq = log.last_seq
        self._stopping = False
        # One cycle's harvest.
        self._chunks: list[bytes] = []
        self._levels: list[tuple[int, int, int, int, int]] = []
        self._prices: list[PricePublished] = []

    # Doors

    def tell(self, sink: CommitSink, *, with_answers: bool = False) -> None:
        """Tell a sink of every cycle from now on; one that tells callers of their own orders goes with the answers."""
        (self._answering_sinks if with_answers else self._sinks).append(sink)

    def keep_snapshots(self, snapshots: SnapshotPort, every_events: int) -> None:
        """Save a snapshot whenever so many events were committed since the last one."""
        self._snapshots = snapshots
        self._snapshot_every = every_events

    @property
    def last_seq(self) -> int:
        """Seq of the last committed event."""
        return self._log.last_seq

    def submit(self, batch: Batch) -> None:
        """Take commands; their results follow after the commit.

        Raises:
            VenueError: NOT_READY or LOG_UNAVAILABLE; nothing was done.

        """
        if self._stopping:
            raise VenueError(Reason.NOT_READY, "the shard is stopping; nothing was done, try again in a moment")
        if not self._log.available:
            raise VenueError(Reason.LOG_UNAVAILABLE, "the log cannot be written; nothing was done, try again")
        batch.deadline = time.monotonic() + self._answer_timeout_seconds
        self._in_flight.append(batch)
        if self._ordering is None:
            self._inbox.append(batch)
            self._turn()
            return
        self._ordering.add(batch, batch.commands, self.now_ns)
        self._set_timer()

    def submit_own(self, commands: bytes, count: int) -> None:
        """Take commands of the service's own, for which nobody waits."""
        self._inbox.append(OwnBatch(commands, count))
        self._turn_soon()

    @property
    def committed_engine(self) -> Engine:
        """The engine, for sinks: while they are told of a cycle it is exactly the committed state."""
        return self._engine

    async def fact(self, log: str, entry: LogEntry) -> None:
        """Take an entry of another log; wait while the inbox is full."""
        while len(self._inbox) >= MAX_WAITING_FACTS:
            self._drained.clear()
            await self._drained.wait()
        self._inbox.append(Fact(log, entry))
        self._turn_soon()

    def from_clearing(self, message: credit_pb2.ConnectResponse) -> None:
        """Take a line, a request or the gate."""
        self._inbox.append(FromClearing(message))
        self._turn_soon()

    async def ask(self, call: Callable[[Engine], Answer]) -> Answer:
        """Return the answer to a question about the committed state.

        Raises:
            VenueError: what the question raises; LOG_UNAVAILABLE when nothing can be committed.

        """
        future: asyncio.Future[Any] = self._loop.create_future()
        self._inbox.append(Question(call, future))
        self._turn()
        try:
            answer: Answer = await asyncio.wait_for(future, self._answer_timeout_seconds)
        except TimeoutError as error:
            raise VenueError(
                Reason.LOG_UNAVAILABLE, "the log did not answer in time, so the state cannot be told"
            ) from error
        return answer

    async def move(self, request: matching_control_pb2.SetInstrumentStateRequest) -> tuple[int, int]:
        """Bring an instrument into another state; return the state before, and the seq that covers it (MTCH-050).

        Raises:
            VenueError: INSTRUMENT_UNKNOWN, or INSTRUMENT_STATE for one that is settled; LOG_UNAVAILABLE when nothing
                can be committed.

        """
        future: asyncio.Future[tuple[int, int]] = self._loop.create_future()
        self._inbox.append(Move(request, future))
        self._turn()
        try:
            return await asyncio.wait_for(future, self._answer_timeout_seconds)
        except TimeoutError as error:
            raise VenueError(
                Reason.LOG_UNAVAILABLE, "the log did not answer in time; whether the instrument moved is seen in it"
            ) from error

    async def set_ordering(self, ordering: OrderingSettings) -> tuple[tuple[OrderingSettings, OrderingSettings], int]:
        """Follow another policy; return the one before, the one now, and the seq that covers it (MTCH-060).

        What waits goes first, by the old one.

        Raises:
            VenueError: LOG_UNAVAILABLE when nothing can be committed.

        """

        def make(_: int) -> Made[tuple[OrderingSettings, OrderingSettings]]:
            made = self.controls.set_ordering(ordering)
            if made.events:
                if self._ordering is not None:
                    self._inbox.extend(self._ordering.due(_END_OF_TIME_NS))
                self._order_by(ordering)
            return made

        return await self._change(make)

    async def set_fault(self, fault: EntryFault) -> tuple[EntryFault, int]:
        """Set a venue fault, its start counted from now on; return it and the seq that covers it (MTCH-065).

        Raises:
            VenueError: TOO_MANY_FAULTS; LOG_UNAVAILABLE when nothing can be committed.

        """
        return await self._change(lambda now_ns: self.controls.set_fault(fault, now_ns, self._engine.next_seq))

    async def clear_faults(self, fault_ids: Sequence[int]) -> tuple[list[int], int]:
        """End venue faults, all if none is named; return which, and the seq that covers it.

        Raises:
            VenueError: FAULT_UNKNOWN; LOG_UNAVAILABLE when nothing can be committed.

        """
        return await self._change(lambda now_ns: self.controls.clear_faults(fault_ids, now_ns))

    async def _change(self, make: Callable[[int], Made[Answer]]) -> tuple[Answer, int]:
        future: asyncio.Future[tuple[Answer, int]] = self._loop.create_future()
        self._inbox.append(Change(make, future))
        self._turn()
        try:
            return await asyncio.wait_for(future, self._answer_timeout_seconds)
        except TimeoutError as error:
            raise VenueError(
                Reason.LOG_UNAVAILABLE, "the log did not answer in time; whether it was changed is seen in it"
            ) from error

    def _order_by(self, ordering: OrderingSettings) -> None:
        is_by_arrival = ordering.policy is Ordering.ARRIVAL
        self._ordering = None if is_by_arrival else ordering_policy(ordering)
        self._is_reordered = self._is_reordered or not is_by_arrival

    # The loop

    async def run(self) -> None:
        """Run until `stop`; what stands in the inbox then is still done.

        Raises:
            InvariantBroken: the engine and its inputs do not fit together; nothing of that cycle was committed.

        """
        # After a restart nothing trades before clearing has swept margins at fresh prices (LIQ-110), and no session
        # is left of those whose orders were to end with it.
        self._inbox.appendleft(FromClearing(credit_pb2.ConnectResponse(venue_gate=credit_pb2.VenueGate(open=False))))
        self._inbox.insert(1, OwnBatch(packed.cancel_disconnected(), 1))
        self._is_running = True
        self._turn_soon()
        try:
            while self._failure is None and not (self._stopping and not self._inbox and not self._is_busy):
                self._woken.clear()
                await self._woken.wait()
            if self._failure is not None:
                raise self._failure
        finally:
            self._is_running = False
            if self._timer is not None:
                self._timer.cancel()
        if self._snapshots is not None:
            # Whether or not one is being written: that may be of an older state, or come to nothing.
            await self._snapshots.save(self._state(), self._cursors)

    def stop(self) -> None:
        """Refuse new commands, finish those that are there, then end `run`."""
        self._stopping = True
        if self._ordering is not None:
            # What was taken is done, before its turn if need be.
            self._inbox.extend(self._ordering.due(_END_OF_TIME_NS))
        self._turn_soon()

    async def expire(self) -> None:
        """Tell callers whose time is up that nothing was done or the outcome is unknown; run it as a task."""
        pause = self._answer_timeout_seconds / 8
        while True:
            await asyncio.sleep(pause)
            now = time.monotonic()
            while self._in_flight and self._in_flight[0].deadline <= now:
                batch = self._in_flight.popleft()
                if batch.stage is BatchStage.WAITING:
                    # Nobody wants to trade minutes later, when the log is back, at what was the price then.
                    batch.stage = BatchStage.WITHDRAWN
                batch.lost()

    @property
    def now_ns(self) -> int:
        """Venue time, never less than that of the last input."""
        return max(self._clock.now_ns(), self._engine.now_ns)

    def _turn_soon(self) -> None:
        """Begin a cycle when what is to come in this turn of the event loop has come as well."""
        if not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._turn_now)

    def _turn_now(self) -> None:
        self._turn_is_due = False
        self._turn()

    def _turn(self) -> None:
        """Begin a cycle with what waits, unless one runs: then the next one takes it."""
        while self._is_running and not self._is_busy and (self._inbox or self._time_is_up):
            self._is_busy = True
            try:
                self._cycle()
            except Exception as error:  # noqa: BLE001 - whatever it is, it ends `run`, which raises it.
                self._fail(error)
        if self._stopping and not self._is_busy:
            self._woken.set()

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._is_running = False
        self._woken.set()

    def _cycle(self) -> None:
        now_ns = self.now_ns
        started = time.perf_counter()
        try:
            answers, questions = self._apply(now_ns)
        except (LedgersDisagree, ValueError, RuntimeError) as error:
            # What it applied so far was not committed; the next process begins from the log.
            raise InvariantBroken(f"an input does not fit the shard's state: {error}") from error
        cycle = self._harvested(now_ns)
        if not cycle.records:
            self._show(cycle, answers, questions)
            return
        for batch, results in answers:
            if batch.wants_matched:
                batch.matched(results)
        applied = time.perf_counter()

        def on_committed(last_seq: int) -> None:
            committed = time.perf_counter()
            try:
                if last_seq + 1 != self._engine.next_seq:
                    raise InvariantBroken(  # noqa: TRY301 - it ends `run` as what the sinks raise does.
                        f"the log is at seq {last_seq}, the engine at {self._engine.next_seq - 1}"
                    )
                cycle.last_seq = last_seq
                self._show(cycle, answers, questions)
            except Exception as error:  # noqa: BLE001 - whatever it is, it ends `run`, which raises it.
                self._fail(error)
                return
            self._metrics.cycle(applied - started, committed - applied, time.perf_counter() - committed)
            self._turn()

        self._log.commit(self._inputs(now_ns), cycle.records, len(cycle.records) // RECORD_BYTES, now_ns, on_committed)

    def _show(self, cycle: Committed, answers: list[tuple[Batch, bytes]], questions: list[Question]) -> None:
        """Let everything leave that a cycle did, and be free for the next one."""
        for batch, results in answers:
            batch.done(results, cycle.last_seq)
            # Batches are answered in the order in which they came, but for those whose time was up.
            if self._in_flight and self._in_flight[0] is batch:
                self._in_flight.popleft()
            elif self._is_reordered and batch in self._in_flight:
                self._in_flight.remove(batch)
        # Answers are on their way before market data is encoded.
        for sink in self._answering_sinks:
            sink.committed(cycle)
        for sink in self._sinks:
            sink.committed(cycle)
        for question in questions:
            question.reply(self._engine)
        if self._snapshot_every and self._log.last_seq - self._snapshot_seq >= self._snapshot_every:
            self._start_snapshot()
        self._set_timer()
        self._is_busy = False

    def _set_timer(self) -> None:
        """Have a cycle begin when the books are due to be sampled or something in the engine is due to end."""
        due_ns = self._next_sample_ns
        deadline_ns = self._engine.next_deadline_ns
        if 0 < deadline_ns < due_ns:
            due_ns = deadline_ns
        if self._ordering is not None and self._ordering.next_due_ns is not None:
            due_ns = min(due_ns, self._ordering.next_due_ns)
        if due_ns == self._timer_due_ns and self._timer is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due_ns = due_ns
        wait_ns = self._clock.wall_ns_of(max(0, due_ns - self._clock.now_ns()))
        self._timer = self._loop.call_later(wait_ns * _SECONDS_PER_NS, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._time_is_up = True
        self._turn()

    def _apply(self, now_ns: int) -> tuple[list[tuple[Batch, bytes]], list[Question]]:
        """Let the engine apply what waits, in order; return the results and the questions, for after the commit."""
        questions: list[Question] = []
        answers: list[tuple[Batch, bytes]] = []
        run: list[Batch] = []
        commands = 0
        if self._ordering is not None:
            self._inbox.extend(self._ordering.due(now_ns))
        for _ in range(min(len(self._inbox), MAX_ITEMS_PER_CYCLE)):
            item = self._inbox.popleft()
            if isinstance(item, Question):
                questions.append(item)
            elif isinstance(item, _INPUTS):
                self._apply_commands(now_ns, run, answers)
                if isinstance(item, Fact):
                    self._count(item, now_ns)
                elif isinstance(item, Move):
                    questions.append(self._move(item, now_ns))
                elif isinstance(item, Change):
                    questions.append(self._carry_out(item, now_ns))
                else:
                    self._obey(item.message, now_ns)
            elif item.stage is BatchStage.WAITING:
                item.stage = BatchStage.TAKEN
                run.append(item)
                commands += item.count
                if commands >= MAX_COMMANDS_PER_CYCLE:
                    break
        self._drained.set()
        self._apply_commands(now_ns, run, answers)
        if now_ns >= self._next_sample_ns:
            self._engine.sample_books(now_ns)
            self._harvest()
            self._next_sample_ns = now_ns + self._sample_interval_ns
        elif self._time_is_up:
            self._engine.advance(now_ns)
            self._harvest()
        self._time_is_up = False
        return answers, questions

    def _apply_commands(self, now_ns: int, run: list[Batch], answers: list[tuple[Batch, bytes]]) -> None:
        if not run:
            return
        engine = self._engine
        if len(run) == 1:
            commands, count = run[0].commands, run[0].count
        else:
            commands, count = b"".join([batch.commands for batch in run]), sum(batch.count for batch in run)
        self._chunks.append(engine.apply_commands(now_ns, commands, count))
        results = engine.results
        self._levels += engine.drain_level_updates()
        offset = 0
        for batch in run:
            end = offset + batch.count * RESULT_BYTES
            answers.append((batch, results[offset:end]))
            offset = end
        run.clear()

    def _harvest(self) -> None:
        self._chunks.append(self._engine.drain_events())
        self._levels += self._engine.drain_level_updates()

    def _count(self, fact: Fact, now_ns: int) -> None:
        entry = fact.entry
        self._prices += self._facts.take(now_ns, entry.first_seq, entry.records)
        self._harvest()
        self._cursors[fact.log] = entry.position
        self._cursor_bytes = b""

    def _move(self, item: Move, now_ns: int) -> Question:
        """Bring an instrument into another state; return what answers it behind the commit."""
        request, engine = item.request, self._engine
        number, state = request.instrument_id, int(request.state)
        if number not in self._facts.listed:
            refused = VenueError(Reason.INSTRUMENT_UNKNOWN, f"instrument {number} is not traded here", was=number)
            return Question(_raising(refused), item.answer)
        previous = engine.instrument_state(number)
        if previous == InstrumentState.SETTLED != state:
            refused = VenueError(
                Reason.INSTRUMENT_STATE,
                f"instrument {number} is settled, and stays so",
                was=previous,
                allowed=InstrumentState.SETTLED,
            )
            return Question(_raising(refused), item.answer)
        if state != previous:
            engine.set_instrument_state(now_ns, number, state)
            self._recorded.append(log_pb2.RecordedRequest(set_instrument_state=request))
            self._harvest()
        return Question(lambda _: (previous, self._log.last_seq), item.answer)

    def _carry_out(self, item: Change, now_ns: int) -> Question:
        """Make a change; return what answers it behind the commit."""
        try:
            made = item.make(now_ns)
        except VenueError as refused:
            return Question(_raising(refused), item.answer)
        if made.events:
            self._engine.note(now_ns, encode_all(made.events))
            self._recorded.append(made.recorded)
            self._harvest()
        return Question(lambda _: (made.answer, self._log.last_seq), item.answer)

    def _obey(self, message: credit_pb2.ConnectResponse, now_ns: int) -> None:
        engine = self._engine
        kind = message.WhichOneof("message")
        if kind == "credit_update":
            if engine.apply_credit(now_ns, credit_line(message.credit_update)):
                self._recorded.append(log_pb2.RecordedRequest(credit_update=message.credit_update))
            self._harvest()
        elif kind == "venue_gate":
            if engine.is_open != message.venue_gate.open:
                engine.set_gate(now_ns, is_open=message.venue_gate.open)
                self._recorded.append(log_pb2.RecordedRequest(venue_gate=message.venue_gate))
                self._harvest()
        elif kind is not None:
            self._recorded.append(log_pb2.RecordedRequest(**{kind: getattr(message, kind)}))
            self._chunks.append(engine.apply_commands(now_ns, request_command(message), 1))
            self._levels += engine.drain_level_updates()

    def _harvested(self, now_ns: int) -> Committed:
        """Return what the cycle did; its last seq is known only once it is committed."""
        records = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        levels, prices = self._levels, self._prices
        self._chunks, self._levels, self._prices = [], [], []
        last_seq = self._log.last_seq
        return Committed(last_seq + 1, last_seq, now_ns, records, levels, prices)

    def _inputs(self, now_ns: int) -> bytes:
        """Return the inputs of the entry; the cursors, which seldom move, are written once."""
        if not self._cursor_bytes:
            self._cursor_bytes = log_pb2.Inputs(cursors=cursor_messages(self._cursors)).SerializeToString()
        inputs = self._only_time
        if self._recorded:
            inputs = log_pb2.Inputs(requests=self._recorded)
            self._recorded = []
        inputs.now_ns = now_ns
        return inputs.SerializeToString() + self._cursor_bytes

    def _state(self) -> bytes:
        return with_cursors(self._engine.snapshot(), self._cursors, self.controls.standing(self._engine.now_ns))

    def _start_snapshot(self) -> None:
        if self._snapshots is not None:
            # One that failed is tried again only when the next is due: the log alone is enough to recover.
            self._snapshot_seq = self._log.last_seq
            self._snapshots.start(self._state, self._cursors)
