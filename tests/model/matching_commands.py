"""Random commands, as fits what the accounts have: most have a chance, some are wrong in every way."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from tests.model.matching import Ask, Shard, quotes
from tests.model.matching.state import CANCEL_ON_DISCONNECT, LIQUIDATION, POST_ONLY, POST_ONLY_SLIDE, QUOTE, REDUCE_ONLY
from tests.model.matching_inputs import BEAT_NS, CLIENTS, has
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.orders import CommandKind, GroupKind


def random_account(random: Random) -> int:
    return random.choice(CLIENTS) if random.random() < 0.98 else 9_999


def random_commands(shard: Shard, random: Random) -> list[Ask]:
    """Return one command, or a head with what belongs to it."""
    account_id = random_account(random)
    roll = random.random()
    if roll < 0.06 and has("groups"):
        return misshapen(random, random_group(shard, random, account_id))
    if roll < 0.10 and has("quotes"):
        return misshapen(random, random_quotes(shard, random, account_id))
    if roll < 0.15 and has("atomic"):
        return misshapen(random, random_atomic(shard, random, account_id))
    if roll < 0.165 and has("dead man"):
        seconds = random.choice((0, 0, 0, 1, 3, 6, 9, 20))
        timeout = seconds * 10**9 if random.random() < 0.95 else random.choice((-1, 1, 10**15))
        return [Ask(CommandKind.CANCEL_ALL_AFTER, account_id, expire_time_ns=timeout)]
    if roll < 0.168 and has("disconnected"):
        return [Ask(CommandKind.CANCEL_DISCONNECTED, 0)]
    return [random_ask(shard, random)]


def misshapen(random: Random, asks: list[Ask]) -> list[Ask]:
    """Now and then count wrong, or let something in that does not belong."""
    roll = random.random()
    if roll < 0.02:
        asks[0].count += random.choice((-1, 1, 5, -20))
    elif roll < 0.03 and len(asks) > 1:
        asks[-1].kind = random.choice((CommandKind.CANCEL_ALL, CommandKind.ATOMIC))
    elif roll < 0.04 and len(asks) > 1:
        asks[-1].account_id = random.choice(CLIENTS)
    return asks


def random_ask(shard: Shard, random: Random) -> Ask:
    """Return one command that stands for itself."""
    account_id = random_account(random)
    roll = random.random()
    if roll < 0.03:
        again = random_repetition(shard, random, account_id)
        if again is not None:
            return again
    if roll < 0.85:
        return random_place(shard, random, account_id)
    if roll < 0.87:
        return Ask(
            CommandKind.CANCEL_ALL, account_id, instrument_id=random.choice((0, 1, 2, 7)),
            side=random.choice((0, 1, 2)), cancel_reason=random.choice((0, 1, 6)),
        )  # fmt: skip
    return random_change(shard, random, account_id, cancels=roll < 0.92)


def random_repetition(shard: Shard, random: Random, account_id: int) -> Ask | None:
    """Return a place that was sent before, perhaps with another body."""
    account = shard.accounts.get(account_id)
    known = [o.ask for o in (*shard.own(account_id), *(account.remembered if account else ()))]
    known = [ask for ask in known if ask.client_order_id and ask.kind == CommandKind.PLACE]
    if not known:
        return None
    again: Ask = random.choice(known)
    return again if random.random() < 0.8 else replace(again, size_lots=again.size_lots + 1)


def random_change(shard: Shard, random: Random, account_id: int, *, cancels: bool) -> Ask:
    """Return a cancel or an amend, mostly of an order that is there."""
    own = shard.own(account_id)
    order = random.choice(own) if own and random.random() < 0.9 else None
    order_id = order.order_id if order else random.randint(0, 9)
    client_id = order.ask.client_order_id if order else b""
    if order and client_id:
        order_id, client_id = (order_id, b"") if random.random() < 0.5 else (0, client_id)
    if cancels:
        return Ask(CommandKind.CANCEL, account_id, order_id=order_id, client_order_id=client_id)
    price = size = trigger = 0
    if random.random() < 0.6 and not (order and order.is_market and random.random() < 0.9):
        price = random_price(shard, random, order.instrument_id if order else 1)
    if random.random() < 0.7:
        size = max(0, (order.filled + order.remaining if order else 5) + random.randint(-12, 8))
    if random.random() < (0.5 if order and order.waits else 0.02) and has("triggers"):
        trigger = random_price(shard, random, order.instrument_id if order else 1)
    return Ask(
        CommandKind.AMEND, account_id, order_id=order_id, client_order_id=client_id, price_ticks=price,
        size_lots=size, trigger_price_ticks=trigger,
    )  # fmt: skip


def random_price(shard: Shard, random: Random, instrument_id: int) -> int:
    """Return a price near the mark, mostly one that the first instrument's grid has."""
    mark = shard.marks.get(instrument_id, (100, False))[0]
    reach = 3 if random.random() < 0.7 else mark // 12 + 1
    price = mark + random.randint(-reach, reach)
    if instrument_id == 1 and price >= 100 and random.random() < 0.9:
        price -= price % 10
    return price if random.random() < 0.99 else random.choice((0, -5, 2**31, 2**31 - 1, mark * 3))


