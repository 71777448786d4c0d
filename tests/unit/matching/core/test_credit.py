"""Credit lines: what is committed, what is accepted, and which lines are taken (PROTOCOL 2)."""

from dataclasses import replace

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, INSTRUMENT, IOC, POST_ONLY, REDUCE_ONLY, SELL, Desk
from wavetank.matching.core import commands
from wavetank.matching.core.credit import CreditRow, LedgersDisagree
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.fees import FeeRates
from wavetank.model.margin import MarginTier
from wavetank.model.orders import LineCharge, LineStatus, OrderState
from wavetank.model.reason import Reason


@pytest.mark.spec("MRGN-040")
def test_both_sides_losses_are_added_and_the_larger_margin_counts(desk: Desk) -> None:
    desk.place(ALICE, BUY, 100, 1_020)
    # M(100 * 1000) / 10 = 10,000; loss 100 * 20; fee ceil(102,000 * 450 ppm = 45.9) = 46.
    assert desk.engine.committed(ALICE) == 12_046
    desk.place(ALICE, SELL, 40, 1_030)
    # The sells alone need less margin; they lose nothing but a fee of ceil(18.54) = 19.
    assert desk.engine.committed(ALICE) == 12_065


@pytest.mark.spec("MRGN-050")
def test_an_order_is_accepted_up_to_the_last_micro_dollar(desk: Desk) -> None:
    desk.line(ALICE, 10_044)
    refused = desk.place(ALICE, BUY, 100, 1_000)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.CREDIT_EXCEEDED, 10_045, 10_044)
    desk.line(ALICE, 10_045)
    assert desk.place(ALICE, BUY, 100, 1_000).reason == 0


@pytest.mark.spec("MRGN-050")
def test_what_another_shard_could_spare_is_refused_for_now_only(desk: Desk) -> None:
    # As above 10,045 would be committed; 10,000 are granted here, and 45 can be had elsewhere.
    desk.line(ALICE, 10_000, elsewhere_micros=45)
    refused = desk.place(ALICE, BUY, 100, 1_000)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.CREDIT_ELSEWHERE, 10_045, 10_000)
    desk.line(ALICE, 10_000, elsewhere_micros=44)
    refused = desk.place(ALICE, BUY, 100, 1_000)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.CREDIT_EXCEEDED, 10_045, 10_000)


@pytest.mark.spec("MRGN-050")
def test_fills_not_yet_counted_are_charged_from_the_sums_alone(desk: Desk) -> None:
    desk.place(BOB, SELL, 100, 990)
    desk.place(ALICE, BUY, 100, 990)
    alice, bob = desk.engine.credit(ALICE), desk.engine.credit(BOB)
    assert alice is not None
    assert bob is not None
    # Bought 100 at 990, worth 1000: + 1000, less the fee ceil(44.55); Bob the other way, with ceil(14.85).
    assert (alice.uncounted_micros, bob.uncounted_micros) == (1_000 - 45, -1_000 - 15)
    desk.line(ALICE)
    counted = desk.engine.credit(ALICE)
    assert counted is not None
    assert counted.uncounted_micros == 0


@pytest.mark.spec("MRGN-050")
def test_the_margin_price_and_leverage_are_those_of_the_row(desk: Desk) -> None:
    desk.line(ALICE, 10**9, CreditRow(1, 0, 1_100, 5))
    desk.place(ALICE, SELL, 100, 1_000)
    # M = 110,000 / 5 = 22,000; loss 100 * 100; fee 45.
    assert desk.engine.committed(ALICE) == 32_045
    desk.mark(1_010)
    assert desk.engine.committed(ALICE) == 32_045
    desk.line(ALICE, 10**9)
    # No row: the latest mark and the instrument's leverage; the loss stays as it was fixed.
    assert desk.engine.committed(ALICE) == 10_100 + 10_045


