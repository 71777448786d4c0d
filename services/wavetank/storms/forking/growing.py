"""The run up to the fork, once, and every branch from there on in a process of its own.

The trunk is grown in a fresh process that has one thread, no socket and nothing but the simulated venue; at the fork it
stands still, and each branch, the unchanged one too, is a copy of it (`fork`). Kept true: a branch begins in the very
state of the trunk, which is compared before it goes on; it writes logs of its own; at most so many run at one time; and
none outlives who asked for it.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn, TypeAlias

from wavetank.clearing.core.settings import SettingsRefused
from wavetank.runtime.log_files import LogFiles
from wavetank.runtime.price_path import PriceFileInvalid
from wavetank.storms.forking.earlier import ForkRefused
from wavetank.storms.measure.record import RunRecord
from wavetank.storms.staging.market import StagingRefused
from wavetank.storms.staging.running import Progress, Run, RunPlan
from wavetank.storms.staging.stage import stage

_WRONG = (StagingRefused, SettingsRefused, PriceFileInvalid, OSError)
_Said: TypeAlias = float | RunRecord | str
"""What a branch says: which share of its way is done, its record, or what it broke by."""


class ForkBroken(Exception):
    """The process that grew the trunk ended before it was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One way on from the fork."""

    run: RunPlan
    """Its page, its name as the variant, and where its logs go."""
    seed: int | None = None
    """Of all dice thrown from the fork on; None leaves them as they are."""
    command: str = ""
    """What repeats it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkPlan:
    """A fork that is wanted; its changes have been checked."""

    at_ns: int
    """Venue time behind the beginning; what happens then happens in each branch."""
    trunk: Branch
    """The page up to the fork, which also goes on unchanged."""
    branches: tuple[Branch, ...]
    logs: Path | None = None
    """Folder in which the logs up to the fork stand while it grows; None if no branch keeps any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """What became of a fork."""

    records: list[RunRecord]
    """The trunk's first, then those of the branches in the order of the plan; the trunk's alone if it broke before."""
    state_hash: str
    """Of the three cores at the fork, in every branch; empty if the trunk broke before."""


def grow(plan: ForkPlan, jobs: int, on_progress: Progress | None = None) -> Grown:
    """Run a page up to the fork, and on from there in every branch.

    Args:
        plan: what is wanted.
        jobs: branches at one time.
        on_progress: told which share of all is done.

    Raises:
        ForkRefused: a page says what no venue can do, or this system cannot fork a process.
        ForkBroken: the process ended by something else.

    """
    if not hasattr(os, "fork"):
        raise ForkRefused("this system cannot fork a process; Linux and macOS can")
    context = multiprocessing.get_context("spawn")
    hears, says = context.Pipe(duplex=False)
    process = context.Process(target=_grow, args=(plan, jobs, says), name="trunk")
    _start(process)
    says.close()
    try:
        while True:
            said = hears.recv()
            if not isinstance(said, float):
                break
            if on_progress is not None:
                on_progress(said)
    except EOFError:
        process.join()
        raise ForkBroken(f"the trunk's process ended with {process.exitcode} before it was done") from None
    except BaseException:
        process.terminate()
        raise
    finally:
        process.join()
        hears.close()
    if isinstance(said, ForkRefused):
        raise said
    assert isinstance(said, Grown), "it tells shares, and then what became of it"
    return said


def _start(process: Any) -> None:  # noqa: ANN401 - of a context; the stubs have no one name for it.
    """Start a process that leaves Ctrl-C to this one, which ends it in order."""
    if threading.current_thread() is not threading.main_thread():
        process.start()
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, handler)


def _grow(plan: ForkPlan, jobs: int, says: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    try:
        with ExitStack() as stack:
            grown = _Trunk(plan, jobs, says.send, _files(plan, stack)).grow()
    except _WRONG as fault:
        says.send(ForkRefused(str(fault)))
    else:
        says.send(grown)


def _end(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)


def _files(plan: ForkPlan, stack: ExitStack) -> LogFiles | None:
    if plan.logs is None:
        return None
    plan.logs.mkdir(parents=True, exist_ok=True)
    folder = stack.enter_context(TemporaryDirectory(prefix=".trunk-", dir=plan.logs))
    return stack.enter_context(closing(LogFiles(Path(folder))))


class _Trunk:
    """The run up to the fork, and who goes on from there."""

    def __init__(self, plan: ForkPlan, jobs: int, tell: Callable[[float], None], files: LogFiles | None) -> None:
        self._plan = plan
        self._jobs = jobs
        self._tell = tell
        self._files = files
        self._run = Run(plan.trunk.run.scenario, None if files is None else files.keep)
        self._state_hash = ""
        self._branches = (plan.trunk, *plan.branches)
        self._done = [0.0] * len(self._branches)
        self._way_ns = sum(each.run.scenario.duration - plan.at_ns for each in self._branches)

    def grow(self) -> Grown:
        plan, run = self._plan, self._run
        # Every page is put on stage once before time runs, so that what is wrong with it is said at once.
        for scenario in {id(each.run.scenario): each.run.scenario for each in plan.branches}.values():
            stage(scenario, seed=scenario.seed)
        run.let_time_run(plan.at_ns - 1, self._tell_share)
        if run.failure:
            record = run.record(plan.trunk.run)
            record.command = plan.trunk.command
            return Grown(records=[record], state_hash="")
        self._state_hash = run.staged.venue.state_hash
        if self._files is not None:
            self._files.flush()
        assert threading.active_count() == 1, "a process with threads is not copied whole"
        # What stands now is not walked through by the collector any more, so that the copies share its memory.
        gc.collect()
        gc.freeze()
        return Grown(records=self._all(), state_hash=self._state_hash)

    def _all(self) -> list[RunRecord]:
        waiting = deque(range(len(self._branches)))
        under_way: dict[Connection, tuple[int, int]] = {}
        records: dict[int, RunRecord] = {}
        try:
            while waiting or under_way:
                while waiting and len(under_way) < self._jobs:
                    number = waiting.popleft()
                    hears, pid = self._sprout(number)
                    under_way[hears] = number, pid
                for hears in _with_news(list(under_way)):
                    number, pid = under_way[hears]
                    said = _heard(hears)
                    if isinstance(said, float):
                        self._done[number] = said
                        self._tell_share(1.0)
                        continue
                    del under_way[hears]
                    hears.close()
                    _, status = os.waitpid(pid, 0)
                    if isinstance(said, str):
                        said = self._broken(number, said or _ending(status))
                    records[number] = said
                    self._done[number] = 1.0
        finally:
            for _, pid in under_way.values():
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        return [records[number] for number in range(len(self._branches))]

    def _sprout(self, number: int) -> tuple[Connection, int]:
        """Begin a branch; return where it is heard, and its process."""
        hears, says = multiprocessing.Pipe(duplex=False)
        pid = os.fork()
        if pid == 0:
            # Whatever happens, nothing of the trunk is ended by its copy: no file, no folder, no other branch.
            code = 1
            try:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                says.send(self._branch(number, says.send))
                code = 0
            except BaseException as error:  # noqa: BLE001 - it is told.
                says.send(f"{type(error).__name__}: {error}")
            finally:
                os._exit(code)
        says.close()
        return hears, pid

    def _branch(self, number: int, tell: Progress) -> RunRecord:
        branch, run, files = self._branches[number], self._run, self._files
        if files is not None and branch.run.logs is not None:
            files.go_on_in(branch.run.logs)
        if number:
            run.staged.follow(branch.run.scenario, seed=branch.seed)
        found = run.staged.venue.state_hash
        assert found == self._state_hash, f"at the fork its state is {found}, the trunk's {self._state_hash}"
        run.let_time_run(branch.run.scenario.duration, tell)
        record = run.record(branch.run)
        record.seed = record.seed if branch.seed is None else branch.seed
        record.command = branch.command
        if files is not None:
            files.close()
        return record

    def _broken(self, number: int, failure: str) -> RunRecord:
        """Return what is known of a branch that told nothing."""
        branch, began_ns = self._branches[number], self._run.began_ns
        return RunRecord(
            scenario=branch.run.scenario.name,
            title=branch.run.scenario.title,
            variant=branch.run.variant,
            seed=branch.run.scenario.seed if branch.seed is None else branch.seed,
            mode="sim",
            state_hash="",
            began_ns=began_ns,
            ended_ns=began_ns + self._plan.at_ns,
            wall_seconds=0.0,
            members={},
            listed={},
            failure=failure,
            command=branch.command,
        )

    def _tell_share(self, share: float) -> None:
        """Tell how far all is, when so much of the trunk is done."""
        at_ns = self._plan.at_ns
        way = sum(
            done * (each.run.scenario.duration - at_ns) for done, each in zip(self._done, self._branches, strict=True)
        )
        self._tell((share * at_ns + way) / (at_ns + self._way_ns))


def _with_news(listened_to: list[Connection]) -> list[Connection]:
    """Return where something is to be heard; wait until there is."""
    ready = wait(listened_to)
    return [each for each in listened_to if each in ready]


def _heard(hears: Connection) -> _Said:
    """Return what a branch says; nothing if it ended without a word."""
    try:
        said: _Said = hears.recv()
    except EOFError:
        return ""
    return said


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"its process was ended by {signal.Signals(-code).name}" if code < 0 else f"its process ended with {code}"
