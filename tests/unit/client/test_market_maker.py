"""The market maker leans against its inventory and against funding, and gets out of the way of a burst.

All prices here are of SOL around 100 USD: a tick is 0.0001, the grid step 0.01 from 100 on and 0.001 below.
"""

from decimal import Decimal

import pytest

from tests.unit.client.scene import (
    SECOND_NS,
    accept,
    answered,
    bbo,
    fill,
    health,
    placed,
    prices,
    started,
)
from wavetank.client import (
    AmendOrder,
    CancelOrder,
    FillBooked,
    HealthBand,
    PlaceOrder,
    PostOnlyWouldCross,
    Side,
    StrategyCommand,
    StrategyEvent,
    Timer,
)
from wavetank.client.strategies import MarketMaker, MarketMakerSettings

SETTINGS = MarketMakerSettings(
    instrument="SOL",
    size=Decimal(10),
    max_position=Decimal(100),
    levels=2,
    half_spread_bps=5.0,
    level_spacing_bps=5.0,
    level_size_factor=2.0,
    index_weight=1.0,
    inventory_skew_bps=10.0,
    funding_weight=1.0,
    asymmetry=1.0,
    requote_interval_ns=0,
)


def quoting(
    position: str = "0", funding_rate: str = "0", settings: MarketMakerSettings = SETTINGS
) -> tuple[MarketMaker, list[StrategyCommand]]:
    maker = MarketMaker(settings)
    assert maker.on_event(started({"SOL": Decimal(position)})) == []
    return maker, list(maker.on_event(prices("100", funding_rate=funding_rate)))


def test_flat_it_quotes_both_sides_alike() -> None:
    _, commands = quoting()
    # 100 ± 5 bps = 99.95 and 100.05; the second level 5 bps further, twice the size.
    assert [(each.side, each.price, each.size, each.post_only) for each in placed(commands)] == [
        (Side.BUY, Decimal("99.95"), Decimal(10), True),
        (Side.BUY, Decimal("99.9"), Decimal(20), True),
        (Side.SELL, Decimal("100.05"), Decimal(10), True),
        (Side.SELL, Decimal("100.1"), Decimal(20), True),
    ]


def test_long_it_lowers_its_price() -> None:
    maker, commands = quoting(position="50")
    # Half of the largest position moves it by half of 10 bps: 100 × (1 - 0.0005) = 99.95.
    assert maker.reservation_price() == pytest.approx(99.95)
    # 99.95 × (1 - 0.0005) = 99.900025, down to 99.900; 99.95 × 1.0005 = 99.999975, up to 100.
    assert placed(commands, Side.BUY)[0].price == Decimal("99.900")
    assert placed(commands, Side.SELL)[0].price == Decimal("100.000")


def test_short_it_raises_its_price() -> None:
    maker, _ = quoting(position="-50")
    assert maker.reservation_price() == pytest.approx(100.05)


def test_the_skew_falls_with_inventory_and_never_rises() -> None:
    ladder = [quoting(position=str(position))[0].reservation_price() or 0.0 for position in range(-120, 121, 20)]
    assert ladder == sorted(ladder, reverse=True)
    # Beyond the largest position the skew stays at 10 bps.
    assert ladder[0] == ladder[1] == pytest.approx(100.1)


def test_funding_that_longs_pay_lowers_its_price() -> None:
    # +2 bps of predicted funding: 100 × (1 - 0.0002).
    assert quoting(funding_rate="0.0002")[0].reservation_price() == pytest.approx(99.98)
    assert quoting(funding_rate="-0.0002")[0].reservation_price() == pytest.approx(100.02)
    # A rate of 4 % is capped at 10 bps.
    assert quoting(funding_rate="0.04")[0].reservation_price() == pytest.approx(99.9)


def test_the_side_that_adds_is_smaller() -> None:
    _, commands = quoting(position="50")
    # Half full: bids shrink to 10 × (1 - 0.5) = 5 and 10; asks stay.
    assert [each.size for each in placed(commands, Side.BUY)] == [Decimal(5), Decimal(10)]
    assert [each.size for each in placed(commands, Side.SELL)] == [Decimal(10), Decimal(20)]


def test_at_its_limit_it_no_longer_adds() -> None:
    _, commands = quoting(position="100")
    assert placed(commands, Side.BUY) == []
    assert len(placed(commands, Side.SELL)) == 2


