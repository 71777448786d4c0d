"""A venue starts, is refused a second owner, survives the deaths of its services, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.eventually import eventually
from tests.venue_fixture import START_SECONDS, start_venue
from wavetank.cli.accounts import all_accounts
from wavetank.cli.connection import VenueConnection
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.run_directory import RunDirectory, VenueFile
from wavetank.v1 import account_pb2

pytestmark = pytest.mark.timeout(240)


class Owner:
    """`wavetank up` as a process of its own."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = RunDirectory(directory)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wavetank.cli", "up", "--dir", str(directory), "--seed", "7", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def venue(self) -> VenueFile:
        """Return the venue once it is up."""
        eventually(lambda: self.is_up() or self.process.poll() is not None, START_SECONDS)
        assert self.process.poll() is None, self.process.communicate()
        return self.directory.running()

    def is_up(self) -> bool:
        """Whether the venue that is published is this one's, not what a killed one left."""
        return self.directory.owner_pid() == self.process.pid and self.directory.venue_path.exists()

    def end(self, number: int) -> tuple[int, str, str]:
        """Send a signal and return exit code, output and errors."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=60.0)
        return self.process.returncode, out, err


@pytest.fixture
def owners() -> Iterator[list[Owner]]:
    started: list[Owner] = []
    yield started
    for owner in started:
        if owner.process.poll() is None:
            owner.end(signal.SIGTERM)


def cli(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "wavetank.cli", *arguments], capture_output=True, text=True, check=False, timeout=120.0
    )


def is_gone(pid: int) -> bool:
    """Whether a process has ended, even if nobody has taken note of its end (a zombie)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"


def account_names(venue: VenueFile) -> list[str]:
    with VenueConnection(venue) as connection:
        return [account.name for account in all_accounts(connection)]


def open_account(venue: VenueFile, name: str) -> None:
    with VenueConnection(venue) as connection:
        connection.call(connection.accounts.OpenAccount, account_pb2.OpenAccountRequest(name=name))


def test_ctrl_c_ends_all_and_the_next_start_goes_on(tmp_path: Path, owners: list[Owner]) -> None:
    owners.append(Owner(tmp_path / "venue"))
    first = owners[-1].venue()
    assert set(first.pids) == {"redis", "clearing", "oracle", "matching-0"}
    open_account(first, "before")
    code, out, err = owners[-1].end(signal.SIGINT)
    assert code == 0
    assert "the venue is up" in out
    assert "nothing is left running" in err
    assert all(is_gone(pid) for pid in first.pids.values())
    assert not owners[-1].directory.venue_path.exists()

    owners.append(Owner(tmp_path / "venue"))
    second = owners[-1].venue()
    assert second.play_key == first.play_key
    assert "before" in account_names(second)


def test_a_second_owner_is_refused_and_json_stays_clean(tmp_path: Path, owners: list[Owner]) -> None:
    owners.append(Owner(tmp_path / "venue", "--json"))
    owners[-1].venue()
    refused = cli("up", "--dir", str(tmp_path / "venue"))
    assert refused.returncode == 5
    assert f"process {owners[-1].process.pid} owns it" in refused.stderr
    code, out, _ = owners[-1].end(signal.SIGTERM)
    document: dict[str, Any] = json.loads(out)
    assert (code, document["pid"]) == (0, owners[-1].process.pid)
    assert document["directory"] == str(tmp_path / "venue")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel tells children of their parent's death")
def test_nothing_outlives_an_owner_that_is_killed_and_its_data_stays(tmp_path: Path, owners: list[Owner]) -> None:
    owners.append(Owner(tmp_path / "venue"))
    venue = owners[-1].venue()
    open_account(venue, "before")
    owners[-1].end(signal.SIGKILL)
    for pid in venue.pids.values():
        eventually(lambda pid=pid: is_gone(pid), 20.0)  # type: ignore[misc] # The default binds the loop's value.
    assert owners[-1].directory.venue_path.exists()
    stale = cli("status", "--dir", str(tmp_path / "venue"))
    assert (stale.returncode, "no venue runs" in stale.stderr) == (3, True)
    owners.append(Owner(tmp_path / "venue"))
    assert "before" in account_names(owners[-1].venue())


def test_a_venue_in_the_background_is_ended_by_down(tmp_path: Path) -> None:
    directory = str(tmp_path / "venue")
    started = cli("up", "--detach", "--json", "--dir", directory, "--seed", "7")
    assert started.returncode == 0, started.stderr
    venue = json.loads(started.stdout)
    try:
        assert cli("status", "--dir", directory).returncode == 0
    finally:
        ended = cli("down", "--dir", directory, "--json")
    assert (ended.returncode, json.loads(ended.stdout)["pid"]) == (0, venue["pid"])
    assert all(is_gone(pid) for pid in (venue["pid"], *venue["pids"].values()))
    again = cli("down", "--dir", directory)
    assert (again.returncode, "nothing to end" in again.stdout) == (0, True)
    # The logs of an ended venue can still be read.
    read = cli("log", "--last", "0", "--json", "--dir", directory)
    assert [line["fields"]["symbol"] for line in json.loads(read.stdout) if line["event"] == "InstrumentListed"] == [
        "BTC",
        "ETH",
        "SOL",
    ]


@pytest.mark.parametrize("service", ["matching-0", "clearing", "oracle", "redis"])
def test_a_service_that_dies_is_started_again(tmp_path: Path, service: str) -> None:
    with start_venue(tmp_path / "venue") as venue:
        open_account(venue.file, "before")
        before = venue.file.pids[service]
        venue.kill(service)
        assert venue.wait_ready(service, 60.0, starts=2)
        eventually(lambda: venue.directory.running().pids.get(service, before) != before, 10.0)
        assert "before" in eventually(lambda: names_or_nothing(venue.file), 30.0)


def names_or_nothing(venue: VenueFile) -> list[str]:
    try:
        return account_names(venue)
    except CommandFailed:
        return []


def test_two_directories_are_two_venues(tmp_path: Path) -> None:
    with start_venue(tmp_path / "a") as one, start_venue(tmp_path / "b") as other:
        assert one.play_key != other.play_key
        open_account(one.file, "only-here")
        assert "only-here" in account_names(one.file)
        assert "only-here" not in account_names(other.file)
        refused = pytest.raises(CommandFailed, match="KEY_UNKNOWN")
        with VenueConnection(other.file, key=one.play_key) as connection, refused as caught:
            all_accounts(connection)
        assert caught.value.code is ExitCode.REFUSED


def test_what_cannot_start_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="FUND_DEPOSIT_MICROS") as caught:
        start_venue(tmp_path / "venue", settings={"clearing": {"FUND_DEPOSIT_MICROS": "-1"}})
    assert str(tmp_path / "venue" / "logs") in caught.value.hint
    assert RunDirectory(tmp_path / "venue").owner_pid() is None
    assert not (tmp_path / "venue" / "venue.json").exists()


def test_venue_time_runs_at_the_speed_asked_for_and_goes_on_after_a_pause(tmp_path: Path) -> None:
    with start_venue(tmp_path / "venue", speed_milli=60_000) as venue:
        first = venue.file.clock
        assert first["speed_milli"] == 60_000
    with start_venue(tmp_path / "venue") as venue:
        second = venue.file.clock
        assert second["speed_milli"] == 60_000
        # It begins where the logs ended: after the first start, before what the first clock would say by now.
        would_be = first["start_ns"] + (second["origin_ns"] - first["origin_ns"]) * 60
        assert first["start_ns"] < second["start_ns"] <= would_be
