"""A storm in which the matching process is killed again and again, and the proof that nothing came of it.

Bots trade over sessions, note what was acknowledged, and after each kill send again, under the same client order ids,
whatever was not answered. Meanwhile a reader copies the shard's log as it grows, so that the whole of it is there even
if it is trimmed. `Storm.check` then shows: no acknowledged command is missing; no order exists twice, however often it
was sent; the process that was killed so often has the very state of one that never stopped; and that state is what the
events say.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import grpc
import grpc.aio
import redis

from tests.eventually import eventually_async
from tests.integration.callers import BTC, BUY, DOLLAR, ETH, SELL, SOL, Caller, Session, calling, on_grid, place
from tests.venue_fixture import SEED, START_SECONDS
from wavetank.cli.price_options import merged, price_choice
from wavetank.cli.supervisor import RestartPolicy
from wavetank.cli.venue import VenuePlan, VenueProcess
from wavetank.matching.config import MatchingConfig
from wavetank.matching.recovery import Recovery
from wavetank.model.events import matching
from wavetank.model.record import Event, decode_all
from wavetank.runtime.log_entry import LogEntry
from wavetank.runtime.log_reader import LogReader, read_log
from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.redis_server import start_redis
from wavetank.runtime.registry import Registry
from wavetank.runtime.snapshots import SnapshotStore
from wavetank.v1 import order_entry_pb2 as pb

LOG = "matching-0"
BOTS = 3
INSTRUMENTS = (BTC, ETH, SOL)
PACE_SECONDS = 0.01
READY_SECONDS = 40.0


@dataclass
class Noted:
    """What the bots were told, all of them together."""

    placed: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """Order id and the seq that covers it, by client order id."""
    cancelled: dict[int, int] = field(default_factory=dict)
    sent_again: set[bytes] = field(default_factory=set)
    """Client order ids that were sent more than once."""
    repeated: int = 0
    """Answers that said that the order had been there already."""
    refused: Counter[int] = field(default_factory=Counter)


class Bot:
    """Places and cancels; sends again, in a new session, what the old one did not answer."""

    def __init__(self, number: int, caller: Caller, marks: dict[int, int], noted: Noted) -> None:
        self._number = number
        self._caller = caller
        self._marks = marks
        self._noted = noted
        self._random = random.Random(f"{SEED} {number}")
        self._open: list[int] = []
        self._unanswered: list[pb.Command] = []
        self._counter = 0

    async def trade(self, until: asyncio.Event) -> None:
        """Trade until told to stop, and until everything that was sent has its answer."""
        while not until.is_set() or self._unanswered:
            with suppress(grpc.aio.AioRpcError, ConnectionError, TimeoutError):
                session = await Session.open(self._caller)
                try:
                    while not until.is_set() or self._unanswered:
                        await self._round(session)
                        await asyncio.sleep(PACE_SECONDS)
                finally:
                    await session.close()
            await asyncio.sleep(PACE_SECONDS)

    def _command(self) -> pb.Command:
        if self._random.random() < 0.35 and self._open:
            order_id = self._open.pop(self._random.randrange(len(self._open)))
            return pb.Command(cancel=pb.CancelOrder(order_id=order_id))
        self._counter += 1
        instrument_id = self._random.choice(INSTRUMENTS)
        mark = self._marks[instrument_id]
        # Up to 0.2 % to either side of the mark: some trade, most rest. 20 to 40 dollars.
        price = on_grid(mark * self._random.randint(9_980, 10_020) // 10_000)
        return pb.Command(
            place=place(
                self._random.choice((BUY, SELL)),
                self._random.randint(20, 40) * DOLLAR // price + 1,
                price,
                instrument_id=instrument_id,
                client_order_id=f"k{self._number}-{self._counter}".encode(),
            )
        )

    async def _round(self, session: Session) -> None:
        again = list(self._unanswered)
        self._noted.sent_again |= {command.place.client_order_id for command in again if command.HasField("place")}
        commands = again or [self._command() for _ in range(self._random.randint(1, 4))]
        self._unanswered = commands
        response = await session.do(*commands, timeout=5.0)
        if response.HasField("refusal"):
            self._noted.refused[response.refusal.reason] += 1
            # Nothing was done, or nobody knows: it is sent again either way.
            return
        left = []
        for command, result in zip(commands, response.results, strict=True):
            if not self._take(command, result, response.seq):
                left.append(command)
        self._unanswered = left

    def _take(self, command: pb.Command, result: pb.CommandResult, seq: int) -> bool:
        """Note a result; return whether it is the last word on the command."""
        if result.HasField("refusal"):
            self._noted.refused[result.refusal.reason] += 1
            # After a restart the shard waits for credit lines; later the order may be good.
            return True
        if command.HasField("place"):
            self._noted.repeated += result.repeated_answer
            self._noted.placed[command.place.client_order_id] = (result.order_id, seq)
            if result.state == pb.ORDER_STATE_OPEN:
                self._open.append(result.order_id)
        else:
            self._noted.cancelled[result.order_id] = seq
        return True


class LogCopy:
    """The shard's log as it grows, whatever is trimmed behind."""

    def __init__(self, redis_url: str) -> None:
        self.entries: list[LogEntry] = []
        self._redis_url = redis_url

    async def follow(self) -> None:
        """Copy entries for ever."""
        client = redis_client(self._redis_url)
        try:
            async for entry in LogReader(client, LOG).follow():
                self.entries.append(entry)
        finally:
            await client.aclose()