@pytest.mark.spec("MRGN-020", "MRGN-040")
def test_a_row_with_another_leverage_restates_what_is_committed(desk: Desk) -> None:
    desk.give(ALICE, 100)
    desk.place(ALICE, BUY, 200, 1_000)
    # M of 300 at 1,000 is 30,000 at 10x; the 200 lose nothing at the mark but a fee of 90.
    assert desk.engine.committed(ALICE) == 30_090
    desk.line(ALICE, 10**9, CreditRow(1, 100, 1_000, 4))
    assert desk.engine.committed(ALICE) == 75_090
    desk.line(ALICE, 80_000, CreditRow(1, 100, 1_000, 4))
    # 20 more would be 80,000 and a fee of 9 on top of 90; 19 are 79,750 and 99.
    refused = desk.place(ALICE, BUY, 20, 1_000)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.CREDIT_EXCEEDED, 80_099, 80_000)
    assert desk.place(ALICE, BUY, 19, 1_000).reason == 0
    # What a lower leverage leaves uncovered is cancelled by nobody, and back at 10x there is room again.
    desk.line(ALICE, 80_000, CreditRow(1, 100, 1_000, 2))
    assert len(desk.engine.open_orders(ALICE)) == 2
    assert desk.place(ALICE, BUY, 1, 1_000).reason == Reason.CREDIT_EXCEEDED
    desk.line(ALICE, 80_000, CreditRow(1, 100, 1_000, 10))
    assert desk.place(ALICE, BUY, 1, 1_000).reason == 0


