"""Each command against a real venue, as a person or a script would call it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.eventually import eventually
from wavetank.cli.app import app
from wavetank.cli.connection import VenueConnection
from wavetank.cli.failure import CommandFailed
from wavetank.cli.venue import VenueProcess
from wavetank.v1 import account_pb2, directory_pb2, instrument_pb2, market_data_pb2, order_entry_pb2, reason_pb2

pytestmark = pytest.mark.timeout(180)


def run(venue: VenueProcess, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--dir", str(venue.directory.path)])


def told(venue: VenueProcess, *arguments: str) -> Any:  # noqa: ANN401 - whatever JSON can hold.
    result = run(venue, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def open_account(venue: VenueProcess, name: str) -> int:
    account: int = told(venue, "accounts", "open", name, "--deposit", "100k")["account_id"]
    return account


def mark_of(venue: VenueProcess, instrument_id: int) -> int:
    with VenueConnection(venue.file) as connection:
        request = market_data_pb2.GetBookRequest(instrument_id=instrument_id)
        return connection.call(connection.market_data.GetBook, request).prices.mark_price_ticks


def place(
    venue: VenueProcess,
    account_id: int,
    side: "instrument_pb2.Side.ValueType",
    price_ticks: int,
    size_lots: int,
    name: bytes = b"",
) -> int:
    """Place a limit order of SOL, as soon as the shard has the account's credit, and return its id."""
    order = order_entry_pb2.PlaceOrder(
        instrument_id=3,
        side=side,
        order_type=order_entry_pb2.ORDER_TYPE_LIMIT,
        time_in_force=order_entry_pb2.TIME_IN_FORCE_GTC,
        price_ticks=price_ticks,
        size_lots=size_lots,
        client_order_id=name,
    )
    with VenueConnection(venue.file) as connection:

        def accepted() -> int:
            request = order_entry_pb2.PlaceOrderRequest(account_id=account_id, order=order)
            return connection.call(connection.orders.PlaceOrder, request).result.order_id

        return eventually(accepted, 20.0)


def test_status_shows_a_healthy_venue(venue: VenueProcess) -> None:
    eventually(lambda: mark_of(venue, 1), 30.0)
    seen = told(venue, "status")
    assert seen["healthy"]
    assert [service["name"] for service in seen["services"]] == ["matching-0", "clearing", "oracle"]
    assert all(service["healthy"] and service["epoch"] >= 1 and service["pid"] for service in seen["services"])
    assert [instrument["symbol"] for instrument in seen["instruments"]] == ["BTC", "ETH", "SOL"]
    # The rate that the running interval would pay if it ended now (FUND-020).
    assert all(instrument["funding"].endswith("% per 1h 00m") for instrument in seen["instruments"])
    assert seen["faults"] == []
    assert seen["redis"]["append_only_file"]
    shown = run(venue, "status")
    assert shown.exit_code == 0
    assert "healthy" in shown.stdout


def test_a_key_is_shown_once_works_and_ends_when_revoked(venue: VenueProcess) -> None:
    account_id = open_account(venue, "key-owner")
    made = told(venue, "keys", "create", "--account", str(account_id), "--scope", "read")
    key_id, _, secret = made["secret_key"].partition(".")
    assert (made["account_id"], made["scopes"]) == (account_id, ["read"])
    listed = run(venue, "keys", "list", "--account", str(account_id))
    assert key_id in listed.stdout
    assert secret not in listed.stdout
    with VenueConnection(venue.file, key=made["secret_key"]) as connection:
        request = market_data_pb2.GetBookRequest(instrument_id=1)
        connection.call(connection.market_data.GetBook, request)
    told(venue, "keys", "revoke", key_id)
    refused = run(venue, "keys", "revoke", key_id)
    assert refused.exit_code == 4
    assert "KEY_NOT_FOUND" in refused.stderr
    assert "wavetank keys list" in refused.stderr


def test_a_key_without_admin_needs_an_account(venue: VenueProcess) -> None:
    assert run(venue, "keys", "create", "--scope", "trade").exit_code == 2


