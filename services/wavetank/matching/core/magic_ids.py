"""Magic client order ids: an order whose id begins with a certain word comes to a certain end (MTCH-065).

Who tests a bot wants one order to be refused, or its answer to be lost, in each run and at once; waiting for a fault
to hit by chance is no test. It is a setting of the shard, off unless asked for: nobody else gives such ids a meaning.
Kept true: what the book does is done by the book, so its log is true of it: a magic order is changed on its way, as if
its client had asked for that; all else is told as if a fault had hit the request.
"""

from __future__ import annotations

from wavetank.matching.core.commands import COMMAND_BYTES
from wavetank.matching.core.entry_faults import UNDISTURBED, Treatment
from wavetank.model.orders import CommandKind, OrderFlag, TimeInForce
from wavetank.model.reason import Reason

LATE_ANSWER_NS = 1_000_000_000
"""By how much an answer is late, venue time."""

REJECT, PARTIAL = b"~reject:", b"~partial:"

OUTCOMES: dict[bytes, Treatment] = {
    REJECT: UNDISTURBED,
    PARTIAL: UNDISTURBED,
    b"~late:": Treatment(answer_delay_ns=LATE_ANSWER_NS),
    b"~lost:": Treatment(loses_answer=True),
    b"~down:": Treatment(refusal=Reason.VENUE_OVERLOADED),
    b"~throttle:": Treatment(refusal=Reason.RATE_LIMITED),
    b"~cut:": Treatment(ends_session=True),
}
"""What becomes of the request of an order, by what its client order id begins with; the rest of the id is free."""

_MARK = b"~"
_KIND, _TIME_IN_FORCE, _FLAGS = 0, 3, 4
_CLIENT_ID = slice(32, 48)
_SIZE_LOTS, _DISPLAY_LOTS, _EXPIRE_TIME_NS = slice(56, 64), slice(72, 80), slice(88, 96)
_TRIGGER_KIND = 124
"""Where these stand in a packed command."""


def outcome_of(client_order_id: bytes) -> bytes | None:
    """Return the magic word that an id begins with, or None."""
    if not client_order_id.startswith(_MARK):
        return None
    word, colon, _ = client_order_id.partition(b":")
    return word + colon if word + colon in OUTCOMES else None


def under_spell(commands: bytes) -> tuple[bytes, Treatment]:
    """Return a request's commands as magic ids change them, and what else they bring about.

    `~reject:` makes the size 0, which the book refuses as SIZE_OUT_OF_RANGE; `~partial:` leaves half of the size,
    rounded up, and lets an order that may trade fill what it can of that at once, and no more.

    Args:
        commands: whole command records, one behind the other.

    """
    changed: bytearray | None = None
    found = UNDISTURBED
    for at in range(0, len(commands), COMMAND_BYTES):
        command = commands[at : at + COMMAND_BYTES]
        word = outcome_of(command[_CLIENT_ID]) if command[_KIND] == CommandKind.PLACE else None
        if word is None:
            continue
        found = found.beside(OUTCOMES[word])
        if word in {REJECT, PARTIAL}:
            changed = bytearray(commands) if changed is None else changed
            changed[at : at + COMMAND_BYTES] = _changed(command, word)
    return bytes(changed) if changed is not None else commands, found


def _changed(command: bytes, word: bytes) -> bytes:
    record = bytearray(command)
    size_lots = int.from_bytes(command[_SIZE_LOTS], "little", signed=True)
    left = 0 if word == REJECT else (size_lots + 1) // 2
    record[_SIZE_LOTS] = left.to_bytes(8, "little", signed=True)
    if word == PARTIAL and not command[_FLAGS] & OrderFlag.POST_ONLY and not command[_TRIGGER_KIND]:
        record[_TIME_IN_FORCE] = TimeInForce.IOC
        record[_DISPLAY_LOTS] = record[_EXPIRE_TIME_NS] = bytes(8)
    return bytes(record)
