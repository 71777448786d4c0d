"""The oracle on the virtual clock: sources in, prices and funding ticks out, late or wrong as its faults say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wavetank.model.events.matching import BookSampled
from wavetank.model.instrument import Instrument
from wavetank.model.record import Event, encode_all, kind_of
from wavetank.oracle.core.inputs import ObservedBook, ObservedPrice, Refused
from wavetank.oracle.core.oracle import Oracle
from wavetank.oracle.ports import PriceSource
from wavetank.runtime.log_entry import Position
from wavetank.storms.simulation.journal import Entry, Journal
from wavetank.storms.simulation.schedule import Schedule

_SAMPLED = {kind_of(BookSampled)}


class SimulatedOracle:
    """The oracle; what it commits is told to `committed`."""

    def __init__(
        self,
        schedule: Schedule,
        core: Oracle,
        journal: Journal,
        sources: Sequence[PriceSource],
        *,
        instruments: Sequence[Instrument],
        commit_ns: int,
        committed: Callable[[Entry], None],
    ) -> None:
        """Run a core.

        Args:
            schedule: the clock.
            core: the oracle's.
            journal: the oracle's log.
            sources: all that price themselves.
            instruments: what is listed.
            commit_ns: from the decision to the log's answer.
            committed: told of each entry when it is committed.

        """
        self.core = core
        self.journal = journal
        self.is_down = False
        self._schedule = schedule
        self._sources = tuple(sources)
        self._instruments = tuple(instruments)
        self._commit_ns = commit_ns
        self._committed = committed
        self._ids = {instrument.symbol: instrument.instrument_id for instrument in instruments}
        self._books: dict[int, ObservedBook] = {}
        self._cursors: dict[str, Position] = {}
        self._due_ns = 0
        self._wake_at(schedule.now_ns)

    def price_by(self, sources: Sequence[PriceSource]) -> None:
        """Ask other sources from now on."""
        self._sources = tuple(sources)

    def take(self, entry: Entry) -> None:
        """Note the book samples of an entry of the shard's log; the newest enter with the next prices."""
        for seq, event in entry.picked(_SAMPLED):
            assert isinstance(event, BookSampled), "that is its kind"
            self._books[event.instrument_id] = ObservedBook(event, seq)
        self._cursors[entry.log] = entry.position

    def ask(self, decide: Callable[[Oracle, int], list[Event] | Refused]) -> list[Event] | Refused:
        """Let the core act on a request, such as a fault; a refusal changes nothing."""
        decided = decide(self.core, self._schedule.now_ns)
        if isinstance(decided, list):
            self._publish(decided)
            self._wake()
        return decided

    def kill(self) -> None:
        """End the process; its log stays, and nobody is told prices."""
        self.is_down = True

    def restart(self) -> None:
        """Begin again from a snapshot."""
        before = self.core.state_hash()
        self.core = Oracle.restore(self.core.settings, self.core.snapshot())
        assert self.core.state_hash() == before, "INV-100: a restored oracle differs"
        self.journal.open_epoch(self._schedule.now_ns)
        self.is_down = False
        self._run()

    def _wake(self) -> None:
        due_ns = self.core.next_due_ns(self._schedule.now_ns)
        if due_ns != self._due_ns:
            self._wake_at(due_ns)

    def _wake_at(self, due_ns: int) -> None:
        self._due_ns = due_ns
        self._schedule.at(due_ns, self._run_due, due_ns)

    def _run_due(self, due_ns: int) -> None:
        # A request may have made something else due sooner; what was scheduled before it has no say then.
        if due_ns == self._due_ns and not self.is_down:
            self._run()

    def _run(self) -> None:
        now_ns = self._schedule.now_ns
        events = self.core.handle_listing(now_ns, self._instruments)
        books, self._books = list(self._books.values()), {}
        events += self.core.handle_observations(now_ns, self._observed(now_ns), books)
        self._publish(events)
        self._wake()

    def _observed(self, now_ns: int) -> list[ObservedPrice]:
        observed = []
        for source in self._sources:
            newest = source.newest_by(now_ns)
            if newest is not None:
                time_ns, price_micros, *confidence = newest
                number = self._ids[source.symbol]
                observed.append(ObservedPrice(number, source.name, price_micros, time_ns, *confidence))
        return observed

    def _publish(self, events: list[Event]) -> None:
        if events:
            now_ns = self._schedule.now_ns
            entry = self.journal.append(now_ns, encode_all(events), self._cursors)
            self._schedule.at(now_ns + self._commit_ns, self._committed, entry)

    @property
    def sources(self) -> Sequence[Any]:
        """The price sources, for who is let to look ahead."""
        return self._sources
