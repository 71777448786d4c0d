"""The impact curve by hand and against a book of single lots; random moments; what the command refuses."""

import statistics
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from wavetank.cli.amounts import AmountMalformed
from wavetank.cli.app import app
from wavetank.cli.book_sampling import random_arrivals
from wavetank.cli.impact import BookState, ExpectedImpact, ImpactCurve, Taking, fill_value_micros, impact_ticks
from wavetank.cli.risk import shock_ppm

BOOK = BookState(bids=((100, 5), (98, 10)), asks=((103, 4), (104, 4), (110, 100)))


def test_a_purchase_pays_the_asks_from_the_best_on() -> None:
    # Mid 101.5. 4 at 103: 1.5. 6: (412 + 208) / 6 = 103.33, less mid 1.8333. 10: (412 + 416 + 220) / 10 = 104.8.
    assert impact_ticks(BOOK, Taking.BUY, 4) == Fraction(3, 2)
    assert impact_ticks(BOOK, Taking.BUY, 6) == Fraction(11, 6)
    assert impact_ticks(BOOK, Taking.BUY, 10) == Fraction(33, 10)


def test_a_sale_gets_the_bids_and_the_cost_is_positive_too() -> None:
    # 5 at 100: 1.5. 15: (500 + 980) / 15 = 98.67, below mid by 2.8333.
    assert impact_ticks(BOOK, Taking.SELL, 5) == Fraction(3, 2)
    assert impact_ticks(BOOK, Taking.SELL, 15) == Fraction(17, 6)
    assert impact_ticks(BOOK, Taking.SELL, 16) is None


def test_without_a_mid_there_is_no_impact() -> None:
    assert impact_ticks(BookState(BOOK.bids, ()), Taking.SELL, 1) is None
    assert impact_ticks(BookState((), BOOK.asks), Taking.BUY, 1) is None


def test_the_mean_is_exact_and_thin_books_are_counted_beside_it() -> None:
    curve = ImpactCurve([(Taking.SELL, 5), (Taking.SELL, 12), (Taking.BUY, 1_000)])
    # Mid 101.5: 1.5 and (500 + 686) / 12 = 98.83 below it by 2.6667. Then only 10 lots at 90 below a mid of 96.5: 6.5.
    # Then nothing to sell into.
    for book in (BOOK, BookState(((90, 10),), BOOK.asks), BookState((), BOOK.asks)):
        curve.add(book)
    first, second, third = curve.points()
    assert first == ExpectedImpact(
        taking=Taking.SELL,
        size_lots=5,
        samples=3,
        too_thin=1,
        # (1.5 + 6.5) / 2, the worse, and (1.5 / 101.5 + 6.5 / 96.5) / 2.
        mean_ticks=Fraction(4),
        worst_ticks=Fraction(13, 2),
        mean_share=(Fraction(3, 203) + Fraction(13, 193)) / 2,
    )
    assert first.mean_cost_micros == 20
    assert (second.samples, second.too_thin, second.mean_ticks) == (3, 2, Fraction(8, 3))
    assert (third.too_thin, third.mean_ticks, third.worst_ticks, third.mean_cost_micros) == (3, None, None, None)


def test_a_curve_that_saw_nothing_says_nothing() -> None:
    (point,) = ImpactCurve([(Taking.BUY, 1)]).points()
    assert (point.samples, point.too_thin, point.mean_ticks, point.mean_share) == (0, 0, None, None)


LEVELS = st.lists(st.tuples(st.integers(1, 2_000), st.integers(1, 9)), max_size=6, unique_by=lambda level: level[0])


@given(bids=LEVELS, asks=LEVELS, size=st.integers(1, 60))
def test_a_fill_is_that_of_single_lots_taken_one_by_one(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], size: int
) -> None:
    bids.sort(reverse=True)
    asks.sort()
    singles = [price for price, lots in asks for _ in range(lots)]
    value = fill_value_micros(asks, size)
    assert value == (sum(singles[:size]) if len(singles) >= size else None)
    impact = impact_ticks(BookState(tuple(bids), tuple(asks)), Taking.BUY, size)
    if value is None or not bids:
        assert impact is None
    else:
        assert impact == Fraction(value, size) - Fraction(bids[0][0] + asks[0][0], 2)


def test_random_moments_come_from_the_seed_and_at_the_rate_that_was_asked_for() -> None:
    moments = random_arrivals(7, per_second=50, seconds=200)
    assert moments == random_arrivals(7, per_second=50, seconds=200)
    assert moments != random_arrivals(8, per_second=50, seconds=200)
    assert moments == sorted(moments)
    assert moments[0] > 0
    assert moments[-1] < 200
    # 10,000 are expected; the deviation of a Poisson count is its root, 100.
    assert abs(len(moments) - 10_000) < 500
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    # Of exponential gaps mean and deviation are one.
    assert statistics.stdev(gaps) == pytest.approx(statistics.mean(gaps), rel=0.05)


def test_shocks_are_read_exactly() -> None:
    assert [shock_ppm(text) for text in ("-10%", "25bp", "-0.0001%", "0.3")] == [-100_000, 2_500, -1, 300_000]
    for text in ("0.00001%", "down"):
        with pytest.raises(AmountMalformed):
            shock_ppm(text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("risk account", "Missing argument 'ACCOUNT'"),
        ("risk contagion --shock soon", "is no ratio"),
        ("risk impact BTC --seconds 0", "--seconds"),
        ("risk unwind 1000 --per-second 5000", "--per-second"),
    ],
)
def test_a_wrong_command_line_says_what_is_wrong(arguments: str, said: str) -> None:
    result = CliRunner().invoke(app, arguments.split())
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(
    ("command", "argument"),
    [("account", "1"), ("compare", "1"), ("venue", ""), ("contagion", ""), ("impact", "BTC"), ("unwind", "1")],
)
def test_without_a_venue_every_question_says_how_to_start_one(command: str, argument: str, tmp_path: Path) -> None:
    arguments = [argument] if argument else []
    result = CliRunner().invoke(app, ["risk", command, *arguments, "--dir", str(tmp_path / "none")])
    assert (result.exit_code, result.stdout) == (3, "")
    assert "wavetank up" in result.stderr
    page = CliRunner().invoke(app, ["risk", command, "--help"])
    assert f"wavetank risk {command}" in page.output
