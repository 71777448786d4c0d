"""`wavetank log`: read the logs as a person.

It exists so that "why was I filled?" has an answer without reading code: one line for each event, in plain words and
venue time, and for one order or trade the whole story. It reads the logs themselves, also of a venue that was ended.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import redis
import typer
from rich.console import Console
from rich.markup import escape

from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.logs import (
    Happening,
    beginnings,
    entries_backwards,
    happenings,
    last_entry,
    logs_of,
    open_logs,
    read_names,
    wait_for_entries,
)
from wavetank.cli.options import DIRECTORY, AsJson, Directory
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import notices, print_json, print_json_line, results
from wavetank.cli.sentences.narrator import ROUTINE_KINDS, Narrator
from wavetank.cli.sentences.words import show_client_id
from wavetank.cli.story import find_orders, story_of
from wavetank.cli.story_page import show_story, story_document
from wavetank.cli.times import show_instant
from wavetank.model.record import kind_of

app = typer.Typer(add_completion=False)

_COLOURS = {"matching": "cyan", "clearing": "magenta", "oracle": "yellow"}
_ACCOUNT_FIELDS = ("account_id", "maker_account_id", "receiver_account_id")
_ORDER_FIELDS = ("order_id", "maker_order_id", "taker_order_id")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are shown; empty sets let everything through."""

    accounts: frozenset[int] = frozenset()
    orders: frozenset[int] = frozenset()
    instruments: frozenset[int] = frozenset()
    routine: bool = False
    """Whether prices, book samples and the like are shown."""

    def takes(self, happening: Happening) -> bool:
        """Whether an event is shown."""
        event: Any = happening.event
        if not self.routine and kind_of(type(event)) in ROUTINE_KINDS:
            return False
        return (
            _meets(event, _ACCOUNT_FIELDS, self.accounts)
            and _meets(event, _ORDER_FIELDS, self.orders)
            and (not self.instruments or event.instrument_id in self.instruments)
        )


