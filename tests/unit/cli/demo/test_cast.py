"""Who is liquidated how follows from the plan's fall, by sums that a person can do."""

from decimal import Decimal

import pytest

from wavetank.cli.demo.cast import TEMPERS, Belief, RoleKind, cast, needed_equity, top_up_dollars
from wavetank.cli.demo.synthetic import synthetic_plan
from wavetank.client import Instrument, MarginTier, Side

NOW_NS = 1_700_000_000_000_000_000
BTC = Instrument(instrument_id=1, symbol="BTC", size_decimals=5, margin_tiers=(MarginTier(Decimal(0), 40, None),))


def test_equity_for_a_health_after_a_fall() -> None:
    needed = needed_equity(
        side=Side.BUY,
        size=Decimal(2),
        mark=Decimal(50_000),
        crash=Decimal("-0.10"),
        maintenance_rate=Decimal("0.0125"),
        health=Decimal("0.8"),
    )
    # Mark after: 45,000; lost on the way 2 × 5,000 = 10,000; to be left 0.8 × 0.0125 × 90,000 = 900.
    assert needed == Decimal(10_900)


def test_equity_for_a_short_after_a_rise() -> None:
    needed = needed_equity(
        side=Side.SELL,
        size=Decimal(1),
        mark=Decimal(1_000),
        crash=Decimal("0.05"),
        maintenance_rate=Decimal("0.02"),
        health=Decimal("-0.5"),
    )
    # Loses 50; to be left −0.5 × 0.02 × 1,050 = −10.5: bankrupt.
    assert needed == Decimal("39.5")


def _belief(health: str | None) -> Belief:
    return Belief(
        symbol="BTC",
        with_crash=False,
        notional=Decimal(100_000),
        collateral_share=Decimal("0.05"),
        health_after=None if health is None else Decimal(health),
    )


@pytest.mark.parametrize(
    ("health", "crash", "equity", "added"),
    [
        ("0.8", "-0.10", "5000", "5900"),  # As above: 10,900 are needed.
        ("0.8", "-0.10", "20000", "0"),  # It has more than the plan leaves it.
        (None, "-0.10", "5000", "0"),  # It plans nothing.
        ("0.8", "0", "0", "0"),  # Nothing is going to happen.
    ],
)
def test_what_a_believer_adds(health: str | None, crash: str, equity: str, added: str) -> None:
    amount = top_up_dollars(
        _belief(health),
        BTC,
        crash=Decimal(crash),
        size=Decimal(2),
        mark=Decimal(50_000),
        equity=Decimal(equity),
    )
    assert amount == Decimal(added)


def test_a_believer_holds_what_the_move_hurts_and_its_opposite_what_it_pays() -> None:
    against = _belief(None)
    assert against.side(Decimal("-0.1")) is Side.BUY
    assert against.side(Decimal("0.1")) is Side.SELL
    opposite = Belief(symbol="BTC", with_crash=True, notional=Decimal(1), collateral_share=Decimal(1))
    assert opposite.side(Decimal("-0.1")) is Side.SELL
    assert opposite.side(Decimal("0.1")) is Side.BUY


def test_five_market_makers_differ_and_everybody_has_a_name_of_his_own() -> None:
    plan = synthetic_plan(7, now_ns=NOW_NS)
    roles = cast(plan)
    assert sum(role.kind is RoleKind.MAKER for role in roles) == 5
    assert len({(temper.spread, temper.size, temper.pull_ratio, temper.skew_bps) for temper in TEMPERS}) == 5
    assert len({role.name for role in roles}) == len(roles) == 14
    assert all(len(role.name) <= 32 for role in roles)


def test_the_planned_ends_cover_the_stages_of_the_waterfall() -> None:
    healths = [
        role.belief.health_after
        for role in cast(synthetic_plan(7, now_ns=NOW_NS))
        if role.belief is not None and role.belief.health_after is not None
    ]
    assert any(Decimal(2) / 3 < health < 1 for health in healths), "one in the book"
    assert any(0 <= health < Decimal(2) / 3 for health in healths), "one for the vault"
    assert any(health < 0 for health in healths), "one bankrupt"


def test_without_an_instrument_its_believers_take_another() -> None:
    roles = cast(synthetic_plan(7, now_ns=NOW_NS, symbols=("BTC",)))
    assert {role.belief.symbol for role in roles if role.belief is not None} == {"BTC"}
