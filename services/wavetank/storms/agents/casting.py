"""Casting: who plays in a storm, by the word that a scenario uses.

A scenario names the kind of an agent and its settings; here they become the agent, or a refusal that names each fault
and where it stands. Kept true: what is not known is refused, never passed over, and a refusal makes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from wavetank.model.instrument import Instrument
from wavetank.storms.agents.agent import Agent
from wavetank.storms.agents.arbitrageur import Arbitrageur, ArbitrageurSettings
from wavetank.storms.agents.backstop import BackstopSettings, QuotingBackstop
from wavetank.storms.agents.informed import InformedSettings, InformedTrader
from wavetank.storms.agents.liquidator import Liquidator, LiquidatorSettings
from wavetank.storms.agents.momentum import MomentumFollower, MomentumSettings
from wavetank.storms.agents.noise import NoiseSettings, NoiseTakers
from wavetank.storms.agents.wall import SpoofedWall, WallSettings
from wavetank.storms.agents.whale import Whale, WhaleSettings
from wavetank.storms.dice import Dice

Place: TypeAlias = tuple[str | int, ...]
"""Where in the settings something stands: names of fields and numbers of items, outermost first."""


_SHOWN = 80
"""Characters of a wrong value that are shown."""


class MakesAgent(Protocol):
    """A class of agents, or anything that makes one from settings of its class."""

    def __call__(self, settings: Any, listed: Mapping[str, Instrument], dice: Dice, /) -> Agent:  # noqa: ANN401 - each kind takes its own settings, which `make_agent` has checked
        """Return an agent that trades the listed instruments, by symbol."""
        ...


class AgentKind(NamedTuple):
    """How agents of a kind are told what to do, and made."""

    settings: type[Any]
    make: MakesAgent


AGENT_KINDS: Final[Mapping[str, AgentKind]] = {
    "arbitrageur": AgentKind(ArbitrageurSettings, Arbitrageur),
    "backstop": AgentKind(BackstopSettings, QuotingBackstop),
    "informed": AgentKind(InformedSettings, InformedTrader),
    "liquidator": AgentKind(LiquidatorSettings, Liquidator),
    "momentum": AgentKind(MomentumSettings, MomentumFollower),
    "noise": AgentKind(NoiseSettings, NoiseTakers),
    "wall": AgentKind(WallSettings, SpoofedWall),
    "whale": AgentKind(WhaleSettings, Whale),
}
"""Every kind of agent by the word that scenarios use."""


@dataclass(frozen=True, slots=True)
class CastingFault:
    """What is wrong with settings, and where; an empty place is the kind itself."""

    place: Place
    what: str


class CastingRefused(ValueError):
    """An agent cannot be made of what was asked."""

    def __init__(self, kind: str, faults: tuple[CastingFault, ...]) -> None:
        """Tell every fault at once.

        Args:
            kind: as asked.
            faults: at least one.

        """
        lines = (f"{'.'.join(map(str, fault.place)) or 'kind'}: {fault.what}" for fault in faults)
        super().__init__(f"no agent can be made of kind {kind!r}: " + "; ".join(lines))
        self.faults = faults


def make_agent(kind: str, settings: Mapping[str, object], instruments: Iterable[Instrument], dice: Dice) -> Agent:
    """Return an agent.

    Args:
        kind: a word of `AGENT_KINDS`.
        settings: fields of the kind's settings, as a scenario gives them.
        instruments: what is listed.
        dice: the agent's own.

    Raises:
        CastingRefused: the kind, a field or a symbol is not known, or a value is not allowed.

    """
    known = AGENT_KINDS.get(kind)
    if known is None:
        allowed = ", ".join(sorted(AGENT_KINDS))
        raise CastingRefused(kind, (CastingFault((), f"it is none of {allowed}"),))
    try:
        checked = TypeAdapter(known.settings).validate_python(dict(settings))
    except ValidationError as error:
        raise CastingRefused(kind, _faults_of(error)) from None
    listed = {instrument.symbol: instrument for instrument in instruments}
    unknown = tuple(
        CastingFault(place, f"no instrument {symbol!r} is listed; there are {', '.join(sorted(listed))}")
        for place, symbol in symbols_of(checked)
        if symbol not in listed
    )
    if unknown:
        raise CastingRefused(kind, unknown)
    return known.make(checked, listed, dice)


def symbols_of(settings: object) -> Iterator[tuple[Place, str]]:
    """Yield each symbol that settings name, and where: in their fields `instrument` and `instruments`."""
    assert is_dataclass(settings), "settings are data classes"
    for field in fields(settings):
        value = getattr(settings, field.name)
        if field.name == "instrument":
            yield (field.name,), value
        elif field.name == "instruments":
            yield from (((field.name, number), symbol) for number, symbol in enumerate(value))
        elif isinstance(value, tuple):
            for number, item in enumerate(value):
                yield from (((field.name, number, *place), symbol) for place, symbol in symbols_of(item))


def _faults_of(error: ValidationError) -> tuple[CastingFault, ...]:
    found = error.errors(include_url=False, include_context=False)
    # A list with a wrong item is also told to be too short: the fault of the item says all there is to say.
    wholes = {each["loc"][:length] for each in found for length in range(1, len(each["loc"]))}
    return tuple(CastingFault(each["loc"], _words_of(each)) for each in found if each["loc"] not in wholes)


def _words_of(fault: ErrorDetails) -> str:
    what = fault["msg"].removeprefix("Value error, ")
    # What is missing was nothing, and a check of a whole says itself what it found.
    if fault["type"] in {"missing", "value_error"}:
        return what
    text = repr(fault["input"])
    return f"{what}, was {text if len(text) <= _SHOWN else f'{text[:_SHOWN]}...'}"
