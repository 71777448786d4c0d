"""The oracle as a service: one entry at a time, nothing told before it is in the log.

It exists between the core, which knows no clock, and the adapters, which decide nothing. Kept true: decisions and
their append are one step under one lock, so the core is never ahead of the log where anybody can see it; a request that
was answered as unavailable before it was decided is not carried out later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import structlog

from wavetank.model.events.matching import BookSampled
from wavetank.model.events.oracle import (
    FaultEnded,
    FaultSet,
    FaultStarted,
    FundingTicked,
    PricePublished,
    SourceStanding,
    SourceStateChanged,
)
from wavetank.model.instrument import Instrument
from wavetank.model.reason import Reason
from wavetank.model.record import Event, encode_all
from wavetank.oracle.core.faults import Fault
from wavetank.oracle.core.inputs import FaultRequest, ObservedBook, ObservedPrice, PushedPrice, Refused
from wavetank.oracle.core.settings import OracleSettings
from wavetank.oracle.feed import PriceFeed
from wavetank.oracle.ports import Clock, Log, PriceSource, Snapshots
from wavetank.oracle.recovery import Memory
from wavetank.runtime.errors import VenueError
from wavetank.runtime.log_entry import Position

Decision = Callable[[int], list[Event] | Refused]
"""What to do at a venue time."""

RETRY_MS = 500
SECOND_NS = 1_000_000_000
_NO_NAME = "?"
_SOURCE_LINES = {
    SourceStanding.LIVE: "source_lives",
    SourceStanding.STALE: "source_stale",
    SourceStanding.OUTLIER: "source_outlier",
}


class OracleService:
    """Publish on time, and answer what is asked."""

    def __init__(
        self,
        *,
        memory: Memory,
        settings: OracleSettings,
        log: Log,
        snapshots: Snapshots,
        feed: PriceFeed,
        clock: Clock,
        sources: Sequence[PriceSource],
        snapshot_entries: int,
    ) -> None:
        """Make the service; nothing is read or written yet.

        Args:
            memory: recovered state.
            settings: of the core.
            log: the oracle's own.
            snapshots: where state is kept.
            feed: gets what is committed.
            clock: venue time.
            sources: all that price themselves.
            snapshot_entries: entries between two snapshots.

        """
        self.feed = feed
        self._memory = memory
        self._settings = settings
        self._log = log
        self._snapshots = snapshots
        self._clock = clock
        self._sources = tuple(sources)
        self._snapshot_entries = snapshot_entries
        self._entries_since_snapshot = 0
        self._books: dict[int, ObservedBook] = {}
        self._read: dict[str, Position] = {}
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._logger = structlog.get_logger()

    def take_book(self, sample: BookSampled, matching_seq: int) -> None:
        """Note a book sample; the newest of each instrument enters with the next prices."""
        self._books[sample.instrument_id] = ObservedBook(sample, matching_seq)

    def note_read(self, log: str, position: Position) -> None:
        """Note how far another log was read; recorded together with what was taken from it."""
        self._read[log] = position

    async def run(self, instruments: Callable[[], Iterable[Instrument]]) -> None:
        """Publish whenever something is due, for ever.

        Args:
            instruments: what is listed now.

        """
        while True:
            await self.publish(instruments())
            due_ns = self._memory.oracle.next_due_ns(self._now_ns())
            wait_ns = self._clock.wall_ns_of(max(due_ns - self._clock.now_ns(), 0))
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_ns / SECOND_NS):
                    await self._wake.wait()
            self._wake.clear()

    async def publish(self, instruments: Iterable[Instrument]) -> None:
        """Read sources and books, and publish what is due now."""
        async with self._lock:
            now_ns = self._now_ns()
            oracle = self._memory.oracle
            priced = [listed for listed in instruments if listed.symbol in self._settings.sources]
            events = oracle.handle_listing(now_ns, priced)
            books, self._books = list(self._books.values()), {}
            self._memory.cursors |= self._read
            events += oracle.handle_observations(now_ns, self._observed(now_ns), books)
            await self._commit(now_ns, events)

    async def push(self, prices: Sequence[PushedPrice]) -> int:
        """Take pushed prices and return the seq that covers them.

        Raises:
            VenueError: one of them is refused, and so all; or the log is not available.

        """
        await self._ask(lambda now_ns: self._memory.oracle.handle_push(now_ns, prices))
        return self._log.last_seq

    async def set_fault(self, request: FaultRequest) -> tuple[list[FaultSet], int]:
        """Set a fault; return its records, one per instrument and source, and the seq that covers them.

        Raises:
            VenueError: the fault is refused, or the log is not available.

        """
        events = await self._ask(lambda now_ns: self._memory.oracle.handle_fault(now_ns, request))
        return [event for event in events if isinstance(event, FaultSet)], self._log.last_seq

    async def clear_faults(self, fault_ids: Sequence[int]) -> tuple[list[int], int]:
        """End faults, all if none is named; return the ids of those that ended, and the seq that covers it.

        Raises:
            VenueError: a fault is not active, or the log is not available.

        """
        events = await self._ask(lambda now_ns: self._memory.oracle.handle_clear(now_ns, fault_ids))
        ended = {event.fault_id for event in events if isinstance(event, FaultEnded) and event.was_cleared}
        return sorted(ended), self._log.last_seq

    async def faults(self) -> list[tuple[int, Fault]]:
        """Return the faults that are set with their instruments, by fault and instrument.

        Raises:
            VenueError: the log is not available, so nobody knows what is committed.

        """
        found: list[tuple[int, Fault]] = []

        def look(_now_ns: int) -> list[Event]:
            for instrument in self._memory.oracle.state.in_order():
                found.extend((instrument.instrument_id, fault) for fault in instrument.faults)
            return []

        await self._ask(look)
        return sorted(found, key=lambda item: (item[1].fault_id, item[0]))

    async def stop(self, patience_seconds: float) -> None:
        """Let the step in flight end, and begin none after it; give up waiting after a wall time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_seconds):
                # Never released: whoever waits for it has come too late.
                await self._lock.acquire()

    def _now_ns(self) -> int:
        return max(self._clock.now_ns(), self._memory.last_now_ns)

    def _observed(self, now_ns: int) -> list[ObservedPrice]:
        ids = {instrument.symbol: instrument.instrument_id for instrument in self._memory.oracle.state.in_order()}
        observed = []
        for source in self._sources:
            newest = source.newest_by(now_ns)
            if newest is not None and source.symbol in ids:
                time_ns, price_micros, *confidence = newest
                observed.append(ObservedPrice(ids[source.symbol], source.name, price_micros, time_ns, *confidence))
        return observed

    async def _ask(self, decide: Decision) -> list[Event]:
        """Decide and commit in a task of its own: a caller's patience ends earlier than the log's answer."""
        if not self._log.available:
            raise _unavailable()
        request = _Request(decide)
        work = asyncio.create_task(self._carry_out(request))
        gone = asyncio.create_task(self._log.until_unavailable())
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise _unavailable()
            return await work
        finally:
            request.is_abandoned = True
            gone.cancel()
            # Its failure, if any, is the log's, and the process hears of it there.
            work.add_done_callback(lambda done: None if done.cancelled() else done.exception())

    async def _carry_out(self, request: _Request) -> list[Event]:
        async with self._lock:
            if request.is_abandoned:
                return []
            now_ns = self._now_ns()
            events = request.decide(now_ns)
            if isinstance(events, Refused):
                raise VenueError(events.reason, events.message, was=events.was, allowed=events.allowed)
            await self._commit(now_ns, events)
            # A fault may end before the next price is due.
            self._wake.set()
            return events

    async def _commit(self, now_ns: int, events: list[Event]) -> None:
        if not events:
            return
        memory = self._memory
        entry = await self._log.append(memory.inputs(now_ns), encode_all(events), len(events), now_ns)
        memory.last_now_ns = now_ns
        for seq, event in enumerate(events, start=entry.first_seq):
            if isinstance(event, PricePublished):
                self.feed.add(seq, event)
            else:
                self._say(seq, event)
        self.feed.advance(entry.last_seq)
        self._entries_since_snapshot += 1
        if self._entries_since_snapshot >= self._snapshot_entries:
            self._entries_since_snapshot = 0
            await self._snapshots.save(memory.to_bytes(), memory.cursors)

    def _say(self, seq: int, event: Event) -> None:
        """Write a line about what a person watching would want to know."""
        instrument = self._memory.oracle.state.instruments.get(event.instrument_id)
        symbol = instrument.symbol if instrument is not None else _NO_NAME
        match event:
            case SourceStateChanged():
                write = self._logger.info if event.is_live else self._logger.warning
                write(
                    _SOURCE_LINES[SourceStanding(event.standing)],
                    seq=seq,
                    symbol=symbol,
                    source=event.source.decode(),
                    price_time_ns=event.price_time_ns,
                )
            case FaultSet():
                self._logger.warning(
                    "fault_set",
                    seq=seq,
                    symbol=symbol,
                    fault_id=event.fault_id,
                    kind=event.kind,
                    target=event.target,
                    source=event.source.decode(),
                    start_time_ns=event.start_time_ns,
                )
            case FaultStarted():
                self._logger.warning("fault_started", seq=seq, symbol=symbol, fault_id=event.fault_id)
            case FaultEnded():
                self._logger.info("fault_ended", seq=seq, symbol=symbol, fault_id=event.fault_id)
            case FundingTicked():
                write = self._logger.info if event.is_paid else self._logger.warning
                write("funding_ticked", seq=seq, symbol=symbol, tick=event.tick, rate_e12=event.funding_rate_e12)
            case _:
                pass


class _Request:
    """Something asked, until it is decided or nobody waits for it any more."""

    __slots__ = ("decide", "is_abandoned")

    def __init__(self, decide: Decision) -> None:
        self.decide = decide
        self.is_abandoned = False


def _unavailable() -> VenueError:
    return VenueError(
        Reason.LOG_UNAVAILABLE,
        "the log cannot be written at present; whether the request took effect is seen in it later",
        retry_after_ms=RETRY_MS,
    )
