"""Numbers that venues published or were observed to use, against clearing's own functions.

Each case of the collection is run to its own tolerance. What differs between the venues is how a case is put into
integers; a test's docstring says how where it is not plain.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from tests.model.scripted_shard import BTC, ETH, MICROS, Scene
from tests.model.worked_cases import CaseFile, assert_close, each, whole
from wavetank.clearing.core.account import Account
from wavetank.clearing.core.ledger import book_leg
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.clearing.core.valuation import (
    LegValue,
    Valuation,
    bankruptcy_price,
    bankruptcy_value,
    fillable_price,
    liquidation_price,
    value_account,
)
from wavetank.clearing.core.waterfall.book_order import limit_inside
from wavetank.clearing.core.waterfall.case import Case
from wavetank.clearing.core.waterfall.deleverage import DeleverageStage
from wavetank.clearing.core.waterfall.insurance import insurance_delta
from wavetank.clearing.core.waterfall.policies.in_turn import HyperliquidPolicy
from wavetank.model.events.clearing import AdlRanked, LiquidationStepped, StepCause
from wavetank.model.events.matching import PositionTransferred
from wavetank.model.ids import INSURANCE_FUND_ID
from wavetank.model.instrument import Instrument, default_instruments
from wavetank.model.margin import MarginTable, MarginTier

HL_LIQ = [f"HL-LIQ-{number:02}" for number in range(1, 30, 2)]


def decimals_of(text: str) -> int:
    exponent = Decimal(text).normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def instrument(size_decimals: int, *tiers: MarginTier, instrument_id: int = 1) -> Instrument:
    return Instrument(instrument_id=instrument_id, symbol="X", size_decimals=size_decimals, tiers=tiers)


# Liquidation price


@each(*HL_LIQ)
@pytest.mark.spec("UNIT-045")
def test_liquidation_price_of_real_positions(case: CaseFile) -> None:
    """The account holds `margin` beside this one position, which is marked at its entry."""
    given = case["inputs"]
    listed = instrument(decimals_of(given["sz"]), MarginTier(0, given["maxLeverage"]))
    ticks = listed.ticks_per_dollar
    lots = whole(given["sz"], 10**listed.size_decimals) * (1 if given["side"] == "long" else -1)
    entry = whole(given["entryPx"], ticks)
    value = value_account(whole(given["margin"], MICROS), [(listed, lots, lots * entry)], lambda _: entry)
    price = liquidation_price(value.legs[0], value.equity_micros, 0, listed.margin)
    assert price is not None
    assert_close(price / ticks, case["expected"]["liquidationPx"], case["tolerance"])


@each("BN-LIQ-1")
@pytest.mark.spec("MRGN-020")
def test_liquidation_price_in_a_tier_that_names_its_rate(case: CaseFile) -> None:
    """The tier below is chosen so that the deduction is the case's `cum`: L x (10 % - 5 %) = 135 365."""
    position = case["inputs"]["position"]
    lower = 135_365 * 20 * MICROS
    listed = instrument(3, MarginTier(0, 10, 50_000), MarginTier(lower, 5, 100_000))
    assert Fraction(listed.margin.lines[1][2], listed.margin.denominator) == whole(position["cum"], MICROS)
    ticks = listed.ticks_per_dollar
    lots = whole(position["size"], 1_000)
    value = value_account(
        whole(case["inputs"]["wallet_balance"], MICROS),
        [(listed, lots, lots * whole(position["ep"], ticks))],
        lambda _: whole(position["mark"], ticks),
    )
    price = liquidation_price(value.legs[0], value.equity_micros, 0, listed.margin)
    assert price is not None
    assert_close(price / ticks, case["expected"]["liquidation_price"], case["tolerance"])


# Margin


@each("HL-TIER-1")
@pytest.mark.spec("MRGN-020")
def test_maintenance_margin_at_a_tier_boundary(case: CaseFile) -> None:
    tiers = [MarginTier(lower * MICROS, leverage) for lower, leverage in case["inputs"]["tiers_[lower,maxLev]"]]
    margin = MarginTable(tiers).maintenance_micros(case["inputs"]["notional"] * MICROS)
    assert_close(Fraction(margin, MICROS), case["expected"]["maintenance_margin"], case["tolerance"])


@each("BN-TIER-CUM")
@pytest.mark.spec("MRGN-020")
def test_deduction_grows_from_tier_to_tier(case: CaseFile) -> None:
    """Units are 10^-8 coins; below level 4 stands one tier, 28 coins x (2.5 % - 0.5 %) = 0.56."""
    given = case["inputs"]
    coin = 10**8
    table = MarginTable(
        [
            MarginTier(0, 100, 5_000),
            MarginTier(28 * coin, 20, whole(given["mmr_L4"], 10**6)),
            MarginTier(whole(given["floor_L5_btc"], coin), 10, whole(given["mmr_L5"], 10**6)),
        ]
    )
    level_4, level_5 = (Fraction(deduction, table.denominator * coin) for _, _, deduction in table.lines[1:])
    assert_close(level_4, given["cum_L4"], {"abs": 0})
    assert_close(level_5, case["expected"]["cum_L5"], case["tolerance"])


