"""Credit lines: what each account may commit on the shard (PROTOCOL 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wavetank.clearing.core.state import Account, State
    from wavetank.model.orders import LineStatus


@dataclass(frozen=True, slots=True)
class LineRow:
    """One instrument of a line: the counted position and what its margin is charged at."""

    instrument_id: int
    position_lots: int
    margin_price_ticks: int
    leverage: int


@dataclass(frozen=True, slots=True)
class Line:
    """A credit line (PROTOCOL R2); money in micro-dollars, sums modulo 2^64."""

    account_id: int
    line_epoch: int
    line_number: int
    as_of_seq: int
    budget_micros: int
    counted_value_micros: int
    counted_fees_micros: int
    status: LineStatus
    acknowledge: bool
    rows: tuple[LineRow, ...]
    mark_time_ns: int


class Lines:
    """Numbers lines and remembers which accounts need a new one.

    Numbers restart with each epoch of clearing's log; the shard compares (epoch, number), so a line
    from before a restart never replaces one from after it (PROTOCOL R4).
    """

    def __init__(self, state: State, epoch: int) -> None:
        """Give lines of `state` under an epoch of clearing's log."""
        self._state = state
        self.epoch = epoch
        self._number = 0
        self._touched: set[int] = set()
        self._sent_budget: dict[int, int] = {}

    @property
    def next_number(self) -> int:
        """Number that the next line will carry."""
        return self._number + 1

    def touch(self, account_id: int) -> None:
        """Remember that an account's line has changed."""
        self._touched.add(account_id)

    def touch_all(self) -> None:
        """Remember that every account needs a line, as after a shard's Hello (PROTOCOL R10)."""
        self._touched.update(self._state.accounts)

    def take(self) -> list[Line]:
        """Return new lines for the accounts touched, lowered ones first (PROTOCOL R12)."""
        accounts = [self._state.accounts[key] for key in sorted(self._touched)]
        self._touched.clear()
        budgets = {account.account_id: budget_micros(self._state, account) for account in accounts}
        accounts.sort(key=lambda account: budgets[account.account_id] - self._sent_budget.get(account.account_id, 0))
        lines = []
        for account in accounts:
            self._number += 1
            self._sent_budget[account.account_id] = budgets[account.account_id]
            lines.append(self._line(account, budgets[account.account_id]))
        return lines

    def _line(self, account: Account, budget: int) -> Line:
        state = self._state
        rows = tuple(
            LineRow(
                instrument.instrument_id,
                lots,
                state.mark_ticks(account, instrument.instrument_id),
                instrument.max_leverage,
            )
            for instrument, lots, _ in state.legs(account)
        )
        times = [state.marks[row.instrument_id].index_time_ns for row in rows if row.instrument_id in state.marks] or [
            mark.index_time_ns for mark in state.marks.values()
        ]
        return Line(
            account_id=account.account_id,
            line_epoch=self.epoch,
            line_number=self._number,
            as_of_seq=state.matching_seq,
            budget_micros=budget,
            counted_value_micros=account.counted_value_micros,
            counted_fees_micros=account.counted_fees_micros,
            status=account.line_status,
            acknowledge=account.hold is not None,
            rows=rows,
            mark_time_ns=min(times, default=0),
        )


def budget_micros(state: State, account: Account) -> int:
    """Return the shard's share of an account's equity before margin, less holds (PROTOCOL R3)."""
    held = account.hold.amount_micros if account.hold is not None else 0
    return state.value(account).equity_micros - held


def free_margin_micros(state: State, account: Account) -> int:
    """Return what an account has above what a withdrawal must leave, holds not counted (MRGN-060).

    What stays is at least the larger of the initial margin and a tenth of the notional; gains that
    are not realised do not count where the instrument withholds them. Negative when short of it.
    """
    value = state.value(account)
    withheld = sum(
        max(0, leg.unrealised_micros) for leg in value.legs if state.instruments[leg.instrument_id].withholds_gains
    )
    floor = -(-value.notional_micros * state.settings.withdrawal_floor_ppm // 10**6)
    return value.equity_micros - withheld - max(value.initial_micros, floor)


def withdrawable_micros(state: State, account: Account) -> int:
    """Return what an account may withdraw now: its free margin less a hold, at least 0."""
    held = account.hold.amount_micros if account.hold is not None else 0
    return max(0, free_margin_micros(state, account) - held)
