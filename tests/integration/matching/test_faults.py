"""What a caller is told when Redis stands still, dies, or the service itself ends."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import redis

from tests.eventually import eventually_async
from tests.integration.callers import BUY, SOL, Caller, Session, calling, on_grid, place, refused
from tests.venue_fixture import start_venue
from wavetank.cli.venue import VenueProcess
from wavetank.model.events.matching import OrderAccepted
from wavetank.model.record import decode_all
from wavetank.runtime.log_reader import read_log
from wavetank.v1 import account_pb2, market_data_pb2, reason_pb2
from wavetank.v1 import order_entry_pb2 as pb

BOUND_SECONDS = 1.5
"""An answer takes 0.5 seconds at most, and the patrol that gives it passes eight times in that time."""


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[VenueProcess]:
    settings = {
        "matching": {
            "APPEND_TIMEOUT_MS": "300",
            "ANSWER_TIMEOUT_MS": "500",
            "DRAIN_TIMEOUT_MS": "60000",
            "COMMANDS_PER_SECOND": "1000",
            "COMMANDS_BURST": "3000",
        },
        "clearing": {"APPEND_TIMEOUT_MS": "300", "DRAIN_TIMEOUT_MS": "60000"},
    }
    venue = await asyncio.to_thread(start_venue, tmp_path, settings=settings)
    yield venue
    await asyncio.to_thread(venue.stop)


def accepted(venue: VenueProcess) -> set[bytes]:
    """Return the client order ids that the log says were accepted."""
    with redis.Redis.from_url(venue.redis_url) as client:
        return {
            event.client_order_id
            for entry in read_log(client, "matching-0")
            for event in decode_all(entry.records)
            if isinstance(event, OrderAccepted)
        }


async def assert_refused_in_time(trader: Caller, session: Session, price: int, tag: str) -> list[bytes]:
    """Try to trade while the log cannot be written; return the ids of what the venue promised not to do."""
    withdrawn: list[bytes] = []
    for number in range(6):
        name = f"{tag}-{number}".encode()
        order = place(BUY, 100, price, instrument_id=SOL, client_order_id=name)
        began = time.monotonic()
        if number % 2:
            response = await session.do(pb.Command(place=order))
            assert not response.results
            assert response.refusal.reason == reason_pb2.REASON_LOG_UNAVAILABLE
            message = response.refusal.message
        else:
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await trader.place(order)
            refusal = refused(error.value)
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "LOG_UNAVAILABLE")
            message = refusal.message
        assert time.monotonic() - began < BOUND_SECONDS
        if "nothing was done" in message:
            withdrawn.append(name)
    return withdrawn


async def assert_resumes(trader: Caller, session: Session, price: int, name: bytes) -> None:
    """Check that orders are taken again, by the same session."""

    async def is_taken() -> bool:
        order = place(BUY, 100, price, instrument_id=SOL, client_order_id=name)
        response = await session.do(pb.Command(place=order))
        return bool(response.results) and response.results[0].state == pb.ORDER_STATE_OPEN

    await eventually_async(is_taken, timeout=20.0)
    assert name in [order.client_order_id for order in await trader.open_orders()]


async def test_redis_gone_and_back(venue: VenueProcess) -> None:
    async with calling(venue) as admin:
        trader = await admin.trader("one")
        price = on_grid(await trader.mark_ticks(SOL) * 97 // 100)
        session = await Session.open(trader)
        started = venue.starts("matching-0")

        # It stands still: connections stay open, nothing answers.
        pid = venue.file.pids["redis"]
        os.kill(pid, signal.SIGSTOP)
        try:
            withdrawn = await assert_refused_in_time(trader, session, price, "still")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert withdrawn
        await assert_resumes(trader, session, price, b"after still")

        # It is killed, and started again by the supervisor.
        os.kill(pid, signal.SIGKILL)
        name = b"killed"
        response = await session.do(
            pb.Command(place=place(BUY, 100, price, instrument_id=SOL, client_order_id=name)), timeout=10.0
        )
        was_refused = response.refusal.reason == reason_pb2.REASON_LOG_UNAVAILABLE
        # Between two breaths the supervisor may have been quicker.
        assert was_refused or response.results[0].state == pb.ORDER_STATE_OPEN
        await assert_resumes(trader, session, price, b"after killed")

        log = accepted(venue)
        assert {b"after still", b"after killed"} <= log
        # What the venue said it would not do, it did not do when the log was back.
        assert not log & set(withdrawn)
        assert venue.starts("matching-0") == started
        await session.close()


async def test_streams_end_with_the_service_and_not_with_the_patience_of_the_door(venue: VenueProcess) -> None:
    async with calling(venue) as admin:
        trader = await admin.trader("one")
        price = on_grid(await trader.mark_ticks(SOL) * 97 // 100)
        session = await Session.open(trader, cancel_on_disconnect=True)
        assert (await session.place(place(BUY, 100, price, instrument_id=SOL))).state == pb.ORDER_STATE_OPEN
        feed = trader.market_data.Subscribe(
            market_data_pb2.SubscribeRequest(channels=[market_data_pb2.CHANNEL_BOOK]), metadata=trader.metadata
        )
        own = trader.accounts.StreamAccountEvents(account_pb2.StreamAccountEventsRequest(), metadata=trader.metadata)
        await feed.read()
        await own.read()
        began = time.monotonic()
        await asyncio.to_thread(venue.stop)
        # The door would wait for 60 seconds for each service.
        assert time.monotonic() - began < 12.0

        await eventually_async(lambda: session.ended is not None)
        assert session.ended is not None
        assert (refused(session.ended).code, refused(session.ended).reason) == (
            grpc.StatusCode.UNAVAILABLE,
            "NOT_READY",
        )
        for stream in (feed, own):
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await _read_to_the_end(stream)
            assert refused(error.value).reason == "NOT_READY"


async def _read_to_the_end(stream: Any) -> None:  # noqa: ANN401 - grpcio's call.
    while await stream.read() is not grpc.aio.EOF:
        continue


async def test_too_many_commands_are_refused_and_the_session_goes_on(venue: VenueProcess) -> None:
    async with calling(venue) as admin:
        trader = await admin.trader("one")
        session = await Session.open(trader)
        cancels = [pb.Command(cancel=pb.CancelOrder(order_id=1))] * 1_000
        # Three thousand at once are allowed, and a thousand come back each second.
        answers = [await session.send(*cancels) for _ in range(8)]
        reasons = [(await answer).refusal.reason for answer in answers]
        assert reasons[0] == 0
        assert reasons[-1] == reason_pb2.REASON_RATE_LIMITED

        async def is_taken() -> bool:
            return bool((await session.do(*cancels[:10])).results)

        await eventually_async(is_taken)
        await session.close()
