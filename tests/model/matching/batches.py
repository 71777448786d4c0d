"""Several commands that are one: groups and atomic batches are tried on a draft first, then carried out."""

from __future__ import annotations

from tests.model.matching import acceptance, amending, placing, running
from tests.model.matching.acceptance import Member
from tests.model.matching.commands import Ask, outcome
from tests.model.matching.state import MARKET, OPEN, Refused, Shard, refuse_if
from wavetank.matching.core.commands import CommandResult
from wavetank.model.orders import CancelReason, CommandKind, GroupKind
from wavetank.model.reason import Reason

MOST_IN_ATOMIC = 100
MEMBERS = {
    GroupKind.ONE_CANCELS_OTHER: range(2, 9),
    GroupKind.PARENT: range(2, 4),
    GroupKind.POSITION: range(1, 3),
}


def malformed(shard: Shard, head: Ask, asks: list[Ask]) -> list[CommandResult]:
    """Refuse the head, and with it, unheard, what belongs to it."""
    refused = placing.emit_rejected(shard, head, Reason.MALFORMED)
    return [refused, *(placing.rejected(ask, Reason.BATCH_REFUSED) for ask in asks)]


def refuse_all(shard: Shard, head: Ask, asks: list[Ask], index: int, why: Refused) -> list[CommandResult]:
    """Refuse a whole batch because of one command in it, which alone gets the reason."""
    results = [placing.rejected(head, Reason.BATCH_REFUSED, index)]
    for at, ask in enumerate(asks):
        if at == index:
            results.append(placing.emit_rejected(shard, ask, why.reason, why.was, why.allowed))
        else:
            results.append(placing.emit_rejected(shard, ask, Reason.BATCH_REFUSED, index))
    return results


# Groups ----------------------------------------------------------------------------------------


def place_group(shard: Shard, head: Ask, asks: list[Ask]) -> list[CommandResult]:
    """Place orders that know of each other, all or none (ORD-040)."""
    fits = (
        head.group_kind in MEMBERS
        and len(asks) in MEMBERS[GroupKind(head.group_kind)]
        and all(ask.kind == CommandKind.PLACE for ask in asks)
        and len({(ask.account_id, ask.instrument_id) for ask in asks}) == 1
    )
    if not fits:
        return malformed(shard, head, asks)
    found = [placing.known(shard, ask) for ask in asks]
    if all(
        one is not None and placing.body(one.ask) == placing.body(ask) for one, ask in zip(found, asks, strict=True)
    ):
        return [outcome(repeated=True), *(placing.result(one, repeated=True) for one in found if one)]
    draft = shard.draft()
    members = []
    for index, ask in enumerate(asks):
        try:
            one = placing.known(draft, ask)
            was = 0 if one is None or one in members else one.order_id
            refuse_if(one is not None, Reason.CLIENT_ORDER_ID_REUSED, was)
            order = acceptance.accepted(draft, ask, Member(head.group_kind, asks[:index]))
        except Refused as refused:
            return refuse_all(shard, head, asks, index, refused)
        order.group_kind = head.group_kind
        placing.admit(draft, order)
        members.append(order)
    for order in members:
        order.group_id = members[0].order_id
        placing.admit(shard, order)
    for order in members:
        if order.state == OPEN:
            running.run(shard, order)
    # The group is one command: each member is answered as it stands behind the whole of it.
    for order in members:
        order.answer = (order.filled, order.remaining, order.value, order.state)
    return [outcome(), *(placing.result(order) for order in members)]


# Atomic batches --------------------------------------------------------------------------------


def atomic(shard: Shard, head: Ask, asks: list[Ask]) -> list[CommandResult]:
    """Carry out places, cancels and amends in order, if each would be accepted beside those before it."""
    fits = (
        1 <= len(asks) <= MOST_IN_ATOMIC
        and all(ask.kind in (CommandKind.PLACE, CommandKind.CANCEL, CommandKind.AMEND) for ask in asks)
        and len({ask.account_id for ask in asks}) == 1
    )
    if not fits:
        return malformed(shard, head, asks)
    draft = shard.draft()
    for index, ask in enumerate(asks):
        try:
            step(draft, ask)
        except Refused as refused:
            return refuse_all(shard, head, asks, index, refused)
    results = [outcome()]
    for ask in asks:
        try:
            results.append(step(shard, ask))
        except Refused as refused:
            if ask.kind == CommandKind.PLACE:
                results.append(overtaken(shard, ask, refused.reason))
            else:
                results.append(placing.emit_rejected(shard, ask, refused.reason, refused.was, refused.allowed))
    return results


def step(shard: Shard, ask: Ask) -> CommandResult:
    if ask.kind == CommandKind.PLACE:
        return placing.place(shard, ask)
    return amending.cancel_one(shard, ask) if ask.kind == CommandKind.CANCEL else amending.amend(shard, ask)


def overtaken(shard: Shard, ask: Ask, reason: int) -> CommandResult:
    """Accept, and cancel at once, an order that earlier trades of its batch left no room for."""
    order = acceptance.as_asked(shard, ask)
    if ask.order_type == MARKET and not ask.trigger_kind:
        order.price = acceptance.limit_of(shard, ask)
    placing.admit(shard, order)
    running.cancel(shard, order, CancelReason.OVERTAKEN, reason)
    order.answer = (order.filled, order.remaining, order.value, order.state)
    return placing.result(order)
