"""What is wrong with a page, told all at once, each with the place where a person mends it.

It exists so that somebody who wrote five things wrong reads five lines, not one after the other. Kept true: every fault
names its source, the line and column where it stands, the dotted path of the field, what it was and what is allowed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

_SHOWN_CHOICES = 30
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFault:
    """One thing that is wrong."""

    source: str
    """Name of the file, or of wherever else the text came from."""
    line: int
    """From 1; 0 when the fault stands on no line."""
    column: int
    path: str
    """Of the field, with dots, for instance `timeline.2.fault.lag`; empty for the page itself."""
    message: str
    """What it was and what is allowed."""

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class ScenarioInvalid(ValueError):
    """A page is no scenario; `faults` says why, in the order of the lines."""

    def __init__(self, faults: Sequence[PageFault]) -> None:
        assert faults, "a page without faults is valid"
        self.faults = tuple(sorted(faults, key=lambda fault: (fault.line, fault.column)))
        lines = [str(fault) for fault in self.faults]
        super().__init__(lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} faults:", *lines]))

    def __reduce__(self) -> tuple[type[ScenarioInvalid], tuple[tuple[PageFault, ...]]]:
        # An exception is copied by its arguments, and it travels from worker processes.
        return ScenarioInvalid, (self.faults,)


def choices(wrong: str, allowed: Collection[str]) -> str:
    """Return what to write instead of a wrong word: the one that was meant, if one is near, or else all.

    Args:
        wrong: as written.
        allowed: every word that may stand there.

    """
    near = get_close_matches(wrong, allowed, n=1) or get_close_matches(wrong.lower(), allowed, n=1)
    if near:
        return f"did you mean {near[0]}?"
    shown = sorted(allowed)[:_SHOWN_CHOICES]
    more = len(allowed) - len(shown)
    return f"allowed: {', '.join(shown) or 'nothing'}{f' and {more} more' if more else ''}"


def shown(value: object) -> str:
    """Return a value as it was written, shortened."""
    if value is None:
        return "empty"
    text = repr(value) if isinstance(value, str) else _plain(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 1]}…"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return f"a mapping with {', '.join(map(str, value))}" if value else "an empty mapping"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return str(value)
