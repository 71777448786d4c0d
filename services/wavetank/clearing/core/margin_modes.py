"""Margin modes: how the margins of an account's legs become the margin of the account (MRGN-030).

Each leg's own margin follows from its tiers and is a whole number of micro-dollars (MRGN-020); a mode says what of it
legs that offset each other need not hold. It exists apart from valuation so that one book can be put through all modes
and compared. Kept true: a mode never asks for more than the sum of the legs, a single leg or legs on one side get no
relief, rounding is up and once, and more stress never lowers a margin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from math import isqrt
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

E6 = 10**6
E12 = 10**12

UNCORRELATED_PPM = 300_000
"""Stressed correlation up to which a group offsets nothing."""
LARGEST_CREDIT = Fraction(1, 2)
"""Of c, so that a perfect hedge still pays for its larger side."""


class MarginMode(IntEnum):
    """How an account's legs are margined together."""

    ISOLATED = 1
    """Each leg alone, with collateral of its own."""
    GROSS = 2
    """One collateral, the sum of the legs."""
    GROUP_OFFSET = 3
    """One collateral; long and short legs of a correlation group offset each other in part."""
    SCENARIO = 4
    """One collateral; all legs offset each other by their correlation with the market."""


OFFSETTING = frozenset({MarginMode.GROUP_OFFSET, MarginMode.SCENARIO})
"""Modes in which legs can relieve each other."""


@dataclass(frozen=True, slots=True)
class ModeLeg:
    """One leg as a mode sees it."""

    margin_micros: int
    """Its own margin, initial or maintenance; negative for a short leg."""
    group: str = ""
    """Correlation group; empty offsets nothing."""
    correlation_ppm: int = 0
    """Correlation with the market, 0 to 10^6."""


