"""A page is read whole: everything that is wrong is told at once, each where it stands."""

import pickle
from decimal import Decimal
from pathlib import Path

import pytest

from wavetank.storms.scenario.faults import ScenarioInvalid
from wavetank.storms.scenario.reading import read_scenario

# Lines are counted from here; column 1 is the first character.
PAGE = """\
scenario: 1
name: late_feed
title: A late feed
duration: 3m
market:
  instruments:
    BTC: {price: 60000}
    ETH: {price: 2500.50}
cast:
  - name: makers
    kind: market_maker
    count: 3
    settings: {size: 9k, levels: 2}
  - name: believer
    deposit: 20k
timeline:
  - at: 20s
    order: {who: believer, instrument: BTC, side: buy, notional: 240k}
  - at: 1m
    fault: {kind: lag, name: late, consumers: [clearing], lag: 30s}
  - at: 2m
    mend: {names: [late]}
harm: fund.loss > 1M
asserts:
  - ledger.balanced
  - "adl.triggered_before(vault_loss: 10%)"
variants:
  as_it_was: {harm: true}
  ringed:
    set: {timeline.1.fault.lag: 2s}
    harm: false
"""


def faults(text: str) -> list[str]:
    with pytest.raises(ScenarioInvalid) as caught:
        read_scenario(text, source="late.yaml")
    return [str(fault) for fault in caught.value.faults]


def changed(old: str, new: str) -> str:
    assert PAGE.count(old) == 1
    return PAGE.replace(old, new)


def test_a_page_becomes_a_scenario() -> None:
    scenario = read_scenario(PAGE)
    assert scenario.duration == 180_000_000_000
    assert scenario.market.instruments["ETH"].price == Decimal("2500.5")
    assert scenario.cast[1].deposit == 20_000_000_000
    assert [step.verb for step in scenario.timeline] == ["order", "fault", "mend"]
    assert scenario.timeline[1].fault is not None
    assert scenario.timeline[1].fault.lag == 30_000_000_000
    assert scenario.asserts == ("ledger.balanced", "adl.triggered_before(vault_loss: 10%)")


