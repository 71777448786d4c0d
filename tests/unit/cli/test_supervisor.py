"""The supervisor starts, restarts and ends real processes, and leaves none behind.

The children are tiny: what is supervised does not matter, when it lives and dies does.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.eventually import eventually
from wavetank.cli.children import ChildFailed, ServiceChild
from wavetank.cli.run_directory import Restart, process_runs
from wavetank.cli.supervisor import ChildState, Notice, RestartPolicy, Supervisor

# Says that it is ready, and writes its name into a common file when it is asked to end.
POLITE = """
import pathlib, signal, sys
name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
def end(*_):
    with (folder / "ended").open("a") as target:
        target.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
with (folder / "started").open("a") as target:
    target.write(name + "\\n")
(folder / name).write_text(str(__import__("os").getpid()))
while True:
    signal.pause()
"""
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\nsignal.pause()"
BROKEN = "raise SystemExit('the settings are wrong')"
POLICY = RestartPolicy(first_pause_seconds=0.01, longest_pause_seconds=0.02)

Make = Callable[..., Supervisor]


def polite(name: str, folder: Path) -> ServiceChild:
    return ServiceChild(
        name,
        [sys.executable, "-c", POLITE, name, str(folder)],
        log=folder / f"{name}.log",
        is_ready=(folder / name).exists,
    )


def script(name: str, text: str, folder: Path, *, ready_at: str = "") -> ServiceChild:
    log = folder / f"{name}.log"
    return ServiceChild(
        name,
        [sys.executable, "-c", text],
        log=log,
        is_ready=lambda: bool(ready_at) and ready_at in log.read_text(),
    )


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def has_begun(folder: Path, times: int) -> bool:
    """Tell whether the child `a` has begun so often."""
    return lines(folder / "started").count("a") == times


@pytest.fixture
def notices() -> list[Notice]:
    return []


@pytest.fixture
def make(notices: list[Notice]) -> Iterator[Make]:
    made: list[Supervisor] = []

    def build(
        *stages: list[ServiceChild],
        policy: RestartPolicy = POLICY,
        stop_order: tuple[str, ...] = (),
        asked: Callable[[], list[Restart]] | None = None,
    ) -> Supervisor:
        supervisor = Supervisor(
            stages,
            stop_order=stop_order,
            policy=policy,
            observe=notices.append,
            stop_timeout=5.0,
            tick_seconds=0.01,
            asked=asked,
        )
        made.append(supervisor)
        return supervisor

    yield build
    for supervisor in made:
        supervisor.stop()


def test_children_start_by_stages_and_end_in_the_order_given(make: Make, tmp_path: Path) -> None:
    supervisor = make(
        [polite("redis", tmp_path)],
        [polite("clearing", tmp_path), polite("matching", tmp_path)],
        stop_order=("matching", "clearing"),
    )
    supervisor.start(timeout=20.0)
    assert lines(tmp_path / "started")[0] == "redis"
    pids = supervisor.pids
    assert set(pids) == {"redis", "clearing", "matching"}
    supervisor.stop()
    assert lines(tmp_path / "ended") == ["matching", "clearing", "redis"]
    assert not any(process_runs(pid) for pid in pids.values())
    assert supervisor.pids == {}


def test_a_child_that_dies_is_started_again(make: Make, notices: list[Notice], tmp_path: Path) -> None:
    supervisor = make([polite("matching", tmp_path)])
    supervisor.start(timeout=20.0)
    first = supervisor.pids["matching"]
    supervisor.kill("matching")
    assert supervisor.wait_ready("matching", 20.0, starts=2)
    assert supervisor.pids["matching"] != first
    assert supervisor.starts("matching") == 2
    died = [notice for notice in notices if notice.state is ChildState.DIED]
    assert [notice.detail for notice in died] == ["was ended by SIGKILL; starting it again in 0.0 s"]


def test_without_restarts_what_died_stays_dead_and_the_others_live(make: Make, tmp_path: Path) -> None:
    supervisor = make([polite("clearing", tmp_path), polite("matching", tmp_path)], policy=RestartPolicy(enabled=False))
    supervisor.start(timeout=20.0)
    supervisor.kill("matching")
    eventually(lambda: supervisor.state("matching") is ChildState.DIED)
    assert set(supervisor.pids) == {"clearing"}
    assert supervisor.starts("matching") == 1


def test_it_gives_up_on_a_child_that_keeps_dying(make: Make, tmp_path: Path) -> None:
    folder = tmp_path
    (folder / "fine").touch()
    # Ready the first time; once the file is gone it dies at once.
    text = (
        "import os, signal, sys\nprint('ready', flush=True)\n"
        f"signal.pause() if os.path.exists({str(folder / 'fine')!r}) else sys.exit(7)"
    )
    supervisor = make(
        [script("oracle", text, folder, ready_at="ready")], policy=RestartPolicy(limit=2, first_pause_seconds=0.01)
    )
    supervisor.start(timeout=20.0)
    (folder / "fine").unlink()
    supervisor.kill("oracle")
    failure = supervisor.wait(20.0)
    assert failure is not None
    assert "oracle ended with code 7, 3 times" in str(failure)
    eventually(lambda: supervisor.pids == {})


def test_a_child_that_cannot_start_ends_all_with_its_last_words(make: Make, tmp_path: Path) -> None:
    supervisor = make([polite("redis", tmp_path)], [script("clearing", BROKEN, tmp_path)])
    with pytest.raises(ChildFailed, match="the settings are wrong"):
        supervisor.start(timeout=20.0)
    assert supervisor.pids == {}
    assert lines(tmp_path / "ended") == ["redis"]


def test_a_child_that_is_not_ready_in_time_ends_all(make: Make, tmp_path: Path) -> None:
    supervisor = make([script("slow", STUBBORN.replace("signal.SIG_IGN", "signal.SIG_DFL"), tmp_path)])
    with pytest.raises(ChildFailed, match=r"slow not ready within 0\.5 seconds"):
        supervisor.start(timeout=0.5)
    assert supervisor.pids == {}


def test_a_program_that_does_not_exist_is_named(make: Make, tmp_path: Path) -> None:
    missing = ServiceChild("ghost", ["/nowhere/ghost"], log=tmp_path / "ghost.log", is_ready=lambda: True)
    with pytest.raises(ChildFailed, match="ghost cannot be started"):
        make([missing]).start(timeout=5.0)


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    supervisor = Supervisor([[script("stubborn", STUBBORN, tmp_path, ready_at="ready")]], stop_timeout=0.2)
    supervisor.start(timeout=20.0)
    pid = supervisor.pids["stubborn"]
    supervisor.stop()
    assert not process_runs(pid)


def test_pauses_between_restarts_double_up_to_a_bound() -> None:
    policy = RestartPolicy(first_pause_seconds=0.5, longest_pause_seconds=3.0)
    assert [policy.pause_seconds(deaths) for deaths in (1, 2, 3, 4, 5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


OWNER = """
import sys
from pathlib import Path
from wavetank.cli.children import ServiceChild
from wavetank.cli.run_directory import process_runs
from wavetank.cli.supervisor import Supervisor
folder = Path(sys.argv[1])
child = ServiceChild(
    "child", [sys.executable, "-c", sys.argv[2]], log=folder / "child.log",
    is_ready=lambda: "ready" in (folder / "child.log").read_text(),
)
supervisor = Supervisor([[child]])
supervisor.start(timeout=20.0)
print(supervisor.pids["child"], flush=True)
sys.stdin.read()
"""
DIES_WITH_PARENT = """
import os, signal
from wavetank.runtime.parent import die_with_parent
die_with_parent(os.getppid())
print("ready", flush=True)
signal.pause()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel tells children of their parent's death")
def test_nothing_outlives_an_owner_that_is_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), DIES_WITH_PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    assert process_runs(child)
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    eventually(lambda: not process_runs(child))


