"""A network between a process and Redis that fails exactly when told.

It forwards bytes both ways, and can cut a connection before or after a command reaches Redis, swallow the answers, or
take no connections at all, so that a test decides whether what was sent has arrived.
"""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class CuttingProxy:
    """Listen on a port of its own and forward to the Redis of a URL."""

    def __init__(self, redis_url: str) -> None:
        self._target = ("", 0)
        self.lead_to(redis_url)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._links: set[asyncio.Task[None]] = set()
        self._cut_before = b""
        self._cut_after = b""
        self._swallow = False
        self.cuts = 0

    def lead_to(self, redis_url: str) -> None:
        """Forward new connections to this Redis, as an address does that follows the primary."""
        parts = urlsplit(redis_url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 6_379)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    async def __aenter__(self) -> Self:
        await self.accept_again()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop_accepting()

    async def accept_again(self) -> None:
        self._server = await asyncio.start_server(self._link, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop_accepting(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
        for link in list(self._links):
            link.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await link
        if self._server is not None:
            await self._server.wait_closed()
        self._server = None

    def cut_before_forwarding(self, word: bytes) -> None:
        """Cut the connection at the next command with this word; Redis never sees it."""
        self._cut_before = word

    def cut_after_forwarding(self, word: bytes) -> None:
        """Cut the connection once Redis has answered the next command with this word; nobody sees the answer."""
        self._cut_after = word

    def swallow_answers(self) -> None:
        """Forward commands, but no answers."""
        self._swallow = True

    def pass_everything(self) -> None:
        """Forward as a good network does."""
        self._cut_before, self._cut_after, self._swallow = b"", b"", False

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            redis_reader, redis_writer = await asyncio.open_connection(*self._target)
            cutting = False

            def forward(data: bytes) -> bool:
                nonlocal cutting
                if self._cut_before and self._cut_before in data:
                    self._cut_before = b""
                    return False
                if self._cut_after and self._cut_after in data:
                    self._cut_after = b""
                    cutting = True
                redis_writer.write(data)
                return True

            def answer(data: bytes) -> bool:
                if cutting:
                    return False
                if not self._swallow:
                    writer.write(data)
                return True

            pumps = [asyncio.create_task(_pump(reader, forward)), asyncio.create_task(_pump(redis_reader, answer))]
            try:
                done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                self.cuts += any(not pump.result() for pump in done)
            finally:
                for pump in pumps:
                    pump.cancel()
                redis_writer.close()
        except (asyncio.CancelledError, OSError):
            # Ending the link is what was asked for.
            pass
        finally:
            self._links.discard(task)
            writer.transport.abort()


async def _pump(source: asyncio.StreamReader, take: Callable[[bytes], bool]) -> bool:
    """Hand on what arrives; return False when told to cut, True when the source has ended."""
    while data := await source.read(1 << 16):
        if not take(data):
            return False
    return True
