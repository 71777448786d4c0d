"""Liquidation of an account that holds on two shards: requests go to their shard, the waterfall waits for all."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.model.credit_schedule import NUMBERS, SHARDS, Schedule
from wavetank.matching.core import commands
from wavetank.model.events.clearing import CashTransferred, LiquidationEnded, LiquidationTested, MatchingRequested
from wavetank.model.ids import BACKSTOP_VAULT_ID
from wavetank.model.orders import CommandKind, Side, TimeInForce
from wavetank.model.record import decode_all

if TYPE_CHECKING:
    from wavetank.model.record import Event


class Scene(Schedule):
    """Two shards whose every message a test lets through; the victim is long on both, the other side is rich."""

    def __init__(self) -> None:
        super().__init__(Random(1), clients=2, deposits=(2_000,))
        self.victim, self.other = self.clients
        self.clearing.bank.deposit(self.other, 100_000)
        self.settle()

    def order(self, shard: int, account_id: int, number: int, side: Side, lots: int, price: int) -> None:
        """Place a limit order that must be accepted."""
        packed = commands.place(
            account_id=account_id,
            instrument_id=number,
            side=side,
            size_lots=lots,
            price_ticks=price,
            time_in_force=TimeInForce.GTC,
        )
        records = self.engines[shard].apply_commands(self.now, packed, 1)
        self.engines[shard].drain_level_updates()
        assert commands.unpack_results(self.engines[shard].results)[0].reason == 0
        self._note(shard, records)

    def events(self) -> list[Event]:
        """Return clearing's log."""
        return [event for _, _, records, _ in self.clearing_log for event in decode_all(records)]

    def requests(self) -> list[MatchingRequested]:
        """Return what the shards were asked for the victim."""
        return [
            event for event in self.events() if isinstance(event, MatchingRequested) and event.account_id == self.victim
        ]

    def drop(self, price: int) -> None:
        """Let the two instruments that the victim holds fall to a price."""
        self.prices |= {1: price, 2: price}
        self.prices_moved = True
        self.publish()

    def count_shard(self, shard: int) -> None:
        """Let one shard do what it was asked, and clearing count it."""
        self._deliver_all(shard)
        for first, _, records in self.shard_logs[shard][self.counted[shard] :]:
            self.clearing.on_matching(self.now, first, list(decode_all(records)), shard)
        self.counted[shard] = len(self.shard_logs[shard])
        self._commit()


@pytest.fixture
def scene() -> Scene:
    """Return the scene: the victim long 80 on each shard at 100, with a bid resting on each."""
    made = Scene()
    for shard, number in ((0, 1), (1, 2)):
        made.order(shard, made.other, number, Side.SELL, 80, 100)
        made.order(shard, made.victim, number, Side.BUY, 80, 100)
        made.order(shard, made.victim, number, Side.BUY, 2, 70)
    made.settle()
    assert [engine.position(made.victim, number) for engine, (number, *_) in zip(made.engines, NUMBERS, strict=True)]
    return made


def _is_flat(scene: Scene) -> bool:
    held = [scene.engines[shard].position(scene.victim, NUMBERS[shard][0]) for shard in range(SHARDS)]
    return held == [0, 0] and not scene.clearing.state.accounts[scene.victim].positions


@pytest.mark.spec("LIQ-030", "LIQ-060")
def test_the_vault_takes_the_legs_of_both_shards_after_both_have_cancelled(scene: Scene) -> None:
    # Equity 2000, fees 2 x 80 x ceil of 0.7777 (AAA pays 62.3, BBB 62.3), at 90 less 1600: about 275; margin of
    # 14,400 at 1/20 is 720, so h is below 2/3 and above 0.
    scene.drop(90)
    asked = scene.requests()
    assert [(request.command, request.shard) for request in asked] == [
        (CommandKind.CANCEL_ACCOUNT, 0),
        (CommandKind.CANCEL_ACCOUNT, 1),
    ]
    scene.count_shard(0)
    # The other shard has not answered: nothing is tested, nothing is taken.
    assert not any(isinstance(event, LiquidationTested) for event in scene.events())
    assert len(scene.requests()) == 2
    scene.count_shard(1)
    transfers = scene.requests()[2:]
    assert [(request.command, request.shard, request.instrument_id) for request in transfers] == [
        (CommandKind.TRANSFER, 0, 1),
        (CommandKind.TRANSFER, 1, 2),
    ]
    scene.count_shard(1)
    # One leg is with the vault; the account's cash follows only when it is flat.
    assert not any(isinstance(event, CashTransferred) for event in scene.events())
    scene.settle()
    assert _is_flat(scene)
    state = scene.clearing.state
    assert state.accounts[scene.victim].cash_micros == 0
    assert {key: position.lots for key, position in state.accounts[BACKSTOP_VAULT_ID].positions.items()} == {
        1: 80,
        2: 80,
    }
    assert all(not engine.open_orders(scene.victim) for engine in scene.engines)
    assert sum(isinstance(event, LiquidationEnded) for event in scene.events()) == 1


@pytest.mark.spec("LIQ-080", "LIQ-070")
@pytest.mark.parametrize("killed", ["nobody", "clearing", "shard"])
def test_a_bankrupt_account_is_deleveraged_on_both_shards(scene: Scene, killed: str) -> None:
    # At 80 the victim has lost 3200 of less than 2000.
    scene.drop(80)
    if killed == "clearing":
        scene.count_shard(0)
        scene.restart_clearing()
        scene.publish()
    elif killed == "shard":
        scene.count_shard(0)
        scene.restart_shard(1)
    scene.settle()
    assert _is_flat(scene)
    state = scene.clearing.state
    state.check_invariants()
    assert state.accounts[scene.victim].liquidation is None
    assert state.accounts[scene.victim].cash_micros == 0
    shards = {
        request.shard
        for request in scene.requests()
        if request.command in {CommandKind.TRANSFER, CommandKind.LIQUIDATE}
    }
    assert shards == {0, 1}
    for shard, engine in enumerate(scene.engines):
        for number in NUMBERS[shard]:
            assert sum(engine.position(account_id, number) for account_id in engine.accounts()) == 0
