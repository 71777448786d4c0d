"""The door as a client meets it: real gRPC on loopback."""

# ruff: noqa: N802 - the contract names the methods.

import asyncio
import hashlib
import io
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped] # It ships no types.
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc  # type: ignore[import-untyped] # The same.
from grpc_status import rpc_status  # type: ignore[import-untyped] # The same.
from prometheus_client import CollectorRegistry

from tests.eventually import eventually_async
from wavetank.model.events.clearing import ApiKeyCreated
from wavetank.model.instrument import default_instruments
from wavetank.model.reason import Reason
from wavetank.runtime.clock import VenueClock
from wavetank.runtime.directory import DirectoryServicer
from wavetank.runtime.errors import InvariantBroken, VenueError
from wavetank.runtime.grpc_server import GrpcServer
from wavetank.runtime.logs import set_up_logs
from wavetank.runtime.metrics import RpcMetrics
from wavetank.runtime.principal import Scope, principal, require
from wavetank.runtime.rate_limit import TokenBuckets
from wavetank.runtime.registry import Registry
from wavetank.runtime.settings import LogLevel
from wavetank.v1 import account_pb2, account_pb2_grpc, directory_pb2, directory_pb2_grpc

SECRET = "a-secret-that-no-line-may-show"
KEY = f"bot.{SECRET}"
INTERNAL = "an-internal-secret-that-no-line-may-show"
LIMIT = 2_000
Metadata = tuple[tuple[str, str], ...]
# The types of grpc.aio say less than nothing about these two.
Context = Any
Call = Any


class Accounts(account_pb2_grpc.AccountServiceServicer):
    """A service whose answers depend on what it is asked, so that each way to end can be seen."""

    async def GetAccount(
        self, request: account_pb2.GetAccountRequest, context: Context
    ) -> account_pb2.GetAccountResponse:
        account_id = require(principal(context), Scope.READ, request.account_id)
        return account_pb2.GetAccountResponse(account=account_pb2.Account(account_id=account_id), seq=7)

    async def OpenAccount(
        self, request: account_pb2.OpenAccountRequest, context: Context
    ) -> account_pb2.OpenAccountResponse:
        match request.name:
            case "taken":
                raise VenueError(Reason.NAME_TAKEN, "name “taken” is taken", was="taken")
            case "busy":
                raise VenueError(Reason.RATE_LIMITED, "too many", was=3, allowed=2, retry_after_ms=1_500)
            case "broken":
                raise InvariantBroken("the ledger does not sum to zero")
            case "bug":
                raise KeyError(request.name)
            case "aborts":
                await context.abort(grpc.StatusCode.ABORTED, "by hand")
            case _:
                pass
        return account_pb2.OpenAccountResponse(account=account_pb2.Account(name=request.name))

    async def StreamAccountEvents(
        self, request: account_pb2.StreamAccountEventsRequest, context: Context
    ) -> AsyncIterator[account_pb2.StreamAccountEventsResponse]:
        yield account_pb2.StreamAccountEventsResponse(seq=principal(context).account_id)
        if request.from_seq:
            raise VenueError(Reason.RESUME_IMPOSSIBLE, "seq 9 was trimmed", was=9, allowed=12)
        await asyncio.Event().wait()


class Door:
    """A server, a channel to it, and what it said to whoever would end the process."""

    def __init__(self, server: GrpcServer, channel: grpc.aio.Channel, broken: list[BaseException]) -> None:
        self.server = server
        self.channel = channel
        self.broken = broken
        self.accounts: Any = account_pb2_grpc.AccountServiceStub(channel)

    async def open_account(self, name: str) -> account_pb2.OpenAccountResponse:
        answer: account_pb2.OpenAccountResponse = await self.accounts.OpenAccount(
            account_pb2.OpenAccountRequest(name=name), metadata=bearer(KEY)
        )
        return answer


def bearer(key: str) -> Metadata:
    return (("authorization", f"Bearer {key}"),)


