"""The units in which agents are told what to do, with the bounds of each.

An author of scenarios writes these settings, and the schema of scenarios is made from them. Kept true: a setting is a
whole number within bounds, a word of a list, or a symbol; what is unknown is refused, and so is a fraction.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field

from wavetank.model.orders import Side

ONE_E6 = 1_000_000
SECOND_NS = 1_000_000_000

SETTINGS: Final = ConfigDict(extra="forbid", use_attribute_docstrings=True)
"""How every class of settings is checked: no unknown field, and its docstrings are the schema's."""

_LONGEST_NS = 366 * 24 * 3_600 * SECOND_NS
_LARGEST_MICROS = 10**15


def _distinct(symbols: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(symbols)) < len(symbols):
        raise ValueError(f"each instrument is named once, was {', '.join(symbols)}")
    return symbols


Duration: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=_LONGEST_NS)]
"""Nanoseconds of venue time, at most a year."""
Interval: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=_LONGEST_NS)]
"""Nanoseconds of venue time between two looks; longer than orders and news are under way."""
Share: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=ONE_E6)]
"""Millionths of something, at most all of it."""
Distance: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=ONE_E6 // 2)]
"""Millionths of a price, at most half of it."""
Spread: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=3 * ONE_E6)]
"""Standard deviation of a logarithm, in millionths."""
Money: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=_LARGEST_MICROS)]
"""Micro-dollars, more than none."""
SignedMoney: TypeAlias = Annotated[int, Field(strict=True, ge=-_LARGEST_MICROS, le=_LARGEST_MICROS)]
"""Micro-dollars; negative is short."""
SignedLots: TypeAlias = Annotated[int, Field(strict=True, ge=-(2**38), le=2**38)]
"""Lots; negative is short."""
Symbol: TypeAlias = Annotated[str, Field(min_length=1, max_length=16)]
"""Display code of an instrument, for instance `BTC`."""
Symbols: TypeAlias = Annotated[
    tuple[Symbol, ...],
    Field(min_length=1, max_length=64, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_distinct),
]
"""Display codes of instruments, at least one, each once."""
SideWord: TypeAlias = Literal["buy", "sell"]
"""A side, as authors write it."""

SIDES: Final[dict[SideWord, Side]] = {"buy": Side.BUY, "sell": Side.SELL}
"""What the words for sides mean."""
