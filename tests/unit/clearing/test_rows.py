"""The ledger's rows: what is held against every account at once agrees with what is worked out for one."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.scripted_shard import BTC, ETH, SOL, Scene
from wavetank.clearing.core.health import HealthBand
from wavetank.clearing.core.ledger import Ledger
from wavetank.clearing.core.valuation import value_account
from wavetank.model.events.clearing import FillBooked
from wavetank.model.events.matching import Traded
from wavetank.model.instrument import Instrument, default_instruments
from wavetank.model.invariant import InvariantBroken
from wavetank.model.margin import MarginTier
from wavetank.model.orders import Side
from wavetank.model.record import decode_all, encode_all

LIMITS = [(3, 2), (6, 5), (2, 3)]
MANY = tuple(
    Instrument(instrument_id=number, symbol=f"I{number}", size_decimals=2, tiers=(MarginTier(0, 10),))
    for number in range(1, 41)
)


def ledger_with(instruments: tuple[Instrument, ...]) -> Ledger:
    ledger = Ledger(LIMITS)
    for instrument in instruments:
        ledger.list_instrument(instrument)
    # The fee account, to which every booking pays.
    ledger.row_of_account(1)
    return ledger


positions = st.dictionaries(
    st.sampled_from([BTC, ETH, SOL]),
    st.tuples(st.integers(-(10**7), 10**7).filter(bool), st.integers(1, 10**6)),
    max_size=3,
)
marks = st.dictionaries(st.sampled_from([BTC, ETH, SOL]), st.integers(1, 10**6), max_size=3)
holders = st.lists(st.tuples(st.integers(0, 10**11), positions), min_size=1, max_size=6)


@pytest.mark.spec("MRGN-010", "MRGN-020")
@given(accounts=holders, at=marks)
def test_rows_are_valued_as_single_accounts_are(
    accounts: list[tuple[int, dict[int, tuple[int, int]]]], at: dict[int, int]
) -> None:
    instruments = {each.instrument_id: each for each in default_instruments()}
    ledger = ledger_with(default_instruments())
    for number, (cash, held) in enumerate(accounts, 100):
        row = ledger.row_of_account(number)
        ledger.add_cash(row, cash, 0)
        for instrument_id, (lots, price) in held.items():
            ledger.book(row, instrument_id, lots, lots * price, 0)
    for instrument_id, ticks in at.items():
        ledger.mark(instrument_id, ticks)
    alarmed: dict[int, set[int]] = {BTC: set(), ETH: set(), SOL: set()}
    for number, (cash, held) in enumerate(accounts, 100):
        value = value_account(
            cash,
            [(instruments[key], lots, lots * price) for key, (lots, price) in sorted(held.items())],
            # Without a mark a position stands at its entry.
            lambda key, held=held: at.get(key, held[key][1]),  # type: ignore[misc]
        )
        row = ledger.row_of_account(number)
        assert ledger.health(row, {}) == (value.equity_micros, value.maintenance_micros)
        if value.band != HealthBand.HEALTHY:
            for instrument_id in held:
                alarmed[instrument_id].add(number)
    # All are known as healthy, so a sweep finds those that are not, and who holds nothing there is passed over.
    for instrument_id, numbers in alarmed.items():
        assert ledger.sweep(instrument_id) == sorted(numbers)
        expected = [number for number, (_, held) in enumerate(accounts, 100) if instrument_id in held]
        assert ledger.holders(instrument_id) == expected


def test_a_sweep_finds_who_is_watched_and_whose_band_was_told_otherwise() -> None:
    ledger = ledger_with(MANY[:2])
    for number in (100, 101, 102):
        row = ledger.row_of_account(number)
        ledger.add_cash(row, 10_000, 0)
        ledger.book(row, 1, 10, 1_000, 0)
    ledger.mark(1, 100)
    assert ledger.sweep(1) == []
    ledger.watch(ledger.row_of_account(101), is_watched=True)
    ledger.set_band(ledger.row_of_account(102), HealthBand.WARNED)
    assert ledger.sweep(1) == [101, 102]
    assert ledger.sweep(2) == []
    # Its holders' lines have changed, whatever their health is.
    assert ledger.take_touched() == [100, 101, 102]
    assert ledger.take_touched() == []


def test_positions_come_and_go_in_the_order_of_instruments() -> None:
    ledger = ledger_with(MANY)
    first, second = ledger.row_of_account(100), ledger.row_of_account(101)
    for number in range(40, 0, -1):
        ledger.book(first, number, number, number * 7, 0)
        ledger.book(second, number, -number, -number * 7, 0)
    assert ledger.positions(first) == [(number, number, number * 7) for number in range(1, 41)]
    assert ledger.positions(second) == [(number, -number, -number * 7) for number in range(1, 41)]
    for number in range(2, 41, 2):
        ledger.book(first, number, -number, 0, 0)
    assert [number for number, _, _ in ledger.positions(first)] == list(range(1, 41, 2))
    assert ledger.position_count(first) == 20
    assert ledger.position(first, 2) == (0, 0)
    assert ledger.holders(2) == [101]
    assert ledger.held() == set(range(1, 41))
    # What the even ones cost is realised: 7 x (2 + 4 + ... + 40) = 7 x 420.
    assert ledger.cash(first) == -2_940
    with pytest.raises(InvariantBroken, match="not listed"):
        ledger.book(first, 41, 1, 1, 0)


def test_bytes_are_read_back_and_damaged_ones_refused() -> None:
    ledger = ledger_with(MANY[:3])
    ledger.add_shard()
    row = ledger.row_of_account(100)
    ledger.add_cash(row, 1_001, 0)
    ledger.book(row, 2, -5, -1_000, 3)
    data = ledger.dump()
    again = Ledger(LIMITS)
    for instrument in MANY[:3]:
        again.list_instrument(instrument)
    again.restore(data, 2)
    assert again.dump() == data
    assert again.conserved_micros == ledger.conserved_micros == 1_001 + 1_000
    # 1,001 in two parts is 501 and 500, and the fee came off the first shard's, where instrument 2 trades.
    assert [again.part(again.row_of_account(100), shard) for shard in (0, 1)] == [(498, -1_000, 3), (500, 0, 0)]
    damaged = [
        (data[:-1], "amid an account"),
        (data[:100], "amid an account"),
        (data[:8] + bytes(8) + data[16:], "its parts"),
        (data[:16] + b"\x7f" + data[17:], "amid an account's positions"),
    ]
    for broken, message in damaged:
        fresh = Ledger(LIMITS)
        for instrument in MANY[:3]:
            fresh.list_instrument(instrument)
        with pytest.raises(InvariantBroken, match=message):
            fresh.restore(broken, 2)


trades = st.lists(
    st.tuples(
        st.sampled_from([(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]),
        st.sampled_from([BTC, ETH]),
        st.integers(1, 10**4),
        st.integers(1, 10**6),
        st.integers(-50, 50),
        st.sampled_from([Side.BUY, Side.SELL]),
    ),
    min_size=1,
    max_size=40,
)


@pytest.mark.spec("FEE-010", "INV-090")
@given(drawn=trades, again=st.integers(0, 40))
def test_trades_by_the_thousand_are_booked_as_single_ones_are(
    drawn: list[tuple[tuple[int, int], int, int, int, int, Side]], again: int
) -> None:
    def told(*, one_by_one: bool) -> tuple[list[object], dict[int, int], list[int]]:
        scene = Scene()
        accounts = [scene.open(10**9) for _ in range(3)]
        scene.mark(BTC, 500_000)
        scene.mark(ETH, 500_000)
        for account_id in accounts:
            # The counter leaves the trades of watched accounts to the code that decides.
            scene.state.ledger.watch(scene.account(account_id).row, is_watched=one_by_one)
        facts = [
            Traded(
                instrument_id=instrument_id,
                account_id=accounts[taker],
                trade_id=number,
                maker_account_id=accounts[maker],
                maker_order_id=2 * number,
                taker_order_id=2 * number + 1,
                price_ticks=price,
                size_lots=lots,
                maker_fee_micros=-fee,
                taker_fee_micros=fee,
                maker_remaining_lots=0,
                taker_remaining_lots=0,
                taker_side=side,
                taker_flags=0,
                auction=0,
            )
            for number, ((taker, maker), instrument_id, lots, price, fee, side) in enumerate(drawn, 1)
        ]
        records = encode_all(facts)
        scene.core.take_events()
        scene.core.count_records(scene.now_ns, 1, records)
        # A part of it is read a second time, which does nothing.
        scene.core.count_records(scene.now_ns, 1, records[: again * 128])
        events = scene.core.take_events()
        assert [type(event) for event in events[: 2 * len(facts)]] == [FillBooked] * (2 * len(facts))
        touched = scene.state.ledger.take_touched()
        return list(events), {number: scene.cash(number) for number in scene.state.accounts}, touched

    fast, slow = told(one_by_one=False), told(one_by_one=True)
    assert fast == slow
    assert list(decode_all(encode_all(fast[0]))) == fast[0]  # type: ignore[arg-type]


def test_worked_example_of_bands() -> None:
    # 100 lots at 100 ticks, leverage 10: MM = 10,000 / 20 = 500. Equity 749 is below 3/2, 750 is not.
    ledger = ledger_with(MANY[:1])
    row = ledger.row_of_account(100)
    ledger.add_cash(row, 10_749, 0)
    ledger.book(row, 1, 100, 20_000, 0)
    ledger.mark(1, 100)
    assert ledger.health(row, {}) == (749, 500)
    assert Fraction(749, 500) < Fraction(3, 2)
    assert ledger.sweep(1) == [100]
    ledger.add_cash(row, 1, 0)
    assert ledger.sweep(1) == []
