"""Margin modes on books worked out by hand (MRGN-030), and initial margin that grows with open interest (MRGN-020)."""

from fractions import Fraction

import pytest

from wavetank.clearing.core.margin_modes import (
    Correlation,
    Margining,
    MarginMode,
    Margins,
    ModeLeg,
    OffsetTerms,
    PositionMargin,
    StressRamp,
    account_margins,
    gross_micros,
    group_offset_micros,
    isolated_micros,
    offset_credit,
    scenario_micros,
)

MICROS = 1_000_000

# +1.0M BTC at 2 %, -0.9M ETH at 4 %, +0.1M SOL at 5 %: 20 000, 36 000 and 5 000 dollars of initial margin. Maintenance
# margin is half of each.
BTC = ModeLeg(20_000 * MICROS, "majors", 950_000)
ETH = ModeLeg(-36_000 * MICROS, "majors", 920_000)
SOL = ModeLeg(5_000 * MICROS, "majors", 850_000)
BOOK = [BTC, ETH, SOL]
POSITIONS = [
    PositionMargin(1, is_long=True, initial_micros=20_000 * MICROS, maintenance_micros=10_000 * MICROS),
    PositionMargin(2, is_long=False, initial_micros=36_000 * MICROS, maintenance_micros=18_000 * MICROS),
    PositionMargin(3, is_long=True, initial_micros=5_000 * MICROS, maintenance_micros=2_500 * MICROS),
]
TERMS = OffsetTerms(
    instruments={
        1: Correlation("majors", 950_000),
        2: Correlation("majors", 920_000),
        3: Correlation("majors", 850_000),
    },
    groups_ppm={"majors": 790_000},
)


def margins(mode: MarginMode, positions: list[PositionMargin], stress_ppm: int = 0) -> Margins:
    return account_margins(positions, Margining(mode, TERMS, stress_ppm))


@pytest.mark.spec("MRGN-030")
def test_gross_is_the_sum_and_isolated_each_alone() -> None:
    assert gross_micros(BOOK) == 61_000 * MICROS
    assert isolated_micros(BOOK) == (20_000 * MICROS, 36_000 * MICROS, 5_000 * MICROS)


@pytest.mark.spec("MRGN-030")
@pytest.mark.parametrize(
    ("correlation_ppm", "credit", "margin"),
    [
        # c = 0.5 x (0.79 - 0.3) / 0.7 = 0.35: 36 000 + 0.3 x 25 000.
        (790_000, Fraction(35, 100), 43_500),
        # c = 0.5: the smaller side is free.
        (1_000_000, Fraction(1, 2), 36_000),
        # At 0.3 and below nothing offsets.
        (300_000, Fraction(0), 61_000),
        (0, Fraction(0), 61_000),
    ],
)
def test_group_offset_relieves_the_smaller_side(correlation_ppm: int, credit: Fraction, margin: int) -> None:
    assert offset_credit(correlation_ppm) == credit
    assert group_offset_micros(BOOK, {"majors": correlation_ppm}) == margin * MICROS


@pytest.mark.spec("MRGN-030")
def test_groups_do_not_offset_each_other_and_no_group_offsets_nothing() -> None:
    # BTC alone in its group, SOL in none: nothing is on ETH's other side.
    legs = [ModeLeg(20_000 * MICROS, "coins", 950_000), ETH, ModeLeg(5_000 * MICROS)]
    assert group_offset_micros(legs, {"coins": 10**6, "majors": 10**6}) == 61_000 * MICROS
    # Two legs without a group do not make one.
    assert group_offset_micros([ModeLeg(7), ModeLeg(-7)], {}) == 14
    with pytest.raises(KeyError):
        group_offset_micros([BTC], {})


@pytest.mark.spec("MRGN-030")
def test_group_offset_rounds_up_once_over_all_groups() -> None:
    # rho 0.8: 1 - 2c = 2/7, so each group of 10 against 1 needs 10 2/7, and the two together 20 4/7.
    legs = [ModeLeg(10, "a"), ModeLeg(-1, "a"), ModeLeg(-10, "b"), ModeLeg(1, "b")]
    assert group_offset_micros(legs[:2], {"a": 800_000}) == 11
    assert group_offset_micros(legs, {"a": 800_000, "b": 800_000}) == 21


