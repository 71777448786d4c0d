"""What the sources of an instrument say at one time: truly, and as their faults make it (ORCL-010, ORCL-040).

It exists between the sources and the index. Kept true: what sources truly said is not touched by faults, so that the
truth can be published beside what is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wavetank.model.events.oracle import SourceStanding, SourceStateChanged
from wavetank.oracle.core.delivery import bent_source, chosen, micro_scale
from wavetank.oracle.core.faults import source_channel
from wavetank.oracle.core.index import Weighed, WeightedPrice, index_price_micros, weighed
from wavetank.oracle.core.settings import OracleSettings, SourceRole, SourceTerms
from wavetank.oracle.core.state import BookState, InstrumentState
from wavetank.oracle.core.values import SourceValue

_UNKNOWN = SourceTerms(weight=0, limit_ns=-1)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What sources come to."""

    index: Weighed | None
    perp_micros: int | None
    standings: dict[str, SourceStanding]


def source_terms(settings: OracleSettings, symbol: str, source: str) -> SourceTerms:
    """Return the terms of a source; those of a name that the settings know no more let it count no more."""
    return settings.sources.get(symbol, {}).get(source) or settings.push.get(symbol) or _UNKNOWN


def fresh_book(settings: OracleSettings, instrument: InstrumentState, now_ns: int) -> BookState | None:
    """Return the newest book sample, unless it is too old."""
    book = instrument.book
    return book if book is not None and now_ns - book.sample_time_ns <= settings.book_limit_ns else None


def sighted(settings: OracleSettings, instrument: InstrumentState, now_ns: int, *, faulty: bool) -> Sighting:
    """Return what the sources come to.

    Args:
        settings: terms of the sources and of the index.
        instrument: whose.
        now_ns: venue time.
        faulty: with the faults of sources, or truly.

    """
    names: list[str] = []
    prices: list[WeightedPrice] = []
    perps: list[WeightedPrice] = []
    standings: dict[str, SourceStanding] = {}
    for name in sorted(instrument.sources):
        terms = source_terms(settings, instrument.symbol, name)
        source = instrument.sources[name]
        value = _faulty_value(settings, instrument, name, now_ns) if faulty else source.value
        if value is None:
            standings[name] = SourceStanding.STALE
            continue
        price = WeightedPrice(
            value.price_micros, value.price_time_ns, terms.weight, terms.limit_ns, value.confidence_micros
        )
        if terms.role is SourceRole.PERP:
            perps.append(price)
            standings[name] = SourceStanding.LIVE if price.is_live(now_ns) else SourceStanding.STALE
        else:
            names.append(name)
            prices.append(price)
    index, stands = weighed(prices, settings.index, now_ns)
    standings.update(zip(names, stands, strict=True))
    return Sighting(index, index_price_micros(perps, now_ns) if perps else None, standings)


def _faulty_value(settings: OracleSettings, instrument: InstrumentState, name: str, now_ns: int) -> SourceValue | None:
    source = instrument.sources[name]
    faults = instrument.source_faults(name)
    if not faults:
        return source.value
    channel = source_channel(instrument.instrument_id, name)
    value = source.value if source.history is None else chosen(faults, channel, source.history, now_ns)
    if value is None:
        return None
    book = fresh_book(settings, instrument, now_ns)
    scale = micro_scale(instrument.size_decimals)
    return bent_source(value, faults, channel, scale, None if book is None else book.top, now_ns)


def source_changes(
    instrument: InstrumentState, standings: dict[str, SourceStanding], now_ns: int
) -> Iterator[SourceStateChanged]:
    """Yield the sources to which the index stands differently than the last time (ORCL-010)."""
    for name in sorted(standings):
        source = instrument.sources[name]
        if standings[name] != source.standing:
            yield SourceStateChanged(
                instrument_id=instrument.instrument_id,
                account_id=0,
                source=name.encode(),
                price_time_ns=source.price_time_ns,
                event_time_ns=now_ns,
                standing=int(standings[name]),
            )
