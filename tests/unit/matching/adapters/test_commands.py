"""Commands between messages and packed records: one bad command spoils only itself."""

from __future__ import annotations

import itertools

import pytest

from wavetank.matching.adapters.commands import PackedBatch
from wavetank.matching.core import commands as packed
from wavetank.model.orders import CommandKind, OrderFlag
from wavetank.model.reason import Reason
from wavetank.v1 import order_entry_pb2 as pb
from wavetank.v1 import reason_pb2

ACCOUNT = 1_000


def placing(**changes: object) -> pb.Command:
    fields: dict[str, object] = {
        "instrument_id": 1,
        "side": 1,
        "order_type": pb.ORDER_TYPE_LIMIT,
        "price_ticks": 900,
        "size_lots": 5,
        "time_in_force": pb.TIME_IN_FORCE_GTC,
    }
    return pb.Command(place=pb.PlaceOrder(**(fields | changes)))  # type: ignore[arg-type] # Any field.


CANCEL = pb.Command(cancel=pb.CancelOrder(order_id=7))


def test_an_order_is_packed_as_the_engine_reads_it() -> None:
    batch = PackedBatch(ACCOUNT, [placing(client_order_id=b"me", post_only=True, reduce_only=True)])
    assert batch.commands == packed.place(
        account_id=ACCOUNT,
        instrument_id=1,
        side=1,
        size_lots=5,
        price_ticks=900,
        flags=OrderFlag.POST_ONLY | OrderFlag.REDUCE_ONLY,
        client_order_id=b"me",
    )
    assert (batch.count, batch.refused) == (1, {})


def test_a_market_order_needs_no_time_in_force() -> None:
    batch = PackedBatch(
        ACCOUNT, [placing(order_type=pb.ORDER_TYPE_MARKET, time_in_force=0, price_ticks=0, slippage_cap_ppm=50)]
    )
    assert batch.count == 1


def test_every_kind_of_command_is_packed() -> None:
    batch = PackedBatch(
        ACCOUNT,
        [
            placing(),
            CANCEL,
            pb.Command(amend=pb.AmendOrder(client_order_id=b"me", size_lots=3)),
            pb.Command(cancel_all=pb.CancelAllOrders(instrument_id=2, side=1)),  # type: ignore[arg-type] # A number.
        ],
    )
    kinds = [batch.commands[at] for at in range(0, len(batch.commands), packed.COMMAND_BYTES)]
    assert kinds == [CommandKind.PLACE, CommandKind.CANCEL, CommandKind.AMEND, CommandKind.CANCEL_ALL]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (pb.Command(), "a command says one of place, cancel, amend, cancel_all"),
        (placing(side=0), "side is 0; 1 buy or 2 sell is allowed"),
        (placing(side=3), "side is 3; 1 buy or 2 sell is allowed"),
        (placing(order_type=0), "order_type is 0; 1 limit or 2 market is allowed"),
        (placing(time_in_force=0), "time_in_force is 0; 1 GTC, 2 IOC or 3 FOK is allowed"),
        (placing(time_in_force=9), "time_in_force is 9; 1 GTC, 2 IOC or 3 FOK is allowed"),
        (placing(client_order_id=b"x" * 17), "client_order_id has 17 bytes; 16 are allowed"),
        (pb.Command(cancel=pb.CancelOrder()), "exactly one of order_id and client_order_id is given"),
        (
            pb.Command(amend=pb.AmendOrder(order_id=1, client_order_id=b"x")),
            "exactly one of order_id and client_order_id is given",
        ),
        (pb.Command(cancel=pb.CancelOrder(client_order_id=b"x" * 20)), "client_order_id has 20 bytes; 16 are allowed"),
        (
            pb.Command(cancel_all=pb.CancelAllOrders(side=5)),  # type: ignore[arg-type] # A number.
            "side is 5; 0 both, 1 buy or 2 sell is allowed",
        ),
    ],
    ids=map(str, itertools.count()),
)
def test_what_has_no_meaning_is_refused_with_a_sentence(command: pb.Command, sentence: str) -> None:
    batch = PackedBatch(ACCOUNT, [command])
    assert (batch.count, batch.commands) == (0, b"")
    (result,) = batch.results(b"")
    assert result.refusal.reason == reason_pb2.REASON_MALFORMED
    assert result.refusal.message == sentence
    # Only an order can be an order that was never accepted.
    wanted = pb.ORDER_STATE_REJECTED if command.HasField("place") else pb.ORDER_STATE_UNSPECIFIED
    assert result.state == wanted


def _result(order_id: int, state: int, reason: int = 0) -> bytes:
    return packed._RESULT.pack(order_id, 1, 4, 900, 11, 12, 0, reason, state, 0, b"me")


def test_results_stand_where_their_commands_stood() -> None:
    batch = PackedBatch(ACCOUNT, [pb.Command(), CANCEL, pb.Command(), placing(), pb.Command()])
    data = _result(7, pb.ORDER_STATE_CANCELLED) + _result(8, pb.ORDER_STATE_OPEN)
    results = batch.results(data)
    assert [result.order_id for result in results] == [0, 7, 0, 8, 0]
    assert [result.HasField("refusal") for result in results] == [True, False, True, False, True]
    last = results[3]
    assert (last.filled_lots, last.remaining_lots, last.filled_value_micros) == (1, 4, 900)
    assert last.client_order_id == b"me"


def test_a_refusal_says_what_it_was_and_what_was_allowed() -> None:
    batch = PackedBatch(ACCOUNT, [placing()])
    (result,) = batch.results(_result(0, pb.ORDER_STATE_REJECTED, Reason.PRICE_OFF_GRID))
    assert (result.refusal.was, result.refusal.allowed) == (11, 12)
    assert result.refusal.message == "price 11 ticks is not on the grid; the step there is 12 ticks"


def test_only_orders_that_the_batch_placed_rest_for_its_session() -> None:
    amend = pb.Command(amend=pb.AmendOrder(order_id=5, size_lots=3))
    batch = PackedBatch(ACCOUNT, [amend, pb.Command(), placing(), placing()])
    data = _result(5, pb.ORDER_STATE_OPEN) + _result(8, pb.ORDER_STATE_OPEN) + _result(9, pb.ORDER_STATE_FILLED)
    assert batch.resting(data) == [8]
