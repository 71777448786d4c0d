"""`wavetank restart`: end one service of a running venue and start it again, after a time if need be.

It exists because a venue that comes back is not the venue that went: sessions are gone, prices are old, and nothing
trades until they are fresh and margins swept (LIQ-110). Kept true: the owner of the run directory does it, so the
service that comes back is supervised as before; an end that was asked for does not count as one that it died.
"""

import time
from typing import Annotated

import typer

from wavetank.cli.connection import is_healthy
from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.options import DIRECTORY, AsJson, Directory, duration
from wavetank.cli.run_directory import Restart, RunDirectory, VenueFile
from wavetank.cli.screen import notices, print_json, results
from wavetank.cli.times import HOUR_NS, SECOND_NS, show_duration

app = typer.Typer(add_completion=False)

_POLL_SECONDS = 0.05
_REDIS = "redis"


@app.command()
def restart(
    name: Annotated[str, typer.Argument(metavar="SERVICE", help="matching-0, clearing, oracle, or redis.")],
    down: Annotated[
        int, typer.Option(parser=duration, metavar="TIME", help="Wall time that it stays away.", show_default=False)
    ] = 0,
    kill: Annotated[bool, typer.Option("--kill", help="End it as a crash would.")] = False,
    timeout: Annotated[
        int, typer.Option(parser=duration, metavar="TIME", help="How long to wait for it.", show_default="60s")
    ] = 60 * SECOND_NS,
    directory: Directory = DIRECTORY,
    as_json: AsJson = False,
) -> None:
    """End a service and start it again; returns when it serves.

    After clearing or the oracle were away, nothing trades before prices are
    fresh. To try that with a stale oracle: restart it with `--down`, and
    clearing meanwhile.

    Examples:
      wavetank restart matching-0
      wavetank restart oracle --down 30s
      wavetank restart clearing --kill
    """
    run_directory = RunDirectory(directory)
    venue = run_directory.running()
    if name not in venue.pids:
        raise CommandFailed(
            f"no service {name!r} runs there", hint=f"these do: {', '.join(venue.pids)}", code=ExitCode.USAGE
        )
    if name == _REDIS and venue.durability == "memory":
        raise CommandFailed("redis keeps this venue's data in memory alone: a new one would have lost the log")
    if not 0 <= down <= HOUR_NS:
        raise typer.BadParameter("a service stays away for at most an hour", param_hint="--down")
    before = venue.pids[name]
    began = time.monotonic()
    run_directory.ask_restart(Restart(name=name, down_seconds=down / SECOND_NS, kill=kill))
    with notices().status(f"restarting {name}"):
        pid = _wait(run_directory, name, before, began + (timeout + down) / SECOND_NS)
    seconds = time.monotonic() - began
    if as_json:
        print_json({"service": name, "previous_pid": before, "pid": pid, "seconds": round(seconds, 3)})
        return
    away = f", away for {show_duration(down)}" if down else ""
    results().print(f"[green]restarted[/] {name}{away}: process {before} is {pid} now, after {seconds:.1f} s")


def _wait(run_directory: RunDirectory, name: str, before: int, deadline: float) -> int:
    """Wait until a service runs as another process and serves; return which."""
    while time.monotonic() < deadline:
        venue = run_directory.running()
        pid = venue.pids.get(name, before)
        if pid != before and (name == _REDIS or is_healthy(_address(venue, name))):
            return pid
        time.sleep(_POLL_SECONDS)
    raise CommandFailed(f"{name} did not come back in time", hint=f"read {run_directory.logs / f'{name}.log'}")


def _address(venue: VenueFile, name: str) -> str:
    room, _, shard = name.partition("-")
    address: str = venue.endpoints[room][int(shard)] if shard else venue.endpoints[room]
    return address
