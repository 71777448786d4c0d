"""Several strategies trade one account as one, and never make the same client order id."""

from decimal import Decimal

from tests.unit.client.scene import PREFIX, prices, started
from wavetank.client import CommandAnswered, Ensemble, PlaceOrder, Recorder, Strategy
from wavetank.client.strategies import MarketMaker, MarketMakerSettings
from wavetank.client.telemetry import PriceSample


def test_an_ensemble_asks_all_and_tells_them_apart() -> None:
    settings = MarketMakerSettings(instrument="SOL", size=Decimal(1), max_position=Decimal(10), levels=1)
    strategies: list[Strategy] = [MarketMaker(settings), MarketMaker(settings)]
    ensemble = Ensemble(strategies)
    ensemble.on_event(started())
    orders = [each for each in ensemble.on_event(prices("100")) if isinstance(each, PlaceOrder)]
    assert len(orders) == 4
    assert len({each.client_order_id for each in orders}) == 4
    assert {each.client_order_id[:7] for each in orders} == {PREFIX[:7]}


def test_a_recorder_thins_out_prices() -> None:
    recorder = Recorder(sample_interval_ns=100)
    for time_ns in (0, 50, 100, 150, 199, 201):
        recorder.on_prices(
            PriceSample(
                event_time_ns=time_ns,
                instrument="SOL",
                mid=None,
                index=None,
                mark=None,
                funding_rate=Decimal(0),
                stale=False,
            )
        )
    assert [sample.event_time_ns for sample in recorder.samples] == [0, 100, 201]


def test_events_are_frozen_values() -> None:
    assert prices("100") == prices("100")
    assert hash(prices("100")) == hash(prices("100"))
    assert CommandAnswered.__dataclass_params__.frozen  # type: ignore[attr-defined]
