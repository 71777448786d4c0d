"""Sentences of the events of a matching shard's log."""

from wavetank.cli.amounts import show_dollars
from wavetank.cli.sentences.words import Speaker, Tellers, named, own_id, show_rate
from wavetank.cli.times import show_duration, show_instant
from wavetank.model.events.matching import (
    AuctionUncrossed,
    BookSampled,
    CreditApplied,
    DeadManMoved,
    FeeRatesApplied,
    GateMoved,
    InstrumentMoved,
    MarkApplied,
    OrderAccepted,
    OrderActivated,
    OrderAmended,
    OrderCancelled,
    OrderingChanged,
    OrderRejected,
    OrderTriggered,
    PositionTransferred,
    RequestAnswered,
    Traded,
    VenueFaultBegan,
    VenueFaultEnded,
)
from wavetank.model.orders import (
    CancelReason,
    CommandKind,
    GroupKind,
    InstrumentState,
    OrderFlag,
    OrderType,
    Side,
    TimeInForce,
    TriggerKind,
    TriggerSource,
)
from wavetank.model.reason import Reason
from wavetank.model.record import kind_of
from wavetank.model.venue_faults import Jitter, VenueFaultKind

TELLERS = Tellers()

ROUTINE_KINDS = frozenset(kind_of(cls) for cls in (BookSampled, MarkApplied, CreditApplied))


def _flag_words(flags: int) -> str:
    words = [
        (OrderFlag.POST_ONLY, "post-only"),
        (OrderFlag.POST_ONLY_SLIDE, "sliding"),
        (OrderFlag.REDUCE_ONLY, "reduce-only"),
        (OrderFlag.QUOTE, "quote"),
    ]
    return "".join(f" {word}" for flag, word in words if flags & flag)


def _wait_words(say: Speaker, event: OrderAccepted) -> str:
    """Return what an order shows, when it ends, and what it waits for."""
    number = event.instrument_id
    words = f", showing {say.size(number, event.display_lots)} at once" if event.display_lots else ""
    if event.expire_time_ns:
        words += f", until {show_instant(event.expire_time_ns)}"
    if event.trigger_kind:
        words += (
            f", once its {named(event.trigger_kind, TriggerKind)} at {say.price(number, event.trigger_price_ticks)} "
            f"is reached by the {named(event.trigger_source, TriggerSource)} price"
        )
    if event.group_kind:
        words += f", in the {named(event.group_kind, GroupKind)} group of order {event.group_id}"
    return words


@TELLERS.of(OrderAccepted)
def _accepted(say: Speaker, event: OrderAccepted) -> str:
    what = (
        f"{named(event.side, Side)} {say.size(event.instrument_id, event.size_lots)} {say.symbol(event.instrument_id)}"
    )
    price = say.price(event.instrument_id, event.price_ticks)
    kind = (
        f"at market, at worst {price}"
        if event.order_type == OrderType.MARKET
        else f"at {price} {named(event.time_in_force, TimeInForce).upper()}"
    )
    who = "liquidation order" if event.flags & OrderFlag.LIQUIDATION else "order"
    return (
        f"{who} {event.order_id}{own_id(event.client_order_id)} of {say.account(event.account_id)} accepted: "
        f"{what} {kind}{_flag_words(event.flags)}{_wait_words(say, event)}"
    )


@TELLERS.of(OrderRejected)
def _rejected(say: Speaker, event: OrderRejected) -> str:
    reason = named(event.reason, Reason)
    return (
        f"{named(event.command, CommandKind)} of "
        f"{say.account(event.account_id)}{own_id(event.client_order_id)} refused: "
        f"{reason} ({event.reason}); was {event.was}, allowed {event.allowed}"
    )


@TELLERS.of(Traded)
def _traded(say: Speaker, event: Traded) -> str:
    number = event.instrument_id
    verb = "bought" if event.taker_side == Side.BUY else "sold"
    how = ", a liquidation" if event.taker_flags & OrderFlag.LIQUIDATION else ""
    other = "from" if event.taker_side == Side.BUY else "to"
    return (
        f"trade {event.trade_id}: {say.account(event.account_id)} {verb} {say.size(number, event.size_lots)} "
        f"{say.symbol(number)} at {say.price(number, event.price_ticks)} {other} "
        f"{say.account(event.maker_account_id)}{how} "
        f"(taker order {event.taker_order_id}, maker order {event.maker_order_id})"
    )