def test_play_money_arrives(venue: VenueProcess) -> None:
    account_id = open_account(venue, "depositor")
    # 100,000 to begin with and 1,000.50 on top.
    assert told(venue, "deposit", str(account_id), "1,000.50")["cash_micros"] == 101_000_500_000
    found = {account["account_id"]: account for account in told(venue, "accounts", "list")}
    assert found[account_id]["cash_micros"] == 101_000_500_000


def test_an_account_chooses_its_leverage(venue: VenueProcess) -> None:
    account_id = open_account(venue, "careful")
    assert told(venue, "accounts", "leverage", str(account_id)) == {"account_id": account_id, "leverages": {}}
    told(venue, "accounts", "leverage", str(account_id), "eth", "3")
    chosen = told(venue, "accounts", "leverage", str(account_id), "BTC", "5")
    assert chosen == {"account_id": account_id, "leverages": {"BTC": 5, "ETH": 3}}
    assert "5x in BTC" in run(venue, "accounts", "leverage", str(account_id)).stdout
    refused = run(venue, "accounts", "leverage", str(account_id), "BTC", "41")
    assert refused.exit_code == 4
    assert "LEVERAGE_REFUSED" in refused.stderr
    assert run(venue, "accounts", "leverage", str(account_id), "DOGE", "1").exit_code == 2
    assert run(venue, "accounts", "leverage", str(account_id), "BTC").exit_code == 2
    assert told(venue, "accounts", "leverage", str(account_id), "BTC", "40")["leverages"] == {"ETH": 3}


def test_an_account_chooses_how_its_legs_are_margined(venue: VenueProcess) -> None:
    account_id = open_account(venue, "offsetter")

    def mode() -> str:
        modes: dict[int, str] = {one["account_id"]: one["margin_mode"] for one in told(venue, "accounts", "list")}
        return modes[account_id]

    assert mode() == "gross"
    assert told(venue, "accounts", "margin-mode", str(account_id), "group-offset")["margin_mode"] == "group-offset"
    assert mode() == "group-offset"
    # It holds nothing, so it may go back.
    told(venue, "accounts", "margin-mode", str(account_id), "gross")
    assert run(venue, "accounts", "margin-mode", str(account_id), "isolated").exit_code == 2
    assert run(venue, "accounts", "margin-mode", "999999", "scenario").exit_code == 4
    assert mode() == "gross"


def test_a_sub_account_is_fed_cloned_and_reset(venue: VenueProcess) -> None:
    parent = open_account(venue, "family")
    child = told(venue, "accounts", "open", "family-sol", "--parent", str(parent), "--isolated", "sol")
    assert (child["parent_account_id"], child["isolated_instrument_id"]) == (parent, 3)
    assert child["margin_mode"] == "isolated"
    moved = told(venue, "accounts", "transfer", str(parent), str(child["account_id"]), "400")
    assert (moved["cash_micros"], moved["receiver_cash_micros"]) == (99_600 * 10**6, 400 * 10**6)
    assert run(venue, "accounts", "transfer", str(parent), str(parent), "1").exit_code == 4
    assert run(venue, "accounts", "open", "grandchild", "--parent", str(child["account_id"])).exit_code == 4
    twin = told(venue, "accounts", "clone", str(child["account_id"]), "family-twin")
    assert (twin["cash_micros"], twin["isolated_instrument_id"]) == (400 * 10**6, 3)
    assert told(venue, "accounts", "reset", str(parent), "--cash", "50")["cash_micros"] == 50 * 10**6
    # Up to 100,000 dollars.
    assert told(venue, "accounts", "faucet", str(parent))["amount_micros"] == 99_950 * 10**6
    again = run(venue, "accounts", "faucet", str(parent))
    assert (again.exit_code, "once" in again.output) == (4, True)


