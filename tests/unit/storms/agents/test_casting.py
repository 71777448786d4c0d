"""Casting: every kind can be made from what a scenario writes; what is not known or allowed is refused by its place."""

import pytest
from pydantic import TypeAdapter

from tests.unit.storms.agents.scripted_view import LISTED, sol_market
from wavetank.storms.agents.agent import Agent, Label
from wavetank.storms.agents.casting import AGENT_KINDS, CastingFault, CastingRefused, make_agent, symbols_of
from wavetank.storms.agents.whale import Target, WhaleSettings
from wavetank.storms.dice import Dice

# The least that a scenario must say of each kind.
LEAST: dict[str, dict[str, object]] = {
    "arbitrageur": {"instruments": ["SOL"], "clip_micros": 1_000_000, "max_position_micros": 1_000_000},
    "backstop": {"instruments": ["SOL"], "size_micros": 1_000_000, "max_position_micros": 1_000_000},
    "informed": {"instruments": ["SOL"], "clip_micros": 1_000_000, "max_position_micros": 1_000_000},
    "liquidator": {"instruments": ["SOL"], "budget_micros": 1_000_000},
    "momentum": {"instruments": ["SOL"], "size_micros": 1_000_000, "clip_micros": 1_000_000},
    "noise": {"instruments": ["SOL", "BTC"]},
    "wall": {"instrument": "SOL", "side": "sell", "notional_micros": 1_000_000},
    "whale": {"targets": [{"instrument": "SOL", "after_ns": 0, "lots": 5}], "clip_micros": 1_000_000},
}


def cast(kind: str, **settings: object) -> Agent:
    return make_agent(kind, {**LEAST.get(kind, {}), **settings}, LISTED.values(), Dice(1))


def faults_of(kind: str, **settings: object) -> tuple[CastingFault, ...]:
    with pytest.raises(CastingRefused) as refused:
        cast(kind, **settings)
    return refused.value.faults


@pytest.mark.parametrize("kind", sorted(AGENT_KINDS))
def test_every_kind_is_made_from_what_a_scenario_writes(kind: str) -> None:
    agent = cast(kind)
    assert agent.label is Label(kind)
    turn = agent.wake(sol_market())
    assert turn.wake_ns > sol_market().now_ns


def test_every_agent_of_a_label_of_its_own_has_a_word() -> None:
    # Makers are the SDK's, the vault is the venue's, and who is liquidated chooses nothing.
    assert {Label.MAKER, Label.VAULT, Label.LIQUIDATED}.isdisjoint(map(Label, AGENT_KINDS))
    assert set(map(Label, AGENT_KINDS)) | {Label.MAKER, Label.VAULT, Label.LIQUIDATED} == set(Label)


def test_an_unknown_kind_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(CastingRefused, match="kind 'dolphin': kind: it is none of arbitrageur, backstop, informed"):
        cast("dolphin")


def test_every_fault_is_told_at_once_with_its_place() -> None:
    faults = faults_of("noise", intervall_ns=5, spread_e6="wide", instruments=[])
    assert [fault.place for fault in faults] == [("instruments",), ("spread_e6",), ("intervall_ns",)]
    assert faults[1].what == "Input should be a valid integer, was 'wide'"


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("noise", "excitation_ppm", 950_001),
        ("noise", "lean_ppm", 500_001),
        ("noise", "interval_ns", 0),
        ("noise", "instruments", ["SOL", "SOL"]),
        ("noise", "passive_ppm", -1),
        ("noise", "mean_micros", 1.5),
        ("noise", "mean_micros", True),
        ("noise", "slippage_ppm", 500_001),
        ("informed", "clip_micros", 0),
        ("wall", "side", "bid"),
        ("wall", "notional_micros", 10**15 + 1),
        ("whale", "targets", []),
    ],
)
def test_values_out_of_bounds_are_refused(kind: str, field: str, value: object) -> None:
    assert [fault.place for fault in faults_of(kind, **{field: value})] == [(field,)]


def test_what_is_missing_or_long_is_told_in_short() -> None:
    (missing,) = faults_of("wall", side="b" * 200)
    assert missing.what == f"Input should be 'buy' or 'sell', was '{'b' * 79}..."
    with pytest.raises(CastingRefused, match=r"of kind 'noise': instruments: Field required$"):
        make_agent("noise", {}, LISTED.values(), Dice(1))


def test_a_fault_in_an_item_is_told_by_its_number() -> None:
    (missing,) = faults_of("whale", targets=[{"instrument": "SOL", "after_ns": 0}])
    assert missing == CastingFault(
        ("targets", 0), "a target is in lots or in micros, one of them: lots None, micros None"
    )
    (late,) = faults_of("whale", targets=[{"instrument": "SOL", "after_ns": -1, "lots": 1}])
    assert late.place == ("targets", 0, "after_ns")


def test_symbols_that_are_not_listed_are_refused() -> None:
    assert faults_of("noise", instruments=["SOL", "DOGE"]) == (
        CastingFault(("instruments", 1), "no instrument 'DOGE' is listed; there are BTC, ETH, SOL"),
    )
    assert [fault.place for fault in faults_of("wall", instrument="DOGE")] == [("instrument",)]
    targets = [{"instrument": symbol, "after_ns": 0, "lots": 1} for symbol in ("SOL", "PEPE", "DOGE")]
    places = [fault.place for fault in faults_of("whale", targets=targets)]
    assert places == [("targets", 1, "instrument"), ("targets", 2, "instrument")]


def test_symbols_are_found_where_they_are_named() -> None:
    settings = WhaleSettings(targets=(Target(instrument="ETH", after_ns=0, lots=1),), clip_micros=1)
    assert list(symbols_of(settings)) == [(("targets", 0, "instrument"), "ETH")]


@pytest.mark.parametrize("kind", sorted(AGENT_KINDS))
def test_a_schema_with_a_description_of_every_field_can_be_published(kind: str) -> None:
    schema = TypeAdapter(AGENT_KINDS[kind].settings).json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        assert part["additionalProperties"] is False
        assert all(each.get("description") for each in part["properties"].values())
    assert set(schema["required"]) == set(LEAST[kind])
