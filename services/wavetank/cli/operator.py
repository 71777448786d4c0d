"""`wavetank operator`: steer a running venue by hand, and see who steered it before.

It exists because a venue under stress is steered by people. Kept true: a change of margins is shown before it is made;
each control asks why, and the answer stands in the log beside the key that moved it.
"""

from typing import Annotated, Any

import typer
from rich.table import Table

from wavetank.cli.amounts import AmountMalformed, dollars_to_micros, show_dollars, show_price
from wavetank.cli.connection import VenueConnection
from wavetank.cli.limits import limit, limits
from wavetank.cli.logs import CLEARING, Happening, entries, happenings, open_logs, read_names
from wavetank.cli.options import DIRECTORY, AsJson, Directory, Note, dollars, duration
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import print_json, results
from wavetank.cli.sentences.narrator import Narrator
from wavetank.cli.times import show_duration, show_instant
from wavetank.model.events.clearing import OperatorActed, OperatorAction
from wavetank.model.record import kind_of
from wavetank.v1 import account_pb2, instrument_pb2, operator_pb2

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def operator() -> None:
    """Change margins and funding, limit accounts, pause withdrawals, fill or drain the fund; see who did so.

    Examples:
      wavetank operator margin BTC --tier 0:20 --tier 150m:10 --preview
      wavetank operator withdrawals pause --note "fund is low"
      wavetank operator top-up 500k --note "after the cascade"
      wavetank operator drain --note "storm: no fund"
      wavetank operator restore --note "storm is over"
      wavetank operator slow 10s --note "storm: a slow engine"
      wavetank operator settle SOL 140.5 --note "delisted"
      wavetank operator funding BTC 10m --note "a day of funding in four hours"
      wavetank operator limit BTC --size 20 --exposure 2m --note "one account is too large"
      wavetank operator limits
      wavetank operator trail
    """


