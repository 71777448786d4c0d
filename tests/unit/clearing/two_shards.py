"""Clearing of two shards whose trades and marks a test writes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.model.scripted_shard import BTC, ETH, SOL
from tests.model.trades import traded
from wavetank.clearing.core.clearing import Clearing
from wavetank.clearing.core.settings import ClearingSettings
from wavetank.model.events.oracle import EVERYBODY, PricePublished
from wavetank.model.instrument import default_instruments

if TYPE_CHECKING:
    from wavetank.clearing.core.credit import Line
    from wavetank.model.events.matching import Traded


class TwoShards:
    """Clearing of two shards: BTC and SOL on shard 0, ETH on 1; Alice, with half of what she has on each, and Bob."""

    def __init__(self, cash_micros: int = 10**13) -> None:
        self.core = Clearing(ClearingSettings(), epoch=1)
        self.core.begin(1, default_instruments(), 0, shards=2)
        self.a = self.core.bank.open_account("alice", cash_micros).account_id
        self.b = self.core.bank.open_account("bob", 10**13).account_id
        self.seqs = [0, 0]
        self.oracle_seq = 0
        for instrument_id, mark in ((BTC, 1_000), (ETH, 400), (SOL, 100)):
            self.mark(instrument_id, mark)
        self.core.take_lines()

    def mark(self, instrument_id: int, mark: int) -> None:
        self.oracle_seq += 1
        price = PricePublished(instrument_id, 0, mark, mark, 1, 1, 0, EVERYBODY, 0)
        self.core.on_oracle(1, self.oracle_seq, [price])

    def trade(self, instrument_id: int, lots: int, price: int) -> None:
        """Let Alice trade with Bob."""
        shard = self.core.state.shard_of(instrument_id)
        self.seqs[shard] += 1
        fact: Traded = traded(sum(self.seqs), instrument_id, self.a, self.b, lots, price)
        self.core.on_matching(1, self.seqs[shard], [fact], shard)

    def lines(self) -> dict[int, Line]:
        """Return Alice's new lines by shard."""
        return {line.shard: line for line in self.core.take_lines() if line.account_id == self.a}
