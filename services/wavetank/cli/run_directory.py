"""The run directory of a venue: who owns it, where its services listen, its keys, its data.

It exists so that every command, client and load test finds a venue by one path. Kept true:

- A directory has at most one owner. The lock says so, not the file with the pid: the kernel frees a lock when its
  holder ends, however it ends, so a pid that now belongs to another program fools nobody.
- `venue.json` is complete or absent, never half written; it and the keys are readable by their owner alone.
- A second venue over the same directory has the same keys and goes on from the same data.
"""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from wavetank.cli.failure import CommandFailed, ExitCode

DEFAULT_DIRECTORY = Path(".wavetank")
VENUE_NAME = "venue.json"
_LOCK_NAME = "owner.lock"
_KEYS_NAME = "keys.json"
_SETTINGS_NAME = "settings.json"
_RESTARTS_NAME = "restarts"
_PRIVATE = 0o600
_PRIVATE_DIRECTORY = 0o700


@dataclass(frozen=True, slots=True)
class VenueFile:
    """What `venue.json` says of a running venue."""

    pid: int
    """The owner, which supervises all others."""
    address: str
    """One address that answers the directory."""
    endpoints: dict[str, Any]
    """`matching`: a list, one per shard; `clearing` and `oracle`: one each."""
    redis_url: str
    pids: dict[str, int]
    play_key: str
    """`<key_id>.<secret>` of the administrator of play money."""
    clock: dict[str, int]
    """`start_ns`, `origin_ns`, `speed_milli`."""
    started_at: str
    metrics: dict[str, str] = field(default_factory=dict)
    """Where each service's metrics page is."""
    durability: str = "everysec"


@dataclass(frozen=True, slots=True)
class VenueKeys:
    """The secrets of a venue, made at its first start."""

    play_key: str
    internal_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """A restart that somebody asks for."""

    name: str
    down_seconds: float = 0.0
    """Wall seconds between its end and its start."""
    kill: bool = False
    """End it as a crash would."""


