"""The market of a scenario: what is traded, what it is worth, and what the venue is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from wavetank.clearing.core.settings import ClearingSettings
from wavetank.matching.core.ordering import OrderingSettings
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.margin import MarginTable, MarginTier
from wavetank.model.validity import Doubt, ValidityTerms
from wavetank.oracle.core.index import IndexTerms
from wavetank.oracle.core.settings import OracleSettings
from wavetank.storms.scenario.quantities import (
    Amount,
    Duration,
    Endowment,
    Instant,
    Money,
    Ratio,
    write_duration,
    write_ratio,
)
from wavetank.storms.scenario.terms import Terms, terms_of

_E6 = 10**6


def _share(least_e6: int, most_e6: int) -> AfterValidator:
    """Return what holds a ratio to whole millionths within bounds."""

    def check(ratio: int) -> int:
        if ratio % _E6 or not least_e6 <= ratio // _E6 <= most_e6:
            least, most = write_ratio(least_e6 * _E6), write_ratio(most_e6 * _E6)
            raise ValueError(f"is {write_ratio(ratio)}; {least} to {most} is allowed, in whole millionths")
        return ratio

    return AfterValidator(check)


def _times(most: int) -> AfterValidator:
    """Return what holds a number to whole millionths from 0 to a bound."""

    def check(number: Decimal) -> Decimal:
        if not 0 <= number <= most or number.scaleb(6) % 1:
            raise ValueError(f"is {number}; 0 to {most} is allowed, with at most 6 decimals")
        return number

    return AfterValidator(check)


def _some(length_ns: int) -> int:
    """Return a length that is one."""
    if not length_ns:
        raise ValueError(f"is {write_duration(length_ns)}; more is allowed")
    return length_ns


Symbol = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[A-Za-z0-9]+$")]
GroupName = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[!-~]+$")]
SourceName = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[!-~]+$")]
Pair = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,16},[A-Za-z0-9]{1,16}$")]
"""Two symbols, in either order."""
RegimeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Span = Annotated[Duration, AfterValidator(_some)]
Correlation = Annotated[Ratio, _share(-999_999, 999_999)]
Factor = Annotated[Amount, _times(100)]
"""What something is multiplied by."""

ClearingTerms = terms_of(
    ClearingSettings,
    leave_out=frozenset({"health", "stage_order", "correlations", "groups_ppm", "collateral", "fees"}),
    module=__name__,
)
EngineTerms = terms_of(
    EngineSettings, leave_out=frozenset({"max_instruments", "track_levels", "expected_orders"}), module=__name__
)
OracleTerms = terms_of(OracleSettings, leave_out=frozenset({"sources", "push", "funding"}), module=__name__)
IndexRules = terms_of(IndexTerms, module=__name__)
ValidityRules = terms_of(ValidityTerms, module=__name__)
OrderingTerms = terms_of(OrderingSettings, module=__name__)


class SourceTerms(Terms):
    """One source of an instrument's index."""

    name: SourceName
    weight: Annotated[int, Field(ge=1, le=1_000)] = 1
    limit: Duration | None = None
    """Age at which it is stale; else 10 s, or what the cadence of its file asks for if that is longer."""


