"""Settings of the oracle: sources, intervals and limits, read once from `WAVETANK_ORACLE_…`.

Durations are venue time unless they say `wall`. A limit that is a latency in disguise has a wall floor, so that a venue
at a multiple of the wall clock does not ask for what no process can keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from wavetank.model.validity import PPM, Doubt, Tolerances, ValidityTerms, tolerated
from wavetank.oracle.core.funding import ONE_E12, FundingTerms
from wavetank.oracle.core.index import Aggregation, IndexTerms
from wavetank.oracle.core.settings import OracleSettings, SourceTerms
from wavetank.runtime.clock import VenueClock
from wavetank.runtime.price_formats import BarPath
from wavetank.runtime.settings import ServiceSettings, environment

LONGEST_NAME = 16
MS = 1_000_000
"""Nanoseconds in a millisecond."""

LAG_WALL_NS = 60_000 * MS

Weight = Annotated[int, Field(ge=1, le=1_000)]
Name = Annotated[str, Field(max_length=LONGEST_NAME, pattern=r"^[!-~]*$")]
Fraction = Annotated[Decimal, Field(ge=0, le=1, decimal_places=12)]
PositiveMs = Annotated[int, Field(ge=1, le=86_400_000)]
LongMs = Annotated[int, Field(ge=0, le=366 * 86_400_000)]
Correlation = Annotated[Decimal, Field(gt=-1, lt=1, decimal_places=6)]
Logarithm = Annotated[Decimal, Field(ge=-3, le=3, decimal_places=6)]
Factor = Annotated[Decimal, Field(ge=0, le=100, decimal_places=6)]
SpanMs = Annotated[int, Field(ge=1, le=366 * 86_400_000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileSource(_Part):
    """A file that is replayed."""

    kind: Literal["file"]
    path: Path
    role: Literal["index", "perp"] = "index"
    symbol: Name = ""
    """Of the series, in a file that holds several instruments; empty for the instrument's own."""
    source: Name = ""
    """Of the series, in a file that holds several sources; empty where there is one."""
    bars: BarPath = BarPath.NEARER_FIRST
    """Which points a bar becomes."""
    weight: Weight = 1
    name: Name = ""
    """Empty for the kind and its number, such as `file-1`."""


class SyntheticSource(_Part):
    """A walk of a synthetic market; sources of one seed are drawn together."""

    kind: Literal["synthetic"]
    start_price: Annotated[Decimal, Field(gt=0, le=1_000_000_000, decimal_places=6)]
    """Dollars per unit."""
    volatility: Annotated[Decimal, Field(ge=0, le=1, decimal_places=6)] = Decimal("0.01")
    """Standard deviation of an hour, as a share of the price."""
    drift: Annotated[Decimal, Field(ge=-1, le=1, decimal_places=6)] = Decimal(0)
    """Mean move of an hour, as a share of the price."""
    seed: Annotated[int, Field(ge=0)] = 1
    role: Literal["index"] = "index"
    weight: Weight = 1
    name: Name = ""


class PushSource(_Part):
    """Prices pushed over gRPC; every name that pushes is a source of its own."""

    kind: Literal["push"]
    weight: Weight = 1


Source = Annotated[FileSource | SyntheticSource | PushSource, Field(discriminator="kind")]


class ShockScript(_Part):
    """A scripted move of synthetic prices."""

    after_ms: LongMs
    """Behind the start of the venue's clock."""
    move: Annotated[Decimal, Field(gt=-1, le=10, decimal_places=12)]
    """-0.12 is a fall by 12 %."""
    over_ms: PositiveMs
    hold_ms: LongMs = 0
    recovered: Fraction = Decimal(0)
    recover_over_ms: LongMs = 0
    symbols: tuple[str, ...] = ()
    """Empty for all."""


class JumpScript(_Part):
    """Jumps that arrive at random."""

    per_hour: Annotated[Decimal, Field(ge=0, le=3_600, decimal_places=6)]
    """Mean number in an hour; of each instrument, unless they jump together."""
    mean: Logarithm = Decimal(0)
    """Mean of a jump's logarithm: -0.02 is about -2 %."""
    deviation: Annotated[Decimal, Field(ge=0, le=1, decimal_places=6)] = Decimal("0.01")
    """Standard deviation of a jump's logarithm."""
    common: bool = False
    """Whether the instruments jump at one time and by one factor."""
    symbols: tuple[str, ...] = ()
    """Empty for all of the market."""


