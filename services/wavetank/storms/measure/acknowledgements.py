"""How long answers took: from a command leaving its sender to the answer reaching it.

It exists beside the logs because no log knows it: a shard's ends at its door, and what a sender waits for is behind it.
A simulated venue knows when its seats sent and heard, a live one has the clocks of the SDK; what is lost has no answer
and stands in no figure here.
"""

from __future__ import annotations

from array import array

from wavetank.client.orders import CancelAllOrders, CancelOrder, Command


class Acknowledgements:
    """Times of answers by account and symbol, empty where a command was about all instruments; venue nanoseconds."""

    def __init__(self) -> None:
        """Begin with none."""
        self._orders: dict[tuple[int, str], array[int]] = {}
        self._cancels: dict[tuple[int, str], array[int]] = {}

    def note(self, account_id: int, command: Command, took_ns: int) -> None:
        """Count the answer to a command of an account, accepted or refused."""
        kept = self._cancels if isinstance(command, CancelOrder | CancelAllOrders) else self._orders
        kept.setdefault((account_id, command.instrument), array("q")).append(took_ns)

    def of_instrument(self, symbol: str, *, cancels: bool) -> list[int]:
        """Return how long everybody waited in an instrument."""
        kept = self._cancels if cancels else self._orders
        return [took_ns for (_, where), times in kept.items() if where == symbol for took_ns in times]

    def of_account(self, account_id: int, *, cancels: bool) -> list[int]:
        """Return how long an account waited."""
        kept = self._cancels if cancels else self._orders
        return [took_ns for (who, _), times in kept.items() if who == account_id for took_ns in times]
