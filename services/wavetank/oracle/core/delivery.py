"""What faults make of values: which one is given, how it is bent, and how sure it is (ORCL-040).

It exists once, for prices from sources and for prices to consumers. What is given is a function of the values so far,
of the faults and of the time; nothing is remembered here. So values of a lag that varies come in their order: one is
there when it and all before it have arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from wavetank.oracle.core.chance import Purpose
from wavetank.oracle.core.faults import CHOOSES, KEEPS_OLD, ONE_E12, Channel, Fault, FaultKind
from wavetank.oracle.core.mark import TICK_E6, Book
from wavetank.oracle.core.rounding import divide_half_even
from wavetank.oracle.core.values import LARGEST_PRICE_TICKS, History, Prices, SourceValue, V

_BENDS = (FaultKind.HARDCODE, FaultKind.SPIKE, FaultKind.DRIFT, FaultKind.DECIMAL, FaultKind.CLAMP)
"""In the order in which they are applied; a spike and a drift are one, in order of id."""

_ORDER = {kind: position for position, kind in enumerate(_BENDS)} | {FaultKind.DRIFT: _BENDS.index(FaultKind.SPIKE)}


def chosen(faults: Sequence[Fault], channel: Channel, history: History[V], now_ns: int) -> V | None:
    """Return the value that a channel gives before it is bent; None where there was none to keep.

    Args:
        faults: those that have begun and hit the channel, in order of id.
        channel: where the value passes.
        history: of values, up to now.
        now_ns: venue time.

    """
    faults = [fault for fault in faults if fault.kind in CHOOSES]
    for fault in faults:
        if fault.kind in {FaultKind.FREEZE, FaultKind.CONGESTION} and fault.is_certain:
            return _kept(fault, channel, history)
    if not history.values:
        return None
    at = newest_position(faults, channel, history, now_ns)
    if at < 0:
        return history.values[0].as_old()
    value: V | None = history.values[at]
    repeats = [fault for fault in faults if fault.kind is FaultKind.DUPLICATE]
    if repeats:
        value = _repeated(repeats, channel, history, at)
    for fault in faults:
        if fault.kind is FaultKind.OUT_OF_ORDER and fault.strikes(channel, history.times_ns[at]):
            back_ns = 1 + fault.drawn(channel, history.times_ns[at], Purpose.DISTANCE) % fault.lag_ns
            return history.values[max(0, history.position_by(history.times_ns[at] - back_ns))]
    return value


def newest_position(faults: Sequence[Fault], channel: Channel, history: History[V], now_ns: int) -> int:
    """Return where the newest value stands that has arrived and is not withheld; −1 before the first.

    Args:
        faults: as of `chosen`.
        channel: where the value passes.
        history: of values, up to now.
        now_ns: venue time.

    """
    reach_ns = min((fault.passed_time_ns for fault in faults if fault.kind is FaultKind.CENSOR), default=now_ns)
    lags = [fault for fault in faults if fault.kind is FaultKind.LAG]
    varying = [fault for fault in lags if not fault.is_constant_lag]
    longest_ns = sum(fault.longest_lag_ns for fault in lags)
    at = history.position_by(min(reach_ns, now_ns - longest_ns))
    if varying:
        last = history.position_by(min(reach_ns, now_ns))
        while at < last:
            time_ns = history.times_ns[at + 1]
            if time_ns + sum(fault.delay_ns(channel, time_ns) for fault in lags) > now_ns:
                break
            at += 1
    holds = [fault for fault in faults if fault.kind is FaultKind.FREEZE and not fault.is_certain]
    while at > 0 and any(_withholds(fault, channel, history.times_ns[at]) for fault in holds):
        at -= 1
    return at


def _withholds(fault: Fault, channel: Channel, time_ns: int) -> bool:
    return time_ns > fault.start_time_ns and fault.strikes(channel, time_ns)


def _repeated(repeats: Sequence[Fault], channel: Channel, history: History[V], at: int) -> V | None:
    """Return the newest value that is no repetition, as if it were of now."""
    newest = history.values[at]
    for fault in repeats:
        if fault.is_certain:
            kept = _kept(fault, channel, history)
            return None if kept is None else kept.as_new_as(newest)
    while at > 0 and any(_withholds(fault, channel, history.times_ns[at]) for fault in repeats):
        at -= 1
    return history.values[at].as_new_as(newest)


def _kept(fault: Fault, channel: Channel, _history: History[V]) -> V | None:
    # What was kept came from the same channel, so it is of the history's type.
    return fault.frozen[channel.place]  # type: ignore[return-value]


def keeps_old(fault: Fault) -> bool:
    """Return whether a fault must know what its channels had when it began."""
    return fault.kind in KEEPS_OLD


def censored(fault: Fault, time_ns: int, size: int) -> Fault:
    """Return a censor after a new value: it lets that pass if it moved far enough from the last that passed."""
    if abs(size - fault.passed_price) * ONE_E12 < fault.magnitude_e12 * abs(fault.passed_price):
        return fault
    return replace(fault, passed_time_ns=time_ns, passed_price=size)


@dataclass(frozen=True, slots=True)
class Scale:
    """What prices of a channel are counted in."""

    micros: int
    """Micro-dollars per unit of the base asset in one."""
    least: int
    """Of a positive price."""
    largest: int

    def bounded(self, price: int) -> int:
        """Return a positive price inside the bounds: it stays a price."""
        return max(self.least, min(self.largest, price))

    def of_micros(self, price_micros: int) -> int:
        """Return a price that somebody named; a positive one is at least the least, others stay what they are."""
        price = divide_half_even(price_micros, self.micros)
        return self.bounded(price) if price_micros > 0 else price


def tick_scale(size_decimals: int) -> Scale:
    """Return the scale of prices to consumers: ticks."""
    return Scale(int(10**size_decimals), 1, LARGEST_PRICE_TICKS)


def micro_scale(size_decimals: int) -> Scale:
    """Return the scale of prices from sources: micro-dollars, with the bounds of ticks."""
    return Scale(1, int(10**size_decimals), LARGEST_PRICE_TICKS * int(10**size_decimals))


def bending(faults: Iterable[Fault], channel: Channel, number: int) -> list[Fault]:
    """Return the faults that bend an update of a channel, in the order in which they do."""
    struck = [fault for fault in faults if fault.kind in _ORDER and fault.strikes(channel, number)]
    return sorted(struck, key=lambda fault: (_ORDER[fault.kind], fault.fault_id))


def bent_price(price: int, bends: Iterable[Fault], scale: Scale, now_ns: int) -> int:
    """Return a price after what bends it, each rounded half to even; a positive price stays one.

    Args:
        price: the price.
        bends: of `bending`.
        scale: what it is counted in.
        now_ns: venue time, for ramps.

    """
    for fault in bends:
        match fault.kind:
            case FaultKind.HARDCODE:
                price = scale.of_micros(fault.price_micros)
            case FaultKind.DECIMAL if price > 0:
                tens = int(10 ** abs(fault.exponent))
                price = scale.bounded(price * tens if fault.exponent > 0 else divide_half_even(price, tens))
            case FaultKind.CLAMP:
                if fault.price_micros:
                    price = max(price, scale.of_micros(fault.price_micros))
                if fault.upper_price_micros:
                    price = min(price, scale.of_micros(fault.upper_price_micros))
            case FaultKind.SPIKE | FaultKind.DRIFT if price > 0:
                factor = ONE_E12 + fault.ramped(fault.magnitude_e12, now_ns)
                price = scale.bounded(divide_half_even(price * factor, ONE_E12))
            case _:
                pass
    return price


def widened(confidence: int, price: int, faults: Iterable[Fault], channel: Channel, number: int, now_ns: int) -> int:
    """Return a confidence interval after the faults that widen it, each by a share of the price.

    Args:
        confidence: one side of the interval.
        price: the price as bent.
        faults: those that have begun and hit the channel.
        channel: where the price passes.
        number: of the update.
        now_ns: venue time, for ramps.

    """
    for fault in faults:
        if fault.kind is FaultKind.WIDEN and fault.strikes(channel, number):
            confidence += divide_half_even(abs(price) * fault.ramped(fault.magnitude_e12, now_ns), ONE_E12)
    return confidence


def refers_to_itself(faults: Iterable[Fault], channel: Channel, number: int) -> bool:
    """Return whether a channel gives the venue's own book instead of a price, at one update."""
    return any(fault.kind is FaultKind.SELF_REFERENCE and fault.strikes(channel, number) for fault in faults)


