"""What a shard answers without changing: whether an order would be accepted (ORD-050)."""

from __future__ import annotations

from typing import NamedTuple

from tests.model.matching import acceptance, book, credit, placing
from tests.model.matching.commands import Ask
from tests.model.matching.state import Refused, Shard, refuse_if
from wavetank.model.orders import InstrumentState
from wavetank.model.reason import Reason


class Check(NamedTuple):
    """What a dry run says; the fields of the engine's `OrderCheck`."""

    reason: int
    was: int
    allowed: int
    price_ticks: int
    fill_lots: int
    fill_value_micros: int
    committed_before: int
    committed_after: int
    available: int


def check_place(shard: Shard, now: int, ask: Ask) -> Check:
    """Say what would become of a place now; no timer fires for it."""
    asked = shard.draft()
    asked.now = now
    account = asked.accounts.get(ask.account_id)
    before = credit.committed(asked, ask.account_id)
    available = account.line.budget_micros + credit.uncounted(asked, ask.account_id) if account and account.line else 0
    try:
        found = placing.known(asked, ask)
        if found is not None:
            refuse_if(placing.body(ask) != placing.body(found.ask), Reason.CLIENT_ORDER_ID_REUSED, found.order_id)
            return Check(0, 0, 0, 0, 0, 0, before, before, available)
        order = acceptance.accepted(asked, ask)
    except Refused as refused:
        return Check(refused.reason, refused.was, refused.allowed, 0, 0, 0, before, before, available)
    if order.waits:
        return Check(0, 0, 0, order.price, 0, 0, before, before, available)
    matches = asked.states[ask.instrument_id] != InstrumentState.AUCTION
    lots, value = book.certain(asked, order) if matches else (0, 0)
    after = credit.committed_with(asked, ask.account_id, [*asked.working(ask.account_id), order])
    return Check(0, 0, 0, order.price, lots, value, before, after, available)
