"""`wavetank bench engine`: the matching engine alone, with a stated workload.

The measuring stands beside the engine, in a process of its own; this command starts it and shows what it found. Kept
true: standard output holds the figures only, and the workload stands beside them.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from wavetank.cli.bench_child import measured
from wavetank.cli.options import AsJson
from wavetank.cli.screen import print_json, results

KINDS = {"place": "place", "cancel": "cancel", "ioc": "immediate or cancel"}


def engine(
    workload: Annotated[Path, typer.Option(metavar="FILE", help="Operations of 24 bytes each, plain or .gz.")],
    batch: Annotated[int, typer.Option(min=1, max=1_000_000, help="Commands given to the engine at once.")] = 100,
    opening: Annotated[int, typer.Option(min=0, help="Operations at the beginning that are not timed.")] = 10_000,
    accounts: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Accounts that buy, and as many that sell.")
    ] = 1_000,
    runs: Annotated[int, typer.Option(min=1, max=1_000, help="Runs, of which the best counts.")] = 15,
    memory: Annotated[
        bool, typer.Option("--memory", help="Also leave a million orders to rest, and weigh them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The engine's operations per second, with accounts, credit and events.

    Each run has a new engine: accounts with ample credit lines, the
    self-trade rule on, 128-byte events out. The times of single commands
    hold one reading of the clock each, which is told beside them.

    Examples:
      wavetank bench engine --workload book_ops.bin.gz
      wavetank bench engine --workload book_ops.bin.gz --batch 1 --json
    """
    arguments = ["--workload", str(workload), "--batch", str(batch), "--opening", str(opening)]
    arguments += ["--accounts", str(accounts), "--runs", str(runs), *(["--memory"] if memory else [])]
    report = measured("wavetank.matching.bench", arguments, what=str(workload))
    if as_json:
        print_json(report)
    else:
        _show(report, results())


def _show(report: dict[str, Any], console: Console) -> None:
    speed = Table(
        title=f"{report['workload']}, {report['operations']:,} operations, best of {report['runs']} runs",
        title_justify="left",
    )
    for heading in ("", "figure"):
        speed.add_column(heading, justify="right" if heading else "left")
    speed.add_row("operations per second", f"{report['ops_per_s']:,}")
    speed.add_row("ns per operation, best run", f"{report['ns_per_op']:,}")
    speed.add_row("ns per operation, median run", f"{report['ns_per_op_median']:,}")
    speed.add_row("ns per operation, worst run", f"{report['ns_per_op_worst']:,}")
    speed.add_row("trades", f"{report['trades']:,}")
    speed.add_row("volume, lots", f"{report['volume']:,}")
    speed.add_row("sum of price × lots", f"{report['price_qty']:,}")
    speed.add_row("resting orders", f"{report['resting']:,}")
    speed.add_row("bytes per resting order", f"{report['bytes_per_order']:,}")
    if "memory" in report:
        speed.add_row("at 1,010,000 resting, by slabs", f"{report['memory']['slab_bytes_per_order']:,}")
        speed.add_row("at 1,010,000 resting, by the process", f"{report['memory']['rss_bytes_per_order']:,}")
    console.print(speed)
    times = Table(title="one command inside the engine, ns", title_justify="left")
    for heading in ("", "p50", "p99", "p99.9"):
        times.add_column(heading, justify="right" if heading else "left")
    for kind, name in KINDS.items():
        if kind in report["latency_ns"]:
            own = report["latency_ns"][kind]
            times.add_row(name, f"{own['p50']:,}", f"{own['p99']:,}", f"{own['p999']:,}")
    console.print(times)
    console.print(
        f"batches of {report['batch']}; {report['opening']:,} operations before, untimed; {report['accounts']:,} "
        f"accounts, none on two sides; a reading of the clock takes {report['clock_ns']} ns"
    )