@app.command("margin")
def margin(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Which instrument.")],
    tiers: Annotated[
        list[str],
        typer.Option(
            "--tier",
            metavar="FROM:LEVERAGE",
            help="From so many dollars of notional on, at most this leverage; again for more, the first from 0.",
        ),
    ],
    note: Note = "",
    preview: Annotated[bool, typer.Option("--preview", help="Tell whom it would hit, and change nothing.")] = False,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Put new margin tiers into force; whom they hit is liquidated at once.

    Examples:
      wavetank operator margin BTC --tier 0:20 --preview
      wavetank operator margin BTC --tier 0:20 --tier 150m:10 --note "stress"
    """
    if not preview and not note:
        raise typer.BadParameter("say why, or look first with --preview", param_hint="--note")
    wanted = [_tier(text) for text in tiers]
    with VenueConnection(RunDirectory(directory).running()) as connection:
        listed = connection.instrument(symbol)
        request = operator_pb2.ChangeMarginRequest(
            instrument_id=listed.instrument_id, margin_tiers=wanted, preview=preview, note=note
        )
        answer = connection.call(connection.operator.ChangeMargin, request)
    if as_json:
        print_json(_change_document(listed.symbol, answer, preview=preview))
        return
    verb = "would bring" if preview else "brought"
    results().print(
        f"[green]{listed.symbol}[/] {verb} {answer.affected_count:,} accounts into a worse band,"
        f" [bold]{answer.falling_count:,}[/] of them into liquidation"
    )
    if answer.affected_accounts:
        table = Table("account", "equity", "maintenance", "with the tiers", "band", "then")
        for each in answer.affected_accounts:
            table.add_row(
                str(each.account_id),
                show_dollars(each.equity_micros),
                show_dollars(each.maintenance_margin_micros),
                show_dollars(each.new_maintenance_margin_micros),
                _band(each.health_band),
                _band(each.new_health_band),
            )
        results().print(table)


@app.command("withdrawals")
def withdrawals(
    what: Annotated[str, typer.Argument(metavar="pause|resume", help="Pay nobody out from now on, or again.")],
    note: Note,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Pause withdrawals, or let them go on.

    Examples:
      wavetank operator withdrawals pause --note "fund is low"
      wavetank operator withdrawals resume --note "fund was topped up"
    """
    if what not in {"pause", "resume"}:
        raise typer.BadParameter("it is `pause` or `resume`", param_hint="pause|resume")
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = operator_pb2.PauseWithdrawalsRequest(paused=what == "pause", note=note)
        answer = connection.call(connection.operator.PauseWithdrawals, request)
    if as_json:
        print_json({"withdrawals": f"{what}d", "seq": answer.seq})
    else:
        results().print(f"[green]{what}d[/] withdrawals")


@app.command("top-up")
def top_up(
    amount: Annotated[int, typer.Argument(parser=dollars, metavar="DOLLARS", help="10000, 10,000.50 or 10k.")],
    note: Note,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Give the insurance fund play money.

    Examples:
      wavetank operator top-up 500k --note "after the cascade"
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = operator_pb2.TopUpFundRequest(amount_micros=amount, note=note)
        answer = connection.call(connection.operator.TopUpFund, request)
    if as_json:
        print_json({"fund_micros": answer.cash_micros, "seq": answer.seq})
    else:
        results().print(f"[green]gave[/] {show_dollars(amount)}; the fund has {show_dollars(answer.cash_micros)} now")


@app.command("drain")
def drain(
    note: Note,
    amount: Annotated[
        int, typer.Argument(parser=dollars, metavar="[DOLLARS]", help="How much; none for all.", show_default=False)
    ] = 0,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Take money out of the insurance fund, to the house, so that a storm meets an empty one.

    Examples:
      wavetank operator drain 400k --note "storm: a small fund"
      wavetank operator drain --note "storm: no fund"
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = operator_pb2.DrainFundRequest(amount_micros=amount, note=note)
        answer = connection.call(connection.operator.DrainFund, request)
    _show_fund("took", answer, as_json=as_json)


@app.command("restore")
def restore(
    note: Note,
    amount: Annotated[
        int, typer.Argument(parser=dollars, metavar="[DOLLARS]", help="How much; none for all.", show_default=False)
    ] = 0,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Put what was drained back into the insurance fund.

    Examples:
      wavetank operator restore --note "storm is over"
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = operator_pb2.RestoreFundRequest(amount_micros=amount, note=note)
        answer = connection.call(connection.operator.RestoreFund, request)
    _show_fund("put back", answer, as_json=as_json)


def _show_fund(
    verb: str, answer: operator_pb2.DrainFundResponse | operator_pb2.RestoreFundResponse, *, as_json: bool
) -> None:
    if as_json:
        print_json({
            "amount_micros": answer.amount_micros,
            "fund_micros": answer.cash_micros,
            "drained_micros": answer.drained_micros,
            "seq": answer.seq,
        })  # fmt: skip
        return
    aside = f", {show_dollars(answer.drained_micros)} are put aside" if answer.drained_micros else ""
    results().print(
        f"[green]{verb}[/] {show_dollars(answer.amount_micros)}; the fund has {show_dollars(answer.cash_micros)}"
        f" now{aside}"
    )


@app.command("slow")
def slow(
    pace: Annotated[
        int,
        typer.Argument(parser=duration, metavar="TIME", help="Venue time between steps, at most a day; 0: none."),
    ],
    note: Note,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Slow the liquidation engine: each step of an account waits for the one before it.

    Examples:
      wavetank operator slow 10s --note "storm: a slow engine"
      wavetank operator slow 0 --note "storm is over"
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = operator_pb2.SlowLiquidationsRequest(pace_ns=pace, note=note)
        answer = connection.call(connection.operator.SlowLiquidations, request)
    if as_json:
        print_json({"pace_ns": pace, "previous_pace_ns": answer.previous_pace_ns, "seq": answer.seq})
        return
    now = f"each step of a liquidation waits {show_duration(pace)}" if pace else "liquidations go on at once"
    results().print(f"[green]{now}[/]; it was {show_duration(answer.previous_pace_ns)} before")


@app.command("settle")
def settle(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Which instrument.")],
    price: Annotated[str, typer.Argument(metavar="PRICE", help="Dollars for one unit of the base asset.")],
    note: Note,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """End an instrument, for good: its orders are cancelled, every position is closed at the price.

    Examples:
      wavetank operator settle SOL 140.5 --note "delisted"
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        found = connection.instrument(symbol)
        try:
            ticks, rest = divmod(dollars_to_micros(price), 10**found.size_decimals)
        except AmountMalformed as error:
            raise typer.BadParameter(str(error), param_hint="PRICE") from error
        if rest:
            raise typer.BadParameter(f"{price} is finer than a tick of {found.symbol}", param_hint="PRICE")
        request = operator_pb2.SettleInstrumentRequest(instrument_id=found.instrument_id, price_ticks=ticks, note=note)
        answer = connection.call(connection.operator.SettleInstrument, request)
    if as_json:
        print_json({"instrument": found.symbol, "price_ticks": ticks, "seq": answer.seq})
        return
    results().print(
        f"[green]{found.symbol}[/] ends at {show_price(ticks, found.size_decimals)}: its orders are cancelled and its"
        " positions closed"
    )
    results().print("  see what it cost whom with [cyan]wavetank log[/]")


@app.command("funding")
def funding(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Which instrument.")],
    interval: Annotated[
        int, typer.Argument(parser=duration, metavar="TIME", help="Venue time between two payments, a second to a day.")
    ],
    note: Note,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Set how often funding is paid, from now on.

    An interval below an hour stands for one: it pays the rate of an hour.

    Examples:
      wavetank operator funding BTC 10m --note "a day of funding in four hours"
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        found = connection.instrument(symbol)
        request = operator_pb2.SetFundingIntervalRequest(
            instrument_id=found.instrument_id, funding_interval_ns=interval, note=note
        )
        answer = connection.call(connection.operator.SetFundingInterval, request)
    if as_json:
        document = {"funding_interval_ns": interval, "previous_interval_ns": answer.previous_interval_ns}
        print_json({"instrument": found.symbol, **document, "seq": answer.seq})
        return
    results().print(
        f"[green]{found.symbol}[/] pays funding every {show_duration(interval)}; it was every "
        f"{show_duration(answer.previous_interval_ns)}"
    )


app.command("limit")(limit)
app.command("limits")(limits)


@app.command("trail")
def trail(directory: Directory = DIRECTORY, as_json: AsJson = False) -> None:
    """Show who moved which control, when and why; also of a venue that was ended.

    Examples:
      wavetank operator trail --json
    """
    with open_logs(RunDirectory(directory)) as client:
        narrator = Narrator(read_names(client))
        found = [
            (happening, happening.event)
            for _, entry in entries(client, CLEARING)
            for happening in happenings(CLEARING, entry, {kind_of(OperatorActed)})
            if isinstance(happening.event, OperatorActed)
        ]
    if as_json:
        print_json([_trail_document(item, event) for item, event in found])
        return
    table = Table("when", "seq", "what")
    for item, event in found:
        table.add_row(show_instant(item.now_ns), str(item.seq), narrator.say(event))
    results().print(table)


def _trail_document(item: Happening, event: OperatorActed) -> dict[str, Any]:
    return {
        "seq": item.seq,
        "time_ns": item.now_ns,
        "action": OperatorAction(event.action).name.lower(),
        "author": event.author.decode(errors="replace"),
        "note": event.note.decode(errors="replace"),
        "instrument_id": event.instrument_id,
        "account_id": event.account_id,
        "figure": event.figure,
    }


def _tier(text: str) -> instrument_pb2.MarginTier:
    lower, _, leverage = text.partition(":")
    try:
        return instrument_pb2.MarginTier(lower_notional_micros=dollars_to_micros(lower), max_leverage=int(leverage))
    except (AmountMalformed, ValueError) as error:
        raise typer.BadParameter(
            f"{text!r} is no tier; write for instance 0:40 or 150m:20", param_hint="--tier"
        ) from error


def _band(band: account_pb2.HealthBand.ValueType) -> str:
    return account_pb2.HealthBand.Name(band).removeprefix("HEALTH_BAND_").lower().replace("_", "-")


def _change_document(symbol: str, answer: operator_pb2.ChangeMarginResponse, *, preview: bool) -> dict[str, Any]:
    return {
        "instrument": symbol,
        "preview": preview,
        "affected": answer.affected_count,
        "falling": answer.falling_count,
        "accounts": [
            {
                "account_id": each.account_id,
                "equity_micros": each.equity_micros,
                "maintenance_margin_micros": each.maintenance_margin_micros,
                "new_maintenance_margin_micros": each.new_maintenance_margin_micros,
                "band": _band(each.health_band),
                "new_band": _band(each.new_health_band),
            }
            for each in answer.affected_accounts
        ],
        "seq": answer.seq,
    }
