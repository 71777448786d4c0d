"""Processes that run many days at once.

Kept true: when one day cannot be run, or somebody interrupts, no process goes on with the others.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager


@contextmanager
def workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of so many fresh interpreters, which end with the block."""
    # Fresh, so that nothing of this process, threads of gRPC least of all, is carried over.
    context = multiprocessing.get_context("spawn")
    before = set(multiprocessing.active_children())
    # A terminal interrupts all of its processes; what becomes of the runs is decided here, once.
    pool = ProcessPoolExecutor(
        jobs, mp_context=context, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )
    try:
        yield pool
    except BaseException:
        # A pool that only cancels still ends what it began, and some more that waits in its queue.
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
