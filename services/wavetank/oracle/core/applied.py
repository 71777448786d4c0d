"""What each event leaves behind.

It exists apart from the decisions because live and recovery share it: this code decides nothing, so that events of a
log, applied in order, lead to the state of the process that wrote them.
"""

from __future__ import annotations

from wavetank.model.events.oracle import (
    EVERYBODY,
    BookTaken,
    ConsumerBit,
    FaultEnded,
    FaultSet,
    FaultStarted,
    FundingTicked,
    InstrumentFollowed,
    MarkComputed,
    PremiumSampled,
    PricePublished,
    PriceTold,
    SourcePriced,
    SourceStanding,
    SourceStateChanged,
)
from wavetank.model.record import Event
from wavetank.model.validity import Validity
from wavetank.oracle.core.applied_faults import begin_fault, end_fault, note_source_value, note_told, set_fault
from wavetank.oracle.core.faults import CONSUMERS
from wavetank.oracle.core.mark import Book
from wavetank.oracle.core.settings import OracleSettings
from wavetank.oracle.core.state import BookState, InstrumentState, MarkAverages, OracleState, SourceState
from wavetank.oracle.core.usual import usual_sampled
from wavetank.oracle.core.values import Prices


def apply_event(state: OracleState, settings: OracleSettings, event: Event) -> None:
    """Apply one event of the oracle's log.

    Raises:
        ValueError: the event belongs to another log.

    """
    if isinstance(event, InstrumentFollowed):
        _follow(state, event)
        return
    instrument = state.instruments[event.instrument_id]
    match event:
        case SourcePriced():
            _take_price(instrument, settings, event)
        case BookTaken():
            _take_book(instrument, event)
        case SourceStateChanged():
            instrument.sources[event.source.decode()].standing = SourceStanding(event.standing)
            _advance(state, event.event_time_ns)
        case MarkComputed():
            book = Book(event.bid_price_ticks, event.ask_price_ticks, event.last_price_ticks)
            instrument.averages = averages_sampled(settings, instrument.averages, book, event)
            _advance(state, event.event_time_ns)
        case PriceTold():
            _tell(instrument, settings, event)
            _advance(state, event.event_time_ns)
        case PricePublished():
            _publish(instrument, settings, event)
            _advance(state, event.event_time_ns)
        case PremiumSampled():
            instrument.premium_sum_e12 += event.premium_e12
            instrument.premium_samples += 1
            instrument.premium_time_ns = event.sample_time_ns
            _advance(state, event.sample_time_ns)
        case FundingTicked():
            instrument.funding_tick = event.tick
            instrument.premium_sum_e12 = 0
            instrument.premium_samples = 0
            instrument.next_funding_time_ns = event.due_time_ns + instrument.funding_interval_ns
            _advance(state, event.due_time_ns)
        case FaultSet() | FaultStarted() | FaultEnded():
            _apply_fault(state, settings, instrument, event)
        case _:
            raise ValueError(f"{type(event).__name__} is no event of the oracle's log")


def _apply_fault(
    state: OracleState,
    settings: OracleSettings,
    instrument: InstrumentState,
    event: FaultSet | FaultStarted | FaultEnded,
) -> None:
    match event:
        case FaultSet():
            set_fault(settings, instrument, event)
            state.last_fault_id = max(state.last_fault_id, event.fault_id)
            if not event.is_delayed:
                _advance(state, event.start_time_ns)
        case FaultStarted():
            begin_fault(settings, instrument, event.fault_id, event.start_time_ns)
            _advance(state, event.start_time_ns)
        case FaultEnded():
            end_fault(instrument, event.fault_id)


def averages_sampled(
    settings: OracleSettings, averages: MarkAverages, book: Book, event: MarkComputed | PriceTold
) -> MarkAverages:
    """Return the averages behind a mark after it was computed.

    Args:
        settings: time constants.
        averages: before.
        book: the top of the book that was sampled.
        event: the weights of the samples, and the index.

    """
    basis, book_average = averages.basis, averages.book
    if event.basis_weight_ns:
        assert book.mid_e6 is not None, "a basis is sampled from a book with two sides"
        basis = basis.sampled(
            book.mid_e6 - event.index_e6, event.basis_weight_ns, settings.basis_tau_ns, event.event_time_ns
        )
    if event.book_weight_ns:
        assert book.median_e6 is not None, "a book term is sampled from a book with two sides"
        book_average = book_average.sampled(
            book.median_e6, event.book_weight_ns, settings.book_tau_ns, event.event_time_ns
        )
    return MarkAverages(basis, book_average)


