"""`wavetank storm run` and `new` as a person uses them: what repeats a run, and what is refused before one begins."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.simulation.storm_command import storm

PAGE = """\
scenario: 1
name: quiet
title: Nothing happens, and a little more if asked
duration: 5s
market: {instruments: {BTC: {price: 60000}}}
cast:
  - {name: long, deposit: 10k}
  - {name: short, deposit: 10k}
timeline:
  - {at: 1s, cross: {buyer: long, seller: short, instrument: BTC, size: 0.01}}
asserts: [account(long).volume < $500]
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Path("day.yaml").write_text(PAGE, encoding="utf-8")


def test_the_command_of_a_run_that_failed_repeats_it_with_its_file_and_its_values() -> None:
    code, out, _ = storm("run", "day.yaml", "--set", "cast.long.deposit=20k", "--set", "seed=5", "--seeds", "2")
    assert code == 1
    told = [line.strip() for line in out.splitlines() if line.strip().startswith("wavetank ")]
    # 0.01 of 60,000 is 600 dollars, and the page wants less.
    assert told[-1] == ("wavetank storm run day.yaml --sim --set cast.long.deposit=20k --set seed=5 --set seed=6")
    code, out, _ = storm(*shlex.split(told[-1])[2:], "--json")
    assert code == 1
    (seed,) = json.loads(out)["variants"][""]["seeds"]
    assert (seed["seed"], seed["figures"]["account(long).deposited"]) == (6, 20_000_000_000)


@pytest.mark.parametrize("option", ["--report", "--logs"])
def test_a_folder_that_cannot_be_is_refused_before_anything_runs(option: str) -> None:
    Path("file").touch()
    for command in (["run", "day.yaml"], ["fork", "day.yaml", "--at", "2s", "--seeds", "1"]):
        code, out, err = storm(*command, option, "file")
        assert (code, out) == (2, "")
        assert f"error: no {option[2:]} can be written to file: File exists" in err


def test_a_page_that_cannot_be_written_is_refused() -> None:
    code, _, err = storm("new", "mine", "--out", "nowhere/mine.yaml")
    assert (code, err) == (2, "error: nowhere/mine.yaml cannot be written: No such file or directory\n")


def test_a_wrong_page_is_not_answered_with_the_list_of_shipped_ones() -> None:
    Path("day.yaml").write_text(PAGE.replace("5s", "soon"), encoding="utf-8")
    code, _, err = storm("run", "day.yaml")
    assert code == 2
    assert "storm list" not in err
