"""`wavetank fault`: break the oracle in one line, and mend it in another.

It exists because breaking is what the venue is for: per instrument, per source or per consumer, by chance or surely,
now or later, while everything runs. Sizes and names are the oracle's to judge; its refusals name what is allowed.
"""

from enum import StrEnum
from typing import Annotated, Any

import typer

from wavetank.cli.amounts import show_ratio
from wavetank.cli.connection import VenueConnection
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.options import DIRECTORY, AsJson, Directory, dollars, duration, ratio
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import print_json, results
from wavetank.cli.sentences.faults import ALWAYS_PPM, describe_kind, describe_terms
from wavetank.cli.times import show_duration, show_instant
from wavetank.v1 import directory_pb2, oracle_control_pb2, oracle_pb2

E12_IN_PPM = 10**6

app = typer.Typer(add_completion=False, no_args_is_help=True)


class Kind(StrEnum):
    """What goes wrong."""

    LAG = "lag"
    FREEZE = "freeze"
    SPIKE = "spike"
    DRIFT = "drift"
    CLAMP = "clamp"
    DECIMAL = "decimal"
    HARDCODE = "hardcode"
    SOURCE_LOSS = "source-loss"
    WIDEN = "widen"
    SELF_REFERENCE = "self-reference"
    OUT_OF_ORDER = "out-of-order"
    DUPLICATE = "duplicate"
    CENSOR = "censor"
    CONGESTION = "congestion"


KINDS = """lag: late by --lag, and by --jitter more; freeze: stands still; spike: off by --by; drift: the same, reached
over --ramp; clamp: stops at --min, --max; decimal: times 10^--exponent; hardcode: is --to; source-loss: sources give
nothing; widen: less sure by --by; self-reference: the venue's own book; out-of-order: an older one again, up to --lag
back; duplicate: the last again as if new; censor: withheld until it moves by --by; congestion: withheld until the end,
then all at once."""


_TAKEN_BY = {
    "--lag": (Kind.LAG, Kind.OUT_OF_ORDER),
    "--jitter": (Kind.LAG,),
    "--by": (Kind.SPIKE, Kind.DRIFT, Kind.WIDEN, Kind.CENSOR),
    "--to": (Kind.HARDCODE,),
    "--min": (Kind.CLAMP,),
    "--max": (Kind.CLAMP,),
    "--exponent": (Kind.DECIMAL,),
    "--ramp": (Kind.LAG, Kind.SPIKE, Kind.DRIFT, Kind.WIDEN),
}
"""Which kinds an option is for."""

_NEEDS = {
    Kind.LAG: (("--lag", "--jitter"),),
    Kind.SPIKE: (("--by",),),
    Kind.DRIFT: (("--by",), ("--ramp",)),
    Kind.CLAMP: (("--min", "--max"),),
    Kind.DECIMAL: (("--exponent",),),
    Kind.HARDCODE: (("--to",),),
    Kind.WIDEN: (("--by",),),
    Kind.OUT_OF_ORDER: (("--lag",),),
    Kind.CENSOR: (("--by",),),
}
"""What a kind is nothing without: one of each."""