@each("DX-MARGIN-1", "DX-MARGIN-3", "DX-MARGIN-5", "DX-MARGIN-7")
@pytest.mark.spec("MRGN-020")
def test_margins_round_up_once(case: CaseFile) -> None:
    """A quantum is a lot; the price of one is price x 10^(exponent + resolution + 6) micro-dollars."""
    given = case["inputs"]
    price = Fraction(given["price"]) * Fraction(10) ** (given["price_exponent"] + given["atomic_resolution"] + 6)
    assert price.denominator == 1
    leverage = Fraction(10**6, given["initial_margin_ppm"])
    maintenance_ppm = Fraction(given["initial_margin_ppm"] * given["maintenance_fraction_ppm"], 10**6)
    assert leverage.denominator == maintenance_ppm.denominator == 1
    listed = instrument(0, MarginTier(0, leverage.numerator, maintenance_ppm.numerator))
    lots = given["base_quantums"]
    value = value_account(0, [(listed, lots, 0)], lambda _: price.numerator)
    assert value.initial_micros == case["expected"]["initial"]
    assert value.maintenance_micros == case["expected"]["maintenance"]


# dYdX accounts: dollars of quote, positions in coins of 10^-8, one micro-dollar a tick and lot

COIN = 10**8
NAMES = {"BTC": 1, "ETH": 2}


