"""True and told prices of each instrument, by the oracle's log."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import replace

from wavetank.model.events.oracle import ConsumerBit, FaultEnded, FaultSet, PricePublished
from wavetank.model.record import RECORD_BYTES, Event, decode, kind_of, kinds
from wavetank.storms.measure.record import PriceTrack, Span
from wavetank.v1 import oracle_control_pb2

_KINDS = {kind_of(cls): cls for cls in (PricePublished, FaultSet, FaultEnded)}


class Prices:
    """One track for each instrument: a row per publication, true beside what clearing was told."""

    def __init__(self, symbols: dict[int, str]) -> None:
        """Begin with nothing published.

        Args:
            symbols: by instrument; instruments that are listed later may join.

        """
        self.tracks: dict[int, PriceTrack] = {}
        self._symbols = symbols
        self._told: dict[int, PricePublished] = {}
        """What clearing was told last, by instrument."""
        self._faults: dict[tuple[int, int], Span] = {}
        """Faults that began, by id and instrument."""

    def begin(self) -> None:
        """Begin to measure here: what was told last still holds, and faults that have not ended go on."""
        self.tracks.clear()
        self._faults = {key: span for key, span in self._faults.items() if not span.ended_ns}

    def take(self, now_ns: int, records: bytes) -> None:
        """Take over an entry of the oracle's log."""
        true: dict[int, PricePublished] = {}
        for at, kind in enumerate(kinds(records)):
            if kind in _KINDS:
                event = decode(records, at * RECORD_BYTES)
                if isinstance(event, PricePublished):
                    if event.consumers & ConsumerBit.TRUTH:
                        true[event.instrument_id] = event
                    if event.consumers & ConsumerBit.CLEARING:
                        self._told[event.instrument_id] = event
                else:
                    self._fault(now_ns, event)
        for instrument_id, event in true.items():
            self._publish(instrument_id, event)

    def _publish(self, instrument_id: int, event: PricePublished) -> None:
        track = self.tracks.get(instrument_id)
        if track is None:
            track = self.tracks[instrument_id] = PriceTrack()
        told = self._told.get(instrument_id)
        track.times_ns.append(event.event_time_ns)
        track.true_index_ticks.append(event.index_price_ticks)
        track.clearing_index_ticks.append(told.index_price_ticks if told is not None else 0)
        track.clearing_mark_ticks.append(told.mark_price_ticks if told is not None else 0)
        # A price that is withheld grows older with each publication that clearing is not told of.
        track.index_age_ns.append(event.event_time_ns - told.index_time_ns if told is not None else 0)
        track.is_valid.append(told is not None and not told.stale)

    def _fault(self, now_ns: int, event: Event) -> None:
        if isinstance(event, FaultSet):
            what = f"{_fault_word(event.kind)} {self._symbols.get(event.instrument_id, '')}".strip()
            self._faults[event.fault_id, event.instrument_id] = Span(
                kind="fault", what=what, began_ns=max(now_ns, event.start_time_ns), ended_ns=0
            )
        elif isinstance(event, FaultEnded):
            key = event.fault_id, event.instrument_id
            span = self._faults.get(key)
            if span is not None and now_ns < span.began_ns:
                # It was set for later, and cleared before.
                del self._faults[key]
            elif span is not None:
                self._faults[key] = replace(span, ended_ns=now_ns)

    @property
    def spans(self) -> Iterable[Span]:
        """Every fault, in the order in which they began."""
        return self._faults.values()


def true_index_at(track: PriceTrack, time_ns: int) -> int:
    """Return the true index in force at a time, in ticks; 0 before the first publication."""
    at = bisect_right(track.times_ns, time_ns) - 1
    return track.true_index_ticks[at] if at >= 0 else 0


def _fault_word(kind: int) -> str:
    try:
        name = oracle_control_pb2.FaultKind.Name(kind)  # type: ignore[arg-type]
    except ValueError:
        return f"fault of kind {kind}"
    return name.removeprefix("FAULT_KIND_").lower().replace("_", " ")
