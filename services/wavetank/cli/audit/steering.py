"""What an operator steers: the pace of liquidations, the fund drained and restored, instruments settled at a price.

Each is done to make a venue suffer on purpose, so here is judged that it was signed, that the money which left the fund
is all there and comes back exactly, and that what is settled is settled at the one price that was told.
"""

from collections.abc import Callable

from wavetank.cli.audit.findings import Findings, Rule
from wavetank.cli.audit.ledger import Ledger
from wavetank.model.events import clearing as events
from wavetank.model.ids import HOUSE_ACCOUNT_ID, INSURANCE_FUND_ID
from wavetank.model.orders import CommandKind, InstrumentState
from wavetank.model.record import Event

_FUND_ACTS = {
    events.CashCause.FUND_DRAINED: (events.OperatorAction.DRAIN_FUND, INSURANCE_FUND_ID, HOUSE_ACCOUNT_ID),
    events.CashCause.FUND_RESTORED: (events.OperatorAction.RESTORE_FUND, HOUSE_ACCOUNT_ID, INSURANCE_FUND_ID),
}
"""By why money moved: the act behind which it stands, who pays and who gets it."""


class Steering:
    """Follows the operator's acts through clearing's log."""

    def __init__(self, findings: Findings, ledger: Ledger) -> None:
        """Judge by the rebuilt ledger.

        Args:
            findings: where offences go.
            ledger: the accounts and what they hold.

        """
        self._findings = findings
        self._ledger = ledger
        self._signed: events.OperatorActed | None = None
        """The event before, if it was an act."""
        self._drained = 0
        self._pace_ns = 0
        self._stepped: dict[int, int] = {}
        """By liquidation, venue time of its last step."""
        self._prices: dict[int, int] = {}
        """By instrument, the price at which it is being settled."""
        self._began = 0
        """Instrument whose listing as settled must be the next event, or 0."""
        self._handlers: dict[type, Callable[..., None]] = {
            events.CashTransferred: self._paid,
            events.LiquidationPaceSet: self._paced,
            events.SettlementBegan: self._settled,
            events.SettlementEnded: self._ended,
            events.MatchingRequested: self._requested,
        }

    def before(self, now_ns: int, event: Event) -> None:
        """Judge one event of clearing's log before the ledger applies it."""
        if self._began:
            holds = isinstance(event, events.InstrumentListed) and (
                (event.instrument_id, event.state) == (self._began, InstrumentState.SETTLED)
            )
            self._expect(Rule.MTCH_050, holds, f"instrument {self._began} listed as settled")
            self._began = 0
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)
        elif isinstance(event, events.LiquidationStepped) and event.liquidation_id:
            self._step(now_ns, event)
        elif isinstance(event, events.LiquidationEnded):
            self._stepped.pop(event.liquidation_id, None)
        self._signed = event if isinstance(event, events.OperatorActed) else None

    def _expect(self, rule: Rule, holds: bool, expected: str) -> None:
        self._findings.expect(rule, holds, expected)

    def _is_signed(self, action: events.OperatorAction, figure: int) -> bool:
        signed = self._signed
        return signed is not None and (signed.action, signed.figure) == (action, figure)

    def _paid(self, event: events.CashTransferred) -> None:
        act = _FUND_ACTS.get(events.CashCause(event.cause))
        if act is None:
            return
        action, payer_id, receiver_id = act
        parties = (event.account_id, event.receiver_account_id)
        self._expect(Rule.LIQ_070, parties == (payer_id, receiver_id), f"money from {payer_id} to {receiver_id}")
        is_signed = self._is_signed(action, event.amount_micros)
        self._expect(Rule.LIQ_070, is_signed, f"an act of an operator who signed {event.amount_micros}")
        is_drain = action == events.OperatorAction.DRAIN_FUND
        most = self._ledger.account(INSURANCE_FUND_ID).cash if is_drain else self._drained
        self._expect(Rule.LIQ_070, event.amount_micros <= most, f"at most {most}, not {event.amount_micros}")
        self._drained += event.amount_micros if is_drain else -event.amount_micros

    def _paced(self, event: events.LiquidationPaceSet) -> None:
        is_signed = self._is_signed(events.OperatorAction.SLOW_LIQUIDATIONS, event.pace_ns)
        self._expect(Rule.LIQ_030, is_signed and event.pace_ns != self._pace_ns, "another pace, as an operator signed")
        self._pace_ns = event.pace_ns

    def _step(self, now_ns: int, event: events.LiquidationStepped) -> None:
        """Check that a step is as late as the pace says; stages that pass are told with the one that acts."""
        before = self._stepped.get(event.liquidation_id)
        self._stepped[event.liquidation_id] = now_ns
        if before is not None and self._pace_ns:
            holds = now_ns == before or now_ns >= before + self._pace_ns
            self._expect(Rule.LIQ_030, holds, f"a step at {before + self._pace_ns} or later, by the operator's pace")

    def _settled(self, event: events.SettlementBegan) -> None:
        is_signed = self._is_signed(events.OperatorAction.SETTLE_INSTRUMENT, event.price_ticks)
        self._expect(Rule.MTCH_050, is_signed, f"a settlement at {event.price_ticks} that an operator signed")
        self._expect(Rule.MTCH_050, event.instrument_id not in self._prices, "one settlement of an instrument")
        self._prices[event.instrument_id] = event.price_ticks
        self._began = event.instrument_id

    def _requested(self, event: events.MatchingRequested) -> None:
        if event.liquidation_id or event.command != CommandKind.TRANSFER or not event.price_ticks:
            return
        price = self._prices.get(event.instrument_id, 0)
        giver, receiver = (
            self._ledger.account(account_id).holdings.get(event.instrument_id)
            for account_id in (event.account_id, event.receiver_account_id)
        )
        lots = -event.size_lots
        closes = giver is not None and receiver is not None and 0 < lots <= min(giver.lots, -receiver.lots)
        self._expect(Rule.MTCH_050, closes, "a long closed against a short, no further than both go")
        said = (event.price_ticks, event.value_micros)
        due = (price, event.size_lots * price)
        self._expect(Rule.MTCH_050, said == due, f"the settlement's price and value {due}, not {said}")

    def _ended(self, event: events.SettlementEnded) -> None:
        price = self._prices.get(event.instrument_id)
        self._expect(Rule.MTCH_050, price == event.price_ticks, f"the end of a settlement at {price}")
        holders = [account.account_id for account in self._ledger.holders(event.instrument_id)]
        self._expect(Rule.MTCH_050, not holders, f"nobody left who holds it; accounts {holders[:3]} do")
