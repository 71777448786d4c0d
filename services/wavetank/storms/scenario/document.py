"""A scenario as a document: one page that says who takes part, what goes wrong, and what must be true.

The models are the schema: what they do not name is refused, and `schema.json` beside the shipped scenarios is written
from them.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, PrivateAttr, field_validator, model_validator

from wavetank.storms.scenario.market import Market, Symbol, VenueTerms
from wavetank.storms.scenario.quantities import Duration, Sum
from wavetank.storms.scenario.steps import Step, Who
from wavetank.storms.scenario.terms import Terms

Name = Annotated[str, Field(min_length=1, max_length=48, pattern=r"^[A-Za-z0-9][a-z0-9_]*$")]


class Incident(Terms):
    """What really happened."""

    day: date
    venue: str
    loss: str = ""
    source: str = ""


class DistanceTerms(Terms):
    """How far somebody is from the venue."""

    orders: Duration = 2_000_000
    orders_jitter: Duration = 0
    answers: Duration = 1_000_000
    answers_jitter: Duration = 0
    market_data: Duration = 2_000_000


class Role(Terms):
    """Somebody who takes part, or a crowd of the same kind; each has an account of its own."""

    name: Who
    kind: str = "account"
    """`account` acts by the timeline alone; the others trade by themselves."""
    count: Annotated[int, Field(ge=1, le=1_000)] = 1
    deposit: Sum = 100_000_000_000
    collateral: dict[Symbol, str] = Field(default_factory=dict)
    """Units of base assets that are brought at the start (MRGN-080)."""
    instruments: tuple[Symbol, ...] = ()
    """Traded; empty for all."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Of the kind; `wavetank storm kinds` lists them."""
    distance: DistanceTerms = DistanceTerms()
    enters: Duration = 2_000_000_000
    sees_next_index: bool = False
    """Whether it knows what the oracle will publish next."""
    is_bot: bool = False
    """Whether it is under test: figures named `bot` are its."""
    margin_mode: Literal["gross", "group_offset", "scenario"] = "gross"
    leverage: Annotated[int, Field(ge=0, le=1_000)] = 0
    """Largest it allows itself in each instrument; 0 for the instrument's own."""


class Scripted(Terms):
    """One decision of a scripted person."""

    at: Duration
    choose: Literal["go_on", "hold", "whole", "pause_withdrawals"]


class Person(Terms):
    """The policy that stands in for the person who is asked (LIQ-090)."""

    policy: Literal["absent", "after", "scripted"] = "absent"
    """`absent`: the default applies when the wait is over; `after`: decides so long after being asked."""
    after: Duration = 10_000_000_000
    choose: Literal["go_on", "hold", "whole", "pause_withdrawals"] = "hold"
    scripted: tuple[Scripted, ...] = ()


class Variant(Terms):
    """The same day with other parameters."""

    about: str = ""
    set: dict[str, Any] = Field(default_factory=dict)
    """Values by dotted path, for instance `venue.clearing.vault_cap: 5M`."""
    harm: bool | None = None
    """Whether the scenario's harm is expected: as it was, it appears; as it should be, it does not."""
    asserts: tuple[str, ...] = ()


class Scenario(Terms):
    """A whole scenario."""

    scenario: Literal[1]
    """Version of the schema."""
    name: Name
    title: str
    about: str = ""
    incident: Incident | None = None
    seed: Annotated[int, Field(ge=0)] = 1
    duration: Duration
    market: Market
    venue: VenueTerms = VenueTerms()
    cast: Annotated[tuple[Role, ...], Field(max_length=200)] = ()
    timeline: Annotated[tuple[Step, ...], Field(max_length=2_000)] = ()
    person: Person = Person()
    harm: str = ""
    """What went wrong, as a condition."""
    asserts: tuple[str, ...] = ()
    """Conditions that must hold in every variant."""
    variants: dict[Name, Variant] = Field(default_factory=dict)
    tags: tuple[str, ...] = ()

    _written: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def written(self) -> dict[str, Any]:
        """What the page says, in its own words; a variant is the same page with some of them changed."""
        return deepcopy(self._written)

    @field_validator("duration")
    @classmethod
    def _takes_time(cls, duration: int) -> int:
        # On a day without time every condition holds, for nothing happens.
        if not duration:
            raise ValueError("is 0; a day takes time, for instance 3m")
        return duration

    @model_validator(mode="wrap")
    @classmethod
    def _keeps_its_words(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401 - a page.
        scenario = handler(data)
        if isinstance(data, dict):
            scenario._written = deepcopy(data)  # noqa: SLF001 - it is one of these.
        return scenario

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [role.name for role in self.cast]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"the cast has {', '.join(twice)} more than once")
        if any(variant.harm is not None for variant in self.variants.values()) and not self.harm:
            raise ValueError("a variant says whether the harm appears, but the scenario does not say what the harm is")
        return self