def test_its_quotes_together_never_exceed_the_limit() -> None:
    settings = MarketMakerSettings(
        instrument="SOL", size=Decimal(40), max_position=Decimal(100), levels=3, asymmetry=0.0, level_size_factor=1.0
    )
    _, commands = quoting(position="30", settings=settings)
    # Room for 100 - 30 = 70: 40 and 30, nothing for the third level.
    assert [each.size for each in placed(commands, Side.BUY)] == [Decimal(40), Decimal(30)]


def test_a_fill_moves_price_and_sizes() -> None:
    maker, commands = quoting()
    for event in accept(commands):
        maker.on_event(event)
    inner_bid, outer_bid = placed(commands, Side.BUY)
    moved = maker.on_event(fill(inner_bid, "10", "0"))
    assert maker.position == 10
    # A tenth full: reservation 100 × (1 - 0.0001) = 99.99, bids shrink to nine tenths, 9 and 18.
    # Inner bid anew: 99.99 × 0.9995 = 99.940005; outer bid amended from 20 at 99.9: 99.89001.
    new_bid = placed(moved)[0]
    assert (new_bid.side, new_bid.price, new_bid.size) == (Side.BUY, Decimal("99.940"), Decimal(9))
    amended = {each.client_order_id: each for each in moved if isinstance(each, AmendOrder)}
    assert amended[outer_bid.client_order_id].price == Decimal("99.890")
    assert amended[outer_bid.client_order_id].size == Decimal(18)


def test_a_move_below_the_threshold_is_not_worth_a_message() -> None:
    maker, commands = quoting()
    for event in accept(commands):
        maker.on_event(event)
    # -0.2 bps: bids would move from 99.95 to 99.948, which is less than the threshold of 0.75 bps; the
    # others not at all.
    assert maker.on_event(prices("99.998", time_ns=2 * SECOND_NS)) == []
    # -2 bps: 99.98 × 0.9995 = 99.93001, down to 99.930, and so on for all four.
    moved = maker.on_event(prices("99.98", time_ns=3 * SECOND_NS))
    assert [each.price for each in moved if isinstance(each, AmendOrder)] == [
        Decimal("99.930"),
        Decimal("99.880"),
        Decimal("100.03"),
        Decimal("100.08"),
    ]
    assert len(moved) == 4


def test_while_a_command_is_under_way_it_waits() -> None:
    maker, commands = quoting()
    assert len(commands) == 4
    assert maker.on_event(prices("100.02", time_ns=2 * SECOND_NS)) == []


def test_it_pulls_its_inner_quotes_in_a_burst_and_returns_when_it_is_calm() -> None:
    maker, commands = quoting()
    for event in accept(commands):
        maker.on_event(event)
    # 10 bps at once. The short rate (1 s) rises to 1 + 10 = 11 bps/s, the long one (60 s) to 1 + 10/60 = 1.167:
    # 9.4 times the usual, above 5.
    burst = maker.on_event(prices("99.9", time_ns=SECOND_NS + 1))
    assert maker.is_pulled
    inner = {each.client_order_id for each in placed(commands) if each.size == 10}
    assert {each.client_order_id for each in burst if isinstance(each, CancelOrder)} == inner
    # The outer level stands three times as far away: 99.9 × (1 ± 0.0030) = 99.6003 and 100.1997.
    assert sorted(each.price for each in burst if isinstance(each, AmendOrder) and each.price is not None) == [
        Decimal("99.600"),
        Decimal("100.20"),
    ]
    for event in accept(burst, time_ns=SECOND_NS + 2):
        maker.on_event(event)
    # After 1 s: 11/e = 4.05 against 1.167 × e^(-1/60) = 1.147: 3.5 times, still above 2. After 3 s: 0.55 to 1.11.
    assert placed(maker.on_event(Timer(event_time_ns=2 * SECOND_NS))) == []
    assert len(placed(maker.on_event(Timer(event_time_ns=4 * SECOND_NS)))) == 2
    assert not maker.is_pulled


def test_a_slow_drift_is_no_burst() -> None:
    maker, commands = quoting()
    for event in accept(commands):
        maker.on_event(event)
    for step in range(1, 60):
        # 0.5 bps each second.
        maker.on_event(prices(str(Decimal(100) + Decimal("0.005") * step), time_ns=(1 + step) * SECOND_NS))
        assert not maker.is_pulled