@asynccontextmanager
async def opened(*, rate_limit: TokenBuckets | None = None, metrics: RpcMetrics | None = None) -> AsyncIterator[Door]:
    registry = Registry(internal_key=INTERNAL, patience=0.05)
    registry.apply_event(ApiKeyCreated(0, 1_001, b"bot", hashlib.sha256(SECRET.encode()).digest(), 3))
    registry.mark_ready()
    broken: list[BaseException] = []
    clock = VenueClock(start_ns=5, origin_ns=6, speed_milli=60_000)
    server = GrpcServer(
        identifier=registry,
        directory=DirectoryServicer(clock=clock, instruments=default_instruments, endpoints=lambda ids: []),
        on_broken=broken.append,
        max_message_bytes=LIMIT,
        metrics=metrics,
        rate_limit=rate_limit,
    )
    accounts = Accounts()  # type: ignore[abstract] # Methods that it lacks are for a test to call.
    server.add(account_pb2_grpc.add_AccountServiceServicer_to_server, accounts, "wavetank.v1.AccountService")
    address = await server.start("127.0.0.1:0")
    async with server, grpc.aio.insecure_channel(address) as channel:
        yield Door(server, channel, broken)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened() as opened_door:
        yield opened_door


async def refused(call: Call) -> tuple[grpc.StatusCode, error_details_pb2.ErrorInfo, list[Any]]:
    """Return a refusal's code, its reason, and its other details."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = await rpc_status.aio.from_call(_Ended(caught.value))
    assert status is not None
    info, *others = status.details
    reason = error_details_pb2.ErrorInfo()
    assert info.Unpack(reason)
    assert reason.domain == "wavetank"
    return caught.value.code(), reason, others


class _Ended:
    """An error with the questions of a call, as `from_call` asks them."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self._error = error

    async def code(self) -> grpc.StatusCode:
        return self._error.code()

    async def details(self) -> str | None:
        return self._error.details()

    async def trailing_metadata(self) -> Context:
        return self._error.trailing_metadata()


async def test_the_directory_needs_no_key(door: Door) -> None:
    stub: Any = directory_pb2_grpc.DirectoryServiceStub(door.channel)
    answer = await stub.GetDirectory(directory_pb2.GetDirectoryRequest())
    assert [instrument.symbol for instrument in answer.instruments] == ["BTC", "ETH", "SOL"]
    assert (answer.clock.start_ns, answer.clock.origin_ns, answer.clock.speed_milli) == (5, 6, 60_000)
    assert answer.version


async def test_a_key_names_the_account(door: Door) -> None:
    answer = await door.accounts.GetAccount(account_pb2.GetAccountRequest(), metadata=bearer(KEY))
    assert (answer.account.account_id, answer.seq) == (1_001, 7)
    answer = await door.accounts.GetAccount(account_pb2.GetAccountRequest(account_id=1_002), metadata=bearer(INTERNAL))
    assert answer.account.account_id == 1_002


@pytest.mark.parametrize(
    "metadata", [(), bearer(f"{KEY}x"), bearer("other.secret"), (("authorization", KEY),), bearer("")]
)
async def test_a_call_without_a_right_key_is_refused(door: Door, metadata: Metadata) -> None:
    code, info, _ = await refused(door.accounts.GetAccount(account_pb2.GetAccountRequest(), metadata=metadata))
    assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "KEY_UNKNOWN")
    # A stream is refused before its first message.
    stream = door.accounts.StreamAccountEvents(account_pb2.StreamAccountEventsRequest(), metadata=metadata)
    code, info, _ = await refused(stream.read())
    assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "KEY_UNKNOWN")


async def test_another_account_is_refused_with_what_is_allowed(door: Door) -> None:
    code, info, _ = await refused(
        door.accounts.GetAccount(account_pb2.GetAccountRequest(account_id=1_002), metadata=bearer(KEY))
    )
    assert (code, info.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert dict(info.metadata) == {"was": "1002", "allowed": "1001", "reason_number": "102"}


async def test_a_refusal_arrives_with_reason_and_message(door: Door) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.open_account("taken")
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "name “taken” is taken",
    )
    code, info, others = await refused(door.open_account("busy"))
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    retry = error_details_pb2.RetryInfo()
    assert others[0].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 1_500


