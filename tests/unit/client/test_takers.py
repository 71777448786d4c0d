"""The flow of takers is random by its seed alone, comes in clusters, and keeps within its limits."""

from decimal import Decimal

from tests.unit.client.scene import SECOND_NS, bbo, placed, prices, started
from wavetank.client import PlaceOrder, Side, TimeInForce, Timer
from wavetank.client.strategies import TakerFlow, TakerSettings

SETTINGS = TakerSettings(instrument="SOL", mean_size=Decimal(5), max_position=Decimal(1_000))
TICK_NS = 100_000_000


def flow(
    settings: TakerSettings, seed: int, *, index: str = "100", ticks: int = 3_000, position: str = "0"
) -> list[PlaceOrder]:
    takers = TakerFlow(settings, seed=seed)
    takers.on_event(started({"SOL": Decimal(position)}))
    takers.on_event(bbo("99.99", "100.01"))
    takers.on_event(prices(index))
    orders: list[PlaceOrder] = []
    for tick in range(1, ticks + 1):
        orders += placed(takers.on_event(Timer(event_time_ns=SECOND_NS + tick * TICK_NS)))
    return orders


def test_the_same_seed_gives_the_same_flow_and_another_another() -> None:
    assert flow(SETTINGS, 1) == flow(SETTINGS, 1)
    assert flow(SETTINGS, 1) != flow(SETTINGS, 2)


def test_arrivals_follow_the_rate() -> None:
    quiet = TakerSettings(instrument="SOL", mean_size=Decimal(5), max_position=Decimal(1_000), rate=2.0, excitation=0.0)
    # 300 s at 2 per second: 600 on average with a standard deviation of 24.5; five of them on either side.
    assert 477 <= len(flow(quiet, 7)) <= 723
    # Excitation of 0.5 doubles the rate.
    excited = TakerSettings(
        instrument="SOL", mean_size=Decimal(5), max_position=Decimal(10_000), rate=2.0, excitation=0.5
    )
    assert len(flow(excited, 7)) > 900


def test_orders_trade_at_once_or_not_at_all() -> None:
    orders = flow(SETTINGS, 3)
    assert {each.time_in_force for each in orders} == {TimeInForce.IOC}
    assert all(Decimal("0.01") <= Decimal(each.size) <= 50 for each in orders)
    # 20 bps through: 100.01 × 1.002 = 100.21002, down to 100.21; 99.99 × 0.998 = 99.79002, up to 99.791.
    assert {(each.side, each.price) for each in orders} == {
        (Side.BUY, Decimal("100.21")),
        (Side.SELL, Decimal("99.791")),
    }
    assert len({each.client_order_id for each in orders}) == len(orders)


def test_the_informed_trade_towards_the_index() -> None:
    # Everybody is informed and the index is 10 bps above the mid.
    settings = TakerSettings(
        instrument="SOL", mean_size=Decimal(5), max_position=Decimal(10_000), informed_share=1.0, momentum_share=0.0
    )
    assert {each.side for each in flow(settings, 4, index="100.1")} == {Side.BUY}
    assert {each.side for each in flow(settings, 4, index="99.9")} == {Side.SELL}


def test_at_its_limit_it_only_reduces() -> None:
    assert {each.side for each in flow(SETTINGS, 5, position="1000")} == {Side.SELL}


def test_without_a_book_nobody_comes() -> None:
    takers = TakerFlow(SETTINGS, seed=1)
    takers.on_event(started())
    assert takers.on_event(Timer(event_time_ns=10 * SECOND_NS)) == []


def test_a_flow_that_is_turned_goes_on_from_another_seed() -> None:
    def after_turning(seed: int | None) -> list[PlaceOrder]:
        takers = TakerFlow(SETTINGS, seed=1)
        takers.on_event(started({"SOL": Decimal(0)}))
        takers.on_event(bbo("99.99", "100.01"))
        orders: list[PlaceOrder] = []
        for tick in range(1, 601):
            if tick == 301 and seed is not None:
                takers.turn(seed)
            orders += placed(takers.on_event(Timer(event_time_ns=SECOND_NS + tick * TICK_NS)))
        return orders

    unturned, turned = after_turning(None), after_turning(2)
    assert turned == after_turning(2)
    assert turned != after_turning(3)
    # Half a minute at about one and a half per second, and nothing of it is touched.
    assert turned[:20] == unturned[:20]
    assert turned != unturned
