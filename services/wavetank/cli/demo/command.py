"""`wavetank demo`: ninety seconds of everything, and the report of it.

It exists so that a newcomer sees the whole of it from one command, and an engineer has a run to compare with. Kept
true: it ends with the audit's verdict, exit code 0 says that it holds; nothing is left running, and of the run only the
report stays, unless a directory was named or something went wrong.
"""

import asyncio
import contextlib
import secrets
import shutil
import signal
import time
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import redis
import typer
import uvloop
from rich.console import Console

from wavetank.cli.audit.reading import LogUnreadable
from wavetank.cli.audit.report import print_report
from wavetank.cli.audit.run import audit_logs, services_of
from wavetank.cli.connection import VenueConnection
from wavetank.cli.demo.cast import cast
from wavetank.cli.demo.latency import bot_stages, matching_stages, read_buckets
from wavetank.cli.demo.live import LiveScreen
from wavetank.cli.demo.measure import check_tied, measure
from wavetank.cli.demo.outcome import Outcome
from wavetank.cli.demo.plan import DemoPlan
from wavetank.cli.demo.play import play
from wavetank.cli.demo.replay import Recording, choose_window, read_recordings, replay_plan, write_thinned
from wavetank.cli.demo.report_json import report_document
from wavetank.cli.demo.summary import print_summary
from wavetank.cli.demo.synthetic import synthetic_plan
from wavetank.cli.demo.watch import Watch
from wavetank.cli.demo.write import Written, write_report
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.options import AsJson, instant
from wavetank.cli.run_directory import DEFAULT_DIRECTORY, RunDirectory
from wavetank.cli.screen import notices, print_json, results
from wavetank.cli.venue import VenuePlan, VenueProcess

app = typer.Typer(add_completion=False)

_DEFAULT_SEED = 7
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody asked for the end; it passes through everything that catches mere errors."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What to run: a plan, and the files it replays."""

    plan: DemoPlan
    recordings: tuple[Recording, ...]
    allow_holes: bool


