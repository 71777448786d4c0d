"""The cast of a scenario: an account for everybody, and who sits behind it.

Kept true: accounts are opened in the order in which the page names them, so the same page gives everybody the same
account; what a role's settings say is checked before time runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.client.strategies import (
    Directional,
    DirectionalSettings,
    MarketMaker,
    MarketMakerSettings,
    TakerFlow,
    TakerSettings,
)
from wavetank.client.strategy import Ensemble, Strategy
from wavetank.model.instrument import Instrument
from wavetank.storms.agents.agent import Agent, Label
from wavetank.storms.agents.casting import AGENT_KINDS, CastingRefused, make_agent
from wavetank.storms.dice import Dice
from wavetank.storms.measure.record import Member
from wavetank.storms.measure.venue_members import VENUE_MEMBERS
from wavetank.storms.scenario.document import DistanceTerms, Role
from wavetank.storms.scenario.kinds import IN_DOLLARS
from wavetank.storms.scenario.quantities import Money
from wavetank.storms.scenario.terms import counted
from wavetank.storms.simulation.link import Delay
from wavetank.storms.simulation.seats import Distance
from wavetank.storms.simulation.venue import SimulatedVenue
from wavetank.storms.staging.market import StagingRefused, lots_of

STRATEGIES: Mapping[str, tuple[type[Any], Callable[..., Strategy], Label]] = {
    "market_maker": (MarketMakerSettings, MarketMaker, Label.MAKER),
    "taker_flow": (TakerSettings, TakerFlow, Label.NOISE),
    "directional": (DirectionalSettings, Directional, Label.WHALE),
}
"""The SDK's strategies by the word of a page: one for each instrument, together as one account."""

_STRICT = ConfigDict(extra="forbid")


def distance_of(terms: DistanceTerms) -> Distance:
    """Return a distance as a seat takes it."""
    return Distance(
        orders=Delay(terms.orders, terms.orders_jitter),
        answers=Delay(terms.answers, terms.answers_jitter),
        market_data_ns=terms.market_data,
    )


class Casting:
    """Opens accounts and seats those who trade by themselves."""

    def __init__(self, venue: SimulatedVenue, start_prices: Mapping[str, Decimal]) -> None:
        """Cast for a venue.

        Args:
            venue: before its time runs.
            start_prices: dollars per unit by symbol.

        """
        self._venue = venue
        self._prices = start_prices
        self.members: dict[int, Member] = dict(VENUE_MEMBERS)
        self.accounts: dict[str, list[int]] = {}
        """By role, and by the name of one of a crowd."""
        self._flows: list[tuple[Dice, TakerFlow]] = []
        """Takers of the SDK, who draw from a seed of their own, and the dice that it comes from."""

    def cast(self, role: Role) -> None:
        """Open the accounts of a role, and seat who trades by itself.

        Raises:
            StagingRefused: a kind, a setting or an instrument is not known.

        """
        for number in range(1, role.count + 1):
            name = role.name if role.count == 1 else f"{role.name}.{number}"
            account_id = self._open(name, role)
            self.accounts.setdefault(role.name, []).append(account_id)
            if role.count > 1:
                self.accounts[name] = [account_id]
            try:
                label = self._seat(account_id, name, role)
            except (CastingRefused, ValueError) as fault:
                raise StagingRefused(f"cast.{role.name}: {fault}") from fault
            self.members[account_id] = Member(
                account_id=account_id, name=name, role=role.name, label=label, is_bot=role.is_bot
            )

    def turn(self) -> None:
        """Give those who draw for themselves another seed, when the dice have been turned."""
        for dice, flow in self._flows:
            flow.turn(dice.below(2**63))

    def _open(self, name: str, role: Role) -> int:
        venue = self._venue
        account_id = venue.open_account(name, role.deposit)
        core = venue.clearing.core
        for symbol, size in role.collateral.items():
            instrument = self._instrument(symbol)
            core.collateral.deposit(account_id, instrument.instrument_id, lots_of(instrument, Decimal(size)))
        if role.margin_mode != "gross":
            core.bank.set_margin_mode(account_id, MarginMode[role.margin_mode.upper()])
        if role.leverage:
            for instrument in venue.instruments.values():
                leverage = min(role.leverage, instrument.max_leverage)
                core.leverages.change(account_id, instrument.instrument_id, leverage)
        venue.open_door(account_id, distance_of(role.distance))
        return account_id

    def _instrument(self, symbol: str) -> Instrument:
        for instrument in self._venue.instruments.values():
            if instrument.symbol == symbol:
                return instrument
        raise StagingRefused(f"no instrument is called {symbol!r}")

    def _seat(self, account_id: int, name: str, role: Role) -> Label | None:
        venue = self._venue
        enter_ns = venue.schedule.now_ns + role.enters
        listed = list(venue.instruments.values())
        instruments = [self._instrument(symbol) for symbol in role.instruments] or listed
        actor = actor_of(role, instruments, listed, self._prices, venue.dice.spawn(f"agent {name}"))
        self._flows += actor.flows
        if actor.agent is not None:
            venue.seat_agent(account_id, actor.agent, foresees=role.sees_next_index, enter_ns=enter_ns)
        elif actor.strategy is not None:
            assert actor.label is not None, "a strategy has a label"
            numbers = [instrument.instrument_id for instrument in instruments]
            venue.seat_strategy(account_id, actor.strategy, numbers, label=actor.label, enter_ns=enter_ns)
        return actor.label


