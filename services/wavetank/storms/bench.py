"""`python -m wavetank.storms.bench`: how fast simulations run, and what they hold in memory.

It runs shipped pages as anybody would: `busy` alone, once with the invariants and nothing else, once measured as
`wavetank storm run` measures it; then every variant of `C1` over many seeds, in as many processes as there are cores.
Kept true: the figures come with the workload they were measured with, and wall time is what a person waits for.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.library import find
from wavetank.storms.scenario.reading import overridden, variants_of
from wavetank.storms.staging.running import RunPlan, run_simulated, run_venue
from wavetank.storms.staging.seeds import run_all

SECOND_NS = 1_000_000_000
BUSY, SHOCK = "busy", "C1"


def busy(minutes: int) -> dict[str, Any]:
    """Measure the busy page.

    Args:
        minutes: of venue time.

    """
    scenario = overridden(find(BUSY), {"duration": f"{minutes}m"})
    seconds = scenario.duration / SECOND_NS
    began = time.perf_counter()
    venue, broken = run_venue(scenario)
    bare = time.perf_counter() - began
    assert not broken, broken
    orders = sum(door.commands_sent for door in venue.doors.values())
    checks, state_hash = venue.invariants.checks, venue.state_hash
    del venue
    began = time.perf_counter()
    record = run_simulated(RunPlan(scenario=scenario))
    measured = time.perf_counter() - began
    assert record.state_hash == state_hash, "to be measured changes nothing"
    return {
        "minutes": minutes,
        "orders_per_s": round(orders / seconds, 1),
        "checks": checks,
        "ratio": round(seconds / bare, 1),
        "ratio_measured": round(seconds / measured, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "state_hash": state_hash,
        "workload": f"page {BUSY}, seed {scenario.seed}: {_cast(scenario)}",
    }


def shock(seeds: int, jobs: int) -> dict[str, Any]:
    """Measure every variant of the first compound shock over many seeds.

    Args:
        seeds: of each variant.
        jobs: processes at one time.

    """
    page = find(SHOCK)
    plans = [
        RunPlan(
            scenario=overridden(scenario, {"seed": str(page.seed + at)}),
            variant=variant,
            expected_harm=page.variants[variant].harm,
            keeps_series=False,
        )
        for variant, scenario in variants_of(page).items()
        for at in range(seeds)
    ]
    began = time.perf_counter()
    with _progress() as bar:
        task = bar.add_task(f"{SHOCK}, {seeds} seeds", total=len(plans))
        records = run_all(plans, jobs, lambda _: bar.advance(task))
    seconds = time.perf_counter() - began
    return {
        "seeds": seeds,
        "runs": len(records),
        "as_said": sum(record.ok for record in records),
        "jobs": jobs,
        "seconds": round(seconds, 1),
    }


def _cast(scenario: Scenario) -> str:
    makers = sum(role.count for role in scenario.cast if role.kind == "market_maker")
    others = sum(role.count for role in scenario.cast) - makers
    return f"{len(scenario.market.instruments)} instruments, {makers} market makers, {others} others"


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def main() -> int:
    """Measure as the command line says; print one JSON document."""
    parser = argparse.ArgumentParser(prog="python -m wavetank.storms.bench", description=__doc__)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=0)
    given = parser.parse_args()
    report: dict[str, Any] = {"busy": busy(given.minutes)}
    if given.seeds:
        report["shock"] = shock(given.seeds, given.jobs or os.cpu_count() or 1)
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
