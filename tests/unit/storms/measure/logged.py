"""Events of a log by what matters in them: whatever a test does not say is nothing."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

from wavetank.model.record import encode_all

Kind = TypeVar("Kind")
A, B, C = 1_000, 1_001, 1_002
"""Clients."""
BTC, ETH, SOL = 1, 2, 3
MICROS = 1_000_000
SECOND_NS = 1_000_000_000


def event(kind: type[Kind], /, **said: Any) -> Kind:  # noqa: ANN401 - fields of any event.
    """Return an event with what is said; numbers are 0 and texts empty else."""
    nothing = {each.name: b"" if each.type == "bytes" else 0 for each in fields(kind)}  # type: ignore[arg-type]
    return kind(**{**nothing, **said})


def records(*events: Any) -> bytes:  # noqa: ANN401 - events of any kind.
    """Return the records of events, one behind the other, as an entry has them."""
    return encode_all(list(events))
