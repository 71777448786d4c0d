"""`wavetank accounts`: open them, move money and collateral, choose how they are margined, and see how they stand.

It exists for the minute before a bot connects: an account with play money, and a key for it.
"""

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from wavetank.cli.amounts import AmountMalformed, show_dollars, show_size, size_to_lots
from wavetank.cli.connection import VenueConnection
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.options import DIRECTORY, AsJson, Directory, dollars
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import print_json, results
from wavetank.v1 import account_pb2, directory_pb2

app = typer.Typer(add_completion=False, no_args_is_help=True)

_PAGE = 1_000


class Mode(StrEnum):
    """How the legs of an account can be margined together (MRGN-030)."""

    GROSS = "gross"
    GROUP_OFFSET = "group-offset"
    SCENARIO = "scenario"


class Move(StrEnum):
    """What can be done with collateral (MRGN-080)."""

    DEPOSIT = "deposit"
    WITHDRAW = "withdraw"
    CONVERT = "convert"


@app.callback()
def accounts() -> None:
    """Open and list accounts, move money and collateral, and choose how they are margined.

    Examples:
      wavetank accounts open maker --deposit 100k
      wavetank accounts open maker-btc --parent 1000 --isolated BTC
      wavetank accounts transfer 1000 1001 5k
      wavetank accounts collateral 1000 deposit BTC 0.5
      wavetank accounts list
      wavetank accounts margin-mode 1 scenario
      wavetank accounts leverage 1 BTC 5
    """


