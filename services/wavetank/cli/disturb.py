"""`wavetank disturb`: break the way between clients and the book in one line, and mend it in another.

It exists because a bot loses money where requests come late, answers are lost and cancels vanish, and a venue that
works never shows it. What `wavetank fault` is to the oracle, this is to the shards' doors; each shard gets the fault.
"""

from enum import StrEnum
from typing import Annotated, Any

import typer

from wavetank.cli.connection import VenueConnection
from wavetank.cli.options import DIRECTORY, AsJson, Directory, duration, ratio
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import print_json, results
from wavetank.cli.times import show_duration, show_instant
from wavetank.v1 import venue_control_pb2

app = typer.Typer(add_completion=False, no_args_is_help=True)

_E12_PER_PPM = 1_000_000
_PPM = 1_000_000
_FAULTS_PER_SHARD = 10**12


class Kind(StrEnum):
    """What goes wrong."""

    DELAY = "delay"
    ACK_LOSS = "ack-loss"
    ACK_DELAY = "ack-delay"
    THROTTLE = "throttle"
    UNAVAILABLE = "unavailable"
    CANCEL_LOSS = "cancel-loss"
    REDUCE_ONLY_REJECTED = "reduce-only-rejected"
    DISCONNECT = "disconnect"
    MARKET_DATA_GAP = "market-data-gap"
    MARKET_DATA_DELAY = "market-data-delay"


class Jitter(StrEnum):
    """How a delay varies."""

    UNIFORM = "uniform"
    EXPONENTIAL = "exponential"


MEANINGS = {
    Kind.DELAY: "requests arrive late",
    Kind.ACK_LOSS: "carried out, and never answered",
    Kind.ACK_DELAY: "carried out at once, and answered late",
    Kind.THROTTLE: "refused as too many",
    Kind.UNAVAILABLE: "refused as overloaded",
    Kind.CANCEL_LOSS: "requests that cancel never arrive",
    Kind.REDUCE_ONLY_REJECTED: "reduce-only orders are refused as overloaded",
    Kind.DISCONNECT: "a request ends its session",
    Kind.MARKET_DATA_GAP: "market data is not told",
    Kind.MARKET_DATA_DELAY: "market data is told late",
}
_LATE = {Kind.DELAY, Kind.ACK_DELAY, Kind.MARKET_DATA_DELAY}


@app.callback()
def disturb() -> None:
    """Break the way between clients and the book, and mend it.

    Examples:
      wavetank disturb set delay --by 250ms --jitter 100ms
      wavetank disturb set ack-loss --chance 5% --account 1001
      wavetank disturb set cancel-loss --chance 5% --for 1m
      wavetank disturb list
      wavetank disturb clear
    """


