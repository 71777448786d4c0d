"""Events of the oracle's log (record kinds 300 to 399; 301, 302 and 305 are retired).

Where delivery differs between consumers there is one record per delivered value; `consumers` is the
set it is for. True values carry the bit TRUTH and are logged always, so that harm can be measured.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from wavetank.model.record import record
from wavetank.model.validity import Validity


class ConsumerBit(IntFlag):
    """Who a delivered value is for."""

    TRUTH = 1
    CLEARING = 2
    MATCHING = 4
    BOTS = 8


EVERYBODY = int(ConsumerBit.TRUTH | ConsumerBit.CLEARING | ConsumerBit.MATCHING | ConsumerBit.BOTS)


class SourceStanding(IntEnum):
    """Whether the index counts a source."""

    STALE = 0
    """Its newest price is too old, or a fault has taken it away."""
    LIVE = 1
    OUTLIER = 2
    """It lives, but is too far from the others."""


@record(313, "16sqqq")
class SourcePriced:
    """A source gave a price."""

    instrument_id: int
    account_id: int
    source: bytes
    price_micros: int
    """Micro-dollars per unit of the base asset."""
    price_time_ns: int
    confidence_micros: int = 0
    """How far off it may be, as the source says; 0 says nothing."""


@record(311, "qqqqqiBq")
class PricePublished:
    """Index and mark as delivered to some consumers (ORCL-010 to ORCL-040)."""

    instrument_id: int
    account_id: int
    index_price_ticks: int
    """Zero or less where a fault makes it so; such a price is none."""
    mark_price_ticks: int
    index_time_ns: int
    """Venue time the delivered index is of."""
    event_time_ns: int
    funding_rate_e12: int
    """Predicted for the running interval (FUND-020)."""
    consumers: int
    """`ConsumerBit`s."""
    validity: int
    """A `Validity` (ORCL-030)."""
    confidence_ticks: int = 0
    """How far off the index may be."""

    @property
    def stale(self) -> bool:
        """Whether there is any doubt about the price; `validity` says which."""
        return self.validity != Validity.VALID


@record(303, "qqqqq")
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


@record(306, "qB")
class FaultEnded:
    """A fault ended, by itself or by hand."""

    instrument_id: int
    account_id: int
    fault_id: int
    was_cleared: int


@record(307, "qqqqqqq")
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
class SourceStateChanged:
    """A source went stale, lives (again), or is an outlier: from here on the index leaves it out, or counts it."""

    instrument_id: int
    account_id: int
    source: bytes
    price_time_ns: int
    """Venue time of its newest price."""
    event_time_ns: int
    standing: int
    """A `SourceStanding` (ORCL-010)."""

    @property
    def is_live(self) -> bool:
        """Whether the index counts the source."""
        return self.standing == SourceStanding.LIVE


@record(310, "16sqqqqB")
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


@record(312, "16sqqqqqqqqqqiBBBBbB")
class FaultSet:
    """A fault was set; one record per instrument it hits, and of a fault of sources one per source (ORCL-040)."""

    instrument_id: int
    account_id: int
    source: bytes
    """The source it hits; empty for a fault of delivery, or of funding."""
    fault_id: int
    lag_ns: int
    jitter_ns: int
    magnitude_e12: int
    price_micros: int
    """The price of a hardcode, the lower bound of a clamp."""
    upper_price_micros: int
    start_time_ns: int
    duration_ns: int
    """0 until cleared."""
    ramp_ns: int
    seed: int
    probability_ppm: int
    """Of each update; 1,000,000 is always."""
    consumers: int
    kind: int
    target: int
    distribution: int
    """Of a lag's jitter; 0 for none."""
    exponent: int
    is_delayed: int
    """It begins later, with a `FaultStarted`."""


@record(314, "qq")
class FaultStarted:
    """The time of a fault that was set for later has come."""

    instrument_id: int
    account_id: int
    fault_id: int
    start_time_ns: int


@record(315, "qqqqqqqqBB")
class PriceTold:
    """What would be delivered to everybody, before faults of delivery; written while an instrument has a fault.

    It differs from the truth by the faults of sources. What those leave of the averages behind a mark moves on by it.
    """

    instrument_id: int
    account_id: int
    index_price_ticks: int
    mark_price_ticks: int
    index_time_ns: int
    event_time_ns: int
    confidence_ticks: int
    index_e6: int
    """What the averages are sampled with: ticks times 10^6."""
    basis_weight_ns: int
    """Weight of this sample in the average of mid minus index; 0 when it was not sampled."""
    book_weight_ns: int
    """The same for the average of the book term."""
    is_stale: int
    validity: int
    """A `Validity`."""