@TELLERS.of(OrderCancelled)
def _cancelled(say: Speaker, event: OrderCancelled) -> str:
    why = {
        CancelReason.REQUESTED: "its owner asked",
        CancelReason.IMMEDIATE_REMAINDER: "nothing more to trade with at once",
        CancelReason.SELF_TRADE: "it would have traded with its own account",
        CancelReason.REDUCE_ONLY: "its position shrank",
        CancelReason.LIQUIDATION: "its account is being liquidated",
        CancelReason.DISCONNECTED: "its session ended",
        CancelReason.EXPIRED: "its time was up",
        CancelReason.DEAD_MAN: "the account's dead-man switch fired",
        CancelReason.GROUP: "another order of its group came first",
        CancelReason.PARENT: "its parent ended unfilled",
        CancelReason.TRIGGER_REFUSED: "refused when its trigger fired",
        CancelReason.REPLACED: "a mass quote replaced it",
        CancelReason.SETTLED: "its instrument was settled",
        CancelReason.OVERTAKEN: "earlier commands of its batch left no room",
    }.get(CancelReason(event.reason), "")
    if event.refusal:
        why += f" ({named(event.refusal, Reason)})"
    rest = say.size(event.instrument_id, event.remaining_lots)
    return (
        f"order {event.order_id}{own_id(event.client_order_id)} of {say.account(event.account_id)} cancelled "
        f"with {rest} "
        f"{say.symbol(event.instrument_id)} open: {why}"
    )


@TELLERS.of(OrderAmended)
def _amended(say: Speaker, event: OrderAmended) -> str:
    number = event.instrument_id
    return (
        f"order {event.order_id}{own_id(event.client_order_id)} of {say.account(event.account_id)} amended: "
        f"{say.size(number, event.previous_remaining_lots)} at {say.price(number, event.previous_price_ticks)} became "
        f"{say.size(number, event.remaining_lots)} at {say.price(number, event.price_ticks)} "
        f"{say.symbol(number)}, its place in "
        f"the queue {'kept' if event.kept_priority else 'lost'}"
    )


@TELLERS.of(PositionTransferred)
def _transferred(say: Speaker, event: PositionTransferred) -> str:
    number = event.instrument_id
    return (
        f"position moved: {say.account(event.account_id)} {say.change(number, event.giver_delta_lots)} "
        f"{say.symbol(number)} "
        f"for {show_dollars(abs(event.giver_value_micros))} with {say.account(event.receiver_account_id)}"
    )


@TELLERS.of(RequestAnswered)
def _answered(say: Speaker, event: RequestAnswered) -> str:
    done = (
        f"nothing done: {named(event.reason, Reason)}"
        if event.reason
        else f"{say.size(event.instrument_id, event.done_lots)} done for {show_dollars(event.done_value_micros)}"
    )
    what = f"{named(event.command, CommandKind)} {say.account(event.account_id)}"
    return f"clearing's request {event.request_seq} ({what}): {done}"


@TELLERS.of(BookSampled)
def _sampled(say: Speaker, event: BookSampled) -> str:
    number = event.instrument_id
    return (
        f"book of {say.symbol(number)}: {say.size(number, event.bid_size_lots)} @ "
        f"{say.price(number, event.bid_price_ticks)} / "
        f"{say.size(number, event.ask_size_lots)} @ {say.price(number, event.ask_price_ticks)}"
    )


@TELLERS.of(MarkApplied)
def _mark_applied(say: Speaker, event: MarkApplied) -> str:
    number = event.instrument_id
    stale = ", stale" if event.stale else ""
    return (
        f"mark of {say.symbol(number)} taken over: {say.price(number, event.mark_price_ticks)}, index "
        f"{say.price(number, event.index_price_ticks)} of {show_instant(event.index_time_ns)}{stale}"
    )


@TELLERS.of(CreditApplied)
def _credit_applied(say: Speaker, event: CreditApplied) -> str:
    return (
        f"credit line {event.line_epoch}.{event.line_number} of {say.account(event.account_id)} applied; it commits "
        f"{show_dollars(event.committed_micros)}"
    )


