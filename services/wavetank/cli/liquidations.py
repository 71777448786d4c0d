"""`wavetank liquidations`: every liquidation, deleveraging and cascade of the venue, in plain words.

It exists because a liquidation is done to somebody in front of everybody: this is the venue's public feed, as any
client gets it. Kept true: nothing is left out and nothing is sampled; it goes on by itself after the venue was away.
"""

from collections.abc import Iterable
from dataclasses import asdict, fields
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.markup import escape

from wavetank.cli.options import DIRECTORY, AsJson, Directory
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import notices, print_json, print_json_line, results
from wavetank.cli.times import show_instant
from wavetank.cli.venue_client import venue_client
from wavetank.client import (
    Client,
    Disconnected,
    Gap,
    LiquidationEvent,
    PublicCascadeEnded,
    PublicCascadeJoined,
    PublicDeleveraged,
    PublicDeleveragingRanking,
    PublicEvent,
    PublicLiquidationAnswered,
    PublicLiquidationEnded,
    PublicLiquidationStarted,
    PublicLiquidationStepped,
    PublicLiquidationTested,
    PublicPayment,
    Reconnected,
)
from wavetank.model.ids import VENUE_ACCOUNTS

app = typer.Typer(add_completion=False)

_SHOWN_LINES = 5
"""Of a ranking, as a person sees it; `--json` has all."""


