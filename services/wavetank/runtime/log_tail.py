"""What a writer sent and keeps for a while, and what of it a log lacks (PROTOCOLS 3).

After a lost answer or a failover the writer compares the log's last entry with what it sent. Three ends are possible:
nothing is missing, or the entries behind the last one are sent again byte for byte, or the log cannot be mended: it
ends before everything that is still held (`LogLost`), or with an entry of somebody else (`Fenced`).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from wavetank.runtime.log_entry import LogEntry, id_key


class Fenced(Exception):
    """Another writer has taken over the log; this process must end."""


class LogLost(Exception):
    """Redis lost acknowledged entries that can not be appended again; the message names their seqs."""


@dataclass(slots=True)
class SentEntry:
    """Bytes of an entry as they were sent, and what finds its place in the chain; never changed."""

    entry_id: str
    first_seq: int
    last_seq: int
    prev: int
    checksum: int
    data: bytes

    @classmethod
    def of(cls, entry: LogEntry, data: bytes) -> Self:
        """Return an entry and its bytes as they were sent."""
        return cls(entry.entry_id, entry.first_seq, entry.last_seq, entry.prev, entry.checksum, data)


class RetainedTail:
    """The entries committed last, as many as a number of bytes allows; the very last one always."""

    def __init__(self, retained_bytes: int) -> None:
        """Keep about so many bytes."""
        self.entries: deque[SentEntry] = deque()
        """Oldest first."""
        self._retained_bytes = retained_bytes
        self._bytes = 0

    @property
    def last(self) -> SentEntry:
        """The entry committed last."""
        return self.entries[-1]

    def add(self, sent: SentEntry) -> None:
        """Take an entry that was committed, and let go of the oldest beyond the bytes."""
        self.entries.append(sent)
        self._bytes += len(sent.data)
        while self._bytes > self._retained_bytes and len(self.entries) > 1:
            self._bytes -= len(self.entries.popleft().data)


def missing_from(log: str, sent: Sequence[SentEntry], last: LogEntry | None) -> Sequence[SentEntry]:
    """Return those of `sent` that stand behind the log's last entry, and so must be appended (again).

    Args:
        log: name of the log, for messages.
        sent: what this writer sent, oldest first: the retained tail and what is in flight.
        last: last entry of the log, or None if the log is empty.

    Raises:
        LogLost: the log ends before the first of `sent`, and not where that follows.
        Fenced: the log ends with an entry that this writer did not send.

    """
    last_checksum = 0 if last is None else last.checksum
    if last is not None and sent[-1].checksum == last_checksum and sent[-1].entry_id == last.entry_id:
        return ()
    for index, entry in enumerate(sent):
        if entry.prev == last_checksum and (last is None or id_key(last.entry_id) < id_key(entry.entry_id)):
            return sent[index:]
    if last is None or id_key(last.entry_id) < id_key(sent[0].entry_id):
        first_lost = 1 if last is None else last.last_seq + 1
        raise LogLost(
            f"log {log} ends with {'nothing' if last is None else last.entry_id}; acknowledged seqs {first_lost} to"
            f" {sent[0].first_seq - 1} are lost, and those kept to append again begin only with {sent[0].first_seq}"
        )
    raise Fenced(f"log {log} ends with {last.entry_id}, which this writer of {sent[-1].entry_id} did not append")
