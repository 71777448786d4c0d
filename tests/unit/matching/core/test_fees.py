"""Fees are those of the order as a whole: splitting a trade changes nothing (PROTOCOL 1.4)."""

from dataclasses import replace

import pytest

from tests.unit.matching.core.desk import ALICE, BOB, BUY, CAROL, INSTRUMENT, SELL, Desk
from wavetank.matching.core import commands
from wavetank.matching.core.credit import CreditLine
from wavetank.matching.core.engine import Engine
from wavetank.model.events.matching import CreditApplied, FeeRatesApplied
from wavetank.model.fees import NO_OWN_RATE_PPM, NO_OWN_RATES, FeeRates
from wavetank.model.reason import Reason
from wavetank.model.record import RECORD_BYTES


@pytest.mark.spec("FEE-010", "UNIT-040")
def test_ten_fills_of_one_lot_cost_what_one_fill_of_ten_does(desk: Desk) -> None:
    for _ in range(10):
        desk.place(BOB, SELL, 1, 1_000)
    desk.place(ALICE, BUY, 10, 1_000)
    trades = list(desk.of_kind("Traded"))
    # 1,000 * 450 ppm = 0.45 each; cumulated and rounded up: 1, 1, 2, 2, 3, 3, 4, 4, 5, 5.
    assert [trade.taker_fee_micros for trade in trades] == [1, 0, 1, 0, 1, 0, 1, 0, 1, 0]
    # Each maker order is its own: 0.15, rounded up.
    assert [trade.maker_fee_micros for trade in trades] == [1] * 10
    desk.place(CAROL, SELL, 10, 1_000)
    desk.place(ALICE, BUY, 10, 1_000)
    trade = next(desk.of_kind("Traded"))
    assert (trade.taker_fee_micros, trade.maker_fee_micros) == (5, 2)


@pytest.mark.spec("FEE-010", "UNIT-040")
def test_an_order_that_takes_and_then_rests_is_rounded_up_once(desk: Desk) -> None:
    desk.place(BOB, SELL, 1, 1_000)
    order_id = desk.place(ALICE, BUY, 3, 1_000).order_id
    assert next(desk.of_kind("Traded")).taker_fee_micros == 1
    fees = []
    for _ in range(2):
        desk.place(BOB, SELL, 1, 1_000)
        fees.append(next(desk.of_kind("Traded")).maker_fee_micros)
    # 0.45 + 0.15 + 0.15 = 0.75: the first micro-dollar has paid for all.
    assert fees == [0, 0]
    assert desk.engine.order(order_id) is None


@pytest.mark.spec("FEE-010", "UNIT-040")
def test_a_rebate_rounds_down() -> None:
    desk = Desk(replace(INSTRUMENT, maker_fee_ppm=-250))
    desk.place(BOB, SELL, 10, 1_000)
    fees = []
    for _ in range(5):
        desk.place(ALICE, BUY, 2, 1_000)
        fees.append(next(desk.of_kind("Traded")).maker_fee_micros)
    # 2,000 * 250 ppm = 0.5 each; cumulated and rounded down: 0, 1, 1, 2, 2.
    assert fees == [0, -1, 0, -1, 0]


# Rates of an account's own ---------------------------------------------------------------------

OWN = FeeRates(240, -30)


@pytest.mark.spec("FEE-010")
def test_an_account_with_rates_of_its_own_is_charged_the_lower_of_them_and_the_instruments(desk: Desk) -> None:
    desk.line(ALICE, fee_rates=OWN)
    assert desk.events == [FeeRatesApplied(0, ALICE, 240, -30)]
    desk.line(BOB, fee_rates=FeeRates(90_000, 70_000))
    # The same rates again are no news.
    desk.line(ALICE, fee_rates=OWN)
    assert desk.events == []
    desk.place(BOB, SELL, 100, 1_000)
    desk.place(ALICE, BUY, 100, 1_000)
    trade = next(desk.of_kind("Traded"))
    # 100,000 at 240 ppm is 24; Bob's own are dearer than the instrument's 150: 15.
    assert (trade.taker_fee_micros, trade.maker_fee_micros) == (24, 15)
    desk.place(ALICE, SELL, 100, 1_000)
    desk.place(BOB, BUY, 100, 1_000)
    trade = next(desk.of_kind("Traded"))
    # Bob takes at the instrument's 450; 100,000 at -30 ppm is -3.
    assert (trade.taker_fee_micros, trade.maker_fee_micros) == (45, -3)


@pytest.mark.spec("FEE-010")
def test_one_rate_may_be_its_own_and_the_other_the_instruments(desk: Desk) -> None:
    desk.line(ALICE, fee_rates=FeeRates(NO_OWN_RATE_PPM, -10))
    desk.place(ALICE, SELL, 100, 1_000)
    desk.place(BOB, BUY, 100, 1_000)
    assert next(desk.of_kind("Traded")).maker_fee_micros == -1
    desk.place(BOB, SELL, 100, 1_000)
    desk.place(ALICE, BUY, 100, 1_000)
    assert next(desk.of_kind("Traded")).taker_fee_micros == 45