class TierTerms(Terms):
    """A margin tier (MRGN-020)."""

    above: Money = 0
    """Notional from which on it holds."""
    leverage: Annotated[int, Field(ge=1, le=1_000)]
    maintenance: Ratio | None = None
    """The tier's own rate; else half of what the leverage asks for."""

    def listed(self) -> MarginTier:
        """Return the tier as an instrument is listed with it."""
        return MarginTier(self.above, self.leverage, (self.maintenance or 0) // _E6)


class InstrumentTerms(Terms):
    """An instrument: what is not written is as in the shipped one of that symbol, or as BTC's."""

    price: Amount | None = None
    """Dollars per unit at the start; needed unless the symbol is a shipped one, or a file gives it."""
    volatility: Annotated[Ratio, _share(0, _E6)] | None = None
    """Standard deviation of an hour, as a share of the price; 0 stands still."""
    file: str = ""
    """A file of prices to replay instead: any format that `wavetank up --prices` takes."""
    series: Annotated[str, Field(max_length=33, pattern=r"^[!-~]*$")] = ""
    """Which of a file that holds several, as `SYMBOL` or `SYMBOL/SOURCE`; else that of the instrument's symbol."""
    begin: Instant | None = None
    """Where in the file the scenario begins; else where the file does."""
    sources: tuple[SourceTerms, ...] = (SourceTerms(name="spot"),)
    """All follow the same true price until a fault parts them."""
    size_decimals: Annotated[int, Field(ge=0, le=6)] | None = None
    tiers: tuple[TierTerms, ...] = ()
    taker_fee: Ratio | None = None
    maker_fee: Ratio | None = None
    max_order: Amount | None = None
    """Units."""
    max_position: Amount | None = None
    open_interest_cap: Amount | None = None
    price_band: Ratio | None = None
    impact_notional: Money | None = None
    funding_interval: Duration | None = None
    funding_cap: Ratio | None = None
    withholds_gains: bool | None = None
    """Withdrawals ignore unrealised gains in it (MRGN-060)."""
    scaling_begins: Money | None = None
    """Open interest at which initial margin begins to grow (MRGN-020)."""
    scaling_full: Money | None = None
    correlation_group: GroupName | Literal[""] = ""
    """Offsets within it, in the offset modes (MRGN-030)."""
    correlation: Ratio | None = None
    """With the market, for the scenario mode."""
    collateral_weight: Ratio | None = None
    """Share at which its base asset counts as collateral; else it does not count (MRGN-080)."""
    collateral_cap: Money | None = None

    @field_validator("tiers")
    @classmethod
    def _make_a_table(cls, tiers: tuple[TierTerms, ...]) -> tuple[TierTerms, ...]:
        if tiers:
            MarginTable([tier.listed() for tier in tiers])
        return tiers


class JumpTerms(Terms):
    """Jumps of the walks, after Merton: a Poisson process of moves by e^z, z normal."""

    per_hour: Annotated[Amount, _times(3_600)]
    """How many arrive in the mean; of each instrument, unless they are common."""
    mean: Annotated[Ratio, _share(-3 * _E6, 3 * _E6)] = 0
    """Of z: -2% is a fall by about 2 %; nothing is added to the drift to make up for it."""
    deviation: Annotated[Ratio, _share(0, _E6)]
    """Standard deviation of z."""
    common: bool = False
    """Whether instruments jump at one time and by one factor, or each by itself."""
    instruments: tuple[Symbol, ...] = ()
    """Empty for all."""


class RegimeTerms(Terms):
    """How the walks are for a while, until another regime follows at random."""

    name: RegimeName
    lasting: Span
    """In the mean, exponentially distributed."""
    volatility: Factor = Decimal(1)
    """Times every instrument's own."""
    drift: Annotated[Ratio, _share(-_E6, _E6)] = 0
    """Mean move of an hour, as a share of the price."""
    correlation: Annotated[Amount, _times(10)] = Decimal(1)
    """Times every pair's own."""
    intensity: Factor = Decimal(1)
    """Times the number of jumps."""
    next: dict[RegimeName, Annotated[int, Field(ge=1, le=1_000_000)]] = Field(default_factory=dict)
    """Which may follow, by weight; empty for all others alike."""


class BurstTerms(Terms):
    """Short spans in which the walks move further and jump more often."""

    every: Span
    """From begin to begin, or its mean."""
    lasting: Span
    """Each; not shorter than the time between two publications, for nobody could see it."""
    arrivals: Literal["periodic", "random"] = "periodic"
    """At equal distances, or as a Poisson process."""
    after: Duration = 0
    """Behind the beginning: when the first one begins, or random ones may."""
    volatility: Factor = Decimal(10)
    """Times every instrument's own."""
    intensity: Factor = Decimal(10)
    """Times the number of jumps."""

    @field_validator("lasting")
    @classmethod
    def _not_longer_than_its_distance(cls, lasting_ns: int, info: ValidationInfo) -> int:
        every_ns = info.data.get("every", lasting_ns)
        if lasting_ns > every_ns:
            raise ValueError(
                f"is {write_duration(lasting_ns)}; at most `every`, {write_duration(every_ns)}, is allowed"
            )
        return lasting_ns


class Market(Terms):
    """What is traded, and how prices move when nothing goes wrong."""

    instruments: Annotated[dict[Symbol, InstrumentTerms], Field(min_length=1, max_length=16)]
    correlation: Correlation = 800_000_000_000
    """Of the walks, of every pair that `correlations` does not name."""
    correlations: dict[Pair, Correlation] = Field(default_factory=dict)
    """By pair: `{"BTC,ETH": 90%}`."""
    price_step: Span = 100_000_000
    """Between two true prices."""
    jumps: Annotated[tuple[JumpTerms, ...], Field(max_length=16)] = ()
    """Kinds of jumps; all of them arrive."""
    regimes: Annotated[tuple[RegimeTerms, ...], Field(max_length=16)] = ()
    """The market begins in the first."""
    bursts: Annotated[tuple[BurstTerms, ...], Field(max_length=16)] = ()
    """Kinds of bursts; the factors of those that overlap multiply."""


class FundingTerms(Terms):
    """How funding follows from premiums (FUND-020)."""

    interest: Ratio | None = None
    clamp: Ratio | None = None


class ToleranceTerms(Terms):
    """What each action tolerates beside a valid price (ORCL-030); `[]` is nothing, what is not written is as usual."""

    liquidate: tuple[Doubt, ...] | None = None
    margin: tuple[Doubt, ...] | None = None
    funding: tuple[Doubt, ...] | None = None
    fill: tuple[Doubt, ...] | None = None


class VenueTerms(Terms):
    """What the venue is told; every setting under its own name."""

    fund: Endowment = 1_000_000_000_000
    """The insurance fund at the start."""
    vault: Endowment = 0
    """What the backstop vault has of its own at the start; without, it is worth what it takes over (LIQ-060)."""
    warn_health: Amount | None = None
    reduce_only_health: Amount | None = None
    backstop_health: Amount | None = None
    insurance_before_backstop: bool = False
    magic_client_ids: bool = False
    """Whether a client order id may ask for an outcome, such as `~reject:1` (MTCH-065)."""
    group_correlation: Ratio | None = None
    """Stressed correlation of every group."""
    clearing: ClearingTerms = ClearingTerms()  # type: ignore[valid-type]
    matching: EngineTerms = EngineTerms()  # type: ignore[valid-type]
    ordering: OrderingTerms = OrderingTerms()  # type: ignore[valid-type]
    oracle: OracleTerms = OracleTerms()  # type: ignore[valid-type]
    index: IndexRules = IndexRules()  # type: ignore[valid-type]
    """How sources become an index (ORCL-010)."""
    validity: ValidityRules = ValidityRules()  # type: ignore[valid-type]
    """From where on a price is doubted (ORCL-030)."""
    tolerates: ToleranceTerms = ToleranceTerms()
    funding: FundingTerms = FundingTerms()
    log_delay: Duration = 500_000
    """From one process to another, constant part."""
    log_jitter: Duration = 250_000
    """Mean of its exponential part."""


Consumer = Literal["clearing", "matching", "bots"]
