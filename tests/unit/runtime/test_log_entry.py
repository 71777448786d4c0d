"""The bytes of a log entry, written out by hand: other readers rely on them."""

import hashlib

import pytest

from wavetank.runtime.log_entry import (
    EntryKind,
    LogCorrupt,
    LogEntry,
    Position,
    checksum_of,
    decode_entry,
    encode_entry,
    id_key,
    log_key,
)

RECORDS = bytes(range(128)) + bytes(128)
# magic, version 1, kind 0, epoch 3, first_seq 258, count 2, inputs 5, prev -2, now 1,000 (0x3e8).
HEADER = bytes.fromhex(
    "57544c31 0100 00000300000000000000 020100000000000002000000 05000000feffffffffffffff e803000000000000"
)
# BLAKE2b with a digest of 8 bytes over the header, b"input" and the records.
CHECKSUM = hashlib.blake2b(HEADER + b"input" + RECORDS, digest_size=8).digest()
DATA = HEADER + b"input" + RECORDS + CHECKSUM


def encoded() -> bytes:
    return encode_entry(epoch=3, first_seq=258, now_ns=1_000, prev=-2, inputs=b"input", records=RECORDS)


def test_an_entry_is_these_bytes() -> None:
    assert encoded() == DATA


def test_the_checksum_is_this_number() -> None:
    # The first epoch start of a log at venue time 5, as bytes; its checksum as a signed little-endian integer.
    entry, data = LogEntry.epoch_start(epoch=1, after=Position.START, now_ns=5)
    assert data.hex() == (
        "57544c31010001000100000000000000010000000000000000000000000000000000000000000000"
        "05000000000000008cb10f04d9bdbcd9"
    )
    assert entry.checksum == checksum_of(data) == int.from_bytes(bytes.fromhex("8cb10f04d9bdbcd9"), "little") - 2**64


def test_an_entry_reads_back() -> None:
    entry = decode_entry(DATA)
    assert entry == LogEntry(
        epoch=3,
        first_seq=258,
        count=2,
        now_ns=1_000,
        prev=-2,
        checksum=int.from_bytes(CHECKSUM, "little", signed=True),
        inputs=b"input",
        records=RECORDS,
        kind=EntryKind.BATCH,
    )
    assert entry.entry_id == "3-258"
    assert entry.last_seq == 259
    assert entry.position == Position("3-258", 259, entry.checksum)


def test_an_epoch_start_takes_no_seq() -> None:
    entry, data = LogEntry.epoch_start(epoch=4, after=Position("3-258", 259, 77), now_ns=9)
    assert decode_entry(data) == entry
    assert (entry.entry_id, entry.last_seq, entry.first_seq, entry.prev) == ("4-0", 259, 260, 77)


@pytest.mark.parametrize("offset", range(0, len(DATA), 7))
def test_one_changed_bit_is_refused(offset: int) -> None:
    damaged = bytearray(DATA)
    damaged[offset] ^= 0x10
    with pytest.raises(LogCorrupt):
        decode_entry(bytes(damaged))


def test_an_entry_cut_short_is_refused() -> None:
    for length in (0, 10, 55, len(DATA) - 1):
        with pytest.raises(LogCorrupt):
            decode_entry(DATA[:length])


def test_lengths_that_do_not_fit_are_refused_even_under_a_right_checksum() -> None:
    body = HEADER + b"inputs" + RECORDS
    with pytest.raises(LogCorrupt, match="its header says 2 records and 5 bytes"):
        decode_entry(body + hashlib.blake2b(body, digest_size=8).digest())


def test_a_version_of_another_software_is_refused() -> None:
    body = HEADER[:4] + b"\x02\x00" + HEADER[6:] + b"input" + RECORDS
    with pytest.raises(LogCorrupt, match="record version 2; this software reads version 1"):
        decode_entry(body + hashlib.blake2b(body, digest_size=8).digest())


def test_half_a_record_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="records are 130 bytes"):
        encode_entry(epoch=1, first_seq=1, now_ns=0, prev=0, inputs=b"", records=bytes(130))


def test_keys_and_ids() -> None:
    assert log_key("matching-0") == "wt:{matching-0}:log"
    # As numbers: 6-125 is before 6-300, which as text it is too, but 6-99 is not.
    assert sorted(["6-300", "6-99", "5-4000", "6-125"], key=id_key) == ["5-4000", "6-99", "6-125", "6-300"]
