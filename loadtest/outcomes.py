"""What counts as a failure, and what is business.

A venue under load refuses things all the time: a quote would cross, an order was filled before its cancel came. Those
are answers, and fast ones are good ones, so they are counted by name and are no failures. A refusal that says that
the bot itself is wrong (a price off the grid, a malformed message) would make the numbers worthless, and is one.
"""

from collections import Counter

import grpc
from google.rpc import error_details_pb2, status_pb2

from wavetank.v1 import order_entry_pb2, reason_pb2

TALLY: Counter[str] = Counter()
"""Counts of this process: refusals by reason, messages by stream."""

BUSINESS = frozenset(
    {
        reason_pb2.REASON_RATE_LIMITED,
        # The book, the mark or the position moved while the command travelled.
        reason_pb2.REASON_OUTSIDE_PRICE_BAND,
        reason_pb2.REASON_NO_REFERENCE_PRICE,
        reason_pb2.REASON_POST_ONLY_WOULD_CROSS,
        reason_pb2.REASON_FILL_OR_KILL_UNFILLED,
        reason_pb2.REASON_REDUCE_ONLY_WOULD_INCREASE,
        reason_pb2.REASON_ORDER_UNKNOWN,
        reason_pb2.REASON_AMEND_BELOW_FILLED,
        reason_pb2.REASON_INSTRUMENT_STATE,
        reason_pb2.REASON_OPEN_INTEREST_CAP,
        # Margin, as it stands or until clearing has caught up.
        reason_pb2.REASON_CREDIT_EXCEEDED,
        reason_pb2.REASON_NO_CREDIT_LINE,
        reason_pb2.REASON_CREDIT_STALE,
        reason_pb2.REASON_CREDIT_ELSEWHERE,
        reason_pb2.REASON_ACCOUNT_REDUCE_ONLY,
        reason_pb2.REASON_ACCOUNT_FROZEN,
        reason_pb2.REASON_PRICE_STALE,
    }
)

AMEND_BUSINESS = frozenset({reason_pb2.REASON_NOTIONAL_TOO_SMALL})
"""What an amend meets besides: a fill on the way left less of the order than its new size was to leave."""

_DETAILS = "grpc-status-details-bin"


class RefusedUnexpectedly(Exception):
    """The venue refused a command for a reason that a well-behaved bot never meets."""


def reason_name(reason: int) -> str:
    """Return a reason's name without its prefix, or its number if this contract does not know it."""
    if reason in reason_pb2.Reason.values():
        return reason_pb2.Reason.Name(reason_pb2.Reason.ValueType(reason)).removeprefix("REASON_")
    return str(reason)


def judge(refusal: order_entry_pb2.Refusal, also: frozenset[int] = frozenset()) -> None:
    """Count a refusal.

    Args:
        refusal: the refusal.
        also: reasons that are business for this command besides those for every one.

    Raises:
        RefusedUnexpectedly: it is not one that business brings with it.

    """
    name = reason_name(refusal.reason)
    TALLY[f"refused {name}"] += 1
    if refusal.reason not in BUSINESS | also:
        raise RefusedUnexpectedly(f"{name}: {refusal.message} (was {refusal.was}, allowed {refusal.allowed})")


def code_of_error(error: BaseException) -> grpc.StatusCode | None:
    """Return the status of a failed call, or nothing for an error that is not of a call."""
    code = getattr(error, "code", None)
    status = code() if callable(code) else None
    return status if isinstance(status, grpc.StatusCode) else None


def reason_of_error(error: grpc.RpcError) -> str:
    """Return the name of the reason that a failed call carries (google.rpc.ErrorInfo), or nothing."""
    for key, value in getattr(error, "trailing_metadata", tuple)() or ():
        if key == _DETAILS:
            info = error_details_pb2.ErrorInfo()
            for detail in status_pb2.Status.FromString(value).details:
                if detail.Unpack(info):
                    return str(info.reason)
    return ""
