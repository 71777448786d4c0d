"""The waterfall, followed step by step: who was taken, at which values, in which order, at whose cost (SPEC 6).

Equity, margin and bankruptcy values are worked out anew at the marks that each test froze. A leg whose mark was old
stands, for the test, at the better end of an uncertainty that is a setting of the venue and in no log; values that
rest on such a leg are not judged, and a note says how many.
"""

from collections.abc import Callable

from wavetank.cli.audit.cascades import CascadeSums
from wavetank.cli.audit.cases import (
    BACKSTOP,
    CANCEL,
    DELEVERAGE,
    FULL,
    INSURANCE,
    MAYBE_STALE_NS,
    PARTIAL,
    SOCIALISE,
    VAULT_KIND,
    Aim,
    Case,
    Terms,
)
from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Account, Ledger
from wavetank.cli.audit.margins import PPM, Worth, bankruptcy_value, shares_of_loss
from wavetank.cli.audit.overshoot import Overshoot
from wavetank.cli.audit.rankings import Rankings
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import CashCause, LiquidationOutcome, StepCause
from wavetank.model.events.matching import MarkApplied
from wavetank.model.ids import (
    BACKSTOP_VAULT_ID,
    DEBT_ACCOUNT_ID,
    FIRST_CLIENT_ACCOUNT_ID,
    INSURANCE_FUND_ID,
)
from wavetank.model.orders import CommandKind, OrderFlag, Side
from wavetank.model.record import Event
from wavetank.model.validity import Validity


