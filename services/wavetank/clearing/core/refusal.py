"""A refusal of clearing's core: a request that changed nothing, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wavetank.model.reason import Reason


class Refused(Exception):
    """A request was refused; nothing changed."""

    def __init__(self, reason: Reason, was: int, allowed: int, message: str) -> None:
        """Say why: the offending value and the bound it broke, in the reason's unit."""
        super().__init__(message)
        self.reason = reason
        self.was = was
        self.allowed = allowed
