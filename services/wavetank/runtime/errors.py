"""Refusals and faults as exceptions, and their place on the wire.

A servicer raises `VenueError` with a numbered reason; one interceptor turns it into a canonical status and a
`google.rpc.ErrorInfo`. It exists so that no servicer builds a status by hand, and keeps true that every reason has
exactly one status code.
"""

from collections.abc import Mapping

import grpc

from wavetank.model.invariant import InvariantBroken
from wavetank.model.reason import Reason

__all__ = ["DOMAIN", "STATUS_CODES", "InvariantBroken", "VenueError", "status_code"]

DOMAIN = "wavetank"
"""Domain of every `google.rpc.ErrorInfo`."""


class VenueError(Exception):
    """A call is refused: why, what it was and what was allowed."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        was: int | str | None = None,
        allowed: int | str | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        """Make the refusal.

        Args:
            reason: the numbered reason; decides the status code.
            message: one sentence for a person: what, which id, what it was, what was allowed.
            was: the offending value; unit by reason.
            allowed: the bound it broke; unit by reason.
            retry_after_ms: wall milliseconds after which trying again can succeed.

        """
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.was = was
        self.allowed = allowed
        self.retry_after_ms = retry_after_ms

    @property
    def metadata(self) -> dict[str, str]:
        """What goes into the `ErrorInfo` beside the reason."""
        values = {"was": self.was, "allowed": self.allowed, "reason_number": int(self.reason)}
        return {name: str(value) for name, value in values.items() if value is not None}


def status_code(reason: Reason) -> grpc.StatusCode:
    """Return the canonical gRPC code of a reason (STYLE, Errors)."""
    return STATUS_CODES[reason]


_INVALID = grpc.StatusCode.INVALID_ARGUMENT
_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION
_NOT_FOUND = grpc.StatusCode.NOT_FOUND
_EXISTS = grpc.StatusCode.ALREADY_EXISTS
_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
_UNAVAILABLE = grpc.StatusCode.UNAVAILABLE

STATUS_CODES: Mapping[Reason, grpc.StatusCode] = {
    Reason.MALFORMED: _INVALID,
    Reason.KEY_UNKNOWN: grpc.StatusCode.UNAUTHENTICATED,
    Reason.SCOPE_MISSING: grpc.StatusCode.PERMISSION_DENIED,
    Reason.ACCOUNT_UNKNOWN: _NOT_FOUND,
    Reason.INSTRUMENT_UNKNOWN: _NOT_FOUND,
    Reason.RATE_LIMITED: _EXHAUSTED,
    Reason.MESSAGE_TOO_LARGE: _INVALID,
    Reason.BATCH_TOO_LARGE: _INVALID,
    Reason.RESUME_IMPOSSIBLE: grpc.StatusCode.OUT_OF_RANGE,
    Reason.SUBSCRIBER_TOO_SLOW: _EXHAUSTED,
    Reason.LOG_UNAVAILABLE: _UNAVAILABLE,
    Reason.NOT_READY: _UNAVAILABLE,
    Reason.NAME_TAKEN: _EXISTS,
    Reason.KEY_NOT_FOUND: _NOT_FOUND,
    Reason.VENUE_OVERLOADED: _UNAVAILABLE,
    Reason.PRICE_OFF_GRID: _INVALID,
    Reason.PRICE_OUT_OF_RANGE: _INVALID,
    Reason.SIZE_OUT_OF_RANGE: _INVALID,
    Reason.ORDER_TOO_LARGE: _INVALID,
    Reason.NOTIONAL_TOO_SMALL: _INVALID,
    Reason.OUTSIDE_PRICE_BAND: _PRECONDITION,
    Reason.NO_REFERENCE_PRICE: _PRECONDITION,
    Reason.POST_ONLY_WOULD_CROSS: _PRECONDITION,
    Reason.FILL_OR_KILL_UNFILLED: _PRECONDITION,
    Reason.REDUCE_ONLY_WOULD_INCREASE: _PRECONDITION,
    Reason.ORDER_UNKNOWN: _NOT_FOUND,
    Reason.CLIENT_ORDER_ID_REUSED: _EXISTS,
    Reason.TOO_MANY_OPEN_ORDERS: _PRECONDITION,
    Reason.INSTRUMENT_STATE: _PRECONDITION,
    Reason.ORDER_COMBINATION: _INVALID,
    Reason.AMEND_BELOW_FILLED: _PRECONDITION,
    Reason.POSITION_TOO_LARGE: _PRECONDITION,
    Reason.OPEN_INTEREST_CAP: _PRECONDITION,
    Reason.TRIGGER_PRICE_PASSED: _PRECONDITION,
    Reason.EXPIRY_PASSED: _PRECONDITION,
    Reason.BATCH_REFUSED: _PRECONDITION,
    Reason.DISPLAY_OUT_OF_RANGE: _INVALID,
    Reason.TIMEOUT_OUT_OF_RANGE: _INVALID,
    Reason.EXPOSURE_TOO_LARGE: _PRECONDITION,
    Reason.GROUP_NET_TOO_LARGE: _PRECONDITION,
    Reason.GROUP_GROSS_TOO_LARGE: _PRECONDITION,
    Reason.CREDIT_EXCEEDED: _PRECONDITION,
    Reason.NO_CREDIT_LINE: _PRECONDITION,
    Reason.CREDIT_STALE: _UNAVAILABLE,
    Reason.ACCOUNT_REDUCE_ONLY: _PRECONDITION,
    Reason.ACCOUNT_FROZEN: _PRECONDITION,
    Reason.CREDIT_ELSEWHERE: _UNAVAILABLE,
    Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN: _PRECONDITION,
    Reason.WITHDRAWAL_PENDING: _PRECONDITION,
    Reason.AMOUNT_OUT_OF_RANGE: _INVALID,
    Reason.TOO_MANY_INSTRUMENTS: _PRECONDITION,
    Reason.SUB_ACCOUNT_REFUSED: _PRECONDITION,
    Reason.TRANSFER_REFUSED: _PRECONDITION,
    Reason.ISOLATED_ELSEWHERE: _PRECONDITION,
    Reason.FAUCET_DRY: _PRECONDITION,
    Reason.MARGIN_MODE_REFUSED: _PRECONDITION,
    Reason.LEVERAGE_REFUSED: _PRECONDITION,
    Reason.COLLATERAL_REFUSED: _PRECONDITION,
    Reason.WITHDRAWALS_GATED: _PRECONDITION,
    Reason.ESCALATION_UNKNOWN: _NOT_FOUND,
    Reason.DECISION_NOT_OFFERED: _PRECONDITION,
    Reason.TRANSFER_CLIPPED: _PRECONDITION,
    Reason.ACCOUNT_RESERVED: grpc.StatusCode.PERMISSION_DENIED,
    Reason.PRICE_STALE: _PRECONDITION,
    Reason.PRICE_NOT_POSITIVE: _INVALID,
    Reason.FAULT_MALFORMED: _INVALID,
    Reason.FAULT_UNKNOWN: _NOT_FOUND,
    Reason.SOURCE_NOT_PUSHED: _PRECONDITION,
    Reason.PRICE_OUT_OF_ORDER: _PRECONDITION,
    Reason.TOO_MANY_FAULTS: _EXHAUSTED,
    Reason.INVARIANT_BROKEN: grpc.StatusCode.INTERNAL,
}
