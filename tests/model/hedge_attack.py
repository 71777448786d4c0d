"""Clients who, with an accomplice, try to leave a debt behind: what one loses the other has, and keeps.

They hedge, withdraw all that is free, change how their legs are margined together, and close the legs at the worst
prices that are taken over budget (PROTOCOL R7); then they open them again if that is taken too. All the while lines are
late, streams are cut, and processes are killed, as in `credit_schedule`. The promise is that at a constant price nobody
ends with less than nothing, as long as nothing was liquidated.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from tests.model.credit_schedule import INSTRUMENTS, run
from tests.model.hedged_schedule import HedgedSchedule
from wavetank.clearing.core.credit import withdrawable_micros
from wavetank.clearing.core.margin_modes import MarginMode
from wavetank.clearing.core.refusal import Refused
from wavetank.matching.core import commands
from wavetank.model.margin import MarginTier
from wavetank.model.orders import OrderFlag, Side, TimeInForce

if TYPE_CHECKING:
    from collections import Counter

    from wavetank.model.instrument import Instrument

MODES = (
    MarginMode.GROSS,
    MarginMode.GROUP_OFFSET,
    MarginMode.GROUP_OFFSET,
    MarginMode.SCENARIO,
    MarginMode.SCENARIO,
)
WORST = 12
"""Ticks by which a price is worse than the mark at most; a whole margin is 10."""


def attacked(*, fee_ppm: int, maintenance_ppm: int) -> tuple[Instrument, ...]:
    """Return the schedule's instruments with another fee, and a maintenance rate near the initial one."""
    tiers = (MarginTier(0, 10, maintenance_ppm), MarginTier(100_000, 4, 2 * maintenance_ppm))
    return tuple(
        replace(each, tiers=tiers, taker_fee_ppm=fee_ppm, maker_fee_ppm=min(fee_ppm, each.maker_fee_ppm))
        for each in INSTRUMENTS
    )


class HedgeAttack(HedgedSchedule):
    """A hedged schedule whose clients have an accomplice."""

    def __init__(
        self, random: Random, hedge_dice: Random, dice: Random, *, clients: int, instruments: tuple[Instrument, ...]
    ) -> None:
        super().__init__(random, hedge_dice, clients=clients, instruments=instruments)
        self.attack_dice = dice
        self.liquidated: set[int] = set()
        self.accomplice = self.clearing.bank.open_account("accomplice", 10**9).account_id
        self._commit()
        self.settle()

    def step(self) -> None:
        """Let one thing happen, sometimes an attack."""
        dice = self.attack_dice
        roll = dice.random()
        client = dice.choice(self.clients[:2])
        if roll < 0.02:
            for number in dice.sample((1, 2, 3), 3):
                self.close(client, number)
                if dice.random() < 0.25:
                    self.count()
                if dice.random() < 0.25:
                    self.deliver()
        elif roll < 0.05:
            for _ in range(dice.choice((1, 1, 2, 12))):
                self.close(client, dice.choice((1, 2, 3)))
                self.open_again(client, dice.choice((1, 2, 3)), dice.choice((8, 40, 80)))
        else:
            super().step()
        accounts = self.clearing.state.accounts
        fallen = {client for client in self.clients if accounts[client].liquidation is not None} - self.liquidated
        self.liquidated |= fallen
        self.seen["liquidated"] += len(fallen)

    def change_mode(self) -> None:
        """Let a client withdraw all that it can, or ask for another mode."""
        dice = self.hedge_dice
        account = self.clearing.state.accounts[dice.choice(self.clients)]
        free = withdrawable_micros(self.clearing.state, account)
        try:
            if dice.random() < 0.6:
                self.clearing.bank.withdraw(account.account_id, dice.choice((free, free, free // 2)) or 1, self.now)
            else:
                self.clearing.bank.set_margin_mode(account.account_id, dice.choice(MODES))
        except Refused:
            return
        self._commit()

    def close(self, client: int, number: int) -> None:
        """Let a client close a leg, or a part of it, with the accomplice at the worst price that is taken."""
        engine = self.engines[INSTRUMENTS[number - 1].shard]
        position = engine.position(client, number)
        if not position:
            return
        side = Side.SELL if position > 0 else Side.BUY
        for order in engine.open_orders(client):
            # No order of its own may stand on that side.
            if order.instrument_id == number and order.side == side:
                self._send(number, commands.cancel(account_id=client, order_id=order.order_id))
        dice = self.attack_dice
        lots = abs(position) if dice.random() < 0.7 else dice.randint(1, abs(position))
        for shift in range(WORST, -1, -1):
            price = self.prices[number] + (shift if side == Side.BUY else -shift)
            if self._trade(client, number, side, lots, price, OrderFlag.REDUCE_ONLY):
                self.seen["closed at a loss" if shift else "closed"] += 1
                return

    def open_again(self, client: int, number: int, lots: int) -> None:
        """Let a client trade lots with the accomplice at the mark, on the side that hedges."""
        if self._trade(client, number, self._hedging_side(client, number), lots, self.prices[number], OrderFlag.NONE):
            self.seen["opened again"] += 1

    def _trade(self, client: int, number: int, side: Side, lots: int, price: int, flags: OrderFlag) -> bool:
        """Let the accomplice make and a client take; tell whether the client's order was accepted."""
        engine = self.engines[INSTRUMENTS[number - 1].shard]
        made = commands.place(
            account_id=self.accomplice,
            instrument_id=number,
            side=Side.BUY if side == Side.SELL else Side.SELL,
            size_lots=lots,
            price_ticks=price,
            time_in_force=TimeInForce.GTC,
        )
        taken = commands.place(
            account_id=client,
            instrument_id=number,
            side=side,
            size_lots=lots,
            price_ticks=price,
            time_in_force=TimeInForce.IOC,
            flags=flags,
        )
        accepted = self._send(number, made) == 0 and self._send(number, taken) == 0
        for order in engine.open_orders(self.accomplice):
            self._send(number, commands.cancel(account_id=self.accomplice, order_id=order.order_id))
        return accepted

    def _send(self, number: int, packed: bytes) -> int:
        shard = INSTRUMENTS[number - 1].shard
        engine = self.engines[shard]
        self._note(shard, engine.apply_commands(self.now, packed, 1))
        engine.drain_level_updates()
        return commands.unpack_results(engine.results)[0].reason

    def check(self) -> None:
        """Check that nobody owes anything."""
        for client in self.clients:
            owned = self.equity(client)
            assert owned >= 0 or client in self.liquidated, f"account {client} owes {-owned}"


def run_attacks(seeds: range, steps: int, *, fee_ppm: int, maintenance_ppm: int) -> Counter[str]:
    """Run one attack per seed, two or three clients each, and return how often what happened."""
    instruments = attacked(fee_ppm=fee_ppm, maintenance_ppm=maintenance_ppm)
    return run(
        seeds,
        steps,
        lambda seed: HedgeAttack(
            Random(seed),
            Random(seed + 2 * 10**6),
            Random(seed + 5 * 10**6),
            clients=2 + seed % 2,
            instruments=instruments,
        ),
    )
