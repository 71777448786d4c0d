"""Commands, results and events keep their values on their way through the contract's messages."""

from decimal import Decimal

import pytest

from tests.unit.client.instruments import BTC, ETH, SOL
from wavetank.client import (
    AmendOrder,
    BestBidOffer,
    CancelAllAfter,
    CancelAllOrders,
    CancelOrder,
    DeadManMoved,
    FeeRatesChanged,
    Fill,
    FillBooked,
    GroupKind,
    InstrumentUnknown,
    LiquidationStage,
    LiquidationStepped,
    MassQuote,
    OrderActivated,
    OrderState,
    OrderTriggered,
    PlaceGroup,
    PlaceOrder,
    PriceOffGrid,
    Prices,
    Quote,
    RawCommand,
    SelfTradePrevention,
    Side,
    TimeInForce,
    Trigger,
    TriggerKind,
    TriggerPricePassed,
    TriggerSource,
)
from wavetank.client.account_events import account_event
from wavetank.client.orders import client_order_id
from wavetank.client.wire import Wire
from wavetank.v1 import account_pb2, market_data_pb2, order_entry_pb2, reason_pb2

WIRE = Wire([BTC, ETH, SOL])


def test_a_limit_order() -> None:
    message = WIRE.command(
        PlaceOrder(
            instrument="BTC",
            side=Side.SELL,
            size="0.5",
            price="64000",
            time_in_force=TimeInForce.GTC,
            post_only=True,
            reduce_only=True,
            client_order_id=b"mine",
        )
    ).place
    assert message == order_entry_pb2.PlaceOrder(
        instrument_id=1,
        side=2,  # type: ignore[arg-type]
        order_type=order_entry_pb2.ORDER_TYPE_LIMIT,
        price_ticks=640_000,
        size_lots=50_000,
        time_in_force=order_entry_pb2.TIME_IN_FORCE_GTC,
        post_only=True,
        reduce_only=True,
        client_order_id=b"mine",
    )


def test_a_market_order_has_neither_price_nor_time_in_force() -> None:
    message = WIRE.command(PlaceOrder(instrument="SOL", side=Side.BUY, size=1, slippage_cap="0.01")).place
    assert message.order_type == order_entry_pb2.ORDER_TYPE_MARKET
    assert message.price_ticks == 0
    assert message.time_in_force == order_entry_pb2.TIME_IN_FORCE_UNSPECIFIED
    # 1 % is 10,000 parts per million.
    assert message.slippage_cap_ppm == 10_000


def test_an_unchecked_order_lets_the_venue_refuse() -> None:
    command = PlaceOrder(instrument="BTC", side=Side.BUY, size=0, price="64000.5", unchecked=True)
    message = WIRE.command(command).place
    assert (message.price_ticks, message.size_lots) == (640_005, 0)
    with pytest.raises(PriceOffGrid):
        WIRE.command(PlaceOrder(instrument="BTC", side=Side.BUY, size=1, price="64000.5"))


def test_amend_cancel_and_cancel_all() -> None:
    amend = WIRE.command(AmendOrder(instrument="ETH", order_id=7, size="1.5")).amend
    assert (amend.order_id, amend.price_ticks, amend.size_lots) == (7, 0, 15_000)
    assert WIRE.command(CancelOrder(client_order_id=b"x")).cancel.client_order_id == b"x"
    cancel_all = WIRE.command(CancelAllOrders(instrument="SOL", side=Side.BUY)).cancel_all
    assert (cancel_all.instrument_id, cancel_all.side) == (3, 1)
    assert WIRE.command(CancelAllOrders()).cancel_all == order_entry_pb2.CancelAllOrders()


def test_a_raw_command_is_sent_as_it_is() -> None:
    raw = order_entry_pb2.Command(place=order_entry_pb2.PlaceOrder(instrument_id=99, size_lots=-5))
    assert WIRE.command(RawCommand(raw)) is raw


def test_an_unlisted_symbol_names_those_that_are() -> None:
    with pytest.raises(InstrumentUnknown, match="'DOGE', only BTC, ETH, SOL"):
        WIRE.command(PlaceOrder(instrument="DOGE", side=Side.BUY, size=1))


def test_a_result_reads_sizes_in_the_instruments_lots() -> None:
    message = order_entry_pb2.CommandResult(
        order_id=5,
        client_order_id=b"mine".ljust(16, b"\0"),
        state=order_entry_pb2.ORDER_STATE_OPEN,
        filled_lots=100,
        remaining_lots=300,
        filled_value_micros=15_025_000_000,
    )
    result = WIRE.result(message, "SOL", 77)
    assert result.accepted() is result
    assert [result.filled_size, result.remaining_size, result.filled_value] == [1, 3, 15_025]
    assert (result.client_order_id, result.state, result.seq) == (b"mine", OrderState.OPEN, 77)
    assert result.average_price == 15_025


def test_a_made_client_order_id_survives_padding() -> None:
    made = client_order_id(b"12345678", 256)
    assert len(made) == 16
    assert made.ljust(16, b"\0").rstrip(b"\0") == made


