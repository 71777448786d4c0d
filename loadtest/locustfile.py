"""Load on a venue, from many bots at once: run `.venv/bin/locust -f loadtest/locustfile.py` from the project's root.

Locust runs every user as a greenlet, and gRPC must be told so before the first channel is made: otherwise the first
call that waits would stop all users. Everything else stands in the modules beside this file.
"""

from grpc.experimental import gevent as grpc_gevent

grpc_gevent.init_gevent()

import logging
from pathlib import Path

from loadtest.outcomes import TALLY
from loadtest.users.quoting import QuotingUser
from loadtest.users.taking import TakingUser
from loadtest.users.watching import WatchingUser
from loadtest.venue import VenueNotFound, find_venue
from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

__all__ = ["QuotingUser", "TakingUser", "WatchingUser"]


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]  # locust's events have no types.
def add_options(parser: LocustArgumentParser) -> None:
    """Add what says which venue is loaded; `--host` is locust's own."""
    parser.add_argument(
        "--dir",
        dest="run_directory",
        env_var="WAVETANK_DIR",
        default=".wavetank",
        help="Run directory of a venue that `wavetank up` started; read unless --host is given.",
    )
    parser.add_argument(
        "--play-key",
        env_var="WAVETANK_PLAY_KEY",
        default="",
        is_secret=True,
        help="Admin key of the venue at --host (its address, host:port); without --host the run directory has it.",
    )


@events.init.add_listener  # type: ignore[untyped-decorator]  # locust's events have no types.
def refuse_without_venue(environment: Environment, **_: object) -> None:
    """Say so at once, before any user starts, when there is no venue to load; with the web page a host may come later.

    Raises:
        SystemExit: holds the reason.

    """
    options = environment.parsed_options
    if options is None or not options.headless:
        return
    try:
        find_venue(host=options.host, play_key=options.play_key, run_directory=Path(options.run_directory))
    except VenueNotFound as error:
        raise SystemExit(f"locust: {error}") from error


@events.test_start.add_listener  # type: ignore[untyped-decorator]  # locust's events have no types.
def forget_counts(**_: object) -> None:
    """Begin counting anew, for the web page can start several runs in one process."""
    TALLY.clear()


@events.test_stop.add_listener  # type: ignore[untyped-decorator]  # locust's events have no types.
def show_counts(**_: object) -> None:
    """Show what was counted beside the calls: refusals by their reason, messages by their stream."""
    log = logging.getLogger("loadtest")
    for name, count in sorted(TALLY.items()):
        log.info("%s: %d", name, count)
