"""Dice: their draws are what they claim to be, and stay the same for ever.

Distributions are compared with their own moments and tails, four standard errors wide; seeds are fixed, so a test that
passes passes always. The golden draws are those of the first version: a change of them changes every stored storm.
"""

from copy import deepcopy
from decimal import Context, Decimal
from random import Random
from statistics import fmean

import pytest

from wavetank.storms.dice import Dice, scaled_by_exponential

ONE_E6 = 1_000_000
DRAWS = 20_000


def test_golden_draws_never_change() -> None:
    dice = Dice(7, "golden")
    assert [dice.below(1_000) for _ in range(5)] == [672, 681, 251, 363, 78]
    assert [dice.between(-3, 3) for _ in range(5)] == [-2, -2, -2, 1, 1]
    assert [dice.chance(500_000) for _ in range(5)] == [True, False, True, False, True]
    assert [dice.choice("abcd") for _ in range(5)] == ["b", "b", "d", "d", "b"]
    assert [dice.exponential(ONE_E6) for _ in range(4)] == [1_426_532, 464_350, 3_429_350, 1_944_938]
    assert [dice.normal_e6() for _ in range(4)] == [-1_341_773, 95_175, 182_616, 1_029_534]
    assert [dice.log_normal(ONE_E6, 800_000) for _ in range(4)] == [394_383, 600_763, 277_180, 3_903_416]
    assert dice.spawn("child").below(10**9) == 412_946_110


def test_seeds_and_names_give_other_draws() -> None:
    firsts = {
        tuple(dice.below(ONE_E6) for _ in range(4))
        for dice in (Dice(1), Dice(2), Dice(-1), Dice(1, "a"), Dice(1, "b"), Dice(1).spawn("a"), Dice(1, "a").spawn(""))
    }
    assert len(firsts) == 7


def test_spawned_dice_do_not_depend_on_their_parents_throws() -> None:
    fresh, thrown = Dice(3), Dice(3)
    for _ in range(100):
        thrown.normal_e6()
    thrown.spawn("elsewhere").below(10)
    a, b = fresh.spawn("agent"), thrown.spawn("agent")
    assert [a.below(ONE_E6) for _ in range(20)] == [b.below(ONE_E6) for _ in range(20)]


def test_a_child_is_not_correlated_with_its_parent() -> None:
    parent = Dice(5)
    child = parent.spawn("child")
    products = [parent.normal_e6() * child.normal_e6() for _ in range(DRAWS)]
    # A product of two independent standard normals has deviation 1: its mean has 1 / sqrt(20,000) = 0.00707.
    assert abs(fmean(products)) / 10**12 < 4 * 0.00707


def test_bounds_are_reached_and_not_passed() -> None:
    dice = Dice(11)
    assert {dice.below(3) for _ in range(200)} == {0, 1, 2}
    assert {dice.between(-1, 1) for _ in range(200)} == {-1, 0, 1}
    assert {dice.choice((4, 5)) for _ in range(100)} == {4, 5}
    assert not any(dice.chance(0) for _ in range(100))
    assert all(dice.chance(ONE_E6) for _ in range(100))


def test_numbers_below_a_bound_are_those_of_the_standard_library() -> None:
    for bound in (1, 2, 3, 1_000, ONE_E6, 2**64 - 1):
        dice = Dice(17, str(bound))
        plain = Random(int.from_bytes(dice._key, "big"))
        assert [dice.below(bound) for _ in range(50)] == [plain.randrange(bound) for _ in range(50)]


def test_nothing_lies_below_zero() -> None:
    with pytest.raises(ValueError, match="nothing lies below 0"):
        Dice(1).below(0)


def test_chance_is_in_millionths() -> None:
    dice = Dice(13)
    hits = sum(dice.chance(250_000) for _ in range(DRAWS))
    # Binomial: deviation sqrt(20,000 · 0.25 · 0.75) = 61.2.
    assert abs(hits - 5_000) < 4 * 61.2


def test_exponentials_have_their_mean_deviation_and_tails() -> None:
    dice = Dice(17)
    draws = [dice.exponential(ONE_E6) for _ in range(DRAWS)]
    mean = fmean(draws)
    # Deviation equals the mean: the mean of 20,000 is off by 10^6 / 141.4 = 7,071.
    assert abs(mean - ONE_E6) < 4 * 7_071
    # The fourth central moment is 9, so the variance of the sample variance is 8 / 20,000: 0.02.
    assert abs(fmean((each - mean) ** 2 for each in draws) / 10**12 - 1) < 4 * 0.02
    # Half lie below ln 2, e^-3 = 0.049787 above 3, e^-6 = 0.002479 above 6.
    # Deviations: sqrt(20,000 · p · (1 - p)) = 70.7, 30.8, 7.03.
    assert abs(sum(each < 693_147 for each in draws) - 10_000) < 4 * 70.7
    assert abs(sum(each > 3_000_000 for each in draws) - 995.7) < 4 * 30.8
    assert abs(sum(each > 6_000_000 for each in draws) - 49.6) < 4 * 7.03
    # A quarter lies below -ln 0.75 = 0.287682, inside the table's first half.
    assert abs(sum(each < 287_682 for each in draws) - 5_000) < 4 * 61.2
    assert min(draws) >= 0


