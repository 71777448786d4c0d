"""Premiums, rates and payments of funding as venues published or paid them (FUND-010, FUND-020, FUND-030).

The rate comes from the oracle's functions, the payment from clearing's. Other venues' formulas are ours with other
terms; a docstring says with which.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from tests.model.worked_cases import CaseFile, assert_close, each, whole
from wavetank.clearing.core.ledger import funding_payment
from wavetank.oracle.core.funding import FundingTerms, funding_rate_e12, impact_price_e6, premium_e12
from wavetank.oracle.core.rounding import divide_towards_zero

E6 = 10**6
E12 = 10**12


def premium_of(price: str | int, index: str | int) -> int:
    """Return the premium of a book that trades its impact notional at one price on both sides."""
    price_e6 = whole(price, E6)
    return premium_e12(index_e6=whole(index, E6), impact_bid_e6=price_e6, impact_ask_e6=price_e6)


# Hyperliquid


@each("HL-FUND-01", "HL-FUND-03", "HL-FUND-05", "HL-FUND-07", "HL-FUND-09")
@pytest.mark.spec("FUND-020")
def test_rates_that_hyperliquid_paid(case: CaseFile) -> None:
    given = case["inputs"]
    terms = FundingTerms(
        interest_e12=whole(given["interest_8h"].split()[0], E12),
        clamp_e12=None if given["clamp"] is None else whole(given["clamp"], E12),
        divisor=given["divisor"],
    )
    rate = funding_rate_e12(terms, premium_sum_e12=whole(given["premium"], E12), samples=1)
    assert_close(Fraction(rate, E12), case["expected"]["fundingRate"], case["tolerance"])


FROM_THE_FIRST = FundingTerms(clamp_e12=300_000_000, divisor=1)
PERIODS = [
    (datetime(2023, 6, 8, 0, tzinfo=UTC), FROM_THE_FIRST),
    (datetime(2023, 6, 16, 20, tzinfo=UTC), FundingTerms(clamp_e12=300_000_000)),
    (datetime(2023, 7, 15, 2, tzinfo=UTC), FundingTerms(clamp_e12=None)),
    (datetime(2024, 1, 1, tzinfo=UTC), FundingTerms()),
]
"""Until which hour, inclusive, which terms held: 8-hourly, hourly, without interest, and ours."""


@pytest.mark.spec("FUND-020")
def test_every_recorded_rate_follows_from_its_premium_but_one(market_data: Path) -> None:
    path = market_data / "hyperliquid_recorded" / "get_funding_history_None.json"
    if not path.is_file():
        pytest.skip(f"recorded funding is not on this machine: {path} is missing")
    (rows,) = (
        exchange["response"]
        for exchange in json.loads(path.read_text(encoding="utf-8"))["exchanges"]
        if exchange["request"]["type"] == "fundingHistory"
    )
    assert len(rows) == 1_038
    fitting: Counter[FundingTerms] = Counter()
    odd = []
    for row in rows:
        hour = datetime.fromtimestamp(row["time"] // 1_000, UTC).replace(minute=0, second=0)
        terms = next(terms for until, terms in PERIODS if hour <= until)
        rate = funding_rate_e12(terms, premium_sum_e12=whole(row["premium"], E12), samples=1)
        # Both numbers were recorded with eight decimals.
        if abs(rate - whole(row["fundingRate"], E12)) <= E12 // 10**8:
            fitting[terms] += 1
        else:
            odd.append((hour.isoformat(), row["premium"], row["fundingRate"]))
    assert [fitting[terms] for _, terms in PERIODS] == [82, 212, 677, 66]
    assert sum(fitting.values()) == 1_037
    # In the night in which the clamp came back one rate fits no terms at all.
    assert [hour for hour, _, _ in odd] == ["2023-07-16T01:00:00+00:00"]


# dYdX


@each("DX-PREM-1", "DX-PREM-3", "DX-PREM-5", "DX-PREM-7")
@pytest.mark.spec("FUND-010")
def test_premium_at_the_impact_notional(case: CaseFile) -> None:
    """One tick is 0.1 USD and one lot 10^-5 units, so that a tick times a lot is a micro-dollar."""
    given = case["inputs"]
    bid_e6, ask_e6 = (
        impact_price_e6(
            [(whole(price, 10), whole(size, 10**5)) for price, size in given[side]], given["impact_notional_usd"] * E6
        )
        for side in ("bids", "asks")
    )
    premium = premium_e12(index_e6=whole(given["index"], 10 * E6), impact_bid_e6=bid_e6, impact_ask_e6=ask_e6)
    assert divide_towards_zero(premium, E6) == case["expected"]["premium_ppm"]


@each("DX-FIDX-1", "DX-FIDX-3", "DX-FIDX-5")
@pytest.mark.spec("FUND-020", "FUND-030")
def test_a_funding_index_is_what_a_million_lots_receive(case: CaseFile) -> None:
    """A running sum is kept per quantum, in millionths; it is paid hourly without interest, capped before / 8."""
    given = case["inputs"]
    rate = funding_rate_e12(
        FundingTerms(interest_e12=0, clamp_e12=None),
        premium_sum_e12=given["premium_8h_ppm"] * E6,
        samples=1,
        cap_e12=whole(given["cap_8h_ppm"], E6) // 8,
    )
    ticks = Fraction(given["oracle"]) * Fraction(10) ** (given["atomic_resolution"] + 6)
    assert ticks.denominator == 1
    assert funding_payment(-E6, ticks.numerator, rate) == case["expected"]["funding_index_delta"]


# Vega


def vega_rate(given: CaseFile, clamp_e12: int | None) -> int:
    """Return `G / s`: not divided, interest `dt x r`, capped where the case names an upper bound."""
    return funding_rate_e12(
        FundingTerms(
            interest_e12=whole(given.get("dt", "0"), E6) * whole(given.get("r", "0"), E6),
            clamp_e12=clamp_e12,
            divisor=1,
        ),
        premium_sum_e12=premium_of(given["f"], given["s"]),
        samples=1,
        cap_e12=whole(given["hi"], E12) if "hi" in given else None,
    )


@each("VG-FRATE-3")
@pytest.mark.spec("FUND-020")
def test_a_rate_above_its_cap_is_the_cap(case: CaseFile) -> None:
    """The lower bound of the case is lower than ours, which is as far from 0 as the upper; the rate is positive."""
    rate = vega_rate(case["inputs"], None)
    assert_close(Fraction(rate, E12), case["expected"]["funding_rate"], case["tolerance"])


@each("VG-FPAY-1", "VG-FPAY-3")
@pytest.mark.spec("FUND-020", "FUND-030")
def test_a_unit_pays_the_premium_drawn_towards_the_interest(case: CaseFile) -> None:
    given = case["inputs"]
    assert Decimal(given["cl"]) == -Decimal(given["cu"])
    rate = vega_rate(given, whole(given["cu"], E12))
    paid = -funding_payment(1, whole(given["s"], E6), rate)
    assert_close(Fraction(paid, E6), case["expected"]["funding_payment_per_unit"], case["tolerance"])


# Drift and Kraken


@each("DR-FUND-1", "DR-FUND-3")
@pytest.mark.spec("FUND-020", "FUND-030")
def test_a_day_of_premium_in_24_parts(case: CaseFile) -> None:
    """Drift's rate is an amount per unit: what 1,000 lots at a micro-dollar per tick receive is 10^-9 of it."""
    given = case["inputs"]
    assert given["period_s"] == 3_600
    mark, oracle = given["mark_twap_1e6"], given["oracle_twap_1e6"]
    rate = funding_rate_e12(
        FundingTerms(interest_e12=0, clamp_e12=None, divisor=24),
        premium_sum_e12=premium_e12(index_e6=oracle, impact_bid_e6=mark, impact_ask_e6=mark),
        samples=1,
        cap_e12=E12 // 33 // 24,
    )
    sign = 1 if rate > 0 else -1
    assert sign * funding_payment(-sign * 1_000, oracle, rate) == case["expected"]["funding_rate_1e9"]


@each("KR-FCAP-1")
@pytest.mark.spec("FUND-020")
def test_a_large_premium_pays_the_cap_of_an_hour(case: CaseFile) -> None:
    given = case["inputs"]
    rate = funding_rate_e12(
        FundingTerms(interest_e12=0, clamp_e12=None, divisor=given["realisation_h"]),
        premium_sum_e12=premium_of(given["perp"], given["index"]),
        samples=1,
        cap_e12=whole(given["cap_per_h"], E12),
    )
    assert_close(Fraction(rate, E12), case["expected"]["rate_per_h"], case["tolerance"])
