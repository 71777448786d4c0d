"""Every event has a sentence, with its prices in dollars and its accounts by name."""

import inspect
from dataclasses import fields, replace
from types import ModuleType
from typing import Any

import pytest

from wavetank.cli.logs import Names
from wavetank.cli.sentences.narrator import Narrator
from wavetank.cli.sentences.words import show_client_id
from wavetank.model.events import clearing, matching, oracle
from wavetank.model.events.clearing import HealthBandChanged, LiquidationStepped
from wavetank.model.events.matching import OrderAccepted, Traded
from wavetank.model.events.oracle import FaultSet
from wavetank.model.instrument import default_instruments

NAMES = Names({item.instrument_id: item for item in default_instruments()}, {1_000: "maker", 1_001: "taker"})
# Internal steps of the oracle, shown with their fields.
WITHOUT_SENTENCE = {"BookTaken", "MarkComputed"}


def event_classes(module: ModuleType) -> list[type[Any]]:
    return [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == module.__name__ and hasattr(cls, "__dataclass_fields__")
    ]


def example(cls: type[Any]) -> Any:  # noqa: ANN401 - any event.
    return cls(**{field.name: b"text" if field.type == "bytes" else 1 for field in fields(cls)})


@pytest.mark.parametrize(
    "cls",
    [cls for module in (matching, clearing, oracle) for cls in event_classes(module)],
    ids=lambda cls: cls.__name__,
)
def test_every_event_has_a_sentence(cls: type[Any]) -> None:
    sentence = Narrator(NAMES).say(example(cls))
    assert sentence
    assert (f"{cls.__name__} " in sentence) == (cls.__name__ in WITHOUT_SENTENCE)


def test_an_order_is_told_with_its_price_size_and_owner() -> None:
    order = replace(
        example(OrderAccepted),
        account_id=1_000,
        order_id=17,
        client_order_id=b"quote-1",
        price_ticks=600_005,
        size_lots=150_000,
        display_lots=0,
        expire_time_ns=0,
        trigger_kind=0,
        group_kind=0,
    )
    # BTC: a tick is 0.1 dollars and a lot 0.00001 BTC.
    assert Narrator(NAMES).say(order) == (
        "order 17 [quote-1] of maker (1000) accepted: buy 1.5 BTC at 60,000.5 GTC post-only"
    )


def test_a_trade_is_told_from_the_taker() -> None:
    trade = Traded(1, 1_001, 5, 1_000, 17, 18, 600_000, 100_000, 0, 0, 0, 0, 2, 4, 0)
    assert Narrator(NAMES).say(trade) == (
        "trade 5: taker (1001) sold 1 BTC at 60,000 to maker (1000), a liquidation (taker order 18, maker order 17)"
    )


def test_a_liquidation_step_says_why() -> None:
    step = LiquidationStepped(1, 1_000, 9, -20_000, 590_000, 0, 0, 0, 0, 2, 2)
    assert Narrator(NAMES).say(step) == (
        "liquidation 9, stage partial close, sold 0.2 BTC at 59,000, because large position first slice"
    )


def test_health_is_told_in_words() -> None:
    change = HealthBandChanged(0, 1_000, 1_500_000, 2_000_000, 1, 4)
    assert Narrator(NAMES).say(change) == "maker (1000) went from healthy to liquidation: equity 1.50, maintenance 2.00"


def test_what_margin_rates_are_made_of_is_told_in_dollars_and_percent() -> None:
    say = Narrator(NAMES).say
    assert say(clearing.LeverageChanged(1, 1_000, 5, 40)) == "maker (1000) goes to a leverage of 5 in BTC, from 40"
    assert say(clearing.MarginScalingListed(1, 0, 25_000_000_000_000, 50_000_000_000_000, 0)) == (
        "BTC: initial margin grows with open interest from 25,000,000.00 on, up to all notional at 50,000,000.00"
    )
    # 300 BTC at 100,000 dollars.
    assert say(clearing.OpenInterestScaled(1, 0, 30_000_000, 1_000_000, 200_000)) == (
        "open interest in BTC is 30,000,000.00: 20 % of what a leverage leaves unmargined is asked for"
    )


def test_margin_modes_are_told_by_name_and_in_percent() -> None:
    say = Narrator(NAMES).say
    changed = clearing.MarginModeChanged(instrument_id=0, account_id=1_000, mode=3)
    assert say(changed) == "the legs of maker (1000) are margined by mode group offset from here on"
    correlated = clearing.InstrumentCorrelated(instrument_id=1, account_id=0, group=b"majors", correlation_ppm=952_500)
    assert say(correlated) == "BTC is in group majors, correlated 95.25 % with the market"
    assert (
        say(replace(correlated, group=b"", correlation_ppm=0)) == "BTC is in no group, correlated 0 % with the market"
    )


def test_a_fault_says_whom_it_misleads() -> None:
    lag = FaultSet(1, 0, b"", 3, 30_000_000_000, 0, 0, 0, 0, 0, 0, 0, 0, 1_000_000, 2, 1, 1, 0, 0, 0)
    assert Narrator(NAMES).say(lag) == "fault 3 began: prices of BTC 30.00s late for clearing"
    # A third of 10^12 down, over a minute, each second price, for ten minutes.
    bias = FaultSet(
        1, 0, b"okx", 4, 0, 0, -300_000_000_000, 0, 0, 0, 600 * 10**9, 60 * 10**9, 7, 500_000, 14, 3, 1, 0, 0, 1
    )
    assert Narrator(NAMES).say(bias) == (
        "fault 4 will begin at 1970-01-01 00:00:00.000: prices of BTC from source okx off by -30%, "
        "each with probability 50%, growing over 1m 00s for 10m 00s"
    )


def test_an_id_that_is_no_text_is_shown_as_hexadecimal() -> None:
    assert show_client_id(b"\xff\x00\x01") == "0xff0001"
    assert show_client_id(b"abc") == "abc"
