"""Token buckets: how many messages a key may send.

They exist so that one bot cannot take the venue from the others. Kept true: integers only; a bucket never holds more
than its burst; whoever is refused is told when to come back.
"""

import time
from collections.abc import Callable

from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError

_SECOND_NS = 1_000_000_000
_MILLISECOND_NS = 1_000_000
_MOST_BUCKETS = 100_000


class TokenBuckets:
    """One bucket for each key, refilled by wall time."""

    def __init__(self, *, rate_per_second: int, burst: int, wall_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """Make buckets that are full at first.

        Args:
            rate_per_second: tokens that flow into a bucket in a wall second.
            burst: most tokens that a bucket holds.
            wall_ns: a monotonic wall clock.

        Raises:
            ValueError: a number is not positive.

        """
        if rate_per_second <= 0 or burst <= 0:
            raise ValueError(f"rate {rate_per_second} and burst {burst} must be positive")
        self._rate = rate_per_second
        self._burst = burst
        self._wall_ns = wall_ns
        # Per key the wall time at which its bucket is full again: one number says all, and full buckets need none.
        self._full_at_ns: dict[str, int] = {}

    def take(self, key: str, count: int = 1) -> None:
        """Take tokens from a key's bucket.

        Args:
            key: whose bucket.
            count: how many tokens.

        Raises:
            VenueError: there are fewer (RATE_LIMITED, with the time to wait); none is taken then. More than a whole
                bucket is never granted.

        """
        now_ns = self._wall_ns()
        full_at_ns = max(self._full_at_ns.get(key, 0), now_ns)
        # Tokens are counted as the time in which they flow in, rounded up.
        after_ns = full_at_ns + -(-count * _SECOND_NS // self._rate)
        wait_ns = after_ns - now_ns - -(-self._burst * _SECOND_NS // self._rate)
        if wait_ns > 0:
            raise VenueError(
                Reason.RATE_LIMITED,
                f"key {key} asked for {count} at once; {self._rate} per second and {self._burst} at once are allowed",
                was=count,
                allowed=self._burst,
                retry_after_ms=-(-wait_ns // _MILLISECOND_NS),
            )
        if len(self._full_at_ns) >= _MOST_BUCKETS:
            self._full_at_ns = {name: full for name, full in self._full_at_ns.items() if full > now_ns}
        self._full_at_ns[key] = after_ns
