"""Margin modes against the rule in 60 decimal digits, and the laws that hold for any book (MRGN-030)."""

import math
from decimal import ROUND_CEILING, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetank.clearing.core.margin_modes import ModeLeg, gross_micros, group_offset_micros, scenario_micros

E6 = 10**6
GROUPS = ("", "coins", "majors", "memes")

shares = st.integers(0, E6)
margins = st.one_of(st.integers(-100, 100), st.integers(-(10**14), 10**14))
legs = st.lists(st.builds(ModeLeg, margins, st.sampled_from(GROUPS), shares), max_size=8)
groups = st.fixed_dictionaries({group: shares for group in GROUPS if group})
haircuts = st.tuples(shares, shares).map(sorted)


def plain_group(book: list[ModeLeg], correlations: dict[str, int], haircut: int) -> int:
    """Return the group offset by the rule, one Fraction per group."""
    total = Fraction(sum(abs(leg.margin_micros) for leg in book if not leg.group))
    for group, correlation in correlations.items():
        own = [leg.margin_micros for leg in book if leg.group == group]
        long, short = sum(m for m in own if m > 0), -sum(m for m in own if m < 0)
        stressed = Fraction(correlation, E6) * (1 - Fraction(haircut, E6))
        credit = Fraction(1, 2) * max(Fraction(0), stressed - Fraction(3, 10)) / Fraction(7, 10)
        total += max(long, short) + (1 - 2 * credit) * min(long, short)
    return math.ceil(total)


def plain_scenario(book: list[ModeLeg], haircut: int) -> Decimal:
    """Return `|sum m r| + sqrt(sum m^2 (1 - r^2))` at one haircut, in as many digits as the context has."""
    kept = 1 - Decimal(haircut) / E6
    weighted = [(Decimal(leg.margin_micros), kept * leg.correlation_ppm / E6) for leg in book]
    common = abs(sum((margin * share for margin, share in weighted), Decimal(0)))
    return common + sum((margin**2 * (1 - share**2) for margin, share in weighted), Decimal(0)).sqrt()


def up(value: Decimal) -> int:
    # The root's last digits are not exact: what is whole to 30 places is whole.
    near = value.to_integral_value()
    return int(near if abs(value - near) < Decimal("1e-30") else value.to_integral_value(ROUND_CEILING))


@given(legs, groups, shares)
@pytest.mark.spec("MRGN-030")
def test_group_offset_is_the_rule(book: list[ModeLeg], correlations: dict[str, int], haircut: int) -> None:
    found = group_offset_micros(book, correlations, haircut)
    assert found == plain_group(book, correlations, haircut)
    # A perfect hedge still pays its larger side, so never less than half; never more than the sum.
    assert gross_micros(book) <= 2 * found
    assert found <= gross_micros(book)


@given(legs, shares)
@pytest.mark.spec("MRGN-030")
def test_scenario_is_the_rule(book: list[ModeLeg], haircut: int) -> None:
    gross = gross_micros(book)
    net = abs(sum(leg.margin_micros for leg in book))
    with localcontext(prec=60):
        wanted = min(gross, max(up(plain_scenario(book, haircut)), net, math.ceil(Fraction(3, 10) * gross)))
        assert scenario_micros(book, calm_haircut_ppm=haircut) == wanted


@given(legs, haircuts)
@pytest.mark.spec("MRGN-030")
def test_under_stress_every_haircut_in_between_is_met(book: list[ModeLeg], between: list[int]) -> None:
    calm, stressed = between
    found = scenario_micros(book, calm_haircut_ppm=calm, haircut_ppm=stressed)
    samples = [calm + (stressed - calm) * step // 16 for step in range(17)]
    alone = [scenario_micros(book, calm_haircut_ppm=sample) for sample in samples]
    assert found >= max(alone)
    # More stress asks for as much or more.
    rising = [scenario_micros(book, calm_haircut_ppm=calm, haircut_ppm=sample) for sample in samples]
    assert rising == sorted(rising)
    # Not more than the best that a bound by Cauchy and Schwarz allows: sqrt((sum m^2) (1 + n)).
    squares = sum(leg.margin_micros**2 for leg in book)
    floors = max(abs(sum(leg.margin_micros for leg in book)), -(-3 * gross_micros(book) // 10))
    assert found <= max(floors, math.isqrt(squares * (1 + len(book))) + 2)


@given(legs, shares, st.integers(1, 10**4))
@pytest.mark.spec("MRGN-030")
def test_a_book_so_many_times_as_large_needs_so_many_times_as_much(
    book: list[ModeLeg], haircut: int, times: int
) -> None:
    larger = [ModeLeg(leg.margin_micros * times, leg.group, leg.correlation_ppm) for leg in book]
    correlations = dict.fromkeys(GROUPS[1:], 790_000)
    for one, many in (
        (group_offset_micros(book, correlations, haircut), group_offset_micros(larger, correlations, haircut)),
        (scenario_micros(book, calm_haircut_ppm=haircut), scenario_micros(larger, calm_haircut_ppm=haircut)),
    ):
        # One rounding up to a micro-dollar, multiplied.
        assert times * (one - 1) < many <= times * one


@given(legs, shares, st.data())
@pytest.mark.spec("MRGN-030")
def test_neither_order_nor_direction_of_a_book_matters(book: list[ModeLeg], haircut: int, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(book))
    mirrored = [ModeLeg(-leg.margin_micros, leg.group, leg.correlation_ppm) for leg in shuffled]
    correlations = dict.fromkeys(GROUPS[1:], 790_000)
    assert group_offset_micros(mirrored, correlations, haircut) == group_offset_micros(book, correlations, haircut)
    assert scenario_micros(mirrored, calm_haircut_ppm=haircut) == scenario_micros(book, calm_haircut_ppm=haircut)


@given(st.lists(st.builds(ModeLeg, st.integers(0, 10**14), st.just("majors"), shares)), shares, shares)
@pytest.mark.spec("MRGN-030")
def test_legs_on_one_side_get_no_relief(book: list[ModeLeg], correlation: int, haircut: int) -> None:
    assert group_offset_micros(book, {"majors": correlation}) == gross_micros(book)
    assert scenario_micros(book, calm_haircut_ppm=haircut) == gross_micros(book)
