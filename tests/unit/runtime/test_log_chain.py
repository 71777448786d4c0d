"""What a writer does about entries that the log may or may not hold, case by case."""

import pytest

from wavetank.runtime.log_entry import LogEntry, Position, decode_entry, encode_entry
from wavetank.runtime.log_reader import LogGap, next_entry
from wavetank.runtime.log_tail import Fenced, LogLost, SentEntry, missing_from

RECORD = bytes(128)


def chain(epoch: int, after: Position, counts: list[int]) -> list[LogEntry]:
    """Return an epoch's start and its entries of so many events each."""
    entries = [LogEntry.epoch_start(epoch=epoch, after=after, now_ns=0)[0]]
    for count in counts:
        before = entries[-1].position
        data = encode_entry(
            epoch=epoch, first_seq=before.seq + 1, now_ns=0, prev=before.checksum, inputs=b"", records=RECORD * count
        )
        entries.append(decode_entry(data))
    return entries


def sent(entries: list[LogEntry]) -> list[SentEntry]:
    return [
        SentEntry(entry.entry_id, entry.first_seq, entry.last_seq, entry.prev, entry.checksum, b"") for entry in entries
    ]


FIRST = chain(1, Position.START, [2, 1])
SECOND = chain(2, FIRST[-1].position, [1, 3, 1])


def missing(entries: list[LogEntry], last: LogEntry | None) -> list[str]:
    return [entry.entry_id for entry in missing_from("tank", sent(entries), last)]


def test_nothing_is_missing_when_the_log_ends_with_what_was_sent_last() -> None:
    assert missing(SECOND, SECOND[-1]) == []


def test_what_stands_behind_the_last_entry_is_missing() -> None:
    assert [entry.entry_id for entry in SECOND] == ["2-0", "2-4", "2-5", "2-8"]
    assert missing(SECOND, SECOND[2]) == ["2-8"]
    assert missing(SECOND, SECOND[0]) == ["2-4", "2-5", "2-8"]
    # A failover that lost even the start of the epoch.
    assert missing(SECOND, FIRST[-1]) == ["2-0", "2-4", "2-5", "2-8"]


def test_an_empty_log_is_written_anew_if_everything_is_still_held() -> None:
    assert missing(FIRST, None) == ["1-0", "1-1", "1-3"]
    with pytest.raises(LogLost, match="acknowledged seqs 1 to 3 are lost"):
        missing(SECOND, None)


def test_what_is_no_longer_held_is_lost_and_named() -> None:
    # The log ends with seq 4; held are 8 and on, so 5 to 7 are gone.
    with pytest.raises(LogLost, match="ends with 2-4; acknowledged seqs 5 to 7 are lost"):
        missing(SECOND[3:], SECOND[1])


def test_an_entry_of_another_writer_fences() -> None:
    other = chain(3, SECOND[1].position, [1])
    with pytest.raises(Fenced, match="ends with 3-0"):
        missing(SECOND, other[0])
    # The same id with other bytes.
    twin = decode_entry(
        encode_entry(epoch=2, first_seq=8, now_ns=1, prev=SECOND[2].checksum, inputs=b"", records=RECORD)
    )
    with pytest.raises(Fenced):
        missing(SECOND, twin)


def test_entries_follow_by_checksum_and_by_seq() -> None:
    data = encode_entry(epoch=1, first_seq=4, now_ns=0, prev=FIRST[2].checksum, inputs=b"", records=RECORD)
    assert next_entry("tank", FIRST[2].position, "1-4", data).position.seq == 4
    with pytest.raises(LogGap, match="1-4 does not follow 1-1: the chain"):
        next_entry("tank", FIRST[1].position, "1-4", data)
    with pytest.raises(LogGap, match="its first seq is 4, 8 was due"):
        next_entry("tank", Position("1-3", 7, FIRST[2].checksum), "1-4", data)
