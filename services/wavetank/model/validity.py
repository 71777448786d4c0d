"""How far a price can be trusted, and what may be done by it (ORCL-030).

It exists once, because the oracle decides it, and clearing and matching act on it: a print that is not trusted must
not liquidate anybody, nor lend to anybody. Kept true: of several doubts the worst is said; what an action tolerates is
a setting, so that a venue can be run as one was that asked nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

PPM = 1_000_000


class Validity(IntEnum):
    """What is wrong with a price, the worst last; 0 is nothing."""

    VALID = 0
    STALE = 1
    """No source gives it any more, or it is old."""
    TOO_UNCERTAIN = 2
    """Its confidence interval is too wide a share of it."""
    TOO_VOLATILE = 3
    """It is too many times its own average of the last minutes, or too small a part of it."""
    NON_POSITIVE = 4
    """It is no price at all: the last one stands."""


class Action(IntEnum):
    """What is done by a price."""

    LIQUIDATE = 1
    """Clearing takes positions and collateral from who is below maintenance."""
    MARGIN = 2
    """Clearing extends credit on positions and collateral, and pays out what they have gained."""
    FUNDING = 3
    """The oracle has longs pay shorts, or shorts longs."""
    FILL = 4
    """Matching takes orders that add risk, and fires triggers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """What each action tolerates beside a valid price."""

    liquidate: frozenset[Validity] = frozenset()
    margin: frozenset[Validity] = frozenset()
    funding: frozenset[Validity] = frozenset({Validity.STALE})
    """An hour's premium does not become wrong by a feed that paused at its end."""
    fill: frozenset[Validity] = frozenset()

    def allows(self, action: Action, validity: Validity) -> bool:
        """Return whether an action may be taken by a price of this validity."""
        return validity == Validity.VALID or validity in self.of(action)

    def age_limit_ns(self, action: Action, limit_ns: int) -> int:
        """Return the age at which a price is too old for an action: 0, for never, if it tolerates what is stale."""
        return 0 if self.allows(action, Validity.STALE) else limit_ns

    def of(self, action: Action) -> frozenset[Validity]:
        """Return what an action tolerates."""
        match action:
            case Action.LIQUIDATE:
                return self.liquidate
            case Action.MARGIN:
                return self.margin
            case Action.FUNDING:
                return self.funding
            case Action.FILL:
                return self.fill


Doubt = Literal["stale", "too_uncertain", "too_volatile", "non_positive"]
"""What may be wrong, as settings name it."""


def tolerated(doubts: Iterable[Doubt]) -> frozenset[Validity]:
    """Return what settings name, for `Tolerances`."""
    return frozenset(Validity[doubt.upper()] for doubt in doubts)


EVERYTHING = frozenset(Validity)
"""As venues were that asked nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidityTerms:
    """From where on a price is doubted; 0 never doubts."""

    volatile_ratio_ppm: int = 5 * PPM
    """Largest ratio, either way, of a price and its own average."""
    uncertain_ppm: int = 20_000
    """Largest confidence interval (one side of it), as a share of the price."""


def judged(
    terms: ValidityTerms, *, price_ticks: int, average_ticks: int | None, confidence_ticks: int, is_stale: bool
) -> Validity:
    """Return the validity of a price: the worst doubt that holds.

    Args:
        terms: where doubts begin.
        price_ticks: the price, of whatever sign.
        average_ticks: its own average of the last minutes; None before the first.
        confidence_ticks: how far off it may be, 0 or more.
        is_stale: whether it is old.

    """
    if price_ticks <= 0:
        return Validity.NON_POSITIVE
    if terms.volatile_ratio_ppm and average_ticks is not None:
        below, above = sorted((price_ticks, average_ticks))
        if above * PPM > below * terms.volatile_ratio_ppm:
            return Validity.TOO_VOLATILE
    if terms.uncertain_ppm and confidence_ticks * PPM > price_ticks * terms.uncertain_ppm:
        return Validity.TOO_UNCERTAIN
    return Validity.STALE if is_stale else Validity.VALID
