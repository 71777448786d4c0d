"""What a role can be told is what its kind's settings have, in the words of a page."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError

from wavetank.storms.scenario.kinds import KINDS, inner_settings, settings_terms, terms_of_kind


@dataclass(frozen=True, kw_only=True)
class Leg:
    """A part of settings."""

    instrument: str
    after_ns: int
    notional_micros: int | None = None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of every shape that agents have."""

    instruments: tuple[str, ...]
    legs: Annotated[tuple[Leg, ...], Field(min_length=1)]
    share_ppm: Annotated[int, Field(ge=0)] = 0
    side: Literal["buy", "sell"] = "buy"
    burst_ppm: int = 0
    burst_ns: int = 0
    levels: int = 1


def said(**written: object) -> dict[str, Any]:
    return settings_terms(Settings, is_whole=True).model_validate(written).model_dump(exclude_none=True)


def test_units_are_written_and_not_named() -> None:
    # Parts of a million are written as shares, and a share is counted in parts of 10^12.
    assert said(share="20%", levels=2, side="sell") == {"share": 200_000_000_000, "levels": 2, "side": "sell"}
    legs = [{"instrument": "BTC", "after": "30s", "notional": "5M"}, {"instrument": "ETH", "after": 1}]
    assert said(legs=legs)["legs"] == (
        {"instrument": "BTC", "after": 30_000_000_000, "notional": 5_000_000_000_000},
        {"instrument": "ETH", "after": 1_000_000_000},
    )


def test_of_two_fields_that_differ_by_their_unit_the_last_has_the_short_name() -> None:
    assert said(burst="2s", burst_ppm=400_000) == {"burst": 2_000_000_000, "burst_ppm": 400_000}


@pytest.mark.parametrize(
    "written",
    [{"instruments": ["BTC"]}, {"side": "by"}, {"share_ppm": 5}, {"legs": [{"at": "1s"}]}, {"levels": "many"}],
)
def test_what_a_kind_does_not_know_is_refused(written: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        said(**written)


def test_settings_are_told_with_those_inside_them() -> None:
    assert inner_settings(Settings) == [Settings, Leg]


def test_every_kind_has_terms_and_others_have_none() -> None:
    for kind in KINDS:
        assert terms_of_kind(kind) is not None
    account = terms_of_kind("account")
    assert account is not None
    assert account.model_fields == {}
    assert terms_of_kind("nobody") is None


def test_sizes_of_a_crowd_are_dollars() -> None:
    makers = terms_of_kind("market_maker")
    assert makers is not None
    told = makers.model_validate({"size": "9k", "max_position": "450k", "half_spread_bps": 4.5}).model_dump()
    assert (told["size"], told["max_position"], told["half_spread_bps"]) == (9_000_000_000, 450_000_000_000, 4.5)
