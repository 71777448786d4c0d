"""Events of the oracle's log (record kinds 300 to 399).

Where delivery differs between consumers there is one record per delivered value; `consumers` is the
set it is for. True values carry the bit TRUTH and are logged always, so that harm can be measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from wavetank.model.record import record


class ConsumerBit(IntFlag):
    """Who a delivered value is for."""

    TRUTH = 1
    CLEARING = 2
    MATCHING = 4
    BOTS = 8


EVERYBODY = int(ConsumerBit.TRUTH | ConsumerBit.CLEARING | ConsumerBit.MATCHING | ConsumerBit.BOTS)


@record(301, "16sqq")
@dataclass(frozen=True, slots=True)
class SourcePriced:
    """A source gave a price."""

    instrument_id: int
    account_id: int
    source: bytes
    price_micros: int
    """Micro-dollars per unit of the base asset."""
    price_time_ns: int


@record(302, "qqqqqiB")
@dataclass(frozen=True, slots=True)
class PricePublished:
    """Index and mark as delivered to some consumers (ORCL-010, ORCL-020, ORCL-040)."""

    instrument_id: int
    account_id: int
    index_price_ticks: int
    mark_price_ticks: int
    index_time_ns: int
    """Venue time the delivered index is of."""
    event_time_ns: int
    funding_rate_e12: int
    """Predicted for the running interval (FUND-020)."""
    consumers: int
    """`ConsumerBit`s."""
    stale: int


@record(303, "qqqqq")
@dataclass(frozen=True, slots=True)
class PremiumSampled:
    """A premium sample (FUND-010)."""

    instrument_id: int
    account_id: int
    premium_e12: int
    index_price_ticks: int
    impact_bid_e6: int
    impact_ask_e6: int
    sample_time_ns: int


@record(304, "qqqqqiiB")
@dataclass(frozen=True, slots=True)
class FundingTicked:
    """A funding interval ended (FUND-020); ticks count from 1 without gaps (FUND-030)."""

    instrument_id: int
    account_id: int
    tick: int
    funding_rate_e12: int
    """Paid for the interval on index notional, positive: longs pay; 0 when nothing is paid."""
    index_price_ticks: int
    premium_e12: int
    due_time_ns: int
    samples: int
    expected_samples: int
    is_paid: int
    """0 when fewer than half of the samples were there."""


@record(305, "qqqqqiBB")
@dataclass(frozen=True, slots=True)
class FaultBegan:
    """A fault began; one record per instrument it hits."""

    instrument_id: int
    account_id: int
    fault_id: int
    lag_ns: int
    magnitude_e12: int
    duration_ns: int
    start_time_ns: int
    consumers: int
    kind: int
    target: int


@record(306, "qB")
@dataclass(frozen=True, slots=True)
class FaultEnded:
    """A fault ended, by itself or by hand."""

    instrument_id: int
    account_id: int
    fault_id: int
    was_cleared: int
