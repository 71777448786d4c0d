"""What the commands of `wavetank storm` do alike: find a page, show how far they are, leave a report.

Kept true: what a person wrote wrong ends a command with the code for that and says what to write instead; a bar is for
who watches, so it stands on the standard error and only where that is a terminal.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from wavetank.clearing.core.settings import SettingsRefused
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.screen import notices
from wavetank.runtime.price_path import PriceFileInvalid
from wavetank.storms.report.document import write_document
from wavetank.storms.report.results import Results
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.faults import ScenarioInvalid
from wavetank.storms.scenario.library import ScenarioUnknown, find
from wavetank.storms.scenario.overriding import OverrideRefused
from wavetank.storms.scenario.reading import variants_of
from wavetank.storms.staging.market import StagingRefused

DOCUMENT_NAME = "results.json"
PAGE_NAME = "report.html"

WRONG_PAGE = (ScenarioInvalid, ScenarioUnknown, OverrideRefused, StagingRefused, SettingsRefused, PriceFileInvalid)

PageName = Annotated[str, typer.Argument(metavar="NAME", help="A shipped scenario, or a file.")]
Jobs = Annotated[int, typer.Option(min=0, help="Processes at one time; 0 for one per core.")]
Logs = Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the logs of each run, for an audit.")]
Report = Annotated[Path | None, typer.Option(metavar="DIR", help="Write results.json and report.html there.")]
EveryFigure = Annotated[bool, typer.Option("--all", help="Show every figure that was measured.")]


def jobs_of(wanted: int) -> int:
    """Return how many processes may run at one time."""
    return wanted or os.cpu_count() or 1


def page_named(name: str) -> Scenario:
    """Return a scenario.

    Raises:
        CommandFailed: there is none of that name, or its page is wrong.

    """
    try:
        return find(name)
    except ScenarioUnknown as fault:
        raise CommandFailed(str(fault), hint="`wavetank storm list` names them all", code=ExitCode.USAGE) from fault
    except ScenarioInvalid as fault:
        hint = "`wavetank storm new NAME` writes a page that runs, to look how things are written"
        raise CommandFailed(str(fault), hint=hint, code=ExitCode.USAGE) from fault


def wanted_variants(scenario: Scenario, overrides: Mapping[str, object], wanted: list[str]) -> dict[str, Scenario]:
    """Return the variants of a scenario that are wanted, all if none is named.

    Raises:
        CommandFailed: one is not there.
        OverrideRefused, ScenarioInvalid: as `variants_of`.

    """
    variants = variants_of(scenario, overrides)
    for name in wanted:
        if name not in variants:
            known = ", ".join(name for name in variants if name) or "none"
            raise CommandFailed(f"{scenario.name} has no variant {name!r}; it has: {known}", code=ExitCode.USAGE)
    return {name: variant for name, variant in variants.items() if not wanted or name in wanted}


def progress(what: str, *, by_share: bool = False) -> Progress:
    """Return a bar.

    Args:
        what: goes on.
        by_share: whether it tells a share instead of how many of how many.

    """
    return Progress(
        TextColumn(what),
        BarColumn(),
        TaskProgressColumn() if by_share else MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=notices(),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def make_folders(report: Path | None, logs: Path | None) -> None:
    """Make the folders that results go to, so that what cannot be is told before anything has run.

    Raises:
        CommandFailed: one cannot be made, or cannot be written into.

    """
    for what, folder in (("report", report), ("logs", logs)):
        if folder is None:
            continue
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with TemporaryFile(dir=folder):
                pass
        except OSError as fault:
            raise CommandFailed(
                f"no {what} can be written to {folder}: {fault.strerror}", code=ExitCode.USAGE
            ) from fault


def write_report(folder: Path, found: Results, page: str) -> None:
    """Write the document of results and the page that shows them.

    Raises:
        CommandFailed: the folder cannot be written.

    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_document(found, folder / DOCUMENT_NAME)
        (folder / PAGE_NAME).write_text(page, encoding="utf-8")
    except OSError as fault:
        raise CommandFailed(f"the report cannot be written: {fault}", code=ExitCode.USAGE) from fault
