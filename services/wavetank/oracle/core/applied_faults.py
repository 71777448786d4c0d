"""What a fault leaves behind when it is set, begins, meets a value, and ends.

It exists beside `applied` because some faults keep what there was: the value of a freeze, what a censor let pass, the
prices of a lagging source. All of it follows from events of the log, so recovery has it again.
"""

from __future__ import annotations

from dataclasses import replace

from wavetank.model.events.oracle import ConsumerBit, FaultSet
from wavetank.oracle.core.delivery import censored, chosen, keeps_old
from wavetank.oracle.core.faults import (
    CHOOSES,
    CONSUMERS,
    Fault,
    FaultKind,
    FaultTarget,
    JitterDistribution,
    consumer_channel,
    source_channel,
)
from wavetank.oracle.core.publication import predicted_rate_e12
from wavetank.oracle.core.settings import OracleSettings
from wavetank.oracle.core.state import InstrumentState
from wavetank.oracle.core.values import History, Prices, SourceValue


def set_fault(settings: OracleSettings, instrument: InstrumentState, event: FaultSet) -> None:
    """Keep a fault, and let it begin unless it is one for later."""
    fault = Fault(
        fault_id=event.fault_id,
        kind=FaultKind(event.kind),
        target=FaultTarget(event.target),
        consumers=event.consumers,
        source=event.source.decode(),
        lag_ns=event.lag_ns,
        jitter_ns=event.jitter_ns,
        distribution=JitterDistribution(event.distribution or JitterDistribution.CONSTANT),
        magnitude_e12=event.magnitude_e12,
        price_micros=event.price_micros,
        upper_price_micros=event.upper_price_micros,
        exponent=event.exponent,
        start_time_ns=event.start_time_ns,
        duration_ns=event.duration_ns,
        ramp_ns=event.ramp_ns,
        probability_ppm=event.probability_ppm,
        seed=event.seed,
        has_begun=False,
    )
    if not event.is_delayed:
        fault = _begun(settings, instrument, fault, event.start_time_ns)
    instrument.faults.append(fault)


def begin_fault(settings: OracleSettings, instrument: InstrumentState, fault_id: int, now_ns: int) -> None:
    """Let a fault begin whose time has come, on all that it hits."""
    for at, fault in enumerate(instrument.faults):
        if fault.fault_id == fault_id and not fault.has_begun:
            instrument.faults[at] = _begun(settings, instrument, fault, now_ns)


def end_fault(instrument: InstrumentState, fault_id: int) -> None:
    """Forget a fault, and what was kept for it."""
    instrument.faults = [fault for fault in instrument.faults if fault.fault_id != fault_id]
    if not instrument.is_faulty:
        # From here on the truth is told again, even at the moment of the last fault.
        instrument.told_time_ns = 0
    if instrument.told_averages is not None and not any(
        fault.source and fault.has_begun for fault in instrument.faults
    ):
        instrument.told_averages = None
    for name, source in instrument.sources.items():
        if source.history is not None and not _chooses(instrument, name):
            source.history = None


def note_source_value(settings: OracleSettings, instrument: InstrumentState, name: str) -> None:
    """Note that a source with faults gave a price."""
    if not _chooses(instrument, name):
        return
    source = instrument.sources[name]
    if source.history is None:
        source.history = History()
    source.history.append(source.price_time_ns, source.value)
    source.history.forget_before(source.price_time_ns - settings.max_total_lag_ns)
    for at, fault in enumerate(instrument.faults):
        if fault.kind is FaultKind.CENSOR and fault.source == name and fault.has_begun:
            instrument.faults[at] = censored(fault, source.price_time_ns, source.price_micros)


def note_told(instrument: InstrumentState, prices: Prices, now_ns: int) -> None:
    """Note that there is a new value to deliver."""
    for at, fault in enumerate(instrument.faults):
        if fault.kind is FaultKind.CENSOR and not fault.source and fault.has_begun:
            instrument.faults[at] = censored(fault, now_ns, prices.size)


def _chooses(instrument: InstrumentState, source: str) -> bool:
    return any(fault.kind in CHOOSES for fault in instrument.source_faults(source))


def _begun(settings: OracleSettings, instrument: InstrumentState, fault: Fault, now_ns: int) -> Fault:
    """Return a fault as it begins: with what its channels have at that moment."""
    if fault.target is FaultTarget.FUNDING:
        rate_e12 = predicted_rate_e12(settings, instrument, now_ns)
        return replace(fault, has_begun=True, frozen_rate_e12=rate_e12)
    if fault.source:
        return _begun_on_source(instrument, fault, now_ns)
    if keeps_old(fault):
        frozen = tuple(_prices_of(instrument, consumer, now_ns) for consumer in CONSUMERS)
        return replace(fault, has_begun=True, frozen=frozen)
    if fault.kind is FaultKind.CENSOR and instrument.told is not None:
        last_ns = instrument.history.times_ns[-1]
        return replace(fault, has_begun=True, passed_time_ns=last_ns, passed_price=instrument.told.size)
    return replace(fault, has_begun=True)


def _begun_on_source(instrument: InstrumentState, fault: Fault, now_ns: int) -> Fault:
    if instrument.told_averages is None:
        instrument.told_averages = instrument.averages
    fault = replace(fault, has_begun=True)
    source = instrument.sources.get(fault.source)
    if source is None:
        return replace(fault, frozen=(None,)) if keeps_old(fault) else fault
    if keeps_old(fault):
        fault = replace(fault, frozen=(_value_of(instrument, fault.source, now_ns),))
    if fault.kind in CHOOSES and source.history is None:
        source.history = History([source.price_time_ns], [source.value])
    if fault.kind is FaultKind.CENSOR:
        fault = replace(fault, passed_time_ns=source.price_time_ns, passed_price=source.price_micros)
    return fault


def _prices_of(instrument: InstrumentState, consumer: ConsumerBit, now_ns: int) -> Prices | None:
    """Return what a consumer has before bends."""
    hits = [fault for fault in instrument.faults if fault.hits(consumer)]
    if not hits:
        return instrument.told
    return chosen(hits, consumer_channel(instrument.instrument_id, consumer), instrument.history, now_ns)


def _value_of(instrument: InstrumentState, name: str, now_ns: int) -> SourceValue | None:
    source = instrument.sources[name]
    if source.history is None:
        return source.value
    return chosen(
        instrument.source_faults(name), source_channel(instrument.instrument_id, name), source.history, now_ns
    )