def _advance(state: OracleState, time_ns: int) -> None:
    state.now_ns = max(state.now_ns, time_ns)


def _follow(state: OracleState, event: InstrumentFollowed) -> None:
    known = state.instruments.get(event.instrument_id)
    if known is None:
        known = InstrumentState(
            instrument_id=event.instrument_id,
            symbol=event.symbol.decode(),
            size_decimals=event.size_decimals,
            funding_interval_ns=event.funding_interval_ns,
            funding_cap_e12=event.funding_cap_e12,
            next_funding_time_ns=event.next_funding_time_ns,
        )
        state.instruments[event.instrument_id] = known
    known.funding_interval_ns = event.funding_interval_ns
    known.funding_cap_e12 = event.funding_cap_e12
    known.next_funding_time_ns = event.next_funding_time_ns
    _advance(state, event.event_time_ns)


def _take_price(instrument: InstrumentState, settings: OracleSettings, event: SourcePriced) -> None:
    name = event.source.decode()
    known = instrument.sources.get(name)
    if known is None:
        known = SourceState(event.price_micros, event.price_time_ns, event.confidence_micros)
        instrument.sources[name] = known
    else:
        known.price_micros = event.price_micros
        known.price_time_ns = event.price_time_ns
        known.confidence_micros = event.confidence_micros
    if instrument.faults:
        note_source_value(settings, instrument, name)


def _take_book(instrument: InstrumentState, event: BookTaken) -> None:
    instrument.book = BookState(
        top=Book(event.bid_price_ticks, event.ask_price_ticks, event.last_price_ticks),
        impact_bid_e6=event.impact_bid_e6,
        impact_ask_e6=event.impact_ask_e6,
        sample_time_ns=event.sample_time_ns,
    )


def _tell(instrument: InstrumentState, settings: OracleSettings, event: PriceTold) -> None:
    if instrument.told_averages is not None and instrument.book is not None:
        instrument.told_averages = averages_sampled(settings, instrument.told_averages, instrument.book.top, event)
    instrument.told_time_ns = event.event_time_ns
    prices = Prices(
        event.index_price_ticks,
        event.mark_price_ticks,
        event.index_time_ns,
        bool(event.is_stale),
        event.confidence_ticks,
    )
    _remember(instrument, settings, prices, event.event_time_ns)
    instrument.validity = Validity(event.validity)
    note_told(instrument, prices, event.event_time_ns)


def _publish(instrument: InstrumentState, settings: OracleSettings, event: PricePublished) -> None:
    _take_usual(instrument, settings, event)
    if not event.consumers & ConsumerBit.TRUTH:
        return
    # The truth of a moment is stale when, and only when, its index is of an earlier one.
    is_stale = event.index_time_ns != event.event_time_ns
    prices = Prices(
        event.index_price_ticks, event.mark_price_ticks, event.index_time_ns, is_stale, event.confidence_ticks
    )
    instrument.published = prices
    instrument.publish_time_ns = event.event_time_ns
    if instrument.told_time_ns != event.event_time_ns:
        _remember(instrument, settings, prices, event.event_time_ns)
        instrument.validity = Validity(event.validity)


def _remember(instrument: InstrumentState, settings: OracleSettings, prices: Prices, now_ns: int) -> None:
    instrument.history.append(now_ns, prices)
    instrument.history.forget_before(now_ns - settings.max_total_lag_ns)


def _take_usual(instrument: InstrumentState, settings: OracleSettings, event: PricePublished) -> None:
    """Count a delivered index in the averages of those who got it; most of the time these are one and the same."""
    usual, index_ticks, now_ns = instrument.usual, event.index_price_ticks, event.event_time_ns
    if event.consumers == EVERYBODY and usual.count(usual[0]) == len(usual):
        instrument.usual = (usual_sampled(settings, usual[0], index_ticks, now_ns),) * len(usual)
        return
    instrument.usual = tuple(
        usual_sampled(settings, average, index_ticks, now_ns) if event.consumers & consumer else average
        for consumer, average in zip(CONSUMERS, usual, strict=True)
    )
