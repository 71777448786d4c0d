"""Quantities are exact or refused, and what is written means what was counted."""

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from wavetank.storms.scenario.quantities import (
    Amount,
    Change,
    Duration,
    Money,
    Positive,
    Probability,
    Ratio,
    Sum,
    write_duration,
    write_money,
    write_ratio,
)


@pytest.mark.parametrize(
    ("length_ns", "expected"),
    [
        (0, "0s"),
        (1, "1ns"),
        (2_000_000, "2ms"),
        (250_000_000, "250ms"),
        (30_000_000_000, "30s"),
        (90_000_000_000, "90s"),
        (120_000_000_000, "2m"),
        (7_200_000_000_000, "2h"),
    ],
)
def test_a_duration_is_written_in_the_largest_unit_that_it_is_whole_in(length_ns: int, expected: str) -> None:
    assert write_duration(length_ns) == expected
    assert TypeAdapter(Duration).validate_python(expected) == length_ns


@pytest.mark.parametrize(
    ("micros", "expected"), [(0, "0"), (1, "0.000001"), (100_000_000_000, "100000"), (-1_500_000, "-1.5")]
)
def test_money_is_written_exactly(micros: int, expected: str) -> None:
    assert write_money(micros) == expected
    assert TypeAdapter(Money).validate_python(expected) == micros


@pytest.mark.parametrize(
    ("ratio", "expected"), [(0, "0%"), (800_000_000_000, "80%"), (-80_000_000_000, "-8%"), (1, "0.0000000001%")]
)
def test_a_ratio_is_written_exactly(ratio: int, expected: str) -> None:
    assert write_ratio(ratio) == expected
    assert TypeAdapter(Ratio).validate_python(expected) == ratio


def test_a_quantity_has_64_bits() -> None:
    # 2^63 - 1 is 9223372036854775807 micro-dollars.
    assert TypeAdapter(Money).validate_python("9223372036854.775807") == 2**63 - 1
    with pytest.raises(ValidationError, match="more than a venue can count"):
        TypeAdapter(Money).validate_python("9223372036854.775808")


@pytest.mark.parametrize(("said", "parts"), [("100%", 10**12), (1, 10**12), ("0.0001%", 10**6), ("25bp", 25 * 10**8)])
def test_a_probability_is_above_nothing_and_in_whole_millionths(said: object, parts: int) -> None:
    assert TypeAdapter(Probability).validate_python(said) == parts


@pytest.mark.parametrize("said", ["0%", 0, "0.0", "-5%", "100.0001%", 2, "0.00001%", "0.00015%"])
def test_a_probability_of_nothing_is_no_probability(said: object) -> None:
    with pytest.raises(ValidationError, match=r"a probability is above 0 and at most 100%, in steps of 0\.0001%"):
        TypeAdapter(Probability).validate_python(said)


@pytest.mark.parametrize(
    "quantity",
    [TypeAdapter(kind) for kind in (Duration, Ratio, Probability, Money, Amount)],
    ids=["duration", "ratio", "probability", "money", "amount"],
)
@pytest.mark.parametrize("value", ["inf", "nan", "1e999999999", "1" * 41, True, None, [1], {"a": 1}, "", "x"])
def test_what_is_no_quantity_is_refused(quantity: TypeAdapter[int] | TypeAdapter[Decimal], value: object) -> None:
    with pytest.raises(ValidationError):
        quantity.validate_python(value)


@pytest.mark.parametrize("said", ["-5k", "0", "0.0000001", "1000000001", "-1"])
def test_a_sum_that_no_venue_books_is_refused(said: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Sum).validate_python(said)


def test_a_sum_is_up_to_a_billion_dollars() -> None:
    assert TypeAdapter(Sum).validate_python("1000M") == 10**15
    assert TypeAdapter(Sum).validate_python("0.000001") == 1


@pytest.mark.parametrize("said", ["-100%", "-150%", -9])
def test_a_price_does_not_fall_by_all_of_itself(said: object) -> None:
    # -9 without a sign for per cent would be nine times the price.
    with pytest.raises(ValidationError, match="a price keeps something: write more than -100%"):
        TypeAdapter(Change).validate_python(said)


def test_a_price_falls_to_almost_nothing_and_rises_without_end() -> None:
    assert TypeAdapter(Change).validate_python("-99.99%") == -(10**12) + 10**8
    assert TypeAdapter(Change).validate_python("300%") == 3 * 10**12


@pytest.mark.parametrize("said", ["-1", 0, "0.0"])
def test_a_size_is_above_nothing(said: object) -> None:
    with pytest.raises(ValidationError, match="more than 0 is allowed"):
        TypeAdapter(Positive).validate_python(said)
