"""`wavetank ordering`: decide who goes first when requests wait, while the venue runs (MTCH-060).

It exists because whether cancels come before takers decides who is picked off, and the same bot should be tried under
both within one minute.
"""

from enum import StrEnum
from typing import Annotated, Any

import typer

from wavetank.cli.connection import VenueConnection
from wavetank.cli.options import DIRECTORY, AsJson, Directory, duration
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import print_json, results
from wavetank.cli.times import show_duration
from wavetank.v1 import matching_control_pb2

app = typer.Typer(add_completion=False)


class Policy(StrEnum):
    """In which order waiting requests run."""

    ARRIVAL = "arrival"
    CANCELS_FIRST = "cancels-first"
    TAKER_DELAY = "taker-delay"
    RANDOM = "random"
    ADVERSARIAL = "adversarial"


MEANINGS = {
    Policy.ARRIVAL: "first come, first served",
    Policy.CANCELS_FIRST: "at the end of each block what rests, then cancels, then takers",
    Policy.TAKER_DELAY: "takers wait a moment, all others go through",
    Policy.RANDOM: "a block in an order that a seed decides",
    Policy.ADVERSARIAL: "a block with takers first and cancels last",
}


@app.command()
def ordering(
    policy: Annotated[
        Policy, typer.Argument(help="; ".join(f"{name}: {text}" for name, text in MEANINGS.items()) + ".")
    ],
    block: Annotated[
        int, typer.Option(parser=duration, metavar="TIME", help="Length of a block.", show_default="the shard's")
    ] = 0,
    delay: Annotated[
        int, typer.Option(parser=duration, metavar="TIME", help="How long takers wait.", show_default="the shard's")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of `random`.")] = 0,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Let waiting requests run in another order from now on, on every shard.

    Those that wait already go first, by the old one. It stands until it is set
    otherwise, also when a shard starts anew.

    Examples:
      wavetank ordering cancels-first --block 200ms
      wavetank ordering taker-delay --delay 5ms
      wavetank ordering arrival
    """
    request = matching_control_pb2.SetOrderingRequest(
        ordering=matching_control_pb2.Ordering(
            policy=matching_control_pb2.OrderingPolicy.Value(f"ORDERING_POLICY_{policy.name}"),
            block_interval_ns=block,
            taker_delay_ns=delay,
            seed=seed,
        )
    )
    with VenueConnection(RunDirectory(directory).running()) as connection:
        answers = [connection.call(control.SetOrdering, request) for control in connection.controls]
    if as_json:
        print_json([_switch_document(shard, each) for shard, each in enumerate(answers)])
        return
    now, before = _document(answers[0].ordering), _document(answers[0].previous)
    length = f", in blocks of {show_duration(now['block_interval_ns'])}" if policy in _BLOCKS else ""
    wait = f", for {show_duration(now['taker_delay_ns'])}" if policy is Policy.TAKER_DELAY else ""
    results().print(
        f"[green]requests[/] ran by {before['policy']} and run by {policy}: {MEANINGS[policy]}{length}{wait}"
    )


_BLOCKS = {Policy.CANCELS_FIRST, Policy.RANDOM, Policy.ADVERSARIAL}


def _document(message: matching_control_pb2.Ordering) -> dict[str, Any]:
    name = matching_control_pb2.OrderingPolicy.Name(message.policy).removeprefix("ORDERING_POLICY_")
    return {
        "policy": name.lower().replace("_", "-"),
        "block_interval_ns": message.block_interval_ns,
        "taker_delay_ns": message.taker_delay_ns,
        "seed": message.seed,
    }


def _switch_document(shard: int, answer: matching_control_pb2.SetOrderingResponse) -> dict[str, Any]:
    ordering, previous = _document(answer.ordering), _document(answer.previous)
    return {"shard": shard, "ordering": ordering, "previous": previous, "seq": answer.seq}