async def test_a_stream_may_end_with_a_refusal(door: Door) -> None:
    request = account_pb2.StreamAccountEventsRequest(from_seq=9)
    stream = door.accounts.StreamAccountEvents(request, metadata=bearer(KEY))
    assert (await stream.read()).seq == 1_001
    code, info, _ = await refused(stream.read())
    assert (code, info.reason) == (grpc.StatusCode.OUT_OF_RANGE, "RESUME_IMPOSSIBLE")


async def test_a_message_that_is_too_long_is_refused_with_the_limit(door: Door) -> None:
    # Field 1 of a name: tag, two bytes of length, and so 1,997 characters make 2,000 bytes.
    assert (await door.open_account("n" * 1_997)).account.name == "n" * 1_997
    code, info, _ = await refused(door.open_account("n" * 1_998))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_TOO_LARGE")
    assert dict(info.metadata) == {"was": "2001", "allowed": "2000", "reason_number": "106"}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.open_account("n" * 10_000)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await door.open_account("next")).account.name == "next"


async def test_bytes_that_are_no_message_are_refused(door: Door) -> None:
    raw: Any = door.channel.unary_unary("/wavetank.v1.AccountService/OpenAccount")
    code, info, _ = await refused(raw(b"\xff\xff\xff", metadata=bearer(KEY)))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")


async def test_an_unknown_method_is_unimplemented(door: Door) -> None:
    raw: Any = door.channel.unary_unary("/wavetank.v1.AccountService/CloseAccount")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(b"", metadata=bearer(KEY))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_method_that_the_service_lacks_is_unimplemented(door: Door) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.accounts.Deposit(account_pb2.DepositRequest(), metadata=bearer(KEY))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_broken_invariant_is_told_to_the_process(door: Door) -> None:
    code, info, _ = await refused(door.open_account("broken"))
    assert (code, info.reason) == (grpc.StatusCode.INTERNAL, "INVARIANT_BROKEN")
    assert [str(error) for error in door.broken] == ["the ledger does not sum to zero"]


async def test_a_bug_is_an_internal_error_and_keeps_its_words(door: Door) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.open_account("bug")
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "KeyError" not in str(caught.value.details())
    assert door.broken == []
    assert (await door.open_account("next")).account.name == "next"


async def test_a_call_ended_by_hand_stays_as_it_is(door: Door) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await door.open_account("aborts")
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.ABORTED, "by hand")


async def test_a_key_that_calls_too_often_is_told_when_to_come_back() -> None:
    async with opened(rate_limit=TokenBuckets(rate_per_second=1, burst=2)) as door:
        await door.open_account("one")
        await door.open_account("two")
        code, info, others = await refused(door.open_account("three"))
        assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
        assert others[0].Is(error_details_pb2.RetryInfo.DESCRIPTOR)
        for _ in range(5):
            request = account_pb2.GetAccountRequest(account_id=1_002)
            await door.accounts.GetAccount(request, metadata=bearer(INTERNAL))


