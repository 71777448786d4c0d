"""Events written by hand, for strategies: what a test does not say is unremarkable."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from tests.unit.client.instruments import BTC, ETH, SOL
from wavetank.client import (
    AmendOrder,
    BestBidOffer,
    CancelOrder,
    CommandAnswered,
    CommandResult,
    Fill,
    HealthBand,
    HealthBandChanged,
    OrderState,
    PlaceOrder,
    Prices,
    Side,
    Started,
    StrategyCommand,
    WavetankError,
)

SECOND_NS = 1_000_000_000
PREFIX = b"strategy"


def started(positions: Mapping[str, Decimal] | None = None, time_ns: int = SECOND_NS) -> Started:
    return Started(
        event_time_ns=time_ns,
        account_id=1000,
        instruments={each.symbol: each for each in (BTC, ETH, SOL)},
        positions=positions or {},
        order_id_prefix=PREFIX,
    )


def bbo(
    bid: str | None, ask: str | None, *, sizes: tuple[str, str] = ("10", "10"), time_ns: int = SECOND_NS
) -> BestBidOffer:
    return BestBidOffer(
        seq=1,
        event_time_ns=time_ns,
        instrument="SOL",
        bid_price=Decimal(bid) if bid else None,
        bid_size=Decimal(sizes[0]),
        ask_price=Decimal(ask) if ask else None,
        ask_size=Decimal(sizes[1]),
    )


def prices(index: str | None, *, funding_rate: str = "0", stale: bool = False, time_ns: int = SECOND_NS) -> Prices:
    return Prices(
        seq=1,
        event_time_ns=time_ns,
        instrument="SOL",
        index=Decimal(index) if index else None,
        mark=Decimal(index) if index else None,
        stale=stale,
        funding_rate=Decimal(funding_rate),
        open_interest=Decimal(0),
        last=None,
        index_time_ns=time_ns,
    )


def health(current: HealthBand, time_ns: int = SECOND_NS) -> HealthBandChanged:
    return HealthBandChanged(
        seq=1,
        event_time_ns=time_ns,
        previous=HealthBand.HEALTHY,
        current=current,
        equity=Decimal(100),
        maintenance_margin=Decimal(80),
    )


def answered(
    command: StrategyCommand,
    *,
    refusal: WavetankError | None = None,
    state: OrderState = OrderState.OPEN,
    filled: str = "0",
    remaining: str | None = None,
    time_ns: int = SECOND_NS,
) -> CommandAnswered:
    if remaining is None:
        whole = Decimal(command.size) if isinstance(command, PlaceOrder | AmendOrder) and command.size else Decimal(0)
        remaining = str(whole - Decimal(filled))
    return CommandAnswered(
        event_time_ns=time_ns,
        command=command,
        result=CommandResult(
            refusal=refusal,
            order_id=1,
            state=state,
            filled_size=Decimal(filled),
            remaining_size=Decimal(remaining),
        ),
        sent_ns=0,
        answered_ns=0,
    )


def accept(commands: Iterable[StrategyCommand], time_ns: int = SECOND_NS) -> list[CommandAnswered]:
    """Answer every command as a venue does that refuses nothing and trades nothing."""
    return [
        answered(
            command,
            state=OrderState.CANCELLED if isinstance(command, CancelOrder) else OrderState.OPEN,
            time_ns=time_ns,
        )
        for command in commands
    ]


def fill(order: PlaceOrder, size: str, remaining: str, time_ns: int = SECOND_NS) -> Fill:
    assert order.price is not None
    return Fill(
        seq=1,
        event_time_ns=time_ns,
        trade_id=1,
        order_id=1,
        client_order_id=order.client_order_id,
        instrument=order.instrument,
        side=order.side,
        price=Decimal(order.price),
        size=Decimal(size),
        fee=Decimal(0),
        maker=True,
        remaining_size=Decimal(remaining),
        liquidation=False,
    )


def placed(commands: Sequence[StrategyCommand], side: Side | None = None) -> list[PlaceOrder]:
    """Return the orders among commands, of one side if given."""
    return [each for each in commands if isinstance(each, PlaceOrder) and side in {None, each.side}]
