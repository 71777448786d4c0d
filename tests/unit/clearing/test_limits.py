"""What an operator lets accounts come to, and what their credit lines say of it (MRGN-070)."""

from __future__ import annotations

import pytest

from tests.model.scripted_shard import BTC, ETH, SOL, Scene
from tests.unit.clearing.two_shards import TwoShards
from wavetank.clearing.adapters.shard_stream import line_message
from wavetank.clearing.core.limits import (
    EVERY_CLIENT,
    NO_LIMITS,
    GroupLimit,
    LineGroupLimit,
    LineLimits,
    LinePositionLimit,
    PositionLimit,
)
from wavetank.clearing.core.operator import Author
from wavetank.clearing.core.refusal import Refused
from wavetank.matching.core import credit as engine
from wavetank.matching.wire import credit_line
from wavetank.model.events.clearing import GroupLimitSet, OperatorActed, OperatorAction, PositionLimitSet
from wavetank.model.ids import BACKSTOP_VAULT_ID, INSURANCE_FUND_ID
from wavetank.model.reason import Reason
from wavetank.model.record import Event

ANN = Author("k-ann", "too large")

MAJORS = "majors"
"""BTC, ETH and SOL, by the default settings."""


def limits_by_account(scene: Scene) -> dict[int, LineLimits]:
    """Return what the new lines say of limits."""
    return {line.account_id: line.limits for line in scene.core.take_lines()}


def limit(scene: Scene, account_id: int, size_lots: int, exposure_micros: int, instrument_id: int = BTC) -> list[Event]:
    scene.core.operator.set_position_limit(instrument_id, account_id, PositionLimit(size_lots, exposure_micros), ANN)
    return scene.keep()


def limit_group(scene: Scene, account_id: int, net: int, gross: int) -> list[Event]:
    scene.core.operator.set_group_limit(MAJORS, account_id, GroupLimit(net, gross), ANN)
    return scene.keep()


@pytest.mark.spec("MRGN-070")
def test_a_limit_stands_in_the_log_behind_its_author_and_in_the_next_line() -> None:
    scene = Scene()
    a, b = scene.open(10_000), scene.open(10_000)
    assert set(limits_by_account(scene).values()) == {NO_LIMITS}
    assert limit(scene, a, 70, 9_000) == [
        OperatorActed(BTC, a, b"k-ann", b"too large", 70, OperatorAction.SET_POSITION_LIMIT),
        PositionLimitSet(BTC, a, 70, 9_000),
    ]
    # Nobody else hears of it.
    assert limits_by_account(scene) == {a: LineLimits((LinePositionLimit(BTC, 70, 9_000),), ())}
    assert limit_group(scene, b, 500, 700) == [
        OperatorActed(0, b, b"k-ann", b"too large", 700, OperatorAction.SET_GROUP_LIMIT),
        GroupLimitSet(0, b, b"majors", 500, 700),
    ]
    group = LineGroupLimit(MAJORS, (BTC, ETH, SOL), 500, 700, 0, 0)
    assert limits_by_account(scene) == {b: LineLimits((), (group,))}
    scene.assert_recoverable()
    scene.assert_recoverable(cut=scene.cuts[-1])
    # What stands already changes nothing.
    assert limit(scene, a, 70, 9_000) == []
    assert limit_group(scene, b, 500, 700) == []
    assert limits_by_account(scene) == {}


@pytest.mark.spec("MRGN-070")
def test_an_accounts_own_takes_the_place_of_every_clients_until_it_is_lifted() -> None:
    scene = Scene()
    a, b = scene.open(10_000), scene.open(10_000)
    scene.core.take_lines()
    limit(scene, a, 200, 0)
    limit(scene, EVERY_CLIENT, 50, 8_000)
    limit_group(scene, EVERY_CLIENT, 0, 900)
    group = (LineGroupLimit(MAJORS, (BTC, ETH, SOL), 0, 900, 0, 0),)
    told = limits_by_account(scene)
    # As a whole: its own says nothing of exposure, so it has none.
    assert told[a] == LineLimits((LinePositionLimit(BTC, 200, 0),), group)
    assert told[b] == LineLimits((LinePositionLimit(BTC, 50, 8_000),), group)
    # The venue's own accounts, and later clients.
    assert told[INSURANCE_FUND_ID] == told[BACKSTOP_VAULT_ID] == NO_LIMITS
    c = scene.open(1)
    assert limits_by_account(scene) == {c: told[b]}
    limit(scene, a, 0, 0)
    assert limits_by_account(scene) == {a: told[b]}
    limit(scene, EVERY_CLIENT, 0, 0)
    limit_group(scene, EVERY_CLIENT, 0, 0)
    told = limits_by_account(scene)
    assert {told[each] for each in (a, b, c)} == {NO_LIMITS}
    assert not scene.state.limits
    scene.assert_recoverable()


@pytest.mark.spec("MRGN-070")
def test_limits_outlive_a_restart() -> None:
    scene = Scene()
    a = scene.open(10_000)
    limit(scene, a, 70, 0)
    limit(scene, EVERY_CLIENT, 5, 6, ETH)
    limit_group(scene, a, 500, 0)
    scene.restart()
    assert limits_by_account(scene)[a] == LineLimits(
        (LinePositionLimit(BTC, 70, 0), LinePositionLimit(ETH, 5, 6)),
        (LineGroupLimit(MAJORS, (BTC, ETH, SOL), 500, 0, 0, 0),),
    )


