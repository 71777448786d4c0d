"""`wavetank accounts`: open accounts, choose how their legs are margined, and see how they stand.

It exists for the minute before a bot connects: an account with play money, and a key for it.
"""

from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.table import Table

from wavetank.cli.amounts import show_dollars
from wavetank.cli.connection import VenueConnection
from wavetank.cli.options import DIRECTORY, AsJson, Directory, dollars
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import print_json, results
from wavetank.v1 import account_pb2

app = typer.Typer(add_completion=False, no_args_is_help=True)

_PAGE = 1_000


class Mode(StrEnum):
    """How the legs of an account can be margined together (MRGN-030)."""

    GROSS = "gross"
    GROUP_OFFSET = "group-offset"
    SCENARIO = "scenario"


@app.callback()
def accounts() -> None:
    """Open and list accounts, and choose how their legs are margined.

    Examples:
      wavetank accounts open maker --deposit 100k
      wavetank accounts list
      wavetank accounts margin-mode 1 scenario
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
    for heading in ("account", "name", "kind", "mode", "cash", "equity", "maintenance", "withdrawable", "health"):
        table.add_column(heading, justify="left" if heading in {"name", "kind", "mode", "health"} else "right")
    for account in found:
        told = account_document(account)
        table.add_row(
            *(str(told[key]) for key in ("account_id", "name", "kind", "margin_mode")), *_money(account), told["health"]
        )
    results().print(table)


@app.command("open")
def open_account(
    name: Annotated[str, typer.Argument(help="1 to 32 characters, unique.")],
    deposit: Annotated[
        int, typer.Option(parser=dollars, metavar="DOLLARS", help="Play money: 10000, 10k.", show_default="0")
    ] = 0,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Open an account.

    Examples:
      wavetank accounts open maker --deposit 100k
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = account_pb2.OpenAccountRequest(name=name, deposit_micros=deposit)
        account = connection.call(connection.accounts.OpenAccount, request).account
    if as_json:
        print_json(account_document(account))
        return
    results().print(f"[green]opened[/] account {account.account_id} {name!r} with {show_dollars(account.cash_micros)}")
    results().print(f"  a key for it: [cyan]wavetank keys create --account {account.account_id} --scope trade[/]")


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
        "cash_micros": account.cash_micros,
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
        account.equity_micros,
        account.maintenance_margin_micros,
        account.withdrawable_micros,
    )
    return [show_dollars(amount) for amount in amounts]
