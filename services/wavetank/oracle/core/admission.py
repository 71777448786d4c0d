"""What the oracle refuses of prices and of the end of faults, checked before anything changes.

It exists apart so that refusals are read in one place (those of a fault in `fault_admission`); every one says what it
was and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wavetank.model.reason import Reason
from wavetank.oracle.core.inputs import PushedPrice, Refused
from wavetank.oracle.core.settings import OracleSettings
from wavetank.oracle.core.state import InstrumentState, OracleState
from wavetank.oracle.core.values import LARGEST_PRICE_TICKS, is_price, ticks_of

LONGEST_SOURCE_NAME = 16
MOST_PUSHED_PRICES = 1_000


def refused_push(
    settings: OracleSettings, state: OracleState, now_ns: int, pushed: Sequence[PushedPrice]
) -> Refused | None:
    """Return why pushed prices are refused, for the first that is wrong; None when all are good."""
    if not 1 <= len(pushed) <= MOST_PUSHED_PRICES:
        return Refused(
            Reason.MALFORMED,
            f"a push holds {len(pushed)} prices; 1 to {MOST_PUSHED_PRICES} are allowed",
            len(pushed),
            MOST_PUSHED_PRICES,
        )
    newest: dict[tuple[int, str], int] = {}
    for price in pushed:
        instrument = state.instruments.get(price.instrument_id)
        if instrument is None:
            return unknown_instrument(price.instrument_id, state)
        refused = _refused_price(settings, instrument, price)
        if refused is not None:
            return refused
        key = (price.instrument_id, price.source)
        known = instrument.sources.get(price.source)
        earliest = newest.get(key, known.price_time_ns if known is not None else 0)
        time_ns = price.price_time_ns or now_ns
        if not earliest <= time_ns <= now_ns:
            return Refused(
                Reason.PRICE_OUT_OF_ORDER,
                f"price of source {price.source!r} for {instrument.symbol} is of {time_ns}; "
                f"{earliest} (its newest) to {now_ns} (now) is allowed",
                time_ns,
                f"{earliest}..{now_ns}",
            )
        newest[key] = time_ns
    return _refused_number_of_sources(settings, state, pushed)


def _refused_price(settings: OracleSettings, instrument: InstrumentState, price: PushedPrice) -> Refused | None:
    name = price.source
    if not 1 <= len(name) <= LONGEST_SOURCE_NAME or not name.isascii() or not name.isprintable():
        return Refused(
            Reason.MALFORMED,
            f"name of the source is {name!r}; 1 to {LONGEST_SOURCE_NAME} printable ASCII characters are allowed",
            name,
            LONGEST_SOURCE_NAME,
        )
    if instrument.symbol not in settings.push:
        return Refused(
            Reason.SOURCE_NOT_PUSHED,
            f"{instrument.symbol} takes no pushed prices",
            instrument.symbol,
            ",".join(sorted(settings.push)) or "none",
        )
    if name in settings.sources.get(instrument.symbol, {}):
        return Refused(
            Reason.SOURCE_NOT_PUSHED,
            f"source {name!r} of {instrument.symbol} is not a pushed one",
            name,
            "a name of its own",
        )
    if price.price_micros <= 0:
        return Refused(
            Reason.PRICE_NOT_POSITIVE,
            f"price of {instrument.symbol} is {price.price_micros} micro-dollars; it must be positive",
            price.price_micros,
            1,
        )
    if not is_price(price.price_micros, instrument.size_decimals):
        return Refused(
            Reason.PRICE_OUT_OF_RANGE,
            f"price of {instrument.symbol} is {ticks_of(price.price_micros, instrument.size_decimals)} ticks; "
            f"1 to {LARGEST_PRICE_TICKS} are allowed",
            price.price_micros,
            LARGEST_PRICE_TICKS,
        )
    if not 0 <= price.confidence_micros <= price.price_micros:
        return Refused(
            Reason.MALFORMED,
            f"confidence of {instrument.symbol} is {price.confidence_micros} micro-dollars; "
            f"0 (none said) to the price, {price.price_micros}, is allowed",
            price.confidence_micros,
            price.price_micros,
        )
    return None


def _refused_number_of_sources(
    settings: OracleSettings, state: OracleState, pushed: Sequence[PushedPrice]
) -> Refused | None:
    names: dict[int, set[str]] = {}
    for price in pushed:
        names.setdefault(price.instrument_id, set()).add(price.source)
    for instrument_id, new in sorted(names.items()):
        instrument = state.instruments[instrument_id]
        fixed = settings.sources.get(instrument.symbol, {})
        count = len(new | {name for name in instrument.sources if name not in fixed})
        if count > settings.max_pushed_sources:
            return Refused(
                Reason.MALFORMED,
                f"{instrument.symbol} would have {count} pushed sources; {settings.max_pushed_sources} are allowed",
                count,
                settings.max_pushed_sources,
            )
    return None


def refused_clear(state: OracleState, fault_ids: Iterable[int]) -> Refused | None:
    """Return why faults cannot be ended: one of them is not active."""
    active = state.fault_ids()
    for fault_id in fault_ids:
        if fault_id not in active:
            listed = ",".join(str(known) for known in sorted(active)) or "none"
            return Refused(
                Reason.FAULT_UNKNOWN, f"fault {fault_id} is not active; active are: {listed}", fault_id, listed
            )
    return None


def unknown_instrument(instrument_id: int, state: OracleState) -> Refused:
    """Return the refusal of an instrument that is not followed."""
    listed = ",".join(str(known) for known in sorted(state.instruments)) or "none"
    return Refused(
        Reason.INSTRUMENT_UNKNOWN,
        f"instrument {instrument_id} is unknown; listed are: {listed}",
        instrument_id,
        listed,
    )
