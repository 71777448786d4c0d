"""Liquidations from beginning to end, cascades, deleveragings, and who paid for what nobody had.

A case is one liquidation of one account. What it closes is told by fills of the account while it is under way: orders
of clearing's and transfers, not what its own orders met before they were cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from wavetank.model.events import clearing as events
from wavetank.model.events.clearing import CashCause, FillRole, LiquidationOutcome, StepCause
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.orders import OrderFlag
from wavetank.model.record import Event
from wavetank.storms.measure.accounts import Accounts
from wavetank.storms.measure.record import DeleveragingSeen, LiquidationSeen
from wavetank.storms.measure.stage_order import StageOrder

STAGES = ("none", "cancel", "partial", "full", "backstop", "insurance", "deleverage", "socialise")
"""By number of the wire's `LiquidationStage`."""
_PASSED_OVER = frozenset(
    {
        StepCause.STAGE_OFF,
        StepCause.VAULT_OFF,
        StepCause.VAULT_CAP,
        StepCause.HELD,
        StepCause.COOLDOWN_WAIT,
        StepCause.PRICE_STALE,
        StepCause.UNFILLED,
        StepCause.DEPTH_LIMITED,
    }
)
"""Why a stage that stands in the log did nothing; how much of an order the depth allows is told before the order."""
NOTHING_MOVED = "none"
"""Stands for the instrument that hurt most where no leg had lost anything."""


@dataclass(slots=True)
class Case:
    """One liquidation; money in micro-dollars."""

    liquidation_id: int
    account_id: int
    began_ns: int
    equity_micros: int
    maintenance_micros: int
    hurt_most: str
    """Symbol of the leg that had lost most since the account was last sound."""
    cascade_id: int = 0
    generation: int = 1
    parent_id: int = 0
    stages: list[int] = field(default_factory=list)
    closed_micros: int = 0
    fund_micros: int = 0
    ended_ns: int = 0
    outcome: str = "goes on"
    order: StageOrder = field(default_factory=StageOrder)

    @property
    def seen(self) -> LiquidationSeen:
        """The case as it is recorded."""
        return LiquidationSeen(
            liquidation_id=self.liquidation_id,
            cascade_id=self.cascade_id,
            parent_liquidation_id=self.parent_id,
            account_id=self.account_id,
            began_ns=self.began_ns,
            ended_ns=self.ended_ns,
            equity_micros=self.equity_micros,
            maintenance_micros=self.maintenance_micros,
            stages=tuple(STAGES[stage] for stage in self.stages),
            closed_micros=self.closed_micros,
            fund_micros=self.fund_micros,
            outcome=self.outcome,
        )


