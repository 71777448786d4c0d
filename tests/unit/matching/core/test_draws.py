"""Draws: the same on every machine, spread as they say, and independent of each other."""

from __future__ import annotations

from fractions import Fraction
from hashlib import blake2b

import pytest

from wavetank.matching.core.draws import draw, exponential, hits, minus_ln_e18, uniform

pytestmark = pytest.mark.spec("MTCH-065")

TOP = 2**64
COUNT = 20_000


def test_a_draw_is_the_keyed_hash_of_its_subject() -> None:
    expected = blake2b(
        (1001).to_bytes(8, "little") + (-3).to_bytes(8, "little", signed=True),
        digest_size=8,
        key=(7).to_bytes(8, "little"),
    ).digest()
    assert draw(7, 1001, -3) == int.from_bytes(expected, "little")
    assert len({draw(seed, subject) for seed in range(10) for subject in range(10)}) == 100


def test_chances_are_millionths_of_the_range() -> None:
    # A quarter: everything below 2^62, and nothing from there on.
    assert hits(2**62 - 1, 250_000)
    assert not hits(2**62, 250_000)
    assert hits(TOP - 1, 1_000_000)
    assert not hits(0, 0)
    # 20,000 draws with p = 0.05 hit 1,000 times, standard error sqrt(20,000 * 0.05 * 0.95) = 31.
    assert abs(sum(hits(draw(1, number), 50_000) for number in range(COUNT)) - 1_000) < 4 * 31


def test_uniform_draws_reach_both_ends_and_no_further() -> None:
    assert (uniform(0, 9), uniform(TOP - 1, 9), uniform(TOP // 2, 9)) == (0, 9, 5)
    assert uniform(TOP - 1, 0) == 0


def test_logarithms_are_those_of_the_tables() -> None:
    # -ln 1 = 0; -ln 1/2, -ln 1/10 and -ln 2^-64 to 18 digits, from tables of natural logarithms.
    assert minus_ln_e18(TOP) == 0
    assert abs(minus_ln_e18(TOP // 2) - 693_147_180_559_945_309) <= 2
    assert abs(minus_ln_e18(TOP // 10) - 2_302_585_092_994_045_684) <= 40
    assert abs(minus_ln_e18(1) - 64 * 693_147_180_559_945_309) <= 64


def test_exponential_draws_have_their_mean_and_their_tail() -> None:
    drawn = [exponential(draw(3, number), 1_000_000) for number in range(COUNT)]
    # The mean's standard error is 1,000,000 / sqrt(20,000) = 7,071; a share e^-2 = 0.1353 lies above twice the mean,
    # with standard error sqrt(0.1353 * 0.8647 / 20,000) = 0.0024.
    assert abs(Fraction(sum(drawn), COUNT) - 1_000_000) < 4 * 7_071
    assert abs(sum(each > 2_000_000 for each in drawn) / COUNT - 0.1353) < 4 * 0.0024
    assert exponential(TOP - 1, 1_000_000) == 0
    # The longest is 64 ln 2 = 44.36 means.
    assert exponential(0, 1_000_000) == 44_361_419
