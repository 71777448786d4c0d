"""Snapshots: clearing's state as bytes, and back.

JSON with sorted keys and the ledger's rows in base64, so that equal states give equal bytes; the state hash is the hash
of these bytes, and covers the logical state only: no epochs, no line numbers, no wall times (PROTOCOL 4).
Restoring checks the version and the money before anybody uses the state.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wavetank.clearing.core.account import Account, Hold, Liquidation, ModeChange, PlayUnderWay, ShareHold
from wavetank.clearing.core.cascades import Cascade, Cascades, Trace
from wavetank.clearing.core.collateral_terms import CollateralTerms
from wavetank.clearing.core.fees import Fees
from wavetank.clearing.core.health import AccountKind, LiquidationStage
from wavetank.clearing.core.limits import GroupLimit, PositionLimit
from wavetank.clearing.core.margin_modes import Correlation, MarginMode, OffsetTerms, StressRamp
from wavetank.clearing.core.state import State
from wavetank.clearing.core.venue_facts import ApiKey, Escalation, Mark, Settling, WaterfallTerms
from wavetank.model.events.clearing import (
    Decision,
    EscalationKind,
    MatchingRequested,
    PlayKind,
)
from wavetank.model.events.matching import BookSampled
from wavetank.model.orders import LineStatus
from wavetank.model.record import decode, encode
from wavetank.model.validity import Validity

if TYPE_CHECKING:
    from wavetank.clearing.core.settings import ClearingSettings
    from wavetank.model.record import Event

SNAPSHOT_VERSION = 6


class SnapshotUnreadable(Exception):
    """The bytes are no snapshot of this version."""


def _hex(event: Event) -> str:
    return encode(event).hex()


def _request(text: str) -> MatchingRequested:
    event = decode(bytes.fromhex(text))
    if not isinstance(event, MatchingRequested):
        message = f"a pending request is a {type(event).__name__}"
        raise SnapshotUnreadable(message)
    return event


def _book(text: str) -> BookSampled:
    event = decode(bytes.fromhex(text))
    if not isinstance(event, BookSampled):
        message = f"a book sample is a {type(event).__name__}"
        raise SnapshotUnreadable(message)
    return event


def _account_out(account: Account) -> list[Any]:
    """Return what of an account is not in the ledger; what most have none of stands behind, and only if it is there."""
    shares = {
        str(shard): [share.received_ns, asdict(share.hold) if share.hold is not None else None]
        for shard, share in enumerate(account.shares)
        if share.received_ns or share.hold is not None
    }
    rest: dict[str, Any] = {}
    if shares:
        rest["shares"] = shares
    if account.parent_id:
        rest["parent_id"] = account.parent_id
    if account.faucet_ns:
        rest["faucet_ns"] = account.faucet_ns
    if account.play is not None:
        rest["play"] = asdict(account.play)
        rest["play"]["pending"] = {str(key): _hex(event) for key, event in account.play.pending.items()}
    if account.margin_mode is not MarginMode.GROSS:
        rest["margin_mode"] = [int(account.margin_mode), account.isolated_instrument_id]
    if account.mode_change is not None:
        rest["mode_change"] = asdict(account.mode_change)
    if account.leverages:
        rest["leverages"] = {str(key): leverage for key, leverage in account.leverages.items()}
    if account.hold is not None:
        rest["hold"] = asdict(account.hold)
    if account.cooldown_until_ns:
        rest["cooldown_until_ns"] = {str(key): until for key, until in account.cooldown_until_ns.items()}
    liquidation = account.liquidation
    if liquidation is not None:
        rest["liquidation"] = asdict(liquidation)
        rest["liquidation"]["pending"] = {str(key): _hex(event) for key, event in liquidation.pending.items()}
    head = [account.account_id, account.name, int(account.kind), int(account.line_status)]
    return [*head, rest] if rest else head


def _ints(table: dict[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in table.items()}


def _liquidation_in(fields: dict[str, Any]) -> Liquidation:
    return Liquidation(
        liquidation_id=fields["liquidation_id"],
        stage=LiquidationStage(fields["stage"]),
        marks=_ints(fields["marks"]),
        indexes=None if fields["indexes"] is None else _ints(fields["indexes"]),
        stale=fields["stale"],
        pending={int(key): _request(text) for key, text in sorted(fields["pending"].items())},
        mark_seq=fields["mark_seq"],
        waits=fields["waits"],
        unfilled=fields["unfilled"],
        depth_limited=fields["depth_limited"],
        fund_paid_micros=fields["fund_paid_micros"],
        reserve_micros=fields["reserve_micros"],
        reserve_instrument_id=fields["reserve_instrument_id"],
        insured=fields["insured"],
        vault_took=fields["vault_took"],
        touched=fields["touched"],
        decisions=_ints(fields["decisions"]),
        asks=fields["asks"],
        cascade_id=fields["cascade_id"],
        generation=fields["generation"],
        stress_ppm=fields["stress_ppm"],
        stepped_ns=fields.get("stepped_ns", 0),
    )


def _cascades_in(fields: dict[str, Any]) -> Cascades:
    return Cascades(
        last_id=fields["last_id"],
        running={int(key): Cascade(**value) for key, value in fields["running"].items()},
        traces={int(key): Trace(**value) for key, value in fields["traces"].items()},
    )


def _terms_in(fields: dict[str, Any]) -> OffsetTerms:
    return OffsetTerms(
        instruments={int(key): Correlation(**value) for key, value in fields["instruments"].items()},
        groups_ppm=fields["groups_ppm"],
        group_haircut=StressRamp(**fields["group_haircut"]),
        scenario_haircut=StressRamp(**fields["scenario_haircut"]),
        floor_ppm=fields["floor_ppm"],
    )


def _escalation_in(fields: dict[str, Any]) -> Escalation:
    decision = fields["decision"]
    return Escalation(**{
        **fields,
        "kind": EscalationKind(fields["kind"]),
        "decision": Decision(decision) if decision is not None else None,
    })  # fmt: skip


def _account_in(state: State, fields: list[Any]) -> None:
    account_id, name, kind, line_status, *rest = fields
    kept = rest[0] if rest else {}
    account = state.open_row(account_id, name, AccountKind(kind), kept.get("parent_id", 0))
    account.line_status = LineStatus(line_status)
    if not kept:
        return
    for shard, (received_ns, hold) in kept.get("shares", {}).items():
        share = account.shares[int(shard)]
        share.received_ns = received_ns
        share.hold = ShareHold(**hold) if hold else None
    if "margin_mode" in kept:
        mode, instrument_id = kept["margin_mode"]
        state.set_margin_mode(account, MarginMode(mode), instrument_id)
    for instrument_id, leverage in _ints(kept.get("leverages", {})).items():
        state.ledger.choose(account.row, instrument_id, leverage)
    account.faucet_ns = kept.get("faucet_ns", 0)
    if "play" in kept:
        play = kept["play"]
        pending = {int(key): _request(text) for key, text in sorted(play["pending"].items())}
        state.play(account, PlayUnderWay(PlayKind(play["kind"]), play["cash_micros"], pending, play["reason"]))
    if "mode_change" in kept:
        change = kept["mode_change"]
        account.mode_change = ModeChange(**{**change, "mode": MarginMode(change["mode"])})
    if "hold" in kept:
        account.hold = Hold(**kept["hold"])
    account.cooldown_until_ns = _ints(kept.get("cooldown_until_ns", {}))
    if "liquidation" in kept:
        state.liquidate(account, _liquidation_in(kept["liquidation"]))


def dump(state: State) -> bytes:
    """Return the state as bytes; equal states give equal bytes."""
    content = {
        "version": SNAPSHOT_VERSION,
        "accounts": [_account_out(state.accounts[key]) for key in sorted(state.accounts)],
        "ledger": base64.b64encode(state.ledger.dump()).decode(),
        "instruments": [
            [_hex(event) for event in state.instruments[key].listing()] for key in sorted(state.instruments)
        ],
        "marks": {str(key): asdict(mark) for key, mark in state.marks.items()},
        "books": {str(key): _hex(book) for key, book in state.books.items()},
        "api_keys": {
            key: [api_key.account_id, api_key.secret_sha256.hex(), api_key.scopes]
            for key, api_key in state.api_keys.items()
        },
        "funding_ticks": {str(key): tick for key, tick in state.funding_ticks.items()},
        "funding_seq": state.funding_seq,
        "matching_seqs": state.matching_seqs,
        "shards": state.shards,
        "next_account_id": state.next_account_id,
        "gated_until_ns": state.gated_until_ns,
        "escalations": [asdict(escalation) for _, escalation in sorted(state.escalations.items())],
        "withdrawals_are_paused": state.steering.withdrawals_are_paused,
        "venue_is_open": state.venue_is_open,
        "fund_payments": {str(key): value for key, value in state.fund_payments.items()},
        "vault_pending": {str(key): _hex(event) for key, event in state.vault_pending.items()},
        "vault_next_step_ns": {str(key): at for key, at in state.vault_next_step_ns.items()},
        "cascades": asdict(state.cascades),
        "waterfall": asdict(state.waterfall),
        "deposited_micros": state.deposited_micros,
        "fees": state.fees.dump(),
        "offset_terms": asdict(state.offset_terms),
        "collateral": state.ledger.all_collateral(),
        "collateral_lots": {str(key): lots for key, lots in state.collateral.lots.items()},
        "collateral_terms": {str(key): asdict(terms) for key, terms in state.collateral.terms.items()},
        "collateral_loan_micros": state.collateral.loan_micros,
    }
    if state.limits:
        content["limits"] = {
            "positions": [[*key, *limit] for *key, limit in state.limits.standing_positions()],
            "groups": [[*key, *limit] for *key, limit in state.limits.standing_groups()],
        }
    if state.steering.liquidation_pace_ns is not None:
        content["liquidation_pace_ns"] = state.steering.liquidation_pace_ns
    if state.steering.drained_micros:
        content["drained_micros"] = state.steering.drained_micros
    if state.steering.settlements:
        content["settlements"] = {
            str(key): [settling.price_ticks, {str(seq): _hex(event) for seq, event in settling.pending.items()}]
            for key, settling in state.steering.settlements.items()
        }
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def state_hash(state: State) -> bytes:
    """Return the hash of the logical state, 16 bytes."""
    return hashlib.blake2b(dump(state), digest_size=16).digest()


def load(data: bytes, settings: ClearingSettings) -> State:
    """Return the state that `dump` wrote.

    Raises:
        SnapshotUnreadable: not a snapshot of this version.
        InvariantBroken: its money or its positions do not add up.

    """
    try:
        content = json.loads(data)
        version = content["version"]
    except (ValueError, KeyError, TypeError) as error:
        message = "not a snapshot of clearing"
        raise SnapshotUnreadable(message) from error
    if version != SNAPSHOT_VERSION:
        message = f"snapshot version {version}, this program reads {SNAPSHOT_VERSION}"
        raise SnapshotUnreadable(message)
    state = State(settings)
    for texts in content["instruments"]:
        for text in texts:
            state.apply(decode(bytes.fromhex(text)), 0, 0)
    for key, value in content["marks"].items():
        state.take_mark(int(key), Mark(**(value | {"validity": Validity(value["validity"])})))
    state.ledger.restore(base64.b64decode(content["ledger"]), content["shards"])
    for key, terms in content["collateral_terms"].items():
        state.set_collateral_terms(int(key), CollateralTerms(**terms))
    for account_id, instrument_id, lots, held_lots in content["collateral"]:
        row = state.ledger.row_of_account(account_id)
        state.ledger.add_collateral(row, instrument_id, lots)
        state.ledger.hold_collateral(row, instrument_id, held_lots)
    for fields in content["accounts"]:
        _account_in(state, fields)
    state.books = {int(key): _book(text) for key, text in content["books"].items()}
    state.api_keys = {
        key: ApiKey(account_id, bytes.fromhex(secret), scopes)
        for key, (account_id, secret, scopes) in content["api_keys"].items()
    }
    state.funding_ticks = _ints(content["funding_ticks"])
    state.funding_seq = content["funding_seq"]
    state.matching_seqs = content["matching_seqs"]
    state.shards = content["shards"]
    state.next_account_id = content["next_account_id"]
    state.gated_until_ns = content["gated_until_ns"]
    state.escalations = {fields["escalation_id"]: _escalation_in(fields) for fields in content["escalations"]}
    state.steering.withdrawals_are_paused = content["withdrawals_are_paused"]
    state.venue_is_open = content["venue_is_open"]
    state.fund_payments = {
        int(key): [(time_ns, amount) for time_ns, amount in value] for key, value in content["fund_payments"].items()
    }
    state.vault_pending = {int(key): _request(text) for key, text in content["vault_pending"].items()}
    state.vault_next_step_ns = _ints(content["vault_next_step_ns"])
    state.cascades = _cascades_in(content["cascades"])
    state.waterfall = WaterfallTerms(**content["waterfall"])
    state.collateral.lots = _ints(content["collateral_lots"])
    state.collateral.loan_micros = content["collateral_loan_micros"]
    state.deposited_micros = content["deposited_micros"]
    state.fees = Fees.load(content["fees"], state.ledger, state.family_of)
    state.offset_terms = _terms_in(content["offset_terms"])
    limits = content.get("limits", {"positions": [], "groups": []})
    for instrument_id, account_id, *figures in limits["positions"]:
        state.limits.set_position(instrument_id, account_id, PositionLimit(*figures))
    for group, account_id, *figures in limits["groups"]:
        state.limits.set_group(group, account_id, GroupLimit(*figures))
    state.steering.liquidation_pace_ns = content.get("liquidation_pace_ns")
    state.steering.drained_micros = content.get("drained_micros", 0)
    for key, (price_ticks, pending) in content.get("settlements", {}).items():
        requests = {int(seq): _request(text) for seq, text in sorted(pending.items())}
        state.steering.settlements[int(key)] = Settling(price_ticks, requests)
    state.check_invariants()
    return state