@pytest.mark.spec("MRGN-080", "LIQ-055")
def test_collateral_is_given_sold_and_taken_out(venue: VenueProcess) -> None:
    eventually(lambda: mark_of(venue, 1), 30.0)
    account_id = open_account(venue, "collateral-owner")
    account = str(account_id)
    # A lot is 0.00001 BTC.
    given = told(venue, "accounts", "collateral", account, "deposit", "btc", "0.5")
    assert [(each["instrument_id"], each["size_lots"]) for each in given["collateral"]] == [(1, 50_000)]
    sold = told(venue, "accounts", "collateral", account, "convert", "BTC", "0.1")
    proceeds = sold["cash_micros"] - 100_000 * 10**6
    # Nine tenths of a tenth of a BTC, at an index that moved since.
    assert abs(proceeds / 10**6 - mark_of(venue, 1) / 10 * 0.09) < 0.1 * proceeds / 10**6
    left = told(venue, "accounts", "collateral", account, "withdraw", "BTC", "0.15")
    assert [each["size_lots"] for each in left["collateral"]] == [25_000]
    listed = {one["account_id"]: one for one in told(venue, "accounts", "list")}[account_id]
    assert listed["collateral"] == [{**left["collateral"][0], "counted_micros": listed["counted_collateral_micros"]}]
    shown = run(venue, "accounts", "collateral", account)
    assert (shown.exit_code, "0.25" in shown.stdout) == (0, True)
    for arguments, code, why in (
        (("deposit", "ETH", "1"), 4, "COLLATERAL_REFUSED"),
        (("deposit", "BTC", "11"), 4, "COLLATERAL_REFUSED"),
        (("withdraw", "BTC", "1"), 4, "COLLATERAL_REFUSED"),
        (("withdraw", "BTC", "0.000001"), 2, ""),
        (("withdraw",), 2, ""),
    ):
        refused = run(venue, "accounts", "collateral", account, *arguments)
        assert (refused.exit_code, why in refused.stderr) == (code, True), refused.output


def test_an_instrument_is_halted_and_trades_again(venue: VenueProcess) -> None:
    halted = told(venue, "instrument", "eth", "state", "halted")
    assert (halted["instrument"], halted["state"], halted["previous_state"]) == ("ETH", "halted", "trading")
    again = told(venue, "instrument", "eth", "state", "trading")
    assert (again["previous_state"], again["seq"] > halted["seq"]) == ("halted", True)


def test_the_operator_steers_and_the_trail_says_who(venue: VenueProcess) -> None:
    before = told(venue, "operator", "top-up", "1k", "--note", "spare")["fund_micros"]
    assert told(venue, "operator", "top-up", "2k", "--note", "more")["fund_micros"] == before + 2_000_000_000
    # SOL's tiers are 20 and, from 70 million on, 10; a second later the shard and the directory know the new ones.
    preview = told(venue, "operator", "margin", "sol", "--tier", "0:15", "--preview")
    assert (preview["instrument"], preview["falling"], preview["preview"]) == ("SOL", 0, True)
    told(venue, "operator", "margin", "sol", "--tier", "0:15", "--tier", "70m:10", "--note", "stress")

    def leverages() -> list[int]:
        with VenueConnection(venue.file) as connection:
            return [tier.max_leverage for tier in connection.instrument("SOL").margin_tiers]

    assert eventually(lambda: leverages() == [15, 10], timeout=10.0)
    told(venue, "operator", "margin", "sol", "--tier", "0:20", "--tier", "70m:10", "--note", "calm")
    account_id = open_account(venue, "leaver")
    told(venue, "operator", "withdrawals", "pause", "--note", "look first")
    with VenueConnection(venue.file) as connection, pytest.raises(CommandFailed, match="WITHDRAWALS_GATED"):
        connection.call(
            connection.accounts.Withdraw, account_pb2.WithdrawRequest(account_id=account_id, amount_micros=1)
        )
    told(venue, "operator", "withdrawals", "resume", "--note", "looked")
    with VenueConnection(venue.file) as connection:
        connection.call(
            connection.accounts.Withdraw, account_pb2.WithdrawRequest(account_id=account_id, amount_micros=1)
        )
    trail = told(venue, "operator", "trail")
    assert [(one["action"], one["note"]) for one in trail[-6:]] == [
        ("top_up_fund", "spare"),
        ("top_up_fund", "more"),
        ("change_margin", "stress"),
        ("change_margin", "calm"),
        ("pause_withdrawals", "look first"),
        ("resume_withdrawals", "looked"),
    ]
    assert all(one["author"] for one in trail)
    assert "paused withdrawals: look first" in run(venue, "operator", "trail").output


