"""The market of a scenario: what is traded, what it is worth, and what the venue is told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wavetank.clearing.core.settings import ClearingSettings
from wavetank.matching.core.ordering import OrderingSettings
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.validity import Doubt, ValidityTerms
from wavetank.oracle.core.index import IndexTerms
from wavetank.oracle.core.settings import OracleSettings
from wavetank.storms.scenario.quantities import Amount, Duration, Instant, Money, Ratio
from wavetank.storms.scenario.terms import Terms, terms_of

Symbol = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[A-Za-z0-9]+$")]
GroupName = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[!-~]+$")]
SourceName = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[!-~]+$")]

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
    limit: Duration = 10_000_000_000
    """Age at which it is stale."""


class TierTerms(Terms):
    """A margin tier (MRGN-020)."""

    above: Money = 0
    """Notional from which on it holds."""
    leverage: Annotated[int, Field(ge=1, le=1_000)]
    maintenance: Ratio | None = None
    """The tier's own rate; else half of what the leverage asks for."""


class InstrumentTerms(Terms):
    """An instrument: what is not written is as in the shipped one of that symbol, or as BTC's."""

    price: Amount | None = None
    """Dollars per unit at the start; needed unless the symbol is a shipped one, or a file gives it."""
    volatility: Ratio | None = None
    """Standard deviation of an hour, as a share of the price; 0 stands still."""
    file: str = ""
    """A file of prices to replay instead: any format that `wavetank up --prices` takes."""
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


class Market(Terms):
    """What is traded, and how prices move when nothing goes wrong."""

    instruments: Annotated[dict[Symbol, InstrumentTerms], Field(min_length=1, max_length=16)]
    correlation: Ratio = 800_000_000_000
    """Of the walks, pair by pair."""
    price_step: Duration = 100_000_000
    """Between two true prices."""


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

    fund: Money = 1_000_000_000_000
    """The insurance fund at the start."""
    vault: Money = 0
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
