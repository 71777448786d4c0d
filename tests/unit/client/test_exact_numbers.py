"""Decimals become ticks, lots and micro-dollars exactly, or an error names what would be allowed."""

from decimal import Context, Decimal, localcontext

import pytest

from tests.unit.client.instruments import BTC, ETH, SOL
from wavetank.client import (
    AmountOutOfRange,
    AmountTooPrecise,
    Instrument,
    PriceOffGrid,
    PriceOutOfRange,
    SizeOffGrid,
    SizeOutOfRange,
)
from wavetank.client.instrument import decimal_of, dollars, micros


@pytest.mark.parametrize(
    ("instrument", "price", "ticks"),
    [
        # One tick of BTC is 10^-(6-5) = 0.1 USD.
        (BTC, "64000", 640_000),
        (BTC, "9999.9", 99_999),
        (BTC, Decimal("1E+5"), 1_000_000),
        # One tick of ETH is 0.01 USD; 2345.6 has five figures.
        (ETH, "2345.6", 234_560),
        (ETH, 2345, 234_500),
        # One tick of SOL is 0.0001 USD.
        (SOL, "150.25", 1_502_500),
        (SOL, "0.0001", 1),
    ],
)
def test_a_price_becomes_ticks(instrument: Instrument, price: Decimal | int | str, ticks: int) -> None:
    assert instrument.price_ticks(price) == ticks
    assert instrument.price(ticks) == Decimal(price)


@pytest.mark.parametrize(
    ("instrument", "price", "below", "above"),
    [
        # Six figures: the grid is 1 USD there, although a tick is 0.1.
        (BTC, "64000.5", "64000", "64001"),
        # Finer than a tick.
        (BTC, "9999.95", "9999.9", "10000"),
        (ETH, "2345.67", "2345.6", "2345.7"),
        # 150.255 has six figures; step 0.01.
        (SOL, "150.255", "150.25", "150.26"),
    ],
)
def test_a_price_off_the_grid_names_its_neighbours(instrument: Instrument, price: str, below: str, above: str) -> None:
    with pytest.raises(PriceOffGrid) as caught:
        instrument.price_ticks(price)
    assert caught.value.was == Decimal(price)
    assert caught.value.allowed == (Decimal(below), Decimal(above))
    assert below in caught.value.message
    assert above in caught.value.message


def test_an_unchecked_price_passes_off_the_grid_but_not_between_ticks() -> None:
    assert BTC.price_ticks("64000.5", on_grid=False) == 640_005
    assert BTC.price_ticks("-1", on_grid=False) == -10
    with pytest.raises(PriceOffGrid):
        BTC.price_ticks("64000.55", on_grid=False)


@pytest.mark.parametrize("price", ["0", "-1", "0.01", "214748364.8"])
def test_a_price_out_of_range_is_refused(price: str) -> None:
    # 2^31 - 1 ticks of 0.1 USD are 214,748,364.7 USD.
    with pytest.raises(PriceOutOfRange) as caught:
        BTC.price_ticks(price)
    assert caught.value.allowed == (Decimal("0.1"), Decimal("214748364.7"))


def test_without_a_limit_of_figures_every_tick_is_on_the_grid() -> None:
    free = Instrument(instrument_id=9, symbol="X", size_decimals=5, significant_figures=0)
    assert free.price_ticks("64000.5") == 640_005


@pytest.mark.parametrize(
    ("price", "down", "up"),
    [
        ("64000.5", "64000", "64001"),
        ("64000", "64000", "64000"),
        ("99999.5", "99999", "100000"),
        ("0.01", "0.1", "0.1"),
    ],
)
def test_a_price_is_rounded_to_the_grid(price: str, down: str, up: str) -> None:
    assert BTC.round_price(price, up=False) == Decimal(down)
    assert BTC.round_price(price, up=True) == Decimal(up)


def test_a_size_becomes_lots() -> None:
    assert BTC.size_lots("0.00001") == 1
    assert BTC.size_lots(2) == 200_000
    assert SOL.size_lots("12.34") == 1_234
    assert BTC.round_size("0.123456789") == Decimal("0.12345")


def test_a_size_finer_than_a_lot_names_its_neighbours() -> None:
    with pytest.raises(SizeOffGrid) as caught:
        SOL.size_lots("1.005")
    assert caught.value.allowed == (Decimal("1.00"), Decimal("1.01"))


@pytest.mark.parametrize("size", ["0", "-1", "21474836.48"])
def test_a_size_out_of_range_is_refused(size: str) -> None:
    with pytest.raises(SizeOutOfRange):
        SOL.size_lots(size)


def test_an_unchecked_size_may_be_zero_or_negative() -> None:
    assert SOL.size_lots(0, in_range=False) == 0
    assert SOL.size_lots("-0.01", in_range=False) == -1


def test_dollars_become_micros() -> None:
    assert micros("12.345678") == 12_345_678
    assert dollars(-12_345_678) == Decimal("-12.345678")
    with pytest.raises(AmountTooPrecise) as caught:
        micros("0.0000015")
    assert caught.value.allowed == (Decimal("0.000001"), Decimal("0.000002"))
    for amount in ("0", "-1", "1000000000.000001"):
        with pytest.raises(AmountOutOfRange):
            micros(amount)


@pytest.mark.parametrize("value", [0.1, True, None, b"1"])
def test_what_is_not_exact_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="must be a Decimal, an int or a str"):
        decimal_of(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["abc", "", "NaN", "Infinity", "1e400", "0." + "1" * 50])
def test_what_is_no_sensible_number_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="a value"):
        decimal_of(value)


def test_the_float_refusal_explains() -> None:
    with pytest.raises(TypeError, match=r"a float holds most decimal fractions only nearly.*Decimal\('64000\.1'\)"):
        BTC.price_ticks(64000.1)  # type: ignore[arg-type]


def test_conversion_does_not_depend_on_the_programs_context() -> None:
    with localcontext(Context(prec=3)):
        assert BTC.price_ticks("64123") == 641_230
        assert BTC.price(641_230) == Decimal("64123.0")
        assert dollars(123_456_789_012) == Decimal("123456.789012")
