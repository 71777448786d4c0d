"""An agent behind the SDK: sees what events tell, wakes on timers, and speaks the SDK's commands."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.client.instruments import BTC, ETH, SOL
from tests.unit.client.scene import PREFIX, SECOND_NS, bbo, prices, started
from tests.unit.storms.agents.scripted_view import LISTED
from wavetank.client import (
    CancelAllOrders,
    CancelReason,
    Fill,
    FillBooked,
    OrderAccepted,
    OrderAmended,
    OrderCancelled,
    OrderState,
    OrderType,
    PlaceOrder,
    PositionsRead,
    Reconnected,
    StrategyEvent,
    Timer,
    Trade,
)
from wavetank.client import MarginTier as ClientMarginTier
from wavetank.client import Order as ClientOrder
from wavetank.client import Side as ClientSide
from wavetank.client import TimeInForce as ClientTimeInForce
from wavetank.model.margin import MarginTier
from wavetank.model.orders import OrderFlag, Side, TimeInForce
from wavetank.storms.agents.agent import CancelAll, Intent, Label, LiquidationSeen, Order, Told, Top, Turn, View
from wavetank.storms.agents.strategy import AgentStrategy, as_listed

SOL_ID = SOL.instrument_id


class Puppet:
    """An agent that wants what a test says, and remembers what it was shown."""

    label = Label.NOISE

    def __init__(self, *intents: Intent) -> None:
        self.intents: Sequence[Intent] = intents
        self.view: View | None = None
        self.woken_ns: list[int] = []
        self.pause_ns = SECOND_NS

    def wake(self, view: View) -> Turn:
        self.view = view
        self.woken_ns.append(view.now_ns)
        return Turn(self.intents, view.now_ns + self.pause_ns)

    @property
    def seen(self) -> View:
        assert self.view is not None
        return self.view


def shown(*events: StrategyEvent, positions: dict[str, Decimal] | None = None) -> View:
    """Return the view of an agent that wakes after these events."""
    puppet = Puppet()
    strategy = AgentStrategy(puppet)
    for event in (started(positions), *events, Timer(event_time_ns=SECOND_NS)):
        assert strategy.on_event(event) == []
    return puppet.seen


def order(order_id: int, side: ClientSide, remaining: str, state: OrderState = OrderState.OPEN) -> ClientOrder:
    return ClientOrder(
        order_id=order_id,
        client_order_id=b"",
        account_id=1000,
        instrument="SOL",
        side=side,
        order_type=OrderType.LIMIT,
        time_in_force=ClientTimeInForce.GTC,
        post_only=False,
        reduce_only=False,
        price=Decimal(99),
        remaining_size=Decimal(remaining),
        filled_size=Decimal(0),
        filled_value=Decimal(0),
        state=state,
        cancel_reason=CancelReason.NONE,
        accepted_time_ns=SECOND_NS,
    )


def accepted(order_id: int, side: ClientSide, remaining: str) -> OrderAccepted:
    return OrderAccepted(seq=1, event_time_ns=SECOND_NS, order=order(order_id, side, remaining))


def fill(order_id: int, side: ClientSide, size: str, remaining: str) -> Fill:
    return Fill(
        seq=2,
        event_time_ns=SECOND_NS,
        trade_id=1,
        order_id=order_id,
        client_order_id=b"",
        instrument="SOL",
        side=side,
        price=Decimal(99),
        size=Decimal(size),
        fee=Decimal(0),
        maker=True,
        remaining_size=Decimal(remaining),
        liquidation=False,
    )


def trade(price: str, size: str, *, liquidation: bool, time_ns: int = SECOND_NS) -> Trade:
    return Trade(
        seq=1,
        event_time_ns=time_ns,
        instrument="SOL",
        trade_id=1,
        price=Decimal(price),
        size=Decimal(size),
        aggressor=ClientSide.SELL,
        liquidation=liquidation,
    )


def test_the_book_is_in_ticks_and_lots() -> None:
    # A tick is $0.0001, a lot 0.01.
    view = shown(bbo("99.99", "100.01", sizes=("10", "2.5")), trade("100", "1", liquidation=False))
    assert view.top(SOL_ID) == Top(999_900, 1_000, 1_000_100, 250, 1_000_000)
    assert shown(bbo(None, "100.01", sizes=("0", "1"))).top(SOL_ID) == Top(0, 0, 1_000_100, 100, 0)
    assert shown().top(SOL_ID) == Top()


def test_a_new_book_keeps_the_last_trade() -> None:
    view = shown(trade("100", "1", liquidation=False), bbo("99.99", "100.01"))
    assert view.top(SOL_ID).last_price_ticks == 1_000_000


def test_prices_are_told_as_the_venue_tells_them() -> None:
    event = replace(prices("100.1234", funding_rate="-0.0000125", stale=True), mark=Decimal("99.5"), index_time_ns=77)
    assert shown(event).told(SOL_ID) == Told(1_001_234, 995_000, 77, -12_500_000, is_stale=True)
    assert shown(replace(event, index=None)).told(SOL_ID) == Told(0, 995_000, 77, -12_500_000, is_stale=True)
    assert shown().told(SOL_ID) is None


def test_positions_follow_fills_transfers_and_readings() -> None:
    taken = FillBooked(
        seq=1,
        event_time_ns=SECOND_NS,
        instrument="SOL",
        trade_id=0,
        order_id=0,
        delta_size=Decimal(-3),
        value=Decimal(0),
        fee=Decimal(0),
        realised=Decimal(0),
        maker=False,
        liquidation=False,
    )
    bought, sold = fill(1, ClientSide.BUY, "2", "0"), fill(1, ClientSide.SELL, "0.5", "0")
    start = {"SOL": Decimal("1.5")}
    assert shown(positions=start).position_lots(SOL_ID) == 150
    assert shown(bought, sold, positions=start).position_lots(SOL_ID) == 300
    # What a fill has told already is not counted again when clearing books it.
    assert shown(bought, taken, replace(taken, order_id=1), positions=start).position_lots(SOL_ID) == 50
    read = PositionsRead(event_time_ns=SECOND_NS, positions={"SOL": Decimal(-7)})
    assert shown(bought, read, positions=start).position_lots(SOL_ID) == -700
    assert shown(replace(read, positions={}), positions=start).position_lots(SOL_ID) == 0


def test_own_orders_rest_by_side_until_they_are_filled_or_cancelled() -> None:
    two = (accepted(1, ClientSide.BUY, "2"), accepted(2, ClientSide.BUY, "3"), accepted(3, ClientSide.SELL, "4"))
    assert shown(*two).resting_lots(SOL_ID, Side.BUY) == 500
    assert shown(*two).resting_lots(SOL_ID, Side.SELL) == 400
    assert shown(*two).resting_lots(BTC.instrument_id, Side.BUY) == 0
    assert shown(*two, fill(1, ClientSide.BUY, "0.5", "1.5")).resting_lots(SOL_ID, Side.BUY) == 450
    assert shown(*two, fill(1, ClientSide.BUY, "2", "0")).resting_lots(SOL_ID, Side.BUY) == 300
    amended = OrderAmended(seq=3, event_time_ns=SECOND_NS, order=order(2, ClientSide.BUY, "1"), kept_priority=True)
    assert shown(*two, amended).resting_lots(SOL_ID, Side.BUY) == 300
    gone = order(2, ClientSide.BUY, "3", OrderState.CANCELLED)
    cancelled = OrderCancelled(seq=3, event_time_ns=SECOND_NS, order=gone)
    assert shown(*two, cancelled).resting_lots(SOL_ID, Side.BUY) == 200
    filled = AgentStrategy(Puppet())
    for event in (started(), *two, fill(1, ClientSide.BUY, "2", "0")):
        filled.on_event(event)
    assert set(filled._view.resting) == {2, 3}, "what is filled is forgotten"
    # A fill of an order that never rested leaves nothing.
    assert shown(fill(9, ClientSide.BUY, "1", "1")).resting_lots(SOL_ID, Side.BUY) == 0


def test_orders_are_taken_over_as_the_venue_holds_them_after_a_return() -> None:
    two = (accepted(1, ClientSide.BUY, "2"), accepted(2, ClientSide.SELL, "3"))
    left = order(2, ClientSide.SELL, "1")
    whole = Reconnected(event_time_ns=SECOND_NS, stream="session", open_orders=(left,))
    view = shown(*two, whole)
    assert (view.resting_lots(SOL_ID, Side.BUY), view.resting_lots(SOL_ID, Side.SELL)) == (0, 100)
    # One shard of several knows nothing of the orders of others.
    ended = order(1, ClientSide.BUY, "2", OrderState.CANCELLED)
    part = replace(whole, stream="session of shard 1", open_orders=(), ended_orders=(ended,))
    view = shown(*two, part)
    assert (view.resting_lots(SOL_ID, Side.BUY), view.resting_lots(SOL_ID, Side.SELL)) == (0, 300)
    view = shown(*two, Reconnected(event_time_ns=SECOND_NS, stream="market data"))
    assert view.resting_lots(SOL_ID, Side.BUY) == 200


def test_liquidations_are_seen_in_the_trades() -> None:
    view = shown(trade("98", "1", liquidation=True, time_ns=5), trade("97", "2", liquidation=False, time_ns=6))
    assert view.last_liquidation(SOL_ID) == LiquidationSeen(5, Side.SELL, 980_000, 100)
    assert shown().last_liquidation(SOL_ID) is None


def test_what_only_the_runner_knows_it_tells() -> None:
    puppet = Puppet()
    strategy = AgentStrategy(puppet)
    assert strategy.agent is puppet
    strategy.on_event(started())
    strategy.foresee("SOL", Decimal("101.5"))
    strategy.foresee("DOGE", Decimal(1))
    strategy.tell_free_margin(Decimal("12.34"))
    strategy.on_event(Timer(event_time_ns=SECOND_NS))
    assert puppet.seen.foreseen_index_ticks(SOL_ID) == 1_015_000
    assert puppet.seen.foreseen_index_ticks(BTC.instrument_id) == 0
    assert puppet.seen.free_margin_micros() == 12_340_000
    strategy.foresee("SOL", None)
    assert puppet.seen.foreseen_index_ticks(SOL_ID) == 0


def test_events_of_other_instruments_are_passed_over() -> None:
    doge = (
        replace(bbo("1", "2"), instrument="DOGE"),
        replace(fill(1, ClientSide.BUY, "1", "0"), instrument="DOGE"),
        replace(accepted(4, ClientSide.BUY, "1"), order=replace(order(4, ClientSide.BUY, "1"), instrument="DOGE")),
    )
    view = shown(*doge)
    assert (view.position_lots(SOL_ID), view.resting_lots(SOL_ID, Side.BUY), view.top(SOL_ID)) == (0, 0, Top())


def test_it_wakes_on_timers_and_not_before_it_wanted_to() -> None:
    puppet = Puppet()
    strategy = AgentStrategy(puppet)
    assert strategy.on_event(Timer(event_time_ns=1)) == []
    assert puppet.woken_ns == []
    strategy.on_event(started())
    strategy.on_event(bbo("99", "101"))
    assert puppet.woken_ns == []
    for time_ns in (10, SECOND_NS + 9, SECOND_NS + 10, SECOND_NS + 5, 3 * SECOND_NS):
        strategy.on_event(Timer(event_time_ns=time_ns))
    # The clock of a venue that is reckoned anew may step back; an agent's does not.
    assert puppet.woken_ns == [10, SECOND_NS + 10, 3 * SECOND_NS]


def test_intents_become_commands() -> None:
    strategy = AgentStrategy(
        Puppet(
            CancelAll(SOL_ID, Side.SELL),
            CancelAll(BTC.instrument_id),
            Order(SOL_ID, Side.BUY, 150, 999_900, TimeInForce.GTC, OrderFlag.POST_ONLY),
            Order(SOL_ID, Side.SELL, 1, 1_000_100, TimeInForce.IOC, OrderFlag.REDUCE_ONLY),
        )
    )
    strategy.on_event(started())
    assert strategy.on_event(Timer(event_time_ns=SECOND_NS)) == [
        CancelAllOrders(instrument="SOL", side=ClientSide.SELL),
        CancelAllOrders(instrument="BTC"),
        PlaceOrder(
            instrument="SOL",
            side=ClientSide.BUY,
            size=Decimal("1.5"),
            price=Decimal("99.99"),
            time_in_force=ClientTimeInForce.GTC,
            post_only=True,
            client_order_id=PREFIX + bytes([0, 0, 0, 0, 0, 0, 1, 1]),
        ),
        PlaceOrder(
            instrument="SOL",
            side=ClientSide.SELL,
            size=Decimal("0.01"),
            price=Decimal("100.01"),
            time_in_force=ClientTimeInForce.IOC,
            reduce_only=True,
            client_order_id=PREFIX + bytes([0, 0, 0, 0, 0, 0, 2, 1]),
        ),
    ]


def test_an_instrument_of_the_sdk_is_the_one_that_is_listed() -> None:
    listed = replace(
        SOL,
        margin_tiers=(
            ClientMarginTier(Decimal(0), 20),
            ClientMarginTier(Decimal(70_000_000), 10, Decimal("0.06")),
        ),
        taker_fee_rate=Decimal("0.00045"),
        maker_fee_rate=Decimal("0.00015"),
        max_order_size=Decimal("21474836.47"),
        max_position_size=Decimal(2**38) / 100,
        open_interest_cap=Decimal(2**39) / 100,
        price_band=Decimal("0.1"),
        impact_notional=Decimal(6_000),
    )
    expected = replace(LISTED["SOL"], tiers=(MarginTier(0, 20), MarginTier(70_000_000 * 10**6, 10, 60_000)))
    assert as_listed(listed) == expected


@pytest.mark.parametrize("symbol", ["BTC", "ETH", "SOL"])
def test_the_view_names_the_instruments_of_the_venue(symbol: str) -> None:
    instrument = {"BTC": BTC, "ETH": ETH, "SOL": SOL}[symbol]
    assert shown().instrument(instrument.instrument_id).symbol == symbol
