"""What can go wrong between a client and a shard, by number: venue faults as the log, the wire and a person name them.

Numbers equal the contract's. It stands among the words, for the log that holds these numbers is read by everybody.
"""

from __future__ import annotations

from enum import IntEnum


class VenueFaultKind(IntEnum):
    """What goes wrong."""

    DELAY = 1
    """Requests arrive late; those of one session keep their order."""
    ACK_LOSS = 2
    """A request is carried out, and its answer never comes."""
    ACK_DELAY = 3
    """A request is carried out at once, and its answer comes late."""
    THROTTLE = 4
    """A request is refused as RATE_LIMITED."""
    UNAVAILABLE = 5
    """A request is refused as VENUE_OVERLOADED."""
    CANCEL_LOSS = 6
    """A request that cancels is lost on its way."""
    REDUCE_ONLY_REJECTED = 7
    """A request with a reduce-only order is refused as VENUE_OVERLOADED."""
    DISCONNECT = 8
    """A request ends its session, and nothing of it is done."""
    MARKET_DATA_GAP = 9
    """The market data of a commit is not told."""
    MARKET_DATA_DELAY = 10
    """The market data of a commit is told late."""


LATE_KINDS = frozenset({VenueFaultKind.DELAY, VenueFaultKind.ACK_DELAY, VenueFaultKind.MARKET_DATA_DELAY})
"""Those that have a delay."""

MARKET_DATA_KINDS = frozenset({VenueFaultKind.MARKET_DATA_GAP, VenueFaultKind.MARKET_DATA_DELAY})
"""Those that hit what the shard tells by itself; all others hit requests."""


class Jitter(IntEnum):
    """How a delay varies beside its constant part."""

    NONE = 0
    UNIFORM = 1
    """Evenly from 0 to its size."""
    EXPONENTIAL = 2
    """Exponentially, with its size as mean."""
