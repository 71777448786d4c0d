"""Labelled points of the commit path, at which a test may have the process killed.

What is promised for a kill at any instruction is shown by killing at the few instructions that matter: before an
append, after its bytes left, after its answer came, while a snapshot is written, while a log is trimmed. Nothing is
armed unless `arm` is called, which a composition root does only when its setting `kill_at` asks for it; then the n-th
passing of the label ends the process with SIGKILL, exactly as `kill -9` would.
"""

import os
import signal

LABELS = ("before_append", "during_append", "after_append", "during_snapshot", "during_trim")
"""In order: an entry is about to be sent; it was sent, unanswered; it is committed and nobody was told; half of a
snapshot is in Redis; a part of a log was trimmed."""

_armed: dict[str, int] = {}
"""Passings that are left, by label."""


def arm(text: str) -> None:
    """Kill this process at the n-th passing of a label.

    Args:
        text: `label:n` with n from 1, or empty for nothing.

    Raises:
        ValueError: there is no such label, or n is no such number.

    """
    _armed.clear()
    if text:
        label, count = label_and_count(text)
        _armed[label] = count


def label_and_count(text: str) -> tuple[str, int]:
    """Return the two parts of `label:n`.

    Raises:
        ValueError: see `arm`.

    """
    label, _, number = text.partition(":")
    if label not in LABELS or not number.isdecimal() or not int(number):
        raise ValueError(
            f"{text!r} is no label to be killed at; {', '.join(LABELS)} are allowed, each with `:n`, n >= 1"
        )
    return label, int(number)


def passing(label: str) -> None:
    """Tell that a label is being passed; costs nothing unless one is armed."""
    if _armed and label in _armed:
        _armed[label] -= 1
        if not _armed[label]:
            os.kill(os.getpid(), signal.SIGKILL)