def bent_prices(
    prices: Prices, faults: Sequence[Fault], channel: Channel, scale: Scale, own_book: Book | None, now_ns: int
) -> Prices:
    """Return what a consumer is told instead of the prices chosen for it.

    Args:
        prices: of `chosen`.
        faults: those that have begun and hit the consumer, in order of id.
        channel: the consumer's.
        scale: of ticks.
        own_book: the venue's, unless it is old; a self-reference without a two-sided one is stale.
        now_ns: venue time, and number of the update.

    """
    index, mark, stale = prices.index_price_ticks, prices.mark_price_ticks, prices.stale
    if refers_to_itself(faults, channel, now_ns):
        if own_book is None or own_book.mid_e6 is None or own_book.median_e6 is None:
            stale = True
        else:
            index = divide_half_even(own_book.mid_e6, TICK_E6)
            mark = divide_half_even(own_book.median_e6, TICK_E6)
    bends = bending(faults, channel, now_ns)
    index, mark = (bent_price(price, bends, scale, now_ns) for price in (index, mark))
    confidence = widened(prices.confidence_ticks, index, faults, channel, now_ns, now_ns)
    return Prices(index, mark, prices.index_time_ns, stale, confidence)


def bent_source(
    value: SourceValue, faults: Sequence[Fault], channel: Channel, scale: Scale, own_book: Book | None, now_ns: int
) -> SourceValue | None:
    """Return what a source says instead of its value, or None while it is lost.

    Args:
        value: of `chosen`.
        faults: those that have begun and hit the source, in order of id.
        channel: the source's.
        scale: of micro-dollars.
        own_book: the venue's, unless it is old; without a two-sided one a self-reference is a lost source.
        now_ns: venue time, for ramps; the number of the update is the time of the value.

    """
    number = value.price_time_ns
    price = value.price_micros
    if any(fault.kind is FaultKind.SOURCE_LOSS and fault.strikes(channel, number) for fault in faults):
        return None
    if refers_to_itself(faults, channel, number):
        if own_book is None or own_book.mid_e6 is None:
            return None
        price = divide_half_even(own_book.mid_e6 * scale.least, TICK_E6)
    price = bent_price(price, bending(faults, channel, number), scale, now_ns)
    confidence = widened(value.confidence_micros, price, faults, channel, number, now_ns)
    return SourceValue(price, value.price_time_ns, confidence)
