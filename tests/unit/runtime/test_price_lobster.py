"""LOBSTER recordings: the mid of the best levels after each message, at its time in New York."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from wavetank.model.reason import Reason
from wavetank.runtime.price_formats import load_path
from wavetank.runtime.price_lobster import _midnight_ns, recording_of
from wavetank.runtime.price_path import (
    SECOND_NS,
    NotAPriceFile,
    PriceFileInvalid,
    PriceFormat,
    PriceNotPositive,
    TimesOutOfOrder,
    WrongColumns,
)

NAME = "AMZN_2012-06-21_34200000_57600000_{}_1.csv"
# Midnight in New York, four hours behind UTC in June.
MIDNIGHT = int(datetime(2012, 6, 21, 4, tzinfo=UTC).timestamp()) * SECOND_NS

MESSAGES = (
    "34200.017459617,5,0,1,2238200,-1\n"
    "34200.18960767,1,11885113,21,2238100,1\n"
    "34200.18960767,1,3911376,20,2239600,-1\n"
    "34260,7,0,0,-1,-1\n"
    "34261.5,3,11885113,21,2238100,1\n"
)
BOOK = (
    "2239500,100,2231800,100\n"
    "2239500,100,2238100,21\n"
    "2239500,100,2238200,7\n"
    "9999999999,0,2238200,7\n"
    "2239500,100,2231801,100\n"
)


def written(tmp_path: Path, messages: str = MESSAGES, book: str = BOOK, name: str = NAME) -> Path:
    for kind, text in (("message", messages), ("orderbook", book)):
        (tmp_path / name.format(kind)).write_text(text)
    return tmp_path / name.format("orderbook")


def test_the_mid_of_the_best_levels_stands_at_the_time_of_its_message(tmp_path: Path) -> None:
    prices = load_path(written(tmp_path))
    assert prices.format is PriceFormat.LOBSTER
    # 34,200 s is half past nine. Of two rows at one time the last counts; the row without an ask says nothing.
    assert [int(time_ns) - MIDNIGHT for time_ns in prices.times_ns] == [
        34_200_017_459_617,
        34_200_189_607_670,
        34_261_500_000_000,
    ]
    # (223.95 + 223.18)/2 = 223.565; (223.95 + 223.82)/2 = 223.885; (223.95 + 223.1801)/2 = 223.56505.
    assert [int(price) for price in prices.prices_micros] == [223_565_000, 223_885_000, 223_565_050]


def test_either_file_names_the_recording_and_column_names_are_passed_over(tmp_path: Path) -> None:
    plain = load_path(written(tmp_path))
    for kind, columns, text in (
        ("message", "Time,Type,OrderId,Size,Price,Direction\n", MESSAGES),
        ("orderbook", "BestAsk,BestAskVolume,BestBid,BestBidVolume\n", BOOK),
    ):
        packed = tmp_path / (NAME.format(kind) + ".gz")
        packed.write_bytes(gzip.compress((columns + text).encode()))
    other = load_path(tmp_path / (NAME.format("message") + ".gz"))
    assert other.times_ns.tolist() == plain.times_ns.tolist()
    assert other.prices_micros.tolist() == plain.prices_micros.tolist()


def test_deeper_levels_are_left_out(tmp_path: Path) -> None:
    deep = "".join(f"{row},2250000,1,2200000,1\n" for row in BOOK.splitlines())
    assert load_path(written(tmp_path, book=deep)).prices_micros.tolist() == [223_565_000, 223_885_000, 223_565_050]


@pytest.mark.parametrize(
    "day",
    ["2007-06-27", "2012-01-03", "2012-03-09", "2012-03-12", "2012-11-02", "2012-11-05", "2026-03-06", "2026-03-09"],
)
def test_midnight_in_new_york(tmp_path: Path, day: str) -> None:
    recording = recording_of(tmp_path / f"AMZN_{day}_1_2_message_1.csv")
    assert recording is not None
    try:
        zone = ZoneInfo("America/New_York")
    except KeyError:
        pytest.skip("this machine has no table of time zones")
    assert _midnight_ns(recording) == int(datetime.fromisoformat(day).replace(tzinfo=zone).timestamp()) * SECOND_NS


@pytest.mark.parametrize(
    ("messages", "book", "error", "line", "found"),
    [
        (MESSAGES, BOOK + "2239500,100,2231801,100\n", WrongColumns, 6, "the other file ends"),
        (MESSAGES + "34262,1,1,1,1,1\n", BOOK, WrongColumns, 6, "the other file ends"),
        (MESSAGES.replace("34261.5,", "34199,"), BOOK, TimesOutOfOrder, 5, "34199"),
        (MESSAGES.replace("34260,7", "noon,7"), BOOK, WrongColumns, 4, "'noon'"),
        (MESSAGES.replace("34260,7,0", "34260,0"), BOOK, WrongColumns, 4, "5 cells"),
        (MESSAGES, BOOK.replace("2239500,100,2231801,100", "2239500,100,2231801"), WrongColumns, 5, "3 cells"),
        (MESSAGES, BOOK.replace("2231801", "223.18"), WrongColumns, 5, "'223.18'"),
        (MESSAGES, BOOK.replace("2231801", "2239501"), PriceNotPositive, 5, "2239501"),
        (MESSAGES, BOOK.replace("2231801", "0"), PriceNotPositive, 5, "bid 0"),
        ("", "", NotAPriceFile, 0, "0 times"),
    ],
)
def test_a_bad_recording_is_refused(
    tmp_path: Path, messages: str, book: str, error: type[PriceFileInvalid], line: int, found: str
) -> None:
    with pytest.raises(error) as caught:
        load_path(written(tmp_path, messages, book))
    assert (caught.value.line, found in caught.value.found) == (line, True)


def test_half_a_recording_or_one_of_no_day_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / NAME.format("message")).unlink()
    with pytest.raises(NotAPriceFile, match=r"message_1\.csv: cannot be read"):
        load_path(path)
    with pytest.raises(WrongColumns, match="2012-06-31") as caught:
        load_path(written(tmp_path, name="AMZN_2012-06-31_1_2_{}_1.csv"))
    assert caught.value.reason is Reason.MALFORMED


def test_a_real_day_of_amazon(market_data: Path) -> None:
    folder = market_data / "lobster_amzn_2012-06-21"
    prices = load_path(folder / "AMZN_2012-06-21_34200000_57600000_message_1.csv.gz")
    opened = int(datetime(2012, 6, 21, 13, 30, tzinfo=UTC).timestamp()) * SECOND_NS
    # The first row: 34200.01746, best ask 2239500 and bid 2231800.
    assert prices.newest_by(opened + SECOND_NS // 50) == (opened + 17_460_000, 223_565_000)
    # 57,515 rows between half past nine and four, some of them at one time.
    assert 50_000 < len(prices.times_ns) < 57_515
    assert opened < prices.first_ns
    assert prices.end_ns < opened + timedelta(hours=6.5) // timedelta(microseconds=1) * 1_000
    assert 220_000_000 < prices.prices_micros.min() < prices.prices_micros.max() < 227_000_000
