"""The crash test: matching and clearing are killed ten times under load, and nothing acknowledged is missing.

One storm is shared by the tests below it. Four bots trade over sessions and note what the venue acknowledged; a
treasurer pays in and out; meanwhile `kill -9` strikes matching and clearing, five times each, at moments that a seed
decides. What was acknowledged is then looked for in the logs and at the venue, and the auditor has the last word.
"""

import asyncio
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio
import pytest
import pytest_asyncio
import redis

from tests.eventually import eventually_async
from tests.integration.callers import BTC, BUY, DOLLAR, ETH, SELL, SOL, Caller, Session, calling, on_grid, place
from tests.venue_fixture import start_venue
from wavetank.cli.venue import VenueProcess
from wavetank.matching.config import MatchingConfig
from wavetank.matching.recovery import Recovery
from wavetank.model.events import clearing, matching
from wavetank.model.record import Event, decode_all
from wavetank.runtime.log_entry import LogEntry
from wavetank.runtime.log_reader import read_log
from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.registry import Registry
from wavetank.runtime.snapshots import SnapshotStore
from wavetank.v1 import account_pb2
from wavetank.v1 import order_entry_pb2 as pb

SEED = 20_260_415
BOTS = 4
KILLS = 5
"""Of each of the two services."""
INSTRUMENTS = (BTC, ETH, SOL)
TOP_UP = 10 * DOLLAR
PACE_SECONDS = 0.02
"""Between two rounds of a bot; a storm of some thousand orders shows all that one of a hundred thousand does."""

pytestmark = pytest.mark.timeout(150)


@dataclass
class Acknowledged:
    """What the venue said was done."""

    placed: dict[int, tuple[pb.PlaceOrder, int]] = field(default_factory=dict)
    """Order and the seq that covers it, by order id."""
    cancelled: dict[int, int] = field(default_factory=dict)
    amended: list[tuple[int, pb.AmendOrder, int]] = field(default_factory=list)
    paid_in: int = 0
    paid_out: int = 0
    refused: Counter[int] = field(default_factory=Counter)
    broken_sessions: int = 0


@dataclass
class Storm:
    """The venue after the storm, and what it had promised."""

    venue: VenueProcess
    bots: list[Caller]
    treasurer: Caller
    acknowledged: Acknowledged


def _take(acknowledged: Acknowledged, command: pb.Command, result: pb.CommandResult, seq: int) -> None:
    if result.HasField("refusal"):
        acknowledged.refused[result.refusal.reason] += 1
    elif command.HasField("place"):
        acknowledged.placed[result.order_id] = (command.place, seq)
    elif command.HasField("cancel"):
        acknowledged.cancelled[result.order_id] = seq
    elif command.HasField("amend"):
        acknowledged.amended.append((result.order_id, command.amend, seq))


