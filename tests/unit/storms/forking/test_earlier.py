"""What would have mattered before the fork is refused by its name and time; what lies behind it is not."""

from typing import Any

import pytest

from wavetank.storms.forking.earlier import ForkRefused, check_change, check_fork, foreseen_ns
from wavetank.storms.scenario.document import Scenario
from wavetank.storms.scenario.reading import overridden, read_scenario

SECOND_NS = 1_000_000_000
AT_NS = 60 * SECOND_NS
PAGE = """\
scenario: 1
name: day
title: A day
duration: 120s
market: {instruments: {BTC: {price: 60000}}}
venue: {fund: 50k, clearing: {vault_cap: 1M}}
cast:
  - {name: trader}
  - {name: noise, kind: noise, settings: {interval: 1s}}
timeline:
  - {at: 10s, fund: {drain: all}}
  - {at: 30s, move: {by: -5%}}
  - {at: 50s, every: 5s, repeat: 5, deposit: {who: trader, amount: 1k}}
  - {at: 60s, withdraw: {who: trader}}
  - {at: 60s, move: {by: 5%}}
  - {at: 80s, fault: {kind: freeze}}
person:
  policy: scripted
  scripted: [{at: 20s, choose: hold}, {at: 70s, choose: whole}]
"""


@pytest.fixture
def trunk() -> Scenario:
    return read_scenario(PAGE)


def refusal(trunk: Scenario, overrides: dict[str, Any], at_ns: int = AT_NS) -> str:
    """Return why a branch is refused; nothing if it is not."""
    try:
        check_change(trunk, overridden(trunk, overrides), at_ns)
    except ForkRefused as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize(
    "overrides",
    [
        {"title": "Another"},
        {"harm": "adl.count > 0", "asserts": ["ledger.balanced"]},
        {"duration": "180s"},
        {"timeline.3.withdraw.amount": "5k"},  # At the fork itself.
        {"timeline.3.at": "119s"},
        {"timeline.4.move.by": "-5%"},
        {"timeline.5.fault.probability": 0.5},
        {"timeline.0.note": "as before"},
        {"timeline.2.repeat": 3},  # 50 s, 55 s and 60 s: what is left out lies behind.
        {"person.policy": "absent"},
        {"person.policy": "after", "person.after": "5s"},
        {"person.scripted": [{"at": "20s", "choose": "hold"}, {"at": "65s", "choose": "go_on"}]},
        {"person.scripted": []},
    ],
)
def test_what_lies_behind_the_fork_may_change(trunk: Scenario, overrides: dict[str, Any]) -> None:
    assert refusal(trunk, overrides) == ""


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"timeline.0.fund.drain": "5k"},
            "timeline.0.fund begins at 10s, before 1m; fork earlier, or run the page anew",
        ),
        # What the trunk had before the fork and the branch has not is named as well.
        ({"timeline.0.at": "100s"}, "timeline.0.fund begins at 10s, before 1m; fork earlier, or run the page anew"),
        ({"timeline.5.at": "5s"}, "timeline.5.fault begins at 5s, before 1m; fork earlier, or run the page anew"),
        ({"timeline.1.move.by": "-6%"}, "timeline.1.move begins at 30s, before 1m; fork earlier, or run the page anew"),
        # It goes on at 60 s, but the first of it lies before.
        (
            {"timeline.2.deposit.amount": "2k"},
            "timeline.2.deposit begins at 50s, before 1m; fork earlier, or run the page anew",
        ),
        ({"seed": 2}, "seed holds from the beginning, before 1m; run the page anew"),
        ({"venue.fund": "60k"}, "venue.fund holds from the beginning, before 1m; run the page anew"),
        (
            {"venue.clearing.vault_cap": "2M"},
            "venue.clearing.vault_cap holds from the beginning, before 1m; run the page anew",
        ),
        ({"market.instruments.BTC.price": 1_000}, "market.instruments.BTC.price holds from the beginning"),
        (
            {"cast.noise.settings.interval": "2s"},
            "cast.noise.settings.interval holds from the beginning, before 1m; run the page anew",
        ),
        ({"name": "other"}, "name holds from the beginning"),
        (
            {"person.scripted": [{"at": "30s", "choose": "go_on"}]},
            "person.scripted.0 decides at 30s, before 1m; fork earlier, or run the page anew",
        ),
    ],
)
def test_what_would_have_mattered_before_is_refused(trunk: Scenario, overrides: dict[str, Any], message: str) -> None:
    assert refusal(trunk, overrides).startswith(message)


def test_everything_that_is_in_the_way_is_told_at_once(trunk: Scenario) -> None:
    said = refusal(trunk, {"seed": 2, "timeline.0.fund.drain": "5k", "timeline.1.move.by": "-6%"})
    assert [each.split()[0] for each in said.split("; ") if "before" in each] == [
        "seed",
        "timeline.0.fund",
        "timeline.1.move",
    ]


def test_a_step_may_be_added_behind_the_fork_and_not_before_it(trunk: Scenario) -> None:
    for at_s, expected in ((60, ""), (59, "timeline.6.fund begins at 59s, before 1m")):
        added = {"timeline": [*trunk.written["timeline"], {"at": f"{at_s}s", "fund": {"top_up": "1k"}}]}
        assert refusal(trunk, added).startswith(expected)
        assert bool(refusal(trunk, added)) == bool(expected)


def test_a_branch_reaches_beyond_the_fork(trunk: Scenario) -> None:
    short = trunk.model_copy(update={"duration": AT_NS})
    with pytest.raises(ForkRefused, match="duration is 1m, and the fork at 1m"):
        check_change(trunk, short, AT_NS)


@pytest.mark.parametrize("at_s", [0, 120, 121])
def test_a_fork_lies_inside_the_run(trunk: Scenario, at_s: int) -> None:
    with pytest.raises(ForkRefused, match=r"day lasts 2m, and cannot be forked at .*; allowed: between 0s and 2m"):
        check_fork(trunk, at_s * SECOND_NS)
    check_fork(trunk, 1)
    check_fork(trunk, 120 * SECOND_NS - 1)


def test_true_prices_that_somebody_has_foreseen_are_settled(trunk: Scenario) -> None:
    # The oracle publishes every 700 ms of absolute time; it begins at 1.7e18 ns, which is 400 ms into such a stretch.
    publishing = overridden(trunk, {"venue.oracle.publish_interval": "700ms"})
    assert 1_700_000_000 * SECOND_NS % 700_000_000 == 400_000_000
    assert foreseen_ns(publishing, AT_NS) == AT_NS
    seeing = overridden(publishing, {"cast.noise.sees_next_index": True})
    # Publications fall 300 ms behind the beginning and every 700 ms from there: just before 60 s the next is 60.5 s.
    assert foreseen_ns(seeing, AT_NS) == 60_500_000_000
    # And just before 60.5 s it is the one of 60.5 s, at which a move that begins then has not begun to be seen.
    assert foreseen_ns(seeing, 60_500_000_000) == 60_500_000_000
    told = refusal(seeing, {"timeline.4.move.by": "-5%"})
    assert told == (
        "timeline.4.move begins at 1m, and before 1m noise knew the prices up to 60500ms; let it begin then, or fork "
        "earlier, or run the page anew"
    )
    late = overridden(seeing, {"timeline.4.at": "60500ms"})
    assert refusal(late, {"timeline.4.move.by": "-5%"}) == ""
    # Other steps are seen by nobody before they happen.
    assert refusal(seeing, {"timeline.3.withdraw.amount": "5k"}) == ""
