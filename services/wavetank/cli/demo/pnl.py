"""Where an account's money came from: spread, inventory, funding, fees, liquidation; exact to the micro-dollar.

The reference of every split is the *true* index at the moment of a trade, which the venue knows and a bot does not:

- spread: what a fill was better than the reference, `lots × reference − value`;
- inventory: what the position gained while the reference moved, `Σ lots × Δreference`, the last step to the final mark;
- funding: payments received less paid; fees: paid, so negative for whoever trades;
- liquidation: forced fills and transfers against the reference, and cash that the waterfall moved.

Kept true: the parts add up to equity less what was paid in, in integers, so the residual against the ledger is 0 or
something is wrong. One tick times one lot is one micro-dollar (UNIT-010).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields


@dataclass(slots=True)
class Split:
    """Parts of a profit, in micro-dollars."""

    spread_micros: int = 0
    inventory_micros: int = 0
    funding_micros: int = 0
    fees_micros: int = 0
    liquidation_micros: int = 0

    @property
    def total_micros(self) -> int:
        """The profit that the parts explain."""
        return sum(getattr(self, part.name) for part in fields(self))

    def add(self, other: "Split") -> None:
        """Add another split to this one."""
        for part in fields(self):
            setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))


@dataclass(slots=True)
class Holding:
    """One account's position in one instrument, and the split of what it brought."""

    lots: int = 0
    reference_ticks: int = 0
    split: Split = field(default_factory=Split)

    def carry(self, reference_ticks: int) -> None:
        """Move the reference on; the position gains or loses what it moved."""
        self.split.inventory_micros += self.lots * (reference_ticks - self.reference_ticks)
        self.reference_ticks = reference_ticks

    def trade(self, *, delta_lots: int, value_micros: int, reference_ticks: int, is_forced: bool) -> None:
        """Take over a fill or transfer.

        Args:
            delta_lots: signed.
            value_micros: signed, positive for a buy.
            reference_ticks: the reference at that moment.
            is_forced: whether the waterfall did it; then it counts as liquidation, not as spread.

        """
        self.carry(reference_ticks)
        edge_micros = delta_lots * reference_ticks - value_micros
        if is_forced:
            self.split.liquidation_micros += edge_micros
        else:
            self.split.spread_micros += edge_micros
        self.lots += delta_lots


class ProfitBook:
    """Splits the profit of every account, event by event."""

    def __init__(self) -> None:
        self.holdings: dict[tuple[int, int], Holding] = {}
        """By account and instrument."""
        self.paid_in_micros: dict[int, int] = {}
        """Deposits less withdrawals, by account."""

    def holding(self, account_id: int, instrument_id: int) -> Holding:
        """Return an account's holding; instrument 0 is for what belongs to none."""
        return self.holdings.setdefault((account_id, instrument_id), Holding())

    def paid_in(self, account_id: int, amount_micros: int) -> None:
        """Count a deposit, or a withdrawal if it is negative."""
        self.paid_in_micros[account_id] = self.paid_in_micros.get(account_id, 0) + amount_micros

    def cash_moved(self, payer_id: int, receiver_id: int, instrument_id: int, amount_micros: int) -> None:
        """Count cash that the waterfall moved between two accounts."""
        self.holding(payer_id, instrument_id).split.liquidation_micros -= amount_micros
        self.holding(receiver_id, instrument_id).split.liquidation_micros += amount_micros

    def close(self, marks_ticks: Mapping[int, int]) -> None:
        """Carry every holding to the final marks."""
        for (_, instrument_id), holding in self.holdings.items():
            if holding.lots:
                holding.carry(marks_ticks[instrument_id])

    def of_account(self, account_id: int) -> Split:
        """Return the split of an account over all instruments."""
        total = Split()
        for (owner, _), holding in self.holdings.items():
            if owner == account_id:
                total.add(holding.split)
        return total