def dydx_account(case: CaseFile) -> Valuation:
    """Value an account whose quote balance already holds what its positions cost."""
    given = case["inputs"]
    rate = whole(given["mmr"], 10**6)
    oracle = given.get("oracle") or {"BTC": given["price"]}
    positions = given.get("positions") or {"BTC": given["position_btc"]}
    legs = [
        (
            instrument(0, MarginTier(0, 1, rate), instrument_id=NAMES[name]),
            whole(size, COIN),
            0,
        )
        for name, size in positions.items()
    ]
    marks = {NAMES[name]: price * MICROS // COIN for name, price in oracle.items()}
    return value_account(given["quote_usd"] * MICROS, legs, marks.__getitem__)


@each("DX-ISLIQ-1", "DX-ISLIQ-2")
@pytest.mark.spec("LIQ-030")
def test_an_account_that_just_meets_its_margin_is_not_liquidated(case: CaseFile) -> None:
    assert dydx_account(case).is_below_maintenance is case["expected"]["liquidatable"]


@each("DX-BANKR-1", "DX-BANKR-3", "DX-BANKR-5", "DX-BANKR-7", "DX-BANKR-9")
@pytest.mark.spec("LIQ-035")
def test_bankruptcy_value_shares_equity_by_margin(case: CaseFile) -> None:
    given = case["inputs"]
    value = dydx_account(case)
    ((name, change),) = given["close"].items()
    leg = value.leg(NAMES[name])
    closed = -whole(change, COIN)
    table = MarginTable([MarginTier(0, 1, whole(given["mmr"], 10**6))])
    rest = table.maintenance_micros((abs(leg.lots) - abs(closed)) * leg.mark_price_ticks)
    found = bankruptcy_value(
        closed_lots=closed,
        mark_price_ticks=leg.mark_price_ticks,
        equity_micros=value.equity_micros,
        relieved_micros=leg.maintenance_micros - rest,
        maintenance_micros=value.maintenance_micros,
    )
    assert_close(Fraction(found), case["expected"]["bankruptcy_quote_quantums"], case["tolerance"])


@each("DX-FILLPX-1", "DX-FILLPX-3", "DX-FILLPX-5", "DX-FILLPX-7")
@pytest.mark.spec("LIQ-040")
def test_fillable_price_gives_away_a_share_of_the_margin(case: CaseFile) -> None:
    given = case["inputs"]
    value = dydx_account(case)
    price = fillable_price(
        value.leg(NAMES[given["coin"]]),
        value.equity_micros,
        value.maintenance_micros,
        spread_to_maintenance=Fraction(given["spread_to_mmr_ppm"], 10**6),
        bankruptcy_adjustment=Fraction(given["bankruptcy_adjustment_ppm"], 10**6),
    )
    assert_close(price * COIN / MICROS, case["expected"]["fillable_price"], case["tolerance"])


@each("DX-IFDELTA-1", "DX-IFDELTA-3", "DX-IFDELTA-5", "DX-IFDELTA-7", "DX-IFDELTA-9")
@pytest.mark.spec("LIQ-070")
def test_fund_takes_its_fee_of_a_gain_and_owes_a_loss(case: CaseFile) -> None:
    given = case["inputs"]
    fill = given["fill_quote_quantums"]
    delta = insurance_delta(
        given["bankruptcy_quote_quantums"], fill, abs(fill), fee_ppm=given["max_liquidation_fee_ppm"]
    )
    assert delta == case["expected"]["insurance_fund_delta"]


@each("DX-IFVALID-1", "DX-IFVALID-3", "DX-IFVALID-5")
@pytest.mark.spec("LIQ-070")
def test_fund_covers_a_loss_up_to_all_it_has(case: CaseFile) -> None:
    given = case["inputs"]
    scene = Scene(fund_micros=given["balance"])
    covers = scene.state.fund_available(BTC, scene.now_ns) >= -given["delta"]
    assert covers is case["expected"]["fund_can_cover"]


@each("DX-ADL-1", "DX-ADL-3", "DX-ADL-5", "DX-ADL-7")
@pytest.mark.spec("LIQ-080")
def test_deleveraging_closes_both_sides_at_the_bankruptcy_price(case: CaseFile) -> None:
    """Both positions were opened at the oracle's price, so a quote balance is cash less cost."""
    given = case["inputs"]
    scene = Scene(
        settings=ClearingSettings(vault_enabled=False, fund_enabled=False),
        instruments=(Instrument(instrument_id=BTC, symbol="BTC", size_decimals=5, tiers=(MarginTier(0, 5, 100_000),)),),
    )
    coin, oracle = 10**5, given["oracle"] * 10  # lots of a coin; ticks of 10 cents
    short, long = scene.open(1_000_000), scene.open(1_000_000)
    scene.mark(BTC, oracle)
    scene.trade(BTC, long, short, coin, oracle)
    # Play money leaves again, so that cash - cost is the case's balance: the deposits were round.
    cash = {
        short: (given["liquidated"]["quote_usd"] - given["oracle"]) * MICROS,
        long: (given["offsetting"]["quote_usd"] + given["oracle"]) * MICROS,
    }
    for account_id, wanted in cash.items():
        scene.state.ledger.add_total(scene.account(account_id).row, wanted - scene.cash(account_id))
    stage, account = DeleverageStage(HyperliquidPolicy()), scene.account(short)
    scene.core.waterfall.start(account, scene.now_ns)
    scene.keep()
    assert account.liquidation is not None
    account.liquidation.pending.clear()
    account.liquidation.marks = {BTC: oracle}
    stage.act(Case(scene.state, account, scene.now_ns, scene.core._emit))
    scene.keep()

    if case["expected"]["result"] == "rejected":
        # Nobody may be asked at V: the only one on the other side is bankrupt himself.
        assert scene.last(LiquidationStepped).cause == StepCause.NO_VICTIM_LEFT
        return
    assert scene.last(LiquidationStepped).cause == StepCause.BOOK_EXHAUSTED
    assert [line.account_id for line in scene.all(AdlRanked)] == [long]
    seq, request = scene.request(short)
    moved = whole(str(given["close_btc"]), coin)
    (transferred, _) = scene.transferred(seq, request, lots=moved)
    assert isinstance(transferred, PositionTransferred)
    delta, value = transferred.giver_delta_lots, transferred.giver_value_micros
    # What each side is left with, booked as any leg is.
    quote = {}
    for account_id, sign in ((short, 1), (long, -1)):
        position = scene.account(account_id).positions[BTC]
        leg = book_leg(position.lots, position.cost_micros, sign * delta, sign * value)
        quote[account_id] = (cash[account_id] + leg.realised_micros - leg.cost_micros, leg.lots)
    expected = case["expected"]["result"]
    assert quote[short] == (whole(str(expected["liq_quote"]), MICROS), whole(str(expected["liq_pos"]), coin))
    assert quote[long] == (whole(str(expected["off_quote"]), MICROS), whole(str(expected["off_pos"]), coin))


# The golden account: cash 10 000; long 1 BTC @100 000, mark 92 500; short 20 ETH @4 000, mark 4 050

BTC_LISTED, ETH_LISTED, _ = default_instruments()
MARKS = {BTC: 925_000, ETH: 405_000}


def golden() -> Valuation:
    """BTC lots are 10^-5 coins and ticks 10 cents; ETH lots 10^-4 and ticks a cent."""
    legs = [
        (BTC_LISTED, 100_000, 100_000 * 1_000_000),
        (ETH_LISTED, -200_000, -200_000 * 400_000),
    ]
    return value_account(10_000 * MICROS, legs, MARKS.__getitem__)


@pytest.mark.spec("LIQ-035", "MRGN-010")
def test_golden_account_is_below_backstop() -> None:
    value = golden()
    # 10 000 - 7 500 - 1 000; 1.25 % of 92 500 is 1 156.25, 2 % of 81 000 is 1 620.
    assert value.equity_micros == 1_500_000_000
    assert value.maintenance_micros == 2_776_250_000
    assert value.is_below_backstop
    assert round(Fraction(value.equity_micros, value.maintenance_micros), 4) == Fraction("0.5403")


@pytest.mark.spec("LIQ-070", "UNIT-045")
def test_golden_account_shows_its_bankruptcy_prices() -> None:
    value = golden()
    btc, eth = (bankruptcy_price(leg, value.equity_micros, value.maintenance_micros) for leg in value.legs)
    assert round(btc / 10, 4) == Fraction("91875.2814")
    assert round(eth / 100, 4) == Fraction("4093.7641")


@pytest.mark.spec("LIQ-035")
@pytest.mark.parametrize("order", [(BTC, ETH), (ETH, BTC)])
def test_golden_account_closed_at_its_values_leaves_nothing(order: tuple[int, int]) -> None:
    listed = {BTC: BTC_LISTED, ETH: ETH_LISTED}
    positions = {BTC: (100_000, 100_000 * 1_000_000), ETH: (-200_000, -200_000 * 400_000)}
    cash = 10_000 * MICROS
    for instrument_id in order:
        legs = [(listed[key], *positions[key]) for key in sorted(positions)]
        value = value_account(cash, legs, MARKS.__getitem__)
        leg = value.leg(instrument_id)
        due = bankruptcy_value(
            closed_lots=leg.lots,
            mark_price_ticks=leg.mark_price_ticks,
            equity_micros=value.equity_micros,
            relieved_micros=leg.maintenance_micros,
            maintenance_micros=value.maintenance_micros,
        )
        booked = book_leg(*positions.pop(instrument_id), -leg.lots, -due)
        assert (booked.lots, booked.cost_micros) == (0, 0)
        cash += booked.realised_micros
    assert cash == 0


@pytest.mark.spec("LIQ-040")
@pytest.mark.parametrize(("spread", "expected"), [("1.5", "91702.70"), ("0.1", "92446.85")])
def test_golden_account_may_sell_down_to_its_fillable_price(spread: str, expected: str) -> None:
    value = golden()
    price = fillable_price(
        value.leg(BTC), value.equity_micros, value.maintenance_micros, spread_to_maintenance=Fraction(spread)
    )
    assert round(price / 10, 2) == Fraction(expected)


@pytest.mark.spec("LIQ-035")
def test_limits_round_inside_to_the_price_step() -> None:
    scene = Scene()
    scene.mark(BTC, 925_000)
    scene.mark(ETH, 405_000)
    value = golden()
    # A BTC price of five figures moves by whole dollars, ten ticks: 91 702.7 becomes 91 703 for a sale.
    assert limit_inside(scene.state, value.leg(BTC), Fraction("917027.01")) == 917_030
    # ETH at 4 093.7641 moves by 10 cents: a purchase goes down to 4 093.7.
    assert limit_inside(scene.state, value.leg(ETH), Fraction("409376.41")) == 409_370
    # Neither leaves the 10 % band around the mark: 832 500 and 445 500.
    assert limit_inside(scene.state, value.leg(BTC), Fraction(700_000)) == 832_500
    assert limit_inside(scene.state, value.leg(ETH), Fraction(500_000)) == 445_500


@pytest.mark.spec("UNIT-045")
def test_golden_account_would_be_liquidated_at() -> None:
    value = golden()
    btc = value.leg(BTC)
    price = liquidation_price(
        btc, value.equity_micros, value.maintenance_micros - btc.maintenance_micros, BTC_LISTED.margin
    )
    assert price is not None
    assert round(price / 10, 4) == Fraction("93792.4051")
    # There, exactly, equity meets the margin.
    moved = price - btc.mark_price_ticks
    equity = value.equity_micros + moved * btc.lots
    others = value.maintenance_micros - btc.maintenance_micros
    assert equity == others + price * btc.lots / 80


def test_a_liquidation_price_that_no_price_reaches_is_none() -> None:
    # A long bought with its own money and more: at a price of 0 it still has 1 dollar of equity.
    listed = instrument(0, MarginTier(0, 10))
    value = value_account(2 * MICROS, [(listed, 1, MICROS)], lambda _: MICROS)
    assert liquidation_price(value.legs[0], value.equity_micros, 0, listed.margin) is None


def test_leg_of_an_unknown_instrument_is_an_error() -> None:
    with pytest.raises(KeyError):
        golden().leg(3)
    assert isinstance(golden().leg(1), LegValue)
    assert isinstance(Scene().account(INSURANCE_FUND_ID), Account)
