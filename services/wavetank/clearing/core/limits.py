"""What an account may come to in an instrument and in a correlation group, and how its credit lines say it (MRGN-070).

The operator sets limits, for one account or for every client; the shards keep them, for only there is an order checked
before it trades. Kept true: an account's own takes the place of the venue's as a whole; venue accounts have none; and
without any a line says what it said before, at no cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from wavetank.clearing.core.health import AccountKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.standing import Standing
    from wavetank.clearing.core.state import State

EVERY_CLIENT = 0
"""In place of an account's id: all clients that have no limit of their own."""


class PositionLimit(NamedTuple):
    """What an account may come to in an instrument, on either side; 0 is no limit."""

    size_lots: int
    exposure_micros: int


class GroupLimit(NamedTuple):
    """What an account may come to in a correlation group, in micro-dollars; 0 is no limit."""

    net_micros: int
    gross_micros: int


class Limits:
    """Those that are set."""

    def __init__(self) -> None:
        """Begin with none."""
        self.positions: dict[int, dict[int, PositionLimit]] = {}
        """By instrument id and account id, or `EVERY_CLIENT`."""
        self.groups: dict[str, dict[int, GroupLimit]] = {}
        """By name of the group and account id, or `EVERY_CLIENT`."""

    def __bool__(self) -> bool:
        """Tell whether any is set."""
        return bool(self.positions or self.groups)

    def set_position(self, instrument_id: int, account_id: int, limit: PositionLimit) -> None:
        """Set a limit in an instrument, or lift the one there is."""
        _put(self.positions, instrument_id, account_id, limit)

    def set_group(self, group: str, account_id: int, limit: GroupLimit) -> None:
        """Set a limit in a group, or lift the one there is."""
        _put(self.groups, group, account_id, limit)

    def position(self, instrument_id: int, account_id: int) -> PositionLimit:
        """Return what is set for just this account, or for every client; zeros if nothing is."""
        return self.positions.get(instrument_id, {}).get(account_id, PositionLimit(0, 0))

    def group(self, group: str, account_id: int) -> GroupLimit:
        """Return what is set for just this account, or for every client; zeros if nothing is."""
        return self.groups.get(group, {}).get(account_id, GroupLimit(0, 0))

    def standing_positions(self) -> list[tuple[int, int, PositionLimit]]:
        """Return the limits in instruments: instrument id, account id, limit; in this order."""
        return _standing(self.positions)

    def standing_groups(self) -> list[tuple[str, int, GroupLimit]]:
        """Return the limits in groups: name, account id, limit; in this order."""
        return _standing(self.groups)


_Key = TypeVar("_Key", int, str)
_Limit = TypeVar("_Limit", PositionLimit, GroupLimit)


def _standing(table: dict[_Key, dict[int, _Limit]]) -> list[tuple[_Key, int, _Limit]]:
    return [(key, account_id, limit) for key, of in sorted(table.items()) for account_id, limit in sorted(of.items())]


def _put(table: dict[_Key, dict[int, _Limit]], key: _Key, account_id: int, limit: _Limit) -> None:
    of = table.setdefault(key, {})
    if any(limit):
        of[account_id] = limit
    else:
        of.pop(account_id, None)
    if not of:
        del table[key]


class LinePositionLimit(NamedTuple):
    """A limit in an instrument of a line's shard."""

    instrument_id: int
    size_lots: int
    exposure_micros: int


class LineGroupLimit(NamedTuple):
    """A limit in a group that has an instrument on a line's shard; money in micro-dollars."""

    group: str
    instrument_ids: tuple[int, ...]
    """The group's on the shard, ascending."""
    net_micros: int
    gross_micros: int
    elsewhere_long_micros: int
    """Notional of the group's counted long positions on other shards, at the last marks."""
    elsewhere_short_micros: int


class LineLimits(NamedTuple):
    """What a line says of limits."""

    positions: tuple[LinePositionLimit, ...]
    groups: tuple[LineGroupLimit, ...]


NO_LIMITS = LineLimits((), ())


def line_limits(state: State, account: Account, shard: int, stand: Sequence[Standing]) -> LineLimits:
    """Return the limits of an account that a shard must keep.

    Args:
        state: where they are set.
        account: whose line it is.
        shard: which shard gets the line.
        stand: by shard, how it stands there.

    """
    limits = state.limits
    if not limits or account.kind is not AccountKind.CLIENT:
        return NO_LIMITS
    positions = []
    for instrument_id, set_for in sorted(limits.positions.items()):
        limit = set_for.get(account.account_id) or set_for.get(EVERY_CLIENT)
        if limit is not None and state.shard_of(instrument_id) == shard:
            positions.append(LinePositionLimit(instrument_id, *limit))
    groups = []
    for name, set_for_group in sorted(limits.groups.items()):
        group_limit = set_for_group.get(account.account_id) or set_for_group.get(EVERY_CLIENT)
        if group_limit is None:
            continue
        members = _members(state, name)
        here = tuple(each for each in members if state.shard_of(each) == shard)
        if here:
            elsewhere = [
                row.position_lots * row.margin_price_ticks
                for at, own in enumerate(stand)
                for row in own.rows
                if at != shard and row.instrument_id in members
            ]
            long, short = sum(each for each in elsewhere if each > 0), -sum(each for each in elsewhere if each < 0)
            groups.append(LineGroupLimit(name, here, *group_limit, long, short))
    return LineLimits(tuple(positions), tuple(groups))


def _members(state: State, group: str) -> list[int]:
    terms = state.offset_terms.instruments
    return sorted(each for each, offset in terms.items() if offset.group == group and each in state.instruments)
