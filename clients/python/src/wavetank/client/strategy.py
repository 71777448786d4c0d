"""What a strategy is: a pure object that turns events into commands.

A strategy never reads a clock, draws chance only from the seed it was given, and sends nothing itself. So it runs the
same against a live venue, in a simulation, and in a test that writes the events by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

from wavetank.client.events import Started, StrategyEvent
from wavetank.client.orders import AmendOrder, CancelAllOrders, CancelOrder, PlaceOrder

StrategyCommand: TypeAlias = PlaceOrder | AmendOrder | CancelOrder | CancelAllOrders

_MOST_STRATEGIES = 256


class Strategy(Protocol):
    """Anything that answers events with commands."""

    def on_event(self, event: StrategyEvent) -> Sequence[StrategyCommand]:
        """Return what to do after an event, in order; the first event is always `Started`."""
        ...


class Ensemble:
    """Several strategies that trade one account as one, for instance a market maker for each instrument.

    Each gets a client order id prefix of its own, so no two of them make the same id. One that has an attribute
    `instrument` is told of that instrument's events alone, and of those that are about none.
    """

    def __init__(self, strategies: Sequence[Strategy]) -> None:
        assert len(strategies) < _MOST_STRATEGIES, "the last byte of the prefix numbers the strategies"
        self._strategies = tuple(strategies)
        symbols = [getattr(strategy, "instrument", None) for strategy in strategies]
        self._told_of = {
            symbol: tuple(
                strategy for strategy, own in zip(strategies, symbols, strict=True) if own is None or own == symbol
            )
            for symbol in symbols
            if symbol is not None
        }
        self._told_of_others = tuple(strategy for strategy, own in zip(strategies, symbols, strict=True) if own is None)

    def on_event(self, event: StrategyEvent) -> Sequence[StrategyCommand]:
        """Return the commands of all, in the order in which the strategies were given."""
        symbol = getattr(event, "instrument", None)
        if symbol is not None:
            told = self._told_of.get(symbol, self._told_of_others)
            if len(told) == 1:
                return told[0].on_event(event)
        elif isinstance(event, Started):
            return self._start(event)
        else:
            told = self._strategies
        return [command for strategy in told for command in strategy.on_event(event)]

    def _start(self, event: Started) -> list[StrategyCommand]:
        prefix = event.order_id_prefix[:7]
        return [
            command
            for number, strategy in enumerate(self._strategies)
            for command in strategy.on_event(replace(event, order_id_prefix=prefix + bytes([number])))
        ]
