"""How long a command took, stage by stage: in the bot, on the wire, and inside matching.

Kept true: the stages of the bot are of this machine's monotonic clock, exact for every command; those of matching come
from its histograms, so their percentiles are as fine as its buckets. All of it is wall time on a machine that runs
venue, bots and screen together: a figure of the demonstration, not of the venue alone (`wavetank bench wire`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import pairwise

from prometheus_client.parser import text_string_to_metric_families

from wavetank.client import LatencyRecord

MATCHING_STAGES = ("decode", "engine", "append", "publish")
_PAGE_SECONDS = 5.0
_NS_PER_US = 1_000.0
_US_PER_SECOND = 1e6

Buckets = dict[str, list[tuple[float, float]]]
"""By stage: upper bound in seconds and cumulative count, rising."""


@dataclass(frozen=True, slots=True)
class StageLatency:
    """One stage; microseconds of wall time."""

    stage: str
    where: str
    """`bot`, `matching` or `all`."""
    count: int
    p50_us: float
    p99_us: float
    longest_us: float | None
    """None where only a histogram is known."""


def percentile(ordered: Sequence[int], per_cent: int) -> int:
    """Return a percentile of rising values: the smallest that at least that share does not exceed."""
    assert ordered, "a percentile of nothing"
    rank = -(-len(ordered) * per_cent // 100)
    return ordered[max(rank, 1) - 1]


def bot_stages(records: Iterable[LatencyRecord]) -> list[StageLatency]:
    """Return the stages that bots measured, then the whole way of each kind of command."""
    kept = list(records)
    if not kept:
        return []
    stages = [
        _exact("decide: event to command", "bot", [record.decide_ns for record in kept]),
        _exact("send: command to transport", "bot", [record.send_ns for record in kept]),
        _exact("acknowledge: transport to answer", "all", [record.acknowledge_ns for record in kept]),
        _exact("whole: event to answer", "all", [_whole(record) for record in kept]),
    ]
    kinds = sorted({record.command for record in kept})
    return stages + [
        _exact(f"whole, {kind}", "all", [_whole(record) for record in kept if record.command == kind]) for kind in kinds
    ]


def _whole(record: LatencyRecord) -> int:
    return record.decide_ns + record.send_ns + record.acknowledge_ns


def _exact(stage: str, where: str, times_ns: Sequence[int]) -> StageLatency:
    ordered = sorted(times_ns)
    return StageLatency(
        stage,
        where,
        len(ordered),
        percentile(ordered, 50) / _NS_PER_US,
        percentile(ordered, 99) / _NS_PER_US,
        ordered[-1] / _NS_PER_US,
    )


def read_buckets(address: str) -> Buckets:
    """Return the histograms of matching's stages; empty when its metrics page does not answer."""
    if not address:
        return {}
    connection = HTTPConnection(address, timeout=_PAGE_SECONDS)
    try:
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
    except (OSError, HTTPException):
        return {}
    finally:
        connection.close()
    return parse_buckets(page)


def parse_buckets(page: str) -> Buckets:
    """Return the histograms of matching's stages on a metrics page."""
    buckets: Buckets = {}
    for family in text_string_to_metric_families(page):
        stage = family.name.removeprefix("wavetank_matching_").removesuffix("_seconds")
        if stage in MATCHING_STAGES:
            found = [
                (float(sample.labels["le"]), float(sample.value))
                for sample in family.samples
                if sample.name.endswith("_bucket")
            ]
            buckets[stage] = sorted(found)
    return buckets


def matching_stages(buckets: Buckets) -> list[StageLatency]:
    """Return matching's stages, percentiles read from histograms."""
    return [
        StageLatency(
            f"matching: {stage}",
            "matching",
            round(buckets[stage][-1][1]),
            quantile(buckets[stage], 0.50) * _US_PER_SECOND,
            quantile(buckets[stage], 0.99) * _US_PER_SECOND,
            None,
        )
        for stage in MATCHING_STAGES
        if buckets.get(stage) and buckets[stage][-1][1] > 0
    ]


def quantile(buckets: Sequence[tuple[float, float]], share: float) -> float:
    """Return a quantile of a cumulative histogram, a straight line within the bucket it falls into."""
    wanted = buckets[-1][1] * share
    for (lower, below), (upper, count) in pairwise([(0.0, 0.0), *buckets]):
        if count >= wanted and count > below:
            if upper == float("inf"):
                return lower
            return lower + (upper - lower) * (wanted - below) / (count - below)
    return buckets[-1][0]
