"""What initial margin rates are made of: each account's leverage, and what open interest asks for (MRGN-020).

Every share is worked out again from the long lots and the mark that the log shows, and one that should have moved and
did not is as much an offence as one that moved otherwise.
"""

from collections.abc import Callable, Container
from fractions import Fraction
from math import ceil

from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Ledger
from wavetank.cli.audit.margins import PPM, Terms
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import WithdrawalHeld
from wavetank.model.events.matching import MarkApplied
from wavetank.model.record import Event

STEP = 10_000
"""A share moves by at least so many ppm, unless it reaches none or all."""


class MarginRates:
    """Follows leverages and shares through clearing's log."""

    def __init__(self, findings: Findings, ledger: Ledger, in_liquidation: Container[int]) -> None:
        """Judge by the rebuilt ledger.

        Args:
            findings: where offences go.
            ledger: the accounts, and the instruments as listed.
            in_liquidation: accounts that are being liquidated.

        """
        self._findings = findings
        self._ledger = ledger
        self._in_liquidation = in_liquidation
        self._before: dict[int, Terms] = {}
        """An instrument's terms until it was listed anew."""
        self._due: dict[int, tuple[int, int, int]] = {}
        """By instrument, open interest in lots, mark, and the share that an event of this entry must bring."""
        self._handlers: dict[type, Callable[..., None]] = {
            events.InstrumentListed: self._listed,
            events.MarginScalingListed: self._scaling_listed,
            events.MarginTierListed: self._tier_listed,
            MarkApplied: self._marked,
            events.OpenInterestScaled: self._scaled,
            events.LeverageChanged: self._chosen,
        }

    def before(self, event: Event) -> None:
        """Judge one event of clearing's log before the ledger applies it."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def end_entry(self) -> None:
        """Tell which shares should have moved in this entry."""
        for instrument_id, due in sorted(self._due.items()):
            self._expect(False, f"a share of instrument {instrument_id} that moves: lots, mark and ppm {due}")
        self._due.clear()

    def _expect(self, holds: bool, expected: str) -> None:
        self._findings.expect(Rule.MRGN_020, holds, expected)

    # Shares

    def _listed(self, event: events.InstrumentListed) -> None:
        terms = self._ledger.terms.get(event.instrument_id)
        if terms is not None:
            self._before[event.instrument_id] = terms

    def _scaling_listed(self, event: events.MarginScalingListed) -> None:
        before = self._before.get(event.instrument_id)
        share = 0 if before is None else before.share
        self._expect(event.scaled_ppm == share, f"the share in force, {share} ppm, not {event.scaled_ppm}")

    def _tier_listed(self, event: events.MarginTierListed) -> None:
        before = self._before.pop(event.instrument_id, None)
        if before is not None:
            now = self._ledger.terms[event.instrument_id]
            was, said = (before.begins, before.full), (now.begins, now.full)
            self._expect(was == said, f"scaling between {was}, as it was listed first, not {said}")

    def _marked(self, event: MarkApplied) -> None:
        terms = self._ledger.terms.get(event.instrument_id)
        if terms is None or terms.full == 0:
            return
        lots = sum(
            max(0, account.holdings[event.instrument_id].lots) for account in self._ledger.holders(event.instrument_id)
        )
        share = share_of(terms, lots * event.mark_price_ticks)
        if abs(share - terms.share) >= STEP or (share != terms.share and share in {0, PPM}):
            self._due[event.instrument_id] = (lots, event.mark_price_ticks, share)

    def _scaled(self, event: events.OpenInterestScaled) -> None:
        due = self._due.pop(event.instrument_id, None)
        said = (event.open_interest_lots, event.mark_price_ticks, event.scaled_ppm)
        self._expect(due == said, f"lots, mark and ppm {due or 'that stand'}, not {said}")

    # Leverage

    def _chosen(self, event: events.LeverageChanged) -> None:
        terms = self._ledger.terms.get(event.instrument_id)
        account = self._ledger.account(event.account_id)
        if terms is None:
            self._expect(False, f"an instrument {event.instrument_id} that was listed before")
            return
        largest = terms.tiers[0].leverage
        present = self._ledger.leverage(account, event.instrument_id)
        can_be = 1 <= event.leverage <= largest
        self._expect(
            can_be and event.previous == present,
            f"a leverage from 1 to {largest} after {present}, not {event.leverage} after {event.previous}",
        )
        if not can_be:
            return
        self._expect(event.account_id not in self._in_liquidation, "no other leverage for an account in liquidation")
        worth = self._ledger.worth(event.account_id, {})
        leg = worth.legs.get(event.instrument_id)
        notional = 0 if leg is None else abs(leg.lots) * leg.mark
        # What is asked beyond the least is offset by nothing, so it moves the whole as it moves the leg.
        initial = worth.initial - terms.initial(notional, present) + terms.initial(notional, event.leverage)
        free = worth.equity - (account.held.amount_micros if isinstance(account.held, WithdrawalHeld) else 0)
        self._expect(initial <= max(worth.initial, free), f"an initial margin within {free}, not {initial}")


def share_of(terms: Terms, open_interest: int) -> int:
    """Return what open interest, in micro-dollars, asks for of what leverages leave unmargined: ppm, rounded up."""
    if open_interest <= terms.begins:
        return 0
    if open_interest >= terms.full:
        return PPM
    return ceil(PPM * Fraction(open_interest - terms.begins, terms.full - terms.begins))
