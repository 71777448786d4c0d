"""Bad input at the door: each gets its numbered reason, what it was and what was allowed, and changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import pytest
import redis

from tests.eventually import eventually_async
from tests.integration.callers import BUY, DOLLAR, SELL, SOL, Caller, Session, on_grid, place
from tests.integration.matching.conftest import Trader
from wavetank.cli.venue import VenueProcess
from wavetank.model.events.matching import OrderRejected
from wavetank.model.record import Event, decode_all
from wavetank.runtime.log_reader import read_log
from wavetank.v1 import account_pb2, api_key_pb2, market_data_pb2, reason_pb2
from wavetank.v1 import order_entry_pb2 as pb

LARGEST_INT64 = 2**63 - 1


def events_of(venue: VenueProcess, account_id: int, after_seq: int) -> list[Event]:
    """Return what the shard's log says of an account after a seq."""
    with redis.Redis.from_url(venue.redis_url) as client:
        return [
            event
            for entry in read_log(client, "matching-0")
            for seq, event in enumerate(decode_all(entry.records), entry.first_seq)
            if seq > after_seq and event.account_id == account_id
        ]


@dataclass
class Scene:
    """A trader with an open order and a position, and the mark that everything is measured by."""

    venue: VenueProcess
    trader: Caller
    mark: int
    order_id: int
    held: dict[str, object] = field(default_factory=dict)
    seq: int = 0

    async def state(self) -> dict[str, object]:
        """Return everything that a refused command must leave as it was."""
        trader = self.trader
        account = await trader.ask(trader.accounts.GetAccount, account_pb2.GetAccountRequest())
        positions = await trader.ask(trader.accounts.ListPositions, account_pb2.ListPositionsRequest())
        book = await trader.book(SOL)
        return {
            "orders": [order.SerializeToString(deterministic=True) for order in await trader.open_orders()],
            "cash": account.account.cash_micros,
            "positions": [(held.instrument_id, held.size_lots) for held in positions.positions],
            "book": book.book.SerializeToString(deterministic=True),
        }

    async def remember(self) -> None:
        self.held = await self.state()
        self.seq = (await self.trader.book(SOL)).seq

    async def assert_unchanged(self, rejected: int) -> None:
        """Check that nothing changed, and that the log says no more than that so many commands were rejected."""
        assert await self.state() == self.held
        events = events_of(self.venue, self.trader.account_id, self.seq)
        assert [type(event) for event in events] == [OrderRejected] * rejected


