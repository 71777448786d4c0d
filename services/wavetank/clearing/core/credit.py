"""Credit lines: what each account may commit on each shard (PROTOCOL 2).

An account's cash is parted among the shards (`Share`), and what it gains or loses by trading on a shard stays there;
collateral counts where its instrument trades. So a shard's budget is its share, its collateral and the gains of its own
positions, and however late a shard is counted, all budgets and uncounted fills together never exceed the account's
equity: no fill elsewhere can make a line too large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wavetank.clearing.core.limits import LineLimits, line_limits
from wavetank.clearing.core.margin_modes import OFFSETTING, MarginMode, PositionMargin, account_margins
from wavetank.model.fees import NO_OWN_RATES, FeeRates
from wavetank.model.orders import LineCharge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.limits import LineGroupLimit, LinePositionLimit
    from wavetank.clearing.core.standing import LineRow, Standing
    from wavetank.clearing.core.state import State
    from wavetank.model.orders import LineStatus

_CHARGES = {
    MarginMode.ISOLATED: LineCharge.GROSS,
    MarginMode.GROSS: LineCharge.GROSS,
    MarginMode.GROUP_OFFSET: LineCharge.GROUP_OFFSET,
    MarginMode.SCENARIO: LineCharge.SCENARIO,
}
"""How a shard charges positions between two lines."""


def _charge_of(account: Account) -> LineCharge:
    """Return how a shard charges positions of an account that changed since its line."""
    return LineCharge.GROSS if account.mode_change is not None else _CHARGES[account.margin_mode]


class Line(NamedTuple):
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
    elsewhere_micros: int = 0
    """What other shards can spare (PROTOCOL R9)."""
    shard: int = 0
    fee_rates: FeeRates = NO_OWN_RATES
    """The account's own (FEE-010)."""
    charge: LineCharge = LineCharge.GROSS
    only_instrument_id: int = 0
    """What an isolated account may trade; 0 for everything."""
    position_limits: tuple[LinePositionLimit, ...] = ()
    """What the account may come to in instruments (MRGN-070)."""
    group_limits: tuple[LineGroupLimit, ...] = ()
    """And in correlation groups."""
    equity_micros: int = 0
    """Equity behind the positions there: what orders that only reduce may lose (PROTOCOL R7)."""

    @property
    def limits(self) -> LineLimits:
        """Both kinds of limits."""
        return LineLimits(self.position_limits, self.group_limits)


def standings(state: State, account: Account) -> list[Standing]:
    """Return how an account stands on each shard, at the last marks."""
    stand = state.ledger.standings(account.row)
    for shard, share in enumerate(account.shares):
        if share.hold is not None:
            own = stand[shard]
            stand[shard] = own._replace(equity_micros=own.equity_micros - share.hold.amount_micros)
    # An account that is leaving its mode is relieved of nothing any more.
    if account.margin_mode in OFFSETTING and account.mode_change is None:
        stand = [
            own._replace(initial_micros=own.initial_micros - less, relief_micros=less)
            for own, less in zip(stand, _relief(state, account, stand), strict=True)
        ]
    return stand


def _relief(state: State, account: Account, stand: list[Standing]) -> list[int]:
    """Return what an offset mode relieves an account of on each shard (PROTOCOL 2, offset modes).

    Only legs of one shard offset each other in its line: another shard cannot see them change. All parts together are
    never more than the relief of the whole account; where they would be, higher shards get less.
    """
    margining = state.margining(account)

    def needed(listed: Iterable[LineRow]) -> int:
        positions = []
        for row in listed:
            instrument = state.instruments[row.instrument_id]
            notional = abs(row.position_lots) * row.margin_price_ticks
            least = instrument.least_initial_micros(notional)
            added = instrument.initial_micros(notional, row.leverage) - least
            positions.append(PositionMargin(row.instrument_id, row.position_lots > 0, least, 0, added))
        return account_margins(positions, margining).initial_micros

    left = sum(own.initial_micros for own in stand) - needed([row for own in stand for row in own.rows])
    parts = []
    for own in stand:
        parts.append(min(left, own.initial_micros - needed(own.rows)))
        left -= parts[-1]
    return parts


