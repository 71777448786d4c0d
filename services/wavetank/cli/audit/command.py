"""`wavetank audit`: rebuilds ledger and books from the logs alone and says whether the venue kept its rules."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wavetank.cli.audit.reading import LogUnreadable
from wavetank.cli.audit.report import print_report
from wavetank.cli.audit.run import audit_venue, find_venue

EXIT_OFFENCE = 1
EXIT_UNREADABLE = 2
EVERY_ENTRIES = 64


def audit(
    directory: Annotated[Path, typer.Option("--dir", help="Run directory of the venue.")] = Path(".wavetank"),
    redis_url: Annotated[
        str | None, typer.Option(help="Redis that holds the logs, instead of the venue's own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Rebuild ledger and books from the logs alone and check every invariant.

    Ends with 0 if all hold, 1 if one is broken, 2 if the logs cannot be read.
    """
    progress = Progress(
        TextColumn("reading the logs"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=as_json or not sys.stderr.isatty(),
    )
    try:
        venue = find_venue(directory, redis_url)
        with progress:
            task = progress.add_task("entries", total=None)

            def show(done: int, total: int) -> None:
                if done % EVERY_ENTRIES == 0 or done == total:
                    progress.update(task, completed=done, total=total)

            report = audit_venue(venue, show)
    except LogUnreadable as fault:
        if as_json:
            print(json.dumps({"ok": False, "error": str(fault)}))
        print(f"audit: the logs cannot be read: {fault}", file=sys.stderr)
        raise typer.Exit(EXIT_UNREADABLE) from None
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        print_report(report, Console())
    if not report.ok:
        raise typer.Exit(EXIT_OFFENCE)
