"""A schedule of credit whose clients hedge, withdraw what that relieves them of, and change their margin modes.

The promise is that at a constant price what an account owns covers what its positions need in its mode, by the
definition of MRGN-030. What closes a hedge over budget breaks it, and keeps one of its own; see `hedge_attack`.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from random import Random
from typing import TYPE_CHECKING

from tests.model.credit_schedule import CLEARING, INSTRUMENTS, NUMBERS, PRICE, Schedule, run
from wavetank.clearing.core.margin_modes import Correlation, MarginMode
from wavetank.clearing.core.refusal import Refused
from wavetank.matching.core import commands
from wavetank.model.events.clearing import MarginModeChanged, MarginModeKept
from wavetank.model.orders import Side, TimeInForce
from wavetank.model.reason import Reason

if TYPE_CHECKING:
    from collections import Counter

    from wavetank.model.instrument import Instrument
    from wavetank.model.record import Event

# All hedge each other: two fully in a group, one of them against the third by its correlation with the market.
WITH_OFFSETS = replace(
    CLEARING,
    correlations={
        "AAA": Correlation("pair", 950_000),
        "BBB": Correlation("", 900_000),
        "CCC": Correlation("pair", 850_000),
    },
    groups_ppm={"pair": 10**6},
    # A tenth of the notional is what these instruments ask for anyway: with it nothing that is relieved could leave.
    withdrawal_floor_ppm=0,
)


class HedgedSchedule(Schedule):
    """Two or three clients; two of them begin with two hedged legs on the first shard."""

    sender_changes = 0.7

    def __init__(
        self, random: Random, hedge_dice: Random, *, clients: int, instruments: tuple[Instrument, ...] = INSTRUMENTS
    ) -> None:
        super().__init__(random, clients=clients, deposits=(400, 700), settings=WITH_OFFSETS, instruments=instruments)
        self.hedge_dice = hedge_dice
        self._begin_hedged()

    def _begin_hedged(self) -> None:
        """Let two clients trade two hedged legs with each other, so that there is something to relieve."""
        self.settle()
        for account_id in self.clients[:2]:
            for number in NUMBERS[0]:
                packed = commands.place(
                    account_id=account_id, instrument_id=number, side=self._hedging_side(account_id, number),
                    size_lots=8, price_ticks=PRICE, time_in_force=TimeInForce.GTC,
                )  # fmt: skip
                self._note(0, self.engines[0].apply_commands(self.now, packed, 1))
                self.engines[0].drain_level_updates()
        self.settle()

    def _hedging_side(self, account_id: int, number: int) -> Side:
        """Return the side that makes the two instruments of the first shard hedge each other, for half the clients."""
        is_long = (account_id % 2 == 0) == (number == NUMBERS[0][0])
        return Side.BUY if is_long else Side.SELL

    def change_mode(self) -> None:
        """Let an account ask for what it is relieved of, or that its legs be margined together in another way."""
        dice = self.hedge_dice
        account_id = dice.choice(self.clients)
        mode = dice.choice((MarginMode.GROSS, MarginMode.GROUP_OFFSET, MarginMode.SCENARIO, MarginMode.SCENARIO))
        try:
            if dice.random() < 0.3:
                self.clearing.bank.withdraw(account_id, dice.randint(1, 150), self.now)
            else:
                self.clearing.bank.set_margin_mode(account_id, mode)
        except Refused as refused:
            self.seen[f"refused: {Reason(refused.reason).name}"] += 1
            return
        self._commit()

    def needed(self, account_id: int) -> int:
        """Return the initial margin that what an account holds needs in its mode, by the definition of MRGN-030."""
        mode = self.clearing.state.accounts[account_id].margin_mode
        margins = []
        for instrument in self.instruments:
            number = instrument.instrument_id
            lots = self.engines[instrument.shard].position(account_id, number)
            notional = abs(lots) * self.prices[number]
            micros = max(-(-notional // 10), -(-notional // 4) if notional >= 100_000 else 0)
            margins.append((instrument.symbol, micros if lots > 0 else -micros))
        gross = sum(abs(micros) for _, micros in margins)
        if mode == MarginMode.GROUP_OFFSET:
            # c = 0.5 x max(0, 1 - 0.3) / 0.7 = 0.5, so the smaller side is relieved of whole.
            pair = [micros for symbol, micros in margins if symbol != "BBB"]
            longs = sum(micros for micros in pair if micros > 0)
            return gross - min(longs, longs - sum(pair))
        if mode == MarginMode.SCENARIO:
            # Correlations less a fifth; marks stand at their indexes, so there is no stress.
            kept = [
                (micros, 0.8 * WITH_OFFSETS.correlations[symbol].correlation_ppm / 10**6) for symbol, micros in margins
            ]
            common = abs(sum(micros * r for micros, r in kept))
            own = sqrt(sum(micros**2 * (1 - r**2) for micros, r in kept))
            net = abs(sum(micros for _, micros in margins))
            return int(min(gross, max(common + own, net, 0.3 * gross)))
        return gross

    def check(self) -> None:
        """Check that everybody owns what its positions need; true while prices stand still."""
        for client in self.clients:
            owned, needed = self.equity(client), self.needed(client)
            assert owned >= needed, f"account {client} owns {owned} and needs {needed}"

    def _book(self, event: Event) -> None:
        match event:
            case MarginModeChanged():
                self.seen[f"modes: {MarginMode(event.mode).name}"] += 1
            case MarginModeKept():
                self.seen["kept modes"] += 1
            case _:
                super()._book(event)

    def _step_aside(self) -> bool:
        if self.hedge_dice.random() < 0.08:
            self.change_mode()
            return True
        return super()._step_aside()

    def _shard(self) -> int:
        return 0 if self.hedge_dice.random() < 0.5 else super()._shard()

    def _shift(self) -> int:
        # Near the mark what is spent is margin, and much of it trades.
        return self.hedge_dice.choice((-1, 0, 0, 1))

    def _time_in_force(self, *, reduces: bool) -> TimeInForce:
        # An order that rests never closes anything over budget.
        return TimeInForce.GTC if reduces else super()._time_in_force(reduces=reduces)

    def _who(self, shard: int) -> tuple[int, int, Side]:
        account_id, number, side = super()._who(shard)
        if shard == 0 and self.hedge_dice.random() < 0.8:
            side = self._hedging_side(account_id, number)
        self.last = (account_id, number, side)
        return self.last

    def _part(self, most: int) -> int:
        # Legs that hedge grow by turns.
        return most // self.hedge_dice.choice((1, 3))


def run_hedged(seeds: range, steps: int) -> Counter[str]:
    """Run one schedule per seed, two or three clients each, and return how often what happened."""
    return run(seeds, steps, lambda seed: HedgedSchedule(Random(seed), Random(seed + 2 * 10**6), clients=2 + seed % 2))