@pytest.mark.spec("MRGN-020", "MRGN-040")
def test_a_row_with_a_share_restates_what_is_committed(desk: Desk) -> None:
    desk.give(ALICE, 100)
    desk.line(ALICE, 10**9, CreditRow(1, 100, 1_000, 4, 200_001))
    # 1/4 + 0.200001 x 3/4 = 0.40000075 of 100,000, rounded up.
    assert desk.engine.committed(ALICE) == 40_001
    desk.line(ALICE, 10**9, CreditRow(1, 100, 1_000, 0, 1_000_000))
    assert desk.engine.committed(ALICE) == 100_000
    # The largest notional there is: 1/10 + 0.5 x 9/10 of it, in more than 64 bits.
    desk.line(ALICE, 10**9, CreditRow(1, 100, 2**31 - 1, 0, 500_000))
    assert desk.engine.committed(ALICE) == -(-100 * (2**31 - 1) * 55 // 100)
    with pytest.raises(ValueError, match="out of range"):
        desk.line(ALICE, 10**9, CreditRow(1, 100, 1_000, 0, 1_000_001))


@pytest.mark.spec("MRGN-020", "MRGN-040")
def test_without_a_row_the_share_is_the_latest_that_is_known(desk: Desk) -> None:
    desk.place(ALICE, BUY, 100, 1_000)
    assert desk.engine.committed(ALICE) == 10_045
    desk.relist(scaling_full_micros=1, scaled_ppm=200_000)
    # 1/10 + 0.2 x 9/10 = 0.28.
    assert desk.engine.committed(ALICE) == 28_045
    # A row is frozen with its share, whatever is known since.
    desk.line(ALICE, 10**9, CreditRow(1, 0, 1_000, 0, 100_000))
    assert desk.engine.committed(ALICE) == 19_045
    desk.relist(scaled_ppm=300_000)
    assert desk.engine.committed(ALICE) == 19_045
    restored = Engine.restore(desk.engine.snapshot(), desk.settings)
    assert restored.instruments()[0].scaled_ppm == 300_000


@pytest.mark.spec("MRGN-020", "MRGN-040")
def test_a_row_without_a_price_only_names_the_leverage(desk: Desk) -> None:
    desk.relist(scaling_full_micros=1, scaled_ppm=200_000)
    desk.line(ALICE, 10**9, CreditRow(1, 0, 0, 5), mark_time_ns=0)
    desk.place(ALICE, BUY, 100, 1_000)
    # 1/5 + 0.2 x 4/5 = 0.36 at the latest mark, and at the next.
    assert desk.engine.committed(ALICE) == 36_045
    desk.mark(1_100)
    assert desk.engine.committed(ALICE) == 39_645
    # It used no mark, so no mark's age makes the line stale.
    desk.now += 10**12
    desk.line(ALICE, 10**9, CreditRow(1, 0, 0, 5), mark_time_ns=0)
    assert desk.place(ALICE, BUY, 100, 1_000).reason == 0
    with pytest.raises(ValueError, match="out of range"):
        desk.line(ALICE, 10**9, CreditRow(1, 1, 0, 5))


@pytest.mark.spec("MRGN-020", "MRGN-030", "MRGN-040")
def test_what_a_leverage_adds_is_charged_whole_where_legs_offset(desk: Desk) -> None:
    desk.give(ALICE, 100)
    for charge, sold, bought in (
        # The least margin is 10,000, at 4x it is 15,000 more. Selling half releases nothing; buying 50 needs 5,000 more
        # of a group, and 22,500 are added then.
        (LineCharge.GROUP_OFFSET, 25_000, 37_500),
        # In a scenario either way of 5,000 counts 1.4143 times: 7,071.5.
        (LineCharge.SCENARIO, 32_072, 39_572),
    ):
        for side, charged in ((SELL, sold), (BUY, bought)):
            desk.line(ALICE, 10**9, CreditRow(1, 100, 1_000, 4), charge=charge)
            assert desk.engine.committed(ALICE) == 25_000
            # 23 of fee, for it rests at the mark, and 1 of rounding, for the position may end anywhere on the way.
            order = desk.place(ALICE, side, 50, 1_000, flags=POST_ONLY)
            assert desk.engine.committed(ALICE) == charged + 24
            desk.send(commands.cancel(account_id=ALICE, order_id=order.order_id))
    # At 2x: 10,000 grown to 15,000, and 60,000 added.
    desk.line(ALICE, 10**9, CreditRow(1, 100, 1_000, 2), charge=LineCharge.GROUP_OFFSET)
    desk.place(ALICE, BUY, 50, 1_000, flags=POST_ONLY)
    assert desk.engine.committed(ALICE) == 75_024


@pytest.mark.spec("MRGN-020", "MRGN-040")
def test_what_is_added_may_fall_where_a_tier_begins() -> None:
    # 10x, and from 100,000 on 4x, which is the account's own leverage: 15,000 are added to 100 lots, nothing to 101.
    desk = Desk(replace(INSTRUMENT, tiers=(MarginTier(0, 10), MarginTier(101_000, 4))))
    desk.line(ALICE, 10**9, CreditRow(1, 0, 1_000, 4), charge=LineCharge.GROUP_OFFSET)
    desk.place(ALICE, BUY, 200, 1_000)
    # 50,000 of least margin, and on the way 15,000 more than 10,000; 90 of fee, 1 of rounding.
    assert desk.engine.committed(ALICE) == 65_091


@pytest.mark.spec("MRGN-020", "MRGN-050")
def test_margin_above_the_budget_is_no_cover_for_a_loss(desk: Desk) -> None:
    # 1,000 lots at 920 commit 100,000 at 10x and a fee of 414. At 1x, or with all of open interest's share, it is a
    # million; that nothing may be lost against. Half of it at 1,080 would release 500,000 of it and lose 80 x 500.
    for row in (CreditRow(1, 0, 1_000, 1), CreditRow(1, 0, 1_000, 10, 1_000_000)):
        desk.line(ALICE, 100_414)
        order = desk.place(ALICE, BUY, 1_000, 920)
        desk.line(ALICE, 100_414, row)
        assert desk.engine.committed(ALICE) == 1_000_414
        refused = desk.send(commands.amend(account_id=ALICE, order_id=order.order_id, price_ticks=1_080, size_lots=850))
        # 850 x 1,000 and a loss of 68,000, fee 413.1: less than before, and more than it has.
        assert (refused[0].reason, refused[0].was, refused[0].allowed) == (Reason.CREDIT_EXCEEDED, 918_414, 100_414)
        # What can lose no more goes on: fewer lots, or a price that loses nothing.
        smaller = commands.amend(account_id=ALICE, order_id=order.order_id, price_ticks=919, size_lots=850)
        (result,) = desk.send(smaller)
        assert result.reason == 0
        desk.send(commands.cancel(account_id=ALICE, order_id=result.order_id))


@pytest.mark.spec("MRGN-050")
def test_margin_that_a_mark_left_above_the_budget_is_no_cover_for_a_loss(desk: Desk) -> None:
    # The order commits 100,000 and a fee of 414; then another leg loses, and 30,000 are left. 500 of it at 1,080 would
    # commit less, 50,000 and a loss of 40,000 with a fee of 243, and could lose more than there is.
    desk.line(ALICE, 100_414)
    order = desk.place(ALICE, BUY, 1_000, 920)
    desk.line(ALICE, 30_000)
    refused = desk.send(commands.amend(account_id=ALICE, order_id=order.order_id, price_ticks=1_080, size_lots=500))[0]
    assert (refused.reason, refused.was, refused.allowed) == (Reason.CREDIT_EXCEEDED, 90_243, 30_000)
    assert (
        desk.send(commands.amend(account_id=ALICE, order_id=order.order_id, price_ticks=919, size_lots=900))[0].reason
        == 0
    )


@pytest.mark.spec("MRGN-050")
def test_a_line_not_newer_is_ignored(desk: Desk) -> None:
    assert desk.line(ALICE, 5_000, line_number=50)
    assert not desk.line(ALICE, 9_000, line_number=50)
    assert not desk.line(ALICE, 9_000, line_number=49)
    assert not desk.line(ALICE, 9_000, line_epoch=0, line_number=99)
    assert desk.line(ALICE, 7_000, line_epoch=2, line_number=1)
    credit = desk.engine.credit(ALICE)
    assert credit is not None
    assert credit.budget_micros == 7_000


@pytest.mark.spec("MRGN-050")
def test_two_ledgers_that_disagree_stop_the_shard(desk: Desk) -> None:
    desk.give(ALICE, 100)
    with pytest.raises(LedgersDisagree, match="position 100 here, 99 in clearing"):
        desk.line(ALICE, 1, CreditRow(1, 99, 1_000, 0))
    with pytest.raises(LedgersDisagree, match="position 100 here, 0 in clearing"):
        desk.line(ALICE, 1, rows=())
    with pytest.raises(LedgersDisagree, match="value"):
        desk.line(ALICE, 1, counted_value_micros=1)
    with pytest.raises(LedgersDisagree, match="fees"):
        desk.line(ALICE, 1, counted_fees_micros=1)
    with pytest.raises(LedgersDisagree, match="the log ends at"):
        desk.line(ALICE, 1, as_of_seq=desk.engine.next_seq)
    # A line that does not cover the last fill may differ.
    assert desk.line(ALICE, 1, rows=(), as_of_seq=1, counted_value_micros=0, counted_fees_micros=0)


@pytest.mark.spec("MRGN-050")
def test_an_acknowledged_line_tells_what_is_committed(desk: Desk) -> None:
    desk.place(ALICE, BUY, 100, 1_000)
    desk.line(ALICE, 5, acknowledge=True, line_number=77)
    applied = next(desk.of_kind("CreditApplied"))
    assert (applied.account_id, applied.line_number, applied.committed_micros) == (ALICE, 77, 10_045)
    # The line shrank below what is committed: nothing is cancelled, new risk is refused.
    assert desk.place(ALICE, BUY, 10, 990).reason == Reason.CREDIT_EXCEEDED
    assert len(desk.engine.open_orders(ALICE)) == 1


@pytest.mark.spec("MRGN-050")
def test_a_restarted_shard_takes_no_line_older_than_the_one_it_acknowledged(desk: Desk) -> None:
    desk.line(ALICE, 5_000, acknowledge=True, line_number=77)
    desk.engine = type(desk.engine).restore(desk.engine.snapshot(), desk.settings)
    assert not desk.line(ALICE, 9_000, line_number=76)
    assert desk.line(ALICE, 5_000, line_number=77)


@pytest.mark.spec("MRGN-050")
def test_over_budget_a_reduction_is_always_accepted(desk: Desk) -> None:
    desk.give(ALICE, 100)
    desk.line(ALICE, -(10**9), status=LineStatus.REDUCE_ONLY)
    assert desk.place(ALICE, SELL, 10, 1_000, flags=REDUCE_ONLY).reason == Reason.ACCOUNT_REDUCE_ONLY
    # MM = N / 20: 10 lots release 500. At 950 they lose 10 * 50 and a fee of 5 (4.275): five too much.
    assert desk.place(ALICE, SELL, 10, 950, flags=REDUCE_ONLY, time_in_force=IOC).reason == Reason.ACCOUNT_REDUCE_ONLY
    # At 951 they lose 490 + 5.
    desk.place(BOB, BUY, 10, 990)
    assert desk.place(ALICE, SELL, 10, 951, flags=REDUCE_ONLY, time_in_force=IOC).state == OrderState.FILLED
    desk.line(ALICE, -(10**9), status=LineStatus.FROZEN)
    assert desk.place(ALICE, SELL, 10, 990, flags=REDUCE_ONLY, time_in_force=IOC).reason == Reason.ACCOUNT_FROZEN


@pytest.mark.spec("MRGN-050", "MRGN-030")
def test_a_reduction_may_lose_its_part_of_what_the_account_has(desk: Desk) -> None:
    desk.give(ALICE, 100)
    desk.line(ALICE, -(10**9), equity_micros=3_250)
    desk.place(BOB, BUY, 20, 968)
    # 10 lots release 500 of 5,000, and 3,250 are there: 325 may be lost. At 967 it would be 330 and a fee of 5.
    assert desk.place(ALICE, SELL, 10, 967, flags=REDUCE_ONLY, time_in_force=IOC).reason == Reason.CREDIT_EXCEEDED
    # At 968 it is 320 and 5, which leaves 2,925 for 4,500: the same part.
    for _ in range(2):
        assert desk.place(ALICE, SELL, 10, 968, flags=REDUCE_ONLY, time_in_force=IOC).state == OrderState.FILLED
    # With nothing there nothing may be lost, and with less not either; a gain may be had by anybody.
    desk.place(BOB, BUY, 10, 1_010)
    for equity_micros in (0, -1):
        desk.line(ALICE, -(10**9), CreditRow(1, 80, 1_000, 0), equity_micros=equity_micros)
        assert desk.place(ALICE, SELL, 1, 1_000, flags=REDUCE_ONLY, time_in_force=IOC).reason == Reason.CREDIT_EXCEEDED
    desk.line(ALICE, -(10**9), CreditRow(1, 80, 1_000, 0), equity_micros=-1, fee_rates=FeeRates(0, 0))
    assert desk.place(ALICE, SELL, 1, 1_010, flags=REDUCE_ONLY, time_in_force=IOC).state == OrderState.FILLED


@pytest.mark.spec("MRGN-050")
def test_the_exception_needs_an_empty_side(desk: Desk) -> None:
    desk.give(ALICE, 100)
    desk.place(ALICE, SELL, 10, 1_010)
    desk.line(ALICE, -(10**9))
    assert desk.place(ALICE, SELL, 10, 990, flags=REDUCE_ONLY, time_in_force=IOC).reason == Reason.CREDIT_EXCEEDED


@pytest.mark.spec("MRGN-050")
def test_a_frozen_account_may_only_cancel(desk: Desk) -> None:
    order_id = desk.place(ALICE, BUY, 10, 1_000).order_id
    desk.line(ALICE, status=LineStatus.FROZEN)
    assert desk.place(ALICE, BUY, 10, 1_000).reason == Reason.ACCOUNT_FROZEN
    assert desk.amend(ALICE, order_id, size_lots=5).reason == Reason.ACCOUNT_FROZEN
    assert desk.cancel(ALICE, order_id).reason == 0


@pytest.mark.spec("MRGN-050")
def test_a_line_is_stale_by_its_oldest_uncounted_fill_or_its_marks() -> None:
    desk = Desk(settings=EngineSettings(credit_ttl_ns=100))
    desk.now += 1_000
    # A quiet account with no position: its line holds no price, and cannot age.
    assert desk.place(ALICE, BUY, 10, 1_000).reason == 0
    desk.place(CAROL, SELL, 10, 1_000)
    desk.now += 100
    assert desk.place(ALICE, BUY, 10, 990).reason == 0
    desk.now += 1
    refused = desk.place(ALICE, BUY, 10, 990)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.CREDIT_STALE, 101, 100)
    # Counted, and the marks are fresh again; then the marks age.
    desk.line(ALICE)
    assert desk.place(ALICE, BUY, 10, 990).reason == 0
    desk.now += 101
    assert desk.place(ALICE, BUY, 10, 990).reason == Reason.CREDIT_STALE
    assert desk.place(ALICE, SELL, 10, 990, flags=REDUCE_ONLY, time_in_force=IOC).reason == 0


