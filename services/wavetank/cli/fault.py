"""`wavetank fault`: break the oracle in one line, and mend it in another.

It exists because breaking is what the venue is for: lag, freeze and spike, per instrument and per consumer, while
everything runs.
"""

from enum import StrEnum
from typing import Annotated, Any

import typer

from wavetank.cli.amounts import show_ratio
from wavetank.cli.connection import VenueConnection
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.options import DIRECTORY, AsJson, Directory, duration, ratio
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import print_json, results
from wavetank.cli.times import show_duration, show_instant
from wavetank.v1 import directory_pb2, oracle_control_pb2, oracle_pb2

app = typer.Typer(add_completion=False, no_args_is_help=True)


class Kind(StrEnum):
    """What goes wrong."""

    LAG = "lag"
    FREEZE = "freeze"
    SPIKE = "spike"


class Target(StrEnum):
    """Which value goes wrong."""

    PRICE = "price"
    FUNDING = "funding"


class Consumer(StrEnum):
    """Who is told wrong."""

    CLEARING = "clearing"
    MATCHING = "matching"
    BOTS = "bots"


@app.callback()
def fault() -> None:
    """Break the oracle, and mend it.

    Examples:
      wavetank fault set lag BTC --lag 30s --consumer clearing
      wavetank fault set spike BTC ETH --by -8% --for 1m
      wavetank fault set spike BTC --target funding --by 0.5%
      wavetank fault clear
    """


@app.command("set")
def set_fault(  # noqa: PLR0913, PLR0917 - one parameter for each option.
    kind: Annotated[Kind, typer.Argument(help="lag: late; freeze: stands still; spike: multiplied.")],
    instruments: Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Which; none for all.")] = None,
    lag: Annotated[
        int, typer.Option(parser=duration, metavar="TIME", help="How late, venue time.", show_default=False)
    ] = 0,
    by: Annotated[
        int, typer.Option(parser=ratio, metavar="RATIO", help="A spike's size: -8%, 25bp, 0.05.", show_default=False)
    ] = 0,
    length: Annotated[
        int,
        typer.Option(
            "--for",
            parser=duration,
            metavar="TIME",
            help="Venue time it lasts; else until cleared.",
            show_default=False,
        ),
    ] = 0,
    consumers: Annotated[
        list[Consumer] | None, typer.Option("--consumer", help="Who is told wrong; again for more. Else all.")
    ] = None,
    target: Annotated[Target, typer.Option(help="Prices, or the funding rate.")] = Target.PRICE,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Set a fault, from now on.

    Examples:
      wavetank fault set lag BTC --lag 30s --consumer clearing
      wavetank fault set freeze
      wavetank fault set spike BTC --by -8% --for 1m
    """
    if (kind is Kind.LAG) != (lag > 0):
        raise typer.BadParameter("a lag, and only a lag, is given a time", param_hint="--lag")
    if (kind is Kind.SPIKE) != (by != 0):
        raise typer.BadParameter("a spike, and only a spike, is given a size", param_hint="--by")
    with VenueConnection(RunDirectory(directory).running()) as connection:
        symbols = _symbols(connection)
        request = oracle_control_pb2.SetFaultRequest(
            fault=oracle_control_pb2.Fault(
                kind=oracle_control_pb2.FaultKind.Value(f"FAULT_KIND_{kind.name}"),
                target=oracle_control_pb2.FaultTarget.Value(f"FAULT_TARGET_{target.name}"),
                instrument_ids=[_id_of(symbol, symbols) for symbol in instruments or []],
                consumers=[oracle_pb2.Consumer.Value(f"CONSUMER_{consumer.name}") for consumer in consumers or []],
                lag_ns=lag,
                magnitude_e12=by,
                duration_ns=length,
            )
        )
        was_set = connection.call(connection.faults.SetFault, request).fault
    if as_json:
        print_json(fault_document(was_set, symbols))
    else:
        results().print(f"[yellow]broken:[/] {describe_fault(was_set, symbols)}")
        results().print(f"  mend it with [cyan]wavetank fault clear {was_set.fault_id}[/]")


@app.command("clear")
def clear_faults(
    fault_ids: Annotated[list[int] | None, typer.Argument(metavar="[FAULT]...", help="Which; none for all.")] = None,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """End faults before their time.

    Examples:
      wavetank fault clear
      wavetank fault clear 3 4
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = oracle_control_pb2.ClearFaultsRequest(fault_ids=fault_ids or [])
        ended = list(connection.call(connection.faults.ClearFaults, request).fault_ids)
    if as_json:
        print_json({"ended": ended})
    else:
        results().print(f"[green]mended:[/] {', '.join(map(str, ended))}" if ended else "no fault was active")


@app.command("list")
def list_faults(directory: Directory = DIRECTORY, as_json: AsJson = False) -> None:
    """Show the active faults.

    Examples:
      wavetank fault list --json
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        active = connection.call(connection.faults.ListFaults, oracle_control_pb2.ListFaultsRequest()).faults
        symbols = _symbols(connection)
    if as_json:
        print_json([fault_document(item, symbols) for item in active])
        return
    for item in active:
        results().print(f"[yellow]{item.fault_id}[/]  {describe_fault(item, symbols)}")
    if not active:
        results().print("no fault is active; the oracle tells the truth")


def describe_fault(fault: oracle_control_pb2.Fault, symbols: dict[int, str]) -> str:
    """Return a fault as a sentence."""
    known = fault_document(fault, symbols)
    where = ", ".join(known["instruments"]) or "all instruments"
    whom = f"for {', '.join(known['consumers'])}" if known["consumers"] else "for everybody"
    what = {"lag": f"{known['lag']} late", "freeze": "frozen", "spike": f"off by {known['magnitude']}"}[known["kind"]]
    length = f"for {known['duration']}" if fault.duration_ns else "until cleared"
    subject = "funding of" if known["target"] == "funding" else "prices of"
    return f"fault {fault.fault_id}: {subject} {where} {what} {whom}, since {known['start']}, {length}"


def fault_document(fault: oracle_control_pb2.Fault, symbols: dict[int, str]) -> dict[str, Any]:
    """Return a fault for JSON, in words and numbers."""
    return {
        "fault_id": fault.fault_id,
        "kind": oracle_control_pb2.FaultKind.Name(fault.kind).removeprefix("FAULT_KIND_").lower(),
        "target": oracle_control_pb2.FaultTarget.Name(fault.target).removeprefix("FAULT_TARGET_").lower(),
        "instruments": [symbols.get(number, str(number)) for number in fault.instrument_ids],
        "consumers": [oracle_pb2.Consumer.Name(who).removeprefix("CONSUMER_").lower() for who in fault.consumers],
        "lag": show_duration(fault.lag_ns),
        "lag_ns": fault.lag_ns,
        "magnitude": show_ratio(fault.magnitude_e12),
        "magnitude_e12": fault.magnitude_e12,
        "duration": show_duration(fault.duration_ns),
        "duration_ns": fault.duration_ns,
        "start": show_instant(fault.start_time_ns),
    }


def _symbols(connection: VenueConnection) -> dict[int, str]:
    listed = connection.call(connection.directory.GetDirectory, directory_pb2.GetDirectoryRequest()).instruments
    return {instrument.instrument_id: instrument.symbol for instrument in listed}


def _id_of(symbol: str, symbols: dict[int, str]) -> int:
    for number, name in symbols.items():
        if name.upper() == symbol.upper():
            return number
    raise CommandFailed(
        f"no instrument {symbol!r}", hint=f"listed are: {', '.join(symbols.values()) or 'none'}", code=ExitCode.USAGE
    )
