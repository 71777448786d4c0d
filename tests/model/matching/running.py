"""Running: an order meets the other side, trades, and then rests or ends (MTCH-010 to MTCH-030)."""

from __future__ import annotations

from tests.model.matching import book, credit, groups
from tests.model.matching.state import BUY, OPEN, SELL, UNTRIGGERED, Order, Shard, other_side
from wavetank.model.events import matching as events
from wavetank.model.orders import CancelReason, GroupKind, InstrumentState, OrderState, SelfTradePrevention


def run(shard: Shard, taker: Order) -> None:
    """Match an order, then rest or cancel what is left; in an auction it only rests, in a draft not even that."""
    if shard.drafted is not None:
        return
    matches = shard.states[taker.instrument_id] != InstrumentState.AUCTION
    while matches and taker.state == OPEN:
        others = book.queue(shard, taker.instrument_id, other_side(taker.side))
        if not others or not book.crosses(taker.side, taker.price, others[0].price):
            break
        maker = others[0]
        if maker.account_id == taker.account_id:
            part(shard, maker, taker, taker.self_trade)
        else:
            trade(shard, maker, taker, min(maker.visible, taker.remaining), maker.price)
    if taker.state == OPEN and taker.may_rest:
        book.rest(shard, taker)
    elif taker.state == OPEN:
        cancel(shard, taker, CancelReason.IMMEDIATE_REMAINDER)


def part(shard: Shard, maker: Order, taker: Order, mode: int) -> None:
    """Keep two orders of one account from trading with each other (MTCH-020)."""
    if mode != SelfTradePrevention.EXPIRE_TAKER:
        cancel(shard, maker, CancelReason.SELF_TRADE)
    if mode != SelfTradePrevention.EXPIRE_MAKER:
        cancel(shard, taker, CancelReason.SELF_TRADE)


def trade(shard: Shard, maker: Order, taker: Order, lots: int, price: int, *, auction: bool = False) -> None:
    """Let two orders trade, with everything that follows from it."""
    shard.trades_made += 1
    maker_rate = shard.rates(maker.account_id, maker.instrument_id).maker_fee_ppm
    taker_rate = 0 if taker.liquidates else shard.rates(taker.account_id, taker.instrument_id).taker_fee_ppm
    maker_fee = fill(shard, maker, lots, price, maker_rate)
    taker_fee = fill(shard, taker, lots, price, taker_rate)
    shard.last_prices[taker.instrument_id] = price
    shard.emit(
        events.Traded(
            taker.instrument_id, taker.account_id, shard.base | shard.trades_made, maker.account_id, maker.order_id,
            taker.order_id, price, lots, maker_fee, taker_fee, maker.remaining, taker.remaining, taker.side,
            taker.flags, int(auction),
        )
    )  # fmt: skip
    for order in (maker, taker):
        if not order.remaining:
            end(shard, order, OrderState.FILLED)
        elif order.resting and not order.visible:
            # An iceberg shows its next part, behind all others.
            book.rest(shard, order)
    for order in (maker, taker):
        groups.decided(shard, order)
    for order in (maker, taker):
        trim(shard, order.account_id, order.instrument_id)
    for order in (maker, taker):
        groups.filled(shard, order)


def fill(shard: Shard, order: Order, lots: int, price: int, rate_ppm: int) -> int:
    """Fill one side of a trade; return the fee, by which the order's fee rounded up grows (UNIT-040)."""
    before = credit.rounded_up(order.fee_e6, 10**6)
    order.fee_e6 += lots * price * rate_ppm
    fee = credit.rounded_up(order.fee_e6, 10**6) - before
    order.remaining -= lots
    order.filled += lots
    order.value += lots * price
    if order.resting:
        order.visible -= lots
    sign = 1 if order.side == BUY else -1
    move(shard, order.account_id, order.instrument_id, sign * lots, sign * lots * price, fee)
    return fee


def move(shard: Shard, account_id: int, instrument_id: int, lots: int, value: int, fee: int) -> None:
    """Change a position by the event that is written next."""
    account = shard.accounts[account_id]
    account.positions[instrument_id] = shard.position(account_id, instrument_id) + lots
    account.value += value
    account.fees += fee
    account.last_fill_seq = shard.next_seq
    account.first_uncounted = account.first_uncounted or shard.next_seq
    account.history.append((shard.next_seq, instrument_id, lots, value, fee))


def trim(shard: Shard, account_id: int, instrument_id: int) -> None:
    """End what waits to close a position that is gone; bring reduce-only orders down to it, newest first (MTCH-030)."""
    for order in shard.own(account_id):
        if (
            order.instrument_id == instrument_id
            and order.group_kind == GroupKind.POSITION
            and order.state == UNTRIGGERED
            and not shard.closable(account_id, instrument_id, order.side)
        ):
            cancel(shard, order, CancelReason.REDUCE_ONLY)
    for side in (SELL, BUY):
        reducing = [o for o in shard.working(account_id, instrument_id, side) if o.reduces]
        excess = sum(o.remaining for o in reducing) - shard.closable(account_id, instrument_id, side)
        for order in reversed(reducing):
            previous = order.remaining
            if excess >= previous:
                cancel(shard, order, CancelReason.REDUCE_ONLY)
            elif excess > 0:
                book.shrink(order, previous - excess)
                emit_amended(shard, order, order.price, previous, kept=True)
            excess -= previous


def cancel(shard: Shard, order: Order, cancel_reason: int, refusal: int = 0) -> None:
    """End an order without a trade, and what hangs on it."""
    shard.emit(
        events.OrderCancelled(
            order.instrument_id, order.account_id, order.order_id, order.ask.client_order_id, order.price,
            order.remaining, order.side, cancel_reason, order.flags, refusal,
        )
    )  # fmt: skip
    order.cancel_reason, order.refusal = cancel_reason, refusal
    end(shard, order, OrderState.CANCELLED)
    groups.cancelled(shard, order)


def cancel_each(shard: Shard, orders: list[Order], cancel_reason: int) -> int:
    """Cancel orders, those aside that went along with one before them; return how many."""
    count = 0
    for order in orders:
        if order in shard.orders:
            cancel(shard, order, cancel_reason)
            count += 1
    return count


def end(shard: Shard, order: Order, state: int) -> None:
    """Take an order out of the book; its account remembers it by its client order id."""
    shard.orders = [o for o in shard.orders if o is not order]
    order.state, order.resting = state, False
    if order.ask.client_order_id:
        remembered = shard.accounts[order.account_id].remembered
        remembered.append(order)
        if shard.drafted is None:
            del remembered[: max(0, len(remembered) - shard.settings.remembered_client_ids)]


def emit_amended(shard: Shard, order: Order, previous_price: int, previous_lots: int, *, kept: bool) -> None:
    shard.emit(
        events.OrderAmended(
            order.instrument_id, order.account_id, order.order_id, order.ask.client_order_id, previous_price,
            order.price, previous_lots, order.remaining, credit.loss(shard, order), order.margin_price,
            order.trigger_price, order.side, int(kept),
        )
    )  # fmt: skip