def test_a_file_is_read_and_named(tmp_path: Path) -> None:
    path = tmp_path / "late.yaml"
    path.write_text(PAGE, encoding="utf-8")
    assert read_scenario(path).name == "late_feed"
    path.write_text(changed("duration: 3m", "duration: soon"), encoding="utf-8")
    with pytest.raises(ScenarioInvalid, match=rf"^{path}:4:11: duration: 'soon' is no duration"):
        read_scenario(path)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # Values of the wrong shape.
        ("lag: 30s", "lag: 5 apples", "20:64: timeline.1.fault.lag: '5 apples' is no duration; write for instance 30s"),
        ("deposit: 20k", "deposit: lots", "15:14: cast.1.deposit: 'lots' is no amount of dollars; write for"),
        (
            "deposit: 20k",
            "deposit: -20k",
            "15:14: cast.1.deposit: is '-20k'; above 0 and at most 1,000,000,000 dollars",
        ),
        ("notional: 240k", "notional: -240k", "18:66: timeline.0.order.notional: is '-240k'; above 0"),
        ("duration: 3m", "duration: 3m\nvenue: {fund: -1k}", "5:15: venue.fund: is '-1k'; 0 to 1,000,000,000 dollars"),
        (
            "price: 60000",
            "price: 60000, tiers: [{leverage: 10, maintenance: 30%}]",
            "7:32: market.instruments.BTC.tiers: in the margin tier from 0 on maintenance would exceed",
        ),
        ("duration: 3m", "duration: 0s", "4:11: duration: is 0; a day takes time, for instance 3m"),
        ("deposit: 20k", "deposit: inf", "15:14: cast.1.deposit: 'inf' is no quantity"),
        ("deposit: 20k", "deposit: [1]", "15:14: cast.1.deposit: a list of 1 is no quantity"),
        ("deposit: 20k", "deposit: 1e999999999", "15:14: cast.1.deposit: '1e999999999' is no quantity; write at most"),
        ("deposit: 20k", "deposit: 1e30", "15:14: cast.1.deposit: 1e+30 is more than a venue can count"),
        ("price: 2500.50", "price: low", "8:18: market.instruments.ETH.price: 'low' is no number; write for instance"),
        ("count: 3", "count: 0", "12:12: cast.0.count: is 0; at least 1 is allowed"),
        ("count: 3", "count: 1001", "12:12: cast.0.count: is 1001; at most 1000 is allowed"),
        ("count: 3", "count: few", "12:12: cast.0.count: is 'few'; write a whole number"),
        ("duration: 3m", "duration:", "4:10: duration: empty is no quantity"),
        ("name: late_feed", "name: Late Feed", "2:7: name: is 'Late Feed'; it must match ^[A-Za-z0-9]"),
        ("scenario: 1", "scenario: 2", "1:11: scenario: is 2; allowed: 1"),
        ("[clearing]", "clearing", "20:47: timeline.1.fault.consumers: is 'clearing'; write a list"),
        (
            "- ledger.balanced",
            "- ledger: balanced",
            "25:5: asserts.0: is a mapping with ledger; write words, in quotes",
        ),
        ("  - name: believer\n    deposit: 20k", "  - believer", "14:5: cast.1: is 'believer'; write a mapping"),
        # Words of a list, and their neighbours.
        ("side: buy", "side: by", "18:51: timeline.0.order.side: is 'by'; did you mean buy?"),
        ("kind: lag", "kind: lags", "20:19: timeline.1.fault.kind: is 'lags'; did you mean lag?"),
        ("kind: market_maker", "kind: market_make", "11:11: cast.0.kind: is 'market_make'; did you mean market_maker?"),
        (
            "[clearing]",
            "[gateway]",
            "20:48: timeline.1.fault.consumers.0: is 'gateway'; allowed: bots, clearing, match",
        ),
        # Fields that are not there, and their neighbours.
        ("duration: 3m\n", "", "1:1: duration: is missing; it has no default"),
        ("    fault: {", "    faulty: {", "20:5: timeline.1.faulty: is not known; did you mean fault?"),
        ("lag: 30s", "lagg: 30s", "20:59: timeline.1.fault.lagg: is not known; did you mean lag?"),
        ("levels: 2", "levles: 2", "13:26: cast.0.settings.levles: is not known; did you mean levels?"),
        ("levels: 2", "levels: many", "13:34: cast.0.settings.levels: is 'many'; write a whole number"),
        ("size: 9k", "size: big", "13:22: cast.0.settings.size: 'big' is no amount of dollars; write for instance"),
        ("levels: 2", "xyz: 2", "13:26: cast.0.settings.xyz: is not known; allowed: asymmetry, calm_ratio, funding_"),
        ("kind: market_maker", "kind: account", "13:15: cast.0.settings: are of nobody: an account acts by"),
        # What does not fit together.
        ("notional: 240k", "notional: 240k, size: 2", "18:12: timeline.0.order: an order has a size or a notional"),
        (
            "    mend: {names: [late]}",
            "    mend: {names: [late]}\n    calm: {}",
            "21:5: timeline.2: a step does one thing, not mend, calm; it may be one of order, cross,",
        ),
        ("- at: 1m", "- at: 1m\n    repeat: 2", "19:5: timeline.1: a step that is repeated says `every` how long"),
        ("name: believer", "name: makers", "1:1: the cast has makers more than once"),
        # Names that name nothing.
        ("who: believer", "who: believr", "18:18: timeline.0.order.who: is 'believr', and nothing of that name is in"),
        ("instrument: BTC", "instrument: BTX", "18:40: timeline.0.order.instrument: is 'BTX', and nothing of that"),
        ("names: [late]", "names: [lat]", "22:20: timeline.2.mend.names.0: is 'lat', and nothing of that name begins"),
        ("- at: 2m", "- at: 4m", "21:9: timeline.2.at: comes to 4m, behind the end at 3m"),
        ("fund.loss >", "account(believr).pnl <", "23:7: harm: asks for account(believr).pnl, and nobody of that name"),
        # Conditions, to the character: the text of an item begins at column 5, inside quotes one later.
        ("fund.loss > 1M", "fund.loss > > 1M", "23:19: harm: has `>` where a number, a word in quotes"),
        ("- ledger.balanced", "- ledger.balanced and", "25:24: asserts.0: has the end where the name of a figure"),
        ("(vault_loss: 10%)", "(vault_loss: )", "26:39: asserts.1: has `)` where what `vault_loss` is should stand"),
        # Variants, at the assignment that brings it.
        (
            "fault.lag: 2s",
            "faulty.lag: 2s",
            "30:11: variants.ringed.set.timeline.1.faulty.lag: timeline.1 has no 'faulty'",
        ),
        ("fault.lag: 2s", "fault.lag: x", "30:33: variants.ringed.set.timeline.1.fault.lag: 'x' is no duration"),
        (
            "timeline.1.fault.lag: 2s",
            "timeline.1.fault: {lag: 2s}",
            "30:29: variants.ringed.set.timeline.1.fault: kind:",
        ),
        ("timeline.1.fault.lag: 2s", "timeline.3.at: 2s", "30:11: variants.ringed.set.timeline.3.at: timeline has no"),
        ("timeline.1.fault.lag: 2s", "duration: 1m", "30:10: variants.ringed.set: leaves a page where timeline.2.at"),
        ("timeline.1.fault.lag: 2s", 'harm: ""', "30:10: variants.ringed.set: leaves a page where something is wrong"),
    ],
)
def test_a_fault_is_told_with_its_line_its_column_and_what_is_allowed(old: str, new: str, expected: str) -> None:
    (fault,) = faults(changed(old, new))
    assert fault.startswith(f"late.yaml:{expected}")


