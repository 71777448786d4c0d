"""Money, prices and sizes as a person writes and reads them.

It exists because the venue counts in integers (micro-dollars, ticks, lots) and people in decimals. Kept true: what is
shown is exact, and what cannot be said exactly is refused rather than rounded.
"""

from decimal import Decimal, InvalidOperation

MICROS = 1_000_000
_E12 = 10**12
_MIN_DECIMALS = 2


class AmountMalformed(ValueError):
    """The text is no amount; the message shows what is."""


def dollars_to_micros(text: str) -> int:
    """Return dollars such as `10000`, `10,000.50` or `10k` in micro-dollars.

    Raises:
        AmountMalformed: the text has another shape, or is finer than a micro-dollar.

    """
    wanted = text.strip().lower().replace(",", "").replace("_", "").removeprefix("$")
    factor = {"k": 1_000, "m": 1_000_000}.get(wanted[-1:], 1)
    try:
        micros = Decimal(wanted[:-1] if factor > 1 else wanted) * factor * MICROS
        exact = micros == micros.to_integral_value()
    except InvalidOperation:
        exact = False
    if not exact:
        raise AmountMalformed(f"{text!r} is no amount of dollars; write for instance 10000, 10,000.50 or 10k")
    return int(micros)


def size_to_lots(text: str, size_decimals: int) -> int:
    """Return a size in units of the base asset, such as `0.5` or `1,000`, in lots of 10^-size_decimals.

    Raises:
        AmountMalformed: the text has another shape, or is finer than a lot.

    """
    try:
        lots = Decimal(text.strip().replace(",", "").replace("_", "")).scaleb(size_decimals)
        exact = lots == lots.to_integral_value()
    except InvalidOperation:
        exact = False
    if not exact:
        raise AmountMalformed(f"{text!r} is no size; write units with at most {size_decimals} decimals")
    return int(lots)


def ratio_e12(text: str) -> int:
    """Return a signed ratio such as `-8%`, `0.05` or `25bp` in parts per 10^12.

    Raises:
        AmountMalformed: the text has another shape.

    """
    wanted = text.strip().lower()
    scale = Decimal(1)
    for suffix, worth in (("%", Decimal("0.01")), ("bp", Decimal("0.0001"))):
        if wanted.endswith(suffix):
            wanted, scale = wanted.removesuffix(suffix), worth
    try:
        parts = Decimal(wanted.strip()) * scale * _E12
        exact = parts == parts.to_integral_value()
    except InvalidOperation:
        exact = False
    if not exact:
        raise AmountMalformed(f"{text!r} is no ratio; write for instance -8%, 0.05 or 25bp")
    return int(parts)


def show_dollars(micros: int) -> str:
    """Return micro-dollars as dollars, exactly, with at least two decimals: `-1,234.50`."""
    whole, rest = divmod(abs(micros), MICROS)
    decimals = f"{rest:06d}".rstrip("0").ljust(_MIN_DECIMALS, "0")
    return f"{'-' if micros < 0 else ''}{whole:,}.{decimals}"


def show_price(price_ticks: int, size_decimals: int) -> str:
    """Return a price in dollars, exactly; one tick is 10^-(6 - size_decimals) dollars."""
    return _scaled(price_ticks, 6 - size_decimals)


def show_size(size_lots: int, size_decimals: int) -> str:
    """Return a size in units of the base asset, exactly; one lot is 10^-size_decimals."""
    return _scaled(size_lots, size_decimals)


def show_ratio(ratio_e12: int) -> str:
    """Return parts per 10^12 as a signed percentage: `+0.0125%`."""
    percent = Decimal(ratio_e12) / 10**10
    return f"{percent.normalize():+f}%"


def _scaled(number: int, decimals: int) -> str:
    if decimals <= 0:
        return f"{number * 10**-decimals:,}"
    whole, rest = divmod(abs(number), 10**decimals)
    shown = f"{rest:0{decimals}d}".rstrip("0")
    return f"{'-' if number < 0 else ''}{whole:,}{'.' if shown else ''}{shown}"