@pytest.mark.spec("MRGN-030")
@pytest.mark.parametrize(
    ("haircut_ppm", "margin"),
    [
        # rho 0.76, 0.736, 0.68: |15 200 - 26 496 + 3 400| = 7 896;
        # 20 000^2 x 0.4224 + 36 000^2 x 0.458304 + 5 000^2 x 0.5376 = 776 361 984, its root 27 863.2730.
        (200_000, "35759.2730"),
        # |19 000 - 33 120 + 4 250| = 9 870; 39 000 000 + 199 065 600 + 6 937 500 = 245 003 100, its root 15 652.5749.
        (0, "25522.5749"),
        # No correlation at all: the root of 20 000^2 + 36 000^2 + 5 000^2 = 1 721 000 000.
        (1_000_000, "41484.9370"),
    ],
)
def test_scenario_weighs_what_is_shared_against_what_is_not(haircut_ppm: int, margin: str) -> None:
    found = scenario_micros(BOOK, calm_haircut_ppm=haircut_ppm)
    assert round(Fraction(found, MICROS), 4) == Fraction(margin)


@pytest.mark.spec("MRGN-030")
def test_scenario_rounds_the_whole_up_to_a_micro_dollar() -> None:
    # Micro-dollars 3 and -4 of correlation 0.6: |1.8 - 2.4| + sqrt(25 x 0.64) = 0.6 + 4 = 4.6.
    assert scenario_micros([ModeLeg(3, "", 600_000), ModeLeg(-4, "", 600_000)], calm_haircut_ppm=0) == 5
    # 30 and -40: 6 + 40 is whole.
    assert scenario_micros([ModeLeg(30, "", 600_000), ModeLeg(-40, "", 600_000)], calm_haircut_ppm=0) == 46
    # The root of 10^28 + 1 is above 10^14 by half of 10^-14 only.
    assert scenario_micros([ModeLeg(10**14), ModeLeg(-1)], calm_haircut_ppm=0) == 10**14 + 1


@pytest.mark.spec("MRGN-030")
def test_scenario_never_falls_below_its_floors_nor_rises_above_gross() -> None:
    twins = [ModeLeg(10_000, "", 10**6), ModeLeg(-10_000, "", 10**6)]
    # A perfect hedge keeps 30 % of 20 000.
    assert scenario_micros(twins, calm_haircut_ppm=0) == 6_000
    # Against half a hedge the net, 10 000 of 30 000, is more than 30 %, which is 9 000.
    assert scenario_micros([ModeLeg(20_000, "", 10**6), twins[1]], calm_haircut_ppm=0) == 10_000
    # Longs diversify nothing: 20 000, although sqrt(2) x 10 000 = 14 143 would be their scenario.
    assert scenario_micros([ModeLeg(10_000), ModeLeg(10_000)], calm_haircut_ppm=0) == 20_000
    # 0.36 x 1 000 x 2 + sqrt(2 x 0.8704) x 1 000 = 2 039.4: capped.
    assert scenario_micros([ModeLeg(1_000, "", 360_000)] * 2, calm_haircut_ppm=0) == 2_000
    assert scenario_micros([ModeLeg(-1_234_567, "", 950_000)], calm_haircut_ppm=200_000) == 1_234_567
    assert scenario_micros([], calm_haircut_ppm=200_000) == 0


@pytest.mark.spec("MRGN-030")
def test_both_margins_of_an_account_go_by_its_mode() -> None:
    gross = Margins(61_000 * MICROS, 30_500 * MICROS)
    assert margins(MarginMode.ISOLATED, POSITIONS) == gross
    assert margins(MarginMode.GROSS, POSITIONS) == gross
    assert margins(MarginMode.GROUP_OFFSET, POSITIONS) == Margins(43_500 * MICROS, 21_750 * MICROS)
    scenario = margins(MarginMode.SCENARIO, POSITIONS)
    assert round(Fraction(scenario.initial_micros, MICROS)) == 35_759
    # Half of 35 759.2730.
    assert round(Fraction(scenario.maintenance_micros, MICROS), 3) == Fraction("17879.637")


@pytest.mark.spec("MRGN-030")
def test_an_instrument_that_no_term_names_offsets_nothing() -> None:
    unknown = PositionMargin(4, is_long=False, initial_micros=3_000_000, maintenance_micros=1_500_000)
    known = PositionMargin(1, is_long=True, initial_micros=4_000_000, maintenance_micros=2_000_000)
    grouped = margins(MarginMode.GROUP_OFFSET, [known, unknown])
    assert grouped == Margins(7_000_000, 3_500_000)
    # BTC's 0.76 x 4 = 3.04 is shared, and sqrt(16 x 0.4224 + 9) = sqrt(15.7584) = 3.969685: 7.009685, so the sum.
    assert margins(MarginMode.SCENARIO, [known, unknown]).initial_micros == 7_000_000


