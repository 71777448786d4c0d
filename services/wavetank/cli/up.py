"""`wavetank up`: a whole venue on this machine, from one command.

It exists so that a person needs neither containers nor a Redis to begin. Kept true: it returns, or says that it is up,
only when every service is healthy; the first Ctrl-C or SIGTERM ends all services in order, a second one at once.
"""

import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn, Self

import typer
from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from wavetank.cli.children import last_lines
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.options import DIRECTORY, AsJson, Directory, instant, parsed_by
from wavetank.cli.price_options import Bars, merged, price_choice, setting_choice
from wavetank.cli.run_directory import RunDirectory, VenueFile
from wavetank.cli.screen import notices, print_json, results
from wavetank.cli.supervisor import ChildState, Notice
from wavetank.cli.times import show_instant
from wavetank.cli.venue import START_SECONDS, VenuePlan, VenueProcess
from wavetank.runtime.price_files import BarPath
from wavetank.runtime.settings import Durability, LogLevel

app = typer.Typer(add_completion=False)

_MARKS = {
    ChildState.STARTING: "[yellow]…[/]",
    ChildState.READY: "[green]✓[/]",
    ChildState.DIED: "[red]✗[/]",
    ChildState.STOPPING: "[yellow]…[/]",
    ChildState.STOPPED: "[dim]·[/]",
    ChildState.GIVEN_UP: "[red]✗[/]",
}
_POLL_SECONDS = 0.05


class EndRequested(BaseException):
    """Somebody asked this process to end; it passes through everything that catches mere errors."""


def speed_milli(text: str) -> int:
    """Return a speed such as `60`, `60x` or `0.5` in thousandths.

    Raises:
        typer.BadParameter: it is no speed between 0.001 and 1,000,000.

    """
    try:
        milli = round(float(text.strip().lower().removesuffix("x")) * 1_000)
    except (ValueError, OverflowError):
        milli = 0
    if not 1 <= milli <= 1_000_000_000:  # noqa: PLR2004 - what the services accept.
        raise typer.BadParameter(f"{text!r} is no speed; write for instance 1, 60 or 0.5")
    return milli


@app.command()
def up(  # noqa: PLR0913, PLR0917 - one parameter for each option.
    directory: Directory = DIRECTORY,
    redis_url: Annotated[str, typer.Option(help="Use this Redis instead of starting one.")] = "",
    redis_server: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Start this server instead of the bundled one.")
    ] = None,
    durability: Annotated[
        Durability, typer.Option(help="What an acknowledgement survives: a crash of our processes, of the machine.")
    ] = Durability.EVERYSEC,
    speed: Annotated[
        int | None,
        typer.Option(parser=parsed_by(speed_milli), metavar="X", help="Venue seconds per second on the wall."),
    ] = None,
    start: Annotated[
        int | None, typer.Option(parser=instant, metavar="T", help="Venue time to begin at, UTC; else now.")
    ] = None,
    until: Annotated[
        int | None, typer.Option(parser=instant, metavar="T", help="Venue time at which replayed files end.")
    ] = None,
    prices: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[SYMBOL=]PATH", help="Replay prices from a file, or `push`; again for more. Else a synthetic path."
        ),
    ] = None,
    allow_holes: Annotated[
        bool, typer.Option("--allow-holes", help="Files may lack prices for a time; they are stale then.")
    ] = False,
    bars: Bars = BarPath.NEARER_FIRST,
    seed: Annotated[int | None, typer.Option(help="Seed of the synthetic path.")] = None,
    instruments: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Instruments to list (JSON); else BTC, ETH and SOL.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="SERVICE.NAME=VALUE", help="Any other setting; again for more.")
    ] = None,
    shards: Annotated[
        int | None, typer.Option(min=1, max=64, help="Matching shards; the instruments are split among them.")
    ] = None,
    restart: Annotated[bool, typer.Option(help="Start a service again when it dies.")] = True,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when it is up; it runs on.")] = False,
    log_level: Annotated[LogLevel, typer.Option(help="What the services write to DIR/logs.")] = LogLevel.INFO,
    as_json: AsJson = False,
) -> None:
    """Start a venue here and keep it running; Ctrl-C ends it.

    Redis, clearing, oracle and matching run as child processes on free ports of
    127.0.0.1. DIR/venue.json says where, and holds the play key with which bots
    trade. The data stays in DIR, and the next `up` goes on from it; two
    directories are two venues.

    Examples:
      wavetank up
      wavetank up --detach --seed 7 --speed 60
      wavetank up --shards 2
      wavetank up --dir crash --prices BTC=prices.csv.gz
      wavetank up --dir pushed --prices push --set clearing.vault_enabled=false
    """
    run_directory = RunDirectory(directory)
    choice = price_choice(
        prices=prices or (),
        seed=seed,
        instruments=instruments,
        start_ns=start,
        until_ns=until,
        allow_holes=allow_holes,
        bars=bars,
    )
    plan = VenuePlan(
        directory=directory,
        redis_url=redis_url,
        redis_server=redis_server,
        durability=durability.value,
        speed_milli=speed,
        start_ns=start,
        first_ns=choice.first_ns,
        settings=merged(choice.settings, setting_choice(settings or ())),
        shards=shards,
        restart=restart,
        log_level=log_level.value,
    )
    if detach:
        venue = start_detached(run_directory, _arguments_without_detach())
        _show_up(venue, run_directory, as_json=as_json, detached=True)
    else:
        run_in_foreground(plan, as_json=as_json)


