"""Storms are deterministic: one seed is one run, wherever, beside whatever, and however often it is run.

The auditor, which shares no code with the cores, reads the logs of each.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.eventually import eventually
from wavetank.cli.audit.run import audit_folder
from wavetank.runtime.log_files import log_names
from wavetank.storms.scenario.reading import overridden, read_scenario
from wavetank.storms.staging.market import StagingRefused
from wavetank.storms.staging.running import RunPlan, run_simulated
from wavetank.storms.staging.seeds import run_all

if TYPE_CHECKING:
    from wavetank.storms.scenario.document import Scenario

PAGE = """\
scenario: 1
name: short_storm
title: Half a minute of everything
duration: 30s
market:
  instruments:
    BTC: {price: 60000, volatility: 2%, funding_interval: 10s}
    ETH: {price: 2500, volatility: 2%, funding_interval: 10s}
venue:
  fund: 20k
  clearing: {vault_cap: 100k}
cast:
  - {name: makers, kind: market_maker, count: 2, deposit: 500k, is_bot: true, settings: {size: 9k, max_position: 200k}}
  - {name: noise, kind: noise, count: 4, deposit: 100k, settings: {interval: 500ms}}
  - name: gambler
    kind: whale
    deposit: 20k
    instruments: [BTC]
    settings: {clip: 50k, targets: [{instrument: BTC, after: 1s, micros: 400000000000}]}
timeline:
  - {at: 8s, fault: {kind: lag, lag: 5s, consumers: [clearing], lasting: 10s}}
  - {at: 12s, move: {by: -9%, over: 2s}}
  - {at: 15s, restart: {service: clearing, down: 2s}}
  - {at: 20s, restart: {service: matching, down: 2s}}
  - {at: 24s, withdraw: {who: makers.1}}
asserts: [ledger.balanced]
"""


def _page(seed: int) -> Scenario:
    return overridden(read_scenario(PAGE), {"seed": seed})


def _logs(folder: Path) -> dict[str, bytes]:
    return {name: (folder / f"{name}.log").read_bytes() for name in log_names(folder)}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the logs of seed 1, run in this process."""
    folder = tmp_path_factory.mktemp("storm") / "here"
    record = run_simulated(RunPlan(scenario=_page(1), logs=folder))
    assert record.ok, record.failure
    return folder


@pytest.mark.spec("INV-100")
def test_another_process_with_another_hash_seed_writes_the_same_bytes(kept: Path, tmp_path: Path) -> None:
    page = tmp_path / "short_storm.yaml"
    page.write_text(PAGE, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "wavetank.cli",
        "storm",
        "run",
        str(page),
        "--logs",
        str(tmp_path / "logs"),
        "--json",
    ]
    # The order of sets and of dictionaries keyed by text differs between the two.
    subprocess.run(command, check=True, capture_output=True, env={"PYTHONHASHSEED": "4242", "PATH": "/usr/bin:/bin"})
    assert _logs(tmp_path / "logs" / "run" / "1") == _logs(kept)


@pytest.mark.spec("INV-100")
def test_seeds_come_out_alike_in_one_process_and_in_two(kept: Path, tmp_path: Path) -> None:
    def plans(folder: Path) -> list[RunPlan]:
        return [RunPlan(scenario=_page(seed), logs=folder / str(seed)) for seed in (1, 2, 3)]

    alone, together = run_all(plans(tmp_path / "alone"), 1), run_all(plans(tmp_path / "together"), 2)
    assert [record.seed for record in together] == [1, 2, 3]
    assert [record.state_hash for record in alone] == [record.state_hash for record in together]
    assert len({record.state_hash for record in alone}) == 3
    assert [record.figures for record in alone] == [record.figures for record in together]
    for seed in (1, 2, 3):
        assert _logs(tmp_path / "alone" / str(seed)) == _logs(tmp_path / "together" / str(seed))
    assert _logs(tmp_path / "alone" / "1") == _logs(kept)
    assert _logs(tmp_path / "alone" / "2") != _logs(kept)


def test_a_run_that_cannot_be_ends_the_others(tmp_path: Path) -> None:
    wrong = overridden(_page(1), {"market.instruments.DOGE": {}})
    plans = [RunPlan(scenario=wrong)] + [RunPlan(scenario=_page(seed), logs=tmp_path / str(seed)) for seed in range(50)]
    with pytest.raises(StagingRefused, match="DOGE has neither a price nor a file"):
        run_all(plans, 2)
    # Some have begun by then, at most one in each process and what its queue holds; fifty would take long.
    assert len(list(tmp_path.iterdir())) < 10


def test_an_interrupt_ends_every_process_of_a_run(tmp_path: Path) -> None:
    page = tmp_path / "short_storm.yaml"
    page.write_text(PAGE, encoding="utf-8")
    logs = tmp_path / "logs"
    command = [sys.executable, "-m", "wavetank.cli", "storm", "run", str(page), "--logs", str(logs), "--jobs", "2"]
    running = subprocess.Popen([*command, "--seeds", "500"], start_new_session=True, stderr=subprocess.PIPE)
    try:
        eventually((logs / "run" / "2").exists, timeout=60)
        # As a terminal does: everybody of the foreground is told.
        os.killpg(running.pid, signal.SIGINT)
        # The pipe is closed by the last process that has it.
        _, told = running.communicate(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 130
    assert b"Traceback" not in told
    assert not (logs / "run" / "20").exists()


def test_the_run_is_the_same_whether_or_not_its_logs_are_kept(tmp_path: Path) -> None:
    first, again = (run_simulated(RunPlan(scenario=_page(2), logs=logs)) for logs in (None, tmp_path))
    assert first.state_hash == again.state_hash
    assert first.figures == again.figures


@pytest.mark.spec("INV-010", "INV-020", "INV-090")
def test_the_auditor_finds_nothing_in_a_storms_logs(kept: Path) -> None:
    report = audit_folder(kept)
    assert report.ok, report.as_json()
    assert report.trades > 100


def test_a_change_at_a_time_leaves_everything_before_it_as_it_was(kept: Path, tmp_path: Path) -> None:
    # The move is twice as large; until it begins, 12 s behind the beginning, the logs are the same bytes.
    changed = overridden(_page(1), {"timeline.1.move.by": "-18%"})
    run_simulated(RunPlan(scenario=changed, logs=tmp_path))
    for name, data in _logs(kept).items():
        other = _logs(tmp_path)[name]
        common = next(at for at, (one, two) in enumerate(zip(data, other, strict=False)) if one != two)
        # Two fifths of the time; the orders of a calm market come evenly.
        assert common > len(data) // 5, name
        assert data != other