def test_a_fill() -> None:
    message = order_entry_pb2.OrderEvent(
        seq=9,
        event_time_ns=5,
        fill=order_entry_pb2.Fill(
            trade_id=1,
            order_id=2,
            instrument_id=3,
            side=1,  # type: ignore[arg-type]
            price_ticks=1_502_500,
            size_lots=10,
            fee_micros=-2_254,
            maker=True,
            remaining_lots=5,
        ),
    )
    assert WIRE.order_event(message) == Fill(
        seq=9,
        event_time_ns=5,
        trade_id=1,
        order_id=2,
        client_order_id=b"",
        instrument="SOL",
        side=Side.BUY,
        price=Decimal("150.25"),
        size=Decimal("0.1"),
        fee=Decimal("-0.002254"),
        maker=True,
        remaining_size=Decimal("0.05"),
        liquidation=False,
    )


def test_an_empty_side_of_the_best_bid_and_offer_is_none() -> None:
    message = market_data_pb2.MarketUpdate(
        seq=3, instrument_id=1, bbo=market_data_pb2.BestBidOffer(ask_price_ticks=640_010, ask_size_lots=7)
    )
    event = WIRE.market_event(message)
    assert isinstance(event, BestBidOffer)
    assert (event.bid_price, event.ask_price, event.ask_size, event.mid) == (
        None,
        Decimal(64_001),
        Decimal("0.00007"),
        None,
    )


def test_prices() -> None:
    message = market_data_pb2.MarketUpdate(
        instrument_id=2,
        prices=market_data_pb2.InstrumentPrices(
            index_price_ticks=234_567,
            mark_price_ticks=0,
            stale=True,
            funding_rate_e12=-125_000_000,
            open_interest_lots=1,
        ),
    )
    event = WIRE.market_event(message)
    assert isinstance(event, Prices)
    assert (event.index, event.mark, event.stale) == (Decimal("2345.67"), None, True)
    # -125,000,000 × 10^-12 is -1.25 basis points.
    assert event.funding_rate == Decimal("-0.000125")
    assert event.open_interest == Decimal("0.0001")


def test_account_events() -> None:
    first = account_pb2.StreamAccountEventsResponse(seq=4)
    assert account_event(first, WIRE) is None
    transfer = account_pb2.StreamAccountEventsResponse(
        seq=5, fill=account_pb2.BookedFill(instrument_id=1, delta_lots=-100_000, value_micros=-64_000_000_000)
    )
    booked = account_event(transfer, WIRE)
    assert isinstance(booked, FillBooked)
    assert [booked.delta_size, booked.value, booked.order_id] == [-1, -64_000, 0]
    step = account_pb2.StreamAccountEventsResponse(
        liquidation=account_pb2.LiquidationStepped(
            liquidation_id=1,
            stage=account_pb2.LIQUIDATION_STAGE_CANCEL,
            equity_micros=-1,
            maintenance_margin_micros=2_776_250_000,
            explanation="below maintenance",
        )
    )
    stepped = account_event(step, WIRE)
    assert isinstance(stepped, LiquidationStepped)
    assert stepped.stage is LiquidationStage.CANCEL
    assert [stepped.instrument, stepped.price, stepped.delta_size] == ["", None, 0]
    assert (stepped.equity, stepped.maintenance_margin) == (Decimal("-0.000001"), Decimal("2776.25"))
    rates = account_pb2.StreamAccountEventsResponse(
        seq=6, event_time_ns=7, fee_rates=account_pb2.FeeRatesChanged(maker_fee_ppm=-30, volume_micros=5_000_000)
    )
    # -30 ppm are -0.003 %; the taker's rate is the instrument's.
    assert account_event(rates, WIRE) == FeeRatesChanged(
        seq=6,
        event_time_ns=7,
        taker_fee=None,
        maker_fee=Decimal("-0.00003"),
        volume=Decimal(5),
        maker_volume=Decimal(0),
    )


STOP = Trigger(kind=TriggerKind.STOP, price="60000", source=TriggerSource.LAST)


def test_an_order_with_everything() -> None:
    message = WIRE.command(
        PlaceOrder(
            instrument="BTC",
            side=Side.SELL,
            size="0.5",
            price="59000",
            time_in_force=TimeInForce.GTT,
            post_only=True,
            post_only_slide=True,
            display_size="0.1",
            expire_time_ns=77,
            self_trade_prevention=SelfTradePrevention.EXPIRE_BOTH,
            trigger=STOP,
        )
    ).place
    assert (message.post_only_slide, message.display_lots, message.expire_time_ns) == (True, 10_000, 77)
    assert message.time_in_force == order_entry_pb2.TIME_IN_FORCE_GTT
    assert message.self_trade_prevention == order_entry_pb2.SELF_TRADE_PREVENTION_EXPIRE_BOTH
    assert message.trigger == order_entry_pb2.Trigger(
        kind=order_entry_pb2.TRIGGER_KIND_STOP, source=order_entry_pb2.TRIGGER_SOURCE_LAST, price_ticks=600_000
    )


