"""What is published of one instrument at one time, and from what: one function per event.

It exists between the formulas, which know no state, and the oracle, which knows when. Nothing here changes anything.
"""

from __future__ import annotations

from wavetank.model.events.oracle import EVERYBODY, ConsumerBit, MarkComputed, PremiumSampled, PricePublished, PriceTold
from wavetank.model.validity import Validity, judged
from wavetank.oracle.core.average import Average
from wavetank.oracle.core.delivery import bent_prices, chosen, newest_position, tick_scale
from wavetank.oracle.core.faults import CHOOSES, CONSUMERS, Fault, FaultKind, consumer_channel, faulty_rate_e12
from wavetank.oracle.core.funding import funding_rate_e12, premium_e12
from wavetank.oracle.core.mark import TICK_E6, mark_price_ticks
from wavetank.oracle.core.rounding import divide_half_even
from wavetank.oracle.core.settings import OracleSettings
from wavetank.oracle.core.sources import Sighting, fresh_book
from wavetank.oracle.core.state import InstrumentState, MarkAverages
from wavetank.oracle.core.values import Prices, is_price, ticks_of

MOST_RELEASED = 1_000
"""Values that a congestion delivers when it ends; those before them are lost."""


def micro_ticks(price_micros: int, size_decimals: int) -> int:
    """Return a price per unit of the base asset in micro-ticks, exactly: a tick is 10^size_decimals micro-dollars."""
    return price_micros * (TICK_E6 // int(10**size_decimals))


def mark_computed(
    settings: OracleSettings, instrument: InstrumentState, sighting: Sighting, averages: MarkAverages, now_ns: int
) -> MarkComputed | None:
    """Return the mark and its terms (ORCL-020), or None while no index lives or no positive mark comes out."""
    decimals = instrument.size_decimals
    if sighting.index is None or not is_price(sighting.index.index_micros, decimals):
        return None
    index_e6 = micro_ticks(sighting.index.index_micros, decimals)
    perp = sighting.perp_micros
    perp_term_e6 = None if perp is None or perp <= 0 else micro_ticks(perp, decimals)
    book = fresh_book(settings, instrument, now_ns)
    mid_e6, book_term_e6 = (None, None) if book is None else (book.top.mid_e6, book.top.median_e6)
    basis_weight_ns, basis = 0, averages.basis
    if mid_e6 is not None:
        basis_weight_ns = basis.weight_ns(now_ns, settings.publish_interval_ns)
        basis = basis.sampled(mid_e6 - index_e6, basis_weight_ns, settings.basis_tau_ns, now_ns)
    book_weight_ns, book_average = 0, averages.book
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


def true_prices(
    instrument: InstrumentState, sighting: Sighting, mark: MarkComputed | None, now_ns: int
) -> Prices | None:
    """Return the true value of now: the mark just computed, else the last one marked stale, else nothing."""
    if mark is not None:
        return _prices_of(instrument, sighting, mark, now_ns)
    last = instrument.published
    # A value of this very moment is not stale yet.
    return (
        None
        if last is None
        else Prices(
            last.index_price_ticks,
            last.mark_price_ticks,
            last.index_time_ns,
            last.index_time_ns != now_ns,
            last.confidence_ticks,
        )
    )


def _prices_of(instrument: InstrumentState, sighting: Sighting, mark: MarkComputed, now_ns: int) -> Prices:
    assert sighting.index is not None, "a mark is computed from an index"
    # An interval is rounded up: it never claims to know more.
    confidence = -(-sighting.index.confidence_micros // int(10**instrument.size_decimals))
    return Prices(
        divide_half_even(mark.index_e6, TICK_E6),
        mark.mark_price_ticks,
        now_ns,
        stale=False,
        confidence_ticks=confidence,
    )


def price_told(
    settings: OracleSettings, instrument: InstrumentState, sighting: Sighting | None, true: Prices, now_ns: int
) -> tuple[PriceTold, MarkComputed | None]:
    """Return what would be delivered to everybody while there are faults, and the mark behind it (ORCL-040).

    Args:
        settings: of the core.
        instrument: whose.
        sighting: what the sources say by their faults; None while none of them has one, and the truth is told.
        true: the truth.
        now_ns: venue time.

    """
    prices, mark = true, None
    if sighting is not None:
        mark = mark_computed(settings, instrument, sighting, instrument.told_averages or MarkAverages(), now_ns)
        prices = _told_prices(instrument, sighting, mark, true, now_ns)
    validity = _judged(settings, prices, instrument.usual[0])
    told = PriceTold(
        instrument_id=instrument.instrument_id,
        account_id=0,
        index_price_ticks=prices.index_price_ticks,
        mark_price_ticks=prices.mark_price_ticks,
        index_time_ns=prices.index_time_ns,
        event_time_ns=now_ns,
        confidence_ticks=prices.confidence_ticks,
        index_e6=0 if mark is None else mark.index_e6,
        basis_weight_ns=0 if mark is None else mark.basis_weight_ns,
        book_weight_ns=0 if mark is None else mark.book_weight_ns,
        is_stale=int(prices.stale),
        validity=int(validity),
    )
    return told, mark


def _told_prices(
    instrument: InstrumentState, sighting: Sighting, mark: MarkComputed | None, true: Prices, now_ns: int
) -> Prices:
    if mark is not None:
        return _prices_of(instrument, sighting, mark, now_ns)
    if sighting.index is not None and sighting.index.index_micros <= 0:
        # No price at all, and told as such: consumers must know what to do with it.
        ticks = ticks_of(sighting.index.index_micros, instrument.size_decimals)
        return Prices(ticks, ticks, now_ns, stale=False)
    return (instrument.told or true).as_old()


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


def predicted_rate_e12(settings: OracleSettings, instrument: InstrumentState, now_ns: int) -> int:
    """Return the rate that the running interval would pay if it ended now, faults included (FUND-020)."""
    rate_e12 = funding_rate_e12(
        settings.funding,
        premium_sum_e12=instrument.premium_sum_e12,
        samples=instrument.premium_samples,
    )
    if instrument.faults:
        rate_e12 = faulty_rate_e12(instrument.faults, instrument.instrument_id, rate_e12, now_ns)
    cap_e12 = instrument.funding_cap_e12
    return max(-cap_e12, min(cap_e12, rate_e12))


def prices_published(
    settings: OracleSettings, instrument: InstrumentState, true: Prices, now_ns: int
) -> list[PricePublished]:
    """Return one event per distinct delivered value, the truth's first (ORCL-040)."""
    usual = instrument.usual
    if not instrument.is_faulty and usual.count(usual[0]) == len(usual):
        validity = _judged(settings, true, usual[0])
        return [_published(settings, instrument, true, validity, EVERYBODY, now_ns)]
    told = instrument.told if instrument.is_faulty else true
    values: dict[tuple[Prices, Validity], int] = {}
    for consumer, average in zip(CONSUMERS, usual, strict=True):
        prices = true
        if consumer is not ConsumerBit.TRUTH:
            delivered = _delivered(settings, instrument, consumer, told, now_ns)
            if delivered is None:
                continue
            prices = delivered
        value = (prices, _judged(settings, prices, average))
        values[value] = values.get(value, 0) | consumer
    return [
        _published(settings, instrument, prices, validity, consumers, now_ns)
        for (prices, validity), consumers in values.items()
    ]


def prices_released(
    settings: OracleSettings, instrument: InstrumentState, ended: Fault, now_ns: int
) -> list[PricePublished]:
    """Return what a congestion withheld, in order, as its end delivers it at once (ORCL-040).

    Args:
        settings: of the core.
        instrument: whose; the fault is still among its own.
        ended: the fault.
        now_ns: venue time.

    """
    if ended.kind is not FaultKind.CONGESTION or ended.source or not ended.has_begun:
        return []
    history = instrument.history
    released: list[PricePublished] = []
    first = max(history.position_by(ended.start_time_ns) + 1, len(history.values) - MOST_RELEASED)
    for at in range(first, len(history.values)):
        values: dict[tuple[Prices, Validity], int] = {}
        for consumer, average in zip(CONSUMERS, instrument.usual, strict=True):
            hits = [fault for fault in instrument.faults if fault.hits(consumer) and fault is not ended]
            channel = consumer_channel(instrument.instrument_id, consumer)
            if not ended.hits(consumer) or _is_held(hits) or at > newest_position(hits, channel, history, now_ns):
                continue
            prices = _bent(settings, instrument, consumer, history.values[at], hits, now_ns)
            value = (prices, _judged(settings, prices, average))
            values[value] = values.get(value, 0) | consumer
        released += [
            _published(settings, instrument, prices, validity, consumers, now_ns)
            for (prices, validity), consumers in values.items()
        ]
    return released


def _is_held(faults: list[Fault]) -> bool:
    return any(fault.kind in {FaultKind.FREEZE, FaultKind.CONGESTION} and fault.is_certain for fault in faults)


def _delivered(
    settings: OracleSettings, instrument: InstrumentState, consumer: ConsumerBit, told: Prices | None, now_ns: int
) -> Prices | None:
    hits = [fault for fault in instrument.faults if fault.hits(consumer)]
    if not hits:
        return told
    prices = told
    if any(fault.kind in CHOOSES for fault in hits):
        prices = chosen(hits, consumer_channel(instrument.instrument_id, consumer), instrument.history, now_ns)
    return None if prices is None else _bent(settings, instrument, consumer, prices, hits, now_ns)


def _bent(
    settings: OracleSettings,
    instrument: InstrumentState,
    consumer: ConsumerBit,
    prices: Prices,
    hits: list[Fault],
    now_ns: int,
) -> Prices:
    book = fresh_book(settings, instrument, now_ns)
    return bent_prices(
        prices,
        hits,
        consumer_channel(instrument.instrument_id, consumer),
        tick_scale(instrument.size_decimals),
        None if book is None else book.top,
        now_ns,
    )


def _judged(settings: OracleSettings, prices: Prices, average: Average) -> Validity:
    return judged(
        settings.validity,
        price_ticks=prices.index_price_ticks if prices.mark_price_ticks > 0 else prices.mark_price_ticks,
        average_ticks=average.value(),
        confidence_ticks=prices.confidence_ticks,
        is_stale=prices.stale,
    )


def _published(
    settings: OracleSettings,
    instrument: InstrumentState,
    prices: Prices,
    validity: Validity,
    consumers: int,
    now_ns: int,
) -> PricePublished:
    return PricePublished(
        instrument_id=instrument.instrument_id,
        account_id=0,
        index_price_ticks=prices.index_price_ticks,
        mark_price_ticks=prices.mark_price_ticks,
        index_time_ns=prices.index_time_ns,
        event_time_ns=now_ns,
        funding_rate_e12=predicted_rate_e12(settings, instrument, now_ns),
        consumers=consumers,
        validity=int(validity),
        confidence_ticks=prices.confidence_ticks,
    )
