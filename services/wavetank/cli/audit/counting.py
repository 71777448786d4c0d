"""What one log says another has counted: each fact once, in order, with the same numbers (INV-090, INV-050).

Facts wait here between the log that holds them and the log that counts them, so the memory is that of the lag.
"""

from collections import defaultdict, deque
from typing import TypeAlias

from wavetank.cli.audit.findings import Findings, Rule
from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import FillRole
from wavetank.model.events.matching import (
    BookSampled,
    CreditApplied,
    MarkApplied,
    PositionTransferred,
    RequestAnswered,
    Traded,
)
from wavetank.model.events.oracle import FundingTicked, PricePublished
from wavetank.model.orders import Side
from wavetank.model.record import Event
from wavetank.model.validity import Validity

STALE = int(Validity.STALE)
NON_POSITIVE = int(Validity.NON_POSITIVE)

Leg: TypeAlias = tuple[int, int, int, int, int, int, int, int]
"""Account, instrument, trade, order, lots, value, fee, role: what a booking of a fact must say."""


def legs_of(fact: Traded | PositionTransferred) -> list[Leg]:
    """Return the two bookings that a trade or a transfer demands."""
    if isinstance(fact, PositionTransferred):
        role = int(FillRole.TRANSFER)
        lots, value = fact.giver_delta_lots, fact.giver_value_micros
        return [
            (fact.account_id, fact.instrument_id, 0, 0, lots, value, 0, role),
            (fact.receiver_account_id, fact.instrument_id, 0, 0, -lots, -value, 0, role),
        ]
    sign = 1 if fact.taker_side == Side.BUY else -1
    lots = sign * fact.size_lots
    value = lots * fact.price_ticks
    return [
        (
            fact.account_id, fact.instrument_id, fact.trade_id, fact.taker_order_id,
            lots, value, fact.taker_fee_micros, int(FillRole.TAKER),
        ),
        (
            fact.maker_account_id, fact.instrument_id, fact.trade_id, fact.maker_order_id,
            -lots, -value, fact.maker_fee_micros, int(FillRole.MAKER),
        ),
    ]  # fmt: skip


