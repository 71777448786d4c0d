"""`wavetank risk` against a real venue: what clearing answers, to whom, and what the live book costs.

Marks move while the venue runs, so what is expected is worked out from the marks and costs of the answer itself.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from tests.eventually import eventually
from tests.integration.callers import BUY, ETH, SELL, SOL, on_grid, place
from tests.integration.cli.test_commands import mark_of, open_account, run, told
from wavetank.cli.connection import VenueConnection
from wavetank.cli.failure import CommandFailed
from wavetank.cli.venue import VenueProcess
from wavetank.v1 import order_entry_pb2, risk_pb2

pytestmark = pytest.mark.timeout(180)

DOLLAR = 1_000_000


def send(venue: VenueProcess, account_id: int, order: order_entry_pb2.PlaceOrder) -> order_entry_pb2.CommandResult:
    """Place an order, as soon as the shard has the account's credit, and return what became of it."""
    with VenueConnection(venue.file) as connection:

        def accepted() -> Any:  # noqa: ANN401 - the result, or None.
            request = order_entry_pb2.PlaceOrderRequest(account_id=account_id, order=order)
            result = connection.call(connection.orders.PlaceOrder, request).result
            return result if result.order_id else None

        result: order_entry_pb2.CommandResult = eventually(accepted, 20.0)
        return result


@pytest.fixture(scope="module")
def pair(venue: VenueProcess) -> Iterator[tuple[int, int, int]]:
    """Return an account that is long SOL for about twelve times its 100,000 dollars, its maker, and the lots."""
    mark = eventually(lambda: mark_of(venue, SOL), 30.0)
    maker, long = open_account(venue, "risk-maker"), open_account(venue, "risk-long")
    told(venue, "deposit", str(maker), "1m")
    price = on_grid(mark)
    wanted = 1_200_000 * DOLLAR // price
    resting = send(venue, maker, place(SELL, wanted, price, instrument_id=SOL))
    # What others had bid there before comes off; their orders are a few hundred lots.
    taken = send(
        venue,
        long,
        place(BUY, wanted, price, instrument_id=SOL, time_in_force=order_entry_pb2.TIME_IN_FORCE_IOC),
    )
    lots = taken.filled_lots
    assert wanted - 1_000 <= resting.remaining_lots <= lots <= wanted
    eventually(lambda: held_lots(venue, long) == lots, 20.0)
    yield long, maker, lots
    # Nobody else shall find a book that these two left.
    with VenueConnection(venue.file) as connection:
        request = order_entry_pb2.CancelAllOrdersRequest(account_id=maker, cancel_all=order_entry_pb2.CancelAllOrders())
        connection.call(connection.orders.CancelAllOrders, request)


def held_lots(venue: VenueProcess, account_id: int) -> int:
    legs = told(venue, "risk", "account", str(account_id))["now"]["legs"]
    return sum(leg["size_lots"] for leg in legs)


def half_even(numerator: int, denominator: int) -> int:
    below, rest = divmod(numerator, denominator)
    return below + (2 * rest > denominator or (2 * rest == denominator and below % 2 == 1))


