"""The engine and the naive shard side by side: one input to both, and everything compared behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any, assert_never

from tests.model import matching_commands, matching_draw
from tests.model import matching_inputs as given
from tests.model.matching import Ask, Order, Shard, auction, book, credit, inputs, packed, questions, timers
from tests.model.matching_inputs import INSTRUMENTS, NOT_YET, SETTINGS, Input
from wavetank.matching.core import commands
from wavetank.matching.core.commands import CommandResult
from wavetank.matching.core.engine import Engine
from wavetank.matching.core.queries import KnownOrder
from wavetank.model.events.matching import OrderRejected
from wavetank.model.instrument import Instrument
from wavetank.model.orders import LineStatus, Side
from wavetank.model.reason import Reason
from wavetank.model.record import Event, decode_all, encode_all


def comparable(event: Event | CommandResult) -> Event | CommandResult:
    """Blank the age in a CREDIT_STALE refusal: of what is long past the engine knows only that it is."""
    if isinstance(event, OrderRejected | CommandResult) and event.reason == Reason.CREDIT_STALE:
        assert event.was > event.allowed
        return event._replace(was=0) if isinstance(event, CommandResult) else replace(event, was=0)
    return event


def known_of(order: Order) -> KnownOrder:
    """Return what the engine should know of an order."""
    ask = order.ask
    return KnownOrder(
        order.order_id, ask.client_order_id, order.account_id, order.instrument_id, order.side, ask.order_type,
        order.time_in_force, order.flags, order.price, order.remaining, order.filled, order.value, order.state,
        order.accepted_ns, order.cancel_reason, ask.display_lots, ask.expire_time_ns, order.self_trade,
        ask.trigger_kind, ask.trigger_source, order.trigger_price, order.group_id, order.group_kind, order.refusal,
        order.visible if order.resting else 0,
    )  # fmt: skip


class Twins:
    """Drives both; any difference is an AssertionError.

    Args:
        every: inputs from one comparison of the whole state to the next; events and results are compared always.

    """

    def __init__(self, every: int = 1) -> None:
        # Typed loosely while the engine lacks what NOT_YET names.
        self.engine: Any = Engine(0, SETTINGS)
        self.model = Shard(0, SETTINGS)
        self.now = 1
        self.log: list[tuple[int, int, bytes]] = []
        self.saved: tuple[bytes, int] | None = None
        """A snapshot, and how much of the log it holds."""
        self.given: list[Input] = []
        """Every input so far."""
        self.lines_sent = 2
        self.commands_sent = 0
        self.every = every
        for instrument in INSTRUMENTS:
            self.list_instrument(instrument)

    # Inputs ------------------------------------------------------------------------------------

    def do(self, one: Input) -> None:  # noqa: C901 - one case per kind.
        """Give both one input."""
        self.given.append(one)
        match one:
            case given.Wait():
                self.now += one.ns
            case given.Send():
                self.apply(one.asks)
            case given.Mark():
                self.mark(one)
            case given.Gate():
                self.engine.set_gate(self.now, one.is_open)
                inputs.set_gate(self.model, self.now, is_open=one.is_open)
                self.compare_drained()
            case given.Move():
                self.move(one)
            case given.Scale():
                instrument = self.model.instruments[one.instrument_id]
                self.list_instrument(replace(instrument, scaled_ppm=one.scaled_ppm))
            case given.Line():
                line = one.line(self.model, self.now, self.lines_sent)
                self.lines_sent += 1
                assert self.engine.apply_credit(self.now, line) == inputs.apply_credit(self.model, self.now, line)
                self.compare_drained()
            case given.Sample():
                self.engine.sample_books(self.now)
                inputs.sample(self.model, self.now)
                self.compare_drained()
            case given.Advance():
                self.engine.advance(self.now)
                inputs.advance(self.model, self.now)
                self.compare_drained()
            case given.Dry():
                self.compare_check(one.ask)
            case given.Save():
                self.saved = self.engine.snapshot(), len(self.log)
            case given.Restart():
                self.restart(one.way)
            case _:
                assert_never(one)
        if len(self.given) % self.every == 0:
            self.compare_state()

    def list_instrument(self, instrument: Instrument) -> None:
        self.engine.list_instrument(instrument)
        inputs.list_instrument(self.model, instrument)

    def mark(self, one: given.Mark) -> None:
        seq = self.model.next_seq
        self.engine.apply_mark(self.now, one.instrument_id, one.mark, one.index, self.now, seq, one.stale)
        inputs.apply_mark(self.model, self.now, one.instrument_id, one.mark, one.index, stale=one.stale, oracle_seq=seq)
        self.compare_drained()

    def move(self, one: given.Move) -> None:
        if "states" in NOT_YET:
            self.list_instrument(replace(self.model.instruments[one.instrument_id], state=one.state))
            return
        self.engine.set_instrument_state(self.now, one.instrument_id, one.state)
        inputs.set_instrument_state(self.model, self.now, one.instrument_id, one.state)
        self.compare_drained()

    def send(self, asks: list[Ask]) -> list[CommandResult]:
        """Send commands to both, and compare the whole state."""
        self.given.append(given.Send(tuple(asks)))
        results = self.apply(asks)
        self.compare_state()
        return results

    def apply(self, asks: Iterable[Ask]) -> list[CommandResult]:
        listed = list(asks)
        self.commands_sent += len(listed)
        first_seq = self.engine.next_seq
        records = self.engine.apply_commands(self.now, b"".join(packed(ask) for ask in listed), len(listed))
        self.note(first_seq, records)
        expected, ends = inputs.apply_commands(self.model, self.now, listed)
        self.compare_events(records, self.model.take())
        results = commands.unpack_results(self.engine.results)
        for one, other in zip(results, expected, strict=True):
            assert comparable(one) == comparable(other), (one, other)
        assert list(self.engine.command_ends) == ends
        return results

    def restart(self, way: str) -> None:
        """Replace the engine by one recovered from its snapshot, from all of its log, or from both."""
        before = self.engine.state_hash()
        tail = self.log
        if way == "snapshot":
            recovered = Engine.restore(self.engine.snapshot(), SETTINGS)
            tail = []
        elif way == "tail" and self.saved is not None:
            recovered = Engine.restore(self.saved[0], SETTINGS)
            tail = self.log[self.saved[1] :]
        else:
            recovered = Engine(0, SETTINGS)
        # Listings are no events of a shard; whoever recovers it lists what is listed by now.
        for instrument in self.engine.instruments():
            recovered.list_instrument(instrument)
        for now, first_seq, records in tail:
            recovered.replay(records, first_seq, now)
        assert recovered.state_hash() == before
        self.engine = recovered
        inputs.restart(self.model)

    # Comparison --------------------------------------------------------------------------------

    def note(self, first_seq: int, records: bytes) -> None:
        if records:
            self.log.append((self.now, first_seq, records))

    def compare_drained(self) -> None:
        first_seq = self.model.next_seq - len(self.model.emitted)
        records = self.engine.drain_events()
        self.note(first_seq, records)
        self.compare_events(records, self.model.take())

    def compare_events(self, records: bytes, wanted: list[Event]) -> None:
        if records != encode_all(wanted):
            found = list(decode_all(records))
            for one, other in zip(found, wanted, strict=False):
                assert comparable(one) == comparable(other), (one, other)
            assert len(found) == len(wanted), (found, wanted)
        assert self.engine.next_seq == self.model.next_seq

    def compare_check(self, ask: Ask) -> None:
        """Compare what both say of an order that is not placed, and that saying it changes nothing."""
        before = self.engine.state_hash()
        said = self.engine.check_place(self.now, packed(ask))
        wanted = questions.check_place(self.model, self.now, ask)
        found = questions.Check(*(getattr(said, name) for name in questions.Check._fields))
        if wanted.reason == Reason.CREDIT_STALE:
            found, wanted = found._replace(was=0), wanted._replace(was=0)
        assert found == wanted, (found, wanted)
        assert self.engine.state_hash() == before

    def compare_state(self) -> None:
        for instrument_id in self.model.instruments:
            self.compare_book(instrument_id)
        for account_id in self.model.accounts:
            self.compare_account(account_id)
        if "timers" not in NOT_YET:
            assert self.engine.next_deadline_ns == timers.next_deadline(self.model)

    def compare_book(self, instrument_id: int) -> None:
        for side, levels in zip((1, 2), self.engine.book(instrument_id, 1_000), strict=True):
            queue = [
                (price, order_id)
                for price, _, _ in levels
                for order_id in self.engine.queue(instrument_id, side, price)
            ]
            resting = book.queue(self.model, instrument_id, side)
            assert queue == [(order.price, order.order_id) for order in resting]
            assert levels == book.levels(resting)
            if "queue position" not in NOT_YET:
                for order in resting:
                    found = self.engine.queue_position(order.order_id)
                    assert found == book.queue_position(self.model, order.order_id)
        assert self.engine.open_interest(instrument_id) == self.model.open_interest(instrument_id)
        assert self.engine.last_price(instrument_id) == self.model.last_prices.get(instrument_id, 0)
        if "states" not in NOT_YET:
            assert self.engine.indicative(instrument_id) == auction.indicative(self.model, instrument_id)

    def compare_account(self, account_id: int) -> None:
        account = self.model.accounts[account_id]
        assert self.engine.open_orders(account_id) == [known_of(order) for order in self.model.own(account_id)]
        for instrument_id in self.model.instruments:
            position = self.model.position(account_id, instrument_id)
            assert self.engine.position(account_id, instrument_id) == position
            for side in Side:
                lots = [
                    each.remaining
                    for each in self.model.own(account_id)
                    if (each.instrument_id, each.side) == (instrument_id, side)
                ]
                assert self.engine.open_lots(account_id, instrument_id, side) == sum(lots)
        assert self.engine.committed(account_id) == credit.committed(self.model, account_id)
        for order in account.remembered:
            known = self.engine.order(account_id=account_id, client_order_id=order.ask.client_order_id)
            assert known == known_of(order)
        found = self.engine.credit(account_id)
        if found is None:
            # A recovered engine does not know an account that only ever had a line.
            assert account.line is None
            assert not account.history
            return
        assert (found.value_micros, found.fees_micros) == (account.value, account.fees)
        assert found.last_fill_seq == account.last_fill_seq
        assert found.has_line == (account.line is not None)
        assert found.open_orders == len(self.model.own(account_id))
        if account.line is not None:
            assert found.status == account.line.status
            assert found.uncounted_micros == credit.uncounted(self.model, account_id)
        self.compare_slack(account_id)

    def compare_slack(self, account_id: int) -> None:
        """What the engine takes for certain is never more than there is (R7)."""
        line = self.model.accounts[account_id].line
        slack = self.engine.slack(account_id)
        if line is None or slack == 0:
            assert slack == 0
            return
        free = line.budget_micros + credit.uncounted(self.model, account_id) - credit.committed(self.model, account_id)
        assert 0 < slack <= free, (account_id, slack, free)

    # Random inputs -----------------------------------------------------------------------------

    def random_ask(self, random: Random) -> Ask:
        """Return one command that stands for itself."""
        return matching_commands.random_ask(self.model, random)

    def random_input(self, random: Random) -> None:
        """Give both one random input, and now and then let time pass before it."""
        for one in matching_draw.random_inputs(self.model, random, self.now):
            self.do(one)

    def begin(self, random: Random) -> None:
        """Open for trading, with marks and lines."""
        self.do(given.Gate(is_open=True))
        for instrument in INSTRUMENTS:
            self.do(given.Mark(instrument.instrument_id, 100, 100, stale=False))
        for account_id in given.CLIENTS:
            self.do(replace(matching_draw.random_line(self.model, random, account_id), status=LineStatus.NORMAL))
