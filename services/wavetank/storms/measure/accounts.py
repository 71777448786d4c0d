"""The accounts of a venue by clearing's log: money, positions, and what they are worth at each mark.

It exists so that equity and health are worked out a second time, apart from clearing: from what each event says is left
behind, and from the tiers as they were listed. Kept true: what all accounts have is what came in less what went out,
after every entry; where it is not, `is_balanced` says so from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from wavetank.cli.audit.modes import GROSS, GROUP_OFFSET, SCENARIO, Offsets
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import CashCause, FillRole
from wavetank.model.ids import FEE_ACCOUNT_ID, INSURANCE_FUND_ID, ROUNDING_ACCOUNT_ID
from wavetank.model.instrument import Instrument, Listings
from wavetank.model.record import Event

PPM = 1_000_000
_OFFSETTING = frozenset({GROUP_OFFSET, SCENARIO})
_OWNERS_MONEY = frozenset({CashCause.OWNER_TRANSFER, CashCause.PLAY})


@dataclass(slots=True)
class Leg:
    """A position: signed lots and signed cost."""

    lots: int = 0
    cost_micros: int = 0


@dataclass(slots=True)
class Holder:
    """One account; money in micro-dollars."""

    account_id: int
    name: str
    cash_micros: int = 0
    legs: dict[int, Leg] = field(default_factory=dict)
    collateral: dict[int, int] = field(default_factory=dict)
    """Lots by instrument."""
    mode: int = GROSS
    deposited_micros: int = 0
    """What its owner brought, from outside or from another account."""
    withdrawn_micros: int = 0
    """What its owner took out, to the outside or to another account."""
    pledged_micros: int = 0
    """What its collateral counted when it came, less what it counted when it left."""
    handed_micros: int = 0
    """What was left of accounts that it took over; of the vault alone."""
    fills: int = 0
    volume_micros: int = 0
    equity_micros: int = 0
    """At the last mark; so with the maintenance margin."""
    maintenance_micros: int = 0
    min_equity_micros: int | None = None
    min_health: float | None = None
    """Smallest equity / maintenance margin at any mark; None while it never held a position at one."""
    calm_marks: dict[int, int] | None = None
    """Marks at which its health was last 3/2 or more, or it was flat."""

    @property
    def paid_in_micros(self) -> int:
        """What its owner has in it: profit is equity less this."""
        return self.deposited_micros - self.withdrawn_micros + self.pledged_micros


@dataclass(frozen=True, slots=True)
class _Terms:
    """How collateral of one asset counts."""

    weight_ppm: int
    cap_micros: int

    def counted(self, lots: int, index_ticks: int) -> int:
        """Return what lots count at an index, rounded down (MRGN-080)."""
        return min(lots * index_ticks * self.weight_ppm // PPM, self.cap_micros)


_NOT_TAKEN = _Terms(0, 0)


class Accounts:
    """Every account, kept by the outcomes that events state."""

    def __init__(self) -> None:
        """Begin with no account."""
        self.holders: dict[int, Holder] = {}
        self.instruments: dict[int, Instrument] = {}
        self.marks: dict[int, int] = {}
        """Last mark taken over by clearing, by instrument."""
        self.indexes: dict[int, int] = {}
        self.groups: dict[int, str] = {}
        """Correlation group by instrument; who is not here is in none."""
        self.is_balanced = True
        """Whether Σ (cash − Σ cost) was deposits less withdrawals after every entry (INV-010)."""
        self.is_matched = True
        """Whether positions of every instrument summed to zero after every entry (INV-020)."""
        self.paid_in_micros = 0
        self.total_micros = 0
        """Σ (cash − Σ cost)."""
        self._lots: dict[int, int] = {}
        """By instrument, Σ of all positions."""
        self._offsets = Offsets()
        self._terms: dict[int, _Terms] = {}
        self._listings = Listings()
        self._unpriced: set[tuple[int, int]] = set()
        """Collateral that came before there was an index to count it by: account and instrument."""
        self._handlers: dict[type, Callable[..., None]] = {
            events.InstrumentListed: self._listed,
            events.MarginScalingListed: self._listed,
            events.MarginTierListed: self._listed,
            events.AccountOpened: self._opened,
            events.Deposited: self._deposited,
            events.FaucetDrawn: self._deposited,
            events.Withdrawn: self._withdrawn,
            events.CashTransferred: self._transferred,
            events.FundingBooked: self._funded,
            events.FundingTickBooked: self._ticked,
            events.MarginModeChanged: self._mode_changed,
            events.GroupCorrelated: self._group_correlated,
            events.InstrumentCorrelated: self._correlated,
            events.HaircutsSet: self._offsets.set_haircuts,
            events.CollateralTermsSet: self._terms_set,
            events.CollateralDeposited: self._pledged,
            events.CollateralWithdrawn: self._pledged,
            events.CollateralConverted: self._converted,
        }

    @property
    def fund_micros(self) -> int:
        """Cash of the insurance fund."""
        fund = self.holders.get(INSURANCE_FUND_ID)
        return 0 if fund is None else fund.cash_micros

    @property
    def classes(self) -> Iterable[type]:
        """Events that `apply` wants; fills and marks come by doors of their own."""
        return self._handlers

    def holder(self, account_id: int) -> Holder:
        """Return an account; one that nobody told of begins here, without a name."""
        found = self.holders.get(account_id)
        if found is None:
            found = self.holders[account_id] = Holder(account_id, "")
        return found

    def apply(self, event: Event) -> None:
        """Take over an event other than a fill or a mark."""
        self._handlers[type(event)](event)

    def begin(self) -> None:
        """Begin to measure here: what an account is worth is what its owner brought, and nothing was traded yet."""
        self.value_all()
        for holder in self.holders.values():
            holder.deposited_micros = holder.equity_micros
            holder.withdrawn_micros = holder.pledged_micros = holder.handed_micros = 0
            holder.fills = holder.volume_micros = 0
            holder.min_equity_micros = holder.min_health = None

    # Doors of what happens often

    def fill(
        self,
        instrument_id: int,
        account_id: int,
        value_micros: int,
        fee_micros: int,
        lots_after: int,
        cost_after_micros: int,
        cash_after_micros: int,
        role: int,
    ) -> None:
        """Take over a fill or transfer; units as in `FillBooked`."""
        holder = self.holders.get(account_id) or self.holder(account_id)
        leg = holder.legs.get(instrument_id)
        if leg is None:
            leg = holder.legs[instrument_id] = Leg()
        lots = self._lots
        lots[instrument_id] = lots.get(instrument_id, 0) + lots_after - leg.lots
        # The fee lands in the fee account, which no event of its own tells.
        self.holder(FEE_ACCOUNT_ID).cash_micros += fee_micros
        self.total_micros += cash_after_micros - holder.cash_micros + fee_micros - cost_after_micros + leg.cost_micros
        holder.cash_micros = cash_after_micros
        if lots_after:
            leg.lots, leg.cost_micros = lots_after, cost_after_micros
        else:
            del holder.legs[instrument_id]
        if role != FillRole.TRANSFER:
            holder.fills += 1
            holder.volume_micros += abs(value_micros)

    def mark(self, instrument_id: int, mark_ticks: int, index_ticks: int) -> None:
        """Take over a mark and an index; `value_all` uses them."""
        self.marks[instrument_id] = mark_ticks
        self.indexes[instrument_id] = index_ticks

    def end_entry(self) -> None:
        """Look at the sums, as they must be after every entry of clearing's log."""
        self.is_balanced = self.is_balanced and self.total_micros == self.paid_in_micros
        self.is_matched = self.is_matched and not any(self._lots.values())

    # What it comes to

    def value(self, holder: Holder) -> tuple[int, int]:
        """Return equity and maintenance margin at the last marks (MRGN-010, MRGN-020, MRGN-030)."""
        equity, maintenance = holder.cash_micros, 0
        if holder.collateral:
            equity += self.counted(holder)
        for instrument_id, leg in holder.legs.items():
            lots = leg.lots
            worth = lots * self._mark_of(instrument_id, leg)
            equity += worth - leg.cost_micros
            maintenance += self.instruments[instrument_id].margin.maintenance_micros(abs(worth))
        if holder.mode in _OFFSETTING:
            maintenance = self._offset_margin(holder)
        return equity, maintenance

    def counted(self, holder: Holder) -> int:
        """Return what an account's collateral counts at the last indexes (MRGN-080)."""
        return sum(
            self._terms.get(key, _NOT_TAKEN).counted(lots, self.indexes.get(key, 0))
            for key, lots in holder.collateral.items()
        )

    def value_all(self) -> None:
        """Value every account at the last marks, and keep the least it came to."""
        if self._unpriced:
            self._price_pledges()
        marks = dict(self.marks)
        for holder in self.holders.values():
            self._keep(holder, marks)

    def value_now(self, account_id: int) -> Holder:
        """Value one account between two marks."""
        holder = self.holder(account_id)
        self._keep(holder, dict(self.marks))
        return holder

    def net_delta_micros(self, holder: Holder) -> tuple[int, int]:
        """Return what an account's legs do not hedge, and their gross notional, at the last marks.

        Legs of one correlation group hedge each other; instruments of no group hedge each other too, as perpetuals
        of one market do.
        """
        nets: dict[str, int] = {}
        gross = 0
        for instrument_id, leg in holder.legs.items():
            worth = leg.lots * self._mark_of(instrument_id, leg)
            group = self.groups.get(instrument_id, "")
            nets[group] = nets.get(group, 0) + worth
            gross += abs(worth)
        return sum(map(abs, nets.values())), gross

    def _mark_of(self, instrument_id: int, leg: Leg) -> int:
        # Before its first mark a position stands at its entry.
        return self.marks.get(instrument_id) or max(1, abs(leg.cost_micros) // abs(leg.lots))

    def _keep(self, holder: Holder, marks: dict[int, int]) -> None:
        equity, maintenance = self.value(holder)
        holder.equity_micros, holder.maintenance_micros = equity, maintenance
        least = holder.min_equity_micros
        if least is None or equity < least:
            holder.min_equity_micros = equity
        if maintenance > 0:
            health = equity / maintenance
            if holder.min_health is None or health < holder.min_health:
                holder.min_health = health
        if 2 * equity >= 3 * maintenance:
            holder.calm_marks = marks

    def _offset_margin(self, holder: Holder) -> int:
        margins: dict[int, int] = {}
        stress = 0
        for instrument_id, leg in holder.legs.items():
            mark = self._mark_of(instrument_id, leg)
            margin = self.instruments[instrument_id].margin.maintenance_micros(abs(leg.lots) * mark)
            margins[instrument_id] = margin if leg.lots > 0 else -margin
            index = self.indexes.get(instrument_id)
            if index:
                stress = max(stress, -(-abs(mark - index) * PPM // index))
        return self._offsets.margin(holder.mode, margins, stress)

    def _price_pledges(self) -> None:
        for account_id, instrument_id in sorted(self._unpriced):
            index = self.indexes.get(instrument_id)
            if index:
                holder = self.holder(account_id)
                lots = holder.collateral.get(instrument_id, 0)
                holder.pledged_micros += self._terms.get(instrument_id, _NOT_TAKEN).counted(lots, index)
                self._unpriced.discard((account_id, instrument_id))

    # Events

    def _set_cash(self, holder: Holder, after_micros: int) -> None:
        self.total_micros += after_micros - holder.cash_micros
        holder.cash_micros = after_micros

    def _listed(self, event: events.InstrumentListed | events.MarginScalingListed | events.MarginTierListed) -> None:
        whole = self._listings.take(event)
        if whole is not None:
            self.instruments[whole.instrument_id] = whole

    def _opened(self, event: events.AccountOpened) -> None:
        self.holder(event.account_id).name = event.name.decode(errors="replace")

    def _deposited(self, event: events.Deposited | events.FaucetDrawn) -> None:
        holder = self.holder(event.account_id)
        holder.deposited_micros += event.amount_micros
        self.paid_in_micros += event.amount_micros
        self._set_cash(holder, event.cash_after_micros)

    def _withdrawn(self, event: events.Withdrawn) -> None:
        holder = self.holder(event.account_id)
        holder.withdrawn_micros += event.amount_micros
        self.paid_in_micros -= event.amount_micros
        self._set_cash(holder, event.cash_after_micros)

    def _transferred(self, event: events.CashTransferred) -> None:
        payer, receiver = self.holder(event.account_id), self.holder(event.receiver_account_id)
        if event.cause in _OWNERS_MONEY:
            payer.withdrawn_micros += event.amount_micros
            receiver.deposited_micros += event.amount_micros
        elif event.cause == CashCause.BACKSTOP:
            receiver.handed_micros += event.amount_micros
        self._set_cash(payer, event.payer_cash_after_micros)
        self._set_cash(receiver, event.receiver_cash_after_micros)

    def _funded(self, event: events.FundingBooked) -> None:
        self._set_cash(self.holder(event.account_id), event.cash_after_micros)

    def _ticked(self, event: events.FundingTickBooked) -> None:
        rounding = self.holder(ROUNDING_ACCOUNT_ID)
        self._set_cash(rounding, rounding.cash_micros + event.rounding_micros)

    def _mode_changed(self, event: events.MarginModeChanged) -> None:
        self.holder(event.account_id).mode = event.mode

    def _group_correlated(self, event: events.GroupCorrelated) -> None:
        self._offsets.groups[event.group.decode()] = event.correlation_ppm

    def _correlated(self, event: events.InstrumentCorrelated) -> None:
        group = event.group.decode()
        self.groups[event.instrument_id] = group
        self._offsets.instruments[event.instrument_id] = (group, event.correlation_ppm)

    def _terms_set(self, event: events.CollateralTermsSet) -> None:
        self._terms[event.instrument_id] = _Terms(event.weight_ppm, event.cap_micros)

    def _pledged(self, event: events.CollateralDeposited | events.CollateralWithdrawn) -> None:
        holder, key = self.holder(event.account_id), event.instrument_id
        before, index = self.counted(holder), self.indexes.get(key)
        self._set_collateral(holder, key, event.lots_after)
        if index:
            holder.pledged_micros += self.counted(holder) - before
        else:
            self._unpriced.add((event.account_id, key))

    def _converted(self, event: events.CollateralConverted) -> None:
        holder = self.holder(event.account_id)
        self._set_collateral(holder, event.instrument_id, event.lots_after)
        self.paid_in_micros += event.amount_micros
        self._set_cash(holder, event.cash_after_micros)

    @staticmethod
    def _set_collateral(holder: Holder, instrument_id: int, lots: int) -> None:
        if lots:
            holder.collateral[instrument_id] = lots
        else:
            holder.collateral.pop(instrument_id, None)

    def by_id(self) -> Iterator[Holder]:
        """Yield every account, by id."""
        for account_id in sorted(self.holders):
            yield self.holders[account_id]
