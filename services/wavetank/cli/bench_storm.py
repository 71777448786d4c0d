"""`wavetank bench storm`: how much faster than the wall a simulated venue runs, with a stated workload."""

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from wavetank.cli.bench_child import measured
from wavetank.cli.options import AsJson
from wavetank.cli.screen import print_json, results


def storm(
    minutes: Annotated[int, typer.Option(min=1, max=600, help="Venue time of the busy page.")] = 10,
    seeds: Annotated[int, typer.Option(min=0, max=100_000, help="Seeds of C1, each variant; 0 leaves it out.")] = 10,
    jobs: Annotated[int, typer.Option(min=0, help="Processes at one time for C1; 0 for one per core.")] = 0,
    as_json: AsJson = False,
) -> None:
    """How fast simulations run, and what they hold in memory.

    The page `busy` runs twice: with every invariant checked and nothing
    else, and measured as `wavetank storm run` measures it. Then C1 over
    many seeds.

    Examples:
      wavetank bench storm
      wavetank bench storm --minutes 60 --seeds 100
    """
    arguments = ["--minutes", str(minutes), "--seeds", str(seeds), "--jobs", str(jobs)]
    report = measured("wavetank.storms.bench", arguments, what="storm")
    if as_json:
        print_json(report)
    else:
        _show(report, results())


def _show(report: dict[str, Any], console: Console) -> None:
    busy = report["busy"]
    table = Table(title=f"{busy['minutes']} minutes, {busy['orders_per_s']:,} orders a second", title_justify="left")
    table.add_column("")
    table.add_column("figure", justify="right")
    table.add_row("simulated time over wall time, invariants checked", f"{busy['ratio']:,}")
    table.add_row("the same, and measured for a report", f"{busy['ratio_measured']:,}")
    table.add_row("invariants checked", f"{busy['checks']:,}")
    table.add_row("most memory held, MB", f"{busy['peak_mb']:,}")
    if shock := report.get("shock"):
        table.add_row(f"C1, {shock['runs']:,} runs in {shock['jobs']} processes, s", f"{shock['seconds']:,}")
        table.add_row("of them as the page says", f"{shock['as_said']:,}")
    console.print(table)
    console.print(busy["workload"])