def run_in_foreground(plan: VenuePlan, *, as_json: bool) -> None:
    """Run a venue until somebody asks for its end.

    Raises:
        CommandFailed: it did not start, or a service kept dying.

    """
    console = notices()
    venue: VenueProcess | None = None

    def end(_number: int, _frame: FrameType | None) -> None:
        if venue is not None and stopping:
            console.print("[red]killing all services[/]")
            venue.kill_all()
        else:
            _raise_end()

    stopping = False
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        with _StartDisplay(console) as display:
            venue = VenueProcess.start(plan, observe=display.notice)
        _show_up(venue.file, venue.directory, as_json=as_json, detached=False)
        failure = venue.wait()
    except EndRequested:
        failure = None
    stopping = True
    if venue is not None:
        console.print("ending: matching commits what is in flight, then clearing, oracle, redis (again to kill)")
        venue.stop()
        console.print("[green]ended[/], nothing is left running")
    if failure is not None:
        raise CommandFailed(
            f"the venue was ended: {failure}", hint=f"the services' own words are in {plan.directory / 'logs'}"
        )


def start_detached(run_directory: RunDirectory, arguments: list[str]) -> VenueFile:
    """Start `wavetank up` as a process of its own and return when the venue is healthy.

    Args:
        run_directory: where.
        arguments: of `wavetank`, without `--detach`.

    Raises:
        CommandFailed: it did not come up; its exit code is that of the process.

    """
    owner = run_directory.owner_pid()
    if owner is not None:
        with run_directory.claim():  # Words the refusal.
            pass
    run_directory.logs.mkdir(parents=True, exist_ok=True)
    log = run_directory.logs / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "wavetank.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS + 10.0
    with notices().status("starting the venue in the background"):
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise CommandFailed(
                    f"the venue did not start:\n{last_lines(log, 20)}",
                    hint=f"the services' own words are in {run_directory.logs}",
                    code=ExitCode(process.returncode) if process.returncode in set(ExitCode) else ExitCode.FAILED,
                )
            if run_directory.venue_path.exists() and run_directory.owner_pid() == process.pid:
                return run_directory.running()
            time.sleep(_POLL_SECONDS)
    process.terminate()
    raise CommandFailed("the venue did not start in time", hint=f"read {log}")


def _raise_end() -> NoReturn:
    raise EndRequested


def _arguments_without_detach() -> list[str]:
    return [argument for argument in sys.argv[1:] if argument not in {"--detach", "-d", "--json"}]


class _StartDisplay:
    """Shows each service with a spinner while the venue starts, and a line for each later change."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, int] = {}

    def __enter__(self) -> Self:
        assert self._progress is not None
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._progress is not None
        self._progress.stop()
        self._progress = None

    def notice(self, notice: Notice) -> None:
        """Show a change of state; called by the supervisor's thread."""
        progress = self._progress
        if progress is None or not self._console.is_terminal:
            words = f" {escape(notice.detail)}" if notice.detail else ""
            self._console.print(f"{_MARKS[notice.state]} {notice.name} {notice.state.value}{words}")
        elif notice.name not in self._tasks:
            self._tasks[notice.name] = progress.add_task(notice.name, total=1)
        elif notice.state is ChildState.READY:
            progress.update(progress.task_ids[list(self._tasks).index(notice.name)], completed=1)


def _show_up(venue: VenueFile, directory: RunDirectory, *, as_json: bool, detached: bool) -> None:
    if as_json:
        print_json(asdict(venue) | {"directory": str(directory.path)})
        return
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold")
    facts.add_column()
    facts.add_row("address", venue.address)
    facts.add_row("key", f"in {directory.venue_path}")
    facts.add_row("clock", _clock_words(venue))
    facts.add_row("processes", ", ".join(f"{name} {pid}" for name, pid in venue.pids.items()))
    commands = ["status", "log --follow", "fault set lag BTC --lag 30s --consumer clearing"]
    if detached:
        commands.append("down")
    lines = [f"  [cyan]wavetank {command}{directory.option}[/]" for command in commands]
    results().print(
        Panel(
            Group(facts, "", "next, in another terminal:" if not detached else "next:", *lines),
            title="[green]the venue is up[/]",
            title_align="left",
            subtitle=None if detached else "Ctrl-C ends it",
            expand=False,
        )
    )


def _clock_words(venue: VenueFile) -> str:
    if not venue.clock["origin_ns"]:
        return "venue time is wall time"
    speed = venue.clock["speed_milli"] / 1_000
    return f"began at {show_instant(venue.clock['start_ns'])}, {speed:g} venue seconds per second"
