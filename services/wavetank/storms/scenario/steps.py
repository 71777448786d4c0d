"""What can happen in a scenario: each step of the timeline is a time and one of these."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from wavetank.storms.scenario.market import Consumer, GroupName, OrderingTerms, SourceName, Symbol, TierTerms
from wavetank.storms.scenario.quantities import (
    Amount,
    Change,
    Duration,
    Money,
    Positive,
    Probability,
    Ratio,
    Sum,
)
from wavetank.storms.scenario.terms import Terms

Who = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[a-z0-9][a-z0-9_.-]*$")]
"""A role of the cast; with a count above one, all of it, or one as `makers.3`."""
Slippage = Annotated[Ratio, Field(ge=0)]
"""How far from the index an order may trade."""

Limit = Annotated[Money, Field(ge=0)]
"""What an account may come to; 0 is no limit."""


class Order(Terms):
    """An order of somebody of the cast, at the door like everybody's."""

    who: Who
    instrument: Symbol
    side: Literal["buy", "sell"]
    size: Positive | None = None
    """Units; or else the notional."""
    notional: Sum | None = None
    """Dollars at the index."""
    price: Positive | None = None
    """A limit in dollars; without one the order takes what the slippage allows and its rest is cancelled."""
    slippage: Slippage = 20_000_000_000
    """How far from the index an order without a price may trade."""
    time_in_force: Literal["gtc", "ioc", "fok"] = "gtc"
    reduce_only: bool = False
    post_only: bool = False
    client_order_id: Annotated[str, Field(max_length=16)] = ""

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.size is None) == (self.notional is None):
            raise ValueError("an order has a size or a notional, one of both")
        return self


class Cross(Terms):
    """Two of the cast trade with each other at a price, as wash traders do: one rests, the other takes."""

    buyer: Who
    seller: Who
    instrument: Symbol
    size: Positive
    price: Positive | None = None
    """Dollars; else the index."""
    clips: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Parts that the size is traded in, one after the other."""
    over: Duration = 0
    """For how long the parts go on."""


class Close(Terms):
    """Somebody closes a position with an order that takes."""

    who: Who
    instrument: Symbol
    slippage: Slippage = 50_000_000_000


class Cancel(Terms):
    """Somebody cancels all orders, of one instrument or of all."""

    who: Who
    instrument: Symbol | None = None


class Deposit(Terms):
    """Somebody brings money."""

    who: Who
    amount: Sum


class Withdraw(Terms):
    """Somebody takes money out, or tries to."""

    who: Who
    amount: Sum | Literal["max"] = "max"


class Transfer(Terms):
    """Somebody pays another account."""

    who: Who
    to: Who
    amount: Sum | Literal["max"] = "max"


class Collateral(Terms):
    """Somebody brings a base asset as collateral (MRGN-080); negative takes it back."""

    who: Who
    instrument: Symbol
    size: Amount


class Move(Terms):
    """The true price moves; every source follows."""

    by: Change
    instruments: tuple[Symbol, ...] = ()
    """Empty for all."""
    over: Duration = 1_000_000_000
    hold: Duration = 0
    recovered: Ratio = 0
    """Share that is taken back in the end."""
    recover_over: Duration = 0
    spares_recorded: bool = False
    """Whether an instrument with a file stays as it was recorded."""


class Fault(Terms):
    """A fault of the oracle (ORCL-040); named, it can be mended before its time."""

    kind: Literal[
        "lag", "freeze", "spike", "drift", "clamp", "decimal", "hardcode", "source_loss", "bias", "widen",
        "self_reference", "out_of_order", "duplicate", "censor", "congestion",
    ]  # fmt: skip
    name: str = ""
    target: Literal["price", "funding"] = "price"
    instruments: tuple[Symbol, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    sources: tuple[SourceName, ...] = ()
    """Before the index; empty for a fault of delivery."""
    lag: Duration = 0
    jitter: Duration = 0
    distribution: Literal["uniform", "exponential"] = "uniform"
    """Of the jitter: up to it, or with it as the mean."""
    by: Ratio = 0
    """Magnitude: of a spike, a drift, a bias, a widening, the size of a censor."""
    price: Amount | None = None
    """Of `hardcode`."""
    least: Amount | None = None
    most: Amount | None = None
    """Of `clamp`."""
    exponent: Annotated[int, Field(ge=-12, le=12)] = 0
    count: Annotated[int, Field(ge=0, le=100)] = 0
    """Of `source_loss`: how many sources, chosen by the seed, unless they are named."""
    lasting: Duration = 0
    """0 until mended."""
    ramp: Duration = 0
    probability: Probability = 1_000_000_000_000
    seed: Annotated[int, Field(ge=0)] = 0


class Mend(Terms):
    """Faults end before their time."""

    names: tuple[str, ...] = ()
    """Empty for all."""


class Disturb(Terms):
    """A fault of the venue's door or of the network."""

    kind: Literal[
        "delay", "ack_delay", "ack_loss", "throttle", "unavailable", "cancel_loss", "reduce_only_rejected",
        "disconnect", "market_data_gap", "market_data_delay",
    ]  # fmt: skip
    name: str = ""
    who: tuple[Who, ...] = ()
    """Empty for all clients."""
    delay: Duration = 0
    jitter: Duration = 0
    probability: Probability = 1_000_000_000_000
    lasting: Duration = 0
    ramp: Duration = 0
    seed: Annotated[int, Field(ge=0)] = 0


