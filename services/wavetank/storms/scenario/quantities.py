"""Quantities as a scenario writes them: `30s`, `-8%`, `5M`, `0.0095`; inside they are whole numbers.

Kept true: a quantity is exact, or it is refused with an example of what is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from wavetank.cli.amounts import dollars_to_micros, ratio_e12
from wavetank.cli.times import duration_ns, instant_ns
from wavetank.storms.scenario.faults import shown

_LONGEST = 40
_FAR_EXPONENT = re.compile(r"\de[-+]?\d{3,}", re.IGNORECASE)
_LARGEST = 2**63 - 1
"""The venue counts in 64 bits."""
_E12 = 10**12
_FINEST_CHANCE = _E12 // 10**6
"""Faults count their chance in millionths, and nothing of it would be always."""
_LARGEST_SUM = 10**9
"""Dollars that the venue books at once."""


def _text(value: object) -> str:
    # YAML reads `60` and `0.05` as numbers; a float prints as the shortest text that means it.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{shown(value)} is no quantity")  # noqa: TRY004 - pydantic shows it with line and field.
    text = str(value)
    if len(text) > _LONGEST or _FAR_EXPONENT.search(text):
        # `1e999999999` is short to write and has no end when it is counted.
        raise ValueError(f"{shown(text)} is no quantity; write at most {_LONGEST} characters, and numbers in full")
    return text


def _counted(count: Callable[[str], int], value: object) -> int:
    try:
        number = count(_text(value))
    except ArithmeticError:
        # Infinity, and what is as good as that.
        raise ValueError(f"{shown(value)} is no quantity") from None
    if abs(number) > _LARGEST:
        raise ValueError(f"{shown(value)} is more than a venue can count; at most 2^63 of its smallest unit")
    return number


def _duration(value: object) -> int:
    return _counted(duration_ns, value)


def _instant(value: object) -> int:
    return _counted(instant_ns, value)


def _ratio(value: object) -> int:
    return _counted(ratio_e12, value)


def _probability(value: object) -> int:
    ratio = _ratio(value)
    if not 0 < ratio <= _E12 or ratio % _FINEST_CHANCE:
        raise ValueError(
            f"is {shown(value)}; a probability is above 0 and at most 100%, in steps of 0.0001%; "
            "what never happens is left out"
        )
    return ratio


def _money(value: object) -> int:
    return _counted(dollars_to_micros, value)


def _sum(value: object) -> int:
    money = _money(value)
    if not 0 < money <= _LARGEST_SUM * 10**6:
        raise ValueError(f"is {shown(value)}; above 0 and at most {_LARGEST_SUM:,} dollars are allowed")
    return money


def _endowment(value: object) -> int:
    money = _money(value)
    if not 0 <= money <= _LARGEST_SUM * 10**6:
        raise ValueError(f"is {shown(value)}; 0 to {_LARGEST_SUM:,} dollars are allowed")
    return money


def _change(value: object) -> int:
    ratio = _ratio(value)
    if ratio <= -_E12:
        raise ValueError(f"is {shown(value)}; a price keeps something: write more than -100%, for instance -9%")
    return ratio


def _decimal(value: object) -> Decimal:
    try:
        number = Decimal(_text(value).replace(",", "").replace("_", ""))
    except InvalidOperation:
        raise ValueError(f"{shown(value)} is no number; write for instance 4000000 or 0.0095") from None
    if not number.is_finite():
        raise ValueError(f"{shown(value)} is not finite")
    return number


def _positive(value: object) -> Decimal:
    number = _decimal(value)
    if number <= 0:
        raise ValueError(f"is {shown(value)}; more than 0 is allowed")
    return number


def write_duration(length_ns: int) -> str:
    """Return a duration as a page writes it, exactly: in the largest unit that it is a whole number of."""
    units = (("h", 3_600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("us", 10**3), ("ns", 1))
    name, worth = next(unit for unit in units if length_ns % unit[1] == 0)
    return f"{length_ns // worth}{name}" if length_ns else "0s"


def write_money(amount_micros: int) -> str:
    """Return micro-dollars as a page writes them, exactly."""
    return f"{Decimal(amount_micros).scaleb(-6).normalize():f}"


def write_ratio(ratio: int) -> str:
    """Return parts per 10^12 as a page writes them, exactly: `-8%`."""
    return f"{Decimal(ratio).scaleb(-10).normalize():f}%"


@dataclass(frozen=True, slots=True)
class Written:
    """How a quantity is written; it marks the types below, so that a default is told in the words of a page."""

    write: Callable[[int], str]


def _shown(pattern: str, examples: list[str], what: str) -> WithJsonSchema:
    return WithJsonSchema({"type": ["string", "number"], "pattern": pattern, "examples": examples, "description": what})


_NUMBER_UNSIGNED = r"^[0-9][0-9_,]*(\.[0-9]+)?"
_NUMBER = r"^[-+]?[0-9][0-9_,]*(\.[0-9]+)?"

Duration = Annotated[
    int,
    BeforeValidator(_duration),
    Field(ge=0),
    Written(write_duration),
    _shown(r"^([0-9]+(\.[0-9]+)?\s*(ns|us|ms|s|sec|m|min|h|d)?\s*)+$", ["30s", "250ms", "1h30m"], "Venue time."),
]
"""Venue time, in nanoseconds."""
Instant = Annotated[
    int, BeforeValidator(_instant), _shown(r"^[0-9]{4}-", ["2025-04-06T18:00"], "A moment, UTC without a zone.")
]
"""Nanoseconds since 1970."""
Ratio = Annotated[
    int,
    BeforeValidator(_ratio),
    Written(write_ratio),
    _shown(_NUMBER + r"\s*(%|bp)?$", ["-8%", "25bp", "0.05"], "A share."),
]
"""Parts per 10^12."""
Change = Annotated[
    int,
    BeforeValidator(_change),
    Written(write_ratio),
    _shown(_NUMBER + r"\s*(%|bp)?$", ["-8%", "25bp", "0.05"], "A share above -100%."),
]
"""Of a price; parts per 10^12."""
Probability = Annotated[
    int,
    BeforeValidator(_probability),
    Written(write_ratio),
    _shown(_NUMBER + r"\s*(%|bp)?$", ["5%", "0.5"], "A probability above 0."),
]
"""Parts per 10^12, whole millionths."""
Money = Annotated[
    int,
    BeforeValidator(_money),
    Written(write_money),
    _shown(_NUMBER + r"[kKmM]?$", ["10000", "5M", "250k"], "Dollars."),
]
"""Micro-dollars."""
Sum = Annotated[
    int,
    BeforeValidator(_sum),
    Written(write_money),
    _shown(_NUMBER_UNSIGNED + r"[kKmM]?$", ["10000", "5M", "250k"], "Dollars, above 0 and at most a billion."),
]
"""What is paid or traded at once; micro-dollars."""
Endowment = Annotated[
    int,
    BeforeValidator(_endowment),
    Written(write_money),
    _shown(_NUMBER_UNSIGNED + r"[kKmM]?$", ["0", "5M", "250k"], "Dollars, at most a billion; 0 is nothing."),
]
"""What one of the venue's accounts has at the start; micro-dollars."""
Amount = Annotated[
    Decimal, BeforeValidator(_decimal), _shown(_NUMBER + "$", ["4000000", "0.0095"], "An exact decimal number.")
]
"""A price in dollars or a size in units of the base asset."""
Positive = Annotated[
    Decimal, BeforeValidator(_positive), _shown(_NUMBER_UNSIGNED + "$", ["4000000", "0.0095"], "A number above 0.")
]
"""A price or a size of an order."""