@dataclass
class Storm:
    """A venue under load whose matching process may be killed."""

    venue: VenueProcess
    bots: list[Caller]
    noted: Noted
    copy: LogCopy
    starts: int = 1

    async def trades(self, orders: int) -> None:
        """Return once so many more orders were acknowledged."""
        enough = len(self.noted.placed) + orders
        await eventually_async(lambda: len(self.noted.placed) >= enough, timeout=READY_SECONDS)

    async def comes_back(self) -> None:
        """Return once the process that was killed last, or killed itself, is there again."""
        self.starts += 1
        starts = self.starts
        assert await asyncio.to_thread(self.venue.wait_ready, LOG, READY_SECONDS, starts=starts), "it did not come back"

    async def kill(self) -> None:
        """Kill the matching process, wherever it is, and return once it is there again."""
        self.venue.kill(LOG)
        await self.comes_back()


@asynccontextmanager
async def storming(directory: Path, settings: dict[str, str]) -> AsyncIterator[Storm]:
    """Run a venue under load; at the end the load has ceased and everything sent was answered.

    Args:
        directory: for the venue.
        settings: of matching.

    """
    plan = VenuePlan(
        directory=directory,
        settings=merged(
            price_choice(seed=SEED).settings,
            # Consumers that register often, so that the log may be trimmed far.
            {"matching": settings, "clearing": {"SNAPSHOT_EVERY_EVENTS": "100"}, "oracle": {"SNAPSHOT_ENTRIES": "3"}},
        ),
        restarts=RestartPolicy(limit=1_000, longest_pause_seconds=0.1),
    )
    venue = await asyncio.to_thread(VenueProcess.start, plan, timeout=START_SECONDS)
    try:
        copy = LogCopy(venue.redis_url)
        copying = asyncio.create_task(copy.follow())
        async with calling(venue) as admin:
            bots = [await admin.trader(f"bot-{number}") for number in range(BOTS)]
            marks = {instrument_id: await admin.mark_ticks(instrument_id) for instrument_id in INSTRUMENTS}
            noted, until = Noted(), asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                for number, caller in enumerate(bots):
                    tasks.create_task(Bot(number, caller, marks, noted).trade(until))
                try:
                    yield Storm(venue, bots, noted, copy)
                finally:
                    until.set()
        copying.cancel()
    finally:
        await asyncio.to_thread(venue.stop)


