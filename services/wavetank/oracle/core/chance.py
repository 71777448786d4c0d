"""Chance without a generator: what a draw gives is a function of what it is drawn for.

It exists so that faults that strike by chance strike the same updates in a live oracle, in one that was restarted, and
in a simulation: there is no state to lose, and one fault's draws never move another's.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from hashlib import blake2b

from wavetank.oracle.core.average import LN2_E128

CUT_OFF = 8
"""An exponential draw is at most so many times its mean; one in 3,000 would be more."""

_BITS = 64
_LN2 = LN2_E128 >> _BITS
_KEY = struct.Struct("<qqiqB")


class Purpose(IntEnum):
    """What a draw decides."""

    STRIKE = 1
    JITTER = 2
    DISTANCE = 3
    """How far back an older value is taken from."""
    CHOICE = 4
    """Which sources a fault hits."""


def draw(seed: int, fault_id: int, instrument_id: int, channel: bytes, number: int, purpose: Purpose) -> int:
    """Return a whole number from 0 up to 2^64, the same for the same arguments.

    Args:
        seed: of the fault.
        fault_id: of the fault.
        instrument_id: which it hits.
        channel: the consumer, or the source.
        number: of the update: its time in nanoseconds.
        purpose: what is decided.

    """
    message = _KEY.pack(seed, fault_id, instrument_id, number, purpose) + channel
    return int.from_bytes(blake2b(message, digest_size=8).digest(), "little")


def exponential(drawn: int, mean: int) -> int:
    """Return an exponential amount from a draw, at most `CUT_OFF` times its mean.

    It is `−ln((drawn + 1) / 2^64) · mean`, rounded down; the logarithm is a series on scaled whole numbers:
    `ln m = 2·(y + y³/3 + y⁵/5 + …)` with `y = (m − 1)/(m + 1)`, at most a third.

    Args:
        drawn: from 0 up to 2^64.
        mean: 0 or more.

    """
    number = drawn + 1
    whole = number.bit_length() - 1
    mantissa = number << (_BITS - whole)
    one = 1 << _BITS
    ratio = ((mantissa - one) << _BITS) // (mantissa + one)
    square = ratio * ratio >> _BITS
    total, power, order = 0, ratio, 1
    while power:
        total += power // order
        power = power * square >> _BITS
        order += 2
    negated_log = (_BITS - whole) * _LN2 - 2 * total
    return min(CUT_OFF * mean, max(0, negated_log) * mean >> _BITS)
