"""Quantities as a scenario writes them: `30s`, `-8%`, `5M`, `0.0095`; inside they are whole numbers.

Kept true: a quantity is exact, or it is refused with an example of what is meant.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from wavetank.cli.amounts import dollars_to_micros, ratio_e12
from wavetank.cli.times import duration_ns, instant_ns


def _text(value: object) -> str:
    # YAML reads `60` and `0.05` as numbers; a float prints as the shortest text that means it.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is no quantity")  # noqa: TRY004 - pydantic shows it with line and field.
    return str(value)


def _duration(value: object) -> int:
    return duration_ns(_text(value))


def _instant(value: object) -> int:
    return instant_ns(str(value))


def _ratio(value: object) -> int:
    return ratio_e12(_text(value))


def _money(value: object) -> int:
    return dollars_to_micros(_text(value))


def _decimal(value: object) -> Decimal:
    try:
        number = Decimal(_text(value).replace(",", "").replace("_", ""))
    except InvalidOperation:
        raise ValueError(f"{value!r} is no number; write for instance 4000000 or 0.0095") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not finite")
    return number


def _shown(pattern: str, examples: list[str], what: str) -> WithJsonSchema:
    return WithJsonSchema({"type": ["string", "number"], "pattern": pattern, "examples": examples, "description": what})


_NUMBER = r"^[-+]?[0-9][0-9_,]*(\.[0-9]+)?"

Duration = Annotated[
    int,
    BeforeValidator(_duration),
    Field(ge=0),
    _shown(r"^([0-9]+(\.[0-9]+)?\s*(ns|us|ms|s|sec|m|min|h|d)?\s*)+$", ["30s", "250ms", "1h30m"], "Venue time."),
]
"""Venue time, in nanoseconds."""
Instant = Annotated[
    int, BeforeValidator(_instant), _shown(r"^[0-9]{4}-", ["2025-04-06T18:00"], "A moment, UTC without a zone.")
]
"""Nanoseconds since 1970."""
Ratio = Annotated[int, BeforeValidator(_ratio), _shown(_NUMBER + r"\s*(%|bp)?$", ["-8%", "25bp", "0.05"], "A share.")]
"""Parts per 10^12."""
Money = Annotated[int, BeforeValidator(_money), _shown(_NUMBER + r"[kKmM]?$", ["10000", "5M", "250k"], "Dollars.")]
"""Micro-dollars."""
Amount = Annotated[
    Decimal, BeforeValidator(_decimal), _shown(_NUMBER + "$", ["4000000", "0.0095"], "An exact decimal number.")
]
"""A price in dollars or a size in units of the base asset."""