@app.command("list")
def list_accounts(directory: Directory = DIRECTORY, as_json: AsJson = False) -> None:
    """Show every account: cash, equity, margins, health.

    Examples:
      wavetank accounts list --json
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        found = all_accounts(connection)
    if as_json:
        print_json([account_document(account) for account in found])
        return
    table = Table()
    money = ("cash", "collateral", "equity", "maintenance", "withdrawable")
    headings = ("account", "of", "name", "kind", "mode", *money, "health")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in {"name", "kind", "mode", "health"} else "right")
    for account in found:
        told = account_document(account)
        table.add_row(
            str(account.account_id),
            str(account.parent_account_id or ""),
            *(str(told[key]) for key in ("name", "kind", "margin_mode")),
            *_money(account),
            told["health"],
        )
    results().print(table)


@app.command("open")
def open_account(
    name: Annotated[str, typer.Argument(help="1 to 32 characters, unique.")],
    deposit: Annotated[
        int, typer.Option(parser=dollars, metavar="DOLLARS", help="Play money: 10000, 10k.", show_default="0")
    ] = 0,
    parent: Annotated[
        int, typer.Option(metavar="ACCOUNT", help="Make it a sub-account: its own risk, the same key.", show_default="")
    ] = 0,
    isolated: Annotated[
        str, typer.Option(metavar="SYMBOL", help="The only instrument it may ever trade (MRGN-030).", show_default="")
    ] = "",
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Open an account, or a sub-account of one.

    A position that must not be paid for by all others stands in a sub-account of its own, isolated to its instrument;
    what it can lose is what was transferred there.

    Examples:
      wavetank accounts open maker --deposit 100k
      wavetank accounts open maker-btc --parent 1000 --isolated BTC
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = account_pb2.OpenAccountRequest(
            name=name,
            deposit_micros=deposit,
            parent_account_id=parent,
            isolated_instrument_id=connection.instrument(isolated).instrument_id if isolated else 0,
        )
        account = connection.call(connection.accounts.OpenAccount, request).account
    if as_json:
        print_json(account_document(account))
        return
    results().print(f"[green]opened[/] account {account.account_id} {name!r} with {show_dollars(account.cash_micros)}")
    if parent:
        results().print(f"  keys of account {parent} trade for it; move money there with")
        results().print(f"  [cyan]wavetank accounts transfer {parent} {account.account_id} DOLLARS[/]")
        return
    results().print(f"  a key for it: [cyan]wavetank keys create --account {account.account_id} --scope trade[/]")


@app.command("transfer")
def transfer(
    payer: Annotated[int, typer.Argument(metavar="FROM", help="Account that pays.")],
    receiver: Annotated[int, typer.Argument(metavar="TO", help="Account that receives.")],
    amount: Annotated[int, typer.Argument(parser=dollars, metavar="DOLLARS", help="How much: 10000, 10k.")],
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Move money from one account to another.

    It leaves as a withdrawal does: what the payer's positions and orders need stays (MRGN-060).

    Examples:
      wavetank accounts transfer 1000 1001 5k
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = account_pb2.TransferRequest(account_id=payer, receiver_account_id=receiver, amount_micros=amount)
        answer = connection.call(connection.accounts.Transfer, request)
    if as_json:
        print_json(
            {
                "cash_micros": answer.cash_micros,
                "receiver_cash_micros": answer.receiver_cash_micros,
                "seq": answer.seq,
            }
        )
        return
    results().print(
        f"moved {show_dollars(amount)}: account {payer} has {show_dollars(answer.cash_micros)} in cash, account"
        f" {receiver} {show_dollars(answer.receiver_cash_micros)}"
    )


@app.command("faucet")
def faucet(
    account_id: Annotated[int, typer.Argument(metavar="ACCOUNT", help="`wavetank accounts list` shows them.")],
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Fill an account's equity up to the faucet's amount, once per interval.

    `WAVETANK_CLEARING_FAUCET_MICROS` and `..._FAUCET_INTERVAL_NS` set both; with `..._CLIENT_DEPOSITS=false` it is all
    that clients can get by themselves.

    Examples:
      wavetank accounts faucet 1000
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        answer = connection.call(connection.accounts.DrawFaucet, account_pb2.DrawFaucetRequest(account_id=account_id))
    if as_json:
        print_json({"amount_micros": answer.amount_micros, "cash_micros": answer.cash_micros, "seq": answer.seq})
        return
    results().print(
        f"account {account_id} got {show_dollars(answer.amount_micros)} and has {show_dollars(answer.cash_micros)} in"
        " cash"
    )


@app.command("clone")
def clone(
    account_id: Annotated[int, typer.Argument(metavar="ACCOUNT", help="Whose twin to open.")],
    name: Annotated[str, typer.Argument(help="Name of the twin: 1 to 32 characters, unique.")],
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Open a twin of an account: the same cash, mode and positions at the same cost, without orders.

    The house takes the other side of its positions. Storm the twin, and the original stays as it is.

    Examples:
      wavetank accounts clone 1000 maker-twin
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = account_pb2.CloneAccountRequest(account_id=account_id, name=name)
        account = connection.call(connection.accounts.CloneAccount, request).account
    if as_json:
        print_json(account_document(account))
        return
    results().print(
        f"[green]opened[/] account {account.account_id} {name!r}, a twin of account {account_id}: equity"
        f" {show_dollars(account.equity_micros)}"
    )


@app.command("reset")
def reset(
    account_id: Annotated[int, typer.Argument(metavar="ACCOUNT", help="`wavetank accounts list` shows them.")],
    cash: Annotated[
        int, typer.Option(parser=dollars, metavar="DOLLARS", help="Cash to begin anew with.", show_default="100k")
    ] = 100_000 * 10**6,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Let an account begin anew: no orders, no positions, and so much cash.

    Its positions go to the house at their marks.

    Examples:
      wavetank accounts reset 1000 --cash 50k
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = account_pb2.ResetAccountRequest(account_id=account_id, cash_micros=cash)
        account = connection.call(connection.accounts.ResetAccount, request).account
    if as_json:
        print_json(account_document(account))
        return
    results().print(f"account {account.account_id} begins anew with {show_dollars(account.cash_micros)}")


@app.command("margin-mode")
def margin_mode(
    account_id: Annotated[int, typer.Argument(metavar="ACCOUNT", help="`wavetank accounts list` shows them.")],
    mode: Annotated[
        Mode,
        typer.Argument(
            help="gross: the sum of the legs; group-offset: long and short of a correlation group offset in part;"
            " scenario: all legs offset by their correlation with the market."
        ),
    ],
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Choose how the legs of an account are margined together.

    From gross at any time; else while the account holds no position. `wavetank risk compare` shows beforehand what each
    mode would ask for the same book.

    Examples:
      wavetank accounts margin-mode 1 scenario
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        wire_mode = account_pb2.MarginMode.Value(f"MARGIN_MODE_{mode.name}")
        request = account_pb2.SetMarginModeRequest(account_id=account_id, mode=wire_mode)
        account = connection.call(connection.accounts.SetMarginMode, request).account
    if as_json:
        print_json(account_document(account))
        return
    initial, maintenance = account.initial_margin_micros, account.maintenance_margin_micros
    results().print(
        f"account {account.account_id} is margined by mode [green]{mode}[/]: initial {show_dollars(initial)},"
        f" maintenance {show_dollars(maintenance)}"
    )


@app.command("leverage")
def leverage(
    account_id: Annotated[int, typer.Argument(metavar="ACCOUNT", help="`wavetank accounts list` shows them.")],
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Which instrument.")] = "",
    chosen: Annotated[int, typer.Argument(metavar="N", help="1 to the instrument's largest.", show_default=False)] = 0,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Choose the leverage of an account in an instrument; without one, show what was chosen.

    Initial margin goes by it, maintenance margin does not. An account begins with each instrument's largest, and goes
    back to following it by choosing it.

    Examples:
      wavetank accounts leverage 1 BTC 5
      wavetank accounts leverage 1
    """
    if bool(symbol) != bool(chosen):
        raise typer.BadParameter("name both, or neither to see what was chosen", param_hint="SYMBOL N")
    with VenueConnection(RunDirectory(directory).running()) as connection:
        if symbol:
            instrument_id = connection.instrument(symbol).instrument_id
            change = account_pb2.SetLeverageRequest(account_id=account_id, instrument_id=instrument_id, leverage=chosen)
            leverages = connection.call(connection.accounts.SetLeverage, change).leverages
        else:
            question = account_pb2.ListPositionsRequest(account_id=account_id)
            leverages = connection.call(connection.accounts.ListPositions, question).leverages
        listed = connection.call(connection.directory.GetDirectory, directory_pb2.GetDirectoryRequest()).instruments
        symbols = {one.instrument_id: one.symbol for one in listed}
        found = {symbols[each.instrument_id]: each.leverage for each in leverages}
    if as_json:
        print_json({"account_id": account_id, "leverages": found})
        return
    told = ", ".join(f"[green]{each}x[/] in {name}" for name, each in found.items())
    results().print(
        f"account {account_id} has chosen {told}; elsewhere it follows the instrument's largest"
        if found
        else f"account {account_id} has each instrument's largest leverage"
    )


