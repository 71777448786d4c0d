"""The auditor's own arithmetic, against numbers worked out by hand."""

import pytest

from wavetank.cli.audit.ledger import leg_of
from wavetank.cli.audit.margins import Leg, Terms, Worth, bankruptcy_value, shares_of_loss
from wavetank.model.events.clearing import InstrumentListed, MarginTierListed
from wavetank.model.instrument import Instrument
from wavetank.model.margin import MarginTier


def terms_of(*tiers: MarginTier) -> Terms:
    instrument = Instrument(instrument_id=1, symbol="X", size_decimals=0, tiers=tiers)
    head, *rest = instrument.listing()
    assert isinstance(head, InstrumentListed)
    terms = Terms(head)
    for tier in rest:
        assert isinstance(tier, MarginTierListed)
        terms.add_tier(tier)
    return terms


@pytest.mark.spec("INV-050")
def test_legs_realise_what_the_closed_share_had_cost() -> None:
    # Buys 1 @100 and 2 @101: cost 302. Sells 1 @110: removes trunc(302/3) = 100, realises 10; and so on.
    assert leg_of(0, 0, 1, 100) == (1, 100, 0)
    assert leg_of(1, 100, 2, 202) == (3, 302, 0)
    assert leg_of(3, 302, -1, -110) == (2, 202, 10)
    assert leg_of(2, 202, -1, -110) == (1, 101, 9)
    assert leg_of(1, 101, -1, -90) == (0, 0, -11)


@pytest.mark.spec("INV-050")
def test_a_flip_is_a_close_and_an_opening() -> None:
    # Long 2 for 201; sells 5 for 1,001: the close of 2 is worth trunc(1001·2/5) = 400, the opening 601.
    assert leg_of(2, 201, -5, -1001) == (-3, -601, 199)
    # Short 3 for -301; buys 4 for 400: the close of 3 is worth 300, the opening 100.
    assert leg_of(-3, -301, 4, 400) == (1, 100, 1)


def test_a_partial_close_of_a_short_rounds_towards_zero() -> None:
    # trunc(-301/3) = -100, so -201 stay and 1 · 90 was paid: 100 - 90 = 10.
    assert leg_of(-3, -301, 1, 90) == (-2, -201, 10)


def test_maintenance_margin_is_continuous_at_a_tier() -> None:
    # 1/80 up to 150,000,000; above it 1/40 less 150,000,000 · (1/40 - 1/80) = 1,875,000.
    terms = terms_of(MarginTier(0, 40), MarginTier(150_000_000, 20))
    assert terms.maintenance(149_999_999) == 1_875_000
    assert terms.maintenance(150_000_000) == 1_875_000
    assert terms.maintenance(150_000_001) == 1_875_001
    assert terms.initial(150_000_000, 40) == terms.least_initial(150_000_000) == 7_500_000


@pytest.mark.spec("MRGN-020")
def test_initial_margin_at_a_leverage_and_a_share_is_rounded_once() -> None:
    terms = terms_of(MarginTier(0, 40), MarginTier(1_000, 20))
    assert (terms.initial(999, 30), terms.initial(1_000, 30), terms.initial(1_000, 7)) == (34, 50, 143)
    # 1/3 + 0.1 x 2/3 = 0.4 of 13: 5.2. Rounding 13/3 first would give 5 + 0.1 x 8.
    terms.share = 100_000
    assert (terms.initial(13, 3), terms.least_initial(13)) == (6, 1)


def test_bankruptcy_values_of_two_legs_leave_nothing() -> None:
    # Cash 10,000; long 1 @100,000 at mark 92,500 (1.25 %), short 20 @4,000 at 4,050 (2 %): E 1,500, MM 2,776.25.
    # In cents: E 150,000; MM 115,625 + 162,000 = 277,625.
    long_terms = terms_of(MarginTier(0, 40))
    short_terms = terms_of(MarginTier(0, 1, 20_000))
    worth = Worth(150_000, 277_625, 0, {1: Leg(1, 9_250_000, 115_625), 2: Leg(-20, 405_000, 162_000)})
    first = bankruptcy_value(worth, long_terms, 1, 1)
    # 150,000 · 115,625 / 277,625 = 62,471.86…: the long must yield 91,875.29 dollars.
    assert first == 9_250_000 - 62_471
    equity = 150_000 - 62_471
    rest = Worth(equity, 162_000, 0, {2: Leg(-20, 405_000, 162_000)})
    # The last leg takes all that is left.
    assert bankruptcy_value(rest, short_terms, 2, -20) == -20 * 405_000 - equity


@pytest.mark.spec("INV-070")
def test_a_loss_is_shared_in_proportion_and_never_above_a_gain() -> None:
    assert shares_of_loss(30, {7: 60, 9: 40}) == {7: 18, 9: 12}
    assert shares_of_loss(100, {7: 60, 9: 40}) == {7: 60, 9: 40}
    # 10/3 each: the rest goes to the lower id.
    assert shares_of_loss(10, {9: 5, 7: 5, 8: 5}) == {9: 3, 7: 4, 8: 3}
