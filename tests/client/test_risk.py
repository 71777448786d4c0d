"""What-if through the SDK, against a real venue."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.client.test_venue import has_credit
from tests.eventually import eventually_async
from wavetank.client import (
    Client,
    HealthBand,
    InstrumentUnknown,
    InvalidRequest,
    MarginScheme,
    PermissionDenied,
    Shock,
    Side,
    TimeInForce,
    Venue,
)

Opener = Callable[[], Awaitable[Venue]]


async def test_an_account_learns_what_it_would_be(trader: Opener, operator: Venue) -> None:
    maker, taker = await trader(), await trader()
    async with maker.session() as making, taker.session() as taking:
        await has_credit(making)
        await has_credit(taking)
        await making.place("SOL", Side.BUY, 10, "149", post_only=True)
        await taking.place("SOL", Side.SELL, 4, "149", time_in_force=TimeInForce.IOC)
        await making.cancel_all()
    await eventually_async(maker.account.positions)

    found = await maker.risk.account(shocks=["-0.1", Decimal("0.05")], shocked_legs=True)
    (leg,) = found.now.legs
    assert (leg.instrument, leg.size, leg.cost) == ("SOL", Decimal(4), Decimal(596))
    assert (leg.notional, leg.unrealised) == (4 * leg.mark, 4 * leg.mark - 596)
    assert found.now.equity == found.cash + leg.unrealised
    # A twentieth of the notional, and half of it.
    assert (leg.initial_margin, found.now.maintenance_margin) == (leg.notional / 20, leg.notional / 40)
    assert found.now.health_band is HealthBand.HEALTHY
    assert found.now.shock == Shock("", Decimal(0))
    assert [row.shock for row in found.shocked] == [
        Shock("SOL", Decimal("-0.1")),
        Shock("SOL", Decimal("0.05")),
        Shock("", Decimal("-0.1")),
        Shock("", Decimal("0.05")),
    ]
    assert found.shocked[1].legs[0].mark == pytest.approx(leg.mark * Decimal("1.05"), abs=Decimal("0.0001"))
    # Nothing can make it poor: 100,000 dollars stand behind 600.
    assert leg.liquidation_price is None
    assert leg.bankruptcy_price < 0

    compared = await operator.risk.compare(found.account_id, shocks=["-0.5"])
    schemes = {each.scheme: each for each in compared.schemes}
    assert set(schemes) == set(MarginScheme)
    assert schemes[MarginScheme.CROSS_GROSS].shocked[0].closes == ()
    (close,) = schemes[MarginScheme.ISOLATED].shocked[0].closes
    assert (close.instrument, close.size, close.backstop) == ("SOL", Decimal(4), close.notional)


async def test_the_venue_is_for_its_operator(trader: Opener, operator: Venue) -> None:
    venue = await operator.risk.venue(shocks=["-0.2"], instruments=["BTC"])
    assert [row.shock for row in venue.shocked] == [Shock("BTC", Decimal("-0.2")), Shock("", Decimal("-0.2"))]
    # Other tests' accounts are in it; whatever they hold, a deficit is also a shortfall.
    assert all(0 <= row.deficit <= row.shortfall for row in (venue.now, *venue.shocked))
    assert venue.now.notional >= 0
    matrix = await operator.risk.contagion(shocks=["-0.2"], instruments=["BTC"])
    assert all(row.elsewhere <= sum(close.notional for close in row.closes) for row in matrix.rows)
    assert [row.shock.instrument for row in matrix.rows] == ["BTC", ""]
    someone = await trader()
    with pytest.raises(PermissionDenied):
        await someone.risk.contagion()
    with pytest.raises(PermissionDenied):
        await someone.risk.venue()


async def test_wrong_questions_are_refused(trader: Opener) -> None:
    someone = await trader()
    with pytest.raises(InvalidRequest):
        await someone.risk.account(shocks=["1.5"])
    with pytest.raises(ValueError, match="millionths"):
        await someone.risk.account(shocks=["0.0000001"])
    with pytest.raises(InstrumentUnknown):
        await someone.risk.venue(instruments=["DOGE"])


def test_without_await(run_directory: Path) -> None:
    with Client(run_directory=run_directory) as client:
        account = client.admin.open_account("asks without await", 1_000)
        found = client.risk.account(account.account_id)
        assert (found.cash, found.now.health, found.shocked) == (Decimal(1_000), None, ())
        assert client.risk.compare(account.account_id).equity == 1_000
        # The usual eight, for each instrument and for all together.
        expected = 8 * (len(client.instruments) + 1)
        assert len(client.risk.contagion().rows) == len(client.risk.venue().shocked) == expected
