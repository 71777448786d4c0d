"""What happens around every call: who calls, what went wrong, one line about it.

One interceptor does all of it, so that a servicer holds only its own business. It checks the key, refuses messages
that are too long or no message at all, turns exceptions into statuses with a `google.rpc.ErrorInfo`, counts and logs.
Kept true: each call writes one line, at DEBUG if it is an unary call that went well (orders are such calls) and else
at INFO; no line and no status ever holds a key; after a broken invariant the process is told to stop.
"""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Any, NoReturn, Protocol, Self

import grpc
import grpc.aio
import structlog
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc_status.rpc_status import GRPC_DETAILS_METADATA_KEY  # type: ignore[import-untyped] # It ships no types.

from wavetank.model.reason import Reason
from wavetank.runtime.errors import DOMAIN, InvariantBroken, VenueError, status_code
from wavetank.runtime.metrics import RpcMetrics
from wavetank.runtime.principal import Principal, Scope, current_principal
from wavetank.runtime.rate_limit import TokenBuckets

OPEN_SERVICES = (
    "/wavetank.v1.DirectoryService/",
    "/grpc.health.v1.Health/",
    "/grpc.reflection.v1alpha.ServerReflection/",
)
"""What needs no key: it says what everybody may know."""

_BEARER = "bearer "
_CODE_NAMES: dict[int, str] = {code.value[0]: code.name for code in grpc.StatusCode}

# grpc.aio's own types say little about a handler; these are what they come to.
_Context = Any
_Handler = Any


class Identifier(Protocol):
    """Knows whose key it is."""

    async def identify(self, key: str) -> Principal:
        """Return the key's principal, or raise `VenueError`."""


