"""An isolated account trades one instrument: every way in refuses another (MRGN-030)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.matching.core.desk import ALICE, BUY, INSTRUMENT, POST_ONLY, SELL, Desk
from wavetank.matching.core import commands
from wavetank.matching.core.credit import CreditRow
from wavetank.model.orders import OrderFlag
from wavetank.model.reason import Reason


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.engine.list_instrument(replace(INSTRUMENT, instrument_id=2, symbol="DEF"))
    made.mark(1_000, instrument_id=2)
    made.line(ALICE, only_instrument_id=2)
    return made


@pytest.mark.spec("MRGN-030")
def test_an_order_elsewhere_is_refused_and_says_where_it_may_trade(desk: Desk) -> None:
    refused = desk.place(ALICE, BUY, 100, 990)
    assert (refused.reason, refused.was, refused.allowed) == (Reason.ISOLATED_ELSEWHERE, 1, 2)
    assert desk.place(ALICE, BUY, 100, 990, instrument_id=2).reason == 0
    # A trigger waits without credit; it is refused all the same.
    stop = desk.place(
        ALICE, SELL, 100, 900, trigger_kind=1, trigger_source=1, trigger_price_ticks=950, flags=2, time_in_force=1
    )
    assert stop.reason == Reason.ISOLATED_ELSEWHERE


@pytest.mark.spec("MRGN-030")
def test_a_line_without_the_bound_lets_it_trade_everywhere(desk: Desk) -> None:
    desk.line(ALICE)
    assert desk.place(ALICE, BUY, 100, 990).reason == 0


@pytest.mark.spec("MRGN-030")
def test_a_quote_elsewhere_is_refused(desk: Desk) -> None:
    quote = commands.place(
        account_id=ALICE, instrument_id=1, side=BUY, size_lots=100, price_ticks=990, flags=OrderFlag.QUOTE | POST_ONLY
    )
    packed = commands.mass_quote(account_id=ALICE, instrument_id=1, quotes=[quote])
    width = commands.COMMAND_BYTES
    results = desk.send(*(packed[at : at + width] for at in range(0, len(packed), width)))
    assert Reason.ISOLATED_ELSEWHERE in {result.reason for result in results}


@pytest.mark.spec("MRGN-030")
def test_a_row_elsewhere_opens_no_way_round(desk: Desk) -> None:
    # A row without a price makes a holding, and with one plain orders take the short way.
    desk.line(ALICE, 10**9, CreditRow(1, 0, 0, 5), only_instrument_id=2)
    assert desk.place(ALICE, BUY, 100, 990, instrument_id=2).reason == 0
    assert desk.place(ALICE, BUY, 100, 990, instrument_id=1).reason == Reason.ISOLATED_ELSEWHERE