def test_new_margins_need_a_reason_or_a_preview(venue: VenueProcess) -> None:
    assert run(venue, "operator", "margin", "sol", "--tier", "0:15").exit_code == 2
    assert run(venue, "operator", "margin", "sol", "--tier", "15", "--preview").exit_code == 2
    refused = run(venue, "operator", "margin", "sol", "--tier", "5:15", "--preview")
    assert (refused.exit_code, "begins at notional 0" in refused.output) == (4, True)


def test_a_funding_interval_is_set_and_every_service_follows(venue: VenueProcess) -> None:
    answer = told(venue, "operator", "funding", "sol", "10m", "--note", "faster")
    assert (answer["instrument"], answer["previous_interval_ns"]) == ("SOL", 3_600_000_000_000)

    def shown() -> bool:
        funding = {each["symbol"]: each["funding"] for each in told(venue, "status")["instruments"]}
        return bool(funding["SOL"].endswith("% per 10m 00s") and funding["BTC"].endswith("% per 1h 00m"))

    eventually(shown, 10.0)
    taken_over = "oracle prices SOL from here on, with funding every 10m 00s"
    eventually(lambda: taken_over in run(venue, "log").stdout, 10.0)
    refused = run(venue, "operator", "funding", "sol", "25h", "--note", "slower")
    assert refused.exit_code == 4
    told(venue, "operator", "funding", "sol", "1h", "--note", "as before")
    trail = told(venue, "operator", "trail")
    assert [(one["action"], one["figure"], one["note"]) for one in trail[-2:]] == [
        ("set_funding_interval", 600_000_000_000, "faster"),
        ("set_funding_interval", 3_600_000_000_000, "as before"),
    ]
    assert "let SOL pay funding every 10m 00s: faster" in " ".join(run(venue, "operator", "trail").output.split())


