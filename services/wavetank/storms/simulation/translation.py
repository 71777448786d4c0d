"""Between the SDK's words and the engine's records, without the wire between them.

It exists so that a strategy of the SDK runs here unchanged, at the price of a few function calls instead of a message
each way. Kept true: a command means here what it means to the shard, and an event says what a session would have told;
a test sends both ways side by side.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from wavetank.client import errors
from wavetank.client.events import (
    BestBidOffer,
    CommandAnswered,
    Fill,
    FillBooked,
    HealthBand,
    HealthBandChanged,
    OrderCancelled,
    Prices,
)
from wavetank.client.instrument import Instrument, MarginTier, dollars, scaled
from wavetank.client.orders import (
    AmendOrder,
    CancelAllOrders,
    CancelOrder,
    CancelReason,
    CommandResult,
    Order,
    OrderState,
    OrderType,
    PlaceOrder,
    SelfTradePrevention,
    Side,
    TimeInForce,
)
from wavetank.client.strategy import StrategyCommand
from wavetank.matching.core import commands as packed
from wavetank.matching.core.commands import CommandResult as Result
from wavetank.matching.core.queries import KnownOrder
from wavetank.model import instrument as listed
from wavetank.model.events import clearing as clearing_events
from wavetank.model.events import matching as matching_events
from wavetank.model.orders import OrderFlag
from wavetank.model.orders import OrderType as TypeNumber
from wavetank.model.orders import TimeInForce as TimeNumber
from wavetank.storms.agents.agent import Told, Top
from wavetank.storms.simulation.frozen import made

_NONE = Decimal(0)
# Plain numbers and tables: flags are slow to combine, and members of enumerations slow to find.
_LIQUIDATION = int(OrderFlag.LIQUIDATION)
_POST_ONLY, _REDUCE_ONLY = int(OrderFlag.POST_ONLY), int(OrderFlag.REDUCE_ONLY)
_POST_ONLY_SLIDE = int(OrderFlag.POST_ONLY_SLIDE)
_STATES = {int(state): state for state in OrderState}
_SIDES = {int(side): side for side in Side}
_OPPOSITES = {int(side): side.opposite for side in Side}


def sdk_instrument(instrument: listed.Instrument) -> Instrument:
    """Return an instrument as the directory would list it."""
    lots = -instrument.size_decimals
    return Instrument(
        instrument_id=instrument.instrument_id,
        symbol=instrument.symbol,
        size_decimals=instrument.size_decimals,
        significant_figures=instrument.significant_figures,
        margin_tiers=tuple(
            MarginTier(
                dollars(tier.lower_notional_micros),
                tier.max_leverage,
                scaled(tier.maintenance_ppm, -6) if tier.maintenance_ppm else None,
            )
            for tier in instrument.tiers
        ),
        taker_fee_rate=scaled(instrument.taker_fee_ppm, -6),
        maker_fee_rate=scaled(instrument.maker_fee_ppm, -6),
        min_notional=dollars(instrument.min_notional_micros),
        max_order_size=scaled(instrument.max_order_lots, lots),
        max_position_size=scaled(instrument.max_position_lots, lots),
        open_interest_cap=scaled(instrument.open_interest_cap_lots, lots),
        price_band=scaled(instrument.price_band_ppm, -6),
        impact_notional=dollars(instrument.impact_notional_micros),
        funding_interval_ns=instrument.funding_interval_ns,
    )


class Translator:
    """Translates for one venue."""

    def __init__(self, instruments: list[listed.Instrument]) -> None:
        """Know these instruments."""
        self.by_id = {each.instrument_id: sdk_instrument(each) for each in instruments}
        self.by_symbol = {each.symbol: each for each in self.by_id.values()}

    # Commands

    def packed(self, command: StrategyCommand, account_id: int) -> bytes:
        """Return a command as the engine takes it.

        Raises:
            WavetankError: a price or a size is not exact in its units, as a session would raise it.

        """
        match command:
            case AmendOrder():
                instrument = self.by_symbol[command.instrument]
                return packed.amend(
                    account_id=account_id,
                    order_id=command.order_id,
                    client_order_id=command.client_order_id,
                    price_ticks=0 if command.price is None else instrument.price_ticks(command.price),
                    size_lots=0 if command.size is None else instrument.size_lots(command.size),
                )
            case PlaceOrder():
                return self._place(command, account_id)
            case CancelOrder():
                return packed.cancel(
                    account_id=account_id, order_id=command.order_id, client_order_id=command.client_order_id
                )
            case CancelAllOrders():
                return packed.cancel_all(
                    account_id=account_id,
                    instrument_id=self.by_symbol[command.instrument].instrument_id if command.instrument else 0,
                    side=0 if command.side is None else command.side.value,
                )

    def _place(self, command: PlaceOrder, account_id: int) -> bytes:
        instrument = self.by_symbol[command.instrument]
        is_market = command.price is None
        flags = (
            _POST_ONLY * command.post_only
            | _REDUCE_ONLY * command.reduce_only
            | _POST_ONLY_SLIDE * command.post_only_slide
        )
        trigger = command.trigger
        return packed.place(
            account_id=account_id,
            instrument_id=instrument.instrument_id,
            side=command.side,
            size_lots=instrument.size_lots(command.size),
            price_ticks=0 if command.price is None else instrument.price_ticks(command.price),
            order_type=TypeNumber.MARKET if is_market else TypeNumber.LIMIT,
            time_in_force=TimeNumber.IOC if is_market else command.time_in_force,
            flags=flags,
            client_order_id=command.client_order_id,
            slippage_cap_ppm=0 if command.slippage_cap is None else int(scaled_ppm(command.slippage_cap)),
            self_trade_prevention=command.self_trade_prevention,
            display_lots=0 if command.display_size is None else instrument.size_lots(command.display_size),
            expire_time_ns=command.expire_time_ns,
            trigger_kind=0 if trigger is None else trigger.kind.value,
            trigger_source=0 if trigger is None else trigger.source.value,
            trigger_price_ticks=0 if trigger is None else instrument.price_ticks(trigger.price),
        )

    # Events

    def best_bid_offer(self, seq: int, now_ns: int, instrument_id: int, top: Top) -> BestBidOffer:
        """Return a top of book."""
        instrument = self.by_id[instrument_id]
        return made(
            BestBidOffer,
            seq=seq,
            event_time_ns=now_ns,
            instrument=instrument.symbol,
            bid_price=instrument.price(top.bid_price_ticks) if top.bid_price_ticks else None,
            bid_size=instrument.size(top.bid_size_lots),
            ask_price=instrument.price(top.ask_price_ticks) if top.ask_price_ticks else None,
            ask_size=instrument.size(top.ask_size_lots),
        )

    def prices(
        self, seq: int, now_ns: int, instrument_id: int, told: Told, *, last_ticks: int, open_interest_lots: int
    ) -> Prices:
        """Return prices as market data tells them."""
        instrument = self.by_id[instrument_id]
        return Prices(
            seq=seq,
            event_time_ns=now_ns,
            instrument=instrument.symbol,
            index=instrument.price(told.index_price_ticks),
            mark=instrument.price(told.mark_price_ticks),
            stale=told.is_stale,
            funding_rate=scaled(told.funding_rate_e12, -12),
            open_interest=instrument.size(open_interest_lots),
            last=instrument.price(last_ticks) if last_ticks else None,
            index_time_ns=told.index_time_ns,
        )

    def answered(
        self, command: StrategyCommand, result: Result, seq: int, *, sent_ns: int, answered_ns: int
    ) -> CommandAnswered:
        """Return the answer to a command."""
        instrument = self.by_symbol.get(command.instrument)
        refusal = None
        if result.reason:
            kind = errors.CLASS_OF_REASON.get(result.reason, errors.WavetankError)
            refusal = kind(f"refused: {kind.__name__}", code=result.reason, was=result.was, allowed=result.allowed)
        return made(
            CommandAnswered,
            event_time_ns=answered_ns,
            command=command,
            result=made(
                CommandResult,
                refusal=refusal,
                order_id=result.order_id,
                client_order_id=result.client_order_id,
                state=_STATES[result.state],
                filled_size=instrument.size(result.filled_lots) if instrument else _NONE,
                remaining_size=instrument.size(result.remaining_lots) if instrument else _NONE,
                filled_value=dollars(result.filled_value_micros),
                cancelled_orders=result.cancelled_orders,
                repeated_answer=result.repeated,
                seq=seq,
                results=(),
                provisional=False,
            ),
            sent_ns=sent_ns,
            answered_ns=answered_ns,
        )

    def fill(
        self, seq: int, now_ns: int, trade: matching_events.Traded, client_order_id: bytes, *, is_maker: bool
    ) -> Fill:
        """Return one side's view of a trade."""
        instrument = self.by_id[trade.instrument_id]
        return made(
            Fill,
            seq=seq,
            event_time_ns=now_ns,
            trade_id=trade.trade_id,
            order_id=trade.maker_order_id if is_maker else trade.taker_order_id,
            client_order_id=client_order_id,
            instrument=instrument.symbol,
            side=(_OPPOSITES if is_maker else _SIDES)[trade.taker_side],
            price=instrument.price(trade.price_ticks),
            size=instrument.size(trade.size_lots),
            fee=dollars(trade.maker_fee_micros if is_maker else trade.taker_fee_micros),
            maker=is_maker,
            remaining_size=instrument.size(trade.maker_remaining_lots if is_maker else trade.taker_remaining_lots),
            liquidation=bool(trade.taker_flags & _LIQUIDATION),
        )

    def cancelled(
        self, seq: int, now_ns: int, event: matching_events.OrderCancelled, known: KnownOrder | None
    ) -> OrderCancelled:
        """Return the end of an order; `known` is what the shard remembers of it, None if it had no client order id."""
        if known is None:
            known = KnownOrder(
                order_id=event.order_id,
                client_order_id=event.client_order_id,
                account_id=event.account_id,
                instrument_id=event.instrument_id,
                side=event.side,
                order_type=TypeNumber.LIMIT,
                time_in_force=TimeNumber.GTC,
                flags=event.flags,
                price_ticks=event.price_ticks,
                remaining_lots=event.remaining_lots,
                filled_lots=0,
                filled_value_micros=0,
                state=OrderState.CANCELLED,
                accepted_time_ns=0,
                cancel_reason=event.reason,
            )
        order = replace(self.order(known), refusal_reason=event.refusal)
        return OrderCancelled(seq=seq, event_time_ns=now_ns, order=order)

    def order(self, known: KnownOrder) -> Order:
        """Return an order as the shard knows it."""
        instrument = self.by_id[known.instrument_id]
        flags = known.flags
        return Order(
            order_id=known.order_id,
            client_order_id=known.client_order_id,
            account_id=known.account_id,
            instrument=instrument.symbol,
            side=Side(known.side),
            order_type=OrderType(known.order_type),
            time_in_force=TimeInForce(known.time_in_force),
            post_only=bool(flags & OrderFlag.POST_ONLY),
            reduce_only=bool(flags & OrderFlag.REDUCE_ONLY),
            price=instrument.price(known.price_ticks),
            remaining_size=instrument.size(known.remaining_lots),
            filled_size=instrument.size(known.filled_lots),
            filled_value=dollars(known.filled_value_micros),
            state=OrderState(known.state),
            cancel_reason=CancelReason(known.cancel_reason),
            accepted_time_ns=known.accepted_time_ns,
            post_only_slide=bool(flags & OrderFlag.POST_ONLY_SLIDE),
            display_size=instrument.size(known.display_lots) if known.display_lots else None,
            expire_time_ns=known.expire_time_ns,
            self_trade_prevention=SelfTradePrevention(known.self_trade_prevention),
            quote=bool(flags & OrderFlag.QUOTE),
            cancel_on_disconnect=bool(flags & OrderFlag.CANCEL_ON_DISCONNECT),
        )

    def transfer_booked(self, seq: int, now_ns: int, event: clearing_events.FillBooked) -> FillBooked:
        """Return what clearing booked past the session: a deleveraging, a backstop, a settlement."""
        instrument = self.by_id[event.instrument_id]
        return FillBooked(
            seq=seq,
            event_time_ns=now_ns,
            instrument=instrument.symbol,
            trade_id=0,
            order_id=0,
            delta_size=instrument.size(event.delta_lots),
            value=dollars(event.value_micros),
            fee=dollars(event.fee_micros),
            realised=dollars(event.realised_micros),
            maker=False,
            liquidation=True,
        )

    @staticmethod
    def health(seq: int, now_ns: int, event: clearing_events.HealthBandChanged) -> HealthBandChanged:
        """Return that an account came into another band."""
        return HealthBandChanged(
            seq=seq,
            event_time_ns=now_ns,
            previous=HealthBand(event.previous),
            current=HealthBand(event.current),
            equity=dollars(event.equity_micros),
            maintenance_margin=dollars(event.maintenance_margin_micros),
        )


def scaled_ppm(share: Decimal | int | str) -> Decimal:
    """Return a share in millionths."""
    return Decimal(share).scaleb(6)
