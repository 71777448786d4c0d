"""What the directory says of instruments and addresses."""

from dataclasses import replace

from wavetank.model.instrument import default_instruments
from wavetank.runtime.directory import endpoints_of, instrument_to_wire
from wavetank.runtime.settings import ServiceSettings
from wavetank.v1 import directory_pb2, instrument_pb2


def test_an_instrument_on_the_wire() -> None:
    btc = instrument_to_wire(default_instruments()[0])
    assert (btc.instrument_id, btc.symbol, btc.size_decimals, btc.significant_figures) == (1, "BTC", 5, 5)
    assert [(tier.lower_notional_micros, tier.max_leverage) for tier in btc.margin_tiers] == [
        (0, 40),
        (150_000_000_000_000, 20),
    ]
    assert (btc.taker_fee_ppm, btc.maker_fee_ppm, btc.min_notional_micros) == (450, 150, 10_000_000)
    assert btc.state == instrument_pb2.INSTRUMENT_STATE_TRADING


def test_every_field_of_an_instrument_is_filled() -> None:
    scaled = replace(default_instruments()[0], scaling_begins_micros=1, scaling_full_micros=2, scaled_ppm=3)
    sent = {field.name for field, _ in instrument_to_wire(scaled).ListFields()}
    assert sent == {field.name for field in instrument_pb2.Instrument.DESCRIPTOR.fields}


def test_endpoints_are_those_of_the_settings() -> None:
    settings = ServiceSettings(
        internal_key="key",
        matching_addresses=("m-0:1", "m-1:1"),
        clearing_address="c:1",
    )
    btc, eth, sol = default_instruments()
    found = endpoints_of(settings, [btc, replace(eth, shard=1), sol])
    assert [(point.service, point.address, point.shard, list(point.instrument_ids)) for point in found] == [
        (directory_pb2.SERVICE_KIND_MATCHING, "m-0:1", 0, [1, 3]),
        (directory_pb2.SERVICE_KIND_MATCHING, "m-1:1", 1, [2]),
        (directory_pb2.SERVICE_KIND_CLEARING, "c:1", 0, []),
    ]
