"""`wavetank deposit`: play money for an account."""

from typing import Annotated

import typer

from wavetank.cli.amounts import show_dollars
from wavetank.cli.connection import VenueConnection
from wavetank.cli.options import DIRECTORY, AsJson, Directory, dollars
from wavetank.cli.run_directory import RunDirectory
from wavetank.cli.screen import print_json, results
from wavetank.v1 import account_pb2

app = typer.Typer(add_completion=False)


@app.command()
def deposit(
    account: Annotated[int, typer.Argument(help="The account's id; `wavetank accounts list` shows them.")],
    amount: Annotated[int, typer.Argument(parser=dollars, metavar="DOLLARS", help="10000, 10,000.50 or 10k.")],
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """Give an account play money.

    Examples:
      wavetank deposit 1000 50k
    """
    with VenueConnection(RunDirectory(directory).running()) as connection:
        request = account_pb2.DepositRequest(account_id=account, amount_micros=amount)
        answer = connection.call(connection.accounts.Deposit, request)
    if as_json:
        print_json({"account_id": account, "cash_micros": answer.cash_micros, "seq": answer.seq})
    else:
        results().print(f"[green]deposited[/] {show_dollars(amount)}; cash is {show_dollars(answer.cash_micros)} now")