class Bookings:
    """Trades and transfers of one shard on their way into the ledger."""

    def __init__(self, findings: Findings, log: str) -> None:
        """Watch the shard's log `log`."""
        self.counted_seq = 0
        """Seq of the shard's log up to which clearing says it has counted."""
        self.waiting: deque[tuple[int, Traded | PositionTransferred | RequestAnswered | BookSampled]] = deque()
        self.acknowledged: dict[int, tuple[int, int]] = {}
        """Newest credit line that the shard said it applied, by account (PROTOCOL R8)."""
        self._findings = findings
        self.log = log
        self._open_seq = 0
        self._open_legs: list[Leg] = []
        self._last_seq = 0

    def happened(self, seq: int, event: Event) -> None:
        """Take note of an event of the shard's log."""
        if isinstance(event, Traded | RequestAnswered | BookSampled) or (
            isinstance(event, PositionTransferred) and event.giver_delta_lots
        ):
            self.waiting.append((seq, event))
        elif isinstance(event, CreditApplied):
            line = (event.line_epoch, event.line_number)
            self.acknowledged[event.account_id] = max(line, self.acknowledged.get(event.account_id, line))

    def is_next(self, seq: int) -> bool:
        """Tell whether the fact at `seq` is waiting, or being booked."""
        if self._open_legs and self._open_seq == seq:
            return True
        return any(waiting == seq for waiting, _ in self.waiting)

    def has_sample(self, event: BookSampled) -> bool:
        """Tell whether this sample is waiting."""
        return any(fact == event for _, fact in self.waiting)

    def uncounted(self, account_id: int) -> list[tuple[int, int, int, int]]:
        """Return the legs of an account that wait to be booked: instrument, lots, value, fee."""
        legs = [
            leg for _, fact in self.waiting if isinstance(fact, Traded | PositionTransferred) for leg in legs_of(fact)
        ]
        return [(leg[1], leg[4], leg[5], leg[6]) for leg in legs if leg[0] == account_id]

    def _take(self, seq: int) -> Event | None:
        """Return the fact at `seq`, when it is the next to be counted; what was passed over is an offence."""
        findings = self._findings
        if seq <= self._last_seq:
            findings.offend(
                Rule.INV_090, f"each fact of {self.log} counted once, in order; seq {self._last_seq} was counted"
            )
            return None
        while self.waiting and self.waiting[0][0] < seq:
            self._lose()
        if not self.waiting or self.waiting[0][0] != seq:
            findings.offend(Rule.INV_090, f"a fact of {self.log} at seq {seq}; there is none")
            return None
        self._last_seq = seq
        return self.waiting.popleft()[1]

    def _lose(self) -> None:
        seq, fact = self.waiting.popleft()
        self._findings.offend(Rule.INV_090, f"seq {seq} of {self.log} counted before: {fact}")

    def booked(self, event: events.FillBooked) -> None:
        """Compare a booking with its fact."""
        findings = self._findings
        findings.checks[Rule.INV_090] += 1
        if self._open_legs and event.matching_seq != self._open_seq:
            self._close()
        if not self._open_legs:
            fact = self._take(event.matching_seq)
            if fact is None:
                return
            if not isinstance(fact, Traded | PositionTransferred):
                findings.offend(Rule.INV_090, f"a booking of a trade or transfer, not of {fact}")
                return
            self._open_seq = event.matching_seq
            self._open_legs = legs_of(fact)
        said = (
            event.account_id,
            event.instrument_id,
            event.trade_id,
            event.order_id,
            event.delta_lots,
            event.value_micros,
            event.fee_micros,
            event.role,
        )
        findings.checks[Rule.INV_050] += 1
        if said in self._open_legs:
            self._open_legs.remove(said)
            return
        wanted = next((leg for leg in self._open_legs if leg[7] == event.role), self._open_legs[0])
        findings.offend(
            Rule.INV_050,
            f"account, instrument, trade, order, lots, value, fee and role {wanted}, as {self.log} seq"
            f" {self._open_seq} says, not {said}",
        )
        self._open_legs.remove(wanted)

    def _close(self) -> None:
        if self._open_legs:
            self._findings.offend(
                Rule.INV_050, f"both legs of {self.log} seq {self._open_seq}; {self._open_legs[0]} is missing"
            )
            self._open_legs = []

    def answered(self, event: events.MatchingAnswered) -> None:
        """Compare a counted answer with the shard's."""
        fact = self._take(event.matching_seq)
        self._findings.checks[Rule.INV_090] += 1
        if fact is None:
            return
        if not isinstance(fact, RequestAnswered):
            self._findings.offend(Rule.INV_090, f"an answer of the shard, not {fact}")
            return
        said = (event.account_id, event.request_seq, event.done_lots, event.done_value_micros, event.reason)
        wanted = (fact.account_id, fact.request_seq, fact.done_lots, fact.done_value_micros, fact.reason)
        if said != wanted:
            self._findings.offend(Rule.INV_090, f"account, request, lots, value and reason {wanted}, not {said}")

    def sampled(self, event: BookSampled) -> None:
        """Compare a sample of the book that clearing took over with the shard's."""
        self._findings.checks[Rule.INV_090] += 1
        while self.waiting and self.waiting[0][1] != event and isinstance(self.waiting[0][1], BookSampled):
            self._lose()
        if not self.waiting or self.waiting[0][1] != event:
            self._findings.offend(Rule.INV_090, f"the next sample of {self.log}")
            return
        self._last_seq = self.waiting.popleft()[0]

    def end_entry(self) -> None:
        """Check that whatever clearing says it has counted left its bookings behind."""
        self._close()
        while self.waiting and self.waiting[0][0] <= self.counted_seq:
            self._lose()
        if self._last_seq > self.counted_seq:
            self._findings.offend(
                Rule.INV_090, f"a cursor that covers {self.log} seq {self._last_seq}; it says {self.counted_seq}"
            )
            self.counted_seq = self._last_seq


