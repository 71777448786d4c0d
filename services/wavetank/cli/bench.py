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

from wavetank.cli.options import AsJson
from wavetank.cli.recovery_bench import recovery
from wavetank.cli.run_directory import DEFAULT_DIRECTORY, RunDirectory, VenueFile
from wavetank.cli.screen import notices, print_json, results
from wavetank.cli.venue import VenuePlan, VenueProcess
from wavetank.cli.wire import WireReport, measure

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure the venue.

    Examples:
      wavetank bench wire
      wavetank bench recovery
    """


app.command("recovery")(recovery)


@app.command("wire")
def wire(
    seconds: Annotated[float, typer.Option(min=1.0, max=600.0, help="How long to measure.")] = 10.0,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Of a running venue. [default: .wavetank, or a venue just for this]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Order to acknowledgement through a session, beside a bare gRPC echo.

    Both are measured in turns in one run, one message in flight. Quote the
    ratio: the times are those of this machine at this moment.

    Examples:
      wavetank bench wire
      wavetank bench wire --seconds 30 --json
    """
    console = notices()
    with _venue(directory, console) as venue:
        bar = Progress(TextColumn("measuring"), BarColumn(), TimeRemainingColumn(), console=console, transient=True)
        with bar:
            task = bar.add_task("", total=1.0)
            report = measure(venue, seconds=seconds, progress=lambda done: bar.update(task, completed=done))
    if as_json:
        print_json(report.document())
    else:
        _show(report, results())


@contextmanager
def _venue(directory: Path | None, console: Console) -> Iterator[VenueFile]:
    """Give the venue of the directory; without one, that of the default directory, or one made for this alone."""
    chosen = RunDirectory(directory or DEFAULT_DIRECTORY)
    if directory is not None or chosen.owner_pid() is not None:
        yield chosen.running()
        return
    with tempfile.TemporaryDirectory(prefix="wavetank-bench-") as made:
        with console.status("starting a venue just for this"):
            venue = VenueProcess.start(VenuePlan(directory=Path(made), settings={"oracle": {}}))
        with venue:
            yield venue.file


def _show(report: WireReport, console: Console) -> None:
    times = Table(title="order to acknowledgement, microseconds", title_justify="left")
    for heading in ("", "p50", "p99", "round trips"):
        times.add_column(heading, justify="left" if not heading else "right")
    times.add_row("bare gRPC echo", f"{report.echo_p50_us:g}", f"{report.echo_p99_us:g}", f"{report.echoes:,}")
    times.add_row("order, logged", f"{report.logged_p50_us:g}", f"{report.logged_p99_us:g}", f"{report.orders:,}")
    times.add_row("cancel, logged", f"{report.cancel_p50_us:g}", f"{report.cancel_p99_us:g}", f"{report.orders:,}")
    times.add_row("[bold]ratio order / echo[/]", f"[bold]{report.ratio_p50:g}[/]", f"[bold]{report.ratio_p99:g}[/]", "")
    console.print(times)
    stages = Table(title="where the median goes, microseconds", title_justify="left")
    stages.add_column("stage")
    stages.add_column("mean", justify="right")
    for name, stage in report.stages.items():
        stages.add_row(f"matching: {name}", f"{stage.mean_us:g}")
    stages.add_row("gRPC on both sides, wake-ups, client", f"{report.elsewhere_us:g}")
    console.print(stages)
    spent = ", ".join(f"{name} {percent:g} %" for name, percent in report.cpu_percent.items())
    console.print(f"processor time while orders were sent, of one core: {spent}")
    console.print(
        f"[dim]workload: {report.workload}; {report.request_bytes} bytes up, {report.response_bytes} down; "
        f"durability {report.durability}; {report.seconds:g} s[/]"
    )
