"""The life of a process: settings, logs, signals, and an exit code that says how it ended.

It exists so that all services start, drain and stop alike: SIGTERM or Ctrl-C asks the process to drain, a second one
ends it at once, and so does the first while it does not serve yet, for nobody waits for it and what it waits for may
never come; a broken invariant ends it at once too, for nothing may be written on a wrong state. Kept true: the reason
is logged before the process ends, and each exit code has one meaning.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import TypeVar

import structlog
import uvloop

from wavetank.runtime.durability import DurabilityMissing
from wavetank.runtime.errors import InvariantBroken
from wavetank.runtime.labels import arm
from wavetank.runtime.log_entry import LogCorrupt
from wavetank.runtime.log_reader import LogGap
from wavetank.runtime.log_tail import Fenced, LogLost
from wavetank.runtime.log_writer import LogUnavailable
from wavetank.runtime.logs import set_up_logs
from wavetank.runtime.parent import die_with_parent
from wavetank.runtime.settings import ServiceSettings, SettingsInvalid

S = TypeVar("S", bound=ServiceSettings)

_CANCEL_SECONDS = 1.0


class ExitCode(IntEnum):
    """How a process ended; the numbers up to 78 are those of sysexits.h where it has the meaning."""

    OK = 0
    FAILED = 1
    """Something that nobody expected."""
    LOG_UNAVAILABLE = 69
    INVARIANT_BROKEN = 70
    FENCED = 73
    """Another writer took over the log."""
    LOG_LOST = 74
    """The log lost entries, has a hole, or cannot be read."""
    SETTINGS = 78
    """Settings or the Redis they name are wrong; the message says what to do."""


_CODES: tuple[tuple[tuple[type[BaseException], ...], ExitCode], ...] = (
    ((InvariantBroken, AssertionError), ExitCode.INVARIANT_BROKEN),
    ((Fenced,), ExitCode.FENCED),
    ((LogLost, LogGap, LogCorrupt), ExitCode.LOG_LOST),
    ((LogUnavailable,), ExitCode.LOG_UNAVAILABLE),
    ((SettingsInvalid, DurabilityMissing), ExitCode.SETTINGS),
)


class Process:
    """What a service's `main` is given: when to stop, and how to say that it must."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        """Set when the process was asked to drain."""
        self._serves = False
        self._ended: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    def fail(self, error: BaseException) -> None:
        """End the process at once, without draining; the first reason counts."""
        self._end(error)

    async def until_stopping(self) -> None:
        """Return once the process was asked to drain; a service that serves now waits here."""
        self._serves = True
        await self.stopping.wait()

    def ask_to_stop(self) -> None:
        """Drain; asked a second time, or before it serves, end at once."""
        if self.stopping.is_set():
            self.fail(KeyboardInterrupt())
        elif not self._serves:
            self._end(None)
        self.stopping.set()

    def _end(self, error: BaseException | None) -> None:
        if not self._ended.done():
            self._ended.set_result(error)

    async def run(self, main: Awaitable[None]) -> BaseException | None:
        """Run a service until it returns or must end; return what ended it."""
        task = asyncio.ensure_future(main)
        await asyncio.wait((task, self._ended), return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done():
            # Answers that are on their way may leave; nothing more is waited for.
            task.cancel()
            await asyncio.wait((task,), timeout=_CANCEL_SECONDS)
            return self._ended.result()
        with contextlib.suppress(asyncio.CancelledError):
            return task.exception()
        return asyncio.CancelledError("the service was cancelled")


def exit_code_of(error: BaseException | None) -> ExitCode:
    """Return the exit code for what ended a process; of a group, that of the gravest known among its errors."""
    if error is None:
        return ExitCode.OK
    errors = _leaves(error)
    for kinds, code in _CODES:
        if any(isinstance(leaf, kinds) for leaf in errors):
            return code
    return ExitCode.FAILED


def run(service: str, settings_class: type[S], main: Callable[[S, Process], Awaitable[None]]) -> int:
    """Run a service's main and return the exit code; `__main__` ends with `sys.exit(run(…))`.

    Args:
        service: name of the service, for its log lines.
        settings_class: read from the environment.
        main: the composition root; drains and returns once `process.stopping` is set.

    """
    try:
        settings = settings_class.load()
    except SettingsInvalid as error:
        sys.stderr.write(f"{service} cannot start:\n{error}\n")
        return ExitCode.SETTINGS
    set_up_logs(service, level=settings.log_level, shape=settings.log_format)
    arm(settings.kill_at)
    if settings.die_with_parent:
        die_with_parent(os.getppid())
    return uvloop.run(_run(settings, main))


async def _run(settings: S, main: Callable[[S, Process], Awaitable[None]]) -> int:
    process = Process()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, process.ask_to_stop)
    logger = structlog.get_logger()
    logger.info("process_started", pid=os.getpid())
    error = await process.run(main(settings, process))
    code = exit_code_of(error)
    if error is None:
        logger.info("process_ended", code=int(code))
    else:
        causes = [f"{type(leaf).__name__}: {leaf}" for leaf in _leaves(error)]
        # A known end explains itself; only what nobody expected needs the way it came.
        unexpected = error if code in {ExitCode.FAILED, ExitCode.INVARIANT_BROKEN} else None
        logger.error("process_failed", code=int(code), causes=causes, exc_info=unexpected)
    return code


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
