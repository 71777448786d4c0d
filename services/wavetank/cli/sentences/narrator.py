"""The narrator: finds the sentence of an event, and knows what ids are called."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from wavetank.cli.sentences import clearing, matching, oracle
from wavetank.cli.sentences.words import Speaker, Teller
from wavetank.model.record import Event

_TELLERS: Mapping[type[Any], Teller] = {**matching.TELLERS, **clearing.TELLERS, **oracle.TELLERS}

ROUTINE_KINDS = matching.ROUTINE_KINDS | clearing.ROUTINE_KINDS | oracle.ROUTINE_KINDS
"""What happens all the time and is left out unless it is asked for."""


class Narrator(Speaker):
    """Turns events into sentences."""

    def say(self, event: Event) -> str:
        """Return an event as a sentence."""
        tell = _TELLERS.get(type(event))
        if tell is not None:
            return tell(self, event)
        told = ", ".join(f"{field.name}={getattr(event, field.name)!r}" for field in fields(event))  # type: ignore[arg-type] # Every event is a dataclass.
        return f"{type(event).__name__} {told}"
