"""Draws: numbers as good as random ones, of which each is a function of a seed and of what it is drawn for.

A fault that hits by chance must hit the same requests in the live shard, in the simulator and in a replay, whatever
else was drawn meanwhile; so there is no generator whose state would have to be kept.
Kept true: whole numbers only, so a draw is the same on every machine.
"""

from __future__ import annotations

from hashlib import blake2b

DRAW_BITS = 64
MILLION = 1_000_000
_ONE_E18 = 10**18
_LN_2_E18 = 693_147_180_559_945_309
_LN_TERMS = 20
"""Of the series below; each is at most a ninth of the one before."""


def draw(seed: int, *subject: int) -> int:
    """Return a number from 0 to 2^64 - 1.

    Args:
        seed: 0 to 2^63 - 1.
        subject: what it is drawn for, signed 64-bit numbers; another subject has another draw.

    """
    words = b"".join([number.to_bytes(8, "little", signed=True) for number in subject])
    digest = blake2b(words, digest_size=8, key=seed.to_bytes(8, "little")).digest()
    return int.from_bytes(digest, "little")


def hits(drawn: int, probability_ppm: int) -> bool:
    """Tell whether a draw falls into the first so many millionths of its range."""
    return drawn * MILLION >> DRAW_BITS < probability_ppm


def uniform(drawn: int, largest: int) -> int:
    """Return a whole number from 0 to `largest`, each as likely as any other but for 2^-64."""
    return drawn * (largest + 1) >> DRAW_BITS


def exponential(drawn: int, mean: int) -> int:
    """Return an exponentially distributed whole number, rounded down; at most 45 times its mean."""
    return mean * minus_ln_e18(drawn + 1) // _ONE_E18


def minus_ln_e18(value: int) -> int:
    """Return -ln(value / 2^64) in 10^-18.

    Args:
        value: 1 to 2^64.

    """
    # value = m * 2^exponent with m from 1 to below 2, and ln m = 2 artanh((m - 1) / (m + 1)).
    exponent = value.bit_length() - 1
    m_e18 = value * _ONE_E18 >> exponent
    z_e18 = (m_e18 - _ONE_E18) * _ONE_E18 // (m_e18 + _ONE_E18)
    square_e18 = z_e18 * z_e18 // _ONE_E18
    power_e18, total_e18 = z_e18, 0
    for odd in range(1, 2 * _LN_TERMS, 2):
        total_e18 += power_e18 // odd
        power_e18 = power_e18 * square_e18 // _ONE_E18
    return max(0, (DRAW_BITS - exponent) * _LN_2_E18 - 2 * total_e18)
