"""The service: one loop through which everything passes, one entry at a time.

Facts from the logs, requests from people and the passing of time meet in an inbox. A cycle takes all
that is there, lets the core decide, commits the events and the cursors as one entry, and only then
lets anything leave: answers, credit lines, requests to the shard, account events. While an entry is
being committed the next inputs gather, which is the group commit.

Kept true: nothing that was not committed is shown, sent or snapshotted, questions included: they
are answered between two cycles, when the state is exactly the committed one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import structlog

from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.snapshot import dump
from wavetank.clearing.recovery import shard_of_log
from wavetank.model.invariant import InvariantBroken
from wavetank.model.reason import Reason
from wavetank.model.record import RECORD_BYTES, decode_all
from wavetank.runtime.errors import VenueError
from wavetank.runtime.recovering import cursor_messages, with_cursors
from wavetank.v1 import log_pb2

if TYPE_CHECKING:
    from wavetank.clearing.core.clearing import Clearing
    from wavetank.clearing.ports import EventSink, LogPort, ShardLink, SnapshotPort
    from wavetank.runtime.clock import VenueClock
    from wavetank.runtime.log_entry import LogEntry, Position


MAX_WAITING_FACTS = 1_000
"""Inputs that may wait before the followers of logs pause."""


@dataclass(slots=True)
class _Fact:
    """An entry of another log."""

    log: str
    entry: LogEntry


@dataclass(slots=True)
class _Request:
    """A call of somebody who waits; refusals and results go to the future after the commit."""

    call: Callable[[Clearing, int], Any]
    answer: asyncio.Future[Any]


@dataclass(slots=True)
class _Question:
    """A call that changes nothing, answered when the state is the committed one."""

    call: Callable[[Clearing], Any]
    answer: asyncio.Future[Any]


@dataclass(slots=True)
class _Connected:
    """A shard said hello."""

    shard: int
    link: ShardLink


class ClearingService:
    """Runs the core between the logs and the callers."""

    def __init__(
        self,
        core: Clearing,
        log: LogPort,
        clock: VenueClock,
        *,
        cursors: dict[str, Position],
        tick_seconds: float,
        answer_timeout_seconds: float,
    ) -> None:
        """Run `core`, whose state is that of the log's end.

        Args:
            core: the recovered core.
            log: clearing's log.
            clock: venue time.
            cursors: how far the other logs have been counted, by name.
            tick_seconds: wall seconds after which timers are looked at although nothing arrived.
            answer_timeout_seconds: wall seconds that a caller is kept waiting.

        """
        self._core = core
        self._log = log
        self._clock = clock
        self._cursors = cursors
        self._tick_seconds = tick_seconds
        self._answer_timeout_seconds = answer_timeout_seconds
        self._inbox: list[_Fact | _Request | _Question | _Connected] = []
        self._arrived = asyncio.Event()
        self._drained = asyncio.Event()
        self._links: dict[int, ShardLink] = {}
        self._new_links: set[int] = set()
        self._gate_sent: dict[int, bool] = {}
        self._sinks: list[EventSink] = []
        self._snapshots: SnapshotPort | None = None
        self._snapshot_every = 0
        self._snapshot_seq = log.last_seq
        self._stopping = False
        self._logger = structlog.get_logger().bind(service="clearing")

    # Doors

    def tell(self, sink: EventSink) -> None:
        """Tell a sink of every entry committed from now on."""
        self._sinks.append(sink)

    def keep_snapshots(self, snapshots: SnapshotPort, every_events: int) -> None:
        """Save a snapshot whenever so many events were committed since the last one."""
        self._snapshots = snapshots
        self._snapshot_every = every_events

    def _put(self, item: _Fact | _Request | _Question | _Connected) -> None:
        self._inbox.append(item)
        self._arrived.set()

    async def fact(self, log: str, entry: LogEntry) -> None:
        """Take an entry of another log; wait while the inbox is full, so that catching up needs no memory."""
        while len(self._inbox) >= MAX_WAITING_FACTS:
            self._drained.clear()
            await self._drained.wait()
        self._put(_Fact(log, entry))

    @property
    def shards(self) -> int:
        """How many matching shards there are."""
        return self._core.state.shards

    def connected(self, shard: int, link: ShardLink) -> None:
        """Take a shard's hello: it gets every line, every unanswered request and the gate anew."""
        self._put(_Connected(shard, link))

    def disconnected(self, shard: int, link: ShardLink) -> None:
        """Forget a shard's link, if it is the present one."""
        if self._links.get(shard) is link:
            del self._links[shard]

    async def request(self, call: Callable[[Clearing, int], Any]) -> Any:  # noqa: ANN401 - what the call returns.
        """Let the core act on a request and return its result once that is committed.

        Args:
            call: gets the core and venue time; raises `Refused` to refuse.

        Raises:
            VenueError: the refusal; or LOG_UNAVAILABLE, with nothing done or the outcome unknown.

        """
        if self._stopping:
            raise VenueError(Reason.NOT_READY, "clearing is stopping; try again in a moment")
        if not self._log.available:
            raise VenueError(Reason.LOG_UNAVAILABLE, "the log cannot be written; nothing was done, try again")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(_Request(call, future))
        return await self._answer(future, "the outcome is unknown; look at the account before trying again")

    async def ask(self, call: Callable[[Clearing], Any]) -> Any:  # noqa: ANN401 - what the call returns.
        """Return the answer to a question about the committed state.

        Raises:
            VenueError: the refusal; or LOG_UNAVAILABLE when nothing can be committed for too long.

        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(_Question(call, future))
        return await self._answer(future, "the state cannot be told before the log can be written")

    async def _answer(self, future: asyncio.Future[Any], late: str) -> Any:  # noqa: ANN401 - what the call returns.
        try:
            return await asyncio.wait_for(future, self._answer_timeout_seconds)
        except TimeoutError as error:
            raise VenueError(Reason.LOG_UNAVAILABLE, f"the log did not answer in time: {late}") from error
        except Refused as refusal:
            raise VenueError(refusal.reason, str(refusal), was=refusal.was, allowed=refusal.allowed) from refusal

    # The loop

    async def run(self) -> None:
        """Run until `stop`; what stands in the inbox then is still done."""
        while not (self._stopping and not self._inbox):
            if not self._inbox:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._arrived.wait(), self._tick_seconds)
            self._arrived.clear()
            inbox, self._inbox = self._inbox, []
            self._drained.set()
            await self._cycle(inbox)
        await self._save_snapshot()

    def stop(self) -> None:
        """Refuse new requests, finish those that are there, then end `run`."""
        self._stopping = True
        self._arrived.set()

    async def _cycle(self, inbox: list[_Fact | _Request | _Question | _Connected]) -> None:
        core = self._core
        now_ns = self._clock.now_ns()
        # Requests too are decided at the time that their entry will carry (PROTOCOL 4).
        core.advance_to(now_ns)
        answers: list[tuple[asyncio.Future[Any], Any]] = []
        questions: list[_Question] = []
        for item in inbox:
            if isinstance(item, _Fact):
                self._count(item, now_ns)
            elif isinstance(item, _Request):
                if item.answer.done():
                    # Its caller was answered, or went, while the log could not be written: money does not move later.
                    continue
                try:
                    answers.append((item.answer, item.call(core, now_ns)))
                except Refused as refusal:
                    answers.append((item.answer, refusal))
            elif isinstance(item, _Question):
                questions.append(item)
            else:
                self._welcome(item)
        core.on_tick(now_ns)
        await self._commit(now_ns)
        self._release()
        for future, result in answers:
            _resolve(future, result)
        for question in questions:
            try:
                _resolve(question.answer, question.call(core))
            except Refused as refusal:
                _resolve(question.answer, refusal)
        if self._snapshot_every and self._log.last_seq - self._snapshot_seq >= self._snapshot_every:
            await self._save_snapshot()

    def _count(self, fact: _Fact, now_ns: int) -> None:
        entry = fact.entry
        if entry.count:
            if fact.log == "oracle":
                self._core.on_oracle(now_ns, entry.first_seq, list(decode_all(entry.records)))
            else:
                self._core.count_records(now_ns, entry.first_seq, entry.records, shard_of_log(fact.log))
        self._cursors[fact.log] = entry.position

    def _welcome(self, hello: _Connected) -> None:
        # The hello tells where the shard's log ended when it was sent; more may have been counted since. A log that
        # really lost its end is noticed by its reader, which knows the entries (PROTOCOLS 3).
        # What it is owed leaves with the rest, behind the commit.
        self._links[hello.shard] = hello.link
        self._new_links.add(hello.shard)

    async def _commit(self, now_ns: int) -> None:
        records = self._core.take_records()
        if not records:
            return
        inputs = log_pb2.Inputs(now_ns=now_ns, cursors=cursor_messages(self._cursors))
        count = len(records) // RECORD_BYTES
        entry = await self._log.append(inputs.SerializeToString(), records, count, now_ns)
        if entry.last_seq != self._core.last_seq:
            raise InvariantBroken(f"the log is at seq {entry.last_seq}, the core at {self._core.last_seq}")
        for sink in self._sinks:
            sink.committed(entry.first_seq, now_ns, records)

    def _release(self) -> None:
        core, links = self._core, self._links
        if not links:
            return
        requests = core.take_requests()
        for shard in self._new_links & links.keys():
            # Every line anew, every request without an answer again, and the gate (PROTOCOL R10).
            self._gate_sent.pop(shard, None)
            core.lines.touch_all(shard)
            requests = [each for each in requests if each[1].shard != shard]
            requests += [each for each in core.unanswered_requests() if each[1].shard == shard]
        self._new_links.clear()
        # A line that freezes an account leaves before the request that relies on it. What an absent shard misses it
        # gets with its next hello.
        for line in core.take_lines():
            if line.shard in links:
                links[line.shard].send_line(line)
        for seq, request in sorted(requests, key=itemgetter(0)):
            if request.shard in links:
                links[request.shard].send_request(seq, request)
        is_open = core.state.venue_is_open
        for shard, link in links.items():
            if is_open != self._gate_sent.get(shard):
                link.send_gate(is_open=is_open)
                self._gate_sent[shard] = is_open

    async def _save_snapshot(self) -> None:
        if self._snapshots is not None:
            await self._snapshots.save(with_cursors(dump(self._core.state), self._cursors), self._cursors)
            self._snapshot_seq = self._log.last_seq


def _resolve(future: asyncio.Future[Any], result: Any) -> None:  # noqa: ANN401 - what a call returned.
    if future.done():
        # The caller was told that the outcome is unknown, or went away.
        return
    if isinstance(result, Refused):
        future.set_exception(result)
    else:
        future.set_result(result)
