"""A naive matching shard: lists that are sorted anew each time, sums that are computed from scratch each time.

It answers the same inputs with the same events and results as the engine, by the rules alone: one module per trading
word, plain functions over one `Shard`. Tests compare the two after each input.
"""

from tests.model.matching.commands import Ask, packed
from tests.model.matching.state import BUY, SELL, Account, Order, Refused, Shard

__all__ = ["BUY", "SELL", "Account", "Ask", "Order", "Refused", "Shard", "packed"]