class Liquidations:
    """Every case of a run."""

    def __init__(self, accounts: Accounts, symbols: dict[int, str]) -> None:
        """Begin with none.

        Args:
            accounts: as they stand at each event.
            symbols: by instrument.

        """
        self.cases: dict[int, Case] = {}
        """By id of the liquidation."""
        self.deleveragings: list[DeleveragingSeen] = []
        self.contagion: dict[tuple[str, str], int] = {}
        self.paid: dict[CashCause, int] = dict.fromkeys(CashCause, 0)
        """What cash moved for each cause."""
        self.vault_is_apart = True
        """Whether the vault's money paid for nobody else's loss, and nobody's but the rules' for its own."""
        self._accounts = accounts
        self._symbols = symbols
        self._under_way: dict[int, Case] = {}
        """By account."""
        self._trades: dict[tuple[int, int], int] = {}
        """Liquidations by the trades of their orders: instrument and trade."""
        self._insurance_first = False
        self.handlers: dict[type, Callable[..., None]] = {
            events.LiquidationStarted: self._started,
            events.LiquidationTested: self._tested,
            events.LiquidationStepped: self._stepped,
            events.LiquidationEnded: self._ended,
            events.CascadeJoined: self._joined,
            events.Deleveraged: self._deleveraged,
            events.CashTransferred: self._transferred,
            events.WaterfallSet: self._set,
        }
        """By class: venue time and event."""

    def begin(self) -> None:
        """Begin to measure here: liquidations that are under way go on, and have closed nothing yet."""
        self.cases = {case.liquidation_id: case for case in self._under_way.values()}
        for case in self.cases.values():
            case.closed_micros = case.fund_micros = 0
        self.deleveragings.clear()
        self.contagion.clear()
        self.paid = dict.fromkeys(CashCause, 0)
        self.vault_is_apart = True

    def is_under_way(self, account_id: int) -> bool:
        """Whether an account is in liquidation."""
        return account_id in self._under_way

    def apply(self, now_ns: int, event: Event) -> None:
        """Take over an event."""
        self.handlers[type(event)](now_ns, event)

    def fill(
        self, *, instrument_id: int, account_id: int, trade_id: int, value_micros: int, role: int, flags: int
    ) -> None:
        """Count what a liquidation closes; fills of other accounts count nothing."""
        case = self._under_way.get(account_id)
        if case is None:
            return
        is_order = role == FillRole.TAKER and bool(flags & OrderFlag.LIQUIDATION) and account_id != BACKSTOP_VAULT_ID
        if is_order:
            self._trades[instrument_id, trade_id] = case.liquidation_id
        if is_order or role == FillRole.TRANSFER:
            amount = abs(value_micros)
            case.closed_micros += amount
            key = case.hurt_most, self._symbols.get(instrument_id, str(instrument_id))
            self.contagion[key] = self.contagion.get(key, 0) + amount

    @property
    def in_order(self) -> bool:
        """Whether the stages of every liquidation acted in their order (INV-080)."""
        return all(case.order.is_kept for case in self.cases.values())

    def multipliers(self) -> Iterable[float]:
        """Yield what each cascade closed for each dollar of its first generation (LIQ-120).

        A cascade whose first generation closed nothing has none.
        """
        sums: dict[int, list[int]] = {}
        for case in self.cases.values():
            both = sums.setdefault(case.cascade_id, [0, 0])
            both[0] += case.closed_micros
            if case.generation == 1:
                both[1] += case.closed_micros
        return [whole / first for whole, first in sums.values() if first]

    def generations(self) -> int:
        """Return how many generations the deepest cascade had."""
        return max((case.generation for case in self.cases.values()), default=0)

    # Events

    def _started(self, now_ns: int, event: events.LiquidationStarted) -> None:
        case = Case(
            event.liquidation_id,
            event.account_id,
            now_ns,
            event.equity_micros,
            event.maintenance_margin_micros,
            self._hurt_most(event.account_id),
        )
        self.cases[event.liquidation_id] = self._under_way[event.account_id] = case

    def _hurt_most(self, account_id: int) -> str:
        accounts = self._accounts
        holder = accounts.holder(account_id)
        calm = holder.calm_marks or {}
        losses = [
            (leg.lots * (accounts.marks[key] - calm[key]), key)
            for key, leg in holder.legs.items()
            if key in calm and key in accounts.marks
        ]
        worst, key = min(losses, default=(0, 0))
        return self._symbols.get(key, str(key)) if worst < 0 else NOTHING_MOVED

    def _tested(self, _now_ns: int, event: events.LiquidationTested) -> None:
        case = self.cases.get(event.liquidation_id)
        if case is not None:
            case.order.tested(event)

    def _stepped(self, _now_ns: int, event: events.LiquidationStepped) -> None:
        case = self.cases.get(event.liquidation_id)
        if case is None or event.cause in _PASSED_OVER:
            return
        if event.stage not in case.stages:
            case.stages.append(event.stage)
        case.order.stepped(event, insurance_first=self._insurance_first)

    def _ended(self, now_ns: int, event: events.LiquidationEnded) -> None:
        case = self.cases.get(event.liquidation_id)
        if case is not None:
            case.ended_ns = now_ns
            case.outcome = LiquidationOutcome(event.outcome).name.lower()
            self._under_way.pop(case.account_id, None)

    def _joined(self, _now_ns: int, event: events.CascadeJoined) -> None:
        case = self.cases.get(event.liquidation_id)
        if case is not None:
            case.cascade_id, case.generation = event.cascade_id, event.generation
            case.parent_id = self._trades.get((event.instrument_id, event.parent_trade_id), 0)

    def _deleveraged(self, now_ns: int, event: events.Deleveraged) -> None:
        self.deleveragings.append(
            DeleveragingSeen(
                time_ns=now_ns,
                liquidation_id=event.liquidation_id,
                instrument_id=event.instrument_id,
                account_id=event.account_id,
                delta_lots=event.delta_lots,
                value_micros=event.value_micros,
                given_up_micros=event.given_up_micros,
            )
        )

    def _transferred(self, _now_ns: int, event: events.CashTransferred) -> None:
        cause, amount = CashCause(event.cause), event.amount_micros
        self.paid[cause] += amount
        case = self.cases.get(event.liquidation_id)
        if cause in {CashCause.FUND_TOP_UP, CashCause.DEFICIT_FUND}:
            self._bill(case, amount)
        elif cause is CashCause.FUND_REPAYMENT:
            self._bill(case, -amount)
        if BACKSTOP_VAULT_ID in {event.account_id, event.receiver_account_id}:
            self.vault_is_apart = self.vault_is_apart and _vault_may(event, cause)

    @staticmethod
    def _bill(case: Case | None, amount_micros: int) -> None:
        if case is not None:
            case.fund_micros += amount_micros

    def _set(self, _now_ns: int, event: events.WaterfallSet) -> None:
        self._insurance_first = bool(event.insurance_first)


def _vault_may(event: events.CashTransferred, cause: CashCause) -> bool:
    """Tell whether cash may move so between the vault and another (INV-080).

    It is given the rest of accounts that it takes over; a loss of its own goes through the stages like anybody's; as a
    winner it is haircut like anybody. It pays for no other's loss, and no house or owner makes up for its own.
    """
    if event.account_id == BACKSTOP_VAULT_ID:
        return cause in {CashCause.LIQUIDATION_FEE, CashCause.FUND_REPAYMENT, CashCause.DEFICIT_SOCIALISED}
    return cause in {
        CashCause.BACKSTOP,
        CashCause.FUND_TOP_UP,
        CashCause.DEFICIT_FUND,
        CashCause.DEFICIT_SOCIALISED,
        CashCause.DEFICIT_DEBT,
    }
