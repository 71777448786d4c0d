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
    Reason.VENUE_OVERLOADED: "the venue is overloaded and did nothing of this; try again in a moment",
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
    Reason.EXPOSURE_TOO_LARGE: "the position could be worth {was} micro-dollars; {allowed} are allowed",
    Reason.GROUP_NET_TOO_LARGE: "net, the correlation group could come to {was} micro-dollars; {allowed} are allowed",
    Reason.GROUP_GROSS_TOO_LARGE: "the correlation group could come to {was} micro-dollars; {allowed} are allowed",
    Reason.CREDIT_EXCEEDED: "{was} micro-dollars would be committed; the credit line covers {allowed}",
    Reason.NO_CREDIT_LINE: "no credit line has reached the shard for this account; try again in a moment",
    Reason.CREDIT_STALE: "the credit line is stale; only orders that reduce risk are taken",
    Reason.ACCOUNT_REDUCE_ONLY: "the account's health is low; only orders that reduce risk are taken",
    Reason.ACCOUNT_FROZEN: "the account is being liquidated; only cancels are taken",
    Reason.CREDIT_ELSEWHERE: "the credit is extended to another shard; try again",
    Reason.WITHDRAWAL_EXCEEDS_FREE_MARGIN: "{was} micro-dollars are more than the free margin, {allowed}",
    Reason.WITHDRAWAL_PENDING: "another withdrawal of this account is not finished",
    Reason.AMOUNT_OUT_OF_RANGE: "the amount {was} is out of range; up to {allowed} is allowed",
    Reason.SUB_ACCOUNT_REFUSED: "the account cannot have another sub-account",
    Reason.TRANSFER_REFUSED: "the two accounts have different owners",
    Reason.ISOLATED_ELSEWHERE: "the account trades instrument {allowed} alone, not {was}",
    Reason.FAUCET_DRY: "the faucet gives nothing to the account now",
    Reason.MARGIN_MODE_REFUSED: "the account cannot have this margin mode now",
    Reason.LEVERAGE_REFUSED: "the account cannot have this leverage now",
    Reason.COLLATERAL_REFUSED: "this collateral is not taken, or not there: {was}; {allowed} is allowed",
    Reason.WITHDRAWALS_GATED: "withdrawals are gated until the venue is whole again",
    Reason.TRANSFER_CLIPPED: "the positions allow no such transfer",
    Reason.ACCOUNT_RESERVED: "the account belongs to the venue",
    Reason.ESCALATION_UNKNOWN: "there is no such escalation any more",
    Reason.DECISION_NOT_OFFERED: "the escalation does not offer this decision",
    Reason.PRICE_NOT_POSITIVE: "the price {was} is not positive",
    Reason.FAULT_MALFORMED: "the fault is malformed",
    Reason.FAULT_UNKNOWN: "there is no such fault",
    Reason.SOURCE_NOT_PUSHED: "this source takes no pushed prices",
    Reason.PRICE_OUT_OF_ORDER: "the price is older than the last one",
    Reason.TOO_MANY_FAULTS: "there are {was} faults; {allowed} are allowed",
    Reason.INVARIANT_BROKEN: "an invariant broke; the service stops",
    Reason.TOO_MANY_INSTRUMENTS: "the account trades in {was} instruments; {allowed} are allowed",
}


_MALFORMED_FAULTS: dict[int, str] = {
    1: "a command says one of place, cancel, amend, cancel_all, place_group, mass_quote, cancel_all_after",
    2: "side is {was}; 1 buy or 2 sell is allowed",
    3: "order_type is {was}; 1 limit or 2 market is allowed",
    4: "time_in_force is {was}; 1 GTC, 2 IOC, 3 FOK or 4 GTT is allowed",
    5: "client_order_id has {was} bytes; 16 are allowed",
    6: "exactly one of order_id and client_order_id is given",
    7: "side is {was}; 0 both, 1 buy or 2 sell is allowed",
    8: "self_trade_prevention is {was}; 0 to 3 is allowed",
    9: "trigger.kind is {was}; 1 stop or 2 take-profit is allowed",
    10: "trigger.source is {was}; 1 mark, 2 last or 3 index is allowed",
    11: "kind of the group is {was}; 1 one-cancels-other, 2 parent or 3 position is allowed",
    12: "a group has 1 to 8 orders, not {was}",
    13: "a mass quote has at most 200 quotes, not {was}",
    15: "an atomic batch holds places, cancels and amends only",
}
"""Why the reader finds no meaning in a command, by its `Fault`; 14 and 16 have reasons of their own."""

_TIMEOUT_TOO_LONG = 14
_BATCH_MATE_REFUSED = 16
_LONGEST_TIMEOUT_MS = 86_400_000


def sentence_of(reason: int, was: int = 0, allowed: int = 0) -> str:
    """Return the sentence of a refusal."""
    return _SENTENCES.get(reason, Reason(reason).name).format(was=was, allowed=allowed)


def fault_refusal(fault: int, member: int, was: int) -> tuple[int, int, int, str]:
    """Return reason, was, allowed and sentence for a command in which the reader found no meaning.

    Args:
        fault: its `Fault`.
        member: which order of the group, or quote, is to blame; -1 for the command itself.
        was: the offending value.

    """
    if fault == _TIMEOUT_TOO_LONG:
        reason, allowed = Reason.TIMEOUT_OUT_OF_RANGE, _LONGEST_TIMEOUT_MS
        return reason, was, allowed, sentence_of(reason, was, allowed)
    if fault == _BATCH_MATE_REFUSED:
        return Reason.BATCH_REFUSED, was, 0, sentence_of(Reason.BATCH_REFUSED, was)
    where = "" if member < 0 else f"number {member} inside: "
    return Reason.MALFORMED, 0, 0, where + _MALFORMED_FAULTS[fault].format(was=was)


def refusal(reason: int, was: int = 0, allowed: int = 0, message: str = "") -> order_entry_pb2.Refusal:
    """Return a refusal with its sentence, or with the one given."""
    sentence = message or sentence_of(reason, was, allowed)
    return order_entry_pb2.Refusal(
        reason=reason_pb2.Reason.ValueType(reason), was=was, allowed=allowed, message=sentence
    )
