"""Many runs at once, in processes of their own.

Kept true: a run depends on its plan alone, so records are the same whatever the number of processes, and come back in
the order of the plans; when one cannot be run, or somebody interrupts, no process goes on with the others.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor

from wavetank.storms.measure.record import RunRecord
from wavetank.storms.staging.running import RunPlan, run_simulated


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

    # A fresh interpreter each: nothing of this process, threads of gRPC least of all, is carried over.
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    # A terminal interrupts all of its processes; what becomes of the runs is decided here, once.
    pool = ProcessPoolExecutor(
        min(jobs, len(plans)), mp_context=context, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )
    try:
        futures = [pool.submit(run_simulated, plan) for plan in plans]
        for future in futures:
            future.add_done_callback(done)
        return [future.result() for future in futures]
    except BaseException:
        # A pool that only cancels still ends what it began, and some more that waits in its queue.
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
