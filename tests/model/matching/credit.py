"""Credit: what an account commits, what clearing has not counted yet, and whether a line carries one order more."""

from __future__ import annotations

from fractions import Fraction

from tests.model.margin import initial_micros, maintenance_micros
from tests.model.matching.state import BUY, SELL, Order, Refused, Shard, refuse_if
from wavetank.model.orders import LineStatus
from wavetank.model.reason import Reason


def row(shard: Shard, account_id: int, instrument_id: int) -> tuple[int, int, int, int]:
    """Return counted position, margin price, leverage and share; price and share are the latest where none is named."""
    instrument = shard.instruments[instrument_id]
    leverage = instrument.max_leverage
    line = shard.accounts[account_id].line
    for named in line.rows if line else ():
        if named.instrument_id == instrument_id:
            leverage = named.leverage or leverage
            if named.margin_price_ticks:
                return named.position_lots, named.margin_price_ticks, leverage, named.scaled_ppm
    return 0, shard.marks.get(instrument_id, (0, False))[0], leverage, instrument.scaled_ppm


def rounded_up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def loss(shard: Shard, order: Order) -> int:
    """Return what filling the rest at the limit would lose: beyond the margin price, and the taker fee (R6)."""
    if order.waits:
        return 0
    beyond = order.price - order.margin_price if order.side == BUY else order.margin_price - order.price
    rest_fee_e6 = order.remaining * order.price * shard.rates(order.account_id, order.instrument_id).taker_fee_ppm
    fee = rounded_up(order.fee_e6 + rest_fee_e6, 10**6) - rounded_up(order.fee_e6, 10**6)
    return order.remaining * max(0, beyond) + fee


def committed_with(shard: Shard, account_id: int, orders: list[Order]) -> int:
    """Return W (R6) of an account that had these working orders."""
    total = 0
    for instrument_id, instrument in shard.instruments.items():
        _, price, leverage, scaled = row(shard, account_id, instrument_id)
        position = shard.position(account_id, instrument_id)
        # Wherever the fills may lead: all buys alone, or all sells alone.
        buys = sum([o.remaining for o in orders if o.instrument_id == instrument_id and o.side == BUY])
        sells = sum([o.remaining for o in orders if o.instrument_id == instrument_id and o.side == SELL])
        total += max(
            initial_micros(instrument, position + buys, price, leverage, scaled),
            initial_micros(instrument, position - sells, price, leverage, scaled),
        )
    return total + sum([loss(shard, order) for order in orders])


def committed(shard: Shard, account_id: int) -> int:
    if account_id not in shard.accounts:
        return 0
    return committed_with(shard, account_id, shard.working(account_id))


def uncounted(shard: Shard, account_id: int) -> int:
    """Return U (R5), of unbounded numbers; the line's counters are those of the history at as_of_seq."""
    account = shard.accounts[account_id]
    line_value, line_fees = (
        (account.line.counted_value_micros, account.line.counted_fees_micros) if account.line else (0, 0)
    )
    moved = 0
    for instrument_id in shard.instruments:
        counted, price, _, _ = row(shard, account_id, instrument_id)
        moved += price * (shard.position(account_id, instrument_id) - counted)
    return moved - (account.value - line_value) - (account.fees - line_fees)


def check_credit(shard: Shard, order: Order, others: list[Order]) -> None:
    """Check the line for an order beside the account's others, and fix the order's margin price."""
    account = shard.accounts[order.account_id]
    order.margin_price = row(shard, order.account_id, order.instrument_id)[1]
    status = account.line.status if account.line else None
    refuse_if(status == LineStatus.FROZEN, Reason.ACCOUNT_FROZEN)
    if is_pure_reduction(shard, order, others):
        return
    if account.line is None:
        raise Refused(Reason.NO_CREDIT_LINE)
    before = committed(shard, order.account_id)
    after = committed_with(shard, order.account_id, [*others, order])
    lost = sum(loss(shard, one) for one in shard.working(order.account_id))
    if after <= before and sum(loss(shard, one) for one in [*others, order]) <= lost:
        return
    refuse_if(status == LineStatus.REDUCE_ONLY, Reason.ACCOUNT_REDUCE_ONLY)
    oldest = shard.now
    if account.first_uncounted:
        oldest = shard.times[account.first_uncounted - 1]
    if account.line.mark_time_ns:
        oldest = min(oldest, account.line.mark_time_ns)
    ttl = shard.settings.credit_ttl_ns
    refuse_if(shard.now - oldest > ttl, Reason.CREDIT_STALE, shard.now - oldest, ttl)
    allowed = account.line.budget_micros + uncounted(shard, order.account_id)
    refuse_if(after > allowed + account.line.elsewhere_micros, Reason.CREDIT_EXCEEDED, after, allowed)
    refuse_if(after > allowed, Reason.CREDIT_ELSEWHERE, after, allowed)


def is_pure_reduction(shard: Shard, order: Order, others: list[Order]) -> bool:
    """Tell whether R7's exception holds: it never rests, stands alone, and loses no more than it releases."""
    if not order.reduces or order.may_rest:
        return False
    if any(o.instrument_id == order.instrument_id and o.side == order.side for o in others):
        return False
    instrument = shard.instruments[order.instrument_id]
    size = abs(shard.position(order.account_id, order.instrument_id))
    released = maintenance_micros(instrument, size, order.margin_price) - maintenance_micros(
        instrument, size - order.remaining, order.margin_price
    )
    line = shard.accounts[order.account_id].line
    if line is None:
        # What no mode asks less than, while nothing tells what the account has.
        return loss(shard, order) <= released * Fraction(3, 10)
    equity = line.equity_micros + uncounted(shard, order.account_id)
    needed = sum(
        maintenance_micros(each, abs(shard.position(order.account_id, key)), row(shard, order.account_id, key)[1])
        for key, each in shard.instruments.items()
    )
    part = 1 if equity >= needed else Fraction(max(0, equity), needed)
    return loss(shard, order) <= released * part
