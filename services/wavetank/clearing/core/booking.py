"""Booking: trades, transfers and funding ticks become legs of the ledger (PROTOCOL 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wavetank.clearing.core.health import AccountKind, LiquidationStage
from wavetank.clearing.core.ledger import book_leg, funding_payment
from wavetank.clearing.core.waterfall.case import Case
from wavetank.clearing.core.waterfall.insurance import insurance_delta, settle_fill
from wavetank.model.events import clearing as events
from wavetank.model.invariant import InvariantBroken
from wavetank.model.orders import OrderFlag, Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.state import State
    from wavetank.clearing.core.waterfall.driver import Waterfall
    from wavetank.model.events.matching import PositionTransferred, Traded
    from wavetank.model.events.oracle import FundingTicked
    from wavetank.model.record import Event


@dataclass(frozen=True, slots=True)
class _Fact:
    """What a leg comes from; the last three are 0 for a transfer."""

    seq: int
    role: events.FillRole
    flags: int
    trade_id: int = 0
    order_id: int = 0
    fee_micros: int = 0


class Booking:
    """Books facts; returns the accounts that each one concerns."""

    def __init__(self, state: State, emit: Callable[[Event], int], waterfall: Waterfall) -> None:
        """Book onto `state` through `emit`."""
        self._state = state
        self._emit = emit
        self._waterfall = waterfall

    def _account(self, account_id: int) -> Account:
        account = self._state.accounts.get(account_id)
        if account is None:
            message = f"the shard traded for account {account_id}, which does not exist"
            raise InvariantBroken(message)
        return account

    def _book(self, account: Account, instrument_id: int, delta_lots: int, value_micros: int, fact: _Fact) -> None:
        lots, cost = self._state.ledger.position(account.row, instrument_id)
        leg = book_leg(lots, cost, delta_lots, value_micros)
        self._emit(
            events.FillBooked(
                instrument_id=instrument_id,
                account_id=account.account_id,
                matching_seq=fact.seq,
                trade_id=fact.trade_id,
                order_id=fact.order_id,
                delta_lots=delta_lots,
                value_micros=value_micros,
                fee_micros=fact.fee_micros,
                realised_micros=leg.realised_micros,
                lots_after=leg.lots,
                cost_after_micros=leg.cost_micros,
                cash_after_micros=account.cash_micros + leg.realised_micros - fact.fee_micros,
                role=int(fact.role),
                flags=fact.flags,
            )
        )

    def trade(self, fact: Traded, seq: int, now_ns: int) -> tuple[int, int]:
        """Book both legs of a trade, taker first; settle a liquidation fill with the fund."""
        taker = self._account(fact.account_id)
        maker = self._account(fact.maker_account_id)
        sign = 1 if fact.taker_side == Side.BUY else -1
        lots = sign * fact.size_lots
        value = sign * fact.price_ticks * fact.size_lots
        # The vault's disposals carry the flag too, but no stage of a liquidation sent them.
        in_waterfall = (
            taker.liquidation is not None
            and taker.kind == AccountKind.CLIENT
            and bool(fact.taker_flags & OrderFlag.LIQUIDATION)
        )
        owed = 0
        if in_waterfall:
            owed = self._owed_to_fund(Case(self._state, taker, now_ns, self._emit), fact, lots)
        taker_fact = _Fact(
            seq,
            events.FillRole.TAKER,
            fact.taker_flags,
            fact.trade_id,
            fact.taker_order_id,
            fact.taker_fee_micros,
        )
        maker_fact = _Fact(
            seq,
            events.FillRole.MAKER,
            fact.taker_flags,
            fact.trade_id,
            fact.maker_order_id,
            fact.maker_fee_micros,
        )
        self._book(taker, fact.instrument_id, lots, value, taker_fact)
        self._book(maker, fact.instrument_id, -lots, -value, maker_fact)
        if in_waterfall:
            settle_fill(
                Case(self._state, taker, now_ns, self._emit),
                instrument_id=fact.instrument_id,
                delta_micros=owed,
            )
        return taker.account_id, maker.account_id

    def _owed_to_fund(self, case: Case, fact: Traded, lots: int) -> int:
        value = case.value()
        leg = value.leg(fact.instrument_id)
        if (leg.lots > 0) == (lots > 0) or abs(lots) > abs(leg.lots):
            message = f"INV-060: trade {fact.trade_id} of a liquidation does not only reduce"
            raise InvariantBroken(message)
        due = case.bankruptcy_value(value, leg, -lots)
        notional = abs(lots) * fact.price_ticks
        return insurance_delta(due, -lots * fact.price_ticks, notional, self._state.settings.liquidation_fee_ppm)

    def transfer(self, fact: PositionTransferred, seq: int) -> tuple[int, ...]:
        """Book both legs of a transfer; tell a victim of auto-deleveraging what it gave up."""
        if fact.giver_delta_lots == 0:
            return ()
        giver = self._account(fact.account_id)
        receiver = self._account(fact.receiver_account_id)
        for account, sign in ((giver, 1), (receiver, -1)):
            self._book(
                account,
                fact.instrument_id,
                sign * fact.giver_delta_lots,
                sign * fact.giver_value_micros,
                _Fact(seq, events.FillRole.TRANSFER, int(OrderFlag.LIQUIDATION)),
            )
        liquidation = giver.liquidation
        if (
            liquidation is not None
            and liquidation.stage == LiquidationStage.DELEVERAGE
            and fact.request_seq in liquidation.pending
        ):
            mark = liquidation.marks[fact.instrument_id]
            self._emit(
                events.Deleveraged(
                    instrument_id=fact.instrument_id,
                    account_id=receiver.account_id,
                    liquidation_id=liquidation.liquidation_id,
                    delta_lots=-fact.giver_delta_lots,
                    value_micros=-fact.giver_value_micros,
                    given_up_micros=-fact.giver_value_micros + fact.giver_delta_lots * mark,
                )
            )
        return giver.account_id, receiver.account_id

    def funding_tick(self, fact: FundingTicked, seq: int) -> list[int]:
        """Book a funding tick for every holder, by account id (FUND-030)."""
        state = self._state
        if fact.instrument_id not in state.instruments:
            return []
        rate = fact.funding_rate_e12 if fact.is_paid else 0
        payments = []
        for account in state.holders(fact.instrument_id):
            lots, _ = state.ledger.position(account.row, fact.instrument_id)
            payments.append((account, lots, funding_payment(lots, fact.index_price_ticks, rate)))
        payments = [payment for payment in payments if payment[2]]
        for account, lots, payment in payments:
            self._emit(
                events.FundingBooked(
                    instrument_id=fact.instrument_id,
                    account_id=account.account_id,
                    tick=fact.tick,
                    payment_micros=payment,
                    lots=lots,
                    cash_after_micros=account.cash_micros + payment,
                    funding_rate_e12=rate,
                )
            )
        self._emit(
            events.FundingTickBooked(
                instrument_id=fact.instrument_id,
                account_id=0,
                tick=fact.tick,
                funding_rate_e12=rate,
                index_price_ticks=fact.index_price_ticks,
                oracle_seq=seq,
                rounding_micros=-sum(payment for _, _, payment in payments),
                payers=sum(payment < 0 for _, _, payment in payments),
                receivers=sum(payment > 0 for _, _, payment in payments),
            )
        )
        return [account.account_id for account, _, _ in payments]
