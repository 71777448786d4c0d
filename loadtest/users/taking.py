"""A taker: small orders that trade at once, through unary calls, and the questions that such a bot asks."""

import random

from loadtest.calls import TIMEOUT_SECONDS, authorization, result_refusal
from loadtest.prices import MICROS, crossing_price, lots_of_notional
from loadtest.users.trading import TradingUser
from locust import constant_throughput, task

from wavetank.v1 import account_pb2, account_pb2_grpc, instrument_pb2, order_entry_pb2, order_entry_pb2_grpc

SLIPPAGE_PPM = 3_000
SMALLEST_MICROS = 20 * MICROS
LARGEST_MICROS = 200 * MICROS


class TakingUser(TradingUser):
    """Takes from the book two times in five, and asks about orders and account in between."""

    weight = 1
    wait_time = constant_throughput(2)

    _position_lots = 0
    _last_order_id = 0

    @task(4)
    def take(self) -> None:
        """Send an immediate-or-cancel order that reduces the position, or any while there is none."""
        if self.feed is None or not self.feed.mark_ticks:
            return
        buys = self._position_lots < 0 if self._position_lots else random.random() < 0.5  # noqa: PLR2004 - one half.
        side = instrument_pb2.SIDE_BUY if buys else instrument_pb2.SIDE_SELL
        price = crossing_price(self.instrument, self.feed.mark_ticks, side, SLIPPAGE_PPM)
        size = lots_of_notional(self.instrument, price, random.randint(SMALLEST_MICROS, LARGEST_MICROS))
        order = order_entry_pb2.PlaceOrder(
            instrument_id=self.instrument.instrument_id,
            side=side,
            order_type=order_entry_pb2.ORDER_TYPE_LIMIT,
            price_ticks=price,
            size_lots=size,
            time_in_force=order_entry_pb2.TIME_IN_FORCE_IOC,
        )
        answer = self.calls.make(
            "order",
            "place ioc",
            lambda: self._orders().PlaceOrder(
                order_entry_pb2.PlaceOrderRequest(order=order), metadata=self._metadata(), timeout=TIMEOUT_SECONDS
            ),
            result_refusal,
        )
        if answer is not None and answer.result.order_id:
            self._last_order_id = answer.result.order_id
            self._position_lots += answer.result.filled_lots if buys else -answer.result.filled_lots

    @task(3)
    def ask_for_order(self) -> None:
        """Ask what became of the last order."""
        if self._last_order_id:
            self.calls.make(
                "order",
                "get",
                lambda: self._orders().GetOrder(
                    order_entry_pb2.GetOrderRequest(order_id=self._last_order_id),
                    metadata=self._metadata(),
                    timeout=TIMEOUT_SECONDS,
                ),
            )

    @task(1)
    def list_open_orders(self) -> None:
        """List the open orders."""
        self.calls.make(
            "order",
            "list open",
            lambda: self._orders().ListOpenOrders(
                order_entry_pb2.ListOpenOrdersRequest(), metadata=self._metadata(), timeout=TIMEOUT_SECONDS
            ),
        )

    @task(2)
    def read_account(self) -> None:
        """Read equity and margins."""
        self.calls.make(
            "account",
            "get",
            lambda: account_pb2_grpc.AccountServiceStub(self.clearing).GetAccount(
                account_pb2.GetAccountRequest(), metadata=self._metadata(), timeout=TIMEOUT_SECONDS
            ),
        )

    def _orders(self) -> order_entry_pb2_grpc.OrderEntryServiceStub:
        return order_entry_pb2_grpc.OrderEntryServiceStub(self.matching)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return authorization(self.account.key)