@pytest.fixture
async def scene(venue: VenueProcess, new_trader: Trader) -> Scene:
    trader, other = await new_trader(), await new_trader()
    mark = await trader.mark_ticks(SOL)
    price = on_grid(mark)
    # A position of one SOL, and a bid far below.
    await other.place(place(SELL, 100, price, instrument_id=SOL))
    filled = await trader.place(place(BUY, 100, price, instrument_id=SOL, time_in_force=pb.TIME_IN_FORCE_IOC))
    assert filled.filled_lots == 100
    resting = await trader.place(
        place(BUY, 100, on_grid(mark * 97 // 100), instrument_id=SOL, client_order_id=b"resting")
    )
    scene = Scene(venue, trader, mark, resting.order_id)

    async def is_counted() -> bool:
        return (await scene.state())["positions"] == [(SOL, 100)]

    await eventually_async(is_counted)
    await scene.remember()
    return scene


Build = Callable[[Scene], pb.Command]


def _place(side: int = BUY, size_lots: int = 100, percent: int = 98, *, off: int = 0, **fields: object) -> Build:
    """Return what builds an order at a part of the mark, so many ticks off the grid."""

    def build(scene: Scene) -> pb.Command:
        price = on_grid(scene.mark * percent // 100) + off
        return pb.Command(place=place(side, size_lots, price, instrument_id=SOL, **fields))  # type: ignore[arg-type]

    return build


def _fixed(command: pb.Command) -> Build:
    return lambda _: command


def _resting(**fields: int) -> Build:
    return lambda scene: pb.Command(amend=pb.AmendOrder(order_id=scene.order_id, **fields))  # type: ignore[arg-type]


def _at(price_ticks: int) -> Build:
    return lambda _: pb.Command(place=place(BUY, 100, price_ticks, instrument_id=SOL))


def _of(instrument_id: int) -> Build:
    return lambda _: pb.Command(place=place(BUY, 100, 1_000, instrument_id=instrument_id))


REFUSED_BY_THE_ENGINE: list[tuple[str, Build, str, int | None, int | None]] = [
    # SOL: one tick is 0.0001 dollars, a price near 150 dollars has seven digits, the step is 100 ticks.
    ("off the grid", _place(off=1), "PRICE_OFF_GRID", None, 100),
    ("no size", _place(size_lots=0), "SIZE_OUT_OF_RANGE", 0, 2**31 - 1),
    ("a negative size", _place(size_lots=-5), "SIZE_OUT_OF_RANGE", -5, 2**31 - 1),
    ("a size beyond all bounds", _place(size_lots=LARGEST_INT64), "SIZE_OUT_OF_RANGE", LARGEST_INT64, 2**31 - 1),
    ("a price of nothing", _at(0), "PRICE_OUT_OF_RANGE", 0, 2**31 - 1),
    ("a negative price", _at(-100), "PRICE_OUT_OF_RANGE", -100, 2**31 - 1),
    ("a price beyond all bounds", _at(LARGEST_INT64), "PRICE_OUT_OF_RANGE", LARGEST_INT64, 2**31 - 1),
    ("dust", _place(size_lots=1), "NOTIONAL_TOO_SMALL", None, 10 * DOLLAR),
    ("outside the band", _place(percent=50), "OUTSIDE_PRICE_BAND", None, None),
    (
        "an unknown instrument",
        _fixed(pb.Command(place=place(BUY, 1, 1, instrument_id=99))),
        "INSTRUMENT_UNKNOWN",
        99,
        None,
    ),
    ("an unknown order", _fixed(pb.Command(cancel=pb.CancelOrder(order_id=4_711))), "ORDER_UNKNOWN", 4_711, None),
    ("the id of another body", _place(client_order_id=b"resting"), "CLIENT_ORDER_ID_REUSED", None, None),
    # A million dollars at leverage 20 carry 20 million at most; 200,000 SOL are worth more.
    ("more than the credit", _place(size_lots=20_000_000), "CREDIT_EXCEEDED", None, None),
    ("more than reduces", _place(SELL, 101, 102, reduce_only=True), "REDUCE_ONLY_WOULD_INCREASE", None, None),
    ("post-only at once", _place(post_only=True, time_in_force=pb.TIME_IN_FORCE_IOC), "ORDER_COMBINATION", None, None),
    ("nothing to fill it", _place(time_in_force=pb.TIME_IN_FORCE_FOK), "FILL_OR_KILL_UNFILLED", None, None),
    ("an amendment to less than nothing", _resting(size_lots=-1), "SIZE_OUT_OF_RANGE", -1, 2**31 - 1),
    ("an amendment off the grid", _resting(price_ticks=1_000_001), "PRICE_OFF_GRID", 1_000_001, 100),
]

REFUSED_AT_THE_DOOR: list[tuple[str, Build]] = [
    ("nothing", _fixed(pb.Command())),
    ("no side", _place(side=0)),
    ("a side that is none", _place(side=7)),
    ("no type", _place(order_type=0)),
    ("no time in force", _place(time_in_force=0)),
    ("an id that is too long", _place(client_order_id=b"x" * 17)),
    ("a cancel of nothing", _fixed(pb.Command(cancel=pb.CancelOrder()))),
    ("a cancel by two ids", _fixed(pb.Command(cancel=pb.CancelOrder(order_id=1, client_order_id=b"x")))),
    ("an amendment of nothing", _fixed(pb.Command(amend=pb.AmendOrder(size_lots=5)))),
    ("a side to cancel that is none", _fixed(pb.Command(cancel_all=pb.CancelAllOrders(side=3)))),  # type: ignore[arg-type]
]


async def test_what_the_engine_refuses_changes_nothing(scene: Scene) -> None:
    session = await Session.open(scene.trader)
    for name, build, reason, was, allowed in REFUSED_BY_THE_ENGINE:
        (result,) = (await session.do(build(scene))).results
        refusal = result.refusal
        assert reason_pb2.Reason.Name(refusal.reason) == f"REASON_{reason}", (name, refusal)
        assert refusal.message, name
        if was is not None:
            assert refusal.was == was, name
        if allowed is not None:
            assert refusal.allowed == allowed, name
    await session.close()
    await scene.assert_unchanged(rejected=len(REFUSED_BY_THE_ENGINE))


async def test_what_has_no_meaning_never_reaches_the_engine(scene: Scene) -> None:
    session = await Session.open(scene.trader)
    for name, build in REFUSED_AT_THE_DOOR:
        (result,) = (await session.do(build(scene))).results
        assert result.refusal.reason == reason_pb2.REASON_MALFORMED, name
        assert result.refusal.message, name
    await session.close()
    await scene.assert_unchanged(rejected=0)


async def test_a_request_without_commands_or_with_too_many_is_refused(scene: Scene) -> None:
    trader = scene.trader
    refusal = await trader.refusal_of(trader.orders.SendBatch, pb.SendBatchRequest())
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")
    many = [pb.Command(cancel_all=pb.CancelAllOrders())] * 1_001
    refusal = await trader.refusal_of(trader.orders.SendBatch, pb.SendBatchRequest(commands=many))
    assert (refusal.reason, refusal.was, refusal.allowed) == ("BATCH_TOO_LARGE", "1001", "1000")
    # In a session the request alone is refused; the session goes on.
    session = await Session.open(trader)
    response = await session.do(*many)
    assert response.refusal.reason == reason_pb2.REASON_BATCH_TOO_LARGE
    assert (response.refusal.was, response.refusal.allowed, len(response.results)) == (1_001, 1_000, 0)
    assert (await session.do(pb.Command(cancel=pb.CancelOrder(order_id=1)))).results[0].refusal.reason
    await session.close()
    await scene.assert_unchanged(rejected=1)


async def test_bytes_that_are_no_message_are_refused(scene: Scene) -> None:
    endpoint = scene.venue.file.endpoints["matching"][0]
    async with grpc.aio.insecure_channel(endpoint) as channel:
        for data, reason, was in ((b"\xff" * 40, "MALFORMED", ""), (b"\0" * 1_048_577, "MESSAGE_TOO_LARGE", "1048577")):
            call: Any = channel.unary_unary("/wavetank.v1.OrderEntryService/PlaceOrder")
            refusal = await scene.trader.refusal_of(call, data)
            assert (refusal.code, refusal.reason, refusal.was) == (grpc.StatusCode.INVALID_ARGUMENT, reason, was)
        stream: Any = channel.stream_stream("/wavetank.v1.OrderEntryService/Session")(metadata=scene.trader.metadata)
        await stream.write(b"\xff" * 40)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            _ = [response async for response in stream]
        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await scene.assert_unchanged(rejected=0)


async def test_a_caller_is_known_and_allowed(scene: Scene, admin: Caller) -> None:
    trader = scene.trader
    order = place(BUY, 100, on_grid(scene.mark * 98 // 100), instrument_id=SOL)
    request = pb.PlaceOrderRequest(order=order)

    with pytest.raises(grpc.aio.AioRpcError) as error:
        await trader.orders.PlaceOrder(request, timeout=5.0)
    assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED

    wrong = [trader.key[:-1] + ("x" if trader.key[-1] != "x" else "y"), "nobody.secret", "nonsense", ""]
    for key in wrong:
        stranger = Caller(trader.orders, trader.market_data, trader.accounts, trader.keys, key)
        refusal = await stranger.refusal_of(stranger.orders.PlaceOrder, request)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAUTHENTICATED, "KEY_UNKNOWN")
        assert not key or key not in refusal.message

    reader = await admin.with_key(trader.account_id, [api_key_pb2.SCOPE_READ])
    refusal = await reader.refusal_of(reader.orders.PlaceOrder, request)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert len(await reader.open_orders()) == 1
    only_trades = await admin.with_key(trader.account_id, [api_key_pb2.SCOPE_TRADE])
    refusal = await only_trades.refusal_of(
        only_trades.market_data.GetBook, market_data_pb2.GetBookRequest(instrument_id=SOL)
    )
    assert refusal.reason == "SCOPE_MISSING"

    refusal = await trader.refusal_of(trader.orders.PlaceOrder, pb.PlaceOrderRequest(account_id=1_000, order=order))
    assert refusal.reason == "SCOPE_MISSING"
    for account_id, code, reason in (
        (999_999, grpc.StatusCode.NOT_FOUND, "ACCOUNT_UNKNOWN"),
        (2, grpc.StatusCode.PERMISSION_DENIED, "ACCOUNT_RESERVED"),
        (0, grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED"),
    ):
        refusal = await admin.refusal_of(
            admin.orders.PlaceOrder, pb.PlaceOrderRequest(account_id=account_id, order=order)
        )
        assert (refusal.code, refusal.reason) == (code, reason)
    await scene.assert_unchanged(rejected=0)


async def test_questions_that_name_nothing_are_refused(scene: Scene) -> None:
    trader = scene.trader
    table: list[tuple[object, object, str]] = [
        (trader.orders.GetOrder, pb.GetOrderRequest(), "MALFORMED"),
        (trader.orders.GetOrder, pb.GetOrderRequest(order_id=-1), "MALFORMED"),
        (trader.orders.GetOrder, pb.GetOrderRequest(order_id=5), "ORDER_UNKNOWN"),
        (trader.orders.GetOrder, pb.GetOrderRequest(client_order_id=b"never"), "ORDER_UNKNOWN"),
        (trader.orders.GetOrder, pb.GetOrderRequest(client_order_id=b"x" * 17), "MALFORMED"),
        (trader.market_data.GetBook, market_data_pb2.GetBookRequest(instrument_id=99), "INSTRUMENT_UNKNOWN"),
        (trader.market_data.GetBook, market_data_pb2.GetBookRequest(instrument_id=SOL, depth=1_001), "MALFORMED"),
    ]
    for method, request, reason in table:
        assert (await trader.refusal_of(method, request)).reason == reason, request
    await scene.assert_unchanged(rejected=0)