class Liquidations:
    """Follows every liquidation of clearing's log."""

    def __init__(self, findings: Findings, ledger: Ledger, tolerates: frozenset[Validity] = frozenset()) -> None:
        """Judge by the rebuilt ledger.

        Args:
            findings: where offences go.
            ledger: the accounts.
            tolerates: doubts about a price by which the venue liquidates all the same.

        """
        self.cases: dict[int, Case] = {}
        self.requests: dict[int, events.MatchingRequested] = {}
        """Requests to the shard that are not counted as answered, by seq."""
        self.started = 0
        self.unjudged = 0
        self.overshoot = Overshoot()
        self.cascades = CascadeSums(findings, self.cases)
        self._rankings = Rankings(findings, ledger)
        self._ranked_for: Case | None = None
        self._findings = findings
        self._ledger = ledger
        self._applied: dict[int, MarkApplied] = {}
        self.terms = Terms()
        self._tolerates = tolerates
        self._now_ns = 0
        self._seq = 0
        self._owes_gate = False
        self._fund_is_on = False
        self._disposal: Aim | None = None
        self._handlers: dict[type, Callable[..., None]] = {
            MarkApplied: self._marked,
            events.WaterfallSet: self._set,
            events.LiquidationStarted: self._started,
            events.LiquidationTested: self._tested,
            events.LiquidationStepped: self._stepped,
            events.MatchingRequested: self._requested,
            events.MatchingAnswered: self._answered,
            events.AdlRanked: self._ranked,
            events.Deleveraged: self._deleveraged,
            events.LiquidationEnded: self._ended,
            events.CashTransferred: self._paid,
            events.FillBooked: self._filled,
            events.HealthBandChanged: self._band_changed,
            events.WithdrawalsGated: self._gated,
        }

    def before(self, seq: int, now_ns: int, event: Event) -> None:
        """Judge an event against the ledger as it stands before the event."""
        self._seq = seq
        self._now_ns = now_ns
        self.overshoot.take(event)
        self.cascades.take(event)
        if self._rankings.is_open and not isinstance(event, events.AdlRanked):
            self._judge_ranking()
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def end_entry(self) -> None:
        """Check what a decision may not leave half done."""
        if self._rankings.is_open:
            self._judge_ranking()
        for case in self.cases.values():
            self._close_aim(case)
            self._expect_topped_up(case)
            self._close_shares(case)
        if self._owes_gate:
            self._findings.expect(Rule.LIQ_110, False, "withdrawals gated in the entry in which a deficit was borne")
            self._owes_gate = False

    def _expect(self, rule: Rule, holds: bool, expected: str) -> bool:
        return self._findings.expect(rule, holds, expected)

    def _marked(self, event: MarkApplied) -> None:
        self._applied[event.instrument_id] = event
        self._ledger.marks[event.instrument_id] = event.mark_price_ticks
        self._ledger.indexes[event.instrument_id] = event.index_price_ticks

    def _case(self, account_id: int, liquidation_id: int) -> Case | None:
        case = self.cases.get(account_id)
        if case is None or case.liquidation_id != liquidation_id:
            self._expect(Rule.INV_080, False, f"account {account_id} in liquidation {liquidation_id}, begun before")
            return None
        return case

    def _worth(self, case: Case) -> Worth:
        return self._ledger.worth(case.account_id, case.marks, case.stress, case.indexes)

    def _expect_worth(self, case: Case, equity: int, maintenance: int, worth: Worth) -> None:
        if case.is_uncertain:
            self.unjudged += 1
            return
        said = (equity, maintenance)
        due = (worth.equity, worth.maintenance)
        self._expect(Rule.LIQ_035, said == due, f"equity and maintenance margin {due} at the frozen marks, not {said}")

    def _account(self, account_id: int) -> Account:
        return self._ledger.account(account_id)

    def _set(self, event: events.WaterfallSet) -> None:
        self.terms = Terms.of(event)

    # Beginning, test, end

    def _started(self, event: events.LiquidationStarted) -> None:
        self.started += 1
        worth = self._ledger.worth(event.account_id, {})
        self._expect(Rule.INV_080, event.account_id not in self.cases, "an account that is not in liquidation already")
        case = Case(event.liquidation_id, event.account_id)
        self.cases[event.account_id] = case
        self._expect_worth(case, event.equity_micros, event.maintenance_margin_micros, worth)
        limit = 0 if self._is_vault(event.account_id) else worth.maintenance
        self._expect(
            Rule.INV_080, worth.equity < limit, f"equity below {limit}: nobody else is liquidated; it is {worth.equity}"
        )

    def _is_vault(self, account_id: int) -> bool:
        return self._account(account_id).kind == VAULT_KIND

    def _tested(self, event: events.LiquidationTested) -> None:
        case = self._case(event.account_id, event.liquidation_id)
        if case is None:
            return
        self._close_aim(case)
        self._expect(Rule.INV_080, not case.pending, "every request of the account answered before the next test")
        if event.outcome != LiquidationOutcome.WAITS:
            held = self._account(case.account_id).holdings
            case.marks = {key: self._ledger.marks.get(key, 0) for key in held}
            case.stress = self._ledger.stress(self._account(case.account_id))
            counting = self._ledger.counting(self._account(case.account_id))
            case.indexes = {key: self._ledger.indexes.get(key, 0) for key in counting}
            case.is_uncertain = any(self._may_be_stale(key) for key in {*held, *counting})
            case.was_tested = True
            case.insured.clear()
            case.vault_refused = False
            case.insurance_off = False
        worth = self._worth(case)
        self._expect_worth(case, event.equity_micros, event.maintenance_margin_micros, worth)
        equity, maintenance = event.equity_micros, event.maintenance_margin_micros
        is_low = equity < (0 if self._is_vault(case.account_id) else maintenance)
        if event.outcome == LiquidationOutcome.FLAT:
            self._expect(Rule.INV_080, not worth.legs, f"no position left, not {sorted(worth.legs)}")
        elif event.outcome == LiquidationOutcome.CONTINUES:
            self._expect(Rule.INV_080, is_low, "equity below the maintenance margin, or the end of the liquidation")
        elif event.outcome == LiquidationOutcome.RECOVERED:
            self._expect(Rule.INV_080, not is_low, "equity that meets the maintenance margin")

    def _may_be_stale(self, instrument_id: int) -> bool:
        mark = self._applied.get(instrument_id)
        is_old = mark is not None and self._now_ns - mark.index_time_ns > MAYBE_STALE_NS
        return mark is None or self.is_doubted(mark) or (is_old and Validity.STALE not in self._tolerates)

    def is_doubted(self, mark: MarkApplied) -> bool:
        """Return whether a mark is said to be one by which the venue does not liquidate (ORCL-030)."""
        return mark.stale != Validity.VALID and mark.stale not in self._tolerates

    def _ended(self, event: events.LiquidationEnded) -> None:
        case = self._case(event.account_id, event.liquidation_id)
        if case is None:
            return
        self._close_aim(case)
        self._expect_topped_up(case)
        self._close_shares(case)
        self._expect(Rule.INV_080, not case.pending, "every request of the account answered before the end")
        now = self._ledger.worth(case.account_id, {})
        said = (event.equity_micros, event.maintenance_margin_micros)
        due = (now.equity, now.maintenance)
        self._expect(Rule.LIQ_035, said == due, f"equity and maintenance margin {due} at the last marks, not {said}")
        account = self._account(case.account_id)
        if event.outcome == LiquidationOutcome.FLAT:
            self._expect(
                Rule.INV_080, not account.holdings and account.cash >= 0, f"no position and no debt, not {account.cash}"
            )
        elif not case.is_uncertain:
            worth = self._worth(case)
            limit = 0 if self._is_vault(case.account_id) else worth.maintenance
            self._expect(Rule.INV_080, worth.equity >= limit, f"equity of at least {limit}, not {worth.equity}")
        del self.cases[event.account_id]

    def _band_changed(self, event: events.HealthBandChanged) -> None:
        worth = self._ledger.worth(event.account_id, {})
        due = (worth.equity, worth.maintenance)
        said = (event.equity_micros, event.maintenance_margin_micros)
        self._expect(Rule.LIQ_035, said == due, f"equity and maintenance margin {due} at the last marks, not {said}")

    def _gated(self, event: events.WithdrawalsGated) -> None:
        if event.until_ns > self._now_ns:
            self._owes_gate = False

    # Stages

    def _stepped(self, event: events.LiquidationStepped) -> None:
        if event.liquidation_id == 0:
            self._expect(Rule.INV_080, self._is_vault(event.account_id), "a disposal of the vault alone")
            self._disposal = self._aim(event)
            return
        case = self._case(event.account_id, event.liquidation_id)
        if case is None:
            return
        self._close_aim(case)
        self._expect_topped_up(case)
        worth = self._worth(case)
        self._expect_worth(case, event.equity_micros, event.maintenance_margin_micros, worth)
        self._expect_stage(case, event)
        if event.stage in _ASK_OTHERS and event.cause not in _WAITS:
            left = self._ledger.counting(self._account(case.account_id))
            self._expect(Rule.LIQ_055, not left, f"collateral sold before others are asked, not left in {left}")
        case.stage = event.stage
        if event.stage == BACKSTOP and event.delta_lots == 0:
            case.vault_refused = True
        if event.cause == StepCause.STAGE_OFF:
            self._expect(Rule.INV_080, self.terms.is_off(event.stage), f"stage {event.stage} to act, for it is on")
            case.insurance_off = case.insurance_off or event.stage == INSURANCE
        elif event.stage == INSURANCE:
            case.insured.add(event.instrument_id)
            case.reserve = event.reserve_micros
            self._fund_is_on = self._fund_is_on or event.reserve_micros > 0
            fund = self._account(INSURANCE_FUND_ID).cash
            self._expect(
                Rule.INV_080, 0 <= event.reserve_micros <= fund, f"a reserve that the fund has: at most {fund}"
            )
        # That the depth limits an order is said before the order's own step, of what was wanted; nothing is asked yet.
        if event.delta_lots and event.cause != StepCause.DEPTH_LIMITED:
            self._expect(
                Rule.INV_080, not self.terms.is_off(event.stage), f"stage {event.stage} to pass, for it is off"
            )
            case.aim = self._aim(event)
            case.at_mark = event.cause == StepCause.NO_VICTIM_LEFT
            self._expect_value(case, event, worth)

    @staticmethod
    def _aim(event: events.LiquidationStepped) -> Aim:
        return Aim(
            event.instrument_id,
            event.stage,
            -event.delta_lots,
            event.value_micros,
            event.price_ticks,
            event.reserve_micros,
        )

    def _expect_stage(self, case: Case, event: events.LiquidationStepped) -> None:
        """Check that it is this stage's turn, by the health that the step itself states (INV-080)."""
        equity, maintenance, stage = event.equity_micros, event.maintenance_margin_micros, event.stage
        limit = self.terms.backstop
        in_book = limit * maintenance <= equity < maintenance
        is_below = equity < limit * maintenance
        if stage == CANCEL:
            self._expect(Rule.INV_080, not case.was_tested, "cancels before the first test alone")
            return
        self._expect(Rule.INV_080, case.was_tested, "orders cancelled and inputs frozen before any stage acts")
        if stage in {PARTIAL, FULL}:
            holds, turn = in_book, f"health of at least {limit} and below 1"
        elif stage == BACKSTOP:
            held = self._account(case.account_id).holdings
            tried = not self.terms.insurance_first or event.cause in _WAITS or case.has_tried(held)
            holds, turn = (
                is_below and equity >= 0 and tried,
                f"health below {limit}, equity of at least 0",
            )
        elif stage == INSURANCE:
            passed = equity < 0 or case.vault_refused or bool(case.insured) or self.terms.insurance_first
            holds, turn = is_below and passed, f"health below {limit}, and the vault not able"
        elif stage == DELEVERAGE:
            held = self._account(case.account_id).holdings
            tried = self._is_vault(case.account_id) or event.cause == StepCause.PRICE_STALE or case.has_tried(held)
            holds, turn = equity < maintenance and tried, "the fund and the book tried first, for every leg"
        elif stage == SOCIALISE:
            account = self._account(case.account_id)
            holds, turn = not account.holdings and account.cash < 0, "a flat account with negative cash"
        else:
            holds, turn = False, "a stage that exists"
        self._expect(Rule.INV_080, holds, f"{turn}; equity is {equity}, maintenance margin {maintenance}")

    def _expect_value(self, case: Case, event: events.LiquidationStepped, worth: Worth) -> None:
        leg = worth.legs.get(event.instrument_id)
        closed = -event.delta_lots
        reduces = leg is not None and closed * leg.lots > 0 and abs(closed) <= abs(leg.lots)
        self._expect(Rule.INV_060, reduces, "a change that only reduces the position, and flips nothing")
        if case.is_uncertain or leg is None or not reduces:
            self.unjudged += case.is_uncertain
            return
        at_mark = event.stage == BACKSTOP or event.cause == StepCause.NO_VICTIM_LEFT
        terms = self._ledger.terms[event.instrument_id]
        due = closed * leg.mark if at_mark else bankruptcy_value(worth, terms, event.instrument_id, closed)
        self._expect(Rule.LIQ_035, event.value_micros == due, f"a value of {due}, not {event.value_micros}")
        if event.price_ticks and event.stage != BACKSTOP:
            beyond = (leg.mark - event.price_ticks) * (1 if closed > 0 else -1)
            band = terms.listed.price_band_ppm
            self._expect(
                Rule.INV_060, beyond * PPM <= leg.mark * band, f"a limit within {band} ppm of the mark {leg.mark}"
            )
        if event.stage == INSURANCE:
            short = due - closed * event.price_ticks
            self._expect(
                Rule.INV_080,
                short <= event.reserve_micros,
                f"a limit at which the reserve of {event.reserve_micros} covers the loss, not {short}",
            )

    # Requests

    def _requested(self, event: events.MatchingRequested) -> None:
        self.requests[self._seq] = event
        is_transfer = event.command == CommandKind.TRANSFER
        if event.liquidation_id == 0 and (is_transfer or event.account_id != BACKSTOP_VAULT_ID):
            # Of a twin or a reset, which `play` judges, or of a settlement, which `steering` does.
            return
        aim = self._disposal
        case = None
        if event.liquidation_id:
            case = self._case(event.account_id, event.liquidation_id)
            if case is None:
                return
            aim = case.aim
            self._expect_topped_up(case)
            if event.command != CommandKind.TRANSFER:
                self._expect(Rule.INV_080, not case.pending, "one step of an account in flight")
            case.pending[self._seq] = event
        if event.command == CommandKind.CANCEL_ACCOUNT:
            return
        if aim is None or aim.instrument_id != event.instrument_id:
            self._expect(Rule.INV_080, False, "a request for which a stage gave its reason just before")
            return
        if event.command == CommandKind.LIQUIDATE:
            side = Side.SELL if aim.closed > 0 else Side.BUY
            said = (event.size_lots, event.price_ticks, event.side, event.reserve_micros)
            due = (abs(aim.closed), aim.price, int(side), aim.reserve)
            self._expect(Rule.INV_060, said == due, f"lots, limit, side and reserve {due} of the step, not {said}")
            aim.asked = abs(aim.closed)
            self._disposal = None if case is None else self._disposal
        elif case is not None:
            self._expect_transfer(case, aim, event)

    def _expect_transfer(self, case: Case, aim: Aim, event: events.MatchingRequested) -> None:
        lots = abs(event.size_lots)
        total = abs(aim.closed)
        is_reducing = event.size_lots * aim.closed < 0 and aim.asked + lots <= total
        if not self._expect(Rule.INV_060, is_reducing, f"at most {total - aim.asked} lots more, of {total}"):
            return
        # The j-th of several gets floor(V × cum_j / total) − floor(V × cum_(j−1) / total) (LIQ-035).
        share = aim.value * (aim.asked + lots) // total - aim.value * aim.asked // total
        aim.asked += lots
        self._expect(Rule.LIQ_035, event.value_micros == -share, f"a value of {-share}, its share of {aim.value}")
        to_vault = event.receiver_account_id == BACKSTOP_VAULT_ID
        if aim.stage == BACKSTOP:
            self._expect(Rule.INV_080, to_vault, "the vault as the receiver")
        elif event.receiver_may_increase:
            self._expect(Rule.INV_060, False, "a receiver whose position only shrinks; the vault alone may grow")
        else:
            self._expect_victim(case, event, is_last=aim.value == aim.closed * case.marks.get(event.instrument_id, 0))

    def _expect_victim(self, case: Case, event: events.MatchingRequested, *, is_last: bool) -> None:
        holding = self._account(event.receiver_account_id).holdings.get(event.instrument_id)
        lots = 0 if holding is None else holding.lots
        shrinks = lots * event.size_lots > 0 and abs(event.size_lots) <= abs(lots)
        self._expect(Rule.INV_060, shrinks, f"a victim on the other side whose {lots} lots shrink")
        if case.is_uncertain or is_last:
            return
        worth = self._ledger.worth(event.receiver_account_id, case.marks)
        leg = worth.legs.get(event.instrument_id)
        if leg is None:
            return
        # The victim takes the opposite leg at the same value, so its equity changes by the difference to the mark.
        equity = worth.equity + event.value_micros - event.size_lots * leg.mark
        rest = self._ledger.terms[event.instrument_id].maintenance((abs(leg.lots) - abs(event.size_lots)) * leg.mark)
        needed = self._ledger.maintenance_with(event.receiver_account_id, worth, event.instrument_id, rest)
        self._expect(
            Rule.INV_080,
            worth.equity > 0 and worth.equity >= worth.maintenance and equity >= needed,
            f"a sound victim left with at least its margin {needed}; it has {worth.equity}, then {equity}",
        )

    def _close_aim(self, case: Case) -> None:
        aim, case.aim = case.aim, None
        if aim is not None and aim.asked != abs(aim.closed):
            self._expect(Rule.INV_080, False, f"requests for the {abs(aim.closed)} lots of the step, not {aim.asked}")

    def _answered(self, event: events.MatchingAnswered) -> None:
        request = self.requests.pop(event.request_seq, None)
        self._expect(
            Rule.INV_090, request is not None, f"a request at seq {event.request_seq} that is not answered yet"
        )
        case = self.cases.get(event.account_id)
        if event.liquidation_id and case is not None:
            self._expect_topped_up(case)
            case.pending.pop(event.request_seq, None)
            case.reserve = 0

    def _ranked(self, event: events.AdlRanked) -> None:
        self._ranked_for = next(
            (one for one in self.cases.values() if one.liquidation_id == event.liquidation_id), None
        )
        self._rankings.take(event)
        holding = self._account(event.account_id).holdings.get(event.instrument_id)
        lots = 0 if holding is None else holding.lots
        said = (event.position_lots, abs(event.delta_lots) <= event.capacity_lots <= abs(lots))
        self._expect(Rule.INV_080, said == (lots, True), f"{lots} lots held, and no more asked than can be given")

    def _judge_ranking(self) -> None:
        case = self._ranked_for
        if case is None or case.is_uncertain:
            self._rankings.drop()
            return
        policy, account_id = self.terms.adl_policy, case.account_id
        self._rankings.close(policy, case.marks, account_id, self.cases.keys(), at_mark=case.at_mark)

    def _deleveraged(self, event: events.Deleveraged) -> None:
        case = next((one for one in self.cases.values() if one.liquidation_id == event.liquidation_id), None)
        if case is None:
            self._expect(Rule.INV_080, False, "a liquidation that it serves")
        elif not case.is_uncertain:
            due = event.value_micros - event.delta_lots * case.marks.get(event.instrument_id, 0)
            self._expect(Rule.LIQ_035, event.given_up_micros == due, f"{due} given up against the frozen mark")

    # Money

    def _filled(self, event: events.FillBooked) -> None:
        """Note what a liquidation fill yields against its bankruptcy value, before it is booked."""
        case = self.cases.get(event.account_id)
        is_own = event.role == events.FillRole.TAKER and event.flags & OrderFlag.LIQUIDATION
        if case is None or not is_own:
            return
        self._expect_topped_up(case)
        worth = self._worth(case)
        leg = worth.legs.get(event.instrument_id)
        closed = -event.delta_lots
        reduces = leg is not None and closed * leg.lots > 0 and abs(closed) <= abs(leg.lots)
        if not self._expect(Rule.INV_060, reduces, "a fill that only reduces the position, and flips nothing"):
            return
        if case.is_uncertain or worth.maintenance == 0:
            return
        terms = self._ledger.terms[event.instrument_id]
        case.last_gain = -event.value_micros - bankruptcy_value(worth, terms, event.instrument_id, closed)
        if case.stage == INSURANCE:
            case.owed = min(case.reserve, max(0, -case.last_gain))

    def _expect_topped_up(self, case: Case) -> None:
        if case.owed:
            self._expect(Rule.INV_080, False, f"{case.owed} from the fund's reserve for a fill worse than bankruptcy")
            case.owed = 0

    def _paid(self, event: events.CashTransferred) -> None:
        if event.cause in _OF_NO_LIQUIDATION:
            return
        payer, receiver = self._account(event.account_id), self._account(event.receiver_account_id)
        if payer.kind == VAULT_KIND:
            self._expect(
                Rule.INV_080,
                receiver.kind != VAULT_KIND and event.account_id in self.cases,
                "no payment by a vault for anybody's loss but its own",
            )
        cause = event.cause
        liquidated = payer if cause in _BY_THE_ACCOUNT else receiver
        case = self._case(liquidated.account_id, event.liquidation_id)
        if case is None:
            return
        other = receiver if liquidated is payer else payer
        wanted = _OTHER_PARTY.get(cause)
        if wanted is not None:
            self._expect(Rule.INV_080, other.account_id == wanted, f"account {wanted} as the other party")
        amount = event.amount_micros
        if cause in {CashCause.FUND_TOP_UP, CashCause.DEFICIT_FUND}:
            self._expect(Rule.INV_080, amount <= payer.cash, f"at most the {payer.cash} that the fund has")
            case.fund_paid += amount
            self._fund_is_on = True
        if cause in _OF_A_DEFICIT:
            self._owes_gate = True
            self._expect(
                Rule.INV_080,
                not liquidated.holdings and 0 < amount <= -liquidated.cash,
                f"a flat account, and at most its deficit of {-liquidated.cash}",
            )
        self._expect_cause(case, event, liquidated)

    def _expect_cause(self, case: Case, event: events.CashTransferred, liquidated: Account) -> None:
        amount = event.amount_micros
        match event.cause:
            case CashCause.LIQUIDATION_FEE:
                if not case.is_uncertain:
                    self._expect(Rule.INV_080, amount <= case.last_gain, f"at most the gain of {case.last_gain}")
            case CashCause.FUND_TOP_UP:
                if not case.is_uncertain:
                    self._expect(Rule.INV_080, amount == case.owed, f"{case.owed}, what the fill lacks, not {amount}")
                case.owed = 0
                case.reserve = max(0, case.reserve - amount)
            case CashCause.FUND_REPAYMENT:
                self._expect(
                    Rule.INV_080,
                    not liquidated.holdings and amount <= case.fund_paid,
                    f"at most the {case.fund_paid} that the fund paid",
                )
                case.fund_paid -= amount
            case CashCause.BACKSTOP:
                self._expect(
                    Rule.INV_080,
                    not liquidated.holdings and amount == liquidated.cash and case.stage == BACKSTOP,
                    f"all the cash, {liquidated.cash}, once the vault has all the legs",
                )
            case CashCause.DEFICIT_SOCIALISED:
                self._expect_share(case, event, -liquidated.cash)
            case CashCause.DEFICIT_DEBT:
                self._expect(Rule.INV_080, amount == -liquidated.cash, f"the whole rest, {-liquidated.cash}")
            case _:
                return

    def _expect_share(self, case: Case, event: events.CashTransferred, missing: int) -> None:
        """Check one winner's payment (INV-070), and that the fund paid before (INV-080)."""
        fund = self._account(INSURANCE_FUND_ID).cash
        reserved = sum(one.reserve for one in self.cases.values())
        self._expect(
            Rule.INV_080, not self._fund_is_on or fund <= reserved, f"the fund empty first; it has {fund - reserved}"
        )
        holding = self._account(event.account_id).holdings.get(event.instrument_id)
        if not self._expect(Rule.INV_070, holding is not None, f"a payer that holds instrument {event.instrument_id}"):
            return
        if case.is_uncertain:
            self.unjudged += 1
            return
        if case.loss_instrument != event.instrument_id:
            self._close_shares(case)
            case.loss_instrument = event.instrument_id
            mark = case.marks.get(event.instrument_id) or self._ledger.marks.get(event.instrument_id, 0)
            gains: dict[int, int] = {}
            for account in self._ledger.holders(event.instrument_id):
                own = account.holdings[event.instrument_id]
                gain = own.lots * mark - own.cost
                if gain > 0 and account.account_id >= FIRST_CLIENT_ACCOUNT_ID:
                    gains[account.account_id] = gain
            case.loss_shares = shares_of_loss(missing, gains) if gains else {}
        due = case.loss_shares.pop(event.account_id, 0)
        self._expect(
            Rule.INV_070,
            event.amount_micros == due,
            f"a share of {due} in proportion to gains, not {event.amount_micros}",
        )

    def _close_shares(self, case: Case) -> None:
        unpaid = {account: share for account, share in case.loss_shares.items() if share}
        if unpaid:
            self._expect(Rule.INV_070, False, f"the shares {unpaid} of instrument {case.loss_instrument} paid as well")
        case.loss_instrument = 0
        case.loss_shares = {}


