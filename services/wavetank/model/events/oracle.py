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


@record(307, "qqqqqqq")
@dataclass(frozen=True, slots=True)
class BookTaken:
    """A sample of the shard's book was taken over, so that recovery needs no other log for it."""

    instrument_id: int
    account_id: int
    bid_price_ticks: int
    ask_price_ticks: int
    last_price_ticks: int
    impact_bid_e6: int
    impact_ask_e6: int
    sample_time_ns: int
    matching_seq: int
    """Seq of the sample in the shard's log."""


@record(308, "qqqqqqqqqqqq")
@dataclass(frozen=True, slots=True)
class MarkComputed:
    """A mark price was computed, from what and by which terms (ORCL-020); 0 is none.

    Prices named `_e6` are ticks times 10^6. The averages move on by this event alone.
    """

    instrument_id: int
    account_id: int
    event_time_ns: int
    mark_price_ticks: int
    index_e6: int
    bid_price_ticks: int
    ask_price_ticks: int
    last_price_ticks: int
    basis_term_e6: int
    """Index plus the average of mid minus index."""
    book_term_e6: int
    """Median of best bid, best ask and last."""
    perp_term_e6: int
    """Mid of the external perpetual."""
    book_average_e6: int
    """Average of the book term; takes part when there are two terms only."""
    basis_weight_ns: int
    """Weight of this sample in the average of mid minus index; 0 when it was not sampled."""
    book_weight_ns: int
    """The same for the average of the book term."""


@record(309, "16sqqB")
@dataclass(frozen=True, slots=True)
class SourceStateChanged:
    """A source went stale, or lives (again): from here on the index leaves it out, or counts it (ORCL-010)."""

    instrument_id: int
    account_id: int
    source: bytes
    price_time_ns: int
    """Venue time of its newest price."""
    event_time_ns: int
    is_live: int


@record(310, "16sqqqqB")
@dataclass(frozen=True, slots=True)
class InstrumentFollowed:
    """The oracle prices an instrument from here on, or took over changed parameters of it."""

    instrument_id: int
    account_id: int
    symbol: bytes
    funding_interval_ns: int
    funding_cap_e12: int
    next_funding_time_ns: int
    event_time_ns: int
    size_decimals: int
