"""Instruments, and the only place where decimal numbers become the venue's integers and back.

People and programs think in dollars and coins, the venue counts ticks, lots and micro-dollars (UNIT-010). The change
from one to the other is exact or it is an error that names the nearest allowed values: nothing is ever rounded behind
a program's back. A float is refused, for `0.1` as a float is not a tenth.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, Inexact, InvalidOperation, Rounded
from enum import IntEnum
from math import floor
from typing import Self, TypeAlias, cast

from wavetank.client.errors import (
    AmountOutOfRange,
    AmountTooPrecise,
    PriceOffGrid,
    PriceOutOfRange,
    SizeOffGrid,
    SizeOutOfRange,
)
from wavetank.v1 import instrument_pb2

Number: TypeAlias = Decimal | int | str
"""What is accepted for prices, sizes and dollars; strings as in `Decimal`."""

_LIMIT = 2**31
_LARGEST_AMOUNT_MICROS = 10**15
_LARGEST_DIGITS = 40
_POWERS = {exponent: Decimal(f"1e{exponent}") for exponent in range(-18, 1)}
"""Of ten, as far as ticks, lots and rates need them."""
_MICRO_DOLLAR = _POWERS[-6]
# Enough digits for any product of two values of the wire, whatever context the program has set for itself.
_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation])
# A context is slow to find its own methods, so they are found once.
_scaleb = _EXACT.scaleb
_multiply = _EXACT.multiply
_quantize_down = Context(prec=80, rounding=ROUND_FLOOR, traps=[InvalidOperation]).quantize
_quantize_up = Context(prec=80, rounding=ROUND_CEILING, traps=[InvalidOperation]).quantize
_rounded_if_too_long = Context(prec=_LARGEST_DIGITS, traps=[Inexact, Rounded]).plus


class InstrumentState(IntEnum):
    """What an instrument's book accepts at present (MTCH-050)."""

    TRADING = instrument_pb2.INSTRUMENT_STATE_TRADING
    CANCEL_ONLY = instrument_pb2.INSTRUMENT_STATE_CANCEL_ONLY
    HALTED = instrument_pb2.INSTRUMENT_STATE_HALTED
    POST_ONLY = instrument_pb2.INSTRUMENT_STATE_POST_ONLY
    REDUCE_ONLY = instrument_pb2.INSTRUMENT_STATE_REDUCE_ONLY
    AUCTION = instrument_pb2.INSTRUMENT_STATE_AUCTION
    SETTLED = instrument_pb2.INSTRUMENT_STATE_SETTLED


def decimal_of(value: Number, what: str = "a value") -> Decimal:
    """Return a number as an exact decimal.

    Args:
        value: a Decimal, an integer, or a string such as `"64000.5"`.
        what: what the number is, for the message of an error.

    Raises:
        TypeError: the number is a float, a bool or something else that is not exact.
        ValueError: the text is not a number, or the number is not finite.
    """
    number = value if type(value) is Decimal else _parsed(value, what)
    if not number.is_finite():
        raise ValueError(f"{what} is not finite: {value!r}")
    try:
        # Cheaper than counting the digits: more of them would have to be rounded.
        _rounded_if_too_long(number)
    except (Inexact, Rounded):
        raise ValueError(f"{what} has more than {_LARGEST_DIGITS} digits: {value!r}") from None
    if not -_LARGEST_DIGITS <= number.adjusted() <= _LARGEST_DIGITS:
        raise ValueError(f"{what} has more than {_LARGEST_DIGITS} digits: {value!r}")
    return number


def _parsed(value: Number, what: str) -> Decimal:
    # The annotation cannot keep a program without a type checker from passing a float.
    given = cast("object", value)
    if isinstance(given, bool) or not isinstance(given, Decimal | int | str):
        raise TypeError(
            f"{what} must be a Decimal, an int or a str, not {type(given).__name__} {given!r}: a float holds "
            f"most decimal fractions only nearly, and the venue is exact; write Decimal({str(given)!r})"
        )
    try:
        return Decimal(given)
    except InvalidOperation:
        raise ValueError(f"{what} is not a number: {given!r}") from None


def scaled(value: int, exponent: int) -> Decimal:
    """Return value × 10^exponent, exactly."""
    return _multiply(value, _POWERS.get(exponent) or _scaleb(Decimal(1), exponent))


def dollars(micros: int) -> Decimal:
    """Return micro-dollars as dollars, exactly."""
    return _multiply(micros, _MICRO_DOLLAR)


