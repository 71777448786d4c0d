"""`wavetank bench clearing`: the ledger, the margins and the waterfall alone, with a stated number of accounts."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from wavetank.cli.bench_child import measured
from wavetank.cli.options import AsJson
from wavetank.cli.screen import print_json, results


def clearing(
    accounts: Annotated[int, typer.Option(min=2, max=1_000_000, help="Accounts, each with eight positions.")] = 100_000,
    distressed: Annotated[int, typer.Option(min=1, max=100_000, help="Accounts that fall at one mark.")] = 5_000,
    trades: Annotated[int, typer.Option(min=1_000, max=10_000_000, help="Trades counted from the log.")] = 200_000,
    as_json: AsJson = False,
) -> None:
    """How fast clearing's core is: margins, fills, liquidations, a start.

    All accounts are opened, funded and traded into their positions first. The
    pass of numpy over the same arrays says what the machine is worth now.

    Examples:
      wavetank bench clearing
      wavetank bench clearing --accounts 10000 --json
    """
    arguments = ["--accounts", str(accounts + accounts % 2), "--distressed", str(distressed), "--trades", str(trades)]
    report = measured("wavetank.clearing.bench", arguments, what="clearing")
    if as_json:
        print_json(report)
    else:
        _show(report, results())


def _show(report: dict[str, Any], console: Console) -> None:
    table = Table(title=f"{report['accounts']:,} accounts, {report['legs']} positions each", title_justify="left")
    table.add_column("")
    table.add_column("figure", justify="right")
    table.add_row("all accounts valued after a mark, ms", f"{report['revalue_ms']:,}")
    table.add_row("a numpy pass over the same arrays, ms", f"{report['numpy_pass_ms']:,}")
    table.add_row("accounts that both found below maintenance", f"{report['below']:,}")
    table.add_row("fills counted per second, with records and lines", f"{report['fills_per_s']:,}")
    table.add_row("microseconds per credit line", f"{report['us_per_line']:,}")
    table.add_row(f"waterfall of {report['waterfall_accounts']:,} accounts, ms", f"{report['waterfall_ms']:,}")
    table.add_row("100,000 positions ranked for deleveraging, ms", f"{report['adl_rank_ms']:,}")
    table.add_row("start from a snapshot, s", f"{report['start_s']:,}")
    table.add_row("bytes per account", f"{report['bytes_per_account']:,}")
    console.print(table)
    console.print(report["workload"])
