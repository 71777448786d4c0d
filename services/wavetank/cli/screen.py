"""Where a command writes: results to standard output, everything else to standard error.

It exists so that `--json` means the same everywhere: standard output then holds one JSON document and nothing else.
"""

import json
import sys
from typing import Any

from rich.console import Console
from rich.markup import escape

from wavetank.cli.failure import CommandFailed

WIDTH_WITHOUT_TERMINAL = 140
"""Tables are not folded to 80 columns when they go into a file or a pipe."""


def results() -> Console:
    """Return the console for results."""
    return Console(width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL, highlight=False)


def notices() -> Console:
    """Return the console for progress, warnings and failures."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else WIDTH_WITHOUT_TERMINAL, highlight=False)


def print_json(document: Any) -> None:  # noqa: ANN401 - whatever JSON can hold.
    """Write one JSON document to standard output."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
    sys.stdout.flush()


def print_json_line(document: Any) -> None:  # noqa: ANN401 - whatever JSON can hold.
    """Write one JSON document on a line of its own to standard output; for what goes on and on."""
    sys.stdout.write(json.dumps(document, default=str) + "\n")
    sys.stdout.flush()


def show_failure(failure: CommandFailed) -> None:
    """Say what failed and what to do next."""
    console = notices()
    console.print(f"[bold red]error:[/] {escape(failure.message)}", soft_wrap=True)
    if failure.hint:
        console.print(f"  [dim]→[/] {escape(failure.hint)}", soft_wrap=True)
