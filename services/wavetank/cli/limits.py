"""`wavetank operator limit` and `limits`: what accounts may come to, by instrument and by correlation group.

It exists because one account that is too large for the books endangers all others. Kept true: each limit replaces the
one before as a whole, and what is set is shown in the units in which people trade.
"""

from typing import Annotated, Any

import typer
from rich.table import Table

from wavetank.cli.amounts import AmountMalformed, show_dollars, show_size, size_to_lots
from wavetank.cli.connection import VenueConnection
from wavetank.cli.options import DIRECTORY, AsJson, Directory, Note, dollars
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import print_json, results
from wavetank.v1 import directory_pb2, instrument_pb2, operator_pb2


def limit(  # noqa: PLR0913, PLR0917 - one parameter for each option.
    note: Note,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Which instrument; or name a --group.")] = "",
    group: Annotated[str, typer.Option("--group", metavar="NAME", help="Which correlation group.")] = "",
    account_id: Annotated[
        int, typer.Option("--account", metavar="ACCOUNT", help="Whose; every client without an own one unless given.")
    ] = 0,
    size: Annotated[str, typer.Option(metavar="SIZE", help="Largest position in the instrument, either side.")] = "",
    exposure: Annotated[
        int, typer.Option(parser=dollars, metavar="DOLLARS", help="Its largest notional.", show_default=False)
    ] = 0,
    net: Annotated[
        int, typer.Option(parser=dollars, metavar="DOLLARS", help="The group's long less short.", show_default=False)
    ] = 0,
    gross: Annotated[
        int, typer.Option(parser=dollars, metavar="DOLLARS", help="The group's long and short.", show_default=False)
    ] = 0,
    lift: Annotated[bool, typer.Option("--lift", help="End the limit that is set there.")] = False,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Limit what an account, or every client, may come to in an instrument or a correlation group.

    A limit takes the place of the one before as a whole, an account's own that of the one for every client. Orders that
    could lead beyond it are refused from now on; what rests stays, and reducing is always possible.

    Examples:
      wavetank operator limit BTC --size 20 --exposure 2m --note "too large for the book"
      wavetank operator limit --group majors --net 5m --gross 20m --account 1000 --note "one-sided"
      wavetank operator limit BTC --lift --note "over"
    """
    if bool(symbol) == bool(group):
        raise typer.BadParameter("name an instrument or a --group", param_hint="SYMBOL")
    if (size or exposure) and not symbol:
        raise typer.BadParameter("a --group has --net and --gross", param_hint="--size, --exposure")
    if (net or gross) and not group:
        raise typer.BadParameter("an instrument has --size and --exposure", param_hint="--net, --gross")
    if bool(size or exposure or net or gross) == lift:
        raise typer.BadParameter("give a limit, or --lift the one that is set", param_hint="--lift")
    with VenueConnection(RunDirectory(directory).running()) as connection:
        if symbol:
            listed = connection.instrument(symbol)
            wanted = operator_pb2.SetPositionLimitRequest(
                instrument_id=listed.instrument_id,
                account_id=account_id,
                size_lots=_lots(size, listed.size_decimals),
                exposure_micros=exposure,
                note=note,
            )
            seq = connection.call(connection.operator.SetPositionLimit, wanted).seq
            what = listed.symbol
        else:
            asked = operator_pb2.SetGroupLimitRequest(
                group=group, account_id=account_id, net_micros=net, gross_micros=gross, note=note
            )
            seq = connection.call(connection.operator.SetGroupLimit, asked).seq
            what = group
    if as_json:
        print_json({"limit": what, "account_id": account_id, "lifted": lift, "seq": seq})
        return
    results().print(f"[green]{'lifted' if lift else 'set'}[/] the limit of {_whom(account_id)} in {what}")


def limits(directory: Directory = DIRECTORY, as_json: AsJson = False) -> None:
    """Show the limits that are set, and the correlation groups there are.

    Examples:
      wavetank operator limits --json
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        answer = connection.call(connection.operator.ListLimits, operator_pb2.ListLimitsRequest())
        listed = connection.call(connection.directory.GetDirectory, directory_pb2.GetDirectoryRequest()).instruments
        instruments = {one.instrument_id: one for one in listed}
    if as_json:
        print_json(_document(answer, instruments))
        return
    table = Table("where", "whose", "size", "exposure", "net", "gross")
    for each in answer.position_limits:
        one = instruments[each.instrument_id]
        lots = show_size(each.size_lots, one.size_decimals) if each.size_lots else ""
        table.add_row(one.symbol, _whom(each.account_id), lots, _money(each.exposure_micros), "", "")
    for of_group in answer.group_limits:
        net, gross = _money(of_group.net_micros), _money(of_group.gross_micros)
        table.add_row(of_group.group, _whom(of_group.account_id), "", "", net, gross)
    results().print(table if table.row_count else "no limits are set")
    results().print(f"correlation groups: {', '.join(answer.groups) or 'none'}")


def _lots(size: str, size_decimals: int) -> int:
    try:
        return size_to_lots(size, size_decimals) if size else 0
    except AmountMalformed as error:
        raise typer.BadParameter(str(error), param_hint="--size") from error


def _whom(account_id: int) -> str:
    return f"account {account_id}" if account_id else "every client"


def _money(micros: int) -> str:
    return show_dollars(micros) if micros else ""


def _document(
    answer: operator_pb2.ListLimitsResponse, instruments: dict[int, instrument_pb2.Instrument]
) -> dict[str, Any]:
    return {
        "instruments": [
            {
                "symbol": instruments[each.instrument_id].symbol,
                "account_id": each.account_id,
                "size_lots": each.size_lots,
                "exposure_micros": each.exposure_micros,
            }
            for each in answer.position_limits
        ],
        "groups": [
            {
                "group": each.group,
                "account_id": each.account_id,
                "net_micros": each.net_micros,
                "gross_micros": each.gross_micros,
            }
            for each in answer.group_limits
        ],
        "correlation_groups": list(answer.groups),
    }
