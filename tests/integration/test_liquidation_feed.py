"""The public feed over real gRPC and real Redis: complete, never sampled, resumed anywhere, and in nobody's way.

Clearing's own loop commits a storm to a real log; what the shard would answer is scripted. Forty accounts, each long
1 BTC from 100,000 with 5,000 dollars, all miss 1,000 at 94,000: no order of theirs fills, and all are deleveraged.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import pytest
import redis.asyncio
from google.rpc import error_details_pb2
from grpc_status import rpc_status  # type: ignore[import-untyped] # It ships no types.

from tests.eventually import eventually_async
from tests.model.scripted_shard import BTC, ETH, START_NS, Scene
from wavetank.clearing.adapters.fill_history import FillHistory
from wavetank.clearing.adapters.liquidation_feed import LiquidationFeedServicer
from wavetank.clearing.adapters.liquidation_history import FEED_EVENTS, LiquidationHistory, Row, is_public
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.service import ClearingService
from wavetank.model.events.clearing import AdlRanked, ApiKeyCreated, CascadeEnded
from wavetank.model.instrument import default_instruments
from wavetank.model.orders import CommandKind
from wavetank.model.record import RECORD_BYTES, decode_all, encode
from wavetank.runtime.clock import VenueClock
from wavetank.runtime.directory import DirectoryServicer
from wavetank.runtime.grpc_server import GrpcServer
from wavetank.runtime.log_reader import LogReader
from wavetank.runtime.log_writer import LogWriter
from wavetank.runtime.redis_connection import redis_client
from wavetank.runtime.redis_server import RedisServer, start_redis
from wavetank.runtime.registry import Registry
from wavetank.v1 import liquidation_feed_pb2 as pb
from wavetank.v1 import liquidation_feed_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from wavetank.model.record import Event

pytestmark = [pytest.mark.timeout(120), pytest.mark.spec("FEED-010")]

LOG = "clearing"
SECRET = "a-secret"
ACCOUNTS = 40
PATIENCE_SECONDS = 0.5


class Live(Scene):
    """A scene whose events are committed by the service instead of being kept."""

    def keep(self) -> list[Event]:
        return []


@dataclass
class Venue:
    """The loop, its log, and the door."""

    scene: Live
    service: ClearingService
    redis: redis.asyncio.Redis
    address: str

    async def do(self, what: Callable[[], object]) -> None:
        """Let the scene do something within the loop, and wait until it is committed."""
        await self.service.request(lambda _core, _now_ns: what())

    async def storm(self, pause: Callable[[], object] = lambda: None) -> None:
        """Liquidate all accounts; `pause` is called between the waves."""
        scene = self.scene
        accounts: list[int] = []
        victims: list[int] = []

        def positions() -> None:
            accounts.extend(scene.open(5_000) for _ in range(ACCOUNTS))
            victims.extend(scene.open(20_000) for _ in range(ACCOUNTS))
            scene.mark(BTC, 1_000_000)
            for account, victim in zip(accounts, victims, strict=True):
                scene.trade(BTC, account, victim, 100_000, 1_000_000)

        await self.do(positions)
        await self.do(lambda: scene.mark(BTC, 940_000))
        for account in accounts:
            pause()
            await self.do(lambda account=account: scene.cancelled(account))  # type: ignore[misc] # mypy: a default.
            await self.do(lambda account=account: scene.filled(account))  # type: ignore[misc] # The same.
        while scene.requests():
            assert all(request.command == CommandKind.TRANSFER for _, request in scene.requests())
            for account in sorted({request.account_id for _, request in scene.requests()}):
                pause()
                await self.do(lambda account=account: scene.transfer_all(account))  # type: ignore[misc] # The same.
        assert not scene.state.liquidated

    async def logged(self) -> list[tuple[int, Event]]:
        """Return what the log says of liquidations, read from the log itself."""
        found: list[tuple[int, Event]] = []
        reader = LogReader(self.redis, LOG)
        while entries := await reader.read_available():
            for entry in entries:
                events = enumerate(decode_all(entry.records), entry.first_seq)
                found += [(seq, event) for seq, event in events if is_public(event)]
        return found


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Return a server of this file's own: the history has one name in it."""
    with start_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@asynccontextmanager
