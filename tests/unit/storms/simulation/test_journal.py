"""The logs of a simulation are a venue's logs: numbered, chained, and read back by the same codec."""

from __future__ import annotations

from wavetank.model.events.clearing import Deposited, VenueGateMoved
from wavetank.model.record import encode_all, kind_of
from wavetank.runtime.log_entry import EntryKind, Position, decode_entry
from wavetank.storms.simulation.journal import Journal
from wavetank.v1 import log_pb2

GATE = VenueGateMoved(instrument_id=0, account_id=0, is_open=1)
DEPOSIT = Deposited(instrument_id=0, account_id=1000, amount_micros=5, cash_after_micros=5)


def test_entries_are_numbered_and_chained_through_epochs() -> None:
    kept: list[bytes] = []
    journal = Journal("clearing", 7, kept.append)
    journal.append(8, encode_all([GATE, DEPOSIT]), {"oracle": Position("1-3", 9, 77)})
    journal.open_epoch(9)
    journal.append(10, encode_all([GATE]), {})
    entries = [decode_entry(data) for data in kept]
    assert [entry.entry_id for entry in entries] == ["1-0", "1-1", "2-0", "2-3"]
    assert [entry.kind for entry in entries[::2]] == [EntryKind.EPOCH_STARTED] * 2
    assert [entry.prev for entry in entries[1:]] == [entry.checksum for entry in entries[:-1]]
    inputs = log_pb2.Inputs.FromString(entries[1].inputs)
    assert (inputs.now_ns, inputs.cursors[0].log, inputs.cursors[0].seq) == (8, "oracle", 9)
    assert journal.position == entries[-1].position


def test_an_entry_gives_its_events_and_picks_by_kind() -> None:
    entry = Journal("clearing", 0).append(1, encode_all([GATE, DEPOSIT, GATE]), {})
    assert entry.events == [GATE, DEPOSIT, GATE]
    assert list(entry.picked({kind_of(Deposited)})) == [(2, DEPOSIT)]
    assert entry.last_seq == 3


def test_a_journal_that_nobody_reads_counts_alike() -> None:
    kept: list[bytes] = []
    read, unread = Journal("clearing", 0, kept.append), Journal("clearing", 0)
    for journal in (read, unread):
        journal.append(1, encode_all([GATE, GATE]), {})
        assert journal.append(2, encode_all([DEPOSIT]), {}).first_seq == 3
    assert read.last_seq == unread.last_seq == 3
