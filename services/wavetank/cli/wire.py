"""Measure order entry over the wire, beside a bare gRPC echo of the same size.

It exists because a latency alone says nothing on a shared machine: all is measured in short turns, one after the other,
round after round, so that the noise falls on all alike, and the ratios are what is quoted. The time inside the service
is what matching itself measures, stage by stage.
"""

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import Any

import grpc
import uvloop

from wavetank.cli.connection import CALL_SECONDS, refusal
from wavetank.cli.failure import CommandFailed
from wavetank.cli.wire_load import Echo, OrderSession, Quoting, cpu_seconds
from wavetank.cli.wire_target import NO_LIMIT, STAGES, MeasuredVenue, Target, stage_sums
from wavetank.v1 import order_entry_pb2

TURN_SECONDS = 0.3
WARM_UP_ORDERS = 100
WINDOW = 64
"""Single orders in flight."""
BATCH_WINDOWS = {10: 32, 100: 8, 1_000: 3}
"""Batches in flight, by their size."""
_BATCHES = ", ".join(f"{window} of {size}" for size, window in BATCH_WINDOWS.items())
_QUIET_SECONDS = 0.2
_QUIET_SHARE = 0.25
"""Share of a core that the whole venue uses at most when it is idle."""
_QUIET_WITHIN_SECONDS = 5.0
_US = 1e6

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage of the service cost on average, microseconds."""

    mean_us: float
    count: int


@dataclass(frozen=True, slots=True)
class WireReport:
    """What was measured, in one run: wall times of round trips in microseconds, and rates per second."""

    echo_p50_us: float
    echo_p99_us: float
    matched_p50_us: float
    matched_p99_us: float
    logged_p50_us: float
    logged_p99_us: float
    cancel_p50_us: float
    cancel_p99_us: float
    matched_ratio_p50: float
    """To the echo, as the other ratios."""
    logged_ratio_p50: float
    echo_window_per_s: int
    single_window_per_s: int
    single_window_ratio: float
    batch10_orders_per_s: int
    batch100_orders_per_s: int
    batch1000_orders_per_s: int
    cpu_us: dict[str, dict[str, float]]
    """Processor time, user and system, per message (of batches: per command), of client, server and Redis."""
    stages: dict[str, Stage]
    """Mean time in each stage of matching while one order was in flight, by its own clock."""
    counts: dict[str, int]
    """Round trips or commands that each figure is of."""
    seconds: float
    request_bytes: int
    response_bytes: int
    durability: str
    workload: str = (
        "one session; post-only limit orders 5 % from the mark and their cancels, with client order ids; one in flight:"
        f" an order, its answer, then its cancel; windowed: {WINDOW} requests of one command in flight; batches: half"
        f" cancels, half orders, all counted, in flight {_BATCHES}; requests are made beforehand but for their ids;"
        f" turns of {TURN_SECONDS:g} s each beside a gRPC stream echo in Python of the same sizes"
    )

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


@dataclass
class _Phase:
    """One kind of traffic, and what its turns came to."""

    turn: Callable[[float], Awaitable[int]]
    server: int
    """The process at the other end, 0 if it is on another machine."""
    check: Callable[[], None]
    """Reads what came back."""
    count: int = 0
    seconds: float = 0.0
    client_cpu: float = 0.0
    server_cpu: float = 0.0
    redis_cpu: float = 0.0

    def forget(self) -> None:
        self.count = 0
        self.seconds = self.client_cpu = self.server_cpu = self.redis_cpu = 0.0

    @property
    def per_second(self) -> int:
        return round(self.count / self.seconds) if self.seconds else 0

    def cpu(self) -> dict[str, float]:
        spent = {"client": self.client_cpu, "server": self.server_cpu, "redis": self.redis_cpu}
        return {name: round(seconds / max(1, self.count) * _US, 2) for name, seconds in spent.items()}


class _PingPong:
    """One order in flight; keeps the round trips' times in seconds."""

    def __init__(self, session: OrderSession, order: order_entry_pb2.PlaceOrder) -> None:
        self._session = session
        self._request = Quoting(order, 1)
        self.check = session.check
        self.place_times: list[float] = []
        self.cancel_times: list[float] = []
        self.request_bytes = 0
        self.response_bytes = 0

    async def turn(self, seconds: float) -> int:
        """Place and cancel for a while; return how many orders."""
        ends = time.monotonic() + seconds
        before = len(self.place_times)
        while time.monotonic() < ends:
            await self.place_and_cancel()
        return len(self.place_times) - before

    async def place_and_cancel(self) -> None:
        """Place an order, wait for its acknowledgement, cancel it, wait for that."""
        self.place_times.append(await self._ask())
        self.cancel_times.append(await self._ask())

    async def _ask(self) -> float:
        request, stream = self._request(), self._session.stream
        started = time.perf_counter()
        await stream.write(request)
        answer = await stream.answer()
        taken = time.perf_counter() - started
        while order_entry_pb2.SessionResponse.FromString(answer).provisional:
            answer = await stream.answer()
        if not self.request_bytes:
            self.request_bytes, self.response_bytes = len(request), len(answer)
        return taken

    def forget(self) -> None:
        """Drop what was measured while warming up."""
        self.place_times.clear()
        self.cancel_times.clear()


