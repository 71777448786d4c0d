"""A copy of this process that writes down its state while the process itself goes on.

A large state takes long to serialise, and nobody may wait for that: so the process forks, which takes some
milliseconds, and the copy, whose memory is the state as of that moment, does the work and ends. Kept true:

- The copy touches nothing but the state and one pipe. It closes every descriptor it inherited first: a listening port
  or a client's connection that a copy still holds would outlive a killed process, and a client would wait for nothing.
- It never returns into the caller's code, runs at a lower priority, and ends with its parent (Linux).
- A copy that failed, or was ended, is never taken for one that wrote everything: its last word is its exit code.
- No copy stays behind: it is waited for when its bytes have ended, and ended by force when nobody wants them.

Threads (gRPC has some) do not exist in the copy. It takes no locks that they may hold: it allocates memory, for which
the C library takes care of its own locks, and writes. gRPC would start its threads anew in a copy, where they find
their descriptors closed and abort; the room's `__init__` tells it not to.
"""

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
import time
import warnings
from collections.abc import AsyncIterator, Callable
from typing import NoReturn, Self

from wavetank.runtime.parent import die_with_parent, libc

_CHUNK_BYTES = 262_144
_PIPE_BYTES = 1_048_576
_NICENESS = 5
_FAILED = 1


class ForkFailed(Exception):
    """The copy did not write everything."""


class ForkedState:
    """Bytes that a copy of this process writes; made with `start`."""

    def __init__(self, pid: int, source: int, stop_seconds: float) -> None:
        """Use `start`."""
        self.stop_seconds = stop_seconds
        """Wall time for which the process stood still to be copied."""
        self.pid = pid
        """The copy's process id, 0 once it has ended."""
        self._source = source

    @classmethod
    def start(cls, state: Callable[[], bytes]) -> Self:
        """Fork; `state` is called in the copy, and sees everything as it is now.

        Raises:
            OSError: the process cannot be copied, for want of memory or of processes.

        """
        source, target = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        # The copy must not load a library: another thread may hold the loader's lock.
        libc()
        began = time.perf_counter()
        try:
            with warnings.catch_warnings():
                # Python warns that threads and forks do not mix; the module's docstring says why this one is safe.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
        except OSError:
            os.close(source)
            os.close(target)
            raise
        if pid == 0:
            _write_and_end(state, target, parent)
        stop_seconds = time.perf_counter() - began
        os.close(target)
        os.set_blocking(source, False)
        with contextlib.suppress(OSError, AttributeError):
            # A larger pipe means fewer turns; a kernel that grants none is no reason to stop.
            fcntl.fcntl(source, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        return cls(pid, source, stop_seconds)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield what the copy writes, in pieces; then wait for its end.

        Raises:
            ForkFailed: it ended otherwise than it should; what was yielded is worth nothing.

        """
        try:
            while chunk := await self._read():
                yield chunk
        except BaseException:
            self.end()
            raise
        os.close(self._source)
        self._source = -1
        status = self._reap()
        if status:
            code = os.waitstatus_to_exitcode(status)
            raise ForkFailed(f"the copy ended with {f'code {code}' if code >= 0 else f'signal {-code}'}")

    def end(self) -> None:
        """End the copy by force, whatever it has written; a second call does nothing."""
        if self._source >= 0:
            os.close(self._source)
            self._source = -1
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._reap()

    def _reap(self) -> int:
        """Take note of the copy's end, so that it does not stay as a zombie; it has ended, or is about to."""
        pid, self.pid = self.pid, 0
        return os.waitpid(pid, 0)[1]

    async def _read(self) -> bytes:
        while True:
            try:
                return os.read(self._source, _CHUNK_BYTES)
            except BlockingIOError:
                await self._until_readable()

    async def _until_readable(self) -> None:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._source, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._source)


def _write_and_end(state: Callable[[], bytes], target: int, parent: int) -> NoReturn:
    """Do the copy's work; never returns."""
    code = _FAILED
    try:
        gc.disable()
        # What is inherited is closed before anything else: see the module's docstring.
        os.closerange(3, target)
        os.closerange(target + 1, os.sysconf("SC_OPEN_MAX"))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        die_with_parent(parent)
        os.nice(_NICENESS)
        left = memoryview(state())
        while left:
            left = left[os.write(target, left[:_PIPE_BYTES]) :]
        code = 0
    finally:
        # Nothing of the process may run in its copy: no `finally`, no exit handler, no flush of a shared buffer.
        os._exit(code)
