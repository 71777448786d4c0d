"""What a naive shard holds: one list of open orders, by order id, and an account per owner."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, fields
from operator import attrgetter

from tests.model.matching.commands import Ask
from wavetank.matching.core.credit import CreditLine
from wavetank.matching.core.settings import EngineSettings
from wavetank.model.fees import NO_OWN_RATES, FeeRates
from wavetank.model.instrument import Instrument
from wavetank.model.orders import OrderFlag, OrderState, SelfTradePrevention
from wavetank.model.reason import Reason
from wavetank.model.record import Event

BUY, SELL = 1, 2
LIMIT, MARKET = 1, 2
GTC, IOC, FOK, GTT = 1, 2, 3, 4
OPEN, UNTRIGGERED, WAITING = int(OrderState.OPEN), int(OrderState.UNTRIGGERED), int(OrderState.WAITING)
# Plain numbers: flags of Python's own kind make a naive shard half as fast.
POST_ONLY, REDUCE_ONLY, LIQUIDATION = int(OrderFlag.POST_ONLY), int(OrderFlag.REDUCE_ONLY), int(OrderFlag.LIQUIDATION)
POST_ONLY_SLIDE, QUOTE = int(OrderFlag.POST_ONLY_SLIDE), int(OrderFlag.QUOTE)
CANCEL_ON_DISCONNECT = int(OrderFlag.CANCEL_ON_DISCONNECT)
MAX_PRICE = MAX_LOTS = 2**31 - 1
LOTS_BOUND = 2**40 - 1
NOTIONAL_BOUND = 2**55 - 1


class Refused(Exception):
    """A check failed."""

    def __init__(self, reason: Reason, was: int = 0, allowed: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.was, self.allowed = reason, was, allowed


def refuse_if(condition: bool, reason: Reason, was: int = 0, allowed: int = 0) -> None:
    if condition:
        raise Refused(reason, was, allowed)


def other_side(side: int) -> int:
    return SELL if side == BUY else BUY


@dataclass(slots=True)
class Order:
    """An order, open or ended."""

    order_id: int
    ask: Ask
    account_id: int
    instrument_id: int
    side: int
    price: int
    """Limit as it runs; of a market order its cap, 0 until its trigger has fired."""
    remaining: int
    flags: int
    time_in_force: int
    accepted_ns: int
    margin_price: int = 0
    trigger_price: int = 0
    group_id: int = 0
    group_kind: int = 0
    state: int = OPEN
    cancel_reason: int = 0
    refusal: int = 0
    resting: bool = False
    priority: int = 0
    """The less, the longer it has waited in its queue."""
    visible: int = 0
    filled: int = 0
    value: int = 0
    fee_e6: int = 0
    """Exact fee of all its fills, in millionths of a micro-dollar."""
    answer: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Filled, remaining, value and state as its place was answered."""

    def __copy__(self) -> Order:
        # The standard way takes a slotted object apart by name, which is ten times as slow.
        return Order(*ORDER_VALUES(self))

    @property
    def reduces(self) -> bool:
        return bool(self.flags & REDUCE_ONLY)

    @property
    def liquidates(self) -> bool:
        return bool(self.flags & LIQUIDATION)

    @property
    def post_only(self) -> bool:
        return bool(self.flags & POST_ONLY)

    @property
    def may_rest(self) -> bool:
        return self.time_in_force in (GTC, GTT)

    @property
    def is_market(self) -> bool:
        return self.ask.order_type == MARKET

    @property
    def waits(self) -> bool:
        """Whether it has not run yet: for its trigger, or for its parent."""
        return self.state in (UNTRIGGERED, WAITING)

    @property
    def self_trade(self) -> int:
        return self.ask.self_trade_prevention or SelfTradePrevention.EXPIRE_MAKER


ORDER_VALUES = attrgetter(*(one.name for one in fields(Order)))


@dataclass(slots=True)
class Account:
    """An account: positions, sums, its line, and the ended orders it remembers."""

    positions: dict[int, int] = field(default_factory=dict)
    value: int = 0
    fees: int = 0
    last_fill_seq: int = 0
    first_uncounted: int = 0
    line: CreditLine | None = None
    floor: tuple[int, int] = (0, 0)
    remembered: list[Order] = field(default_factory=list)
    history: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    """(seq, instrument, lots, value, fee) of every change of a position."""
    rates: FeeRates = NO_OWN_RATES
    """Of its own (FEE-010)."""
    deadline: int = 0
    """When its dead-man switch fires; 0 while it is off."""

    def __copy__(self) -> Account:
        return Account(*ACCOUNT_VALUES(self))


