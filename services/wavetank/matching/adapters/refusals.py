"""Refusals in words: what was asked, what is allowed, and what to do."""

from __future__ import annotations

from wavetank.model.reason import Reason
from wavetank.v1 import order_entry_pb2, reason_pb2

_SENTENCES: dict[int, str] = {
    Reason.MALFORMED: "the command is malformed",
    Reason.KEY_UNKNOWN: "the API key is unknown, was revoked, or its secret is wrong",
    Reason.SCOPE_MISSING: "the API key has not the scope that this needs",
    Reason.INSTRUMENT_UNKNOWN: "instrument {was} is not traded on this shard",
    Reason.ACCOUNT_UNKNOWN: "account {was} is unknown here",
    Reason.RATE_LIMITED: "too many commands at once; try again in a moment",
    Reason.MESSAGE_TOO_LARGE: "the message is {was} bytes; {allowed} are allowed",
    Reason.BATCH_TOO_LARGE: "the request has {was} commands; {allowed} are allowed",
    Reason.RESUME_IMPOSSIBLE: "changes after seq {was} are no longer held; {allowed} is the first to resume after",
    Reason.SUBSCRIBER_TOO_SLOW: "{allowed} messages waited to be read; begin anew, and ask for less",
    Reason.LOG_UNAVAILABLE: "the log cannot be written; try again in a moment",
    Reason.NAME_TAKEN: "the name is taken",
    Reason.KEY_NOT_FOUND: "there is no such API key",
    Reason.NOT_READY: "the shard waits until clearing has swept margins at fresh prices; only cancels are taken",
    Reason.PRICE_OFF_GRID: "price {was} ticks is not on the grid; the step there is {allowed} ticks",
    Reason.PRICE_OUT_OF_RANGE: "price {was} ticks is out of range; 1 to {allowed} is allowed",
    Reason.SIZE_OUT_OF_RANGE: "size {was} lots is out of range; 1 to {allowed} is allowed",
    Reason.ORDER_TOO_LARGE: "size {was} lots is above the largest order, {allowed} lots",
    Reason.NOTIONAL_TOO_SMALL: "the order is worth {was} micro-dollars; at least {allowed} is needed",
    Reason.OUTSIDE_PRICE_BAND: "price {was} ticks is outside the band, which ends at {allowed} ticks",
    Reason.NO_REFERENCE_PRICE: "the instrument has no mark price yet",
    Reason.PRICE_STALE: "the mark price is stale; only orders that reduce risk are taken",
    Reason.POST_ONLY_WOULD_CROSS: "price {was} ticks would trade at once; the other side's best is {allowed} ticks",
    Reason.FILL_OR_KILL_UNFILLED: "{was} lots were to be filled at once; {allowed} lots are there within the limit",
    Reason.REDUCE_ONLY_WOULD_INCREASE: "{was} lots would do more than reduce; at most {allowed} lots would",
    Reason.ORDER_UNKNOWN: "no open order has this id",
    Reason.CLIENT_ORDER_ID_REUSED: "the client order id was used before with another body",
    Reason.TOO_MANY_OPEN_ORDERS: "the account has {was} open orders; {allowed} are allowed",
    Reason.INSTRUMENT_STATE: "the instrument is in state {was}, which does not take this command",
    Reason.ORDER_COMBINATION: "this combination of type, time in force and flags has no meaning",
    Reason.AMEND_BELOW_FILLED: "the new size is {was} lots; more than the {allowed} filled so far is needed",
    Reason.POSITION_TOO_LARGE: "the position could reach {was} lots; {allowed} are allowed",
    Reason.OPEN_INTEREST_CAP: "open interest could reach {was} lots; {allowed} are allowed",
    Reason.TRIGGER_PRICE_PASSED: "the trigger price {was} ticks has been reached; the price is {allowed} ticks",
    Reason.EXPIRY_PASSED: "the order would end at {was} ns; it is {allowed} ns",
    Reason.BATCH_REFUSED: "command {was} of the batch was refused, so none of it was done",
    Reason.DISPLAY_OUT_OF_RANGE: "{was} lots cannot be shown; 1 to the order's {allowed} lots can",
    Reason.TIMEOUT_OUT_OF_RANGE: "{was} ms is out of range for the dead-man switch; 1000 to {allowed} ms is allowed",
    Reason.CREDIT_EXCEEDED: "{was} micro-dollars would be committed; the credit line covers {allowed}",
    Reason.NO_CREDIT_LINE: "no credit line has reached the shard for this account; try again in a moment",
    Reason.CREDIT_STALE: "the credit line is stale; only orders that reduce risk are taken",
    Reason.ACCOUNT_REDUCE_ONLY: "the account's health is low; only orders that reduce risk are taken",
    Reason.ACCOUNT_FROZEN: "the account is being liquidated; only cancels are taken",
    Reason.CREDIT_ELSEWHERE: "the credit is extended to another shard; try again",
    Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN: "{was} micro-dollars are more than the free margin, {allowed}",
    Reason.WITHDRAWAL_PENDING: "another withdrawal of this account is not finished",
    Reason.AMOUNT_OUT_OF_RANGE: "the amount {was} is out of range; up to {allowed} is allowed",
    Reason.WITHDRAWALS_GATED: "withdrawals are gated until the venue is whole again",
    Reason.TRANSFER_CLIPPED: "the positions allow no such transfer",
    Reason.ACCOUNT_RESERVED: "the account belongs to the venue",
    Reason.PRICE_NOT_POSITIVE: "the price {was} is not positive",
    Reason.FAULT_MALFORMED: "the fault is malformed",
    Reason.FAULT_UNKNOWN: "there is no such fault",
    Reason.SOURCE_NOT_PUSHED: "this source takes no pushed prices",
    Reason.PRICE_OUT_OF_ORDER: "the price is older than the last one",
    Reason.TOO_MANY_FAULTS: "there are {was} faults; {allowed} are allowed",
    Reason.INVARIANT_BROKEN: "an invariant broke; the service stops",
    Reason.TOO_MANY_INSTRUMENTS: "the account trades in {was} instruments; {allowed} are allowed",
}


def refusal(reason: int, was: int = 0, allowed: int = 0, message: str = "") -> order_entry_pb2.Refusal:
    """Return a refusal with its sentence, or with the one given."""
    sentence = message or _SENTENCES.get(reason, Reason(reason).name).format(was=was, allowed=allowed)
    return order_entry_pb2.Refusal(
        reason=reason_pb2.Reason.ValueType(reason), was=was, allowed=allowed, message=sentence
    )
