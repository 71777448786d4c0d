"""Shares of the shards: an account's cash is parted among them, and leaves one only after it has answered (MRGN-050).

Rebuilt from clearing's log by its own arithmetic: what a fill, a fee or a funding payment moves, it moves on the
instrument's shard; what has no instrument is parted evenly, what does not divide going to shard 0.
"""

from collections.abc import Callable, Mapping

from wavetank.cli.audit.counting import Bookings
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Ledger
from wavetank.model.events import clearing as events
from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID
from wavetank.model.record import Event


class Shares:
    """Follows what every client has on each shard, and every hold."""

    def __init__(self, findings: Findings, ledger: Ledger, shards: Mapping[int, Bookings]) -> None:
        """Judge by what the shards have answered.

        Args:
            findings: where offences go.
            ledger: instruments and accounts.
            shards: what each shard has answered, by number.

        """
        self._findings = findings
        self._ledger = ledger
        self._shards = shards
        self._count = 1
        self._cash: dict[int, list[int]] = {}
        self._holds: dict[tuple[int, int], events.ShareHeld] = {}
        self._handlers: dict[type, Callable[..., None]] = {
            events.ShardOpened: self._opened,
            events.AccountOpened: self._account,
            events.Deposited: lambda event: self._receive(event.account_id, event.amount_micros),
            events.FaucetDrawn: lambda event: self._receive(event.account_id, event.amount_micros),
            events.Withdrawn: self._withdrawn,
            events.WithdrawalRefused: self._refused,
            events.FillBooked: lambda event: self._move(
                event.account_id, event.instrument_id, event.realised_micros - event.fee_micros
            ),
            events.FundingBooked: lambda event: self._move(event.account_id, event.instrument_id, event.payment_micros),
            events.CashTransferred: self._transferred,
            events.CollateralConverted: lambda event: self._move(
                event.account_id, event.instrument_id, event.amount_micros
            ),
            events.CollateralWithdrawn: self._collateral_withdrawn,
            events.CollateralRefused: self._refused,
            events.ShareHeld: self._held,
            events.ShareConfirmed: self._confirmed,
            events.ShareMoved: self._moved,
        }

    def apply(self, event: Event) -> None:
        """Judge an event of clearing's log and take it over."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def finish(self) -> None:
        """Check that each client's shares add up to its cash."""
        for account_id, shares in self._cash.items():
            cash = self._ledger.account(account_id).cash
            self._expect(sum(shares) == cash, f"shares of account {account_id} that add up to {cash}, not {shares}")

    def _expect(self, holds: bool, expected: str, rule: Rule = Rule.MRGN_050) -> None:
        self._findings.expect(rule, holds, expected)

    def _opened(self, event: events.ShardOpened) -> None:
        self._expect(event.shard == self._count, f"shard {self._count} to be the next, not {event.shard}")
        self._count += 1
        for shares in self._cash.values():
            shares.append(0)

    def _account(self, event: events.AccountOpened) -> None:
        if event.account_id >= FIRST_CLIENT_ACCOUNT_ID:
            self._cash[event.account_id] = [0] * self._count

    def _receive(self, account_id: int, amount: int) -> None:
        """Take in money from outside the account; an isolated one needs it where it trades."""
        self._move(account_id, self._ledger.account(account_id).only_instrument_id, amount)

    def _part(self, account_id: int, amount: int) -> None:
        shares = self._cash.get(account_id)
        if shares is not None:
            each = amount // len(shares)
            for shard in range(len(shares)):
                shares[shard] += each
            shares[0] += amount - each * len(shares)

    def _move(self, account_id: int, instrument_id: int, amount: int) -> None:
        shares, terms = self._cash.get(account_id), self._ledger.terms.get(instrument_id)
        if shares is None:
            return
        if terms is None:
            self._part(account_id, amount)
        elif terms.listed.shard < len(shares):
            shares[terms.listed.shard] += amount
        else:
            self._expect(False, f"instrument {instrument_id} on one of {len(shares)} shards, not {terms.listed.shard}")

    def _transferred(self, event: events.CashTransferred) -> None:
        if event.cause == events.CashCause.OWNER_TRANSFER:
            self._paid(event.account_id, event.amount_micros)
            self._receive(event.receiver_account_id, event.amount_micros)
            return
        self._move(event.account_id, event.instrument_id, -event.amount_micros)
        self._move(event.receiver_account_id, event.instrument_id, event.amount_micros)

    def _held(self, event: events.ShareHeld) -> None:
        key = (event.account_id, event.shard)
        self._expect(key not in self._holds, f"one hold of account {key[0]} on shard {key[1]} at a time")
        self._expect(
            0 <= event.shard < self._count and event.amount_micros >= 0, "an amount held on a shard that trades"
        )
        self._holds[key] = event

    def _answered(self, hold: events.ShareHeld, rule: Rule) -> None:
        """Expect that the shard has applied a line that knows of a hold (PROTOCOL R8)."""
        line = (hold.line_epoch, hold.line_number)
        bookings = self._shards.get(hold.shard)
        answered = (0, 0) if bookings is None else bookings.acknowledged.get(hold.account_id, (0, 0))
        self._expect(
            answered >= line,
            f"line {line} applied by shard {hold.shard} before credit leaves; it is at {answered}",
            rule,
        )

    def _confirmed(self, event: events.ShareConfirmed) -> None:
        hold = self._holds.get((event.account_id, event.shard))
        if hold is None or hold.receiver_shard != events.WITHDRAWAL:
            self._expect(False, f"a part of a withdrawal held on shard {event.shard}")
            return
        self._expect(event.amount_micros <= hold.amount_micros, f"at most {hold.amount_micros}, as held")
        self._answered(hold, Rule.LIQ_110)
        self._holds[event.account_id, event.shard] = events.ShareHeld(
            instrument_id=0,
            account_id=event.account_id,
            amount_micros=event.amount_micros,
            least_micros=0,
            line_epoch=hold.line_epoch,
            line_number=hold.line_number,
            shard=event.shard,
            receiver_shard=events.WITHDRAWAL,
        )

    def _moved(self, event: events.ShareMoved) -> None:
        hold = self._holds.pop((event.account_id, event.shard), None)
        if hold is None:
            self._expect(False, f"an amount held on shard {event.shard} before it moves")
            return
        self._answered(hold, Rule.MRGN_050)
        self._expect(
            hold.receiver_shard == event.receiver_shard and 0 <= event.amount_micros <= hold.amount_micros,
            f"at most {hold.amount_micros} to shard {hold.receiver_shard}, as held",
        )
        shares = self._cash[event.account_id]
        shares[event.shard] -= event.amount_micros
        shares[event.receiver_shard] += event.amount_micros
        due = (shares[event.shard], shares[event.receiver_shard])
        said = (event.giver_cash_after_micros, event.receiver_cash_after_micros)
        self._expect(due == said, f"shares of {due} on shards {event.shard} and {event.receiver_shard}, not {said}")

    def _end_withdrawal(self, account_id: int) -> list[events.ShareHeld]:
        parts = [
            hold
            for (owner, _), hold in self._holds.items()
            if owner == account_id and hold.receiver_shard == events.WITHDRAWAL
        ]
        for part in parts:
            del self._holds[account_id, part.shard]
        return parts

    def _collateral_withdrawn(self, event: events.CollateralWithdrawn) -> None:
        parts, terms = self._end_withdrawal(event.account_id), self._ledger.terms.get(event.instrument_id)
        shards = [part.shard for part in parts]
        due = None if terms is None else terms.listed.shard
        self._expect(shards == [due], f"a hold on shard {due}, which trades its instrument, not on {shards}")
        for part in parts:
            self._answered(part, Rule.LIQ_110)

    def _refused(self, event: events.WithdrawalRefused | events.CollateralRefused) -> None:
        self._end_withdrawal(event.account_id)

    def _withdrawn(self, event: events.Withdrawn) -> None:
        self._paid(event.account_id, event.amount_micros)

    def _paid(self, account_id: int, amount: int) -> None:
        parts = self._end_withdrawal(account_id)
        held = sum(part.amount_micros for part in parts)
        self._expect(held == amount, f"parts held that add up to {amount}, not {held}")
        for part in parts:
            self._answered(part, Rule.LIQ_110)
            self._cash[account_id][part.shard] -= part.amount_micros