def random_client_id(random: Random) -> bytes:
    roll = random.random()
    return b"" if roll < 0.6 else b"%d" % random.randint(0, 9_999) if roll < 0.95 else b"a"


def random_place(shard: Shard, random: Random, account_id: int) -> Ask:
    instrument_id = random.choice((1, 1, 2)) if random.random() < 0.98 else 9
    market = random.random() < 0.12
    tif = random.choice((1, 1, 1, 1, 1, 1, 2, 3))
    flags = random.choice((0, 0, 0, 0, 0, 0, 1, 2, 2, 3))
    if random.random() < 0.95:
        # Mostly bodies that fit together.
        tif = random.choice((0, 2, 3)) if market else tif
        flags &= ~1 if market or tif != 1 else 3
    position = shard.position(account_id, instrument_id)
    side = random.choice((1, 2))
    lots = random.randint(1, 25)
    if flags & 2 and not position and random.random() < 0.9:
        flags &= ~2
    if flags & 2 and position:
        side = 2 if position > 0 else 1
        lots = random.randint(1, abs(position) + 1)
    ask = Ask(
        CommandKind.PLACE, account_id, instrument_id, side if random.random() < 0.99 else 3,
        2 if market else 1, tif, flags,
        client_order_id=random_client_id(random),
        price_ticks=0 if market and random.random() < 0.97 else random_price(shard, random, instrument_id),
        size_lots=lots if random.random() < 0.97 else random.choice((0, -1, 51, 2**31, 2**40)),
        slippage_cap_ppm=random.choice((0, 50_000, 900_000)) if market else int(random.random() < 0.01),
    )  # fmt: skip
    add_features(shard, random, ask)
    return ask


def add_features(shard: Shard, random: Random, ask: Ask) -> None:
    """Give an order some of what a professional's orders have."""
    rests = ask.order_type == 1 and ask.time_in_force == 1
    if has("self trade"):
        ask.self_trade_prevention = random.choice((0, 0, 1, 2, 2, 3, 3)) if random.random() < 0.99 else 4
    if has("disconnected") and random.random() < 0.15:
        ask.flags |= CANCEL_ON_DISCONNECT
    if has("timers") and random.random() < (0.15 if rests else 0.01):
        ask.time_in_force = 4
        ask.expire_time_ns = shard.now + BEAT_NS * random.randint(-1, 20) if random.random() < 0.98 else 0
        switches = [account.deadline for account in shard.accounts.values() if account.deadline]
        if switches and random.random() < 0.3:
            ask.expire_time_ns = random.choice(switches)
    roll = random.random()
    if has("triggers") and roll < 0.15:
        add_trigger(shard, random, ask)
    elif has("iceberg") and roll < (0.30 if rests else 0.16):
        ask.display_lots = random.randint(1, 6) if random.random() < 0.97 else random.choice((-1, 60))
    if has("slide") and random.random() < (0.5 if ask.flags & POST_ONLY else 0.01):
        ask.flags |= POST_ONLY_SLIDE
    if random.random() < 0.003:
        ask.flags |= random.choice((LIQUIDATION, QUOTE, 64))