def test_limits_are_set_kept_shown_and_lifted(venue: VenueProcess) -> None:
    account_id = open_account(venue, "too-large")
    price = mark_of(venue, 3) // 10_000 * 9_500
    resting = place(venue, account_id, instrument_pb2.SIDE_BUY, price, 100)
    assert resting
    told(venue, "operator", "limit", "sol", "--account", str(account_id), "--size", "2.5", "--note", "too large")

    def refusal(size_lots: int) -> str:
        order = order_entry_pb2.PlaceOrder(
            instrument_id=3,
            side=instrument_pb2.SIDE_BUY,
            order_type=order_entry_pb2.ORDER_TYPE_LIMIT,
            time_in_force=order_entry_pb2.TIME_IN_FORCE_IOC,
            price_ticks=price,
            size_lots=size_lots,
        )
        with VenueConnection(venue.file) as connection:
            request = order_entry_pb2.PlaceOrderRequest(account_id=account_id, order=order)
            result = connection.call(connection.orders.PlaceOrder, request).result
            return reason_pb2.Reason.Name(result.refusal.reason)

    # 100 lots rest, so 150 more make 2.5 SOL and 151 are one too many.
    eventually(lambda: refusal(151) == "REASON_POSITION_TOO_LARGE", 20.0)
    assert refusal(150) == "REASON_UNSPECIFIED"
    # A hundred dollars are less than one SOL; what rests stays.
    told(venue, "operator", "limit", "SOL", "--account", str(account_id), "--exposure", "100", "--note", "smaller")
    eventually(lambda: refusal(10) == "REASON_EXPOSURE_TOO_LARGE", 20.0)
    told(venue, "operator", "limit", "SOL", "--account", str(account_id), "--lift", "--note", "over")
    group = ("operator", "limit", "--group", "majors")
    told(venue, *group, "--gross", "100", "--net", "90", "--note", "everybody")
    told(venue, *group, "--account", str(account_id), "--gross", "100", "--note", "one")
    eventually(lambda: refusal(10) == "REASON_GROUP_GROSS_TOO_LARGE", 20.0)
    assert told(venue, "operator", "limits") == {
        "instruments": [],
        "groups": [
            {"group": "majors", "account_id": 0, "net_micros": 90_000_000, "gross_micros": 100_000_000},
            {"group": "majors", "account_id": account_id, "net_micros": 0, "gross_micros": 100_000_000},
        ],
        "correlation_groups": ["majors"],
    }
    assert f"account {account_id}" in run(venue, "operator", "limits").output
    told(venue, *group, "--account", str(account_id), "--lift", "--note", "over")
    eventually(lambda: refusal(10) == "REASON_GROUP_NET_TOO_LARGE", 20.0)
    told(venue, *group, "--lift", "--note", "over")
    eventually(lambda: refusal(10) == "REASON_UNSPECIFIED", 20.0)
    trail = told(venue, "operator", "trail")
    assert [(one["action"], one["account_id"], one["note"]) for one in trail[-7:-4]] == [
        ("set_position_limit", account_id, "too large"),
        ("set_position_limit", account_id, "smaller"),
        ("set_position_limit", account_id, "over"),
    ]
    said = " ".join(run(venue, "log").stdout.split())
    assert f"too-large ({account_id}) may come to 2.5 SOL" in said
    assert "every client without a limit of its own may come to 90.00 net and 100.00 gross in the group majors" in said


def test_a_limit_that_makes_no_sense_is_not_sent(venue: VenueProcess) -> None:
    for wrong in (
        ("SOL", "--group", "majors", "--size", "1"),
        ("--size", "1"),
        ("SOL", "--net", "1"),
        ("--group", "majors", "--size", "1"),
        ("SOL",),
        ("SOL", "--size", "1", "--lift"),
        ("SOL", "--size", "0.001"),
    ):
        assert run(venue, "operator", "limit", *wrong, "--note", "why").exit_code == 2, wrong
    unknown = run(venue, "operator", "limit", "--group", "minors", "--net", "1", "--note", "why")
    assert (unknown.exit_code, "there are: majors" in " ".join(unknown.output.split())) == (4, True)
    assert run(venue, "operator", "limit", "SOL", "--size", "1").exit_code == 2


def test_a_fault_is_set_listed_and_cleared(venue: VenueProcess) -> None:
    fault = told(venue, "fault", "set", "lag", "eth", "--lag", "30s", "--consumer", "clearing")
    assert (fault["kind"], fault["instruments"], fault["consumers"], fault["lag_ns"]) == (
        "lag",
        ["ETH"],
        ["clearing"],
        30_000_000_000,
    )
    assert [item["fault_id"] for item in told(venue, "fault", "list")] == [fault["fault_id"]]
    assert told(venue, "status")["faults"][0].startswith(f"fault {fault['fault_id']}: prices of ETH 30.00s late")
    assert told(venue, "fault", "clear", str(fault["fault_id"])) == {"ended": [fault["fault_id"]]}
    assert told(venue, "fault", "list") == []


def test_a_negative_spike_is_no_option(venue: VenueProcess) -> None:
    fault = told(venue, "fault", "set", "spike", "SOL", "--by", "-1%", "--for", "1s", "--target", "funding")
    assert (fault["magnitude_e12"], fault["duration_ns"], fault["target"]) == (
        -10_000_000_000,
        1_000_000_000,
        "funding",
    )
    told(venue, "fault", "clear")


def test_an_unknown_symbol_is_refused_with_those_that_are_listed(venue: VenueProcess) -> None:
    result = run(venue, "fault", "set", "freeze", "DOGE")
    assert result.exit_code == 2
    assert "BTC, ETH, SOL" in result.stderr


