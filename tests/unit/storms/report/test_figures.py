"""A figure is written in its unit, in its place, and known to be worse or better."""

import pytest

from wavetank.storms.measure.catalogue import INSTRUMENT, PERSON, VENUE, WITH_ARGUMENTS, Unit, split_subject
from wavetank.storms.measure.record import Figure
from wavetank.storms.report.figures import (
    _LESS_IS_WORSE,
    _MORE_IS_WORSE,
    Group,
    in_order,
    is_folded,
    is_worse,
    kind_of,
    show_difference,
    show_figure,
    shown_names,
)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("fund.loss", 1_234_567_890_000, "$1,234,567.89"),
        ("fund.loss", -500_000, "-$0.50"),
        ("account(whale).pnl", -110_000_000_000, "-$110,000.00"),
        ("account(whale).given_up", 2_500_000, "$2.50"),
        ("index.lag_max.BTC", 30_000_000_000, "30.00s"),
        ("adl.first_ns", 70_000_000_000, "1m 10s"),
        ("mark.gap_max.BTC", 0.1356, "13.56%"),
        ("index.gap_mean", 0.0169, "1.69%"),
        ("spread.median_bps.SOL", 9.126, "9.13 bp"),
        ("bot.markout_1s_bps.noise", -3.0, "-3.00 bp"),
        ("depth.min.ETH", 23_330_374_980, "$23,330.37"),
        ("bot.min_health", 0.4814, "0.481"),
        ("bot.min_health", float("inf"), "∞"),
        ("liquidations.count", 1_234, "1,234"),
        ("refused(reason: ORDER_UNKNOWN, who: makers)", 125, "125"),
        ("liquidations.stages", "partial, full", "partial, full"),
        ("ledger.balanced", True, "yes"),
        ("ledger.balanced", False, "no"),
        ("time_to_escalate", None, "–"),
        # Not measured any more: by the suffix, or plainly.
        ("venue.sulked_ns", 2_000_000_000, "2.00s"),
        ("venue.mood", 12_000, "12,000"),
    ],
)
def test_a_figure_is_written_in_its_unit(name: str, value: Figure, shown: str) -> None:
    assert show_figure(name, value) == shown


@pytest.mark.parametrize(
    ("name", "first", "second", "shown"),
    [
        ("fund.loss", 3_000_000, 5_500_000, "+$2.50"),
        ("fund.loss", 5_500_000, 3_000_000, "-$2.50"),
        ("fund.loss", 5_500_000, 5_500_000, "="),
        ("bot.quote_uptime", 0.5, 0.25, "-25.00%"),
        ("ledger.balanced", True, False, "≠"),
        ("liquidations.count", 1, True, "≠"),
        ("bot.time_to_flat", None, 1_000_000_000, "≠"),
        ("liquidations.stages", "full", "full", "="),
    ],
)
def test_a_difference_is_signed(name: str, first: Figure, second: Figure, shown: str) -> None:
    assert show_difference(name, first, second) == shown


@pytest.mark.parametrize(
    ("name", "first", "second", "worse"),
    [
        ("fund.loss", 1, 2, True),
        ("fund.loss", 2, 1, False),
        ("bot.pnl", 1, 2, False),
        ("bot.markout_1s_bps.noise", 1.0, -1.0, True),
        ("mark.gap_max.BTC", 0.1, 0.2, True),
        ("fund.start", 1, 2, None),
        ("adl.first_ns", 1, 2, None),
        ("bot.adl", 1, 2, True),
        ("fund.loss", 1, 1, None),
        ("fund.loss", None, 1, None),
        ("ledger.balanced", True, False, True),
        ("ledger.balanced", False, True, False),
        ("adl.triggered_before", False, True, None),
    ],
)
def test_worse_is_known(name: str, first: Figure, second: Figure, worse: bool | None) -> None:
    assert is_worse(name, first, second) is worse


def test_what_gets_worse_is_measured() -> None:
    measured = {*VENUE.meanings, *INSTRUMENT.meanings, *PERSON.meanings, *WITH_ARGUMENTS.meanings}
    assert measured >= _MORE_IS_WORSE | _LESS_IS_WORSE
    assert not _MORE_IS_WORSE & _LESS_IS_WORSE


def test_every_measured_figure_has_its_own_unit_and_a_place() -> None:
    for catalogue in (VENUE, INSTRUMENT, WITH_ARGUMENTS):
        for name, meaning in catalogue.meanings.items():
            assert kind_of(name).unit is meaning.unit
            assert kind_of(name).group is not Group.OTHER, name
    for name, meaning in PERSON.meanings.items():
        assert kind_of(f"role(makers).{name}").unit is meaning.unit
    assert kind_of("bot.adl").unit is Unit.MONEY  # Of the venue, `adl` alone is nothing.


def test_whom_a_figure_is_about() -> None:
    assert split_subject("account(makers.1).markout_1s_bps.noise") == ("account(makers.1)", "markout_1s_bps.noise")
    assert split_subject("bot.pnl") == ("bot", "pnl")
    assert split_subject("fund.loss") == ("", "fund.loss")
    assert split_subject("refused(reason: A, who: b.1)") == ("", "refused(reason: A, who: b.1)")


def test_figures_stand_by_group_and_as_they_are_measured() -> None:
    names = [
        "account(a).pnl",
        "bot.pnl",
        "mark.gap_max.ETH",
        "mark.gap_max",
        "fund.loss",
        "bad_debt",
        "ledger.balanced",
    ]
    assert in_order(names) == [
        "ledger.balanced",
        "bad_debt",
        "fund.loss",
        "mark.gap_max",
        "mark.gap_max.ETH",
        "bot.pnl",
        "account(a).pnl",
    ]


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("account(whale).pnl", False),
        ("account(whale).liquidated", False),
        ("account(whale).fills", True),
        ("account(makers.1).pnl", True),
        ("account(vault).pnl", True),
        ("account(fees).pnl", True),
        ("role(makers).pnl", False),
        ("bot.fills", False),
        ("refused(reason: A)", False),
        ("refused(reason: A, who: makers)", True),
        ("fund.loss", False),
    ],
)
def test_what_is_folded_away(name: str, folded: bool) -> None:
    assert is_folded(name) is folded


def test_of_somebody_what_no_run_has_is_not_shown_unless_asked_for() -> None:
    runs: list[dict[str, Figure]] = [
        {"role(a).pnl": 1, "role(a).time_to_flat": None, "adl.first_ns": None},
        {"role(a).time_to_flat": None, "role(a).quote_uptime": 0.5},
    ]
    assert shown_names(runs) == ["adl.first_ns", "role(a).pnl", "role(a).quote_uptime"]
    assert len(shown_names(runs, every_figure=True)) == 4