@app.command("collateral")
def collateral(
    account_id: Annotated[int, typer.Argument(metavar="ACCOUNT", help="`wavetank accounts list` shows them.")],
    move: Annotated[
        Move | None,
        typer.Argument(
            help="deposit: give it; withdraw: take it out; convert: sell it outside the venue at its index less the"
            " haircut. Left out, nothing moves."
        ),
    ] = None,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="Instrument whose base asset it is.")] = "",
    size: Annotated[str, typer.Argument(metavar="SIZE", help="Units of the asset: 0.5.")] = "",
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Show the collateral of an account beside its dollars, or move some of it.

    The venue takes what WAVETANK_CLEARING_COLLATERAL names. What counts is the value by index less a haircut, up to a
    cap; it falls and rises with the index, and a liquidation sells it before others are asked.

    Examples:
      wavetank accounts collateral 1000
      wavetank accounts collateral 1000 deposit BTC 0.5
      wavetank accounts collateral 1000 convert BTC 0.1 --json
    """
    if move is not None and not size:
        raise CommandFailed(f"what is to be moved is missing: {move} SYMBOL SIZE", code=ExitCode.USAGE)
    with VenueConnection(RunDirectory(directory).running()) as connection:
        done = "" if move is None else _move_collateral(connection, account_id, move, symbol, size)
        request = account_pb2.GetAccountRequest(account_id=account_id)
        account = connection.call(connection.accounts.GetAccount, request).account
        listed = connection.call(connection.directory.GetDirectory, directory_pb2.GetDirectoryRequest()).instruments
    if as_json:
        print_json(account_document(account))
        return
    if done:
        results().print(done)
    known = {one.instrument_id: one for one in listed}
    table = Table()
    for heading in ("asset", "size", "held", "counts"):
        table.add_column(heading, justify="left" if heading == "asset" else "right")
    for each in account.collateral:
        one = known[each.instrument_id]
        sizes = [show_size(lots, one.size_decimals) for lots in (each.size_lots, each.held_lots)]
        table.add_row(one.symbol, *sizes, show_dollars(each.counted_micros))
    results().print(table)
    results().print(
        f"account {account.account_id}: cash {show_dollars(account.cash_micros)}, collateral counts"
        f" {show_dollars(account.counted_micros)}, equity {show_dollars(account.equity_micros)}"
    )


def _move_collateral(connection: VenueConnection, account_id: int, move: Move, symbol: str, size: str) -> str:
    """Move collateral; return what was done."""
    instrument = connection.instrument(symbol)
    try:
        lots = size_to_lots(size, instrument.size_decimals)
    except AmountMalformed as error:
        raise CommandFailed(str(error), code=ExitCode.USAGE) from error
    of, shown = {"account_id": account_id, "instrument_id": instrument.instrument_id, "size_lots": lots}, size
    stub = connection.accounts
    match move:
        case Move.DEPOSIT:
            connection.call(stub.DepositCollateral, account_pb2.DepositCollateralRequest(**of))
            return f"[green]deposited[/] {shown} {instrument.symbol} as collateral"
        case Move.WITHDRAW:
            connection.call(stub.WithdrawCollateral, account_pb2.WithdrawCollateralRequest(**of))
            return f"[green]withdrew[/] {shown} {instrument.symbol} of collateral"
        case Move.CONVERT:
            answer = connection.call(stub.ConvertCollateral, account_pb2.ConvertCollateralRequest(**of))
            return f"[green]converted[/] {shown} {instrument.symbol} into {show_dollars(answer.amount_micros)}"


def all_accounts(connection: VenueConnection) -> list[account_pb2.Account]:
    """Return every account, by id."""
    found: list[account_pb2.Account] = []
    while True:
        after = found[-1].account_id if found else 0
        request = account_pb2.ListAccountsRequest(after_account_id=after, page_size=_PAGE)
        page = connection.call(connection.accounts.ListAccounts, request).accounts
        found += page
        if len(page) < _PAGE:
            return found


def account_document(account: account_pb2.Account) -> dict[str, Any]:
    """Return an account for JSON; money in micro-dollars."""
    return {
        "account_id": account.account_id,
        "name": account.name,
        "kind": account_pb2.AccountKind.Name(account.kind).removeprefix("ACCOUNT_KIND_").lower(),
        "margin_mode": _mode_of(account),
        "parent_account_id": account.parent_account_id,
        "isolated_instrument_id": account.isolated_instrument_id,
        "cash_micros": account.cash_micros,
        "counted_collateral_micros": account.counted_micros,
        "collateral": [
            {
                "instrument_id": each.instrument_id,
                "size_lots": each.size_lots,
                "held_lots": each.held_lots,
                "counted_micros": each.counted_micros,
            }
            for each in account.collateral
        ],
        "equity_micros": account.equity_micros,
        "initial_margin_micros": account.initial_margin_micros,
        "maintenance_margin_micros": account.maintenance_margin_micros,
        "withdrawable_micros": account.withdrawable_micros,
        "held_micros": account.held_micros,
        "health": account_pb2.HealthBand.Name(account.health_band).removeprefix("HEALTH_BAND_").lower(),
    }


def _mode_of(account: account_pb2.Account) -> str:
    name = account_pb2.MarginMode.Name(account.margin_mode)
    return name.removeprefix("MARGIN_MODE_").lower().replace("_", "-")


def _money(account: account_pb2.Account) -> list[str]:
    amounts = (
        account.cash_micros,
        account.counted_micros,
        account.equity_micros,
        account.maintenance_margin_micros,
        account.withdrawable_micros,
    )
    return [show_dollars(amount) for amount in amounts]