async def test_health_says_serving_only_when_told(door: Door) -> None:
    stub = health_pb2_grpc.HealthStub(door.channel)

    async def state(service: str = "") -> int:
        return int((await stub.Check(health_pb2.HealthCheckRequest(service=service))).status)

    assert await state() == health_pb2.HealthCheckResponse.NOT_SERVING
    await door.server.set_serving(serving=True)
    assert await state() == health_pb2.HealthCheckResponse.SERVING
    assert await state("wavetank.v1.AccountService") == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_lists_the_services(door: Door) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(door.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answer = await stub.ServerReflectionInfo(iter([request])).read()
    assert {"wavetank.v1.AccountService", "wavetank.v1.DirectoryService", "grpc.health.v1.Health"} <= {
        service.name for service in answer.list_services_response.service
    }


async def test_a_port_that_is_taken_is_said(door: Door) -> None:
    async with opened() as other:
        with pytest.raises(OSError, match="cannot listen on"):
            await GrpcServer(
                identifier=Registry(internal_key="key"),
                directory=DirectoryServicer(
                    clock=VenueClock(start_ns=0, origin_ns=0, speed_milli=1_000),
                    instruments=tuple,
                    endpoints=lambda ids: [],
                ),
                on_broken=other.broken.append,
            ).start(door.server.address)


async def test_calls_are_counted_by_method_and_code() -> None:
    registry = CollectorRegistry()
    async with opened(metrics=RpcMetrics("tank", registry)) as door:
        await door.open_account("one")
        await refused(door.open_account("taken"))
    method = "/wavetank.v1.AccountService/OpenAccount"
    for code in ("OK", "ALREADY_EXISTS"):
        assert registry.get_sample_value("wavetank_tank_rpc_calls_total", {"method": method, "code": code}) == 1.0
    assert registry.get_sample_value("wavetank_tank_rpc_latency_seconds_count", {"method": method}) == 2.0


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return what the process writes as log lines, all of them."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    set_up_logs("tank", level=LogLevel.DEBUG)
    return written


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


async def test_each_call_has_one_line_and_none_shows_a_key(lines: io.StringIO) -> None:
    async with opened() as door:
        await door.open_account("one")
        for name in ("taken", "bug", "broken"):
            with pytest.raises(grpc.aio.AioRpcError):
                await door.open_account(name)
        for key in (f"{KEY}x", f"other.{SECRET}", f"{INTERNAL}x"):
            await refused(door.accounts.GetAccount(account_pb2.GetAccountRequest(), metadata=bearer(key)))
        await door.accounts.GetAccount(account_pb2.GetAccountRequest(account_id=1_001), metadata=bearer(INTERNAL))
        stream = door.accounts.StreamAccountEvents(account_pb2.StreamAccountEventsRequest(), metadata=bearer(KEY))
        await stream.read()
        stream.cancel()
        await eventually_async(lambda: "CANCELLED" in lines.getvalue())
        structlog.get_logger().info("careless", authorization=KEY, internal_key=INTERNAL)
    text = lines.getvalue()
    assert SECRET not in text
    assert INTERNAL not in text
    calls = [line for line in map(json.loads, text.splitlines()) if line["event"] == "rpc"]
    assert [(line["method"].rpartition("/")[2], line["code"], line["level"]) for line in calls] == [
        ("OpenAccount", "OK", "debug"),
        ("OpenAccount", "ALREADY_EXISTS", "info"),
        ("OpenAccount", "INTERNAL", "info"),
        ("OpenAccount", "INTERNAL", "info"),
        ("GetAccount", "UNAUTHENTICATED", "info"),
        ("GetAccount", "UNAUTHENTICATED", "info"),
        ("GetAccount", "UNAUTHENTICATED", "info"),
        ("GetAccount", "OK", "debug"),
        ("StreamAccountEvents", "CANCELLED", "info"),
    ]
    assert (calls[0]["key_id"], calls[0]["account_id"], calls[0]["service"]) == ("bot", 1_001, "tank")


async def test_a_stream_of_requests_is_decoded_and_limited() -> None:
    """A service of raw bytes shows what arrives through the wrapper of a session."""
    seen: list[bytes] = []

    async def session(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        async for request in requests:
            seen.append(request)
            yield request[::-1]

    class Echo:
        def __init__(self) -> None:
            self.handlers: dict[str, Any] = {"Session": grpc.stream_stream_rpc_method_handler(session)}

    def register(servicer: Echo, server: grpc.aio.Server) -> None:
        handler = grpc.method_handlers_generic_handler("wavetank.test.Echo", servicer.handlers)
        server.add_generic_rpc_handlers((handler,))

    registry = Registry(internal_key=INTERNAL)
    server = GrpcServer(
        identifier=registry,
        directory=DirectoryServicer(
            clock=VenueClock(start_ns=0, origin_ns=0, speed_milli=1_000), instruments=tuple, endpoints=lambda ids: []
        ),
        on_broken=seen.append,  # type: ignore[arg-type]
        max_message_bytes=LIMIT,
    )
    server.add(register, Echo(), "wavetank.test.Echo")
    address = await server.start("127.0.0.1:0")
    async with server, grpc.aio.insecure_channel(address) as channel:
        call: Any = channel.stream_stream("/wavetank.test.Echo/Session")(metadata=bearer(INTERNAL))
        for message in (b"abc", b"", b"x" * LIMIT):
            await call.write(message)
            assert await call.read() == message[::-1]
        await call.write(b"x" * (LIMIT + 1))
        code, info, _ = await refused(call.read())
        assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_TOO_LARGE")
    assert [len(message) for message in seen] == [3, 0, LIMIT]