class Bot:
    """Quotes around the mark, amends, cancels and takes; opens a new session whenever the old one breaks."""

    def __init__(self, number: int, caller: Caller, marks: dict[int, int], acknowledged: Acknowledged) -> None:
        self._number = number
        self._caller = caller
        self._marks = marks
        self._acknowledged = acknowledged
        self._random = random.Random(f"{SEED} {number}")
        self._open: list[tuple[int, pb.PlaceOrder]] = []
        self._counter = 0

    def _order(self) -> pb.PlaceOrder:
        self._counter += 1
        instrument_id = self._random.choice(INSTRUMENTS)
        side = self._random.choice((BUY, SELL))
        # Up to 0.3 % to either side of the mark, on the grid of five significant figures.
        mark = self._marks[instrument_id]
        price = on_grid(mark * self._random.randint(9_970, 10_030) // 10_000)
        # 20 to 60 dollars.
        size = self._random.randint(20, 60) * DOLLAR // price + 1
        kind = self._random.choice((pb.TIME_IN_FORCE_GTC, pb.TIME_IN_FORCE_GTC, pb.TIME_IN_FORCE_IOC))
        return place(
            side,
            size,
            price,
            instrument_id=instrument_id,
            time_in_force=kind,
            client_order_id=f"b{self._number}-{self._counter}".encode(),
        )

    def _command(self) -> pb.Command:
        draw = self._random.random()
        if draw < 0.6 or not self._open:
            return pb.Command(place=self._order())
        order_id, order = self._open.pop(self._random.randrange(len(self._open)))
        if draw < 0.85:
            return pb.Command(cancel=pb.CancelOrder(order_id=order_id))
        return pb.Command(amend=pb.AmendOrder(order_id=order_id, size_lots=order.size_lots + 1))

    async def trade(self, until: asyncio.Event) -> None:
        """Trade until told to stop."""
        while not until.is_set():
            with suppress(grpc.aio.AioRpcError, ConnectionError, TimeoutError):
                session = await Session.open(self._caller)
                try:
                    while not until.is_set():
                        await self._round(session)
                        await asyncio.sleep(PACE_SECONDS)
                finally:
                    await session.close()
            if not until.is_set():
                self._acknowledged.broken_sessions += 1
                await asyncio.sleep(0.05)

    async def _round(self, session: Session) -> None:
        """Send a few requests at once, so that some are in flight whenever somebody is killed."""
        sent = []
        for _ in range(self._random.randint(1, 6)):
            commands = [self._command() for _ in range(self._random.randint(1, 3))]
            sent.append((commands, await session.send(*commands)))
        for commands, answer in sent:
            response = await asyncio.wait_for(answer, 10.0)
            for command, result in zip(commands, response.results, strict=False):
                _take(self._acknowledged, command, result, response.seq)
                if command.HasField("place") and result.state == pb.ORDER_STATE_OPEN:
                    self._open.append((result.order_id, command.place))


async def _bank(caller: Caller, acknowledged: Acknowledged, until: asyncio.Event) -> None:
    """Pay in and out again; what is unknown stays unknown."""
    while not until.is_set():
        try:
            await caller.ask(caller.accounts.Deposit, account_pb2.DepositRequest(amount_micros=TOP_UP))
            acknowledged.paid_in += 1
            await caller.ask(caller.accounts.Withdraw, account_pb2.WithdrawRequest(amount_micros=TOP_UP))
            acknowledged.paid_out += 1
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0.05)


async def _strike(venue: VenueProcess, acknowledged: Acknowledged) -> None:
    """Kill each service five times, in an order and at moments that the seed decides."""
    chance = random.Random(SEED)
    victims = ["matching-0"] * KILLS + ["clearing"] * KILLS
    chance.shuffle(victims)
    starts = {"matching-0": 1, "clearing": 1}
    for victim in victims:
        ready = await asyncio.to_thread(venue.wait_ready, victim, 30.0, starts=starts[victim])
        assert ready, f"{victim} did not come back"
        if chance.random() < 0.7:
            # Else the other one may still be on its way up: that is a moment like any other.
            orders, payments = len(acknowledged.placed) + 30, acknowledged.paid_out + 1

            def has_traded(orders: int = orders, payments: int = payments) -> bool:
                return len(acknowledged.placed) >= orders and acknowledged.paid_out >= payments

            await eventually_async(has_traded, timeout=20.0)
        await asyncio.sleep(chance.uniform(0.05, 0.8))
        venue.kill(victim)
        starts[victim] += 1
    for name, count in starts.items():
        assert await asyncio.to_thread(venue.wait_ready, name, 30.0, starts=count), f"{name} did not come back"