@app.command()
def demo(
    prices: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH[,PATH…]|DIR|SYMBOL=PATH",
            help="Replay prices from files; again for more. Else a synthetic path.",
        ),
    ] = None,
    from_ns: Annotated[
        int | None,
        typer.Option("--from", parser=instant, metavar="T", help="Begin of the window, UTC; else the worst hour."),
    ] = None,
    to_ns: Annotated[
        int | None, typer.Option("--to", parser=instant, metavar="T", help="End of the window, UTC.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the synthetic path and of the takers.")] = _DEFAULT_SEED,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the report goes.", show_default=".wavetank/reports/TIME"),
    ] = None,
    allow_holes: Annotated[
        bool, typer.Option("--allow-holes", help="Files may lack prices for a time; they are stale then.")
    ] = False,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Run directory, kept afterwards. [default: one that is removed]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Watch five bots through a storm, and read the report.

    Starts a venue, lets market makers, takers and believers trade BTC, ETH and
    SOL over gRPC, breaks the oracle while prices fall, and writes what happened:
    who earned what from what, who was liquidated how, and the audit of it all.
    Takes about 90 seconds.

    Examples:
      wavetank demo
      wavetank demo --seed 11 --report out/
      wavetank demo --prices BTCUSDT_1m.csv.gz --from 2021-04-18T02:30 --to 2021-04-18T04:30
    """
    run_directory, is_kept = _run_directory(directory)
    chosen = _choose(prices or (), from_ns, to_ns, seed=seed, allow_holes=allow_holes, directory=run_directory)
    target = report or DEFAULT_DIRECTORY / "reports" / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    outcome, written = run(chosen, run_directory, target, is_kept=is_kept, console=notices())
    if as_json:
        print_json(report_document(outcome))
        notices().print(outcome.audit.verdict)
    else:
        console = results()
        print_summary(outcome, console)
        console.print(
            f"report: {written.html} ({written.html.stat().st_size / 1e6:.1f} MB), {written.json}", soft_wrap=True
        )
        _print_audit(outcome, console)
    if not outcome.is_as_planned:
        raise typer.Exit(ExitCode.FAILED)


def run(
    chosen: Chosen, run_directory: Path, target: Path, *, is_kept: bool, console: Console
) -> tuple[Outcome, Written]:
    """Run a demonstration from the start of its venue to its report.

    Args:
        chosen: what to run.
        run_directory: of the venue.
        target: directory of the report.
        is_kept: whether it stays afterwards; it also does when something went wrong.
        console: for the screen.

    Raises:
        CommandFailed: the venue did not start, refused a bot, its figures disagree, or the report cannot be written.

    """
    began = time.monotonic()
    plan = chosen.plan
    screen = LiveScreen(plan, console)
    watch = Watch(plan, screen.line)
    ok = False
    try:
        with _ending_cleanly(), console.status("starting the venue") as status:
            write_thinned(chosen.recordings, plan, run_directory / "prices", allow_holes=chosen.allow_holes)
            with VenueProcess.start(_venue_plan(plan, run_directory)) as venue:
                status.stop()
                with screen:
                    _play(play(plan, cast(plan), run_directory, watch, lambda: screen.refresh(watch)))
                # The event loop has taken the signals for itself.
                with _ending_cleanly():
                    console.print("reading the logs: figures first, then the audit")
                    outcome = _assess(plan, watch, venue, began)
        written = write_report(outcome, target)
        check_tied(outcome.measured)
        ok = outcome.is_as_planned
    except Interrupted:
        ok = True
        raise CommandFailed("ended before its time, as asked; nothing is left running") from None
    finally:
        if ok and not is_kept:
            shutil.rmtree(run_directory, ignore_errors=True)
            with contextlib.suppress(OSError):
                run_directory.parent.rmdir()
    if not ok:
        console.print(f"the run is kept in {run_directory}")
    return outcome, written


def _play(playing: Coroutine[Any, Any, None]) -> None:
    """Run to the end, or until somebody asks for it; bots and faults are then put away first."""

    async def until_asked() -> None:
        task = asyncio.create_task(playing)
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        await task

    try:
        uvloop.run(until_asked())
    except asyncio.CancelledError:
        raise Interrupted from None


def _assess(plan: DemoPlan, watch: Watch, venue: VenueProcess, began: float) -> Outcome:
    latencies = bot_stages(record for bot in watch.bots.values() for record in bot.recorder.latencies)
    latencies += matching_stages(read_buckets(venue.file.metrics.get("matching-0", "")))
    with VenueConnection(venue.file) as connection, redis.Redis.from_url(venue.redis_url, protocol=2) as client:
        measured = measure(connection, client)
        try:
            audit = audit_logs(client, services_of(venue.directory))
        except LogUnreadable as fault:
            raise CommandFailed(f"the logs cannot be read: {fault}") from fault
    return Outcome(plan, watch, measured, latencies, audit, time.monotonic() - began)


def _choose(
    prices: Sequence[str],
    from_ns: int | None,
    to_ns: int | None,
    *,
    seed: int,
    allow_holes: bool,
    directory: Path,
) -> Chosen:
    if not prices:
        if from_ns is not None or to_ns is not None or allow_holes:
            raise CommandFailed(
                "--from, --to and --allow-holes are about files of prices, and none was given",
                hint="name files with --prices, or leave these out",
                code=ExitCode.USAGE,
            )
        return Chosen(synthetic_plan(seed, now_ns=time.time_ns()), (), allow_holes=False)
    recordings = tuple(read_recordings(prices))
    window = choose_window(recordings, from_ns, to_ns, allow_holes=allow_holes)
    plan = replay_plan(recordings, window, seed=seed, allow_holes=allow_holes, directory=directory / "prices")
    return Chosen(plan, recordings, allow_holes)


def _run_directory(directory: Path | None) -> tuple[Path, bool]:
    if directory is None:
        return DEFAULT_DIRECTORY / "demo" / secrets.token_hex(3), False
    if RunDirectory(directory).redis.exists():
        raise CommandFailed(
            f"{directory} holds the data of a venue already",
            hint="a demonstration begins with an empty venue; name another directory",
            code=ExitCode.USAGE,
        )
    return directory, True


def _venue_plan(plan: DemoPlan, directory: Path) -> VenuePlan:
    return VenuePlan(
        directory=directory,
        speed_milli=plan.speed_milli,
        first_ns=plan.start_ns,
        settings=plan.settings,
        restart=False,
        log_level="warning",
    )


@contextlib.contextmanager
def _ending_cleanly() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the block from within, so that everything it started is ended too."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise Interrupted

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print_audit(outcome: Outcome, console: Console) -> None:
    audit = outcome.audit
    if not audit.ok:
        print_report(audit, console)
        return
    checks = sum(rule.checks for rule in audit.rules)
    console.print(
        f"audit: {checks:,} checks of {len(audit.rules)} rules over {sum(log.events for log in audit.logs):,} events, "
        f"{audit.accounts} accounts, {audit.trades:,} trades, {audit.liquidations} liquidations"
    )
    if not outcome.is_as_planned:
        console.print("[bold red]the scripted fall has liquidated nobody[/]")
    console.print(audit.verdict, style="bold green")
