"""A venue starts, is refused a second owner, survives the deaths of its services, and leaves nothing behind."""

import json
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
from wavetank.cli.run_directory import RunDirectory, VenueFile, process_runs
from wavetank.cli.venue import VenueProcess
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

    def says(self, words: str) -> bool:
        """Wait for a line with these words on its output; False if that ends without them."""
        assert self.process.stdout is not None
        return any(words in line for line in self.process.stdout)

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


def account_names(venue: VenueFile) -> list[str]:
    with VenueConnection(venue) as connection:
        return [account.name for account in all_accounts(connection)]


def open_account(venue: VenueFile, name: str) -> None:
    with VenueConnection(venue) as connection:
        connection.call(connection.accounts.OpenAccount, account_pb2.OpenAccountRequest(name=name))


def test_ctrl_c_ends_all_and_the_next_start_goes_on(tmp_path: Path, owners: list[Owner]) -> None:
    owners.append(Owner(tmp_path / "venue", "--speed", "60"))
    first = owners[-1].venue()
    assert set(first.pids) == {"redis", "clearing", "oracle", "matching-0"}
    open_account(first, "before")
    # It is published a moment before its owner says so.
    assert owners[-1].says("the venue is up")
    code, _, err = owners[-1].end(signal.SIGINT)
    assert code == 0
    assert "nothing is left running" in err
    assert not any(process_runs(pid) for pid in first.pids.values())
    assert not owners[-1].directory.venue_path.exists()

    owners.append(Owner(tmp_path / "venue"))
    second = owners[-1].venue()
    assert second.play_key == first.play_key
    assert "before" in account_names(second)
    # The speed is that of the first start, and time goes on where the logs ended: after the first start, and not after
    # what its clock would say by now.
    assert (first.clock["speed_milli"], second.clock["speed_milli"]) == (60_000, 60_000)
    would_be_ns = first.clock["start_ns"] + (second.clock["origin_ns"] - first.clock["origin_ns"]) * 60
    assert first.clock["start_ns"] < second.clock["start_ns"] <= would_be_ns


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel tells children of their parent's death")
def test_a_second_owner_is_refused_and_nothing_outlives_the_first(tmp_path: Path, owners: list[Owner]) -> None:
    directory = str(tmp_path / "venue")
    owners.append(Owner(tmp_path / "venue", "--json"))
    venue = owners[-1].venue()
    open_account(venue, "before")
    refused = cli("up", "--dir", directory)
    assert refused.returncode == 5
    assert f"process {owners[-1].process.pid} owns it" in refused.stderr
    _, out, _ = owners[-1].end(signal.SIGKILL)
    document: dict[str, Any] = json.loads(out)
    assert (document["pid"], document["directory"]) == (owners[-1].process.pid, directory)
    for pid in venue.pids.values():
        eventually(lambda pid=pid: not process_runs(pid), 20.0)  # type: ignore[misc] # The default binds the loop's value.

    assert owners[-1].directory.venue_path.exists()
    stale = cli("status", "--dir", directory)
    assert (stale.returncode, "no venue runs" in stale.stderr) == (3, True)
    owners.append(Owner(tmp_path / "venue"))
    assert "before" in account_names(owners[-1].venue())
    code, _, _ = owners[-1].end(signal.SIGTERM)
    assert code == 0


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
    assert not any(process_runs(pid) for pid in (venue["pid"], *venue["pids"].values()))
    again = cli("down", "--dir", directory)
    assert (again.returncode, "nothing to end" in again.stdout) == (0, True)
    # The logs of an ended venue can still be read.
    read = cli("log", "--last", "0", "--json", "--dir", directory)
    assert [line["fields"]["symbol"] for line in json.loads(read.stdout) if line["event"] == "InstrumentListed"] == [
        "BTC",
        "ETH",
        "SOL",
    ]


def test_services_that_die_are_started_again(tmp_path: Path) -> None:
    with start_venue(tmp_path / "venue") as venue:
        open_account(venue.file, "before")
        for service in ("matching-0", "clearing", "oracle", "redis"):
            before, starts = venue.file.pids[service], venue.starts(service)
            venue.kill(service)
            assert venue.wait_ready(service, 60.0, starts=starts + 1), service
            eventually(lambda: venue.directory.running().pids.get(service, before) != before, 10.0)  # noqa: B023 - called at once.
        assert "before" in eventually(lambda: names_or_nothing(venue.file), 30.0)


def names_or_nothing(venue: VenueFile) -> list[str]:
    try:
        return account_names(venue)
    except CommandFailed:
        return []


def test_two_directories_are_two_venues(tmp_path: Path, venue: VenueProcess) -> None:
    with start_venue(tmp_path / "other") as other:
        assert venue.play_key != other.play_key
        open_account(other.file, "only-there")
        assert "only-there" in account_names(other.file)
        assert "only-there" not in account_names(venue.file)
        refused = pytest.raises(CommandFailed, match="KEY_UNKNOWN")
        with VenueConnection(other.file, key=venue.play_key) as connection, refused as caught:
            all_accounts(connection)
        assert caught.value.code is ExitCode.REFUSED


def test_what_cannot_start_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="FUND_DEPOSIT_MICROS") as caught:
        start_venue(tmp_path / "venue", settings={"clearing": {"FUND_DEPOSIT_MICROS": "-1"}})
    assert str(tmp_path / "venue" / "logs") in caught.value.hint
    assert RunDirectory(tmp_path / "venue").owner_pid() is None
    assert not (tmp_path / "venue" / "venue.json").exists()
