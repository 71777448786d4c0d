"""Clearing's core: what happens when a fact or a request arrives.

Facts come from the shard's and the oracle's logs, requests from people and services. Each call
decides, emits events and applies them at once; the caller commits what `take_events` returns in one
log entry, and only then lets answers, credit lines and requests to the shard leave. A request that
is refused raises `Refused` and changes nothing.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from wavetank.clearing.core.bank import Bank
from wavetank.clearing.core.booking import Booking
from wavetank.clearing.core.collateral_terms import changed_collateral_terms
from wavetank.clearing.core.counting import Counter
from wavetank.clearing.core.credit import Lines
from wavetank.clearing.core.escalation import Escalations
from wavetank.clearing.core.health import AccountKind, HealthBand
from wavetank.clearing.core.leverage import Leverages
from wavetank.clearing.core.offset_terms import changed_terms
from wavetank.clearing.core.open_interest import changed_share
from wavetank.clearing.core.operator import Operator
from wavetank.clearing.core.play import Play
from wavetank.clearing.core.settlement import Settlements
from wavetank.clearing.core.shares import Shares
from wavetank.clearing.core.state import State
from wavetank.clearing.core.vault import dispose
from wavetank.clearing.core.venue_facts import WaterfallTerms
from wavetank.clearing.core.waterfall.driver import Waterfall
from wavetank.model.events import clearing as events
from wavetank.model.events import matching as matching_events
from wavetank.model.events import oracle as oracle_events
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.orders import LineStatus
from wavetank.model.record import RECORD_BYTES, decode, decode_all, encode, encode_all, kind_of
from wavetank.model.validity import Action, Validity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from wavetank.clearing.core.account import Account, Liquidation
    from wavetank.clearing.core.credit import Line
    from wavetank.clearing.core.operator import Author
    from wavetank.clearing.core.settings import ClearingSettings
    from wavetank.model.instrument import Instrument
    from wavetank.model.record import Event


class Clearing:
    """The core. All times are venue time in nanoseconds and never decrease."""

    def __init__(
        self, settings: ClearingSettings, *, epoch: int, state: State | None = None, last_seq: int = 0
    ) -> None:
        """Begin, or go on from a recovered state.

        Args:
            settings: what the rules leave open.
            epoch: epoch of clearing's log, the first part of line numbers.
            state: recovered state; None for an empty one.
            last_seq: seq of the last event applied to it.

        """
        self.state = state if state is not None else State(settings)
        self.last_seq = last_seq
        self._now_ns = 0
        self._records: list[bytes] = []
        self._requests: list[tuple[int, events.MatchingRequested]] = []
        self.lines = Lines(self.state, epoch)
        self.waterfall = Waterfall(self.state, self._emit, lambda: self.last_seq + 1)
        self.booking = Booking(self.state, self._emit, self.waterfall)
        self.shares = Shares(self.state, self._emit, self.lines)
        self.bank = Bank(self.state, self._emit, self.lines, self.shares)
        self.leverages = Leverages(self.state, self._emit, self.bank)
        self.collateral = self.bank.collateral
        self.settlements = Settlements(self.state, self._emit)
        self.operator = Operator(self.state, self._emit, self.bank, self._review_holders, self.settlements)
        self.play = Play(self.state, self._emit, self.bank, self._mark_for_review)
        self.escalations = Escalations(self.state, self._emit, self.operator, self._resume)
        self._shard = 0
        """The shard whose facts are being counted."""
        self._fresh: set[int] = set()
        """Instruments priced since this process began (LIQ-110)."""
        self._to_review: set[int] = set()
        self._counts: dict[int, Callable[[Any, int], None]] = {
            kind_of(matching_events.OrderRejected): self._on_rejected,
            kind_of(matching_events.Traded): self._on_traded,
            kind_of(matching_events.PositionTransferred): self._on_transferred,
            kind_of(matching_events.BookSampled): self._on_sampled,
            kind_of(matching_events.CreditApplied): self._on_credit_applied,
            kind_of(matching_events.RequestAnswered): self._on_answered,
        }
        """What decides on a fact of a shard, by its kind; gets the fact and its seq."""
        self._counter = Counter(self.state.ledger, self._counts.keys())

    def _emit(self, event: Event) -> int:
        self.last_seq += 1
        self.state.apply(event, self.last_seq, self._now_ns)
        self._records.append(encode(event))
        if event.account_id:
            self.lines.touch(event.account_id)
        if isinstance(event, events.MatchingRequested):
            self._requests.append((self.last_seq, event))
        elif isinstance(event, events.CashTransferred):
            self.lines.touch(event.receiver_account_id)
            # Who shared a loss may be short of margin for the legs that lose.
            self._to_review.add(event.account_id)
            if event.cause == events.CashCause.OWNER_TRANSFER:
                self._to_review.add(event.receiver_account_id)
        return self.last_seq

    def advance_to(self, now_ns: int) -> None:
        """Let time come to an input's, which first ends the waits that last no longer (PROTOCOL 4)."""
        if now_ns > self._now_ns:
            self._now_ns = now_ns
        day = self.state.fees.day_to_begin(self._now_ns)
        if day is not None:
            # Before anything of the new day is counted (FEE-010).
            self._emit(day)
            for change in list(self.state.fees.reviews()):
                self._emit(change)
        if self.state.escalations and self.escalations.expire(self._now_ns):
            self._review_touched()

    def take_records(self) -> bytes:
        """Return the records of the events since the last call, to be committed as one entry."""
        taken, self._records = self._records, []
        return b"".join(taken)

    def take_events(self) -> list[Event]:
        """Return the events since the last call, for who looks at each of them; see `take_records`."""
        return list(decode_all(self.take_records()))

    def take_requests(self) -> list[tuple[int, events.MatchingRequested]]:
        """Return the requests to the shard since the last call: id (seq) and content, in order."""
        taken, self._requests = self._requests, []
        return taken

    def unanswered_requests(self) -> list[tuple[int, events.MatchingRequested]]:
        """Return every request without a counted answer, in order, to be sent again (PROTOCOL 4)."""
        pending = dict(self.state.vault_pending)
        for settling in self.state.steering.settlements.values():
            pending.update(settling.pending)
        for account in self.state.liquidated.values():
            if account.liquidation is not None:
                pending.update(account.liquidation.pending)
        for account in self.state.playing.values():
            if account.play is not None:
                pending.update(account.play.pending)
        return sorted(pending.items())

    def take_lines(self) -> list[Line]:
        """Return new credit lines for the accounts touched since the last call."""
        return self.lines.take()

    def begin(
        self,
        now_ns: int,
        instruments: Iterable[Instrument],
        fund_deposit_micros: int,
        *,
        shards: int = 1,
        placed: Mapping[str, int] | None = None,
    ) -> None:
        """Open shards and the venue's accounts, list what is new, write what settings changed; close the gate.

        After a start no shard trades before prices are fresh and margins swept (LIQ-110).

        Args:
            now_ns: venue time.
            instruments: what to list.
            fund_deposit_micros: what the insurance fund begins with.
            shards: how many there are; never fewer than before.
            placed: shard by symbol of instruments that are new; others go where fewest are, ties to the lower shard.

        """
        self.advance_to(now_ns)
        for shard in range(self.state.shards, shards):
            self._emit(events.ShardOpened(instrument_id=0, account_id=0, shard=shard))
        terms = WaterfallTerms.of(self.state.settings)
        if terms != self.state.waterfall:
            self._emit(events.WaterfallSet(instrument_id=0, account_id=0, **asdict(terms)))
        self.bank.open_venue_accounts(fund_deposit_micros)
        if self.state.fees.schedule != self.state.settings.fees:
            for event in self.state.settings.fees.listing():
                self._emit(event)
        for instrument in instruments:
            if instrument.instrument_id not in self.state.instruments:
                shard = (placed or {}).get(instrument.symbol, self._emptiest_shard())
                for event in replace(instrument, shard=shard).listing():
                    self._emit(event)
        for term in [*changed_terms(self.state), *changed_collateral_terms(self.state)]:
            self._emit(term)
        if self.state.venue_is_open:
            self._emit(events.VenueGateMoved(instrument_id=0, account_id=0, is_open=0))
        self.lines.touch_all()

    def _emptiest_shard(self) -> int:
        listed = [instrument.shard for instrument in self.state.instruments.values()]
        return min(range(self.state.shards), key=lambda shard: (listed.count(shard), shard))

    # Facts

    def on_matching(self, now_ns: int, first_seq: int, facts: Sequence[Event], shard: int = 0) -> None:
        """Count one entry of a shard's log; `first_seq` is that of its first event.

        What was counted before is passed over, so reading an entry again does nothing (INV-090).
        """
        self.count_records(now_ns, first_seq, encode_all(facts), shard)

    def count_records(self, now_ns: int, first_seq: int, records: bytes, shard: int = 0) -> None:
        """Count one entry of a shard's log as it stands there; see `on_matching`.

        Nearly all of it is orders that come and go, which move no money, and trades that need no decision: the counter
        books these, and stops at what is decided here.
        """
        self.advance_to(now_ns)
        self._shard = shard
        seqs = self.state.matching_seqs
        last_seq = first_seq + len(records) // RECORD_BYTES - 1
        seq = max(first_seq, seqs[shard] + 1)
        while seq <= last_seq:
            had_traded = self.state.ledger.has_traded
            seq = first_seq + self._counter.run(records, seq - first_seq, first_seq, shard)
            if self.state.ledger.has_traded and not had_traded:
                self.state.fees.trades_from(self._now_ns)
            self._take_booked()
            if seq <= last_seq:
                seqs[shard] = seq
                fact = decode(records, (seq - first_seq) * RECORD_BYTES)
                self._counts[kind_of(type(fact))](fact, seq)
                seq += 1
        if last_seq > seqs[shard]:
            seqs[shard] = last_seq
        self._to_review.update(self._counter.review())
        self._review_touched()
        self.state.check_invariants()

    def _take_booked(self) -> None:
        booked = self._counter.take_events()
        if booked:
            self.last_seq += len(booked) // RECORD_BYTES
            self._records.append(booked)

    def on_oracle(self, now_ns: int, first_seq: int, facts: Sequence[Event]) -> None:
        """Count one entry of the oracle's log; what was counted before is passed over (INV-090)."""
        self.advance_to(now_ns)
        for seq, fact in enumerate(facts, first_seq):
            if isinstance(fact, oracle_events.PricePublished):
                self._on_price(fact, seq)
            elif isinstance(fact, oracle_events.FundingTicked) and seq > self.state.funding_seq:
                self._to_review.update(self.booking.funding_tick(fact, seq))
        self._review_touched()
        self._open_gate_when_fresh()
        self.state.check_invariants()

    def on_tick(self, now_ns: int) -> None:
        """Let time pass: the gate, cascades that have ended, the vault's disposals."""
        self.advance_to(now_ns)
        if 0 < self.state.gated_until_ns <= self._now_ns:
            self._emit(events.WithdrawalsGated(instrument_id=0, account_id=0, until_ns=0))
        if self._to_review:
            # What was asked for since the last fact may have changed how an account stands.
            self._review_touched()
        if self.state.steering.liquidation_pace_ns is not None:
            self._to_review.update(self.waterfall.go_on(self._now_ns))
            self._review_touched()
        if self.state.cascades.running:
            self.waterfall.end_cascades(self._now_ns)
        dispose(self.state, self._now_ns, self._emit)

    def _on_rejected(self, fact: matching_events.OrderRejected, _seq: int) -> None:
        self.shares.demanded(fact, self._shard, self._now_ns)

    def _on_traded(self, fact: matching_events.Traded, seq: int) -> None:
        self._booked(self.booking.trade(fact, seq, self._now_ns))

    def _on_transferred(self, fact: matching_events.PositionTransferred, seq: int) -> None:
        self._booked(self.booking.transfer(fact, seq))

    def _booked(self, account_ids: tuple[int, ...]) -> None:
        self._to_review.update(account_ids)

    def _on_sampled(self, fact: matching_events.BookSampled, _seq: int) -> None:
        self._emit(fact)

    def _on_credit_applied(self, fact: matching_events.CreditApplied, _seq: int) -> None:
        self.bank.acknowledged(fact, self._shard, self._now_ns)

    def _on_answered(self, fact: matching_events.RequestAnswered, seq: int) -> None:
        account = self.state.accounts.get(fact.account_id)
        if account is None:
            return
        liquidation = account.liquidation
        settling = self.state.steering.settlements.get(fact.instrument_id)
        if settling is not None and fact.request_seq in settling.pending:
            liquidation_id = 0
        elif liquidation is not None and fact.request_seq in liquidation.pending:
            liquidation_id = liquidation.liquidation_id
        elif fact.request_seq in self.state.vault_pending or (
            account.play is not None and fact.request_seq in account.play.pending
        ):
            liquidation_id = 0
        else:
            return
        self._emit(
            events.MatchingAnswered(
                instrument_id=fact.instrument_id,
                account_id=fact.account_id,
                liquidation_id=liquidation_id,
                request_seq=fact.request_seq,
                matching_seq=seq,
                done_lots=fact.done_lots,
                done_value_micros=fact.done_value_micros,
                request_number=fact.request_number,
                reason=fact.reason,
            )
        )
        if settling is not None:
            self.settlements.go_on(fact.instrument_id)
        if liquidation_id:
            self.waterfall.answered(account, self._now_ns)
            self._to_review.add(account.account_id)
        elif account.play is not None:
            self.play.go_on(account)

    def _on_price(self, fact: oracle_events.PricePublished, seq: int) -> None:
        if not fact.consumers & oracle_events.ConsumerBit.CLEARING:
            return
        known = self.state.marks.get(fact.instrument_id)
        if known is not None and seq <= known.oracle_seq:
            return
        is_price = fact.mark_price_ticks > 0 and fact.index_price_ticks > 0
        validity = Validity(fact.validity) if is_price else Validity.NON_POSITIVE
        tolerated = self.state.settings.tolerances.allows(Action.LIQUIDATE, validity)
        # What may not even be near the truth is no price: the last one stands, with that doubt (ORCL-030).
        usable = is_price and (tolerated or validity == Validity.STALE)
        if not usable and known is None:
            return
        mark = fact.mark_price_ticks if usable or known is None else known.mark_price_ticks
        index = fact.index_price_ticks if usable or known is None else known.index_price_ticks
        self._emit(
            matching_events.MarkApplied(
                instrument_id=fact.instrument_id,
                account_id=0,
                mark_price_ticks=mark,
                index_price_ticks=index,
                index_time_ns=fact.index_time_ns,
                oracle_seq=seq,
                event_time_ns=fact.event_time_ns,
                stale=int(validity),
            )
        )
        # A feed that came back with what it knew before is no fresh price, however sure it is of itself.
        if usable and self.state.is_valid(fact.instrument_id, self._now_ns):
            self._fresh.add(fact.instrument_id)
        if fact.instrument_id in self.state.instruments:
            share = changed_share(self.state, fact.instrument_id)
            if share is not None:
                self._emit(share)
            self._to_review.update(self.state.ledger.sweep(fact.instrument_id))

    def _mark_for_review(self, account_id: int) -> None:
        self._to_review.add(account_id)

    def _resume(self, account: Account) -> None:
        self.waterfall.resume(account, self._now_ns)
        self._to_review.add(account.account_id)

    def decide(self, now_ns: int, escalation_id: int, decision: events.Decision, author: Author) -> None:
        """Take a person's decision of an escalation, and let what waited for it go on (LIQ-090).

        Raises:
            Refused: ESCALATION_UNKNOWN, DECISION_NOT_OFFERED, MALFORMED.

        """
        self.advance_to(now_ns)
        self.escalations.decide(escalation_id, decision, author)
        self._review_touched()

    def _review_holders(self, instrument_id: int) -> None:
        self._to_review.update(self.state.ledger.sweep(instrument_id))
        self._review_touched()

    def _open_gate_when_fresh(self) -> None:
        if self.state.venue_is_open or not self._fresh or not self.state.ledger.held() <= self._fresh:
            return
        self._to_review.update(self.state.accounts)
        self._review_touched()
        self._emit(events.VenueGateMoved(instrument_id=0, account_id=0, is_open=1))

    # Health

    def _review_touched(self) -> None:
        while self._to_review:
            account_ids = sorted(self._to_review)
            self._to_review.clear()
            for account_id in account_ids:
                self._review(self.state.accounts[account_id])
        self.escalations.look(self._now_ns)

    def _review(self, account: Account) -> None:
        self.lines.touch(account.account_id)
        if account.kind not in {AccountKind.CLIENT, AccountKind.BACKSTOP_VAULT}:
            return
        liquidation = account.liquidation
        if liquidation is None:
            if self.waterfall.must_start(account, self._now_ns):
                self.waterfall.start(account, self._now_ns)
            else:
                self.collateral.repay(account, self._now_ns)
        elif liquidation.waits and not liquidation.pending and self._has_news(account, liquidation):
            self.waterfall.resume(account, self._now_ns)
        self._tell_health(account)

    def _has_news(self, account: Account, liquidation: Liquidation) -> bool:
        # Its own fills and answers are no news: what is unfilled is tried again at the next mark.
        # Others may have closed its last position meanwhile.
        return account.is_flat or self.state.newest_mark_seq(account) > liquidation.mark_seq

    def _tell_health(self, account: Account) -> None:
        equity, maintenance = self.state.health(account)
        band = self.state.ledger.band_at(equity, maintenance)
        if band != account.band:
            self._emit(
                events.HealthBandChanged(
                    instrument_id=0,
                    account_id=account.account_id,
                    equity_micros=equity,
                    maintenance_margin_micros=maintenance,
                    previous=int(account.band),
                    current=int(band),
                )
            )
        status = self._line_status(account)
        if status != account.line_status:
            self._emit(events.LineStatusChanged(instrument_id=0, account_id=account.account_id, status=int(status)))

    @staticmethod
    def _line_status(account: Account) -> LineStatus:
        is_busy = account.liquidation is not None or account.play is not None
        if is_busy or account.account_id == BACKSTOP_VAULT_ID:
            return LineStatus.FROZEN
        if account.band >= HealthBand.REDUCE_ONLY:
            return LineStatus.REDUCE_ONLY
        return LineStatus.NORMAL
