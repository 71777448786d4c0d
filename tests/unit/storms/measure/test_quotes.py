"""Best prices order by order, the mid before a trade, and the time on both sides of the market."""

from __future__ import annotations

import pytest

from tests.unit.storms.measure.logged import BTC, A, B, C, event, records
from wavetank.model.events import matching as events
from wavetank.model.orders import OrderType, Side, TimeInForce
from wavetank.model.record import RECORD_BYTES, kinds
from wavetank.storms.measure.quotes import Quotes
from wavetank.storms.measure.record import BookTrack
from wavetank.storms.measure.trades import TradeColumns

BUY, SELL = Side.BUY, Side.SELL
BAND_BPS = 50


class Shard:
    """A shard's log as it is written, and what is made of it."""

    def __init__(self, *quoters: int) -> None:
        self.trades = TradeColumns()
        self.books: dict[int, BookTrack] = {}
        self.quotes = Quotes(quoters=quoters, band_bps=BAND_BPS, trades=self.trades, books=self.books)

    def write(self, *logged: object) -> None:
        """Write one entry."""
        data = records(*logged)
        for at, kind in enumerate(kinds(data)):
            self.quotes.handlers[kind](0, data, at * RECORD_BYTES)
        self.quotes.settle()

    @property
    def best(self) -> tuple[int, int]:
        return self.quotes.best(BTC)

    @property
    def mids_doubled(self) -> list[int]:
        return [int(row["mid_doubled"]) for row in self.trades.rows]


def placed(
    order_id: int,
    side: Side,
    price: int,
    *,
    account_id: int = A,
    time_in_force: TimeInForce = TimeInForce.GTC,
    trigger_kind: int = 0,
) -> events.OrderAccepted:
    return event(
        events.OrderAccepted,
        instrument_id=BTC,
        account_id=account_id,
        order_id=order_id,
        price_ticks=price,
        size_lots=10,
        side=side,
        order_type=OrderType.LIMIT,
        time_in_force=time_in_force,
        trigger_kind=trigger_kind,
    )


def cancelled(order_id: int) -> events.OrderCancelled:
    return event(events.OrderCancelled, instrument_id=BTC, order_id=order_id)


def traded(taker: int, maker: int, price: int, *, taker_left: int = 0, maker_left: int = 0) -> events.Traded:
    """Return a trade of orders by their ids."""
    return event(
        events.Traded,
        instrument_id=BTC,
        account_id=B,
        maker_account_id=A,
        maker_order_id=maker,
        taker_order_id=taker,
        price_ticks=price,
        size_lots=1,
        maker_remaining_lots=maker_left,
        taker_remaining_lots=taker_left,
        taker_side=BUY,
    )


def sampled(bid: int, ask: int, *, bid_depth: int = 0, ask_depth: int = 0) -> events.BookSampled:
    return event(
        events.BookSampled,
        instrument_id=BTC,
        bid_price_ticks=bid,
        ask_price_ticks=ask,
        bid_depth_lots=bid_depth,
        ask_depth_lots=ask_depth,
    )


def test_the_best_prices_are_those_of_orders_that_rest() -> None:
    shard = Shard()
    shard.write(placed(1, BUY, 99), placed(2, BUY, 98), placed(3, BUY, 99), placed(4, SELL, 103))
    assert shard.best == (99, 103)
    shard.write(cancelled(1))
    assert shard.best == (99, 103)
    shard.write(cancelled(3))
    assert shard.best == (98, 103)
    shard.write(cancelled(2), cancelled(4))
    assert shard.best == (0, 0)


def test_an_order_that_must_fill_at_once_and_one_that_waits_do_not_rest() -> None:
    shard = Shard()
    shard.write(placed(1, BUY, 99, time_in_force=TimeInForce.IOC), placed(2, BUY, 98, trigger_kind=1))
    assert shard.best == (0, 0)
    shard.write(event(events.OrderTriggered, instrument_id=BTC, account_id=A, order_id=2, price_ticks=98, side=BUY))
    assert shard.best == (98, 0)


def test_an_order_that_is_moved_stands_at_its_new_price_alone() -> None:
    shard = Shard()
    amended = event(events.OrderAmended, instrument_id=BTC, account_id=A, order_id=1, price_ticks=97, side=BUY)
    shard.write(placed(1, BUY, 99), amended)
    assert shard.best == (97, 0)
    shard.write(cancelled(1))
    assert shard.best == (0, 0)


def test_a_level_lives_as_long_as_an_order_stands_at_it() -> None:
    shard = Shard()
    shard.write(placed(1, SELL, 101), placed(2, SELL, 101), placed(3, SELL, 102))
    taker = placed(4, BUY, 101, account_id=B, time_in_force=TimeInForce.IOC)
    shard.write(taker, traded(4, 1, 101))
    assert shard.best == (0, 101)
    other = placed(5, BUY, 101, account_id=B, time_in_force=TimeInForce.IOC)
    shard.write(other, traded(5, 2, 101, maker_left=3), traded(5, 2, 101))
    assert shard.best == (0, 102)


def test_a_trade_is_judged_by_the_mid_before_its_order_came() -> None:
    shard = Shard()
    shard.write(placed(1, BUY, 98), placed(2, SELL, 101), placed(3, SELL, 105))
    # One order takes 101 and then 105; before it the mid was 99.5. What is left of it rests at 105, so the ask is none.
    shard.write(placed(4, BUY, 105, account_id=B), traded(4, 2, 101, taker_left=9), traded(4, 3, 105, taker_left=8))
    assert shard.mids_doubled == [199, 199]
    assert shard.best == (105, 0)
    # Without an ask there is no mid.
    shard.write(placed(5, SELL, 105, account_id=C), traded(5, 4, 105))
    assert shard.mids_doubled[-1] == 0


def test_who_quotes_both_sides_within_the_band_is_in_the_market() -> None:
    shard = Shard(A, B)
    # Half a per cent of 10,000 is 50: 9,950 and 10,050 are just within, 9,949 and 10,051 are not.
    shard.write(placed(1, BUY, 9_950), placed(2, SELL, 10_050))
    shard.write(placed(3, BUY, 9_949, account_id=B), placed(4, SELL, 10_001, account_id=B))
    shard.write(sampled(9_999, 10_001))
    shard.write(placed(5, BUY, 9_960, account_id=B), cancelled(2))
    shard.write(sampled(9_999, 10_001))
    shard.write(sampled(0, 10_001))
    found = {account_id: (uptime.quoted, uptime.samples) for (account_id, _), uptime in shard.quotes.uptimes.items()}
    # A in the first sample, B in the second, and nobody while a side is empty.
    assert found == {A: (1, 3), B: (1, 3)}


@pytest.mark.parametrize("quoters", [(), (B,)])
def test_only_quoters_are_watched_and_from_their_first_order_on(quoters: tuple[int, ...]) -> None:
    shard = Shard(*quoters)
    shard.write(sampled(9_999, 10_001))
    shard.write(placed(1, BUY, 9_999), placed(2, SELL, 10_001, account_id=B))
    shard.write(sampled(9_999, 10_001))
    assert {key: uptime.samples for key, uptime in shard.quotes.uptimes.items()} == {(who, BTC): 1 for who in quoters}


def test_samples_are_kept_as_they_are() -> None:
    shard = Shard()
    shard.write(sampled(99, 101, bid_depth=7, ask_depth=5))
    track = shard.books[BTC]
    assert (track.bid_ticks, track.ask_ticks, track.bid_depth_lots, track.ask_depth_lots) == ([99], [101], [7], [5])
