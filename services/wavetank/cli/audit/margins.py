"""Margins and values, worked out a second time with fractions: obviously right, and slow enough not to matter.

The services use one integer formula per table; here each tier's rate is a fraction and the ceiling is taken once.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

from wavetank.model.events.clearing import InstrumentListed, MarginScalingListed, MarginTierListed

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Tier:
    """A margin tier: from `lower` micro-dollars on, MM = N × rate − deduction (MRGN-020)."""

    lower: int
    leverage: int
    rate: Fraction
    deduction: Fraction


@dataclass(slots=True)
class Terms:
    """What an instrument was listed with, as far as an audit needs it."""

    listed: InstrumentListed
    tiers: list[Tier] = field(default_factory=list)
    begins: int = 0
    """Open interest from which on initial margin grows."""
    full: int = 0
    """Open interest at which all notional is initial margin; 0 if none is scaled."""
    share: int = 0
    """Share in force, in ppm."""

    def add_scaling(self, listed: MarginScalingListed) -> None:
        """Take over between which open interests initial margin grows, and where it is."""
        self.begins, self.full, self.share = listed.begins_micros, listed.full_micros, listed.scaled_ppm

    def add_tier(self, listed: MarginTierListed) -> None:
        """Add the next tier, in ascending order."""
        own = listed.maintenance_ppm
        rate = Fraction(own, PPM) if own else Fraction(1, 2 * listed.max_leverage)
        deduction = Fraction(0)
        if self.tiers:
            below = self.tiers[-1]
            deduction = below.deduction + listed.lower_notional_micros * (rate - below.rate)
        self.tiers.append(Tier(listed.lower_notional_micros, listed.max_leverage, rate, deduction))

    def _tier(self, notional: int) -> Tier:
        return next(tier for tier in reversed(self.tiers) if notional >= tier.lower)

    def maintenance(self, notional: int) -> int:
        """Return the maintenance margin of a notional, rounded up once."""
        tier = self._tier(notional)
        return ceil(notional * tier.rate - tier.deduction)

    def initial(self, notional: int, leverage: int) -> int:
        """Return the initial margin of a notional at an account's leverage and the share in force, rounded up once."""
        base = Fraction(1, min(leverage, self.tiers[0].leverage, self._tier(notional).leverage))
        return ceil(notional * (base + Fraction(self.share, PPM) * (1 - base)))

    def least_initial(self, notional: int) -> int:
        """Return the initial margin of a notional at the highest leverage it allows, whatever the share."""
        return ceil(Fraction(notional, min(self.tiers[0].leverage, self._tier(notional).leverage)))


@dataclass(frozen=True, slots=True)
class Leg:
    """One position at a mark."""

    lots: int
    mark: int
    maintenance: int


@dataclass(frozen=True, slots=True)
class Worth:
    """An account at given marks; micro-dollars."""

    equity: int
    maintenance: int
    """By the account's mode."""
    initial: int
    """The same."""
    legs: dict[int, Leg]

    @property
    def own_maintenance(self) -> int:
        """Sum of the legs' own maintenance margins, by which they share the equity."""
        return sum(leg.maintenance for leg in self.legs.values())


def bankruptcy_value(worth: Worth, terms: Terms, instrument_id: int, closed: int) -> int:
    """Return V of closing `closed` lots of a leg, with the position's sign (LIQ-035): V = Δ·mark − floor(E·ΔMM/MM)."""
    leg = worth.legs[instrument_id]
    rest = (abs(leg.lots) - abs(closed)) * leg.mark
    relieved = leg.maintenance - terms.maintenance(rest)
    return closed * leg.mark - floor(Fraction(worth.equity * relieved, worth.own_maintenance))


def shares_of_loss(missing: int, gains: dict[int, int]) -> dict[int, int]:
    """Return what each winner pays of a loss: in proportion, largest remainder to the lower id (LIQ-100)."""
    total = sum(gains.values())
    if total <= missing:
        return dict(gains)
    exact = {account: Fraction(missing * gain, total) for account, gain in gains.items()}
    shares = {account: floor(share) for account, share in exact.items()}
    order = sorted(exact, key=lambda account: (shares[account] - exact[account], account))
    for account in order[: missing - sum(shares.values())]:
        shares[account] += 1
    return shares