async def running(server: RedisServer, *, go_on: Live | None = None) -> AsyncIterator[Venue]:
    """Run clearing's loop, the follower of its log, and the door; `go_on` is the scene of a venue that ran before."""
    scene = go_on or Live(settings=ClearingSettings(fund_enabled=False))
    async with AsyncExitStack() as stack:
        client = redis_client(server.url)
        stack.push_async_callback(client.aclose)
        if go_on is None:
            await client.flushall()
        log = await LogWriter.open(server.url, LOG, now_ns=START_NS)
        stack.push_async_callback(log.close)
        # Venue time stands nearly still, so that no price of the scene is ever too old.
        clock = VenueClock(start_ns=scene.now_ns, origin_ns=time.time_ns(), speed_milli=1)
        service = ClearingService(scene.core, log, clock, cursors={}, tick_seconds=0.01, answer_timeout_seconds=20.0)
        history = FillHistory(client, LOG)
        registry = Registry(internal_key="internal", patience=0.05)
        for name, scopes in (("reader", 1), ("trader", 2)):
            digest = hashlib.sha256(SECRET.encode()).digest()
            registry.apply_event(ApiKeyCreated(0, 1_001, name.encode(), digest, scopes))
        registry.mark_ready()
        door = GrpcServer(
            identifier=registry,
            directory=DirectoryServicer(clock=clock, instruments=default_instruments, endpoints=lambda _ids: []),
            on_broken=lambda error: pytest.fail(str(error)),
            max_message_bytes=1_000_000,
        )
        door.add(
            liquidation_feed_pb2_grpc.add_LiquidationFeedServiceServicer_to_server,
            LiquidationFeedServicer(service, history.liquidations, PATIENCE_SECONDS),
            "wavetank.v1.LiquidationFeedService",
        )
        tasks = [asyncio.create_task(service.run()), asyncio.create_task(history.run())]
        address = await door.start("127.0.0.1:0")
        await stack.enter_async_context(door)
        try:
            yield Venue(scene, service, client, address)
            await history.liquidations.end()
        finally:
            service.stop()
            tasks[1].cancel()
            await asyncio.wait(tasks)


@asynccontextmanager
async def listening(
    venue: Venue, from_seq: int = 0, instruments: tuple[int, ...] = (), key: str = "reader"
) -> AsyncIterator[Any]:
    """Open a stream on a connection of its own, which ends with the block."""
    # A small window: what a listener does not read soon waits at the door.
    options = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.http2.lookahead_bytes", 1_024),
        ("grpc.http2.bdp_probe", 0),
    ]
    async with grpc.aio.insecure_channel(venue.address, options=options) as channel:
        stub: Any = liquidation_feed_pb2_grpc.LiquidationFeedServiceStub(channel)
        request = pb.StreamLiquidationsRequest(from_seq=from_seq, instrument_ids=instruments)
        metadata = (("authorization", f"Bearer {key}.{SECRET}"),) if key else ()
        stream = stub.StreamLiquidations(request, metadata=metadata)
        yield stream
        stream.cancel()


def events_in(message: pb.StreamLiquidationsResponse) -> list[int]:
    """Return the seqs of the events that a message tells."""
    if message.WhichOneof("event") is None:
        return []
    lines = len(message.ranking.lines)
    return list(range(message.seq - lines + 1, message.seq + 1)) if lines else [message.seq]


async def until(stream: Any, seq: int) -> list[pb.StreamLiquidationsResponse]:  # noqa: ANN401 - grpcio's call.
    """Read until the event of a seq has come."""
    heard: list[pb.StreamLiquidationsResponse] = []
    while not heard or seq not in events_in(heard[-1]):
        message = await asyncio.wait_for(stream.read(), 20)
        assert message is not grpc.aio.EOF
        heard.append(message)
    return heard


def seqs(heard: list[pb.StreamLiquidationsResponse]) -> list[int]:
    return [seq for message in heard for seq in events_in(message)]


async def to_the_end(stream: Any) -> tuple[list[pb.StreamLiquidationsResponse], str]:  # noqa: ANN401 - grpcio's call.
    """Read a stream to its end; return what came, and the venue's reason for the end."""
    heard: list[pb.StreamLiquidationsResponse] = []
    with suppress(grpc.aio.AioRpcError):
        while (message := await asyncio.wait_for(stream.read(), 20)) is not grpc.aio.EOF:
            heard.append(message)
    status = await rpc_status.aio.from_call(stream)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return heard, str(info.reason)


