"""The `wavetank` command: one entry for everything a person does with a venue.

It exists so that there is one name to remember; it keeps true that the version shown is the one installed.
"""

from importlib.metadata import version
from typing import Annotated

import typer

app = typer.Typer(
    name="wavetank",
    help="A perpetual-futures exchange that you run yourself and break on purpose.",
    no_args_is_help=True,
)


def show_version(wanted: bool) -> None:
    """Print the installed version and end the command, if `--version` was given."""
    if wanted:
        typer.echo(f"wavetank {version('wavetank')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    show: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and end."),
    ] = False,
) -> None:
    """Run, watch, break and check a venue."""
    # The eager callback has already ended the command when the flag was given.
    assert not show


def main() -> None:
    """Run the command line; the console script calls this."""
    app()