ACCOUNT_VALUES = attrgetter(*(one.name for one in fields(Account)))


class Shard:
    """One shard; the other modules say what happens to it."""

    def __init__(self, number: int, settings: EngineSettings) -> None:
        self.settings = settings
        self.base = (number + 1) << 48
        self.instruments: dict[int, Instrument] = {}
        self.states: dict[int, int] = {}
        self.moved: set[int] = set()
        """Instruments whose state is no longer that of their listing."""
        self.marks: dict[int, tuple[int, bool]] = {}
        self.mark_times: dict[int, int] = {}
        self.indexes: dict[int, int] = {}
        self.last_prices: dict[int, int] = {}
        self.accounts: dict[int, Account] = {}
        self.orders: list[Order] = []
        """Every open order, waiting ones too, by order id."""
        self.orders_made = self.trades_made = self.priorities = 0
        self.request = (0, 0)
        self.is_open = False
        self.now = 0
        self.times: list[int] = []
        self.emitted: list[Event] = []
        self.drafted: set[int] | None = None
        """Of a draft the orders that it alone knows; None for the shard itself."""

    @property
    def next_seq(self) -> int:
        return len(self.times) + 1

    def emit(self, event: Event) -> None:
        if self.drafted is None:
            self.emitted.append(event)
            self.times.append(self.now)

    def take(self) -> list[Event]:
        taken, self.emitted = self.emitted, []
        return taken

    def draft(self) -> Shard:
        """Return a copy in which orders are accepted, amended and cancelled, but neither run nor heard of."""
        draft = copy(self)
        draft.drafted = set()
        draft.orders = [copy(order) for order in self.orders]
        draft.accounts = {account_id: copy(account) for account_id, account in self.accounts.items()}
        for account in draft.accounts.values():
            account.remembered = list(account.remembered)
        return draft

    def new_order_id(self) -> int:
        self.orders_made += 1
        return self.base | self.orders_made

    # Sums, always from scratch -----------------------------------------------------------------

    def is_stale(self, instrument_id: int) -> bool:
        """Tell whether the mark was told as stale, or is too old; here an index is as old as its mark."""
        limit = self.settings.stale_after_ns
        is_old = bool(limit) and self.now - self.mark_times[instrument_id] > limit
        return self.marks[instrument_id][1] or is_old

    def position(self, account_id: int, instrument_id: int) -> int:
        account = self.accounts.get(account_id)
        return account.positions.get(instrument_id, 0) if account else 0

    def closable(self, account_id: int, instrument_id: int, side: int) -> int:
        """Return the lots by which orders of a side can reduce the position at most."""
        position = self.position(account_id, instrument_id)
        return max(0, position if side == SELL else -position)

    def rates(self, account_id: int, instrument_id: int) -> FeeRates:
        """Return what an account pays in an instrument: the lower of the instrument's rates and its own (FEE-010)."""
        instrument = self.instruments[instrument_id]
        own = self.accounts[account_id].rates if account_id in self.accounts else NO_OWN_RATES
        return FeeRates(
            min(instrument.taker_fee_ppm, own.taker_fee_ppm), min(instrument.maker_fee_ppm, own.maker_fee_ppm)
        )

    def open_interest(self, instrument_id: int) -> int:
        return sum(max(0, account.positions.get(instrument_id, 0)) for account in self.accounts.values())

    def own(self, account_id: int) -> list[Order]:
        """Return the account's open orders by order id, liquidation orders aside."""
        return [order for order in self.orders if order.account_id == account_id and not order.flags & LIQUIDATION]

    def working(self, account_id: int, instrument_id: int = 0, side: int = 0) -> list[Order]:
        """Return those of them that have run: they alone commit credit and claim positions."""
        return [
            order
            for order in self.orders
            if order.account_id == account_id
            and order.state == OPEN
            and not order.flags & LIQUIDATION
            and instrument_id in (0, order.instrument_id)
            and side in (0, order.side)
        ]
