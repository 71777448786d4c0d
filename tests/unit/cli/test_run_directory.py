"""A run directory has one owner, private files, and forgets an owner that was killed."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.eventually import eventually
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.run_directory import Restart, RunDirectory, VenueFile

VENUE = VenueFile(
    pid=os.getpid(),
    address="127.0.0.1:1",
    endpoints={"matching": ["127.0.0.1:1"], "clearing": "127.0.0.1:2", "oracle": "127.0.0.1:3"},
    redis_url="redis://127.0.0.1:4/0",
    pids={"redis": 5},
    play_key="play-1.secret",
    clock={"start_ns": 0, "origin_ns": 0, "speed_milli": 1_000},
    started_at="2025-04-06T18:00:00+00:00",
)
OWNER = """
import sys, time
from pathlib import Path
from wavetank.cli.run_directory import RunDirectory
with RunDirectory(Path(sys.argv[1])).claim():
    (Path(sys.argv[1]) / "venue.json").write_text("{}")
    print("owned", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "venue")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_directory_without_a_venue_says_how_to_start_one(directory: RunDirectory) -> None:
    with pytest.raises(CommandFailed) as caught:
        directory.running()
    assert caught.value.code is ExitCode.NO_VENUE
    assert "wavetank up" in caught.value.hint


def test_a_venue_is_found_while_its_owner_lives_and_its_file_is_private(directory: RunDirectory) -> None:
    with directory.claim() as was_left:
        directory.write_venue(VENUE)
        assert not was_left
        assert directory.running() == VENUE
        assert directory.owner_pid() == os.getpid()
        assert mode_of(directory.venue_path) == 0o600
    assert directory.owner_pid() is None
    assert not directory.venue_path.exists()


def test_a_venue_that_is_still_starting_is_said_to(directory: RunDirectory) -> None:
    with directory.claim(), pytest.raises(CommandFailed, match="starting or ending"):
        directory.running()


def test_a_second_owner_is_refused_with_the_pid_of_the_first(directory: RunDirectory) -> None:
    refused = pytest.raises(CommandFailed, match=f"process {os.getpid()} owns it")
    with directory.claim(), refused as caught, RunDirectory(directory.path).claim():
        pytest.fail("both own it")
    assert caught.value.code is ExitCode.IN_USE


def test_what_a_killed_owner_left_is_cleaned_up(directory: RunDirectory) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(directory.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"owned\n"
    assert eventually(directory.owner_pid) == owner.pid
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    assert directory.venue_path.exists()
    assert directory.owner_pid() is None
    with directory.claim() as was_left:
        assert was_left
        assert not directory.venue_path.exists()


def test_keys_are_made_once_and_private(directory: RunDirectory) -> None:
    with directory.claim():
        keys = directory.keys()
        assert RunDirectory(directory.path).keys() == keys
    assert mode_of(directory.path / "keys.json") == 0o600
    key_id, _, secret = keys.play_key.partition(".")
    # The venue keeps 16 bytes of an id.
    assert len(key_id) <= 16
    assert len(secret) >= 32
    assert keys.internal_key not in keys.play_key


def test_another_directory_has_other_keys(tmp_path: Path) -> None:
    keys = []
    for name in ("a", "b"):
        directory = RunDirectory(tmp_path / name)
        with directory.claim():
            keys.append(directory.keys())
    assert keys[0].play_key != keys[1].play_key
    assert keys[0].internal_key != keys[1].internal_key


def test_restarts_that_are_asked_for_are_taken_once(directory: RunDirectory) -> None:
    with directory.claim():
        assert directory.take_restarts() == []
        directory.ask_restart(Restart(name="oracle", down_seconds=2.5))
        directory.ask_restart(Restart(name="clearing", kill=True))
        # The later wish for the same service counts.
        directory.ask_restart(Restart(name="oracle", down_seconds=1.0))
        (directory.path / "restarts" / "junk.json").write_text('{"name": 1, "what": 2}')
        taken = directory.take_restarts()
        assert taken == [Restart(name="clearing", kill=True), Restart(name="oracle", down_seconds=1.0)]
        assert directory.take_restarts() == []
