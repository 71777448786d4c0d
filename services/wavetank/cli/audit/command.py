"""`wavetank audit`: whether the venue kept its rules, by its logs alone.

It exists so that nobody has to believe the services: books and ledger are rebuilt by other code from what was
committed. Exit code 0 says that every invariant holds, 1 that one is broken, 2 that the logs cannot be read.
"""

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wavetank.cli.audit.reading import LogsTrimmed, LogUnreadable
from wavetank.cli.audit.report import AuditReport, print_report
from wavetank.cli.audit.run import OnProgress, audit_directory, audit_folder, audit_url
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.options import DIRECTORY, AsJson, Directory
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import notices, print_json, results
from wavetank.model.validity import Validity


class DoubtName(StrEnum):
    """What may be wrong with a price, as the settings of a venue name it."""

    STALE = "stale"
    TOO_UNCERTAIN = "too_uncertain"
    TOO_VOLATILE = "too_volatile"
    NON_POSITIVE = "non_positive"


app = typer.Typer(add_completion=False)

_SHOW_EVERY = 64
"""Entries between two movements of the progress bar."""


@app.command()
def audit(
    directory: Directory = DIRECTORY,
    redis_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Redis that holds the logs, instead of the venue's own.")
    ] = None,
    logs: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of log files, as a simulated storm keeps them.")
    ] = None,
    tolerates: Annotated[
        list[DoubtName] | None,
        typer.Option(help="A doubt about prices by which the venue was set to liquidate all the same; again for more."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild ledger and books from the logs alone, check every invariant, and compare the services' state.

    Ends with 0 if all hold, 1 if one is broken, 2 if the logs cannot be read:
    also when the beginning of one was trimmed, for a retention was set.
    The venue may run or have been ended; `--redis-url` reads logs without it,
    `--logs` those that `wavetank storm run --logs` kept.

    Examples:
      wavetank audit
      wavetank audit --dir crash --json
      wavetank audit --logs day/logs
    """
    doubts = frozenset(Validity[name.name] for name in tolerates or [])
    try:
        report = _with_progress(
            lambda show: (
                audit_folder(logs, show, tolerates=doubts)
                if logs is not None
                else audit_directory(RunDirectory(directory), show, tolerates=doubts)
                if redis_url is None
                else audit_url(redis_url, show, tolerates=doubts)
            )
        )
    except LogsTrimmed as fault:
        raise CommandFailed(
            f"the logs cannot be audited: {fault}",
            hint="keep them whole: leave WAVETANK_MATCHING_LOG_RETENTION_S and WAVETANK_ORACLE_LOG_RETENTION_S at 0,"
            " the default, from the venue's beginning on; `wavetank log --all` shows what is left of these",
            code=ExitCode.USAGE,
        ) from fault
    except LogUnreadable as fault:
        raise CommandFailed(
            f"the logs cannot be read: {fault}",
            hint="`wavetank up` starts a venue, whose logs are whole; --dir and --redis-url name another's",
            code=ExitCode.USAGE,
        ) from fault
    if as_json:
        print_json(report.as_json())
    else:
        print_report(report, results())
    if not report.ok:
        raise typer.Exit(ExitCode.FAILED)


def _with_progress(run: Callable[[OnProgress], AuditReport]) -> AuditReport:
    progress = Progress(
        TextColumn("reading the logs"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=notices(),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with progress:
        task = progress.add_task("entries", total=None)

        def show(done: int, total: int) -> None:
            if done % _SHOW_EVERY == 0 or done == total:
                progress.update(task, completed=done, total=total or None)

        return run(show)
