"""Which faults are refused, and which sources one hits.

It exists apart because what each kind takes is a table, read in one place by who sets faults and by who adds a kind. A
fault is refused for what it lacks and for what it would not use: both are mistakes of who asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from wavetank.model.events.oracle import ConsumerBit
from wavetank.model.reason import Reason
from wavetank.oracle.core.admission import unknown_instrument
from wavetank.oracle.core.chance import CUT_OFF, Purpose, draw
from wavetank.oracle.core.faults import ALWAYS_PPM, ONE_E12, FaultKind, FaultTarget, JitterDistribution
from wavetank.oracle.core.inputs import FaultRequest, Refused
from wavetank.oracle.core.settings import OracleSettings, SourceRole
from wavetank.oracle.core.state import InstrumentState, OracleState
from wavetank.oracle.core.values import LARGEST_PRICE_TICKS, ticks_of

LARGEST_BEND_E12 = 1_000 * ONE_E12
"""A price is bent to at most a thousand times itself more; a decimal error goes further."""

LARGEST_EXPONENT = 12
LONGEST_DURATION_NS = 366 * 86_400 * 1_000_000_000
LARGEST_SEED = 2**63 - 1
LARGEST_PRICE_MICROS = LARGEST_PRICE_TICKS * 10**6
"""Of any instrument, in micro-dollars; an instrument's own bound is in ticks."""

MOST_RECORDS = 1_000
"""Sources that one fault hits, of all instruments together."""

_USES: dict[FaultKind, frozenset[str]] = {
    FaultKind.LAG: frozenset({"lag_ns", "jitter_ns", "ramp_ns", "probability_ppm"}),
    FaultKind.FREEZE: frozenset({"probability_ppm"}),
    FaultKind.SPIKE: frozenset({"magnitude_e12", "ramp_ns", "probability_ppm"}),
    FaultKind.DRIFT: frozenset({"magnitude_e12", "ramp_ns"}),
    FaultKind.CLAMP: frozenset({"price_micros", "upper_price_micros", "probability_ppm"}),
    FaultKind.DECIMAL: frozenset({"exponent", "probability_ppm"}),
    FaultKind.HARDCODE: frozenset({"price_micros", "probability_ppm"}),
    FaultKind.SOURCE_LOSS: frozenset({"probability_ppm"}),
    FaultKind.WIDEN: frozenset({"magnitude_e12", "ramp_ns", "probability_ppm"}),
    FaultKind.SELF_REFERENCE: frozenset({"probability_ppm"}),
    FaultKind.OUT_OF_ORDER: frozenset({"lag_ns", "probability_ppm"}),
    FaultKind.DUPLICATE: frozenset({"probability_ppm"}),
    FaultKind.CENSOR: frozenset({"magnitude_e12"}),
    FaultKind.CONGESTION: frozenset(),
}
"""What a kind takes beside instruments, consumers or sources, times and a seed."""

_FUNDING_KINDS = frozenset({FaultKind.SPIKE, FaultKind.FREEZE})

_WORDS = {
    "lag_ns": "lag",
    "jitter_ns": "jitter",
    "magnitude_e12": "magnitude",
    "price_micros": "price",
    "upper_price_micros": "upper price",
    "exponent": "exponent",
    "ramp_ns": "ramp",
    "probability_ppm": "probability",
}

_NEEDS_A_RISE = frozenset({FaultKind.WIDEN, FaultKind.CENSOR})
"""Kinds whose magnitude is a size, and so positive."""


class _Wrong(NamedTuple):
    """Why a fault is malformed."""

    message: str
    was: int | str
    allowed: int | str


def refused_fault(settings: OracleSettings, state: OracleState, request: FaultRequest) -> Refused | None:
    """Return why a fault is refused, or None when it is good."""
    for instrument_id in request.instrument_ids:
        if instrument_id not in state.instruments:
            return unknown_instrument(instrument_id, state)
    if not state.instruments:
        return Refused(Reason.INSTRUMENT_UNKNOWN, "no instrument is listed yet", 0, "none")
    active = state.fault_ids()
    if len(active) >= settings.max_faults:
        return Refused(
            Reason.TOO_MANY_FAULTS,
            f"{len(active)} faults are active; {settings.max_faults} are allowed",
            len(active),
            settings.max_faults,
        )
    if request.kind is None or request.target is None:
        kinds = ", ".join(kind.name.lower() for kind in FaultKind)
        return Refused(
            Reason.FAULT_MALFORMED, "a fault has a kind and a target", "unspecified", f"{kinds}; price, funding"
        )
    for wrong in (
        *_wrong_times(request),
        *_wrong_whom(request, request.kind, request.target),
        *_wrong_sizes(settings, request, request.kind, request.target),
        *_wrong_prices(state, request, request.kind),
        *_wrong_sources(settings, state, request),
    ):
        return Refused(Reason.FAULT_MALFORMED, wrong.message, wrong.was, wrong.allowed)
    return None