@pytest.mark.spec("MRGN-050")
def test_after_a_restart_only_the_exception_until_lines_come(desk: Desk) -> None:
    desk.give(ALICE, 100)
    desk.engine = type(desk.engine).restore(desk.engine.snapshot(), desk.settings)
    assert desk.place(ALICE, SELL, 10, 1_000).reason == Reason.NO_CREDIT_LINE
    assert desk.place(ALICE, SELL, 10, 1_000, flags=REDUCE_ONLY).reason == Reason.NO_CREDIT_LINE
    # What the account holds of its margins is not known yet, so a reduction may lose three tenths of 500: at 985 it is
    # 150 and a fee of 5, at 986 it is 140 and 5.
    refused = desk.place(ALICE, SELL, 10, 985, flags=REDUCE_ONLY, time_in_force=IOC)
    assert refused.reason == Reason.NO_CREDIT_LINE
    assert desk.place(ALICE, SELL, 10, 986, flags=REDUCE_ONLY, time_in_force=IOC).reason == 0


@pytest.mark.spec("MRGN-040")
def test_loss_is_released_with_its_lots(desk: Desk) -> None:
    order_id = desk.place(ALICE, BUY, 100, 1_020).order_id
    desk.place(BOB, SELL, 40, 1_020)
    # 60 left: 60 * 20 + the fee that they would add: ceil((40,800 * 150 + 61,200 * 450) ppm = 33.66) - ceil(6.12) = 27.
    # The position is 40, 60 more may come: M stays 10,000.
    assert desk.engine.committed(ALICE) == 10_000 + 1_200 + 27
    desk.amend(ALICE, order_id, size_lots=50)
    # 10 left: 200 + ceil(6.12 + 4.59) - 7 = 4; M(50).
    assert desk.engine.committed(ALICE) == 5_000 + 200 + 4
    desk.cancel(ALICE, order_id)
    assert desk.engine.committed(ALICE) == 4_000


