"""Child processes: how a service, or the bundled Redis, is started, asked to end, and killed.

It exists so that the supervisor treats all of them alike. Kept true: a child runs in a session of its own, so that
Ctrl-C in a terminal reaches only its owner, which then ends them in order; what a child prints goes to its log file.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from wavetank.runtime.redis_server import RedisServer, RedisServerFailed, start_redis


class ChildFailed(Exception):
    """A child could not be started, or did not become ready; the message says which and why."""


class Child(Protocol):
    """What the supervisor knows of a child."""

    @property
    def name(self) -> str:
        """Name for people and for `venue.json`."""

    @property
    def pid(self) -> int:
        """Present process id; 0 when it does not run."""

    @property
    def can_restart(self) -> bool:
        """Whether starting it again brings back what it was."""

    def start(self) -> None:
        """Start it.

        Raises:
            ChildFailed: it cannot be started.

        """

    def ended(self) -> str | None:
        """Return how it ended, or None while it runs."""

    def ready(self) -> bool:
        """Whether it does its work now."""

    def stop(self, timeout: float) -> None:
        """Ask it to end, and kill it after `timeout` wall seconds."""

    def kill(self) -> None:
        """Kill it at once."""

    def last_words(self) -> str:
        """Return the end of what it printed."""


class ServiceChild:
    """A child that is a program with a log file and a test of readiness."""

    can_restart = True

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        is_ready: Callable[[], bool],
        environment: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        """Describe the child; nothing runs yet.

        Args:
            name: for people.
            command: program and arguments.
            log: file that its output is appended to.
            is_ready: asked again and again after the start; must not block for long.
            environment: gives all its variables, asked at each start; None for those of this process.

        """
        self.name = name
        self.log = log
        self._command = list(command)
        self._environment = environment or (lambda: os.environ)
        self._is_ready = is_ready
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Present process id; 0 when it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    def start(self) -> None:
        """Start the program."""
        environment = self._environment()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(environment),
                    start_new_session=True,
                )
            except OSError as error:
                raise ChildFailed(f"{self.name} cannot be started: {error}") from error

    def ended(self) -> str | None:
        """Return how it ended, or None while it runs."""
        code = self._process.poll() if self._process is not None else 0
        return None if code is None else _how(code)

    def ready(self) -> bool:
        """Whether it runs and says that it is ready."""
        return self.ended() is None and self._is_ready()

    def stop(self, timeout: float) -> None:
        """Send SIGTERM, and SIGKILL after `timeout` wall seconds."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        """Return the last lines of its log."""
        return last_lines(self.log)


class RedisChild:
    """The bundled Redis of a run directory; keeps its port when it is started again."""

    name = "redis"

    def __init__(self, directory: Path, *, binary: Path | None, durability: str) -> None:
        self._directory = directory
        self._binary = binary
        self._durability = durability
        self._server: RedisServer | None = None
        self._port = 0

    @property
    def can_restart(self) -> bool:
        """Without its file it would come back empty, and its writers rightly stop at a log that lost entries."""
        return self._durability != "memory"

    @property
    def url(self) -> str:
        """Where it listens, known once it was started; a socket where its path is short enough, which spares TCP."""
        assert self._server is not None, "redis was not started"
        return self._server.unix_url or self._server.url

    @property
    def pid(self) -> int:
        """Present process id; 0 when it does not run."""
        return self._server.pid if self._server is not None and self._server.running else 0

    def start(self) -> None:
        """Start it and wait until it has loaded its data."""
        try:
            self._server = start_redis(
                self._directory, binary=self._binary, durability=self._durability, port=self._port
            )
        except RedisServerFailed as error:
            raise ChildFailed(str(error)) from error
        self._port = int(self._server.url.rpartition(":")[2].partition("/")[0])

    def ended(self) -> str | None:
        """Return how it ended, or None while it runs."""
        return None if self._server is not None and self._server.running else "ended"

    def ready(self) -> bool:
        """Whether it runs; it was waited for when it was started."""
        return self.ended() is None

    def stop(self, timeout: float) -> None:
        """End it; its file is complete then."""
        if self._server is not None:
            self._server.stop(timeout)

    def kill(self) -> None:
        """Kill it at once."""
        if self._server is not None:
            self._server.kill()

    def last_words(self) -> str:
        """Return the last lines of its log."""
        return last_lines(self._directory / "redis.log")


def last_lines(path: Path, count: int = 8) -> str:
    """Return the last lines of a text file; nothing if it is missing."""
    try:
        with path.open("rb") as source:
            source.seek(max(0, source.seek(0, os.SEEK_END) - 16_384))
            lines = source.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-count:])


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
