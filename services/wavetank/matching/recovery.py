"""Recovery: snapshot plus own events; the engine decides nothing anew (PROTOCOL 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.matching.core.engine import Engine
from wavetank.runtime.log_entry import Position
from wavetank.runtime.recovering import cursors_of, split_cursors
from wavetank.v1 import log_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wavetank.matching.core.settings import EngineSettings
    from wavetank.model.instrument import Instrument
    from wavetank.runtime.log_entry import LogEntry

ORACLE_LOG = "oracle"
CLEARING_LOG = "clearing"


class Recovery:
    """The engine, as far as it has been rebuilt."""

    def __init__(self, shard: int, settings: EngineSettings, snapshot: bytes | None) -> None:
        """Begin with a snapshot's bytes, or with an empty engine.

        Raises:
            ValueError: the snapshot is damaged, or of another version or shard.

        """
        self.cursors = {ORACLE_LOG: Position.START, CLEARING_LOG: Position.START}
        if snapshot is None:
            self.engine = Engine(shard, settings)
            return
        cursors, state = split_cursors(snapshot)
        self.cursors |= cursors
        self.engine = Engine.restore(state, settings)

    def list_instruments(self, instruments: Iterable[Instrument]) -> None:
        """List what clearing has listed here by now: the shard's own events name instruments only by id."""
        for instrument in instruments:
            if instrument.shard == self.engine.shard:
                self.engine.list_instrument(instrument)

    def apply(self, entry: LogEntry) -> None:
        """Apply one entry of the shard's own log.

        Raises:
            ValueError: it does not follow the state.

        """
        if entry.count:
            self.engine.replay(entry.records, entry.first_seq, entry.now_ns)
            self.cursors |= cursors_of(log_pb2.Inputs.FromString(entry.inputs).cursors)
