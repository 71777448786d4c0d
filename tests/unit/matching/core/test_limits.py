"""What an account may come to in an instrument and in a correlation group, by the limits that its line brings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, INSTRUMENT, IOC, REDUCE_ONLY, SELL, Desk
from wavetank.matching.core import commands
from wavetank.matching.core.commands import CommandResult
from wavetank.matching.core.credit import CreditRow, GroupLimit, PositionLimit
from wavetank.model.orders import OrderFlag, OrderState, TriggerKind, TriggerSource
from wavetank.model.reason import Reason

R = Reason
ABC, XYZ = 1, 2
BOTH = (ABC, XYZ)
SMALL = replace(INSTRUMENT, min_notional_micros=0)


def said(result: CommandResult) -> tuple[int, int, int]:
    return result.reason, result.was, result.allowed


def limit(desk: Desk, account_id: int = ALICE, *, size: int = 0, exposure: int = 0) -> None:
    desk.line(account_id, position_limits=(PositionLimit(ABC, size, exposure),))


@pytest.fixture
def desk() -> Desk:
    return Desk(SMALL)


@pytest.fixture
def pair(desk: Desk) -> Desk:
    """Return a desk with ABC at 1,000 ticks and XYZ at 500."""
    desk.engine.list_instrument(replace(SMALL, instrument_id=XYZ, symbol="XYZ"))
    desk.mark(500, instrument_id=XYZ)
    return desk


def limit_group(
    desk: Desk, *, net: int = 0, gross: int = 0, elsewhere: tuple[int, int] = (0, 0), account_id: int = ALICE
) -> None:
    held = [(each, desk.engine.position(account_id, each), mark) for each, mark in ((ABC, 1_000), (XYZ, 500))]
    rows = [CreditRow(each, lots, mark, 0) for each, lots, mark in held if lots]
    desk.line(account_id, 10**9, *rows, group_limits=(GroupLimit(BOTH, net, gross, *elsewhere),), rows=tuple(rows))


def hold(desk: Desk, instrument_id: int, lots: int, price: int) -> None:
    """Give Alice a position, with Bob on the other side."""
    side = BUY if lots > 0 else SELL
    desk.place(BOB, BUY + SELL - side, abs(lots), price, instrument_id=instrument_id)
    assert desk.place(ALICE, side, abs(lots), price, instrument_id=instrument_id, time_in_force=IOC).reason == 0


# In an instrument


@pytest.mark.spec("MRGN-070")
def test_the_tighter_of_two_sizes_counts_with_the_orders_that_rest(desk: Desk) -> None:
    limit(desk, size=100)
    desk.place(ALICE, BUY, 60, 990)
    assert said(desk.place(ALICE, BUY, 41, 990)) == (R.POSITION_TOO_LARGE, 101, 100)
    assert desk.place(ALICE, BUY, 40, 990).reason == 0
    # The other side has a hundred lots for itself.
    assert said(desk.place(ALICE, SELL, 101, 1_010)) == (R.POSITION_TOO_LARGE, 101, 100)
    assert desk.place(ALICE, SELL, 100, 1_010).reason == 0
    limit(desk, size=20_000)
    assert said(desk.place(ALICE, BUY, 5_000, 990))[0] == 0
    assert said(desk.place(ALICE, BUY, 3_000, 990)) == (R.POSITION_TOO_LARGE, 8_100, 8_000)


@pytest.mark.spec("MRGN-070")
def test_exposure_is_what_the_largest_position_would_be_worth_at_the_margin_price(desk: Desk) -> None:
    limit(desk, exposure=100_000)
    # 100 lots at the mark of 1,000 are 100,000, whatever the limit of the order.
    assert desk.place(ALICE, BUY, 60, 950).reason == 0
    assert said(desk.place(ALICE, BUY, 41, 950)) == (R.EXPOSURE_TOO_LARGE, 101_000, 100_000)
    assert desk.place(ALICE, BUY, 40, 950).reason == 0
    desk.mark(990)
    # 101 lots at 990 are 99,990, and 102 are 100,980.
    assert said(desk.place(ALICE, BUY, 2, 950)) == (R.EXPOSURE_TOO_LARGE, 100_980, 100_000)
    assert desk.place(ALICE, BUY, 1, 950).reason == 0


@pytest.mark.spec("MRGN-070")
def test_limits_are_of_one_account_and_gone_with_the_next_line_that_has_none(desk: Desk) -> None:
    limit(desk, size=10)
    assert desk.place(BOB, BUY, 11, 990).reason == 0
    assert desk.place(ALICE, BUY, 11, 990).reason == R.POSITION_TOO_LARGE
    desk.line(ALICE)
    assert desk.place(ALICE, BUY, 11, 990).reason == 0


@pytest.mark.spec("MRGN-070")
def test_a_plain_order_goes_no_way_around_a_limit_that_came_later(desk: Desk) -> None:
    # The account's slack is known when the line comes.
    assert [desk.place(ALICE, BUY, size, 1_000).reason for size in (3, 2)] == [0, 0]
    assert desk.engine.slack(ALICE) > 0
    limit(desk, size=10)
    assert said(desk.place(ALICE, BUY, 6, 1_000)) == (R.POSITION_TOO_LARGE, 11, 10)
    assert desk.place(ALICE, BUY, 5, 1_000).reason == 0
    assert desk.engine.slack(ALICE) == 0


@pytest.mark.spec("MRGN-070")
def test_beyond_a_lowered_limit_an_account_may_still_reduce(desk: Desk) -> None:
    desk.give(ALICE, 100)
    limit(desk, size=10, exposure=5_000)
    assert said(desk.place(ALICE, BUY, 1, 990)) == (R.POSITION_TOO_LARGE, 101, 10)
    # 90 left are too many still, and fewer.
    assert desk.place(ALICE, SELL, 10, 1_010).reason == 0
    assert desk.place(ALICE, SELL, 90, 1_010).reason == 0
    # Six beyond flat are worth 6,000.
    assert said(desk.place(ALICE, SELL, 6, 1_010)) == (R.EXPOSURE_TOO_LARGE, 6_000, 5_000)
    assert said(desk.place(ALICE, SELL, 11, 1_010)) == (R.POSITION_TOO_LARGE, 11, 10)


@pytest.mark.spec("MRGN-070")
def test_reduce_only_lots_beside_others_may_fill_first(desk: Desk) -> None:
    desk.give(ALICE, 100)
    limit(desk, size=50)
    # All of the position; alone it leads to flat at most.
    first = desk.place(ALICE, SELL, 100, 1_010, flags=REDUCE_ONLY)
    assert first.reason == 0
    assert said(desk.place(ALICE, SELL, 51, 1_010)) == (R.POSITION_TOO_LARGE, 51, 50)
    assert desk.place(ALICE, SELL, 50, 1_010).reason == 0
    # The other way round: 150 sold without it end short of 50, and behind it short of 150.
    desk.send(commands.cancel_all(account_id=ALICE))
    assert desk.place(ALICE, SELL, 150, 1_010).reason == 0
    assert said(desk.place(ALICE, SELL, 100, 1_000, flags=REDUCE_ONLY)) == (R.POSITION_TOO_LARGE, 150, 50)


@pytest.mark.spec("MRGN-070")
def test_the_instruments_largest_position_counts_reduce_only_lots_beside_others_too(desk: Desk) -> None:
    desk.give(ALICE, -5_000)
    desk.place(ALICE, BUY, 5_000, 990, flags=REDUCE_ONLY)
    desk.place(ALICE, BUY, 5_000, 990)
    assert said(desk.place(ALICE, BUY, 3_001, 990)) == (R.POSITION_TOO_LARGE, 8_001, 8_000)


@pytest.mark.spec("MRGN-070")
def test_a_restarted_shard_has_no_limits_until_a_line_comes(desk: Desk) -> None:
    desk.give(ALICE, 10)
    limit(desk, size=10)
    desk.engine = type(desk.engine).restore(desk.engine.snapshot(), desk.settings)
    assert desk.place(ALICE, BUY, 1, 990).reason == R.NO_CREDIT_LINE
    limit(desk, size=10)
    assert said(desk.place(ALICE, BUY, 1, 990)) == (R.POSITION_TOO_LARGE, 11, 10)


@pytest.mark.spec("MRGN-070")
@pytest.mark.parametrize(
    "fields",
    [
        {"position_limits": (PositionLimit(ABC, -1, 0),)},
        {"position_limits": (PositionLimit(ABC, 0, -1),)},
        {"group_limits": (GroupLimit(BOTH, 0, 1, -1, 0),)},
    ],
)
def test_a_line_with_a_negative_limit_is_refused_whole(desk: Desk, fields: dict[str, Any]) -> None:
    limit(desk, size=10)
    with pytest.raises(ValueError, match="out of range"):
        desk.line(ALICE, **fields)
    assert desk.place(ALICE, BUY, 11, 990).reason == R.POSITION_TOO_LARGE


# In a group


@pytest.mark.spec("MRGN-070")
def test_a_groups_net_is_that_of_its_legs_and_orders_at_their_worst(pair: Desk) -> None:
    hold(pair, ABC, 100, 1_000)
    hold(pair, XYZ, -120, 500)
    limit_group(pair, net=50_000)
    # Long 100,000 and short 60,000 are 40,000 net; ten more of ABC make 50,000.
    assert said(pair.place(ALICE, BUY, 11, 990)) == (R.GROUP_NET_TOO_LARGE, 51_000, 50_000)
    assert pair.place(ALICE, BUY, 10, 990).reason == 0
    # A sell of XYZ might fill without the buy: 100,000 - 60,000 - 90,000 = -50,000; one lot more is 500 more.
    assert said(pair.place(ALICE, SELL, 181, 510, instrument_id=XYZ)) == (R.GROUP_NET_TOO_LARGE, 50_500, 50_000)
    assert pair.place(ALICE, SELL, 180, 510, instrument_id=XYZ).reason == 0
    # Now both ends are full.
    assert pair.place(ALICE, BUY, 2, 490, instrument_id=XYZ).reason == R.GROUP_NET_TOO_LARGE
    assert pair.place(ALICE, SELL, 1, 1_010).reason == R.GROUP_NET_TOO_LARGE


@pytest.mark.spec("MRGN-070")
def test_a_groups_gross_is_each_leg_at_its_worst(pair: Desk) -> None:
    hold(pair, ABC, 100, 1_000)
    hold(pair, XYZ, -120, 500)
    limit_group(pair, gross=200_000)
    # 100,000 and 60,000 are there. XYZ at its worst short with 80 more is 100,000.
    assert said(pair.place(ALICE, SELL, 81, 510, instrument_id=XYZ)) == (R.GROUP_GROSS_TOO_LARGE, 200_500, 200_000)
    assert pair.place(ALICE, SELL, 80, 510, instrument_id=XYZ).reason == 0
    # Selling ABC: as long as it ends no further short than it is long, its worst is what it is.
    assert pair.place(ALICE, SELL, 200, 1_010).reason == 0
    assert said(pair.place(ALICE, SELL, 1, 1_010)) == (R.GROUP_GROSS_TOO_LARGE, 201_000, 200_000)


@pytest.mark.spec("MRGN-070")
def test_both_may_be_limited_and_what_is_elsewhere_counts(pair: Desk) -> None:
    # Long 30,000 and short 10,000 elsewhere: 20,000 net and 40,000 gross.
    limit_group(pair, net=50_000, gross=60_000, elsewhere=(30_000, 10_000))
    assert said(pair.place(ALICE, BUY, 31, 990)) == (R.GROUP_NET_TOO_LARGE, 51_000, 50_000)
    assert said(pair.place(ALICE, BUY, 21, 990)) == (R.GROUP_GROSS_TOO_LARGE, 61_000, 60_000)
    # Short the net has 70,000 of room, the gross no more than long.
    assert said(pair.place(ALICE, SELL, 21, 1_010)) == (R.GROUP_GROSS_TOO_LARGE, 61_000, 60_000)
    assert pair.place(ALICE, SELL, 20, 1_010).reason == 0


@pytest.mark.spec("MRGN-070")
def test_only_members_count_and_one_need_not_be_listed_yet(pair: Desk) -> None:
    hold(pair, XYZ, 100, 500)
    pair.line(
        ALICE,
        rows=(CreditRow(XYZ, 100, 500, 0),),
        position_limits=(PositionLimit(9, 1, 1),),
        group_limits=(GroupLimit((9, ABC), 10_000, 10_000), GroupLimit((XYZ,), 0, 60_000)),
    )
    assert said(pair.place(ALICE, BUY, 11, 990)) == (R.GROUP_NET_TOO_LARGE, 11_000, 10_000)
    assert pair.place(ALICE, BUY, 10, 990).reason == 0
    assert said(pair.place(ALICE, BUY, 21, 490, instrument_id=XYZ)) == (R.GROUP_GROSS_TOO_LARGE, 60_500, 60_000)


@pytest.mark.spec("MRGN-070")
def test_beyond_a_group_limit_whatever_makes_it_no_worse_is_let_through(pair: Desk) -> None:
    hold(pair, ABC, 100, 1_000)
    hold(pair, XYZ, 20, 500)
    limit_group(pair, net=50_000, gross=50_000)
    # 110,000 both ways. Selling lowers the one end and leaves the other; buying does not.
    assert pair.place(ALICE, BUY, 1, 990).reason == R.GROUP_NET_TOO_LARGE
    assert pair.place(ALICE, SELL, 50, 1_010).reason == 0
    assert pair.place(ALICE, SELL, 40, 510, instrument_id=XYZ).reason == 0
    # All sold, ABC ends 100 short: as bad as it is.
    assert pair.place(ALICE, SELL, 150, 1_010).reason == 0
    assert said(pair.place(ALICE, SELL, 1, 1_010)) == (R.GROUP_NET_TOO_LARGE, 111_000, 50_000)
    limit_group(pair, gross=50_000)
    assert said(pair.place(ALICE, SELL, 1, 1_010)) == (R.GROUP_GROSS_TOO_LARGE, 111_000, 50_000)


@pytest.mark.spec("MRGN-070")
def test_a_hedge_may_always_be_closed(pair: Desk) -> None:
    hold(pair, ABC, 100, 1_000)
    hold(pair, XYZ, -200, 500)
    limit_group(pair, net=10_000)
    # Without the short the account is 100,000 net long; an order that could open anything may not do that.
    assert said(pair.place(ALICE, BUY, 200, 500, instrument_id=XYZ)) == (R.GROUP_NET_TOO_LARGE, 100_000, 10_000)
    assert pair.place(ALICE, BUY, 200, 500, instrument_id=XYZ, flags=REDUCE_ONLY).reason == 0
    # Beside another order of its side it no longer only closes.
    pair.send(commands.cancel_all(account_id=ALICE))
    assert pair.place(ALICE, BUY, 20, 490, instrument_id=XYZ).reason == 0
    refused = pair.place(ALICE, BUY, 200, 500, instrument_id=XYZ, flags=REDUCE_ONLY)
    assert said(refused) == (R.GROUP_NET_TOO_LARGE, 110_000, 10_000)


@pytest.mark.spec("MRGN-070")
def test_an_amended_order_is_taken_out_and_compared_with_itself(pair: Desk) -> None:
    limit_group(pair, gross=50_000)
    order_id = pair.place(ALICE, BUY, 50, 990).order_id
    assert said(pair.amend(ALICE, order_id, size_lots=51)) == (R.GROUP_GROSS_TOO_LARGE, 51_000, 50_000)
    assert pair.amend(ALICE, order_id, price_ticks=989).reason == 0
    # The limit is lowered below what is open: another price is no worse, another lot is.
    limit_group(pair, gross=20_000)
    assert pair.amend(ALICE, order_id, price_ticks=988).reason == 0
    assert said(pair.amend(ALICE, order_id, size_lots=51)) == (R.GROUP_GROSS_TOO_LARGE, 51_000, 20_000)
    assert pair.amend(ALICE, order_id, size_lots=30).reason == 0


@pytest.mark.spec("MRGN-070")
def test_quotes_are_limited_one_by_one_in_the_place_of_those_before(pair: Desk) -> None:
    limit_group(pair, net=30_000)

    def quotes(*sizes: int) -> list[CommandResult]:
        members = [
            commands.place(
                account_id=ALICE,
                instrument_id=ABC,
                side=BUY,
                size_lots=size,
                price_ticks=990 - number,
                flags=OrderFlag.POST_ONLY | OrderFlag.QUOTE,
            )
            for number, size in enumerate(sizes)
        ]
        whole = commands.mass_quote(account_id=ALICE, instrument_id=ABC, quotes=members)
        width = commands.COMMAND_BYTES
        return pair.send(*[whole[at : at + width] for at in range(0, len(whole), width)])[1:]

    # 20 and 10 are 30,000; the third is one too many.
    assert [said(each) for each in quotes(20, 10, 1)] == [(0, 0, 0), (0, 0, 0), (R.GROUP_NET_TOO_LARGE, 31_000, 30_000)]
    # The present ones go first, so all of it may be quoted anew.
    assert [each.reason for each in quotes(30)] == [0]


@pytest.mark.spec("MRGN-070", "ORD-010")
def test_a_trigger_is_checked_when_it_fires(pair: Desk) -> None:
    limit_group(pair, gross=50_000)
    stop = {
        "trigger_price_ticks": 1_010,
        "trigger_kind": int(TriggerKind.STOP),
        "trigger_source": int(TriggerSource.MARK),
        "time_in_force": 1,
    }
    assert pair.place(ALICE, BUY, 60, 1_020, **stop).state == OrderState.UNTRIGGERED
    assert pair.place(ALICE, BUY, 40, 1_030, **stop).state == OrderState.UNTRIGGERED
    pair.engine.apply_mark(pair.now, ABC, 1_010, 1_010, pair.now, 2, False)
    pair.drain()
    # 60 at 1,010 are 60,600; 40 are 40,400.
    (refused,) = pair.of_kind("OrderCancelled")
    assert (refused.refusal, refused.remaining_lots) == (R.GROUP_GROSS_TOO_LARGE, 60)
    (fired,) = pair.of_kind("OrderTriggered")
    assert fired.size_lots == 40


@pytest.mark.spec("MRGN-070")
def test_what_rests_stays_when_a_limit_comes_and_a_fill_asks_nothing(pair: Desk) -> None:
    pair.place(ALICE, BUY, 50, 1_000)
    limit_group(pair, net=10_000, gross=10_000)
    assert pair.place(CAROL, SELL, 50, 1_000).filled_lots == 50
    assert pair.engine.position(ALICE, ABC) == 50


@pytest.mark.spec("MRGN-070")
def test_sums_beyond_64_bits_are_compared_whole() -> None:
    wide = replace(SMALL, max_position_lots=2**40 - 1, open_interest_cap_lots=2**41, significant_figures=0)
    desk = Desk(wide)
    members = (1, *range(10, 60))
    for instrument_id in members[1:]:
        desk.engine.list_instrument(replace(wide, instrument_id=instrument_id, symbol=f"X{instrument_id}"))
        desk.mark(1_000, instrument_id=instrument_id)
    # What is elsewhere alone is the most that 64 bits hold, on both sides.
    most = 2**63 - 1
    desk.line(ALICE, group_limits=(GroupLimit(members, 0, most, most, most),))
    assert said(desk.place(ALICE, BUY, 10, 990)) == (R.GROUP_GROSS_TOO_LARGE, most, most)
    desk.line(ALICE, group_limits=(GroupLimit(members, 10_000, 0, most, most),))
    assert desk.place(ALICE, BUY, 10, 990).reason == 0
    assert said(desk.place(ALICE, BUY, 1, 990, instrument_id=10)) == (R.GROUP_NET_TOO_LARGE, 11_000, 10_000)