def test_why_tells_the_story_of_a_fill(venue: VenueProcess) -> None:
    mark = eventually(lambda: mark_of(venue, 3), 30.0)
    first, second, taker = (open_account(venue, name) for name in ("first", "second", "taker"))
    # A price of at most five significant figures, near the mark.
    price = mark // 100 * 100
    buy, sell = instrument_pb2.SIDE_BUY, instrument_pb2.SIDE_SELL
    ahead = place(venue, first, buy, price, 100, b"ahead")
    behind = place(venue, second, buy, price, 200, b"behind")
    incoming = place(venue, taker, sell, price, 150)
    story = eventually(lambda: booked_story(venue, str(behind)), 20.0)
    assert story["reason"] == f"it rested, and taker ({taker}) came to its price"
    assert story["queue_ahead"] == {"orders": 1, "lots": 100}
    assert [trade["queue_ahead"]["lots"] for trade in story["trades"]] == [0]
    assert len(story["booked"]) == 1
    assert set(story["prices_at_acceptance"]) == {"truth", "clearing", "matching", "bots", "faults"}
    by_client_id = told(venue, "log", "why", "client:ahead")["orders"][0]
    assert by_client_id["order_id"] == ahead
    assert told(venue, "log", "why", str(incoming))["orders"][0]["reason"] == "it took what was there at once"
    lines = told(venue, "log", "--order", str(behind), "--last", "0")
    assert [line["event"] for line in lines] == ["OrderAccepted", "Traded", "FillBooked"]
    shown = run(venue, "log", "why", f"trade:{lines[1]['fields']['trade_id']}")
    assert shown.exit_code == 0
    assert "second" in shown.stdout


def booked_story(venue: VenueProcess, order_id: str) -> Any:  # noqa: ANN401 - JSON.
    story = told(venue, "log", "why", order_id)["orders"][0]
    return story if story["booked"] else None


def test_the_log_speaks_of_one_account_alone(venue: VenueProcess) -> None:
    account_id = open_account(venue, "watched")
    lines = told(venue, "log", "--account", str(account_id), "--last", "0")
    assert [line["event"] for line in lines] == ["AccountOpened", "Deposited"]
    assert lines[1]["sentence"] == f"watched ({account_id}) deposited 100,000.00; cash 100,000.00"


def test_an_order_that_never_was_has_no_story(venue: VenueProcess) -> None:
    result = run(venue, "log", "why", "12345")
    assert result.exit_code == 1
    assert "no log mentions" in result.stderr


def test_the_log_is_followed_as_events_happen(venue: VenueProcess) -> None:
    command = [sys.executable, "-m", "wavetank.cli", "log", "--follow", "--json", "--last", "1", "--dir"]
    with subprocess.Popen([*command, str(venue.directory.path)], stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        # The newest event of before shows that it is listening.
        json.loads(following.stdout.readline())
        account_id = open_account(venue, "newcomer")
        names = []
        while "AccountOpened" not in names:
            line = json.loads(following.stdout.readline())
            if line["fields"]["account_id"] == account_id:
                names.append(line["event"])
        following.terminate()


def test_bench_measures_orders_beside_an_echo_in_one_run(venue: VenueProcess) -> None:
    eventually(lambda: mark_of(venue, 1), 30.0)
    report = told(venue, "bench", "wire", "--seconds", "1")
    assert min(report["counts"].values()) > 10
    assert 0 < report["echo_p50_us"] < report["logged_p50_us"] <= report["logged_p99_us"]
    assert 0 < report["matched_p50_us"] <= report["matched_p99_us"]
    ratio = report["logged_p50_us"] / report["echo_p50_us"]
    assert report["logged_ratio_p50"] == pytest.approx(ratio, abs=0.01)
    rates = [report[f"batch{size}_orders_per_s"] for size in (10, 100, 1_000)]
    assert min(report["echo_window_per_s"], report["single_window_per_s"], *rates) > 0
    # A batch costs less per command than single ones.
    assert report["single_window_per_s"] < max(rates)
    assert report["cpu_us"]["logged"]["server"] > 0
    assert set(report["stages"]) == {"decode", "engine", "append", "publish"}
    assert all(stage["count"] > 0 for stage in report["stages"].values())
    assert report["request_bytes"] > 0


def test_any_address_of_the_venue_answers_the_directory(venue: VenueProcess) -> None:
    with VenueConnection(venue.file) as connection:
        answer = connection.call(connection.directory.GetDirectory, directory_pb2.GetDirectoryRequest())
    assert {endpoint.address for endpoint in answer.endpoints} >= {venue.address, venue.file.endpoints["clearing"]}


def test_a_command_without_a_venue_says_how_to_start_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["status", "--dir", str(tmp_path / "none")])
    assert result.exit_code == 3
    assert "wavetank up" in result.stderr