def budget_micros(stand: list[Standing], shard: int) -> int:
    """Return what an account may commit on a shard, before margin (PROTOCOL R3).

    What its positions on other shards need beyond their shares comes off, for its equity is one: a loss there lowers
    what it may risk here. Of several other shards none knows which will spend the rest, so each line is lowered.
    """
    return stand[shard].credit_micros - sum(other.hole_micros for at, other in enumerate(stand) if at != shard)


def _equities_behind(state: State, account: Account, stand: list[Standing]) -> list[int]:
    """Return what of an account's equity orders that only reduce may lose on each of several shards (PROTOCOL R7).

    Each shard's own part, which no late line of another can take; where an offset mode counts, less what is owed on the
    others. An account that holds the sum of its legs' margins can lose no more by a leg than that leg carries. So where
    prices took a shard's part, each of its legs may be closed as if there were one shard, and if there is less than the
    sum, all of them may lose the same part of what they carry.
    """
    own = [each.equity_micros for each in stand]
    if not any(each.hole_micros for each in stand):
        return own
    if account.margin_mode in OFFSETTING:
        owed = sum(max(0, -equity) for equity in own)
        return [equity - owed if equity > 0 else equity for equity in own]
    value = state.value(account)
    kept = [0] * len(stand)
    for leg in value.legs:
        kept[state.instruments[leg.instrument_id].shard] += leg.maintenance_micros
    whole = sum(kept)
    parts = [value.equity_micros * part // whole if whole else 0 for part in kept]
    return parts if value.equity_micros < whole else [max(pair) for pair in zip(own, parts, strict=True)]


class _Draft(NamedTuple):
    """What the next line of an account on a shard would say."""

    account: Account
    shard: int
    stand: Standing
    budget_micros: int
    elsewhere_micros: int
    equity_micros: int
    limits: LineLimits


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
        self._wanted: set[tuple[int, int]] = set()
        """Account and shard of lines that go out even if they say nothing new."""
        self._sent: dict[tuple[int, int], Line] = {}

    @property
    def next_number(self) -> int:
        """Number that the next line will carry."""
        return self._number + 1

    def touch(self, account_id: int) -> None:
        """Remember that an account's line has changed."""
        self._state.ledger.touch(account_id)

    def touch_all(self, shard: int | None = None) -> None:
        """Remember that every account needs a line of a shard that said hello, else of all (PROTOCOL R10)."""
        self._state.ledger.touch_all()
        shards = range(self._state.shards) if shard is None else (shard,)
        self._wanted.update((account_id, each) for account_id in self._state.accounts for each in shards)

    def note_committed(self, account_id: int, shard: int, committed_micros: int) -> None:
        """Take note of what a shard said an account has committed there.

        An estimate, which a restart forgets, and a fill or the end of an order there too: it spares asking for what is
        not there, and decides nothing else.
        """
        self._state.ledger.note_committed(account_id, shard, committed_micros)

    def spare_micros(self, account: Account, stand: list[Standing], shard: int) -> int:
        """Return what a shard can spare of an account's share, as far as clearing knows; 0 while part of it is held."""
        if account.shares[shard].hold is not None:
            return 0
        committed = self._state.ledger.committed(account.row, shard) or 0
        own = stand[shard]
        return max(0, own.equity_micros - max(committed - own.relief_micros, own.initial_micros))

    def take(self) -> list[Line]:
        """Return new lines for the accounts touched, lowered ones first (PROTOCOL R12)."""
        drafts = [
            draft
            for account_id in self._state.ledger.take_touched()
            for draft in self._drafts(self._state.accounts[account_id])
        ]
        self._wanted.clear()
        drafts.sort(key=self._raised_micros)
        lines = []
        for draft in drafts:
            self._number += 1
            line = self._line(draft)
            self._sent[line.account_id, line.shard] = line
            lines.append(line)
        return lines

    def _raised_micros(self, draft: _Draft) -> int:
        before = self._sent.get((draft.account.account_id, draft.shard))
        return draft.budget_micros - (before.budget_micros if before is not None else 0)

    def _drafts(self, account: Account) -> list[_Draft]:
        stand = standings(self._state, account)
        if len(stand) == 1:
            limits = line_limits(self._state, account, 0, stand)
            return [_Draft(account, 0, stand[0], stand[0].credit_micros, 0, stand[0].equity_micros, limits)]
        # What orders commit there is not taken off: they may end at any moment, and an order that must wait for that is
        # refused for now only.
        spare = [max(0, own.equity_micros - own.initial_micros) for own in stand]
        behind = _equities_behind(self._state, account, stand)
        drafts = []
        for shard, own in enumerate(stand):
            # What is held for this shard is on its way, so an order that needs it is refused for now only.
            coming = sum(
                share.hold.amount_micros
                for share in account.shares
                if share.hold is not None and share.hold.receiver_shard == shard
            )
            elsewhere = sum(spare) - spare[shard] + coming
            limits = line_limits(self._state, account, shard, stand)
            draft = _Draft(account, shard, own, budget_micros(stand, shard), elsewhere, behind[shard], limits)
            if self._is_news(draft):
                drafts.append(draft)
        return drafts

    def _is_news(self, draft: _Draft) -> bool:
        """Tell whether a line must go out: what happens on one shard often changes nothing on the others."""
        account = draft.account
        key = (account.account_id, draft.shard)
        before = self._sent.get(key)
        stand = draft.stand
        if before is None or key in self._wanted or stand.rows or before.rows or account.waits_on(draft.shard):
            return True
        # What is elsewhere only tells which refusal an order gets, so small changes of it may wait.
        if abs(draft.elsewhere_micros - before.elsewhere_micros) > before.elsewhere_micros // 8:
            return True
        sent = (
            before.budget_micros,
            before.counted_value_micros,
            before.counted_fees_micros,
            before.status,
            before.fee_rates,
            before.charge,
            before.equity_micros,
            before.limits,
        )
        now = (
            draft.budget_micros,
            stand.counted_value_micros,
            stand.counted_fees_micros,
            account.line_status,
            self._state.fees.rates_of(account.account_id),
            _charge_of(account),
            draft.equity_micros,
            draft.limits,
        )
        return sent != now

    def _line(self, draft: _Draft) -> Line:
        state, account, shard, stand = self._state, draft.account, draft.shard, draft.stand
        limits = draft.limits
        # By place: by name the call takes four times as long.
        line = (
            account.account_id,
            self.epoch,
            self._number,
            state.matching_seqs[shard],
            draft.budget_micros,
            stand.counted_value_micros,
            stand.counted_fees_micros,
            account.line_status,
            account.waits_on(shard),
            stand.rows,
            stand.price_time_ns,
            draft.elsewhere_micros,
            shard,
            state.fees.rates_of(account.account_id),
            _charge_of(account),
            account.isolated_instrument_id,
            limits.positions,
            limits.groups,
            draft.equity_micros,
        )
        return Line._make(line)


def free_margin_micros(state: State, account: Account) -> int:
    """Return what cash an account has above what a withdrawal must leave, holds not counted (MRGN-060).

    What stays is at least the larger of the initial margin and a tenth of the notional; gains that
    are not realised do not count where the instrument withholds them, nor at a price that margin does
    not tolerate (ORCL-030). Nor does collateral, so that no withdrawal turns it into a loan (MRGN-080).
    Negative when short of it.
    """
    counted, spare, needed = _spare(state, account)
    return spare - max(needed, counted)


def free_margin_with_collateral_micros(state: State, account: Account) -> int:
    """Return by how much an account's collateral may come to count less; see `free_margin_micros`."""
    _, spare, needed = _spare(state, account)
    return spare - needed


def _spare(state: State, account: Account) -> tuple[int, int, int]:
    """Return what collateral counts, the equity without withheld gains, and what of it must stay."""
    value = state.value(account)
    withheld = sum(
        max(0, leg.unrealised_micros)
        for leg in value.legs
        if state.instruments[leg.instrument_id].withholds_gains or not state.carries_margin(leg.instrument_id)
    )
    floor = -(-value.notional_micros * state.settings.withdrawal_floor_ppm // 10**6)
    return account.counted_micros, value.equity_micros - withheld, max(value.initial_micros, floor)


def withdrawable_micros(state: State, account: Account) -> int:
    """Return what an account may withdraw now: its free margin less a hold, at least 0."""
    held = account.hold.amount_micros if account.hold is not None else 0
    return max(0, free_margin_micros(state, account) - held)