async def _settle(bots: list[Caller]) -> None:
    """Wait until the venue takes orders again."""
    for bot in bots:
        mark = await bot.mark_ticks(SOL)

        async def takes_orders(bot: Caller = bot, mark: int = mark) -> bool:
            with suppress(grpc.aio.AioRpcError):
                order = place(BUY, 20 * DOLLAR // mark + 1, on_grid(mark * 97 // 100), instrument_id=SOL)
                result = await bot.place(order)
                return result.state == pb.ORDER_STATE_OPEN
            return False

        await eventually_async(takes_orders, timeout=30.0)


@asynccontextmanager
async def _storm(directory: Path) -> AsyncIterator[Storm]:
    settings = {
        # Small, so that some recoveries begin with a snapshot.
        "matching": {"SNAPSHOT_EVERY_EVENTS": "400"},
        "clearing": {"SNAPSHOT_EVERY_EVENTS": "400"},
    }
    venue = await asyncio.to_thread(start_venue, directory, settings=settings)
    try:
        async with calling(venue) as admin:
            bots = [await admin.trader(f"bot-{number}") for number in range(BOTS)]
            treasurer = await admin.trader("treasurer")
            marks = {instrument_id: await admin.mark_ticks(instrument_id) for instrument_id in INSTRUMENTS}
            acknowledged = Acknowledged()
            until = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                for number, caller in enumerate(bots):
                    tasks.create_task(Bot(number, caller, marks, acknowledged).trade(until))
                tasks.create_task(_bank(treasurer, acknowledged, until))
                try:
                    await _strike(venue, acknowledged)
                finally:
                    until.set()
            await _settle(bots)
            yield Storm(venue, bots, treasurer, acknowledged)
    finally:
        await asyncio.to_thread(venue.stop)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def storm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Storm]:
    async with _storm(tmp_path_factory.mktemp("storm")) as storm:
        yield storm


def _entries(storm: Storm, log: str) -> list[LogEntry]:
    with redis.Redis.from_url(storm.venue.redis_url) as client:
        return list(read_log(client, log))


def _events(storm: Storm, log: str) -> list[tuple[int, Event]]:
    return [
        (seq, event)
        for entry in _entries(storm, log)
        for seq, event in enumerate(decode_all(entry.records), entry.first_seq)
    ]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.spec("INV-110")
async def test_nothing_acknowledged_is_missing_from_the_log(storm: Storm) -> None:
    acknowledged = storm.acknowledged
    # A storm in which nothing happened would prove nothing.
    assert len(acknowledged.placed) > 200
    assert len(acknowledged.cancelled) > 40
    assert len(acknowledged.amended) > 10
    assert acknowledged.broken_sessions >= KILLS

    accepted: dict[int, tuple[int, matching.OrderAccepted]] = {}
    cancelled: dict[int, int] = {}
    amended: dict[int, list[tuple[int, int]]] = {}
    for seq, event in _events(storm, "matching-0"):
        match event:
            case matching.OrderAccepted():
                assert event.order_id not in accepted
                accepted[event.order_id] = (seq, event)
            case matching.OrderCancelled():
                cancelled[event.order_id] = seq
            case matching.OrderAmended():
                amended.setdefault(event.order_id, []).append((seq, event.remaining_lots))
            case _:
                pass

    for order_id, (order, covered) in acknowledged.placed.items():
        seq, event = accepted[order_id]
        assert seq <= covered
        assert (event.client_order_id, event.price_ticks, event.size_lots, event.side) == (
            order.client_order_id,
            order.price_ticks,
            order.size_lots,
            order.side,
        )
    for order_id, covered in acknowledged.cancelled.items():
        assert cancelled[order_id] <= covered
    for order_id, _, covered in acknowledged.amended:
        assert any(seq <= covered for seq, _ in amended[order_id])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.spec("INV-110", "ORD-060")
async def test_every_acknowledged_order_is_open_or_ended(storm: Storm) -> None:
    left: dict[int, int] = {}
    ended: set[int] = set()
    for _, event in _events(storm, "matching-0"):
        match event:
            case matching.OrderAccepted():
                left[event.order_id] = event.size_lots
            case matching.OrderAmended():
                left[event.order_id] = event.remaining_lots
            case matching.Traded():
                left[event.maker_order_id] = event.maker_remaining_lots
                left[event.taker_order_id] = event.taker_remaining_lots
            case matching.OrderCancelled():
                left[event.order_id] = 0
                assert event.order_id not in ended
                ended.add(event.order_id)
            case _:
                pass
    told = {order.order_id: order.remaining_lots for bot in storm.bots for order in await bot.open_orders()}
    mine = {order_id: left[order_id] for order_id in storm.acknowledged.placed if left[order_id]}
    assert mine
    assert {order_id: told.get(order_id) for order_id in mine} == mine
    # By the client's own id an order is found also after its end (ORD-030).
    number, (order, _) = next(iter(storm.acknowledged.placed.items()))
    bot = storm.bots[int(order.client_order_id[1:2])]
    found = await bot.ask(bot.orders.GetOrder, pb.GetOrderRequest(client_order_id=order.client_order_id))
    assert found.order.order_id == number


