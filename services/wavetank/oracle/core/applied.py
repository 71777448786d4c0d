"""What each event leaves behind.

It exists apart from the decisions because live and recovery share it: this code decides nothing, so that events of a
log, applied in order, lead to the state of the process that wrote them.
"""

from __future__ import annotations

from dataclasses import replace

from wavetank.model.events.oracle import (
    BookTaken,
    ConsumerBit,
    FaultBegan,
    FaultEnded,
    FundingTicked,
    InstrumentFollowed,
    MarkComputed,
    PremiumSampled,
    PricePublished,
    SourcePriced,
    SourceStateChanged,
)
from wavetank.model.record import Event
from wavetank.oracle.core.faults import CONSUMERS, Fault, FaultKind, FaultTarget, Prices, base_prices
from wavetank.oracle.core.mark import Book
from wavetank.oracle.core.settings import OracleSettings
from wavetank.oracle.core.state import BookState, InstrumentState, OracleState, SourceState


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
            _take_price(instrument, event)
        case BookTaken():
            _take_book(instrument, event)
        case SourceStateChanged():
            instrument.sources[event.source.decode()].is_live = bool(event.is_live)
            _advance(state, event.event_time_ns)
        case MarkComputed():
            _average(instrument, settings, event)
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
        case FaultBegan():
            _begin_fault(instrument, event)
            state.last_fault_id = max(state.last_fault_id, event.fault_id)
            _advance(state, event.start_time_ns)
        case FaultEnded():
            instrument.faults = [fault for fault in instrument.faults if fault.fault_id != event.fault_id]
        case _:
            raise ValueError(f"{type(event).__name__} is no event of the oracle's log")


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


def _take_price(instrument: InstrumentState, event: SourcePriced) -> None:
    name = event.source.decode()
    known = instrument.sources.get(name)
    if known is None:
        instrument.sources[name] = SourceState(event.price_micros, event.price_time_ns)
    else:
        known.price_micros = event.price_micros
        known.price_time_ns = event.price_time_ns


def _take_book(instrument: InstrumentState, event: BookTaken) -> None:
    instrument.book = BookState(
        top=Book(event.bid_price_ticks, event.ask_price_ticks, event.last_price_ticks),
        impact_bid_e6=event.impact_bid_e6,
        impact_ask_e6=event.impact_ask_e6,
        sample_time_ns=event.sample_time_ns,
    )


def _average(instrument: InstrumentState, settings: OracleSettings, event: MarkComputed) -> None:
    book = Book(event.bid_price_ticks, event.ask_price_ticks, event.last_price_ticks)
    if event.basis_weight_ns:
        assert book.mid_e6 is not None, "a basis is sampled from a book with two sides"
        instrument.basis = instrument.basis.sampled(
            book.mid_e6 - event.index_e6, event.basis_weight_ns, settings.basis_tau_ns, event.event_time_ns
        )
    if event.book_weight_ns:
        assert book.median_e6 is not None, "a book term is sampled from a book with two sides"
        instrument.book_average = instrument.book_average.sampled(
            book.median_e6, event.book_weight_ns, settings.book_tau_ns, event.event_time_ns
        )


def _publish(instrument: InstrumentState, settings: OracleSettings, event: PricePublished) -> None:
    if not event.consumers & ConsumerBit.TRUTH:
        return
    prices = Prices(event.index_price_ticks, event.mark_price_ticks, event.index_time_ns, bool(event.stale))
    instrument.published = prices
    instrument.publish_time_ns = event.event_time_ns
    instrument.history.append(event.event_time_ns, prices)
    instrument.history.forget_before(event.event_time_ns - settings.max_total_lag_ns)


def _begin_fault(instrument: InstrumentState, event: FaultBegan) -> None:
    fault = Fault(
        fault_id=event.fault_id,
        kind=FaultKind(event.kind),
        target=FaultTarget(event.target),
        consumers=event.consumers,
        lag_ns=event.lag_ns,
        magnitude_e12=event.magnitude_e12,
        duration_ns=event.duration_ns,
        start_time_ns=event.start_time_ns,
    )
    if fault.kind is FaultKind.FREEZE:
        frozen = tuple(
            base_prices(instrument.faults, consumer, instrument.published, instrument.history, event.start_time_ns)
            for consumer in CONSUMERS
        )
        fault = replace(fault, frozen=frozen)
    instrument.faults.append(fault)
