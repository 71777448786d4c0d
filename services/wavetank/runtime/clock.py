"""Venue time: the one clock that every duration of the venue follows (DESIGN 3.5).

It exists so that a venue can run at a multiple of the wall clock, all services alike: venue time is
start + speed × (wall − origin), and three integers from the settings give every process the same answer.

Kept true: `now_ns` never decreases within a process, even if somebody sets the wall clock back; integers only.
"""

import time
from collections.abc import Callable

MILLI = 1_000
"""Thousandths in a speed of one."""


class VenueClock:
    """Tell venue time; all durations are nanoseconds."""

    __slots__ = ("_latest_ns", "_wall_ns", "origin_ns", "speed_milli", "start_ns")

    def __init__(
        self,
        *,
        start_ns: int,
        origin_ns: int,
        speed_milli: int,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Make the clock.

        Args:
            start_ns: venue time at the origin, since 1970.
            origin_ns: wall time of the origin, since 1970.
            speed_milli: venue seconds per wall second, in thousandths.
            wall_ns: tells wall time since 1970.

        Raises:
            ValueError: the speed is not positive.

        """
        if speed_milli <= 0:
            raise ValueError(f"clock speed is {speed_milli} thousandths; it must be positive")
        self.start_ns = start_ns
        self.origin_ns = origin_ns
        self.speed_milli = speed_milli
        self._wall_ns = wall_ns
        self._latest_ns = start_ns

    def now_ns(self) -> int:
        """Return venue time, at or after every answer before it, and never before the start."""
        now_ns = self.at_wall_ns(self._wall_ns())
        # A wall clock that was set back must not take venue time with it: timers have fired.
        self._latest_ns = max(self._latest_ns, now_ns)
        return self._latest_ns

    def at_wall_ns(self, wall_ns: int) -> int:
        """Return the venue time of a wall time, without regard to earlier answers."""
        return self.start_ns + (wall_ns - self.origin_ns) * self.speed_milli // MILLI

    def advance_to(self, venue_ns: int) -> None:
        """Let no later answer be before `venue_ns`; called after recovery with the log's last time."""
        self._latest_ns = max(self._latest_ns, venue_ns)

    def at_least_wall(self, venue_ns: int, wall_ns: int) -> int:
        """Return the longer of a venue duration and a wall duration, as a venue duration.

        For limits that are latencies in disguise: a price may be 5 venue seconds old, but never less
        than the wall time that a message needs to arrive, however fast the venue runs.
        """
        return max(venue_ns, wall_ns * self.speed_milli // MILLI)

    def wall_ns_of(self, venue_duration_ns: int) -> int:
        """Return how long a venue duration lasts on the wall, rounded up so that no timer wakes too early."""
        return -(-venue_duration_ns * MILLI // self.speed_milli)
