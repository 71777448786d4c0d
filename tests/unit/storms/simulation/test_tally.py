"""The tally: positions as a shard's log says, at once and as far as clearing has come."""

from __future__ import annotations

from wavetank.model.events.matching import PositionTransferred, Traded
from wavetank.model.orders import Side
from wavetank.model.record import Event, encode_all
from wavetank.storms.simulation.tally import Tally

ALICE, BOB, CAROL = 101, 102, 103
BTC, ETH = 1, 2


def _trade(taker: int, maker: int, side: Side, lots: int, instrument_id: int = BTC) -> Traded:
    return Traded(instrument_id, taker, 1, maker, 1, 2, 60_000, lots, 0, 0, 0, 0, side, 0, 0)


def _transfer(giver: int, receiver: int, lots: int) -> PositionTransferred:
    return PositionTransferred(BTC, giver, receiver, lots, 0, lots, 0, 0)


def _counted(tally: Tally, first_seq: int, *events: Event) -> list[tuple[int, int, int]]:
    return tally.count(encode_all(events), first_seq)


def test_both_sides_of_a_trade_move_and_only_who_moved_is_returned() -> None:
    tally = Tally()
    assert _counted(tally, 1, _trade(ALICE, BOB, Side.BUY, 5)) == [(ALICE, BTC, 5), (BOB, BTC, -5)]
    moved = _counted(tally, 2, _trade(ALICE, CAROL, Side.SELL, 7), _trade(ALICE, CAROL, Side.BUY, 1, ETH))
    assert moved == [(ALICE, BTC, -2), (ALICE, ETH, 1), (CAROL, BTC, 7), (CAROL, ETH, -1)]


def test_a_transfer_moves_lots_from_giver_to_receiver_and_a_trade_with_oneself_none() -> None:
    tally = Tally()
    _counted(tally, 1, _trade(ALICE, BOB, Side.BUY, 5))
    assert _counted(tally, 2, _transfer(ALICE, CAROL, -5)) == [(ALICE, BTC, 0), (CAROL, BTC, 5)]
    assert _counted(tally, 3, _trade(BOB, BOB, Side.SELL, 9)) == [(BOB, BTC, -5)]


def test_what_is_settled_stands_as_of_the_seq_and_is_told_once() -> None:
    tally = Tally()
    _counted(tally, 10, _trade(ALICE, BOB, Side.BUY, 5), _trade(ALICE, BOB, Side.BUY, 2))
    assert tally.settle(9) == []
    assert tally.settle(10) == [(ALICE, BTC, 5), (BOB, BTC, -5)]
    assert tally.settle(10) == []
    assert tally.settle(99) == [(ALICE, BTC, 7), (BOB, BTC, -7)]