@pytest.mark.spec("MRGN-020")
def test_other_margin_tiers_count_at_once_for_what_stands_open(desk: Desk) -> None:
    desk.line(ALICE, 20_045)
    desk.place(ALICE, BUY, 100, 1_000)
    # A tenth of 100,000 and the fee of 45; with leverage 5 a fifth, which is all that was granted.
    assert desk.engine.committed(ALICE) == 10_045
    desk.relist(tiers=(MarginTier(0, 5),))
    assert desk.engine.committed(ALICE) == 20_045
    assert desk.place(ALICE, BUY, 1, 1_000).reason == Reason.CREDIT_EXCEEDED
    desk.relist(tiers=(MarginTier(0, 10),))
    assert desk.engine.committed(ALICE) == 10_045
    # 99 more: 19,900 of margin and 90 of fees.
    assert desk.place(ALICE, BUY, 99, 1_000).reason == 0


@pytest.mark.spec("MRGN-050", "MRGN-080")
def test_a_line_without_a_position_is_as_old_as_the_index_that_it_rests_on(desk: Desk) -> None:
    desk.now = 10**12
    desk.mark(1_000)
    desk.line(ALICE, 10**9, mark_time_ns=desk.now - 2 * desk.settings.credit_ttl_ns)
    assert desk.place(ALICE, BUY, 100, 990).reason == Reason.CREDIT_STALE
    # Cash grows no older.
    desk.line(ALICE, 10**9, mark_time_ns=0)
    assert desk.place(ALICE, BUY, 100, 990).reason == 0


@pytest.mark.spec("MRGN-020")
def test_a_leverage_may_come_before_its_listing(desk: Desk) -> None:
    desk.line(ALICE, 10**9, CreditRow(99, 0, 0, 5))
    assert desk.place(ALICE, BUY, 100, 990).reason == 0
    with pytest.raises(ValueError, match="instrument 99 is not listed here"):
        desk.line(ALICE, 10**9, CreditRow(99, 0, 1_000, 5))
