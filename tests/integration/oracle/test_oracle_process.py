"""The oracle as a process: it follows the other logs, publishes, breaks on command, and survives kill −9."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import redis
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped] # It ships no types.
from grpc_status import rpc_status  # type: ignore[import-untyped] # The same.

from tests.eventually import eventually_async
from wavetank.cli.ports import ReservedAddresses
from wavetank.model.events.clearing import ApiKeyCreated
from wavetank.model.events.matching import BookSampled
from wavetank.model.events.oracle import (
    ConsumerBit,
    FaultEnded,
    FaultSet,
    FundingTicked,
    MarkComputed,
    PremiumSampled,
    PricePublished,
    SourceStateChanged,
)
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier
from wavetank.model.record import Event, decode_all, encode_all
from wavetank.runtime.log_reader import read_log
from wavetank.runtime.log_writer import LogWriter
from wavetank.runtime.redis_server import RedisServer, start_redis
from wavetank.v1 import directory_pb2, directory_pb2_grpc, oracle_control_pb2, oracle_control_pb2_grpc, oracle_pb2
from wavetank.v1.oracle_pb2_grpc import OracleServiceStub

SECOND = 1_000_000_000
START = 1_750_000_000 * SECOND
INTERNAL_KEY = "the-internal-key-of-this-test"
SECRET = "a secret of this test"
ADMIN = (("authorization", f"Bearer admin.{SECRET}"),)
READER = (("authorization", f"Bearer reader.{SECRET}"),)
SPEED = 20_000  # Venue seconds per 1,000 wall seconds: twenty times the wall.

BTC = Instrument(
    instrument_id=1, symbol="BTC", size_decimals=5, tiers=(MarginTier(0, 40),), funding_interval_ns=20 * SECOND
)
ETH = Instrument(instrument_id=2, symbol="ETH", size_decimals=4, tiers=(MarginTier(0, 25),))


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """Return a server of its own: the logs of a venue have fixed names."""
    with start_redis(tmp_path / "redis") as server:
        yield server


@dataclass
class Venue:
    """An oracle process and the logs around it."""

    redis: RedisServer
    directory: Path
    address: str
    origin_ns: int = 0
    extra: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        self.origin_ns = self.origin_ns or time.time_ns()
        environment = {
            "PATH": os.environ["PATH"],
            "WAVETANK_ORACLE_REDIS_URL": self.redis.url,
            "WAVETANK_ORACLE_LISTEN": self.address,
            "WAVETANK_ORACLE_ORACLE_ADDRESS": self.address,
            "WAVETANK_ORACLE_INTERNAL_KEY": INTERNAL_KEY,
            "WAVETANK_ORACLE_CLOCK_START_NS": str(START),
            "WAVETANK_ORACLE_CLOCK_ORIGIN_NS": str(self.origin_ns),
            "WAVETANK_ORACLE_CLOCK_SPEED_MILLI": str(SPEED),
            "WAVETANK_ORACLE_PUBLISH_WALL_MS": "20",
            "WAVETANK_ORACLE_SNAPSHOT_ENTRIES": "7",
            "WAVETANK_ORACLE_DIE_WITH_PARENT": "true",
        } | self.extra
        with (self.directory / "oracle.log").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "wavetank.oracle"], env=environment, stdout=output, stderr=output
            )
        return self.process

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(15)

    def said(self) -> str:
        return (self.directory / "oracle.log").read_text()

    def events(self) -> list[Event]:
        client = redis.Redis.from_url(self.redis.url)
        try:
            return [event for entry in read_log(client, "oracle") for event in decode_all(entry.records)]
        finally:
            client.close()

    async def is_serving(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        async with grpc.aio.insecure_channel(self.address) as channel:
            try:
                answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=1)
            except grpc.aio.AioRpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@asynccontextmanager
async def clearing_log(redis_url: str) -> AsyncIterator[LogWriter]:
    writer = await LogWriter.open(redis_url, "clearing")
    digest = hashlib.sha256(SECRET.encode()).digest()
    events: list[Event] = [
        *BTC.listing(),
        *ETH.listing(),
        ApiKeyCreated(0, 0, b"admin", digest, 4),
        ApiKeyCreated(0, 1_000, b"reader", digest, 1),
    ]
    await writer.append(b"", encode_all(events), len(events), START)
    try:
        yield writer
    finally:
        await writer.close()


@pytest.fixture
async def venue(own_redis: RedisServer, tmp_path: Path) -> AsyncIterator[Venue]:
    reserved = ReservedAddresses(1)
    made = Venue(own_redis, tmp_path, reserved.addresses[0])
    made.extra["WAVETANK_ORACLE_SOURCES"] = json.dumps(
        {
            "BTC": [{"kind": "synthetic", "start_price": "60000", "volatility": "0.01"}],
            "ETH": [{"kind": "push"}],
        }
    )
    async with clearing_log(own_redis.url):
        with reserved:
            yield made
        if made.process is not None:
            made.stop(signal.SIGKILL)


def reason_of(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            return info
    raise AssertionError(f"no ErrorInfo in {error!r}")


async def next_price(stream: Any) -> oracle_pb2.SubscribePricesResponse:  # noqa: ANN401 - grpc.aio's own type says less.
    price = await stream.read()
    assert isinstance(price, oracle_pb2.SubscribePricesResponse)
    return price


def of(kind: type[Event], events: list[Event], instrument_id: int = 1) -> list[Event]:
    return [event for event in events if isinstance(event, kind) and event.instrument_id == instrument_id]


async def started(venue: Venue) -> None:
    venue.start()
    await eventually_async(venue.is_serving, 20.0)


@pytest.mark.spec("ORCL-010", "ORCL-020", "FUND-010", "FUND-030")
async def test_prices_premiums_and_funding_ticks_reach_the_log(venue: Venue, own_redis: RedisServer) -> None:
    await started(venue)
    books = await LogWriter.open(own_redis.url, "matching-0")
    try:

        async def has_ticked() -> bool:
            now_ns = START + (time.time_ns() - venue.origin_ns) * SPEED // 1_000
            sample = BookSampled(
                1, 0, 601_000, 5, 601_200, 5, 601_100, 606_000_000_000, 607_000_000_000, 0, 0, 0, now_ns
            )
            await books.append(b"", encode_all([sample]), 1, now_ns)
            return len(of(FundingTicked, venue.events())) > 2

        await eventually_async(has_ticked, 20.0)
    finally:
        await books.close()
    events = venue.events()
    ticks = [event for event in events if isinstance(event, FundingTicked) and event.instrument_id == 1]
    assert [tick.tick for tick in ticks] == list(range(1, len(ticks) + 1))
    assert [tick.due_time_ns % BTC.funding_interval_ns for tick in ticks] == [0] * len(ticks)
    assert of(PremiumSampled, events)
    marks = [event for event in events if isinstance(event, MarkComputed)]
    assert any(mark.book_term_e6 == 601_100_000_000 for mark in marks)
    # The other instrument takes pushed prices only, and nobody pushed one: nothing was invented.
    assert of(PricePublished, events, 2) == []


@pytest.mark.spec("ORCL-040")
async def test_a_lag_for_clearing_is_set_seen_listed_and_cleared(venue: Venue) -> None:
    await started(venue)
    async with grpc.aio.insecure_channel(venue.address) as channel:
        control = oracle_control_pb2_grpc.OracleControlServiceStub(channel)
        await eventually_async(lambda: len(of(PricePublished, venue.events())) > 10, 20.0)
        fault = oracle_control_pb2.Fault(
            kind=oracle_control_pb2.FAULT_KIND_LAG,
            target=oracle_control_pb2.FAULT_TARGET_PRICE,
            instrument_ids=[1],
            consumers=[oracle_pb2.CONSUMER_CLEARING],
            lag_ns=5 * SECOND,
        )
        answer = await control.SetFault(oracle_control_pb2.SetFaultRequest(fault=fault), metadata=ADMIN)
        assert (answer.fault.fault_id, list(answer.fault.instrument_ids)) == (1, [1])
        listed = await control.ListFaults(oracle_control_pb2.ListFaultsRequest(), metadata=ADMIN)
        assert list(listed.faults) == [answer.fault]

        def late() -> list[PricePublished]:
            return [
                event
                for event in venue.events()
                if isinstance(event, PricePublished) and event.consumers == ConsumerBit.CLEARING
            ]

        found = await eventually_async(lambda: late()[5:], 20.0)
        assert all(event.event_time_ns - event.index_time_ns >= 5 * SECOND for event in found)
        cleared = await control.ClearFaults(oracle_control_pb2.ClearFaultsRequest(fault_ids=[1]), metadata=ADMIN)
        assert list(cleared.fault_ids) == [1]
        assert cleared.seq > answer.seq
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await control.ClearFaults(oracle_control_pb2.ClearFaultsRequest(fault_ids=[1]), metadata=ADMIN)
        assert reason_of(caught.value).reason == "FAULT_UNKNOWN"
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    events = venue.events()
    assert len(of(FaultSet, events)) == len(of(FaultEnded, events)) == 1


@pytest.mark.spec("ORCL-010")
async def test_pushed_prices_are_published_and_refused_as_a_whole(venue: Venue) -> None:
    await started(venue)
    async with grpc.aio.insecure_channel(venue.address) as channel:
        oracle = OracleServiceStub(channel)
        await eventually_async(lambda: len(of(PricePublished, venue.events())) > 0, 20.0)
        good = oracle_pb2.PushedPrice(instrument_id=2, price_micros=2_500_000_000, source="desk")
        wrong = oracle_pb2.PushedPrice(instrument_id=2, price_micros=0, source="desk")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await oracle.PushPrices(oracle_pb2.PushPricesRequest(prices=[good, wrong]), metadata=ADMIN)
        info = reason_of(caught.value)
        assert (info.reason, info.metadata["was"], info.metadata["allowed"]) == ("PRICE_NOT_POSITIVE", "0", "1")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await oracle.PushPrices(oracle_pb2.PushPricesRequest(prices=[good]), metadata=READER)
        assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert of(PricePublished, venue.events(), 2) == []
        answer = await oracle.PushPrices(oracle_pb2.PushPricesRequest(prices=[good]), metadata=ADMIN)
        assert answer.seq > 0
        published = await eventually_async(lambda: of(PricePublished, venue.events(), 2), 20.0)
        assert isinstance(published[0], PricePublished)
        # 2,500 USD at 0.01 USD a tick.
        assert published[0].index_price_ticks == 250_000


async def test_subscribers_get_last_prices_resume_and_see_only_their_own(venue: Venue) -> None:
    await started(venue)
    async with grpc.aio.insecure_channel(venue.address) as channel:
        oracle = OracleServiceStub(channel)
        await eventually_async(lambda: len(of(PricePublished, venue.events())) > 3, 20.0)
        request = oracle_pb2.SubscribePricesRequest(consumer=oracle_pb2.CONSUMER_BOTS, instrument_ids=[1])
        stream = oracle.SubscribePrices(request, metadata=READER, timeout=20)
        seqs = [(await next_price(stream)).seq for _ in range(4)]
        stream.cancel()
        assert seqs == sorted(set(seqs))
        request.from_seq = seqs[1]
        stream = oracle.SubscribePrices(request, metadata=READER, timeout=20)
        assert [(await next_price(stream)).seq for _ in range(2)] == seqs[2:]
        stream.cancel()

        async def refused(wrong: oracle_pb2.SubscribePricesRequest, metadata: tuple[tuple[str, str], ...]) -> str:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await oracle.SubscribePrices(wrong, metadata=metadata, timeout=20).read()
            return str(reason_of(caught.value).reason)

        ahead = oracle_pb2.SubscribePricesRequest(consumer=oracle_pb2.CONSUMER_BOTS, from_seq=10**9)
        assert await refused(ahead, READER) == "RESUME_IMPOSSIBLE"
        assert await refused(oracle_pb2.SubscribePricesRequest(), READER) == "MALFORMED"
        request.instrument_ids[:] = [77]
        assert await refused(request, READER) == "INSTRUMENT_UNKNOWN"
        assert await refused(ahead, ()) == "KEY_UNKNOWN"
        directory = await directory_pb2_grpc.DirectoryServiceStub(channel).GetDirectory(
            directory_pb2.GetDirectoryRequest()
        )
        assert [instrument.symbol for instrument in directory.instruments] == ["BTC", "ETH"]
        assert directory.endpoints[0].address == venue.address


@pytest.mark.spec("FUND-030", "ORCL-040")
async def test_killed_and_started_again_it_goes_on_where_it_was(venue: Venue) -> None:
    await started(venue)
    async with grpc.aio.insecure_channel(venue.address) as channel:
        control = oracle_control_pb2_grpc.OracleControlServiceStub(channel)
        await eventually_async(lambda: len(of(PricePublished, venue.events())) > 10, 20.0)
        fault = oracle_control_pb2.Fault(
            kind=oracle_control_pb2.FAULT_KIND_FREEZE,
            target=oracle_control_pb2.FAULT_TARGET_PRICE,
            consumers=[oracle_pb2.CONSUMER_BOTS],
        )
        await control.SetFault(oracle_control_pb2.SetFaultRequest(fault=fault), metadata=ADMIN)
    venue.stop(signal.SIGKILL)
    before = venue.events()
    await started(venue)
    async with grpc.aio.insecure_channel(venue.address) as channel:
        control = oracle_control_pb2_grpc.OracleControlServiceStub(channel)
        listed = await control.ListFaults(oracle_control_pb2.ListFaultsRequest(), metadata=ADMIN)
        assert [active.fault_id for active in listed.faults] == [1]
    await eventually_async(lambda: len(of(FundingTicked, venue.events())) > len(of(FundingTicked, before)) + 1, 20.0)
    events = venue.events()
    assert events[: len(before)] == before
    ticks = [event.tick for event in events if isinstance(event, FundingTicked) and event.instrument_id == 1]
    assert ticks == list(range(1, len(ticks) + 1))
    frozen = {
        (event.index_price_ticks, event.index_time_ns)
        for event in events
        if isinstance(event, PricePublished) and event.consumers == ConsumerBit.BOTS and event.instrument_id == 1
    }
    assert len(frozen) == 1
    assert venue.stop(signal.SIGTERM) == 0


async def test_a_bad_file_starts_nothing_and_says_why(venue: Venue, tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT.csv"
    path.write_text("time,price\n2025-06-15T15:06:40,60000\n2025-06-15T15:06:30,60001\n")
    venue.extra["WAVETANK_ORACLE_SOURCES"] = json.dumps({"BTC": [{"kind": "file", "path": str(path)}]})
    assert venue.start().wait(20) == 78
    assert "BTCUSDT.csv:3" in venue.said()
    assert "PRICE_OUT_OF_ORDER" in venue.said()
    assert venue.events() == []


async def test_a_hole_that_was_allowed_makes_the_source_stale_and_says_so(venue: Venue, tmp_path: Path) -> None:
    # Prices each second for half a minute, nothing for more than a minute, then prices again.
    lines = [f"{START // SECOND + second},{60_000 + second}" for second in [*range(30), *range(100, 200)]]
    path = tmp_path / "BTCUSDT.csv"
    path.write_text("time,price\n" + "\n".join(lines) + "\n")
    venue.extra["WAVETANK_ORACLE_SOURCES"] = json.dumps({"BTC": [{"kind": "file", "path": str(path)}]})
    assert venue.start().wait(20) == 78
    assert "PRICE_STALE" in venue.said()
    venue.extra["WAVETANK_ORACLE_ALLOW_HOLES"] = "true"
    venue.origin_ns = 0
    await started(venue)

    def states() -> list[int]:
        return [event.is_live for event in venue.events() if isinstance(event, SourceStateChanged)]

    await eventually_async(lambda: states() == [1, 0, 1], 30.0)
    assert "source_stale" in venue.said()


async def test_without_redis_commands_are_refused_in_time(venue: Venue, own_redis: RedisServer) -> None:
    await started(venue)
    async with grpc.aio.insecure_channel(venue.address) as channel:
        control = oracle_control_pb2_grpc.OracleControlServiceStub(channel)
        freeze = oracle_control_pb2.Fault(
            kind=oracle_control_pb2.FAULT_KIND_FREEZE, target=oracle_control_pb2.FAULT_TARGET_PRICE
        )
        await control.SetFault(oracle_control_pb2.SetFaultRequest(fault=freeze), metadata=ADMIN)
        own_redis.kill()

        async def is_refused() -> bool:
            try:
                await control.SetFault(oracle_control_pb2.SetFaultRequest(fault=freeze), metadata=ADMIN, timeout=5)
            except grpc.aio.AioRpcError as error:
                return error.code() is grpc.StatusCode.UNAVAILABLE and reason_of(error).reason == "LOG_UNAVAILABLE"
            return False

        await eventually_async(is_refused, 10.0)
