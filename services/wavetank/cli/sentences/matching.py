"""Sentences of the events of a matching shard's log."""

from wavetank.cli.amounts import show_dollars
from wavetank.cli.sentences.words import Speaker, Tellers, named, own_id
from wavetank.cli.times import show_instant
from wavetank.model.events.matching import (
    BookSampled,
    CreditApplied,
    GateMoved,
    MarkApplied,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderRejected,
    PositionTransferred,
    RequestAnswered,
    Traded,
)
from wavetank.model.orders import CancelReason, CommandKind, OrderFlag, OrderType, Side, TimeInForce
from wavetank.model.reason import Reason
from wavetank.model.record import kind_of

TELLERS = Tellers()

ROUTINE_KINDS = frozenset(kind_of(cls) for cls in (BookSampled, MarkApplied, CreditApplied))


def _flag_words(flags: int) -> str:
    words = [(OrderFlag.POST_ONLY, "post-only"), (OrderFlag.REDUCE_ONLY, "reduce-only")]
    return "".join(f" {word}" for flag, word in words if flags & flag)


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
        f"{what} {kind}{_flag_words(event.flags)}"
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
    }.get(CancelReason(event.reason), "")
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


@TELLERS.of(GateMoved)
def _gate_moved(_say: Speaker, event: GateMoved) -> str:
    return "matching takes new orders" if event.is_open else "matching takes no new orders until prices are fresh"
