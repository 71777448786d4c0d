"""One simulated run of a scenario, from the page to the record.

Kept true: a run is a function of page and seed; what breaks it, an invariant or an error, is part of its record and
not the end of the program, so that a thousand seeds can be looked at together.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from wavetank.matching.core.credit import LedgersDisagree
from wavetank.model.invariant import InvariantBroken
from wavetank.runtime.log_files import LogFiles
from wavetank.storms.measure.figures import Figures
from wavetank.storms.measure.record import Asserted, Listed, RunRecord
from wavetank.storms.measure.recorder import Recorder, RunFacts
from wavetank.storms.scenario.conditions import parse
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.judging import judge
from wavetank.storms.simulation.journal import Keep
from wavetank.storms.simulation.venue import SimulatedVenue
from wavetank.storms.staging.stage import stage

SLICES = 100
"""Parts of a run between which progress is told."""

Progress = Callable[[float], None]
"""Told which share of a run is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """One run that is wanted."""

    scenario: Scenario
    """With its variant and all overrides applied; its seed is the run's."""
    variant: str = ""
    expected_harm: bool | None = None
    logs: Path | None = None
    """Folder that keeps the run's logs; None keeps none."""
    keeps_series: bool = True
    """Whether the record keeps what plots are made of; of many seeds one is enough."""


def run_simulated(plan: RunPlan, on_progress: Progress | None = None) -> RunRecord:
    """Run a plan in a simulation and return its record.

    Args:
        plan: what to run.
        on_progress: told how far it is.

    Raises:
        StagingRefused: the page says what no venue can do.
        SettingsRefused: settings contradict a rule.
        PriceFileInvalid: a file cannot be read.

    """
    if plan.logs is None:
        return _run(plan, None, on_progress)
    with closing(LogFiles(plan.logs)) as files:
        return _run(plan, files.keep, on_progress)


def _run(plan: RunPlan, keep: Callable[[str], Keep] | None, on_progress: Progress | None) -> RunRecord:
    run = Run(plan.scenario, keep)
    run.let_time_run(plan.scenario.duration, on_progress)
    return run.record(plan)


class Run:
    """A run under way, and what is measured of it."""

    def __init__(self, scenario: Scenario, keep: Callable[[str], Keep] | None = None) -> None:
        """Begin a run.

        Args:
            scenario: the page, its seed the run's.
            keep: gives what keeps the bytes of each log; None keeps none.

        Raises:
            StagingRefused, SettingsRefused, PriceFileInvalid: as `run_simulated`.

        """
        began = time.perf_counter()
        self.staged = stage(scenario, seed=scenario.seed, keep=keep)
        self.failure = ""
        """What broke it; nothing if nothing did."""
        venue = self.staged.venue
        self.began_ns = venue.schedule.now_ns
        """Venue time."""
        self._recorder = Recorder(
            members=self.staged.members,
            listed={
                number: Listed(instrument_id=number, symbol=each.symbol, size_decimals=each.size_decimals)
                for number, each in venue.instruments.items()
            },
            began_ns=self.began_ns,
        )
        venue.observers.append(self._recorder.take)
        venue.answer_observers.append(self._recorder.note_answer)
        self._wall_seconds = time.perf_counter() - began

    def let_time_run(self, until_ns: int, on_progress: Progress | None = None) -> None:
        """Let time run, or let be what is broken.

        Args:
            until_ns: venue time behind the beginning.
            on_progress: told which share of this stretch is done.

        """
        began = time.perf_counter()
        if not self.failure:
            self.failure = _let_time_run(self.staged.venue, self.began_ns, until_ns, on_progress)
        self._wall_seconds += time.perf_counter() - began

    def record(self, plan: RunPlan) -> RunRecord:
        """Return the record; the run has ended then.

        Args:
            plan: what was wanted, by whose page the run is judged.

        """
        began = time.perf_counter()
        venue, scenario = self.staged.venue, plan.scenario
        for _, account_id, refused in venue.refusals:
            self._recorder.note_refusal(account_id, refused.reason)
        facts = RunFacts(
            scenario=scenario.name,
            title=scenario.title,
            variant=plan.variant,
            seed=scenario.seed,
            mode="sim",
            state_hash="" if self.failure else venue.state_hash,
        )
        record = self._recorder.finish(facts, ended_ns=venue.schedule.now_ns)
        record.failure = self.failure
        judge_record(record, scenario, plan.expected_harm)
        if not plan.keeps_series:
            record.drop_series()
        record.wall_seconds = self._wall_seconds + time.perf_counter() - began
        return record


def run_venue(scenario: Scenario, keep: Callable[[str], Keep] | None = None) -> tuple[SimulatedVenue, str]:
    """Run a scenario without measuring it; return the venue as it is left, and what broke it, nothing if nothing did.

    Args:
        scenario: the page, its seed the run's.
        keep: gives what keeps the bytes of each log; None keeps none.

    Raises:
        StagingRefused: the page says what no venue can do.

    """
    venue = stage(scenario, seed=scenario.seed, keep=keep).venue
    return venue, _let_time_run(venue, venue.schedule.now_ns, scenario.duration, None)


def _let_time_run(venue: SimulatedVenue, began_ns: int, until_ns: int, on_progress: Progress | None) -> str:
    """Let time pass up to so long behind the beginning; return what broke the run, nothing if nothing did."""
    from_ns = venue.schedule.now_ns - began_ns
    try:
        for part in range(1, SLICES + 1):
            venue.run_until(began_ns + from_ns + (until_ns - from_ns) * part // SLICES)
            if on_progress is not None:
                on_progress(part / SLICES)
    except (InvariantBroken, LedgersDisagree, AssertionError) as error:
        behind_ns = venue.schedule.now_ns - began_ns
        return f"{behind_ns / 1e9:.3f} s behind the beginning: {type(error).__name__}: {error}"
    return ""


def judge_record(
    record: RunRecord,
    scenario: Scenario,
    expected_harm: bool | None,  # noqa: FBT001 - a word of the page.
) -> None:
    """Judge a record by the conditions of its scenario."""
    figures = Figures(record)
    for text in scenario.asserts:
        verdict = judge(parse(text), figures)
        record.asserted.append(Asserted(text=text, holds=verdict.holds, seen=verdict.seen))
    if scenario.harm:
        record.harm = judge(parse(scenario.harm), figures).holds
        record.expected_harm = expected_harm
