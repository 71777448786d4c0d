"""Events of a matching shard's log (record kinds 100 to 199).

`account_id` is the order's owner, in a trade the taker's. The state of a shard is what these events
leave behind: nothing else changes it.
"""

from __future__ import annotations

from wavetank.model.record import record


@record(101, "q16sqqqqqqqqiiiiBBBBBBBB")
class OrderAccepted:
    """An order passed every check; trades and a cancel of its rest may follow."""

    instrument_id: int
    account_id: int
    order_id: int
    client_order_id: bytes
    price_ticks: int
    size_lots: int
    loss_micros: int
    """Credit charged for filling at the limit, whole order (PROTOCOL R6)."""
    margin_price_ticks: int
    """Margin price that the charge was fixed at; with it the charge of what remains is known."""
    slippage_cap_ppm: int
    """As the market order asked; 0 took the instrument's band."""
    request_seq: int
    """For liquidation orders: the request's id (seq, number), else 0."""
    expire_time_ns: int
    """Venue time at which a GTT order ends, else 0."""
    group_id: int
    """Order id of its group's first order, or 0 (ORD-040)."""
    request_number: int
    asked_price_ticks: int
    """Limit as asked: 0 for a market order, another than `price_ticks` where a post-only order slid."""
    display_lots: int
    """Most that an iceberg shows at once, or 0."""
    trigger_price_ticks: int
    side: int
    order_type: int
    time_in_force: int
    flags: int
    self_trade_prevention: int
    trigger_kind: int
    """A `TriggerKind`; 0 for an order that runs at once."""
    trigger_source: int
    group_kind: int


@record(102, "q16sqqqqHBBBBB")
class OrderRejected:
    """A command was refused; nothing else changed."""

    instrument_id: int
    account_id: int
    order_id: int
    client_order_id: bytes
    price_ticks: int
    size_lots: int
    was: int
    allowed: int
    reason: int
    command: int
    side: int
    order_type: int
    time_in_force: int
    flags: int


@record(103, "qqqqqqqqqqBBB")
class Traded:
    """Two orders met, at the resting order's price (MTCH-010)."""

    instrument_id: int
    account_id: int
    """The taker's account."""
    trade_id: int
    maker_account_id: int
    maker_order_id: int
    taker_order_id: int
    price_ticks: int
    size_lots: int
    maker_fee_micros: int
    taker_fee_micros: int
    maker_remaining_lots: int
    taker_remaining_lots: int
    taker_side: int
    taker_flags: int
    auction: int
    """1 where an auction's one price was traded at; the taker is the newer order then (MTCH-050)."""


@record(104, "q16sqqBBBH")
class OrderCancelled:
    """An order, or its rest, left the book without trading; its terminal state."""

    instrument_id: int
    account_id: int
    order_id: int
    client_order_id: bytes
    price_ticks: int
    remaining_lots: int
    side: int
    reason: int
    """A `CancelReason`."""
    flags: int
    refusal: int
    """A `Reason`, where the order was refused only when it came to run; else 0."""


@record(105, "q16sqqqqqqqBB")
class OrderAmended:
    """A resting order changed; when priority was lost, trades may follow."""

    instrument_id: int
    account_id: int
    order_id: int
    client_order_id: bytes
    previous_price_ticks: int
    price_ticks: int
    previous_remaining_lots: int
    remaining_lots: int
    loss_micros: int
    """Credit charged for the remaining lots at the new limit."""
    margin_price_ticks: int
    """Margin price that the charge is fixed at."""
    trigger_price_ticks: int
    """Trigger price after the change, or 0."""
    side: int
    kept_priority: int


@record(106, "qqqqqi")
class PositionTransferred:
    """Lots moved between two accounts at a value, as clearing asked (PROTOCOL R1)."""

    instrument_id: int
    account_id: int
    """The giver, whose position shrank."""
    receiver_account_id: int
    giver_delta_lots: int
    giver_value_micros: int
    """Signed, positive for a buy; the receiver's is the opposite."""
    requested_delta_lots: int
    request_seq: int
    request_number: int


@record(107, "qqq")
class CreditApplied:
    """A line that asked for it was applied (PROTOCOL R8)."""

    instrument_id: int
    account_id: int
    line_epoch: int
    line_number: int
    committed_micros: int
    """What the account commits on this shard (PROTOCOL R6, W)."""


@record(108, "qqqiBH")
class RequestAnswered:
    """A request of clearing was carried out; the events before it say how."""

    instrument_id: int
    account_id: int
    request_seq: int
    done_lots: int
    """Lots filled or transferred, unsigned."""
    done_value_micros: int
    """Their value, unsigned."""
    request_number: int
    command: int
    reason: int
    """A `Reason` when nothing was done, else 0."""