def hit_sources(
    settings: OracleSettings, instrument: InstrumentState, request: FaultRequest, fault_id: int
) -> list[str]:
    """Return the sources of an instrument that a fault hits, by name; an empty name for a fault of delivery.

    Args:
        settings: which sources are known.
        instrument: whose.
        request: names, or how many are chosen by the seed.
        fault_id: of the fault.

    """
    if request.sources:
        return sorted(set(request.sources) & known_sources(settings, instrument))
    if not request.source_count:
        return [""]
    number = instrument.instrument_id
    ranked = sorted(
        index_sources(settings, instrument),
        key=lambda name: (draw(request.seed, fault_id, number, name.encode(), 0, Purpose.CHOICE), name),
    )
    return sorted(ranked[: request.source_count])


def known_sources(settings: OracleSettings, instrument: InstrumentState) -> set[str]:
    """Return the names of an instrument's sources: those of the settings, and those that have pushed."""
    return {*settings.sources.get(instrument.symbol, {}), *instrument.sources}


def index_sources(settings: OracleSettings, instrument: InstrumentState) -> set[str]:
    """Return the names of the sources that are members of the index."""
    terms = settings.sources.get(instrument.symbol, {})
    return {
        name
        for name in known_sources(settings, instrument)
        if name not in terms or terms[name].role is SourceRole.INDEX
    }


def _wrong_times(request: FaultRequest) -> Iterator[_Wrong]:
    for name, time_ns in (
        ("delay", request.delay_ns),
        ("duration", request.duration_ns),
        ("ramp", request.ramp_ns),
    ):
        if not 0 <= time_ns <= LONGEST_DURATION_NS:
            until = " (until cleared)" if name == "duration" else ""
            message = f"{name} is {time_ns} ns; 0{until} to {LONGEST_DURATION_NS} is allowed"
            yield _Wrong(message, time_ns, LONGEST_DURATION_NS)
    if not 0 <= request.seed <= LARGEST_SEED:
        yield _Wrong(f"seed is {request.seed}; 0 to {LARGEST_SEED} is allowed", request.seed, LARGEST_SEED)
    if not 0 <= request.probability_ppm <= ALWAYS_PPM:
        message = f"probability is {request.probability_ppm} ppm; 0 (always) to {ALWAYS_PPM} is allowed"
        yield _Wrong(message, request.probability_ppm, ALWAYS_PPM)


def _wrong_whom(request: FaultRequest, kind: FaultKind, target: FaultTarget) -> Iterator[_Wrong]:
    if request.consumers & ConsumerBit.TRUTH:
        yield _Wrong("the truth cannot be made wrong", "truth", "clearing, matching, bots")
    of_sources = bool(request.sources) or request.source_count != 0
    if target is FaultTarget.FUNDING and (kind not in _FUNDING_KINDS or of_sources):
        what = "one of sources" if of_sources else f"a {kind.name.lower()}"
        yield _Wrong(f"a funding fault was {what}; only a spike or a freeze is allowed", kind.name, "SPIKE, FREEZE")
    if kind is FaultKind.SOURCE_LOSS and not of_sources:
        yield _Wrong("a source_loss names its sources, or how many", "none", "sources, or a source_count")
    if of_sources and request.consumers:
        message = "a fault of sources hits all consumers alike; it named some"
        yield _Wrong(message, request.consumers, "no consumers")
    if request.sources and request.source_count:
        message = f"a fault names sources or how many, not both; it named {len(request.sources)} and a count"
        yield _Wrong(message, request.source_count, 0)


