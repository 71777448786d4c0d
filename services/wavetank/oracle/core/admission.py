"""What the oracle refuses, checked before anything changes.

It exists apart so that the whole list of refusals is read in one place; every one says what it was and what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wavetank.model.events.oracle import ConsumerBit
from wavetank.model.reason import Reason
from wavetank.oracle.core.faults import LARGEST_PRICE_TICKS, ONE_E12, FaultKind, FaultTarget
from wavetank.oracle.core.inputs import FaultRequest, PushedPrice, Refused
from wavetank.oracle.core.rounding import divide_half_even
from wavetank.oracle.core.settings import OracleSettings
from wavetank.oracle.core.state import InstrumentState, OracleState

LARGEST_SPIKE_E12 = 10 * ONE_E12
"""A price is bent to at most eleven times itself."""

LONGEST_DURATION_NS = 366 * 86_400 * 1_000_000_000
LONGEST_SOURCE_NAME = 16
MOST_PUSHED_PRICES = 1_000


def ticks_of(price_micros: int, size_decimals: int) -> int:
    """Return a price per unit of the base asset in ticks, rounded half to even (UNIT-010)."""
    return divide_half_even(price_micros, int(10**size_decimals))


def is_price(price_micros: int, size_decimals: int) -> bool:
    """Return whether a price is positive and inside the range of UNIT-020."""
    return 1 <= ticks_of(price_micros, size_decimals) <= LARGEST_PRICE_TICKS


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
            return _unknown_instrument(price.instrument_id, state)
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


def refused_fault(settings: OracleSettings, state: OracleState, request: FaultRequest) -> Refused | None:
    """Return why a fault is refused, or None when it is good."""
    for instrument_id in request.instrument_ids:
        if instrument_id not in state.instruments:
            return _unknown_instrument(instrument_id, state)
    if not state.instruments:
        return Refused(Reason.INSTRUMENT_UNKNOWN, "no instrument is listed yet", 0, "none")
    active = {fault.fault_id for instrument in state.instruments.values() for fault in instrument.faults}
    if len(active) >= settings.max_faults:
        return Refused(
            Reason.TOO_MANY_FAULTS,
            f"{len(active)} faults are active; {settings.max_faults} are allowed",
            len(active),
            settings.max_faults,
        )
    malformed = _malformed(settings, request)
    if malformed is None:
        return None
    message, was, allowed = malformed
    return Refused(Reason.FAULT_MALFORMED, message, was, allowed)


def _malformed(settings: OracleSettings, request: FaultRequest) -> tuple[str, int | str, int | str] | None:
    if request.kind is None or request.target is None:
        return "a fault has a kind and a target", "unspecified", "lag, freeze, spike; price, funding"
    if not 0 <= request.duration_ns <= LONGEST_DURATION_NS:
        message = f"duration is {request.duration_ns} ns; 0 (until cleared) to {LONGEST_DURATION_NS} is allowed"
        return message, request.duration_ns, LONGEST_DURATION_NS
    if request.consumers & ConsumerBit.TRUTH:
        return "the truth cannot be made wrong", "truth", "clearing, matching, bots"
    if request.target is FaultTarget.FUNDING and request.kind is not FaultKind.SPIKE:
        return f"a funding fault was a {request.kind.name.lower()}; only a spike is allowed", request.kind.name, "SPIKE"
    if request.kind is FaultKind.LAG:
        if not 0 < request.lag_ns <= settings.max_lag_ns:
            message = f"lag is {request.lag_ns} ns; 1 to {settings.max_lag_ns} is allowed"
            return message, request.lag_ns, settings.max_lag_ns
    elif request.lag_ns:
        return f"a {request.kind.name.lower()} has no lag; it was {request.lag_ns} ns", request.lag_ns, 0
    if request.kind is not FaultKind.SPIKE:
        if request.magnitude_e12:
            message = f"a {request.kind.name.lower()} has no magnitude; it was {request.magnitude_e12}"
            return message, request.magnitude_e12, 0
        return None
    largest = ONE_E12 if request.target is FaultTarget.FUNDING else LARGEST_SPIKE_E12
    if not -ONE_E12 < request.magnitude_e12 <= largest or request.magnitude_e12 == 0:
        message = f"magnitude is {request.magnitude_e12}; above {-ONE_E12} up to {largest}, not 0, is allowed"
        return message, request.magnitude_e12, largest
    return None


def refused_clear(state: OracleState, fault_ids: Iterable[int]) -> Refused | None:
    """Return why faults cannot be ended: one of them is not active."""
    active = {fault.fault_id for instrument in state.instruments.values() for fault in instrument.faults}
    for fault_id in fault_ids:
        if fault_id not in active:
            listed = ",".join(str(known) for known in sorted(active)) or "none"
            return Refused(
                Reason.FAULT_UNKNOWN, f"fault {fault_id} is not active; active are: {listed}", fault_id, listed
            )
    return None


def _unknown_instrument(instrument_id: int, state: OracleState) -> Refused:
    listed = ",".join(str(known) for known in sorted(state.instruments)) or "none"
    return Refused(
        Reason.INSTRUMENT_UNKNOWN,
        f"instrument {instrument_id} is unknown; listed are: {listed}",
        instrument_id,
        listed,
    )
