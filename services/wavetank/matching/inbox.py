"""What waits for a cycle of the service: facts, messages of clearing, questions, changes, and commands of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wavetank.matching.ports import BatchStage

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from wavetank.matching.controls import Made
    from wavetank.matching.core.engine import Engine
    from wavetank.runtime.log_entry import LogEntry
    from wavetank.v1 import credit_pb2, matching_control_pb2


@dataclass(slots=True)
class Fact:
    """An entry of another log."""

    log: str
    entry: LogEntry


@dataclass(slots=True)
class FromClearing:
    """A line, a request or the gate."""

    message: credit_pb2.ConnectResponse


@dataclass(slots=True)
class Move:
    """An instrument's next state, as an administrator asks for it (MTCH-050)."""

    request: matching_control_pb2.SetInstrumentStateRequest
    answer: asyncio.Future[Any]


@dataclass(slots=True)
class Change:
    """A change of what stands around the engine, as an administrator asks for it (MTCH-060, MTCH-065)."""

    make: Callable[[int], Made[Any]]
    """Gets venue time; raises VenueError where nothing is to be changed."""
    answer: asyncio.Future[Any]


@dataclass(slots=True)
class OwnBatch:
    """Commands of the service's own, for which nobody waits."""

    commands: bytes
    count: int
    deadline: float = 0.0
    stage: BatchStage = BatchStage.WAITING
    wants_matched: bool = False

    def matched(self, results: bytes) -> None:
        """Nobody waits."""

    def done(self, results: bytes, last_seq: int) -> None:
        """Nobody waits."""

    def lost(self) -> None:
        """Nobody waits."""


@dataclass(slots=True)
class Question:
    """A call that changes nothing, answered when the engine is exactly the committed state."""

    call: Callable[[Engine], Any]
    answer: asyncio.Future[Any]

    def reply(self, engine: Engine) -> None:
        """Answer, unless the asker went away; a question that fails concerns its asker alone."""
        if self.answer.done():
            return
        try:
            self.answer.set_result(self.call(engine))
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing was changed; the asker's door reports it.
            self.answer.set_exception(error)
