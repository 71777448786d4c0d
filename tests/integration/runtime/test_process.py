"""How a process starts, drains and ends: real processes, real signals."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.eventually import eventually
from wavetank.runtime.durability import DurabilityMissing
from wavetank.runtime.errors import InvariantBroken
from wavetank.runtime.log_reader import LogGap
from wavetank.runtime.log_tail import Fenced, LogLost
from wavetank.runtime.log_writer import LogUnavailable
from wavetank.runtime.process import ExitCode, exit_code_of

SERVICE = """
import asyncio, sys
from wavetank.runtime.errors import InvariantBroken
from wavetank.runtime.log_tail import Fenced
from wavetank.runtime.process import run
from wavetank.runtime.settings import ServiceSettings, environment

class TankSettings(ServiceSettings):
    model_config = environment("tank")
    how: str

async def main(settings, process):
    print("up", flush=True)
    if settings.how == "wait":
        await asyncio.Event().wait()
    if settings.how == "break":
        process.fail(InvariantBroken("the ledger does not sum to zero"))
    if settings.how == "fence":
        async with asyncio.TaskGroup() as group:
            group.create_task(process.until_stopping())
            raise Fenced("log tank ends with 9-0")
    await process.until_stopping()
    print("draining", flush=True)
    if settings.how == "hang":
        await asyncio.Event().wait()
    print("drained", flush=True)

sys.exit(run("tank", TankSettings, main))
"""
SECRET = "a-secret-that-no-line-may-show"


def started(how: str, **more: str) -> subprocess.Popen[str]:
    environment = {"WAVETANK_TANK_HOW": how, "WAVETANK_TANK_INTERNAL_KEY": SECRET, **more}
    return subprocess.Popen(
        [sys.executable, "-c", SERVICE], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(number: signal.Signals) -> None:
    process = started("drain")
    assert said(process) == "up"
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert (out.split(), process.returncode) == (["draining", "drained"], ExitCode.OK)
    events = [json.loads(line) for line in err.splitlines()]
    assert [(event["event"], event["service"]) for event in events] == [
        ("process_started", "tank"),
        ("process_ended", "tank"),
    ]


def test_a_second_signal_ends_it_at_once() -> None:
    process = started("hang")
    assert said(process) == "up"
    process.terminate()
    assert said(process) == "draining"
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == ExitCode.FAILED


def test_a_signal_before_it_serves_ends_it_at_once() -> None:
    process = started("wait")
    assert said(process) == "up"
    process.terminate()
    out, err = process.communicate(timeout=20)
    assert (out, process.returncode) == ("", ExitCode.OK)
    assert json.loads(err.splitlines()[-1])["event"] == "process_ended"


def test_a_broken_invariant_ends_it_with_its_reason() -> None:
    process = started("break")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 70
    last = json.loads(err.splitlines()[-1])
    assert last["causes"] == ["InvariantBroken: the ledger does not sum to zero"]


def test_a_fenced_process_ends_with_a_code_of_its_own() -> None:
    process = started("fence")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 73
    assert json.loads(err.splitlines()[-1])["causes"] == ["Fenced: log tank ends with 9-0"]


def test_wrong_settings_are_all_named_and_no_secret_is() -> None:
    process = started("drain", WAVETANK_TANK_LISTEN="nowhere", WAVETANK_TANK_DURABILITY="perhaps")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 78
    assert err.splitlines()[0] == "tank cannot start:"
    assert [line.partition(":")[0] for line in err.splitlines()[1:]] == [
        "WAVETANK_TANK_DURABILITY",
        "WAVETANK_TANK_LISTEN",
    ]
    assert SECRET not in err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's signal at a parent's death is Linux's")
def test_it_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    environment = {
        "WAVETANK_TANK_HOW": "drain",
        "WAVETANK_TANK_INTERNAL_KEY": SECRET,
        "WAVETANK_TANK_DIE_WITH_PARENT": "true",
    }
    out = tmp_path / "out"
    starter = (
        "import subprocess, sys, signal\n"
        f"subprocess.Popen([sys.executable, '-c', {SERVICE!r}], env={environment!r}, stdout=open({str(out)!r}, 'w'))\n"
        "signal.pause()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", starter], stderr=subprocess.DEVNULL)
    eventually(lambda: out.exists() and out.read_text(encoding="utf-8") == "up\n")
    parent.kill()
    parent.wait()
    eventually(lambda: out.read_text(encoding="utf-8").split() == ["up", "draining", "drained"])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, 0),
        (ValueError("?"), 1),
        (LogUnavailable("away"), 69),
        (InvariantBroken("broken"), 70),
        (AssertionError("broken"), 70),
        (Fenced("fenced"), 73),
        (LogLost("lost"), 74),
        (LogGap("tank", "1-1", "1-3", "hole"), 74),
        (DurabilityMissing("evicts"), 78),
        # Of several the gravest counts.
        (ExceptionGroup("two", [ValueError("?"), ExceptionGroup("in", [Fenced("f"), InvariantBroken("b")])]), 70),
    ],
)
def test_exit_codes(error: BaseException | None, code: int) -> None:
    assert exit_code_of(error) == code
