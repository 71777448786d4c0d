"""Events that move money, positions, or credit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.account import Hold, Liquidation, PlayUnderWay, Share, ShareHold, end_holds
from wavetank.clearing.core.applied.registry import applies
from wavetank.clearing.core.cascades import Link
from wavetank.clearing.core.health import AccountKind
from wavetank.model.events import clearing as events
from wavetank.model.ids import BACKSTOP_VAULT_ID, ROUNDING_ACCOUNT_ID
from wavetank.model.invariant import InvariantBroken
from wavetank.model.orders import CommandKind, OrderFlag

if TYPE_CHECKING:
    from wavetank.clearing.core.account import Account
    from wavetank.clearing.core.state import State


@applies(events.AccountOpened)
def _(state: State, event: events.AccountOpened, _seq: int, _now_ns: int) -> None:
    state.open_row(event.account_id, event.name.decode(), AccountKind(event.account_kind), event.parent_account_id)
    if event.account_id >= state.next_account_id:
        state.next_account_id = event.account_id + 1


@applies(events.Deposited)
def _(state: State, event: events.Deposited, _seq: int, _now_ns: int) -> None:
    state.deposited_micros += event.amount_micros
    _receive(state, state.known_account(event.account_id), event.amount_micros, event.cash_after_micros)


def _receive(state: State, account: Account, amount_micros: int, after_micros: int) -> None:
    """Take in money from outside the account: parted evenly, or whole to the only shard where it trades (MRGN-050)."""
    state.move_cash(account, amount_micros, after_micros, account.isolated_instrument_id)


@applies(events.WithdrawalHeld)
def _(state: State, event: events.WithdrawalHeld, _seq: int, _now_ns: int) -> None:
    state.known_account(event.account_id).hold = Hold(
        event.amount_micros, event.line_epoch, event.line_number, event.receiver_account_id
    )


@applies(events.Withdrawn)
def _(state: State, event: events.Withdrawn, _seq: int, _now_ns: int) -> None:
    state.deposited_micros -= event.amount_micros
    _pay_held(state, state.known_account(event.account_id), event.amount_micros, event.cash_after_micros)


def _pay_held(state: State, account: Account, amount_micros: int, after_micros: int) -> None:
    """Take an amount that was held out of the shares that held it."""
    unheld = amount_micros
    for shard, share in enumerate(account.shares):
        if share.hold is not None and share.hold.receiver_shard == events.WITHDRAWAL:
            state.ledger.add_part(account.row, shard, -share.hold.amount_micros)
            unheld -= share.hold.amount_micros
    state.ledger.add_parts_evenly(account.row, -unheld)
    end_holds(account)
    state.ledger.add_total(account.row, -amount_micros)
    state.check_cash(account, after_micros)


@applies(events.WithdrawalRefused)
def _(state: State, event: events.WithdrawalRefused, _seq: int, _now_ns: int) -> None:
    if event.was_held:
        end_holds(state.known_account(event.account_id))


@applies(events.ShardOpened)
def _(state: State, event: events.ShardOpened, seq: int, _now_ns: int) -> None:
    if event.shard != state.shards:
        message = f"event {seq}: shard {event.shard} opens, the next is {state.shards}"
        raise InvariantBroken(message)
    state.shards += 1
    state.matching_seqs.append(0)
    state.ledger.add_shard()
    for account in state.accounts.values():
        account.shares.append(Share(state.ledger, account.row, event.shard))


@applies(events.ShareHeld)
def _(state: State, event: events.ShareHeld, seq: int, _now_ns: int) -> None:
    share = state.known_account(event.account_id).shares[event.shard]
    if share.hold is not None:
        message = f"event {seq}: account {event.account_id} has a hold on shard {event.shard} already"
        raise InvariantBroken(message)
    share.hold = ShareHold(
        event.amount_micros, event.least_micros, event.line_epoch, event.line_number, event.receiver_shard
    )


@applies(events.ShareConfirmed)
def _(state: State, event: events.ShareConfirmed, _seq: int, _now_ns: int) -> None:
    hold = _hold(state, event.account_id, event.shard)
    hold.amount_micros = event.amount_micros
    hold.is_confirmed = True


@applies(events.ShareMoved)
def _(state: State, event: events.ShareMoved, seq: int, now_ns: int) -> None:
    hold = _hold(state, event.account_id, event.shard)
    account = state.known_account(event.account_id)
    giver, receiver = account.shares[event.shard], account.shares[event.receiver_shard]
    giver.hold = None
    state.ledger.add_part(account.row, event.shard, -event.amount_micros)
    state.ledger.add_part(account.row, event.receiver_shard, event.amount_micros)
    if event.amount_micros:
        receiver.received_ns = now_ns
    moved = (hold.receiver_shard, giver.cash_micros, receiver.cash_micros)
    said = (event.receiver_shard, event.giver_cash_after_micros, event.receiver_cash_after_micros)
    if moved != said or not 0 <= event.amount_micros <= hold.amount_micros:
        message = f"event {seq} says {event}, the shares say {moved} with {hold.amount_micros} held"
        raise InvariantBroken(message)


def _hold(state: State, account_id: int, shard: int) -> ShareHold:
    hold = state.known_account(account_id).shares[shard].hold
    if hold is None:
        message = f"account {account_id} has nothing held on shard {shard}"
        raise InvariantBroken(message)
    return hold


@applies(events.FillBooked)
def _(state: State, event: events.FillBooked, seq: int, now_ns: int) -> None:
    account = state.known_account(event.account_id)
    leg = state.ledger.book(account.row, event.instrument_id, event.delta_lots, event.value_micros, event.fee_micros)
    booked = (leg.lots, leg.cost_micros, leg.realised_micros)
    if booked != (event.lots_after, event.cost_after_micros, event.realised_micros):
        message = f"event {seq} books {event}, the ledger says {leg}"
        raise InvariantBroken(message)
    state.check_cash(account, event.cash_after_micros)
    state.fees.count(event, now_ns)
    liquidation = account.liquidation
    if liquidation is not None:
        if event.instrument_id not in liquidation.touched:
            liquidation.touched.append(event.instrument_id)
        if liquidation.cascade_id:
            _count_in_cascade(state, event, liquidation, now_ns)


def _count_in_cascade(state: State, event: events.FillBooked, liquidation: Liquidation, now_ns: int) -> None:
    """Count a fill that a liquidation asked for; what its orders met before they were cancelled is none.

    Nor is a disposal that the vault had under way: its own liquidation asks for transfers alone.
    """
    cascade_id, generation = liquidation.cascade_id, liquidation.generation
    is_order = event.role == events.FillRole.TAKER and bool(event.flags & OrderFlag.LIQUIDATION)
    is_trade = is_order and event.account_id != BACKSTOP_VAULT_ID
    is_transfer = event.role == events.FillRole.TRANSFER and any(
        request.command == CommandKind.TRANSFER and request.instrument_id == event.instrument_id
        for request in liquidation.pending.values()
    )
    if is_trade or is_transfer:
        state.cascades.close(cascade_id, generation, event.value_micros, now_ns)
    if is_trade:
        book = state.books.get(event.instrument_id)
        depth = 0 if book is None else (book.ask_depth_lots if event.delta_lots > 0 else book.bid_depth_lots)
        link = Link(cascade_id, generation, event.instrument_id, event.trade_id)
        state.cascades.trade(link, abs(event.delta_lots), depth, now_ns)


@applies(events.FundingTickBooked)
def _(state: State, event: events.FundingTickBooked, seq: int, _now_ns: int) -> None:
    expected = state.funding_ticks.get(event.instrument_id, 0) + 1
    if event.tick != expected:
        message = f"event {seq}: funding tick {event.tick} follows {expected - 1}"
        raise InvariantBroken(message)
    state.funding_ticks[event.instrument_id] = event.tick
    state.funding_seq = event.oracle_seq
    rounding = state.known_account(ROUNDING_ACCOUNT_ID)
    state.move_cash(rounding, event.rounding_micros, rounding.cash_micros + event.rounding_micros)


@applies(events.FundingBooked)
def _(state: State, event: events.FundingBooked, _seq: int, _now_ns: int) -> None:
    account = state.known_account(event.account_id)
    state.move_cash(account, event.payment_micros, event.cash_after_micros, event.instrument_id)


@applies(events.CashTransferred)
def _(state: State, event: events.CashTransferred, _seq: int, now_ns: int) -> None:
    payer = state.known_account(event.account_id)
    receiver = state.known_account(event.receiver_account_id)
    if event.cause == events.CashCause.OWNER_TRANSFER:
        _pay_held(state, payer, event.amount_micros, event.payer_cash_after_micros)
        _receive(state, receiver, event.amount_micros, event.receiver_cash_after_micros)
        return
    state.move_cash(payer, -event.amount_micros, event.payer_cash_after_micros, event.instrument_id)
    state.move_cash(receiver, event.amount_micros, event.receiver_cash_after_micros, event.instrument_id)
    if event.cause in {events.CashCause.FUND_TOP_UP, events.CashCause.DEFICIT_FUND}:
        liquidation = state.known_liquidation(receiver.account_id, event.liquidation_id)
        liquidation.fund_paid_micros += event.amount_micros
        state.reserve(liquidation, max(0, liquidation.reserve_micros - event.amount_micros))
        window = state.settings.fund_window_ns
        recent = state.fund_payments.get(event.instrument_id, [])
        state.fund_payments[event.instrument_id] = [payment for payment in recent if now_ns - payment[0] < window] + [
            (now_ns, event.amount_micros)
        ]
    elif event.cause == events.CashCause.FUND_DRAINED:
        state.steering.drained_micros += event.amount_micros
    elif event.cause == events.CashCause.FUND_RESTORED:
        state.steering.drained_micros -= event.amount_micros
    elif event.cause == events.CashCause.FUND_REPAYMENT:
        liquidation = state.known_liquidation(payer.account_id, event.liquidation_id)
        liquidation.fund_paid_micros -= event.amount_micros


@applies(events.FaucetDrawn)
def _(state: State, event: events.FaucetDrawn, _seq: int, _now_ns: int) -> None:
    account = state.known_account(event.account_id)
    state.deposited_micros += event.amount_micros
    state.known_account(account.owner_id).faucet_ns = event.drawn_ns
    _receive(state, account, event.amount_micros, event.cash_after_micros)


@applies(events.PlayBegan)
def _(state: State, event: events.PlayBegan, _seq: int, _now_ns: int) -> None:
    state.play(state.known_account(event.account_id), PlayUnderWay(events.PlayKind(event.kind), event.cash_micros))


@applies(events.PlayEnded)
def _(state: State, event: events.PlayEnded, _seq: int, _now_ns: int) -> None:
    state.play(state.known_account(event.account_id), None)


@applies(events.FeeScheduleSet, events.FeeStepSet)
def _(state: State, event: events.FeeScheduleSet | events.FeeStepSet, _seq: int, _now_ns: int) -> None:
    state.fees.scheduled(event)


@applies(events.FeeDayBegan)
def _(state: State, event: events.FeeDayBegan, _seq: int, _now_ns: int) -> None:
    state.fees.began(event)


@applies(events.FeeRatesChanged)
def _(state: State, event: events.FeeRatesChanged, _seq: int, _now_ns: int) -> None:
    state.known_account(event.account_id)
    state.fees.changed(event)
