"""`wavetank storm fork` and `compare` as a person uses them: what is said, what is refused, and how they end."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.eventually import eventually
from tests.simulation.storm_command import storm
from wavetank.storms.report.document import read_document

PAGE = """\
scenario: 1
name: asked
title: Somebody is asked
duration: 30s
market: {instruments: {BTC: {price: 60000, volatility: 1%}}}
venue: {fund: 1k, clearing: {vault_cap: 0, escalation_wait: 10s}}
cast:
  - {name: makers, kind: market_maker, count: 2, deposit: 500k, is_bot: true, settings: {size: 9k, max_position: 200k}}
  - {name: long, deposit: 10k}
  - {name: short, deposit: 1M}
timeline:
  - {at: 3s, cross: {buyer: long, seller: short, instrument: BTC, size: 3}}
  - {at: 12s, move: {by: -20%, over: 2s}}
harm: adl.count > 0
asserts: [ledger.balanced]
variants:
  as_it_was: {harm: true}
  as_it_should_be: {harm: false, set: {timeline.1.move.by: -1%}}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Path("asked.yaml").write_text(PAGE, encoding="utf-8")


def fork(*words: str) -> tuple[int, str, str]:
    return storm("fork", "asked.yaml", "--variant", "as_it_was", *words)


def document(*words: str) -> dict[str, Any]:
    code, out, err = fork(*words, "--json")
    assert code == 0, out + err
    found: dict[str, Any] = json.loads(out)
    return found


def test_each_change_is_a_branch_beside_the_trunk() -> None:
    found = document("--at", "10s", "--set", "timeline.1.move.by=-1%", "--add", "{fund: {top_up: 1M}}", "--jobs", "2")
    assert list(found["variants"]) == ["trunk", "timeline.1.move.by=-1%", "add fund: {top_up: 1M}"]
    trunk, calm, rescued = (variant["seeds"][0] for variant in found["variants"].values())
    assert found["forked_at_ns"] == 10 * 10**9
    assert len(found["state_hash_at_fork"]) == 32
    # A long of 180,000 dollars with 10,000 falls by a fifth, and 26,000 are missing: a fund of 1,000 cannot carry that.
    assert (trunk["harm"], trunk["expected_harm"], trunk["ok"]) == (True, True, True)
    assert (calm["harm"], calm["expected_harm"], calm["ok"]) == (False, None, True)
    assert trunk["figures"]["fund.loss"] <= 1_000 * 10**6 < rescued["figures"]["fund.loss"]
    assert len({each["state_hash"] for each in (trunk, calm, rescued)}) == 3


def test_the_command_of_a_branch_repeats_it() -> None:
    found = document("--at", "10s", "--person", "after=2s,choose=go_on", "--seed-after", "7", "--set", "duration=31s")
    assert list(found["variants"]) == ["trunk", "other dice", "duration=31s", "person after=2s,choose=go_on"]
    for name, variant in found["variants"].items():
        (branch,) = variant["seeds"]
        words = shlex.split(branch["command"])
        assert words[:2] == ["wavetank", "storm"]
        code, out, err = storm(*words[2:], "--json")
        assert code == 0, err
        again = json.loads(out)["variants"]
        alike = again["as_it_was"] if name == "trunk" else again[name]
        assert alike["seeds"][0]["state_hash"] == branch["state_hash"]
        assert alike["seeds"][0]["figures"] == branch["figures"]


def test_many_dice_are_tried_with_every_change() -> None:
    found = document("--at", "20s", "--seeds", "3", "--add", "{withdrawals: {paused: true}}")
    seeds = {name: [each["seed"] for each in variant["seeds"]] for name, variant in found["variants"].items()}
    assert seeds == {"trunk": [1], "other dice": [1, 2, 3], "add withdrawals: {paused: true}": [1, 2, 3]}
    others = [each["state_hash"] for each in found["variants"]["other dice"]["seeds"]]
    assert len({*others, found["variants"]["trunk"]["seeds"][0]["state_hash"]}) == 4


