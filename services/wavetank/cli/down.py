"""`wavetank down`: end the venue of a directory, what is in flight first.

Kept true: when it returns, no process of the venue is left; a directory without a venue is no error, for that is what
was asked for.
"""

import contextlib
import os
import signal
import time
from typing import Annotated

import typer

from wavetank.cli.failure import CommandFailed
from wavetank.cli.options import DIRECTORY, AsJson, Directory, duration
from wavetank.cli.run_directory import RunDirectory, process_runs
from wavetank.cli.screen import notices, print_json, results
from wavetank.cli.times import SECOND_NS

app = typer.Typer(add_completion=False)

_POLL_SECONDS = 0.05


@app.command()
def down(
    directory: Directory = DIRECTORY,
    timeout: Annotated[
        int, typer.Option(parser=duration, metavar="TIME", help="How long to wait for its end.", show_default="60s")
    ] = 60 * SECOND_NS,
    as_json: AsJson = False,
) -> None:
    """End the venue, what is in flight first.

    Matching commits what it has taken and closes its door, clearing and oracle
    follow, Redis goes last. The data stays: the next `up` goes on from it.

    Examples:
      wavetank down
      wavetank down --dir crash --timeout 2m
    """
    run_directory = RunDirectory(directory)
    pid = run_directory.owner_pid()
    if pid is not None:
        with notices().status(f"ending the venue in {run_directory.path}"):
            _end(run_directory, pid, timeout / SECOND_NS)
    if as_json:
        print_json({"directory": str(run_directory.path), "was_running": pid is not None, "pid": pid})
    elif pid is None:
        results().print(f"no venue runs in {run_directory.path}; nothing to end")
    else:
        results().print(f"[green]ended[/] the venue in {run_directory.path}; its data stays")


def _end(run_directory: RunDirectory, pid: int, timeout_seconds: float) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_seconds
    while run_directory.owner_pid() is not None or process_runs(pid):
        if time.monotonic() >= deadline:
            raise CommandFailed(
                f"process {pid} still runs after {timeout_seconds:g} seconds",
                hint=f"read {run_directory.logs}; `kill -9 {pid}` ends it and all its services at once",
            )
        time.sleep(_POLL_SECONDS)
