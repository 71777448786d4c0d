"""Captured market data of Binance, and a full book that is kept from it by nothing but dictionaries."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

BUY, SELL = 1, 2

Level = tuple[int, int, int]
"""Side, price in hundredths of a dollar, size in hundred-millionths; 0 removes it."""


@dataclass
class PlainBook:
    """Sizes by side and price."""

    sizes: dict[tuple[int, int], int] = field(default_factory=dict)

    def apply(self, levels: list[Level]) -> None:
        for side, price, size in levels:
            if size:
                self.sizes[side, price] = size
            else:
                self.sizes.pop((side, price), None)


def read(path: Path) -> Iterator[list[Level]]:
    """Yield the levels of the capture's snapshot, and then those of each change that follows it without a gap."""
    held: list[dict[str, Any]] = []
    begun = False
    last = 0
    with gzip.open(path, "rt") as lines:
        for line in lines:
            message = json.loads(line[line.index("{") :])
            if "lastUpdateId" in message:
                begun = True
                last = message["lastUpdateId"]
                yield _levels(message["bids"], message["asks"])
                waiting, held = held, []
            elif message["stream"].partition("@")[2].startswith("depth"):
                waiting = [message["data"]]
            else:
                continue
            for change in waiting:
                if not begun:
                    held.append(change)
                elif change["u"] > last:
                    _check_follows(change, last)
                    last = change["u"]
                    yield _levels(change["b"], change["a"])


def _check_follows(change: dict[str, Any], last: int) -> None:
    """Check that a change goes on where the book stands, as Binance tells its users to."""
    # The first one after a snapshot spans its number; later ones name the one before.
    assert change["U"] <= last + 1 or change.get("pu") == last, (change["U"], last)


def _levels(bids: list[list[str]], asks: list[list[str]]) -> list[Level]:
    return [
        (side, _whole(price, 2), _whole(size, 8)) for side, rows in ((BUY, bids), (SELL, asks)) for price, size in rows
    ]


def _whole(number: str, decimals: int) -> int:
    scaled = Decimal(number).scaleb(decimals)
    assert scaled == int(scaled), number
    return int(scaled)
