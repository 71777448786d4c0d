"""The `wavetank` command: one entry for everything a person does with a venue.

It exists so that there is one name to remember. Kept true: the version shown is the one installed; a command's module
is imported only when that command is called, so that help comes at once; a failure is a sentence with what to do next
and an exit code that means the same everywhere.
"""

import importlib
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from wavetank.cli.failure import CommandFailed


class Entry(NamedTuple):
    """A command: the module that holds its typer application, the heading it stands under, and what it does."""

    module: str
    heading: str
    summary: str


RUN, LOOK, USE, PROVE = "Run a venue", "Look inside", "Use and break it", "Prove and measure"

COMMANDS: dict[str, Entry] = {
    "up": Entry("wavetank.cli.up", RUN, "Start a venue here and keep it running; Ctrl-C ends it."),
    "down": Entry("wavetank.cli.down", RUN, "End the venue, what is in flight first."),
    "restart": Entry("wavetank.cli.restart", RUN, "End one service and start it again, at once or after a time."),
    "demo": Entry("wavetank.cli.demo.command", RUN, "Watch five bots through a storm, and read the report."),
    "status": Entry("wavetank.cli.status", LOOK, "Services, instruments, prices, faults at a glance."),
    "log": Entry("wavetank.cli.log", LOOK, "Read what happened, in plain words: why was I filled?"),
    "liquidations": Entry("wavetank.cli.liquidations", LOOK, "Every liquidation and cascade, as everybody is told."),
    "risk": Entry("wavetank.cli.risk", LOOK, "What would be: margins under shocks, contagion, way out."),
    "accounts": Entry("wavetank.cli.accounts", USE, "Open and list accounts, their collateral and margin mode."),
    "deposit": Entry("wavetank.cli.deposit", USE, "Give an account play money."),
    "keys": Entry("wavetank.cli.keys", USE, "Make, list and revoke API keys."),
    "fault": Entry("wavetank.cli.fault", USE, "Break the oracle, and mend it."),
    "prices": Entry("wavetank.cli.prices", USE, "Look at files of prices, and write them as tables."),
    "disturb": Entry("wavetank.cli.disturb", USE, "Break the way between clients and the book, and mend it."),
    "ordering": Entry("wavetank.cli.ordering", USE, "Decide who goes first when requests wait."),
    "instrument": Entry("wavetank.cli.instrument", USE, "Halt an instrument, or open it by an auction."),
    "escalations": Entry("wavetank.cli.escalations", USE, "Decide where the rules let a person decide."),
    "operator": Entry("wavetank.cli.operator", USE, "Change margins and funding, pause withdrawals, fill the fund."),
    "storm": Entry("wavetank.storms.command", PROVE, "Live through a venue's worst days, simulated a thousand times."),
    "audit": Entry("wavetank.cli.audit.command", PROVE, "Rebuild ledger and books from the logs, and compare."),
    "bench": Entry("wavetank.cli.bench", PROVE, "Measure order to acknowledgement beside a bare echo."),
}

EXAMPLES = (
    ("wavetank demo", "ninety seconds of everything"),
    ("wavetank up --speed 60", "a venue in which a minute is an hour"),
    ("wavetank fault set lag BTC --lag 30s --consumer clearing", "clearing sees BTC half a minute late"),
    ("wavetank log why 281474976710657", "why was this order filled?"),
)

EXIT_CODES = "0 done · 1 failed · 2 wrong usage · 3 no venue runs there · 4 the venue refused · 5 directory in use"


class LazyGroup(TyperGroup):
    """The group of all commands; imports a command's module when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - typer keeps its context class to itself.
        """Return the names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - the same.
        """Return a command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command = typer.main.get_command(importlib.import_module(COMMANDS[cmd_name].module).app)
        command.name = cmd_name
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - the same.
        """Find the command that was named; a misspelt one gets a proposal."""
        # Typer looks for similar names here, and at nothing but the names.
        names: Any = dict.fromkeys(COMMANDS)
        self.commands = names
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - the same.
        """Show the first page: what it is, the commands by heading, examples, exit codes."""
        importlib.import_module("wavetank.cli.first_page").show_first_page(COMMANDS, EXAMPLES, EXIT_CODES)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - the same.
        """Run the command; a failure ends it with its sentence and its exit code."""
        try:
            return super().invoke(ctx)
        except CommandFailed as failure:
            importlib.import_module("wavetank.cli.screen").show_failure(failure)
            raise typer.Exit(failure.code) from failure


app = typer.Typer(
    name="wavetank",
    cls=LazyGroup,
    help="A perpetual-futures exchange that you run yourself and break on purpose.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def show_version(wanted: bool) -> None:
    """Print the installed version and end the command, if `--version` was given."""
    if wanted:
        typer.echo(f"wavetank {importlib.import_module('importlib.metadata').version('wavetank')}")
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