def add_trigger(shard: Shard, random: Random, ask: Ask) -> None:
    """Let an order wait for a price that is near, mostly on the side that it does not stand on yet."""
    ask.trigger_kind = random.choice((1, 2))
    ask.trigger_source = random.choice((1, 1, 2, 2, 3))
    at = shard.last_prices.get(ask.instrument_id, 0) if ask.trigger_source == 2 else 0
    at = at or shard.marks.get(ask.instrument_id, (100, False))[0]
    rises = (ask.trigger_kind == 1) == (ask.side == 1)
    away = random.randint(1, 6) if random.random() < 0.9 else random.randint(-4, 0)
    price = at + away if rises else at - away
    if ask.instrument_id == 1 and price >= 100 and random.random() < 0.95:
        price = -(-price // 10) * 10 if rises else price // 10 * 10
    ask.trigger_price_ticks = price if random.random() < 0.99 else random.choice((0, -1, 2**31))
    if random.random() < 0.01:
        ask.trigger_source = random.choice((0, 4))
    if random.random() < 0.9:
        ask.flags &= ~POST_ONLY_SLIDE


# Several at once -------------------------------------------------------------------------------


def random_group(shard: Shard, random: Random, account_id: int) -> list[Ask]:
    kind = random.choice(tuple(GroupKind))
    instrument_id = random.choice((1, 1, 2))
    position = shard.position(account_id, instrument_id)
    if kind == GroupKind.POSITION and not position and random.random() < 0.9:
        kind = GroupKind.PARENT
    if kind == GroupKind.ONE_CANCELS_OTHER:
        asks = [random_member(shard, random, account_id, instrument_id) for _ in range(random.choice((2, 2, 3)))]
    elif kind == GroupKind.PARENT:
        parent = random_member(shard, random, account_id, instrument_id, parent=True)
        asks = [parent, *random_exits(shard, random, parent, 3 - parent.side, parent.size_lots)]
    else:
        like = Ask(CommandKind.PLACE, account_id, instrument_id)
        side = (2 if position > 0 else 1) if random.random() < 0.97 else 1
        asks = random_exits(shard, random, like, side, random.choice((0, 0, abs(position) + 2)))
    if random.random() < 0.05:
        random.choice(asks).flags ^= REDUCE_ONLY
    group_kind = int(kind) if random.random() < 0.99 else 4
    return [Ask(CommandKind.PLACE_GROUP, 0, count=len(asks), group_kind=group_kind), *asks]


def random_member(shard: Shard, random: Random, account_id: int, instrument_id: int, *, parent: bool = False) -> Ask:
    ask = random_place(shard, random, account_id)
    ask.instrument_id = instrument_id
    ask.side = random.choice((1, 2))
    ask.size_lots = random.randint(2, 20)
    if parent and random.random() < 0.97:
        ask.flags &= ~REDUCE_ONLY
        ask.trigger_kind = ask.trigger_source = ask.trigger_price_ticks = 0
    if not parent and not ask.trigger_kind and ask.time_in_force != 4 and random.random() < 0.97:
        ask.order_type, ask.time_in_force, ask.slippage_cap_ppm = 1, 1, 0
        ask.price_ticks = random_price(shard, random, instrument_id)
    return ask


def random_exits(shard: Shard, random: Random, like: Ask, side: int, most: int) -> list[Ask]:
    """Return a stop or a take-profit, or one of each."""
    asks = []
    for trigger_kind in random.choice(((1,), (2,), (1, 2), (2, 1))):
        market = random.random() < 0.5
        ask = Ask(
            CommandKind.PLACE, like.account_id, like.instrument_id, side, 2 if market else 1, 0 if market else 1,
            REDUCE_ONLY, client_order_id=random_client_id(random),
            price_ticks=0 if market else random_price(shard, random, like.instrument_id),
            size_lots=random.randint(1, most + (random.random() < 0.05)) if most > 0 else most,
        )  # fmt: skip
        add_trigger(shard, random, ask)
        ask.trigger_kind = trigger_kind if random.random() < 0.97 else 1
        # The way the price must go changes with the kind.
        mark = shard.marks.get(ask.instrument_id, (100, False))[0]
        price = mark + random.randint(1, 6) * (1 if (trigger_kind == 1) == (side == 1) else -1)
        ask.trigger_price_ticks = price if like.instrument_id == 2 or price < 100 else -(-price // 10) * 10
        asks.append(ask)
    return asks


def random_quotes(shard: Shard, random: Random, account_id: int) -> list[Ask]:
    """Return a mass quote; some of its quotes stand already."""
    instrument_id = random.choice((1, 1, 2)) if random.random() < 0.99 else 9
    slide = POST_ONLY_SLIDE if random.random() < 0.3 else 0
    standing = [o for o in shard.own(account_id) if o.flags & QUOTE and o.instrument_id == instrument_id]
    asks = []
    for _ in range(random.choice((0, 1, 2, 2, 3, 4))):
        ask = Ask(
            CommandKind.PLACE, account_id, instrument_id, random.choice((1, 2)), 1, 1, quotes.NEEDED | slide,
            size_lots=random.randint(2, 9) if random.random() < 0.97 else 0,
            self_trade_prevention=random.choice((0, 0, 2, 3)),
        )  # fmt: skip
        mark = shard.marks.get(instrument_id, (100, False))[0]
        price = mark + random.randint(0, 4) * (1 if ask.side == 2 else -1)
        ask.price_ticks = price - price % 10 if instrument_id == 1 and price >= 100 else price
        if standing and random.random() < 0.5:
            like = random.choice(standing)
            ask.side, ask.price_ticks = like.side, like.price
            ask.size_lots = max(1, like.remaining + random.randint(-2, 1))
        if random.random() < 0.01:
            ask.flags |= REDUCE_ONLY
        asks.append(ask)
    return [Ask(CommandKind.MASS_QUOTE, account_id, instrument_id, count=len(asks)), *asks]


def random_atomic(shard: Shard, random: Random, account_id: int) -> list[Ask]:
    """Return an atomic batch, mostly of a size and kind that has a chance."""
    asks: list[Ask] = []
    for _ in range(random.randint(1, 4)):
        roll = random.random()
        if roll < 0.6 or not (shard.own(account_id) or asks):
            ask = random_place(shard, random, account_id)
            if random.random() < 0.8:
                # Plain ones, that trade with what rests, or with what the batch itself left.
                ask = Ask(
                    CommandKind.PLACE, account_id, random.choice((1, 1, 2)), random.choice((1, 2)), 1,
                    random.choice((1, 1, 2, 3)), client_order_id=ask.client_order_id, size_lots=random.randint(2, 9),
                )  # fmt: skip
                ask.price_ticks = random_price(shard, random, ask.instrument_id)
                if random.random() < 0.3:
                    ask.time_in_force, ask.flags = 1, random.choice((POST_ONLY, POST_ONLY, REDUCE_ONLY))
            asks.append(ask)
        else:
            ask = random_change(shard, random, account_id, cancels=random.random() < 0.5)
            earlier = [one.client_order_id for one in asks if one.client_order_id]
            if earlier and random.random() < 0.4:
                ask.order_id, ask.client_order_id = 0, random.choice(earlier)
            asks.append(ask)
    first = asks[0]
    if first.kind == CommandKind.PLACE and random.random() < 0.5:
        # What the first one leaves behind stands in the second one's way: no lots, or its own rest.
        first.order_type, first.flags, first.display_lots, first.trigger_kind = 1, 0, 0, 0
        first.time_in_force, first.expire_time_ns, first.slippage_cap_ppm = random.choice((1, 2)), 0, 0
        first.trigger_source = first.trigger_price_ticks = 0
        second = replace(first, time_in_force=3, client_order_id=b"")
        if random.random() < 0.5:
            second = replace(second, time_in_force=1, flags=POST_ONLY, side=3 - first.side)
        asks.insert(1, second)
    return [Ask(CommandKind.ATOMIC, account_id, count=len(asks)), *asks]


def random_request(shard: Shard, random: Random) -> Ask:
    """Return a request of clearing, mostly to somebody with a position."""
    known = [*CLIENTS, BACKSTOP_VAULT_ID]
    holders = [a for a in known if shard.position(a, 1) or shard.position(a, 2)]
    account_id = random.choice(holders if holders and random.random() < 0.9 else known)
    instrument_id = next((i for i in (1, 2) if shard.position(account_id, i)), random.choice((1, 2, 9)))
    position = shard.position(account_id, instrument_id)
    request = (shard.request[0] + (0 if random.random() < 0.1 else 1), random.randint(0, 1))
    roll = random.random()
    if roll < 0.2:
        return Ask(CommandKind.CANCEL_ACCOUNT, account_id, request=request)
    if roll < 0.6:
        side = (2 if position > 0 else 1) if random.random() < 0.9 else 1
        near = random_price(shard, random, instrument_id)
        price = random.choice((1, 10**6, 2**31)) if random.random() < 0.4 else near
        return Ask(
            CommandKind.LIQUIDATE, account_id, instrument_id, side, request=request,
            size_lots=random.choice((0, 1, 7, 500, 2**33)), price_ticks=price,
        )  # fmt: skip
    opposite = [a for a in known if shard.position(a, instrument_id) * position < 0]
    receiver = random.choice(opposite if opposite and random.random() < 0.7 else known)
    return Ask(
        CommandKind.TRANSFER, account_id, instrument_id, request=request,
        size_lots=-position + random.randint(-3, 3), value_micros=random.randint(-5_000, 5_000),
        receiver_account_id=receiver, may_increase=random.choice((0, 0, 1, 1, 2, 3)),
    )  # fmt: skip
