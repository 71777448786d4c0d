"""Arrivals that excite one another: a Hawkes process with an exponential kernel, in whole nanoseconds.

Orders come in clusters, and a storm is made of them. The process is drawn exactly by its clusters (Hawkes and Oakes
1974): immigrants arrive at the base rate; each arrival has a Poisson number of children, each an exponential delay
later, and so do they. Kept true: the mean rate is base / (1 - excitation), and the times depend on the dice alone.
"""

from __future__ import annotations

from heapq import heappop, heappush

from wavetank.storms.dice import Dice

ONE_E6 = 1_000_000


class Arrivals:
    """A stream of arrival times."""

    def __init__(self, interval_ns: int, excitation_ppm: int, excitation_ns: int, dice: Dice, begin_ns: int) -> None:
        """Begin without a past.

        Args:
            interval_ns: mean time between two immigrants.
            excitation_ppm: mean number of children of an arrival, in millionths; below a million.
            excitation_ns: mean time from an arrival to a child of it.
            dice: used by nobody else.
            begin_ns: from when on immigrants come.

        """
        assert 0 <= excitation_ppm < ONE_E6, "a stream that excites itself without bound never ends"
        self._interval_ns = interval_ns
        self._excitation_ppm = excitation_ppm
        self._excitation_ns = excitation_ns
        self._dice = dice
        self._immigrant_ns = begin_ns + dice.exponential(interval_ns)
        self._children_ns: list[int] = []
        self.next_ns = self._immigrant_ns
        """Time of the next arrival."""

    def take(self) -> int:
        """Return the time of the next arrival, and go on to the one after it."""
        time_ns = self.next_ns
        if time_ns == self._immigrant_ns:
            self._immigrant_ns += self._dice.exponential(self._interval_ns)
        else:
            heappop(self._children_ns)
        # The number of children is how many unit exponentials fit into the excitation: a Poisson number.
        used_e6 = self._dice.exponential(ONE_E6)
        while used_e6 < self._excitation_ppm:
            heappush(self._children_ns, time_ns + self._dice.exponential(self._excitation_ns))
            used_e6 += self._dice.exponential(ONE_E6)
        self.next_ns = min(self._immigrant_ns, self._children_ns[0]) if self._children_ns else self._immigrant_ns
        return time_ns
