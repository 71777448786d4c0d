"""A ledger on paper: what every account must hold after the facts so far, computed the long way round.

It shares no code with clearing. Amounts are Python integers, shares are Fractions, and nothing is clever: each rule of
the ledger is written once, as the rules say it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

FEES, FUND, ROUNDING, VAULT, DEBT = 1, 2, 3, 4, 5


def towards_zero(value: Fraction) -> int:
    return math.floor(value) if value >= 0 else math.ceil(value)


@dataclass
class NaiveLedger:
    """Cash by account; lots and cost by account and instrument."""

    cash: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    lots: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    cost: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    realised: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    """By instrument, over all accounts."""
    paid_in: int = 0
    """Deposits less withdrawals, and what collateral was sold for."""
    leverages: dict[tuple[int, int], int] = field(default_factory=dict)
    """Those that an account has chosen in an instrument."""
    shares_ppm: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    """What open interest asks for, by instrument."""
    collateral: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))
    """Lots by account and asset."""
    weight: dict[int, Fraction] = field(default_factory=dict)
    """Share of an asset's value that counts."""
    cap: dict[int, int] = field(default_factory=dict)
    """Most that counts of it in one account."""

    def deposit(self, account: int, amount: int) -> None:
        self.cash[account] += amount
        self.paid_in += amount

    def leg(self, account: int, instrument: int, delta: int, value: int) -> None:
        """Book lot by kind of lot: first what closes, then what opens."""
        key = (account, instrument)
        held = self.lots[key]
        closing = min(abs(held), abs(delta)) if held * delta < 0 else 0
        opening = abs(delta) - closing
        closing_value = value if opening == 0 else towards_zero(Fraction(value * closing, abs(delta)))
        if closing:
            share = Fraction(closing, abs(held))
            removed = self.cost[key] if share == 1 else towards_zero(self.cost[key] * share)
            gain = -closing_value - removed
            self.cost[key] -= removed
            self.cash[account] += gain
            self.realised[instrument] += gain
        if opening:
            self.cost[key] += value - (closing_value if closing else 0)
        self.lots[key] = held + delta
        if self.lots[key] == 0:
            assert self.cost[key] == 0

    def trade(
        self, instrument: int, taker: int, maker: int, lots: int, price: int, *, taker_fee: int, maker_fee: int
    ) -> None:
        for account, sign, fee in ((taker, 1, taker_fee), (maker, -1, maker_fee)):
            self.leg(account, instrument, sign * lots, sign * lots * price)
            self.cash[account] -= fee
            self.cash[FEES] += fee

    def transfer(self, instrument: int, giver: int, receiver: int, delta: int, value: int) -> None:
        self.leg(giver, instrument, delta, value)
        self.leg(receiver, instrument, -delta, -value)

    def funding(self, instrument: int, rate_e12: int, index: int) -> None:
        """Payers round up, receivers down, and the rounding account makes the tick sum to zero."""
        total = 0
        for (account, held_in), lots in list(self.lots.items()):
            if held_in == instrument and lots:
                owed = Fraction(lots * index * rate_e12, 10**12)
                paid = math.ceil(owed) if owed > 0 else -math.floor(-owed)
                self.cash[account] -= paid
                total += paid
        self.cash[ROUNDING] += total

    def move(self, payer: int, receiver: int, amount: int) -> None:
        self.cash[payer] -= amount
        self.cash[receiver] += amount

    def moves_to(self, instrument: int, mark: int, begins: int, full: int) -> int | None:
        """Return the share that an instrument comes to at a mark, in ppm, or None where it stays."""
        held = sum(lots for (_, held_in), lots in self.lots.items() if held_in == instrument and lots > 0) * mark
        way = min(Fraction(1), max(Fraction(0), Fraction(held - begins, full - begins)))
        due, now = math.ceil(way * 10**6), self.shares_ppm[instrument]
        if due == now or (abs(due - now) < 10_000 and due not in (0, 10**6)):
            return None
        self.shares_ppm[instrument] = due
        return due

    def initial(self, account: int, marks: dict[int, int], largest: dict[int, int]) -> int:
        """Return the sum over an account's positions of N (1/L + s (1 - 1/L)), each rounded up; one tier each."""
        total = 0
        for (holder, instrument), lots in self.lots.items():
            if holder == account and lots:
                base = Fraction(1, self.leverages.get((account, instrument), largest[instrument]))
                share = Fraction(self.shares_ppm[instrument], 10**6)
                total += math.ceil(abs(lots) * marks[instrument] * (base + share * (1 - base)))
        return total

    def counted(self, account: int, index: dict[int, int]) -> int:
        """Return what an account's collateral counts: each asset rounded down, and not above its cap (MRGN-080)."""
        return sum(
            min(self.cap[asset], math.floor(lots * index[asset] * self.weight[asset]))
            for (owner, asset), lots in self.collateral.items()
            if owner == account
        )

    def sell(self, account: int, asset: int, lots: int, index: int) -> int:
        """Sell collateral; return what comes in: what all was worth less what the rest is (LIQ-055)."""
        before = self.collateral[account, asset]
        assert 0 < lots <= before
        worth = [math.floor(left * index * self.weight[asset]) for left in (before, before - lots)]
        self.collateral[account, asset] -= lots
        self.deposit(account, worth[0] - worth[1])
        return worth[0] - worth[1]

    def equity(self, account: int, mark: dict[int, int], index: dict[int, int]) -> int:
        gains = sum(
            lots * mark[instrument] - self.cost[owner, instrument]
            for (owner, instrument), lots in self.lots.items()
            if owner == account and lots
        )
        return self.cash[account] + gains + self.counted(account, index)

    def positions(self) -> dict[tuple[int, int], tuple[int, int]]:
        return {key: (lots, self.cost[key]) for key, lots in self.lots.items() if lots}

    def check(self) -> None:
        """Check the sums that must hold whatever happened (INV-010, INV-020, INV-030)."""
        assert sum(self.cash.values()) - sum(self.cost.values()) == self.paid_in
        for instrument in {instrument for _, instrument in self.lots}:
            held = {account: lots for (account, of), lots in self.lots.items() if of == instrument}
            assert sum(held.values()) == 0
            cost = sum(self.cost[account, instrument] for account in held)
            assert cost == self.realised[instrument]