def rich_status(error: VenueError) -> status_pb2.Status:
    """Return a refusal as the status that goes over the wire."""
    status = status_pb2.Status(code=status_code(error.reason).value[0], message=error.message)
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(reason=error.reason.name, domain=DOMAIN, metadata=error.metadata)
    )
    if error.retry_after_ms is not None:
        delay = Duration()
        delay.FromMilliseconds(error.retry_after_ms)
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def check_length(data: bytes, most: int) -> None:
    """Refuse a message that is too long; for a servicer that reads its stream itself.

    Raises:
        VenueError: MESSAGE_TOO_LARGE.

    """
    if len(data) > most:
        raise VenueError(
            Reason.MESSAGE_TOO_LARGE,
            f"the message is {len(data)} bytes; {most} are allowed",
            was=len(data),
            allowed=most,
        )


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wrap every method of a server, once."""

    def __init__(
        self,
        *,
        identifier: Identifier,
        max_message_bytes: int,
        on_broken: Callable[[BaseException], None],
        metrics: RpcMetrics | None = None,
        rate_limit: TokenBuckets | None = None,
    ) -> None:
        """Make the interceptor.

        Args:
            identifier: knows the keys, for instance the `Registry`.
            max_message_bytes: longest request message.
            on_broken: told of a broken invariant; ends the process.
            metrics: counts calls, if given.
            rate_limit: takes a token of the key for each call, if given.

        """
        self.identifier = identifier
        self.max_message_bytes = max_message_bytes
        self.on_broken = on_broken
        self.metrics = metrics
        self.rate_limit = rate_limit
        self.logger = structlog.get_logger()
        self._wrapped: dict[str, _Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler:
        """Return the wrapped handler of a method; an unknown method stays unknown."""
        method = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            handler = await continuation(handler_call_details)
            if handler is None or not _is_asynchronous(handler):
                # A blocking method would stop the whole door; the ones that generated code puts in place of those
                # that a servicer lacks are such.
                return None
            wrapped = self._wrapped[method] = self._wrap(method, handler)
        return wrapped

    def _wrap(self, method: str, handler: _Handler) -> _Handler:
        # The wrapper decodes, because only it can say what is wrong with the bytes.
        decode: Callable[[bytes], Any] = handler.request_deserializer or bytes
        encode = handler.response_serializer
        if handler.request_streaming and handler.response_streaming:
            behaviour = self._streaming(method, handler.stream_stream, self._many(decode))
            return grpc.stream_stream_rpc_method_handler(behaviour, None, encode)
        if handler.response_streaming:
            behaviour = self._streaming(method, handler.unary_stream, self._one(decode))
            return grpc.unary_stream_rpc_method_handler(behaviour, None, encode)
        if handler.request_streaming:
            answer = self._answering(method, handler.stream_unary, self._many(decode))
            return grpc.stream_unary_rpc_method_handler(answer, None, encode)
        answer = self._answering(method, handler.unary_unary, self._one(decode))
        return grpc.unary_unary_rpc_method_handler(answer, None, encode)

    def _answering(self, method: str, behaviour: Any, taken: Callable[[Any], Any]) -> Any:  # noqa: ANN401
        async def answer(request: Any, context: _Context) -> Any:  # noqa: ANN401
            async with _Call(self, method, context, streaming=False):
                return await behaviour(taken(request), context)

        return answer

    def _streaming(self, method: str, behaviour: Any, taken: Callable[[Any], Any]) -> Any:  # noqa: ANN401
        async def generate(request: Any, context: _Context) -> AsyncIterator[Any]:  # noqa: ANN401
            # Closed here and now when the call ends, so that a servicer's own ending does not wait for a collector.
            async with (
                _Call(self, method, context, streaming=True),
                aclosing(behaviour(taken(request), context)) as responses,
            ):
                async for response in responses:
                    yield response

        async def write(request: Any, context: _Context) -> None:  # noqa: ANN401
            async with _Call(self, method, context, streaming=True):
                await behaviour(taken(request), context)

        return generate if inspect.isasyncgenfunction(behaviour) else write

    def _one(self, decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        def take(data: bytes) -> Any:  # noqa: ANN401
            check_length(data, self.max_message_bytes)
            try:
                return decode(data)
            except DecodeError:
                raise VenueError(
                    Reason.MALFORMED, f"the message of {len(data)} bytes is not the one that this method takes"
                ) from None

        return take

    def _many(self, decode: Callable[[bytes], Any]) -> Callable[[Any], Any]:
        take = self._one(decode)

        async def take_each(requests: AsyncIterator[bytes]) -> AsyncIterator[Any]:
            async for data in requests:
                yield take(data)

        return take_each


class _Call:
    """One call, from the check of its key to its line in the log."""

    __slots__ = ("_context", "_door", "_method", "_principal", "_started_ns", "_streaming")

    def __init__(self, door: CallInterceptor, method: str, context: _Context, *, streaming: bool) -> None:
        self._door = door
        self._method = method
        self._context = context
        self._streaming = streaming
        self._principal: Principal | None = None
        self._started_ns = time.perf_counter_ns()

    async def __aenter__(self) -> Self:
        try:
            if not self._method.startswith(OPEN_SERVICES):
                self._principal = await self._door.identifier.identify(self._key())
                current_principal.set(self._principal)
                self._limit(self._principal)
        except VenueError as error:
            await self._refuse(error)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._conclude(_code_name(self._context))
        elif isinstance(error, VenueError):
            await self._refuse(error)
        elif isinstance(error, (InvariantBroken, AssertionError)):
            self._door.logger.critical("invariant_broken", method=self._method, cause=str(error), exc_info=error)
            self._door.on_broken(error)
            await self._refuse(VenueError(Reason.INVARIANT_BROKEN, "an invariant broke; the service stops"))
        elif isinstance(error, grpc.aio.AbortError):
            self._conclude(_code_name(self._context))
        elif isinstance(error, (asyncio.CancelledError, GeneratorExit)) or self._context.done():
            # The client went away, or the server ends.
            self._conclude("CANCELLED")
        else:
            self._door.logger.error("call_failed", method=self._method, exc_info=error)
            self._conclude("INTERNAL")
            await self._context.abort(grpc.StatusCode.INTERNAL, "the service has a fault and wrote down which")

    def _key(self) -> str:
        for name, value in self._context.invocation_metadata() or ():
            if name == "authorization" and isinstance(value, str) and value[: len(_BEARER)].lower() == _BEARER:
                return value[len(_BEARER) :].strip()
        raise VenueError(Reason.KEY_UNKNOWN, "this call needs an API key: metadata `authorization: Bearer <key>`")

    def _limit(self, who: Principal) -> None:
        if self._door.rate_limit is not None and not who.scopes & Scope.INTERNAL:
            self._door.rate_limit.take(who.key_id)

    async def _refuse(self, error: VenueError) -> NoReturn:
        status = rich_status(error)
        code = status_code(error.reason)
        self._conclude(code.name, error.reason)
        await self._context.abort(code, status.message, ((GRPC_DETAILS_METADATA_KEY, status.SerializeToString()),))
        raise AssertionError("abort returned")

    def _conclude(self, code: str, reason: Reason | None = None) -> None:
        took_ns = time.perf_counter_ns() - self._started_ns
        if self._door.metrics is not None:
            self._door.metrics.count(self._method, code, None if self._streaming else took_ns)
        write = self._door.logger.debug if code == "OK" and not self._streaming else self._door.logger.info
        who = self._principal
        write(
            "rpc",
            method=self._method,
            code=code,
            reason=reason.name if reason is not None else None,
            duration_us=took_ns // 1_000,
            key_id=who.key_id if who is not None else None,
            account_id=who.account_id if who is not None else None,
        )


def _is_asynchronous(handler: _Handler) -> bool:
    behaviours = (handler.unary_unary, handler.unary_stream, handler.stream_unary, handler.stream_stream)
    behaviour = next(found for found in behaviours if found is not None)
    return inspect.iscoroutinefunction(behaviour) or inspect.isasyncgenfunction(behaviour)


def _code_name(context: _Context) -> str:
    # A servicer may have set a code; grpc.aio keeps its number.
    return _CODE_NAMES[context.code() or 0]
