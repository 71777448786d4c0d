"""Python surface of `market_encoder`."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from wavetank.matching.core.queries import KnownOrder

Level: TypeAlias = tuple[int, int, int, int, int]

class BookMirror:
    def __init__(self) -> None: ...
    def load(self, bids: Iterable[tuple[int, int, int]], asks: Iterable[tuple[int, int, int]]) -> None: ...
    def apply(self, levels: Iterable[Level]) -> list[Level]: ...
    @property
    def checksum(self) -> int: ...

class OrderEncoder:
    def __init__(self) -> None: ...
    def clear(self) -> None: ...
    def load(self, instrument_id: int, orders: bytes) -> None: ...
    def encode(
        self,
        records: bytes,
        first_seq: int,
        now_ns: int,
        *,
        trades: bool,
        orders: bool,
        lookup: Callable[[int], KnownOrder | None],
    ) -> tuple[list[tuple[int, int, int, bytes]], list[tuple[int, int, int]]]: ...
    def orders(self) -> int: ...

def book_delta(
    instrument_id: int, seq: int, now_ns: int, levels: Iterable[Level], previous_seq: int, checksum: int
) -> bytes: ...
def book_snapshot(
    instrument_id: int,
    seq: int,
    now_ns: int,
    bids: Sequence[tuple[int, int, int]],
    asks: Sequence[tuple[int, int, int]],
    checksum: int,
    more: bool,
    continued: bool,
) -> bytes: ...
def orders_snapshot(
    instrument_id: int, seq: int, now_ns: int, orders: bytes, first: int, end: int, account_id: int
) -> tuple[bytes, list[int]]: ...
def best_bid_offer(instrument_id: int, seq: int, now_ns: int, bbo: tuple[int, int, int, int]) -> bytes: ...
def queue_position(
    instrument_id: int, seq: int, now_ns: int, order_id: int, side: int, price_ticks: int, lots: int, orders: int
) -> bytes: ...
def wrapped(update: bytes) -> bytes: ...
def response(seq: int, updates: Iterable[bytes], own_order_ids: Sequence[int]) -> bytes: ...