@app.callback(invoke_without_command=True)
def liquidations(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they happen.")] = False,
    instrument: Annotated[
        list[str] | None, typer.Option(metavar="SYMBOL", help="Only this instrument; again for more. Else all.")
    ] = None,
    from_seq: Annotated[
        int, typer.Option(min=0, metavar="N", help="What came after this seq; 0 with --follow for from now on.")
    ] = 1,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Show every liquidation, deleveraging and cascade, in plain words.

    With --follow and --json there is one document on each line.

    Examples:
      wavetank liquidations
      wavetank liquidations --follow --from-seq 0
      wavetank liquidations --instrument BTC --from-seq 4711 --json
    """
    with venue_client(RunDirectory(directory).running()) as client:
        symbols = [listed_symbol(client, symbol) for symbol in instrument or ()]
        if follow:
            _follow(client, symbols, from_seq, as_json=as_json)
            return
        found = client.liquidations.past(symbols, from_seq=from_seq or 1)
        if as_json:
            print_json([event_document(event) for event in found])
            return
        _print(found)


def listed_symbol(client: Client, symbol: str) -> str:
    """Return a symbol as the venue lists it, in capitals or not; one that it does not list stays as it is."""
    return next((listed for listed in client.instruments if listed.upper() == symbol.upper()), symbol)


def _follow(client: Client, symbols: list[str], from_seq: int, *, as_json: bool) -> None:
    with client.liquidations.events(symbols, from_seq=from_seq) as events:
        try:
            for event in events:
                if as_json:
                    print_json_line(event_document(event))
                elif isinstance(event, Gap | Disconnected | Reconnected):
                    notices().print(f"[dim]{escape(_connection_sentence(event))}[/]")
                else:
                    _print([event])
        except KeyboardInterrupt:
            return


def _print(events: Iterable[PublicEvent]) -> None:
    console = results()
    for event in events:
        when = f"[dim]{show_instant(event.event_time_ns)}[/] [magenta]{event.seq:<7}[/]"
        console.print(f"{when} {escape(sentence(event))}", soft_wrap=True)


def event_document(event: LiquidationEvent) -> dict[str, Any]:
    """Return an event for JSON: money, sizes and prices are exact decimals in text, causes are words."""
    told = {"event": type(event).__name__.removeprefix("Public"), **asdict(event)}
    told |= {
        field.name: _words(getattr(event, field.name))
        for field in fields(event)
        if field.name in {"stage", "cause", "outcome"}
    }
    return told


def sentence(event: PublicEvent) -> str:
    """Return an event in plain words."""
    match event:
        case PublicLiquidationStarted():
            return f"liquidation {event.liquidation_id} of {_account(event.account_id)} began, {_health(event.health)}"
        case PublicLiquidationTested():
            return (
                f"liquidation {event.liquidation_id}: {_account(event.account_id)} tested, {_health(event.health)}: "
                f"{_words(event.outcome)}"
            )
        case PublicLiquidationStepped():
            whose = f"liquidation {event.liquidation_id}" if event.liquidation_id else "the vault"
            aim = f", {_change(event.delta_size)} {event.instrument}" if event.delta_size else ""
            limit = f" at {event.price:f}" if event.price is not None else ""
            reserve = f" with {_dollars(event.reserve)} of the fund" if event.reserve else ""
            return (
                f"{whose}, stage {_words(event.stage)}{aim}{limit}{reserve}, because {_words(event.cause)}; "
                f"{_health(event.health)}"
            )
        case PublicLiquidationAnswered():
            whose = f"liquidation {event.liquidation_id}" if event.liquidation_id else "the vault"
            if not event.instrument:
                return f"{whose}: orders of {_account(event.account_id)} cancelled"
            return f"{whose}: {event.done_size:f} {event.instrument} closed for {_dollars(abs(event.done_value))}"
        case PublicLiquidationEnded():
            return (
                f"liquidation {event.liquidation_id} of {_account(event.account_id)} ended: {_words(event.outcome)}, "
                f"{_health(event.health)}"
            )
        case _:
            return _sentence_of_others(event)


def _sentence_of_others(
    event: PublicDeleveragingRanking | PublicDeleveraged | PublicPayment | PublicCascadeJoined | PublicCascadeEnded,
) -> str:
    match event:
        case PublicDeleveragingRanking():
            shown = ", ".join(
                f"{line.rank}. {_account(line.account_id)} {_change(line.delta_size) if line.delta_size else 'nothing'}"
                for line in event.lines[:_SHOWN_LINES]
            )
            more = f" and {len(event.lines) - _SHOWN_LINES:,} more" if len(event.lines) > _SHOWN_LINES else ""
            return (
                f"liquidation {event.liquidation_id} ranks {event.ranked:,} for deleveraging in {event.instrument}: "
                f"{shown}{more}"
            )
        case PublicDeleveraged():
            return (
                f"{_account(event.account_id)} was deleveraged for liquidation {event.liquidation_id}: "
                f"{_change(event.delta_size)} {event.instrument} for {_dollars(abs(event.value))}, gave up "
                f"{_dollars(event.given_up)}"
            )
        case PublicPayment():
            return (
                f"{_dollars(event.amount)} from {_account(event.payer_account_id)} to "
                f"{_account(event.receiver_account_id)} for liquidation {event.liquidation_id}: {_words(event.cause)}"
            )
        case PublicCascadeJoined():
            why = f", after trade {event.parent_trade_id}" if event.parent_trade_id else ""
            return (
                f"liquidation {event.liquidation_id} of {_account(event.account_id)} is in cascade {event.cascade_id}, "
                f"generation {event.generation}{why}"
            )
        case PublicCascadeEnded():
            return (
                f"cascade {event.cascade_id} ended: {event.liquidations} liquidations in {event.generations} "
                f"generations closed {_dollars(event.notional)}, {event.multiplier:f} times what the first generation "
                f"did, {event.depth_consumed:f} of the depth consumed, mark and index at most {event.peak_gap:f} apart"
            )


def _connection_sentence(event: Gap | Disconnected | Reconnected) -> str:
    match event:
        case Gap():
            return f"what came after {event.after_seq} is lost: {event.cause}"
        case Disconnected():
            return f"the venue is away: {event.cause}"
        case Reconnected():
            return "the venue is back; nothing was missed"


def _account(account_id: int) -> str:
    name = VENUE_ACCOUNTS.get(account_id)
    return f"{name} ({account_id})" if name else f"account {account_id}"


def _words(value: Any) -> str:  # noqa: ANN401 - one of the feed's enumerations.
    return str(value.name).lower().replace("_", "-")


def _health(health: Decimal | None) -> str:
    return "no margin to keep" if health is None else f"health {health:.3f}"


def _change(size: Decimal) -> str:
    return f"{'bought' if size > 0 else 'sold'} {abs(size):f}"


def _dollars(amount: Decimal) -> str:
    return f"{amount:,.2f} USD"
