"""A market-making bot: it keeps one bid and one ask near the market through a session, and renews them."""

import random

from loadtest.calls import session_refusals
from loadtest.prices import MICROS, lots_of_notional, price_step, quotes_around, round_down
from loadtest.session import OrderSession
from loadtest.users.trading import TradingUser
from locust import constant_throughput, task

from wavetank.v1 import instrument_pb2, order_entry_pb2

NEAREST_PPM = 100
FURTHEST_PPM = 2_000
SMALLEST_MICROS = 50 * MICROS
LARGEST_MICROS = 500 * MICROS


class QuotingUser(TradingUser):
    """Places two quotes, moves one, shrinks the other, and cancels both: four messages a round, two rounds a second."""

    weight = 3
    # Rounds begin at a steady rate whether or not the venue is slow: a bot that waits for its answers before it asks
    # again would hide the queue that it stands in.
    wait_time = constant_throughput(2)

    _session: OrderSession | None = None
    _next_id = 1

    @task
    def renew_quotes(self) -> None:
        """Run one round; skip it while there is no price."""
        session = self._open_session()
        if session is None or self.feed is None or not self.feed.middle_ticks:
            return
        pair = quotes_around(self.instrument, self.feed.middle_ticks, random.randint(NEAREST_PPM, FURTHEST_PPM))
        bid = self._quote(instrument_pb2.SIDE_BUY, pair.bid_ticks)
        ask = self._quote(instrument_pb2.SIDE_SELL, pair.ask_ticks)
        placed = self._send("place", bid, ask)
        if placed is None or len(placed.results) != 2:  # noqa: PLR2004 - one result for each of the two quotes.
            return
        live = [
            (result.order_id, command.place)
            for result, command in zip(placed.results, (bid, ask), strict=True)
            if result.state == order_entry_pb2.ORDER_STATE_OPEN
        ]
        for order_id, order in live:
            self._amend(order_id, order)
        if live:
            self._send("cancel", *(self._cancel(order_id, order) for order_id, order in live))

    def leave(self) -> None:
        """End the session, which cancels what is still open."""
        if self._session is not None:
            self._session.close()
            self._session = None
        super().leave()

    def _open_session(self) -> OrderSession | None:
        if self._session is not None and self._session.ended is not None:
            self._session.close()
            self._session = None
        if self._session is None:
            session = OrderSession(self.matching, self.account.key)
            if self.calls.make("session", "open", session.open, session_refusals) is None:
                session.close()
                return None
            self._session = session
        return self._session

    def _send(self, name: str, *commands: order_entry_pb2.Command) -> order_entry_pb2.SessionResponse | None:
        session = self._session
        if session is None:
            return None
        return self.calls.make("session", name, lambda: session.send(*commands), session_refusals)

    def _quote(self, side: instrument_pb2.Side.ValueType, price_ticks: int) -> order_entry_pb2.Command:
        notional = random.randint(SMALLEST_MICROS, LARGEST_MICROS)
        client_order_id = self._next_id.to_bytes(8, "big")
        self._next_id += 1
        return order_entry_pb2.Command(
            place=order_entry_pb2.PlaceOrder(
                instrument_id=self.instrument.instrument_id,
                side=side,
                order_type=order_entry_pb2.ORDER_TYPE_LIMIT,
                price_ticks=price_ticks,
                size_lots=lots_of_notional(self.instrument, price_ticks, notional),
                time_in_force=order_entry_pb2.TIME_IN_FORCE_GTC,
                post_only=True,
                client_order_id=client_order_id,
            )
        )

    def _amend(self, order_id: int, order: order_entry_pb2.PlaceOrder) -> None:
        """Move a bid one step down, which loses its place; shrink an ask, which keeps it."""
        if order.side == instrument_pb2.SIDE_BUY:
            lower = round_down(self.instrument, order.price_ticks - price_step(self.instrument, order.price_ticks))
            amend = order_entry_pb2.AmendOrder(order_id=order_id, price_ticks=lower)
        else:
            smallest = lots_of_notional(self.instrument, order.price_ticks, 0)
            amend = order_entry_pb2.AmendOrder(order_id=order_id, size_lots=max(order.size_lots * 3 // 4, smallest))
        self._send("amend", order_entry_pb2.Command(amend=amend))

    @staticmethod
    def _cancel(order_id: int, order: order_entry_pb2.PlaceOrder) -> order_entry_pb2.Command:
        """Cancel by the venue's id or by the bot's own, as bots do."""
        cancel = order_entry_pb2.CancelOrder()
        if random.random() < 0.5:  # noqa: PLR2004 - one half.
            cancel.order_id = order_id
        else:
            cancel.client_order_id = order.client_order_id
        return order_entry_pb2.Command(cancel=cancel)