@dataclass(frozen=True, slots=True)
class StressRamp:
    """How much a haircut is at a given stress: linear between two points, level outside (MRGN-030).

    Raises:
        ValueError: the haircut falls with stress or leaves 0 to 10^6, or the ramp has no length.

    """

    calm_ppm: int
    """Haircut up to where the ramp begins."""
    largest_ppm: int
    """Haircut from where it is full; the cap."""
    begins_ppm: int = 5_000
    full_ppm: int = 50_000

    def __post_init__(self) -> None:
        """Check that the ramp rises."""
        if not 0 <= self.calm_ppm <= self.largest_ppm <= E6:
            message = f"a haircut rises from 0 to 10^6 at most, not from {self.calm_ppm} to {self.largest_ppm}"
            raise ValueError(message)
        if not 0 <= self.begins_ppm < self.full_ppm:
            message = f"a haircut rises over some stress, not from {self.begins_ppm} to {self.full_ppm}"
            raise ValueError(message)

    def haircut_ppm(self, stress_ppm: int) -> int:
        """Return the haircut at a stress in ppm, rounded up."""
        over = max(0, min(stress_ppm, self.full_ppm) - self.begins_ppm)
        return self.calm_ppm - (-over * (self.largest_ppm - self.calm_ppm) // (self.full_ppm - self.begins_ppm))


GROUP_HAIRCUT = StressRamp(0, 500_000)
SCENARIO_HAIRCUT = StressRamp(200_000, 600_000)


@dataclass(frozen=True, slots=True)
class Correlation:
    """What offsets an instrument."""

    group: str
    correlation_ppm: int
    """With the market, 0 to 10^6."""


NO_OFFSET = Correlation("", 0)
"""Of an instrument that no terms name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetTerms:
    """What the offset modes are told.

    Raises:
        ValueError: a correlation or the floor is not within 0 to 10^6, or an instrument's group has no correlation.

    """

    instruments: Mapping[int, Correlation] = field(default_factory=dict)
    """By instrument id; an instrument that is not here offsets nothing in a group and counts as uncorrelated."""
    groups_ppm: Mapping[str, int] = field(default_factory=dict)
    """Stressed correlation within each group."""
    group_haircut: StressRamp = GROUP_HAIRCUT
    """Taken off a group's stressed correlation."""
    scenario_haircut: StressRamp = SCENARIO_HAIRCUT
    """Taken off each instrument's correlation with the market."""
    floor_ppm: int = 300_000
    """Least share of the gross margin that the scenario mode asks for: correlations break."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        shares = [*self.groups_ppm.values(), self.floor_ppm]
        shares += [each.correlation_ppm for each in self.instruments.values()]
        if not all(0 <= share <= E6 for share in shares):
            message = f"correlations and the floor lie within 0 and 10^6: {shares}"
            raise ValueError(message)
        unknown = {each.group for each in self.instruments.values()} - {"", *self.groups_ppm}
        if unknown:
            message = f"groups without a correlation: {', '.join(sorted(unknown))}"
            raise ValueError(message)


NO_OFFSETS = OffsetTerms()
"""Terms under which nothing offsets in a group and all instruments are uncorrelated."""


def isolated_micros(legs: Sequence[ModeLeg]) -> tuple[int, ...]:
    """Return what each leg must hold alone, in order."""
    return tuple(abs(leg.margin_micros) for leg in legs)


def gross_micros(legs: Sequence[ModeLeg]) -> int:
    """Return the sum of the legs' margins."""
    return sum(abs(leg.margin_micros) for leg in legs)


def offset_credit(stressed_correlation_ppm: int, haircut_ppm: int = 0) -> Fraction:
    """Return c, 0 to 1/2, exact: each side of a group is relieved of so much of the smaller side.

    Args:
        stressed_correlation_ppm: correlation within the group in bad times.
        haircut_ppm: taken off it.

    Source: MRGN-030, `c = 0.5 * max(0, rho - 0.3) / 0.7`.

    """
    excess_e12 = stressed_correlation_ppm * (E6 - haircut_ppm) - UNCORRELATED_PPM * E6
    return LARGEST_CREDIT * Fraction(max(0, excess_e12), (E6 - UNCORRELATED_PPM) * E6)


def group_offset_micros(
    legs: Sequence[ModeLeg], group_correlations_ppm: Mapping[str, int], haircut_ppm: int = 0
) -> int:
    """Return the sum over groups of `max(L, S) + (1 - 2c) * min(L, S)`, rounded up once (MRGN-030).

    Args:
        legs: with their groups.
        group_correlations_ppm: stressed correlation of each group.
        haircut_ppm: taken off each of them; see `offset_credit`.

    Raises:
        KeyError: a leg's group has no correlation.

    """
    longs: dict[str, int] = {}
    shorts: dict[str, int] = {}
    alone = 0
    for leg in legs:
        if not leg.group:
            alone += abs(leg.margin_micros)
            continue
        side = longs if leg.margin_micros > 0 else shorts
        side[leg.group] = side.get(leg.group, 0) + abs(leg.margin_micros)
    total = Fraction(alone)
    for group in sorted(longs.keys() | shorts.keys()):
        smaller, larger = sorted((longs.get(group, 0), shorts.get(group, 0)))
        total += larger + (1 - 2 * offset_credit(group_correlations_ppm[group], haircut_ppm)) * smaller
    return -(-total.numerator // total.denominator)


def scenario_micros(
    legs: Sequence[ModeLeg], *, calm_haircut_ppm: int, haircut_ppm: int | None = None, floor_ppm: int = 300_000
) -> int:
    """Return `min(G, max(|sum m r| + sqrt(sum m^2 (1 - r^2)), |sum m|, floor * G))`, rounded up once (MRGN-030).

    Here m is a leg's signed margin, G the gross margin and r a leg's correlation after the haircut. A larger haircut
    alone could lower the first term, which weighs what all legs share against what each has of its own; so under
    stress the worst of all haircuts from the calm one to the stressed one counts.

    Args:
        legs: with their correlations.
        calm_haircut_ppm: least haircut.
        haircut_ppm: largest haircut, at least the calm one; None for the calm one.
        floor_ppm: least share of G.

    """
    gross = gross_micros(legs)
    kept = E6 - calm_haircut_ppm
    least_kept = kept if haircut_ppm is None else E6 - haircut_ppm
    net_e12 = abs(sum(leg.margin_micros for leg in legs)) * E12
    worst_e12 = max(_worst_haircut_e12(legs, least_kept, kept), net_e12, floor_ppm * E6 * gross)
    return min(gross, -(-worst_e12 // E12))


def _worst_haircut_e12(legs: Sequence[ModeLeg], least_kept_ppm: int, kept_ppm: int) -> int:
    """Return the largest `k A + sqrt(B - k^2 C)` in 10^-12 micro-dollars over the shares k kept of the correlations.

    A is |sum m r|, B sum m^2 and C sum m^2 r^2 at the whole correlations r. The term is concave in k, so it is largest
    at its peak, `k^2 = A^2 B / (C^2 + A^2 C)`, where it is `sqrt(B (A^2 + C) / C)`, or at the end nearer to it.
    """
    common_e6 = abs(sum(leg.margin_micros * leg.correlation_ppm for leg in legs))
    squares = sum(leg.margin_micros**2 for leg in legs)
    shared_e12 = sum((leg.margin_micros * leg.correlation_ppm) ** 2 for leg in legs)

    def at(kept: int) -> int:
        return kept * common_e6 + _root_up(squares * E12**2 - kept**2 * shared_e12)

    # k^2 against the peak's, both sides times what their denominators have in common.
    peak, scale = common_e6**2 * squares * E12**2, shared_e12 * (shared_e12 + common_e6**2)
    if kept_ppm**2 * scale <= peak:
        return at(kept_ppm)
    if least_kept_ppm**2 * scale >= peak:
        return at(least_kept_ppm)
    return _root_up(-(-squares * (common_e6**2 + shared_e12) * E12**2 // shared_e12))


def _root_up(square: int) -> int:
    """Return the square root of a whole number, rounded up."""
    return isqrt(square - 1) + 1 if square > 0 else 0


@dataclass(frozen=True, slots=True)
class PositionMargin:
    """What one position must hold alone, in micro-dollars (MRGN-020)."""

    instrument_id: int
    is_long: bool
    initial_micros: int
    """The least that its instrument asks for: at the largest leverage, whatever the open interest."""
    maintenance_micros: int
    added_micros: int = 0
    """Initial margin that the account's leverage and open interest ask for beyond that; nothing offsets it."""


@dataclass(frozen=True, slots=True)
class Margining:
    """By which mode an account is margined, under which terms and stress."""

    mode: MarginMode = MarginMode.GROSS
    terms: OffsetTerms = NO_OFFSETS
    stress_ppm: int = 0
    """How far the market is from calm, as the caller measures it; see `StressRamp`."""

    @property
    def offsets(self) -> bool:
        """Whether legs can relieve each other."""
        return self.mode in OFFSETTING


GROSS = Margining()


@dataclass(frozen=True, slots=True)
class Margins:
    """What an account must hold, in micro-dollars."""

    initial_micros: int
    maintenance_micros: int


def account_margins(positions: Sequence[PositionMargin], margining: Margining) -> Margins:
    """Return both margins of an account (MRGN-030); isolated legs add up to what their collaterals hold together.

    What is added to a leg's least margin counts whole: else an account could choose the leverages of its legs so that
    they seem to hedge each other better than they do.
    """
    return Margins(
        _mode_micros([(each.instrument_id, each.is_long, each.initial_micros) for each in positions], margining)
        + sum(each.added_micros for each in positions),
        _mode_micros([(each.instrument_id, each.is_long, each.maintenance_micros) for each in positions], margining),
    )


def _mode_micros(positions: Sequence[tuple[int, bool, int]], margining: Margining) -> int:
    terms, legs = margining.terms, []
    for instrument_id, is_long, margin in positions:
        offset = terms.instruments.get(instrument_id, NO_OFFSET)
        legs.append(ModeLeg(margin if is_long else -margin, offset.group, offset.correlation_ppm))
    match margining.mode:
        case MarginMode.ISOLATED:
            return sum(isolated_micros(legs))
        case MarginMode.GROSS:
            return gross_micros(legs)
        case MarginMode.GROUP_OFFSET:
            haircut = terms.group_haircut.haircut_ppm(margining.stress_ppm)
            return group_offset_micros(legs, terms.groups_ppm, haircut)
        case MarginMode.SCENARIO:
            return scenario_micros(
                legs,
                calm_haircut_ppm=terms.scenario_haircut.calm_ppm,
                haircut_ppm=terms.scenario_haircut.haircut_ppm(margining.stress_ppm),
                floor_ppm=terms.floor_ppm,
            )
        case _:
            assert_never(margining.mode)