def measure(target: Target, *, seconds: float, progress: Progress) -> WireReport:
    """Measure against a running venue.

    Args:
        target: where it is.
        seconds: wall time for all of it.
        progress: told the share that is done.

    Raises:
        CommandFailed: the venue has no price yet, or refuses the orders.

    """
    return uvloop.run(_measure(target, seconds=seconds, progress=progress))


async def _measure(target: Target, *, seconds: float, progress: Progress) -> WireReport:
    async with AsyncExitStack() as stack:
        try:
            venue = await stack.enter_async_context(MeasuredVenue(target))
            order = await venue.far_order()

            async def session(acknowledgement: int = order_entry_pb2.ACKNOWLEDGEMENT_LOGGED) -> OrderSession:
                # An account for each, for a session is told of all orders of its account.
                account_id = await venue.fresh_account()
                return await stack.enter_async_context(
                    OrderSession(venue.matching, target.key, account_id, acknowledgement)
                )

            logged = _PingPong(await session(), order)
            matched = _PingPong(await session(order_entry_pb2.ACKNOWLEDGEMENT_MATCHED), order)
            floods = {size: (await session(), Quoting(order, size)) for size in (1, *BATCH_WINDOWS)}
        except grpc.aio.AioRpcError as error:
            raise refusal(error) from error
        for _ in range(WARM_UP_ORDERS):
            await logged.place_and_cancel()
            await matched.place_and_cancel()
        logged.forget()
        matched.forget()
        echo = await stack.enter_async_context(Echo(logged.request_bytes, logged.response_bytes))
        echoes = _EchoTurns(echo)
        pid = target.pids.get("matching-0", 0)
        phases = {
            "echo": _Phase(echoes.ping_pong, echo.pid, echo.stream.answers.clear),
            "matched": _Phase(matched.turn, pid, matched.check),
            "logged": _Phase(logged.turn, pid, logged.check),
            "echo_window": _Phase(echoes.windowed, echo.pid, echo.stream.answers.clear),
            "single_window": _Phase(_flood(*floods[1], WINDOW, target.most_per_turn), pid, floods[1][0].check),
            **{
                f"batch{n}": _Phase(_flood(*floods[n], window, target.most_per_turn), pid, floods[n][0].check)
                for n, window in BATCH_WINDOWS.items()
            },
        }
        # The first round shows every path its first orders, and is forgotten.
        await _round(phases, target)
        for phase in phases.values():
            phase.forget()
        for pings in (logged, matched, echoes):
            pings.forget()
        stages: dict[str, tuple[float, float]] = dict.fromkeys(STAGES, (0.0, 0.0))
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < seconds:
            progress(elapsed / seconds)
            await _round(phases, target, stages)
    return _report(target, phases, stages, logged, matched, echoes, time.monotonic() - began)


async def _round(
    phases: dict[str, "_Phase"], target: Target, stages: dict[str, tuple[float, float]] | None = None
) -> None:
    """Let each phase have its turn."""
    redis = target.pids.get("redis", 0)
    for name, phase in phases.items():
        page = stage_sums(target) if stages is not None and name == "logged" else None
        usage, server, store = _own_cpu_seconds(), cpu_seconds(phase.server), cpu_seconds(redis)
        began = time.monotonic()
        try:
            async with asyncio.timeout(TURN_SECONDS + CALL_SECONDS):
                phase.count += await phase.turn(TURN_SECONDS)
        except TimeoutError:
            raise CommandFailed(f"no answer for {CALL_SECONDS:g} s (in {name})") from None
        phase.seconds += time.monotonic() - began
        phase.client_cpu += _own_cpu_seconds() - usage
        phase.server_cpu += cpu_seconds(phase.server) - server
        phase.redis_cpu += cpu_seconds(redis) - store
        # Answers are read when nobody waits for them.
        phase.check()
        if page is not None and stages is not None:
            for stage, (total, count) in stage_sums(target).items():
                before = page[stage]
                stages[stage] = (stages[stage][0] + total - before[0], stages[stage][1] + count - before[1])
    await _quiet(target)


