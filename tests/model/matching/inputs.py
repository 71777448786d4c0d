"""The door: every input of a shard. Timers come first, triggers last."""

from __future__ import annotations

from collections.abc import Callable

from tests.model.matching import amending, auction, batches, book, credit, placing, quotes, requests, timers, triggers
from tests.model.matching.commands import HEADS, Ask
from tests.model.matching.state import BUY, SELL, Account, Refused, Shard
from wavetank.matching.core.commands import CommandResult
from wavetank.matching.core.credit import CreditLine
from wavetank.model.events import matching as events
from wavetank.model.instrument import Instrument
from wavetank.model.orders import CommandKind
from wavetank.model.reason import Reason


def list_instrument(shard: Shard, instrument: Instrument) -> None:
    """Take over a listing; its state counts until the instrument has been moved."""
    shard.instruments[instrument.instrument_id] = instrument
    if instrument.instrument_id not in shard.moved:
        shard.states[instrument.instrument_id] = instrument.state


def set_instrument_state(shard: Shard, now: int, instrument_id: int, state: int) -> None:
    timers.enter(shard, now)
    auction.move(shard, instrument_id, state)
    triggers.fire_all(shard)


def apply_mark(
    shard: Shard, now: int, instrument_id: int, mark: int, index: int, *, stale: bool, oracle_seq: int
) -> None:
    timers.enter(shard, now)
    shard.marks[instrument_id] = (mark, stale)
    shard.mark_times[instrument_id] = now
    shard.indexes[instrument_id] = index
    shard.emit(events.MarkApplied(instrument_id, 0, mark, index, now, oracle_seq, now, int(stale)))
    triggers.fire_all(shard)


def set_gate(shard: Shard, now: int, *, is_open: bool) -> None:
    timers.enter(shard, now)
    if is_open != shard.is_open:
        shard.is_open = is_open
        shard.emit(events.GateMoved(0, 0, int(is_open)))
    triggers.fire_all(shard)


def advance(shard: Shard, now: int) -> None:
    timers.enter(shard, now)


def apply_credit(shard: Shard, now: int, line: CreditLine) -> bool:
    timers.enter(shard, now)
    account = shard.accounts.setdefault(line.account_id, Account())
    number = (line.line_epoch, line.line_number)
    if account.line is None:
        if number < account.floor:
            return False
    elif number <= (account.line.line_epoch, account.line.line_number):
        return False
    if line.as_of_seq >= account.last_fill_seq:
        account.first_uncounted = 0
    elif account.line is None or line.as_of_seq >= account.first_uncounted:
        account.first_uncounted = line.as_of_seq + 1
    account.line = line
    if line.fee_rates != account.rates:
        account.rates = line.fee_rates
        shard.emit(events.FeeRatesApplied(0, line.account_id, *line.fee_rates))
    if line.acknowledge:
        account.floor = number
        shard.emit(events.CreditApplied(0, line.account_id, *number, credit.committed(shard, line.account_id)))
    return True


def restart(shard: Shard) -> None:
    """Forget what a restarted process does not know: the lines."""
    for account in shard.accounts.values():
        account.line = None


def apply_commands(shard: Shard, now: int, asks: list[Ask]) -> tuple[list[CommandResult], list[int]]:
    """Carry out commands; return their results, and for each how many events of this input there were behind it."""
    timers.enter(shard, now)
    results: list[CommandResult] = []
    ends: list[int] = []
    at = 0
    while at < len(asks):
        ask = asks[at]
        many = max(0, ask.count) if ask.kind in HEADS else 0
        results += carry_out(shard, ask, asks[at + 1 : at + 1 + many])
        triggers.fire_all(shard)
        ends += [len(shard.emitted)] * (len(results) - len(ends))
        at = len(results)
    return results, ends


def carry_out(shard: Shard, ask: Ask, belongings: list[Ask]) -> list[CommandResult]:
    if ask.kind in HEADS and len(belongings) < ask.count:
        # It names more than there are: these stand for themselves.
        return [placing.emit_rejected(shard, ask, Reason.MALFORMED)]
    many: dict[int, Callable[[Shard, Ask, list[Ask]], list[CommandResult]]] = {
        CommandKind.PLACE_GROUP: batches.place_group,
        CommandKind.ATOMIC: batches.atomic,
        CommandKind.MASS_QUOTE: quotes.mass_quote,
    }
    if ask.kind in many:
        return many[ask.kind](shard, ask, belongings)
    one: dict[int, Callable[[Shard, Ask], CommandResult]] = {
        CommandKind.PLACE: placing.place,
        CommandKind.CANCEL: amending.cancel_one,
        CommandKind.AMEND: amending.amend,
        CommandKind.CANCEL_ALL: amending.cancel_all,
        CommandKind.CANCEL_ALL_AFTER: timers.cancel_all_after,
        CommandKind.CANCEL_DISCONNECTED: lambda shard, _: timers.cancel_disconnected(shard),
        CommandKind.LIQUIDATE: requests.carry_out,
        CommandKind.CANCEL_ACCOUNT: requests.carry_out,
        CommandKind.TRANSFER: requests.carry_out,
    }
    try:
        return [one[ask.kind](shard, ask)]
    except Refused as refused:
        return [placing.emit_rejected(shard, ask, refused.reason, refused.was, refused.allowed)]


def sample(shard: Shard, now: int) -> None:
    timers.enter(shard, now)
    for instrument_id in sorted(shard.instruments):
        bids, asks = (book.levels(book.queue(shard, instrument_id, side)) for side in (BUY, SELL))
        best_bid, best_ask = (bids[0] if bids else (0, 0)), (asks[0] if asks else (0, 0))
        shard.emit(
            events.BookSampled(
                instrument_id, 0, best_bid[0], best_bid[1], best_ask[0], best_ask[1],
                shard.last_prices.get(instrument_id, 0), book.impact_e6(shard, instrument_id, BUY),
                book.impact_e6(shard, instrument_id, SELL), book.depth_lots(shard, instrument_id, BUY),
                book.depth_lots(shard, instrument_id, SELL), shard.open_interest(instrument_id), now,
            )
        )  # fmt: skip
