"""What an operator changes on a page takes hold, and an order that it forbids is refused with the rule's reason."""

from __future__ import annotations

import pytest

from wavetank.storms.scenario.faults import ScenarioInvalid
from wavetank.storms.scenario.reading import read_scenario
from wavetank.storms.staging.running import RunPlan, run_simulated

PAGE = """\
scenario: 1
name: capped
title: A group's cap comes down, and goes up again
duration: 12s
market:
  instruments:
    BTC: {price: 60000, volatility: 0%, correlation_group: majors}
    ETH: {price: 2500, volatility: 0%, correlation_group: majors}
cast:
  - {name: buyer, deposit: 1M}
  - {name: seller, deposit: 1M}
timeline:
  - {at: 3s, cross: {buyer: buyer, seller: seller, instrument: BTC, size: 1, price: 60000}}
  - {at: 4s, group_limit: {group: majors, LIMIT}}
  - {at: 6s, cross: {buyer: buyer, seller: seller, instrument: ETH, size: 8, price: 2500}}
  - {at: 7s, group_limit: {group: majors}}
  - {at: 9s, cross: {buyer: buyer, seller: seller, instrument: ETH, size: 8, price: 2500}}
asserts: [ledger.balanced]
"""


@pytest.mark.parametrize(
    ("limit", "reason"), [("net: 75k", "GROUP_NET_TOO_LARGE"), ("gross: 75k", "GROUP_GROSS_TOO_LARGE")]
)
def test_a_group_limit_holds_until_it_is_lifted(limit: str, reason: str) -> None:
    record = run_simulated(RunPlan(scenario=read_scenario(PAGE.replace("LIMIT", limit))))
    # 60,000 of BTC stay; 20,000 of ETH are beyond 75,000 for the buyer and the seller, and come once it is lifted.
    assert record.figures[f"refused(reason: {reason}, who: seller)"] == 1
    assert record.figures[f"refused(reason: {reason}, who: buyer)"] == 1
    assert record.figures["trades.count"] == 2
    assert record.figures["account(buyer).volume"] == 80_000_000_000


def test_within_the_limit_nothing_is_refused() -> None:
    record = run_simulated(RunPlan(scenario=read_scenario(PAGE.replace("LIMIT", "net: 85k, gross: 85k"))))
    assert (record.figures["refused"], record.figures["trades.count"]) == (0, 3)


def test_a_limit_below_nothing_is_refused_by_its_line() -> None:
    with pytest.raises(ScenarioInvalid, match=r"timeline\.1\.group_limit\.net: is '-1k'; at least 0 is allowed"):
        read_scenario(PAGE.replace("LIMIT", "net: -1k"))


def test_a_group_that_no_instrument_is_in_is_refused_by_its_line() -> None:
    with pytest.raises(ScenarioInvalid, match=r"page:14:\d+: timeline.1.group_limit.group: is 'minors'") as refused:
        read_scenario(PAGE.replace("majors, LIMIT", "minors, net: 1k"))
    assert "majors" in str(refused.value)


SETTLED = """\
scenario: 1
name: settled
title: What is settled stays so
duration: 10s
market: {instruments: {BTC: {price: 60000, volatility: 0%}}}
cast:
  - {name: buyer, deposit: 1M}
  - {name: seller, deposit: 1M}
timeline:
  - {at: 3s, cross: {buyer: buyer, seller: seller, instrument: BTC, size: 1, price: 60000}}
  - {at: 4s, settle: {instrument: BTC, price: 59000}}
  - {at: 6s, instruments: {state: trading}}
  - {at: 8s, cross: {buyer: buyer, seller: seller, instrument: BTC, size: 1, price: 60000}}
asserts: [ledger.balanced, positions.balanced]
"""


def test_an_instrument_that_is_settled_is_not_opened_again() -> None:
    record = run_simulated(RunPlan(scenario=read_scenario(SETTLED)))
    assert (record.failure, record.ok) == ("", True)
    assert record.figures["trades.count"] == 1
    # The operator once, and each of the two who came too late.
    assert record.figures["refused(reason: INSTRUMENT_STATE)"] == 3
    seller = [member.account_id for member in record.members.values() if member.name == "seller"]
    assert record.accounts[seller[0]].equity_micros[-1] > 10**12
