"""Between the contract's messages and this SDK's values: the only module that knows both.

It holds the venue's instruments, for every price and size on the wire is an integer in the units of one of them.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from decimal import Decimal

from wavetank.client.errors import InstrumentUnknown, refusal_error
from wavetank.client.events import (
    BestBidOffer,
    BookDelta,
    BookOrder,
    BookSnapshot,
    DeadManMoved,
    Fill,
    InstrumentStatus,
    OrderAccepted,
    OrderActivated,
    OrderAmended,
    OrderCancelled,
    OrdersSnapshot,
    OrderTriggered,
    OrderUpdate,
    OrderUpdateKind,
    PriceLevel,
    Prices,
    PriceValidity,
    QueuePosition,
    Trade,
)
from wavetank.client.instrument import Instrument, InstrumentState, decimal_of, dollars, scaled
from wavetank.client.orders import (
    AmendOrder,
    CancelAllAfter,
    CancelAllOrders,
    CancelOrder,
    CancelReason,
    Command,
    CommandResult,
    GroupKind,
    MassQuote,
    Order,
    OrderCheck,
    OrderState,
    OrderType,
    PlaceGroup,
    PlaceOrder,
    RawCommand,
    SelfTradePrevention,
    Side,
    TimeInForce,
    Trigger,
    TriggerKind,
    TriggerSource,
)
from wavetank.v1 import instrument_pb2, market_data_pb2, oracle_pb2, order_entry_pb2

MarketMessageEvent = (
    BestBidOffer
    | BookSnapshot
    | BookDelta
    | Trade
    | Prices
    | OrdersSnapshot
    | OrderUpdate
    | InstrumentStatus
    | QueuePosition
)
OrderMessageEvent = (
    OrderAccepted | OrderAmended | OrderCancelled | OrderTriggered | OrderActivated | DeadManMoved | Fill
)


class Wire:
    """Translates, by the instruments that the directory lists."""

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self._by_symbol: dict[str, Instrument] = {}
        self._by_id: dict[int, Instrument] = {}
        self.learn(instruments)

    def learn(self, instruments: Iterable[Instrument]) -> None:
        """Take over instruments as the directory lists them now."""
        for instrument in instruments:
            self._by_symbol[instrument.symbol] = instrument
            self._by_id[instrument.instrument_id] = instrument

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Instruments by symbol."""
        return self._by_symbol

    def knows(self, instrument_id: int) -> bool:
        """Tell whether the directory listed this number when it was last asked; 0 stands for none."""
        return instrument_id == 0 or instrument_id in self._by_id

    def named(self, symbol: str) -> Instrument:
        """Return the instrument of a symbol.

        Raises:
            InstrumentUnknown: the venue lists no such symbol; the message names those it lists.
        """
        found = self._by_symbol.get(symbol)
        if found is None:
            raise InstrumentUnknown(f"the venue lists no {symbol!r}, only {', '.join(sorted(self._by_symbol))}")
        return found

    def numbered(self, instrument_id: int) -> Instrument:
        """Return the instrument of a number on the wire.

        Raises:
            InstrumentUnknown: the directory did not list it.
        """
        found = self._by_id.get(instrument_id)
        if found is None:
            raise InstrumentUnknown(f"the directory lists no instrument {instrument_id}")
        return found

    def symbol(self, instrument_id: int) -> str:
        """Return the symbol of a number on the wire, empty for 0."""
        return self.numbered(instrument_id).symbol if instrument_id else ""

    def numbers(self, symbols: Iterable[str]) -> list[int]:
        """Return the numbers of symbols."""
        return [self.named(symbol).instrument_id for symbol in symbols]

    # --- Orders ------------------------------------------------------------------------------------------------------

    def command(self, command: Command) -> order_entry_pb2.Command:
        """Return a command as the contract has it.

        Raises:
            WavetankError: the instrument is not listed, or a price or size is not exact in its units.
            TypeError: a number is a float.
        """
        match command:
            case PlaceOrder():
                return order_entry_pb2.Command(place=self.place(command))
            case AmendOrder():
                instrument = self.named(command.instrument)
                checked = not command.unchecked
                return order_entry_pb2.Command(
                    amend=order_entry_pb2.AmendOrder(
                        order_id=command.order_id,
                        client_order_id=command.client_order_id,
                        price_ticks=0
                        if command.price is None
                        else instrument.price_ticks(command.price, on_grid=checked),
                        size_lots=0 if command.size is None else instrument.size_lots(command.size, in_range=checked),
                        trigger_price_ticks=0
                        if command.trigger_price is None
                        else instrument.price_ticks(command.trigger_price, on_grid=checked),
                    )
                )
            case CancelOrder():
                return order_entry_pb2.Command(
                    cancel=order_entry_pb2.CancelOrder(
                        order_id=command.order_id, client_order_id=command.client_order_id
                    )
                )
            case CancelAllOrders():
                return order_entry_pb2.Command(
                    cancel_all=order_entry_pb2.CancelAllOrders(
                        instrument_id=self.named(command.instrument).instrument_id if command.instrument else 0,
                        side=instrument_pb2.SIDE_UNSPECIFIED if command.side is None else command.side.value,
                    )
                )
            case PlaceGroup():
                return order_entry_pb2.Command(
                    place_group=order_entry_pb2.PlaceGroup(
                        kind=command.kind.value,
                        orders=[
                            self.place(order, whole=command.kind is GroupKind.POSITION) for order in command.orders
                        ],
                    )
                )
            case MassQuote():
                return order_entry_pb2.Command(mass_quote=self._mass_quote(command))
            case CancelAllAfter():
                return order_entry_pb2.Command(
                    cancel_all_after=order_entry_pb2.CancelAllAfter(timeout_ms=command.timeout_ms)
                )
            case RawCommand():
                return command.message

    def place(self, command: PlaceOrder, *, whole: bool = False) -> order_entry_pb2.PlaceOrder:
        """Return an order as the contract has it; raises as `command`.

        Args:
            command: the order.
            whole: whether a size of 0 means the whole position (ORD-040).
        """
        instrument = self.named(command.instrument)
        checked = not command.unchecked
        market = command.price is None
        return order_entry_pb2.PlaceOrder(
            instrument_id=instrument.instrument_id,
            side=command.side.value,
            order_type=order_entry_pb2.ORDER_TYPE_MARKET if market else order_entry_pb2.ORDER_TYPE_LIMIT,
            price_ticks=0 if command.price is None else instrument.price_ticks(command.price, on_grid=checked),
            size_lots=instrument.size_lots(command.size, in_range=checked and not whole),
            time_in_force=order_entry_pb2.TIME_IN_FORCE_UNSPECIFIED if market else command.time_in_force.value,
            post_only=command.post_only,
            reduce_only=command.reduce_only,
            client_order_id=command.client_order_id,
            slippage_cap_ppm=0 if command.slippage_cap is None else _ppm(command.slippage_cap),
            post_only_slide=command.post_only_slide,
            display_lots=0
            if command.display_size is None
            else instrument.size_lots(command.display_size, in_range=checked),
            expire_time_ns=command.expire_time_ns,
            self_trade_prevention=command.self_trade_prevention.value,
            trigger=None
            if command.trigger is None
            else order_entry_pb2.Trigger(
                kind=command.trigger.kind.value,
                source=command.trigger.source.value,
                price_ticks=instrument.price_ticks(command.trigger.price, on_grid=checked),
            ),
        )

    def _mass_quote(self, command: MassQuote) -> order_entry_pb2.MassQuote:
        instrument = self.named(command.instrument)
        return order_entry_pb2.MassQuote(
            instrument_id=instrument.instrument_id,
            quotes=[
                order_entry_pb2.Quote(
                    side=quote.side.value,
                    price_ticks=instrument.price_ticks(quote.price),
                    size_lots=instrument.size_lots(quote.size),
                )
                for quote in command.quotes
            ],
            post_only_slide=command.post_only_slide,
        )

    def check(self, message: order_entry_pb2.CheckOrderResponse, symbol: str) -> OrderCheck:
        """Return what would become of an order."""
        instrument = self.named(symbol)
        return OrderCheck(
            refusal=refusal_error(message.refusal) if message.HasField("refusal") else None,
            price=_price(instrument, message.price_ticks),
            fill_size=instrument.size(message.fill_lots),
            fill_value=dollars(message.fill_value_micros),
            committed_before=dollars(message.committed_before_micros),
            committed_after=dollars(message.committed_after_micros),
            available=dollars(message.available_micros),
            seq=message.seq,
        )

    def result(
        self, message: order_entry_pb2.CommandResult, symbol: str, seq: int, *, provisional: bool = False
    ) -> CommandResult:
        """Return what became of a command; its sizes stay 0 if no symbol says in which units they are."""
        refusal = refusal_error(message.refusal) if message.HasField("refusal") else None
        lots = self.named(symbol) if symbol in self._by_symbol else None
        return CommandResult(
            refusal=refusal,
            order_id=message.order_id,
            client_order_id=bytes(message.client_order_id).rstrip(b"\0"),
            state=OrderState(message.state),
            filled_size=lots.size(message.filled_lots) if lots else Decimal(0),
            remaining_size=lots.size(message.remaining_lots) if lots else Decimal(0),
            filled_value=dollars(message.filled_value_micros),
            cancelled_orders=message.cancelled_orders,
            repeated_answer=message.repeated_answer,
            seq=seq,
            results=tuple(self.result(inner, symbol, seq, provisional=provisional) for inner in message.results),
            provisional=provisional,
        )

    def order(self, message: order_entry_pb2.Order) -> Order:
        """Return an order as the venue holds it."""
        instrument = self.numbered(message.instrument_id)
        return Order(
            order_id=message.order_id,
            client_order_id=bytes(message.client_order_id).rstrip(b"\0"),
            account_id=message.account_id,
            instrument=instrument.symbol,
            side=Side(message.side),
            order_type=OrderType(message.order_type),
            time_in_force=TimeInForce(message.time_in_force),
            post_only=message.post_only,
            reduce_only=message.reduce_only,
            price=instrument.price(message.price_ticks),
            remaining_size=instrument.size(message.remaining_lots),
            filled_size=instrument.size(message.filled_lots),
            filled_value=dollars(message.filled_value_micros),
            state=OrderState(message.state),
            cancel_reason=CancelReason(message.cancel_reason),
            accepted_time_ns=message.accepted_time_ns,
            post_only_slide=message.post_only_slide,
            display_size=instrument.size(message.display_lots) if message.display_lots else None,
            expire_time_ns=message.expire_time_ns,
            self_trade_prevention=SelfTradePrevention(message.self_trade_prevention),
            trigger=Trigger(
                kind=TriggerKind(message.trigger.kind),
                price=instrument.price(message.trigger.price_ticks),
                source=TriggerSource(message.trigger.source),
            )
            if message.HasField("trigger")
            else None,
            group_id=message.group_id,
            group_kind=GroupKind(message.group_kind),
            quote=message.quote,
            cancel_on_disconnect=message.cancel_on_disconnect,
            refusal_reason=message.refusal,
        )

    def order_event(self, message: order_entry_pb2.OrderEvent) -> OrderMessageEvent | None:
        """Return an own order event, or None for a kind that is newer than this SDK."""
        seq, time_ns = message.seq, message.event_time_ns
        match message.WhichOneof("event"):
            case "accepted":
                return OrderAccepted(seq=seq, event_time_ns=time_ns, order=self.order(message.accepted.order))
            case "amended":
                return OrderAmended(
                    seq=seq,
                    event_time_ns=time_ns,
                    order=self.order(message.amended.order),
                    kept_priority=message.amended.kept_priority,
                )
            case "cancelled":
                return OrderCancelled(seq=seq, event_time_ns=time_ns, order=self.order(message.cancelled.order))
            case "fill":
                return self._fill(message)
            case "triggered":
                order = self.order(message.triggered.order)
                seen = self.numbered(message.triggered.order.instrument_id).price(message.triggered.seen_price_ticks)
                return OrderTriggered(seq=seq, event_time_ns=time_ns, order=order, seen_price=seen)
            case "activated":
                return OrderActivated(seq=seq, event_time_ns=time_ns, order=self.order(message.activated.order))
            case "dead_man":
                return DeadManMoved(
                    seq=seq,
                    event_time_ns=time_ns,
                    deadline_ns=message.dead_man.deadline_ns,
                    fired=message.dead_man.fired,
                )
            case _:
                return None

    def _fill(self, message: order_entry_pb2.OrderEvent) -> Fill:
        fill = message.fill
        instrument = self.numbered(fill.instrument_id)
        return Fill(
            seq=message.seq,
            event_time_ns=message.event_time_ns,
            trade_id=fill.trade_id,
            order_id=fill.order_id,
            client_order_id=bytes(fill.client_order_id).rstrip(b"\0"),
            instrument=instrument.symbol,
            side=Side(fill.side),
            price=instrument.price(fill.price_ticks),
            size=instrument.size(fill.size_lots),
            fee=dollars(fill.fee_micros),
            maker=fill.maker,
            remaining_size=instrument.size(fill.remaining_lots),
            liquidation=fill.liquidation,
        )

    # --- Market data -------------------------------------------------------------------------------------------------

    def market_event(
        self, message: market_data_pb2.MarketUpdate, own: Container[int] = ()
    ) -> MarketMessageEvent | None:
        """Return an update of a subscription, or None for a kind that is newer than this SDK.

        Args:
            message: the update.
            own: ids of orders that are the key's own account's.
        """
        instrument = self.numbered(message.instrument_id)
        seq, time_ns, symbol = message.seq, message.event_time_ns, instrument.symbol
        match message.WhichOneof("update"):
            case "bbo":
                bbo = message.bbo
                return BestBidOffer(
                    seq=seq,
                    event_time_ns=time_ns,
                    instrument=symbol,
                    bid_price=instrument.price(bbo.bid_price_ticks) if bbo.bid_price_ticks else None,
                    bid_size=instrument.size(bbo.bid_size_lots),
                    ask_price=instrument.price(bbo.ask_price_ticks) if bbo.ask_price_ticks else None,
                    ask_size=instrument.size(bbo.ask_size_lots),
                )
            case "book_snapshot":
                snapshot = message.book_snapshot
                return self.book(snapshot, instrument, seq, time_ns, is_whole=not snapshot.more)
            case "book_delta":
                return BookDelta(
                    seq=seq,
                    event_time_ns=time_ns,
                    instrument=symbol,
                    bids=_levels(message.book_delta.bids, instrument),
                    asks=_levels(message.book_delta.asks, instrument),
                    previous_seq=message.book_delta.previous_seq,
                    checksum=message.book_delta.checksum,
                )
            case "trade":
                trade = message.trade
                return Trade(
                    seq=seq,
                    event_time_ns=time_ns,
                    instrument=symbol,
                    trade_id=trade.trade_id,
                    price=instrument.price(trade.price_ticks),
                    size=instrument.size(trade.size_lots),
                    aggressor=Side(trade.aggressor),
                    liquidation=trade.liquidation,
                    auction=trade.auction,
                )
            case "prices":
                return self.prices(message.prices, instrument, seq, time_ns)
            case "orders_snapshot":
                return OrdersSnapshot(
                    seq=seq,
                    event_time_ns=time_ns,
                    instrument=symbol,
                    orders=tuple(
                        BookOrder(
                            order_id=order.order_id,
                            side=Side(order.side),
                            price=instrument.price(order.price_ticks),
                            size=instrument.size(order.size_lots),
                            own=order.order_id in own,
                        )
                        for order in message.orders_snapshot.orders
                    ),
                )
            case "order_update":
                return self._order_update(message, instrument, own)
            case "status":
                status = message.status
                return InstrumentStatus(
                    seq=seq,
                    event_time_ns=time_ns,
                    instrument=symbol,
                    state=InstrumentState(status.state),
                    indicative_price=_price(instrument, status.indicative_price_ticks),
                    indicative_size=instrument.size(status.indicative_size_lots),
                    indicative_surplus=instrument.size(status.indicative_surplus_lots),
                )
            case "queue_position":
                position = message.queue_position
                return QueuePosition(
                    seq=seq,
                    event_time_ns=time_ns,
                    instrument=symbol,
                    order_id=position.order_id,
                    side=Side(position.side) if position.side else None,
                    price=instrument.price(position.price_ticks),
                    size_ahead=instrument.size(position.lots_ahead),
                    orders_ahead=position.orders_ahead,
                    has_left=position.has_left,
                )
            case _:
                return None

    def _order_update(
        self, message: market_data_pb2.MarketUpdate, instrument: Instrument, own: Container[int]
    ) -> OrderUpdate:
        update = message.order_update
        return OrderUpdate(
            seq=message.seq,
            event_time_ns=message.event_time_ns,
            instrument=instrument.symbol,
            kind=OrderUpdateKind(update.kind),
            order_id=update.order_id,
            side=Side(update.side),
            price=instrument.price(update.price_ticks),
            size=instrument.size(update.size_lots),
            executed_size=instrument.size(update.executed_lots),
            trade_id=update.trade_id,
            own=update.order_id in own,
        )

    def book(
        self,
        message: market_data_pb2.BookSnapshot,
        instrument: Instrument,
        seq: int,
        event_time_ns: int,
        *,
        is_whole: bool = False,
    ) -> BookSnapshot:
        """Return a book, or a part of it; a whole one has a checksum."""
        return BookSnapshot(
            seq=seq,
            event_time_ns=event_time_ns,
            instrument=instrument.symbol,
            bids=_levels(message.bids, instrument),
            asks=_levels(message.asks, instrument),
            checksum=message.checksum if is_whole else None,
        )

    def prices(
        self, message: market_data_pb2.InstrumentPrices, instrument: Instrument, seq: int, event_time_ns: int
    ) -> Prices:
        """Return the prices of market data."""
        return Prices(
            seq=seq,
            event_time_ns=event_time_ns,
            instrument=instrument.symbol,
            index=_price(instrument, message.index_price_ticks),
            mark=_price(instrument, message.mark_price_ticks),
            stale=message.stale,
            funding_rate=scaled(message.funding_rate_e12, -12),
            open_interest=instrument.size(message.open_interest_lots),
            last=_price(instrument, message.last_price_ticks),
            index_time_ns=message.index_time_ns,
        )

    def oracle_prices(self, message: oracle_pb2.SubscribePricesResponse) -> Prices:
        """Return prices as the oracle told them, which knows neither trades nor open interest."""
        instrument = self.numbered(message.instrument_id)
        return Prices(
            seq=message.seq,
            event_time_ns=message.event_time_ns,
            instrument=instrument.symbol,
            index=_price(instrument, message.index_price_ticks),
            mark=_price(instrument, message.mark_price_ticks),
            stale=message.stale,
            funding_rate=scaled(message.funding_rate_e12, -12),
            open_interest=None,
            last=None,
            index_time_ns=message.index_time_ns,
            validity=PriceValidity(message.validity),
            confidence=instrument.price(message.confidence_ticks),
        )


def _price(instrument: Instrument, ticks: int) -> Decimal | None:
    return instrument.price(ticks) if ticks else None


def _levels(levels: Iterable[market_data_pb2.PriceLevel], instrument: Instrument) -> tuple[PriceLevel, ...]:
    return tuple(
        PriceLevel(
            instrument.price(level.price_ticks),
            instrument.size(level.size_lots),
            level.orders,
            level.price_ticks,
            level.size_lots,
        )
        for level in levels
    )


def _ppm(share: Decimal | int | str) -> int:
    ppm = decimal_of(share, "a slippage cap").scaleb(6)
    if ppm != ppm.to_integral_value():
        raise ValueError(f"a slippage cap is a whole number of millionths, not {share}")
    return int(ppm)
