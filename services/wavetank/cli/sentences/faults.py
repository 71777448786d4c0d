"""Faults in words: what one does, how surely and how long.

It exists once, for the log, where a fault is an event, and for `wavetank fault`, where it is a message: both have the
same fields.
"""

from typing import Protocol

from wavetank.cli.amounts import show_dollars, show_ratio
from wavetank.cli.times import show_duration

ALWAYS_PPM = 1_000_000


class AnyFault(Protocol):
    """What both have."""

    @property
    def kind(self) -> int:
        """Number of its kind."""

    @property
    def lag_ns(self) -> int:
        """Lag, or how far back."""

    @property
    def jitter_ns(self) -> int:
        """What varies of a lag."""

    @property
    def distribution(self) -> int:
        """How that is drawn."""

    @property
    def magnitude_e12(self) -> int:
        """Size."""

    @property
    def price_micros(self) -> int:
        """Price, or lower bound."""

    @property
    def upper_price_micros(self) -> int:
        """Upper bound."""

    @property
    def exponent(self) -> int:
        """Power of ten."""

    @property
    def duration_ns(self) -> int:
        """How long, 0 until cleared."""

    @property
    def ramp_ns(self) -> int:
        """How long it grows."""

    @property
    def probability_ppm(self) -> int:
        """How surely; 0 or a million is always."""


def describe_kind(fault: AnyFault) -> str:
    """Return what a fault does, to follow its subject: `prices of BTC 30 s late`."""
    size = show_ratio(fault.magnitude_e12)
    amount = size.removeprefix("+")
    words = {
        1: _lag_words(fault),
        2: "frozen",
        3: f"off by {size}",
        4: f"drifting off by {size}",
        5: _clamp_words(fault),
        6: f"times 10^{fault.exponent}",
        7: f"fixed at {show_dollars(fault.price_micros)}",
        8: "lost",
        10: f"less sure by {amount}",
        11: "taken from the venue's own book",
        12: f"out of order, up to {show_duration(fault.lag_ns)} back",
        13: "given again as if they were new",
        14: f"withheld until they move by {amount}",
        15: "withheld until it ends",
    }
    return words.get(fault.kind, f"with fault of kind {fault.kind}")


def describe_terms(fault: AnyFault) -> str:
    """Return how surely a fault strikes, how it grows and how long it lasts; empty for one that always does."""
    chance = ""
    if 0 < fault.probability_ppm < ALWAYS_PPM:
        chance = f", each with probability {show_ratio(fault.probability_ppm * 10**6).removeprefix('+')}"
    growth = f", growing over {show_duration(fault.ramp_ns)}" if fault.ramp_ns else ""
    length = f" for {show_duration(fault.duration_ns)}" if fault.duration_ns else ""
    return f"{chance}{growth}{length}"


def _lag_words(fault: AnyFault) -> str:
    if not fault.jitter_ns:
        return f"{show_duration(fault.lag_ns)} late"
    more = "up to" if fault.distribution == 2 else "on average"  # noqa: PLR2004 - JITTER_DISTRIBUTION_UNIFORM.
    return f"{show_duration(fault.lag_ns)} late and {more} {show_duration(fault.jitter_ns)} more"


def _clamp_words(fault: AnyFault) -> str:
    bounds = []
    if fault.price_micros:
        bounds.append(f"not below {show_dollars(fault.price_micros)}")
    if fault.upper_price_micros:
        bounds.append(f"not above {show_dollars(fault.upper_price_micros)}")
    return " and ".join(bounds)
