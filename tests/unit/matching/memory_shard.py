"""A service with a real engine over a log in memory, which commits when the test lets it.

The log is a peer of the service as Redis is, made of a list; the service, the engine and the codecs are the real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from tests.unit.matching.core.desk import INSTRUMENT
from wavetank.matching.core import commands as packed
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.ordering import OrderingSettings
from wavetank.matching.core.settings import EngineSettings
from wavetank.matching.metrics import StageMetrics
from wavetank.matching.ports import BatchStage, Committed
from wavetank.matching.recovery import CLEARING_LOG, ORACLE_LOG, Recovery
from wavetank.matching.service import MatchingService
from wavetank.model.events.oracle import ConsumerBit, PricePublished
from wavetank.model.record import Event, decode_all, encode_all
from wavetank.model.validity import Tolerances, Validity
from wavetank.runtime.clock import VenueClock
from wavetank.runtime.log_entry import LogEntry, Position, decode_entry, encode_entry
from wavetank.v1 import credit_pb2

SECOND = 1_000_000_000
BUY, SELL = 1, 2
DELIVERED = ConsumerBit.MATCHING | ConsumerBit.BOTS


class MemoryLog:
    """Entries in a list; an append waits while the gate is shut."""

    def __init__(self, entries: list[LogEntry] | None = None) -> None:
        self.entries = list(entries or ())
        self.available = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0

    @property
    def position(self) -> Position:
        return self.entries[-1].position if self.entries else Position.START

    @property
    def last_seq(self) -> int:
        return self.position.seq

    async def append(self, inputs: bytes, records: bytes, count: int, now_ns: int) -> LogEntry:
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        self.entries.append(entry_after(self.position, records, now_ns, inputs))
        assert self.entries[-1].count == count
        return self.entries[-1]

    def commit(
        self, inputs: bytes, records: bytes, count: int, now_ns: int, on_committed: Callable[[int], None]
    ) -> None:
        async def run() -> None:
            on_committed((await self.append(inputs, records, count, now_ns)).last_seq)

        self._appending = asyncio.ensure_future(run())

    def events(self) -> list[Event]:
        return [event for entry in self.entries for event in decode_all(entry.records)]


def entry_after(at: Position, records: bytes, now_ns: int, inputs: bytes = b"") -> LogEntry:
    """Return the entry that follows a position."""
    return decode_entry(
        encode_entry(epoch=1, first_seq=at.seq + 1, now_ns=now_ns, prev=at.checksum, inputs=inputs, records=records)
    )


@dataclass
class WaitingBatch:
    """Commands of a caller that notes what it was told."""

    commands: bytes
    count: int
    deadline: float = 0.0
    stage: BatchStage = BatchStage.WAITING
    results: list[packed.CommandResult] | None = None
    last_seq: int = 0
    lost_as: BatchStage | None = None
    wants_matched: bool = False
    foretold: list[packed.CommandResult] | None = None

    def matched(self, results: bytes) -> None:
        assert self.results is None
        self.foretold = packed.unpack_results(results)

    def done(self, results: bytes, last_seq: int) -> None:
        self.results = packed.unpack_results(results)
        self.last_seq = last_seq

    def lost(self) -> None:
        self.lost_as = self.stage

    def is_done(self) -> bool:
        """Tell whether the results have come."""
        return self.results is not None


def order(account_id: int, side: int, size_lots: int, price_ticks: int) -> WaitingBatch:
    """Return a batch of one order."""
    command = packed.place(
        account_id=account_id, instrument_id=1, side=side, size_lots=size_lots, price_ticks=price_ticks
    )
    return WaitingBatch(command, 1)


@dataclass
class Shard:
    """A running service."""

    service: MatchingService
    log: MemoryLog
    engine: Engine
    running: asyncio.Task[None]
    shown: list[Committed] = field(default_factory=list)
    lines: int = 0
    oracle: Position = Position.START

    def committed(self, cycle: Committed) -> None:
        """Note what the service lets leave."""
        self.shown.append(cycle)

    def line(self, account_id: int, budget_micros: int = 10**9) -> None:
        """Send a credit line for an account that holds nothing."""
        self.lines += 1
        update = credit_pb2.CreditUpdate(
            account_id=account_id,
            line_epoch=1,
            line_number=self.lines,
            as_of_seq=0,
            budget_micros=budget_micros,
            status=credit_pb2.LINE_STATUS_NORMAL,
            charge=credit_pb2.LINE_CHARGE_GROSS,
        )
        self.service.from_clearing(credit_pb2.ConnectResponse(credit_update=update))

    def open(self) -> None:
        """Open the gate as clearing does."""
        self.service.from_clearing(credit_pb2.ConnectResponse(venue_gate=credit_pb2.VenueGate(open=True)))

    async def price(
        self,
        mark_ticks: int,
        *,
        consumers: int = ConsumerBit.MATCHING | ConsumerBit.BOTS,
        instrument_id: int = 1,
        validity: Validity = Validity.VALID,
    ) -> LogEntry:
        """Let the oracle publish a price."""
        event = PricePublished(
            instrument_id=instrument_id,
            account_id=0,
            index_price_ticks=mark_ticks,
            mark_price_ticks=mark_ticks,
            index_time_ns=SECOND,
            event_time_ns=SECOND,
            funding_rate_e12=0,
            consumers=consumers,
            validity=int(validity),
        )
        entry = entry_after(self.oracle, encode_all([event]), SECOND)
        self.oracle = entry.position
        await self.service.fact(ORACLE_LOG, entry)
        return entry

    async def settled(self) -> None:
        """Return once everything that was handed in before has been done and shown."""
        await self.service.ask(lambda _: None)


@asynccontextmanager
async def running(
    log: MemoryLog | None = None,
    *,
    wall_ns: Callable[[], int] = lambda: SECOND,
    answer_timeout_seconds: float = 5.0,
    snapshot: bytes | None = None,
    ordering: OrderingSettings | None = None,
    tolerances: Tolerances | None = None,
) -> AsyncIterator[Shard]:
    """Yield a service that recovered from a log and runs, with a clock that stands still unless told otherwise."""
    log = log or MemoryLog()
    recovery = Recovery(0, EngineSettings(), snapshot, ordering)
    recovery.list_instruments([INSTRUMENT])
    for entry in log.entries:
        recovery.apply(entry)
    service = MatchingService(
        recovery.engine,
        log,
        VenueClock(start_ns=SECOND, origin_ns=SECOND, speed_milli=1_000, wall_ns=wall_ns),
        cursors=recovery.cursors,
        sample_interval_ns=1_000 * SECOND,
        answer_timeout_seconds=answer_timeout_seconds,
        metrics=StageMetrics(CollectorRegistry()),
        controls=recovery.controls,
        tolerances=tolerances,
    )
    tasks = [asyncio.create_task(service.run()), asyncio.create_task(service.expire())]
    shard = Shard(service, log, recovery.engine, tasks[0])
    shard.oracle = recovery.cursors[ORACLE_LOG]
    assert CLEARING_LOG in recovery.cursors
    service.tell(shard)
    try:
        yield shard
    finally:
        log.gate.set()
        service.stop()
        with suppress(Exception):
            await asyncio.wait_for(tasks[0], 5.0)
        tasks[1].cancel()