def test_an_order_without_a_trigger_has_none() -> None:
    message = WIRE.command(PlaceOrder(instrument="BTC", side=Side.BUY, size="0.5", price="59000")).place
    assert not message.HasField("trigger")


def test_a_group_of_the_position_may_be_whole() -> None:
    order = PlaceOrder(instrument="BTC", side=Side.SELL, size=0, trigger=STOP)
    group = PlaceGroup(kind=GroupKind.POSITION, orders=(order,))
    assert group.instrument == "BTC"
    message = WIRE.command(group).place_group
    assert (message.kind, len(message.orders)) == (order_entry_pb2.GROUP_KIND_POSITION, 1)
    assert (message.orders[0].size_lots, message.orders[0].trigger.price_ticks) == (0, 600_000)


def test_a_mass_quote_and_the_dead_man_switch() -> None:
    quotes = (Quote(side=Side.BUY, price="64000", size="0.1"), Quote(side=Side.SELL, price="64100", size="0.2"))
    message = WIRE.command(MassQuote(instrument="BTC", quotes=quotes, post_only_slide=True)).mass_quote
    assert (message.instrument_id, message.post_only_slide) == (1, True)
    assert [(quote.side, quote.price_ticks, quote.size_lots) for quote in message.quotes] == [
        (1, 640_000, 10_000),
        (2, 641_000, 20_000),
    ]
    assert WIRE.command(CancelAllAfter(timeout_ms=5_000)).cancel_all_after.timeout_ms == 5_000


def test_results_inside_a_result() -> None:
    inner = order_entry_pb2.CommandResult(order_id=8, remaining_lots=50_000)
    message = order_entry_pb2.CommandResult(cancelled_orders=2, results=[inner])
    result = WIRE.result(message, "BTC", 9, provisional=True)
    assert (result.cancelled_orders, result.provisional, len(result.results)) == (2, True, 1)
    assert (result.results[0].order_id, result.results[0].remaining_size) == (8, Decimal("0.5"))
    assert result.results[0].provisional


def test_an_order_that_waits_and_what_befalls_it() -> None:
    order = order_entry_pb2.Order(
        order_id=7,
        instrument_id=1,
        side=2,  # type: ignore[arg-type]
        order_type=order_entry_pb2.ORDER_TYPE_MARKET,
        time_in_force=order_entry_pb2.TIME_IN_FORCE_IOC,
        state=order_entry_pb2.ORDER_STATE_UNTRIGGERED,
        trigger=order_entry_pb2.Trigger(
            kind=order_entry_pb2.TRIGGER_KIND_STOP, source=order_entry_pb2.TRIGGER_SOURCE_LAST, price_ticks=600_000
        ),
        group_id=6,
        group_kind=order_entry_pb2.GROUP_KIND_PARENT,
        cancel_on_disconnect=True,
        display_lots=10_000,
    )
    known = WIRE.order(order)
    assert known.trigger == Trigger(kind=TriggerKind.STOP, price=Decimal(60_000), source=TriggerSource.LAST)
    assert (known.group_id, known.group_kind, known.cancel_on_disconnect) == (6, GroupKind.PARENT, True)
    assert (known.state.is_live, known.display_size) == (True, Decimal("0.1"))
    fired = order_entry_pb2.OrderEvent(
        seq=5, triggered=order_entry_pb2.OrderTriggered(order=order, seen_price_ticks=599_990)
    )
    event = WIRE.order_event(fired)
    assert isinstance(event, OrderTriggered)
    assert event.seen_price == Decimal(59_999)
    activated = order_entry_pb2.OrderEvent(seq=6, activated=order_entry_pb2.OrderActivated(order=order))
    assert isinstance(WIRE.order_event(activated), OrderActivated)
    moved = order_entry_pb2.OrderEvent(seq=7, dead_man=order_entry_pb2.DeadManMoved(deadline_ns=9))
    assert WIRE.order_event(moved) == DeadManMoved(seq=7, event_time_ns=0, deadline_ns=9, fired=False)


def test_what_would_become_of_an_order() -> None:
    refusal = order_entry_pb2.Refusal(reason=reason_pb2.REASON_TRIGGER_PRICE_PASSED, message="too late")
    message = order_entry_pb2.CheckOrderResponse(
        refusal=refusal,
        fill_lots=50_000,
        fill_value_micros=1_500_000,
        committed_before_micros=1,
        committed_after_micros=2_000_000,
        available_micros=3_000_000,
        seq=4,
    )
    check = WIRE.check(message, "BTC")
    assert isinstance(check.refusal, TriggerPricePassed)
    assert (check.price, check.fill_size, check.fill_value) == (None, Decimal("0.5"), Decimal("1.5"))
    assert (check.committed_before, check.committed_after, check.available) == (
        Decimal("0.000001"),
        Decimal(2),
        Decimal(3),
    )
