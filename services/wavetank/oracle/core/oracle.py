"""The oracle's decisions: inputs in, events out (ORCL-010 to ORCL-040, FUND-010 to FUND-030).

Every `handle_…` first fires what became due (ends and starts of faults, funding ticks), then takes the input, then
publishes if it is time. It changes its own state by `apply` alone, event by event, so a process that was stopped and
one that never was agree. Time is an argument; within one call it stands still.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum

from wavetank.model.events.oracle import (
    EVERYBODY,
    BookTaken,
    FaultEnded,
    FaultSet,
    FaultStarted,
    FundingTicked,
    InstrumentFollowed,
    SourcePriced,
)
from wavetank.model.instrument import Instrument
from wavetank.model.record import Event
from wavetank.model.validity import Action
from wavetank.oracle.core.admission import refused_clear, refused_push
from wavetank.oracle.core.applied import apply_event
from wavetank.oracle.core.fault_admission import hit_sources, refused_fault
from wavetank.oracle.core.faults import ALWAYS_PPM, FAULTY_CONSUMERS, Fault, FaultTarget
from wavetank.oracle.core.funding import average_premium_e12, is_payable
from wavetank.oracle.core.inputs import FaultRequest, ObservedBook, ObservedPrice, PushedPrice, Refused
from wavetank.oracle.core.publication import (
    mark_computed,
    predicted_rate_e12,
    premium_sampled,
    price_told,
    prices_published,
    prices_released,
    true_prices,
)
from wavetank.oracle.core.settings import OracleSettings
from wavetank.oracle.core.sources import sighted, source_changes
from wavetank.oracle.core.state import InstrumentState, OracleState
from wavetank.oracle.core.values import is_price

Events = list[Event]


class Oracle:
    """The core of the oracle, with its state."""

    def __init__(self, settings: OracleSettings, state: OracleState | None = None) -> None:
        self.settings = settings
        self.state = state if state is not None else OracleState()

    def handle_observations(
        self, now_ns: int, prices: Sequence[ObservedPrice], books: Sequence[ObservedBook]
    ) -> Events:
        """Take the newest prices of sources and the newest book samples; publish what is due.

        Passed over are prices not newer than the last of their source or outside UNIT-020 (the source goes stale, and
        says so), and instruments that are not followed.

        Args:
            now_ns: venue time.
            prices: of sources that the settings name, at most one per source.
            books: at most one per instrument.

        """
        now_ns, events, touched = self._begin(now_ns)
        for price in sorted(prices, key=lambda price: (price.instrument_id, price.source)):
            instrument = self.state.instruments.get(price.instrument_id)
            if instrument is None:
                continue
            known = instrument.sources.get(price.source)
            is_new = known is None or price.price_time_ns > known.price_time_ns
            if is_new and is_price(price.price_micros, instrument.size_decimals):
                self._emit(events, _source_priced(price))
        for book in sorted(books, key=lambda book: book.sample.instrument_id):
            if book.sample.instrument_id in self.state.instruments:
                self._emit(events, _book_taken(book))
        self._publish(events, now_ns, touched | self._due_for_publication(now_ns))
        return events

    def handle_listing(self, now_ns: int, instruments: Iterable[Instrument]) -> Events:
        """Follow instruments, or take over their changed funding parameters."""
        now_ns, events, touched = self._begin(now_ns)
        for instrument in sorted(instruments, key=lambda instrument: instrument.instrument_id):
            known = self.state.instruments.get(instrument.instrument_id)
            if known is None or _differs(known, instrument):
                self._emit(events, _followed(known, instrument, now_ns))
        self._publish(events, now_ns, touched)
        return events

    def handle_push(self, now_ns: int, pushed: Sequence[PushedPrice]) -> Events | Refused:
        """Take pushed prices, all or none; they are published with the next interval.

        Refusals: INSTRUMENT_UNKNOWN, SOURCE_NOT_PUSHED, PRICE_NOT_POSITIVE, PRICE_OUT_OF_RANGE, PRICE_OUT_OF_ORDER,
        MALFORMED.
        """
        now_ns = max(now_ns, self.state.now_ns)
        refused = refused_push(self.settings, self.state, now_ns, pushed)
        if refused is not None:
            return refused
        _, events, touched = self._begin(now_ns)
        for price in pushed:
            time_ns = price.price_time_ns or now_ns
            observed = ObservedPrice(
                price.instrument_id, price.source, price.price_micros, time_ns, price.confidence_micros
            )
            self._emit(events, _source_priced(observed))
        self._publish(events, now_ns, touched)
        return events

    def handle_fault(self, now_ns: int, request: FaultRequest) -> Events | Refused:
        """Set a fault, from now on or from later, and publish at once what it hits; `FaultSet` carries its id.

        Refusals: FAULT_MALFORMED, INSTRUMENT_UNKNOWN, TOO_MANY_FAULTS.
        """
        now_ns = max(now_ns, self.state.now_ns)
        refused = refused_fault(self.settings, self.state, request)
        if refused is not None:
            return refused
        _, events, touched = self._begin(now_ns)
        fault_id = self.state.last_fault_id + 1
        hit = sorted(set(request.instrument_ids)) or sorted(self.state.instruments)
        hit_now: set[int] = set()
        for instrument_id in hit:
            instrument = self.state.instruments[instrument_id]
            for source in hit_sources(self.settings, instrument, request, fault_id):
                self._emit(events, _fault_set(request, instrument_id, source, fault_id, now_ns))
                hit_now.add(instrument_id)
        self._publish(events, now_ns, touched if request.delay_ns else touched | hit_now)
        return events

    def handle_clear(self, now_ns: int, fault_ids: Sequence[int]) -> Events | Refused:
        """End faults before their time, and publish at once what they hit; no ids: all.

        Refusals: FAULT_UNKNOWN, for an id that is not active.
        """
        now_ns = max(now_ns, self.state.now_ns)
        refused = refused_clear(self.state, fault_ids)
        if refused is not None:
            return refused
        _, events, touched = self._begin(now_ns)
        wanted = set(fault_ids)
        for instrument in self.state.in_order():
            # A fault of several sources stands there once for each, and ends once.
            ended = {fault.fault_id: fault for fault in instrument.faults if not wanted or fault.fault_id in wanted}
            for fault in ended.values():
                self._end(events, instrument, fault, now_ns, was_cleared=True)
            if ended:
                touched.add(instrument.instrument_id)
        self._publish(events, now_ns, touched)
        return events

    def next_due_ns(self, now_ns: int) -> int:
        """Return the next venue time after `now_ns` at which something fires by itself."""
        interval_ns = self.settings.publish_interval_ns
        due = [(now_ns // interval_ns + 1) * interval_ns]
        for instrument in self.state.in_order():
            due.append(instrument.next_funding_time_ns)
            due.extend(fault.end_time_ns for fault in instrument.faults if fault.duration_ns)
            due.extend(fault.start_time_ns for fault in instrument.faults if not fault.has_begun)
        return max(min(due), now_ns + 1)

    def apply(self, event: Event) -> None:
        """Take over an event of the own log: decides nothing."""
        apply_event(self.state, self.settings, event)

    def snapshot(self) -> bytes:
        """Return the state, to be restored later."""
        return self.state.to_bytes()

    @classmethod
    def restore(cls, settings: OracleSettings, data: bytes) -> Oracle:
        """Return the oracle of a snapshot.

        Raises:
            SnapshotUnreadable: see `OracleState.from_bytes`.

        """
        return cls(settings, OracleState.from_bytes(data))

    def state_hash(self) -> bytes:
        """Return the hash of the logical state, 32 bytes."""
        return self.state.hash()

    def _emit(self, events: Events, event: Event) -> None:
        events.append(event)
        self.apply(event)

    def _begin(self, now_ns: int) -> tuple[int, Events, set[int]]:
        """Fire what became due, in order of time; at one time ends of faults, then starts, then funding ticks.

        Returns:
            The time, the events, and the instruments that a fault left or hit and that are to be published.

        """
        now_ns = max(now_ns, self.state.now_ns)
        events: Events = []
        touched: set[int] = set()
        while due := self._due(now_ns):
            _, what, instrument_id, fault_id = min(due)
            instrument = self.state.instruments[instrument_id]
            if what is _Due.TICK:
                self._emit(events, self._funding_ticked(instrument))
                continue
            fault = next(fault for fault in instrument.faults if fault.fault_id == fault_id)
            touched.add(instrument_id)
            if what is _Due.END:
                self._end(events, instrument, fault, now_ns, was_cleared=False)
            else:
                self._emit(events, _fault_started(instrument, fault))
        return now_ns, events, touched

    def _due(self, now_ns: int) -> list[tuple[int, _Due, int, int]]:
        due: list[tuple[int, _Due, int, int]] = []
        for instrument in self.state.instruments.values():
            number = instrument.instrument_id
            if instrument.next_funding_time_ns <= now_ns:
                due.append((instrument.next_funding_time_ns, _Due.TICK, number, 0))
            for fault in instrument.faults:
                if fault.ends_by(now_ns):
                    due.append((fault.end_time_ns, _Due.END, number, fault.fault_id))
                if not fault.has_begun and fault.start_time_ns <= now_ns:
                    due.append((fault.start_time_ns, _Due.START, number, fault.fault_id))
        return due

    def _end(
        self, events: Events, instrument: InstrumentState, fault: Fault, now_ns: int, *, was_cleared: bool
    ) -> None:
        """End a fault; what it withheld arrives at once."""
        released = prices_released(self.settings, instrument, fault, now_ns)
        self._emit(events, _fault_ended(instrument, fault, was_cleared=was_cleared))
        for published in released:
            self._emit(events, published)

    def _funding_ticked(self, instrument: InstrumentState) -> FundingTicked:
        samples, told = instrument.premium_samples, instrument.told
        expected = self.settings.expected_samples(instrument.funding_interval_ns)
        is_allowed = self.settings.tolerances.allows(Action.FUNDING, instrument.validity)
        is_paid = told is not None and is_allowed and is_payable(samples, expected)
        due_ns = instrument.next_funding_time_ns
        return FundingTicked(
            instrument_id=instrument.instrument_id,
            account_id=0,
            tick=instrument.funding_tick + 1,
            funding_rate_e12=predicted_rate_e12(self.settings, instrument, due_ns) if is_paid else 0,
            index_price_ticks=0 if told is None else told.index_price_ticks,
            premium_e12=average_premium_e12(instrument.premium_sum_e12, samples),
            due_time_ns=due_ns,
            samples=samples,
            expected_samples=expected,
            is_paid=int(is_paid),
        )

    def _due_for_publication(self, now_ns: int) -> set[int]:
        interval_ns = self.settings.publish_interval_ns
        return {
            instrument.instrument_id
            for instrument in self.state.in_order()
            if now_ns // interval_ns > instrument.publish_time_ns // interval_ns
        }

    def _publish(self, events: Events, now_ns: int, instrument_ids: set[int]) -> None:
        """Compute and publish prices; nothing of an instrument that never had an index (ORCL-010)."""
        for instrument_id in sorted(instrument_ids):
            instrument = self.state.instruments[instrument_id]
            truth = sighted(self.settings, instrument, now_ns, faulty=False)
            # While a fault of sources lasts, what is told rests on other prices than the truth does.
            seen = None
            if instrument.told_averages is not None:
                seen = sighted(self.settings, instrument, now_ns, faulty=True)
            for change in list(source_changes(instrument, (seen or truth).standings, now_ns)):
                self._emit(events, change)
            mark = mark_computed(self.settings, instrument, truth, instrument.averages, now_ns)
            true = true_prices(instrument, truth, mark, now_ns)
            if true is None:
                continue
            if mark is not None:
                self._emit(events, mark)
            if instrument.is_faulty:
                told, told_mark = price_told(self.settings, instrument, seen, true, now_ns)
                self._emit(events, told)
                mark = told_mark if seen is not None else mark
            sample = None if mark is None else premium_sampled(self.settings, instrument, mark, now_ns)
            if sample is not None:
                self._emit(events, sample)
            for published in prices_published(self.settings, instrument, true, now_ns):
                self._emit(events, published)


class _Due(IntEnum):
    """What fires by itself; at one time in this order."""

    END = 0
    START = 1
    TICK = 2


def _differs(known: InstrumentState, instrument: Instrument) -> bool:
    return (known.funding_interval_ns, known.funding_cap_e12) != (
        instrument.funding_interval_ns,
        instrument.funding_cap_e12,
    )


def _followed(known: InstrumentState | None, instrument: Instrument, now_ns: int) -> InstrumentFollowed:
    interval_ns = instrument.funding_interval_ns
    next_ns = (now_ns // interval_ns + 1) * interval_ns
    if known is not None and known.funding_interval_ns == interval_ns:
        next_ns = known.next_funding_time_ns
    return InstrumentFollowed(
        instrument_id=instrument.instrument_id,
        account_id=0,
        symbol=instrument.symbol.encode(),
        funding_interval_ns=interval_ns,
        funding_cap_e12=instrument.funding_cap_e12,
        next_funding_time_ns=next_ns,
        event_time_ns=now_ns,
        size_decimals=instrument.size_decimals,
    )


def _source_priced(price: ObservedPrice) -> SourcePriced:
    return SourcePriced(
        instrument_id=price.instrument_id,
        account_id=0,
        source=price.source.encode(),
        price_micros=price.price_micros,
        price_time_ns=price.price_time_ns,
        confidence_micros=price.confidence_micros,
    )


def _book_taken(book: ObservedBook) -> BookTaken:
    sample = book.sample
    return BookTaken(
        instrument_id=sample.instrument_id,
        account_id=0,
        bid_price_ticks=sample.bid_price_ticks,
        ask_price_ticks=sample.ask_price_ticks,
        last_price_ticks=sample.last_price_ticks,
        impact_bid_e6=sample.impact_bid_e6,
        impact_ask_e6=sample.impact_ask_e6,
        sample_time_ns=sample.sample_time_ns,
        matching_seq=book.matching_seq,
    )


def _fault_ended(instrument: InstrumentState, fault: Fault, *, was_cleared: bool) -> FaultEnded:
    return FaultEnded(
        instrument_id=instrument.instrument_id,
        account_id=0,
        fault_id=fault.fault_id,
        was_cleared=int(was_cleared),
    )


def _fault_started(instrument: InstrumentState, fault: Fault) -> FaultStarted:
    return FaultStarted(
        instrument_id=instrument.instrument_id,
        account_id=0,
        fault_id=fault.fault_id,
        start_time_ns=fault.start_time_ns,
    )


def _fault_set(request: FaultRequest, instrument_id: int, source: str, fault_id: int, now_ns: int) -> FaultSet:
    assert request.kind is not None, "an admitted fault has a kind"
    assert request.target is not None, "an admitted fault has a target"
    # A funding rate is one for all, so its fault hits everybody alike.
    is_funding = request.target is FaultTarget.FUNDING
    return FaultSet(
        instrument_id=instrument_id,
        account_id=0,
        source=source.encode(),
        fault_id=fault_id,
        lag_ns=request.lag_ns,
        jitter_ns=request.jitter_ns,
        magnitude_e12=request.magnitude_e12,
        price_micros=request.price_micros,
        upper_price_micros=request.upper_price_micros,
        start_time_ns=now_ns + request.delay_ns,
        duration_ns=request.duration_ns,
        ramp_ns=request.ramp_ns,
        seed=request.seed,
        probability_ppm=request.probability_ppm or ALWAYS_PPM,
        consumers=EVERYBODY if is_funding else request.consumers or FAULTY_CONSUMERS,
        kind=int(request.kind),
        target=int(request.target),
        distribution=0 if request.distribution is None else int(request.distribution),
        exponent=request.exponent,
        is_delayed=int(request.delay_ns > 0),
    )