@TELLERS.of(FeeRatesApplied)
def _rates_applied(say: Speaker, event: FeeRatesApplied) -> str:
    return (
        f"{say.account(event.account_id)} pays {show_rate(event.taker_fee_ppm)} as taker and "
        f"{show_rate(event.maker_fee_ppm)} as maker from here on, or what the instrument says where that is less"
    )


@TELLERS.of(GateMoved)
def _gate_moved(_say: Speaker, event: GateMoved) -> str:
    return "matching takes new orders" if event.is_open else "matching takes no new orders until prices are fresh"


@TELLERS.of(OrderTriggered)
def _triggered(say: Speaker, event: OrderTriggered) -> str:
    number = event.instrument_id
    return (
        f"order {event.order_id}{own_id(event.client_order_id)} of {say.account(event.account_id)} fired at "
        f"{say.price(number, event.seen_price_ticks)}: {named(event.side, Side)} {say.size(number, event.size_lots)} "
        f"{say.symbol(number)} at {say.price(number, event.price_ticks)}"
    )


@TELLERS.of(OrderActivated)
def _activated(say: Speaker, event: OrderActivated) -> str:
    return (
        f"order {event.order_id}{own_id(event.client_order_id)} of {say.account(event.account_id)} waits for its "
        f"trigger from now on, with {say.size(event.instrument_id, event.size_lots)} {say.symbol(event.instrument_id)}"
    )


@TELLERS.of(InstrumentMoved)
def _moved(say: Speaker, event: InstrumentMoved) -> str:
    return (
        f"{say.symbol(event.instrument_id)} went from {named(event.previous_state, InstrumentState)} to "
        f"{named(event.state, InstrumentState)}"
    )


@TELLERS.of(DeadManMoved)
def _dead_man(say: Speaker, event: DeadManMoved) -> str:
    what = f"set to {show_instant(event.deadline_ns)}" if event.deadline_ns else "fired" if event.fired else "off"
    return f"dead-man switch of {say.account(event.account_id)}: {what}"


@TELLERS.of(AuctionUncrossed)
def _uncrossed(say: Speaker, event: AuctionUncrossed) -> str:
    number = event.instrument_id
    left = "buying" if event.surplus_lots > 0 else "selling"
    return (
        f"auction of {say.symbol(number)}: {say.size(number, event.matched_lots)} at "
        f"{say.price(number, event.price_ticks)}, {say.size(number, event.surplus_lots)} {left} left over"
    )


_POLICIES = ("", "by arrival", "cancels first", "takers wait", "at random", "takers first, cancels last")


@TELLERS.of(OrderingChanged)
def _ordered(_say: Speaker, event: OrderingChanged) -> str:
    length = f", in blocks of {show_duration(event.block_interval_ns)}" if event.policy in {2, 4, 5} else ""
    wait = f" {show_duration(event.taker_delay_ns)}" if event.policy == 3 else ""  # noqa: PLR2004 - TAKER_DELAY.
    return f"requests run {named(event.policy, _POLICIES)}{wait}{length} from here on"


@TELLERS.of(VenueFaultBegan)
def _venue_fault_began(say: Speaker, event: VenueFaultBegan) -> str:
    whom = say.account(event.account_id) if event.account_id else "all clients"
    late = f" by {show_duration(event.delay_ns)}" if event.delay_ns else ""
    if event.jitter_ns:
        late += f" and {named(event.jitter, Jitter)} jitter of {show_duration(event.jitter_ns)}"
    chance = f", {event.probability_ppm / 10_000:g} % of the time" if event.probability_ppm < 1_000_000 else ""  # noqa: PLR2004
    length = f" for {show_duration(event.duration_ns)}" if event.duration_ns else ""
    return (
        f"venue fault {event.fault_id}: {named(event.kind, VenueFaultKind)}{late} for {whom}{chance}, "
        f"from {show_instant(event.start_ns)}{length}"
    )


@TELLERS.of(VenueFaultEnded)
def _venue_fault_ended(_say: Speaker, event: VenueFaultEnded) -> str:
    return f"venue fault {event.fault_id} was cleared by hand"
