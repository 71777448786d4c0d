"""`wavetank storm run --live`: plans against a running venue, one after the other, and what is said of it.

Kept true: a page that the venue does not fit is refused before anything is done, with every place that does not fit and
what to do about it; whatever could not be brought back is said, and makes the command fail.
"""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.markup import escape
from rich.progress import Progress, TaskID

from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.screen import notices
from wavetank.client import WavetankError
from wavetank.storms.console import progress
from wavetank.storms.live.running import LiveRun, LogsIncomplete, PageUnfit, run_live
from wavetank.storms.measure.record import RunRecord
from wavetank.storms.staging.running import RunPlan

_SHOWN = 8


def run_plans(plans: Sequence[RunPlan], directory: Path, *, as_is: bool) -> list[RunRecord]:
    """Run plans on the venue of a run directory, and return their records.

    Args:
        plans: one after the other; they keep no logs.
        directory: of a running venue.
        as_is: whether a page runs with the venue's own instruments and settings where it asks for others.

    Raises:
        CommandFailed: a page does not fit, the venue refused, or it could not be left as it was found.
        StagingRefused: a page says what no venue can do.

    """
    records = []
    left: list[str] = []
    with _told_to_end_as_interrupted(), progress("living through it", by_share=True) as bar:
        for plan in plans:
            name = " ".join(part for part in (plan.scenario.name, plan.variant) if part)
            task = bar.add_task(name, total=1.0)
            run = _run(plan, directory, as_is=as_is, tell=partial(_advance, bar, task))
            _tell(name, run.trouble)
            left += [f"{name}: {each}" for each in run.left]
            records.append(run.record)
    if left:
        raise CommandFailed(
            "the venue could not be left as it was found:\n  " + "\n  ".join(left),
            hint="`wavetank fault list`, `wavetank disturb list` and `wavetank accounts` show what is left",
        )
    return records


@contextmanager
def _told_to_end_as_interrupted() -> Iterator[None]:
    """Take SIGTERM and SIGHUP for Ctrl-C: whoever ends a run, the venue is left as it was found."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _advance(bar: Progress, task: TaskID, share: float) -> None:
    bar.update(task, completed=share)


def _run(plan: RunPlan, directory: Path, *, as_is: bool, tell: Callable[[float], None]) -> LiveRun:
    try:
        return run_live(plan, directory, as_is=as_is, on_progress=tell)
    except PageUnfit as unfit:
        where = "\n  ".join(map(str, unfit.misfits))
        hint = "--sim runs it" if unfit.is_final else "--as-is runs it with what the venue has, --sim as it is written"
        raise CommandFailed(
            f"{plan.scenario.name} does not fit this venue:\n  {where}", hint=hint, code=ExitCode.USAGE
        ) from unfit
    except LogsIncomplete as fault:
        raise CommandFailed(str(fault), hint="a venue in a new directory has all of its logs") from fault
    except WavetankError as error:
        raise CommandFailed(f"the venue refused: {error}", code=ExitCode.REFUSED) from error


def _tell(name: str, trouble: Sequence[str]) -> None:
    """Say what did not go as the page says, a little of it."""
    for each in trouble[:_SHOWN]:
        notices().print(f"[yellow]{name}[/]: {escape(each)}")
    if len(trouble) > _SHOWN:
        notices().print(f"[yellow]{name}[/]: and {len(trouble) - _SHOWN} more")