def test_changes_can_be_one_branch_and_the_trunk_can_be_another_run() -> None:
    words = ("--at", "10s", "--set", "timeline.1.move.by=-1%", "--add", "{at: 11s, fund: {drain: all}}", "--together")
    found = document(*words, "--trunk", "seed=5")
    assert list(found["variants"]) == ["trunk", "timeline.1.move.by=-1% and add at: 11s, fund: {drain: all}"]
    trunk, branch = (variant["seeds"][0] for variant in found["variants"].values())
    assert trunk["seed"] == branch["seed"] == 5
    assert branch["command"].endswith("--together")
    assert trunk["command"] == "wavetank storm run asked.yaml --variant as_it_was --set seed=5"


def test_the_table_shows_what_differs_and_the_report_and_the_logs_stand_where_they_were_wanted() -> None:
    code, out, _ = fork("--at", "10s", "--set", "timeline.1.move.by=-1%", "--report", "there", "--logs", "logs")
    assert code == 0
    assert "forked at 10.00s" in out
    assert "adl.count" in out
    # Money is conserved in both, so it is no difference.
    assert "ledger.balanced" not in out
    assert list(read_document(Path("there/results.json")).variants) == ["trunk", "timeline.1.move.by=-1%"]
    page = Path("there/report.html").read_text(encoding="utf-8")
    assert "What differs" in page
    assert "BTC: mark told to clearing" in page
    assert {path.name for path in Path("logs").iterdir()} == {"trunk", "branch-1"}
    assert {path.name for path in Path("logs/branch-1").iterdir()} == {"clearing.log", "matching-0.log", "oracle.log"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--at", "10s"], "nothing is changed"),
        (["--at", "soon", "--seeds", "2"], "'soon' is no duration"),
        (["--at", "30s", "--seeds", "2"], "asked lasts 30s, and cannot be forked at 30s"),
        (["--at", "20s", "--set", "timeline.1.move.by=-1%"], "timeline.1.move begins at 12s, before 20s"),
        (["--at", "20s", "--set", "venue.fund=1M"], "venue.fund holds from the beginning, before 20s"),
        (["--at", "20s", "--set", "timeline.9.at=21s"], "timeline has no item '9'; allowed: 0 to 1"),
        (["--at", "20s", "--add", "{found: {top_up: 1M}}"], "with --add: timeline.2.found: is not known"),
        (["--at", "20s", "--seeds", "2", "--set", "title=a", "--set", "title=a"], "title=a: is said twice"),
    ],
)
def test_what_cannot_be_forked_is_refused_with_what_is_allowed(words: list[str], message: str) -> None:
    code, out, err = fork(*words)
    assert code == 2
    assert message in " ".join(err.split())
    assert out == ""


def test_a_page_with_variants_is_asked_which() -> None:
    code, _, err = storm("fork", "asked.yaml", "--at", "10s", "--seeds", "2")
    assert code == 2
    assert "as_it_was, as_it_should_be" in " ".join(err.split())


def test_a_trunk_that_is_not_as_its_page_says_fails_and_a_branch_need_not_be() -> None:
    # That a branch prevents the harm is what was asked; a trunk without the fall lacks the harm that is expected.
    assert fork("--at", "10s", "--set", "timeline.1.move.by=-1%")[0] == 0
    assert fork("--at", "10s", "--trunk", "timeline.1.move.by=-1%", "--set", "duration=31s")[0] == 1


# How it ends


