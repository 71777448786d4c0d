"""Ten minutes of random days, and of weather over every shipped scenario; a seed that fails is written down."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from wavetank.storms.scenario.library import shipped_names
from wavetank.storms.sweep.trial import Trial, attempt_all

REGRESSIONS = Path(__file__).parents[1] / "simulation" / "sweep_regressions.txt"
SECONDS = 600


@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.spec("INV-010", "INV-020", "INV-090", "INV-100")
def test_nothing_breaks_in_ten_minutes_of_storms() -> None:
    # Other seeds each time, so that many runs see more than one; a failure names its own.
    first = int(time.time()) % 1_000_000_000
    trials = [Trial(first + number, name) for number in range(10_000) for name in ("", "", *shipped_names())]
    outcomes = attempt_all(trials, os.cpu_count() or 1, SECONDS)
    broken = [outcome for outcome in outcomes if outcome.failure]
    if broken:
        with REGRESSIONS.open("a", encoding="utf-8") as file:
            file.writelines(f"{each.trial.seed} {each.trial.scenario}".rstrip() + "\n" for each in broken)
    assert not broken, "\n".join(f"{each.failure}\n  {each.trial.command}" for each in broken)
    assert len(outcomes) > 100