@pytest.mark.spec("MRGN-070")
@pytest.mark.parametrize(
    ("instrument_id", "account_id", "figures", "reason"),
    [
        (99, EVERY_CLIENT, (1, 1), Reason.INSTRUMENT_UNKNOWN),
        (BTC, 777, (1, 1), Reason.ACCOUNT_UNKNOWN),
        (BTC, INSURANCE_FUND_ID, (1, 1), Reason.ACCOUNT_RESERVED),
        (BTC, EVERY_CLIENT, (-1, 1), Reason.AMOUNT_OUT_OF_RANGE),
        (BTC, EVERY_CLIENT, (1, -1), Reason.AMOUNT_OUT_OF_RANGE),
        (BTC, EVERY_CLIENT, (2**40 + 1, 1), Reason.AMOUNT_OUT_OF_RANGE),
        (BTC, EVERY_CLIENT, (1, 2**62 + 1), Reason.AMOUNT_OUT_OF_RANGE),
    ],
)
def test_a_limit_that_is_refused_changes_nothing(
    instrument_id: int, account_id: int, figures: tuple[int, int], reason: Reason
) -> None:
    scene = Scene()
    with pytest.raises(Refused) as refusal:
        scene.core.operator.set_position_limit(instrument_id, account_id, PositionLimit(*figures), ANN)
    assert refusal.value.reason is reason
    assert scene.keep() == []
    assert not scene.state.limits


@pytest.mark.spec("MRGN-070")
def test_a_group_limit_needs_a_group_a_client_an_amount_and_a_note() -> None:
    scene = Scene()
    operator = scene.core.operator
    for group, account_id, limits, author, reason in (
        ("minors", EVERY_CLIENT, GroupLimit(1, 1), ANN, Reason.MALFORMED),
        (MAJORS, 777, GroupLimit(1, 1), ANN, Reason.ACCOUNT_UNKNOWN),
        (MAJORS, EVERY_CLIENT, GroupLimit(-1, 1), ANN, Reason.AMOUNT_OUT_OF_RANGE),
        (MAJORS, EVERY_CLIENT, GroupLimit(1, 2**62 + 1), ANN, Reason.AMOUNT_OUT_OF_RANGE),
        (MAJORS, EVERY_CLIENT, GroupLimit(1, 1), Author("k-ann", ""), Reason.MALFORMED),
    ):
        with pytest.raises(Refused) as refusal:
            operator.set_group_limit(group, account_id, limits, author)
        assert refusal.value.reason is reason
    with pytest.raises(Refused, match="there are: majors"):
        operator.set_group_limit("minors", EVERY_CLIENT, GroupLimit(1, 1), ANN)
    assert scene.keep() == []


@pytest.mark.spec("MRGN-070")
def test_the_shard_reads_what_the_line_says() -> None:
    scene = Scene()
    a = scene.open(10_000)
    limit(scene, a, 70, 9_000)
    limit_group(scene, a, 500, 700)
    (line,) = (each for each in scene.core.take_lines() if each.account_id == a)
    read = credit_line(line_message(line))
    assert read.position_limits == (engine.PositionLimit(BTC, 70, 9_000),)
    assert read.group_limits == (engine.GroupLimit((BTC, ETH, SOL), 500, 700, 0, 0),)


class Limited(TwoShards):
    """Two shards, and an operator who limits groups."""

    def limit(self, account_id: int, net: int, gross: int) -> None:
        self.core.operator.set_group_limit(MAJORS, account_id, GroupLimit(net, gross), ANN)


@pytest.mark.spec("MRGN-070", "MRGN-050")
def test_a_shard_hears_of_its_own_instruments_alone() -> None:
    two = Limited()
    two.core.operator.set_position_limit(ETH, two.a, PositionLimit(7, 0), ANN)
    # Of the other shard there is no news.
    assert {shard: line.limits.positions for shard, line in two.lines().items()} == {1: (LinePositionLimit(ETH, 7, 0),)}
    two.limit(EVERY_CLIENT, 0, 10**6)
    members = {shard: [each.instrument_ids for each in line.limits.groups] for shard, line in two.lines().items()}
    assert members == {0: [(BTC, SOL)], 1: [(ETH,)]}


@pytest.mark.spec("MRGN-070", "MRGN-050")
def test_a_shard_hears_of_the_groups_positions_elsewhere_as_they_are_counted() -> None:
    two = Limited()
    two.limit(two.a, 10**6, 10**6)
    assert {shard: line.limits.groups[0][-2:] for shard, line in two.lines().items()} == {0: (0, 0), 1: (0, 0)}
    # Long 30 BTC lots at 1,000, and short 50 of SOL at 100; both are elsewhere for the shard of ETH only.
    two.trade(BTC, 30, 1_000)
    two.trade(SOL, -50, 100)
    told = two.lines()
    assert told[0].limits.groups == (LineGroupLimit(MAJORS, (BTC, SOL), 10**6, 10**6, 0, 0),)
    assert told[1].limits.groups == (LineGroupLimit(MAJORS, (ETH,), 10**6, 10**6, 30_000, 5_000),)
    # A mark there is news here, where the account has nothing.
    two.mark(BTC, 1_100)
    assert two.lines()[1].limits.groups[0][-2:] == (33_000, 5_000)
    two.trade(ETH, -10, 400)
    assert two.lines()[0].limits.groups[0][-2:] == (0, 4_000)


@pytest.mark.spec("MRGN-070")
def test_without_limits_no_line_is_sent_for_them() -> None:
    two = Limited()
    two.trade(BTC, 30, 1_000)
    two.lines()
    two.mark(BTC, 1_001)
    # Only the shard that holds the position has news; ETH's budget moves by nothing.
    assert set(two.lines()) == {0}