@record(109, "qqqqqqqqqqq")
class BookSampled:
    """The book at a sampling time; what the oracle and clearing see of it."""

    instrument_id: int
    account_id: int
    bid_price_ticks: int
    bid_size_lots: int
    ask_price_ticks: int
    ask_size_lots: int
    last_price_ticks: int
    impact_bid_e6: int
    """Average price of selling the impact notional, ticks times 10^6; 0 if too thin (FUND-010)."""
    impact_ask_e6: int
    bid_depth_lots: int
    """Lots on the bid side inside the depth band around the mark."""
    ask_depth_lots: int
    open_interest_lots: int
    sample_time_ns: int


@record(110, "qqqqqB")
class MarkApplied:
    """A mark price was taken over from the oracle's log; also written by clearing."""

    instrument_id: int
    account_id: int
    mark_price_ticks: int
    index_price_ticks: int
    index_time_ns: int
    oracle_seq: int
    event_time_ns: int
    stale: int
    """What is wrong with it, a `Validity`; a shard says 1 of any price that it does not act by (ORCL-030)."""


@record(111, "B")
class GateMoved:
    """Clearing opened or closed the shard for new orders (LIQ-110)."""

    instrument_id: int
    account_id: int
    is_open: int


@record(112, "q16sqqqqqB")
class OrderTriggered:
    """An order's trigger fired, and it passed every check; trades and a cancel of its rest may follow."""

    instrument_id: int
    account_id: int
    order_id: int
    client_order_id: bytes
    price_ticks: int
    """Limit at which it runs: its own, slid, or a market order's cap."""
    size_lots: int
    """Lots that run: a reduce-only order is clipped to what it can close."""
    loss_micros: int
    """Credit charged for filling at the limit (PROTOCOL R6)."""
    margin_price_ticks: int
    seen_price_ticks: int
    """Price that fired it."""
    side: int


@record(113, "qBB")
class InstrumentMoved:
    """An instrument came into another state (MTCH-050); what that caused follows."""

    instrument_id: int
    account_id: int
    event_time_ns: int
    state: int
    """An `InstrumentState`."""
    previous_state: int


@record(114, "qB")
class DeadManMoved:
    """An account's dead-man switch was armed, renewed, disarmed, or fired (ORD-020)."""

    instrument_id: int
    account_id: int
    deadline_ns: int
    """Venue time at which it will fire; 0 when it is off."""
    fired: int
    """1 when it fired; the cancels follow."""


@record(115, "qqqq")
class AuctionUncrossed:
    """An auction found its price; its trades follow (MTCH-050)."""

    instrument_id: int
    account_id: int
    price_ticks: int
    matched_lots: int
    """Lots that can trade at the price."""
    surplus_lots: int
    """Buying less selling lots at the price; the nearer to 0 the better."""
    reference_price_ticks: int
    """What the remaining ties were broken by, or 0."""


@record(116, "q16sqB")
class OrderActivated:
    """The parent of an order has filled; the order waits for its trigger from now on (ORD-040)."""

    instrument_id: int
    account_id: int
    order_id: int
    client_order_id: bytes
    size_lots: int
    """Its size, at most what the parent filled."""
    side: int


@record(120, "qq")
class FeeRatesApplied:
    """An account's credit line brought other rates of its own; its open orders are charged by them from here on."""

    instrument_id: int
    account_id: int
    taker_fee_ppm: int
    """`NO_OWN_RATE_PPM` where the instrument's applies; else the lower of the two does (FEE-010)."""
    maker_fee_ppm: int


@record(121, "qqqB")
class OrderingChanged:
    """Waiting requests run in another order from here on (MTCH-060)."""

    instrument_id: int
    account_id: int
    block_interval_ns: int
    taker_delay_ns: int
    seed: int
    policy: int
    """Number of the policy in the contract."""


@record(122, "qqqqqqqiBB")
class VenueFaultBegan:
    """A venue fault was set; one event for each account that it names (MTCH-065)."""

    instrument_id: int
    account_id: int
    """Whom it hits; 0 for all clients."""
    fault_id: int
    delay_ns: int
    jitter_ns: int
    start_ns: int
    """Venue time from which it hits."""
    duration_ns: int
    ramp_ns: int
    seed: int
    probability_ppm: int
    kind: int
    """A `VenueFaultKind`."""
    jitter: int
    """A `Jitter`."""


@record(123, "q")
class VenueFaultEnded:
    """A venue fault was ended before its time."""

    instrument_id: int
    account_id: int
    fault_id: int
