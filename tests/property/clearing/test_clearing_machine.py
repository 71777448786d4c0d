"""Any history: clearing against a ledger on paper, with a shard that answers what it likes.

Accounts trade, prices jump and go stale, funding is paid, money and collateral come and go, clearing dies and comes
back; whoever falls below margin is taken apart by the waterfall, and the shard fills its orders wholly, partly or not
at all, at any price inside the limit, clips transfers, and answers in any order.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.naive_fees import DAY_SECONDS, REBATES, TIERS, WINDOW_DAYS, NaiveFees
from tests.model.naive_ledger import FUND, NaiveLedger
from tests.model.scripted_shard import BTC, ETH, MICROS, Scene, clients
from wavetank.clearing.core.collateral_terms import CollateralTerms
from wavetank.clearing.core.credit import standings
from wavetank.clearing.core.escalation import OFFERED
from wavetank.clearing.core.fees import FeeSchedule, FeeTier, MakerRebate
from wavetank.clearing.core.limits import EVERY_CLIENT, GroupLimit, LineLimits, PositionLimit
from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.clearing.core.operator import Author
from wavetank.clearing.core.refusal import Refused
from wavetank.clearing.core.settings import SECOND_NS, STAGE_ORDERS, ClearingSettings
from wavetank.model.events.clearing import (
    AdlPolicyKind,
    CashCause,
    CashTransferred,
    CollateralConverted,
    CollateralHeld,
    CollateralWithdrawn,
    ConversionCause,
    Deleveraged,
    FillBooked,
    FundingBooked,
    FundingTickBooked,
    LiquidationStepped,
    MatchingRequested,
    OpenInterestScaled,
    StepCause,
    WithdrawalHeld,
    Withdrawn,
)
from wavetank.model.events.matching import MarkApplied
from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID
from wavetank.model.instrument import default_instruments
from wavetank.model.orders import CommandKind, Side

if TYPE_CHECKING:
    from wavetank.clearing.core.health import LiquidationStage
    from wavetank.clearing.core.venue_facts import Escalation
    from wavetank.model.record import Event

INSTRUMENTS = st.sampled_from([BTC, ETH])
START_TICKS = {BTC: 1_000_000, ETH: 400_000}
LARGEST = {BTC: 40, ETH: 25}
SCHEDULE = FeeSchedule(
    tiers=tuple(FeeTier(dollars * MICROS, taker, maker) for dollars, taker, maker in TIERS),
    rebates=tuple(MakerRebate(int(share * 10**6), rate) for share, rate in REBATES),
    window_days=WINDOW_DAYS,
    day_ns=DAY_SECONDS * SECOND_NS,
)
COLLATERAL: tuple[dict[str, CollateralTerms], ...] = (
    {},
    {"BTC": CollateralTerms(weight_ppm=900_000)},
    {
        "BTC": CollateralTerms(weight_ppm=333_333, cap_micros=2_000 * MICROS),
        "ETH": CollateralTerms(weight_ppm=800_000, venue_cap_lots=300_000),
    },
)
OTHERS_PAY = {
    CashCause.FUND_TOP_UP,
    CashCause.BACKSTOP,
    CashCause.DEFICIT_FUND,
    CashCause.DEFICIT_SOCIALISED,
    CashCause.DEFICIT_DEBT,
}
MOST_EVENTS = 400
"""One fact never leads to more events than this with so few accounts; a loop would."""
MOST_ROUNDS = 300
"""Nor does one mark ever need more answers than this."""


class ClearingMachine(RuleBasedStateMachine):
    """Clearing's core on one side, paper on the other."""

    @initialize(
        data=st.data(),
        vault_cap=st.sampled_from([0, 100_000, 50_000_000]),
        fund_dollars=st.sampled_from([0, 300, 5_000, 1_000_000]),
        fund_cap=st.sampled_from([500, 1_000_000]),
        order=st.sampled_from(STAGE_ORDERS),
        off=st.sampled_from(["", "", "partial", "full", "vault", "insurance", "adl", "socialise"]),
        policy=st.sampled_from(AdlPolicyKind),
        wait=st.sampled_from([0, 0, 5]),
        scaling=st.sampled_from([(0, 0), (0, 0), (10_000, 400_000), (0, 2_000_000)]),
        collateral=st.sampled_from(COLLATERAL),
        loan=st.sampled_from([0, 500, 100_000]),
    )
    def begin(
        self,
        *,
        data: st.DataObject,
        vault_cap: int,
        fund_dollars: int,
        fund_cap: int,
        order: tuple[LiquidationStage, ...],
        off: str,
        policy: AdlPolicyKind,
        wait: int,
        scaling: tuple[int, int],
        collateral: dict[str, CollateralTerms],
        loan: int,
    ) -> None:
        self.scaling = scaling[0] * MICROS, scaling[1] * MICROS
        btc, *others = default_instruments()
        begins, full = self.scaling
        self.scene = Scene(
            settings=ClearingSettings(
                vault_cap_micros=vault_cap * MICROS,
                fund_cap_micros=fund_cap * MICROS,
                stage_order=order,
                adl_policy=policy,
                partial_enabled=off != "partial",
                full_enabled=off != "full",
                vault_enabled=off != "vault",
                insurance_enabled=off != "insurance",
                adl_enabled=off != "adl",
                socialise_enabled=off != "socialise",
                escalation_wait_ns=wait * SECOND_NS,
                fund_low_micros=10_000 * MICROS * (wait > 0),
                cascade_limit_ppm=2_000_000 * (wait > 0),
                fees=SCHEDULE,
                collateral=collateral,
                collateral_loan_micros=loan * MICROS,
            ),
            instruments=(replace(btc, scaling_begins_micros=begins, scaling_full_micros=full), *others),
            fund_micros=fund_dollars * MICROS,
        )
        self.paper = NaiveLedger()
        for instrument_id, symbol in ((BTC, "BTC"), (ETH, "ETH")):
            terms = collateral.get(symbol)
            self.paper.weight[instrument_id] = Fraction(terms.weight_ppm if terms else 0, 10**6)
            self.paper.cap[instrument_id] = terms.cap_micros if terms else 0
        self.fees = NaiveFees()
        self.paper.deposit(FUND, fund_dollars * MICROS)
        self.read = len(self.scene.log)
        self.holds: dict[int, int] = {}
        self.limits: dict[tuple[int | str, int], tuple[int, int]] = {}
        self.told: dict[int, LineLimits] = {}
        """By account, what its last line said of limits."""
        for dollars in (2_000, 5_000, 5_000, 12_000, 200_000):
            self.paper.deposit(self.scene.open(dollars), dollars * MICROS)
        for instrument_id, ticks in START_TICKS.items():
            self.scene.mark(instrument_id, ticks)
        self.follow()
        for account in clients(self.scene)[:2] if collateral else ():
            # All they have but a little cash.
            self.bring(account.account_id, BTC, 2_500)
            self.paper.deposit(account.account_id, 50 * MICROS - self.scene.cash(account.account_id))
            self.scene.core.bank.withdraw(
                account.account_id, self.scene.cash(account.account_id) - 50 * MICROS, self.scene.now_ns
            )
            self.scene.keep()
            self.scene.credit_applied(account.account_id, self.scene.last(WithdrawalHeld).line_number, 0)
        self.read = len(self.scene.log)
        for account in clients(self.scene)[:4]:
            instrument_id = data.draw(INSTRUMENTS)
            self.trade(instrument_id, account.account_id, self.rich, data.draw(st.sampled_from([1, -1])), 30, 0, 5, -1)
        self.follow()

    # The people and the prices

    @property
    def rich(self) -> int:
        return clients(self.scene)[-1].account_id

    def free(self) -> list[int]:
        return [account.account_id for account in clients(self.scene) if account.liquidation is None]

    def ticks(self, instrument_id: int) -> int:
        return self.scene.state.marks[instrument_id].mark_price_ticks

    def trade(
        self,
        instrument_id: int,
        taker: int,
        maker: int,
        sign: int,
        leverage: int,
        off_ppm: int,
        taker_fee: int,
        maker_fee: int,
    ) -> None:
        """Trade about `leverage` times the taker's equity, a little off the mark."""
        price = max(1, self.ticks(instrument_id) * (10**6 + off_ppm) // 10**6)
        lots = sign * max(1, abs(self.scene.state.health(self.scene.account(taker))[0]) * leverage // price // 2)
        self.paper.trade(instrument_id, taker, maker, lots, price, taker_fee=taker_fee, maker_fee=maker_fee)
        self.fees.trade(self.scene.now_ns, taker, maker, abs(lots) * price)
        self.scene.trade(instrument_id, taker, maker, lots, price, taker_fee=taker_fee, maker_fee=maker_fee)

    @precondition(lambda self: len(self.free()) >= 2)
    @rule(
        data=st.data(),
        instrument_id=INSTRUMENTS,
        sign=st.sampled_from([1, -1]),
        leverage=st.integers(1, 30),
        off_ppm=st.integers(-5_000, 5_000),
        taker_fee=st.integers(0, 10**6),
        maker_fee=st.integers(-(10**5), 10**5),
    )
    def people_trade(
        self,
        data: st.DataObject,
        instrument_id: int,
        sign: int,
        leverage: int,
        off_ppm: int,
        taker_fee: int,
        maker_fee: int,
    ) -> None:
        free = self.free()
        taker = data.draw(st.sampled_from(free))
        maker = data.draw(st.sampled_from([other for other in free if other != taker]))
        self.trade(instrument_id, taker, maker, sign, leverage, off_ppm, taker_fee, maker_fee)
        self.follow()

    @precondition(lambda self: len(self.free()) >= 2)
    @rule(data=st.data(), off_ppm=st.integers(-50_000, 50_000), fee=st.integers(0, 10**9))
    def somebody_closes(self, data: st.DataObject, off_ppm: int, fee: int) -> None:
        """Close all legs of an account in a poor market, for a high fee."""
        taker = data.draw(st.sampled_from(self.free()))
        for instrument_id, position in self.scene.account(taker).positions.items():
            others = [other for other in self.free() if other != taker]
            if not others:
                break
            maker = data.draw(st.sampled_from(others))
            price = self.ticks(instrument_id) * (10**6 + off_ppm) // 10**6
            self.paper.trade(instrument_id, taker, maker, -position.lots, price, taker_fee=fee, maker_fee=0)
            self.fees.trade(self.scene.now_ns, taker, maker, abs(position.lots) * price)
            fact = self.scene.traded(instrument_id, taker, maker, -position.lots, price, taker_fee=fee)
            self.scene.shard(fact)
            self.follow()

    @rule(
        instrument_id=INSTRUMENTS,
        move_ppm=st.one_of(st.integers(-150_000, 150_000), st.integers(-20_000, 20_000)),
        stale=st.sampled_from([False, False, False, False, True]),
        gap_ppm=st.sampled_from([0, 0, -20_000, 60_000]),
    )
    def price_moves(self, instrument_id: int, move_ppm: int, stale: bool, gap_ppm: int) -> None:
        ticks = self.ticks(instrument_id) * (10**6 + move_ppm) // 10**6
        bounded = min(10 * START_TICKS[instrument_id], max(START_TICKS[instrument_id] // 10, ticks))
        self.scene.mark(instrument_id, bounded, index_ticks=bounded + bounded * gap_ppm // 10**6, stale=stale)
        self.follow()

    @rule(data=st.data(), mode=st.sampled_from(MarginMode))
    def mode_changes(self, data: st.DataObject, mode: MarginMode) -> None:
        account_id = data.draw(st.sampled_from([each.account_id for each in clients(self.scene)]))
        try:
            self.scene.core.bank.set_margin_mode(account_id, mode)
        except Refused:
            assert self.scene.keep() == []
            return
        self.scene.keep()
        account = self.scene.account(account_id)
        if account.mode_change is not None:
            self.holds[account_id] = account.mode_change.line_number
        else:
            assert account.margin_mode is mode
        self.follow()

    @rule(data=st.data(), dollars=st.integers(1, 5_000))
    def money_changes_accounts(self, data: st.DataObject, dollars: int) -> None:
        payer, receiver = (
            data.draw(st.sampled_from([each.account_id for each in clients(self.scene)])) for _ in range(2)
        )
        try:
            self.scene.core.bank.transfer(payer, receiver, dollars * MICROS, between_owners=True)
        except Refused:
            assert self.scene.keep() == []
            return
        self.scene.keep()
        self.holds[payer] = self.scene.last(WithdrawalHeld).line_number
        self.follow()

    @rule(data=st.data(), instrument_id=INSTRUMENTS, leverage=st.sampled_from([1, 2, 5, 10, 20, 25, 40]))
    def leverage_changes(self, data: st.DataObject, instrument_id: int, leverage: int) -> None:
        account_id = data.draw(st.sampled_from([each.account_id for each in clients(self.scene)]))
        account = self.scene.account(account_id)
        before = self.scene.state.value(account)
        try:
            self.scene.core.leverages.change(account_id, instrument_id, leverage)
        except Refused:
            assert self.scene.keep() == []
            return
        self.scene.keep()
        largest = LARGEST[instrument_id]
        assert 1 <= leverage <= largest
        assert account.liquidation is None
        self.paper.leverages[account_id, instrument_id] = leverage
        after = self.scene.state.value(account)
        assert after.maintenance_micros == before.maintenance_micros
        assert after.initial_micros <= max(before.initial_micros, after.equity_micros)
        self.follow()

    @rule(
        data=st.data(),
        where=st.sampled_from([BTC, ETH, "majors"]),
        everybody=st.booleans(),
        figures=st.tuples(st.sampled_from([0, 7, 900]), st.sampled_from([0, 10**6])),
    )
    def an_operator_limits(
        self, data: st.DataObject, where: int | str, everybody: bool, figures: tuple[int, int]
    ) -> None:
        whose = EVERY_CLIENT
        if not everybody:
            whose = data.draw(st.sampled_from([account.account_id for account in clients(self.scene)]))
        operator, author = self.scene.core.operator, Author("k-ann", "too large")
        if isinstance(where, str):
            operator.set_group_limit(where, whose, GroupLimit(*figures), author)
        else:
            operator.set_position_limit(where, whose, PositionLimit(*figures), author)
        self.scene.keep()
        self.limits[where, whose] = figures
        self.follow()

    @rule(instrument_id=INSTRUMENTS, rate_e12=st.integers(-4 * 10**10, 4 * 10**10))
    def funding_is_paid(self, instrument_id: int, rate_e12: int) -> None:
        index = self.ticks(instrument_id)
        self.paper.funding(instrument_id, rate_e12, index)
        self.scene.funding(instrument_id, rate_e12, index)
        # Each tick is neutral: payments and what the rounding account got sum to zero (INV-040).
        tick = self.scene.last(FundingTickBooked)
        paid = sum(
            booked.payment_micros
            for booked in self.scene.all(FundingBooked)
            if (booked.instrument_id, booked.tick) == (instrument_id, tick.tick)
        )
        assert paid + tick.rounding_micros == 0
        self.follow()

    @rule(data=st.data(), dollars=st.integers(1, 5_000))
    def money_comes(self, data: st.DataObject, dollars: int) -> None:
        account = data.draw(st.sampled_from([each.account_id for each in clients(self.scene)]))
        self.paper.deposit(account, dollars * MICROS)
        self.scene.core.bank.deposit(account, dollars * MICROS)
        self.scene.keep()
        self.follow()

    @rule(data=st.data(), dollars=st.integers(1, 5_000))
    def money_is_asked_for(self, data: st.DataObject, dollars: int) -> None:
        account = data.draw(st.sampled_from([each.account_id for each in clients(self.scene)]))
        try:
            self.scene.core.bank.withdraw(account, dollars * MICROS, self.scene.now_ns)
        except Refused:
            assert self.scene.keep() == []
            return
        self.scene.keep()
        self.holds[account] = self.scene.last(WithdrawalHeld).line_number
        self.follow()

    @precondition(lambda self: any(self.paper.weight.values()))
    @rule(data=st.data(), asset=INSTRUMENTS, dollars=st.integers(1, 20_000))
    def collateral_comes(self, data: st.DataObject, asset: int, dollars: int) -> None:
        self.bring(data.draw(st.sampled_from([each.account_id for each in clients(self.scene)])), asset, dollars)
        self.follow()

    def bring(self, account_id: int, asset: int, dollars: int) -> None:
        lots = -(-dollars * MICROS // self.ticks(asset))
        try:
            self.scene.core.collateral.deposit(account_id, asset, lots)
        except Refused:
            assert self.scene.keep() == []
            return
        self.paper.collateral[account_id, asset] += lots
        self.scene.keep()

    def owners(self) -> list[tuple[int, int]]:
        return sorted(key for key, lots in self.paper.collateral.items() if lots)

    @precondition(lambda self: self.owners())
    @rule(data=st.data(), share=st.integers(1, 4))
    def collateral_is_asked_for(self, data: st.DataObject, share: int) -> None:
        account, asset = data.draw(st.sampled_from(self.owners()))
        lots = -(-self.paper.collateral[account, asset] * share // 4)
        try:
            self.scene.core.collateral.withdraw(account, asset, lots, self.scene.now_ns)
        except Refused:
            assert self.scene.keep() == []
            return
        self.scene.keep()
        self.holds[account] = self.scene.last(CollateralHeld).line_number
        self.follow()

    @precondition(lambda self: self.owners())
    @rule(data=st.data(), share=st.integers(1, 4))
    def collateral_is_sold(self, data: st.DataObject, share: int) -> None:
        account, asset = data.draw(st.sampled_from(self.owners()))
        before = self.scene.state.health(self.scene.account(account))
        lots = -(-self.paper.collateral[account, asset] * share // 4)
        try:
            self.scene.core.collateral.convert(account, asset, lots, self.scene.now_ns)
        except Refused:
            assert self.scene.keep() == []
            return
        self.scene.keep()
        after = self.scene.state.health(self.scene.account(account))
        # What a cap kept from counting may come to count; else nothing moves.
        assert after[1] == before[1]
        assert after[0] >= before[0]
        assert after == before or self.paper.cap[asset] < 10**15
        self.follow()

    @precondition(lambda self: self.holds)
    @rule(data=st.data(), committed=st.integers(0, 3_000))
    def shard_acknowledges(self, data: st.DataObject, committed: int) -> None:
        account = data.draw(st.sampled_from(sorted(self.holds)))
        self.scene.credit_applied(account, self.holds.pop(account), committed * MICROS)
        assert self.scene.account(account).hold is None
        assert self.scene.account(account).mode_change is None
        self.follow()

    @precondition(lambda self: any(self.undecided()))
    @rule(data=st.data())
    def a_person_decides(self, data: st.DataObject) -> None:
        escalation = data.draw(st.sampled_from(self.undecided()))
        decision = data.draw(st.sampled_from(OFFERED[escalation.kind]))
        self.scene.core.decide(self.scene.now_ns, escalation.escalation_id, decision, Author("k-desk", "drawn"))
        self.scene.keep()
        if escalation.account_id:
            assert self.scene.account(escalation.account_id).liquidation is None or self.goes_on(escalation.account_id)
        self.follow()

    def undecided(self) -> list[Escalation]:
        return [each for _, each in sorted(self.scene.state.escalations.items()) if each.decision is None]

    def goes_on(self, account_id: int) -> bool:
        """Tell whether what was decided is done: something is under way, or it waits for a mark or another question."""
        liquidation = self.scene.account(account_id).liquidation
        return liquidation is not None and bool(liquidation.pending or liquidation.waits or liquidation.asks)

    @rule(seconds=st.sampled_from([1, 10, 31, 301]))
    def time_passes(self, seconds: int) -> None:
        self.scene.pass_time(seconds)
        self.follow()

    @rule(instrument_id=INSTRUMENTS, depth=st.integers(0, 10**6), spread_ppm=st.integers(0, 20_000))
    def book_is_sampled(self, instrument_id: int, depth: int, spread_ppm: int) -> None:
        mark = self.ticks(instrument_id)
        away = mark * spread_ppm // 10**6
        self.scene.book(
            instrument_id,
            bid=mark - away,
            ask=mark + away,
            impact_bid=mark - away if depth > 1_000 else 0,
            impact_ask=mark + away if depth > 1_000 else 0,
            depth_lots=depth,
        )
        self.follow()

    @rule()
    def clearing_dies_and_comes_back(self) -> None:
        self.scene.restart()
        # Lines of the old process are gone; holds are acknowledged under the new epoch.
        lines = {line.account_id: line for line in self.scene.core.take_lines()}
        assert all(lines[account_id].acknowledge for account_id in self.holds)
        self.holds = {}
        for account in clients(self.scene):
            if account.waits_on(0):
                line = lines[account.account_id]
                self.scene.credit_applied(account.account_id, line.line_number, 0, epoch=line.line_epoch)
        self.follow()

    # The shard

    @precondition(lambda self: self.scene.requests())
    @rule(data=st.data(), share=st.sampled_from([0, 1, 1, 1, 2]), off_ppm=st.integers(0, 50_000))
    def shard_answers(self, data: st.DataObject, share: int, off_ppm: int) -> None:
        self.answer(data, *data.draw(st.sampled_from(self.scene.requests())), share, off_ppm)

    @precondition(lambda self: self.scene.requests())
    @rule(data=st.data(), book=st.sampled_from([0, 0, 1, 2]), clip=st.sampled_from([1, 1, 2]))
    def shard_answers_until_it_is_quiet(self, data: st.DataObject, book: int, clip: int) -> None:
        self.settle(data, book, clip)

    @rule(
        data=st.data(),
        move_ppm=st.sampled_from([-200_000, -100_000, -40_000, -20_000, 20_000, 40_000, 100_000, 200_000]),
        book=st.sampled_from([0, 0, 1, 2]),
        clip=st.sampled_from([1, 1, 2]),
    )
    def shock(self, data: st.DataObject, move_ppm: int, book: int, clip: int) -> None:
        """Move everything at once, and let the shard answer whatever follows."""
        for instrument_id, start in START_TICKS.items():
            ticks = self.ticks(instrument_id) * (10**6 + move_ppm) // 10**6
            self.scene.mark(instrument_id, min(10 * start, max(start // 10, ticks)))
            self.follow()
        self.settle(data, book, clip)

    def settle(self, data: st.DataObject, book: int, clip: int) -> None:
        """Answer what is asked until nothing is; a loop between clearing and the shard would not end."""
        for _ in range(MOST_ROUNDS):
            requests = self.scene.requests()
            if not requests:
                return
            seq, request = requests[-1]
            share = book if request.command == CommandKind.LIQUIDATE else clip
            self.answer(data, seq, request, share, 1_000)
        raise AssertionError(f"the shard is asked again and again: {self.scene.requests()}")

    def answer(self, data: st.DataObject, seq: int, request: MatchingRequested, share: int, off_ppm: int) -> None:
        """Answer one request: nothing (0), all (1) or about half of it (2)."""
        if request.command == CommandKind.CANCEL_ACCOUNT:
            self.scene.shard(self.scene.answered(seq, request))
        elif request.command == CommandKind.LIQUIDATE:
            self.fill(data, seq, request, share, off_ppm)
        else:
            self.transfer(seq, request, share)
        self.follow()

    def fill(self, data: st.DataObject, seq: int, request: MatchingRequested, share: int, off_ppm: int) -> None:
        taker, instrument_id = request.account_id, request.instrument_id
        held = self.scene.lots(taker, instrument_id)
        sign = 1 if request.side == Side.BUY else -1
        room = max(0, -sign * held)
        lots = min(room, [0, request.size_lots, -(-request.size_lots // 2)][share])
        makers = [
            account for account in self.free() if account != taker and self.can_take(account, lots, instrument_id)
        ]
        price = max(1, request.price_ticks * (10**6 - sign * off_ppm) // 10**6)
        facts: list[Event] = []
        if lots and makers:
            maker = data.draw(st.sampled_from(makers))
            first = lots // 3
            for part in (first, lots - first):
                if part:
                    self.paper.trade(instrument_id, taker, maker, sign * part, price, taker_fee=0, maker_fee=part // 7)
                    self.fees.trade(self.scene.now_ns, taker, maker, part * price, liquidation=True)
                    facts.append(
                        self.scene.traded(
                            instrument_id, taker, maker, sign * part, price, maker_fee=part // 7, liquidation=True
                        )
                    )
        else:
            lots = 0
        self.scene.shard(*facts, self.scene.answered(seq, request, lots, lots * price))

    def can_take(self, account_id: int, lots: int, instrument_id: int) -> bool:
        """Tell whether a maker has the money; without it two accounts would hand a position back and forth forever."""
        value = self.scene.state.value(self.scene.account(account_id))
        return value.equity_micros >= (value.notional_micros + lots * self.ticks(instrument_id)) // 5

    def transfer(self, seq: int, request: MatchingRequested, share: int) -> None:
        giver, receiver, instrument_id = request.account_id, request.receiver_account_id, request.instrument_id
        sign = 1 if request.size_lots > 0 else -1
        room = max(0, -sign * self.scene.lots(giver, instrument_id))
        if not request.receiver_may_increase:
            room = min(room, max(0, sign * self.scene.lots(receiver, instrument_id)))
        asked = abs(request.size_lots)
        lots = min(room, [0, asked, -(-asked // 2)][share])
        if lots:
            scaled = abs(request.value_micros) * lots // asked
            value = scaled if request.value_micros >= 0 else -scaled
            self.paper.transfer(instrument_id, giver, receiver, sign * lots, value)
        self.scene.shard(*self.scene.transferred(seq, request, lots=lots))

    # What must hold

    def follow(self) -> None:
        """Write what clearing decided onto paper, checking each decision against what paper knows."""
        new = self.scene.log[self.read :]
        self.read = len(self.scene.log)
        assert len(new) <= MOST_EVENTS
        for index, logged in enumerate(new):
            event = logged.event
            if isinstance(event, MarkApplied) and event.instrument_id == BTC and self.scaling[1]:
                self.check_share(event, new[index + 1].event if index + 1 < len(new) else None)
            if isinstance(event, Withdrawn):
                self.paper.deposit(event.account_id, -event.amount_micros)
            elif isinstance(event, CollateralWithdrawn):
                self.paper.collateral[event.account_id, event.instrument_id] -= event.size_lots
            elif isinstance(event, CollateralConverted):
                self.check_sale(event)
            elif isinstance(event, CashTransferred):
                assert event.amount_micros > 0
                if event.cause in OTHERS_PAY:
                    poor = event.account_id if event.cause == CashCause.BACKSTOP else event.receiver_account_id
                    assert not self.has_collateral(poor)
                self.paper.move(event.account_id, event.receiver_account_id, event.amount_micros)
            elif isinstance(event, MatchingRequested) and event.command == CommandKind.LIQUIDATE:
                self.check_order(event)
            elif isinstance(event, MatchingRequested) and event.command == CommandKind.TRANSFER:
                assert not self.has_collateral(event.account_id)
            elif isinstance(event, Deleveraged):
                # A victim closes: it never opens (LIQ-080).
                assert event.delta_lots != 0
        self.check_socialised([logged.event for logged in new])

    def check_share(self, mark: MarkApplied, following: Event | None) -> None:
        """Check that the share moves at this mark if it must, and no other does (MRGN-020)."""
        due = self.paper.moves_to(BTC, mark.mark_price_ticks, *self.scaling)
        told = following.scaled_ppm if isinstance(following, OpenInterestScaled) else None
        assert told == due

    def has_collateral(self, account_id: int) -> bool:
        return any(lots for (owner, _), lots in self.paper.collateral.items() if owner == account_id)

    def check_sale(self, event: CollateralConverted) -> None:
        """Sell on paper; what is owed is sold for, and one lot fewer would not have been enough (LIQ-055)."""
        account_id, asset, lots = event.account_id, event.instrument_id, event.size_lots
        owed = -self.paper.cash[account_id]
        had = self.paper.collateral[account_id, asset]
        assert self.paper.sell(account_id, asset, lots, event.index_price_ticks) == event.amount_micros
        if event.cause == ConversionCause.LIQUIDATED:
            assert lots == had
        elif event.cause in {ConversionCause.OWED, ConversionCause.LOAN_LIMIT}:
            assert owed > 0
            rate = event.index_price_ticks * self.paper.weight[asset]
            assert math.floor(had * rate) - math.floor((had - lots + 1) * rate) < owed
            assert event.amount_micros >= owed or lots == had

    def check_order(self, request: MatchingRequested) -> None:
        """Check that an order only reduces and stays inside the band around its marks (INV-060)."""
        account = self.scene.account(request.account_id)
        sign = 1 if request.side == Side.BUY else -1
        assert request.size_lots >= 1
        if account.liquidation is not None and request.instrument_id in account.liquidation.marks:
            mark = account.liquidation.marks[request.instrument_id]
            assert sign * (request.price_ticks - mark) * 10 <= mark

    def check_socialised(self, events: list[Event]) -> None:
        """Check that nobody without a gain in the instrument pays, nor anybody above it (INV-070)."""
        for event in events:
            if not isinstance(event, CashTransferred) or event.cause != CashCause.DEFICIT_SOCIALISED:
                continue
            lots = self.scene.lots(event.account_id, event.instrument_id)
            assert lots != 0
            assert event.account_id >= FIRST_CLIENT_ACCOUNT_ID

    @invariant()
    def ledgers_agree(self) -> None:
        if not hasattr(self, "paper"):
            return
        self.paper.check()
        accounts = self.scene.state.accounts
        assert {key: account.cash_micros for key, account in accounts.items() if account.cash_micros} == {
            key: cash for key, cash in self.paper.cash.items() if cash
        }
        held = {
            (key, instrument_id): (position.lots, position.cost_micros)
            for key, account in accounts.items()
            for instrument_id, position in account.positions.items()
        }
        assert held == self.paper.positions()
        brought = {
            (key, asset): each.lots for key, account in accounts.items() for asset, each in account.collateral.items()
        }
        assert brought == {key: lots for key, lots in self.paper.collateral.items() if lots}
        marks = {key: mark.mark_price_ticks for key, mark in self.scene.state.marks.items()}
        indexes = {key: mark.index_price_ticks for key, mark in self.scene.state.marks.items()}
        for key, account in accounts.items():
            equity = self.paper.equity(key, marks, indexes)
            assert self.scene.state.health(account)[0] == self.scene.state.value(account).equity_micros == equity
            free = sum(stand.credit_micros - stand.relief_micros for stand in standings(self.scene.state, account))
            assert free <= equity
        costs = self.scene.state.ledger.total_cost_micros()
        for instrument_id in START_TICKS:
            assert costs[instrument_id] == self.paper.realised[instrument_id]

    @invariant()
    def rates_are_those_on_paper(self) -> None:
        if not hasattr(self, "paper"):
            return
        for account in clients(self.scene):
            rates = self.scene.state.fees.rates_of(account.account_id)
            assert rates == self.fees.rates(account.account_id, self.scene.now_ns)

    @invariant()
    def lines_say_the_limits_on_paper(self) -> None:
        if not hasattr(self, "paper"):
            return
        self.told |= {line.account_id: line.limits for line in self.scene.core.take_lines()}
        for account_id, told in self.told.items():
            expected: dict[int | str, tuple[int, int]] = {}
            for (where, whose), figures in sorted(self.limits.items(), key=lambda item: item[0][1]):
                # Every client's come first, and one's own replaces them unless it is lifted.
                if any(figures) and whose in {EVERY_CLIENT, account_id} and account_id >= FIRST_CLIENT_ACCOUNT_ID:
                    expected[where] = figures
            said: dict[int | str, tuple[int, int]] = {where: (size, most) for where, size, most in told.positions}
            said |= {each.group: (each.net_micros, each.gross_micros) for each in told.groups}
            assert said == expected

    @invariant()
    def initial_margins_are_those_on_paper(self) -> None:
        if not hasattr(self, "paper"):
            return
        marks = {instrument_id: self.ticks(instrument_id) for instrument_id in START_TICKS}
        for account in clients(self.scene):
            value = self.scene.state.value(account)
            gross = self.paper.initial(account.account_id, marks, LARGEST)
            assert sum(leg.initial_micros for leg in value.legs) == gross
            if account.margin_mode is MarginMode.GROSS:
                assert value.initial_micros == gross
            else:
                assert value.initial_micros <= gross

    @invariant()
    def no_mode_asks_for_more_than_the_sum(self) -> None:
        if not hasattr(self, "paper"):
            return
        for account in clients(self.scene):
            value = self.scene.state.value(account)
            assert value.legs_maintenance_micros * 3 <= value.maintenance_micros * 10
            assert value.maintenance_micros <= value.legs_maintenance_micros
            if account.margin_mode is MarginMode.GROSS or len(value.legs) == 1:
                assert value.maintenance_micros == value.legs_maintenance_micros

    @invariant()
    def liquidations_are_under_way_or_wait(self) -> None:
        if not hasattr(self, "paper"):
            return
        reserved = 0
        for account in self.scene.state.accounts.values():
            liquidation = account.liquidation
            if liquidation is None:
                assert (
                    account.cash_micros >= 0
                    or account.positions
                    or account.account_id < FIRST_CLIENT_ACCOUNT_ID
                    # Collateral by a stale index covers it for now.
                    or self.has_collateral(account.account_id)
                )
                continue
            assert liquidation.pending or liquidation.waits or liquidation.asks
            reserved += liquidation.reserve_micros
        assert 0 <= reserved <= self.scene.fund

    @invariant()
    def every_liquidation_is_in_a_cascade_that_runs(self) -> None:
        if not hasattr(self, "paper"):
            return
        cascades = self.scene.state.cascades
        under_way = dict.fromkeys(cascades.running, 0)
        for account in self.scene.state.accounts.values():
            if account.liquidation is not None:
                under_way[account.liquidation.cascade_id] += 1
        assert under_way == {key: cascade.under_way for key, cascade in cascades.running.items()}
        assert {trace.cascade_id for trace in cascades.traces.values()} <= cascades.running.keys()

    @invariant()
    def no_instrument_takes_more_of_the_fund_than_its_cap(self) -> None:
        if not hasattr(self, "paper"):
            return
        state, settings = self.scene.state, self.scene.settings
        for instrument_id in START_TICKS:
            promised = sum(
                request.reserve_micros and account.liquidation.reserve_micros
                for account in state.accounts.values()
                if account.liquidation is not None
                for request in account.liquidation.pending.values()
                if request.instrument_id == instrument_id
            )
            paid = sum(
                amount
                for time_ns, amount in state.fund_payments.get(instrument_id, ())
                if self.scene.now_ns - time_ns < settings.fund_window_ns
            )
            assert promised + paid <= settings.fund_cap_micros

    def teardown(self) -> None:
        if not hasattr(self, "paper"):
            return
        cuts = self.scene.cuts
        self.scene.assert_recoverable(cuts[len(cuts) // 2])
        # Every leg of the ledger was told with what it left behind, and every step with its reason.
        assert all(event.delta_lots for event in self.scene.all(FillBooked))
        assert all(StepCause(step.cause) for step in self.scene.all(LiquidationStepped))


ClearingMachine.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestClearing = pytest.mark.spec(
    "FEE-010",
    "MRGN-020",
    "MRGN-070",
    "INV-010",
    "INV-020",
    "INV-030",
    "INV-040",
    "INV-050",
    "INV-060",
    "INV-070",
    "INV-090",
    "INV-100",
    "LIQ-055",
    "MRGN-080",
)(ClearingMachine.TestCase)