def test_a_misspelt_field_is_told_together_with_the_one_that_is_missing() -> None:
    found = faults(changed("title: A", "titlee: A"))
    assert found == [
        "late.yaml:1:1: title: is missing; it has no default",
        "late.yaml:3:1: titlee: is not known; did you mean title?",
    ]


def test_a_value_of_two_kinds_is_refused_once_with_both() -> None:
    step = "  - {at: 2m, withdraw: {who: believer, amount: a lot}}\n"
    (fault,) = faults(changed("harm: fund.loss", f"{step}harm: fund.loss"))
    # Line 23 of the new page; `amount: ` ends at column 47.
    assert fault.startswith("late.yaml:23:48: timeline.3.withdraw.amount: 'a lot' is no amount of dollars;")
    assert fault.endswith("; or allowed: max")


def test_all_faults_are_told_at_once_in_the_order_of_the_lines() -> None:
    page = PAGE
    for old, new in [("side: buy", "side: by"), ("count: 3", "count: 0"), ("levels", "levles"), ("> 1M", "> ")]:
        page = page.replace(old, new)
    found = faults(page)
    assert [fault.split(": ")[1] for fault in found] == [
        "cast.0.count",
        "cast.0.settings.levles",
        "timeline.0.order.side",
        "harm",
    ]
    with pytest.raises(ScenarioInvalid) as caught:
        read_scenario(page, source="late.yaml")
    assert str(caught.value) == "\n  ".join(["4 faults:", *found])


def test_a_page_that_is_no_mapping_is_refused() -> None:
    assert faults("- a\n") == ["late.yaml:1:1: is a list of 1; a page is a mapping that begins with `scenario: 1`"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("fund.los > 1M", "asks for fund.los, which nothing measures; did you mean fund.loss?"),
        ("fund.loss.BTC > 1M", "asks for fund.loss.BTC, which nothing measures; did you mean fund.loss?"),
        ("depth.min.SOL > 1M", "asks for depth.min.SOL, which nothing measures; did you mean depth.min"),
        ("account(believer).pln > 1M", "asks for account(believer).pln, which nothing measures; did you mean account("),
        ("role(makres).pnl > 1M", "asks for role(makres).pnl, and nobody of that name is in the cast; did you mean ma"),
    ],
)
def test_a_figure_that_nothing_measures_is_refused_with_the_one_that_was_meant(asked: str, message: str) -> None:
    (fault,) = faults(changed("fund.loss > 1M", asked))
    assert fault.startswith(f"late.yaml:23:7: harm: {message}")


def test_figures_of_the_cast_the_market_and_the_venue_can_be_asked_for() -> None:
    asked = "account(makers.3).pnl > 1M or role(makers).pnl > 1M or depth.min.ETH > 1M or account(vault).pnl > 1M"
    assert read_scenario(changed("fund.loss > 1M", asked)).harm == asked


def test_a_fault_that_never_strikes_is_refused_not_taken_for_one_that_always_does() -> None:
    (fault,) = faults(changed("lag: 30s}", "lag: 30s, probability: 0%}"))
    # Line 20 of the page; `probability: ` ends at column 81.
    assert fault.startswith("late.yaml:20:82: timeline.1.fault.probability: is '0%'; a probability is above 0 and at")
    step = "  - {at: 2m, disturb: {kind: throttle, probability: 0}}\n"
    (fault,) = faults(changed("harm: fund.loss", f"{step}harm: fund.loss"))
    assert fault.startswith(
        "late.yaml:23:53: timeline.3.disturb.probability: is 0; a probability is above 0 and at most"
    )


def test_one_of_a_crowd_can_be_named_and_no_more_than_there_are() -> None:
    read_scenario(changed("who: believer", "who: makers.3"))
    (fault,) = faults(changed("who: believer", "who: makers.4"))
    assert "is 'makers.4', and nothing of that name is in the cast" in fault


def test_what_is_wrong_travels_between_processes() -> None:
    with pytest.raises(ScenarioInvalid) as caught:
        read_scenario(changed("count: 3", "count: 0"))
    assert pickle.loads(pickle.dumps(caught.value)).faults == caught.value.faults  # noqa: S301 - our own.


def test_a_scenario_travels_between_processes_with_its_words() -> None:
    scenario = read_scenario(PAGE)
    there = pickle.loads(pickle.dumps(scenario))  # noqa: S301 - our own.
    assert there == scenario
    assert there.written == scenario.written