async def _quiet(target: Target) -> None:
    """Wait until the venue has done what floods left to it: clearing reads every order, later than matching."""
    pids = list(target.pids.values())
    ends = time.monotonic() + _QUIET_WITHIN_SECONDS
    while time.monotonic() < ends:
        before = sum(map(cpu_seconds, pids))
        await asyncio.sleep(_QUIET_SECONDS)
        if sum(map(cpu_seconds, pids)) - before <= _QUIET_SHARE * _QUIET_SECONDS:
            return


def _flood(session: OrderSession, request: Quoting, window: int, most: int) -> Callable[[float], Awaitable[int]]:
    async def turn(seconds: float) -> int:
        stream, requests = session.stream, most // request.size
        return await stream.windowed(request, window=window, seconds=seconds, most=requests) * request.size

    return turn


def _report(
    target: Target,
    phases: dict[str, "_Phase"],
    stages: dict[str, tuple[float, float]],
    logged: "_PingPong",
    matched: "_PingPong",
    echoes: "_EchoTurns",
    seconds: float,
) -> WireReport:
    echo_p50, echo_p99 = _percentiles(echoes.times)
    matched_p50, matched_p99 = _percentiles(matched.place_times)
    logged_p50, logged_p99 = _percentiles(logged.place_times)
    cancel_p50, cancel_p99 = _percentiles(logged.cancel_times)
    echo_rate, single_rate = phases["echo_window"].per_second, phases["single_window"].per_second
    return WireReport(
        echo_p50_us=echo_p50,
        echo_p99_us=echo_p99,
        matched_p50_us=matched_p50,
        matched_p99_us=matched_p99,
        logged_p50_us=logged_p50,
        logged_p99_us=logged_p99,
        cancel_p50_us=cancel_p50,
        cancel_p99_us=cancel_p99,
        matched_ratio_p50=round(matched_p50 / echo_p50, 2),
        logged_ratio_p50=round(logged_p50 / echo_p50, 2),
        echo_window_per_s=echo_rate,
        single_window_per_s=single_rate,
        single_window_ratio=round(single_rate / max(1, echo_rate), 2),
        batch10_orders_per_s=phases["batch10"].per_second,
        batch100_orders_per_s=phases["batch100"].per_second,
        batch1000_orders_per_s=phases["batch1000"].per_second,
        cpu_us={name: phase.cpu() for name, phase in phases.items()},
        stages={
            name: Stage(round(total / max(1.0, count) * _US, 1), int(count)) for name, (total, count) in stages.items()
        },
        counts={name: phase.count for name, phase in phases.items()},
        seconds=round(seconds, 1),
        request_bytes=logged.request_bytes,
        response_bytes=logged.response_bytes,
        durability=target.durability,
    )


class _EchoTurns:
    """The echo, one message in flight or many."""

    def __init__(self, echo: Echo) -> None:
        self._echo = echo
        self.times: list[float] = []

    async def ping_pong(self, seconds: float) -> int:
        ends = time.monotonic() + seconds
        before = len(self.times)
        stream, request = self._echo.stream, self._echo.request()
        while time.monotonic() < ends:
            started = time.perf_counter()
            await stream.write(request)
            await stream.answer()
            self.times.append(time.perf_counter() - started)
        return len(self.times) - before

    async def windowed(self, seconds: float) -> int:
        return await self._echo.stream.windowed(self._echo.request, window=WINDOW, seconds=seconds, most=NO_LIMIT)

    def forget(self) -> None:
        self.times.clear()


def _percentiles(times: list[float]) -> tuple[float, float]:
    """Return median and 99th percentile, microseconds."""
    ordered = sorted(times)
    last = len(ordered) - 1
    return round(ordered[last // 2] * _US, 1), round(ordered[last * 99 // 100] * _US, 1)


def _own_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
