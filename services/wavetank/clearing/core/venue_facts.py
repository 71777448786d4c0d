"""What clearing knows of the venue beside its accounts: marks, keys, how the waterfall is set, who is asked what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wavetank.clearing.core.collateral_terms import NO_COLLATERAL, CollateralTerms
from wavetank.model.events import clearing as events
from wavetank.model.validity import Validity

if TYPE_CHECKING:
    from wavetank.clearing.core.settings import ClearingSettings


@dataclass(slots=True)
class Escalation:
    """What a person is asked about, until it is over (LIQ-090)."""

    escalation_id: int
    kind: events.EscalationKind
    account_id: int
    instrument_id: int
    liquidation_id: int
    """Of a cascade its id."""
    raised_ns: int
    deadline_ns: int
    figure: int
    """Micro-dollars at stake; of a cascade its multiplier in ppm."""
    decision: events.Decision | None = None
    author: str = ""
    """Who decided; empty for the clock."""
    note: str = ""


@dataclass(slots=True)
class Mark:
    """The last mark taken over for an instrument."""

    mark_price_ticks: int
    index_price_ticks: int
    index_time_ns: int
    oracle_seq: int
    validity: Validity
    """As the oracle said; it grows stale by itself, see `State.validity`."""


@dataclass(slots=True)
class CollateralBook:
    """What collateral the venue takes, by which terms, and how much of it came (MRGN-080)."""

    terms: dict[int, CollateralTerms] = field(default_factory=dict)
    """By instrument, how its base asset counts."""
    loan_micros: int = 0
    """Most cash that a sound account may owe against collateral."""
    lots: dict[int, int] = field(default_factory=dict)
    """By instrument, what was deposited less what was withdrawn and converted."""

    def terms_of(self, instrument_id: int) -> CollateralTerms:
        """Return how the base asset of an instrument counts; what no terms name counts nothing."""
        return self.terms.get(instrument_id, NO_COLLATERAL)


@dataclass(frozen=True, slots=True)
class WaterfallTerms:
    """How the waterfall is set; see `WaterfallSet`."""

    stages_off: int = 0
    insurance_first: int = 0
    adl_policy: int = events.AdlPolicyKind.HYPERLIQUID
    backstop_numerator: int = 2
    backstop_denominator: int = 3

    @classmethod
    def of(cls, settings: ClearingSettings) -> WaterfallTerms:
        """Return the terms that settings ask for."""
        limit = settings.health.backstop
        return cls(
            settings.stages_off,
            int(settings.insurance_first),
            int(settings.adl_policy),
            limit.numerator,
            limit.denominator,
        )


@dataclass(slots=True)
class ApiKey:
    """An API key: whose it is and what it allows."""

    account_id: int
    secret_sha256: bytes
    scopes: int


@dataclass(slots=True)
class Steering:
    """What the operator set while the venue runs, beside listings and limits."""

    withdrawals_are_paused: bool = False
    liquidation_pace_ns: int | None = None
    """Venue time that each step of a liquidation waits for the one before it; None if nobody ever set it."""
    drained_micros: int = 0
    """What was taken out of the insurance fund and has not been put back."""
    settlements: dict[int, Settling] = field(default_factory=dict)
    """By instrument, those that are being settled."""


@dataclass(slots=True)
class Settling:
    """An instrument that is being settled (MTCH-050)."""

    price_ticks: int
    pending: dict[int, events.MatchingRequested] = field(default_factory=dict)
    """Requests sent and not yet answered, by id."""
