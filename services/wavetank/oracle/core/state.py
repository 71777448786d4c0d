"""What the oracle knows: everything that its events leave behind, and nothing else.

It exists apart from the decisions so that recovery is plain: apply events, or read a snapshot. The snapshot is JSON
with sorted keys, so the same state gives the same bytes, and its hash is the state's.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any

from wavetank.model.events.oracle import SourceStanding
from wavetank.model.validity import Validity
from wavetank.oracle.core.average import Average
from wavetank.oracle.core.faults import CONSUMERS, Fault, FaultKind, FaultTarget, JitterDistribution
from wavetank.oracle.core.mark import Book
from wavetank.oracle.core.values import History, Prices, SourceValue

SNAPSHOT_VERSION = 2

_NOTHING = Average()


class SnapshotUnreadable(Exception):
    """A snapshot is not one that this code wrote."""


@dataclass(slots=True)
class SourceState:
    """The newest price of a source, and how the index stood to it last time."""

    price_micros: int
    price_time_ns: int
    confidence_micros: int = 0
    standing: SourceStanding = SourceStanding.STALE
    history: History[SourceValue] | None = None
    """Of its prices since a fault began that chooses among them."""

    @property
    def value(self) -> SourceValue:
        """What it said last."""
        return SourceValue(self.price_micros, self.price_time_ns, self.confidence_micros)


@dataclass(slots=True)
class BookState:
    """The newest sample of the shard's book."""

    top: Book
    impact_bid_e6: int
    impact_ask_e6: int
    sample_time_ns: int


@dataclass(frozen=True, slots=True)
class MarkAverages:
    """The averages behind a mark (ORCL-020)."""

    basis: Average = _NOTHING
    """Of mid minus index."""
    book: Average = _NOTHING
    """Of the book term."""


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
    averages: MarkAverages = field(default_factory=MarkAverages)
    """Of the truth."""
    told_averages: MarkAverages | None = None
    """Of what faults of sources make of it, while there are any."""
    published: Prices | None = None
    """The newest true value."""
    publish_time_ns: int = 0
    told_time_ns: int = 0
    """When the newest `PriceTold` was."""
    history: History[Prices] = field(default_factory=History)
    """What would have been delivered to everybody, were it not for faults of delivery."""
    validity: Validity = Validity.STALE
    """Of the newest of those."""
    usual: tuple[Average, ...] = (_NOTHING,) * len(CONSUMERS)
    """Averages of the index that each of `CONSUMERS` was told (ORCL-030)."""
    premium_sum_e12: int = 0
    premium_samples: int = 0
    premium_time_ns: int = 0
    funding_tick: int = 0
    faults: list[Fault] = field(default_factory=list)
    """Set ones, by id; some may not have begun."""

    @property
    def told(self) -> Prices | None:
        """The newest value that would have been delivered to everybody."""
        return self.history.values[-1] if self.history.values else None

    @property
    def is_faulty(self) -> bool:
        """Whether a fault of prices has begun."""
        return any(fault.has_begun and fault.target is FaultTarget.PRICE for fault in self.faults)

    def source_faults(self, source: str) -> list[Fault]:
        """Return the faults of a source that have begun, by id."""
        return [fault for fault in self.faults if fault.source == source and fault.has_begun]


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

    def fault_ids(self) -> set[int]:
        """Return the ids of all faults that are set."""
        return {fault.fault_id for instrument in self.instruments.values() for fault in instrument.faults}

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


def _source_value(item: dict[str, Any] | None) -> SourceValue | None:
    return None if item is None else SourceValue(**item)


def _averages(item: dict[str, Any]) -> MarkAverages:
    return MarkAverages(Average(**item["basis"]), Average(**item["book"]))


def _fault(item: dict[str, Any]) -> Fault:
    read = _source_value if item["source"] else _prices
    return Fault(
        **(
            item
            | {
                "kind": FaultKind(item["kind"]),
                "target": FaultTarget(item["target"]),
                "distribution": JitterDistribution(item["distribution"]),
                "frozen": tuple(read(frozen) for frozen in item["frozen"]),
            }
        )
    )


def _source(item: dict[str, Any]) -> SourceState:
    history = item["history"]
    past = None
    if history is not None:
        past = History(history["times_ns"], [SourceValue(**value) for value in history["values"]])
    return SourceState(**(item | {"standing": SourceStanding(item["standing"]), "history": past}))


def _instrument(item: dict[str, Any]) -> InstrumentState:
    book, told = item["book"], item["told_averages"]
    return InstrumentState(
        **(
            item
            | {
                "sources": {name: _source(source) for name, source in item["sources"].items()},
                "book": None if book is None else BookState(**(book | {"top": Book(**book["top"])})),
                "averages": _averages(item["averages"]),
                "told_averages": None if told is None else _averages(told),
                "published": _prices(item["published"]),
                "history": History(
                    item["history"]["times_ns"], [Prices(**prices) for prices in item["history"]["values"]]
                ),
                "validity": Validity(item["validity"]),
                "usual": tuple(Average(**average) for average in item["usual"]),
                "faults": [_fault(fault) for fault in item["faults"]],
            }
        )
    )
