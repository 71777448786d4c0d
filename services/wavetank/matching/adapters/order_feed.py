"""Own order events: what befalls the orders of an account, for its open sessions.

A feed exists while an account has a session. It begins with the account's open orders as committed, so that a fill can
be told with the client's own id and side, and follows every cycle after that; the orders themselves stand in
`own_orders`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wavetank.matching.adapters.own_orders import OwnOrders

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wavetank.matching.core.queries import KnownOrder
    from wavetank.matching.ports import Committed


class Listener(Protocol):
    """Somebody who is told of the events of one account; must not wait."""

    def order_events(self, events: bytes, last_seq: int) -> None:
        """Take events of the account: the field `events` of a `SessionResponse`, as bytes."""


class OrderFeeds:
    """The feeds of all accounts that have a session; a sink of committed cycles."""

    def __init__(self) -> None:
        """Begin without sessions."""
        self.own_orders = OwnOrders()
        self._listeners: dict[int, list[Listener]] = {}

    def join(self, account_id: int, listener: Listener, open_orders: Iterable[KnownOrder]) -> None:
        """Tell a listener of an account's events from now on; called between two cycles."""
        listeners = self._listeners.get(account_id)
        if listeners is None:
            listeners = self._listeners[account_id] = []
            self.own_orders.follow(account_id, open_orders)
        listeners.append(listener)

    def leave(self, account_id: int, listener: Listener) -> None:
        """Tell a listener no more."""
        listeners = self._listeners.get(account_id)
        if listeners is None or listener not in listeners:
            return
        listeners.remove(listener)
        if not listeners:
            del self._listeners[account_id]
            self.own_orders.forget(account_id)

    def committed(self, cycle: Committed) -> None:
        """Tell every listener what the cycle did to its account's orders."""
        if not self._listeners:
            return
        if cycle.records:
            for account_id, events in self.own_orders.committed(cycle.records, cycle.first_seq, cycle.now_ns):
                for listener in self._listeners[account_id]:
                    listener.order_events(events, cycle.last_seq)
