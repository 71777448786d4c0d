"""Matching's settings, read once from `WAVETANK_MATCHING_…`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from wavetank.matching.core.ordering import Ordering, OrderingSettings
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.validity import Action, Doubt, Tolerances, tolerated
from wavetank.runtime.settings import ServiceSettings, environment

SECOND_NS = 1_000_000_000


class MatchingConfig(ServiceSettings):
    """What a shard is told beside what every service is told."""

    model_config = environment("matching")

    shard: Annotated[int, Field(ge=0, le=999)] = 0
    """Index of this shard; its log is `matching-<shard>`."""
    credit_ttl_ns: Annotated[int, Field(ge=1)] = 60 * SECOND_NS
    """Age at which a credit line is stale (PROTOCOL R11); never less than 5 seconds of wall time."""
    stale_after_ns: Annotated[int, Field(ge=1)] = 60 * SECOND_NS
    """Age of its index at which a mark is stale (ORCL-030); never less than 2 seconds of wall time."""
    max_open_orders: Annotated[int, Field(ge=1)] = 5_000
    remembered_client_ids: Annotated[int, Field(ge=0)] = 100_000
    depth_band_ppm: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    book_sample_interval_ns: Annotated[int, Field(ge=1)] = SECOND_NS // 2
    """Venue time between two samples of the books; never less than 100 milliseconds of wall time."""
    max_commands: Annotated[int, Field(ge=1, le=100_000)] = 1_000
    """Commands in one request."""
    commands_per_second: Annotated[int, Field(ge=1)] = 20_000
    """Commands that one account may send, per second of wall time."""
    commands_burst: Annotated[int, Field(ge=1)] = 40_000
    fill_tolerates: tuple[Doubt, ...] = ()
    """What may be wrong with a price by which orders that add risk are taken and triggers fire all the same, a JSON
    list: stale, too_uncertain, too_volatile, non_positive (ORCL-030)."""
    subscriber_backlog: Annotated[int, Field(ge=100)] = 20_000
    """Messages of market data that may wait for one subscriber before it is cut."""
    answer_timeout_ms: Annotated[int, Field(ge=10, le=60_000)] = 2_000
    """Wall time after which a caller is told that nothing was done, or that the outcome is unknown."""
    ordering: Ordering = Ordering.ARRIVAL
    """In which order waiting requests run (MTCH-060); all but `arrival` make them wait."""
    ordering_block_interval_ns: Annotated[int, Field(ge=1)] = SECOND_NS // 10
    """Venue time, of the policies that gather blocks; never less than a millisecond of wall time."""
    ordering_taker_delay_ns: Annotated[int, Field(ge=0)] = 3_000_000
    """Venue time that takers wait under `taker_delay`."""
    ordering_seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of `random`."""
    magic_client_ids: bool = False
    """Whether client order ids may ask for an outcome, such as `~reject:1` (MTCH-065); for tests of bots alone."""
    snapshot_every_events: Annotated[int, Field(ge=100)] = 1_000_000
    """Events between two snapshots, and so about how many a restart applies, which takes it a second or two. At full
    load five times as many snapshots would cost a tenth of what the shard can carry."""
    log_retention_s: Annotated[int, Field(ge=0)] = 0
    """Venue seconds for which the log is kept at least, before what no consumer needs is trimmed; 0 keeps all."""
    heartbeat_ms: Annotated[int, Field(ge=10, le=60_000)] = 1_000
    """Wall time between two heartbeats to clearing."""

    @property
    def log(self) -> str:
        """Name of this shard's log."""
        return f"matching-{self.shard}"

    def engine_settings(self) -> EngineSettings:
        """Return the engine's settings; the venue's speed lengthens what is a latency in disguise."""
        return EngineSettings(
            credit_ttl_ns=self.venue_clock().at_least_wall(self.credit_ttl_ns, 5 * SECOND_NS),
            stale_after_ns=self.tolerances().age_limit_ns(
                Action.FILL, self.venue_clock().at_least_wall(self.stale_after_ns, 2 * SECOND_NS)
            ),
            remembered_client_ids=self.remembered_client_ids,
            max_open_orders=self.max_open_orders,
            depth_band_ppm=self.depth_band_ppm,
        )

    def tolerances(self) -> Tolerances:
        """Return what the shard tolerates of prices; of these it decides about fills."""
        return Tolerances(fill=tolerated(self.fill_tolerates))

    def ordering_settings(self) -> OrderingSettings:
        """Return which ordering policy the shard follows; the venue's speed lengthens its blocks."""
        return OrderingSettings(
            policy=self.ordering,
            block_interval_ns=self.venue_clock().at_least_wall(self.ordering_block_interval_ns, SECOND_NS // 1_000),
            taker_delay_ns=self.ordering_taker_delay_ns,
            seed=self.ordering_seed,
        )

    def sample_interval_ns(self) -> int:
        """Return the venue time between two samples of the books."""
        return self.venue_clock().at_least_wall(self.book_sample_interval_ns, SECOND_NS // 10)
