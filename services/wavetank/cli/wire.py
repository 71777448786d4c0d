"""Measure order → acknowledgement through a session, beside a bare gRPC echo of the same size.

It exists because a latency alone says nothing on a shared machine: both are measured in turns of half a second, one
message in flight, so that the noise falls on both, and the ratio is what is quoted. Generated stubs and plain bytes are
used, not the SDK. The time inside the service is what matching itself measures, stage by stage.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection
from typing import Any, Self

import grpc
import uvloop

from wavetank.cli.connection import VenueConnection, bearer
from wavetank.cli.echo import METHOD
from wavetank.cli.failure import CommandFailed
from wavetank.cli.run_directory import VenueFile
from wavetank.model.money import round_down_to_grid
from wavetank.v1 import (
    account_pb2,
    directory_pb2,
    instrument_pb2,
    market_data_pb2,
    order_entry_pb2,
    order_entry_pb2_grpc,
)

TURN_SECONDS = 0.5
WARM_UP_MESSAGES = 100
STAGES = ("decode", "engine", "append", "publish")
DEPOSIT_MICROS = 1_000_000 * 1_000_000
_FAR_PPM = 950_000
"""The order's price, as a share of the mark: inside the price band, far from trading."""
_NOTIONAL_MICROS = 100 * 1_000_000
_PRICE_SECONDS = 15.0
_US = 1e6

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of a round trip, microseconds of wall time."""

    p50_us: float
    p99_us: float
    count: int


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage of the service cost on average, microseconds."""

    mean_us: float
    count: int


