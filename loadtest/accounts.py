"""An account of its own for every user: opened, funded, with a key, and known to matching.

Key and credit line reach matching through the venue's logs, a moment after clearing has answered. That moment is
measured as one request, `account ready`: it is what a new customer waits for.
"""

import itertools
import secrets
import time
from dataclasses import dataclass

import gevent
import grpc
from loadtest.calls import TIMEOUT_SECONDS, Calls, authorization
from loadtest.outcomes import code_of_error
from loadtest.prices import MICROS, lots_of_notional, quotes_around

from wavetank.v1 import (
    account_pb2,
    account_pb2_grpc,
    api_key_pb2,
    api_key_pb2_grpc,
    instrument_pb2,
    market_data_pb2,
    market_data_pb2_grpc,
    order_entry_pb2,
    order_entry_pb2_grpc,
    reason_pb2,
)

DEPOSIT_MICROS = 1_000_000 * MICROS
READY_SECONDS = 15.0
"""Longest wait for the first order to be acceptable."""

_POLL_SECONDS = 0.05
# A quote so far from the mark does not trade while it is tried; half the usual band is further still.
_TRIAL_DISTANCE_PPM = 40_000
_run = secrets.token_hex(4)
_numbers = itertools.count(1)

_NOT_YET = frozenset(
    {
        reason_pb2.REASON_NO_CREDIT_LINE,
        reason_pb2.REASON_CREDIT_STALE,
        reason_pb2.REASON_CREDIT_EXCEEDED,
        reason_pb2.REASON_NO_REFERENCE_PRICE,
        reason_pb2.REASON_ACCOUNT_UNKNOWN,
    }
)
_NOT_YET_CODES = frozenset(
    {
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.UNAVAILABLE,
    }
)


class NotReady(Exception):
    """An account could not trade within `READY_SECONDS`; the message says what the venue answered last."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account and the key that trades for it."""

    account_id: int
    key: str


def open_account(calls: Calls, clearing: grpc.Channel, play_key: str) -> Account | None:
    """Open an account, make its key, and deposit with that key.

    Args:
        calls: reports the three calls.
        clearing: channel to clearing.
        play_key: key of scope admin.

    Returns:
        The account, or nothing when one of the calls failed; it has been reported then.

    """
    accounts = account_pb2_grpc.AccountServiceStub(clearing)
    keys = api_key_pb2_grpc.ApiKeyServiceStub(clearing)
    admin = authorization(play_key)
    name = f"load-{_run}-{next(_numbers)}"
    opened = calls.make(
        "account",
        "open",
        lambda: accounts.OpenAccount(
            account_pb2.OpenAccountRequest(name=name), metadata=admin, timeout=TIMEOUT_SECONDS
        ),
    )
    if opened is None:
        return None
    account_id = opened.account.account_id
    created = calls.make(
        "account",
        "create key",
        lambda: keys.CreateApiKey(
            api_key_pb2.CreateApiKeyRequest(
                account_id=account_id, scopes=[api_key_pb2.SCOPE_READ, api_key_pb2.SCOPE_TRADE]
            ),
            metadata=admin,
            timeout=TIMEOUT_SECONDS,
        ),
    )
    if created is None:
        return None
    deposited = calls.make(
        "account",
        "deposit",
        lambda: accounts.Deposit(
            account_pb2.DepositRequest(amount_micros=DEPOSIT_MICROS),
            metadata=authorization(created.secret_key),
            timeout=TIMEOUT_SECONDS,
        ),
    )
    return None if deposited is None else Account(account_id, created.secret_key)


def wait_until_ready(
    calls: Calls, matching: grpc.Channel, account: Account, instrument: instrument_pb2.Instrument
) -> bool:
    """Wait until matching accepts an order of the account, at most `READY_SECONDS`; return whether it does.

    The order is a post-only bid far below the mark, and is cancelled at once.
    """
    began = time.perf_counter()
    last = "nothing"
    while time.perf_counter() - began < READY_SECONDS:
        try:
            last = _try_order(matching, account, instrument)
        except grpc.RpcError as error:
            code = code_of_error(error)
            if code not in _NOT_YET_CODES:
                calls.report("account", "ready", began, 0, error)
                calls.wait()
                return False
            last = str(code)
        if not last:
            calls.report("account", "ready", began, 0, None)
            return True
        gevent.sleep(_POLL_SECONDS)
    calls.report("account", "ready", began, 0, NotReady(f"not ready within {READY_SECONDS} s: {last}"))
    calls.wait()
    return False


def _try_order(matching: grpc.Channel, account: Account, instrument: instrument_pb2.Instrument) -> str:
    """Place and cancel an order; return nothing, or what stands in its way."""
    orders = order_entry_pb2_grpc.OrderEntryServiceStub(matching)
    metadata = authorization(account.key)
    book = market_data_pb2_grpc.MarketDataServiceStub(matching).GetBook(
        market_data_pb2.GetBookRequest(instrument_id=instrument.instrument_id, depth=1),
        metadata=metadata,
        timeout=TIMEOUT_SECONDS,
    )
    mark = book.prices.mark_price_ticks
    if mark <= 0:
        return "no mark price yet"
    bid = quotes_around(instrument, mark, _TRIAL_DISTANCE_PPM).bid_ticks
    placed = orders.PlaceOrder(
        order_entry_pb2.PlaceOrderRequest(
            order=order_entry_pb2.PlaceOrder(
                instrument_id=instrument.instrument_id,
                side=instrument_pb2.SIDE_BUY,
                order_type=order_entry_pb2.ORDER_TYPE_LIMIT,
                price_ticks=bid,
                size_lots=lots_of_notional(instrument, bid, 0),
                time_in_force=order_entry_pb2.TIME_IN_FORCE_GTC,
                post_only=True,
            )
        ),
        metadata=metadata,
        timeout=TIMEOUT_SECONDS,
    ).result
    if placed.HasField("refusal"):
        reason = reason_pb2.Reason.Name(placed.refusal.reason)
        # Any other refusal is for the user's own calls to meet, and to report under their name.
        return reason if placed.refusal.reason in _NOT_YET else ""
    orders.CancelOrder(
        order_entry_pb2.CancelOrderRequest(cancel=order_entry_pb2.CancelOrder(order_id=placed.order_id)),
        metadata=metadata,
        timeout=TIMEOUT_SECONDS,
    )
    return ""
