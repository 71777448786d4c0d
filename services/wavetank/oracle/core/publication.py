"""What is published of one instrument at one time, and from what: one function per event.

It exists between the formulas, which know no state, and the oracle, which knows when. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from wavetank.model.events.oracle import MarkComputed, PremiumSampled, PricePublished, SourceStateChanged
from wavetank.oracle.core.admission import is_price
from wavetank.oracle.core.average import Average
from wavetank.oracle.core.faults import Prices, delivered, funding_added_e12
from wavetank.oracle.core.funding import funding_rate_e12, premium_e12
from wavetank.oracle.core.index import WeightedPrice, index_price_micros
from wavetank.oracle.core.mark import TICK_E6, mark_price_ticks
from wavetank.oracle.core.rounding import divide_half_even
from wavetank.oracle.core.settings import OracleSettings, SourceRole, SourceTerms
from wavetank.oracle.core.state import BookState, InstrumentState


def source_terms(settings: OracleSettings, symbol: str, source: str) -> SourceTerms:
    """Return the terms of a source; those of a name that the settings know no more let it count no more."""
    terms = settings.sources.get(symbol, {}).get(source) or settings.push.get(symbol)
    return terms or SourceTerms(weight=0, limit_ns=-1)


def weighted_prices(settings: OracleSettings, instrument: InstrumentState, role: SourceRole) -> list[WeightedPrice]:
    """Return the newest price of every source of a role."""
    prices = []
    for name in sorted(instrument.sources):
        terms = source_terms(settings, instrument.symbol, name)
        source = instrument.sources[name]
        if terms.role is role:
            prices.append(WeightedPrice(source.price_micros, source.price_time_ns, terms.weight, terms.limit_ns))
    return prices


def source_changes(settings: OracleSettings, instrument: InstrumentState, now_ns: int) -> Iterator[SourceStateChanged]:
    """Yield the sources that went stale, or live again, since the last time (ORCL-010)."""
    for name in sorted(instrument.sources):
        source = instrument.sources[name]
        is_live = now_ns - source.price_time_ns <= source_terms(settings, instrument.symbol, name).limit_ns
        if is_live != source.is_live:
            yield SourceStateChanged(
                instrument_id=instrument.instrument_id,
                account_id=0,
                source=name.encode(),
                price_time_ns=source.price_time_ns,
                event_time_ns=now_ns,
                is_live=int(is_live),
            )


def fresh_book(settings: OracleSettings, instrument: InstrumentState, now_ns: int) -> BookState | None:
    """Return the newest book sample, unless it is too old."""
    book = instrument.book
    return book if book is not None and now_ns - book.sample_time_ns <= settings.book_limit_ns else None


def micro_ticks(price_micros: int, size_decimals: int) -> int:
    """Return a price per unit of the base asset in micro-ticks, exactly: a tick is 10^size_decimals micro-dollars."""
    return price_micros * (TICK_E6 // int(10**size_decimals))


def mark_computed(settings: OracleSettings, instrument: InstrumentState, now_ns: int) -> MarkComputed | None:
    """Return the mark and its terms (ORCL-020), or None while no index lives or no positive mark comes out."""
    decimals = instrument.size_decimals
    index = index_price_micros(weighted_prices(settings, instrument, SourceRole.INDEX), now_ns)
    if index is None or not is_price(index, decimals):
        return None
    index_e6 = micro_ticks(index, decimals)
    perp = index_price_micros(weighted_prices(settings, instrument, SourceRole.PERP), now_ns)
    perp_term_e6 = None if perp is None else micro_ticks(perp, decimals)
    book = fresh_book(settings, instrument, now_ns)
    mid_e6, book_term_e6 = (None, None) if book is None else (book.top.mid_e6, book.top.median_e6)
    basis_weight_ns, basis = 0, instrument.basis
    if mid_e6 is not None:
        basis_weight_ns = basis.weight_ns(now_ns, settings.publish_interval_ns)
        basis = basis.sampled(mid_e6 - index_e6, basis_weight_ns, settings.basis_tau_ns, now_ns)
    book_weight_ns, book_average = 0, instrument.book_average
    if book_term_e6 is not None:
        book_weight_ns = book_average.weight_ns(now_ns, settings.publish_interval_ns)
        book_average = book_average.sampled(book_term_e6, book_weight_ns, settings.book_tau_ns, now_ns)
    # Before the first two-sided book nothing is known of the basis, and the index alone stands.
    basis_term_e6 = index_e6 + (basis.value() or 0)
    mark = mark_price_ticks(
        basis_term_e6=basis_term_e6,
        book_term_e6=book_term_e6,
        perp_term_e6=perp_term_e6,
        book_average_e6=book_average.value(),
    )
    if mark is None:
        return None
    return MarkComputed(
        instrument_id=instrument.instrument_id,
        account_id=0,
        event_time_ns=now_ns,
        mark_price_ticks=mark,
        index_e6=index_e6,
        bid_price_ticks=0 if book is None else book.top.bid_price_ticks,
        ask_price_ticks=0 if book is None else book.top.ask_price_ticks,
        last_price_ticks=0 if book is None else book.top.last_price_ticks,
        basis_term_e6=basis_term_e6,
        book_term_e6=book_term_e6 or 0,
        perp_term_e6=perp_term_e6 or 0,
        book_average_e6=_value_or_none(book_average),
        basis_weight_ns=basis_weight_ns,
        book_weight_ns=book_weight_ns,
    )


def _value_or_none(average: Average) -> int:
    return average.value() or 0


def true_prices(instrument: InstrumentState, mark: MarkComputed | None, now_ns: int) -> Prices | None:
    """Return the true value of now: the mark just computed, else the last one marked stale, else nothing."""
    if mark is not None:
        return Prices(divide_half_even(mark.index_e6, TICK_E6), mark.mark_price_ticks, now_ns, stale=False)
    return None if instrument.published is None else replace(instrument.published, stale=True)


def premium_sampled(
    settings: OracleSettings, instrument: InstrumentState, mark: MarkComputed, now_ns: int
) -> PremiumSampled | None:
    """Return the premium sample of this sampling interval, if it is due and the book is fresh (FUND-010)."""
    interval_ns = settings.sample_interval_ns(instrument.funding_interval_ns)
    book = fresh_book(settings, instrument, now_ns)
    if book is None or now_ns // interval_ns <= instrument.premium_time_ns // interval_ns:
        return None
    index_ticks = divide_half_even(mark.index_e6, TICK_E6)
    return PremiumSampled(
        instrument_id=instrument.instrument_id,
        account_id=0,
        premium_e12=premium_e12(
            index_e6=index_ticks * TICK_E6, impact_bid_e6=book.impact_bid_e6, impact_ask_e6=book.impact_ask_e6
        ),
        index_price_ticks=index_ticks,
        impact_bid_e6=book.impact_bid_e6,
        impact_ask_e6=book.impact_ask_e6,
        sample_time_ns=now_ns,
    )


def predicted_rate_e12(settings: OracleSettings, instrument: InstrumentState) -> int:
    """Return the rate that the running interval would pay if it ended now, faults included (FUND-020)."""
    return funding_rate_e12(
        settings.funding,
        premium_sum_e12=instrument.premium_sum_e12,
        samples=instrument.premium_samples,
        added_e12=funding_added_e12(instrument.faults),
        cap_e12=instrument.funding_cap_e12,
    )


def prices_published(
    settings: OracleSettings, instrument: InstrumentState, true: Prices, now_ns: int
) -> list[PricePublished]:
    """Return one event per distinct delivered value, the truth's first (ORCL-040)."""
    rate_e12 = predicted_rate_e12(settings, instrument)
    values = delivered(instrument.faults, true, instrument.history, now_ns)
    return [
        PricePublished(
            instrument_id=instrument.instrument_id,
            account_id=0,
            index_price_ticks=prices.index_price_ticks,
            mark_price_ticks=prices.mark_price_ticks,
            index_time_ns=prices.index_time_ns,
            event_time_ns=now_ns,
            funding_rate_e12=rate_e12,
            consumers=consumers,
            stale=int(prices.stale),
        )
        for prices, consumers in values.items()
    ]