def test_stale_prices_pull_at_once() -> None:
    maker, commands = quoting()
    for event in accept(commands):
        maker.on_event(event)
    pulled = maker.on_event(prices("100", stale=True, time_ns=2 * SECOND_NS))
    assert maker.is_pulled
    assert sum(isinstance(each, CancelOrder) for each in pulled) == 2


def test_warned_it_only_reduces() -> None:
    maker, commands = quoting(position="25")
    for event in accept(commands):
        maker.on_event(event)
    first = maker.on_event(health(HealthBand.WARNED))
    assert sum(isinstance(each, CancelOrder) for each in first) == 4
    assert placed(first) == []
    second: list[StrategyCommand] = []
    for event in accept(first):
        second += maker.on_event(event)
    # The position of 25 is offered, never more: 10, then the rest.
    assert [(each.side, each.size, each.reduce_only) for each in placed(second)] == [
        (Side.SELL, Decimal(10), True),
        (Side.SELL, Decimal(15), True),
    ]


def test_in_liquidation_it_is_silent() -> None:
    maker, commands = quoting(position="25")
    for event in accept(commands):
        maker.on_event(event)
    assert all(isinstance(each, CancelOrder) for each in maker.on_event(health(HealthBand.LIQUIDATION)))
    assert maker.on_event(prices("90", time_ns=5 * SECOND_NS)) == []


def test_a_transfer_changes_its_position_and_an_own_fill_is_not_counted_twice() -> None:
    maker, _ = quoting(position="25")

    def booked(order_id: int) -> FillBooked:
        return FillBooked(
            seq=1,
            event_time_ns=SECOND_NS,
            instrument="SOL",
            trade_id=order_id,
            order_id=order_id,
            delta_size=Decimal(-5),
            value=Decimal(-500),
            fee=Decimal(0),
            realised=Decimal(0),
            maker=False,
            liquidation=False,
        )

    maker.on_event(booked(order_id=7))
    assert maker.position == 25
    maker.on_event(booked(order_id=0))
    assert maker.position == 20


def test_it_stays_behind_the_other_side() -> None:
    maker, commands = quoting()
    for event in accept(commands):
        maker.on_event(event)
    moved = maker.on_event(bbo("99.00", "99.90"))
    # The inner bid of 99.95 would trade with the best ask of 99.90: it goes one step of 0.001 below it. The outer bid
    # of 99.9 would move by 0.1 bps, which is not worth a message.
    assert [each.price for each in moved if isinstance(each, AmendOrder)] == [Decimal("99.899")]


def test_after_a_refusal_it_pauses() -> None:
    maker, commands = quoting()
    bid = placed(commands, Side.BUY)[0]
    others = [each for each in commands if each is not bid]
    assert list(maker.on_event(answered(bid, refusal=PostOnlyWouldCross("would trade")))) == []
    for event in accept(others):
        assert list(maker.on_event(event)) == []
    # The pause is 250 ms.
    assert maker.on_event(Timer(event_time_ns=SECOND_NS + 249_000_000)) == []
    again = placed(maker.on_event(Timer(event_time_ns=SECOND_NS + 250_000_000)))
    assert [(each.side, each.price) for each in again] == [(Side.BUY, Decimal("99.95"))]
    assert again[0].client_order_id != bid.client_order_id


def test_without_a_price_it_is_silent() -> None:
    maker = MarketMaker(SETTINGS)
    maker.on_event(started())
    assert maker.on_event(bbo("99", None)) == []
    assert maker.on_event(Timer(event_time_ns=2 * SECOND_NS)) == []


def test_the_same_events_give_the_same_commands() -> None:
    def run() -> list[StrategyCommand]:
        maker = MarketMaker(SETTINGS)
        sent: list[StrategyCommand] = []
        waiting: list[StrategyEvent] = [started()]
        for step in range(200):
            time_ns = SECOND_NS + step * 100_000_000
            index = Decimal(100) + Decimal((step * 37) % 23 - 11) / 100
            waiting.append(prices(str(index), time_ns=time_ns))
            for event in waiting:
                commands = maker.on_event(event)
                sent += commands
            waiting = list(accept(commands, time_ns=time_ns))
            if commands and isinstance(commands[-1], PlaceOrder):
                waiting.append(fill(commands[-1], "1", str(Decimal(commands[-1].size) - 1), time_ns=time_ns))
        return sent

    first = run()
    assert len(first) > 100
    assert first == run()
