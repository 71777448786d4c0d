"""Every way in which a venue or this SDK can say no, as classes of its own.

A program decides by class, a person reads the message, and nobody has to know gRPC: whatever the venue refuses, by a
status of the call or by the result of one command, becomes a `WavetankError` here and nowhere else. Each numbered
reason of the contract has exactly one class; a test compares the two lists. The module is long because the list is.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypeAlias

from google.rpc import error_details_pb2, status_pb2  # pyright: ignore[reportMissingTypeStubs] - its stubs stand beside it
from grpc import StatusCode
from grpc.aio import AioRpcError

from wavetank.v1 import order_entry_pb2, reason_pb2

Bound: TypeAlias = int | str | Decimal | tuple[Decimal, ...] | None
"""What was sent or allowed: the venue's own integer or text, or exact values where the SDK itself refused."""

_DETAILS_KEY = "grpc-status-details-bin"
_DOMAIN = "wavetank"
_PREFIX = "REASON_"


class WavetankError(Exception):
    """Anything that this SDK raises, except for `TypeError` and `ValueError` on misuse.

    Attributes:
        message: one sentence for a person.
        reason: name of the venue's reason, for instance `PRICE_OFF_GRID`; empty if the SDK itself refused.
        code: number of that reason, 0 without one.
        was: the offending value; in ticks, lots or micro-dollars if the venue refused, exact if the SDK did.
        allowed: the bound it broke, in the same unit; a tuple names the nearest allowed values.
    """

    def __init__(self, message: str, *, code: int = 0, was: Bound = None, allowed: Bound = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.was = was
        self.allowed = allowed

    @property
    def reason(self) -> str:
        """Name of the reason without its prefix; `UNKNOWN_<number>` for one that is newer than this SDK."""
        if self.code == 0:
            return ""
        value = reason_pb2.Reason.DESCRIPTOR.values_by_number.get(self.code)
        return f"UNKNOWN_{self.code}" if value is None else str(value.name).removeprefix(_PREFIX)


# --- The call itself -------------------------------------------------------------------------------------------------


class InvalidRequest(WavetankError):
    """A field is missing, malformed or out of its range."""


class MessageTooLarge(InvalidRequest):
    """The message is longer than the venue's door accepts."""


class BatchTooLarge(InvalidRequest):
    """One request holds more commands than the venue's door accepts."""


class AuthenticationFailed(WavetankError):
    """No API key was given, or one that the venue does not know."""


class PermissionDenied(WavetankError):
    """The key's scopes do not allow this, or it belongs to another account."""


class AccountReserved(PermissionDenied):
    """The account is the venue's own."""


class RateLimited(WavetankError):
    """The account sent more messages than its token bucket holds.

    Attributes:
        retry_after: wall seconds after which the venue expects to accept again, or None if it did not say.
    """

    retry_after: float | None = None


class NotFound(WavetankError):
    """Something that was named does not exist."""


class AccountUnknown(NotFound):
    """The account does not exist."""


class InstrumentUnknown(NotFound):
    """The instrument does not exist."""


class OrderUnknown(NotFound):
    """No live or remembered order has this id."""


class ApiKeyUnknown(NotFound):
    """The key to revoke does not exist or was revoked before."""


class FaultUnknown(NotFound):
    """No active fault has this id."""


class AlreadyExists(WavetankError):
    """Something of this name exists already."""


class NameTaken(AlreadyExists):
    """Another account has this name."""


class ClientOrderIdReused(AlreadyExists):
    """The client order id was used before with another body (ORD-030)."""


class VenueUnavailable(WavetankError):
    """The venue cannot be reached, is starting or draining, or cannot write its log; nothing was acknowledged."""


class VenueOverloaded(VenueUnavailable):
    """The venue is overloaded and did nothing of the request; try again in a moment."""


class OutcomeUnknown(VenueUnavailable):
    """A request was sent, and no answer came: it may have been carried out or not.

    Ask `venue.orders.get(client_order_id=…)`, or send the same order with the same client order id again: the venue
    gives the same answer and never places it twice (ORD-030).

    Attributes:
        client_order_ids: those of the request's orders.
    """

    client_order_ids: tuple[bytes, ...] = ()


class InvariantBroken(WavetankError):
    """A service found one of its own invariants broken and stops."""


class StreamCut(WavetankError):
    """A subscription could not go on as it was."""


class ResumeImpossible(StreamCut):
    """The seq asked for is no longer, or not yet, available."""


class SubscriberTooSlow(StreamCut):
    """The subscriber read too slowly and its queue at the venue was full."""


# --- Orders ----------------------------------------------------------------------------------------------------------


class OrderRefused(WavetankError):
    """An order, an amendment or a cancel was refused; nothing was changed."""


class PriceOffGrid(OrderRefused):
    """The price is not on the instrument's grid (UNIT-030)."""


class PriceOutOfRange(OrderRefused):
    """The price is not positive, or too large (UNIT-020)."""


class SizeOffGrid(OrderRefused):
    """The size is finer than one lot; only this SDK says so, for the wire counts in lots."""


class SizeOutOfRange(OrderRefused):
    """The size is not positive, or too large (UNIT-020)."""


class OrderTooLarge(OrderRefused):
    """The size is above the instrument's largest order."""


class NotionalTooSmall(OrderRefused):
    """The order's notional is below the instrument's minimum."""


class OutsidePriceBand(OrderRefused):
    """The limit is further from the reference price than the band (MTCH-040)."""


class NoReferencePrice(OrderRefused):
    """There is no reference price yet."""


class PostOnlyWouldCross(OrderRefused):
    """A post-only order would have traded."""


class FillOrKillUnfilled(OrderRefused):
    """A fill-or-kill order could not be filled whole."""


class ReduceOnlyWouldIncrease(OrderRefused):
    """A reduce-only order would increase or flip the position (MTCH-030)."""


class TooManyOpenOrders(OrderRefused):
    """The account has as many open orders as it may have."""


class InstrumentStateForbids(OrderRefused):
    """The instrument's state does not allow this command (MTCH-050)."""


class OrderCombination(OrderRefused):
    """The combination of order type, time in force and flags has no meaning."""


class AmendBelowFilled(OrderRefused):
    """The amended size is not above what has been filled."""


class PositionTooLarge(OrderRefused):
    """The position would exceed the instrument's largest, or the account's limit in it (MRGN-070)."""


class OpenInterestCap(OrderRefused):
    """The instrument's open interest would exceed its cap."""


class TriggerPricePassed(OrderRefused):
    """The trigger's price has been reached already; place the order without a trigger."""


class ExpiryPassed(OrderRefused):
    """The time at which the order would end has passed."""


class BatchRefused(OrderRefused):
    """Another command of the atomic batch or group was refused; `was` is its place, from 0."""


class DisplayOutOfRange(OrderRefused):
    """An iceberg shows at least one lot and at most its size."""


class TimeoutOutOfRange(OrderRefused):
    """The dead-man switch takes 1,000 to 86,400,000 milliseconds."""


class ExposureTooLarge(OrderRefused):
    """The position could be worth more than the account may have in the instrument (MRGN-070)."""


class GroupNetTooLarge(OrderRefused):
    """The account's net notional in a correlation group could exceed its limit (MRGN-070)."""


class GroupGrossTooLarge(OrderRefused):
    """The account's gross notional in a correlation group could exceed its limit (MRGN-070)."""


class TooManyInstruments(OrderRefused):
    """The account trades in as many instruments as it may."""


class IsolatedElsewhere(OrderRefused):
    """The account is isolated to another instrument (MRGN-030)."""


class CreditRefused(OrderRefused):
    """The account's margin does not carry the order."""


class CreditExceeded(CreditRefused):
    """The order would commit more than the account's credit line."""


class NoCreditLine(CreditRefused):
    """The shard has no credit line for the account yet; try again shortly."""


class CreditStale(CreditRefused):
    """The credit line is stale; only orders that reduce risk are accepted."""


class CreditElsewhere(CreditRefused):
    """The credit that the order needs is extended to another shard; try again shortly."""


class AccountReduceOnly(CreditRefused):
    """The account may only reduce its risk."""


class AccountFrozen(CreditRefused):
    """The account is being liquidated."""


class TransferClipped(WavetankError):
    """A position transfer met a smaller position and was clipped to nothing."""


# --- Money -----------------------------------------------------------------------------------------------------------


class AmountRefused(WavetankError):
    """A deposit or a withdrawal was refused; nothing was changed."""


class AmountOutOfRange(AmountRefused):
    """The amount is not positive, or too large."""


class AmountTooPrecise(AmountRefused):
    """The amount is finer than one micro-dollar; only this SDK says so, for the wire counts in micro-dollars."""


class WithdrawalExceedsFreeMargin(AmountRefused):
    """The withdrawal would leave less than the margin rule demands (MRGN-060)."""


class WithdrawalPending(AmountRefused):
    """Another withdrawal of the account is still waiting for its acknowledgement."""


class WithdrawalsGated(AmountRefused):
    """Withdrawals are gated after a deficit, or paused by the operator (LIQ-110)."""


class EscalationUnknown(NotFound):
    """No escalation with this id can be decided any more (LIQ-090)."""


class DecisionNotOffered(WavetankError):
    """The escalation does not offer this decision, or it cannot be taken back any more (LIQ-090)."""


# --- Margin modes ----------------------------------------------------------------------------------------------------


class SubAccountRefused(WavetankError):
    """The account cannot have another sub-account, or is one itself."""


class TransferRefused(WavetankError):
    """A transfer to itself, or between accounts of different owners."""


class FaucetDry(WavetankError):
    """The faucet gives nothing to the account now: it has enough, or drew a moment ago."""


class MarginModeRefused(WavetankError):
    """The account cannot have this margin mode, or not while it holds positions (MRGN-030)."""


class LeverageRefused(WavetankError):
    """The account cannot have this leverage, or has not the initial margin that it asks for (MRGN-020)."""


class CollateralRefused(WavetankError):
    """The asset is not taken as collateral, or not so much of it; or the account has not so much (MRGN-080)."""


# --- Prices and faults -----------------------------------------------------------------------------------------------


class OracleRefused(WavetankError):
    """The oracle refused a price or a fault."""


class PriceStale(OracleRefused):
    """The price is stale, so the action is not allowed (ORCL-030)."""


class PriceNotPositive(OracleRefused):
    """The price is not positive."""


class PriceOutOfOrder(OracleRefused):
    """The pushed price is older than one already taken."""


class SourceNotPushed(OracleRefused):
    """The instrument's source does not accept pushed prices."""


class FaultMalformed(OracleRefused):
    """The fault's target, kind or magnitude has no meaning."""


class TooManyFaults(OracleRefused):
    """As many faults are active as may be."""


# --- This side of the wire -------------------------------------------------------------------------------------------


class RequestTimedOut(WavetankError):
    """A question was not answered in time; asking again is safe."""


class SessionClosed(WavetankError):
    """The session or the client is closed, so nothing was sent."""


class EventsOverrun(WavetankError):
    """The program read its events too slowly and some were dropped; begin anew from the open orders."""


class RunDirectoryUnreadable(WavetankError):
    """The run directory holds no readable `venue.json`: no venue was started there, or by somebody else."""


CLASS_OF_REASON: Final[dict[int, type[WavetankError]]] = {
    reason_pb2.REASON_MALFORMED: InvalidRequest,
    reason_pb2.REASON_KEY_UNKNOWN: AuthenticationFailed,
    reason_pb2.REASON_SCOPE_MISSING: PermissionDenied,
    reason_pb2.REASON_ACCOUNT_UNKNOWN: AccountUnknown,
    reason_pb2.REASON_INSTRUMENT_UNKNOWN: InstrumentUnknown,
    reason_pb2.REASON_RATE_LIMITED: RateLimited,
    reason_pb2.REASON_MESSAGE_TOO_LARGE: MessageTooLarge,
    reason_pb2.REASON_BATCH_TOO_LARGE: BatchTooLarge,
    reason_pb2.REASON_RESUME_IMPOSSIBLE: ResumeImpossible,
    reason_pb2.REASON_SUBSCRIBER_TOO_SLOW: SubscriberTooSlow,
    reason_pb2.REASON_LOG_UNAVAILABLE: VenueUnavailable,
    reason_pb2.REASON_NOT_READY: VenueUnavailable,
    reason_pb2.REASON_NAME_TAKEN: NameTaken,
    reason_pb2.REASON_KEY_NOT_FOUND: ApiKeyUnknown,
    reason_pb2.REASON_VENUE_OVERLOADED: VenueOverloaded,
    reason_pb2.REASON_PRICE_OFF_GRID: PriceOffGrid,
    reason_pb2.REASON_PRICE_OUT_OF_RANGE: PriceOutOfRange,
    reason_pb2.REASON_SIZE_OUT_OF_RANGE: SizeOutOfRange,
    reason_pb2.REASON_ORDER_TOO_LARGE: OrderTooLarge,
    reason_pb2.REASON_NOTIONAL_TOO_SMALL: NotionalTooSmall,
    reason_pb2.REASON_OUTSIDE_PRICE_BAND: OutsidePriceBand,
    reason_pb2.REASON_NO_REFERENCE_PRICE: NoReferencePrice,
    reason_pb2.REASON_POST_ONLY_WOULD_CROSS: PostOnlyWouldCross,
    reason_pb2.REASON_FILL_OR_KILL_UNFILLED: FillOrKillUnfilled,
    reason_pb2.REASON_REDUCE_ONLY_WOULD_INCREASE: ReduceOnlyWouldIncrease,
    reason_pb2.REASON_ORDER_UNKNOWN: OrderUnknown,
    reason_pb2.REASON_CLIENT_ORDER_ID_REUSED: ClientOrderIdReused,
    reason_pb2.REASON_TOO_MANY_OPEN_ORDERS: TooManyOpenOrders,
    reason_pb2.REASON_INSTRUMENT_STATE: InstrumentStateForbids,
    reason_pb2.REASON_ORDER_COMBINATION: OrderCombination,
    reason_pb2.REASON_AMEND_BELOW_FILLED: AmendBelowFilled,
    reason_pb2.REASON_POSITION_TOO_LARGE: PositionTooLarge,
    reason_pb2.REASON_OPEN_INTEREST_CAP: OpenInterestCap,
    reason_pb2.REASON_TRIGGER_PRICE_PASSED: TriggerPricePassed,
    reason_pb2.REASON_EXPIRY_PASSED: ExpiryPassed,
    reason_pb2.REASON_BATCH_REFUSED: BatchRefused,
    reason_pb2.REASON_DISPLAY_OUT_OF_RANGE: DisplayOutOfRange,
    reason_pb2.REASON_TIMEOUT_OUT_OF_RANGE: TimeoutOutOfRange,
    reason_pb2.REASON_EXPOSURE_TOO_LARGE: ExposureTooLarge,
    reason_pb2.REASON_GROUP_NET_TOO_LARGE: GroupNetTooLarge,
    reason_pb2.REASON_GROUP_GROSS_TOO_LARGE: GroupGrossTooLarge,
    reason_pb2.REASON_CREDIT_EXCEEDED: CreditExceeded,
    reason_pb2.REASON_NO_CREDIT_LINE: NoCreditLine,
    reason_pb2.REASON_CREDIT_STALE: CreditStale,
    reason_pb2.REASON_ACCOUNT_REDUCE_ONLY: AccountReduceOnly,
    reason_pb2.REASON_ACCOUNT_FROZEN: AccountFrozen,
    reason_pb2.REASON_CREDIT_ELSEWHERE: CreditElsewhere,
    reason_pb2.REASON_WITHDRAWAL_EXCEEDS_FREE_MARGIN: WithdrawalExceedsFreeMargin,
    reason_pb2.REASON_WITHDRAWAL_PENDING: WithdrawalPending,
    reason_pb2.REASON_AMOUNT_OUT_OF_RANGE: AmountOutOfRange,
    reason_pb2.REASON_TOO_MANY_INSTRUMENTS: TooManyInstruments,
    reason_pb2.REASON_SUB_ACCOUNT_REFUSED: SubAccountRefused,
    reason_pb2.REASON_TRANSFER_REFUSED: TransferRefused,
    reason_pb2.REASON_ISOLATED_ELSEWHERE: IsolatedElsewhere,
    reason_pb2.REASON_FAUCET_DRY: FaucetDry,
    reason_pb2.REASON_MARGIN_MODE_REFUSED: MarginModeRefused,
    reason_pb2.REASON_LEVERAGE_REFUSED: LeverageRefused,
    reason_pb2.REASON_COLLATERAL_REFUSED: CollateralRefused,
    reason_pb2.REASON_WITHDRAWALS_GATED: WithdrawalsGated,
    reason_pb2.REASON_TRANSFER_CLIPPED: TransferClipped,
    reason_pb2.REASON_ACCOUNT_RESERVED: AccountReserved,
    reason_pb2.REASON_ESCALATION_UNKNOWN: EscalationUnknown,
    reason_pb2.REASON_DECISION_NOT_OFFERED: DecisionNotOffered,
    reason_pb2.REASON_PRICE_STALE: PriceStale,
    reason_pb2.REASON_PRICE_NOT_POSITIVE: PriceNotPositive,
    reason_pb2.REASON_FAULT_MALFORMED: FaultMalformed,
    reason_pb2.REASON_FAULT_UNKNOWN: FaultUnknown,
    reason_pb2.REASON_SOURCE_NOT_PUSHED: SourceNotPushed,
    reason_pb2.REASON_PRICE_OUT_OF_ORDER: PriceOutOfOrder,
    reason_pb2.REASON_TOO_MANY_FAULTS: TooManyFaults,
    reason_pb2.REASON_INVARIANT_BROKEN: InvariantBroken,
}

_CLASS_OF_STATUS: Final[dict[StatusCode, type[WavetankError]]] = {
    StatusCode.INVALID_ARGUMENT: InvalidRequest,
    StatusCode.UNAUTHENTICATED: AuthenticationFailed,
    StatusCode.PERMISSION_DENIED: PermissionDenied,
    StatusCode.NOT_FOUND: NotFound,
    StatusCode.ALREADY_EXISTS: AlreadyExists,
    StatusCode.RESOURCE_EXHAUSTED: RateLimited,
    StatusCode.UNAVAILABLE: VenueUnavailable,
    StatusCode.DEADLINE_EXCEEDED: RequestTimedOut,
    StatusCode.INTERNAL: InvariantBroken,
}


def is_undecided(error: WavetankError) -> bool:
    """Tell whether the venue itself does not know if the request was carried out: its log did not answer in time."""
    return error.code == reason_pb2.REASON_LOG_UNAVAILABLE


def refusal_error(refusal: order_entry_pb2.Refusal) -> WavetankError:
    """Return the error that a refusal in a result means."""
    kind = CLASS_OF_REASON.get(refusal.reason, WavetankError)
    message = refusal.message or f"refused: {WavetankError('', code=refusal.reason).reason}"
    return kind(message, code=refusal.reason, was=refusal.was, allowed=refusal.allowed)


def call_error(error: AioRpcError) -> WavetankError:
    """Return the error that the status of a call means.

    The reason comes from `google.rpc.ErrorInfo` of the domain `wavetank`; without one, which is what a proxy or a
    broken connection leaves, the canonical code decides.
    """
    status = error.code()
    message = error.details() or status.name
    info, retry_after = _status_details(error)
    if info is None:
        made = _CLASS_OF_STATUS.get(status, WavetankError)(message)
    else:
        name = info.reason if info.reason.startswith(_PREFIX) else _PREFIX + info.reason
        known = reason_pb2.Reason.DESCRIPTOR.values_by_name.get(name)
        code = 0 if known is None else int(known.number)
        kind = CLASS_OF_REASON.get(code) or _CLASS_OF_STATUS.get(status, WavetankError)
        made = kind(
            message, code=code, was=_bound(info.metadata.get("was")), allowed=_bound(info.metadata.get("allowed"))
        )
    if isinstance(made, RateLimited):
        made.retry_after = retry_after
    return made


def _status_details(error: AioRpcError) -> tuple[error_details_pb2.ErrorInfo | None, float | None]:
    info: error_details_pb2.ErrorInfo | None = None
    retry_after: float | None = None
    for key, value in error.trailing_metadata() or ():
        if key != _DETAILS_KEY or not isinstance(value, bytes):
            continue
        for detail in status_pb2.Status.FromString(value).details:
            candidate, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
            if detail.Unpack(candidate) and candidate.domain == _DOMAIN:
                info = candidate
            elif detail.Unpack(retry):
                retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    return info, retry_after


def _bound(text: str | None) -> int | str | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return text
