"""Instrument states, and the one price at which a crossed book is uncrossed (MTCH-050)."""

from __future__ import annotations

from tests.model.matching import book, running
from tests.model.matching.state import BUY, SELL, Order, Shard
from wavetank.model.events import matching as events
from wavetank.model.orders import CancelReason, InstrumentState

MATCHES = (InstrumentState.TRADING, InstrumentState.POST_ONLY, InstrumentState.REDUCE_ONLY)


def move(shard: Shard, instrument_id: int, state: int) -> None:
    """Bring an instrument into another state, and do what that causes."""
    previous = shard.states[instrument_id]
    if state == previous:
        return
    shard.states[instrument_id] = state
    shard.moved.add(instrument_id)
    shard.emit(events.InstrumentMoved(instrument_id, 0, shard.now, state, previous))
    if state == InstrumentState.SETTLED:
        running.cancel_each(shard, [o for o in shard.orders if o.instrument_id == instrument_id], CancelReason.SETTLED)
    while state in MATCHES and best_pair(shard, instrument_id) is not None:
        uncross(shard, instrument_id)


def best_pair(shard: Shard, instrument_id: int) -> tuple[Order, Order] | None:
    """Return best bid and best ask if they cross."""
    bids, asks = book.queue(shard, instrument_id, BUY), book.queue(shard, instrument_id, SELL)
    return (bids[0], asks[0]) if bids and asks and bids[0].price >= asks[0].price else None


def reference(shard: Shard, instrument_id: int) -> int:
    return shard.marks.get(instrument_id, (0, False))[0] or shard.last_prices.get(instrument_id, 0)


def indicative(shard: Shard, instrument_id: int) -> tuple[int, int, int]:
    """Return price, lots and surplus at which the book would uncross; zeros if it is not crossed.

    Most lots, then least surplus, then nearest to the reference, then the lower price.
    """
    pair = best_pair(shard, instrument_id)
    if pair is None:
        return 0, 0, 0
    near = reference(shard, instrument_id)
    bids, asks = book.queue(shard, instrument_id, BUY), book.queue(shard, instrument_id, SELL)
    ranked = []
    for price in {order.price for order in [*bids, *asks] if pair[1].price <= order.price <= pair[0].price}:
        buying = sum(order.remaining for order in bids if order.price >= price)
        selling = sum(order.remaining for order in asks if order.price <= price)
        lots, surplus = min(buying, selling), buying - selling
        ranked.append((-lots, abs(surplus), abs(price - near) if near else 0, price, lots, surplus))
    *_, price, lots, surplus = min(ranked)
    return price, lots, surplus


def uncross(shard: Shard, instrument_id: int) -> None:
    """Trade at one price for as long as best bid and best ask both accept it."""
    price, lots, surplus = indicative(shard, instrument_id)
    shard.emit(events.AuctionUncrossed(instrument_id, 0, price, lots, surplus, reference(shard, instrument_id)))
    while True:
        pair = best_pair(shard, instrument_id)
        if pair is None or not pair[0].price >= price >= pair[1].price:
            return
        older, newer = sorted(pair, key=lambda order: order.order_id)
        if older.account_id == newer.account_id:
            running.part(shard, older, newer, newer.self_trade)
        else:
            running.trade(shard, older, newer, min(older.visible, newer.visible), price, auction=True)