@pytest.mark.spec("MRGN-030")
def test_haircuts_rise_with_stress_up_to_their_cap() -> None:
    ramp = StressRamp(200_000, 600_000, begins_ppm=5_000, full_ppm=50_000)
    # 400 000 over 45 000 of stress: half-way, at 27 500, half of it.
    assert [ramp.haircut_ppm(stress) for stress in (-1, 0, 5_000, 27_500, 50_000, 10**9)] == [
        200_000,
        200_000,
        200_000,
        400_000,
        600_000,
        600_000,
    ]
    # 400 000 / 45 000 = 8.9, rounded up.
    assert ramp.haircut_ppm(5_001) == 200_009


@pytest.mark.spec("MRGN-030")
def test_stress_tightens_both_offset_modes() -> None:
    # Half-way: a quarter off 0.79 leaves 0.5925, c = 0.5 x 0.2925 / 0.7, 1 - 2c = 0.582142857:
    # 36 000 + 25 000 x 0.582142857 = 50 553.571429.
    halfway = margins(MarginMode.GROUP_OFFSET, POSITIONS, 27_500)
    assert halfway.initial_micros == 50_553_571_429
    # Half off leaves 0.395: 1 - 2c = 1 - 0.095 / 0.7 = 0.864285714: 36 000 + 21 607.142858.
    full = margins(MarginMode.GROUP_OFFSET, POSITIONS, 50_000)
    assert full.initial_micros == 57_607_142_858
    # Correlations of 0.38, 0.368 and 0.34: |7 600 - 13 248 + 1 700| = 3 948;
    # 4e8 x 0.8556 + 1.296e9 x 0.864576 + 25e6 x 0.8844 = 1 484 840 496, its root 38 533.6280.
    scenario = margins(MarginMode.SCENARIO, POSITIONS, 50_000)
    assert round(Fraction(scenario.initial_micros, MICROS), 3) == Fraction("42481.628")


@pytest.mark.spec("MRGN-030")
def test_a_larger_haircut_never_lowers_a_margin() -> None:
    # Longs 10 and 10 against a short 1, each of correlation 0.9 (in dollars). With all of it kept:
    # 17.1 + sqrt(201 x 0.19) = 23.28, above 21, the sum. With none kept: sqrt(201) = 14.2, so the net, 19.
    legs = [ModeLeg(10 * MICROS, "", 900_000)] * 2 + [ModeLeg(-MICROS, "", 900_000)]
    assert scenario_micros(legs, calm_haircut_ppm=0) == 21 * MICROS
    assert scenario_micros(legs, calm_haircut_ppm=10**6) == 19 * MICROS
    assert scenario_micros(legs, calm_haircut_ppm=0, haircut_ppm=10**6) == 21 * MICROS


@pytest.mark.spec("MRGN-030")
def test_the_worst_haircut_may_lie_between_the_calm_and_the_stressed() -> None:
    # 8 dollars against -4, both of correlation 1: A = 4, B = C = 80. The term 4k + sqrt(80 (1 - k^2)) is 4 at k = 1,
    # 8.944 at 0, and largest at k^2 = 16 x 80 / (6 400 + 1 280) = 1/6, where it is sqrt(16 + 80) = 9.797959.
    legs = [ModeLeg(8 * MICROS, "", 10**6), ModeLeg(-4 * MICROS, "", 10**6)]
    assert scenario_micros(legs, calm_haircut_ppm=0, haircut_ppm=10**6) == 9_797_959
    # Up to k = 0.6, short of the peak: 2.4 + sqrt(51.2) = 9.555418.
    assert scenario_micros(legs, calm_haircut_ppm=0, haircut_ppm=400_000) == 9_555_418
    # From k = 0.3 on, past it: 1.2 + sqrt(72.8) = 9.732292.
    assert scenario_micros(legs, calm_haircut_ppm=700_000, haircut_ppm=10**6) == 9_732_292


@pytest.mark.spec("MRGN-030")
def test_terms_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="rises from 0"):
        StressRamp(600_000, 200_000)
    with pytest.raises(ValueError, match="over some stress"):
        StressRamp(0, 1, begins_ppm=7, full_ppm=7)
    with pytest.raises(ValueError, match="within 0 and 10"):
        OffsetTerms(groups_ppm={"majors": 1_000_001})
    with pytest.raises(ValueError, match="without a correlation: memes"):
        OffsetTerms(instruments={4: Correlation("memes", 500_000)})