def test_an_exponential_of_mean_zero_is_zero() -> None:
    dice = Dice(19)
    assert {dice.exponential(0) for _ in range(50)} == {0}


def test_normals_have_the_moments_of_twelve_uniforms() -> None:
    dice = Dice(23)
    draws = [dice.normal_e6() / ONE_E6 for _ in range(DRAWS)]
    # Mean: 1 / 141.4 = 0.00707. Variance: sqrt((2.9 - 1) / 20,000) = 0.00975.
    assert abs(fmean(draws)) < 4 * 0.00707
    assert abs(fmean(each**2 for each in draws) - 1) < 4 * 0.00975
    # Excess of a uniform is -1.2, of the sum of twelve -0.1: 2.9. The eighth moment is below 105, so the mean of fourth
    # powers is off by less than sqrt((105 - 8) / 20,000) = 0.07.
    assert abs(fmean(each**4 for each in draws) - 2.9) < 4 * 0.07
    assert max(map(abs, draws)) < 6


def test_log_normals_have_about_the_mean_asked_for() -> None:
    dice = Dice(29)
    draws = [dice.log_normal(ONE_E6, 800_000) for _ in range(DRAWS)]
    # With s = 0.8 twelve uniforms give (sinh(s/2) / (s/2))^12 · e^(-s²/2) = 1.02688^12 · 0.72615 = 0.9983 of it.
    # A log-normal's deviation is sqrt(e^0.64 - 1) = 0.947 of its mean: 0.0067 for the mean of 20,000.
    assert abs(fmean(draws) / ONE_E6 - 0.9983) < 4 * 0.0067
    # The median is e^(-0.32) = 0.726149.
    assert abs(sum(each < 726_149 for each in draws) - 10_000) < 4 * 70.7


def test_a_log_normal_without_spread_is_its_mean() -> None:
    dice = Dice(31)
    assert {dice.log_normal(12_345, 0) for _ in range(20)} == {12_345}


def test_powers_of_e_are_within_a_millionth() -> None:
    value, context = 10**15, Context(prec=50)
    for exponent_e6 in (*range(-9_999_991, 10_000_000, 70_001), -1, 0, 1, 693_147, -693_147, 2_707):
        exact = context.exp(Decimal(exponent_e6) / ONE_E6) * value
        # A chord over 1/256 of a doubling lies above the curve by at most (ln 2 / 256)² / 8 = 9.2 · 10^-7 of it.
        error = scaled_by_exponential(value, exponent_e6) - exact
        assert -1 - exact / 10**9 <= error <= exact * Decimal("9.3e-7"), exponent_e6


def test_powers_of_e_keep_zero_and_vanish_far_below() -> None:
    assert scaled_by_exponential(0, 5_000_000) == 0
    assert scaled_by_exponential(10**15, 0) == 10**15
    # e^-40 = 4.2 · 10^-18.
    assert scaled_by_exponential(10**15, -40_000_000) == 0


def test_turned_dice_keep_what_they_have_shown_and_differ_from_there_on() -> None:
    trunk, one, other, again = (Dice(3).spawn("agent") for _ in range(4))
    before = [[dice.below(ONE_E6) for _ in range(5)] for dice in (trunk, one, other, again)]
    assert before[0] == before[1] == before[2] == before[3]
    one.turn(1)
    other.turn(2)
    again.turn(1)
    after = [tuple(dice.below(ONE_E6) for _ in range(5)) for dice in (trunk, one, other, again)]
    assert len(set(after)) == 3
    assert after[1] == after[3]


def test_whichever_dice_are_turned_all_of_their_kin_are_and_stay_independent() -> None:
    def shown(*, turned: bool) -> list[int]:
        first = Dice(3)
        early, other = first.spawn("a"), first.spawn("b")
        deep = early.spawn("b")
        if turned:
            deep.turn(9)
        late = other.spawn("late")
        return [dice.below(10**12) for dice in (first, early, other, deep, late)]

    plain, turned = shown(turned=False), shown(turned=True)
    # Ten draws of a million millions: two alike would be no chance.
    assert len({*plain, *turned}) == 10


def test_dice_of_another_first_are_not_turned() -> None:
    one, other = Dice(3), Dice(3)
    one.turn(1)
    assert other.below(10**12) == Dice(3).below(10**12)


def test_a_copy_throws_as_the_original_and_neither_moves_the_other() -> None:
    dice = Dice(3).spawn("agent")
    dice.below(ONE_E6)
    copy, other = deepcopy(dice), deepcopy(dice)
    shown = [copy.below(10**12) for _ in range(3)]
    other.turn(1)
    assert [other.below(10**12) for _ in range(3)] != shown
    assert [dice.below(10**12) for _ in range(3)] == shown
