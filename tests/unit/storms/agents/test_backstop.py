"""The quoting backstop: wide on both sides, within its cap, and never gone."""

from dataclasses import replace

from tests.unit.storms.agents.scripted_view import DOLLAR, LISTED, SECOND_NS, SOL, ScriptedView, sol_market
from wavetank.model.orders import OrderFlag, Side, TimeInForce
from wavetank.storms.agents.agent import CancelAll, Intent, Label, Order
from wavetank.storms.agents.backstop import BackstopSettings, QuotingBackstop
from wavetank.storms.dice import Dice

SETTINGS = BackstopSettings(
    instruments=("SOL",),
    size_micros=10_000 * DOLLAR,
    max_position_micros=20_000 * DOLLAR,
    half_spread_ppm=5_000,
    skew_ppm=2_500,
    renew_ppm=500,
    interval_ns=SECOND_NS,
)


def backstop() -> QuotingBackstop:
    return QuotingBackstop(SETTINGS, LISTED, Dice(1))


def wake(maker: QuotingBackstop, view: ScriptedView) -> list[Intent]:
    turn = maker.wake(view)
    assert turn.wake_ns == view.now_ns + SECOND_NS
    view.carry_out(turn.intents)
    return list(turn.intents)


def quoted(intents: list[Intent]) -> dict[Side, tuple[int, int]]:
    return {each.side: (each.price_ticks, each.size_lots) for each in intents if isinstance(each, Order)}


def test_it_quotes_both_sides_wide_around_the_mark() -> None:
    maker, view = backstop(), sol_market()
    assert maker.label is Label.BACKSTOP
    # 0.5 % around $100; $10,000 are 10,000 lots.
    assert wake(maker, view) == [
        Order(3, Side.BUY, 10_000, 995_000, TimeInForce.GTC, OrderFlag.NONE),
        Order(3, Side.SELL, 10_000, 1_005_000, TimeInForce.GTC, OrderFlag.NONE),
    ]
    assert wake(maker, view) == []


def test_a_position_moves_both_quotes_against_itself() -> None:
    # 5,000 of 20,000 lots is a quarter: 625 of 2,500 ppm. 1,000,000 less 0.5625 % is 994,375, down to ten ticks; plus
    # 0.4375 % is 1,004,375, up to the cent.
    long = quoted(wake(backstop(), sol_market().hold(5_000)))
    assert long == {Side.BUY: (994_370, 10_000), Side.SELL: (1_004_400, 10_000)}
    short = quoted(wake(backstop(), sol_market().hold(-5_000)))
    # 995,625 and 1,005,625.
    assert short == {Side.BUY: (995_620, 10_000), Side.SELL: (1_005_700, 10_000)}


def test_its_position_stays_within_its_cap() -> None:
    assert quoted(wake(backstop(), sol_market().hold(13_000)))[Side.BUY][1] == 7_000
    assert set(quoted(wake(backstop(), sol_market().hold(20_000)))) == {Side.SELL}
    assert set(quoted(wake(backstop(), sol_market().hold(-20_000)))) == {Side.BUY}


def test_quotes_are_renewed_only_when_they_are_far_from_where_they_belong() -> None:
    maker, view = backstop(), sol_market()
    wake(maker, view)
    # 500 ppm of a bid of 995,000 are 497.5 ticks, of an ask of 1,005,000 502.5. A mark of 1,000,500 wants 995,497.5,
    # which is 995,490 on the grid, 490 ticks off, and 1,005,502.5, which is 1,005,600, 600 ticks off.
    moved = wake(maker, view.tell(1_000_500))
    assert [type(each) for each in moved] == [CancelAll, Order]
    assert moved[0] == CancelAll(SOL.instrument_id, Side.SELL)
    # 1,000,600 wants 995,597: 995,590, 590 ticks off; and 1,005,603: 1,005,700, a hundred ticks off.
    moved = wake(maker, view.tell(1_000_600))
    assert moved[0] == CancelAll(SOL.instrument_id, Side.BUY)
    assert quoted(moved) == {Side.BUY: (995_590, 9_994)}


def test_what_has_traded_is_quoted_again() -> None:
    maker, view = backstop(), sol_market()
    wake(maker, view)
    view.resting[SOL.instrument_id, Side.BUY] = 5_000
    assert wake(maker, view) == []
    view.resting[SOL.instrument_id, Side.BUY] = 4_999
    assert set(quoted(wake(maker, view))) == {Side.BUY}


def test_it_stays_when_the_mark_is_stale_or_gone() -> None:
    maker, view = backstop(), sol_market()
    wake(maker, view)
    assert wake(maker, view.tell(900_000, stale=True)) == []
    view.tolds.clear()
    assert wake(maker, view) == []


def test_each_instrument_has_its_own_quotes() -> None:
    maker = QuotingBackstop(replace(SETTINGS, instruments=("SOL", "BTC")), LISTED, Dice(1))
    view = sol_market().tell(640_000, instrument=LISTED["BTC"])
    assert [each.instrument_id for each in wake(maker, view)] == [3, 3, 1, 1]