@app.callback(invoke_without_command=True)
def log(  # noqa: PLR0913, PLR0917 - one parameter for each option.
    context: typer.Context,
    account: Annotated[int, typer.Option(help="Only what concerns this account.", show_default=False)] = 0,
    order: Annotated[int, typer.Option(help="Only what concerns this order.", show_default=False)] = 0,
    client_order_id: Annotated[str, typer.Option(help="Only orders with this id of their client's.")] = "",
    instrument: Annotated[str, typer.Option(metavar="SYMBOL", help="Only this instrument.")] = "",
    last: Annotated[int, typer.Option(min=0, help="How many of the newest; 0 for all.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as events happen.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Prices and book samples too.")] = False,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Read what happened, in plain words and venue time.

    Examples:
      wavetank log --last 20
      wavetank log --account 1000 --follow
      wavetank log why 281474976710657
      wavetank log --instrument BTC --all --json
    """
    if context.invoked_subcommand is not None:
        return
    run_directory = RunDirectory(directory)
    with open_logs(run_directory) as client:
        _say_where_it_begins(client)
        names = read_names(client)
        orders = {order} if order else set()
        if client_order_id:
            orders |= set(find_orders(client, client_id_bytes(client_order_id)))
            if not orders:
                raise CommandFailed(f"no order carries the client's id {client_order_id!r}")
        wanted = Filter(
            accounts=frozenset({account} if account else ()),
            orders=frozenset(orders),
            instruments=frozenset({names.instrument_id(instrument)} if instrument else ()),
            routine=everything,
        )
        narrator = Narrator(names)
        if not follow:
            with notices().status("reading the logs"):
                found = newest(client, wanted.takes, last)
            if as_json:
                print_json([happening_document(item, narrator) for item in found])
            else:
                _print_lines(results(), found, narrator)
            return
        _follow(client, wanted, last, as_json=as_json)


@app.command("why")
def why(
    identity: Annotated[str, typer.Argument(metavar="ORDER|TRADE", help="Its id; `trade:ID` if both exist.")],
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Tell the story of an order or a trade: why was I filled?

    When it was accepted and who stood in front; who traded with it and at what
    price; what the oracle told each consumer then, and what was true; what
    clearing booked; and who asked for it, if it was a liquidation.

    Examples:
      wavetank log why 281474976710657
      wavetank log why trade:281474976710660
      wavetank log why client:quote-17
    """
    kind, separator, text = identity.rpartition(":")
    with open_logs(RunDirectory(directory)) as client, notices().status("reading the logs"):
        _say_where_it_begins(client)
        if kind == "client":
            found = find_orders(client, client_id_bytes(text))
            if not found:
                raise CommandFailed(f"no order carries the client's id {text!r}")
            story = story_of(client, order_id=found[-1])
        elif text.isdecimal() and kind in {"", "order", "trade"}:
            story = _story_of_number(client, int(text), kind if separator else "")
        else:
            raise CommandFailed(
                f"{identity!r} is no id", hint="write ORDER, trade:TRADE or client:ID", code=ExitCode.USAGE
            )
        narrator = Narrator(read_names(client))
    if as_json:
        print_json(story_document(story, narrator))
    else:
        show_story(story, narrator, results())


def _say_where_it_begins(client: "redis.Redis") -> None:
    for name, entry in beginnings(client).items():
        notices().print(
            f"[dim]{name} begins with seq {entry.first_seq} ({entry.entry_id}); what was before is trimmed[/]"
        )


def newest(client: "redis.Redis", takes: Callable[[Happening], bool], count: int) -> list[Happening]:
    """Return the newest events that are wanted, of all logs together, oldest first; 0 for all."""
    found: list[Happening] = []
    for log_name in logs_of(client):
        of_log: list[Happening] = []
        for entry in entries_backwards(client, log_name):
            of_log += reversed([item for item in happenings(log_name, entry) if takes(item)])
            if count and len(of_log) >= count:
                break
        found += of_log
    found.sort(key=lambda item: item.order_key)
    return found[-count:] if count else found


def happening_document(happening: Happening, narrator: Narrator) -> dict[str, Any]:
    """Return an event for JSON: where it stands, its fields, and its sentence."""
    event: Any = happening.event
    told = {name: show_client_id(value) if isinstance(value, bytes) else value for name, value in asdict(event).items()}
    return {
        "log": happening.log,
        "seq": happening.seq,
        "epoch": happening.epoch,
        "time": show_instant(happening.now_ns),
        "time_ns": happening.now_ns,
        "event": type(event).__name__,
        "sentence": narrator.say(event),
        "fields": told,
    }


def client_id_bytes(text: str) -> bytes:
    """Return a client's order id as it stands in the log; `0x…` is hexadecimal."""
    if text.startswith("0x"):
        try:
            return bytes.fromhex(text[2:]).rstrip(b"\0")
        except ValueError:
            raise CommandFailed(f"{text!r} is no hexadecimal number", code=ExitCode.USAGE) from None
    return text.encode()


def _story_of_number(client: "redis.Redis", number: int, kind: str) -> Any:  # noqa: ANN401 - a Story.
    if kind == "trade":
        return story_of(client, trade_id=number)
    try:
        return story_of(client, order_id=number)
    except CommandFailed:
        if kind == "order":
            raise
    try:
        return story_of(client, trade_id=number)
    except CommandFailed:
        raise CommandFailed(
            f"no log mentions an order or a trade {number}",
            hint="`wavetank log --account ACCOUNT` shows an account's orders and trades with their ids",
        ) from None


def _follow(client: "redis.Redis", wanted: Filter, last: int, *, as_json: bool) -> None:
    ends = {name: last_entry(client, name) for name in logs_of(client)}
    after = {name: entry.entry_id if entry is not None else "0-0" for name, entry in ends.items()}
    console = results()

    def show(found: list[Happening]) -> None:
        # Names are read anew: an account may have been opened a moment ago.
        narrator = Narrator(read_names(client)) if found else None
        if narrator is None:
            return
        if as_json:
            for item in found:
                print_json_line(happening_document(item, narrator))
        else:
            _print_lines(console, found, narrator)

    show(newest(client, wanted.takes, last) if last else [])
    try:
        for found in _arriving(client, after, wanted):
            show(found)
    except KeyboardInterrupt:
        return
    except redis.exceptions.ConnectionError:
        notices().print("the venue ended")


def _arriving(client: "redis.Redis", after: dict[str, str], wanted: Filter) -> Iterator[list[Happening]]:
    while True:
        found: list[Happening] = []
        for name, entry_id, entry in wait_for_entries(client, after):
            after[name] = entry_id
            found += [item for item in happenings(name, entry) if wanted.takes(item)]
        yield sorted(found, key=lambda item: item.order_key)


def _print_lines(console: Console, found: list[Happening], narrator: Narrator) -> None:
    for item in found:
        colour = _COLOURS[item.log.partition("-")[0]]
        where = f"[{colour}]{item.log.removesuffix('-0'):>8} {item.seq:<7}[/]"
        console.print(f"[dim]{show_instant(item.now_ns)}[/] {where} {escape(narrator.say(item.event))}", soft_wrap=True)


def _meets(event: Any, names: tuple[str, ...], wanted: frozenset[int]) -> bool:  # noqa: ANN401 - any event.
    return not wanted or any(getattr(event, name, None) in wanted for name in names)
