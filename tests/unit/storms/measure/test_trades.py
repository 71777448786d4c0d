"""Trades judged by hand: what makers earned against the mid, and against what the instrument was worth later."""

from __future__ import annotations

from tests.unit.storms.measure.logged import BTC, SECOND_NS, A, B, C
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.orders import OrderFlag
from wavetank.storms.agents.agent import Label
from wavetank.storms.measure.catalogue import PERSON
from wavetank.storms.measure.people import Person
from wavetank.storms.measure.record import Member, PriceTrack
from wavetank.storms.measure.trades import Judged, TradeColumns

FORCED = int(OrderFlag.LIQUIDATION)
MEMBERS = {
    B: Member(account_id=B, name="b", role="b", label=Label.NOISE),
    C: Member(account_id=C, name="c", role="c", label=Label.INFORMED),
    BACKSTOP_VAULT_ID: Member(account_id=BACKSTOP_VAULT_ID, name="vault", role="vault", label=Label.VAULT),
}
# The true index: 1,000 ticks at first, 1,010 from 5 s on.
PRICES = {BTC: PriceTrack(times_ns=[0, 5 * SECOND_NS], true_index_ticks=[1_000, 1_010])}


def trades(*rows: tuple[int, int, int, int, bool]) -> TradeColumns:
    """Return trades that A made: second, price, lots, taker, whether it bought; fee 3, and a mid of 1,000."""
    columns = TradeColumns()
    for seconds, price, lots, taker, buys in rows:
        columns.add(seconds * SECOND_NS, BTC, price, lots, taker, A, 3, 2_000, buys, 0)
    return columns


def judged(columns: TradeColumns, *, ended: int = 60) -> dict[tuple[int, str], Judged]:
    return columns.judge(
        PRICES,
        MEMBERS,
        ended_ns=ended * SECOND_NS,
        markout_ns=SECOND_NS,
        horizons_ns=(SECOND_NS, 10 * SECOND_NS),
    )


def figure(name: str, judged_by_label: dict[tuple[int, str], Judged]) -> object:
    person = Person(judged={label: each for (account_id, label), each in judged_by_label.items() if account_id == A})
    return PERSON.functions[name](person)


def test_a_maker_earns_against_the_mid_and_loses_to_who_knew_more() -> None:
    # At 1 s noise buys 10 at 1,002: 2 ticks above the mid and above the index a second later.
    # At 4 s the informed buys 5 at 1,002, a second before the index is 1,010: 8 ticks lost.
    found = judged(trades((1, 1_002, 10, B, True), (4, 1_002, 5, C, True)))
    noise, informed = found[A, "noise"], found[A, "informed"]
    assert (noise.fills, noise.picked_off, informed.fills, informed.picked_off) == (1, 0, 1, 1)
    # 2 x (10 x 2 + 5 x 2) / (15 x 1,000) is 40 bp; 2 x (10 x 2 - 5 x 8) / (15 x 1,000) is -26.67 bp.
    assert figure("effective_spread_bps", found) == 40
    assert figure("realised_spread_bps", found) == 10_000 * -40 / 15_000
    assert figure("picked_off_share", found) == 0.5
    # Over the price: 20 / 10,020 and -40 / 5,010; ten seconds later both are 8 ticks down.
    assert figure("markout_1s_bps.noise", found) == 10_000 * 20 / 10_020
    assert figure("markout_1s_bps.informed", found) == 10_000 * -40 / 5_010
    assert figure("markout_10s_bps", found) == 10_000 * -120 / 15_030
    # Nobody was a whale.
    assert figure("markout_1s_bps.whale", found) is None


def test_a_maker_that_buys_gains_where_the_index_rises() -> None:
    # A seller hits the bid at 998 a second before the index is 1,010: 12 ticks for each of 5 lots.
    found = judged(trades((4, 998, 5, B, False)))
    assert figure("effective_spread_bps", found) == 40
    assert figure("realised_spread_bps", found) == 10_000 * 2 * 60 / 5_000
    assert figure("picked_off_share", found) == 0


def test_a_loss_no_larger_than_the_fee_is_not_picked_off() -> None:
    # 3 lots at 999 against 1,000 lose just the fee of 3; 4 lots lose 4.
    assert judged(trades((1, 999, 3, B, True)))[A, "noise"].picked_off == 0
    assert judged(trades((1, 999, 4, B, True)))[A, "noise"].picked_off == 1


def test_a_fill_near_the_end_is_not_judged_by_what_nobody_knows() -> None:
    found = judged(trades((1, 1_002, 10, B, True), (59, 1_002, 10, B, True)), ended=59)[A, "noise"]
    assert (found.fills, found.judged, found.mid_value_micros, found.realised_value_micros) == (2, 1, 40_000, 20_000)
    assert found.markouts is not None
    assert found.markouts[SECOND_NS] == (20, 10_020)


def test_a_fill_before_the_first_index_is_not_judged() -> None:
    late = {BTC: PriceTrack(times_ns=[3 * SECOND_NS], true_index_ticks=[1_000])}
    columns = trades((1, 1_002, 10, B, True))
    found = columns.judge(late, MEMBERS, ended_ns=60 * SECOND_NS, markout_ns=SECOND_NS, horizons_ns=())[A, "noise"]
    assert (found.fills, found.judged) == (1, 0)


def test_without_a_mid_a_trade_has_no_spread_but_a_markout() -> None:
    columns = TradeColumns()
    columns.add(SECOND_NS, BTC, 1_002, 10, B, A, 0, 0, taker_is_buyer=True, taker_flags=0)
    found = judged(columns)
    assert figure("effective_spread_bps", found) is None
    assert figure("realised_spread_bps", found) is None
    assert figure("markout_1s_bps", found) == 10_000 * 20 / 10_020


def test_orders_of_clearing_are_liquidations_whoever_it_was_but_the_vault_sells_for_itself() -> None:
    columns = TradeColumns()
    for taker, flags in ((B, FORCED), (BACKSTOP_VAULT_ID, FORCED), (9_999, 0)):
        columns.add(SECOND_NS, BTC, 1_000, 1, taker, A, 0, 2_000, taker_is_buyer=False, taker_flags=flags)
    assert sorted(label for _, label in judged(columns)) == ["liquidated", "other", "vault"]


def test_no_trades_are_judged_to_nothing() -> None:
    assert judged(TradeColumns()) == {}


def test_a_sample_keeps_every_kth_of_a_kind_in_order() -> None:
    columns = TradeColumns()
    for second in range(10):
        flags = FORCED if second in {2, 3} else 0
        columns.add(second * SECOND_NS, BTC, 1_000, 1, B, A, 0, 2_000, taker_is_buyer=True, taker_flags=flags)
    # Of eight others every third, both liquidations, each with the index of its own time.
    shown = columns.sample(PRICES, liquidations=2, others=3)
    assert [(each.time_ns // SECOND_NS, each.is_liquidation) for each in shown] == [
        (0, False),
        (2, True),
        (3, True),
        (5, False),
        (8, False),
    ]
    assert [each.true_index_ticks for each in shown] == [1_000, 1_000, 1_000, 1_010, 1_010]
