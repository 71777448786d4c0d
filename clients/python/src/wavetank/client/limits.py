"""Limits that the operator sets: what accounts may come to in an instrument and in a correlation group (MRGN-070)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

EVERY_CLIENT = 0
"""In place of an account's id: every client that has no limit of its own there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionLimit:
    """What an account may come to in an instrument, on either side; 0 is no limit.

    Attributes:
        symbol: which instrument.
        account_id: whose, or `EVERY_CLIENT`.
        size: largest position, in units of the base asset.
        exposure: its largest notional at the margin price, in dollars.
    """

    symbol: str
    account_id: int
    size: Decimal
    exposure: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLimit:
    """What an account may come to in a correlation group, in dollars; 0 is no limit.

    Attributes:
        group: name of the group.
        account_id: whose, or `EVERY_CLIENT`.
        net: largest difference of long and short notional.
        gross: largest sum of both.
    """

    group: str
    account_id: int
    net: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """All limits that are set.

    Attributes:
        positions: by instrument, then by account.
        groups: by group, then by account.
        group_names: the correlation groups there are.
    """

    positions: tuple[PositionLimit, ...]
    groups: tuple[GroupLimit, ...]
    group_names: tuple[str, ...]