@dataclass(frozen=True, slots=True)
class WireReport:
    """What was measured, in one run."""

    echo_p50_us: float
    echo_p99_us: float
    logged_p50_us: float
    logged_p99_us: float
    ratio_p50: float
    ratio_p99: float
    cancel_p50_us: float
    cancel_p99_us: float
    orders: int
    echoes: int
    seconds: float
    request_bytes: int
    response_bytes: int
    durability: str
    stages: dict[str, Stage]
    """Mean time in each stage of matching, by its own clock."""
    elsewhere_us: float
    """Median less the stages: gRPC on both sides, wake-ups, the client."""
    cpu_percent: dict[str, float] = field(default_factory=dict)
    """Processor time of each process while orders were sent, per cent of one core."""
    workload: str = (
        "one session, one order in flight; a post-only limit order 5 % from the mark, then its cancel; turns of half a "
        "second with a bare gRPC stream echo of the same sizes"
    )

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def measure(venue: VenueFile, *, seconds: float, progress: Progress) -> WireReport:
    """Measure against a running venue.

    Args:
        venue: where it is.
        seconds: wall time for echo and orders together.
        progress: told the share that is done.

    Raises:
        CommandFailed: the venue has no price yet, or refuses the orders.

    """
    with VenueConnection(venue) as connection:
        account_id = _fresh_account(connection)
        instrument, price_ticks = _far_price(connection)
    size_lots = max(1, _NOTIONAL_MICROS // price_ticks)
    order = order_entry_pb2.PlaceOrder(
        instrument_id=instrument.instrument_id,
        side=instrument_pb2.SIDE_BUY,
        order_type=order_entry_pb2.ORDER_TYPE_LIMIT,
        time_in_force=order_entry_pb2.TIME_IN_FORCE_GTC,
        price_ticks=price_ticks,
        size_lots=size_lots,
        post_only=True,
    )
    return uvloop.run(_measure(venue, account_id, order, seconds=seconds, progress=progress))


async def _measure(
    venue: VenueFile, account_id: int, order: order_entry_pb2.PlaceOrder, *, seconds: float, progress: Progress
) -> WireReport:
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(_Session(venue, account_id, order))
        for _ in range(WARM_UP_MESSAGES):
            await session.place_and_cancel()
        echo = await stack.enter_async_context(_Echo(session.request_bytes, session.response_bytes))
        await echo.round_trips(TURN_SECONDS / 2)
        session.forget()
        echo.forget()
        stages_before = _stage_sums(venue)
        cpu = dict.fromkeys(_processes(venue), 0.0)
        began, trading = time.monotonic(), 0.0
        while (elapsed := time.monotonic() - began) < seconds:
            progress(elapsed / seconds)
            await echo.round_trips(TURN_SECONDS)
            before, turn = _cpu_seconds(venue), time.monotonic()
            while time.monotonic() - turn < TURN_SECONDS:
                await session.place_and_cancel()
            trading += time.monotonic() - turn
            after = _cpu_seconds(venue)
            cpu = {name: spent + after[name] - before[name] for name, spent in cpu.items()}
        stages_after = _stage_sums(venue)
    stages = {name: _mean(stages_before[name], stages_after[name]) for name in STAGES}
    bare, logged, cancelled = (_latency(times) for times in (echo.times, session.place_times, session.cancel_times))
    return WireReport(
        echo_p50_us=bare.p50_us,
        echo_p99_us=bare.p99_us,
        logged_p50_us=logged.p50_us,
        logged_p99_us=logged.p99_us,
        ratio_p50=round(logged.p50_us / bare.p50_us, 2),
        ratio_p99=round(logged.p99_us / bare.p99_us, 2),
        cancel_p50_us=cancelled.p50_us,
        cancel_p99_us=cancelled.p99_us,
        orders=logged.count,
        echoes=bare.count,
        seconds=round(time.monotonic() - began, 1),
        request_bytes=session.request_bytes,
        response_bytes=session.response_bytes,
        durability=venue.durability,
        stages=stages,
        elsewhere_us=round(max(0.0, logged.p50_us - sum(stage.mean_us for stage in stages.values())), 1),
        cpu_percent={name: round(100 * spent / trading, 1) for name, spent in cpu.items()},
    )


class _Session:
    """A session with one order in flight; keeps the round trips' times in seconds."""

    def __init__(self, venue: VenueFile, account_id: int, order: order_entry_pb2.PlaceOrder) -> None:
        self._venue = venue
        self._open = order_entry_pb2.SessionOpen(account_id=account_id, cancel_on_disconnect=True)
        self._order = order
        self._request_id = 0
        self.place_times: list[float] = []
        self.cancel_times: list[float] = []
        self.request_bytes = 0
        self.response_bytes = 0

    async def __aenter__(self) -> Self:
        self._channel = grpc.aio.insecure_channel(self._venue.endpoints["matching"][0])
        stub: Any = order_entry_pb2_grpc.OrderEntryServiceStub(self._channel)
        self._stream = stub.Session(metadata=bearer(self._venue.play_key))
        await self._stream.write(order_entry_pb2.SessionRequest(open=self._open))
        await self._read()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stream.cancel()
        await self._channel.close()

    def forget(self) -> None:
        """Drop what was measured while warming up."""
        self.place_times.clear()
        self.cancel_times.clear()

    async def place_and_cancel(self) -> None:
        """Place an order, wait for its acknowledgement, cancel it, wait for that."""
        placed, self_time = await self._ask(order_entry_pb2.Command(place=self._order))
        self.place_times.append(self_time)
        cancel = order_entry_pb2.CancelOrder(order_id=placed.order_id)
        _, self_time = await self._ask(order_entry_pb2.Command(cancel=cancel))
        self.cancel_times.append(self_time)

    async def _ask(self, command: order_entry_pb2.Command) -> tuple[order_entry_pb2.CommandResult, float]:
        self._request_id += 1
        request = order_entry_pb2.SessionRequest(request_id=self._request_id, commands=[command])
        started = time.perf_counter()
        await self._stream.write(request)
        # The account's own order events may come in messages between.
        while (response := await self._read()).request_id != self._request_id:
            pass
        taken = time.perf_counter() - started
        refusal = response.refusal if response.HasField("refusal") else response.results[0].refusal
        if refusal.reason:
            raise CommandFailed(f"the venue refused the order: {refusal.message} (reason {refusal.reason})")
        if command.HasField("place"):
            self.request_bytes, self.response_bytes = request.ByteSize(), response.ByteSize()
        return response.results[0], taken

    async def _read(self) -> order_entry_pb2.SessionResponse:
        try:
            response = await self._stream.read()
        except grpc.aio.AioRpcError as error:
            raise CommandFailed(f"the session ended: {error.details()}") from error
        if not isinstance(response, order_entry_pb2.SessionResponse):
            raise CommandFailed("the session ended", hint="`wavetank status` shows how the services are")
        return response


class _Echo:
    """A bare echo in a process of its own; keeps the round trips' times in seconds."""

    def __init__(self, request_bytes: int, reply_bytes: int) -> None:
        self._payload = bytes(request_bytes)
        self._reply_bytes = reply_bytes
        self.times: list[float] = []

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "wavetank.cli.echo", str(self._reply_bytes), stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        address = (await self._process.stdout.readline()).decode().strip()
        self._channel = grpc.aio.insecure_channel(address)
        call: Any = self._channel.stream_stream(METHOD)
        self._stream = call()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stream.cancel()
        await self._channel.close()
        self._process.terminate()
        await self._process.wait()

    def forget(self) -> None:
        """Drop what was measured while warming up."""
        self.times.clear()

    async def round_trips(self, seconds: float) -> None:
        """Send one message after the other for a while."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            started = time.perf_counter()
            await self._stream.write(self._payload)
            await self._stream.read()
            self.times.append(time.perf_counter() - started)


def _fresh_account(connection: VenueConnection) -> int:
    request = account_pb2.OpenAccountRequest(name=f"bench-{os.urandom(4).hex()}", deposit_micros=DEPOSIT_MICROS)
    return connection.call(connection.accounts.OpenAccount, request).account.account_id


def _far_price(connection: VenueConnection) -> tuple[instrument_pb2.Instrument, int]:
    """Return the first instrument that has a mark, and a price on its grid, far below."""
    deadline = time.monotonic() + _PRICE_SECONDS
    while True:
        listed = connection.call(connection.directory.GetDirectory, directory_pb2.GetDirectoryRequest()).instruments
        for instrument in listed:
            request = market_data_pb2.GetBookRequest(instrument_id=instrument.instrument_id, depth=1)
            mark = connection.call(connection.market_data.GetBook, request).prices.mark_price_ticks
            if mark:
                far = mark * _FAR_PPM // 1_000_000
                return instrument, round_down_to_grid(far, instrument.size_decimals, instrument.significant_figures)
        if time.monotonic() >= deadline:
            raise CommandFailed("no instrument has a price yet", hint="`wavetank status` shows what the oracle says")
        time.sleep(0.1)


def _latency(times: list[float]) -> Latency:
    ordered = sorted(times)
    last = len(ordered) - 1
    return Latency(
        round(ordered[last // 2] * _US, 1),
        round(ordered[last * 99 // 100] * _US, 1),
        len(ordered),
    )


def _stage_sums(venue: VenueFile) -> dict[str, tuple[float, float]]:
    """Return sum (seconds) and count of each stage, as matching's metrics page says; zeros without one."""
    page = _metrics_page(venue.metrics.get("matching-0", ""))
    values = dict(line.rsplit(" ", 1) for line in page.splitlines() if line and not line.startswith("#"))
    return {
        stage: tuple(float(values.get(f"wavetank_matching_{stage}_seconds_{what}", 0)) for what in ("sum", "count"))  # type: ignore[misc] # Two of them.
        for stage in STAGES
    }


def _metrics_page(address: str) -> str:
    if not address:
        return ""
    connection = HTTPConnection(address, timeout=5.0)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()


def _mean(before: tuple[float, float], after: tuple[float, float]) -> Stage:
    count = int(after[1] - before[1])
    return Stage(round((after[0] - before[0]) / count * _US, 1) if count else 0.0, count)


def _processes(venue: VenueFile) -> dict[str, int]:
    wanted = ("matching-0", "redis", "clearing")
    return {"client": os.getpid(), **{name: venue.pids[name] for name in wanted if name in venue.pids}}


def _cpu_seconds(venue: VenueFile) -> dict[str, float]:
    """Return the processor time that each process has used; zeros where the kernel does not say (not Linux)."""
    return {name: _cpu_of(pid) for name, pid in _processes(venue).items()}


def _cpu_of(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as source:  # noqa: PTH123 - the kernel's file, in a hot loop.
            # The name in brackets may hold blanks; user and system time are fields 14 and 15.
            fields = source.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