async def test_a_storm_is_told_event_by_event_and_whoever_comes_back_misses_and_repeats_nothing(
    own_redis: RedisServer,
) -> None:
    heard: list[pb.StreamLiquidationsResponse] = []
    begun = asyncio.Event()

    async def breaking(venue: Venue) -> None:
        """Read, losing the connection after each 37 messages, until the last event of the log has come."""
        from_seq = 0
        while True:
            async with listening(venue, from_seq) as stream:
                for _ in range(37):
                    message = await stream.read()
                    assert message is not grpc.aio.EOF
                    heard.append(message)
                    from_seq = message.seq
                    begun.set()

    async with running(own_redis) as venue:
        reading = asyncio.create_task(breaking(venue))
        await begun.wait()
        await venue.storm()
        logged = await venue.logged()
        await eventually_async(lambda: bool(seqs(heard)) and seqs(heard)[-1] == logged[-1][0], timeout=30)
        reading.cancel()
        # Every account ranks its victims: some twenty-five events of each, and forty lines or fewer.
        assert len(logged) > 1_000
        assert {type(event) for _, event in logged} >= set(FEED_EVENTS[:7])
        assert seqs(heard) == [seq for seq, _ in logged]

        # Who comes later gets the same from the beginning, and is told where the past ends.
        async with listening(venue, 1) as stream:
            later = await until(stream, logged[-1][0])
            assert later[0] == pb.StreamLiquidationsResponse(seq=1)
            end = await stream.read()
            assert end.WhichOneof("event") is None
            assert end.seq >= logged[-1][0]
        assert seqs(later) == [seq for seq, _ in logged]
        rankings = [message.ranking for message in later if message.HasField("ranking")]
        assert all(ranking.ranked == ranking.lines[-1].rank for ranking in rankings)
        assert [(line.rank, line.account_id, line.delta_lots) for ranking in rankings for line in ranking.lines] == [
            (event.rank, event.account_id, event.delta_lots) for _, event in logged if isinstance(event, AdlRanked)
        ]

        # Of ETH nothing is told but what is in no instrument.
        async with listening(venue, 1, (ETH,)) as stream:
            of_eth = await until(stream, [seq for seq, event in logged if not event.instrument_id][-1])
        assert seqs(of_eth) == [seq for seq, event in logged if not event.instrument_id]
        scene = venue.scene

    # The process ends, another one goes on: the whole past is there, from any seq on.
    async with running(own_redis, go_on=scene) as venue:
        middle = logged[len(logged) // 2][0]
        async with listening(venue, middle) as stream:
            rest = await until(stream, logged[-1][0])
        assert seqs(rest) == [seq for seq, _ in logged if seq > middle]


async def test_who_does_not_read_is_cut_and_keeps_neither_the_loop_nor_others_waiting(own_redis: RedisServer) -> None:
    waits: list[float] = []

    async def asking(venue: Venue) -> None:
        """Ask the loop for something again and again."""
        while True:
            began = time.monotonic()
            await venue.service.ask(lambda core: core.last_seq)
            waits.append(time.monotonic() - began)
            await asyncio.sleep(0.005)

    async with running(own_redis) as venue, listening(venue) as idle, listening(venue) as other:
        await idle.read()
        await other.read()
        asker = asyncio.create_task(asking(venue))
        await venue.storm()
        logged = await venue.logged()
        assert seqs(await until(other, logged[-1][0])) == [seq for seq, _ in logged]
        # It has read nothing: what gRPC does not hold for it waits at the door, for longer than the patience.
        await asyncio.sleep(2 * PATIENCE_SECONDS)
        asker.cancel()
        heard, reason = await to_the_end(idle)
        assert reason == "SUBSCRIBER_TOO_SLOW"
        assert len(seqs(heard)) < len(logged)
        async with listening(venue, heard[-1].seq) as stream:
            heard += await until(stream, logged[-1][0])
        assert seqs(heard) == [seq for seq, _ in logged]
        # The loop answered all along; a machine that others share may be slow now and then.
        assert len(waits) > 20
        assert sorted(waits)[len(waits) * 9 // 10] < 1.0


async def test_any_key_may_listen_and_none_may_not(own_redis: RedisServer) -> None:
    async with running(own_redis) as venue:
        for key in ("reader", "trader"):
            async with listening(venue, key=key) as stream:
                assert (await stream.read()).WhichOneof("event") is None
        for key in ("", "stranger"):
            async with listening(venue, key=key) as stream:
                assert await to_the_end(stream) == ([], "KEY_UNKNOWN")
        async with listening(venue, instruments=(99,)) as stream:
            assert await to_the_end(stream) == ([], "INSTRUMENT_UNKNOWN")
        async with listening(venue, from_seq=10**9) as stream:
            assert await to_the_end(stream) == ([], "RESUME_IMPOSSIBLE")
        async with listening(venue, from_seq=-1) as stream:
            assert await to_the_end(stream) == ([], "RESUME_IMPOSSIBLE")


async def test_the_newest_rows_and_those_in_redis_are_one_history(own_redis: RedisServer) -> None:
    client = redis_client(own_redis.url)
    await client.flushall()
    # Ten rows of two records, of which three are held in memory; a follower that lost Redis says the last one again.
    history = LiquidationHistory(client, held_bytes=3 * 2 * RECORD_BYTES)
    record = encode(CascadeEnded(0, 0, 1, *[0] * 8))
    rows = [Row(5, (10 * number, 10 * number + 1), 2 * record) for number in range(1, 11)]
    for row in (*rows, rows[-1]):
        pipe: Any = client.pipeline(transaction=False)
        history.add(pipe, row)
        await pipe.execute(raise_on_error=False)
        await history.written(row.last_seq, row)
    for after_seq in (0, 10, 11, 60, 70, 71, 80, 99, 100, 101):
        found: list[Row] = []
        while page := await history.rows_after(found[-1].last_seq if found else after_seq):
            found += page
        assert found == [row for row in rows if row.last_seq > after_seq]
    await client.aclose()
