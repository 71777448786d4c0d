"""The page of a long day in many markets: thinning keeps it small enough to be sent to somebody."""

from random import Random

from tests.unit.storms.report.finished_run import BTC, SECOND_NS, at, finished_run
from tests.unit.storms.report.reading_page import page_of, titles
from wavetank.storms.measure.record import AccountTrack, BookTrack, PriceTrack, RunRecord
from wavetank.storms.report.page import MOST_INSTRUMENTS


def long_run(seed: int, instruments: int) -> RunRecord:
    """Return an hour at ten publications a second."""
    dice, rows = Random(seed), 36_000
    run = finished_run(seed=seed)
    run.ended_ns = at(3_600)
    times = [at(0) + row * SECOND_NS // 10 for row in range(rows)]
    walk = [100_000 + dice.randrange(-500, 500) for _ in range(rows)]
    for number in range(1, instruments + 1):
        run.listed[number] = run.listed[BTC]
        run.prices[number] = PriceTrack(times, walk, walk, walk, walk, [True] * rows)
        run.books[number] = BookTrack(times, walk, [each + 10 for each in walk], walk, walk, walk)
    for number in run.members:
        run.accounts[number] = AccountTrack(times, walk, walk, walk)
    return run


def test_a_long_day_in_many_markets_stays_below_eight_megabytes() -> None:
    # Four runs would take twice as long and no more room, for runs share a budget.
    runs = [long_run(seed, MOST_INSTRUMENTS + 1) for seed in range(1, 3)]
    page = page_of(*runs)
    assert len(page.encode()) < 8_000_000
    assert titles(page).count("BTC: prices") == MOST_INSTRUMENTS * 2
    assert "Traded less, and not drawn" in page