@pytest.mark.spec("MTCH-065")
def test_doors_are_broken_listed_and_mended(venue: VenueProcess) -> None:
    account = open_account(venue, "disturbed")
    (fault,) = told(
        venue, "disturb", "set", "delay", "--by", "20ms", "--jitter", "10ms", "--distribution", "exponential",
        "--account", str(account), "--chance", "5%", "--for", "1h", "--seed", "7",
    )  # fmt: skip
    assert (fault["kind"], fault["delay_ns"], fault["jitter_kind"]) == ("delay", 20_000_000, "exponential")
    assert (fault["accounts"], fault["probability_ppm"], fault["duration"]) == ([account], 50_000, "1h 00m")
    assert fault in told(venue, "disturb", "list")
    shown = run(venue, "disturb", "list").output
    assert "requests arrive late, by 20ms and exponential 10ms" in " ".join(shown.split())
    assert told(venue, "disturb", "clear", str(fault["fault_id"])) == {"ended": [fault["fault_id"]]}
    assert fault not in told(venue, "disturb", "list")
    assert run(venue, "disturb", "clear", str(fault["fault_id"])).exit_code != 0
    assert "is given a time" in run(venue, "disturb", "set", "delay").output
    story = " ".join(run(venue, "log", "--all").output.split())
    assert f"venue fault {fault['fault_id']} was cleared by hand" in story


@pytest.mark.spec("MTCH-060")
def test_the_ordering_is_switched_and_told(venue: VenueProcess) -> None:
    (switched,) = told(venue, "ordering", "taker-delay", "--delay", "1ms")
    try:
        assert switched["ordering"]["policy"] == "taker-delay"
        assert switched["ordering"]["taker_delay_ns"] == 1_000_000
        assert switched["previous"]["policy"] == "arrival"
    finally:
        output = " ".join(run(venue, "ordering", "arrival").output.split())
    assert "ran by taker-delay and run by arrival: first come, first served" in output


@pytest.mark.spec("LIQ-070", "LIQ-030")
def test_the_fund_is_drained_and_liquidations_are_slowed_for_a_while(venue: VenueProcess) -> None:
    drained = told(venue, "operator", "drain", "--note", "storm")
    assert (drained["fund_micros"], drained["drained_micros"]) == (0, drained["amount_micros"])
    restored = told(venue, "operator", "restore", "--note", "over")
    assert (restored["amount_micros"], restored["drained_micros"]) == (drained["amount_micros"], 0)
    assert restored["fund_micros"] == drained["amount_micros"]
    slowed = told(venue, "operator", "slow", "10s", "--note", "storm")
    assert (slowed["pace_ns"], slowed["previous_pace_ns"]) == (10_000_000_000, 0)
    assert "it was 10.00s before" in " ".join(run(venue, "operator", "slow", "0", "--note", "over").output.split())
    trail = [each["action"] for each in told(venue, "operator", "trail")]
    assert trail[-4:] == ["drain_fund", "restore_fund", "slow_liquidations", "slow_liquidations"]
