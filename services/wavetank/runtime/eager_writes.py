"""Writes of one stream, each begun in the very call that brings the message.

It exists because a task that waits for messages must first be woken, which costs a turn of the event loop per message,
and that is what a bot waits for. Kept true: one write at a time, in order; the next one begins in the call that learns
of the end of the one before; nobody waits for anything here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class EagerWrites:
    """Drives the writes of a stream."""

    __slots__ = ("_coroutine", "_failed", "_take", "_write")

    def __init__(
        self,
        write: Callable[[bytes], Coroutine[Any, Any, None]],
        take: Callable[[], bytes | None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """Begin with nothing to write.

        Args:
            write: writes a message, for instance `context.write`.
            take: gives the next message, or None when there is none; called whenever the stream is free.
            failed: told when a write fails; nothing is written after that.

        """
        self._write = write
        self._take = take
        self._failed = failed
        self._coroutine: Coroutine[Any, Any, None] | None = None

    @property
    def is_writing(self) -> bool:
        """Whether a message is on its way."""
        return self._coroutine is not None

    def begin(self) -> None:
        """Write what there is to take, unless that is under way."""
        while self._coroutine is None:
            message = self._take()
            if message is None:
                return
            self._coroutine = self._write(message)
            self._advance()

    def _advance(self) -> None:
        """Run the write up to where it waits, as a task would, and come back when that is over."""
        assert self._coroutine is not None
        try:
            awaited = self._coroutine.send(None)
        except StopIteration:
            self._coroutine = None
        except BaseException as error:  # noqa: BLE001 - whatever it is, the owner of the stream is told.
            # Not set back: nothing may follow a write that failed.
            self._failed(error)
        else:
            if awaited is None:
                asyncio.get_running_loop().call_soon(self._resume, None)
            else:
                # A task says by this mark that it has seen the future which it waits for.
                awaited._asyncio_future_blocking = False  # noqa: SLF001 - part of asyncio's protocol for futures.
                awaited.add_done_callback(self._resume)

    def _resume(self, _done: object) -> None:
        self._advance()
        self.begin()