def micros(amount: Number) -> int:
    """Return dollars as micro-dollars, exactly.

    Args:
        amount: dollars.

    Raises:
        AmountTooPrecise: the amount has more than six decimals; `allowed` names the amounts below and above.
        AmountOutOfRange: the amount is not between 0.000001 and 10^9 dollars.
        TypeError: the amount is a float.
        ValueError: the amount is no finite number.
    """
    number = decimal_of(amount, "an amount")
    bounds = (scaled(1, -6), dollars(_LARGEST_AMOUNT_MICROS))
    if not bounds[0] <= number <= bounds[1]:
        raise AmountOutOfRange(
            f"the amount {number} is not between {bounds[0]} and {bounds[1]} dollars", was=number, allowed=bounds
        )
    count, is_whole = _counted(number, -6)
    if not is_whole:
        below, above = dollars(count), dollars(count + 1)
        raise AmountTooPrecise(
            f"the amount {number} is finer than a micro-dollar; allowed are {below} and {above}",
            was=number,
            allowed=(below, above),
        )
    return count


@dataclass(frozen=True, slots=True)
class MarginTier:
    """One margin tier (MRGN-020).

    Attributes:
        lower_notional: dollars from which the tier holds.
        max_leverage: largest leverage in it.
        maintenance_rate: the tier's own maintenance rate, or None where it is 1 / (2 × max_leverage).
    """

    lower_notional: Decimal
    max_leverage: int
    maintenance_rate: Decimal | None = None

    @classmethod
    def from_wire(cls, message: instrument_pb2.MarginTier) -> Self:
        """Return the tier of a message."""
        return cls(
            dollars(message.lower_notional_micros),
            message.max_leverage,
            scaled(message.maintenance_margin_ppm, -6) if message.maintenance_margin_ppm else None,
        )

    def to_wire(self) -> instrument_pb2.MarginTier:
        """Return the tier as a message.

        Raises:
            ValueError: rate or notional is no whole number of millionths.
        """
        lower, rate = (each.scaleb(6, _EXACT) for each in (self.lower_notional, self.maintenance_rate or Decimal(0)))
        if lower != int(lower) or rate != int(rate):
            raise ValueError(f"rate and notional of a tier are whole millionths, not as in {self}")
        return instrument_pb2.MarginTier(
            lower_notional_micros=int(lower), max_leverage=self.max_leverage, maintenance_margin_ppm=int(rate)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """An instrument as the venue lists it (UNIT-050).

    Attributes:
        instrument_id: number on the wire.
        symbol: display code, for instance `BTC`; how this SDK names the instrument everywhere.
        size_decimals: decimals of a size; a price has six less than that many.
        significant_figures: significant figures that a price may have, 0 for no limit (UNIT-030).
        margin_tiers: ascending.
        taker_fee_rate: of the traded value.
        maker_fee_rate: of the traded value; negative is a rebate.
        min_notional: smallest order, dollars.
        max_order_size: largest order.
        max_position_size: largest position of an account.
        open_interest_cap: largest open interest.
        price_band: furthest that a limit may be from the mark price, as a share of it (MTCH-040).
        impact_notional: dollars for which impact prices are taken (FUND-010).
        funding_interval_ns: venue time between two funding payments.
        state: what the book accepts at present.
        scaling_begins: open interest in dollars from which on initial margin grows (MRGN-020).
        scaling_full: open interest at which all notional is initial margin; None if it does not grow.
        scaled: share of what a leverage leaves unmargined that was in force when the directory was read.
    """

    instrument_id: int
    symbol: str
    size_decimals: int
    significant_figures: int = 5
    margin_tiers: tuple[MarginTier, ...] = ()
    taker_fee_rate: Decimal = Decimal(0)
    maker_fee_rate: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    max_order_size: Decimal = Decimal(_LIMIT - 1)
    max_position_size: Decimal = Decimal(_LIMIT - 1)
    open_interest_cap: Decimal = Decimal(_LIMIT - 1)
    price_band: Decimal = Decimal(1)
    impact_notional: Decimal = Decimal(0)
    funding_interval_ns: int = 3_600_000_000_000
    state: InstrumentState = field(default=InstrumentState.TRADING)
    scaling_begins: Decimal = Decimal(0)
    scaling_full: Decimal | None = None
    scaled: Decimal = Decimal(0)

    @classmethod
    def from_wire(cls, message: instrument_pb2.Instrument) -> Self:
        """Return the instrument that the directory lists."""
        lots = -message.size_decimals
        return cls(
            instrument_id=message.instrument_id,
            symbol=message.symbol,
            size_decimals=message.size_decimals,
            significant_figures=message.significant_figures,
            margin_tiers=tuple(MarginTier.from_wire(tier) for tier in message.margin_tiers),
            taker_fee_rate=scaled(message.taker_fee_ppm, -6),
            maker_fee_rate=scaled(message.maker_fee_ppm, -6),
            min_notional=dollars(message.min_notional_micros),
            max_order_size=scaled(message.max_order_lots, lots),
            max_position_size=scaled(message.max_position_lots, lots),
            open_interest_cap=scaled(message.open_interest_cap_lots, lots),
            price_band=scaled(message.price_band_ppm, -6),
            impact_notional=dollars(message.impact_notional_micros),
            funding_interval_ns=message.funding_interval_ns,
            state=InstrumentState(message.state),
            scaling_begins=dollars(message.scaling_begins_micros),
            scaling_full=dollars(message.scaling_full_micros) if message.scaling_full_micros else None,
            scaled=scaled(message.scaled_ppm, -6),
        )

    @property
    def tick(self) -> Decimal:
        """One tick in dollars."""
        return scaled(1, self.size_decimals - 6)

    @property
    def lot(self) -> Decimal:
        """One lot in units of the base asset."""
        return scaled(1, -self.size_decimals)

    def price(self, ticks: int) -> Decimal:
        """Return ticks as dollars, exactly."""
        return scaled(ticks, self.size_decimals - 6)

    def size(self, lots: int) -> Decimal:
        """Return lots as a size, exactly."""
        return scaled(lots, -self.size_decimals)

    def price_ticks(self, price: Number, *, on_grid: bool = True) -> int:
        """Return a price in ticks, exactly.

        Args:
            price: dollars.
            on_grid: whether to check range and grid; without, any whole number of ticks passes, so that the venue's
                own refusal can be seen.

        Raises:
            PriceOffGrid: the price is not on the grid (UNIT-030); `allowed` names the prices below and above.
            PriceOutOfRange: the price is outside 1 ≤ ticks < 2^31 (UNIT-020).
            TypeError: the price is a float.
            ValueError: the price is no finite number.
        """
        number = decimal_of(price, "a price")
        step = self._step_at(number) if on_grid else 1
        ticks, is_whole = _counted(number, self.size_decimals - 6, step)
        if is_whole and (0 < ticks < _LIMIT or not on_grid):
            return ticks
        if on_grid:
            bounds = (self.tick, self.price(_LIMIT - 1))
            if not bounds[0] <= number <= bounds[1]:
                raise PriceOutOfRange(
                    f"the price {number} of {self.symbol} is not between {bounds[0]} and {bounds[1]}",
                    was=number,
                    allowed=bounds,
                )
        below, above = self.price(ticks), self.price(ticks + step)
        raise PriceOffGrid(
            f"the price {number} of {self.symbol} is not on its grid; the nearest allowed are {below} and {above}",
            was=number,
            allowed=(below, above),
        )

    def size_lots(self, size: Number, *, in_range: bool = True) -> int:
        """Return a size in lots, exactly.

        Args:
            size: units of the base asset.
            in_range: whether to check the range; without, any whole number of lots passes.

        Raises:
            SizeOffGrid: the size is finer than a lot; `allowed` names the sizes below and above.
            SizeOutOfRange: the size is outside 1 ≤ lots < 2^31 (UNIT-020).
            TypeError: the size is a float.
            ValueError: the size is no finite number.
        """
        number = decimal_of(size, "a size")
        lots, is_whole = _counted(number, -self.size_decimals)
        if is_whole and (0 < lots < _LIMIT or not in_range):
            return lots
        if in_range:
            bounds = (self.lot, self.size(_LIMIT - 1))
            if not bounds[0] <= number <= bounds[1]:
                raise SizeOutOfRange(
                    f"the size {number} of {self.symbol} is not between {bounds[0]} and {bounds[1]}",
                    was=number,
                    allowed=bounds,
                )
        below, above = self.size(lots), self.size(lots + 1)
        raise SizeOffGrid(
            f"the size {number} of {self.symbol} is finer than a lot; the nearest allowed are {below} and {above}",
            was=number,
            allowed=(below, above),
        )

    def price_step_ticks(self, price: Number) -> int:
        """Return the distance between two neighbouring prices of the grid at a price, in ticks (UNIT-030)."""
        return self._step_at(decimal_of(price, "a price"))

    def _step_at(self, price: Decimal) -> int:
        return int(10 ** (self._step_exponent(price) + 6 - self.size_decimals))

    def _step_exponent(self, price: Decimal) -> int:
        """Return which power of ten the grid's step at a price is, in dollars: between one tick and one dollar."""
        tick = self.size_decimals - 6
        exponent = price.adjusted() + 1 - self.significant_figures
        if self.significant_figures == 0 or exponent <= tick:
            return tick
        if exponent > 0:
            return 0
        return exponent

    def round_price(self, price: Number, *, up: bool) -> Decimal:
        """Return the nearest price of the grid that is not below (`up`) or not above the given one.

        The result is at least one tick.
        """
        number, tick = decimal_of(price, "a price"), self.tick
        if number < tick:
            return tick
        step = scaled(1, self._step_exponent(number))
        rounded = _quantize_up(number, step) if up else _quantize_down(number, step)
        return _quantize_down(rounded, tick)

    def round_size(self, size: Number) -> Decimal:
        """Return the largest size of whole lots that is not above the given one."""
        # What is nothing has no sign.
        return _quantize_down(decimal_of(size, "a size"), self.lot) or self.size(0)


def _counted(number: Decimal, exponent: int, step: int = 1) -> tuple[int, bool]:
    """Return the largest multiple of step × 10^exponent that is not above a number, in 10^exponent.

    With it comes whether it is the number itself.
    """
    count = _scaleb(number, -exponent)
    below = floor(count) // step * step
    return below, count == below
