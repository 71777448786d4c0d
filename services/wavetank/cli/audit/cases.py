"""One liquidation as an audit follows it: what was frozen, asked, reserved and owed so far."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from wavetank.model.events import clearing as events

CANCEL, PARTIAL, FULL, BACKSTOP, INSURANCE, DELEVERAGE, SOCIALISE = range(1, 8)
"""Numbers of the wire's `LiquidationStage`."""

MAYBE_STALE_NS = 10_000_000_000
"""Age of an index beyond which a venue may hold its mark for stale; its limit is a setting."""

VAULT_KIND = 5
"""Number of the wire's `ACCOUNT_KIND_BACKSTOP_VAULT`."""


@dataclass(slots=True)
class Aim:
    """What a stage said it would do, until its requests have said the same."""

    instrument_id: int
    stage: int
    closed: int
    """Lots to close, with the position's sign."""
    value: int
    price: int
    reserve: int
    asked: int = 0
    """Lots of the requests so far, unsigned."""


@dataclass(slots=True)
class Terms:
    """How the venue says that its waterfall is set."""

    stages_off: int = 0
    insurance_first: bool = False
    adl_policy: int = events.AdlPolicyKind.HYPERLIQUID
    backstop: Fraction = Fraction(2, 3)
    """Health below which an account is not closed in the book any more."""

    @classmethod
    def of(cls, event: events.WaterfallSet) -> "Terms":
        """Return what an event says."""
        return cls(event.stages_off, bool(event.insurance_first), event.adl_policy, event.backstop)

    def is_off(self, stage: int) -> bool:
        """Tell whether a stage is off."""
        return bool(self.stages_off >> stage & 1)


@dataclass(slots=True)
class Case:
    """One liquidation."""

    liquidation_id: int
    account_id: int
    marks: dict[int, int] = field(default_factory=dict)
    indexes: dict[int, int] | None = None
    """Of its collateral, frozen with the marks; None before."""
    stress: int | None = None
    """Frozen with the marks; None before."""
    is_uncertain: bool = False
    """A frozen leg may have been stale, so that the frozen marks are not known exactly."""
    was_tested: bool = False
    stage: int = CANCEL
    pending: dict[int, events.MatchingRequested] = field(default_factory=dict)
    insured: set[int] = field(default_factory=set)
    vault_refused: bool = False
    insurance_off: bool = False
    """The insurance stage said that it is off, at these marks."""
    reserve: int = 0
    fund_paid: int = 0
    last_gain: int = 0
    """Proceeds of the last fill less its bankruptcy value."""
    owed: int = 0
    """What the fund still owes for the last fill."""
    aim: Aim | None = None
    at_mark: bool = False
    """Its last deleveraging asked everybody, at mark."""
    loss_instrument: int = 0
    loss_shares: dict[int, int] = field(default_factory=dict)
    """What winners of the instrument have yet to pay of a deficit."""

    def has_tried(self, held: Iterable[int]) -> bool:
        """Tell whether the fund stood behind an order for each of these instruments, or its stage is off."""
        return self.insurance_off or self.insured >= set(held)