def test_a_restart_on_request_ends_a_child_politely_and_is_no_death(make: Make, tmp_path: Path) -> None:
    # One death within the window would be the last one.
    supervisor = make([polite("a", tmp_path), polite("b", tmp_path)], policy=RestartPolicy(limit=0))
    supervisor.start(timeout=20.0)
    pid = supervisor.pids["a"]
    for starts in (2, 3):
        supervisor.restart(Restart(name="a"))
        assert supervisor.wait_ready("a", 20.0, starts=starts)
        # What it wrote at its first start makes it ready at once; it can say goodbye only when it has begun.
        eventually(partial(has_begun, tmp_path, starts))
    assert supervisor.pids["a"] != pid
    assert lines(tmp_path / "ended") == ["a", "a"]
    assert supervisor.starts("b") == 1


def test_a_restart_on_request_waits_as_long_as_asked_and_comes_without_a_policy(make: Make, tmp_path: Path) -> None:
    asked = [Restart(name="a", down_seconds=0.5, kill=True), Restart(name="nobody")]
    supervisor = make(
        [polite("a", tmp_path)], policy=RestartPolicy(enabled=False), asked=lambda: [asked.pop()] if asked else []
    )
    supervisor.start(timeout=20.0)
    eventually(lambda: supervisor.state("a") is ChildState.DIED)
    assert "a" not in supervisor.pids
    ended = time.monotonic()
    assert supervisor.wait_ready("a", 20.0, starts=2)
    assert time.monotonic() - ended > 0.3
    # It was killed, so it could not say goodbye.
    assert lines(tmp_path / "ended") == []


def test_what_cannot_come_back_is_left_alone(make: Make, tmp_path: Path) -> None:
    child = polite("a", tmp_path)
    child.can_restart = False
    supervisor = make([child])
    supervisor.start(timeout=20.0)
    pid = supervisor.pids["a"]
    supervisor.restart(Restart(name="a"))
    assert supervisor.pids["a"] == pid
    assert supervisor.state("a") is ChildState.READY
