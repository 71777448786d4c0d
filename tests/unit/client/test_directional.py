"""The believer builds its position in steps, takes what credit carries, and holds."""

from decimal import Decimal

from tests.unit.client.scene import SECOND_NS, answered, bbo, fill, health, placed, started
from wavetank.client import CreditExceeded, HealthBand, OrderState, PlaceOrder, Side, Timer
from wavetank.client.strategies import Directional, DirectionalSettings

SETTINGS = DirectionalSettings(
    instrument="SOL", side=Side.BUY, target_notional=Decimal(2_500), order_notional=Decimal(1_000)
)


def believer() -> Directional:
    strategy = Directional(SETTINGS)
    strategy.on_event(started())
    strategy.on_event(bbo("99.99", "100"))
    return strategy


def next_order(strategy: Directional, second: int) -> PlaceOrder:
    return placed(strategy.on_event(Timer(event_time_ns=second * SECOND_NS)))[0]


def fill_whole(strategy: Directional, order: PlaceOrder) -> None:
    strategy.on_event(answered(order, state=OrderState.FILLED, filled=str(order.size)))
    strategy.on_event(fill(order, str(order.size), "0"))


def test_it_builds_up_to_its_target_and_holds() -> None:
    strategy = believer()
    sizes = []
    for second in (2, 3, 4):
        order = next_order(strategy, second)
        sizes.append(order.size)
        # 30 bps through 100.
        assert order.price == Decimal("100.30")
        fill_whole(strategy, order)
    # 1,000, 1,000 and the missing 500 dollars at 100.
    assert sizes == [Decimal(10), Decimal(10), Decimal(5)]
    assert strategy.on_event(Timer(event_time_ns=5 * SECOND_NS)) == []
    assert strategy.is_done
    assert strategy.position == 25


def test_one_order_at_a_time_and_not_too_often() -> None:
    strategy = believer()
    order = next_order(strategy, 2)
    assert strategy.on_event(Timer(event_time_ns=9 * SECOND_NS)) == []
    fill_whole(strategy, order)
    assert len(strategy.on_event(Timer(event_time_ns=9 * SECOND_NS))) == 1


def test_it_takes_what_credit_carries() -> None:
    strategy = believer()
    order = next_order(strategy, 2)
    strategy.on_event(answered(order, refusal=CreditExceeded("needs more")))
    assert next_order(strategy, 3).size == Decimal(5)


def test_it_stops_when_its_account_is_warned() -> None:
    strategy = believer()
    strategy.on_event(health(HealthBand.WARNED))
    assert strategy.on_event(Timer(event_time_ns=2 * SECOND_NS)) == []
