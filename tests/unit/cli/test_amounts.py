"""Amounts cross between people's decimals and the venue's integers without rounding."""

import pytest

from wavetank.cli.amounts import (
    AmountMalformed,
    dollars_to_micros,
    ratio_e12,
    show_dollars,
    show_price,
    show_ratio,
    show_size,
    size_to_lots,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10000", 10_000_000_000),
        ("10,000.50", 10_000_500_000),
        ("10k", 10_000_000_000),
        ("$0.000001", 1),
        ("2M", 2 * 10**12),
    ],
)
def test_dollars_are_read(text: str, expected: int) -> None:
    assert dollars_to_micros(text) == expected


@pytest.mark.parametrize("text", ["", "ten", "0.0000001", "1e", "k"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(AmountMalformed):
        dollars_to_micros(text)


@pytest.mark.parametrize(("text", "expected"), [("0.5", 50_000), ("1,000", 10**8), ("0.00001", 1)])
def test_a_size_is_read_in_lots(text: str, expected: int) -> None:
    assert size_to_lots(text, 5) == expected


@pytest.mark.parametrize("text", ["", "much", "0.000001"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(AmountMalformed):
        size_to_lots(text, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("-8%", -80_000_000_000), ("0.05", 50_000_000_000), ("25bp", 2_500_000_000), ("+1 %", 10_000_000_000)],
)
def test_a_ratio_is_read(text: str, expected: int) -> None:
    assert ratio_e12(text) == expected


def test_what_is_no_ratio_is_refused() -> None:
    with pytest.raises(AmountMalformed):
        ratio_e12("lots")


def test_amounts_are_shown_exactly() -> None:
    assert show_dollars(-1_234_500_000) == "-1,234.50"
    assert show_dollars(1) == "0.000001"
    # BTC: five size decimals, so a tick is 0.1 dollars and a lot 0.00001 BTC.
    assert show_price(600_005, 5) == "60,000.5"
    assert show_size(-150_000, 5) == "-1.5"
    assert show_size(7, 0) == "7"
    assert show_ratio(125_000_000) == "+0.0125%"
    assert show_ratio(0) == "+0%"