@pytest.mark.spec("RISK-010")
def test_an_account_is_told_its_margin_and_what_it_would_be(venue: VenueProcess, pair: tuple[int, int, int]) -> None:
    long, _, lots = pair
    answer = told(venue, "risk", "account", str(long), "--shock", "-5%", "--shock", "2.5%", "--legs")
    now, (leg,) = answer["now"], answer["now"]["legs"]
    mark, cost = leg["mark_price_ticks"], leg["cost_micros"]
    assert (answer["account_id"], leg["instrument_id"], leg["size_lots"]) == (long, SOL, lots)
    assert now["shock"] == {"instrument_id": 0, "shock_ppm": 0}
    assert leg["notional_micros"] == lots * mark == now["notional_micros"]
    assert now["equity_micros"] == answer["cash_micros"] + lots * mark - cost
    # SOL: leverage 20, so initial margin is a twentieth and maintenance half of it, each rounded up.
    assert now["initial_margin_micros"] == -(-lots * mark // 20)
    assert now["maintenance_margin_micros"] == leg["maintenance_margin_micros"] == -(-lots * mark // 40)
    # Cash + lots x p - cost = lots x p / 40; a dollar has 10^4 ticks.
    exact = Fraction(cost - answer["cash_micros"], lots) * Fraction(40, 39) / 10**4
    assert abs(Fraction(leg["liquidation_price"]) - exact) <= Fraction(1, 2 * 10**8)
    # A single leg's bankruptcy price takes the whole equity.
    bankrupt = (mark - Fraction(now["equity_micros"], lots)) / 10**4
    assert abs(Fraction(leg["bankruptcy_price"]) - bankrupt) <= Fraction(1, 2 * 10**8)
    shocked = {(row["shock"]["instrument_id"], row["shock"]["shock_ppm"]): row for row in answer["shocked"]}
    assert list(shocked) == [(SOL, -50_000), (SOL, 25_000), (0, -50_000), (0, 25_000)]
    for (_, ppm), row in shocked.items():
        moved = half_even(mark * (10**6 + ppm), 10**6)
        assert row["legs"][0]["mark_price_ticks"] == moved
        assert row["equity_micros"] == answer["cash_micros"] + lots * moved - cost
        assert row["maintenance_margin_micros"] == -(-lots * moved // 40)
    page = run(venue, "risk", "account", str(long))
    assert page.exit_code == 0
    assert "all together" in page.stdout


@pytest.mark.spec("RISK-020")
def test_the_venue_tells_who_would_be_forced_to_sell(venue: VenueProcess, pair: tuple[int, int, int]) -> None:
    _, _, lots = pair
    # A fall of 30 % is more than the 100,000 that stand behind 1,200,000: all of it goes, and not in the book.
    answer = told(venue, "risk", "contagion", "--instrument", "sol", "--shock", "-30%")
    assert [row["shock"] for row in answer["rows"]] == [
        {"instrument_id": SOL, "shock_ppm": -300_000},
        {"instrument_id": 0, "shock_ppm": -300_000},
    ]
    before = sum(close["size_lots"] for close in answer["now"]["closes"] if close["instrument_id"] == SOL)
    for row in answer["rows"]:
        (close,) = [close for close in row["closes"] if close["instrument_id"] == SOL]
        assert close["size_lots"] >= before + lots
        assert close["backstop_micros"] > lots * mark_of(venue, SOL) * 6 // 10
    summed = told(venue, "risk", "venue", "--instrument", "SOL", "--shock", "-30%")
    # 1,200,000 x 0.3 less about 100,000.
    assert summed["shocked"][0]["deficit_micros"] > summed["now"]["deficit_micros"] + 200_000 * DOLLAR
    assert "elsewhere" in run(venue, "risk", "contagion", "--shock", "-30%").stdout
    assert "below margin" in run(venue, "risk", "venue").stdout


@pytest.mark.spec("RISK-030")
def test_one_book_is_compared_under_every_mode(venue: VenueProcess, pair: tuple[int, int, int]) -> None:
    long, _, lots = pair
    # A fall of 6 %: 72,000 of 100,000 are gone, which cross bears (maintenance 28,200); alone the leg had 60,000.
    answer = told(venue, "risk", "compare", str(long), "--shock", "-6%")
    schemes = {scheme["scheme"]: scheme for scheme in answer["schemes"]}
    assert set(schemes) == {"cross_gross", "isolated", "group_offset", "scenario"}
    assert schemes["isolated"]["now"]["equity_micros"] == schemes["isolated"]["now"]["initial_margin_micros"]
    assert schemes["cross_gross"]["now"]["equity_micros"] == answer["equity_micros"]
    alone = schemes["isolated"]["shocked"][0]
    assert [(close["instrument_id"], close["size_lots"]) for close in alone["closes"]] == [(SOL, lots)]
    assert alone["deficit_micros"] > 0
    assert "isolated" in run(venue, "risk", "compare", str(long)).stdout


def test_an_account_without_positions_and_one_that_is_not_there(venue: VenueProcess) -> None:
    empty = open_account(venue, "risk-empty")
    answer = told(venue, "risk", "account", str(empty))
    assert (answer["now"]["health"], answer["now"]["health_band"], answer["shocked"]) == ("", "healthy", [])
    assert "no positions" in run(venue, "risk", "account", str(empty)).stdout
    assert told(venue, "risk", "unwind", str(empty)) == {"unknown_moments": 0, "curves": {}}
    unknown = run(venue, "risk", "account", "999999")
    assert unknown.exit_code == 4
    assert "ACCOUNT_UNKNOWN" in unknown.stderr
    wrong = run(venue, "risk", "contagion", "--shock", "150%")
    assert wrong.exit_code == 4
    assert "-990000 to 1000000" in wrong.stderr
    assert run(venue, "risk", "venue", "--instrument", "DOGE").exit_code == 2


def test_an_account_asks_about_itself_and_about_nobody_else(venue: VenueProcess, pair: tuple[int, int, int]) -> None:
    long, maker, _ = pair
    key = told(venue, "keys", "create", "--account", str(long), "--scope", "read")["secret_key"]
    with VenueConnection(venue.file, key=key) as connection:
        own = connection.call(connection.risk.GetAccountRisk, risk_pb2.GetAccountRiskRequest())
        assert own.account_id == long
        assert connection.call(connection.risk.CompareMargin, risk_pb2.CompareMarginRequest()).account_id == long
        with pytest.raises(CommandFailed, match="SCOPE_MISSING"):
            connection.call(connection.risk.GetAccountRisk, risk_pb2.GetAccountRiskRequest(account_id=maker))
        with pytest.raises(CommandFailed, match="SCOPE_MISSING"):
            connection.call(connection.risk.GetVenueRisk, risk_pb2.GetVenueRiskRequest())
        with pytest.raises(CommandFailed, match="SCOPE_MISSING"):
            connection.call(connection.risk.GetContagion, risk_pb2.GetContagionRequest())


def test_the_live_book_tells_what_an_order_costs(venue: VenueProcess, pair: tuple[int, int, int]) -> None:
    _, maker, _ = pair
    mark = eventually(lambda: mark_of(venue, ETH), 30.0)
    bid, ask, beyond = (on_grid(mark * share // 1_000) for share in (995, 1_005, 1_020))
    for side, price in ((BUY, bid), (SELL, ask), (SELL, beyond)):
        send(venue, maker, place(side, 1_000, price, instrument_id=ETH))
    report = told(
        venue,
        *("risk", "impact", "eth", "--size", "0.05", "--size", "0.15"),
        *("--seconds", "1", "--per-second", "60", "--seed", "3"),
    )
    sell, sell_more, buy, buy_more = report["curves"]["ETH"]
    assert report["unknown_moments"] == 0
    assert (sell["taking"], sell["size_lots"], buy["taking"]) == ("sell", 500, "buy")
    assert sell["samples"] == buy_more["samples"] > 20
    # The book stands still: each look is the same. Half the spread; and (1,000 at ask, 500 beyond) / 1,500 above mid.
    half = Fraction(ask - bid, 2)
    average = Fraction(1_000 * ask + 500 * beyond, 1_500) - Fraction(ask + bid, 2)
    assert sell["mean_impact_e6_ticks"] == buy["mean_impact_e6_ticks"] == half * 10**6
    assert buy_more["mean_impact_e6_ticks"] == buy_more["worst_impact_e6_ticks"] == round(average * 10**6)
    assert buy_more["mean_cost_micros"] == round(average * 1_500)
    # 1,000 lots are bid, 1,500 cannot be sold.
    assert (sell_more["too_thin"], sell_more["mean_impact_e6_ticks"]) == (sell_more["samples"], None)
    shown = run(venue, "risk", "impact", "ETH", "--size", "0.15", "--seconds", "0.5")
    assert "(100 %)" in shown.stdout
    long, _, lots = pair
    curve = told(venue, "risk", "unwind", str(long), "--seconds", "0.5")["curves"]["SOL"]
    assert [point["size_lots"] for point in curve] == sorted({-(-lots // share) for share in (10, 4, 2, 1)})
    assert {point["taking"] for point in curve} == {"sell"}
