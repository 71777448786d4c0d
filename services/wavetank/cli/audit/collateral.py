"""Collateral, followed by its own arithmetic: what it counts, why it was sold and for how much (MRGN-080, LIQ-055).

Values are fractions of lots x index x weight, rounded down where they become money. That an index was too old to sell
by is a setting of the venue and in no log; that it was marked stale is told.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

from wavetank.cli.audit.cases import MAYBE_STALE_NS, Case
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import ConversionCause
from wavetank.model.events.matching import MarkApplied
from wavetank.model.record import Event

if TYPE_CHECKING:
    from wavetank.cli.audit.ledger import Account, Ledger

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Asset:
    """By which terms an asset counts."""

    weight: Fraction
    cap: int
    venue_cap_lots: int

    def worth(self, lots: int, index: int) -> int:
        """Return what lots fetch outside the venue."""
        return floor(lots * index * self.weight)

    def counted(self, lots: int, index: int) -> int:
        """Return what lots count in an account."""
        return min(self.cap, self.worth(lots, index))


UNKNOWN = Asset(Fraction(0), 0, 0)


class Collateral:
    """Judges every event of collateral before it is applied to the rebuilt ledger."""

    def __init__(
        self,
        findings: Findings,
        ledger: "Ledger",
        cases: Mapping[int, Case],
        busy: Container[int],
        is_doubted: Callable[[MarkApplied], bool],
        backstop: Callable[[], Fraction],
    ) -> None:
        """Judge by the rebuilt ledger.

        Args:
            findings: where offences go.
            ledger: the accounts.
            cases: liquidations under way, by account.
            busy: accounts that are cloned or reset.
            is_doubted: whether a mark is one by which nothing is sold.
            backstop: the health below which collateral is sold.

        """
        self._findings = findings
        self._ledger = ledger
        self._cases = cases
        self._busy = busy
        self._is_doubted = is_doubted
        self._backstop = backstop
        self._loan_limit = 0
        self._is_open = False
        self._now_ns = 0
        self._marks: dict[int, MarkApplied] = {}
        self._handlers: dict[type, Callable[..., None]] = {
            MarkApplied: self._marked,
            events.VenueGateMoved: self._gate_moved,
            events.CollateralLoanSet: self._loan_set,
            events.CollateralDeposited: self._deposited,
            events.CollateralConverted: self._converted,
        }

    def before(self, now_ns: int, event: Event) -> None:
        """Judge an event against the ledger as it stands before the event."""
        self._now_ns = now_ns
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def end_entry(self) -> None:
        """Check that nobody without a position owes what his collateral could pay, while the venue trades."""
        for account_id in sorted(self._ledger.pledged if self._is_open else ()):
            account = self._ledger.account(account_id)
            is_idle = account_id not in self._cases and account_id not in self._busy
            if account.cash < 0 and not account.holdings and is_idle:
                could = [key for key in self._ledger.counting(account) if not self._may_be_stale(key)]
                self._expect(not could, f"collateral in {could} sold for the {-account.cash} that {account_id} owes")

    def _may_be_stale(self, instrument_id: int) -> bool:
        mark = self._marks.get(instrument_id)
        return mark is None or self._is_doubted(mark) or self._now_ns - mark.index_time_ns > MAYBE_STALE_NS

    def _expect(self, holds: bool, expected: str, rule: Rule = Rule.LIQ_055) -> None:
        self._findings.expect(rule, holds, expected)

    def _marked(self, event: MarkApplied) -> None:
        self._marks[event.instrument_id] = event

    def _gate_moved(self, event: events.VenueGateMoved) -> None:
        self._is_open = bool(event.is_open)

    def _loan_set(self, event: events.CollateralLoanSet) -> None:
        self._loan_limit = event.limit_micros

    def _deposited(self, event: events.CollateralDeposited) -> None:
        asset = self._ledger.assets.get(event.instrument_id, UNKNOWN)
        after = self._ledger.brought.get(event.instrument_id, 0) + event.size_lots
        self._expect(
            event.size_lots > 0 and asset.weight > 0 and after <= asset.venue_cap_lots,
            f"an asset that is taken, and at most {asset.venue_cap_lots} lots of it in all, not {after}",
            Rule.MRGN_080,
        )
        self._expect(event.account_id not in self._cases, "no collateral for an account in liquidation")

    def _converted(self, event: events.CollateralConverted) -> None:
        account = self._ledger.account(event.account_id)
        asset = self._ledger.assets.get(event.instrument_id, UNKNOWN)
        held, index = account.collateral.get(event.instrument_id, 0), event.index_price_ticks
        whole = asset.worth(held, index)
        due = whole - asset.worth(held - event.size_lots, index)
        self._expect(
            0 < event.size_lots <= held and event.amount_micros == due,
            f"{due} for {event.size_lots} of {held} lots at index {index}, not {event.amount_micros}",
        )
        case = self._cases.get(event.account_id)
        self._expect(
            event.liquidation_id == (0 if case is None else case.liquidation_id),
            "the liquidation that the account is in",
        )
        if case is None:
            last = self._marks.get(event.instrument_id)
            may_be_stale = event.cause == ConversionCause.RESET
            is_last = index == (0 if last is None else last.index_price_ticks)
            is_valid = last is not None and not self._is_doubted(last)
            self._expect(is_last and (is_valid or may_be_stale), f"the last index, and not a stale one, not {index}")
        elif not case.is_uncertain:
            frozen = (case.indexes or {}).get(event.instrument_id)
            self._expect(frozen == index, f"the frozen index {frozen}, not {index}")
        self._expect_cause(event, account, case)
        if event.cause in {ConversionCause.OWED, ConversionCause.LOAN_LIMIT}:
            owed = -account.cash
            one_fewer = whole - asset.worth(held - event.size_lots + 1, index)
            self._expect(
                one_fewer < owed and (due >= owed or event.size_lots == held),
                f"just enough for the {owed} that are owed, not {event.amount_micros}",
            )

    def _expect_cause(self, event: events.CollateralConverted, account: "Account", case: Case | None) -> None:
        match event.cause:
            case ConversionCause.REQUESTED:
                holds, wanted = case is None, "no liquidation"
            case ConversionCause.LIQUIDATED:
                holds, wanted = case is not None and case.was_tested, "a liquidation that was tested"
                if case is not None and not case.is_uncertain:
                    worth = self._ledger.worth(event.account_id, case.marks, case.stress, case.indexes)
                    limit = self._backstop()
                    holds = holds and worth.equity < limit * worth.maintenance
                    wanted = f"health below {limit}; equity is {worth.equity}, maintenance margin {worth.maintenance}"
                holds = holds and event.lots_after == 0
            case ConversionCause.OWED:
                holds, wanted = not account.holdings and account.cash < 0, "no position, and cash below zero"
            case ConversionCause.LOAN_LIMIT:
                holds = case is None and bool(account.holdings) and -account.cash > self._loan_limit
                wanted = f"a debt above {self._loan_limit}, not {-account.cash}"
            case ConversionCause.RESET:
                holds, wanted = case is None and event.lots_after == 0, "all of it, and no liquidation"
            case _:
                holds, wanted = False, "a cause that exists"
        self._expect(holds, f"{wanted}, and what follows from it sold")
