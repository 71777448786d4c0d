"""What an account may come to in an instrument and in a correlation group, by trying every way in which orders fill."""

from __future__ import annotations

from itertools import product

from tests.model.matching import credit
from tests.model.matching.state import BUY, Order, Shard, refuse_if
from wavetank.matching.core.credit import GroupLimit
from wavetank.model.reason import Reason


def check_position(shard: Shard, order: Order, reach: int) -> None:
    line = shard.accounts[order.account_id].line
    most = shard.instruments[order.instrument_id].max_position_lots
    exposure = reach * credit.row(shard, order.account_id, order.instrument_id)[1]
    allowed = None
    for limit in line.position_limits if line else ():
        if limit.instrument_id == order.instrument_id:
            most = min(most, limit.size_lots or most)
            allowed = limit.exposure_micros
    refuse_if(reach > most, Reason.POSITION_TOO_LARGE, reach, most)
    if allowed:
        refuse_if(exposure > allowed, Reason.EXPOSURE_TOO_LARGE, exposure, allowed)


def check_group(shard: Shard, order: Order, others: list[Order]) -> None:
    """Refuse what could lead beyond a limit, and further than what is open now; never what only closes."""
    line = shard.accounts[order.account_id].line
    beside = [o for o in others if o.instrument_id == order.instrument_id and o.side == order.side and not o.reduces]
    if order.reduces and not beside:
        return
    for limit in line.group_limits if line else ():
        if order.instrument_id in limit.instrument_ids:
            net, gross = worst(shard, order.account_id, limit, [*others, order])
            net_now, gross_now = worst(shard, order.account_id, limit, shard.working(order.account_id))
            if limit.net_micros and net > net_now:
                refuse_if(net > limit.net_micros, Reason.GROUP_NET_TOO_LARGE, net, limit.net_micros)
            if limit.gross_micros and gross > gross_now:
                refuse_if(gross > limit.gross_micros, Reason.GROUP_GROSS_TOO_LARGE, gross, limit.gross_micros)


def worst(shard: Shard, account_id: int, limit: GroupLimit, orders: list[Order]) -> tuple[int, int]:
    """Return the largest net and gross of all ways in which each leg's buys and sells fill, or do not."""
    ends = []
    for instrument_id in limit.instrument_ids:
        if instrument_id not in shard.instruments:
            continue
        price = credit.row(shard, account_id, instrument_id)[1]
        position = shard.position(account_id, instrument_id)
        own = [o for o in orders if o.instrument_id == instrument_id]
        buys = sum([o.remaining for o in own if o.side == BUY])
        sells = sum([o.remaining for o in own if o.side != BUY])
        ends.append([lots * price for lots in (position, position + buys, position - sells, position + buys - sells)])
    long, short = limit.elsewhere_long_micros, limit.elsewhere_short_micros
    ways = list(product(*ends))
    return (
        max(abs(sum(way) + long - short) for way in ways),
        max(sum(abs(leg) for leg in way) + long + short for way in ways),
    )
