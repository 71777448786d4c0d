"""`wavetank bench engine` prints the figures, or their JSON, and says what is wrong with a file."""

import json
import struct
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wavetank.cli import bench, failure

RECORDS = [(0, 0, 5, 99_000, 1), (0, 1, 2, 99_000, 2), (2, 1, 1, 99_000, 3)]


@pytest.fixture
def workload(tmp_path: Path) -> Path:
    path = tmp_path / "three.bin"
    path.write_bytes(b"".join(struct.pack("<BBHIqII", k, s, 0, lots, price, i, 0) for k, s, lots, price, i in RECORDS))
    return path


def test_it_prints_one_json_document(workload: Path) -> None:
    options = ["--workload", str(workload), "--opening", "1", "--accounts", "2", "--runs", "1", "--json"]
    outcome = CliRunner().invoke(bench.app, ["engine", *options])
    assert outcome.exit_code == 0
    document = json.loads(outcome.stdout)
    # 2 and then 1 of the 5 lots are sold at 99,000; 2 rest.
    assert (document["trades"], document["volume"], document["price_qty"]) == (2, 3, 297_000)
    assert (document["resting"], document["operations"], document["accounts"]) == (1, 2, 4)
    assert {"ops_per_s", "ns_per_op", "bytes_per_order", "latency_ns", "batch", "opening", "workload"} <= set(document)


def test_it_shows_the_workload_beside_the_figures(workload: Path) -> None:
    options = ["--workload", str(workload), "--opening", "1", "--accounts", "2", "--runs", "1"]
    outcome = CliRunner().invoke(bench.app, ["engine", *options])
    assert outcome.exit_code == 0
    assert "three.bin, 2 operations" in outcome.stdout
    assert "297,000" in outcome.stdout


def test_a_file_that_is_no_workload_is_a_wrong_command_line(tmp_path: Path) -> None:
    path = tmp_path / "short.bin"
    path.write_bytes(b"\0" * 5)
    outcome = CliRunner().invoke(bench.app, ["engine", "--workload", str(path)])
    assert isinstance(outcome.exception, failure.CommandFailed)
    assert outcome.exception.code == failure.ExitCode.USAGE