async def check(storm: Storm) -> list[LogEntry]:
    """Compare what the bots were told with the log, and the state with that of a twin; return the log.

    To be called after the storm, when the venue was stopped in good order, so that its last snapshot is the state of
    the process that was killed so often.
    """
    noted, directory = storm.noted, storm.venue.directory
    with start_redis(directory.redis) as server:
        entries = await asyncio.to_thread(_whole_log, server.url, storm.copy.entries)
        _check_events(noted, [(seq, event) for entry in entries for seq, event in _numbered(entry)])
        client = redis_client(server.url)
        snapshots = await SnapshotStore(client, LOG).load_all()
        await client.aclose()
        registry = await asyncio.to_thread(_registry, server.url)
    settings = MatchingConfig.model_construct()

    def recovered(snapshot: bytes | None, tail: list[LogEntry]) -> Recovery:
        recovery = Recovery(0, settings.engine_settings(), snapshot)
        recovery.list_instruments(registry.instruments.values())
        for entry in tail:
            recovery.apply(entry)
        return recovery

    twin = recovered(None, entries)
    assert snapshots
    # The last one was written by the process itself when it ended, so it is the state of the one killed so often.
    assert snapshots[0].position.seq == twin.engine.next_seq - 1
    for snapshot in snapshots:
        tail = [entry for entry in entries if entry.first_seq > snapshot.position.seq]
        again = recovered(snapshot.data, tail)
        assert again.engine.state_hash() == twin.engine.state_hash()
        assert again.engine.next_seq == twin.engine.next_seq
    _check_effects(twin, [event for entry in entries for event in decode_all(entry.records)])
    return entries


def _numbered(entry: LogEntry) -> list[tuple[int, Event]]:
    return list(enumerate(decode_all(entry.records), entry.first_seq))


def _whole_log(url: str, copied: list[LogEntry]) -> list[LogEntry]:
    """Return the copy and what was appended after it."""
    with redis.Redis.from_url(url) as client:
        rest = list(read_log(client, LOG, copied[-1].position))
    entries = [*copied, *rest]
    for before, after in pairwise(entries):
        assert (after.prev, after.first_seq) == (before.checksum, before.last_seq + 1)
    return entries


def _registry(url: str) -> Registry:
    registry = Registry(internal_key="unused")
    with redis.Redis.from_url(url) as client:
        for entry in read_log(client, "clearing"):
            registry.apply(entry)
    return registry


def _check_events(noted: Noted, events: list[tuple[int, Event]]) -> None:
    accepted: dict[bytes, tuple[int, int]] = {}
    cancelled: dict[int, int] = {}
    for seq, event in events:
        if isinstance(event, matching.OrderAccepted) and event.client_order_id.startswith(b"k"):
            # No order twice, however often it was sent.
            assert event.client_order_id not in accepted, event
            accepted[event.client_order_id] = (event.order_id, seq)
        elif isinstance(event, matching.OrderCancelled):
            assert event.order_id not in cancelled, event
            cancelled[event.order_id] = seq
    assert noted.placed
    for client_order_id, (order_id, covered) in noted.placed.items():
        told, seq = accepted[client_order_id]
        assert told == order_id
        assert seq <= covered
    for order_id, covered in noted.cancelled.items():
        assert cancelled[order_id] <= covered


def _check_effects(twin: Recovery, events: list[Event]) -> None:
    """Compare the open orders with what the events themselves say of each."""
    left: dict[int, tuple[int, int]] = {}
    for event in events:
        match event:
            case matching.OrderAccepted():
                left[event.order_id] = (event.account_id, event.size_lots)
            case matching.OrderAmended():
                left[event.order_id] = (event.account_id, event.remaining_lots)
            case matching.Traded():
                for order_id, lots in (
                    (event.maker_order_id, event.maker_remaining_lots),
                    (event.taker_order_id, event.taker_remaining_lots),
                ):
                    left[order_id] = (left[order_id][0], lots)
            case matching.OrderCancelled():
                left[event.order_id] = (event.account_id, 0)
            case _:
                pass
    said = {order_id: lots for order_id, (_, lots) in left.items() if lots}
    accounts = {account_id for account_id, _ in left.values()}
    held = {
        order.order_id: order.remaining_lots for account_id in accounts for order in twin.engine.open_orders(account_id)
    }
    assert held == said
