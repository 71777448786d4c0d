"""Deleveraging rankings, made a second time: who had to be on the list, in which order, and for how much (LIQ-080).

The venue's policy is in its log; scores are fractions here, and common levels are found by halving between the points
where a part begins or ends. Capacities are taken as the log states them: what they leave a victim is checked where it
is asked, leg by leg.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Ledger
from wavetank.model.events.clearing import AdlPolicyKind, AdlRanked

MOST_SHOWN = 2**62
E9 = 10**9


@dataclass(frozen=True, slots=True)
class Victim:
    """One line of a ranking, as the rebuilt ledger knows the account; micro-dollars."""

    account_id: int
    lots: int
    """Unsigned."""
    is_long: bool
    cost: int
    mark: int
    equity: int
    capacity: int = 0


def score(policy: int, victim: Victim) -> Fraction:
    """Return what a victim ranks by under a policy."""
    notional = victim.lots * victim.mark
    entry = max(1, abs(victim.cost))
    leverage = Fraction(notional, victim.equity)
    if policy == AdlPolicyKind.HYPERLIQUID:
        return (Fraction(notional, entry) if victim.is_long else Fraction(entry, notional)) * leverage
    if policy == AdlPolicyKind.BITMEX:
        profit = Fraction((notional if victim.is_long else -notional) - victim.cost, entry)
        return profit * leverage if profit > 0 else profit / leverage
    return Fraction(victim.lots) if policy == AdlPolicyKind.PRO_RATA else leverage


def asked_of(policy: int, ranking: list[Victim], lots: int) -> dict[int, int]:
    """Return how many lots each victim of a ranking gives under a policy, by account."""
    if policy == AdlPolicyKind.PRO_RATA:
        bends = {Fraction(0)} | {Fraction(victim.capacity, victim.lots) for victim in ranking}
        return _level(ranking, lots, bends, lambda victim, level: victim.lots * level)
    if policy == AdlPolicyKind.MIN_MAX_LEVERAGE:
        begins = {Fraction(victim.lots, victim.equity) for victim in ranking}
        ends = {Fraction(victim.lots - victim.capacity, victim.equity) for victim in ranking}
        # Counted downwards, so that parts grow with the level here as well.
        bends = {-point for point in begins | ends}
        return _level(ranking, lots, bends, lambda victim, level: victim.lots + level * victim.equity)
    asked = {}
    for victim in ranking:
        asked[victim.account_id] = min(lots, victim.capacity)
        lots -= asked[victim.account_id]
    return asked


def _level(
    ranking: list[Victim], lots: int, bends: set[Fraction], part: Callable[[Victim, Fraction], Fraction]
) -> dict[int, int]:
    """Return parts, cut to 0 and the capacity, at the level at which they add up; whole by largest remainder."""

    def at(level: Fraction) -> dict[int, Fraction]:
        return {
            victim.account_id: min(Fraction(victim.capacity), max(Fraction(0), part(victim, level)))
            for victim in ranking
        }

    points = sorted(bends)
    low, high = 0, len(points) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if sum(at(points[middle]).values()) < lots else (low, middle)
    below, above = (sum(at(points[index]).values(), Fraction(0)) for index in (low, high))
    level = points[low] if lots <= below else points[high]
    if below < lots < above:
        level = points[low] + (points[high] - points[low]) * (lots - below) / (above - below)
    exact = at(level)
    parts = {account: floor(share) for account, share in exact.items()}
    order = sorted(exact, key=lambda account: (parts[account] - exact[account], account))
    for account in order[: max(0, lots - sum(parts.values()))]:
        parts[account] += 1
    return parts


class Rankings:
    """Collects the lines of one ranking, which stand together in the log, and judges them when they end."""

    def __init__(self, findings: Findings, ledger: Ledger) -> None:
        """Judge by the rebuilt ledger."""
        self._findings = findings
        self._ledger = ledger
        self._rows: list[AdlRanked] = []

    def take(self, event: AdlRanked) -> None:
        """Take the next line."""
        self._rows.append(event)

    @property
    def is_open(self) -> bool:
        """Whether there are lines that were not judged."""
        return bool(self._rows)

    def drop(self) -> None:
        """Judge nothing of these lines: the marks they rest on are not known exactly."""
        self._rows = []

    def close(
        self, policy: int, marks: dict[int, int], liquidated: int, busy: Collection[int], *, at_mark: bool
    ) -> None:
        """Judge the lines.

        Args:
            policy: an `AdlPolicyKind`.
            marks: those the liquidation froze.
            liquidated: its account.
            busy: accounts in liquidation, which give nothing at V.
            at_mark: whether everybody was asked, for nothing.

        """
        rows, self._rows = self._rows, []
        instrument_id = rows[0].instrument_id
        holding = self._ledger.account(liquidated).holdings.get(instrument_id)
        if holding is None or instrument_id not in marks:
            return
        victims = {
            victim.account_id: victim
            for victim in self._opposite(instrument_id, marks, liquidated, holding.lots, busy, at_mark=at_mark)
        }
        listed = {row.account_id for row in rows}
        if not self._expect(listed == set(victims), f"a ranking of {sorted(victims)}, not of {sorted(listed)}"):
            return
        order = sorted(victims.values(), key=lambda victim: (-score(policy, victim), victim.account_id))
        said = [(row.rank, row.account_id, row.score_e9) for row in rows]
        due = [
            (place, victim.account_id, max(-MOST_SHOWN, min(MOST_SHOWN, floor(score(policy, victim) * E9))))
            for place, victim in enumerate(order, start=1)
        ]
        if not self._expect(said == due, f"rank, account and score {due}, not {said}"):
            return
        capacity = {row.account_id: row.capacity_lots for row in rows}
        ranking = [
            Victim(
                victim.account_id,
                victim.lots,
                victim.is_long,
                victim.cost,
                victim.mark,
                victim.equity,
                capacity[victim.account_id],
            )
            for victim in order
        ]
        lots = min(abs(holding.lots), sum(capacity.values()))
        asked = {row.account_id: abs(row.delta_lots) for row in rows}
        wanted = asked_of(policy, ranking, lots)
        self._expect(asked == wanted, f"lots {wanted} asked of each, not {asked}")

    def _expect(self, holds: bool, expected: str) -> bool:
        return self._findings.expect(Rule.LIQ_080, holds, expected)

    def _opposite(
        self,
        instrument_id: int,
        marks: dict[int, int],
        liquidated: int,
        lots: int,
        busy: Collection[int],
        *,
        at_mark: bool,
    ) -> list[Victim]:
        found = []
        for account in self._ledger.holders(instrument_id):
            own = account.holdings[instrument_id]
            if account.account_id == liquidated or (own.lots > 0) == (lots > 0):
                continue
            worth = self._ledger.worth(account.account_id, marks)
            is_sound = worth.equity > 0 and worth.equity >= worth.maintenance and account.account_id not in busy
            if at_mark or is_sound:
                mark, equity = marks[instrument_id], max(1, worth.equity)
                found.append(Victim(account.account_id, abs(own.lots), own.lots > 0, own.cost, mark, equity))
        return found
