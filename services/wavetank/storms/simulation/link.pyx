"""A link between two simulated processes: messages arrive late, and in the order in which they were sent.

Streams and logs keep order, so a message never overtakes another of its link; those of different links do.
"""

from libc.stdint cimport int64_t

from typing import NamedTuple

from wavetank.storms.simulation.schedule cimport Schedule


class Delay(NamedTuple):
    """A delay: a constant part, and one that is exponential; venue nanoseconds."""

    constant_ns: int
    jitter_ns: int = 0
    """Mean of the exponential part."""


cdef class Link:
    """Carries messages to one receiver."""

    def __init__(self, Schedule schedule, delay, dice, arrive):
        """Carry messages to `arrive`.

        Args:
            schedule: the clock.
            delay: of each message.
            dice: for the delay's random part.
            arrive: takes a message when it arrives.

        """
        self._schedule = schedule
        self._constant_ns, self._jitter_ns = delay
        self._exponential = dice.exponential
        self._arrive = arrive
        self._last_ns = 0

    def send(self, message):
        """Send a message."""
        cdef int64_t arrives_ns = <int64_t>self._schedule.now_ns + self._constant_ns
        if self._jitter_ns:
            arrives_ns += <int64_t>self._exponential(self._jitter_ns)
        self._last_ns = max(self._last_ns, arrives_ns)
        self._schedule.put(self._last_ns, self._arrive, (message,))
