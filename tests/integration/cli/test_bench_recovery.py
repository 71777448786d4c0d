"""A small run of `bench recovery`: a shard comes back from snapshot and log as it was, and the figures are there."""

import json
import subprocess
import sys


def test_a_shard_comes_back_as_it_was_built() -> None:
    # The command compares the hashes of the built and the recovered state, and fails if they differ.
    command = [sys.executable, "-m", "wavetank.cli", "bench", "recovery", "--orders", "3000", "--events", "8000"]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["orders"] == 3_000
    # What the last entry causes may go beyond, by less than 3 events for each of its 100 commands.
    assert 8_000 <= report["events"] < 8_300
    assert report["entries"] >= 8_000 // 300
    assert report["stop_ms"] > 0
    assert 0 < report["snapshot_s"] < report["recovery_s"] < report["restart_s"]
    assert 0 < report["tail_s"] < report["recovery_s"]