@app.command("set")
def set_disturbance(  # noqa: PLR0913, PLR0917 - one parameter for each option.
    kind: Annotated[Kind, typer.Argument(help="; ".join(f"{name}: {text}" for name, text in MEANINGS.items()) + ".")],
    accounts: Annotated[
        list[int] | None, typer.Option("--account", metavar="ID", help="Whom it hits; again for more. Else everybody.")
    ] = None,
    by: Annotated[
        int, typer.Option(parser=duration, metavar="TIME", help="How late, venue time.", show_default=False)
    ] = 0,
    jitter: Annotated[
        int,
        typer.Option(parser=duration, metavar="TIME", help="And by up to so much more.", show_default=False),
    ] = 0,
    distribution: Annotated[
        Jitter, typer.Option(help="Of the jitter: evenly up to it, or exponentially around it.")
    ] = Jitter.UNIFORM,
    chance: Annotated[
        int, typer.Option(parser=ratio, metavar="RATIO", help="How often it hits: 5%, 0.05.", show_default="always")
    ] = 10**12,
    start: Annotated[
        int,
        typer.Option("--in", parser=duration, metavar="TIME", help="Venue time until it begins.", show_default=False),
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
        int, typer.Option(parser=duration, metavar="TIME", help="Grows for so long.", show_default=False)
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Decides what it hits.")] = 0,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Set a fault, on every shard.

    Examples:
      wavetank disturb set delay --by 50ms --jitter 3s --distribution exponential
      wavetank disturb set reduce-only-rejected --chance 30% --for 25m
      wavetank disturb set disconnect --account 1001
    """
    if (kind in _LATE) != (by > 0 or jitter > 0):
        raise typer.BadParameter("what is late, and only what is late, is given a time", param_hint="--by")
    if not _E12_PER_PPM <= chance <= _PPM * _E12_PER_PPM:
        raise typer.BadParameter("a chance is 0.0001% to 100%", param_hint="--chance")
    wanted = venue_control_pb2.VenueFault(
        kind=venue_control_pb2.VenueFaultKind.Value(f"VENUE_FAULT_KIND_{kind.name}"),
        account_ids=accounts or [],
        delay_ns=by,
        jitter_ns=jitter,
        jitter=venue_control_pb2.JitterKind.Value(f"JITTER_KIND_{distribution.name}" if jitter else _NO_JITTER),
        probability_ppm=chance // _E12_PER_PPM,
        starts_in_ns=start,
        duration_ns=length,
        ramp_ns=ramp,
        seed=seed,
    )
    request = venue_control_pb2.SetVenueFaultRequest(fault=wanted)
    with VenueConnection(RunDirectory(directory).running()) as connection:
        made = [connection.call(door.SetVenueFault, request).fault for door in connection.doors]
    if as_json:
        print_json([disturbance_document(each) for each in made])
        return
    for each in made:
        results().print(f"[yellow]broken:[/] {describe_disturbance(each)}")
    results().print(f"  mend it with [cyan]wavetank disturb clear {' '.join(str(each.fault_id) for each in made)}[/]")


@app.command("clear")
def clear_disturbances(
    fault_ids: Annotated[list[int] | None, typer.Argument(metavar="[FAULT]...", help="Which; none for all.")] = None,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """End faults before their time.

    Examples:
      wavetank disturb clear
      wavetank disturb clear 1234
    """
    ended: list[int] = []
    with VenueConnection(RunDirectory(directory).running()) as connection:
        for shard, door in enumerate(connection.doors):
            own = [each for each in fault_ids or () if each // _FAULTS_PER_SHARD == shard]
            if own or not fault_ids:
                request = venue_control_pb2.ClearVenueFaultsRequest(fault_ids=own)
                ended += connection.call(door.ClearVenueFaults, request).fault_ids
    if as_json:
        print_json({"ended": ended})
    else:
        results().print(f"[green]mended:[/] {', '.join(map(str, ended))}" if ended else "no fault was set")


@app.command("list")
def list_disturbances(directory: Directory = DIRECTORY, as_json: AsJson = False) -> None:
    """Show the faults whose time is not over.

    Examples:
      wavetank disturb list --json
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = venue_control_pb2.ListVenueFaultsRequest()
        found = [each for door in connection.doors for each in connection.call(door.ListVenueFaults, request).faults]
    if as_json:
        print_json([disturbance_document(each) for each in found])
        return
    for each in found:
        results().print(f"[yellow]{each.fault_id}[/]  {describe_disturbance(each)}")
    if not found:
        results().print("no fault is set; the doors do what they should")


_NO_JITTER = "JITTER_KIND_UNSPECIFIED"


def describe_disturbance(fault: venue_control_pb2.VenueFault) -> str:
    """Return a fault as a sentence."""
    known = disturbance_document(fault)
    whom = f"accounts {', '.join(map(str, fault.account_ids))}" if fault.account_ids else "everybody"
    late = f", by {known['delay']}" if fault.delay_ns or fault.jitter_ns else ""
    late += f" and {known['jitter_kind']} {known['jitter']}" if fault.jitter_ns else ""
    chance = f", {fault.probability_ppm / _PPM:.4%} of the time" if fault.probability_ppm < _PPM else ""
    length = f"for {known['duration']}" if fault.duration_ns else "until cleared"
    return (
        f"fault {fault.fault_id}: {MEANINGS[Kind(known['kind'])]}{late}, for {whom}{chance}, "
        f"from {known['start']}, {length}"
    )


def disturbance_document(fault: venue_control_pb2.VenueFault) -> dict[str, Any]:
    """Return a fault for JSON, in words and numbers."""
    name = venue_control_pb2.VenueFaultKind.Name(fault.kind)
    return {
        "fault_id": fault.fault_id,
        "shard": fault.fault_id // _FAULTS_PER_SHARD,
        "kind": name.removeprefix("VENUE_FAULT_KIND_").lower().replace("_", "-"),
        "accounts": list(fault.account_ids),
        "delay": show_duration(fault.delay_ns),
        "delay_ns": fault.delay_ns,
        "jitter": show_duration(fault.jitter_ns),
        "jitter_ns": fault.jitter_ns,
        "jitter_kind": venue_control_pb2.JitterKind.Name(fault.jitter).removeprefix("JITTER_KIND_").lower(),
        "probability_ppm": fault.probability_ppm,
        "duration": show_duration(fault.duration_ns),
        "duration_ns": fault.duration_ns,
        "ramp_ns": fault.ramp_ns,
        "seed": fault.seed,
        "start": show_instant(fault.start_time_ns),
        "start_time_ns": fault.start_time_ns,
    }
