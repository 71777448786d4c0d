"""A measuring that stands beside what it measures, in a process of its own.

It exists because the command line imports no core. Kept true: what the process says of its progress goes where this
command's own would go, and its figures are one JSON document.
"""

import json
import subprocess
import sys
from typing import Any

from wavetank.cli.failure import CommandFailed, ExitCode


def measured(module: str, arguments: list[str], *, what: str) -> dict[str, Any]:
    """Run a module's measuring and return its figures.

    Args:
        module: to be run.
        arguments: of its command line.
        what: is measured, for the error.

    Raises:
        CommandFailed: it ended otherwise than it should.

    """
    child = subprocess.run([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, check=False)
    if child.returncode != 0:
        raise CommandFailed(
            f"{what}: the measuring ended with code {child.returncode}",
            hint="What it said stands above.",
            code=ExitCode.USAGE if child.returncode == ExitCode.USAGE else ExitCode.FAILED,
        )
    report: dict[str, Any] = json.loads(child.stdout)
    return report