class Distribution(StrEnum):
    """How a jitter is drawn."""

    UNIFORM = "uniform"
    EXPONENTIAL = "exponential"


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
      wavetank fault set spike BTC --source file-1 --by -30%
      wavetank fault set spike BTC --target funding --by 0.5%
      wavetank fault clear
    """


@app.command("set")
def set_fault(  # noqa: PLR0913, PLR0917 - one parameter for each option.
    kind: Annotated[Kind, typer.Argument(help=KINDS.replace("\n", " "))],
    instruments: Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Which; none for all.")] = None,
    lag: Annotated[
        int, typer.Option(parser=duration, metavar="TIME", help="How late, or how far back.", show_default=False)
    ] = 0,
    jitter: Annotated[
        int, typer.Option(parser=duration, metavar="TIME", help="What varies of a lag.", show_default=False)
    ] = 0,
    distribution: Annotated[
        Distribution | None, typer.Option(help="How a jitter is drawn: up to it, or with it as the mean.")
    ] = None,
    by: Annotated[
        int, typer.Option(parser=ratio, metavar="RATIO", help="A size: -8%, 25bp, 0.05.", show_default=False)
    ] = 0,
    to: Annotated[
        int | None,
        typer.Option(parser=dollars, metavar="PRICE", help="A hardcode's price, dollars; 0 and less too."),
    ] = None,
    lowest: Annotated[
        int, typer.Option("--min", parser=dollars, metavar="PRICE", help="A clamp's floor.", show_default=False)
    ] = 0,
    highest: Annotated[
        int, typer.Option("--max", parser=dollars, metavar="PRICE", help="A clamp's ceiling.", show_default=False)
    ] = 0,
    exponent: Annotated[int, typer.Option(help="Of a decimal error, -12 to 12.", show_default=False)] = 0,
    sources: Annotated[
        list[str] | None, typer.Option("--source", help="Which source it hits, before the index; again for more.")
    ] = None,
    source_count: Annotated[
        int, typer.Option("--source-count", metavar="K", help="K sources instead, chosen by seed.", show_default=False)
    ] = 0,
    consumers: Annotated[
        list[Consumer] | None, typer.Option("--consumer", help="Who is told wrong; again for more. Else all.")
    ] = None,
    after: Annotated[
        int, typer.Option(parser=duration, metavar="TIME", help="Venue time until it begins.", show_default=False)
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
    ramp: Annotated[
        int, typer.Option(parser=duration, metavar="TIME", help="Time in which it grows.", show_default=False)
    ] = 0,
    chance: Annotated[
        int | None,
        typer.Option(parser=ratio, metavar="RATIO", help="Of each update; else always.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides what chance decides.")] = 0,
    target: Annotated[Target, typer.Option(help="Prices, or the funding rate.")] = Target.PRICE,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Set a fault, from now on or from later.

    Examples:
      wavetank fault set lag BTC --lag 30s --consumer clearing
      wavetank fault set lag --lag 2s --jitter 1s --distribution exponential
      wavetank fault set freeze
      wavetank fault set spike BTC --by -8% --for 1m
      wavetank fault set drift BTC --by +400% --ramp 30m --source spot-a --source spot-b
      wavetank fault set clamp BTC --min 0.107
      wavetank fault set source-loss BTC --source-count 2 --seed 7
      wavetank fault set decimal BTC --exponent -8 --chance 10% --after 5m --for 2m
    """
    given = {
        "--lag": lag,
        "--jitter": jitter,
        "--by": by,
        "--to": to is not None,
        "--min": lowest,
        "--max": highest,
        "--exponent": exponent,
        "--ramp": ramp,
    }
    _check_options(kind, {option for option, value in given.items() if value})
    if chance is not None and (chance % E12_IN_PPM or not 0 < chance <= ALWAYS_PPM * E12_IN_PPM):
        raise typer.BadParameter("a chance is 0.0001% to 100%, in steps of that", param_hint="--chance")
    with VenueConnection(RunDirectory(directory).running()) as connection:
        symbols = _symbols(connection)
        asked = oracle_control_pb2.Fault(
            kind=oracle_control_pb2.FaultKind.Value(f"FAULT_KIND_{kind.name}"),
            target=oracle_control_pb2.FaultTarget.Value(f"FAULT_TARGET_{target.name}"),
            instrument_ids=[_id_of(symbol, symbols) for symbol in instruments or []],
            consumers=[oracle_pb2.Consumer.Value(f"CONSUMER_{consumer.name}") for consumer in consumers or []],
            sources=sources or [],
            source_count=source_count,
            lag_ns=lag,
            jitter_ns=jitter,
            magnitude_e12=by,
            price_micros=lowest if to is None else to,
            upper_price_micros=highest,
            exponent=exponent,
            delay_ns=after,
            duration_ns=length,
            ramp_ns=ramp,
            probability_ppm=(chance or 0) // E12_IN_PPM,
            seed=seed,
        )
        if distribution is not None:
            name = f"JITTER_DISTRIBUTION_{distribution.name}"
            asked.distribution = oracle_control_pb2.JitterDistribution.Value(name)
        request = oracle_control_pb2.SetFaultRequest(fault=asked)
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
    """Show the faults that are set, those that wait for their time too.

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
    if fault.sources:
        whom = f"from {', '.join(fault.sources)}"
    terms = describe_terms(fault) + ("" if fault.duration_ns else ", until cleared")
    since = "since" if fault.has_begun else "from"
    subject = "funding of" if known["target"] == "funding" else "prices of"
    return f"fault {fault.fault_id}: {subject} {where} {describe_kind(fault)} {whom}, {since} {known['start']}{terms}"


def fault_document(fault: oracle_control_pb2.Fault, symbols: dict[int, str]) -> dict[str, Any]:
    """Return a fault for JSON, in words and numbers."""
    distribution = oracle_control_pb2.JitterDistribution.Name(fault.distribution)
    return {
        "fault_id": fault.fault_id,
        "kind": oracle_control_pb2.FaultKind.Name(fault.kind).removeprefix("FAULT_KIND_").lower(),
        "target": oracle_control_pb2.FaultTarget.Name(fault.target).removeprefix("FAULT_TARGET_").lower(),
        "instruments": [symbols.get(number, str(number)) for number in fault.instrument_ids],
        "consumers": [oracle_pb2.Consumer.Name(who).removeprefix("CONSUMER_").lower() for who in fault.consumers],
        "sources": list(fault.sources),
        "lag": show_duration(fault.lag_ns),
        "lag_ns": fault.lag_ns,
        "jitter_ns": fault.jitter_ns,
        "distribution": distribution.removeprefix("JITTER_DISTRIBUTION_").lower() if fault.distribution else None,
        "magnitude": show_ratio(fault.magnitude_e12),
        "magnitude_e12": fault.magnitude_e12,
        "price_micros": fault.price_micros,
        "upper_price_micros": fault.upper_price_micros,
        "exponent": fault.exponent,
        "duration": show_duration(fault.duration_ns),
        "duration_ns": fault.duration_ns,
        "ramp_ns": fault.ramp_ns,
        "probability_ppm": fault.probability_ppm or ALWAYS_PPM,
        "seed": fault.seed,
        "start": show_instant(fault.start_time_ns),
        "start_time_ns": fault.start_time_ns,
        "has_begun": fault.has_begun,
    }


def _check_options(kind: Kind, given: set[str]) -> None:
    """Refuse what a kind does not take, and a kind without what it needs, before anybody is asked."""
    for option in sorted(given):
        if kind not in _TAKEN_BY[option]:
            takers = ", ".join(kind.value for kind in _TAKEN_BY[option])
            raise typer.BadParameter(f"a {kind.value} takes none; it is for: {takers}", param_hint=option)
    for options in _NEEDS.get(kind, ()):
        if not given & set(options):
            raise typer.BadParameter(f"a {kind.value} is given {' or '.join(options)}", param_hint=", ".join(options))


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
