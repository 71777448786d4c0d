"""`wavetank audit` over logs in a real Redis, and beside services that agree or do not."""

import json
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
import redis
from google.protobuf.message import Message
from typer.testing import CliRunner, Result

from tests.unit.cli.audit.scenarios import calm_day
from tests.unit.cli.audit.venue import Venue, changed, encode_logs
from wavetank.clearing.adapters.wire import account_message
from wavetank.cli.app import app
from wavetank.cli.audit.agreement import Services
from wavetank.cli.audit.reading import LogsTrimmed
from wavetank.cli.audit.run import audit_logs
from wavetank.model.events.clearing import Deposited
from wavetank.runtime.log_entry import FIELD, log_key
from wavetank.runtime.redis_server import RedisServer, start_redis
from wavetank.v1 import account_pb2, instrument_pb2, market_data_pb2, order_entry_pb2

Q = TypeVar("Q", bound=Message)
Logs = dict[str, list[tuple[str, bytes]]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Return a server of the test's own, for a venue's logs have fixed names."""
    with start_redis(tmp_path / "redis") as server:
        yield server


def fill(url: str, logs: Logs) -> None:
    with redis.Redis.from_url(url, protocol=2) as client:
        for name, entries in logs.items():
            for entry_id, data in entries:
                client.xadd(log_key(name), {FIELD: data}, id=entry_id)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["audit", *arguments])


def test_good_logs_end_with_ok(server: RedisServer) -> None:
    fill(server.url, encode_logs(calm_day().journal.batches))
    result = run("--redis-url", server.url)
    assert result.exit_code == 0, result.output
    assert result.stdout.rstrip().endswith("audit: ok")


def test_json_is_all_there_is_on_standard_output(server: RedisServer) -> None:
    fill(server.url, encode_logs(calm_day().journal.batches))
    result = run("--redis-url", server.url, "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"], report["trades"]) == (0, True, 7)
    assert [rule["id"] for rule in report["rules"]][:9] == [f"INV-0{number}0" for number in range(1, 10)]


def test_an_offence_ends_with_one_and_is_shown(server: RedisServer) -> None:
    batches = changed(calm_day().journal.batches, Deposited, cash_after_micros=7)
    fill(server.url, encode_logs(batches))
    result = run("--redis-url", server.url)
    assert result.exit_code == 1
    assert "First offence: INV-050 in clearing 1-1, seq 7" in result.stdout
    assert result.stdout.rstrip().endswith("audit: FAILED")


def test_a_missing_log_ends_with_two_and_is_named(server: RedisServer) -> None:
    logs = encode_logs(calm_day().journal.batches)
    del logs["oracle"]
    fill(server.url, logs)
    result = run("--redis-url", server.url)
    assert result.exit_code == 2
    assert "oracle" in result.stderr
    assert "wavetank up" in result.stderr


def test_a_trimmed_log_ends_with_two_and_says_where_it_begins(server: RedisServer) -> None:
    fill(server.url, encode_logs(calm_day().journal.batches))
    with redis.Redis.from_url(server.url, protocol=2) as client:
        client.xtrim(log_key("oracle"), minid="1-2", approximate=False)
    result = run("--redis-url", server.url)
    assert result.exit_code == 2
    assert "begins at 1-2 with seq 2" in result.stderr
    # Which settings keep a log whole.
    assert "WAVETANK_ORACLE_LOG_RETENTION_S" in " ".join(result.stderr.split())


def test_all_trimmed_logs_are_named_before_anything_is_read(server: RedisServer) -> None:
    fill(server.url, encode_logs(calm_day().journal.batches))
    read = []
    with redis.Redis.from_url(server.url, protocol=2) as client:
        for log in ("oracle", "matching-0"):
            client.xtrim(log_key(log), minid="1-3", approximate=False)
        with pytest.raises(LogsTrimmed, match=r"matching-0 begins at 1-3 with seq 3 and log oracle begins at 1-"):
            audit_logs(client, on_progress=lambda done, _: read.append(done))
    assert read == []


def test_a_redis_that_does_not_answer_ends_with_two(server: RedisServer) -> None:
    url = server.url
    server.stop()
    assert run("--redis-url", url).exit_code == 2


def test_a_directory_without_a_venue_is_named(tmp_path: Path) -> None:
    result = run("--dir", str(tmp_path / "nowhere"))
    assert result.exit_code == 3


def unary(answer: Callable[[Q], Message], request: type[Q]) -> "grpc.RpcMethodHandler[Q, Message]":
    """Return a method that answers with what a core says."""
    return grpc.unary_unary_rpc_method_handler(
        lambda asked, _context: answer(asked),
        request_deserializer=request.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )


def handlers_of(venue: Venue, cash_off_by: int, lots_off_by: int) -> "list[grpc.GenericRpcHandler]":
    """Answer for clearing and matching from a venue's cores, rightly or a little off."""
    engine = venue.engine

    def list_accounts(request: account_pb2.ListAccountsRequest) -> account_pb2.ListAccountsResponse:
        state = venue.clearing.state
        keys = [key for key in sorted(state.accounts) if key > request.after_account_id]
        accounts = [account_message(state, state.accounts[key]) for key in keys]
        accounts[-1].cash_micros += cash_off_by
        return account_pb2.ListAccountsResponse(accounts=accounts, seq=venue.clearing.last_seq)

    def get_book(request: market_data_pb2.GetBookRequest) -> market_data_pb2.GetBookResponse:
        bids, asks = (
            [market_data_pb2.PriceLevel(price_ticks=price, size_lots=lots, orders=count) for price, lots, count in side]
            for side in engine.book(request.instrument_id, request.depth)
        )
        bids[0].size_lots += lots_off_by
        book = market_data_pb2.BookSnapshot(bids=bids, asks=asks)
        return market_data_pb2.GetBookResponse(seq=engine.next_seq - 1, book=book)

    def list_open_orders(request: order_entry_pb2.ListOpenOrdersRequest) -> order_entry_pb2.ListOpenOrdersResponse:
        orders = [
            order_entry_pb2.Order(
                order_id=order.order_id,
                instrument_id=order.instrument_id,
                side=instrument_pb2.Side.ValueType(order.side),
                price_ticks=order.price_ticks,
                remaining_lots=order.remaining_lots,
                filled_lots=order.filled_lots,
            )
            for order in engine.open_orders(request.account_id)
        ]
        return order_entry_pb2.ListOpenOrdersResponse(orders=orders, seq=engine.next_seq - 1)

    methods: dict[str, dict[str, Any]] = {
        "AccountService": {"ListAccounts": unary(list_accounts, account_pb2.ListAccountsRequest)},
        "MarketDataService": {"GetBook": unary(get_book, market_data_pb2.GetBookRequest)},
        "OrderEntryService": {"ListOpenOrders": unary(list_open_orders, order_entry_pb2.ListOpenOrdersRequest)},
    }
    return [grpc.method_handlers_generic_handler(f"wavetank.v1.{name}", given) for name, given in methods.items()]


@contextmanager
def served(venue: Venue, *, cash_off_by: int = 0, lots_off_by: int = 0) -> Iterator[Services]:
    """Serve a venue's cores on a free port of this machine."""
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers(handlers_of(venue, cash_off_by, lots_off_by))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield Services(address, (address,), "key.secret")
    finally:
        server.stop(None).wait()


@pytest.mark.parametrize(
    ("cash_off_by", "lots_off_by", "expected"),
    [(0, 0, ""), (1, 0, "cash 9949536193 of account 1002"), (0, 1, "the rebuilt buy side of instrument 1")],
)
def test_services_are_compared_at_the_seq_that_they_answer_for(
    server: RedisServer, cash_off_by: int, lots_off_by: int, expected: str
) -> None:
    venue = calm_day()
    fill(server.url, encode_logs(venue.journal.batches))
    with (
        redis.Redis.from_url(server.url, protocol=2) as client,
        served(venue, cash_off_by=cash_off_by, lots_off_by=lots_off_by) as services,
    ):
        report = audit_logs(client, services)
    compared = next(rule for rule in report.rules if rule.id == "STATE")
    assert (report.ok, report.notes, compared.checks > 10) == (expected == "", (), True)
    assert expected == "" or expected in report.offences[0].expected


def test_a_service_that_is_away_is_skipped_with_a_word(server: RedisServer) -> None:
    venue = calm_day()
    fill(server.url, encode_logs(venue.journal.batches))
    with served(venue) as services:
        gone = services
    with redis.Redis.from_url(server.url, protocol=2) as client:
        report = audit_logs(client, gone)
    assert report.ok
    assert report.notes[0].startswith("state of clearing at 127.0.0.1:")
