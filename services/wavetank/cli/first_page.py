"""The first page of help: what this is, the commands by heading, examples to copy, exit codes.

It exists because typer's own page imports a whole markdown renderer, which takes longer than everything else.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

if TYPE_CHECKING:
    from wavetank.cli.app import Entry


def show_first_page(commands: Mapping[str, "Entry"], examples: Sequence[tuple[str, str]], exit_codes: str) -> None:
    """Print the page.

    Args:
        commands: name → entry, those of one heading next to one another.
        examples: a command to copy, and what it does.
        exit_codes: one line.

    """
    console = Console(highlight=False)
    console.print("\n [bold]wavetank[/]: a perpetual-futures exchange that you run yourself and break on purpose.\n")
    console.print(" Usage: [bold]wavetank COMMAND [dim]\\[OPTIONS][/][/]      wavetank COMMAND --help tells more\n")
    for heading, entries in groupby(commands.items(), key=lambda item: item[1].heading):
        console.print(
            Panel(_rows([(name, entry.summary) for name, entry in entries]), title=heading, title_align="left")
        )
    console.print(Panel(_rows(examples), title="Examples", title_align="left", border_style="dim"))
    console.print(f" [dim]Exit codes: {exit_codes}[/]")
    console.print(" [dim]--version shows the version.[/]\n")


def _rows(rows: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column()
    for left, right in rows:
        table.add_row(left, right)
    return table
