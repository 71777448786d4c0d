"""Draws are the same for the same thing, and spread as they should be (ORCL-040)."""

import math

import pytest

from wavetank.oracle.core.chance import CUT_OFF, Purpose, draw, exponential

DRAWS = 4_000


def drawn(number: int, seed: int = 1, fault_id: int = 2, instrument: int = 3, channel: bytes = b"x") -> int:
    return draw(seed, fault_id, instrument, channel, number, Purpose.JITTER)


@pytest.mark.spec("ORCL-040")
def test_a_draw_is_fixed_by_what_it_is_for() -> None:
    first = drawn(5)
    assert first == drawn(5)
    others = [drawn(6), drawn(5, seed=2), drawn(5, fault_id=1), drawn(5, instrument=2), drawn(5, channel=b"y")]
    others.append(draw(1, 2, 3, b"x", 5, Purpose.STRIKE))
    assert len({first, *others}) == 7


def test_a_draw_is_the_same_on_every_machine() -> None:
    # What `b2sum -l 64` says of seed, fault, instrument, update and purpose in their widths, the lowest byte first, and
    # of the channel: 01 and seven zeros, 02 and seven, 03 and three, 05 and seven, 02, 78.
    assert drawn(5) == int.from_bytes(bytes.fromhex("6835fe9a97d8615c"), "little")


def test_draws_are_uniform() -> None:
    # The mean of n uniform draws has a standard error of 2^64 / sqrt(12 n); four of them.
    mean = sum(drawn(number) for number in range(DRAWS)) / DRAWS
    assert abs(mean / 2**64 - 0.5) < 4 / math.sqrt(12 * DRAWS)


@pytest.mark.parametrize("share", [1, 2**20, 2**40, 2**62, 2**63, 2**64 - 1])
def test_an_exponential_is_the_logarithm_of_its_draw(share: int) -> None:
    mean = 10**12
    expected = min(CUT_OFF * mean, -math.log((share + 1) / 2**64) * mean)
    # Floating logarithms are right to 2^-52 of their size, ours is rounded down.
    assert abs(exponential(share, mean) - expected) <= 2 + expected / 2**50


def test_the_mean_of_exponentials_is_their_mean() -> None:
    # The standard error is the mean over sqrt(n); what is cut off beyond eight means is a third of a thousandth.
    mean = sum(exponential(drawn(number), 10**6) for number in range(DRAWS)) / DRAWS
    assert abs(mean / 10**6 - 1) < 4 / math.sqrt(DRAWS)


def test_an_exponential_is_cut_off() -> None:
    assert exponential(0, 1_000) == 8_000
    assert exponential(2**64 - 1, 1_000) == 0
