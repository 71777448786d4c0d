"""`wavetank bench`: how long an order takes, and where the time goes.

Kept true: the comparison is made in one run on one machine, and the workload stands beside the number.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from wavetank.cli.bench_clearing import clearing
from wavetank.cli.bench_engine import engine
from wavetank.cli.bench_storm import storm
from wavetank.cli.options import AsJson
from wavetank.cli.recovery_bench import recovery
from wavetank.cli.run_directory import DEFAULT_DIRECTORY, RunDirectory
from wavetank.cli.screen import notices, print_json, results
from wavetank.cli.venue import VenuePlan, VenueProcess
from wavetank.cli.wire import WireReport, measure
from wavetank.cli.wire_target import Target

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure the venue.

    Examples:
      wavetank bench wire
      wavetank bench engine --workload book_ops.bin.gz
      wavetank bench clearing
      wavetank bench recovery
      wavetank bench storm
    """


app.command("engine")(engine)
app.command("clearing")(clearing)
app.command("recovery")(recovery)
app.command("storm")(storm)


@app.command("wire")
def wire(
    seconds: Annotated[float, typer.Option(min=1.0, max=600.0, help="How long to measure.")] = 20.0,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Of a running venue. [default: .wavetank, or a venue just for this]"),
    ] = None,
    address: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Any service of a running venue, on any machine; needs --key.")
    ] = "",
    key: Annotated[str, typer.Option(metavar="KEY", envvar="WAVETANK_KEY", help="Administrator's key.")] = "",
    as_json: AsJson = False,
) -> None:
    """Order entry through sessions, beside a bare gRPC echo of equal size.

    One order in flight, many, and batches of 10, 100 and 1000; all in short
    turns in one run. Quote the ratios: the times are those of this machine at
    this moment.

    Examples:
      wavetank bench wire
      wavetank bench wire --seconds 60 --json
      wavetank bench wire --address 10.0.0.5:7001 --key ID.SECRET
    """
    console = notices()
    if address and not key:
        raise typer.BadParameter("an address needs the key of its administrator", param_hint="--key")
    with _target(directory, address, key, console) as target:
        bar = Progress(TextColumn("measuring"), BarColumn(), TimeRemainingColumn(), console=console, transient=True)
        with bar:
            task = bar.add_task("", total=1.0)
            report = measure(target, seconds=seconds, progress=lambda done: bar.update(task, completed=done))
    if as_json:
        print_json(report.document())
    else:
        _show(report, results())


@contextmanager
def _target(directory: Path | None, address: str, key: str, console: Console) -> Iterator[Target]:
    """Give the venue of the address or the directory; without, that of the default directory, or one made for this."""
    if address:
        yield Target(address, key)
        return
    chosen = RunDirectory(directory or DEFAULT_DIRECTORY)
    if directory is not None or chosen.owner_pid() is not None:
        yield Target.of(chosen.running())
        return
    with tempfile.TemporaryDirectory(prefix="wavetank-bench-") as made:
        # What one account may send is for the protection of others; here are none.
        settings: dict[str, dict[str, str]] = {
            "oracle": {},
            "matching": {"COMMANDS_PER_SECOND": str(_NO_LIMIT), "COMMANDS_BURST": str(_NO_LIMIT)},
        }
        with console.status("starting a venue just for this"):
            venue = VenueProcess.start(VenuePlan(directory=Path(made), settings=settings))
        with venue:
            yield Target.of(venue.file, unlimited=True)


_NO_LIMIT = 100_000_000


def _show(report: WireReport, console: Console) -> None:
    times = Table(title="one order in flight, microseconds", title_justify="left")
    for heading in ("", "p50", "p99", "to the echo", "round trips"):
        times.add_column(heading, justify="left" if not heading else "right")
    counts = report.counts
    times.add_row("bare gRPC echo", f"{report.echo_p50_us:g}", f"{report.echo_p99_us:g}", "", f"{counts['echo']:,}")
    for name, p50, p99, ratio, count in (
        ("order, matched", report.matched_p50_us, report.matched_p99_us, report.matched_ratio_p50, counts["matched"]),
        ("order, logged", report.logged_p50_us, report.logged_p99_us, report.logged_ratio_p50, counts["logged"]),
    ):
        times.add_row(name, f"{p50:g}", f"{p99:g}", f"[bold]{ratio:g}[/]", f"{count:,}")
    times.add_row(
        "cancel, logged", f"{report.cancel_p50_us:g}", f"{report.cancel_p99_us:g}", "", f"{counts['logged']:,}"
    )
    console.print(times)
    rates = Table(title="many in flight, per second", title_justify="left")
    for heading in ("", "per second", "to the echo", "CPU µs: client", "server", "redis"):
        rates.add_column(heading, justify="left" if not heading else "right")
    for phase, name, rate, share in (
        ("echo_window", "bare gRPC echo", report.echo_window_per_s, ""),
        ("single_window", "single commands", report.single_window_per_s, f"[bold]{report.single_window_ratio:g}[/]"),
        ("batch10", "commands, batches of 10", report.batch10_orders_per_s, ""),
        ("batch100", "commands, batches of 100", report.batch100_orders_per_s, ""),
        ("batch1000", "commands, batches of 1000", report.batch1000_orders_per_s, ""),
    ):
        cpu = report.cpu_us[phase]
        rates.add_row(name, f"{rate:,}", share, *(f"{cpu[who]:g}" for who in ("client", "server", "redis")))
    console.print(rates)
    if any(stage.count for stage in report.stages.values()):
        stages = ", ".join(f"{name} {stage.mean_us:g}" for name, stage in report.stages.items())
        console.print(f"inside matching, mean of one logged order or cancel, microseconds: {stages}")
    console.print(
        f"[dim]workload: {report.workload}; {report.request_bytes} bytes up, {report.response_bytes} down; "
        f"durability {report.durability}; {report.seconds:g} s[/]"
    )
