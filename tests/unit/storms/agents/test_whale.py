"""The whale: reaches each target of its schedule in slices, and then sleeps until the next."""

import pytest

from tests.unit.storms.agents.scripted_view import (
    BTC,
    DOLLAR,
    LISTED,
    SECOND_NS,
    SOL,
    ScriptedView,
    only_order,
    sol_market,
)
from wavetank.model.orders import OrderFlag, Side, TimeInForce
from wavetank.storms.agents.agent import NEVER_NS, Label, Order
from wavetank.storms.agents.whale import Target, Whale, WhaleSettings
from wavetank.storms.dice import Dice


def whale_of(*targets: Target, clip_micros: int = 3_000 * DOLLAR, participation_ppm: int = 0) -> Whale:
    settings = WhaleSettings(
        targets=targets, clip_micros=clip_micros, participation_ppm=participation_ppm, interval_ns=SECOND_NS
    )
    return Whale(settings, LISTED, Dice(1))


def work(whale: Whale, view: ScriptedView, most: int = 20) -> list[Order]:
    """Let it trade until it sleeps for longer than its interval, and return what it sent."""
    sent: list[Order] = []
    for _ in range(most):
        turn = whale.wake(view)
        view.carry_out(turn.intents)
        sent += [intent for intent in turn.intents if isinstance(intent, Order)]
        if turn.wake_ns > view.now_ns + SECOND_NS:
            view.now_ns = min(turn.wake_ns, view.now_ns + 3_600 * SECOND_NS)
            return sent
        view.now_ns = turn.wake_ns
    raise AssertionError(f"it never slept: {sent}")


def test_it_reaches_a_target_in_dollars_by_slices() -> None:
    whale, view = whale_of(Target(instrument="SOL", after_ns=0, micros=10_000 * DOLLAR)), sol_market()
    assert whale.label is Label.WHALE
    sent = work(whale, view)
    # At an ask of $100.01, $10,000 are 9,999 lots and a slice of $3,000 is 2,999.
    assert [order.size_lots for order in sent] == [2_999, 2_999, 2_999, 1_002]
    assert {order.side for order in sent} == {Side.BUY}
    # 1,000,100 and 0.5 % is 1,005,100.5.
    assert {order.price_ticks for order in sent} == {1_005_100}
    assert view.position_lots(SOL.instrument_id) == 9_999
    assert whale.wake(view).wake_ns == NEVER_NS


def test_a_price_that_moves_does_not_move_the_target() -> None:
    whale, view = whale_of(Target(instrument="SOL", after_ns=0, micros=-6_000 * DOLLAR)), sol_market()
    view.carry_out(whale.wake(view).intents)
    view.quote(949_900, 950_100).tell(950_000)
    view.now_ns += SECOND_NS
    work(whale, view)
    # At a bid of $99.99, $6,000 are 6,000 lots, whatever they are worth later.
    assert view.position_lots(SOL.instrument_id) == -6_000


def test_it_waits_for_its_time_counted_from_when_it_entered() -> None:
    whale, view = whale_of(Target(instrument="SOL", after_ns=30 * SECOND_NS, lots=500)), sol_market()
    turn = whale.wake(view)
    assert (list(turn.intents), turn.wake_ns) == ([], 31 * SECOND_NS)
    view.now_ns = 31 * SECOND_NS
    assert only_order(whale.wake(view).intents).size_lots == 500


def test_a_later_target_takes_the_place_of_an_earlier_one() -> None:
    whale = whale_of(
        Target(instrument="SOL", after_ns=20 * SECOND_NS, lots=-1_000),
        Target(instrument="SOL", after_ns=0, lots=5_000),
        Target(instrument="SOL", after_ns=10 * SECOND_NS, lots=2_000),
    )
    view = sol_market()
    work(whale, view)
    assert (view.position_lots(SOL.instrument_id), view.now_ns) == (5_000, 11 * SECOND_NS)
    reducing = work(whale, view)
    # Down to 2,000 it only reduces; through nought it cannot be held to that. At a bid of $99.99 a slice is 3,000 lots.
    assert reducing == [Order(3, Side.SELL, 3_000, 994_910, TimeInForce.IOC, OrderFlag.REDUCE_ONLY)]
    assert work(whale, view) == [Order(3, Side.SELL, 3_000, 994_910, TimeInForce.IOC, OrderFlag.NONE)]
    assert view.position_lots(SOL.instrument_id) == -1_000


def test_each_target_is_counted_at_the_price_of_its_own_beginning() -> None:
    whale = whale_of(
        Target(instrument="SOL", after_ns=0, micros=1_000 * DOLLAR),
        Target(instrument="SOL", after_ns=10 * SECOND_NS, micros=3_000 * DOLLAR),
    )
    view = sol_market()
    work(whale, view)
    assert view.position_lots(SOL.instrument_id) == 999
    work(whale, view.quote(949_900, 950_100).tell(950_000))
    # $3,000 at $95.01.
    assert view.position_lots(SOL.instrument_id) == 3_157


def test_a_slice_takes_its_share_of_what_is_shown() -> None:
    view = sol_market().quote(999_900, 1_000_100, 5_000)
    whale = whale_of(Target(instrument="SOL", after_ns=0, lots=2_500), participation_ppm=200_000)
    assert [order.size_lots for order in work(whale, view)] == [1_000, 1_000, 500]


def test_an_interrupted_target_is_left_for_the_next() -> None:
    whale = whale_of(
        Target(instrument="SOL", after_ns=0, lots=9_000), Target(instrument="SOL", after_ns=SECOND_NS, lots=0)
    )
    view = sol_market()
    assert only_order(whale.wake(view).intents).side is Side.BUY
    view.hold(2_999)
    view.now_ns += SECOND_NS
    order = only_order(whale.wake(view).intents)
    assert (order.side, order.size_lots, order.flags) == (Side.SELL, 2_999, OrderFlag.REDUCE_ONLY)


def test_it_waits_for_an_empty_book_and_a_mark() -> None:
    whale, view = whale_of(Target(instrument="SOL", after_ns=0, micros=1_000 * DOLLAR)), ScriptedView()
    for dress in (view, view.quote(0, 1_000_100), view.quote(999_900, 0).tell(1_000_000)):
        turn = whale.wake(dress)
        assert (list(turn.intents), turn.wake_ns) == ([], dress.now_ns + SECOND_NS)
    assert only_order(whale.wake(view.quote(999_900, 1_000_100)).intents).side is Side.BUY


def test_a_rest_below_the_smallest_order_is_left() -> None:
    # Nine lots at $100 are $9.
    whale, view = whale_of(Target(instrument="SOL", after_ns=0, lots=509)), sol_market().hold(500)
    turn = whale.wake(view)
    assert (list(turn.intents), turn.wake_ns) == ([], NEVER_NS)


def test_instruments_are_worked_side_by_side() -> None:
    whale = whale_of(
        Target(instrument="SOL", after_ns=0, lots=100), Target(instrument="BTC", after_ns=5 * SECOND_NS, lots=-1_000)
    )
    view = sol_market().quote(639_990, 640_010, instrument=BTC).tell(640_000, instrument=BTC)
    work(whale, view)
    work(whale, view)
    assert view.positions == {SOL.instrument_id: 100, BTC.instrument_id: -1_000}


@pytest.mark.parametrize(("lots", "micros"), [(None, None), (1, 1)])
def test_a_target_says_its_size_once(lots: int | None, micros: int | None) -> None:
    with pytest.raises(ValueError, match="in lots or in micros, one of them"):
        Target(instrument="SOL", after_ns=0, lots=lots, micros=micros)
