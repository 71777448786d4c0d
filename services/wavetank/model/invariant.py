"""What a broken invariant is called, in every core and in every process."""

from __future__ import annotations


class InvariantBroken(Exception):
    """Something that must hold does not; the process stops rather than continue on a wrong state."""
