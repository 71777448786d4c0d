"""The ledger, rebuilt from clearing's log with its own arithmetic (PROTOCOL 1).

After an offence the logged outcome is taken over, so that one wrong booking is told once and not again by every later
one; the sums over all accounts show it all the same.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from wavetank.cli.audit.collateral import UNKNOWN, Asset
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.margins import Leg, Terms, Worth
from wavetank.cli.audit.modes import GROSS, Offsets
from wavetank.model.events import clearing as events
from wavetank.model.ids import FEE_ACCOUNT_ID, FIRST_CLIENT_ACCOUNT_ID, ROUNDING_ACCOUNT_ID
from wavetank.model.record import Event

E12 = 10**12
PPM = 10**6


def towards_zero(a: int, b: int, c: int) -> int:
    """Return a × b / c without its fraction, for c above 0."""
    product = a * b
    return product // c if product >= 0 else -(-product // c)


@dataclass(slots=True)
class Holding:
    """A position: signed lots and signed cost."""

    lots: int = 0
    cost: int = 0


@dataclass(slots=True)
class Account:
    """One account."""

    account_id: int
    name: str
    kind: int
    cash: int = 0
    holdings: dict[int, Holding] = field(default_factory=dict)
    value: int = 0
    """Σ of the signed values of its fills (PROTOCOL R2, Q)."""
    fees: int = 0
    """Σ of its fees (F)."""
    held: events.WithdrawalHeld | events.CollateralHeld | None = None
    mode: int = GROSS
    leverages: dict[int, int] = field(default_factory=dict)
    """Those that it has chosen, by instrument."""
    collateral: dict[int, int] = field(default_factory=dict)
    """Lots by asset."""
    parent_id: int = 0
    only_instrument_id: int = 0
    """What an isolated account trades."""

    @property
    def owner_id(self) -> int:
        """The account at the head of its family."""
        return self.parent_id or self.account_id


@dataclass(slots=True)
class Sums:
    """Running sums over all holders of one instrument."""

    lots: int = 0
    cost: int = 0
    realised: int = 0


class Ledger:
    """Applies the money events of clearing's log."""

    def __init__(self, findings: Findings) -> None:
        """Begin with no account."""
        self.accounts: dict[int, Account] = {}
        self.terms: dict[int, Terms] = {}
        self.marks: dict[int, int] = {}
        """Last mark taken over, by instrument."""
        self.indexes: dict[int, int] = {}
        """Last index taken over, by instrument."""
        self.offsets = Offsets()
        self.sums: defaultdict[int, Sums] = defaultdict(Sums)
        self.assets: dict[int, Asset] = {}
        """What counts as collateral, by instrument."""
        self.brought: defaultdict[int, int] = defaultdict(int)
        """By asset, collateral deposited less what was withdrawn and converted."""
        self.pledged: set[int] = set()
        """Accounts that have collateral."""
        self.paid_in = 0
        """Deposits less withdrawals, and what collateral was sold for."""
        self.total = 0
        """Σ (cash − Σ cost), kept up to date with every change."""
        self._findings = findings
        self._imbalance = 0
        self._skew: dict[int, tuple[int, int]] = {}
        self._touched: set[int] = set()
        self._brought_now: defaultdict[int, int] = defaultdict(int)
        """By asset, Σ over all accounts, kept up to date with every change."""
        self._lost: dict[int, int] = {}
        self._intervals: dict[int, int] = {}
        """Time between funding payments, as set last, by instrument."""
        self._payments: dict[tuple[int, int], dict[int, events.FundingBooked]] = {}
        self._handlers: dict[type, Callable[..., None]] = {
            events.InstrumentListed: self._listed,
            events.OperatorActed: self._steered,
            events.MarginScalingListed: self._scaling_listed,
            events.MarginTierListed: self._tier_listed,
            events.AccountOpened: self._opened,
            events.Deposited: self._deposited,
            events.FaucetDrawn: self._deposited,
            events.Withdrawn: self._withdrawn,
            events.FillBooked: self._filled,
            events.CashTransferred: self._transferred,
            events.FundingBooked: self._funded,
            events.FundingTickBooked: self._ticked,
            events.OpenInterestScaled: self._scaled,
            events.LeverageChanged: self._leverage_changed,
            events.MarginModeChanged: self._mode_changed,
            events.GroupCorrelated: self._group_correlated,
            events.InstrumentCorrelated: self._instrument_correlated,
            events.HaircutsSet: self.offsets.set_haircuts,
            events.CollateralTermsSet: self._collateral_taken,
            events.CollateralDeposited: lambda event: self._move_collateral(event, event.size_lots),
            events.CollateralWithdrawn: lambda event: self._move_collateral(event, -event.size_lots),
            events.CollateralConverted: self._converted,
        }

    def apply(self, event: Event) -> None:
        """Apply one event of clearing's log."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def account(self, account_id: int) -> Account:
        """Return an account; one that was never opened is an offence, and exists from then on."""
        account = self.accounts.get(account_id)
        if account is None:
            self._findings.offend(Rule.INV_050, f"an account {account_id} that was opened before")
            account = self.accounts[account_id] = Account(account_id, "", 0)
        return account

    def counting(self, account: Account) -> list[int]:
        """Return the assets of an account's collateral that can count at all, ascending."""
        return [key for key in sorted(account.collateral) if self.assets.get(key, UNKNOWN).weight]

    def counted(self, account: Account, indexes: dict[int, int] | None = None) -> int:
        """Return what an account's collateral counts at frozen indexes, else at the last (MRGN-080)."""
        at = self.indexes if indexes is None else indexes
        return sum(self.assets[key].counted(account.collateral[key], at.get(key, 0)) for key in self.counting(account))

    def worth(
        self,
        account_id: int,
        marks: dict[int, int],
        stress: int | None = None,
        indexes: dict[int, int] | None = None,
    ) -> Worth:
        """Value an account at `marks`, `stress` and `indexes`, and at the last ones where these name none.

        Source: MRGN-010 to 030, MRGN-080.
        """
        account = self.account(account_id)
        equity = account.cash + self.counted(account, indexes)
        maintenance: dict[int, int] = {}
        least: dict[int, int] = {}
        added = 0
        legs: dict[int, Leg] = {}
        for instrument_id, holding in sorted(account.holdings.items()):
            mark = marks.get(instrument_id) or self.marks.get(instrument_id, 0)
            notional = abs(holding.lots) * mark
            terms = self.terms[instrument_id]
            leg = Leg(holding.lots, mark, terms.maintenance(notional))
            legs[instrument_id] = leg
            equity += holding.lots * mark - holding.cost
            side = 1 if holding.lots > 0 else -1
            maintenance[instrument_id] = side * leg.maintenance
            least[instrument_id] = side * terms.least_initial(notional)
            # What the account's leverage and open interest ask for beyond the least, nothing offsets.
            added += terms.initial(notional, self.leverage(account, instrument_id)) - terms.least_initial(notional)
        at = self.stress(account) if stress is None else stress
        margin = self.offsets.margin
        return Worth(equity, margin(account.mode, maintenance, at), margin(account.mode, least, at) + added, legs)

    def leverage(self, account: Account, instrument_id: int) -> int:
        """Return an account's leverage in an instrument; a tier's counts where it is lower (MRGN-020)."""
        largest = self.terms[instrument_id].tiers[0].leverage
        return min(account.leverages.get(instrument_id, largest), largest)

    def stress(self, account: Account) -> int:
        """Return the widest gap between mark and index of an account's instruments, in ppm, rounded up (MRGN-030)."""
        if account.mode == GROSS:
            return 0
        known = [key for key in account.holdings if key in self.indexes]
        return max(
            (ceil(Fraction(PPM * abs(self.marks[key] - self.indexes[key]), self.indexes[key])) for key in known),
            default=0,
        )

    def maintenance_with(self, account_id: int, worth: Worth, instrument_id: int, rest: int) -> int:
        """Return what an account so worth would have to hold if one leg's own margin were another."""
        account = self.account(account_id)
        margins = {key: leg.maintenance if leg.lots > 0 else -leg.maintenance for key, leg in worth.legs.items()}
        margins[instrument_id] = rest if worth.legs[instrument_id].lots > 0 else -rest
        return self.offsets.margin(account.mode, margins, self.stress(account))

    def holders(self, instrument_id: int) -> list[Account]:
        """Return the accounts with a position in an instrument, by id."""
        return [self.accounts[key] for key in sorted(self.accounts) if instrument_id in self.accounts[key].holdings]

    # Events

    def _steered(self, event: events.OperatorActed) -> None:
        if event.action == events.OperatorAction.SET_FUNDING_INTERVAL:
            self._intervals[event.instrument_id] = event.figure

    def _listed(self, event: events.InstrumentListed) -> None:
        if event.instrument_id in self.terms:
            interval = self._intervals[event.instrument_id]
            self._findings.expect(
                Rule.INV_040,
                event.funding_interval_ns == interval,
                f"a funding interval of {interval} ns, as it was set last, not {event.funding_interval_ns}",
            )
        self._intervals[event.instrument_id] = event.funding_interval_ns
        self.terms[event.instrument_id] = Terms(event)

    def _scaling_listed(self, event: events.MarginScalingListed) -> None:
        terms = self.terms.get(event.instrument_id)
        if self._findings.expect(Rule.INV_090, terms is not None and not terms.tiers, "scaling behind its instrument"):
            assert terms is not None
            terms.add_scaling(event)

    def _scaled(self, event: events.OpenInterestScaled) -> None:
        if event.instrument_id in self.terms:
            self.terms[event.instrument_id].share = event.scaled_ppm

    def _leverage_changed(self, event: events.LeverageChanged) -> None:
        """Take over a leverage; who goes back to the largest follows it from then on."""
        if event.instrument_id not in self.terms or event.leverage < 1:
            return
        leverages = self.account(event.account_id).leverages
        if event.leverage < self.terms[event.instrument_id].tiers[0].leverage:
            leverages[event.instrument_id] = event.leverage
        else:
            leverages.pop(event.instrument_id, None)

    def _tier_listed(self, event: events.MarginTierListed) -> None:
        terms = self.terms.get(event.instrument_id)
        if self._findings.expect(
            Rule.INV_090,
            terms is not None and len(terms.tiers) == event.tier,
            f"tier {event.tier} behind its instrument and the tiers below it",
        ):
            assert terms is not None
            terms.add_tier(event)

    def _opened(self, event: events.AccountOpened) -> None:
        self._findings.expect(Rule.INV_050, event.account_id not in self.accounts, "an account opened once")
        account = Account(event.account_id, event.name.decode(), event.account_kind, parent_id=event.parent_account_id)
        if event.parent_account_id:
            parent = self.accounts.get(event.parent_account_id)
            self._findings.expect(
                Rule.MRGN_060,
                parent is not None and not parent.parent_id and parent.account_id >= FIRST_CLIENT_ACCOUNT_ID,
                f"a client's account {event.parent_account_id}, no sub-account itself, opened before its sub-account",
            )
        self.accounts[event.account_id] = account

    def _mode_changed(self, event: events.MarginModeChanged) -> None:
        account = self.account(event.account_id)
        account.mode = event.mode
        account.only_instrument_id = event.instrument_id

    def _group_correlated(self, event: events.GroupCorrelated) -> None:
        self.offsets.groups[event.group.decode()] = event.correlation_ppm

    def _instrument_correlated(self, event: events.InstrumentCorrelated) -> None:
        group = event.group.decode()
        self._findings.expect(
            Rule.MRGN_030, not group or group in self.offsets.groups, f"a group {group} that was there before"
        )
        self.offsets.instruments[event.instrument_id] = (group, event.correlation_ppm)

    def _pay(self, account: Account, amount: int, said: int) -> None:
        """Move cash of one account, and compare with what the event says is left."""
        self._findings.checks[Rule.INV_050] += 1
        due = account.cash + amount
        if due != said:
            self._findings.offend(Rule.INV_050, f"cash {due} of account {account.account_id} afterwards, not {said}")
        self.total += said - account.cash
        account.cash = said

    def _deposited(self, event: events.Deposited | events.FaucetDrawn) -> None:
        self._findings.expect(Rule.INV_050, event.amount_micros > 0, "a deposit above 0")
        self.paid_in += event.amount_micros
        self._pay(self.account(event.account_id), event.amount_micros, event.cash_after_micros)

    def _withdrawn(self, event: events.Withdrawn) -> None:
        self._findings.expect(Rule.INV_050, event.amount_micros > 0, "a withdrawal above 0")
        self.paid_in -= event.amount_micros
        self._pay(self.account(event.account_id), -event.amount_micros, event.cash_after_micros)

    def _collateral_taken(self, event: events.CollateralTermsSet) -> None:
        self._findings.expect(
            Rule.MRGN_080,
            event.instrument_id in self.terms and 0 <= event.weight_ppm <= PPM,
            "an instrument that is listed, and a share of at most the whole",
        )
        weight = Fraction(event.weight_ppm, PPM)
        self.assets[event.instrument_id] = Asset(weight, event.cap_micros, event.venue_cap_lots)

    def _move_collateral(
        self, event: events.CollateralDeposited | events.CollateralWithdrawn | events.CollateralConverted, delta: int
    ) -> None:
        account, asset = self.account(event.account_id), event.instrument_id
        due = account.collateral.get(asset, 0) + delta
        self._findings.expect(
            Rule.MRGN_080, due == event.lots_after >= 0, f"{due} lots of collateral afterwards, not {event.lots_after}"
        )
        self.brought[asset] += delta
        self._brought_now[asset] += event.lots_after - account.collateral.get(asset, 0)
        account.collateral[asset] = event.lots_after
        if not event.lots_after:
            del account.collateral[asset]
        self.pledged.discard(account.account_id)
        if account.collateral:
            self.pledged.add(account.account_id)

    def _converted(self, event: events.CollateralConverted) -> None:
        self._move_collateral(event, -event.size_lots)
        # Who buys it is outside of the venue, so his money comes in (LIQ-055).
        self.paid_in += event.amount_micros
        self._pay(self.account(event.account_id), event.amount_micros, event.cash_after_micros)

    def _filled(self, event: events.FillBooked) -> None:
        account = self.account(event.account_id)
        self._findings.expect(
            Rule.MRGN_030,
            account.only_instrument_id in {0, event.instrument_id},
            f"nothing but instrument {account.only_instrument_id} traded by account {account.account_id}",
        )
        holding = account.holdings.get(event.instrument_id) or Holding()
        lots, cost, realised = leg_of(holding.lots, holding.cost, event.delta_lots, event.value_micros)
        said = (event.lots_after, event.cost_after_micros, event.realised_micros)
        self._findings.checks[Rule.INV_050] += 1
        if said != (lots, cost, realised):
            self._findings.offend(
                Rule.INV_050, f"lots, cost and realised profit {(lots, cost, realised)} afterwards, not {said}"
            )
        sums = self.sums[event.instrument_id]
        sums.lots += event.lots_after - holding.lots
        sums.cost += event.cost_after_micros - holding.cost
        sums.realised += event.realised_micros
        self.total -= event.cost_after_micros - holding.cost
        self._touched.add(event.instrument_id)
        if event.lots_after:
            account.holdings[event.instrument_id] = Holding(event.lots_after, event.cost_after_micros)
        else:
            account.holdings.pop(event.instrument_id, None)
        self._pay(account, event.realised_micros - event.fee_micros, event.cash_after_micros)
        fees = self.account(FEE_ACCOUNT_ID)
        self._pay(fees, event.fee_micros, fees.cash + event.fee_micros)
        account.value += event.value_micros
        account.fees += event.fee_micros

    def _transferred(self, event: events.CashTransferred) -> None:
        self._findings.expect(
            Rule.INV_050,
            event.amount_micros > 0 and event.account_id != event.receiver_account_id,
            "an amount above 0 between two accounts",
        )
        if event.cause == events.CashCause.OWNER_TRANSFER:
            clients = min(event.account_id, event.receiver_account_id) >= FIRST_CLIENT_ACCOUNT_ID
            self._findings.expect(Rule.MRGN_060, clients, "a transfer between clients")
        self._pay(self.account(event.account_id), -event.amount_micros, event.payer_cash_after_micros)
        self._pay(self.account(event.receiver_account_id), event.amount_micros, event.receiver_cash_after_micros)

    def _funded(self, event: events.FundingBooked) -> None:
        account = self.account(event.account_id)
        holding = account.holdings.get(event.instrument_id) or Holding()
        paid = self._payments.setdefault((event.instrument_id, event.tick), {})
        self._findings.expect(
            Rule.INV_040,
            holding.lots == event.lots and event.account_id not in paid,
            f"one payment on the {holding.lots} lots that account {event.account_id} holds",
        )
        paid[event.account_id] = event
        self._pay(account, event.payment_micros, event.cash_after_micros)

    def _ticked(self, event: events.FundingTickBooked) -> None:
        expect = self._findings.expect
        paid = self._payments.pop((event.instrument_id, event.tick), {})
        total = sum(booking.payment_micros for booking in paid.values())
        for account in self.holders(event.instrument_id):
            lots = account.holdings[event.instrument_id].lots
            # What a payer owes rounds up and what a receiver gets rounds down (FUND-030).
            due = -lots * event.index_price_ticks * event.funding_rate_e12 // E12
            booking = paid.pop(account.account_id, None)
            said = 0 if booking is None else booking.payment_micros
            expect(Rule.INV_040, said == due, f"a payment of {due} to account {account.account_id}, not {said}")
        expect(Rule.INV_040, not paid, f"payments to holders alone, not to accounts {sorted(paid)}")
        expect(
            Rule.INV_040,
            total + event.rounding_micros == 0,
            f"{-total} to the rounding account, so that the tick sums to 0, not {event.rounding_micros}",
        )
        rounding = self.account(ROUNDING_ACCOUNT_ID)
        self._pay(rounding, event.rounding_micros, rounding.cash + event.rounding_micros)

    # What holds after each entry

    def end_entry(self) -> None:
        """Check the sums over all accounts; an imbalance is told when it changes."""
        findings = self._findings
        findings.checks[Rule.INV_010] += 1
        imbalance = self.total - self.paid_in
        if imbalance != self._imbalance:
            findings.offend(
                Rule.INV_010,
                f"Σ (cash − Σ cost) = {self.paid_in}, deposits less withdrawals; it is {self.total}, {imbalance:+d}",
            )
            self._imbalance = imbalance
        for asset, brought in self.brought.items():
            findings.checks[Rule.MRGN_080] += 1
            lost = self._brought_now[asset] - brought
            if lost != self._lost.get(asset, 0):
                findings.offend(
                    Rule.MRGN_080, f"{brought} lots of {asset} in all accounts, as came less left; {lost:+d}"
                )
                self._lost[asset] = lost
        for instrument_id in sorted(self._touched):
            self._check_instrument(instrument_id)
        self._touched.clear()
        for instrument_id, tick in list(self._payments):
            findings.expect(Rule.INV_040, False, f"the tick {tick} of instrument {instrument_id} in the same entry")
            del self._payments[instrument_id, tick]

    def _check_instrument(self, instrument_id: int) -> None:
        findings = self._findings
        findings.checks[Rule.INV_020] += 1
        findings.checks[Rule.INV_030] += 1
        sums = self.sums[instrument_id]
        skew = (sums.lots, sums.cost - sums.realised)
        known = self._skew.get(instrument_id, (0, 0))
        if skew[0] != known[0]:
            findings.offend(
                Rule.INV_020, f"positions in instrument {instrument_id} summing to 0, not to {skew[0]} lots"
            )
        if skew[1] != known[1]:
            findings.offend(
                Rule.INV_030,
                f"Σ cost = Σ realised = {sums.realised} in instrument {instrument_id}, not {sums.cost}",
            )
        self._skew[instrument_id] = skew

    def finish(self) -> None:
        """Add everything up once more, from nothing, against the running sums."""
        total = sum(
            account.cash - sum(holding.cost for holding in account.holdings.values())
            for account in self.accounts.values()
        )
        self._findings.expect(
            Rule.INV_010, total == self.total, f"the same sum from nothing: {self.total}, not {total}"
        )
        for instrument_id, sums in self.sums.items():
            lots = sum(
                account.holdings[instrument_id].lots
                for account in self.accounts.values()
                if instrument_id in account.holdings
            )
            self._findings.expect(
                Rule.INV_020,
                lots == sums.lots,
                f"the same lots from nothing in instrument {instrument_id}: {sums.lots}",
            )


def leg_of(lots: int, cost: int, delta: int, value: int) -> tuple[int, int, int]:
    """Book a leg: return lots and cost afterwards, and what was realised (PROTOCOL 1).

    A flip is a close of what is held and an opening of the rest.
    """
    if lots * delta >= 0:
        return lots + delta, cost + value, 0
    if abs(delta) > abs(lots):
        closing = towards_zero(value, abs(lots), abs(delta))
        return lots + delta, value - closing, -closing - cost
    removed = cost if abs(delta) == abs(lots) else towards_zero(cost, abs(delta), abs(lots))
    return lots + delta, cost - removed, -value - removed
