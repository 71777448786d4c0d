"""What the core is told once: sources, intervals and limits, all in venue time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from wavetank.model.validity import Tolerances, ValidityTerms
from wavetank.oracle.core.funding import FundingTerms
from wavetank.oracle.core.index import IndexTerms

SECOND_NS = 1_000_000_000
HOUR_NS = 3_600 * SECOND_NS


class SourceRole(IntEnum):
    """What a source's price is used for."""

    INDEX = 1
    """A member of the index."""
    PERP = 2
    """Mid of an external perpetual, the third term of the mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTerms:
    """How much a source counts, and for how long a price of it does."""

    role: SourceRole = SourceRole.INDEX
    weight: int = 1
    limit_ns: int = 10 * SECOND_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleSettings:
    """Settings of the core; durations are venue time."""

    sources: Mapping[str, Mapping[str, SourceTerms]] = field(default_factory=dict)
    """Terms by symbol and name of the source."""
    push: Mapping[str, SourceTerms] = field(default_factory=dict)
    """Terms of every pushed source, by symbol; prices are refused for symbols that are not here."""
    index: IndexTerms = field(default_factory=IndexTerms)
    validity: ValidityTerms = field(default_factory=ValidityTerms)
    tolerances: Tolerances = field(default_factory=Tolerances)
    """Of these only what funding tolerates is decided here."""
    volatility_tau_ns: int = 300 * SECOND_NS
    """Time constant of the average that a delivered index is held against (ORCL-030)."""
    publish_interval_ns: int = SECOND_NS
    book_limit_ns: int = 10 * SECOND_NS
    """Age beyond which a book sample counts no more."""
    basis_tau_ns: int = 150 * SECOND_NS
    book_tau_ns: int = 30 * SECOND_NS
    funding: FundingTerms = field(default_factory=FundingTerms)
    premium_samples: int = 720
    """Premium samples in a funding interval: one per 5 s of the hour that it is, or stands for (FUND-010)."""
    max_lag_ns: int = HOUR_NS
    """Of one fault; lags add up to at most twice it, which is how far back true values are kept."""
    max_faults: int = 100
    max_pushed_sources: int = 16
    """Per instrument."""

    @property
    def max_total_lag_ns(self) -> int:
        """How old a true value may be and still be delivered."""
        return 2 * self.max_lag_ns

    def sample_interval_ns(self, funding_interval_ns: int) -> int:
        """Return the time between premium samples: never less than between two prices."""
        return max(funding_interval_ns // self.premium_samples, self.publish_interval_ns, 1)

    def expected_samples(self, funding_interval_ns: int) -> int:
        """Return how many premium samples a whole funding interval has."""
        return max(funding_interval_ns // self.sample_interval_ns(funding_interval_ns), 1)