@pytest.mark.asyncio(loop_scope="module")
async def test_every_withdrawal_in_flight_ended_once(storm: Storm) -> None:
    account_id = storm.treasurer.account_id

    def amounts() -> dict[type, list[int]]:
        found: dict[type, list[int]] = {
            clearing.Deposited: [],
            clearing.WithdrawalHeld: [],
            clearing.Withdrawn: [],
            clearing.WithdrawalRefused: [],
        }
        for _, event in _events(storm, "clearing"):
            if event.account_id == account_id and type(event) in found:
                found[type(event)].append(event.amount_micros)  # type: ignore[attr-defined] # All four have it.
        return found

    def is_settled() -> bool:
        found = amounts()
        return len(found[clearing.WithdrawalHeld]) == len(found[clearing.Withdrawn] + found[clearing.WithdrawalRefused])

    await eventually_async(is_settled)
    found = amounts()
    # The million that it began with is a deposit too.
    paid_in, paid_out = len(found[clearing.Deposited]) - 1, len(found[clearing.Withdrawn])
    acknowledged = storm.acknowledged
    assert acknowledged.paid_out >= KILLS
    # What was acknowledged happened; a kill may have left calls without an answer that happened too.
    assert acknowledged.paid_out <= paid_out <= acknowledged.paid_out + 4 * KILLS
    assert acknowledged.paid_in <= paid_in <= acknowledged.paid_in + 4 * KILLS
    answer = await storm.treasurer.ask(storm.treasurer.accounts.GetAccount, account_pb2.GetAccountRequest())
    assert answer.account.cash_micros == sum(found[clearing.Deposited]) - sum(found[clearing.Withdrawn])
    # No hold is left: all of it can be taken out.
    await storm.treasurer.ask(
        storm.treasurer.accounts.Withdraw, account_pb2.WithdrawRequest(amount_micros=answer.account.cash_micros)
    )


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.spec("MTCH-090", "INV-100")
async def test_a_snapshot_and_its_tail_equal_a_replay_from_nothing(storm: Storm) -> None:
    entries = await asyncio.to_thread(_entries, storm, "matching-0")
    client = redis_client(storm.venue.redis_url)
    snapshots = await SnapshotStore(client, "matching-0").load_all()
    await client.aclose()
    registry = Registry(internal_key="unused")
    for entry in _entries(storm, "clearing"):
        registry.apply(entry)
    settings = MatchingConfig.model_construct().model_copy(
        update={"clock_start_ns": storm.venue.file.clock["start_ns"]}
    )
    whole = _recovered(None, registry, entries, settings)
    assert len(snapshots) == 2
    for snapshot in snapshots:
        tail = [entry for entry in entries if entry.first_seq > snapshot.position.seq]
        assert 0 < len(tail) < len(entries)
        shortened = _recovered(snapshot.data, registry, tail, settings)
        assert shortened.engine.state_hash() == whole.engine.state_hash()
        assert shortened.cursors == whole.cursors
        assert shortened.engine.next_seq == whole.engine.next_seq


def _recovered(
    snapshot: bytes | None, registry: Registry, entries: list[LogEntry], settings: MatchingConfig
) -> Recovery:
    recovery = Recovery(0, settings.engine_settings(), snapshot)
    recovery.list_instruments(registry.instruments.values())
    for entry in entries:
        recovery.apply(entry)
    return recovery


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.spec("INV-010", "INV-020", "INV-090")
async def test_the_audit_passes(storm: Storm) -> None:
    command = [sys.executable, "-m", "wavetank.cli", "audit", "--dir", str(storm.venue.directory.path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False, timeout=60)
    assert "audit: ok" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
