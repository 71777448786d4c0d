"""What a runner records of a strategy's life, so that a report can say why money was made or lost.

Latencies are of this machine's monotonic clock, everything else is in venue time. Records are plain values; what they
mean (markouts, spread captured, picked off or hit) is worked out later from them and the price samples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from wavetank.client.orders import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRecord:
    """One own fill, with what the bot saw when it learned of it.

    Attributes:
        event_time_ns: venue time of the trade.
        instrument: symbol.
        side: own side.
        price: dollars.
        size: units of the base asset.
        fee: dollars paid; negative is a rebate.
        maker: whether the own order was resting.
        liquidation: whether the taker was a liquidation order.
        trade_id: the trade.
        order_id: own order.
        mid: middle of the last seen best bid and offer before the fill, None without one.
        index: last seen index price.
        mark: last seen mark price.
        stale: whether the prices were stale.
        position: signed size after the fill.
    """

    event_time_ns: int
    instrument: str
    side: Side
    price: Decimal
    size: Decimal
    fee: Decimal
    maker: bool
    liquidation: bool
    trade_id: int
    order_id: int
    mid: Decimal | None
    index: Decimal | None
    mark: Decimal | None
    stale: bool
    position: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRecord:
    """One command's way, in nanoseconds of wall time.

    Attributes:
        event_time_ns: venue time of the answer.
        instrument: symbol, or empty.
        command: `place`, `amend`, `cancel` or `cancel_all`.
        decide_ns: from the event's arrival at the runner to the strategy's decision.
        send_ns: from the decision until the transport had taken the request.
        acknowledge_ns: from then to the answer.
        reason: name of the reason of a refusal, empty if the command was accepted.
    """

    event_time_ns: int
    instrument: str
    command: str
    decide_ns: int
    send_ns: int
    acknowledge_ns: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSample:
    """What the bot saw of an instrument at one moment; prices in dollars, None if not known."""

    event_time_ns: int
    instrument: str
    mid: Decimal | None
    index: Decimal | None
    mark: Decimal | None
    funding_rate: Decimal
    stale: bool


class Telemetry(Protocol):
    """Whoever wants to know."""

    def on_fill(self, record: FillRecord) -> None:
        """Take note of an own fill."""
        ...

    def on_latency(self, record: LatencyRecord) -> None:
        """Take note of a command's way."""
        ...

    def on_prices(self, sample: PriceSample) -> None:
        """Take note of prices seen."""
        ...


@dataclass(slots=True)
class Recorder:
    """Keeps everything in lists, prices at most once in `sample_interval_ns` of venue time for each instrument."""

    sample_interval_ns: int = 100_000_000
    fills: list[FillRecord] = field(default_factory=list[FillRecord])
    latencies: list[LatencyRecord] = field(default_factory=list[LatencyRecord])
    samples: list[PriceSample] = field(default_factory=list[PriceSample])
    _next_sample_ns: dict[str, int] = field(default_factory=dict[str, int])

    def on_fill(self, record: FillRecord) -> None:
        """Keep a fill."""
        self.fills.append(record)

    def on_latency(self, record: LatencyRecord) -> None:
        """Keep a latency."""
        self.latencies.append(record)

    def on_prices(self, sample: PriceSample) -> None:
        """Keep a sample, if the last one is old enough."""
        if sample.event_time_ns >= self._next_sample_ns.get(sample.instrument, 0):
            self._next_sample_ns[sample.instrument] = sample.event_time_ns + self.sample_interval_ns
            self.samples.append(sample)
