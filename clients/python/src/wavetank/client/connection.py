"""Channels to the services of one venue, and the manners of every call.

A question is asked again while the venue is not there, until its time is over. A request that changes something is
sent once, and if no answer comes the error says that the outcome is unknown, for only then a program can do the right
thing. No error of gRPC leaves this package.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import grpc.aio

from wavetank.client.directory import Directory
from wavetank.client.errors import (
    AccountUnknown,
    AuthenticationFailed,
    InvalidRequest,
    OutcomeUnknown,
    PermissionDenied,
    RequestTimedOut,
    VenueUnavailable,
    WavetankError,
    call_error,
    is_undecided,
)
from wavetank.client.wire import Wire
from wavetank.v1 import directory_pb2, directory_pb2_grpc

Request = TypeVar("Request")
Response = TypeVar("Response")
Metadata = tuple[tuple[str, str], ...]

_CHANNEL_OPTIONS = (
    # Every client has its own connection, so that one slow stream never stands in the way of another program's.
    ("grpc.use_local_subchannel_pool", 1),
    # A venue is run by its user; a proxy meant for the internet would only hide it.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", 32 * 1024 * 1024),
)
# Without an error of the venue's own, these statuses say nothing about whether the request was carried out.
_UNDECIDED = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
    }
)
# What gRPC says of a call for which it never had a connection, so that nothing can have been sent.
_NEVER_CONNECTED = "failed to connect to all addresses"
_LASTING = (AuthenticationFailed, PermissionDenied, AccountUnknown, InvalidRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait between attempts to connect, in wall seconds.

    Attributes:
        first: before the second attempt.
        factor: by which each wait is longer than the one before.
        longest: no wait is longer.
        give_up_after: seconds of failing after which to give up, or None for never.
    """

    first: float = 0.05
    factor: float = 2.0
    longest: float = 5.0
    give_up_after: float | None = None

    def seconds(self, attempt: int) -> float:
        """Return the wait after an attempt, counted from 0; between half and all of it, so that clients spread."""
        # Beyond 2^32 times the first wait every sensible limit has been reached.
        longest = min(self.longest, self.first * self.factor ** min(attempt, 32))
        return longest * random.uniform(0.5, 1.0)


def is_lasting(error: WavetankError) -> bool:
    """Tell whether connecting again cannot help: the key or the request itself is wrong."""
    return isinstance(error, _LASTING)


class Connection:
    """Channels by address, the API key, and the directory as last read."""

    def __init__(
        self,
        address: str,
        *,
        api_key: str,
        timeout: float,
        backoff: Backoff,
        credentials: grpc.ChannelCredentials | None,
    ) -> None:
        self.backoff = backoff
        self.timeout = timeout
        self.metadata: Metadata = (("authorization", f"Bearer {api_key}"),) if api_key else ()
        self.wire = Wire()
        self.closed = False
        self._address = address
        self._credentials = credentials
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._directory: Directory | None = None

    @property
    def directory(self) -> Directory:
        """The directory as last read."""
        assert self._directory is not None, "a connection is handed out only after its directory was read"
        return self._directory

    def channel(self, address: str) -> grpc.aio.Channel:
        """Return the channel to an address, made on first use."""
        found = self._channels.get(address)
        if found is None:
            if self._credentials is None:
                found = grpc.aio.insecure_channel(address, options=_CHANNEL_OPTIONS)
            else:
                found = grpc.aio.secure_channel(address, self._credentials, options=_CHANNEL_OPTIONS)
            self._channels[address] = found
        return found

    async def read_directory(self) -> Directory:
        """Ask for the directory anew; instruments listed since then become known.

        Raises:
            VenueUnavailable: nobody answers at the address, or a service is not listed yet.
        """
        stub = directory_pb2_grpc.DirectoryServiceStub(self.channel(self._address))

        async def ask() -> Directory:
            return Directory.from_wire(
                await stub.GetDirectory(directory_pb2.GetDirectoryRequest(), timeout=self.timeout)
            )

        try:
            self._directory = await self._until_there(ask, self.timeout)
        except RequestTimedOut as error:
            raise VenueUnavailable(f"no venue answers at {self._address}: {error.message}") from error
        self.wire.learn(self._directory.instruments.values())
        return self._directory

    async def know(self, instrument_ids: Iterable[int]) -> None:
        """Ask for the directory anew if it did not list one of these."""
        if not all(self.wire.knows(each) for each in instrument_ids):
            await self.read_directory()

    async def ask(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        timeout: float | None = None,
    ) -> Response:
        """Ask a question, or send a request that may be sent twice, until it is answered.

        Args:
            method: of a stub.
            request: its request.
            timeout: wall seconds, None for the client's own.

        Raises:
            VenueUnavailable: the venue was not there for all that time.
            RequestTimedOut: no answer came in time.
            WavetankError: the venue refused.
        """
        patience = self.timeout if timeout is None else timeout

        async def once() -> Response:
            return await method(request, timeout=patience, metadata=self.metadata)

        return await self._until_there(once, patience)

    async def change(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Response],
        request: Request,
        timeout: float | None = None,
    ) -> Response:
        """Send a request that must not be sent twice.

        Raises:
            OutcomeUnknown: it was sent, and no answer came.
            VenueUnavailable: nobody was there to send it to.
            WavetankError: the venue refused.
        """
        try:
            return await method(request, timeout=self.timeout if timeout is None else timeout, metadata=self.metadata)
        except grpc.aio.AioRpcError as error:
            made = call_error(error)
            was_sent = not (error.details() or "").startswith(_NEVER_CONNECTED)
            if is_undecided(made) or (made.code == 0 and error.code() in _UNDECIDED and was_sent):
                raise OutcomeUnknown(
                    f"no answer came ({made.message}): the request may have been carried out or not", code=made.code
                ) from error
            raise made from error

    async def _until_there(self, once: Callable[[], Awaitable[Response]], patience: float) -> Response:
        deadline = time.monotonic() + patience
        attempt = 0
        while True:
            try:
                return await once()
            except grpc.aio.AioRpcError as error:
                made = call_error(error)
                made.__cause__ = error
            except VenueUnavailable as error:
                made = error
            pause = self.backoff.seconds(attempt)
            if not isinstance(made, VenueUnavailable) or time.monotonic() + pause >= deadline:
                raise made
            attempt += 1
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Close every channel; what is still under way fails."""
        self.closed = True
        for channel in self._channels.values():
            await channel.close()
        self._channels.clear()
