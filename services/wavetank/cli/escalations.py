"""`wavetank escalations`: what the venue asks a person, with its context in one card, and the answer.

It exists because a person has seconds to decide: one command shows what is asked, what is at stake, what happened last
and how long it waits; another decides. Kept true: nothing is decided without a word why.
"""

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from wavetank.cli.amounts import show_dollars
from wavetank.cli.connection import VenueConnection
from wavetank.cli.options import DIRECTORY, AsJson, Directory
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import print_json, results
from wavetank.cli.times import show_instant
from wavetank.v1 import escalation_pb2

app = typer.Typer(add_completion=False, no_args_is_help=True)

_SECOND_NS = 1_000_000_000
_PPM = 10**6


class Decision(StrEnum):
    """What can be decided."""

    GO_ON = "go-on"
    HOLD = "hold"
    WHOLE = "whole"
    PAUSE_WITHDRAWALS = "pause-withdrawals"


MEANINGS = {
    Decision.GO_ON: "what the rules say next, as if the doubt were none",
    Decision.HOLD: "nothing before the next mark",
    Decision.WHOLE: "the whole slice, whatever the depth",
    Decision.PAUSE_WITHDRAWALS: "nobody is paid out until `wavetank operator withdrawals resume`",
}
UNDOING = {
    Decision.GO_ON: "decide `hold`: it counts for what has not been done yet",
    Decision.HOLD: "decide `go-on`: it goes on at once",
    Decision.WHOLE: "none: the order has gone",
    Decision.PAUSE_WITHDRAWALS: "`wavetank operator withdrawals resume`",
}


@app.callback()
def escalations() -> None:
    """See what the venue asks, and decide before its clock does.

    Examples:
      wavetank escalations list
      wavetank escalations show 4711
      wavetank escalations decide 4711 hold --note "oracle is late, not wrong"
    """