class RunDirectory:
    """A run directory, whether or not it exists yet."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    @property
    def venue_path(self) -> Path:
        """`venue.json`; there while the venue is up."""
        return self.path / VENUE_NAME

    @property
    def logs(self) -> Path:
        """Where the services' own lines go."""
        return self.path / "logs"

    @property
    def redis(self) -> Path:
        """Data of the bundled Redis."""
        return self.path / "redis"

    @property
    def reports(self) -> Path:
        """Where reports go."""
        return self.path / "reports"

    @property
    def option(self) -> str:
        """How a command names this directory, with a blank before it; nothing for the default one."""
        if self.path == DEFAULT_DIRECTORY.resolve():
            return ""
        relative = os.path.relpath(self.path)
        return f" --dir {relative if len(relative) < len(str(self.path)) else self.path}"

    def owner_pid(self) -> int | None:
        """Return the pid of the process that owns the directory, or None if nobody does."""
        try:
            lock = os.open(self.path / _LOCK_NAME, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _pid_in(self.path / _LOCK_NAME)
        else:
            return None
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def claim(self) -> Iterator[bool]:
        """Own the directory until the block ends; gives True when a former owner left without tidying up.

        Raises:
            CommandFailed: it is owned by a process that lives.

        """
        self.path.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_DIRECTORY)
        lock = os.open(self.path / _LOCK_NAME, os.O_RDWR | os.O_CREAT, _PRIVATE)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = _pid_in(self.path / _LOCK_NAME)
                raise CommandFailed(
                    f"a venue already runs in {self.path}: process {pid} owns it",
                    hint=f"look at it with `wavetank status{self.option}`, end it with "
                    f"`wavetank down{self.option}`, or start another one with `--dir ELSEWHERE`",
                    code=ExitCode.IN_USE,
                ) from None
            os.ftruncate(lock, 0)
            os.write(lock, f"{os.getpid()}\n".encode())
            was_left = self.venue_path.exists()
            self.venue_path.unlink(missing_ok=True)
            try:
                yield was_left
            finally:
                self.venue_path.unlink(missing_ok=True)
        finally:
            os.close(lock)

    def running(self) -> VenueFile:
        """Return what is known of the venue that runs here.

        Raises:
            CommandFailed: none runs, or it is still starting.

        """
        pid = self.owner_pid()
        if pid is None:
            raise CommandFailed(
                f"no venue runs in {self.path}",
                hint=f"start one with `wavetank up{self.option}`, or name the directory of yours with `--dir`",
                code=ExitCode.NO_VENUE,
            )
        try:
            return VenueFile(**json.loads(self.venue_path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise CommandFailed(
                f"the venue in {self.path} is starting or ending (process {pid})",
                hint=f"try again in a moment; {self.logs} says what it is doing",
                code=ExitCode.NO_VENUE,
            ) from None
        except (TypeError, ValueError) as error:
            raise CommandFailed(
                f"{self.venue_path} cannot be read: {error}",
                hint="it belongs to another version; end that venue and start it with this one",
            ) from error

    def write_venue(self, venue: VenueFile) -> None:
        """Publish the running venue, all at once."""
        _write_private(self.venue_path, asdict(venue))

    def keys(self) -> VenueKeys:
        """Return the venue's keys; made here at the first call, the same ever after."""
        path = self.path / _KEYS_NAME
        try:
            return VenueKeys(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            made = VenueKeys(
                play_key=f"play-{secrets.token_hex(4)}.{secrets.token_urlsafe(32)}",
                internal_key=secrets.token_urlsafe(32),
            )
            _write_private(path, asdict(made))
            return made

    def saved_settings(self) -> dict[str, Any]:
        """Return what the venue was first started with; empty for a new one."""
        try:
            settings: dict[str, Any] = json.loads((self.path / _SETTINGS_NAME).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return settings

    def save_settings(self, settings: dict[str, Any]) -> None:
        """Remember what the venue was started with, for the next start."""
        _write_private(self.path / _SETTINGS_NAME, settings)

    def ask_restart(self, restart: Restart) -> None:
        """Ask the owner for a restart of one of its services; it looks for such wishes all the time."""
        folder = self.path / _RESTARTS_NAME
        folder.mkdir(mode=_PRIVATE_DIRECTORY, exist_ok=True)
        _write_private(folder / f"{restart.name}.json", asdict(restart))

    def take_restarts(self) -> list[Restart]:
        """Return the restarts that were asked for, and forget them; one that cannot be read is nobody's."""
        found = []
        for path in sorted((self.path / _RESTARTS_NAME).glob("*.json")):
            with contextlib.suppress(TypeError, ValueError, OSError):
                found.append(Restart(**json.loads(path.read_text(encoding="utf-8"))))
            path.unlink(missing_ok=True)
        return found

    def forget(self) -> None:
        """Remove the venue's data, keys and settings; logs and reports stay."""
        shutil.rmtree(self.redis, ignore_errors=True)
        for name in (_KEYS_NAME, _SETTINGS_NAME):
            (self.path / name).unlink(missing_ok=True)


def process_runs(pid: int) -> bool:
    """Whether a process does something still; one that ended and was not taken note of (a zombie) does not."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    except OSError:
        # No /proc: gone a moment ago, or not Linux, where the signal above has said that it runs.
        return not Path("/proc/self").exists()
    return state != "Z"


def _pid_in(path: Path) -> int:
    text = path.read_text(encoding="ascii").strip()
    # The owner has the lock a moment before it has written its pid.
    return int(text) if text.isdecimal() else 0


def _write_private(path: Path, document: dict[str, Any]) -> None:
    staged = path.with_suffix(f".{os.getpid()}.new")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as target:
        target.write(json.dumps(document, indent=2) + "\n")
    staged.replace(path)
