"""`wavetank instrument`: stop an instrument's book, slow it down, or open it by an auction.

It exists because how a venue behaves around a halt is what a bot is rarely tried against: cancels that are not taken,
a book that crosses, one price at which everything trades at once.
"""

from enum import StrEnum
from typing import Annotated

import typer

from wavetank.cli.connection import VenueConnection
from wavetank.cli.options import DIRECTORY, AsJson, Directory
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import print_json, results
from wavetank.v1 import instrument_pb2, matching_control_pb2

app = typer.Typer(add_completion=False, no_args_is_help=True)


class State(StrEnum):
    """What a book takes."""

    TRADING = "trading"
    POST_ONLY = "post-only"
    REDUCE_ONLY = "reduce-only"
    CANCEL_ONLY = "cancel-only"
    HALTED = "halted"
    AUCTION = "auction"
    SETTLED = "settled"


MEANINGS = {
    State.TRADING: "everything is taken",
    State.POST_ONLY: "only orders that rest are taken: post-only ones, and such as wait for a trigger",
    State.REDUCE_ONLY: "only orders that reduce a position are taken; liquidations go on",
    State.CANCEL_ONLY: "only cancels are taken",
    State.HALTED: "no command is taken, not even a cancel",
    State.AUCTION: "orders rest and nothing trades; the book may cross, and the next state uncrosses it at one price",
    State.SETTLED: "all orders were cancelled; it stays so for good",
}


@app.callback()
def instrument(
    context: typer.Context,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Which instrument.")],
) -> None:
    """Move an instrument from one state to another.

    Examples:
      wavetank instrument BTC state halted
      wavetank instrument BTC state auction     (then `... state trading` trades at one price)
      wavetank instrument ETH state reduce-only --json
    """
    context.obj = symbol


@app.command("state")
def set_state(
    context: typer.Context,
    state: Annotated[State, typer.Argument(help="; ".join(f"{name}: {text}" for name, text in MEANINGS.items()) + ".")],
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Bring the instrument into a state, from now on.

    Around a halt, try a bot with: halted, then auction, then trading.

    Examples:
      wavetank instrument BTC state post-only
      wavetank instrument BTC state trading --json
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        found = connection.instrument(str(context.obj))
        request = matching_control_pb2.SetInstrumentStateRequest(
            instrument_id=found.instrument_id,
            state=instrument_pb2.InstrumentState.Value(f"INSTRUMENT_STATE_{state.name}"),
        )
        answer = connection.call(connection.control_of(found.instrument_id).SetInstrumentState, request)
    name = instrument_pb2.InstrumentState.Name(answer.previous_state)
    previous = State(name.removeprefix("INSTRUMENT_STATE_").lower().replace("_", "-"))
    if as_json:
        print_json({"instrument": found.symbol, "state": state, "previous_state": previous, "seq": answer.seq})
        return
    results().print(f"[green]{found.symbol}[/] was {previous} and is {state}: {MEANINGS[state]}")
    if state is State.AUCTION:
        results().print(f"  trade at one price with [cyan]wavetank instrument {found.symbol} state trading[/]")