_ASK_OTHERS = {BACKSTOP, INSURANCE, DELEVERAGE, SOCIALISE}
_WAITS = {StepCause.PRICE_STALE, StepCause.UNFILLED}
_OF_NO_LIQUIDATION = {
    *(CashCause.OWNER_TRANSFER, CashCause.PLAY),
    *(CashCause.FUND_DRAINED, CashCause.FUND_RESTORED),
}
_BY_THE_ACCOUNT = {CashCause.LIQUIDATION_FEE, CashCause.FUND_REPAYMENT, CashCause.BACKSTOP}
_OF_A_DEFICIT = {CashCause.DEFICIT_FUND, CashCause.DEFICIT_SOCIALISED, CashCause.DEFICIT_DEBT}
_OTHER_PARTY: dict[int, int] = {
    CashCause.LIQUIDATION_FEE: INSURANCE_FUND_ID,
    CashCause.FUND_TOP_UP: INSURANCE_FUND_ID,
    CashCause.FUND_REPAYMENT: INSURANCE_FUND_ID,
    CashCause.BACKSTOP: BACKSTOP_VAULT_ID,
    CashCause.DEFICIT_FUND: INSURANCE_FUND_ID,
    CashCause.DEFICIT_DEBT: DEBT_ACCOUNT_ID,
}
