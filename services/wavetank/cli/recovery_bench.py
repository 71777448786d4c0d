"""`wavetank bench recovery`: how long a shard with many resting orders takes to come back.

The command line imports no core, so a child process of the matching room builds the shard's log and snapshot in a Redis
of its own, and another, fresh one recovers from them. Kept true: the state that was recovered is compared with the
state that was built, by hash; nothing is left behind.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from wavetank.cli.failure import CommandFailed
from wavetank.cli.options import AsJson
from wavetank.cli.screen import notices, print_json, results
from wavetank.runtime.redis_server import start_redis

_CHILD = "wavetank.matching.recovery_load"

Told = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What was measured, in one run; wall time."""

    orders: int
    """Resting orders in the snapshot."""
    events: int
    """Events behind the snapshot."""
    entries: int
    """Log entries behind the snapshot."""
    stop_ms: float
    """How long the shard stood still for its snapshot."""
    snapshot_ms: float
    """How long the snapshot was in the writing, while the shard went on."""
    slowest_append_before_ms: float
    slowest_append_meanwhile_ms: float
    """Slowest append from the snapshot's beginning on; the one before is of the time without one."""
    restart_s: float
    """From the start of the process to the recovered state."""
    recovery_s: float
    """The same without the start of Python: the log is opened, the snapshot loaded, the entries behind it applied."""
    recovery_cpu_s: float
    """Processor time of the same, which a busy machine lengthens less."""
    snapshot_s: float
    tail_s: float
    workload: str = (
        "resting orders over 1,000 levels a side, one account per thousand; then 45 % resting orders, 45 % cancels, "
        "10 % taking, 100 commands an entry; durability memory"
    )

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def measure(orders: int, events: int, told: Told) -> RecoveryReport:
    """Build a shard and recover it.

    Args:
        orders: resting orders in the snapshot.
        events: events behind it, about.
        told: gets the share that is done of the present step, and its name.

    Raises:
        CommandFailed: a step failed, or what was recovered is not what was built.

    """
    with (
        tempfile.TemporaryDirectory(prefix="wavetank-bench-") as made,
        start_redis(Path(made), durability="memory") as server,
    ):
        url = server.unix_url or server.url
        built = _run(["build", url, str(orders), str(events)], told)
        told(0.0, "recovering")
        restart_s = 0.0
        began = time.monotonic()

        def note(done: float, what: str) -> None:
            nonlocal restart_s
            # The child tells nothing before it has recovered; then it works out the hash.
            restart_s = restart_s or time.monotonic() - began
            told(done, what)

        recovered = _run(["recover", url], note)
    if recovered["state_hash"] != built["state_hash"]:
        raise CommandFailed(
            f"the recovered state is another one: hash {recovered['state_hash']}, built was {built['state_hash']}"
        )
    return RecoveryReport(
        orders=built["orders"],
        events=built["events"],
        entries=built["entries"],
        stop_ms=built["stop_ms"],
        snapshot_ms=built["snapshot_ms"],
        slowest_append_before_ms=built["slowest_append_before_ms"],
        slowest_append_meanwhile_ms=built["slowest_append_meanwhile_ms"],
        restart_s=round(restart_s, 3),
        recovery_s=recovered["recovery_s"],
        recovery_cpu_s=recovered["recovery_cpu_s"],
        snapshot_s=recovered["snapshot_s"],
        tail_s=recovered["tail_s"],
    )


def _run(arguments: list[str], told: Told) -> dict[str, Any]:
    """Run a child to its end, hand on its progress, and return its figures."""
    with subprocess.Popen([sys.executable, "-m", _CHILD, *arguments], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        last: dict[str, Any] = {}
        for line in child.stdout:
            last = json.loads(line)
            if "done" in last:
                told(last["done"], last["what"])
    if child.returncode or "done" in last or not last:
        raise CommandFailed(f"{_CHILD} {arguments[0]} ended with code {child.returncode}", hint="its words stand above")
    return last


def _with_progress(run: Callable[[Told], RecoveryReport]) -> RecoveryReport:
    """Show how far it is: a bar on a terminal, else a line for each step."""
    console = notices()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    step = "starting Redis"
    with bar:
        task = bar.add_task(step, total=1.0)

        def told(done: float, what: str) -> None:
            nonlocal step
            if what != step:
                step = what
                # Anew, for how long a step takes says nothing of the next.
                bar.reset(task, description=what)
                if not console.is_terminal:
                    console.print(what)
            bar.update(task, completed=done)

        return run(told)


def recovery(
    orders: Annotated[int, typer.Option(min=1_000, max=20_000_000, help="Resting orders in the snapshot.")] = 1_000_000,
    events: Annotated[int, typer.Option(min=0, max=100_000_000, help="Events behind the snapshot.")] = 5_000_000,
    as_json: AsJson = False,
) -> None:
    """How long a shard takes to come back, and how long it stands still for a snapshot.

    Builds a shard in a Redis of its own, kills nothing, and restarts it. The
    building takes nearly all of the time: a minute and a half for a million
    orders and five million events on two free cores, the recovery some seconds
    of it. Redis alone takes about 1 GB for that. Progress is shown on
    a terminal; elsewhere each step is named when it begins.

    Examples:
      wavetank bench recovery
      wavetank bench recovery --orders 100000 --events 500000 --json
    """
    report = _with_progress(lambda told: measure(orders, events, told))
    if as_json:
        print_json(report.document())
        return
    table = Table(title="a shard that comes back", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("recovery, all in", f"[bold]{report.recovery_s:g} s[/]")
    table.add_row("  processor time of it", f"{report.recovery_cpu_s:g} s")
    table.add_row(f"  snapshot with {report.orders:,} resting orders", f"{report.snapshot_s:g} s")
    table.add_row(f"  {report.events:,} events in {report.entries:,} entries", f"{report.tail_s:g} s")
    table.add_row("with the start of its process", f"{report.restart_s:g} s")
    table.add_row("standing still for a snapshot", f"{report.stop_ms:g} ms")
    table.add_row("snapshot in the writing, meanwhile", f"{report.snapshot_ms:,.0f} ms")
    table.add_row(
        "slowest append without, with it",
        (f"{report.slowest_append_before_ms:g}, {report.slowest_append_meanwhile_ms:g} ms"),
    )
    results().print(table)
    results().print(f"[dim]workload: {report.workload}[/]")
