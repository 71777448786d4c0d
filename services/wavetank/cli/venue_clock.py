"""When it is in a venue that starts, or starts again.

It exists because venue time must never go back: a log that ends at noon cannot go on in the morning. Kept true: a
venue that follows the wall follows it again after a pause; one that runs at its own speed, or began at a time of its
own, goes on where its logs end, however long it lay still.
"""

from dataclasses import dataclass

from wavetank.cli.failure import CommandFailed, ExitCode
from wavetank.cli.times import show_instant

REAL_TIME_MILLI = 1_000


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """The three integers that every service is given: venue time = start + speed × (wall − origin)."""

    start_ns: int
    origin_ns: int
    speed_milli: int


def clock_settings(
    *,
    last_ns: int,
    wall_ns: int,
    speed_milli: int,
    start_ns: int | None = None,
    first_ns: int | None = None,
    own_time: bool = False,
) -> ClockSettings:
    """Return the clock of a venue that starts now.

    Args:
        last_ns: venue time at which its logs end; 0 for a new venue.
        wall_ns: wall time.
        speed_milli: venue seconds per wall second, in thousandths.
        start_ns: venue time asked for, or None.
        first_ns: venue time at which a new venue begins if `start_ns` is None; None for wall time.
        own_time: whether the venue leaves wall time now, or left it at an earlier start.

    Raises:
        CommandFailed: the time asked for is before the end of the logs.

    """
    if start_ns is not None and start_ns < last_ns:
        raise CommandFailed(
            f"--start {show_instant(start_ns)} is before {show_instant(last_ns)}, where this venue's logs end",
            hint="leave --start out to go on from there, or start a new venue with another --dir",
            code=ExitCode.USAGE,
        )
    if not own_time and start_ns is None and speed_milli == REAL_TIME_MILLI and last_ns <= wall_ns:
        return ClockSettings(0, 0, REAL_TIME_MILLI)
    fresh_ns = first_ns if first_ns is not None else wall_ns
    begin_ns = start_ns if start_ns is not None else last_ns + 1 if last_ns else fresh_ns
    return ClockSettings(begin_ns, wall_ns, speed_milli)
