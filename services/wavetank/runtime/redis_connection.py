"""One connection to Redis that does as little as it can: bytes out, answers in, in order.

It exists for the append path, where each microsecond stands between an order and its acknowledgement: redis.asyncio
spends several times as long per command in its pool, retries and callbacks. hiredis packs and parses. Those who follow
a log wait for its entries here too, for they wake with the orders and take the processor from them. Everything else
uses `redis_client`.

Bytes go to the socket at once, not at the end of the event loop's turn, and an answer goes straight to who asked, in
the turn in which it came (`send`). Waiting on the spot for the answer was tried and was slower than the event loop.

Kept true: answers belong to commands in the order sent; once the connection is lost every open command fails, and
nothing is ever retried here, because only the caller knows whether that is safe.
"""

import asyncio
import os
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Self, cast

import hiredis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import parse_url

Reply = Any
"""What Redis answers: bytes, int, None, or lists of them."""


class ConnectionLost(Exception):
    """The connection is gone; whether the command was carried out is not known."""


class CommandRefused(Exception):
    """Redis answered with an error; the command was not carried out."""


class RedisConnection(asyncio.Protocol):
    """A connection that pipelines; made with `open`."""

    def __init__(self, on_lost: "Callable[[RedisConnection], None] | None" = None) -> None:
        self._reader = hiredis.Reader(replyError=CommandRefused, protocolError=ConnectionLost)
        self._waiting: deque[Callable[[Reply], None]] = deque()
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(
        cls, url: str, *, timeout: float, on_lost: "Callable[[RedisConnection], None] | None" = None
    ) -> Self:
        """Connect, log in and choose the database that the URL names.

        Args:
            url: `redis://`, `rediss://` or `unix://`, as redis-py reads it.
            timeout: wall seconds for all of it.
            on_lost: called once, with it, when an established connection is lost; not when it is closed on purpose.

        Raises:
            ConnectionLost: no connection within the time, for whatever reason.
            CommandRefused: Redis refused the login or the database.

        """
        wanted: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
        return await cls._open(wanted, timeout=timeout, on_lost=on_lost)

    @classmethod
    async def beside(cls, client: "redis.asyncio.Redis", *, timeout: float) -> Self:
        """Connect to where a client does, for what is asked so often that the client's own way costs too much.

        Args:
            client: whose server, login and database are meant.
            timeout: see `open`, as for the errors.

        """
        pool = client.connection_pool
        wanted = {**pool.connection_kwargs, "connection_class": pool.connection_class}
        return await cls._open(wanted, timeout=timeout, on_lost=None)

    @classmethod
    async def _open(
        cls, wanted: dict[str, Any], *, timeout: float, on_lost: "Callable[[RedisConnection], None] | None"
    ) -> Self:
        loop = asyncio.get_running_loop()
        self = cls(on_lost)
        try:
            async with asyncio.timeout(timeout):
                if "path" in wanted:
                    await loop.create_unix_connection(lambda: self, wanted["path"])
                else:
                    host, port = wanted.get("host", "localhost"), int(wanted.get("port", 6_379))
                    await loop.create_connection(lambda: self, host, port, ssl=_tls(wanted))
                if wanted.get("password"):
                    user = (wanted["username"],) if wanted.get("username") else ()
                    await self.execute("AUTH", *user, wanted["password"])
                if wanted.get("db"):
                    await self.execute("SELECT", wanted["db"])
        except OSError as error:  # A time-out is one too.
            self.close()
            raise ConnectionLost(f"no connection to Redis: {str(error) or type(error).__name__}") from error
        except BaseException:
            self.close()
            raise
        return self

    async def execute(self, *command: str | bytes | int) -> Reply:
        """Send a command and return Redis's answer.

        Raises:
            ConnectionLost: the connection went before the answer came.
            CommandRefused: Redis answered with an error.

        """
        answer: asyncio.Future[Reply] = self._loop.create_future()

        def take(reply: Reply) -> None:
            # Its caller may have given up waiting; the answer keeps its place in the order.
            if answer.done():
                return
            if isinstance(reply, CommandRefused | ConnectionLost):
                answer.set_exception(reply)
            else:
                answer.set_result(reply)

        self.send(take, *command)
        return await answer

    def send(self, take: Callable[[Reply], None], *command: str | bytes | int) -> None:
        """Send a command; `take` gets the answer, or the `CommandRefused` or `ConnectionLost` that is its end.

        It is called once, later or, if the connection fails at once, before this returns; it must not raise.

        Raises:
            ConnectionLost: the connection was closed before; nothing was sent.

        """
        transport = self._transport
        if transport is None:
            raise ConnectionLost("the connection to Redis is closed")
        self._waiting.append(take)
        data = hiredis.pack_command(command)  # type: ignore[arg-type] # Its stub names a tuple of one.
        sent = 0
        if self._socket is not None and not transport.get_write_buffer_size():
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                pass
            except OSError as error:
                self.connection_lost(error)
                return
        if sent < len(data):
            transport.write(data[sent:])

    def close(self, cause: str = "the connection to Redis was closed") -> None:
        """Close on purpose; open commands fail with `ConnectionLost`, which says the cause."""
        self._on_lost = None
        if self._transport is not None:
            self._transport.abort()
            self._lose(ConnectionLost(cause))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport (asyncio calls this)."""
        # uvloop's transports do not descend from asyncio's classes, so there is nothing to assert.
        self._transport = cast("asyncio.Transport", transport)
        if transport.get_extra_info("sslcontext") is None:
            # A descriptor of our own for the same socket, for the loop does not lend its own.
            self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
            self._socket.settimeout(0.0)

    def data_received(self, data: bytes) -> None:
        """Hand out the answers that are complete (asyncio calls this)."""
        self._reader.feed(data)
        try:
            while (reply := self._reader.gets()) is not False:
                if not self._waiting:
                    raise ConnectionLost("Redis answered what nobody had asked")  # noqa: TRY301 - as if it had said so itself.
                self._waiting.popleft()(reply)
        except ConnectionLost as error:
            # Not the protocol, or more answers than commands: nothing that follows can be trusted.
            self.connection_lost(error)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is open (asyncio calls this)."""
        if self._transport is None:
            return
        self._transport.abort()
        self._lose(ConnectionLost(f"the connection to Redis was lost: {exc or 'closed by the other side'}"))
        if self._on_lost is not None:
            on_lost, self._on_lost = self._on_lost, None
            on_lost(self)

    def _lose(self, error: ConnectionLost) -> None:
        self._transport = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        while self._waiting:
            self._waiting.popleft()(error)


def redis_client(url: str, *, socket_timeout: float = 5.0) -> "redis.asyncio.Redis":
    """Return the client for everything outside the append path: bytes in and out, no retries of its own.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        socket_timeout: wall seconds for one answer; longer than a blocking read blocks.

    """
    client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(
        url,
        protocol=2,
        decode_responses=False,
        socket_timeout=socket_timeout,
        socket_connect_timeout=socket_timeout,
        # Readers wait in their own loops, and say once that they do.
        retry=Retry(NoBackoff(), 0),
    )
    return client


def _tls(wanted: dict[str, Any]) -> ssl.SSLContext | None:
    if "SSL" not in wanted.get("connection_class", type(None)).__name__:
        return None
    context = ssl.create_default_context(cafile=wanted.get("ssl_ca_certs"))
    if wanted.get("ssl_cert_reqs") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
