"""A frozen dataclass made past its `__init__` is the same value."""

from dataclasses import FrozenInstanceError, dataclass

import pytest

from wavetank.storms.simulation.frozen import made


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    price: int
    size: int = 1


def test_it_equals_what_its_own_init_makes() -> None:
    quote = made(Quote, price=5, size=2)
    assert quote == Quote(price=5, size=2)
    assert repr(quote) == repr(Quote(price=5, size=2))
    assert hash(quote) == hash(Quote(price=5, size=2))


def test_it_is_frozen() -> None:
    quote = made(Quote, price=5, size=2)
    with pytest.raises(FrozenInstanceError):
        quote.price = 6  # type: ignore[misc] # What is tried.


def test_a_field_left_out_is_refused_though_it_has_a_default() -> None:
    with pytest.raises(AssertionError, match="all fields of Quote"):
        made(Quote, price=5)


def test_a_field_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(AttributeError):
        made(Quote, price=5, weight=2)  # type: ignore[call-arg] # What is tried.
