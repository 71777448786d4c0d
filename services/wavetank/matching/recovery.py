"""Recovery: snapshot plus own events; the engine decides nothing anew (PROTOCOL 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.matching.core.engine import Engine
from wavetank.runtime.log_entry import Position
from wavetank.v1 import log_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wavetank.matching.core.settings import EngineSettings
    from wavetank.model.instrument import Instrument
    from wavetank.runtime.log_entry import LogEntry

ORACLE_LOG = "oracle"
CLEARING_LOG = "clearing"


def encode_snapshot(engine: Engine, cursors: dict[str, Position]) -> bytes:
    """Return the engine's state and how far it had counted the other logs, as bytes."""
    inputs = log_pb2.Inputs(cursors=cursor_messages(cursors)).SerializeToString()
    return len(inputs).to_bytes(4, "little") + inputs + engine.snapshot()


def cursor_messages(cursors: dict[str, Position]) -> list[log_pb2.Cursor]:
    """Return cursors as the log records them, by name."""
    return [
        log_pb2.Cursor(log=log, entry_id=at.entry_id, seq=at.seq, checksum=at.checksum)
        for log, at in sorted(cursors.items())
    ]


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
        size = int.from_bytes(snapshot[:4], "little")
        self._take_cursors(snapshot[4 : 4 + size])
        self.engine = Engine.restore(snapshot[4 + size :], settings)

    def list_instruments(self, instruments: Iterable[Instrument]) -> None:
        """List what clearing has listed by now: the shard's own events name instruments only by id."""
        for instrument in instruments:
            self.engine.list_instrument(instrument)

    def _take_cursors(self, inputs: bytes) -> None:
        for cursor in log_pb2.Inputs.FromString(inputs).cursors:
            self.cursors[cursor.log] = Position(cursor.entry_id, cursor.seq, cursor.checksum)

    def apply(self, entry: LogEntry) -> None:
        """Apply one entry of the shard's own log.

        Raises:
            ValueError: it does not follow the state.

        """
        if entry.count:
            self.engine.replay(entry.records, entry.first_seq, entry.now_ns)
            self._take_cursors(entry.inputs)