@app.command("list")
def list_escalations(directory: Directory = DIRECTORY, as_json: AsJson = False) -> None:
    """Show what can be decided, and what was decided and is not over.

    Examples:
      wavetank escalations list --json
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        answer = connection.call(connection.escalations.ListEscalations, escalation_pb2.ListEscalationsRequest())
    if as_json:
        print_json([document(each, answer.now_ns) for each in answer.escalations])
        return
    if not answer.escalations:
        results().print("[green]nothing[/] to decide")
        return
    table = Table("id", "what", "about", "at stake", "waits", "decided")
    for each in answer.escalations:
        left = max(0, each.deadline_ns - answer.now_ns) / _SECOND_NS
        table.add_row(
            str(each.escalation_id),
            _named(escalation_pb2.EscalationKind.Name(each.kind), "ESCALATION_KIND_"),
            f"account {each.account_id}" if each.account_id else "the venue",
            _stake(each),
            "" if each.decision else f"{left:.1f} s",
            _decided(each),
        )
    results().print(table)


@app.command("show")
def show(
    escalation_id: Annotated[int, typer.Argument(metavar="ID", help="`wavetank escalations list` shows them.")],
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Show one with everything that a decision needs.

    Examples:
      wavetank escalations show 4711
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = escalation_pb2.GetEscalationRequest(escalation_id=escalation_id)
        card = connection.call(connection.escalations.GetEscalation, request)
    if as_json:
        print_json(_card_document(card))
    else:
        _show(card, results())


@app.command("decide")
def decide(
    escalation_id: Annotated[int, typer.Argument(metavar="ID", help="`wavetank escalations list` shows them.")],
    decision: Annotated[
        Decision, typer.Argument(help="; ".join(f"{key}: {text}" for key, text in MEANINGS.items()) + ".")
    ],
    note: Annotated[str, typer.Option("--note", metavar="WHY", help="Why, in a few words; it stands in the log.")],
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Decide; what waited goes on at once.

    Examples:
      wavetank escalations decide 4711 go-on --note "price is right"
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = escalation_pb2.DecideEscalationRequest(
            escalation_id=escalation_id,
            decision=escalation_pb2.Decision.Value(f"DECISION_{decision.name}"),
            note=note,
        )
        answer = connection.call(connection.escalations.DecideEscalation, request)
    if as_json:
        print_json({"escalation_id": escalation_id, "decision": decision, "seq": answer.seq})
        return
    results().print(f"[green]decided[/] {decision}: {MEANINGS[decision]}")
    results().print(f"  undo: {UNDOING[decision]}")


def document(each: escalation_pb2.Escalation, now_ns: int) -> dict[str, Any]:
    """Return an escalation for JSON."""
    return {
        "escalation_id": each.escalation_id,
        "kind": _named(escalation_pb2.EscalationKind.Name(each.kind), "ESCALATION_KIND_"),
        "account_id": each.account_id,
        "instrument_id": each.instrument_id,
        "liquidation_id": each.liquidation_id,
        "raised_time_ns": each.raised_time_ns,
        "deadline_ns": each.deadline_ns,
        "left_ns": max(0, each.deadline_ns - now_ns),
        "figure": each.figure,
        "offered": [_decision(one) for one in each.offered],
        "suggested": _decision(each.suggested),
        "decision": _decision(each.decision) if each.decision else None,
        "author": each.author,
        "note": each.note,
        "can_be_replaced": each.can_be_replaced,
    }


def _card_document(card: escalation_pb2.GetEscalationResponse) -> dict[str, Any]:
    return document(card.escalation, card.now_ns) | {
        "exposure_micros": card.exposure_micros,
        "equity_micros": card.equity_micros,
        "maintenance_margin_micros": card.maintenance_margin_micros,
        "positions": [
            {
                "instrument_id": each.instrument_id,
                "size_lots": each.size_lots,
                "mark_price_ticks": each.mark_price_ticks,
            }
            for each in card.positions
        ],
        "shocks": [
            {
                "shock_ppm": each.shock_ppm,
                "equity_micros": each.equity_micros,
                "maintenance_margin_micros": each.maintenance_margin_micros,
            }
            for each in card.shocks
        ],
        "last_events": [
            {"seq": each.seq, "time_ns": each.event_time_ns, "name": each.name, "account_id": each.account_id}
            for each in card.last_events
        ],
    }


def _show(card: escalation_pb2.GetEscalationResponse, console: Console) -> None:
    asked = card.escalation
    kind = _named(escalation_pb2.EscalationKind.Name(asked.kind), "ESCALATION_KIND_")
    about = f"account {asked.account_id}" if asked.account_id else "the venue"
    console.print(f"[bold]{kind}[/], {about}, since {show_instant(asked.raised_time_ns)}")
    left = max(0, asked.deadline_ns - card.now_ns) / _SECOND_NS
    state = _decided(asked) or f"[bold red]{left:.1f} s[/] left, then {_decision(asked.suggested)}"
    console.print(f"{state}; at stake {_stake(asked)}, exposure {show_dollars(card.exposure_micros)}")
    if asked.account_id:
        table = Table("marks against it by", "equity", "maintenance", "health")
        rows = [(0, card.equity_micros, card.maintenance_margin_micros)]
        rows += [(each.shock_ppm, each.equity_micros, each.maintenance_margin_micros) for each in card.shocks]
        for shock, equity, maintenance in rows:
            health = f"{equity / maintenance:.3f}" if maintenance else "-"
            table.add_row(f"{shock * 100 / _PPM:g} %", show_dollars(equity), show_dollars(maintenance), health)
        console.print(table)
    for event in card.last_events:
        console.print(f"  {show_instant(event.event_time_ns)}  {event.seq}  {event.name}")
    for one in asked.offered:
        name = _decision(one)
        mark = "[green]suggested[/] " if one == asked.suggested else ""
        console.print(f"  {mark}[cyan]{name}[/]: {MEANINGS[Decision(name)]}; undo: {UNDOING[Decision(name)]}")


def _stake(each: escalation_pb2.Escalation) -> str:
    if each.kind == escalation_pb2.ESCALATION_KIND_CASCADE:
        return f"{each.figure / _PPM:.2f}x"
    return show_dollars(each.figure)


def _decided(each: escalation_pb2.Escalation) -> str:
    if not each.decision:
        return ""
    return f"{_decision(each.decision)} by {f'key {each.author}' if each.author else 'the clock'}"


def _decision(decision: escalation_pb2.Decision.ValueType) -> str:
    return _named(escalation_pb2.Decision.Name(decision), "DECISION_")


def _named(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("_", "-")
