"""The measuring runs what it says: the accounts fall that a person says fall, and everything is counted."""

from wavetank.clearing import bench
from wavetank.model.ids import FIRST_CLIENT_ACCOUNT_ID
from wavetank.model.instrument import MICROS


def test_the_venue_is_what_a_person_works_out() -> None:
    venue = bench.Venue(4, [20 * MICROS])
    state = venue.core.state
    for number in range(4):
        value = state.value(state.accounts[FIRST_CLIENT_ACCOUNT_ID + number])
        # 8 legs of 100 dollars at 1/80: 1.25 dollars each. Fees: 8 x 450 micro-dollars of takers, 8 x 150 of makers.
        assert (value.notional_micros, value.maintenance_micros) == (800 * MICROS, 10 * MICROS)
        assert value.equity_micros == 20 * MICROS - 8 * (450 if number % 2 else 150)


def test_both_passes_find_the_same_accounts() -> None:
    # Who bought the first instrument with 15 dollars loses 20 of them at 0.8 of the mark: every fourth account.
    report = bench.revalue(bench.Venue(40, [40 * MICROS, 15 * MICROS, 1_000 * MICROS, 40 * MICROS]))
    assert report["below"] == 10


def test_accounts_in_distress_get_their_first_requests() -> None:
    report = bench.waterfall(9)
    assert report["waterfall_accounts"] == 9
    # Of nine, three are closed in the book by one order each, three give 8 legs to the vault, three sell with the fund.
    assert report["waterfall_requests"] == 3 + 3 * 8 + 3


def test_every_trade_is_counted_on_both_sides() -> None:
    venue = bench.Venue(4, [40 * MICROS])
    before = venue.core.last_seq
    assert bench.fills(venue, 2_000)["fills_per_s"] > 0
    # A booking for each side, and what is told of health besides.
    assert venue.core.last_seq - before >= 4_000
    assert sum(venue.core.state.ledger.total_lots().values()) == 0
