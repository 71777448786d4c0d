"""Snapshots: clearing's state as bytes, and back.

JSON with sorted keys, so that equal states give equal bytes; the state hash is the hash of these
bytes, and covers the logical state only: no epochs, no line numbers, no wall times (PROTOCOL 4).
Restoring checks the version and the money before anybody uses the state.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wavetank.clearing.core.health import AccountKind, HealthBand, LiquidationStage
from wavetank.clearing.core.margin_modes import Correlation, MarginMode, OffsetTerms, StressRamp
from wavetank.clearing.core.state import (
    Account,
    ApiKey,
    Hold,
    Liquidation,
    Mark,
    Position,
    Share,
    ShareHold,
    State,
)
from wavetank.model.events.clearing import InstrumentListed, MarginTierListed, MatchingRequested
from wavetank.model.events.matching import BookSampled
from wavetank.model.instrument import Instrument
from wavetank.model.invariant import InvariantBroken
from wavetank.model.orders import LineStatus
from wavetank.model.record import decode, encode

if TYPE_CHECKING:
    from wavetank.clearing.core.settings import ClearingSettings
    from wavetank.model.record import Event

SNAPSHOT_VERSION = 3


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


def _account_out(account: Account) -> dict[str, Any]:
    fields = asdict(account)
    liquidation = account.liquidation
    if liquidation is not None:
        fields["liquidation"]["pending"] = {str(key): _hex(event) for key, event in liquidation.pending.items()}
    return fields


def _ints(table: dict[str, Any]) -> dict[int, Any]:
    return {int(key): value for key, value in table.items()}


def _liquidation_in(fields: dict[str, Any]) -> Liquidation:
    return Liquidation(
        liquidation_id=fields["liquidation_id"],
        stage=LiquidationStage(fields["stage"]),
        marks=_ints(fields["marks"]),
        stale=fields["stale"],
        pending={int(key): _request(text) for key, text in sorted(fields["pending"].items())},
        mark_seq=fields["mark_seq"],
        waits=fields["waits"],
        unfilled=fields["unfilled"],
        depth_limited=fields["depth_limited"],
        fund_paid_micros=fields["fund_paid_micros"],
        reserve_micros=fields["reserve_micros"],
        insured=fields["insured"],
        vault_took=fields["vault_took"],
        touched=fields["touched"],
        stress_ppm=fields["stress_ppm"],
    )


def _share_in(fields: dict[str, Any]) -> Share:
    return Share(**{**fields, "hold": ShareHold(**fields["hold"]) if fields["hold"] else None})


def _account_in(fields: dict[str, Any]) -> Account:
    return Account(
        account_id=fields["account_id"],
        name=fields["name"],
        kind=AccountKind(fields["kind"]),
        cash_micros=fields["cash_micros"],
        positions={int(key): Position(**value) for key, value in fields["positions"].items()},
        shares=[_share_in(share) for share in fields["shares"]],
        band=HealthBand(fields["band"]),
        line_status=LineStatus(fields["line_status"]),
        hold=Hold(**fields["hold"]) if fields["hold"] else None,
        liquidation=_liquidation_in(fields["liquidation"]) if fields["liquidation"] else None,
        last_instrument_id=fields["last_instrument_id"],
        cooldown_until_ns=_ints(fields["cooldown_until_ns"]),
        margin_mode=MarginMode(fields["margin_mode"]),
    )


def _terms_in(fields: dict[str, Any]) -> OffsetTerms:
    return OffsetTerms(
        instruments={int(key): Correlation(**value) for key, value in fields["instruments"].items()},
        groups_ppm=fields["groups_ppm"],
        group_haircut=StressRamp(**fields["group_haircut"]),
        scenario_haircut=StressRamp(**fields["scenario_haircut"]),
        floor_ppm=fields["floor_ppm"],
    )


def dump(state: State) -> bytes:
    """Return the state as bytes; equal states give equal bytes."""
    content = {
        "version": SNAPSHOT_VERSION,
        "accounts": [_account_out(state.accounts[key]) for key in sorted(state.accounts)],
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
        "venue_is_open": state.venue_is_open,
        "fund_payments": {str(key): value for key, value in state.fund_payments.items()},
        "vault_pending": {str(key): _hex(event) for key, event in state.vault_pending.items()},
        "vault_next_step_ns": {str(key): at for key, at in state.vault_next_step_ns.items()},
        "deposited_micros": state.deposited_micros,
        "offset_terms": asdict(state.offset_terms),
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
    state.accounts = {fields["account_id"]: _account_in(fields) for fields in content["accounts"]}
    for texts in content["instruments"]:
        listed = [decode(bytes.fromhex(text)) for text in texts]
        heads = [event for event in listed if isinstance(event, InstrumentListed)]
        tiers = [event for event in listed if isinstance(event, MarginTierListed)]
        state.instruments[heads[0].instrument_id] = Instrument.from_listing(heads[0], tiers)
    state.marks = {int(key): Mark(**value) for key, value in content["marks"].items()}
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
    state.venue_is_open = content["venue_is_open"]
    state.fund_payments = {
        int(key): [(time_ns, amount) for time_ns, amount in value] for key, value in content["fund_payments"].items()
    }
    state.vault_pending = {int(key): _request(text) for key, text in content["vault_pending"].items()}
    state.vault_next_step_ns = _ints(content["vault_next_step_ns"])
    state.deposited_micros = content["deposited_micros"]
    state.offset_terms = _terms_in(content["offset_terms"])
    _add_up(state)
    state.check_invariants()
    return state


def _add_up(state: State) -> None:
    for account in state.accounts.values():
        shared = sum(share.cash_micros for share in account.shares)
        if shared != account.cash_micros or len(account.shares) != state.shards:
            message = f"account {account.account_id} has cash {account.cash_micros}, its shares {shared}"
            raise InvariantBroken(message)
        state.conserved_micros += account.cash_micros
        for instrument_id, position in account.positions.items():
            state.conserved_micros -= position.cost_micros
            totals, costs = state.total_lots, state.total_cost_micros
            totals[instrument_id] = totals.get(instrument_id, 0) + position.lots
            costs[instrument_id] = costs.get(instrument_id, 0) + position.cost_micros
