"""Follow a shard's log for samples of its books; every other kind of event is passed over unread."""

from __future__ import annotations

from contextlib import aclosing

from wavetank.model.events.matching import BookSampled
from wavetank.model.record import RECORD_BYTES, decode, kind_of, kinds
from wavetank.oracle.service import OracleService
from wavetank.runtime.log_reader import LogReader

_BOOK_SAMPLED = kind_of(BookSampled)


async def follow_books(reader: LogReader, service: OracleService) -> None:
    """Hand each sample to the service, for ever.

    Raises:
        LogGap, LogCorrupt: see `LogReader.follow`.

    """
    async with aclosing(reader.follow()) as entries:
        async for entry in entries:
            for index, kind in enumerate(kinds(entry.records)):
                if kind == _BOOK_SAMPLED:
                    sample = decode(entry.records, index * RECORD_BYTES)
                    assert isinstance(sample, BookSampled), "a record's kind is its class"
                    service.take_book(sample, entry.first_seq + index)
            service.note_read(reader.log, entry.position)