class Prices:
    """Prices and funding ticks on their way from the oracle to one consumer."""

    def __init__(self, findings: Findings, consumer: str, bit: int, *, each: bool) -> None:
        """Watch one consumer.

        Args:
            findings: where offences go.
            consumer: its log.
            bit: its `ConsumerBit`.
            each: whether it applies each price; else the latest before a later one will do.

        """
        self.counted_seq = 0
        """Seq of the oracle's log up to which the consumer says it has counted."""
        self.applied_seq = 0
        self._findings = findings
        self._consumer = consumer
        self._bit = bit
        self._each = each
        self._published: deque[tuple[int, PricePublished]] = deque()
        self._ticks: defaultdict[int, deque[tuple[int, FundingTicked]]] = defaultdict(deque)
        self._last: dict[int, MarkApplied] = {}

    def happened(self, seq: int, event: Event) -> None:
        """Take note of an event of the oracle's log."""
        if isinstance(event, PricePublished):
            if event.consumers & self._bit:
                self._published.append((seq, event))
        elif isinstance(event, FundingTicked):
            self._ticks[event.instrument_id].append((seq, event))

    def applied(self, event: MarkApplied) -> None:
        """Compare a mark that the consumer took over with the oracle's."""
        findings = self._findings
        findings.checks[Rule.INV_090] += 1
        if event.oracle_seq <= self.applied_seq:
            findings.offend(
                Rule.INV_090, f"a price after oracle seq {self.applied_seq}; each is applied once, in order"
            )
            return
        while self._published and self._published[0][0] < event.oracle_seq:
            self._pass_over(*self._published.popleft(), event.instrument_id)
        if not self._published or self._published[0][0] != event.oracle_seq:
            findings.offend(
                Rule.INV_090, f"a price for {self._consumer} at oracle seq {event.oracle_seq}; there is none"
            )
            return
        self.applied_seq = event.oracle_seq
        price = self._published.popleft()[1]
        known = self._last.get(event.instrument_id)
        usable = price.mark_price_ticks > 0 and price.index_price_ticks > 0
        mark, index, validity = price.mark_price_ticks, price.index_price_ticks, price.validity
        said = (event.instrument_id, event.mark_price_ticks, event.index_price_ticks, event.index_time_ns)
        wanted = [(price.instrument_id, mark, index, price.index_time_ns)]
        if known is not None and (not usable or validity > STALE):
            # What is no price, or hardly one, leaves the last one standing, with that doubt (ORCL-030). Whether a doubt
            # beyond stale does is the venue's setting.
            last = (price.instrument_id, known.mark_price_ticks, known.index_price_ticks, price.index_time_ns)
            wanted = [*wanted, last] if usable and self._each else [last] if not usable else wanted
        validity = validity if usable else NON_POSITIVE
        if said not in wanted:
            words = " or ".join(map(str, wanted))
            findings.offend(
                Rule.INV_090, f"instrument, mark, index and its time {words}, as the oracle says, not {said}"
            )
        # Clearing, which applies each, repeats the doubt; a shard says whether it acts by the price, which is its
        # setting where there is one, and no choice where there is none.
        allowed = {validity} if self._each else {0, min(validity, 1)}
        if event.stale not in allowed:
            findings.offend(Rule.INV_090, f"a doubt of {sorted(allowed)} about the price, not {event.stale}")
        self._last[event.instrument_id] = event

    def _pass_over(self, seq: int, price: PricePublished, later: int = 0) -> None:
        """Let a price go that was not applied, if the consumer may do so."""
        usable = price.mark_price_ticks > 0 and price.index_price_ticks > 0
        if price.instrument_id not in self._last or not usable:
            # Not listed there yet, or no price at all.
            return
        if self._each or later != price.instrument_id:
            self._findings.offend(Rule.INV_090, f"oracle seq {seq} applied before: {price}")

    def ticked(self, event: events.FundingTickBooked) -> None:
        """Compare a booked funding tick with the oracle's."""
        findings = self._findings
        findings.checks[Rule.INV_040] += 1
        ticks = self._ticks[event.instrument_id]
        if not ticks:
            findings.offend(Rule.INV_040, f"each tick once, in order; the oracle has no tick {event.tick} to book")
            return
        tick = ticks[0][1]
        wanted = (tick.tick, tick.funding_rate_e12 if tick.is_paid else 0, tick.index_price_ticks)
        said = (event.tick, event.funding_rate_e12, event.index_price_ticks)
        if said != wanted:
            findings.offend(Rule.INV_040, f"tick, rate and index {wanted}, as the oracle says, not {said}")
        while ticks and ticks[0][1].tick <= event.tick:
            ticks.popleft()

    def end_entry(self, listed: set[int] | None = None) -> None:
        """Check that what the consumer says it has counted was applied.

        Args:
            listed: instruments whose funding ticks the consumer books; None if it books none.

        """
        if self.applied_seq > self.counted_seq:
            self._findings.offend(
                Rule.INV_090, f"a cursor that covers oracle seq {self.applied_seq}; it says {self.counted_seq}"
            )
            self.counted_seq = self.applied_seq
        if self._each:
            while self._published and self._published[0][0] <= self.counted_seq:
                self._pass_over(*self._published.popleft())
        for instrument_id, ticks in self._ticks.items():
            while ticks and ticks[0][0] <= self.counted_seq:
                seq, tick = ticks.popleft()
                if listed is not None and instrument_id in listed:
                    self._findings.offend(Rule.INV_040, f"the tick of oracle seq {seq} booked: {tick}")


class FundingTicks:
    """The oracle's own count: ticks of an instrument have no gaps (FUND-030)."""

    def __init__(self, findings: Findings) -> None:
        """Begin before the first tick."""
        self._findings = findings
        self._last: dict[int, int] = {}

    def happened(self, event: Event) -> None:
        """Take note of an event of the oracle's log."""
        if isinstance(event, FundingTicked):
            wanted = self._last.get(event.instrument_id, 0) + 1
            self._findings.expect(
                Rule.INV_040, event.tick == wanted, f"tick {wanted} of the instrument, not {event.tick}"
            )
            self._last[event.instrument_id] = event.tick