class RegimeScript(_Part):
    """How the market is for a while."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    mean_ms: SpanMs
    """Mean time until another regime follows."""
    volatility: Factor = Decimal(1)
    """Factor of every deviation."""
    drift: Annotated[Decimal, Field(ge=-1, le=1, decimal_places=6)] = Decimal(0)
    """Of an hour, added to every instrument's, as a share of the price."""
    correlation: Annotated[Decimal, Field(ge=-10, le=10, decimal_places=6)] = Decimal(1)
    """Factor of every correlation."""
    intensity: Factor = Decimal(1)
    """Factor of the number of jumps."""
    next: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = {}
    """Weights of the regimes that may follow; empty for all others alike."""


class BurstScript(_Part):
    """Short spans of large moves."""

    length_ms: SpanMs = 200
    every_ms: SpanMs = 30_000
    """Time from begin to begin, or its mean."""
    arrivals: Literal["periodic", "random"] = "periodic"
    after_ms: LongMs = 0
    """Behind the start of the venue's clock: when the first one begins, or random ones may."""
    volatility: Factor = Decimal(10)
    """Factor of every deviation."""
    intensity: Factor = Decimal(10)
    """Factor of the number of jumps."""

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        if self.length_ms > self.every_ms:
            raise ValueError(f"length_ms is {self.length_ms}; up to every_ms, {self.every_ms}, is allowed")
        return self


class SyntheticMarketSettings(_Part):
    """What the synthetic sources have in common."""

    step_ms: PositiveMs = 1_000
    correlation: Correlation = Decimal("0.8")
    """Of every pair that `correlations` does not name."""
    correlations: dict[str, Correlation] = {}
    """By pair, for instance `{"BTC,ETH": "0.9"}`."""
    shocks: tuple[ShockScript, ...] = ()
    jumps: Annotated[tuple[JumpScript, ...], Field(max_length=16)] = ()
    regimes: Annotated[tuple[RegimeScript, ...], Field(max_length=16)] = ()
    """The market begins in the first."""
    bursts: Annotated[tuple[BurstScript, ...], Field(max_length=16)] = ()


def _default_sources() -> dict[str, tuple[Source, ...]]:
    return {
        "BTC": (SyntheticSource(kind="synthetic", start_price=Decimal(60_000), volatility=Decimal("0.008")),),
        "ETH": (SyntheticSource(kind="synthetic", start_price=Decimal(2_500), volatility=Decimal("0.010")),),
        "SOL": (SyntheticSource(kind="synthetic", start_price=Decimal(150), volatility=Decimal("0.014")),),
    }