def _wrong_sizes(
    settings: OracleSettings, request: FaultRequest, kind: FaultKind, target: FaultTarget
) -> Iterator[_Wrong]:
    for name, word in _WORDS.items():
        amount = getattr(request, name)
        if amount and name not in _USES[kind]:
            yield _Wrong(f"a {kind.name.lower()} has no {word}; it was {amount}", amount, 0)
    if kind in {FaultKind.LAG, FaultKind.OUT_OF_ORDER}:
        yield from _wrong_lag(settings, request, kind)
    elif request.distribution is not None:
        yield _Wrong(f"a {kind.name.lower()} has no distribution of jitter", request.distribution.name, "none")
    if "magnitude_e12" in _USES[kind]:
        largest = ONE_E12 if target is FaultTarget.FUNDING else LARGEST_BEND_E12
        least = 0 if kind in _NEEDS_A_RISE else -ONE_E12
        if not least < request.magnitude_e12 <= largest or request.magnitude_e12 == 0:
            message = f"magnitude is {request.magnitude_e12}; above {least} up to {largest}, not 0, is allowed"
            yield _Wrong(message, request.magnitude_e12, largest)
    if kind is FaultKind.DRIFT and not request.ramp_ns:
        yield _Wrong("a drift takes a ramp: the time in which it reaches its magnitude", 0, LONGEST_DURATION_NS)
    if kind is FaultKind.DECIMAL and not 0 < abs(request.exponent) <= LARGEST_EXPONENT:
        message = f"exponent is {request.exponent}; -{LARGEST_EXPONENT} to {LARGEST_EXPONENT}, not 0, is allowed"
        yield _Wrong(message, request.exponent, LARGEST_EXPONENT)


def _wrong_lag(settings: OracleSettings, request: FaultRequest, kind: FaultKind) -> Iterator[_Wrong]:
    least = 1 if kind is FaultKind.OUT_OF_ORDER or not request.jitter_ns else 0
    if not least <= request.lag_ns <= settings.max_lag_ns:
        message = f"lag is {request.lag_ns} ns; {least} to {settings.max_lag_ns} is allowed"
        yield _Wrong(message, request.lag_ns, settings.max_lag_ns)
    varies = request.distribution in {JitterDistribution.UNIFORM, JitterDistribution.EXPONENTIAL}
    if varies != (request.jitter_ns != 0):
        message = f"a jitter has a distribution that varies, and that a jitter; it was {request.jitter_ns} ns"
        yield _Wrong(message, request.jitter_ns, "uniform or exponential, with a jitter; or neither")
    most = CUT_OFF if request.distribution is JitterDistribution.EXPONENTIAL else 1
    largest = (settings.max_lag_ns - request.lag_ns) // most
    if not 0 <= request.jitter_ns <= max(0, largest):
        message = f"jitter is {request.jitter_ns} ns; 0 to {largest} is allowed beside this lag"
        yield _Wrong(message, request.jitter_ns, largest)


def _wrong_prices(state: OracleState, request: FaultRequest, kind: FaultKind) -> Iterator[_Wrong]:
    lower, upper = request.price_micros, request.upper_price_micros
    decimals = [
        state.instruments[number].size_decimals for number in request.instrument_ids or sorted(state.instruments)
    ]
    for price in (lower, upper):
        if any(abs(ticks_of(price, each)) > LARGEST_PRICE_TICKS for each in decimals):
            message = f"price is {price} micro-dollars; at most {LARGEST_PRICE_TICKS} ticks are allowed"
            yield _Wrong(message, price, LARGEST_PRICE_TICKS)
    if kind is FaultKind.CLAMP:
        if lower < 0 or upper < 0 or not (lower or upper):
            message = f"a clamp has a lower or an upper price, or both; they were {lower} and {upper}"
            yield _Wrong(message, min(lower, upper), "positive, or 0 for none")
        if upper and lower > upper:
            message = f"the lower price of a clamp is {lower}; up to its upper one, {upper}, is allowed"
            yield _Wrong(message, lower, upper)


def _wrong_sources(settings: OracleSettings, state: OracleState, request: FaultRequest) -> Iterator[_Wrong]:
    hit = [state.instruments[number] for number in request.instrument_ids or sorted(state.instruments)]
    known = [known_sources(settings, instrument) for instrument in hit]
    for source in request.sources:
        # Of all instruments those are meant that have the source; who names instruments means each of them.
        missing = [instrument.symbol for instrument, names in zip(hit, known, strict=True) if source not in names]
        if missing and (request.instrument_ids or len(missing) == len(hit)):
            listed = ",".join(sorted(set().union(*known))) or "none"
            yield _Wrong(f"source {source!r} is none of {', '.join(missing)}; known are: {listed}", source, listed)
    if request.source_count:
        fewest = min(len(index_sources(settings, instrument)) for instrument in hit)
        if not 0 < request.source_count <= fewest:
            message = f"source_count is {request.source_count}; 1 to {fewest}, the fewest of an index, is allowed"
            yield _Wrong(message, request.source_count, fewest)
    records = max(len(set(request.sources)), request.source_count) * len(hit)
    if records > MOST_RECORDS:
        yield _Wrong(f"the fault would hit {records} sources; {MOST_RECORDS} are allowed", records, MOST_RECORDS)
