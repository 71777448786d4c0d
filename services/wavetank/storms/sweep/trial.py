"""Trials: runs that nobody expects anything of but that nothing breaks.

Each step of a trial is held to every invariant, and its logs are given to the auditor, who shares no code with what
wrote them. Kept true: a trial that breaks says so with the command that repeats it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from wavetank.cli.audit.reading import ListedSource, id_of
from wavetank.cli.audit.run import audit_sources
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.library import find
from wavetank.storms.staging.running import run_venue
from wavetank.storms.sweep.weather import random_page, stormy
from wavetank.storms.workers import workers

LONGEST_NS = 60 * 10**9
"""A shipped scenario is tried for its first minute."""
STEPS = 6
"""Random steps on top of a shipped scenario."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried: a seed, and the shipped scenario that the weather comes over, or none."""

    seed: int
    scenario: str = ""

    @property
    def command(self) -> str:
        """What repeats it."""
        over = f" --over {self.scenario}" if self.scenario else ""
        return f"wavetank storm sweep --seeds 1 --first {self.seed}{over}"

    def page(self) -> Scenario:
        """Return the page of the trial."""
        if not self.scenario:
            return Scenario.model_validate(random_page(self.seed))
        known = find(self.scenario)
        return stormy(known, self.seed, STEPS).model_copy(update={"duration": min(known.duration, LONGEST_NS)})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a trial."""

    trial: Trial
    failure: str
    """Empty when nothing broke."""
    state_hash: str
    trades: int
    liquidations: int


def attempt(trial: Trial) -> Outcome:
    """Run a trial, and audit what it wrote; an error that is no broken invariant is raised, with what repeats it."""
    logs: dict[str, list[bytes]] = {}

    def keep(log: str) -> Callable[[bytes], None]:
        kept = logs[log] = []
        return kept.append

    try:
        venue, failure = run_venue(trial.page(), keep)
    except Exception as error:
        # An error that no run foresees ends the sweep; it must not take its trial's name along.
        error.add_note(f"to repeat it: {trial.command}")
        raise
    trades = liquidations = 0
    if not failure:
        # Clearing's end first: what it has counted by then stands in the others.
        order = sorted(logs, key=lambda name: (name != "clearing", name))
        report = audit_sources([ListedSource(name, [(id_of(data), data) for data in logs[name]]) for name in order])
        trades, liquidations = report.trades, report.liquidations
        if not report.ok:
            first = report.offences[0]
            failure = f"the auditor found {report.total_offences} offences; the first: {first}"
    return Outcome(trial, failure, "" if failure else venue.state_hash, trades, liquidations)


def attempt_all(
    trials: Sequence[Trial], jobs: int, seconds: float = 0, on_done: Callable[[Outcome], None] | None = None
) -> list[Outcome]:
    """Attempt trials, several at one time, and return what became of those that were begun, in their order.

    Args:
        trials: what to try.
        jobs: processes at one time; 1 runs everything in this one.
        seconds: wall time after which none is begun; 0 begins all.
        on_done: told of each as it ends.

    """
    until = time.monotonic() + seconds if seconds else float("inf")
    outcomes: list[Outcome] = []

    def take(outcome: Outcome | None) -> None:
        if outcome is not None:
            outcomes.append(outcome)
            if on_done is not None:
                on_done(outcome)

    if jobs == 1:
        for trial in trials:
            take(attempt(trial) if time.monotonic() < until else None)
        return outcomes
    with workers(jobs) as pool:
        for outcome in pool.map(partial(_attempt_before, until), trials):
            take(outcome)
    return outcomes


def _attempt_before(until: float, trial: Trial) -> Outcome | None:
    # The monotonic clock is the machine's, so processes agree on it.
    return attempt(trial) if time.monotonic() < until else None


def outcome_document(outcome: Outcome) -> dict[str, object]:
    """Return an outcome for JSON."""
    return {
        "seed": outcome.trial.seed,
        "scenario": outcome.trial.scenario,
        "ok": not outcome.failure,
        "failure": outcome.failure,
        "state_hash": outcome.state_hash,
        "trades": outcome.trades,
        "liquidations": outcome.liquidations,
        "command": outcome.trial.command,
    }
