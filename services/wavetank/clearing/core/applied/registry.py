"""Which function applies which event to the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wavetank.clearing.core.state import State

Handler = Callable[["State", Any, int, int], None]
"""Gets the state, the event, its seq and the venue time of its entry."""

HANDLERS: dict[type, Handler] = {}


def applies(*kinds: type) -> Callable[[Handler], Handler]:
    """Let a function apply events of these kinds."""

    def note(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(kinds, handler))
        return handler

    return note
