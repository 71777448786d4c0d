"""What the core is told, and how it says no.

These are values: adapters make them from files, messages and other logs; a refusal is one too, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wavetank.model.events.matching import BookSampled
from wavetank.model.reason import Reason
from wavetank.oracle.core.faults import FaultKind, FaultTarget, JitterDistribution


@dataclass(frozen=True, slots=True)
class ObservedPrice:
    """The newest price of a source whose name stands in the settings."""

    instrument_id: int
    source: str
    price_micros: int
    price_time_ns: int
    confidence_micros: int = 0
    """How far off it may be, as the source says; 0 says nothing."""


@dataclass(frozen=True, slots=True)
class PushedPrice:
    """A price pushed by somebody; `price_time_ns` 0 is now."""

    instrument_id: int
    source: str
    price_micros: int
    price_time_ns: int
    confidence_micros: int = 0


@dataclass(frozen=True, slots=True)
class ObservedBook:
    """A sample of the shard's book and its seq in that log."""

    sample: BookSampled
    matching_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRequest:
    """A fault that somebody asks for; numbers as on the wire."""

    kind: FaultKind | None
    target: FaultTarget | None
    instrument_ids: Sequence[int] = ()
    """Empty for all that the oracle follows now."""
    consumers: int = 0
    """`ConsumerBit`s; 0 for all but the truth. A fault of sources hits all of them."""
    sources: Sequence[str] = ()
    """Sources it hits; empty, with no count, for a fault of delivery."""
    source_count: int = 0
    """So many sources of each index instead, chosen by seed."""
    lag_ns: int = 0
    """Of an out-of-order: how far back at most."""
    jitter_ns: int = 0
    distribution: JitterDistribution | None = None
    magnitude_e12: int = 0
    """Size of a spike, of a drift, of what widens, or of the move that ends a silence."""
    price_micros: int = 0
    """Price of a hardcode, lower bound of a clamp (0: none)."""
    upper_price_micros: int = 0
    exponent: int = 0
    delay_ns: int = 0
    """From now until it begins."""
    duration_ns: int = 0
    """From its beginning; 0 until cleared."""
    ramp_ns: int = 0
    probability_ppm: int = 0
    """Of each update; 0 is always."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """A request was refused: why, what it was, what was allowed; nothing changed."""

    reason: Reason
    message: str
    was: int | str
    allowed: int | str