@dataclass(frozen=True, slots=True)
class Actor:
    """Who sits behind an account: an agent, a strategy of the SDK, or nobody."""

    label: Label | None = None
    agent: Agent | None = None
    strategy: Strategy | None = None
    flows: Sequence[tuple[Dice, TakerFlow]] = ()
    """Takers of the SDK among them, and the dice that their seeds come from."""


def actor_of(
    role: Role,
    instruments: Sequence[Instrument],
    listed: Sequence[Instrument],
    prices: Mapping[str, Decimal],
    dice: Dice,
) -> Actor:
    """Return who a role puts behind an account.

    Args:
        role: of the page.
        instruments: that it trades.
        listed: all that the venue lists.
        prices: dollars per unit by symbol, for what a role says in dollars.
        dice: for whoever draws.

    Raises:
        CastingRefused: a setting of an agent is wrong.
        ValueError: a kind or a setting is not known.

    """
    if role.kind == "account":
        if role.settings:
            raise ValueError("an account has no settings, for it acts by the timeline alone")
        return Actor()
    if role.kind in STRATEGIES:
        return _strategy(role, instruments, prices, dice)
    if role.kind not in AGENT_KINDS:
        known = ", ".join(["account", *sorted(STRATEGIES), *sorted(AGENT_KINDS)])
        raise ValueError(f"nobody is of kind {role.kind!r}; there are: {known}")
    settings = counted(AGENT_KINDS[role.kind].settings, role.settings)
    fields = AGENT_KINDS[role.kind].settings.__dataclass_fields__
    symbols = tuple(instrument.symbol for instrument in instruments)
    if "instruments" in fields:
        settings.setdefault("instruments", symbols)
    elif "instrument" in fields and len(symbols) == 1:
        settings.setdefault("instrument", symbols[0])
    agent = make_agent(role.kind, settings, listed, dice)
    return Actor(agent.label, agent=agent)


def _strategy(role: Role, instruments: Sequence[Instrument], prices: Mapping[str, Decimal], dice: Dice) -> Actor:
    settings_class, make, label = STRATEGIES[role.kind]
    strategies: list[Strategy] = []
    flows: list[tuple[Dice, TakerFlow]] = []
    for instrument in instruments:
        said = counted(settings_class, role.settings)
        for name in sorted(IN_DOLLARS.get(settings_class, ())):
            if name in said:
                dollars = Decimal(TypeAdapter(Money).validate_python(said[name])).scaleb(-6)
                units = dollars / prices[instrument.symbol]
                said[name] = units.quantize(Decimal(1).scaleb(-instrument.size_decimals))
        try:
            checked: Any = checked_dataclass(settings_class, config=_STRICT, frozen=True, kw_only=True)
            settings = checked(**said, instrument=instrument.symbol)
        except ValidationError as error:
            raise ValueError(_words_of(error.errors())) from None
        if role.kind == "taker_flow":
            own = dice.spawn(instrument.symbol)
            flow = TakerFlow(settings, seed=own.below(2**63))
            flows.append((own, flow))
            strategies.append(flow)
        else:
            strategies.append(make(settings))
    return Actor(label, strategy=Ensemble(strategies), flows=flows)


def _words_of(errors: Iterable[Mapping[str, Any]]) -> str:
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in errors)
