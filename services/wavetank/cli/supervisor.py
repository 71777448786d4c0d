"""The supervisor: starts children in order, restarts those that die, ends them in order.

It exists so that `up`, `demo` and tests run a venue by the same code. Kept true:

- All children are started by one thread that lives as long as they do, for the kernel ends a child when the *thread*
  that started it ends. When the owner is killed, that thread is gone, and so are they.
- Nobody is started behind the back of `stop`: once it was called, only endings happen.
- A child that keeps dying is not restarted for ever: after a few times within a minute the supervisor gives up. An end
  that somebody asked for is no death.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from wavetank.cli.children import Child, ChildFailed
from wavetank.cli.run_directory import Restart


class ChildState(StrEnum):
    """What a child is doing."""

    STARTING = "starting"
    READY = "ready"
    DIED = "died"
    STOPPING = "stopping"
    STOPPED = "stopped"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class Notice:
    """A child moved to another state."""

    name: str
    state: ChildState
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RestartPolicy:
    """When a dead child is started again; wall seconds."""

    enabled: bool = True
    limit: int = 5
    """Deaths within `window_seconds` after which the supervisor gives up."""
    window_seconds: float = 60.0
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 5.0

    def pause_seconds(self, deaths: int) -> float:
        """Return how long to wait before the start after the n-th recent death: doubled each time."""
        return float(min(self.longest_pause_seconds, self.first_pause_seconds * 2 ** (deaths - 1)))


@dataclass(slots=True)
class _Watched:
    child: Child
    state: ChildState = ChildState.STOPPED
    deaths: list[float] = field(default_factory=list)
    """Monotonic times of the recent deaths."""
    restart_at: float | None = None
    starts: int = 0
    asked: Restart | None = None
    """A restart that somebody asked for and that has not begun."""


class Supervisor:
    """Runs children; its own thread does all the work, the methods may be called from any other."""

    def __init__(
        self,
        stages: Sequence[Sequence[Child]],
        *,
        stop_order: Sequence[str] = (),
        policy: RestartPolicy | None = None,
        observe: Callable[[Notice], None] | None = None,
        stop_timeout: float = 15.0,
        tick_seconds: float = 0.05,
        asked: Callable[[], Sequence[Restart]] | None = None,
    ) -> None:
        """Describe what runs; nothing runs yet.

        Args:
            stages: children that start together; a stage starts when the one before is ready.
            stop_order: names, first to end first; children not named end last, in reverse order of their start.
            policy: when the dead are started again.
            observe: told of every change of state, in the supervisor's thread.
            stop_timeout: wall seconds that a child is given to end by itself.
            tick_seconds: how often children are looked at.
            asked: returns, each time they are looked at, the restarts that were asked for elsewhere.

        """
        self._stages = [[_Watched(child) for child in stage] for stage in stages]
        self._watched = {item.child.name: item for stage in self._stages for item in stage}
        self._stop_order = list(stop_order)
        self._policy = policy or RestartPolicy()
        self._observe = observe or (lambda _: None)
        self._stop_timeout = stop_timeout
        self._tick_seconds = tick_seconds
        self._asked = asked or (lambda: ())
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._up = False
        self._failure: ChildFailed | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self, timeout: float) -> None:
        """Start all children and return when all are ready.

        Args:
            timeout: wall seconds for all of it.

        Raises:
            ChildFailed: one of them died or was not ready in time; all others were ended again.

        """
        self._thread.start()
        deadline = time.monotonic() + timeout
        with self._changed:
            in_time = self._changed.wait_for(lambda: self._up or self._failure is not None, timeout)
        if not in_time:
            late = [item.child.name for item in self._watched.values() if item.state is not ChildState.READY]
            self.stop()
            raise ChildFailed(f"{', '.join(late)} not ready within {timeout:g} seconds{self._words_of(late)}")
        if self._failure is not None:
            self.stop()
            raise self._failure
        assert time.monotonic() <= deadline + 1.0

    def stop(self) -> None:
        """End all children in order and return when they are gone; a second call only waits."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def wait(self, timeout: float | None = None) -> ChildFailed | None:
        """Wait until the supervisor gave up on a child, and return why; None when `timeout` passed, or at `stop`."""
        with self._changed:
            self._changed.wait_for(lambda: self._failure is not None or not self._thread.is_alive(), timeout)
            return self._failure

    def wait_ready(self, name: str, timeout: float, *, starts: int = 1) -> bool:
        """Wait until a child is ready that was started at least `starts` times; False when time ran out."""
        item = self._watched[name]
        with self._changed:
            return self._changed.wait_for(
                lambda: item.state is ChildState.READY and item.starts >= starts,
                timeout,
            )

    def starts(self, name: str) -> int:
        """Return how often a child was started."""
        return self._watched[name].starts

    def state(self, name: str) -> ChildState:
        """Return what a child is doing."""
        return self._watched[name].state

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the children that run."""
        return {name: item.child.pid for name, item in self._watched.items() if item.child.pid}

    def kill(self, name: str) -> None:
        """Kill a child as a crash would (SIGKILL); it is restarted if the policy says so."""
        self._watched[name].child.kill()

    def restart(self, asked: Restart) -> None:
        """End a child and start it again, whatever the policy says; one that cannot come back is left alone."""
        item = self._watched.get(asked.name)
        if item is not None and item.child.can_restart:
            item.asked = asked

    def kill_all(self) -> None:
        """Kill all children; for an owner who cannot wait."""
        self._stopping.set()
        for item in self._watched.values():
            item.child.kill()

    def _run(self) -> None:
        try:
            self._start_stages()
            while not self._stopping.wait(self._tick_seconds):
                for asked in self._asked():
                    self.restart(asked)
                for item in self._watched.values():
                    self._look_at(item)
        except ChildFailed as failure:
            self._fail(failure)
        finally:
            self._end_all()
            with self._changed:
                self._changed.notify_all()

    def _start_stages(self) -> None:
        for stage in self._stages:
            for item in stage:
                if self._stopping.is_set():
                    return
                self._move(item, ChildState.STARTING)
                self._launch(item)
            while not all(item.state is ChildState.READY for item in stage):
                for item in stage:
                    how = item.child.ended()
                    if how is not None:
                        raise ChildFailed(f"{item.child.name} {how} while it started{_words(item.child)}")
                    if item.state is ChildState.STARTING and item.child.ready():
                        self._move(item, ChildState.READY)
                if self._stopping.wait(self._tick_seconds):
                    return
        with self._changed:
            self._up = True
            self._changed.notify_all()

    def _launch(self, item: _Watched) -> None:
        item.child.start()
        item.starts += 1
        item.restart_at = None

    def _look_at(self, item: _Watched) -> None:
        """Take the child's next step: notice its death, start it again, notice that it is ready."""
        if item.asked is not None and item.restart_at is None:
            self._end_as_asked(item, item.asked)
            return
        now = time.monotonic()
        if item.restart_at is not None:
            if now >= item.restart_at:
                self._move(item, ChildState.STARTING, "again")
                self._launch(item)
            return
        if item.state in {ChildState.DIED, ChildState.GIVEN_UP}:
            return
        how = item.child.ended()
        if how is not None:
            self._mourn(item, how, now)
        elif item.state is ChildState.STARTING and item.child.ready():
            self._move(item, ChildState.READY, "again")

    def _end_as_asked(self, item: _Watched, asked: Restart) -> None:
        item.asked = None
        self._move(item, ChildState.STOPPING, "as asked")
        if asked.kill:
            item.child.kill()
        else:
            item.child.stop(self._stop_timeout)
        item.restart_at = time.monotonic() + asked.down_seconds
        self._move(item, ChildState.DIED, f"ended as asked; starting it again in {asked.down_seconds:.1f} s")

    def _mourn(self, item: _Watched, how: str, now: float) -> None:
        policy = self._policy
        item.deaths = [*(at for at in item.deaths if at > now - policy.window_seconds), now]
        if not policy.enabled:
            self._move(item, ChildState.DIED, f"{how}; it is not restarted")
        elif not item.child.can_restart:
            self._move(item, ChildState.GIVEN_UP, how)
            raise ChildFailed(
                f"{item.child.name} {how}; it kept its data in memory alone, so a new one would have lost the log"
            )
        elif len(item.deaths) > policy.limit:
            self._move(item, ChildState.GIVEN_UP, how)
            raise ChildFailed(
                f"{item.child.name} {how}, {len(item.deaths)} times within {policy.window_seconds:g} seconds"
                f"{_words(item.child)}"
            )
        else:
            pause = policy.pause_seconds(len(item.deaths))
            item.restart_at = now + pause
            self._move(item, ChildState.DIED, f"{how}; starting it again in {pause:.1f} s")

    def _end_all(self) -> None:
        names = [*self._stop_order, *(name for name in reversed(self._watched) if name not in self._stop_order)]
        for name in names:
            item = self._watched[name]
            if item.state is ChildState.STOPPED:
                continue
            if item.child.pid:
                self._move(item, ChildState.STOPPING)
            item.child.stop(self._stop_timeout)
            self._move(item, ChildState.STOPPED)

    def _move(self, item: _Watched, state: ChildState, detail: str = "") -> None:
        with self._changed:
            item.state = state
            self._changed.notify_all()
        self._observe(Notice(item.child.name, state, detail))

    def _fail(self, failure: ChildFailed) -> None:
        with self._changed:
            self._failure = failure
            self._changed.notify_all()

    def _words_of(self, names: Sequence[str]) -> str:
        return "".join(_words(self._watched[name].child) for name in names)


def _words(child: Child) -> str:
    said = child.last_words().strip()
    return f"\nlast lines of {child.name}:\n{said}" if said else ""
