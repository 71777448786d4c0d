"""Many runs at once, in processes of their own.

Kept true: a run depends on its plan alone, so records are the same whatever the number of processes, and come back in
the order of the plans.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from wavetank.storms.measure.record import RunRecord
from wavetank.storms.staging.running import RunPlan, run_simulated
from wavetank.storms.workers import workers


def run_all(plans: Sequence[RunPlan], jobs: int, on_done: Callable[[RunRecord], None] | None = None) -> list[RunRecord]:
    """Run plans and return their records, in the order of the plans.

    Args:
        plans: what to run.
        jobs: processes at one time; 1 runs everything in this one.
        on_done: told of each run as it ends.

    Raises:
        StagingRefused, SettingsRefused, PriceFileInvalid: as `run_simulated`, for the first plan that fails.

    """
    if jobs == 1 or len(plans) == 1:
        records = []
        for plan in plans:
            records.append(run_simulated(plan))
            if on_done is not None:
                on_done(records[-1])
        return records

    def done(future: Future[RunRecord]) -> None:
        if on_done is not None and not future.cancelled() and future.exception() is None:
            on_done(future.result())

    with workers(min(jobs, len(plans))) as pool:
        futures = [pool.submit(run_simulated, plan) for plan in plans]
        for future in futures:
            future.add_done_callback(done)
        return [future.result() for future in futures]