def _processes() -> dict[int, int]:
    """Return the parent of each process that runs."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()]
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def _below(parent: int) -> list[int]:
    """Return the processes below one, from the next generation on."""
    found: list[int] = []
    parents = _processes()
    generation = [parent]
    while generation:
        generation = [pid for pid, above in parents.items() if above in generation]
        found += generation
    return found


def _branches(command: int) -> list[int]:
    """Return the processes of branches: they are copies of the trunk, which is started by the command."""
    parents = _processes()
    started = [pid for pid, above in parents.items() if above == command]
    return sorted(pid for pid, above in parents.items() if above in started)


def _started(*words: str) -> subprocess.Popen[str]:
    page = PAGE.replace("duration: 30s", "duration: 40000s")
    Path("long.yaml").write_text(page, encoding="utf-8")
    command = [sys.executable, "-m", "wavetank.cli", "storm", "fork", "long.yaml", "--variant", "as_it_was", *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd=Path.cwd()
    )


def test_at_most_so_many_branches_run_and_ctrl_c_ends_them_all() -> None:
    process = _started("--at", "10s", "--seeds", "5", "--jobs", "2", "--logs", "logs")
    try:
        eventually(lambda: len(_branches(process.pid)) == 2, timeout=60)
        below = _below(process.pid)
        # As a terminal does it: to everybody in the foreground.
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode != 0
        assert "Traceback" not in err
        # What keeps watch over a process that was spawned ends a moment behind it.
        eventually(lambda: not set(below) & set(_processes()))
        assert not list(Path("logs").glob(".trunk-*"))
    finally:
        process.kill()


def test_branches_end_when_who_asked_for_them_is_gone() -> None:
    process = _started("--at", "10s", "--seeds", "2", "--jobs", "2")
    try:
        eventually(lambda: len(_branches(process.pid)) == 2, timeout=60)
        below = _below(process.pid)
    finally:
        process.kill()
        process.wait(timeout=20)
    eventually(lambda: not set(below) & set(_processes()), timeout=60)


def test_a_branch_that_is_killed_is_named_with_what_repeats_it_and_the_others_go_on() -> None:
    Path("day.yaml").write_text(PAGE.replace("duration: 30s", "duration: 120s"), encoding="utf-8")
    words = ["day.yaml", "--variant", "as_it_was", "--at", "10s", "--seeds", "3", "--jobs", "1", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "wavetank.cli", "storm", "fork", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path.cwd(),
    )
    try:
        (trunk,) = eventually(lambda: _branches(process.pid), timeout=60)
        # One at a time: the trunk's own way on, and behind it the first dice.
        (first,) = eventually(lambda: [pid for pid in _branches(process.pid) if pid != trunk], timeout=60)
        os.kill(first, signal.SIGKILL)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1, err
    broken, *others = json.loads(out)["variants"]["other dice"]["seeds"]
    assert broken["failure"] == "its process was ended by SIGKILL"
    assert broken["command"] == "wavetank storm fork day.yaml --variant as_it_was --at 10s --seed-after 1"
    assert [each["failure"] for each in others] == ["", ""]


# Compare


def test_two_variants_are_run_and_compared_and_drawn_over_one_another() -> None:
    code, out, _ = storm("compare", "asked.yaml:as_it_was", "asked.yaml:as_it_should_be", "--report", "both.html")
    assert code == 0
    assert "A: as_it_was" in out
    assert "B: as_it_should_be" in out
    page = Path("both.html").read_text(encoding="utf-8")
    assert "Runs over one another" in page
    assert "BTC: mark told to clearing" in page


def test_a_document_is_compared_with_a_folder_and_with_a_page() -> None:
    for folder, seed in (("before", 1), ("after", 2)):
        code, _, _ = storm(
            "run", "asked.yaml", "--variant", "as_it_was", "--set", f"seed={seed}", "--report", folder, "--jobs", "1"
        )
        assert code == 0
    code, out, _ = storm("compare", "before/results.json", "after", "--json")
    assert code == 0
    found = json.loads(out)
    first, second = (found[letter]["variants"]["as_it_was"]["seeds"][0] for letter in ("a", "b"))
    assert (first["seed"], second["seed"]) == (1, 2)
    code, out, _ = storm("compare", "before", "asked.yaml", "--json", "--jobs", "1")
    assert code == 0
    # The page was run anew, by both its variants, and comes to what it came to before.
    assert list(json.loads(out)["b"]["variants"]) == ["as_it_was", "as_it_should_be"]
    assert json.loads(out)["b"]["variants"]["as_it_was"]["seeds"][0]["state_hash"] == first["state_hash"]


def test_a_page_is_compared_with_itself_over_seeds() -> None:
    code, out, _ = storm("compare", "asked.yaml:as_it_was", "asked.yaml:as_it_was", "--seeds", "2", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["a"] == found["b"]
    assert [each["seed"] for each in found["a"]["variants"]["as_it_was"]["seeds"]] == [1, 2]


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere", "nowhere"), ("asked.yaml:other", "no variant 'other'"), ("gone.json", "gone.json cannot be read")],
)
def test_what_cannot_be_compared_is_refused(name: str, message: str) -> None:
    code, _, err = storm("compare", "asked.yaml:as_it_was", name)
    assert code == 2
    assert message in " ".join(err.split())
