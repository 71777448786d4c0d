"""A figure is compared with values of its own unit, or the page is refused where it says otherwise."""

import pytest

from wavetank.storms.scenario.condition_units import misfits
from wavetank.storms.scenario.conditions import parse
from wavetank.storms.scenario.faults import ScenarioInvalid
from wavetank.storms.scenario.overriding import read_assignments
from wavetank.storms.scenario.reading import overridden, read_scenario

PAGE = """\
scenario: 1
name: alike
title: Like and like
duration: 1m
market:
  instruments: {BTC: {price: 60000}}
harm: HARM
"""


@pytest.mark.parametrize(
    "text",
    [
        "fund.loss > 1M",
        "fund.loss > $1000",
        "account(a).pnl < -$5",
        "depth.min.BTC > 5k",
        "bot.time_to_flat < 30s",
        "index.lag_max >= 250ms",
        "bot.picked_off_share > 35%",
        "bot.picked_off_share > 0.35",
        "bot.picked_off_share > 35bp",
        "bot.markout_1s_bps.noise < -10",
        "bot.min_health > 1.2",
        "liquidations.count == 3",
        "refused(reason: RATE_LIMITED, who: a) > 3",
        "ledger.balanced == false",
        "not ledger.balanced",
        "adl.triggered_before(vault_loss: 10%)",
        'liquidations.stages == "cancel, partial"',
        # Nothing is nothing in every unit, and everything may be none.
        "fund.loss == 0",
        "fund.loss > -0",
        "bot.time_to_flat != none",
        "index.lag_max > 0",
        "bot.quote_uptime > 0",
        "ledger.balanced != none",
        "liquidations.stages != none",
        # Of this nothing is known here.
        "unheard_of > 3",
    ],
)
def test_values_of_its_own_unit_fit_a_figure(text: str) -> None:
    assert list(misfits(parse(text))) == []


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("fund.loss > 1000", "compares fund.loss with 1000, but it is money: write $1000", 12),
        ("account(a).pnl < -2.5", "compares account(a).pnl with -2.5, but it is money: write -$2.5", 17),
        ("fund.loss > 10s", "compares fund.loss with 10s, but it is money: write for instance $1000 or 5M", 12),
        ("fund.loss > 10%", "compares fund.loss with 10%, but it is money: write for instance $1000 or 5M", 12),
        ("bot.time_to_flat < 30", "compares bot.time_to_flat with 30, but it is a duration: write 30s", 19),
        ("adl.first_ns < 5M", "compares adl.first_ns with 5M, but it is a duration: write for instance 30s or", 15),
        ("bot.quote_uptime > 5M", "compares bot.quote_uptime with 5M, but it is a share: write for instance 10%", 19),
        ("spread.median_bps.BTC > 2bp", "compares spread.median_bps.BTC with 2bp, but it counts basis points: ", 24),
        ("bot.min_health > 120%", "compares bot.min_health with 120%, but it is a ratio: write for instance 1.5", 17),
        ("liquidations.count > 3M", "compares liquidations.count with 3M, but it is a count: write for instance 3", 21),
        ("liquidations.count == true", "compares liquidations.count with true, but it is a count: write for", 22),
        (
            "ledger.balanced == 1",
            "compares ledger.balanced with 1, but it is true or false: write for instance true",
            19,
        ),
        (
            "ledger.balanced == 0",
            "compares ledger.balanced with 0, but it is true or false: write for instance true",
            19,
        ),
        ("liquidations.stages == 0", "compares liquidations.stages with 0, but it is words: write for", 23),
        ("not fund.loss", "asks whether fund.loss is true, which is money: compare it with a value, for instance", 4),
    ],
)
def test_a_value_of_another_unit_is_refused_with_what_to_write(text: str, message: str, offset: int) -> None:
    (fault,) = misfits(parse(text))
    assert fault.message.startswith(message)
    assert fault.offset == offset


def test_every_comparison_is_looked_at_from_left_to_right() -> None:
    condition = parse("not (fund.loss > 5 or ledger.balanced and bot.pnl > 6) and vault.loss > 7 or fund.end > 1M")
    assert [fault.message.split()[1] for fault in misfits(condition)] == ["fund.loss", "bot.pnl", "vault.loss"]


def test_a_page_that_compares_unlike_things_is_refused_at_line_and_field() -> None:
    with pytest.raises(ScenarioInvalid) as caught:
        read_scenario(PAGE.replace("HARM", "fund.loss > 1000"), source="alike.yaml")
    # Line 7 reads `harm: fund.loss > 1000`; the value begins behind 18 characters.
    assert str(caught.value) == "alike.yaml:7:19: harm: compares fund.loss with 1000, but it is money: write $1000"


def test_conditions_that_are_set_on_the_command_line_are_looked_at_too() -> None:
    scenario = read_scenario(PAGE.replace("HARM", "fund.loss > 1M"))
    with pytest.raises(ScenarioInvalid, match=r"with harm set: harm: compares fund\.loss with 5, but it is money"):
        overridden(scenario, read_assignments(["harm=fund.loss > 5"]))