class OracleServiceSettings(ServiceSettings):
    """All that the oracle is told."""

    model_config = environment("oracle")

    sources: dict[str, tuple[Source, ...]] = Field(default_factory=_default_sources)
    """By symbol, as JSON: `{"BTC": [{"kind": "file", "path": "BTCUSDT_5m.csv.gz"}]}`."""
    synthetic: SyntheticMarketSettings = SyntheticMarketSettings()
    replay_until_ns: Annotated[int, Field(ge=0)] = 0
    """End of the window that files must cover from the clock's start; 0 where they end."""
    allow_holes: bool = False
    """Holes in that window are no fault; a source is stale for as long as one lasts."""
    publish_interval_ms: PositiveMs = 1_000
    publish_wall_ms: PositiveMs = 100
    """Wall floor of the publishing interval."""
    source_limit_ms: PositiveMs = 10_000
    """Age at which a source is stale; a file's own cadence may ask for more."""
    aggregation: Literal["median", "mean"] = "median"
    """How prices of sources become an index, both by weight."""
    outlier: Annotated[Decimal, Field(ge=0, le=1, decimal_places=6)] = Decimal("0.05")
    """Largest distance of a source from the median of at least three, as a share of it; 0 calls nobody an outlier."""
    min_sources: Annotated[int, Field(ge=1, le=1_000)] = 1
    """With fewer sources that count there is no index, and the last price is stale."""
    volatile_ratio: Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=6)] = Decimal(5)
    """Largest ratio, either way, of a delivered index and its own average; 0 never calls one too volatile."""
    volatility_tau_ms: PositiveMs = 300_000
    """Time constant of that average."""
    uncertain: Annotated[Decimal, Field(ge=0, le=1_000, decimal_places=6)] = Decimal("0.02")
    """Largest confidence interval, as a share of the index; 0 never calls one too uncertain."""
    funding_tolerates: tuple[Doubt, ...] = ("stale",)
    """What may be wrong with an index by which funding is paid all the same."""
    book_limit_ms: PositiveMs = 10_000
    limit_wall_ms: PositiveMs = 2_000
    """Wall floor of the limits on books and pushed prices."""
    basis_tau_ms: PositiveMs = 150_000
    book_tau_ms: PositiveMs = 30_000
    interest: Annotated[Decimal, Field(ge=-1, le=1, decimal_places=12)] = Decimal("0.0001")
    interest_clamp: Fraction | None = Decimal("0.0005")
    """None (`null`): the rate is the premium alone."""
    funding_divisor: Annotated[int, Field(ge=1, le=1_000)] = 8
    premium_samples: Annotated[int, Field(ge=1, le=100_000)] = 720
    """Samples of a funding interval: one per 5 s of the hour that it is, or stands for."""
    max_lag_ms: PositiveMs = 3_600_000
    """Longest lag of one fault; a minute of the wall is always allowed."""
    max_faults: Annotated[int, Field(ge=1, le=10_000)] = 100
    snapshot_entries: Annotated[int, Field(ge=1)] = 2_000
    """Entries between two snapshots."""
    log_retention_s: Annotated[int, Field(ge=0)] = 0
    """Venue seconds for which the log is kept at least, before what no consumer needs is trimmed; 0 keeps all."""
    retained_prices: Annotated[int, Field(ge=1)] = 100_000
    """Published prices kept for subscribers that resume."""
    subscriber_backlog: Annotated[int, Field(ge=1)] = 5_000
    """Prices that may wait for a slow subscriber before it is cut off."""

    @property
    def book_logs(self) -> tuple[str, ...]:
        """Logs in which samples of the books stand: one per matching shard."""
        return tuple(f"matching-{shard}" for shard in range(max(1, len(self.matching_addresses))))

    @model_validator(mode="after")
    def _check_volatile_ratio(self) -> Self:
        if 0 < self.volatile_ratio < 1:
            raise ValueError(f"volatile_ratio is {self.volatile_ratio}; 0 (never) or 1 and more is allowed")
        return self

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        if not self.sources:
            raise ValueError("sources name no instrument; at least one is needed")
        names = [(symbol, name) for symbol, name, _ in self.named_sources()]
        for symbol, name in names:
            if names.count((symbol, name)) > 1:
                raise ValueError(f"{symbol} has two sources named {name}")
        for symbol, sources in self.sources.items():
            if not any(isinstance(source, PushSource) or source.role == "index" for source in sources):
                raise ValueError(f"{symbol} has no source of its index")
            for kind in (SyntheticSource, PushSource):
                if sum(isinstance(source, kind) for source in sources) > 1:
                    raise ValueError(f"{symbol} has more than one source of kind {kind.__name__}")
        return self

    def named_sources(self) -> Iterator[tuple[str, str, FileSource | SyntheticSource]]:
        """Yield symbol, name and settings of every source that prices itself."""
        for symbol, sources in self.sources.items():
            for number, source in enumerate(sources, start=1):
                if not isinstance(source, PushSource):
                    yield symbol, source.name or f"{source.kind}-{number}", source

    def core(self, clock: VenueClock, terms: Mapping[str, Mapping[str, SourceTerms]]) -> OracleSettings:
        """Return what the core is told, wall floors applied.

        Args:
            clock: the venue's clock.
            terms: of the sources as built, by symbol and name; pushed ones have none.

        """
        limit_wall_ns = self.limit_wall_ms * MS
        push_limit_ns = clock.at_least_wall(self.source_limit_ms * MS, limit_wall_ns)
        return OracleSettings(
            sources={symbol: dict(terms.get(symbol, {})) for symbol in self.sources},
            push={
                symbol: SourceTerms(weight=source.weight, limit_ns=push_limit_ns)
                for symbol, listed in self.sources.items()
                for source in listed
                if isinstance(source, PushSource)
            },
            index=IndexTerms(
                aggregation=Aggregation[self.aggregation.upper()],
                outlier_ppm=int(self.outlier * PPM),
                min_sources=self.min_sources,
            ),
            validity=ValidityTerms(
                volatile_ratio_ppm=int(self.volatile_ratio * PPM), uncertain_ppm=int(self.uncertain * PPM)
            ),
            tolerances=Tolerances(funding=tolerated(self.funding_tolerates)),
            volatility_tau_ns=self.volatility_tau_ms * MS,
            publish_interval_ns=clock.at_least_wall(self.publish_interval_ms * MS, self.publish_wall_ms * MS),
            book_limit_ns=clock.at_least_wall(self.book_limit_ms * MS, limit_wall_ns),
            basis_tau_ns=self.basis_tau_ms * MS,
            book_tau_ns=self.book_tau_ms * MS,
            funding=FundingTerms(
                interest_e12=int(self.interest * ONE_E12),
                clamp_e12=None if self.interest_clamp is None else int(self.interest_clamp * ONE_E12),
                divisor=self.funding_divisor,
            ),
            premium_samples=self.premium_samples,
            max_lag_ns=clock.at_least_wall(self.max_lag_ms * MS, LAG_WALL_NS),
            max_faults=self.max_faults,
        )