class Instruments(Terms):
    """Instruments come into another state (MTCH-050)."""

    state: Literal["trading", "post_only", "reduce_only", "cancel_only", "halted", "auction"]
    instruments: tuple[Symbol, ...] = ()


class Restart(Terms):
    """A service is killed, and is back after a while."""

    service: Literal["matching", "clearing", "oracle"]
    down: Duration = 5_000_000_000


class Settle(Terms):
    """An instrument is delisted: every position is closed at one price."""

    instrument: Symbol
    price: Positive


class Fund(Terms):
    """Money is taken out of the insurance fund, or put in."""

    drain: Sum | Literal["all"] | None = None
    top_up: Sum | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.drain is None) == (self.top_up is None):
            raise ValueError("a fund is drained or topped up, one of both")
        return self


class Withdrawals(Terms):
    """Withdrawals are paused for everybody, or allowed again."""

    paused: bool


class Pace(Terms):
    """The liquidation engine waits before each step of an account; 0 ends it."""

    delay: Duration


class Parameters(Terms):
    """An operator changes an instrument while it trades."""

    instrument: Symbol
    tiers: tuple[TierTerms, ...] = ()
    funding_interval: Duration | None = None
    position_limit: Limit | None = None
    """Largest notional of every client."""


class GroupLimit(Terms):
    """An operator limits what each client may come to in a correlation group (MRGN-070); 0 is no limit."""

    group: GroupName
    net: Limit = 0
    """Largest difference of long and short notional."""
    gross: Limit = 0
    """Largest sum of both."""


class Step(Terms):
    """One thing at one time."""

    at: Duration
    """Behind the scenario's beginning."""
    repeat: Annotated[int, Field(ge=1, le=100_000)] = 1
    every: Duration = 0
    """Between two repetitions."""
    note: str = ""
    """What the page says about it."""
    order: Order | None = None
    cross: Cross | None = None
    close: Close | None = None
    cancel: Cancel | None = None
    deposit: Deposit | None = None
    withdraw: Withdraw | None = None
    transfer: Transfer | None = None
    collateral: Collateral | None = None
    move: Move | None = None
    fault: Fault | None = None
    mend: Mend | None = None
    disturb: Disturb | None = None
    calm: Mend | None = None
    """Disturbances end before their time."""
    instruments: Instruments | None = None
    ordering: OrderingTerms | None = None  # type: ignore[valid-type]
    restart: Restart | None = None
    settle: Settle | None = None
    fund: Fund | None = None
    withdrawals: Withdrawals | None = None
    pace: Pace | None = None
    parameters: Parameters | None = None
    group_limit: GroupLimit | None = None

    @property
    def verb(self) -> str:
        """Name of the one thing that happens."""
        return next(name for name in VERBS if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one_verb(self) -> Self:
        said = [name for name in VERBS if getattr(self, name) is not None]
        if len(said) != 1:
            what = ", ".join(said) or "nothing"
            raise ValueError(f"a step does one thing, not {what}; it may be one of {', '.join(VERBS)}")
        if self.repeat > 1 and not self.every:
            raise ValueError("a step that is repeated says `every` how long")
        return self


VERBS = tuple(name for name in Step.model_fields if name not in {"at", "repeat", "every", "note"})
"""All that can happen."""