@pytest.mark.spec("FEE-010", "MRGN-040")
def test_what_open_orders_may_lose_follows_the_rates(desk: Desk) -> None:
    desk.place(ALICE, BUY, 100, 990)
    waiting = desk.place(ALICE, SELL, 100, 980, trigger_kind=1, trigger_source=2, trigger_price_ticks=980).order_id
    # Margin of 100 lots at the mark of 1,000: 100,000 / 10. Nothing beyond the mark; 99,000 at 450 ppm is 44.55: 45.
    assert desk.engine.committed(ALICE) == 10_000 + 45
    desk.line(ALICE, fee_rates=OWN, acknowledge=True)
    # 99,000 at 240 ppm is 23.76: 24. The acknowledgement says so already; what waits for its trigger commits nothing.
    assert desk.engine.committed(ALICE) == 10_000 + 24
    assert next(event for event in desk.events if isinstance(event, CreditApplied)).committed_micros == 10_024
    assert desk.engine.order(waiting) is not None
    # An order that comes now is charged alike: 98,000 at 240 ppm is 23.52: 24.
    assert desk.place(ALICE, BUY, 100, 980).reason == 0
    assert desk.engine.committed(ALICE) == 20_000 + 24 + 24
    desk.line(ALICE)
    # 98,000 at 450 ppm is 44.1: 45.
    assert desk.engine.committed(ALICE) == 20_000 + 45 + 45


@pytest.mark.spec("FEE-010", "UNIT-040")
def test_an_order_pays_what_its_fills_cost_together_each_at_the_rate_of_its_day(desk: Desk) -> None:
    desk.place(ALICE, BUY, 4, 1_000)
    fees = []
    for rates in (NO_OWN_RATES, FeeRates(400, 120), FeeRates(400, 120), FeeRates(400, -30)):
        desk.line(ALICE, fee_rates=rates)
        desk.place(BOB, SELL, 1, 1_000)
        fees.append(next(desk.of_kind("Traded")).maker_fee_micros)
    # 0.15 + 0.12 + 0.12 - 0.03, rounded up after each: 1, 1, 1, 1.
    assert fees == [1, 0, 0, 0]


@pytest.mark.spec("FEE-010", "MTCH-090", "INV-100")
def test_rates_come_back_from_the_log_and_from_a_snapshot() -> None:
    desk = Desk()
    log: list[tuple[int, int, bytes]] = []
    engine = Engine(0, desk.settings)
    engine.list_instrument(INSTRUMENT)

    def note(records: bytes) -> None:
        if records:
            log.append((desk.now, engine.next_seq - len(records) // RECORD_BYTES, records))

    engine.set_gate(desk.now, is_open=True)
    engine.apply_mark(desk.now, 1, 1_000, 1_000, desk.now, 1, False)
    note(engine.drain_events())
    for number, rates in enumerate((NO_OWN_RATES, OWN, FeeRates(400, 120)), 1):
        line = CreditLine(
            account_id=ALICE, line_epoch=1, line_number=number, as_of_seq=0, budget_micros=10**9, fee_rates=rates
        )
        engine.apply_credit(desk.now, line)
        note(engine.drain_events())
        order = commands.place(account_id=ALICE, instrument_id=1, side=BUY, size_lots=10, price_ticks=990)
        note(engine.apply_commands(desk.now, order, 1))
    replayed = desk.recovered(log)
    restored = Engine.restore(engine.snapshot(), desk.settings)
    assert engine.state_hash() == replayed.state_hash() == restored.state_hash()
    # 30 lots at 1,000 / 10, and three times 9,900 at 400 ppm, 3.96: 4.
    assert [each.committed(ALICE) for each in (engine, replayed, restored)] == [3_000 + 12] * 3


@pytest.mark.spec("FEE-010")
@pytest.mark.parametrize(
    "rates", [(-1, -2), (100_001, 0), (400, 401), (400, NO_OWN_RATE_PPM), (400, -100_001), (NO_OWN_RATE_PPM + 1, 0)]
)
def test_rates_that_make_no_sense_are_refused(desk: Desk, rates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        desk.line(ALICE, fee_rates=FeeRates(*rates))


@pytest.mark.spec("FEE-010", "MRGN-050")
def test_rates_that_rise_cancel_nothing_and_refuse_only_new_risk(desk: Desk) -> None:
    # Margin of 10,000 and 24 for the fee, all that there is.
    desk.line(ALICE, 10_024, fee_rates=OWN)
    order_id = desk.place(ALICE, BUY, 100, 990).order_id
    desk.line(ALICE, 10_024)
    assert desk.engine.committed(ALICE) == 10_045
    assert desk.kinds() == ["FeeRatesApplied"]
    assert desk.place(ALICE, BUY, 10, 990).reason == Reason.CREDIT_EXCEEDED
    # The other side of a position needs no more margin, but its fee is risk too.
    assert desk.place(ALICE, SELL, 10, 1_010).reason == Reason.CREDIT_EXCEEDED
    # It still trades, at the rates of now: 99,000 at 150 ppm is 14.85: 15.
    desk.place(BOB, SELL, 100, 990)
    trade = next(desk.of_kind("Traded"))
    assert (trade.maker_order_id, trade.maker_fee_micros) == (order_id, 15)
