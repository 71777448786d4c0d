"""What the oracle knows: everything that its events leave behind, and nothing else.

It exists apart from the decisions so that recovery is plain: apply events, or read a snapshot. The snapshot is JSON
with sorted keys, so the same state gives the same bytes, and its hash is the state's.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any

from wavetank.oracle.core.average import Average
from wavetank.oracle.core.faults import Fault, FaultKind, FaultTarget, History, Prices
from wavetank.oracle.core.mark import Book

SNAPSHOT_VERSION = 1


class SnapshotUnreadable(Exception):
    """A snapshot is not one that this code wrote."""


@dataclass(slots=True)
class SourceState:
    """The newest price of a source, and whether the index counted it last time."""

    price_micros: int
    price_time_ns: int
    is_live: bool = False


@dataclass(slots=True)
class BookState:
    """The newest sample of the shard's book."""

    top: Book
    impact_bid_e6: int
    impact_ask_e6: int
    sample_time_ns: int


@dataclass(slots=True)
class InstrumentState:
    """One instrument as the oracle sees it."""

    instrument_id: int
    symbol: str
    size_decimals: int
    funding_interval_ns: int
    funding_cap_e12: int
    next_funding_time_ns: int
    sources: dict[str, SourceState] = field(default_factory=dict)
    book: BookState | None = None
    basis: Average = field(default_factory=Average)
    """Of mid minus index."""
    book_average: Average = field(default_factory=Average)
    """Of the book term."""
    published: Prices | None = None
    """The newest true value."""
    publish_time_ns: int = 0
    history: History = field(default_factory=History)
    premium_sum_e12: int = 0
    premium_samples: int = 0
    premium_time_ns: int = 0
    funding_tick: int = 0
    faults: list[Fault] = field(default_factory=list)
    """Active ones, by id."""


@dataclass(slots=True)
class OracleState:
    """The whole state."""

    now_ns: int = 0
    """Time of the newest event; decisions never go back behind it."""
    last_fault_id: int = 0
    instruments: dict[int, InstrumentState] = field(default_factory=dict)

    def in_order(self) -> list[InstrumentState]:
        """Return the instruments by id, the order of every walk."""
        return [self.instruments[instrument_id] for instrument_id in sorted(self.instruments)]

    def to_bytes(self) -> bytes:
        """Return the state as canonical JSON."""
        body = {"version": SNAPSHOT_VERSION} | asdict(self)
        return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()

    def hash(self) -> bytes:
        """Return 32 bytes that are equal when, and only when, states are."""
        return blake2b(self.to_bytes(), digest_size=32).digest()

    @classmethod
    def from_bytes(cls, data: bytes) -> OracleState:
        """Return the state of a snapshot.

        Raises:
            SnapshotUnreadable: the bytes are no snapshot of this version.

        """
        try:
            body = json.loads(data)
            if body["version"] != SNAPSHOT_VERSION:
                raise SnapshotUnreadable(f"snapshot has version {body['version']}, this code reads {SNAPSHOT_VERSION}")
            instruments = [_instrument(item) for item in body["instruments"].values()]
            return cls(
                now_ns=body["now_ns"],
                last_fault_id=body["last_fault_id"],
                instruments={instrument.instrument_id: instrument for instrument in instruments},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotUnreadable(f"{len(data)} bytes are no snapshot of the oracle: {error!r}") from error


def _prices(item: dict[str, Any] | None) -> Prices | None:
    return None if item is None else Prices(**item)


def _fault(item: dict[str, Any]) -> Fault:
    return Fault(
        **(
            item
            | {
                "kind": FaultKind(item["kind"]),
                "target": FaultTarget(item["target"]),
                "frozen": tuple(_prices(frozen) for frozen in item["frozen"]),
            }
        )
    )


def _instrument(item: dict[str, Any]) -> InstrumentState:
    book = item["book"]
    return InstrumentState(
        **(
            item
            | {
                "sources": {name: SourceState(**source) for name, source in item["sources"].items()},
                "book": None if book is None else BookState(**(book | {"top": Book(**book["top"])})),
                "basis": Average(**item["basis"]),
                "book_average": Average(**item["book_average"]),
                "published": _prices(item["published"]),
                "history": History(
                    times_ns=item["history"]["times_ns"],
                    prices=[Prices(**prices) for prices in item["history"]["prices"]],
                ),
                "faults": [_fault(fault) for fault in item["faults"]],
            }
        )
    )
